/* v1alpha1 and v1beta1: host and service at other places, else the same. apirule.md
 * sections 1.1, 1.2. */
#include "rule/messages.h"
#include "rule/pattern.h"
#include "rule/reading.h"

static const struct {
    brama_str name;
    enum brama_strategy_kind kind;
} kinds[] = {
    {BRAMA_LIT("allow"), BRAMA_STRATEGY_ALLOW},
    {BRAMA_LIT("no_auth"), BRAMA_STRATEGY_NO_AUTH},
    {BRAMA_LIT("noop"), BRAMA_STRATEGY_NOOP},
    {BRAMA_LIT("unauthorized"), BRAMA_STRATEGY_UNAUTHORIZED},
    {BRAMA_LIT("anonymous"), BRAMA_STRATEGY_ANONYMOUS},
    {BRAMA_LIT("cookie_session"), BRAMA_STRATEGY_COOKIE_SESSION},
    {BRAMA_LIT("oauth2_client_credentials"), BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS},
    {BRAMA_LIT("oauth2_introspection"), BRAMA_STRATEGY_OAUTH2_INTROSPECTION},
    {BRAMA_LIT("jwt"), BRAMA_STRATEGY_JWT},
};

static enum brama_strategy_kind kind_by_name(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(kinds); i++)
        if (brama_str_eq(kinds[i].name, name))
            return kinds[i].kind;
    return BRAMA_STRATEGY_UNKNOWN;
}

/* {handler, config}: of a strategy and of a mutator alike. True if config may be looked at. */
static bool check_handler(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *node)
{
    static const brama_str fields[] = {BRAMA_LIT("handler"), BRAMA_LIT("config")};
    struct brama__at config_at = {at, BRAMA_LIT("config"), 0};

    if (!brama__is_kind(r, at, node, BRAMA_NODE_MAP))
        return false;
    brama__no_others(r, at, node, fields, BRAMA_ARRAY_LEN(fields));
    brama__take_str(r, at, node, BRAMA_STR("handler"), BRAMA__REQUIRED);
    const struct brama_node *config = brama_node_get(node, config_at.name);
    if (config == NULL || config->kind == BRAMA_NODE_NULL)
        return true;
    return brama__is_kind(r, &config_at, config, BRAMA_NODE_MAP);
}

static void read_strategies(struct brama__reading *r, const struct brama__at *at,
                            const struct brama_node *map, struct brama_rule *rule)
{
    struct brama__at here = {at, BRAMA_LIT("accessStrategies"), 0};
    const struct brama_node *list =
        brama__take(r, at, map, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    if (list == NULL || list->count == 0)
        return; /* "No accessStrategies defined" is the judge's to say */
    struct brama_strategy *strategies =
        brama_arena_array(r->arena, list->count, sizeof(*strategies));
    if (strategies == NULL)
        return;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        struct brama_strategy *one = &strategies[i];
        one->where = item->where;
        if (!check_handler(r, &place, item))
            continue;
        one->name = brama_node_get_str(item, BRAMA_STR("handler"));
        one->kind = kind_by_name(one->name);
        one->config = brama_node_get(item, BRAMA_STR("config"));
        if (one->kind == BRAMA_STRATEGY_JWT) {
            brama__read_jwt_istio(r->arena, one->config, &one->istio);
            brama__read_jwt_ory(r->arena, one->config, &one->ory);
        } else if (one->kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION ||
                   one->kind == BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS) {
            brama__read_oauth2(r->arena, one->config, one->kind, &one->oauth2);
        }
    }
    rule->strategies = strategies;
    rule->strategy_count = i;
}

