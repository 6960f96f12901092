/* Configs of oauth2_introspection and oauth2_client_credentials: Kyma passes them on unread, so
 * they are read and judged here as Oathkeeper's schema has them. oathkeeper.md 2.6, 2.7. */
#include "base/url.h"
#include "rule/judging.h"
#include "rule/reading.h"
#include "rule/shipped.h"
#include "rule/uri.h"

bool brama_ory_duration_read(const struct brama_node *node, uint64_t *ms)
{
    static const struct {
        brama_str name;
        uint64_t times, by;
    } units[] = {{BRAMA_LIT("ns"), 1, 1000000}, {BRAMA_LIT("us"), 1, 1000},
                 {BRAMA_LIT("ms"), 1, 1},       {BRAMA_LIT("s"), 1000, 1},
                 {BRAMA_LIT("m"), 60000, 1},    {BRAMA_LIT("h"), 3600000, 1}};
    uint64_t n;

    for (size_t i = 0; node != NULL && node->kind == BRAMA_NODE_STR && i < BRAMA_ARRAY_LEN(units);
         i++) {
        if (!brama_str_ends(node->text, units[i].name) ||
            !brama_str_u64(brama_str_head(node->text, node->text.n - units[i].name.n), &n))
            continue;
        *ms = n > UINT32_MAX ? UINT32_MAX : n * units[i].times / units[i].by;
        return true;
    }
    return false;
}

static bool is_true(const struct brama_node *node)
{
    return node != NULL && node->kind == BRAMA_NODE_BOOL && node->truth;
}

static void read_pre_authorization(struct brama_arena *arena, const struct brama_node *pre,
                                   struct brama_oauth2 *out)
{
    out->pre_authorized = is_true(brama_node_get(pre, BRAMA_STR("enabled")));
    out->pre_url = brama_node_get_str(pre, BRAMA_STR("token_url"));
    out->client_id = brama_node_get_str(pre, BRAMA_STR("client_id"));
    out->client_secret = brama_node_get_str(pre, BRAMA_STR("client_secret"));
    out->audience = brama_node_get_str(pre, BRAMA_STR("audience"));
    out->pre_scope = brama__read_texts(arena, brama_node_get(pre, BRAMA_STR("scope")));
}

static brama_str text_or(const struct brama_node *map, const char *key, brama_str absent)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));

    return node == NULL ? absent : node->kind == BRAMA_NODE_STR ? node->text : BRAMA_NIL;
}

brama_str brama_ory_hydrator_url(const struct brama_node *config)
{
    return text_or(brama_node_get(config, BRAMA_STR("api")), "url",
                   BRAMA_STR(BRAMA_SHIPPED_HYDRATOR));
}

void brama__read_oauth2(struct brama_arena *arena, const struct brama_node *config,
                        enum brama_strategy_kind kind, struct brama_oauth2 *out)
{
    bool introspection = kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION;
    const struct brama_node *cache = brama_node_get(config, BRAMA_STR("cache"));
    const struct brama_node *strategy = brama_node_get(config, BRAMA_STR("scope_strategy"));

    out->url = introspection
                   ? text_or(config, "introspection_url", BRAMA_STR(BRAMA_SHIPPED_INTROSPECTION))
                   : text_or(config, "token_url", BRAMA_STR(BRAMA_SHIPPED_TOKENS));
    out->required_scope =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("required_scope")));
    out->target_audience =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("target_audience")));
    out->trusted_issuers =
        brama__read_texts(arena, brama_node_get(config, BRAMA_STR("trusted_issuers")));
    out->scope_strategy =
        strategy == NULL ? BRAMA_SCOPES_EXACT : brama__scope_strategy_by_name(strategy->text);
    out->token_from = brama__read_token_from(brama_node_get(config, BRAMA_STR("token_from")));
    out->headers =
        brama__read_pairs(arena, brama_node_get(config, BRAMA_STR("introspection_request_headers")),
                          &out->header_count);
    out->cached = is_true(brama_node_get(cache, BRAMA_STR("enabled")));
    (void)brama_ory_duration_read(brama_node_get(cache, BRAMA_STR("ttl")), &out->cache_ms);
    read_pre_authorization(arena, brama_node_get(config, BRAMA_STR("pre_authorization")), out);
}

enum shape { TEXT, TEXTS, PAIRS, TRUTH, NUMBER, DURATION, STRATEGY, PLACE, OBJECT };

struct field {
    brama_str name;
    enum shape shape;
    const struct field *fields; /* of an OBJECT */
};

static const struct field retry_fields[] = {{BRAMA_LIT("give_up_after"), DURATION, NULL},
                                            {BRAMA_LIT("max_delay"), DURATION, NULL},
                                            {BRAMA_LIT(""), TEXT, NULL}};
