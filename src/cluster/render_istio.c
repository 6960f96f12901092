/* RequestAuthentication and AuthorizationPolicy. apirule.md sections 4.1, 4.6 and 4.7. */
#include <inttypes.h>
#include <stdio.h>

#include "cluster/rendering.h"

#define SECURITY "security.istio.io/v1beta1"
#define INGRESS "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
#define OATHKEEPER "cluster.local/ns/kyma-system/sa/oathkeeper-maester-account"

static bool same_texts(struct brama_str_list a, struct brama_str_list b)
{
    bool same = a.n == b.n;
    for (size_t i = 0; same && i < a.n; i++)
        same = brama_str_eq(a.p[i], b.p[i]);
    return same;
}

static bool same_auth(const struct brama_jwt_auth *a, const struct brama_jwt_auth *b)
{
    bool same = brama_str_eq(a->issuer, b->issuer) && brama_str_eq(a->jwks_uri, b->jwks_uri) &&
                a->from_header_count == b->from_header_count &&
                same_texts(a->from_params, b->from_params);
    for (size_t i = 0; same && i < a->from_header_count; i++)
        same = brama_str_eq(a->from_headers[i].name, b->from_headers[i].name) &&
               brama_str_eq(a->from_headers[i].prefix, b->from_headers[i].prefix);
    return same;
}

static bool same_auths(const struct brama_jwt_istio *a, const struct brama_jwt_istio *b)
{
    bool same = a->auth_count == b->auth_count;
    for (size_t i = 0; same && i < a->auth_count; i++)
        same = same_auth(&a->auths[i], &b->auths[i]);
    return same;
}

static void jwt_rule(const struct brama__rendering *r, const struct brama_jwt_auth *auth)
{
    brama_json_map(r->out);
    brama_json_member(r->out, BRAMA_STR("issuer"), auth->issuer);
    brama_json_member(r->out, BRAMA_STR("jwksUri"), auth->jwks_uri);
    brama_json_key(r->out, BRAMA_STR("forwardOriginalToken"));
    brama_json_bool(r->out, true);
    if (auth->from_header_count != 0) {
        brama_json_key(r->out, BRAMA_STR("fromHeaders"));
        brama_json_list(r->out);
        for (size_t i = 0; i < auth->from_header_count; i++) {
            brama_json_map(r->out);
            brama_json_member(r->out, BRAMA_STR("name"), auth->from_headers[i].name);
            if (auth->from_headers[i].prefix.n != 0)
                brama_json_member(r->out, BRAMA_STR("prefix"), auth->from_headers[i].prefix);
            brama_json_end(r->out);
        }
        brama_json_end(r->out);
    }
    if (auth->from_params.n != 0)
        brama__render_texts(r, "fromParams", auth->from_params);
    brama_json_end(r->out);
}

/* An earlier rule of the same Service with the same authentications has written it. */
static bool is_written(const struct brama__rendering *r, size_t index)
{
    const struct brama_rule *rules = r->apirule->rules;
    struct brama_service_ref mine = brama_rule_service(r->apirule, &rules[index]);

    for (size_t i = 0; i < index; i++) {
        const struct brama_jwt_istio *jwt = brama__rule_jwt(r, &rules[i]);
        struct brama_service_ref other = brama_rule_service(r->apirule, &rules[i]);
        if (jwt != NULL && brama_str_eq(mine.name, other.name) && brama_str_eq(mine.ns, other.ns) &&
            same_auths(jwt, brama__rule_jwt(r, &rules[index])))
            return true;
    }
    return false;
}

void brama__render_request_authentications(const struct brama__rendering *r)
{
    for (size_t i = 0; i < r->apirule->rule_count; i++) {
        const struct brama_rule *rule = &r->apirule->rules[i];
        const struct brama_jwt_istio *jwt = brama__rule_jwt(r, rule);
        if (jwt == NULL || is_written(r, i))
            continue;
        brama__render_begin(r, SECURITY, "RequestAuthentication",
                            brama_rule_service(r->apirule, rule).ns, NULL);
        brama__render_selector(r, rule);
        brama_json_key(r->out, BRAMA_STR("jwtRules"));
        brama_json_list(r->out);
        for (size_t k = 0; k < jwt->auth_count; k++)
            jwt_rule(r, &jwt->auths[k]);
        brama_json_end(r->out);
        brama__render_end(r);
    }
}

