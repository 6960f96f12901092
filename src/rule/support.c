/* What Kyma accepts and this version can't enforce: each is a failure that names the thing. Runs
 * after Kyma's own checks, on rules that passed them. When in doubt the answer is no: a config that
 * somebody wrote to restrict a path must never be read as nothing. */
#include "rule/judging.h"
#include "rule/reading.h"
#include "rule/uri.h"
#include "template/envoy.h"

brama_str brama__unsupported(struct brama__judging *j, brama_str what)
{
    return brama_arena_printf(j->arena, BRAMA__TEXT_UNSUPPORTED, BRAMA_FMT(what));
}

/* The algorithms that Oathkeeper verifies with a public key, and the two that it knows and refuses
 * though they are listed. What is left are HS*: it would take a symmetric key from a key set. */
static bool is_algorithm(brama_str alg)
{
    static const brama_str families[] = {BRAMA_LIT("RS"), BRAMA_LIT("PS"), BRAMA_LIT("ES")};
    static const brama_str sizes[] = {BRAMA_LIT("256"), BRAMA_LIT("384"), BRAMA_LIT("512")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(families); i++)
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(sizes); k++)
            if (alg.n == 5 && brama_str_starts(alg, families[i]) && brama_str_ends(alg, sizes[k]))
                return true;
    return brama_str_eq(alg, BRAMA_STR("EdDSA")) || brama_str_eq(alg, BRAMA_STR("none"));
}

/* Is the member a list of strings, or absent? */
static bool is_texts(const struct brama_node *config, brama_str key)
{
    const struct brama_node *node = brama_node_get(config, key);

    if (node == NULL)
        return true;
    if (node->kind != BRAMA_NODE_LIST)
        return false;
    for (const struct brama_node *item = node->first; item != NULL; item = item->next)
        if (item->kind != BRAMA_NODE_STR)
            return false;
    return true;
}

