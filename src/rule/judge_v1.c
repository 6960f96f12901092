/* v1alpha1 and v1beta1 as Kyma 3.1 judges them, in its order. apirule.md section 3.2; the numbers
 * in the comments are that table's. */
#include <stdlib.h>

#include "rule/judging.h"
#include "rule/reading.h"
#include "rule/uri.h"

static bool is_secure(enum brama_strategy_kind kind)
{
    return kind == BRAMA_STRATEGY_JWT || kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION ||
           kind == BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS ||
           kind == BRAMA_STRATEGY_COOKIE_SESSION;
}

static bool is_unsecure(enum brama_strategy_kind kind)
{
    return kind == BRAMA_STRATEGY_NOOP || kind == BRAMA_STRATEGY_NO_AUTH ||
           kind == BRAMA_STRATEGY_ALLOW || kind == BRAMA_STRATEGY_UNAUTHORIZED ||
           kind == BRAMA_STRATEGY_ANONYMOUS;
}

static bool is_empty_config(const struct brama_node *config)
{
    return config == NULL || config->kind == BRAMA_NODE_NULL ||
           (config->kind == BRAMA_NODE_MAP && config->count == 0);
}

/* 2 to 6 */
static void judge_host(struct brama__judging *j)
{
    const struct brama_apirule *rule = j->rule;

    if (rule->host.n == 0) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_HOST_NIL), ".spec.host");
        return;
    }
    if (rule->full_host.n == 0)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_NO_DOMAIN), ".spec.host");
    if (j->occupied)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_OCCUPIED), ".spec.host");
}

static int by_path(const void *a, const void *b)
{
    const struct brama_rule *const *x = a, *const *y = b;

    return brama_str_cmp((*x)->path, (*y)->path);
}

/* 8 */
static bool has_pair_twice(struct brama__judging *j)
{
    const struct brama_apirule *rule = j->rule;
    brama_methods seen = 0;
    bool twice = false;

    if (rule->rule_count < 2)
        return false;
    const struct brama_rule **all = brama_arena_array(j->arena, rule->rule_count, sizeof(*all));
    if (all == NULL)
        return false;
    for (size_t i = 0; i < rule->rule_count; i++)
        all[i] = &rule->rules[i];
    qsort(all, rule->rule_count, sizeof(*all), by_path);
    for (size_t i = 0; i < rule->rule_count; i++) {
        if (i == 0 || !brama_str_eq(all[i]->path, all[i - 1]->path))
            seen = 0;
        twice = twice || (seen & all[i]->methods) != 0 || all[i]->methods_twice != 0;
        seen = (brama_methods)(seen | all[i]->methods);
    }
    return twice;
}

/* 11: in this order, each at its first occurrence */
static void judge_exclusive(struct brama__judging *j, size_t i)
{
    static const enum brama_strategy_kind ory[] = {BRAMA_STRATEGY_ALLOW, BRAMA_STRATEGY_NO_AUTH,
                                                   BRAMA_STRATEGY_NOOP};
    static const enum brama_strategy_kind istio[] = {BRAMA_STRATEGY_ALLOW, BRAMA_STRATEGY_NO_AUTH,
                                                     BRAMA_STRATEGY_JWT, BRAMA_STRATEGY_NOOP};
    const struct brama_rule *rule = &j->rule->rules[i];
    bool is_istio = j->handler == BRAMA_HANDLER_ISTIO;

    if (rule->strategy_count < 2)
        return;
    for (size_t e = 0; e < (is_istio ? BRAMA_ARRAY_LEN(istio) : BRAMA_ARRAY_LEN(ory)); e++) {
        for (size_t k = 0; k < rule->strategy_count; k++) {
            const struct brama_strategy *s = &rule->strategies[k];
            if (s->kind != (is_istio ? istio[e] : ory[e]))
                continue;
            brama__fail(j, s->where,
                        brama_arena_printf(j->arena, BRAMA__TEXT_V1_NOT_ALONE, BRAMA_FMT(s->name)),
                        ".spec.rules[%zu].accessStrategies.accessStrategies[%zu].handler", i, k);
            break;
        }
    }
}

static void judge_uri_list(struct brama__judging *j, struct brama_where where, brama_str at,
                           const char *key, struct brama_str_list list)
{
    for (size_t k = 0; k < list.n; k++) {
        brama_str error = brama__judge_uri(j, list.p[k]);
        if (error.n != 0)
            brama__fail(j, where, brama_arena_printf(j->arena, BRAMA__TEXT_URI, BRAMA_FMT(error)),
                        "%.*s.%s[%zu]", BRAMA_FMT(at), key, k);
    }
}

/* 3.2.1 */
static void judge_ory(struct brama__judging *j, brama_str at, const struct brama_strategy *s)
{
    if (s->istio.auth_count != 0)
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V1_NOT_ORY), "%.*s.authentications",
                    BRAMA_FMT(at));
    judge_uri_list(j, s->where, at, "trusted_issuers", s->ory.trusted_issuers);
    judge_uri_list(j, s->where, at, "jwks_urls", s->ory.jwks_urls);
}