static const struct field pre_fields[] = {{BRAMA_LIT("enabled"), TRUTH, NULL},
                                          {BRAMA_LIT("client_id"), TEXT, NULL},
                                          {BRAMA_LIT("client_secret"), TEXT, NULL},
                                          {BRAMA_LIT("token_url"), TEXT, NULL},
                                          {BRAMA_LIT("audience"), TEXT, NULL},
                                          {BRAMA_LIT("scope"), TEXTS, NULL},
                                          {BRAMA_LIT(""), TEXT, NULL}};
static const struct field introspection_cache_fields[] = {{BRAMA_LIT("enabled"), TRUTH, NULL},
                                                          {BRAMA_LIT("ttl"), DURATION, NULL},
                                                          {BRAMA_LIT("max_cost"), NUMBER, NULL},
                                                          {BRAMA_LIT(""), TEXT, NULL}};
static const struct field credentials_cache_fields[] = {{BRAMA_LIT("enabled"), TRUTH, NULL},
                                                        {BRAMA_LIT("ttl"), DURATION, NULL},
                                                        {BRAMA_LIT("max_tokens"), NUMBER, NULL},
                                                        {BRAMA_LIT(""), TEXT, NULL}};
static const struct field introspection_fields[] = {
    {BRAMA_LIT("introspection_url"), TEXT, NULL},
    {BRAMA_LIT("scope_strategy"), STRATEGY, NULL},
    {BRAMA_LIT("required_scope"), TEXTS, NULL},
    {BRAMA_LIT("target_audience"), TEXTS, NULL},
    {BRAMA_LIT("trusted_issuers"), TEXTS, NULL},
    {BRAMA_LIT("pre_authorization"), OBJECT, pre_fields},
    {BRAMA_LIT("introspection_request_headers"), PAIRS, NULL},
    {BRAMA_LIT("token_from"), PLACE, NULL},
    {BRAMA_LIT("retry"), OBJECT, retry_fields},
    {BRAMA_LIT("cache"), OBJECT, introspection_cache_fields},
    {BRAMA_LIT(""), TEXT, NULL}};
static const struct field credentials_fields[] = {
    {BRAMA_LIT("token_url"), TEXT, NULL},
    {BRAMA_LIT("required_scope"), TEXTS, NULL},
    {BRAMA_LIT("retry"), OBJECT, retry_fields},
    {BRAMA_LIT("cache"), OBJECT, credentials_cache_fields},
    {BRAMA_LIT(""), TEXT, NULL}};

static bool all_texts(const struct brama_node *node, enum brama_node_kind kind)
{
    if (node->kind != kind)
        return false;
    for (const struct brama_node *n = node->first; n != NULL; n = n->next)
        if (n->kind != BRAMA_NODE_STR ||
            (kind == BRAMA_NODE_MAP &&
             (!brama_str_is_token(n->key) || brama__is_of_the_connection(n->key) ||
              brama_str_has_control(n->text))))
            return false;
    return true;
}

static bool has_shape(const struct field *field, const struct brama_node *node)
{
    uint64_t ms;

    switch (field->shape) {
    case TEXT:
        return node->kind == BRAMA_NODE_STR;
    case TEXTS:
        return all_texts(node, BRAMA_NODE_LIST);
    case PAIRS:
        return all_texts(node, BRAMA_NODE_MAP);
    case TRUTH:
        return node->kind == BRAMA_NODE_BOOL;
    case NUMBER:
        return node->kind == BRAMA_NODE_INT;
    case DURATION:
        return brama_ory_duration_read(node, &ms);
    case STRATEGY:
        return brama__is_scope_strategy(node);
    case PLACE:
        return brama__is_token_from(node);
    case OBJECT:
        return node->kind == BRAMA_NODE_MAP;
    }
    return false;
}

