/* The workload's sidecar, as Kyma sets it up: every RequestAuthentication of the workload, then the
 * matched rule's own strategy, then the union of its AuthorizationPolicies. istio-jwt.md 1.4, 2, 3;
 * design section 3 ("verdict = matched rule and Kyma's own policy set"). */
#include "policy/inner.h"

#define SKEW_S 60    /* Envoy's tolerance; istio-jwt.md 2.5 */
#define TOKENS_MAX 8 /* distinct tokens in one request; more is a malformed request */

/* A token of the request and what became of it. */
struct found {
    brama_str text;
    brama_str place; /* where it stands, for the trace */
    struct brama__token token;
    enum brama_jwt_status status;      /* Envoy's aggregate over the rules that watch its place */
    const struct brama_p_auth *auth;   /* the first that accepted it; NULL: none did */
    bool rules_own;                    /* one of the matched rule's own accepted it */
    uint64_t wanted[BRAMA_WANTED_MAX]; /* sets of its issuer that don't know its kid */
    size_t wanted_count;
};

struct visit {
    struct brama__case *c;
    struct found found[TOKENS_MAX];
    size_t count;
};

static const struct brama_p_auth *auth_row(const struct brama__case *c, struct brama_span span,
                                           uint32_t i)
{
    return BRAMA_ROW(c->policy, BRAMA_T_AUTH, span.first + i, struct brama_p_auth);
}

static struct found *find_or_add(struct visit *v, brama_str text, const struct brama__place *place)
{
    for (size_t i = 0; i < v->count; i++)
        if (brama_str_eq(v->found[i].text, text))
            return &v->found[i];
    if (v->count == TOKENS_MAX)
        return NULL;
    struct found *f = &v->found[v->count++];
    *f = (struct found){.text = text, .status = BRAMA_JWT_MISSED};
    brama__token_read(v->c, &f->token, text);
    if (v->c->trace != NULL) {
        f->place = brama__place_found(v->c, place, text);
        brama__trace_read(v->c, f->token.jwt, f->place);
    }
    return f;
}

static enum brama_jwt_status check_time(struct brama__case *c, const struct brama_claims *claims)
{
    enum brama_jwt_status status = brama_claims_check_time(claims, c->request->now_s, SKEW_S);
    if (c->trace == NULL)
        return status;
    if (claims->exp.present)
        brama__trace_date(c, "exp", claims->exp.s, status != BRAMA_JWT_EXPIRED,
                          c->request->now_s - SKEW_S, SKEW_S);
    if (claims->nbf.present)
        brama__trace_date(c, "nbf", claims->nbf.s, status != BRAMA_JWT_NOT_YET_VALID,
                          c->request->now_s + SKEW_S, SKEW_S);
    return status;
}

/* One RequestAuthentication rule against one token, in Envoy's order. istio-jwt.md 2.3. */
static enum brama_jwt_status check_token(struct brama__case *c, struct found *f,
                                         const struct brama_p_auth *auth)
{
    const struct brama_jwt *jwt = f->token.jwt;
    brama_str issuer = brama_pack_text(c->policy, auth->issuer);
    const struct brama_p_keyset *keyset =
        BRAMA_ROW(c->policy, BRAMA_T_KEYSET, auth->keyset, struct brama_p_keyset);

    if (jwt->status != BRAMA_JWT_OK)
        return jwt->status;
    if (keyset == NULL)
        return BRAMA_JWKS_FETCH_FAIL;
    if (issuer.n != 0 && !brama_str_eq(jwt->claims.iss, issuer)) {
        brama_trace_add(c->trace, "issuer", BRAMA_TRACE_INFO, issuer, jwt->claims.iss,
                        "another issuer");
        return BRAMA_JWT_UNKNOWN_ISSUER;
    }
    brama_trace_add(c->trace, "issuer", BRAMA_TRACE_PASS, issuer, jwt->claims.iss, "equal");
    if (c->trace != NULL && jwt->jku.n != 0)
        brama_trace_add(c->trace, "jku", BRAMA_TRACE_INFO, brama_pack_text(c->policy, keyset->url),
                        jwt->jku, "jku ignored; %s to the rule's jwksUri",
                        brama_str_eq(jwt->jku, brama_pack_text(c->policy, keyset->url))
                            ? "equal"
                            : "not equal");
    enum brama_jwt_status status = check_time(c, &jwt->claims);
    if (status != BRAMA_JWT_OK)
        return status;
    struct brama__key_wish wish = {BRAMA__ISTIO, &keyset->id, 1};
    status = brama__token_verify(c, &f->token, &wish);
    if (f->token.kid_unknown && f->wanted_count < BRAMA_WANTED_MAX)
        f->wanted[f->wanted_count++] = keyset->id;
    return status;
}

