/* What Kyma writes into Oathkeeper's Rule for an APIRule's rule. apirule.md section 4.4. */
#include "policy/build.h"

#include "jose/alg.h"

/* Of the Oathkeeper that Kyma installs, for a rule that names no key set; apirule.md 2.2. */
static const brama_str shipped_keys = BRAMA_LIT(
    "http://ory-hydra-public.hydra-deprecated.svc.cluster.local:4444/.well-known/jwks.json");

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
            .ory = s->kind == BRAMA_STRATEGY_JWT ? jwt_row(b, &s->ory) : BRAMA_NO_ROW};
    }
    span.first = brama_packer_count(b->out, BRAMA_T_AUTHENTICATOR);
    for (uint32_t i = 0; i < span.count; i++)
        brama_packer_row(b->out, BRAMA_T_AUTHENTICATOR, &rows[i], sizeof(rows[i]));
    return span;
}

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

static void add_pair(struct brama__build *b, struct brama_span *span, brama_str name,
                     brama_str value)
{
    struct brama_p_header row = {brama_packer_text(b->out, name), brama_packer_text(b->out, value)};
    brama_packer_row(b->out, BRAMA_T_HEADER, &row, sizeof(row));
    span->count++;
}

/* An empty text doesn't override what Oathkeeper has itself. */
static struct brama_span pair_rows(struct brama__build *b, size_t kind,
                                   const struct brama_node *config, bool *wants_groups)
{
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_HEADER), 0};
    const struct brama_node *map = brama_node_get(config, mutators[kind].list);

    if (brama_node_get_str(map, mutators[kind].name).n == 0)
        add_pair(b, &span, mutators[kind].name, mutators[kind].value);
    for (const struct brama_node *n = map != NULL ? map->first : NULL; n != NULL; n = n->next) {
        if (brama_str_eq(n->key, mutators[kind].name) && n->text.n == 0)
            continue;
        add_pair(b, &span, n->key, n->text);
        brama_str word = BRAMA_STR("RegexpCaptureGroups");
        *wants_groups = *wants_groups || brama_str_find_str(n->text, word) != n->text.n;
    }
    return span;
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
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(mutators); k++)
            if (brama_str_eq(mutators[k].handler, name))
                rows[span.count++] = (struct brama_p_mutator){
                    .kind = (uint32_t)mutators[k].kind,
                    .pairs =
                        pair_rows(b, k, brama_node_get(item, BRAMA_STR("config")), wants_groups)};
    }
    span.first = brama_packer_count(b->out, BRAMA_T_MUTATOR);
    for (uint32_t i = 0; i < span.count; i++)
        brama_packer_row(b->out, BRAMA_T_MUTATOR, &rows[i], sizeof(rows[i]));
    return span;
}
