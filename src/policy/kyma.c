#include "policy/kyma.h"

#include "jose/jwt.h"
#include "rule/model.h"

struct asked {
    const struct brama_kyma_question *q;
    const struct brama_pack *pack;
    const struct brama_p_route *route; /* NULL: none matched */
};

static bool by_istio(const struct asked *a)
{
    return a->route != NULL && a->route->responder == BRAMA_RESPONDER_SIDECAR;
}

static bool by_oathkeeper(const struct asked *a)
{
    return a->route != NULL && a->route->responder == BRAMA_RESPONDER_OATHKEEPER;
}

static bool is_reason(const struct asked *a, enum brama_reason reason)
{
    return a->q->decision->verdict != BRAMA_VERDICT_ALLOW && a->q->decision->reason == reason;
}

static bool keys_never_loaded_istio(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_KEYS_UNAVAILABLE) && by_istio(a);
}

static bool keys_never_loaded_oathkeeper(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_KEYS_UNAVAILABLE) && by_oathkeeper(a);
}

static bool expired_at_zero(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_TOKEN_EXPIRED) && by_istio(a) && a->q->jwt != NULL &&
           a->q->jwt->claims.exp.present && a->q->jwt->claims.exp.s == 0;
}

static bool several_tokens(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_TOKEN_SEVERAL);
}

static bool ambiguous_path(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_AMBIGUOUS_PATH);
}

static bool unknown_key(const struct asked *a)
{
    return is_reason(a, BRAMA_REASON_KEY_UNKNOWN);
}

/* "Bearer " somewhere in the header, but not at its beginning. */
static bool prefix_inside(const struct asked *a)
{
    const struct brama_request *r = a->q->request;

    if (!is_reason(a, BRAMA_REASON_TOKEN_MISSING) || !by_istio(a))
        return false;
    for (size_t i = 0; i < r->header_count; i++) {
        brama_str value = r->headers[i].value;
        size_t at = brama_str_find_str(value, BRAMA_STR("Bearer "));
        if (brama_str_eq_nocase(r->headers[i].name, BRAMA_STR("authorization")) && at != 0 &&
            at < value.n)
            return true;
    }
    return false;
}

static bool has_port(brama_str authority)
{
    size_t colon = brama_str_find_last(authority, ':');

    return colon < authority.n && brama_str_find(brama_str_from(authority, colon), ']') ==
                                      brama_str_from(authority, colon).n;
}

/* An AuthorizationPolicy names the host, and Istio compares it with the port. */
static bool port_in_host(const struct asked *a)
{
    if (a->q->decision->verdict != BRAMA_VERDICT_ALLOW || !by_istio(a) ||
        !has_port(a->q->request->authority))
        return false;
    for (uint32_t i = 0; i < a->route->policies.count; i++) {
        const uint32_t *n =
            BRAMA_ROW(a->pack, BRAMA_T_NUMBERS, a->route->policies.first + i, uint32_t);
        const struct brama_p_ap *ap =
            n != NULL ? BRAMA_ROW(a->pack, BRAMA_T_AP, *n, struct brama_p_ap) : NULL;
        if (ap != NULL && ap->rule == a->route->rule && ap->host.n != 0)
            return true;
    }
    return false;
}

/* A key set that is found by way of an OIDC discovery document. */
static bool discovered_keys(const struct asked *a)
{
    if (a->q->decision->verdict != BRAMA_VERDICT_ALLOW || !by_istio(a))
        return false;
    for (uint32_t i = 0; i < a->route->auths.count; i++) {
        const struct brama_p_auth *auth =
            BRAMA_ROW(a->pack, BRAMA_T_AUTH, a->route->auths.first + i, struct brama_p_auth);
        const struct brama_p_keyset *set =
            auth != NULL ? BRAMA_ROW(a->pack, BRAMA_T_KEYSET, auth->keyset, struct brama_p_keyset)
                         : NULL;
        if (set != NULL && brama_str_ends(brama_pack_text(a->pack, set->url),
                                          BRAMA_STR("/.well-known/openid-configuration")))
            return true;
    }
    return false;
}

bool brama_kyma_differs(struct brama_kyma *out, const struct brama_kyma_question *q)
{
    static const struct {
        bool (*applies)(const struct asked *a);
        struct brama_kyma kyma;
    } rows[] = {
        {keys_never_loaded_istio,
         {BRAMA_LIT("401 Jwks remote fetch is failed"),
          BRAMA_LIT("the caller can't repair it, so here it is 503")}},
        {keys_never_loaded_oathkeeper,
         {BRAMA_LIT("401 with Oathkeeper's JSON"),
          BRAMA_LIT("the caller can't repair it, so here it is 503")}},
        {expired_at_zero,
         {BRAMA_LIT("goes on with the token"),
          BRAMA_LIT("Envoy reads an exp of 0 as \"never expires\", we as 1970")}},
        {several_tokens,
         {BRAMA_LIT("takes one of the tokens"),
          BRAMA_LIT("which one counts depends on who reads the request, so none does here")}},
        {ambiguous_path,
         {BRAMA_LIT("goes by the path as it stands"),
          BRAMA_LIT("a workload that reads it leniently would serve another rule's path")}},
        {unknown_key,
         {BRAMA_LIT("401 until its next refresh of the key set"),
          BRAMA_LIT("a running gateway first fetches the set anew, see --kid-wait")}},
        {prefix_inside,
         {BRAMA_LIT("finds the token inside the value"),
          BRAMA_LIT("a token stands where its prefix says, at the beginning")}},
        {discovered_keys,
         {BRAMA_LIT("401 Jwks remote fetch is failed"),
          BRAMA_LIT("its jwksUri must be the key set itself, not a discovery document")}},
        {port_in_host,
         {BRAMA_LIT("403 RBAC: access denied"),
          BRAMA_LIT("its AuthorizationPolicy compares the host with the port; send it without, as "
                    "behind 443")}},
    };
    const struct brama_decision *d = q->decision;
    struct asked a = {.q = q};

    if (q->policy == NULL)
        return false;
    a.pack = &q->policy->pack;
    if (d->route != BRAMA_NO_ROW)
        a.route = BRAMA_ROW(a.pack, BRAMA_T_ROUTE, d->route, struct brama_p_route);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        if (!rows[i].applies(&a))
            continue;
        *out = rows[i].kyma;
        return true;
    }
    return false;
}