/* Real errors beat "unknown issuer" beats "missed"; the last real one wins. istio-jwt.md 1.4. */
static void aggregate(struct found *f, enum brama_jwt_status status)
{
    if (f->status == BRAMA_JWT_OK)
        return;
    if (status == BRAMA_JWT_OK || status != BRAMA_JWT_UNKNOWN_ISSUER ||
        f->status == BRAMA_JWT_MISSED)
        f->status = status;
}

static bool is_rules_own(const struct brama__case *c, const struct brama_p_auth *auth)
{
    for (uint32_t i = 0; i < c->route->auths.count; i++) {
        const struct brama_p_auth *own = auth_row(c, c->route->auths, i);
        if (own == NULL)
            return false;
        if (own->keyset == auth->keyset && own->place == auth->place &&
            brama_pack_same_text(c->policy, own->issuer, auth->issuer) &&
            brama_pack_same_text(c->policy, own->name, auth->name) &&
            brama_pack_same_text(c->policy, own->prefix, auth->prefix))
            return true;
    }
    return false;
}

static bool judge_auth(struct visit *v, const struct brama_p_auth *auth)
{
    struct brama__case *c = v->c;
    struct brama__place place = brama__place_of(c, auth);
    brama_str tokens[2];
    bool several = false;
    size_t n = brama__find_tokens(c, &place, tokens, BRAMA_ARRAY_LEN(tokens), &several);

    if (several) {
        brama__deny_several(c, BRAMA__ISTIO, &place);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct found *f = find_or_add(v, tokens[i], &place);
        if (f == NULL) {
            brama__deny_several(c, BRAMA__ISTIO, &place);
            return false;
        }
        enum brama_jwt_status status = check_token(c, f, auth);
        if (status == BRAMA_JWT_OK) {
            f->auth = f->auth != NULL ? f->auth : auth;
            f->rules_own = f->rules_own || is_rules_own(c, auth);
        }
        aggregate(f, status);
    }
    return true;
}

static void log_token(struct brama__case *c, const struct brama_jwt *jwt)
{
    if (jwt->status != BRAMA_JWT_OK || c->out->issuer.n != 0)
        return;
    c->out->issuer = brama_arena_copy(c->arena, jwt->claims.iss);
    c->out->subject = brama_arena_copy(c->arena, jwt->claims.sub);
    c->out->kid = brama_arena_copy(c->arena, jwt->kid);
}

/* Refused for its tokens: would other keys help every one that isn't good? */
static void park(struct visit *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->found[i].auth == NULL && v->found[i].wanted_count == 0)
            return;
    for (size_t i = 0; i < v->count; i++)
        if (v->found[i].auth == NULL)
            brama__park(v->c, v->found[i].wanted, v->found[i].wanted_count);
}

/* A token at a watched place must be good, on every path of the workload; none is fine here.
 * Stricter than Envoy, which stops at the first good one: every recognised token is verified. */
static bool authenticate(struct visit *v)
{
    struct brama__case *c = v->c;
    const struct brama_p_workload *w =
        BRAMA_ROW(c->policy, BRAMA_T_WORKLOAD, c->route->workload, struct brama_p_workload);

    if (w == NULL) {
        brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_INTERNAL);
        return false;
    }
    for (uint32_t i = 0; i < w->auths.count; i++) {
        const struct brama_p_auth *auth = auth_row(c, w->auths, i);
        if (auth == NULL) {
            brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_INTERNAL);
            return false;
        }
        if (!judge_auth(v, auth))
            return false;
    }
    for (size_t i = 0; i < v->count; i++)
        log_token(c, v->found[i].token.jwt);
    for (size_t i = 0; i < v->count; i++)
        if (v->found[i].auth == NULL) {
            brama_trace_token(c->trace, v->found[i].token.jwt, v->found[i].place);
            if (v->found[i].status == BRAMA_JWT_UNKNOWN_ISSUER)
                brama__trace_unknown_issuer(c, w, v->found[i].token.jwt->claims.iss);
            brama__deny_token(c, BRAMA__ISTIO, v->found[i].status);
            park(v);
            return false;
        }
    return true;
}

/* Istio's string match: "*" is any non-empty value, a leading or trailing star is a suffix or
 * prefix. istio-jwt.md 3.3. */
static bool string_match(brama_str pattern, brama_str value)
{
    if (brama_str_eq(pattern, BRAMA_STR("*")))
        return value.n != 0;
    if (pattern.n != 0 && pattern.p[0] == '*')
        return brama_str_ends(value, brama_str_from(pattern, 1));
    if (pattern.n != 0 && pattern.p[pattern.n - 1] == '*')
        return brama_str_starts(value, brama_str_head(pattern, pattern.n - 1));
    return brama_str_eq(pattern, value);
}

