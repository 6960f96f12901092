/* What Kyma's AuthorizationPolicies and Oathkeeper Rules make of a route. apirule.md 4.4 to 4.7. */
#include "policy/linting.h"

static const struct brama_p_ap *policy_at(const struct brama__lint *l,
                                          const struct brama_p_route *route, uint32_t i)
{
    const uint32_t *n = i < route->policies.count ? BRAMA_ROW(l->policy, BRAMA_T_NUMBERS,
                                                              route->policies.first + i, uint32_t)
                                                  : NULL;

    return n != NULL ? BRAMA_ROW(l->policy, BRAMA_T_AP, *n, struct brama_p_ap) : NULL;
}

static const struct brama_p_oathkeeper *oathkeeper_at(const struct brama__lint *l,
                                                      const struct brama_p_route *route, uint32_t i)
{
    const uint32_t *n =
        i < route->oathkeeper.count
            ? BRAMA_ROW(l->policy, BRAMA_T_NUMBERS, route->oathkeeper.first + i, uint32_t)
            : NULL;

    return n != NULL ? BRAMA_ROW(l->policy, BRAMA_T_OATHKEEPER, *n, struct brama_p_oathkeeper)
                     : NULL;
}

static struct brama_pattern pattern_of(const struct brama__lint *l,
                                       const struct brama_p_pattern *row)
{
    return (struct brama_pattern){(enum brama_pattern_kind)row->kind,
                                  brama_pack_text(l->policy, row->text)};
}

static const struct brama_p_rule *rule_at(const struct brama__lint *l, uint32_t row)
{
    return BRAMA_ROW(l->policy, BRAMA_T_RULE, row, struct brama_p_rule);
}

static bool reaches(const struct brama__lint *l, const struct brama_p_ap *ap,
                    const struct brama__example *e)
{
    struct brama__place_of_request at = {l->host_name, e->path, e->method};

    return brama__policy_reaches(l->policy, ap, &at, l->regexes);
}

/* Has somebody else to say yes, whatever the union of policies says? */
static bool is_guarded(const struct brama__lint *l, const struct brama_p_route *route,
                       const struct brama__example *e)
{
    const struct brama_p_ap *ap;

    for (uint32_t i = 0; (ap = policy_at(l, route, i)) != NULL; i++)
        if (ap->from == BRAMA_AP_CUSTOM && reaches(l, ap, e))
            return true;
    return false;
}

/* A policy, and the route that it may open. */
struct opening {
    const struct brama_p_route *route;
    const struct brama_p_ap *ap;
};

static bool is_open(const struct brama__lint *l, const void *opening,
                    const struct brama__example *e)
{
    const struct opening *o = opening;

    return reaches(l, o->ap, e) && !is_guarded(l, o->route, e);
}

static bool no_policy_reaches(const struct brama__lint *l, const void *route,
                              const struct brama__example *e)
{
    const struct brama_p_ap *ap;

    for (uint32_t i = 0; (ap = policy_at(l, route, i)) != NULL; i++)
        if (ap->from != BRAMA_AP_CUSTOM && reaches(l, ap, e))
            return false;
    return true;
}

bool brama__lint_passes(const struct brama__lint *l, const void *route,
                        const struct brama__example *e)
{
    const struct brama_p_route *row = route;
    const struct brama_p_workload *w =
        BRAMA_ROW(l->policy, BRAMA_T_WORKLOAD, row->workload, struct brama_p_workload);
    const struct brama_p_ap *ap;

    if (w == NULL || !w->has_policies)
        return w != NULL;
    for (uint32_t i = 0; (ap = policy_at(l, row, i)) != NULL; i++)
        if (ap->from == BRAMA_AP_INGRESS && reaches(l, ap, e))
            return !is_guarded(l, row, e);
    return false;
}

/* Does Kyma write policies for it? apirule.md 4.7. */
static bool has_own_policies(const struct brama_apirule *apirule)
{
    bool any = false;

    for (size_t i = 0; i < apirule->rule_count; i++) {
        enum brama_strategy_kind kind = apirule->rules[i].strategies[0].kind;
        any = any || kind == BRAMA_STRATEGY_JWT || kind == BRAMA_STRATEGY_NO_AUTH;
    }
    return any && apirule->judged.handler == BRAMA_HANDLER_ISTIO;
}

/* v1*: no list of excluded paths, but other reasons. */
static void find_forbidden_v1(struct brama__lint *l, const struct brama__lint_route *route,
                              const struct brama_apirule *apirule)
{
    struct brama__example e;

    if (!brama__lint_example(l, &e, route, &route->path, (brama_methods)route->rule->methods,
                             no_policy_reaches, route->row))
        return;
    if (has_own_policies(apirule))
        brama__lint_warn(l, route->rule, BRAMA_CODE_POLICY_PATH, ".path", BRAMA__LINT_POLICY_PATH,
                         brama_method_name(e.method), BRAMA_FMT(e.path));
    else
        brama__lint_warn(l, route->rule, BRAMA_CODE_FOREIGN_POLICIES, "", BRAMA__LINT_FOREIGN,
                         brama_method_name(e.method), BRAMA_FMT(e.path));
}

