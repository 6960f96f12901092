/* Oathkeeper's jwt authenticator. oathkeeper.md 2.8, 2.9. */
#include "policy/inner.h"

#include "jose/alg.h"

#define KEYSETS_MAX 16

static bool refuse(struct brama__case *c, enum brama_reason reason)
{
    brama__deny(c, BRAMA__ORY, reason);
    return false;
}

/* The first of these that the token has is the one that counts. */
static const char *scope_claim(const struct brama_claims *claims)
{
    static const char *const names[] = {"scp", "scope", "scopes"};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_node_get(claims->root, brama_str_c(names[i])) != NULL)
            return names[i];
    return "scope";
}

static void token_scopes(struct brama__case *c, const struct brama_claims *claims,
                         const brama_str **out, size_t *count)
{
    *count = 0;
    if (!brama_claims_list(out, count, c->arena, claims, brama_str_c(scope_claim(claims)), true))
        *count = 0;
}

static bool scopes_granted(struct brama__case *c, const struct brama_p_ory *ory,
                           const struct brama_claims *claims)
{
    const brama_str *granted = NULL;
    size_t count = 0;
    token_scopes(c, claims, &granted, &count);
    for (uint32_t w = 0; w < ory->scopes.count; w++) {
        brama_str want;
        bool has = false, known = brama__text(c, ory->scopes, w, &want);
        for (size_t i = 0; known && i < count && !has; i++)
            has = brama__scope_grants((enum brama_scope_strategy)ory->scope_strategy, granted[i],
                                      want);
        if (!has) {
            brama_trace_add(c->trace, "scope", BRAMA_TRACE_FAIL, want,
                            count != 0 ? granted[0] : BRAMA_NIL, "%zu in the token", count);
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, scope_claim(claims), BRAMA_CHANGE_TEXT,
                               brama__list_text(c, ory->scopes, ' '));
            return false;
        }
        brama_trace_add(c->trace, "scope", BRAMA_TRACE_PASS, want, BRAMA_NIL, "granted");
    }
    return true;
}

static bool has_text(struct brama__case *c, struct brama_span span, brama_str text)
{
    brama_str one;
    for (uint32_t i = 0; brama__text(c, span, i, &one); i++)
        if (brama_str_eq(one, text))
            return true;
    return false;
}

static bool audiences_named(struct brama__case *c, const struct brama_p_ory *ory,
                            const struct brama_claims *claims)
{
    for (uint32_t w = 0; w < ory->audiences.count; w++) {
        brama_str want;
        bool has = false, known = brama__text(c, ory->audiences, w, &want);
        for (size_t i = 0; known && i < claims->aud_count && !has; i++)
            has = brama_str_eq(claims->aud[i], want);
        brama_trace_add(c->trace, "audience", has ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL, want,
                        claims->aud_count != 0 ? claims->aud[0] : BRAMA_NIL, "%zu in the token",
                        claims->aud_count);
        if (!has) {
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "aud", BRAMA_CHANGE_LIST,
                               brama__list_text(c, ory->audiences, '\n'));
            return false;
        }
    }
    return true;
}

/* exp, nbf and iat without tolerance; oathkeeper.md 2.8 step 8. */
static enum brama_jwt_status time_status(const struct brama_claims *claims, int64_t now)
{
    if (claims->exp.present && now >= claims->exp.s)
        return BRAMA_JWT_EXPIRED;
    if ((claims->nbf.present && now < claims->nbf.s) ||
        (claims->iat.present && now < claims->iat.s))
        return BRAMA_JWT_NOT_YET_VALID;
    return BRAMA_JWT_OK;
}

static enum brama_jwt_status check_time(struct brama__case *c, const struct brama_claims *claims)
{
    int64_t now = c->request->now_s;

    if (claims->exp.present)
        brama__trace_date(c, "exp", claims->exp.s, now < claims->exp.s, now + 1, 0);
    if (claims->nbf.present)
        brama__trace_date(c, "nbf", claims->nbf.s, now >= claims->nbf.s, now, 0);
    if (claims->iat.present)
        brama__trace_date(c, "iat", claims->iat.s, now >= claims->iat.s, now, 0);
    return time_status(claims, now);
}