/* Is every wanted text matched by some value of the claim? */
static bool claim_has_all(struct brama__case *c, const struct brama_claims *claims, brama_str claim,
                          struct brama_span wanted)
{
    const brama_str *values = NULL;
    size_t count = 0;
    bool split = brama_str_eq(claim, BRAMA_STR("scope"));
    if (!brama_claims_list(&values, &count, c->arena, claims, claim, split))
        return wanted.count == 0;
    for (uint32_t w = 0; w < wanted.count; w++) {
        brama_str want;
        bool has = false, known = brama__text(c, wanted, w, &want);
        for (size_t i = 0; known && i < count && !has; i++)
            has = string_match(want, values[i]);
        if (!has)
            return false;
    }
    return true;
}

/* All scopes in one of the three claims. apirule.md 4.6. */
static bool scopes_granted(struct brama__case *c, const struct brama_claims *claims,
                           struct brama_span scopes)
{
    return scopes.count == 0 || claim_has_all(c, claims, BRAMA_STR("scp"), scopes) ||
           claim_has_all(c, claims, BRAMA_STR("scope"), scopes) ||
           claim_has_all(c, claims, BRAMA_STR("scopes"), scopes);
}

static bool audiences_named(struct brama__case *c, const struct brama_claims *claims,
                            struct brama_span audiences)
{
    return claim_has_all(c, claims, BRAMA_STR("aud"), audiences);
}

/* Does the token satisfy one of the rule's authorizations? On a no, *why says what was missing
 * first. */
static bool authorized(struct brama__case *c, const struct brama_claims *claims,
                       enum brama_reason *why)
{
    struct brama_span authz = c->route->authz;
    for (uint32_t i = 0; i < authz.count; i++) {
        const struct brama_p_authz *a =
            BRAMA_ROW(c->policy, BRAMA_T_AUTHZ, authz.first + i, struct brama_p_authz);
        if (a == NULL)
            return false;
        bool scopes = scopes_granted(c, claims, a->scopes);
        bool audiences = scopes && audiences_named(c, claims, a->audiences);
        if (a->scopes.count != 0)
            brama_trace_add(c->trace, "scope", scopes ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL,
                            brama__list_text(c, a->scopes, ' '), brama__scope_text(c, claims),
                            "authorizations[%u]", i);
        if (!scopes)
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "scope", BRAMA_CHANGE_TEXT,
                               brama__list_text(c, a->scopes, ' '));
        if (scopes && a->audiences.count != 0)
            brama_trace_add(c->trace, "audience", audiences ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL,
                            brama__list_text(c, a->audiences, ' '),
                            claims->aud_count != 0 ? claims->aud[0] : BRAMA_NIL,
                            "authorizations[%u], %zu in the token", i, claims->aud_count);
        if (scopes && !audiences)
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "aud", BRAMA_CHANGE_LIST,
                               brama__list_text(c, a->audiences, '\n'));
        if (audiences)
            return true;
        if (i == 0)
            *why = scopes ? BRAMA_REASON_AUDIENCE_MISSING : BRAMA_REASON_SCOPE_MISSING;
    }
    return authz.count == 0;
}

/* The token that satisfies the matched rule's own jwt strategy; NULL: the case has ended. */
static const struct brama_claims *satisfy_jwt(struct visit *v)
{
    struct brama__case *c = v->c;
    enum brama_reason why = BRAMA_REASON_TOKEN_MISSING;
    const struct brama_p_authz *first =
        c->route->authz.count != 0
            ? BRAMA_ROW(c->policy, BRAMA_T_AUTHZ, c->route->authz.first, struct brama_p_authz)
            : NULL;

    if (first != NULL)
        c->scopes_wanted = first->scopes;
    if (v->count == 0) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_STR("a token"), BRAMA_NIL,
                        "none at the places that the rule names: %.*s",
                        BRAMA_FMT(brama__places_text(c)));
        brama__change_place_of_rule(c);
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct found *f = &v->found[i];
        const struct brama_claims *claims = &f->token.jwt->claims;
        if (!f->rules_own) {
            why = BRAMA_REASON_ISSUER_UNKNOWN;
            brama_trace_add(c->trace, "issuer", BRAMA_TRACE_FAIL, brama__rules_issuers(c),
                            claims->iss, "an issuer of the workload, but not of this rule");
            brama__change_issuer(c);
            continue;
        }
        if (claims->sub.n == 0) {
            why = BRAMA_REASON_SUBJECT_MISSING;
            brama_trace_add(c->trace, "sub", BRAMA_TRACE_FAIL, BRAMA_STR("a subject"),
                            BRAMA_STR("none"),
                            "this token has no sub; Istio's requestPrincipals need one");
            brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "sub", BRAMA_CHANGE_TEXT,
                               BRAMA_STR("caller"));
            continue;
        }
        if (authorized(c, claims, &why))
            return claims;
    }
    brama__deny(c, BRAMA__ISTIO, why);
    return NULL;
}

