/* The shape of a v1* jwt config as one table: what Go wouldn't decode, and what nobody would read.
 */
#include "base/near.h"
#include "rule/reading.h"

enum shape { TEXT, TEXTS, OBJECTS, ANY };

struct field {
    brama_str name;
    enum shape shape;
    const char *type; /* Go's name of the struct that holds the field */
    const char *item; /* of OBJECTS: Go's type of the list */
    const struct field *fields;
};

static const struct field header_fields[] = {
    {BRAMA_LIT("name"), TEXT, "JwtHeader", NULL, NULL},
    {BRAMA_LIT("prefix"), TEXT, "JwtHeader", NULL, NULL},
    {BRAMA_LIT(""), ANY, NULL, NULL, NULL},
};

static const struct field authentication_fields[] = {
    {BRAMA_LIT("issuer"), TEXT, "JwtAuthentication", NULL, NULL},
    {BRAMA_LIT("jwksUri"), TEXT, "JwtAuthentication", NULL, NULL},
    {BRAMA_LIT("fromHeaders"), OBJECTS, "JwtAuthentication", "JwtHeader", header_fields},
    {BRAMA_LIT("fromParams"), TEXTS, "JwtAuthentication", NULL, NULL},
    {BRAMA_LIT(""), ANY, NULL, NULL, NULL},
};

static const struct field authorization_fields[] = {
    {BRAMA_LIT("requiredScopes"), TEXTS, "JwtAuthorization", NULL, NULL},
    {BRAMA_LIT("audiences"), TEXTS, "JwtAuthorization", NULL, NULL},
    {BRAMA_LIT(""), ANY, NULL, NULL, NULL},
};

