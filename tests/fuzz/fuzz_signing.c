/* What the signer reads: a key set with private keys, what rules name, and what is asked for.
 *
 * Whatever set it is, the public halves that are shown are a set that every gateway takes, with
 * nothing private in it; what the set signs verifies under the shown key of the kid that it names;
 * and whatever was asked for, the token says the ask's issuer and subject. */
#include "issuer/id_token.h"
#include "jose/b64url.h"
#include "jose/jwt.h"
#include "json/read.h"

#include "fuzz.h"

#define NOW_MS INT64_C(1700000000000)

/* RFC 8037 appendix A.1 and A.2: signs what is asked for. */
static const brama_str own =
    BRAMA_LIT("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"own\",\"x\":"
              "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":"
              "\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}]}");

static const struct brama_node *claims_of(struct brama_arena *arena, brama_str token)
{
    struct brama_node *root = NULL;
    brama_str part = BRAMA_NIL;

    FUZZ_CHECK(brama_str_next(&token, '.', &part) && brama_str_next(&token, '.', &part));
    FUZZ_CHECK(brama_b64url_decode(&part, arena, part) == BRAMA_OK);
    FUZZ_CHECK(brama_json_parse(&root, arena, part, &brama_json_limits_answer, NULL) == BRAMA_OK);
    return root;
}

static void check_signature(const struct brama_signing_set *set, const struct brama_jwks *shown,
                            struct brama_arena *arena)
{
    const struct brama_id_token_ask ask = {.issuer = BRAMA_STR("i"), .ttl_ms = 1000};
    const struct brama_id_token_wish wish = {.ask = &ask, .signer = set->signer, .now_ms = NOW_MS};
    struct brama_id_tokens *tokens = brama_id_tokens_new(1);
    struct brama_diag diag = {0};
    struct brama_jwt jwt;
    brama_str token;
    int64_t fresh;
    bool verified = false;

    FUZZ_CHECK(tokens != NULL);
    if (brama_id_tokens_get(tokens, &token, &fresh, &wish, &diag) == BRAMA_OK) {
        brama_jwt_read(&jwt, arena, token);
        FUZZ_CHECK(jwt.status == BRAMA_JWT_OK);
        for (size_t i = 0; i < shown->count; i++) {
            struct brama_verified v;
            if (!brama_str_eq(shown->keys[i].kid, set->signer->kid))
                continue;
            brama_pkey_verify(&v, shown->keys[i].pkey, jwt.alg, jwt.signing_input, jwt.signature);
            verified = verified || v.valid;
        }
        FUZZ_CHECK(verified);
    }
    brama_id_tokens_free(tokens);
}

static void fuzz_set(brama_str text)
{
    static const brama_str members[] = {
        BRAMA_LIT("\"d\":"),  BRAMA_LIT("\"p\":"),  BRAMA_LIT("\"q\":"), BRAMA_LIT("\"dp\":"),
        BRAMA_LIT("\"dq\":"), BRAMA_LIT("\"qi\":"), BRAMA_LIT("\"k\":"), BRAMA_LIT("\"oth\":")};
    struct brama_signing_set *set;
    struct brama_jwks *shown = NULL;
    struct brama_diag diag = {0};
    struct brama_arena arena;
    struct brama_buf out;

    enum brama_err err = brama_signing_set_load(&set, text, &diag);
    FUZZ_CHECK((err == BRAMA_OK) == (set != NULL));
    FUZZ_CHECK(err == BRAMA_OK || err == BRAMA_ERR_NOMEM || diag.what[0] != '\0');
    if (set == NULL)
        return;
    brama_arena_init(&arena, NULL, 1 << 22);
    brama_buf_init(&out, NULL, 4 << 20);
    FUZZ_CHECK(brama_signing_sets_public(&out, &set, 1) == BRAMA_OK);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(members); i++)
        FUZZ_CHECK(brama_str_find_str(brama_buf_str(&out), members[i]) == out.n);
    /* A modulus that is no product of two large primes may pass once and not again: fuzz_jwks.c. A
     * kid that two keys share takes both out, as it should. */
    err = brama_jwks_load(&shown, brama_buf_str(&out), &diag);
    if (set->signer != NULL && err == BRAMA_OK && shown->reject_count == 0)
        check_signature(set, shown, &arena);
    brama_jwks_free(shown);
    brama_buf_deinit(&out);
    brama_arena_deinit(&arena);
    brama_signing_set_free(set);
}

static void fuzz_rules(brama_str text)
{
    struct brama_id_rules *rules;
    struct brama_diag diag = {0};
    brama_str url;
    size_t n = 0;

    enum brama_err err = brama_id_rules_load(&rules, text, &diag);
    FUZZ_CHECK((err == BRAMA_OK) == (rules != NULL));
    while (brama_id_rules_keys(rules, n, &url))
        n++;
    FUZZ_CHECK(rules != NULL || n == 0);
    brama_id_rules_free(rules);
}

static void fuzz_ask(brama_str text)
{
    struct brama_id_tokens *tokens = brama_id_tokens_new(4);
    struct brama_id_token_ask ask;
    struct brama_diag diag = {0};
    struct brama_arena arena;
    struct brama_signing_set *set;
    brama_str token;
    int64_t fresh;

    brama_arena_init(&arena, NULL, 4 << 20);
    FUZZ_CHECK(tokens != NULL && brama_signing_set_load(&set, own, &diag) == BRAMA_OK);
    struct brama_id_token_wish wish = {.ask = &ask, .signer = set->signer, .now_ms = NOW_MS};
    if (brama_id_token_ask_read(&ask, &arena, text, &diag) == BRAMA_OK &&
        brama_id_tokens_get(tokens, &token, &fresh, &wish, &diag) == BRAMA_OK) {
        brama_str first = brama_arena_copy(&arena, token);
        const struct brama_node *c = claims_of(&arena, first);
        const struct brama_node *iss = brama_node_get(c, BRAMA_STR("iss"));
        const struct brama_node *sub = brama_node_get(c, BRAMA_STR("sub"));
        FUZZ_CHECK(iss != NULL && brama_str_eq(iss->text, ask.issuer));
        FUZZ_CHECK(sub != NULL && brama_str_eq(sub->text, ask.subject));
        FUZZ_CHECK(fresh >= 0 && fresh <= (int64_t)ask.ttl_ms);
        FUZZ_CHECK(brama_id_tokens_get(tokens, &token, &fresh, &wish, &diag) == BRAMA_OK);
        FUZZ_CHECK(ask.ttl_ms == 0 || brama_str_eq(token, first));
    }
    brama_signing_set_free(set);
    brama_arena_deinit(&arena);
    brama_id_tokens_free(tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(brama_str) = {fuzz_set, fuzz_rules, fuzz_ask};

    if (size == 0)
        return 0;
    targets[data[0] % BRAMA_ARRAY_LEN(targets)]((brama_str){(const char *)data + 1, size - 1});
    return 0;
}
