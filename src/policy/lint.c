#include "policy/linting.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REGEXES_MAX 4096
#define MESSAGE_MAX 1024

/* A method that no rule can name, for routes that take any. */
#define OTHER_METHODS ((brama_methods)(1 << 15))
#define EVERY_METHOD ((brama_methods)(BRAMA_METHOD_ALL | OTHER_METHODS))

bool brama__lint_route(const struct brama__lint *l, struct brama__lint_route *out, uint32_t index)
{
    if (index >= l->host->routes.count)
        return false;
    out->index = index;
    out->row =
        BRAMA_ROW(l->policy, BRAMA_T_ROUTE, l->host->routes.first + index, struct brama_p_route);
    out->rule = out->row != NULL
                    ? BRAMA_ROW(l->policy, BRAMA_T_RULE, out->row->rule, struct brama_p_rule)
                    : NULL;
    if (out->rule == NULL)
        return false;
    out->path = (struct brama_pattern){(enum brama_pattern_kind)out->row->path.kind,
                                       brama_pack_text(l->policy, out->row->path.text)};
    return true;
}

uint32_t brama__lint_first(const struct brama__lint *l, brama_methods method, brama_str path)
{
    for (uint32_t i = 0; i < l->host->routes.count; i++) {
        const struct brama_p_route *row =
            BRAMA_ROW(l->policy, BRAMA_T_ROUTE, l->host->routes.first + i, struct brama_p_route);
        if (row != NULL && brama__route_takes(l->policy, row, method, path, l->regexes))
            return i;
    }
    return UINT32_MAX;
}

brama_str brama__lint_name(struct brama__lint *l, const struct brama_p_rule *rule)
{
    return brama_arena_printf(&l->scratch, "%u (%.*s)", rule->index,
                              BRAMA_FMT(brama_pack_text(l->policy, rule->path)));
}

void brama__lint_warn(struct brama__lint *l, const struct brama_p_rule *rule, enum brama_code code,
                      const char *member, const char *fmt, ...)
{
    const struct brama_apirule *apirule = l->apirules[rule->apirule];
    char text[MESSAGE_MAX];
    va_list args;

    if (apirule == NULL || rule->index >= apirule->rule_count)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    brama_findings_add(&l->world->findings, BRAMA_SEVERITY_WARNING,
                       apirule->rules[rule->index].where, brama_code_name(code),
                       brama_arena_printf(&l->scratch, ".spec.rules[%u]%s", rule->index, member),
                       brama_str_c(text));
}

bool brama__lint_is_new(struct brama__lint *l, enum brama_code code, const struct brama_p_rule *a,
                        const struct brama_p_rule *b)
{
    brama_str key = brama_arena_printf(&l->kept, "%d %u.%u %u.%u", (int)code, a->apirule, a->index,
                                       b->apirule, b->index);
    size_t before = l->told.count;

    return brama_map_put(&l->told, key, 0) != NULL && l->told.count != before;
}

bool brama__lint_is_open(const struct brama_p_route *route)
{
    return route->strategy == BRAMA_STRATEGY_ALLOW || route->strategy == BRAMA_STRATEGY_NO_AUTH ||
           route->strategy == BRAMA_STRATEGY_NOOP;
}

bool brama__lint_example(struct brama__lint *l, struct brama__example *out,
                         const struct brama__lint_route *of, const struct brama_pattern *with,
                         brama_methods methods, brama__lint_also *also, const void *ctx)
{
    brama_str paths[BRAMA_SAMPLES_MAX];
    size_t n = brama_pattern_samples(paths, &l->scratch, &of->path, with, l->regexes);

    for (size_t i = 0; i < n; i++) {
        for (brama_methods m = 1; m <= BRAMA_METHOD_ALL; m = (brama_methods)(m << 1)) {
            *out = (struct brama__example){m, paths[i]};
            if ((methods & m) != 0 && brama__lint_first(l, m, paths[i]) == of->index &&
                (also == NULL || also(l, ctx, out)))
                return true;
        }
    }
    return false;
}

static brama_methods methods_of(const struct brama_p_route *route)
{
    return route->any_method ? EVERY_METHOD : (brama_methods)route->methods;
}

static brama_str method_names(struct brama__lint *l, brama_methods methods)
{
    brama_str out = BRAMA_STR("");

    for (brama_methods m = 1; m <= BRAMA_METHOD_ALL; m = (brama_methods)(m << 1))
        if ((methods & m) != 0)
            out = brama_arena_printf(&l->scratch, "%.*s%s%s", BRAMA_FMT(out),
                                     out.n != 0 ? ", " : "", brama_method_name(m));
    return out;
}

static bool is_oathkeeper(const struct brama_p_route *route)
{
    return route->responder == BRAMA_RESPONDER_OATHKEEPER;
}

