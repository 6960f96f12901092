#include "policy/decide.h"

#include "policy/inner.h"

#define ROUTES_SEARCHED 1000 /* for a change that would help */

bool brama__text(const struct brama__case *c, struct brama_span span, uint32_t index,
                 brama_str *out)
{
    const struct brama_p_text *t =
        index < span.count
            ? BRAMA_ROW(c->policy, BRAMA_T_TEXTS, span.first + index, struct brama_p_text)
            : NULL;
    *out = t != NULL ? brama_pack_text(c->policy, t->text) : BRAMA_NIL;
    return t != NULL;
}

void brama__name_rule(struct brama__case *c, uint32_t rule_row)
{
    const struct brama_pack *p = c->policy;
    c->rule = BRAMA_ROW(p, BRAMA_T_RULE, rule_row, struct brama_p_rule);
    if (c->rule == NULL)
        return;
    const struct brama_p_apirule *a =
        BRAMA_ROW(p, BRAMA_T_APIRULE, c->rule->apirule, struct brama_p_apirule);
    if (a != NULL)
        c->out->apirule =
            brama_arena_printf(c->arena, "%.*s/%.*s", BRAMA_FMT(brama_pack_text(p, a->ns)),
                               BRAMA_FMT(brama_pack_text(p, a->name)));
    c->out->rule_index = c->rule->index;
    c->out->rule_file = brama_arena_copy(c->arena, brama_pack_text(p, c->rule->file));
    c->out->rule_line = c->rule->line;
}

bool brama__route_takes(const struct brama_pack *policy, const struct brama_p_route *route,
                        brama_methods method, brama_str path, struct brama_regexes *regexes)
{
    struct brama_pattern p = {(enum brama_pattern_kind)route->path.kind,
                              brama_pack_text(policy, route->path.text)};
    return brama_pattern_match(&p, path, regexes) &&
           (route->any_method || (route->methods & method) != 0);
}

static bool route_matches(struct brama__case *c, const struct brama_p_route *route, brama_str path)
{
    return brama__route_takes(c->policy, route, c->method, path,
                              brama__memory_regexes(c->engine->memory));
}

static void trace_route(struct brama__case *c, const struct brama_p_route *route, bool matched)
{
    if (c->trace == NULL)
        return;
    const struct brama_p_rule *rule =
        BRAMA_ROW(c->policy, BRAMA_T_RULE, route->rule, struct brama_p_rule);
    if (rule == NULL || (!matched && !brama_trace_vain(c->trace)))
        return;
    struct brama_pattern p = {(enum brama_pattern_kind)route->path.kind,
                              brama_pack_text(c->policy, route->path.text)};
    bool path = brama_pattern_match(&p, c->path.path, brama__memory_regexes(c->engine->memory));
    brama_trace_add(c->trace, "route", matched ? BRAMA_TRACE_PASS : BRAMA_TRACE_INFO,
                    brama_pack_text(c->policy, rule->path), c->path.path, "rule %u: %s",
                    rule->index,
                    matched ? "matches"
                    : path  ? "path matches, method doesn't"
                            : "path doesn't match");
    brama_trace_at(c->trace, brama_pack_text(c->policy, rule->file), rule->line);
}

/* The first route that matches the path, in order; its row, or BRAMA_NO_ROW. */
static uint32_t find_route(struct brama__case *c, const struct brama_p_host *host, brama_str path,
                           bool traced)
{
    for (uint32_t i = 0; i < host->routes.count; i++) {
        const struct brama_p_route *r =
            BRAMA_ROW(c->policy, BRAMA_T_ROUTE, host->routes.first + i, struct brama_p_route);
        if (r == NULL)
            break;
        bool matched = route_matches(c, r, path);
        if (traced)
            trace_route(c, r, matched);
        if (matched)
            return host->routes.first + i;
    }
    return BRAMA_NO_ROW;
}

bool brama__in_doubt(struct brama__case *c)
{
    if (!brama_regexes_in_doubt(brama__memory_regexes(c->engine->memory)))
        return false;
    brama_trace_add(c->trace, "path", BRAMA_TRACE_FAIL, BRAMA_STR("a match within its limits"),
                    c->path.path, "a regular expression of a rule gave up on this path");
    brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_INTERNAL);
    return true;
}

void brama__deny_ambiguous(struct brama__case *c, brama_str reading)
{
    brama_trace_add(c->trace, "path", BRAMA_TRACE_FAIL, c->path.path, reading,
                    "a lenient backend would read the path as another rule's");
    brama_trace_change(c->trace, BRAMA_CHANGE_PATH, NULL, BRAMA_CHANGE_TEXT, c->path.harsh);
    brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_AMBIGUOUS_PATH);
}

/* False, and the case has ended: a lenient backend would see another rule's path. */
static bool all_readings_lead_to(struct brama__case *c, const struct brama_p_host *host,
                                 uint32_t row)
{
    if (c->path.twisted) {
        brama__deny_ambiguous(c, c->path.harsh);
        return false;
    }
    for (size_t i = 0; i < c->path.reading_count; i++)
        if (find_route(c, host, c->path.readings[i], false) != row) {
            brama__deny_ambiguous(c, c->path.readings[i]);
            return false;
        }
    return true;
}

/* Another method of a rule of this path, or the path with or without its last slash. Not looked for
 * among very many rules: whoever is refused must not cost much more than whoever isn't. */
