/* Tokens for test requests: who would sign them, and where they stand. */
#include "cli/testing.h"
#include "crypto/digest.h"
#include "jose/alg.h"

#define NOBODY "https://issuer.example"

static const struct brama_token_from bearer = {BRAMA_TOKEN_HEADER, BRAMA_LIT("Authorization"),
                                               BRAMA_LIT("Bearer ")};

static struct brama_token_from place_of_auth(const struct brama_jwt_auth *auth)
{
    if (auth->from_header_count != 0)
        return auth->from_headers[0];
    if (auth->from_params.n != 0)
        return (struct brama_token_from){BRAMA_TOKEN_PARAM, auth->from_params.p[0], BRAMA_NIL};
    return bearer;
}

/* The issuer's entry of the strategy; the first one if nobody is named. */
static bool signer_of(struct brama_test_signer *out, const struct brama_strategy *s, bool istio,
                      const struct brama_test_token *token)
{
    for (size_t i = 0; istio && i < s->istio.auth_count; i++) {
        const struct brama_jwt_auth *auth = &s->istio.auths[i];
        if (token->has_issuer && !brama_str_eq(auth->issuer, token->issuer))
            continue;
        *out = (struct brama_test_signer){auth->issuer, auth->jwks_uri, place_of_auth(auth), NULL};
        return true;
    }
    const struct brama_jwt_ory *ory = &s->ory;
    for (size_t i = 0; !istio && ory->jwks_urls.n != 0 && i <= ory->trusted_issuers.n; i++) {
        bool last = i == ory->trusted_issuers.n;
        brama_str issuer = last ? BRAMA_STR(NOBODY) : ory->trusted_issuers.p[i];
        if (last && i != 0)
            break;
        if (token->has_issuer && !last && !brama_str_eq(issuer, token->issuer))
            continue;
        *out = (struct brama_test_signer){
            token->has_issuer ? token->issuer : issuer,
            ory->jwks_urls.p[i < ory->jwks_urls.n ? i : ory->jwks_urls.n - 1],
            ory->token_from.place == BRAMA_TOKEN_DEFAULT ? bearer : ory->token_from, ory};
        return true;
    }
    return false;
}

/* v2 and the istio handler have one dialect, the ory handler another. */
static bool signer_of_rule(struct brama_test_signer *out, const struct brama_apirule *apirule,
                           size_t rule, const struct brama_test_token *token)
{
    bool v1 = brama_api_is_v1(apirule->version);
    bool istio = !v1 || apirule->judged.handler == BRAMA_HANDLER_ISTIO;

    for (size_t j = 0; rule < apirule->rule_count && j < apirule->rules[rule].strategy_count; j++)
        if (signer_of(out, &apirule->rules[rule].strategies[j], istio, token))
            return true;
    return false;
}

static bool signer_of_apirule(struct brama_test_signer *out, const struct brama_apirule *apirule,
                              const struct brama_test_token *token)
{
    for (size_t i = 0; i < apirule->rule_count; i++)
        if (signer_of_rule(out, apirule, i, token))
            return true;
    return false;
}

struct brama_test_signer brama_test_signer(const struct brama_world *world,
                                           const struct brama_apirule *apirule, size_t rule,
                                           const struct brama_test_token *token)
{
    struct brama_test_signer out, usual;
    const struct brama_test_token anybody = {.has_issuer = false};

    bool found = apirule != NULL && (signer_of_rule(&out, apirule, rule, token) ||
                                     signer_of_apirule(&out, apirule, token));
    for (const struct brama_apirule *r = world->rules; !found && r != NULL; r = r->next)
        found = signer_of_apirule(&out, r, token);
    if (!found)
        out = (struct brama_test_signer){token->has_issuer ? token->issuer : BRAMA_STR(NOBODY),
                                         BRAMA_NIL, bearer, NULL};
    /* Whoever signs it, the token stands where the rule looks. */
    if (apirule != NULL && (signer_of_rule(&usual, apirule, rule, &anybody))) {
        out.place = usual.place;
        out.ory = usual.ory;
    }
    return out;
}

/* What the rule takes: ES256 where it may, since such keys are made in no time. */
static enum brama_alg alg_of(const struct brama_test_token *token,
                             const struct brama_test_signer *signer)
{
    enum brama_alg first = BRAMA_ALG_INVALID;

    if (token->alg != BRAMA_ALG_INVALID)
        return token->alg;
    for (size_t i = 0; signer->ory != NULL && i < signer->ory->allowed_algorithms.n; i++) {
        enum brama_alg alg = brama_alg_by_name(signer->ory->allowed_algorithms.p[i]);
        if (alg == BRAMA_ALG_ES256)
            return alg;
        if (first == BRAMA_ALG_INVALID && alg < BRAMA_ALG_ES256)
            first = alg;
    }
    return first != BRAMA_ALG_INVALID ? first : BRAMA_ALG_ES256;
}

