#include "rule/read.h"

#include "rule/messages.h"
#include "rule/pattern.h"
#include "rule/reading.h"

static const struct {
    brama_str name;
    enum brama_api_version version;
} versions[] = {
    {BRAMA_LIT("v1alpha1"), BRAMA_API_V1ALPHA1},
    {BRAMA_LIT("v1beta1"), BRAMA_API_V1BETA1},
    {BRAMA_LIT("v2alpha1"), BRAMA_API_V2ALPHA1},
    {BRAMA_LIT("v2"), BRAMA_API_V2},
};

enum brama_api_version brama_api_version_by_name(brama_str api_version)
{
    brama_str group = BRAMA_STR("gateway.kyma-project.io/");

    if (!brama_str_starts(api_version, group))
        return BRAMA_API_NONE;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(versions); i++)
        if (brama_str_eq(brama_str_from(api_version, group.n), versions[i].name))
            return versions[i].version;
    return BRAMA_API_NONE;
}

const char *brama_api_version_name(enum brama_api_version version)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(versions); i++)
        if (versions[i].version == version)
            return versions[i].name.p;
    return "";
}

struct brama_service_ref brama__read_service(struct brama__reading *r, const struct brama__at *at,
                                             const struct brama_node *map)
{
    static const brama_str v1alpha1_fields[] = {BRAMA_LIT("name"), BRAMA_LIT("port"),
                                                BRAMA_LIT("external"), BRAMA_LIT("host")};
    static const brama_str fields[] = {BRAMA_LIT("name"), BRAMA_LIT("port"), BRAMA_LIT("external"),
                                       BRAMA_LIT("namespace")};
    struct brama__at here = {at, BRAMA_LIT("service"), 0};
    const struct brama_node *node =
        brama__take(r, at, map, here.name, BRAMA_NODE_MAP, BRAMA__OPTIONAL);
    struct brama_service_ref service = {0};
    bool v1alpha1 = r->out->version == BRAMA_API_V1ALPHA1;

    if (node == NULL)
        return service;
    brama__no_others(r, &here, node, v1alpha1 ? v1alpha1_fields : fields, 4);
    service.given = true;
    service.name = brama__take_str(r, &here, node, BRAMA_STR("name"), BRAMA__REQUIRED);
    service.port =
        (uint16_t)brama__take_uint(r, &here, node, BRAMA_STR("port"), 1, 65535, BRAMA__REQUIRED);
    brama__take(r, &here, node, BRAMA_STR("external"), BRAMA_NODE_BOOL, BRAMA__OPTIONAL);

    /* A name becomes part of an upstream's address, so it must be one that a Service can have. */
    struct brama__at name_at = {&here, BRAMA_LIT("name"), 0};
    if (brama_node_get(node, name_at.name) != NULL)
        brama__must_match(r, &name_at, node->where, service.name, brama__is_namespace,
                          BRAMA__PATTERN_NAMESPACE);
    struct brama__at ns_at = {&here, BRAMA_LIT("namespace"), 0};
    if (!v1alpha1 && brama_node_get(node, ns_at.name) != NULL) {
        service.ns = brama__take_str(r, &here, node, ns_at.name, BRAMA__OPTIONAL);
        brama__must_match(r, &ns_at, node->where, service.ns, brama__is_namespace,
                          BRAMA__PATTERN_NAMESPACE);
    }
    return service;
}

void brama__read_rules(struct brama__reading *r, const struct brama__at *at,
                       const struct brama_node *spec, brama__read_rule *read_one)
{
    struct brama__at here = {at, BRAMA_LIT("rules"), 0};
    const struct brama_node *list =
        brama__take(r, at, spec, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t i = 0;

    if (list == NULL || list->count == 0)
        return;
    struct brama_rule *rules = brama_arena_array(r->arena, list->count, sizeof(*rules));
    if (rules == NULL)
        return;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        read_one(r, &place, item, &rules[i]);
    }
    r->out->rules = rules;
    r->out->rule_count = i;
}