static bool host_matches(brama_str pattern, brama_str host)
{
    return pattern.n == 0 || brama_str_eq(pattern, host) ||
           (brama_str_starts(pattern, BRAMA_STR("*.")) &&
            brama_str_ends(host, brama_str_from(pattern, 1)));
}

static bool path_matches(const struct brama_pack *policy, const struct brama_p_pattern *row,
                         brama_str path, struct brama_regexes *regexes)
{
    struct brama_pattern p = {(enum brama_pattern_kind)row->kind,
                              brama_pack_text(policy, row->text)};
    return brama_pattern_match(&p, path, regexes);
}

bool brama__policy_reaches(const struct brama_pack *policy, const struct brama_p_ap *ap,
                           const struct brama__place_of_request *at, struct brama_regexes *regexes)
{
    if ((ap->methods & at->method) == 0 || !path_matches(policy, &ap->path, at->path, regexes) ||
        !host_matches(brama_pack_text(policy, ap->host), at->host))
        return false;
    for (uint32_t i = 0; i < ap->not_paths.count; i++) {
        const struct brama_p_pattern *p =
            BRAMA_ROW(policy, BRAMA_T_PATTERN, ap->not_paths.first + i, struct brama_p_pattern);
        if (p == NULL || path_matches(policy, p, at->path, regexes))
            return false;
    }
    return true;
}

/* Does this rule of an AuthorizationPolicy let the request pass? istio-jwt.md 3.1 to 3.4. */
static bool policy_matches(struct brama__case *c, const struct brama_p_ap *ap, brama_str path,
                           const struct brama_claims *claims)
{
    struct brama__place_of_request at = {c->host, path, c->method};

    if (!brama__policy_reaches(c->policy, ap, &at, brama__memory_regexes(c->engine->memory)))
        return false;
    if (ap->from == BRAMA_AP_INGRESS)
        return true;
    if (ap->from != BRAMA_AP_JWT || claims == NULL || claims->sub.n == 0)
        return false;
    brama_str issuer;
    for (uint32_t i = 0; brama__text(c, ap->issuers, i, &issuer); i++)
        if (brama_str_eq(issuer, claims->iss))
            return scopes_granted(c, claims, ap->scopes) &&
                   audiences_named(c, claims, ap->audiences);
    return false;
}

static bool union_allows(struct brama__case *c, brama_str path, const struct brama_claims *claims)
{
    const struct brama_p_workload *w =
        BRAMA_ROW(c->policy, BRAMA_T_WORKLOAD, c->route->workload, struct brama_p_workload);
    if (w == NULL || !w->has_policies)
        return w != NULL;
    for (uint32_t i = 0; i < c->route->policies.count; i++) {
        const uint32_t *n =
            BRAMA_ROW(c->policy, BRAMA_T_NUMBERS, c->route->policies.first + i, uint32_t);
        const struct brama_p_ap *ap =
            n != NULL ? BRAMA_ROW(c->policy, BRAMA_T_AP, *n, struct brama_p_ap) : NULL;
        if (ap == NULL)
            return false;
        if (policy_matches(c, ap, path, claims))
            return true;
    }
    return false;
}

bool brama__ask_sidecar(struct brama__case *c)
{
    struct visit v = {.c = c};
    const struct brama_claims *claims = NULL;

    if (!authenticate(&v) || !brama__ask_authorizers(c))
        return false;
    bool restricted = c->route->strategy == BRAMA_STRATEGY_EXT_AUTH && c->route->auths.count != 0;
    if (c->route->strategy == BRAMA_STRATEGY_JWT || restricted) {
        claims = satisfy_jwt(&v);
        if (claims == NULL)
            return false;
    } else if (c->route->strategy != BRAMA_STRATEGY_NO_AUTH &&
               c->route->strategy != BRAMA_STRATEGY_EXT_AUTH &&
               c->route->strategy != BRAMA_STRATEGY_ALLOW) {
        brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_INTERNAL);
        return false;
    } else if (v.count != 0) {
        claims = &v.found[0].token.jwt->claims;
    }
    if (!union_allows(c, c->path.path, claims)) {
        brama_trace_add(c->trace, "policy", BRAMA_TRACE_FAIL, BRAMA_STR("a policy that allows it"),
                        c->path.path,
                        "no AuthorizationPolicy of the workload allows this host, method and path");
        brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_POLICY_DENIED);
        return false;
    }
    for (size_t i = 0; i < c->path.reading_count; i++)
        if (!union_allows(c, c->path.readings[i], claims)) {
            brama__deny_ambiguous(c, c->path.readings[i]);
            return false;
        }
    return true;
}
