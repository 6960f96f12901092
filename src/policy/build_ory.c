/* What Kyma writes into Oathkeeper's Rule for an APIRule's rule. apirule.md section 4.4. */
#include "policy/build.h"

#include "jose/alg.h"
#include "rule/shipped.h"
#include "rule/uri.h"

static const brama_str shipped_keys = BRAMA_LIT(BRAMA_SHIPPED_JWKS);

static uint32_t jwt_row(struct brama__build *b, const struct brama_jwt_ory *ory)
{
    struct brama_str_list urls =
        ory->jwks_urls.n != 0 ? ory->jwks_urls : (struct brama_str_list){&shipped_keys, 1};
    struct brama_p_ory row = {.issuers = brama__build_texts(b, ory->trusted_issuers),
                              .scopes = brama__build_texts(b, ory->required_scope),
                              .audiences = brama__build_texts(b, ory->target_audience),
                              .scope_strategy = (uint32_t)ory->scope_strategy,
                              .place = (uint32_t)ory->token_from.place,
                              .name = brama_packer_text(b->out, ory->token_from.name)};
    for (size_t i = 0; i < ory->allowed_algorithms.n; i++)
        row.algs |= 1u << brama_alg_by_name(ory->allowed_algorithms.p[i]);
    /* Oathkeeper refuses EdDSA, listed or not. */
    row.algs &= ~(1u << BRAMA_ALG_INVALID | 1u << BRAMA_ALG_EDDSA);
    uint32_t *sets = brama_arena_array(&b->arena, urls.n, sizeof(*sets));
    for (size_t i = 0; sets != NULL && i < urls.n; i++)
        sets[i] = brama__build_keyset(b, urls.p[i]);
    row.keysets.first = brama_packer_count(b->out, BRAMA_T_NUMBERS);
    for (size_t i = 0; sets != NULL && i < urls.n; i++) {
        brama_packer_row(b->out, BRAMA_T_NUMBERS, &sets[i], sizeof(sets[i]));
        row.keysets.count++;
    }
    return brama_packer_row(b->out, BRAMA_T_ORY, &row, sizeof(row));
}

uint32_t brama__build_target(struct brama__build *b, bool tls, brama_str host, uint16_t port)
{
    brama_str name = brama_arena_printf(&b->arena, "%d %.*s %u", tls, BRAMA_FMT(host), port);
    uint32_t at;

    if (!brama__build_named(b, BRAMA_T_TARGET, name, &at))
        return at;
    struct brama_p_target row = {.id = brama_target_id(host, port),
                                 .host = brama_packer_text(b->out, host),
                                 .port = port,
                                 .tls = tls};
    return brama_packer_row(b->out, BRAMA_T_TARGET, &row, sizeof(row));
}

static struct brama_p_oauth2 endpoint(struct brama__build *b, brama_str url)
{
    struct brama_url_parts parts;
    struct brama_p_oauth2 row = {.pre = BRAMA_NO_ROW};

    if (!brama_url_parts_read(&parts, &b->arena, url)) { /* the judge let it pass: no memory */
        b->err = BRAMA_ERR_NOMEM;
        return row;
    }
    row.target = brama__build_target(b, parts.tls, parts.host, (uint16_t)parts.port);
    row.authority = brama_packer_text(b->out, parts.authority);
    row.path = brama_packer_text(b->out, parts.target);
    return row;
}

static uint32_t pre_row(struct brama__build *b, const struct brama_oauth2 *oauth2)
{
    if (!oauth2->pre_authorized)
        return BRAMA_NO_ROW;
    struct brama_p_oauth2 row = endpoint(b, oauth2->pre_url);
    row.scopes = brama__build_texts(b, oauth2->pre_scope);
    row.client_id = brama_packer_text(b->out, oauth2->client_id);
    row.client_secret = brama_packer_text(b->out, oauth2->client_secret);
    row.audience = brama_packer_text(b->out, oauth2->audience);
    return brama_packer_row(b->out, BRAMA_T_OAUTH2, &row, sizeof(row));
}

