/* JWT configs into the model: the istio form (v1* and v2*) and the ory form (v1*). In v1* a config
 * is free-form for the API server, so its types are checked here as Go's decoder would. */
#include "rule/reading.h"

static const struct brama_node *list_of(const struct brama_node *map, brama_str key)
{
    const struct brama_node *node = brama_node_get(map, key);

    return node != NULL && node->kind == BRAMA_NODE_LIST ? node : NULL;
}

struct brama_str_list brama__read_texts(struct brama_arena *arena, const struct brama_node *list)
{
    struct brama_str_list out = {NULL, 0};

    if (list == NULL || list->kind != BRAMA_NODE_LIST || list->count == 0)
        return out;
    brama_str *p = brama_arena_array(arena, list->count, sizeof(*p));
    if (p == NULL)
        return out;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next)
        p[out.n++] = item->kind == BRAMA_NODE_STR ? item->text : BRAMA_NIL;
    out.p = p;
    return out;
}

static void read_authentication(struct brama_arena *arena, const struct brama_node *item,
                                struct brama_jwt_auth *auth)
{
    const struct brama_node *headers = list_of(item, BRAMA_STR("fromHeaders"));

    auth->where = item->where;
    auth->issuer = brama_node_get_str(item, BRAMA_STR("issuer"));
    auth->jwks_uri = brama_node_get_str(item, BRAMA_STR("jwksUri"));
    auth->from_params = brama__read_texts(arena, brama_node_get(item, BRAMA_STR("fromParams")));
    if (headers == NULL || headers->count == 0)
        return;
    auth->from_headers = brama_arena_array(arena, headers->count, sizeof(*auth->from_headers));
    if (auth->from_headers == NULL)
        return;
    for (const struct brama_node *header = headers->first; header != NULL; header = header->next)
        auth->from_headers[auth->from_header_count++] = (struct brama_token_from){
            BRAMA_TOKEN_HEADER, brama_node_get_str(header, BRAMA_STR("name")),
            brama_node_get_str(header, BRAMA_STR("prefix"))};
}

/* A null stands for an empty list: so it is a failure, never "nothing required". */
static void read_authorization(struct brama_arena *arena, const struct brama_node *item,
                               struct brama_jwt_authz *authz)
{
    authz->is_null = item->kind == BRAMA_NODE_NULL;
    authz->scopes_given = brama_node_get(item, BRAMA_STR("requiredScopes")) != NULL;
    authz->audiences_given = brama_node_get(item, BRAMA_STR("audiences")) != NULL;
    authz->scopes = brama__read_texts(arena, brama_node_get(item, BRAMA_STR("requiredScopes")));
    authz->audiences = brama__read_texts(arena, brama_node_get(item, BRAMA_STR("audiences")));
}

void brama__read_jwt_istio(struct brama_arena *arena, const struct brama_node *config,
                           struct brama_jwt_istio *out)
{
    const struct brama_node *authn = list_of(config, BRAMA_STR("authentications"));
    const struct brama_node *authz = list_of(config, BRAMA_STR("authorizations"));

    out->given = config != NULL && config->kind == BRAMA_NODE_MAP;
    out->authz_given = brama_node_get(config, BRAMA_STR("authorizations")) != NULL;
    if (authn != NULL && authn->count != 0) {
        struct brama_jwt_auth *auths = brama_arena_array(arena, authn->count, sizeof(*auths));
        if (auths == NULL)
            return;
        for (const struct brama_node *item = authn->first; item != NULL; item = item->next)
            read_authentication(arena, item, &auths[out->auth_count++]);
        out->auths = auths;
    }
    if (authz != NULL && authz->count != 0) {
        struct brama_jwt_authz *list = brama_arena_array(arena, authz->count, sizeof(*list));
        if (list == NULL)
            return;
        for (const struct brama_node *item = authz->first; item != NULL; item = item->next)
            read_authorization(arena, item, &list[out->authz_count++]);
        out->authz = list;
    }
}

struct brama_token_from brama__read_token_from(const struct brama_node *from)
{
    static const struct {
        brama_str key;
        enum brama_token_place place;
    } places[] = {{BRAMA_LIT("header"), BRAMA_TOKEN_HEADER},
                  {BRAMA_LIT("query_parameter"), BRAMA_TOKEN_PARAM},
                  {BRAMA_LIT("cookie"), BRAMA_TOKEN_COOKIE}};
    struct brama_token_from out = {BRAMA_TOKEN_DEFAULT, BRAMA_NIL, BRAMA_NIL};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(places); i++) {
        brama_str name = brama_node_get_str(from, places[i].key);
        if (name.n != 0)
            out = (struct brama_token_from){places[i].place, name, BRAMA_NIL};
    }
    return out;
}

enum brama_scope_strategy brama__scope_strategy_by_name(brama_str name)
{
    if (brama_str_eq(name, BRAMA_STR("exact")))
        return BRAMA_SCOPES_EXACT;
    if (brama_str_eq(name, BRAMA_STR("hierarchic")))
        return BRAMA_SCOPES_HIERARCHIC;
    if (brama_str_eq(name, BRAMA_STR("wildcard")))
        return BRAMA_SCOPES_WILDCARD;
    return BRAMA_SCOPES_NONE; /* and the judge refuses what isn't "none" */
}

void brama__read_jwt_ory(struct brama_arena *arena, const struct brama_node *config,
                         struct brama_jwt_ory *out)
{
    static const brama_str rs256 = BRAMA_LIT("RS256");
    const struct brama_node *strategy = brama_node_get(config, BRAMA_STR("scope_strategy"));
    const struct brama_node *from = brama_node_get(config, BRAMA_STR("token_from"));

    out->jwks_urls = brama__read_texts(arena, brama_node_get(config, BRAMA_STR("jwks_urls")));
    out->trusted_issuers =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("trusted_issuers")));
    out->required_scope =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("required_scope")));
    out->target_audience =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("target_audience")));
    out->allowed_algorithms =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("allowed_algorithms")));
    if (out->allowed_algorithms.n == 0)
        out->allowed_algorithms = (struct brama_str_list){&rs256, 1};
    out->scope_strategy = strategy == NULL ? BRAMA_SCOPES_WILDCARD
                          : strategy->kind == BRAMA_NODE_STR
                              ? brama__scope_strategy_by_name(strategy->text)
                              : BRAMA_SCOPES_NONE;
    out->token_from = brama__read_token_from(from);
}