/* Could another route to Oathkeeper bring requests to this rule? There is no order among its Rules.
 */
static bool has_a_back_door(const struct brama__lint *l, const struct brama_pattern *path,
                            uint32_t index)
{
    struct brama__lint_route other;

    for (uint32_t i = 0; brama__lint_route(l, &other, i); i++)
        if (i != index && is_oathkeeper(other.row) && brama_patterns_may_meet(&other.path, path))
            return true;
    return false;
}

static uint32_t first_compared(const struct brama__lint_route *route)
{
    return route->index > BRAMA_LINT_EARLIER_MAX ? route->index - BRAMA_LINT_EARLIER_MAX : 0;
}

/* Do requests of the shadowed route pass without a token, now that they belong to this one? */
static bool lets_everybody_in(struct brama__lint *l, const struct brama__lint_route *first,
                              const struct brama__lint_route *shadowed, brama_methods methods)
{
    struct brama__example e;

    return shadowed->row->strategy == BRAMA_STRATEGY_JWT && brama__lint_is_open(first->row) &&
           !is_oathkeeper(first->row) &&
           brama__lint_example(l, &e, first, &shadowed->path, methods, brama__lint_passes,
                               first->row);
}

static void warn_shadowed(struct brama__lint *l, const struct brama__lint_route *route,
                          const struct brama__lint_route *first, size_t takers, brama_methods taken,
                          bool all)
{
    brama_str name = brama__lint_name(l, first->rule);
    brama_str who =
        takers == 1 ? brama_arena_printf(&l->scratch, BRAMA__LINT_ONE_TAKES, BRAMA_FMT(name))
                    : brama_arena_printf(&l->scratch, BRAMA__LINT_SEVERAL_TAKE, BRAMA_FMT(name));
    const char *then =
        takers == 1 && lets_everybody_in(l, first, route, taken) ? BRAMA__LINT_LETS_ALL_IN : "";

    if (all)
        brama__lint_warn(l, route->rule, BRAMA_CODE_SHADOWED, "", BRAMA__LINT_SHADOWED,
                         BRAMA_FMT(who), then);
    else
        brama__lint_warn(l, route->rule, BRAMA_CODE_SHADOWED, "", BRAMA__LINT_SHADOWED_PART,
                         BRAMA_FMT(method_names(l, taken)), BRAMA_FMT(who), then);
}

/* The methods of the route that earlier routes take away, whatever the request. */
static brama_methods shadow(struct brama__lint *l, const struct brama__lint_route *route)
{
    bool direct = !is_oathkeeper(route->row);
    brama_methods wanted = direct ? methods_of(route->row) : (brama_methods)route->rule->methods;
    struct brama__lint_route earlier, first = *route;
    brama_methods taken = 0;
    size_t takers = 0;

    if (!direct && has_a_back_door(l, &route->path, route->index))
        return 0;
    for (uint32_t i = first_compared(route); i < route->index; i++) {
        if (!brama__lint_route(l, &earlier, i) ||
            (methods_of(earlier.row) & wanted & ~taken) == 0 ||
            (!direct && is_oathkeeper(earlier.row)) ||
            !brama_pattern_covers(&earlier.path, &route->path, l->regexes))
            continue;
        if (takers++ == 0)
            first = earlier;
        taken |= methods_of(earlier.row) & wanted;
    }
    if ((taken & BRAMA_METHOD_ALL) == 0)
        return 0;
    /* Oathkeeper also hears of methods that no rule names. */
    warn_shadowed(l, route, &first, takers, taken, direct && taken == wanted);
    return taken;
}

/* An open rule that takes a part of a protected one. One that is narrower than what it takes from
 * is an exception that somebody meant. */
static void find_open_before(struct brama__lint *l, const struct brama__lint_route *route,
                             brama_methods shadowed)
{
    struct brama__lint_route earlier;
    struct brama__example e;

    if (route->row->strategy != BRAMA_STRATEGY_JWT)
        return;
    for (uint32_t i = first_compared(route); i < route->index; i++) {
        if (!brama__lint_route(l, &earlier, i) || !brama__lint_is_open(earlier.row) ||
            is_oathkeeper(earlier.row) ||
            brama_pattern_covers(&route->path, &earlier.path, l->regexes))
            continue;
        brama_methods methods = (brama_methods)(route->rule->methods & ~shadowed);
        if (brama__lint_example(l, &e, &earlier, &route->path, methods, brama__lint_passes,
                                earlier.row) &&
            brama__lint_is_new(l, BRAMA_CODE_OPEN_BEFORE, route->rule, earlier.rule))
            brama__lint_warn(l, route->rule, BRAMA_CODE_OPEN_BEFORE, "", BRAMA__LINT_OPEN_BEFORE,
                             brama_method_name(e.method), BRAMA_FMT(e.path),
                             BRAMA_FMT(brama__lint_name(l, earlier.rule)));
    }
}