brama_methods brama__read_methods(struct brama__reading *r, const struct brama__at *at,
                                  const struct brama_node *map, brama_methods *twice)
{
    struct brama__at here = {at, BRAMA_LIT("methods"), 0};
    const struct brama_node *list =
        brama__take(r, at, map, here.name, BRAMA_NODE_LIST, BRAMA__REQUIRED);
    brama_methods all = 0;
    size_t i = 0;

    if (list != NULL && list->count == 0)
        brama__refuse(r, &here, list->where, BRAMA__TEXT_TOO_FEW, (size_t)0, (size_t)1);
    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        if (!brama__is_kind(r, &place, item, BRAMA_NODE_STR))
            continue;
        brama_methods one = brama_method_by_name(item->text);
        if (one == 0)
            brama__refuse(r, &place, item->where, BRAMA__TEXT_METHOD, BRAMA_FMT(item->text));
        *twice = (brama_methods)(*twice | (all & one));
        all = (brama_methods)(all | one);
    }
    return all;
}

uint16_t brama__read_timeout(struct brama__reading *r, const struct brama__at *at,
                             const struct brama_node *map)
{
    return (uint16_t)brama__take_uint(r, at, map, BRAMA_STR("timeout"), 1, 3900, BRAMA__OPTIONAL);
}

static void read_origins(struct brama__reading *r, const struct brama__at *at,
                         const struct brama_node *policy, struct brama_cors *cors)
{
    struct brama__at here = {at, BRAMA_LIT("allowOrigins"), 0};
    const struct brama_node *list =
        brama__take(r, at, policy, here.name, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    size_t count = 0, i = 0;

    if (list == NULL)
        return;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next)
        count += item->kind == BRAMA_NODE_MAP ? item->count : 0;
    struct brama_origin *origins = brama_arena_array(r->arena, count, sizeof(*origins));
    if (origins == NULL)
        return;
    cors->origins = origins;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, i++) {
        struct brama__at place = {&here, BRAMA_NIL, i};
        if (!brama__is_kind(r, &place, item, BRAMA_NODE_MAP))
            continue;
        for (const struct brama_node *match = item->first; match != NULL; match = match->next) {
            struct brama__at match_at = {&place, match->key, 0};
            if (!brama__is_kind(r, &match_at, match, BRAMA_NODE_STR))
                continue;
            struct brama_origin *origin = &origins[cors->origin_count++];
            origin->value = match->text;
            origin->kind = brama_str_eq(match->key, BRAMA_STR("exact"))   ? BRAMA_ORIGIN_EXACT
                           : brama_str_eq(match->key, BRAMA_STR("regex")) ? BRAMA_ORIGIN_REGEX
                                                                          : BRAMA_ORIGIN_PREFIX;
        }
    }
}

const struct brama_node *brama__read_cors(struct brama__reading *r, const struct brama__at *at,
                                          const struct brama_node *spec)
{
    static const brama_str fields[] = {BRAMA_LIT("allowHeaders"),     BRAMA_LIT("allowMethods"),
                                       BRAMA_LIT("exposeHeaders"),    BRAMA_LIT("allowOrigins"),
                                       BRAMA_LIT("allowCredentials"), BRAMA_LIT("maxAge")};
    struct brama__at here = {at, BRAMA_LIT("corsPolicy"), 0};
    const struct brama_node *node =
        brama__take(r, at, spec, here.name, BRAMA_NODE_MAP, BRAMA__OPTIONAL);
    struct brama_cors *cors = &r->out->cors;

    if (node == NULL)
        return NULL;
    brama__no_others(r, &here, node, fields, BRAMA_ARRAY_LEN(fields));
    cors->given = true;
    read_origins(r, &here, node, cors);
    cors->methods = brama__take_strs(r, &here, node, BRAMA_STR("allowMethods"), NULL);
    cors->headers = brama__take_strs(r, &here, node, BRAMA_STR("allowHeaders"), NULL);
    cors->expose = brama__take_strs(r, &here, node, BRAMA_STR("exposeHeaders"), NULL);
    const struct brama_node *credentials = brama__take(
        r, &here, node, BRAMA_STR("allowCredentials"), BRAMA_NODE_BOOL, BRAMA__OPTIONAL);
    cors->credentials_given = credentials != NULL;
    cors->credentials = credentials != NULL && credentials->truth;
    cors->max_age_given = brama_node_get(node, BRAMA_STR("maxAge")) != NULL;
    return node;
}

