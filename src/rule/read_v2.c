/* v2alpha1 and v2: one schema. apirule.md section 1.3. */
#include "rule/messages.h"
#include "rule/pattern.h"
#include "rule/reading.h"

/* The Kyma CEL rules answer with their own text instead of the pattern's. */
static void must_be(struct brama__reading *r, const struct brama__at *at, struct brama_where where,
                    bool right, const char *text)
{
    if (!right)
        brama__refuse(r, at, where, "%s", text);
}

static void check_token_places(struct brama__reading *r, const struct brama__at *at,
                               const struct brama_node *auth)
{
    static const brama_str fields[] = {BRAMA_LIT("name"), BRAMA_LIT("prefix")};
    struct brama__at headers_at = {at, BRAMA_LIT("fromHeaders"), 0};
    const struct brama_node *headers =
        brama__take(r, at, auth, headers_at.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    for (const struct brama_node *item = headers != NULL ? headers->first : NULL; item != NULL;
         item = item->next, i++) {
        struct brama__at place = {&headers_at, BRAMA_NIL, i};
        if (!brama__is_kind(r, &place, item, BRAMA_NODE_MAP))
            continue;
        brama__no_others(r, &place, item, fields, BRAMA_ARRAY_LEN(fields));
        brama__take_str(r, &place, item, BRAMA_STR("name"), BRAMA__REQUIRED);
        brama__take_str(r, &place, item, BRAMA_STR("prefix"), BRAMA__OPTIONAL);
    }
    brama__take_strs(r, at, auth, BRAMA_STR("fromParams"), NULL);
}

static void check_authentications(struct brama__reading *r, const struct brama__at *at,
                                  const struct brama_node *jwt)
{
    static const brama_str fields[] = {BRAMA_LIT("issuer"), BRAMA_LIT("jwksUri"),
                                       BRAMA_LIT("fromHeaders"), BRAMA_LIT("fromParams")};
    struct brama__at here = {at, BRAMA_LIT("authentications"), 0};
    const struct brama_node *list =
        brama__take(r, at, jwt, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        if (!brama__is_kind(r, &place, item, BRAMA_NODE_MAP))
            continue;
        brama__no_others(r, &place, item, fields, BRAMA_ARRAY_LEN(fields));
        brama__take_str(r, &place, item, BRAMA_STR("issuer"), BRAMA__REQUIRED);
        brama__take_str(r, &place, item, BRAMA_STR("jwksUri"), BRAMA__REQUIRED);
        check_token_places(r, &place, item);
    }
}

static void check_authorizations(struct brama__reading *r, const struct brama__at *at,
                                 const struct brama_node *jwt)
{
    static const brama_str fields[] = {BRAMA_LIT("requiredScopes"), BRAMA_LIT("audiences")};
    struct brama__at here = {at, BRAMA_LIT("authorizations"), 0};
    const struct brama_node *list =
        brama__take(r, at, jwt, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        /* A null is left to the judge, who has Kyma's words for it. */
        if (item->kind == BRAMA_NODE_NULL || !brama__is_kind(r, &place, item, BRAMA_NODE_MAP))
            continue;
        brama__no_others(r, &place, item, fields, BRAMA_ARRAY_LEN(fields));
        brama__take_strs(r, &place, item, BRAMA_STR("requiredScopes"), NULL);
        brama__take_strs(r, &place, item, BRAMA_STR("audiences"), NULL);
    }
}

static void read_jwt(struct brama__reading *r, const struct brama__at *at,
                     const struct brama_node *jwt, struct brama_strategy *strategy)
{
    static const brama_str fields[] = {BRAMA_LIT("authentications"), BRAMA_LIT("authorizations")};

    brama__no_others(r, at, jwt, fields, BRAMA_ARRAY_LEN(fields));
    check_authentications(r, at, jwt);
    check_authorizations(r, at, jwt);
    brama__read_jwt_istio(r->arena, jwt, &strategy->istio);
}

static void read_ext_auth(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *node, struct brama_strategy *strategy)
{
    static const brama_str fields[] = {BRAMA_LIT("authorizers"), BRAMA_LIT("restrictions")};
    struct brama__at authorizers_at = {at, BRAMA_LIT("authorizers"), 0};
    struct brama__at restrictions_at = {at, BRAMA_LIT("restrictions"), 0};
    bool given = false;

    brama__no_others(r, at, node, fields, BRAMA_ARRAY_LEN(fields));
    strategy->authorizers = brama__take_strs(r, at, node, authorizers_at.name, &given);
    if (brama_node_get(node, authorizers_at.name) == NULL)
        brama__refuse(r, &authorizers_at, node->where, BRAMA__TEXT_REQUIRED);
    else if (given && strategy->authorizers.n == 0)
        brama__refuse(r, &authorizers_at, node->where, BRAMA__TEXT_TOO_FEW, (size_t)0, (size_t)1);
    const struct brama_node *jwt =
        brama__take(r, at, node, restrictions_at.name, BRAMA_NODE_MAP, BRAMA__OPTIONAL);
    if (jwt != NULL)
        read_jwt(r, &restrictions_at, jwt, strategy);
}

/* Exactly one of noAuth: true, jwt, extAuth. A null noAuth is what Kyma itself writes for "not
 * given"; a null jwt or extAuth counts as given, and is of the wrong type. */
static void read_strategy(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *node, struct brama_rule *rule)
{
    struct brama__at jwt_at = {at, BRAMA_LIT("jwt"), 0};
    struct brama__at ext_at = {at, BRAMA_LIT("extAuth"), 0};
    struct brama__at open_at = {at, BRAMA_LIT("noAuth"), 0};
    const struct brama_node *open = brama_node_get(node, open_at.name);
    const struct brama_node *jwt = brama_node_get(node, jwt_at.name);
    const struct brama_node *ext = brama_node_get(node, ext_at.name);
    struct brama_strategy *strategy = brama_arena_alloc(r->arena, sizeof(*strategy));

    if (strategy == NULL)
        return;
    strategy->where = node->where;
    if (open != NULL && open->kind == BRAMA_NODE_NULL)
        open = NULL;
    bool is_open =
        open != NULL && brama__is_kind(r, &open_at, open, BRAMA_NODE_BOOL) && open->truth;
    if ((jwt != NULL) + (ext != NULL) + is_open != 1) {
        brama__refuse(r, at, node->where, BRAMA__TEXT_ONE_STRATEGY);
        return;
    }
    if (is_open) {
        strategy->kind = BRAMA_STRATEGY_NO_AUTH;
        strategy->name = open_at.name;
        strategy->where = open->where;
    } else if (jwt != NULL && brama__is_kind(r, &jwt_at, jwt, BRAMA_NODE_MAP)) {
        strategy->kind = BRAMA_STRATEGY_JWT;
        strategy->name = jwt_at.name;
        strategy->where = jwt->where;
        read_jwt(r, &jwt_at, jwt, strategy);
    } else if (ext != NULL && brama__is_kind(r, &ext_at, ext, BRAMA_NODE_MAP)) {
        strategy->kind = BRAMA_STRATEGY_EXT_AUTH;
        strategy->name = ext_at.name;
        strategy->where = ext->where;
        read_ext_auth(r, &ext_at, ext, strategy);
    }
    rule->strategies = strategy;
    rule->strategy_count = 1;
}

/* A map of strings. */
static const struct brama_node *take_texts(struct brama__reading *r, const struct brama__at *at,
                                           const struct brama_node *map, brama_str key)
{
    struct brama__at here = {at, key, 0};
    const struct brama_node *node = brama__take(r, at, map, key, BRAMA_NODE_MAP, BRAMA__OPTIONAL);

    for (const struct brama_node *item = node != NULL ? node->first : NULL; item != NULL;
         item = item->next) {
        struct brama__at place = {&here, item->key, 0};
        brama__is_kind(r, &place, item, BRAMA_NODE_STR);
    }
    return node;
}

static void read_request(struct brama__reading *r, const struct brama__at *at,
                         const struct brama_node *map, struct brama_rule *rule)
{
    static const brama_str fields[] = {BRAMA_LIT("headers"), BRAMA_LIT("cookies")};
    struct brama__at here = {at, BRAMA_LIT("request"), 0};
    const struct brama_node *node =
        brama__take(r, at, map, here.name, BRAMA_NODE_MAP, BRAMA__OPTIONAL);

    if (node == NULL)
        return;
    brama__no_others(r, &here, node, fields, BRAMA_ARRAY_LEN(fields));
    rule->headers = brama__read_pairs(r->arena, take_texts(r, &here, node, BRAMA_STR("headers")),
                                      &rule->header_count);
    rule->cookies = brama__read_pairs(r->arena, take_texts(r, &here, node, BRAMA_STR("cookies")),
                                      &rule->cookie_count);
}

static void read_rule(struct brama__reading *r, const struct brama__at *at,
                      const struct brama_node *node, struct brama_rule *rule)
{
    static const brama_str fields[] = {
        BRAMA_LIT("path"), BRAMA_LIT("service"), BRAMA_LIT("methods"), BRAMA_LIT("noAuth"),
        BRAMA_LIT("jwt"),  BRAMA_LIT("extAuth"), BRAMA_LIT("timeout"), BRAMA_LIT("request")};
    struct brama__at path_at = {at, BRAMA_LIT("path"), 0};

    rule->where = node->where;
    if (!brama__is_kind(r, at, node, BRAMA_NODE_MAP))
        return;
    brama__no_others(r, at, node, fields, BRAMA_ARRAY_LEN(fields));
    const struct brama_node *path =
        brama__take(r, at, node, path_at.name, BRAMA_NODE_STR, BRAMA__REQUIRED);
    if (path != NULL) {
        rule->path = path->text;
        brama__must_match(r, &path_at, path->where, path->text, brama__is_v2_path,
                          BRAMA__PATTERN_V2_PATH);
    }
    rule->service = brama__read_service(r, at, node);
    rule->methods = brama__read_methods(r, at, node, &rule->methods_twice);
    read_strategy(r, at, node, rule);
    rule->timeout_s = brama__read_timeout(r, at, node);
    read_request(r, at, node, rule);
}

static void read_hosts(struct brama__reading *r, const struct brama__at *at,
                       const struct brama_node *spec)
{
    struct brama__at here = {at, BRAMA_LIT("hosts"), 0};
    const struct brama_node *list =
        brama__take(r, at, spec, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    if (list == NULL || list->count == 0)
        return; /* "No hosts defined", says the judge */
    if (list->count > 1)
        brama__refuse(r, &here, list->where, BRAMA__TEXT_TOO_MANY, list->count, (size_t)1);
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        if (!brama__is_kind(r, &place, item, BRAMA_NODE_STR))
            continue;
        must_be(r, &place, item->where, brama__is_v2_host(item->text), BRAMA__TEXT_HOST_FORM);
        if (i == 0)
            r->out->host = item->text;
    }
}

/* Whether one of the two gateways is given is the judge's question. */
static void read_gateways(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *spec)
{
    struct brama__at gateway_at = {at, BRAMA_LIT("gateway"), 0};
    struct brama__at external_at = {at, BRAMA_LIT("externalGateway"), 0};
    const struct brama_node *gateway =
        brama__take(r, at, spec, gateway_at.name, BRAMA_NODE_STR, BRAMA__OPTIONAL);
    const struct brama_node *external =
        brama__take(r, at, spec, external_at.name, BRAMA_NODE_STR, BRAMA__OPTIONAL);

    if (gateway != NULL) {
        r->out->gateway = gateway->text;
        must_be(r, &gateway_at, gateway->where, brama__is_v2_gateway(gateway->text),
                BRAMA__TEXT_GATEWAY_FORM);
    }
    if (external != NULL)
        must_be(r, &external_at, external->where, brama__is_v2_gateway(external->text),
                BRAMA__TEXT_EXTERNAL_GATEWAY_FORM);
}

void brama__read_v2(struct brama__reading *r, const struct brama_node *spec)
{
    static const brama_str fields[] = {BRAMA_LIT("hosts"),      BRAMA_LIT("service"),
                                       BRAMA_LIT("gateway"),    BRAMA_LIT("externalGateway"),
                                       BRAMA_LIT("corsPolicy"), BRAMA_LIT("timeout"),
                                       BRAMA_LIT("rules")};
    struct brama__at here = {NULL, BRAMA_LIT("spec"), 0};

    brama__no_others(r, &here, spec, fields, BRAMA_ARRAY_LEN(fields));
    read_hosts(r, &here, spec);
    read_gateways(r, &here, spec);
    r->out->service = brama__read_service(r, &here, spec);
    r->out->timeout_s = brama__read_timeout(r, &here, spec);
    const struct brama_node *cors = brama__read_cors(r, &here, spec);
    if (cors != NULL) {
        struct brama__at cors_at = {&here, BRAMA_LIT("corsPolicy"), 0};
        r->out->cors.max_age_s =
            brama__take_uint(r, &cors_at, cors, BRAMA_STR("maxAge"), 1, INT64_MAX, BRAMA__OPTIONAL);
    }
    brama__read_rules(r, &here, spec, read_rule);
}