/* True, and there was a word about it. */
static bool find_never(struct brama__lint *l, const struct brama__lint_route *route)
{
    if (brama_pattern_is_never(&route->path, &l->scratch)) {
        brama__lint_warn(l, route->rule, BRAMA_CODE_NEVER, ".path", BRAMA__LINT_NEVER);
        return true;
    }
    if (route->path.kind == BRAMA_PATTERN_REGEX &&
        brama_str_eq(brama_pack_text(l->policy, route->rule->path), BRAMA_STR("/*"))) {
        brama__lint_warn(l, route->rule, BRAMA_CODE_SLASH_STAR, ".path", BRAMA__LINT_SLASH_STAR);
        return true;
    }
    return false;
}

/* Would a browser ask first? Fetch Standard, "CORS-safelisted method" and Authorization. */
static bool needs_preflight(const struct brama_p_route *route)
{
    brama_methods simple = BRAMA_METHOD_GET | BRAMA_METHOD_HEAD | BRAMA_METHOD_POST;

    return route->strategy == BRAMA_STRATEGY_JWT || (route->methods & ~simple) != 0;
}

/* With a corsPolicy that somebody wrote, but no route for the question. */
static void find_preflight(struct brama__lint *l, const struct brama__lint_route *route)
{
    const struct brama_apirule *apirule = l->apirules[route->rule->apirule];
    brama_str paths[BRAMA_SAMPLES_MAX];

    if (apirule == NULL || !apirule->cors.given || route->row->cors == BRAMA_NO_ROW ||
        !needs_preflight(route->row))
        return;
    size_t n = brama_pattern_samples(paths, &l->scratch, &route->path, &route->path, l->regexes);
    for (size_t i = 0; i < n; i++) {
        if (brama__lint_first(l, BRAMA_METHOD_OPTIONS, paths[i]) != UINT32_MAX)
            continue;
        brama__lint_warn(l, route->rule, BRAMA_CODE_PREFLIGHT, ".methods", BRAMA__LINT_PREFLIGHT,
                         BRAMA_FMT(paths[i]));
        return;
    }
}

static void look_at_route(struct brama__lint *l, const struct brama__lint_route *route)
{
    if (find_never(l, route))
        return;
    brama_methods shadowed = shadow(l, route);
    find_open_before(l, route, shadowed);
    if ((route->rule->methods & ~shadowed) != 0)
        find_preflight(l, route);
    brama__lint_objects(l, route);
}

/* Of a wildcard, a name that no other host takes from it. */
static brama_str name_under(struct brama__lint *l, brama_str host)
{
    return brama_str_starts(host, BRAMA_STR("*."))
               ? brama_arena_printf(&l->kept, "any%.*s", BRAMA_FMT(brama_str_from(host, 1)))
               : host;
}

/* A rule without a route of its own: there is one for the first rule of each path. Oathkeeper may
 * find it all the same. */
static void look_at_unrouted(struct brama__lint *l, uint32_t row)
{
    const struct brama_p_rule *rule = BRAMA_ROW(l->policy, BRAMA_T_RULE, row, struct brama_p_rule);
    struct brama__lint_route route;

    for (uint32_t i = 0; rule != NULL && brama__lint_route(l, &route, i); i++) {
        if (!brama_str_eq(brama_pack_text(l->policy, rule->path),
                          brama_pack_text(l->policy, route.rule->path)))
            continue;
        if (!l->asked[row] || !has_a_back_door(l, &route.path, UINT32_MAX))
            brama__lint_warn(l, rule, BRAMA_CODE_NO_ROUTE, "", BRAMA__LINT_NO_ROUTE,
                             BRAMA_FMT(method_names(l, (brama_methods)rule->methods)),
                             BRAMA_FMT(brama__lint_name(l, route.rule)));
        return;
    }
}

/* The routes of a host are one APIRule's, whose rules have consecutive rows. */
static void look_at_host(struct brama__lint *l, const struct brama_p_host *host)
{
    struct brama__lint_route route;
    uint32_t first = 0;

    l->host = host;
    l->host_name = name_under(l, brama_pack_text(l->policy, host->name));
    for (uint32_t i = 0; brama__lint_route(l, &route, i); i++) {
        first = route.row->rule - route.rule->index;
        l->served[route.row->rule] = true;
        look_at_route(l, &route);
        brama_arena_reset(&l->scratch);
    }
    if (!brama__lint_route(l, &route, 0) || l->apirules[route.rule->apirule] == NULL)
        return;
    for (uint32_t i = 0; i < l->apirules[route.rule->apirule]->rule_count; i++)
        if (!l->served[first + i])
            look_at_unrouted(l, first + i);
    brama_arena_reset(&l->scratch);
}