static const struct brama_p_keyset *keyset_at(const struct brama__case *c,
                                              const struct brama_p_ory *ory, uint32_t i)
{
    const uint32_t *row = BRAMA_ROW(c->policy, BRAMA_T_NUMBERS, ory->keysets.first + i, uint32_t);

    return row != NULL ? BRAMA_ROW(c->policy, BRAMA_T_KEYSET, *row, struct brama_p_keyset) : NULL;
}

static size_t keyset_ids(const struct brama__case *c, const struct brama_p_ory *ory,
                         uint64_t ids[KEYSETS_MAX])
{
    size_t n = 0;

    for (uint32_t i = 0; i < ory->keysets.count && n < KEYSETS_MAX; i++) {
        const struct brama_p_keyset *set = keyset_at(c, ory, i);
        if (set == NULL)
            break;
        ids[n++] = set->id;
    }
    return n;
}

static void trace_jku(struct brama__case *c, const struct brama_p_ory *ory, brama_str jku)
{
    for (uint32_t i = 0; c->trace != NULL && jku.n != 0 && i < ory->keysets.count; i++) {
        const struct brama_p_keyset *set = keyset_at(c, ory, i);
        brama_str url = set != NULL ? brama_pack_text(c->policy, set->url) : BRAMA_NIL;
        brama_trace_add(c->trace, "jku", BRAMA_TRACE_INFO, url, jku,
                        "jku ignored; %s to the rule's jwks_urls",
                        brama_str_eq(url, jku) ? "equal" : "not equal");
    }
}

static bool check_key(struct brama__case *c, const struct brama_p_ory *ory,
                      struct brama__token *token)
{
    uint64_t ids[KEYSETS_MAX];
    size_t n = keyset_ids(c, ory, ids);

    trace_jku(c, ory, token->jwt->jku);
    struct brama__key_wish wish = {BRAMA__ORY, ids, n};
    enum brama_jwt_status status = brama__token_verify(c, token, &wish);
    if (status == BRAMA_JWT_OK)
        return true;
    brama__deny_token(c, BRAMA__ORY, status);
    /* Oathkeeper looks at the claims behind the signature; who asks for a fetch shows his before.
     */
    const struct brama_claims *claims = &token->jwt->claims;
    if (token->kid_unknown && time_status(claims, c->request->now_s) == BRAMA_JWT_OK &&
        (ory->issuers.count == 0 || has_text(c, ory->issuers, claims->iss)))
        brama__park(c, ids, n);
    return false;
}

/* "RS256 ES256", for the trace. */
static brama_str algs_text(struct brama__case *c, const struct brama_p_ory *ory)
{
    brama_str out = BRAMA_STR("");
    for (unsigned alg = 1; c->trace != NULL && alg < BRAMA_ALG_COUNT; alg++)
        if ((ory->algs & 1u << alg) != 0)
            out = brama_arena_printf(c->arena, "%.*s%s%s", BRAMA_FMT(out), out.n != 0 ? " " : "",
                                     brama_alg_name((enum brama_alg)alg));
    return out;
}

static bool check_alg_and_kid(struct brama__case *c, const struct brama_p_ory *ory,
                              const struct brama_jwt *jwt)
{
    uint64_t ids[KEYSETS_MAX];

    if ((ory->algs & 1u << jwt->alg) == 0) {
        brama_trace_add(c->trace, "alg", BRAMA_TRACE_FAIL, algs_text(c, ory), jwt->alg_name,
                        "allowed_algorithms");
        brama__change_key(c, ids, keyset_ids(c, ory, ids), ory->algs);
        return refuse(c, BRAMA_REASON_ALG_NOT_ALLOWED);
    }
    if (!jwt->has_kid || jwt->kid.n == 0) {
        brama_trace_add(c->trace, "kid", BRAMA_TRACE_FAIL, BRAMA_STR("a kid"), BRAMA_STR("none"),
                        "Oathkeeper needs one in the token's header");
        brama__change_key(c, ids, keyset_ids(c, ory, ids), ory->algs);
        return refuse(c, BRAMA_REASON_KID_MISSING);
    }
    return true;
}

