/* The istio form of a JWT config: the same checks for v1* under the istio handler and for v2*, with
 * other words here and there. apirule.md sections 3.2.2, 3.2.4, 3.3. */
#include <stdlib.h>

#include "rule/judging.h"

static bool has_empty(struct brama_str_list list)
{
    for (size_t i = 0; i < list.n; i++)
        if (list.p[i].n == 0)
            return true;
    return false;
}

static void judge_authorizations(struct brama__judging *j, brama_str at,
                                 const struct brama_strategy *s)
{
    for (size_t k = 0; k < s->istio.authz_count; k++) {
        const struct brama_jwt_authz *authz = &s->istio.authz[k];
        if (authz->is_null)
            brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_AUTHZ_NULL), "%.*s.authorizations[%zu]",
                        BRAMA_FMT(at), k);
        if (authz->scopes_given && authz->scopes.n == 0)
            brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_EMPTY),
                        "%.*s.authorizations[%zu].requiredScopes", BRAMA_FMT(at), k);
        if (has_empty(authz->scopes))
            brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_EMPTY_SCOPE),
                        "%.*s.authorizations[%zu].requiredScopes", BRAMA_FMT(at), k);
        if (authz->audiences_given && authz->audiences.n == 0)
            brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_EMPTY),
                        "%.*s.authorizations[%zu].audiences", BRAMA_FMT(at), k);
        if (has_empty(authz->audiences))
            brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_EMPTY_AUDIENCE),
                        "%.*s.authorizations[%zu].audiences", BRAMA_FMT(at), k);
    }
}

/* An issuer may be any name, but one with a colon must be a URI. RFC 7519 section 4.1.1. */
static void judge_uris(struct brama__judging *j, brama_str at, size_t k,
                       const struct brama_jwt_auth *auth)
{
    brama_str error = BRAMA_NIL;

    if (auth->issuer.n == 0 || brama_str_find(auth->issuer, ':') < auth->issuer.n)
        error = brama__judge_uri(j, auth->issuer);
    if (error.n != 0)
        brama__fail(j, auth->where, brama_arena_printf(j->arena, BRAMA__TEXT_URI, BRAMA_FMT(error)),
                    "%.*s.authentications[%zu].issuer", BRAMA_FMT(at), k);
    error = brama__judge_uri(j, auth->jwks_uri);
    if (error.n != 0)
        brama__fail(j, auth->where, brama_arena_printf(j->arena, BRAMA__TEXT_URI, BRAMA_FMT(error)),
                    "%.*s.authentications[%zu].jwksUri", BRAMA_FMT(at), k);
}

static void judge_authentications(struct brama__judging *j, brama_str at,
                                  const struct brama_strategy *s)
{
    bool headers = false, params = false;

    for (size_t k = 0; k < s->istio.auth_count; k++) {
        const struct brama_jwt_auth *auth = &s->istio.auths[k];
        bool has_headers = auth->from_header_count != 0, has_params = auth->from_params.n != 0;
        judge_uris(j, at, k, auth);
        if (has_headers && (params || has_params))
            brama__fail(j, auth->where, BRAMA_STR(BRAMA__TEXT_FROM_MIXED),
                        "%.*s.authentications[%zu].fromHeaders", BRAMA_FMT(at), k);
        if (has_params && headers)
            brama__fail(j, auth->where, BRAMA_STR(BRAMA__TEXT_FROM_MIXED),
                        "%.*s.authentications[%zu].fromParams", BRAMA_FMT(at), k);
        if (auth->from_header_count > 1)
            brama__fail(j, auth->where, BRAMA_STR(BRAMA__TEXT_FROM_HEADERS),
                        "%.*s.authentications[%zu].fromHeaders", BRAMA_FMT(at), k);
        if (auth->from_params.n > 1)
            brama__fail(j, auth->where, BRAMA_STR(BRAMA__TEXT_FROM_PARAMS),
                        "%.*s.authentications[%zu].fromParams", BRAMA_FMT(at), k);
        headers = headers || has_headers;
        params = params || has_params;
    }
}