static brama_str host_at(const struct brama__lint *l, uint32_t index)
{
    const struct brama_p_host *host =
        BRAMA_ROW(l->policy, BRAMA_T_HOST, index, struct brama_p_host);

    return host != NULL ? brama_pack_text(l->policy, host->name) : BRAMA_NIL;
}

/* For each wildcard, the hosts that have an APIRule of their own. */
static void look_at_wildcards(struct brama__lint *l)
{
    struct brama_map wildcards = {.arena = &l->kept};
    uint32_t count = brama_pack_count(l->policy, BRAMA_T_HOST);
    uint32_t *taken = brama_arena_array(&l->kept, count, sizeof(*taken));
    uint32_t *first = brama_arena_array(&l->kept, count, sizeof(*first));

    if (taken == NULL || first == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (brama_str_starts(host_at(l, i), BRAMA_STR("*.")))
            brama_map_put(&wildcards, brama_str_from(host_at(l, i), 1), i);
    for (uint32_t i = 0; wildcards.count != 0 && i < count; i++) {
        brama_str host = host_at(l, i);
        for (size_t k = 1; k < host.n; k++) {
            uint32_t *at =
                host.p[k] == '.' ? brama_map_get(&wildcards, brama_str_from(host, k)) : NULL;
            if (at == NULL || *at == i)
                continue;
            first[*at] = taken[*at]++ == 0 ? i : first[*at];
            break; /* the longest wildcard is the one that would have had it */
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        l->host = BRAMA_ROW(l->policy, BRAMA_T_HOST, i, struct brama_p_host);
        struct brama__lint_route route;
        if (taken[i] == 0 || !brama__lint_route(l, &route, 0))
            continue;
        const struct brama_apirule *apirule = l->apirules[route.rule->apirule];
        brama_str more = taken[i] > 1 ? brama_arena_printf(&l->scratch, " (and %u more below %.*s)",
                                                           taken[i] - 1, BRAMA_FMT(host_at(l, i)))
                                      : BRAMA_STR("");
        if (apirule != NULL)
            brama_findings_add(&l->world->findings, BRAMA_SEVERITY_WARNING, apirule->where,
                               brama_code_name(BRAMA_CODE_WILDCARD), BRAMA_STR(".spec.hosts[0]"),
                               brama_arena_printf(&l->scratch, BRAMA__LINT_WILDCARD,
                                                  BRAMA_FMT(host_at(l, first[i])),
                                                  BRAMA_FMT(more)));
    }
}

/* The tables that say what belongs to whom. The compiler writes the world's APIRules first. */
static void index_policy(struct brama__lint *l)
{
    uint32_t n = 0, rules = brama_pack_count(l->policy, BRAMA_T_RULE);
    const struct brama_p_oathkeeper *ok;

    l->told.arena = &l->kept;
    l->apirules = brama_arena_array(&l->kept, brama_pack_count(l->policy, BRAMA_T_APIRULE) + 1,
                                    sizeof(*l->apirules));
    l->served = brama_arena_array(&l->kept, rules + 1, sizeof(*l->served));
    l->asked = brama_arena_array(&l->kept, rules + 1, sizeof(*l->asked));
    if (brama_arena_failed(&l->kept))
        return;
    for (const struct brama_apirule *r = l->world->rules; r != NULL; r = r->next)
        l->apirules[n++] = r;
    for (uint32_t i = 0;
         (ok = BRAMA_ROW(l->policy, BRAMA_T_OATHKEEPER, i, struct brama_p_oathkeeper)) != NULL; i++)
        l->asked[ok->rule] = true;
}

enum brama_err brama_policy_lint(struct brama_world *world, const struct brama_policy *policy)
{
    struct brama__lint l = {.world = world, .policy = &policy->pack};
    enum brama_err err = BRAMA_ERR_NOMEM;

    brama_arena_init(&l.scratch, NULL, SIZE_MAX);
    brama_arena_init(&l.kept, NULL, SIZE_MAX);
    l.regexes = brama_regexes_new(REGEXES_MAX);
    index_policy(&l);
    if (l.regexes != NULL && !brama_arena_failed(&l.kept)) {
        for (uint32_t i = 0; i < brama_pack_count(&policy->pack, BRAMA_T_HOST); i++)
            look_at_host(&l, BRAMA_ROW(&policy->pack, BRAMA_T_HOST, i, struct brama_p_host));
        look_at_wildcards(&l);
    }
    if (l.regexes != NULL && !brama_arena_failed(&l.kept) && !brama_arena_failed(&l.scratch) &&
        !brama_arena_failed(world->arena))
        err = BRAMA_OK;
    brama_regexes_free(l.regexes);
    brama_arena_deinit(&l.scratch);
    brama_arena_deinit(&l.kept);
    return err;
}