static bool check_claims(struct brama__case *c, const struct brama_p_ory *ory,
                         const struct brama_claims *claims)
{
    enum brama_jwt_status status = check_time(c, claims);
    if (status != BRAMA_JWT_OK) {
        brama__deny_token(c, BRAMA__ORY, status);
        return false;
    }
    if (!audiences_named(c, ory, claims))
        return refuse(c, BRAMA_REASON_AUDIENCE_MISSING);
    if (ory->issuers.count != 0) {
        brama_str first;
        bool trusted = has_text(c, ory->issuers, claims->iss);
        brama__text(c, ory->issuers, 0, &first);
        brama_trace_add(c->trace, "issuer", trusted ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL, first,
                        claims->iss, "trusted_issuers");
        if (!trusted) {
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "iss", BRAMA_CHANGE_TEXT, first);
            return refuse(c, BRAMA_REASON_ISSUER_UNKNOWN);
        }
    }
    return scopes_granted(c, ory, claims) || refuse(c, BRAMA_REASON_SCOPE_MISSING);
}

static void trace_read(struct brama__case *c, const struct brama_p_ory *ory,
                       const struct brama_jwt *jwt, const struct brama__place *place,
                       brama_str text)
{
    brama_str found = brama__place_found(c, place, text), issuer;
    uint64_t ids[KEYSETS_MAX];

    brama_trace_token(c->trace, jwt, found);
    if (jwt->status == BRAMA_JWT_OK) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_PASS, BRAMA_NIL, jwt->claims.iss,
                        "read from %.*s", BRAMA_FMT(found));
        return;
    }
    brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL, "%s%s%s",
                    brama_jwt_status_text(jwt->status), jwt->detail[0] != 0 ? ": " : "",
                    jwt->detail);
    brama__text(c, ory->issuers, 0, &issuer);
    brama__change_token(c, jwt, issuer, place, ids, keyset_ids(c, ory, ids));
}

/* For the mutators: oathkeeper.md 2.8 steps 11 and 13. */
static bool take_session(struct brama__case *c, const struct brama_claims *claims)
{
    const brama_str *granted = NULL;
    size_t count = 0;

    if (c->oathkeeper->mutators.count == 0)
        return true;
    token_scopes(c, claims, &granted, &count);
    c->session.subject = claims->sub;
    c->session.extra = brama__extra_of_claims(c->arena, claims->root,
                                              brama_str_c(scope_claim(claims)), granted, count);
    return c->session.extra != NULL || refuse(c, BRAMA_REASON_INTERNAL);
}

enum brama__authn brama__ask_ory_jwt(struct brama__case *c, const struct brama_p_ory *ory)
{
    struct brama__place place = {(enum brama_token_place)ory->place,
                                 brama_pack_text(c->policy, ory->name), BRAMA_NIL};
    bool several = false;
    c->scopes_wanted = ory->scopes;
    brama_str text = brama__find_ory_token(c, &place, &several);
    struct brama__token token;

    if (several) {
        brama__deny_several(c, BRAMA__ORY, &place);
        return BRAMA__AUTHN_ENDED;
    }
    if (text.n == 0)
        return brama__no_ory_token(c, &place);
    brama__token_read(c, &token, text);
    if (c->trace != NULL)
        trace_read(c, ory, token.jwt, &place, text);
    if (token.jwt->status != BRAMA_JWT_OK) {
        brama__deny_token(c, BRAMA__ORY, token.jwt->status);
        return BRAMA__AUTHN_ENDED;
    }
    c->out->issuer = brama_arena_copy(c->arena, token.jwt->claims.iss);
    c->out->subject = brama_arena_copy(c->arena, token.jwt->claims.sub);
    c->out->kid = brama_arena_copy(c->arena, token.jwt->kid);
    bool passed = check_alg_and_kid(c, ory, token.jwt) && check_key(c, ory, &token) &&
                  check_claims(c, ory, &token.jwt->claims) && take_session(c, &token.jwt->claims);
    return passed ? BRAMA__AUTHN_PASSED : BRAMA__AUTHN_ENDED;
}