static bool is_root(brama_str path)
{
    return brama_str_eq(path, BRAMA_STR("/")) || brama_str_eq(path, BRAMA_STR("/*")) ||
           brama_str_eq(path, BRAMA_STR("/{**}"));
}

static brama_str policy_path(const struct brama__rendering *r, brama_str path)
{
    if (r->v2)
        return brama_str_eq(path, BRAMA_STR("/*")) ? BRAMA_STR("/{**}") : path;
    return brama_str_eq(path, BRAMA_STR("/.*")) ? BRAMA_STR("/*") : path;
}

/* Paths of the rules that share a method and stand before the first rule of this path. Root paths
 * are passed over, so where the path itself is one, nothing ends the list. */
static void not_paths(const struct brama__rendering *r, const struct brama_rule *rule)
{
    bool open = false;

    for (size_t i = 0; r->v2 && i < r->apirule->rule_count; i++) {
        const struct brama_rule *other = &r->apirule->rules[i];
        if (is_root(other->path))
            continue;
        if (brama_str_eq(other->path, rule->path))
            break;
        if ((other->methods & rule->methods) == 0)
            continue;
        if (!open) {
            brama_json_key(r->out, BRAMA_STR("notPaths"));
            brama_json_list(r->out);
            open = true;
        }
        brama_json_str(r->out, policy_path(r, other->path));
    }
    if (open)
        brama_json_end(r->out);
}

static void to_operation(const struct brama__rendering *r, const struct brama_rule *rule)
{
    brama_str path = policy_path(r, rule->path);

    brama_json_map(r->out);
    if (r->v2)
        brama__render_texts(r, "hosts", (struct brama_str_list){&r->apirule->full_host, 1});
    brama__render_methods(r, rule->methods);
    brama__render_texts(r, "paths", (struct brama_str_list){&path, 1});
    not_paths(r, rule);
    brama_json_end(r->out);
}

static void to(const struct brama__rendering *r, const struct brama_rule *rule)
{
    brama_json_key(r->out, BRAMA_STR("to"));
    brama_json_list(r->out);
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("operation"));
    to_operation(r, rule);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

static void principals(const struct brama__rendering *r, const char *who)
{
    brama_str name = brama_str_c(who);
    brama__render_texts(r, "principals", (struct brama_str_list){&name, 1});
}

static void from(const struct brama__rendering *r, const struct brama_rule *rule,
                 const struct brama_jwt_istio *jwt)
{
    brama_json_key(r->out, BRAMA_STR("from"));
    brama_json_list(r->out);
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("source"));
    brama_json_map(r->out);
    if (jwt != NULL) {
        brama_json_key(r->out, BRAMA_STR("requestPrincipals"));
        brama_json_list(r->out);
        for (size_t i = 0; i < jwt->auth_count; i++) {
            struct brama_buf name;
            brama_buf_init(&name, r->out->buf->alloc, SIZE_MAX);
            brama_buf_add(&name, jwt->auths[i].issuer);
            brama_buf_add(&name, BRAMA_STR("/*"));
            brama_json_str(r->out, brama__render_aside(r, &name));
            brama_buf_deinit(&name);
        }
        brama_json_end(r->out);
    }
    if (jwt == NULL || r->v2)
        principals(r, brama__rule_by_oathkeeper(r, rule) ? OATHKEEPER : INGRESS);
    brama_json_end(r->out);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

static void claim(const struct brama__rendering *r, const char *name, const brama_str *value)
{
    brama_json_map(r->out);
    brama__render_member(r, "key", "request.auth.claims[%s]", name);
    brama__render_texts(r, "values", (struct brama_str_list){value, 1});
    brama_json_end(r->out);
}

/* scope_claim: NULL where no scopes are asked for. */
static void policy_rule(const struct brama__rendering *r, const struct brama_rule *rule,
                        const struct brama_jwt_istio *jwt, const struct brama_jwt_authz *authz,
                        const char *scope_claim)
{
    size_t scopes = scope_claim != NULL ? authz->scopes.n : 0;
    size_t audiences = authz != NULL ? authz->audiences.n : 0;

    brama_json_map(r->out);
    from(r, rule, jwt);
    to(r, rule);
    if (scopes + audiences != 0) {
        brama_json_key(r->out, BRAMA_STR("when"));
        brama_json_list(r->out);
        for (size_t i = 0; i < scopes; i++)
            claim(r, scope_claim, &authz->scopes.p[i]);
        for (size_t i = 0; i < audiences; i++)
            claim(r, "aud", &authz->audiences.p[i]);
        brama_json_end(r->out);
    }
    brama_json_end(r->out);
}