static void judge_fields(struct brama__judging *j, brama_str at, const struct field *fields,
                         const struct brama_node *map)
{
    for (const struct brama_node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next) {
        const struct field *f = fields;
        while (f->name.n != 0 && !brama_str_eq(f->name, n->key))
            f++;
        brama_str here =
            brama_arena_printf(j->arena, "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(n->key));
        if (f->name.n == 0)
            brama__fail(j, n->key_where, brama__unsupported(j, n->key), "%.*s", BRAMA_FMT(here));
        else if (!has_shape(f, n))
            brama__fail(j, n->where,
                        brama__unsupported(j, brama_arena_printf(j->arena, "this form of %.*s",
                                                                 BRAMA_FMT(n->key))),
                        "%.*s", BRAMA_FMT(here));
        else if (f->shape == OBJECT)
            judge_fields(j, here, f->fields, n);
    }
}

/* Left out, that of the Oathkeeper which Kyma installs holds; what is left out of pre_authorization
 * has none. */
static void judge_url(struct brama__judging *j, struct brama_where where, brama_str at,
                      const char *key, brama_str url)
{
    struct brama_url_parts ignored;
    const char *why = url.n == 0 ? "leaving it out" : "a URL that isn't http or https";

    if (url.n == 0 || !brama_url_parts_read(&ignored, j->arena, url))
        brama__fail(j, where, brama__unsupported(j, brama_str_c(why)), "%.*s.%s", BRAMA_FMT(at),
                    key);
}

void brama__judge_oauth2(struct brama__judging *j, size_t i, size_t k)
{
    const struct brama_strategy *s = &j->rule->rules[i].strategies[k];
    bool introspection = s->kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION;
    brama_str at =
        brama_arena_printf(j->arena, ".spec.rules[%zu].accessStrategies[%zu].config", i, k);

    judge_fields(j, at, introspection ? introspection_fields : credentials_fields, s->config);
    judge_url(j, s->where, at, introspection ? "introspection_url" : "token_url", s->oauth2.url);
    if (!s->oauth2.pre_authorized)
        return;
    judge_url(j, s->where, at, "pre_authorization.token_url", s->oauth2.pre_url);
    if (s->oauth2.client_id.n == 0 || s->oauth2.client_secret.n == 0)
        brama__fail(j, s->where,
                    brama__unsupported(j, BRAMA_STR("leaving out client_id or client_secret")),
                    "%.*s.pre_authorization", BRAMA_FMT(at));
}

static const struct field basic_fields[] = {{BRAMA_LIT("username"), TEXT, NULL},
                                            {BRAMA_LIT("password"), TEXT, NULL},
                                            {BRAMA_LIT(""), TEXT, NULL}};
static const struct field auth_fields[] = {{BRAMA_LIT("basic"), OBJECT, basic_fields},
                                           {BRAMA_LIT(""), TEXT, NULL}};
static const struct field api_fields[] = {{BRAMA_LIT("url"), TEXT, NULL},
                                          {BRAMA_LIT("auth"), OBJECT, auth_fields},
                                          {BRAMA_LIT("retry"), OBJECT, retry_fields},
                                          {BRAMA_LIT(""), TEXT, NULL}};
static const struct field hydrator_cache_fields[] = {{BRAMA_LIT("enabled"), TRUTH, NULL},
                                                     {BRAMA_LIT("ttl"), DURATION, NULL},
                                                     {BRAMA_LIT(""), TEXT, NULL}};
static const struct field hydrator_fields[] = {{BRAMA_LIT("api"), OBJECT, api_fields},
                                               {BRAMA_LIT("cache"), OBJECT, hydrator_cache_fields},
                                               {BRAMA_LIT(""), TEXT, NULL}};

void brama__judge_hydrator(struct brama__judging *j, brama_str at, const struct brama_node *item)
{
    const struct brama_node *config = brama_node_get(item, BRAMA_STR("config"));
    brama_str here = brama_arena_printf(j->arena, "%.*s.config", BRAMA_FMT(at));

    judge_fields(j, here, hydrator_fields, config);
    judge_url(j, item->where, here, "api.url", brama_ory_hydrator_url(config));
}

static const struct field id_token_fields[] = {{BRAMA_LIT("claims"), TEXT, NULL},
                                               {BRAMA_LIT("issuer_url"), TEXT, NULL},
                                               {BRAMA_LIT("jwks_url"), TEXT, NULL},
                                               {BRAMA_LIT("ttl"), DURATION, NULL},
                                               {BRAMA_LIT(""), TEXT, NULL}};

/* A private key that is fetched is everybody's who can fetch it, too. */
void brama__judge_id_token(struct brama__judging *j, brama_str at, const struct brama_node *item)
{
    const struct brama_node *config = brama_node_get(item, BRAMA_STR("config"));
    brama_str url = brama_node_get_str(config, BRAMA_STR("jwks_url"));
    brama_str here = brama_arena_printf(j->arena, "%.*s.config", BRAMA_FMT(at));
    char path[4096]; /* PATH_MAX */

    judge_fields(j, here, id_token_fields, config);
    if (url.n != 0 && !brama_file_url_path(path, sizeof(path), url))
        brama__fail(j, item->where,
                    brama__unsupported(j, BRAMA_STR("a private key set that isn't at a file URL")),
                    "%.*s.jwks_url", BRAMA_FMT(here));
}
