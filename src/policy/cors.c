/* CORS of the matched route; istio-jwt.md 4.8, apirule.md 4.3. */
#include "policy/inner.h"

static const struct brama_p_cors *route_cors(const struct brama__case *c)
{
    return BRAMA_ROW(c->policy, BRAMA_T_CORS, c->route->cors, struct brama_p_cors);
}

static bool origin_allowed(struct brama__case *c, const struct brama_p_cors *cors, brama_str origin)
{
    for (uint32_t i = 0; i < cors->origins.count; i++) {
        const struct brama_p_origin *o =
            BRAMA_ROW(c->policy, BRAMA_T_ORIGIN, cors->origins.first + i, struct brama_p_origin);
        if (o == NULL)
            break;
        struct brama_pattern p = {(enum brama_pattern_kind)o->pattern.kind,
                                  brama_pack_text(c->policy, o->pattern.text)};
        struct brama_regexes *regexes = brama__memory_regexes(c->engine->memory);
        if (brama_pattern_match(&p, origin, regexes) ||
            brama_pattern_match(&p, BRAMA_STR("*"), regexes))
            return true;
    }
    return false;
}

static void add_if_any(struct brama__case *c, brama_str name, brama_str value)
{
    if (value.n != 0)
        brama__add_response_header(c, name, value);
}

static void answer_preflight(struct brama__case *c, const struct brama_p_cors *cors,
                             brama_str method)
{
    const struct brama_header *asked =
        brama__header(c->request, BRAMA_STR("access-control-request-headers"), NULL);
    add_if_any(c, BRAMA_STR("access-control-allow-methods"),
               cors->methods_any ? method : brama_pack_text(c->policy, cors->methods));
    add_if_any(c, BRAMA_STR("access-control-allow-headers"),
               !cors->headers_any ? brama_pack_text(c->policy, cors->headers)
               : asked != NULL    ? asked->value
                                  : BRAMA_NIL);
    if (cors->max_age_given)
        brama__add_response_header(
            c, BRAMA_STR("access-control-max-age"),
            brama_arena_printf(c->arena, "%llu", (unsigned long long)cors->max_age_s));
    c->out->verdict = BRAMA_VERDICT_ANSWER;
    c->out->reason = BRAMA_REASON_PREFLIGHT;
    c->out->status = 200;
    brama_trace_add(c->trace, "preflight", BRAMA_TRACE_PASS, BRAMA_NIL, method,
                    "answered here; the workload isn't asked");
}

bool brama__cors(struct brama__case *c)
{
    const struct brama_p_cors *cors = route_cors(c);
    const struct brama_header *origin = brama__header(c->request, BRAMA_STR("origin"), NULL);

    c->out->strip_cors = c->route->strip_cors;
    if (cors == NULL || origin == NULL || origin->value.n == 0)
        return false;
    if (!origin_allowed(c, cors, origin->value)) {
        brama_trace_add(c->trace, "origin", BRAMA_TRACE_INFO, BRAMA_NIL, origin->value,
                        "not allowed by corsPolicy; no CORS headers");
        return false;
    }
    brama__add_response_header(c, BRAMA_STR("access-control-allow-origin"), origin->value);
    if (cors->credentials)
        brama__add_response_header(c, BRAMA_STR("access-control-allow-credentials"),
                                   BRAMA_STR("true"));
    add_if_any(c, BRAMA_STR("access-control-expose-headers"),
               brama_pack_text(c->policy, cors->expose));
    const struct brama_header *method =
        brama__header(c->request, BRAMA_STR("access-control-request-method"), NULL);
    if (c->method != BRAMA_METHOD_OPTIONS || method == NULL || method->value.n == 0)
        return false;
    answer_preflight(c, cors, method->value);
    return true;
}