static uint32_t oauth2_row(struct brama__build *b, const struct brama_oauth2 *oauth2)
{
    struct brama_p_oauth2 row = endpoint(b, oauth2->url);

    row.pre = pre_row(b, oauth2);
    row.scopes = brama__build_texts(b, oauth2->required_scope);
    row.audiences = brama__build_texts(b, oauth2->target_audience);
    row.issuers = brama__build_texts(b, oauth2->trusted_issuers);
    row.scope_strategy = (uint32_t)oauth2->scope_strategy;
    row.place = (uint32_t)oauth2->token_from.place;
    row.name = brama_packer_text(b->out, oauth2->token_from.name);
    row.cached = oauth2->cached;
    row.cache_ms = oauth2->cache_ms;
    row.headers.first = brama_packer_count(b->out, BRAMA_T_HEADER);
    for (size_t i = 0; i < oauth2->header_count; i++)
        brama__build_header(b, &row.headers, oauth2->headers[i].name, oauth2->headers[i].value);
    return brama_packer_row(b->out, BRAMA_T_OAUTH2, &row, sizeof(row));
}

/* Under the istio handler Kyma writes no others into a Rule, and no Rule without one of them. */
static bool is_written(const struct brama_strategy *s, enum brama_handler handler)
{
    return handler != BRAMA_HANDLER_ISTIO || s->kind == BRAMA_STRATEGY_NOOP ||
           s->kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION;
}

bool brama__has_authenticators(const struct brama_rule *rule, enum brama_handler handler)
{
    for (size_t i = 0; i < rule->strategy_count; i++)
        if (is_written(&rule->strategies[i], handler))
            return true;
    return false;
}

struct brama_span brama__build_authenticators(struct brama__build *b, const struct brama_rule *rule,
                                              enum brama_handler handler)
{
    struct brama_p_authenticator *rows =
        brama_arena_array(&b->arena, rule->strategy_count, sizeof(*rows));
    struct brama_span span = {0, 0};

    for (size_t i = 0; rows != NULL && i < rule->strategy_count; i++) {
        const struct brama_strategy *s = &rule->strategies[i];
        if (!is_written(s, handler))
            continue;
        rows[span.count++] = (struct brama_p_authenticator){
            .strategy = (uint32_t)s->kind,
            .ory = s->kind == BRAMA_STRATEGY_JWT ? jwt_row(b, &s->ory) : BRAMA_NO_ROW,
            .oauth2 = s->kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION ||
                              s->kind == BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS
                          ? oauth2_row(b, &s->oauth2)
                          : BRAMA_NO_ROW};
    }
    span.first = brama_packer_count(b->out, BRAMA_T_AUTHENTICATOR);
    for (uint32_t i = 0; i < span.count; i++)
        brama_packer_row(b->out, BRAMA_T_AUTHENTICATOR, &rows[i], sizeof(rows[i]));
    return span;
}

#define SHIPPED_TTL_MS 60000 /* of id_token; apirule.md 2.5 */

/* What the Oathkeeper that Kyma installs sets of its own; a rule's config is merged over it.
 * apirule.md 2.5, oathkeeper.md 1.5. */
static const struct {
    brama_str handler, list, name, value;
    enum brama_mutator_kind kind;
} mutators[] = {
    {BRAMA_LIT("header"), BRAMA_LIT("headers"), BRAMA_LIT("X-Server"), BRAMA_LIT("oathkeeper"),
     BRAMA_MUTATOR_HEADER},
    {BRAMA_LIT("cookie"), BRAMA_LIT("cookies"), BRAMA_LIT("processedWith"), BRAMA_LIT("oathkeeper"),
     BRAMA_MUTATOR_COOKIE},
};

static bool asks_for_groups(brama_str text)
{
    return brama_str_find_str(text, BRAMA_STR("RegexpCaptureGroups")) != text.n;
}

/* An empty text doesn't override what Oathkeeper has itself. */
static struct brama_span pair_rows(struct brama__build *b, size_t kind,
                                   const struct brama_node *config, bool *wants_groups)
{
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_HEADER), 0};
    const struct brama_node *map = brama_node_get(config, mutators[kind].list);

    if (brama_node_get_str(map, mutators[kind].name).n == 0)
        brama__build_header(b, &span, mutators[kind].name, mutators[kind].value);
    for (const struct brama_node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next) {
        if (brama_str_eq(n->key, mutators[kind].name) && n->text.n == 0)
            continue;
        brama__build_header(b, &span, n->key, n->text);
        *wants_groups = *wants_groups || asks_for_groups(n->text);
    }
    return span;
}