const struct brama_name_value *brama__read_pairs(struct brama_arena *arena,
                                                 const struct brama_node *map, size_t *count)
{
    *count = 0;
    if (map == NULL || map->kind != BRAMA_NODE_MAP || map->count == 0)
        return NULL;
    struct brama_name_value *pairs = brama_arena_array(arena, map->count, sizeof(*pairs));
    if (pairs == NULL)
        return NULL;
    for (const struct brama_node *node = map->first; node != NULL; node = node->next)
        if (node->kind == BRAMA_NODE_STR)
            pairs[(*count)++] = (struct brama_name_value){node->key, node->text, node->where};
    return pairs;
}

enum brama_err brama_apirule_read(struct brama_apirule **out, struct brama_arena *arena,
                                  const struct brama_node *doc, brama_str default_ns)
{
    static const brama_str fields[] = {BRAMA_LIT("apiVersion"), BRAMA_LIT("kind"),
                                       BRAMA_LIT("metadata"), BRAMA_LIT("spec"),
                                       BRAMA_LIT("status")};
    const struct brama_node *metadata = brama_node_get(doc, BRAMA_STR("metadata"));
    struct brama_apirule *rule = brama_arena_alloc(arena, sizeof(*rule));
    struct brama__reading r = {arena, rule};

    *out = NULL;
    if (rule == NULL)
        return BRAMA_ERR_NOMEM;
    rule->version = brama_api_version_by_name(brama_node_get_str(doc, BRAMA_STR("apiVersion")));
    rule->ns = brama_node_get_str(metadata, BRAMA_STR("namespace"));
    if (rule->ns.n == 0)
        rule->ns = default_ns;
    rule->name = brama_node_get_str(metadata, BRAMA_STR("name"));
    rule->doc = doc;
    rule->doc_hash = brama_node_hash(doc);
    rule->where = doc->where;

    bool v1 = brama_api_is_v1(rule->version);
    /* v2alpha1 may lack its spec: the judge has Kyma's words for that. */
    const struct brama_node *spec =
        brama__take(&r, NULL, doc, BRAMA_STR("spec"), BRAMA_NODE_MAP,
                    rule->version == BRAMA_API_V2ALPHA1 ? BRAMA__OPTIONAL : BRAMA__REQUIRED);
    rule->is_empty = !v1 && (spec == NULL || spec->count == 0);
    rule->names_external = !v1 && brama_node_get(spec, BRAMA_STR("externalGateway")) != NULL;
    if (spec != NULL && v1)
        brama__read_v1(&r, spec);
    else if (spec != NULL)
        brama__read_v2(&r, spec);
    if (!v1)
        brama__read_converted(&r);
    brama__no_others(&r, NULL, doc, fields, BRAMA_ARRAY_LEN(fields));
    if (brama_arena_failed(arena))
        return BRAMA_ERR_NOMEM;
    *out = rule;
    return BRAMA_OK;
}

static void move_strategy(const struct brama_strategy *strategy, int64_t lines)
{
    brama_where_move((struct brama_where *)(uintptr_t)&strategy->where, lines);
    for (size_t i = 0; i < strategy->istio.auth_count; i++)
        brama_where_move((struct brama_where *)(uintptr_t)&strategy->istio.auths[i].where, lines);
}

void brama_apirule_move(struct brama_apirule *rule, int64_t lines)
{
    brama_where_move(&rule->where, lines);
    if (rule->stored != NULL)
        brama_node_move(rule->stored, lines);
    for (struct brama_failure *f = rule->schema.first; f != NULL; f = f->next)
        brama_where_move(&f->where, lines);
    for (size_t i = 0; i < rule->rule_count; i++) {
        brama_where_move((struct brama_where *)(uintptr_t)&rule->rules[i].where, lines);
        for (size_t k = 0; k < rule->rules[i].strategy_count; k++)
            move_strategy(&rule->rules[i].strategies[k], lines);
    }
}