/* Requests that are routed here and that no policy allows, whoever sends them. */
static void find_forbidden(struct brama__lint *l, const struct brama__lint_route *route)
{
    const struct brama_p_workload *w =
        BRAMA_ROW(l->policy, BRAMA_T_WORKLOAD, route->row->workload, struct brama_p_workload);
    const struct brama_apirule *apirule = l->apirules[route->rule->apirule];
    brama_methods methods = (brama_methods)route->rule->methods;
    struct brama__lint_route earlier;
    struct brama__example e;

    if (w == NULL || !w->has_policies || apirule == NULL)
        return;
    bool v2 = apirule->version == BRAMA_API_V2 || apirule->version == BRAMA_API_V2ALPHA1;
    if (!v2) {
        find_forbidden_v1(l, route, apirule);
        return;
    }
    uint32_t first =
        route->index > BRAMA_LINT_EARLIER_MAX ? route->index - BRAMA_LINT_EARLIER_MAX : 0;
    for (uint32_t i = first; i < route->index; i++) {
        if (!brama__lint_route(l, &earlier, i) ||
            (earlier.rule->methods & route->rule->methods) == 0 ||
            (route->rule->methods & ~earlier.rule->methods) == 0)
            continue;
        if (brama__lint_example(l, &e, route, &earlier.path,
                                (brama_methods)(methods & ~earlier.rule->methods),
                                no_policy_reaches, route->row))
            brama__lint_warn(l, route->rule, BRAMA_CODE_SHARED_METHOD, "", BRAMA__LINT_SHARED,
                             brama_method_name(e.method), BRAMA_FMT(e.path),
                             BRAMA_FMT(brama__lint_name(l, earlier.rule)));
    }
}

/* A policy that asks for no token and reaches a route that does. */
static void find_union(struct brama__lint *l, const struct brama__lint_route *route)
{
    const struct brama_p_ap *ap;
    struct brama__example e;

    for (uint32_t i = 0; (ap = policy_at(l, route->row, i)) != NULL; i++) {
        const struct brama_p_rule *other = rule_at(l, ap->rule);
        const struct brama_apirule *owner = other != NULL ? l->apirules[other->apirule] : NULL;
        struct brama_pattern path = pattern_of(l, &ap->path);
        struct opening opening = {route->row, ap};
        if (ap->from != BRAMA_AP_INGRESS || owner == NULL ||
            !brama__lint_example(l, &e, route, &path,
                                 (brama_methods)(route->rule->methods & ap->methods), is_open,
                                 &opening) ||
            !brama__lint_is_new(l, BRAMA_CODE_POLICY_UNION, route->rule, other))
            continue;
        brama__lint_warn(
            l, route->rule, BRAMA_CODE_POLICY_UNION, "", BRAMA__LINT_UNION,
            brama_method_name(e.method), BRAMA_FMT(e.path), BRAMA_FMT(brama__lint_name(l, other)),
            BRAMA_FMT(brama_arena_printf(&l->scratch, "%.*s/%.*s", BRAMA_FMT(owner->ns),
                                         BRAMA_FMT(owner->name))));
    }
}

/* Two Oathkeeper Rules for one request, told at the later one. */
static void find_overlap(struct brama__lint *l, const struct brama__lint_route *route)
{
    const struct brama_p_oathkeeper *a, *b;
    brama_str paths[BRAMA_SAMPLES_MAX];

    for (uint32_t k = 1; (b = oathkeeper_at(l, route->row, k)) != NULL; k++) {
        for (uint32_t i = 0; i < k && (a = oathkeeper_at(l, route->row, i)) != NULL; i++) {
            struct brama_pattern x = pattern_of(l, &a->path), y = pattern_of(l, &b->path);
            const struct brama_p_rule *one = rule_at(l, a->rule), *two = rule_at(l, b->rule);
            brama_methods m = 1, both = (brama_methods)(a->methods & b->methods);
            if (both == 0 || one == NULL || two == NULL)
                continue;
            while ((both & m) == 0)
                m = (brama_methods)(m << 1);
            size_t n = brama_pattern_samples(paths, &l->scratch, &x, &y, l->regexes);
            for (size_t s = 0; s < n; s++) {
                if (brama__lint_first(l, m, paths[s]) != route->index ||
                    !brama__lint_is_new(l, BRAMA_CODE_OATHKEEPER_OVERLAP, two, one))
                    continue;
                brama__lint_warn(l, two, BRAMA_CODE_OATHKEEPER_OVERLAP, "", BRAMA__LINT_OVERLAP,
                                 brama_method_name(m), BRAMA_FMT(paths[s]),
                                 BRAMA_FMT(brama__lint_name(l, one)));
            }
        }
    }
}

void brama__lint_objects(struct brama__lint *l, const struct brama__lint_route *route)
{
    if (route->row->responder == BRAMA_RESPONDER_OATHKEEPER) {
        find_overlap(l, route);
        return;
    }
    find_forbidden(l, route);
    if (route->row->strategy == BRAMA_STRATEGY_JWT)
        find_union(l, route);
}