static void change_route(struct brama__case *c, const struct brama_p_host *host)
{
    brama_methods asked = c->method;
    brama_str path = c->path.path;

    if (c->trace == NULL || host->routes.count > ROUTES_SEARCHED)
        return;
    c->method = BRAMA_METHOD_ALL;
    uint32_t row = find_route(c, host, path, false);
    c->method = asked;
    const struct brama_p_route *r =
        row != BRAMA_NO_ROW ? BRAMA_ROW(c->policy, BRAMA_T_ROUTE, row, struct brama_p_route) : NULL;
    if (r != NULL) {
        brama_methods first = (brama_methods)(r->methods & (~r->methods + 1)); /* its lowest bit */
        brama_trace_change(c->trace, BRAMA_CHANGE_METHOD, NULL, BRAMA_CHANGE_TEXT,
                           brama_str_c(brama_method_name(first)));
        return;
    }
    path = brama_str_ends(path, BRAMA_STR("/"))
               ? brama_str_head(path, path.n - 1)
               : brama_arena_printf(c->arena, "%.*s/", BRAMA_FMT(path));
    if (path.n != 0 && find_route(c, host, path, false) != BRAMA_NO_ROW)
        brama_trace_change(c->trace, BRAMA_CHANGE_PATH, NULL, BRAMA_CHANGE_TEXT, path);
}

/* Host and route: false, and the case has ended. */
static bool match(struct brama__case *c)
{
    const struct brama_p_host *host = brama__host(c);
    if (host == NULL)
        return false;
    uint32_t row = find_route(c, host, c->path.path, c->trace != NULL);
    if (!all_readings_lead_to(c, host, row) || brama__in_doubt(c))
        return false;
    c->route =
        row != BRAMA_NO_ROW ? BRAMA_ROW(c->policy, BRAMA_T_ROUTE, row, struct brama_p_route) : NULL;
    if (c->route == NULL) {
        brama_trace_add(c->trace, "route", BRAMA_TRACE_FAIL,
                        BRAMA_STR("a rule for path and method"), c->path.path,
                        "no rule of this host matches with method %.*s",
                        BRAMA_FMT(brama_str_head(c->request->method, 32)));
        change_route(c, host);
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_NO_ROUTE);
        return false;
    }
    c->out->route = row;
    c->out->strategy = c->route->strategy;
    brama__name_rule(c, c->route->rule);
    return true;
}

static void trace_upstream(struct brama__case *c, const struct brama_p_upstream *u, bool known)
{
    enum brama_trace_outcome outcome = known                     ? BRAMA_TRACE_PASS
                                       : c->engine->any_upstream ? BRAMA_TRACE_INFO
                                                                 : BRAMA_TRACE_FAIL;
    brama_str ns = brama_pack_text(c->policy, u->ns), name = brama_pack_text(c->policy, u->name);
    brama_trace_add(c->trace, "upstream", outcome, BRAMA_NIL, BRAMA_NIL, "%.*s/%.*s:%u%s",
                    BRAMA_FMT(ns), BRAMA_FMT(name), u->port, known ? "" : ": no address is known");
    if (outcome == BRAMA_TRACE_FAIL && c->trace != NULL)
        brama_trace_change(
            c->trace, BRAMA_CHANGE_SERVICE, NULL, BRAMA_CHANGE_TEXT,
            brama_arena_printf(c->arena, "%.*s/%.*s:%u", BRAMA_FMT(ns), BRAMA_FMT(name), u->port));
}

/* Everything said yes: say where to, and let the request pass. */
static void allow(struct brama__case *c)
{
    if (brama__is_grpc(c->request)) {
        brama_trace_add(c->trace, "upstream", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "gRPC needs HTTP/2 to the workload, which is spoken to in HTTP/1.1");
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_GRPC_UNSUPPORTED);
        return;
    }
    uint32_t row = c->oathkeeper != NULL ? c->oathkeeper->upstream : c->route->upstream;
    const struct brama_p_upstream *u =
        BRAMA_ROW(c->policy, BRAMA_T_UPSTREAM, row, struct brama_p_upstream);
    const struct brama_f_upstream *facts =
        u != NULL ? brama_facts_upstream(c->engine->facts, u->id) : NULL;
    bool known = facts != NULL && facts->addresses.count != 0;

    if (u != NULL)
        trace_upstream(c, u, known);
    if (!known && !c->engine->any_upstream) {
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_NO_UPSTREAM);
        return;
    }
    c->out->upstream_row = row;
    c->out->target = brama__forward_target(c);
    c->out->upstream = facts;
    c->out->timeout_s = c->route->timeout_s;
    if (!brama__set_headers(c))
        return;
    c->out->reason = BRAMA_REASON_ALLOWED;
    c->out->verdict = BRAMA_VERDICT_ALLOW; /* the one statement that does */
}

void brama_decide(struct brama_decision *out, const struct brama_engine *engine,
                  const struct brama_request *request, struct brama_arena *arena,
                  struct brama_trace *trace)
{
    struct brama__case c = {
        .engine = engine, .request = request, .arena = arena, .trace = trace, .out = out};

    *out =
        (struct brama_decision){.route = BRAMA_NO_ROW, .upstream_row = BRAMA_NO_ROW, .status = 500};
    if (engine->policy == NULL || engine->facts == NULL || engine->memory == NULL) {
        brama__deny(&c, BRAMA__GATEWAY, BRAMA_REASON_NOT_CONFIGURED);
        return;
    }
    c.policy = &engine->policy->pack;
    brama__memory_begin(engine->memory, !engine->replay);
    if (!brama__check_request(&c) || !match(&c) || brama__cors(&c))
        return;
    bool passed = c.route->responder == BRAMA_RESPONDER_OATHKEEPER ? brama__ask_oathkeeper(&c)
                                                                   : brama__ask_sidecar(&c);
    if (passed)
        allow(&c);
}
