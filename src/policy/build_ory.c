/* What Kyma writes into Oathkeeper's Rule for an APIRule's rule. apirule.md section 4.4. */
#include "policy/build.h"

#include "jose/alg.h"

static uint32_t jwt_row(struct brama__build *b, const struct brama_jwt_ory *ory)
{
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
    uint32_t *sets = brama_arena_array(&b->arena, ory->jwks_urls.n + 1, sizeof(*sets));
    for (size_t i = 0; sets != NULL && i < ory->jwks_urls.n; i++)
        sets[i] = brama__build_keyset(b, ory->jwks_urls.p[i]);
    row.keysets.first = brama_packer_count(b->out, BRAMA_T_NUMBERS);
    for (size_t i = 0; sets != NULL && i < ory->jwks_urls.n; i++) {
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