/* ANY: passed on to Oathkeeper unread. */
static const struct field config_fields[] = {
    {BRAMA_LIT("authentications"), OBJECTS, "JwtConfig", "JwtAuthentication",
     authentication_fields},
    {BRAMA_LIT("authorizations"), OBJECTS, "JwtConfig", "JwtAuthorization", authorization_fields},
    {BRAMA_LIT("jwks_urls"), TEXTS, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("trusted_issuers"), TEXTS, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("required_scope"), TEXTS, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("target_audience"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("allowed_algorithms"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("scope_strategy"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("token_from"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("jwks_max_wait"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT("jwks_ttl"), ANY, "JwtConfig", NULL, NULL},
    {BRAMA_LIT(""), ANY, NULL, NULL, NULL},
};

static const struct field *field_of(const struct field *fields, brama_str name)
{
    for (; fields->name.n != 0; fields++)
        if (brama_str_eq(fields->name, name))
            return fields;
    return NULL;
}

static const char *go_kind(enum brama_node_kind kind)
{
    switch (kind) {
    case BRAMA_NODE_BOOL:
        return "bool";
    case BRAMA_NODE_INT:
    case BRAMA_NODE_REAL:
        return "number";
    case BRAMA_NODE_STR:
        return "string";
    case BRAMA_NODE_LIST:
        return "array";
    case BRAMA_NODE_NONE:
    case BRAMA_NODE_NULL:
    case BRAMA_NODE_MAP:
        return "object";
    }
    return "object";
}

static brama_str cannot(struct brama_arena *arena, const struct brama_node *node,
                        const struct field *field, brama_str path, brama_str type)
{
    return brama_arena_printf(arena,
                              "json: cannot unmarshal %s into Go struct field %s.%.*s of type %.*s",
                              go_kind(node->kind), field->type, BRAMA_FMT(path), BRAMA_FMT(type));
}

static brama_str list_type(struct brama_arena *arena, const struct field *field)
{
    if (field->shape == TEXTS)
        return BRAMA_STR("[]string");
    return brama_arena_printf(arena, "[]*v1beta1.%s", field->item);
}

static brama_str object_error(struct brama_arena *arena, const struct field *fields,
                              const struct brama_node *map, brama_str path);

/* Go decodes a null into anything, as nothing. */
static brama_str field_error(struct brama_arena *arena, const struct field *field,
                             const struct brama_node *node, brama_str path)
{
    if (field->shape == ANY || node->kind == BRAMA_NODE_NULL)
        return BRAMA_NIL;
    if (field->shape == TEXT)
        return node->kind == BRAMA_NODE_STR ? BRAMA_NIL
                                            : cannot(arena, node, field, path, BRAMA_STR("string"));
    if (node->kind != BRAMA_NODE_LIST)
        return cannot(arena, node, field, path, list_type(arena, field));
    for (const struct brama_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind == BRAMA_NODE_NULL)
            continue;
        if (field->shape == TEXTS && item->kind != BRAMA_NODE_STR)
            return cannot(arena, item, field, path, BRAMA_STR("string"));
        if (field->shape == OBJECTS && item->kind != BRAMA_NODE_MAP)
            return cannot(arena, item, field, path,
                          brama_arena_printf(arena, "v1beta1.%s", field->item));
        brama_str error =
            field->shape == OBJECTS ? object_error(arena, field->fields, item, path) : BRAMA_NIL;
        if (error.n != 0)
            return error;
    }
    return BRAMA_NIL;
}

static brama_str object_error(struct brama_arena *arena, const struct field *fields,
                              const struct brama_node *map, brama_str path)
{
    for (const struct brama_node *node = map->first; node != NULL; node = node->next) {
        const struct field *field = field_of(fields, node->key);
        if (field == NULL)
            continue;
        brama_str here = path.n == 0 ? node->key
                                     : brama_arena_printf(arena, "%.*s.%.*s", BRAMA_FMT(path),
                                                          BRAMA_FMT(node->key));
        brama_str error = field_error(arena, field, node, here);
        if (error.n != 0)
            return error;
    }
    return BRAMA_NIL;
}

brama_str brama__jwt_decode_error(struct brama_arena *arena, const struct brama_node *config)
{
    return object_error(arena, config_fields, config, BRAMA_NIL);
}

brama_str brama__pairs_decode_error(struct brama_arena *arena, const struct brama_node *config,
                                    brama_str key)
{
    bool headers = brama_str_eq(key, BRAMA_STR("headers"));
    const struct field field = {key, ANY, headers ? "HeaderMutatorConfig" : "CookieMutatorConfig",
                                NULL, NULL};
    const struct brama_node *map = brama_node_get(config, key);

    if (map == NULL || map->kind == BRAMA_NODE_NULL)
        return BRAMA_NIL;
    if (map->kind != BRAMA_NODE_MAP)
        return cannot(arena, map, &field, key, BRAMA_STR("map[string]string"));
    for (const struct brama_node *node = map->first; node != NULL; node = node->next)
        if (node->kind != BRAMA_NODE_STR && node->kind != BRAMA_NODE_NULL)
            return cannot(arena, node, &field, key, BRAMA_STR("string"));
    return BRAMA_NIL;
}

static brama_str nearest(const struct field *fields, brama_str name)
{
    struct brama_near near = {.distance = 0};

    for (; fields->name.n != 0; fields++)
        brama_near_try(&near, name, fields->name);
    return near.best;
}

static struct brama__unknown unknown_in(struct brama_arena *arena, const struct field *fields,
                                        const struct brama_node *map, brama_str up)
{
    struct brama__unknown none = {NULL, BRAMA_NIL, BRAMA_NIL};

    for (const struct brama_node *node = map->first; node != NULL; node = node->next) {
        const struct field *field = field_of(fields, node->key);
        brama_str here =
            up.n == 0 ? node->key
                      : brama_arena_printf(arena, "%.*s.%.*s", BRAMA_FMT(up), BRAMA_FMT(node->key));
        if (field == NULL)
            return (struct brama__unknown){node, here, nearest(fields, node->key)};
        size_t i = 0;
        for (const struct brama_node *item = node->first; field->shape == OBJECTS && item != NULL;
             item = item->next, i++) {
            brama_str place = brama_arena_printf(arena, "%.*s[%zu]", BRAMA_FMT(here), i);
            struct brama__unknown found = unknown_in(arena, field->fields, item, place);
            if (found.node != NULL)
                return found;
        }
    }
    return none;
}

struct brama__unknown brama__jwt_unknown_key(struct brama_arena *arena,
                                             const struct brama_node *config)
{
    return unknown_in(arena, config_fields, config, BRAMA_NIL);
}