static void check_ory_lists(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    static const brama_str lists[] = {BRAMA_LIT("jwks_urls"), BRAMA_LIT("trusted_issuers"),
                                      BRAMA_LIT("required_scope"), BRAMA_LIT("target_audience"),
                                      BRAMA_LIT("allowed_algorithms")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(lists); i++)
        if (!is_texts(s->config, lists[i]))
            brama__fail(j, s->where,
                        brama__unsupported(j, brama_arena_printf(j->arena, "this form of %.*s",
                                                                 BRAMA_FMT(lists[i]))),
                        "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(lists[i]));
    /* Absent, that of the Oathkeeper which Kyma installs holds. */
    if (s->ory.jwks_urls.n == 0 && brama_node_get(s->config, BRAMA_STR("jwks_urls")) != NULL)
        brama__fail(j, s->where, brama__unsupported(j, BRAMA_STR("an empty jwks_urls")),
                    "%.*s.jwks_urls", BRAMA_FMT(at));
    for (size_t i = 0; i < s->ory.jwks_urls.n; i++)
        if (!brama__judge_fetchable(j, s->ory.jwks_urls.p[i]))
            brama__fail(j, s->where,
                        brama__unsupported(
                            j, BRAMA_STR("a key set that isn't at an http, https or file URL")),
                        "%.*s.jwks_urls[%zu]", BRAMA_FMT(at), i);
    for (size_t i = 0; i < s->ory.allowed_algorithms.n; i++) {
        brama_str alg = s->ory.allowed_algorithms.p[i];
        if (!is_algorithm(alg))
            brama__fail(j, s->where,
                        brama__unsupported(
                            j, brama_arena_printf(j->arena, "algorithm \"%.*s\"", BRAMA_FMT(alg))),
                        "%.*s.allowed_algorithms[%zu]", BRAMA_FMT(at), i);
    }
}

bool brama__is_token_from(const struct brama_node *node)
{
    return node->kind == BRAMA_NODE_MAP && node->count == 1 &&
           node->first->kind == BRAMA_NODE_STR && node->first->text.n != 0 &&
           (brama_str_eq(node->first->key, BRAMA_STR("header")) ||
            brama_str_eq(node->first->key, BRAMA_STR("query_parameter")) ||
            brama_str_eq(node->first->key, BRAMA_STR("cookie")));
}

bool brama__is_scope_strategy(const struct brama_node *node)
{
    static const brama_str names[] = {BRAMA_LIT("none"), BRAMA_LIT("exact"),
                                      BRAMA_LIT("hierarchic"), BRAMA_LIT("wildcard")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (node->kind == BRAMA_NODE_STR && brama_str_eq(node->text, names[i]))
            return true;
    return false;
}

/* Oathkeeper reads both from its own configuration only; in a rule they have to be durations and
 * do nothing. oathkeeper.md 2.8. */
static void check_ory_times(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    static const brama_str keys[] = {BRAMA_LIT("jwks_max_wait"), BRAMA_LIT("jwks_ttl")};
    uint64_t ignored;

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(keys); i++) {
        const struct brama_node *node = brama_node_get(s->config, keys[i]);
        if (node != NULL && !brama_ory_duration_read(node, &ignored))
            brama__fail(j, node->where,
                        brama__unsupported(j, brama_arena_printf(j->arena, "this form of %.*s",
                                                                 BRAMA_FMT(keys[i]))),
                        "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(keys[i]));
    }
}

static void check_ory(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    const struct brama_node *strategy = brama_node_get(s->config, BRAMA_STR("scope_strategy"));
    const struct brama_node *from = brama_node_get(s->config, BRAMA_STR("token_from"));
    const struct brama_node *authz = brama_node_get(s->config, BRAMA_STR("authorizations"));
    const struct brama_node *authn = brama_node_get(s->config, BRAMA_STR("authentications"));

    check_ory_lists(j, at, s);
    check_ory_times(j, at, s);
    if (strategy != NULL && !brama__is_scope_strategy(strategy))
        brama__fail(j, strategy->where, brama__unsupported(j, BRAMA_STR("this scope_strategy")),
                    "%.*s.scope_strategy", BRAMA_FMT(at));
    if (from != NULL && !brama__is_token_from(from))
        brama__fail(j, from->where, brama__unsupported(j, BRAMA_STR("this form of token_from")),
                    "%.*s.token_from", BRAMA_FMT(at));
    if (authz != NULL)
        brama__fail(j, authz->where,
                    brama__unsupported(j, BRAMA_STR("authorizations with the Ory handler")),
                    "%.*s.authorizations", BRAMA_FMT(at));
    if (authn != NULL)
        brama__fail(j, authn->where,
                    brama__unsupported(j, BRAMA_STR("authentications with the Ory handler")),
                    "%.*s.authentications", BRAMA_FMT(at));
}

static void check_istio_keys(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    static const brama_str keys[] = {
        BRAMA_LIT("jwks_urls"),       BRAMA_LIT("trusted_issuers"),    BRAMA_LIT("required_scope"),
        BRAMA_LIT("target_audience"), BRAMA_LIT("allowed_algorithms"), BRAMA_LIT("scope_strategy"),
        BRAMA_LIT("token_from"),      BRAMA_LIT("jwks_max_wait"),      BRAMA_LIT("jwks_ttl")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(keys); i++) {
        const struct brama_node *node = brama_node_get(s->config, keys[i]);
        if (node != NULL)
            brama__fail(
                j, node->where,
                brama__unsupported(j, brama_arena_printf(j->arena, "%.*s with the Istio handler",
                                                         BRAMA_FMT(keys[i]))),
                "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(keys[i]));
    }
}

static void check_istio(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    for (size_t k = 0; k < s->istio.auth_count; k++) {
        const struct brama_jwt_auth *auth = &s->istio.auths[k];
        if (!brama__judge_fetchable(j, auth->jwks_uri))
            brama__fail(j, auth->where,
                        brama__unsupported(
                            j, BRAMA_STR("a key set that isn't at an http, https or file URL")),
                        "%.*s.authentications[%zu].jwksUri", BRAMA_FMT(at), k);
        if (auth->from_header_count != 0 && auth->from_headers[0].name.n == 0)
            brama__fail(j, auth->where, brama__unsupported(j, BRAMA_STR("a header without a name")),
                        "%.*s.authentications[%zu].fromHeaders[0].name", BRAMA_FMT(at), k);
        if (auth->from_params.n != 0 && auth->from_params.p[0].n == 0)
            brama__fail(j, auth->where,
                        brama__unsupported(j, BRAMA_STR("a parameter without a name")),
                        "%.*s.authentications[%zu].fromParams[0]", BRAMA_FMT(at), k);
    }
}

static void check_v1_jwt(struct brama__judging *j, size_t i, size_t k)
{
    const struct brama_strategy *s = &j->rule->rules[i].strategies[k];
    brama_str at = BRAMA_JOIN(j->arena, brama__strategy_path(j, i, k), BRAMA_STR(".config"));
    struct brama__unknown unknown = brama__jwt_unknown_key(j->arena, s->config);

    if (unknown.node != NULL) {
        brama_str message = brama__unsupported(j, unknown.node->key);
        if (unknown.meant.n != 0)
            message = brama_arena_printf(j->arena, BRAMA__TEXT_MEANT, BRAMA_FMT(message),
                                         BRAMA_FMT(unknown.meant));
        brama__fail(j, unknown.node->key_where, message, "%.*s.%.*s", BRAMA_FMT(at),
                    BRAMA_FMT(unknown.path));
    }
    if (j->handler == BRAMA_HANDLER_ISTIO) {
        check_istio_keys(j, at, s);
        check_istio(j, at, s);
    } else {
        check_ory(j, at, s);
    }
}

bool brama__is_of_the_connection(brama_str name)
{
    static const brama_str names[] = {
        BRAMA_LIT("host"),       BRAMA_LIT("content-length"),   BRAMA_LIT("transfer-encoding"),
        BRAMA_LIT("connection"), BRAMA_LIT("keep-alive"),       BRAMA_LIT("upgrade"),
        BRAMA_LIT("te"),         BRAMA_LIT("proxy-connection"), BRAMA_LIT("trailer"),
        BRAMA_LIT("expect")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_str_eq_nocase(names[i], name))
            return true;
    return false;
}

/* Empty: Envoy takes the value, and so do we. */
static brama_str wrong_with_value(struct brama__judging *j, const char *what,
                                  const struct brama_name_value *pair)
{
    struct brama_envoy_value ignored;
    struct brama_diag diag = {0};

    enum brama_err err = brama_envoy_read(&ignored, j->arena, pair->value, &diag);
    if (err == BRAMA_OK || err == BRAMA_ERR_NOMEM)
        return BRAMA_NIL;
    if (err == BRAMA_ERR_UNSUPPORTED)
        return brama__unsupported(j, brama_arena_printf(j->arena, "%s in %s \"%.*s\"", diag.what,
                                                        what, BRAMA_FMT(pair->name)));
    return brama_arena_printf(j->arena, BRAMA__TEXT_ENVOY, what, BRAMA_FMT(pair->name), diag.what);
}

static void check_pairs(struct brama__judging *j, size_t i, const struct brama_name_value *pairs,
                        size_t count, bool cookies)
{
    const char *what = cookies ? "cookie" : "header";
    const char *list = brama_api_is_v1(j->rule->version) ? "mutators" : "request";

    for (size_t k = 0; k < count; k++) {
        brama_str name = pairs[k].name;
        const char *why = NULL;
        brama_str message = BRAMA_NIL;
        if (!brama_str_is_token(name) || (!cookies && brama__is_of_the_connection(name)))
            why = "setting";
        else if (brama_str_has_control(pairs[k].value))
            why = "a control character in";
        else
            message = wrong_with_value(j, what, &pairs[k]);
        if (why != NULL)
            message = brama__unsupported(
                j, brama_arena_printf(j->arena, "%s %s \"%.*s\"", why, what, BRAMA_FMT(name)));
        if (message.n != 0)
            brama__fail(j, pairs[k].where, message, ".spec.rules[%zu].%s.%ss.%.*s", i, list, what,
                        BRAMA_FMT(name));
    }
}

/* True if its requests go through Oathkeeper. */
static bool check_v1_strategy(struct brama__judging *j, size_t i, size_t k)
{
    const struct brama_rule *rule = &j->rule->rules[i];
    const struct brama_strategy *s = &rule->strategies[k];

    switch (s->kind) {
    case BRAMA_STRATEGY_ALLOW:
    case BRAMA_STRATEGY_NO_AUTH:
        return false;
    case BRAMA_STRATEGY_NOOP:
    case BRAMA_STRATEGY_UNAUTHORIZED:
    case BRAMA_STRATEGY_ANONYMOUS:
    case BRAMA_STRATEGY_COOKIE_SESSION:
        return true;
    case BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS:
    case BRAMA_STRATEGY_OAUTH2_INTROSPECTION:
        brama__judge_oauth2(j, i, k);
        return true;
    case BRAMA_STRATEGY_JWT:
        check_v1_jwt(j, i, k);
        if (j->handler != BRAMA_HANDLER_ISTIO)
            return true;
        check_pairs(j, i, rule->headers, rule->header_count, false);
        check_pairs(j, i, rule->cookies, rule->cookie_count, true);
        return false;
    case BRAMA_STRATEGY_UNKNOWN:
    case BRAMA_STRATEGY_EXT_AUTH:
        break;
    }
    brama__fail(j, s->where,
                brama__unsupported(
                    j, brama_arena_printf(j->arena, "access strategy %.*s", BRAMA_FMT(s->name))),
                ".spec.rules[%zu].accessStrategies[%zu].handler", i, k);
    return false;
}

static void check_v1_rule(struct brama__judging *j, size_t i)
{
    bool ory = false;

    for (size_t k = 0; k < j->rule->rules[i].strategy_count; k++)
        ory = check_v1_strategy(j, i, k) || ory;
    if (ory)
        brama__judge_ory_mutators(j, i);
}

/* Authorizers that are there and over HTTP, which Kyma has seen to. */
static void check_authorizers(struct brama__judging *j, size_t i, const struct brama_strategy *s)
{
    for (size_t k = 0; k < s->authorizers.n; k++) {
        const struct brama_authorizer *a = brama_world_authorizer(j->world, s->authorizers.p[k]);
        brama_str why = a == NULL           ? BRAMA_NIL
                        : a->problem.n != 0 ? a->problem
                        : a->body_max_bytes > BRAMA_CHECK_BODY_MAX
                            ? BRAMA_STR("includeRequestBodyInCheck.maxRequestBytes above 1048576")
                            : BRAMA_NIL;
        if (why.n != 0)
            brama__fail(
                j, s->where,
                brama__unsupported(j, brama_arena_printf(j->arena, "authorizer \"%.*s\" (%.*s)",
                                                         BRAMA_FMT(a->name), BRAMA_FMT(why))),
                ".spec.rules[%zu].extAuth.authorizers[%zu]", i, k);
    }
}

static void check_v2_rule(struct brama__judging *j, size_t i)
{
    const struct brama_rule *rule = &j->rule->rules[i];
    const struct brama_strategy *s = &rule->strategies[0];

    if (s->kind == BRAMA_STRATEGY_JWT) {
        brama_str at = brama__rule_path(j, i, BRAMA_STR(".jwt"));
        check_istio(j, at, s);
    } else if (s->kind == BRAMA_STRATEGY_EXT_AUTH) {
        brama_str at = brama__rule_path(j, i, BRAMA_STR(".extAuth.restrictions"));
        check_istio(j, at, s);
        check_authorizers(j, i, s);
    }
    check_pairs(j, i, rule->headers, rule->header_count, false);
    check_pairs(j, i, rule->cookies, rule->cookie_count, true);
}

void brama__judge_support(struct brama__judging *j)
{
    bool v1 = brama_api_is_v1(j->rule->version);

    /* Kyma doesn't ask; nobody could reach it, and nobody would be told. */
    if (v1 && j->gateway == NULL && !j->built_in)
        brama__fail(
            j, j->rule->where,
            brama_arena_printf(j->arena, BRAMA__TEXT_NO_GATEWAY, BRAMA_FMT(j->rule->gateway)),
            ".spec.gateway");
    for (size_t i = 0; i < j->rule->rule_count; i++) {
        if (v1)
            check_v1_rule(j, i);
        else
            check_v2_rule(j, i);
    }
}