static bool has_claim(const struct brama_test_token *token, const char *name)
{
    for (size_t i = 0; i < token->claim_count; i++)
        if (brama_str_eq(token->claims[i].name, brama_str_c(name)))
            return true;
    return false;
}

static void add_time(struct brama_mint_claim *claims, size_t *count, struct brama_arena *arena,
                     const char *name, int64_t at_s)
{
    struct brama_node *node = brama_arena_alloc(arena, sizeof(*node));

    if (node == NULL)
        return;
    *node = (struct brama_node){.kind = BRAMA_NODE_INT, .integer = at_s, .real = (double)at_s};
    claims[(*count)++] = (struct brama_mint_claim){brama_str_c(name), node};
}

enum brama_err brama_test_token(brama_str *out, struct brama_arena *arena,
                                const struct brama_test_bench *bench,
                                const struct brama_test_token *token,
                                const struct brama_test_signer *signer, int64_t now_s,
                                struct brama_diag *diag)
{
    struct brama_mint_claim *claims =
        brama_arena_array(arena, token->claim_count + 2, sizeof(*claims));
    enum brama_alg alg = alg_of(token, signer);
    bool rsa = alg != BRAMA_ALG_ES256;
    struct brama_test_key own = brama_test_bench_key(bench, signer->url, rsa);
    struct brama_test_key other = brama_test_bench_key(bench, BRAMA_NIL, rsa);
    struct brama_buf buf;
    size_t n = 0;

    *out = token->raw;
    if (token->has_raw)
        return BRAMA_OK;
    if (claims == NULL)
        return BRAMA_ERR_NOMEM;
    if (own.key == NULL || other.key == NULL)
        return BRAMA_ERR_BUG; /* the bench was made without RSA keys */
    for (; n < token->claim_count; n++)
        claims[n] = token->claims[n];
    if (!has_claim(token, "exp"))
        add_time(claims, &n, arena, "exp", now_s + token->expires_in_s);
    if (token->has_not_before && !has_claim(token, "nbf"))
        add_time(claims, &n, arena, "nbf", now_s + token->not_before_in_s);
    struct brama_mint_wish wish = {.key =
                                       token->other_key || token->other_kid ? other.key : own.key,
                                   .alg = alg,
                                   .kid = token->other_kid ? other.kid : own.kid,
                                   .issuer = has_claim(token, "iss") ? BRAMA_NIL : signer->issuer,
                                   .subject = has_claim(token, "sub") ? BRAMA_NIL : token->subject,
                                   .scope = token->scope,
                                   .audiences = token->audiences.p,
                                   .audience_count = token->audiences.n,
                                   .claims = claims,
                                   .claim_count = n,
                                   .now_s = now_s};
    enum brama_err err = brama_random(wish.jti, sizeof(wish.jti));
    brama_buf_init(&buf, NULL, 1 << 16);
    if (err == BRAMA_OK)
        err = brama_mint(&buf, &wish, diag);
    if (err == BRAMA_OK)
        *out = brama_arena_copy(arena, brama_buf_str(&buf));
    brama_buf_deinit(&buf);
    return err == BRAMA_OK && brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : err;
}

bool brama_test_put(struct brama_request *out, struct brama_arena *arena,
                    const struct brama_request *request, brama_str token,
                    const struct brama_token_from *place)
{
    struct brama_header *headers =
        brama_arena_array(arena, request->header_count + 1, sizeof(*headers));

    *out = *request;
    if (headers == NULL)
        return false;
    if (place->place == BRAMA_TOKEN_PARAM) {
        brama_str path = request->target;
        bool has_query = brama_str_find(path, '?') < path.n;
        out->target =
            brama_arena_printf(arena, "%.*s%c%.*s=%.*s", BRAMA_FMT(path), has_query ? '&' : '?',
                               BRAMA_FMT(place->name), BRAMA_FMT(token));
        return out->target.p != NULL;
    }
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = request->headers[i];
    bool cookie = place->place == BRAMA_TOKEN_COOKIE;
    /* Oathkeeper's header has no prefix of its own, but for Authorization. */
    headers[request->header_count] = (struct brama_header){
        cookie ? BRAMA_STR("Cookie") : place->name,
        cookie ? brama_arena_printf(arena, "%.*s=%.*s", BRAMA_FMT(place->name), BRAMA_FMT(token))
               : brama_arena_printf(arena, "%.*s%.*s", BRAMA_FMT(place->prefix), BRAMA_FMT(token))};
    out->headers = headers;
    out->header_count = request->header_count + 1;
    return !brama_arena_failed(arena);
}