void brama__judge_jwt(struct brama__judging *j, brama_str at, const struct brama_strategy *s,
                      brama_str strategy_path)
{
    bool v1 = brama_api_is_v1(j->rule->version);

    if (s->istio.authz_given && s->istio.authz_count == 0)
        brama__fail(j, s->where,
                    v1 ? BRAMA_STR(BRAMA__TEXT_EMPTY) : BRAMA_STR(BRAMA__TEXT_V2_AUTHZ_EMPTY),
                    "%.*s.authorizations", BRAMA_FMT(at));
    judge_authorizations(j, at, s);
    if (s->istio.auth_count == 0 && v1)
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V1_NO_AUTHN), "%.*s",
                    BRAMA_FMT(strategy_path));
    else if (s->istio.auth_count == 0)
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V2_NO_AUTHN), "%.*s.authentications",
                    BRAMA_FMT(at));
    judge_authentications(j, at, s);
}

/* An authentication and where it stands. */
struct seen {
    const struct brama_jwt_auth *auth;
    size_t order, i, j, k;
    bool differs;
};

static int by_issuer(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    int d = brama_str_cmp(x->auth->issuer, y->auth->issuer);

    if (d == 0)
        d = brama_str_cmp(x->auth->jwks_uri, y->auth->jwks_uri);
    return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return (x->order > y->order) - (x->order < y->order);
}

static bool same_places(const struct brama_jwt_auth *a, const struct brama_jwt_auth *b)
{
    if (a->from_header_count != b->from_header_count || a->from_params.n != b->from_params.n)
        return false;
    for (size_t i = 0; i < a->from_header_count; i++)
        if (!brama_str_eq(a->from_headers[i].name, b->from_headers[i].name) ||
            !brama_str_eq(a->from_headers[i].prefix, b->from_headers[i].prefix))
            return false;
    for (size_t i = 0; i < a->from_params.n; i++)
        if (!brama_str_eq(a->from_params.p[i], b->from_params.p[i]))
            return false;
    return true;
}

/* out NULL: only count. */
static size_t collect(const struct brama_apirule *rule, struct seen *out)
{
    size_t n = 0;

    for (size_t i = 0; i < rule->rule_count; i++) {
        for (size_t j = 0; j < rule->rules[i].strategy_count; j++) {
            const struct brama_strategy *s = &rule->rules[i].strategies[j];
            for (size_t k = 0; s->kind == BRAMA_STRATEGY_JWT && k < s->istio.auth_count; k++) {
                if (out != NULL)
                    out[n] = (struct seen){&s->istio.auths[k], n, i, j, k, false};
                n++;
            }
        }
    }
    return n;
}

void brama__judge_issuers(struct brama__judging *j)
{
    size_t n = collect(j->rule, NULL);
    struct seen *all = n != 0 ? brama_arena_array(j->arena, n, sizeof(*all)) : NULL;

    if (all == NULL)
        return;
    collect(j->rule, all);
    qsort(all, n, sizeof(*all), by_issuer);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (!brama_str_eq(all[i].auth->issuer, all[first].auth->issuer) ||
            !brama_str_eq(all[i].auth->jwks_uri, all[first].auth->jwks_uri))
            first = i;
        else
            all[i].differs = !same_places(all[first].auth, all[i].auth);
    }
    qsort(all, n, sizeof(*all), by_order);
    for (size_t i = 0; i < n; i++) {
        if (!all[i].differs)
            continue;
        /* Kyma writes accessStrategy here, without its plural. */
        if (brama_api_is_v1(j->rule->version))
            brama__fail(j, all[i].auth->where, BRAMA_STR(BRAMA__TEXT_ISSUER_DIFFERS),
                        ".spec.rules[%zu].accessStrategy[%zu].config.authentications[%zu]",
                        all[i].i, all[i].j, all[i].k);
        else
            brama__fail(j, all[i].auth->where, BRAMA_STR(BRAMA__TEXT_ISSUER_DIFFERS),
                        ".spec.rules[%zu].jwt.authentications[%zu]", all[i].i, all[i].k);
    }
}