/* Same Service and same paths, methods and hosts: same hash. */
static uint64_t hash_of(const struct brama__rendering *r, const struct brama_rule *rule)
{
    struct brama_buf buf;
    struct brama_json_out out;
    struct brama__rendering aside = *r;

    brama_buf_init(&buf, r->out->buf->alloc, SIZE_MAX);
    brama_json_out_init(&out, &buf, 0);
    aside.out = &out;
    brama_json_map(&out);
    brama__render_selector(&aside, rule);
    to(&aside, rule);
    brama_json_end(&out);
    uint64_t hash = brama_str_hash(brama__render_aside(r, &buf));
    brama_buf_deinit(&buf);
    return hash;
}

/* Up to its rules, which are left open. */
static void begin_policy(const struct brama__rendering *r, const struct brama_rule *rule,
                         size_t index, const brama_str *authorizer)
{
    brama_str ns = brama_rule_service(r->apirule, rule).ns;
    char number[24], hash[40];

    snprintf(number, sizeof(number), "%zu", index);
    snprintf(hash, sizeof(hash), "%" PRIx64 ".%" PRIx64, brama_str_hash(ns), hash_of(r, rule));
    brama__render_begin(r, SECURITY, "AuthorizationPolicy", ns,
                        (const char *const[]){"gateway.kyma-project.io/index", number,
                                              "gateway.kyma-project.io/hash", hash, NULL});
    if (authorizer != NULL) {
        brama_json_member(r->out, BRAMA_STR("action"), BRAMA_STR("CUSTOM"));
        brama_json_key(r->out, BRAMA_STR("provider"));
        brama_json_map(r->out);
        brama_json_member(r->out, BRAMA_STR("name"), *authorizer);
        brama_json_end(r->out);
    }
    brama__render_selector(r, rule);
    brama_json_key(r->out, BRAMA_STR("rules"));
    brama_json_list(r->out);
}

static void end_policy(const struct brama__rendering *r)
{
    brama_json_end(r->out);
    brama__render_end(r);
}

/* Who asks somebody else doesn't ask who calls. */
static void custom_policy(const struct brama__rendering *r, const struct brama_rule *rule,
                          size_t index, const brama_str *authorizer)
{
    begin_policy(r, rule, index, authorizer);
    brama_json_map(r->out);
    to(r, rule);
    brama_json_end(r->out);
    end_policy(r);
}

static void allow_policy(const struct brama__rendering *r, const struct brama_rule *rule,
                         size_t index, const struct brama_jwt_istio *jwt,
                         const struct brama_jwt_authz *authz)
{
    static const char *const claims[] = {"scp", "scope", "scopes"};

    begin_policy(r, rule, index, NULL);
    if (authz == NULL || authz->scopes.n == 0)
        policy_rule(r, rule, jwt, authz, NULL);
    else
        for (size_t i = 0; i < BRAMA_ARRAY_LEN(claims); i++)
            policy_rule(r, rule, jwt, authz, claims[i]);
    end_policy(r);
}

static bool has_policies(const struct brama__rendering *r)
{
    bool any = r->v2;
    for (size_t i = 0; r->handler == BRAMA_HANDLER_ISTIO && i < r->apirule->rule_count; i++)
        any = any || brama__rule_has(&r->apirule->rules[i], BRAMA_STRATEGY_JWT) ||
              brama__rule_has(&r->apirule->rules[i], BRAMA_STRATEGY_NO_AUTH);
    return any;
}

void brama__render_authorization_policies(const struct brama__rendering *r)
{
    if (!has_policies(r))
        return;
    for (size_t i = 0; i < r->apirule->rule_count; i++) {
        const struct brama_rule *rule = &r->apirule->rules[i];
        const struct brama_jwt_istio *jwt = brama__rule_jwt(r, rule);
        const struct brama_strategy *first = &rule->strategies[0];
        size_t count = jwt != NULL ? jwt->authz_count : 0, index = 0;

        for (size_t k = 0; first->kind == BRAMA_STRATEGY_EXT_AUTH && k < first->authorizers.n; k++)
            custom_policy(r, rule, index++, &first->authorizers.p[k]);
        for (size_t k = 0; k < count; k++)
            allow_policy(r, rule, index++, jwt, &jwt->authz[k]);
        if (count == 0)
            allow_policy(r, rule, index, jwt, NULL);
    }
}