static uint32_t api_row(struct brama__build *b, const struct brama_node *config)
{
    const struct brama_node *api = brama_node_get(config, BRAMA_STR("api"));
    const struct brama_node *auth = brama_node_get(api, BRAMA_STR("auth"));
    const struct brama_node *basic = brama_node_get(auth, BRAMA_STR("basic"));
    const struct brama_node *cache = brama_node_get(config, BRAMA_STR("cache"));
    const struct brama_node *enabled = brama_node_get(cache, BRAMA_STR("enabled"));
    struct brama_p_oauth2 row = endpoint(b, brama_ory_hydrator_url(config));

    row.client_id = brama_packer_text(b->out, brama_node_get_str(basic, BRAMA_STR("username")));
    row.client_secret = brama_packer_text(b->out, brama_node_get_str(basic, BRAMA_STR("password")));
    row.cached = enabled != NULL && enabled->kind == BRAMA_NODE_BOOL && enabled->truth;
    (void)brama_ory_duration_read(brama_node_get(cache, BRAMA_STR("ttl")), &row.cache_ms);
    return brama_packer_row(b->out, BRAMA_T_OAUTH2, &row, sizeof(row));
}

/* An empty text doesn't override what Oathkeeper has itself; for the key set that Kyma installs we
 * have our own. */
static uint32_t id_token_row(struct brama__build *b, const struct brama_node *config,
                             bool *wants_groups)
{
    brama_str issuer = brama_node_get_str(config, BRAMA_STR("issuer_url"));
    brama_str claims = brama_node_get_str(config, BRAMA_STR("claims"));
    uint64_t ttl_ms = SHIPPED_TTL_MS;

    if (issuer.n == 0)
        issuer = brama_arena_printf(&b->arena, "https://oathkeeper.%.*s", BRAMA_FMT(b->in->domain));
    (void)brama_ory_duration_read(brama_node_get(config, BRAMA_STR("ttl")), &ttl_ms);
    *wants_groups = *wants_groups || asks_for_groups(claims);
    struct brama_p_id_token row = {
        .issuer = brama_packer_text(b->out, issuer),
        .jwks_url = brama_packer_text(b->out, brama_node_get_str(config, BRAMA_STR("jwks_url"))),
        .claims = brama_packer_text(b->out, claims),
        .ttl_ms = ttl_ms};
    return brama_packer_row(b->out, BRAMA_T_ID_TOKEN, &row, sizeof(row));
}

struct brama_span brama__build_mutators(struct brama__build *b, const struct brama_rule *rule,
                                        bool *wants_groups)
{
    size_t max = rule->mutators != NULL ? rule->mutators->count : 0;
    struct brama_p_mutator *rows = brama_arena_array(&b->arena, max + 1, sizeof(*rows));
    const struct brama_node *item = max != 0 ? rule->mutators->first : NULL;
    struct brama_span span = {0, 0};

    for (; rows != NULL && item != NULL; item = item->next) {
        brama_str name = brama_node_get_str(item, BRAMA_STR("handler"));
        if (brama_str_eq(name, BRAMA_STR("hydrator"))) {
            rows[span.count++] = (struct brama_p_mutator){
                .kind = BRAMA_MUTATOR_HYDRATOR,
                .id_token = BRAMA_NO_ROW,
                .api = api_row(b, brama_node_get(item, BRAMA_STR("config")))};
            *wants_groups = true; /* they are sent */
        }
        if (brama_str_eq(name, BRAMA_STR("id_token")))
            rows[span.count++] = (struct brama_p_mutator){
                .kind = BRAMA_MUTATOR_ID_TOKEN,
                .api = BRAMA_NO_ROW,
                .id_token =
                    id_token_row(b, brama_node_get(item, BRAMA_STR("config")), wants_groups)};
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(mutators); k++)
            if (brama_str_eq(mutators[k].handler, name))
                rows[span.count++] = (struct brama_p_mutator){
                    .kind = (uint32_t)mutators[k].kind,
                    .api = BRAMA_NO_ROW,
                    .id_token = BRAMA_NO_ROW,
                    .pairs =
                        pair_rows(b, k, brama_node_get(item, BRAMA_STR("config")), wants_groups)};
    }
    span.first = brama_packer_count(b->out, BRAMA_T_MUTATOR);
    for (uint32_t i = 0; i < span.count; i++)
        brama_packer_row(b->out, BRAMA_T_MUTATOR, &rows[i], sizeof(rows[i]));
    return span;
}