static void read_mutators(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *map, struct brama_rule *rule)
{
    struct brama__at here = {at, BRAMA_LIT("mutators"), 0};
    bool jwt = false;
    size_t i = 0;

    rule->mutators = brama__take(r, at, map, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    if (rule->mutators == NULL)
        return;
    for (size_t j = 0; j < rule->strategy_count; j++)
        jwt = jwt || rule->strategies[j].kind == BRAMA_STRATEGY_JWT;
    for (const struct brama_node *item = rule->mutators->first; item != NULL;
         item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        if (!check_handler(r, &place, item) || !jwt)
            continue;
        brama_str name = brama_node_get_str(item, BRAMA_STR("handler"));
        const struct brama_node *config = brama_node_get(item, BRAMA_STR("config"));
        if (brama_str_eq(name, BRAMA_STR("header")))
            rule->headers = brama__read_pairs(
                r->arena, brama_node_get(config, BRAMA_STR("headers")), &rule->header_count);
        else if (brama_str_eq(name, BRAMA_STR("cookie")))
            rule->cookies = brama__read_pairs(
                r->arena, brama_node_get(config, BRAMA_STR("cookies")), &rule->cookie_count);
    }
}

static void read_rule(struct brama__reading *r, const struct brama__at *at,
                      const struct brama_node *node, struct brama_rule *rule)
{
    static const brama_str fields[] = {
        BRAMA_LIT("path"),     BRAMA_LIT("methods"), BRAMA_LIT("accessStrategies"),
        BRAMA_LIT("mutators"), BRAMA_LIT("service"), BRAMA_LIT("timeout")};
    struct brama__at path_at = {at, BRAMA_LIT("path"), 0};
    bool v1alpha1 = r->out->version == BRAMA_API_V1ALPHA1;

    rule->where = node->where;
    if (!brama__is_kind(r, at, node, BRAMA_NODE_MAP))
        return;
    brama__no_others(r, at, node, fields, v1alpha1 ? 4 : 6);
    const struct brama_node *path =
        brama__take(r, at, node, path_at.name, BRAMA_NODE_STR, BRAMA__REQUIRED);
    if (path != NULL) {
        rule->path = path->text;
        brama__must_match(r, &path_at, path->where, path->text, brama__is_v1_path,
                          BRAMA__PATTERN_V1_PATH);
    }
    rule->methods = brama__read_methods(r, at, node, &rule->methods_twice);
    read_strategies(r, at, node, rule);
    read_mutators(r, at, node, rule);
    if (v1alpha1)
        return;
    rule->service = brama__read_service(r, at, node);
    rule->timeout_s = brama__read_timeout(r, at, node);
}

/* An absent host is the judge's to name. */
static void read_host(struct brama__reading *r, const struct brama__at *at,
                      const struct brama_node *map)
{
    struct brama__at here = {at, BRAMA_LIT("host"), 0};
    const struct brama_node *host =
        brama__take(r, at, map, here.name, BRAMA_NODE_STR, BRAMA__OPTIONAL);

    if (host == NULL)
        return;
    r->out->host = host->text;
    if (host->text.n < 3)
        brama__refuse(r, &here, host->where, BRAMA__TEXT_TOO_SHORT, BRAMA_FMT(host->text),
                      (size_t)3);
    else if (host->text.n > 256)
        brama__refuse(r, &here, host->where, BRAMA__TEXT_TOO_LONG, (size_t)256);
    else
        brama__must_match(r, &here, host->where, host->text, brama__is_v1_host,
                          BRAMA__PATTERN_V1_HOST);
}

void brama__read_v1(struct brama__reading *r, const struct brama_node *spec)
{
    static const brama_str v1alpha1_fields[] = {BRAMA_LIT("service"), BRAMA_LIT("gateway"),
                                                BRAMA_LIT("rules")};
    static const brama_str fields[] = {BRAMA_LIT("service"), BRAMA_LIT("gateway"),
                                       BRAMA_LIT("rules"),   BRAMA_LIT("host"),
                                       BRAMA_LIT("timeout"), BRAMA_LIT("corsPolicy")};
    struct brama__at here = {NULL, BRAMA_LIT("spec"), 0};
    struct brama__at gateway_at = {&here, BRAMA_LIT("gateway"), 0};
    bool v1alpha1 = r->out->version == BRAMA_API_V1ALPHA1;

    if (v1alpha1) {
        struct brama__at service_at = {&here, BRAMA_LIT("service"), 0};
        brama__no_others(r, &here, spec, v1alpha1_fields, BRAMA_ARRAY_LEN(v1alpha1_fields));
        const struct brama_node *service =
            brama__take(r, &here, spec, service_at.name, BRAMA_NODE_MAP, BRAMA__REQUIRED);
        if (service != NULL)
            read_host(r, &service_at, service);
    } else {
        brama__no_others(r, &here, spec, fields, BRAMA_ARRAY_LEN(fields));
        read_host(r, &here, spec);
    }
    const struct brama_node *gateway =
        brama__take(r, &here, spec, gateway_at.name, BRAMA_NODE_STR, BRAMA__REQUIRED);
    if (gateway != NULL) {
        r->out->gateway = gateway->text;
        brama__must_match(r, &gateway_at, gateway->where, gateway->text, brama__is_v1_gateway,
                          BRAMA__PATTERN_V1_GATEWAY);
    }
    r->out->service = brama__read_service(r, &here, spec);
    brama__read_rules(r, &here, spec, read_rule);
    if (v1alpha1)
        return;
    r->out->timeout_s = brama__read_timeout(r, &here, spec);
    const struct brama_node *cors = brama__read_cors(r, &here, spec);
    if (cors != NULL && r->out->cors.max_age_given) {
        struct brama__at cors_at = {&here, BRAMA_LIT("corsPolicy"), 0};
        struct brama__at age_at = {&cors_at, BRAMA_LIT("maxAge"), 0};
        const struct brama_node *age =
            brama__take(r, &cors_at, cors, age_at.name, BRAMA_NODE_STR, BRAMA__OPTIONAL);
        uint64_t ns = 0;
        if (age != NULL && !brama__read_duration(age->text, &ns))
            brama__refuse(r, &age_at, age->where, BRAMA__TEXT_DURATION, BRAMA_FMT(age->text),
                          BRAMA_FMT(age->text));
        r->out->cors.max_age_s = ns / UINT64_C(1000000000);
    }
}