/* 3.2.2: the path of the second says required_scopes, where the key is required_scope */
static void judge_istio(struct brama__judging *j, brama_str at, const struct brama_strategy *s,
                        brama_str strategy_path)
{
    const struct {
        const char *name;
        size_t n;
    } keys[] = {{"jwks_urls", s->ory.jwks_urls.n},
                {"required_scopes", s->ory.required_scope.n},
                {"trusted_issuers", s->ory.trusted_issuers.n}};

    for (size_t k = 0; k < BRAMA_ARRAY_LEN(keys); k++)
        if (keys[k].n != 0)
            brama__fail(j, s->where,
                        brama_arena_printf(j->arena, BRAMA__TEXT_V1_NOT_ISTIO, keys[k].name),
                        "%.*s.%s", BRAMA_FMT(at), keys[k].name);
    brama__judge_jwt(j, at, s, strategy_path);
}

/* 13 to 19 */
static void judge_strategy(struct brama__judging *j, size_t i, size_t k)
{
    const struct brama_strategy *s = &j->rule->rules[i].strategies[k];
    brama_str path = brama__strategy_path(j, i, k);
    brama_str at = BRAMA_JOIN(j->arena, path, BRAMA_STR(".config"));
    brama_str error;

    switch (s->kind) {
    case BRAMA_STRATEGY_UNKNOWN:
    case BRAMA_STRATEGY_EXT_AUTH:
        brama__fail(j, s->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V1_STRATEGY, BRAMA_FMT(s->name)),
                    "%.*s.handler", BRAMA_FMT(path));
        return;
    case BRAMA_STRATEGY_ALLOW:
    case BRAMA_STRATEGY_NO_AUTH:
    case BRAMA_STRATEGY_NOOP:
    case BRAMA_STRATEGY_UNAUTHORIZED:
    case BRAMA_STRATEGY_ANONYMOUS:
    case BRAMA_STRATEGY_COOKIE_SESSION:
        if (!is_empty_config(s->config))
            brama__fail(j, s->where,
                        brama_arena_printf(j->arena, BRAMA__TEXT_V1_CONFIG, BRAMA_FMT(s->name)),
                        "%.*s", BRAMA_FMT(at));
        return;
    case BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS:
    case BRAMA_STRATEGY_OAUTH2_INTROSPECTION:
        return;
    case BRAMA_STRATEGY_JWT:
        break;
    }
    if (j->handler == BRAMA_HANDLER_ISTIO)
        brama__judge_injection(j, i, path);
    if (is_empty_config(s->config)) {
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V1_CONFIG_EMPTY), "%.*s", BRAMA_FMT(at));
        return;
    }
    error = brama__jwt_decode_error(j->arena, s->config);
    if (error.n != 0)
        brama__fail(j, s->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V1_JSON, BRAMA_FMT(error)), "%.*s",
                    BRAMA_FMT(at));
    else if (j->handler == BRAMA_HANDLER_ISTIO)
        judge_istio(j, at, s, path);
    else
        judge_ory(j, at, s);
}

/* 9 to 21 */
static void judge_rule(struct brama__judging *j, size_t i)
{
    const struct brama_rule *rule = &j->rule->rules[i];
    bool secure = false, unsecure = false, jwt = false;

    if (!rule->service.given && !j->rule->service.given) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_NO_SERVICE),
                    ".spec.rules[%zu].service", i);
        return;
    }
    if (rule->strategy_count == 0)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_NO_STRATEGY),
                    ".spec.rules[%zu].accessStrategies", i);
    judge_exclusive(j, i);
    for (size_t k = 0; k < rule->strategy_count; k++) {
        secure = secure || is_secure(rule->strategies[k].kind);
        unsecure = unsecure || is_unsecure(rule->strategies[k].kind);
        jwt = jwt || rule->strategies[k].kind == BRAMA_STRATEGY_JWT;
    }
    if (secure && unsecure)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V1_SECURE_MIX),
                    ".spec.rules[%zu].accessStrategies", i);
    for (size_t k = 0; k < rule->strategy_count; k++)
        judge_strategy(j, i, k);
    if (jwt && j->handler == BRAMA_HANDLER_ISTIO)
        brama__judge_mutators(j, i);
}

/* 3.2.4: an undecodable config is named a second time, and ends the search */
static void judge_across(struct brama__judging *j)
{
    const struct brama_apirule *rule = j->rule;

    for (size_t i = 0; i < rule->rule_count; i++) {
        for (size_t k = 0; k < rule->rules[i].strategy_count; k++) {
            const struct brama_strategy *s = &rule->rules[i].strategies[k];
            if (s->kind != BRAMA_STRATEGY_JWT || is_empty_config(s->config))
                continue;
            brama_str error = brama__jwt_decode_error(j->arena, s->config);
            if (error.n == 0)
                continue;
            brama__fail(j, s->where,
                        brama_arena_printf(j->arena, BRAMA__TEXT_V1_JSON, BRAMA_FMT(error)),
                        ".spec.rules[%zu].accessStrategy[%zu]", i, k);
            return;
        }
    }
    brama__judge_issuers(j);
}

void brama__judge_v1(struct brama__judging *j)
{
    judge_host(j);
    if (j->rule->rule_count == 0) {
        brama__fail(j, j->rule->where, BRAMA_STR(BRAMA__TEXT_NO_RULES), ".spec.rules");
        return;
    }
    if (has_pair_twice(j))
        brama__fail(j, j->rule->where, BRAMA_STR(BRAMA__TEXT_V1_PATH_TWICE), ".spec.rules");
    for (size_t i = 0; i < j->rule->rule_count; i++)
        judge_rule(j, i);
    if (j->handler == BRAMA_HANDLER_ISTIO)
        judge_across(j);
}
