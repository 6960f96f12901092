/* The examples of RFC 7515, 7517, 7520, 7797 and 8037: the signature layer says of each what its
 * RFC says, and the token layer refuses those that are no JWT. */
#include "vectors.h"

#include "jose/b64url.h"
#include "json/write.h"

#define FOLDER "jose-cookbook/"

/* A set of that key alone; without its private members if wished. */
static enum brama_err load_key(struct brama_jwks **set, const struct brama_node *key, bool all,
                               struct brama_diag *diag)
{
    static const brama_str public_names[] = {BRAMA_LIT("kty"), BRAMA_LIT("crv"), BRAMA_LIT("n"),
                                             BRAMA_LIT("e"),   BRAMA_LIT("x"),   BRAMA_LIT("y")};
    struct brama_buf text;
    struct brama_json_out out;
    brama_buf_init(&text, NULL, 1 << 16);
    brama_json_out_init(&out, &text, 0);
    brama_json_map(&out);
    brama_json_key(&out, BRAMA_STR("keys"));
    brama_json_list(&out);
    if (all) {
        brama_json_node(&out, key);
    } else {
        brama_json_map(&out);
        for (size_t i = 0; i < BRAMA_ARRAY_LEN(public_names); i++)
            if (brama_node_get(key, public_names[i]) != NULL)
                brama_json_member(&out, public_names[i], brama_node_get_str(key, public_names[i]));
        brama_json_end(&out);
    }
    brama_json_end(&out);
    brama_json_end(&out);
    enum brama_err err = brama_jwks_load(set, brama_buf_str(&text), diag);
    brama_buf_deinit(&text);
    return err;
}

/* Is the third part a signature of the first two, whatever they say? */
static bool signature_holds(struct brama_arena *arena, brama_str token, enum brama_alg alg,
                            const struct brama_node *key)
{
    struct brama_jwks *set;
    struct brama_diag diag = {0};
    struct brama_verified v = {false};
    brama_str signature;
    size_t dot = brama_str_find_last(token, '.');
    if (load_key(&set, key, false, &diag) != BRAMA_OK)
        return false;
    if (brama_b64url_decode(&signature, arena, brama_str_from(token, dot + 1)) == BRAMA_OK)
        brama_pkey_verify(&v, set->keys[0].pkey, alg, brama_str_head(token, dot), signature);
    brama_jwks_free(set);
    return v.valid;
}

static void expect_token(const char *name, struct brama_arena *arena, brama_str text,
                         enum brama_jwt_status want)
{
    struct brama_jwt jwt;
    brama_str token = expect_exact(text);
    brama_jwt_read(&jwt, arena, token);
    EXPECT_STR(name, brama_str_c(brama_jwt_status_name(jwt.status)),
               brama_str_c(brama_jwt_status_name(want)));
    expect_free(token);
}

static void signatures_hold_and_texts_are_no_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum brama_alg alg; /* invalid: a MAC, or nothing that we verify */
        enum brama_jwt_status want;
    } rows[] = {
        {"jws/4_1.rsa_v15_signature.json", BRAMA_ALG_RS256, BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"jws/4_2.rsa-pss_signature.json", BRAMA_ALG_PS384, BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"jws/4_3.ecdsa_signature.json", BRAMA_ALG_ES512, BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"jws/4_4.hmac-sha2_integrity_protection.json", BRAMA_ALG_INVALID,
         BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"jws/4_5.signature_with_detached_content.json", BRAMA_ALG_INVALID, BRAMA_JWT_BAD_FORMAT},
        {"curve25519/jws.json", BRAMA_ALG_EDDSA, BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"rfc7797/hmac-sha2_b64_false.json", BRAMA_ALG_INVALID, BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"curve25519/ecdh-es.json", BRAMA_ALG_INVALID, BRAMA_JWT_BAD_FORMAT},
        {"jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json", BRAMA_ALG_INVALID,
         BRAMA_JWT_BAD_FORMAT},
        {"jwe/5_6.direct_encryption_using_aes-gcm.json", BRAMA_ALG_INVALID, BRAMA_JWT_BAD_FORMAT},
        {"jwe/5_9.compressed_content.json", BRAMA_ALG_INVALID, BRAMA_JWT_BAD_FORMAT},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        char path[128];
        brama_arena_init(&arena, NULL, 1 << 22);
        snprintf(path, sizeof(path), FOLDER "%s", rows[i].file);
        const struct brama_node *doc = vectors_load(&arena, path);
        if (doc != NULL) {
            const struct brama_node *input = brama_node_get(doc, BRAMA_STR("input"));
            const struct brama_node *key = brama_node_get(input, BRAMA_STR("key"));
            const struct brama_node *output = brama_node_get(doc, BRAMA_STR("output"));
            brama_str token = brama_node_get_str(output, BRAMA_STR("compact"));
            EXPECT(rows[i].file, rows[i].alg == BRAMA_ALG_INVALID ||
                                     signature_holds(&arena, token, rows[i].alg, key));
            EXPECT(rows[i].file,
                   rows[i].alg == BRAMA_ALG_INVALID ||
                       !signature_holds(&arena, brama_str_from(token, 1), rows[i].alg, key));
            EXPECT(rows[i].file, token.n != 0);
            expect_token(rows[i].file, &arena, token, rows[i].want);
        }
        brama_arena_deinit(&arena);
    }
}

static void only_public_keys_are_loaded(void **state)
{
    (void)state;
    static const struct {
        const char *file, *want;
    } rows[] = {
        {"jwk/3_1.ec_public_key.json", NULL},
        {"jwk/3_2.ec_private_key.json", "JwkPrivate"},
        {"jwk/3_3.rsa_public_key.json", NULL},
        {"jwk/3_4.rsa_private_key.json", "JwkPrivate"},
        {"jwk/3_5.symmetric_key_mac_computation.json", "JwkSymmetric"},
        {"jwk/3_6.symmetric_key_encryption.json", "JwkSymmetric"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        char path[128];
        brama_arena_init(&arena, NULL, 1 << 22);
        snprintf(path, sizeof(path), FOLDER "%s", rows[i].file);
        const struct brama_node *key = vectors_load(&arena, path);
        if (key != NULL) {
            struct brama_jwks *set;
            struct brama_diag diag = {0};
            enum brama_err err = load_key(&set, key, true, &diag);
            EXPECT(rows[i].file, err == (rows[i].want == NULL ? BRAMA_OK : BRAMA_ERR_INVALID));
            if (rows[i].want != NULL)
                EXPECT(rows[i].file,
                       brama_str_starts(brama_str_c(diag.what), brama_str_c(rows[i].want)));
            brama_jwks_free(set);
        }
        brama_arena_deinit(&arena);
    }
}

/* The clock stands at the second in which RFC 7515's tokens end. */
static void rfc7515_tokens_are_good_until_they_end(void **state)
{
    (void)state;
    static const struct {
        brama_str id;
        enum brama_alg alg;
        enum brama_jwt_status want;
    } rows[] = {
        {BRAMA_LIT("A.1"), BRAMA_ALG_INVALID, BRAMA_JWT_OK}, /* HS256: read, and no key can fit */
        {BRAMA_LIT("A.2"), BRAMA_ALG_RS256, BRAMA_JWT_OK},
        {BRAMA_LIT("A.3"), BRAMA_ALG_ES256, BRAMA_JWT_OK},
        {BRAMA_LIT("A.4"), BRAMA_ALG_ES512, BRAMA_JWT_PAYLOAD_BAD_JSON},
        {BRAMA_LIT("A.5"), BRAMA_ALG_INVALID, BRAMA_JWT_BAD_FORMAT},
    };
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 22);
    const struct brama_node *doc = vectors_load(&arena, FOLDER "rfc7515/appendix_a.json");
    const struct brama_node *cases = brama_node_get(doc, BRAMA_STR("cases"));
    size_t seen = 0;
    for (const struct brama_node *one = cases != NULL ? cases->first : NULL; one != NULL;
         one = one->next)
        for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
            if (!brama_str_eq(brama_node_get_str(one, BRAMA_STR("id")), rows[i].id))
                continue;
            brama_str token = brama_node_get_str(one, BRAMA_STR("jws"));
            const struct brama_node *key = brama_node_get(one, BRAMA_STR("key"));
            struct brama_jwt jwt;
            seen++;
            expect_token(rows[i].id.p, &arena, token, rows[i].want);
            brama_jwt_read(&jwt, &arena, token);
            EXPECT(rows[i].id.p, signature_holds(&arena, token, rows[i].alg, key) ==
                                     (rows[i].alg != BRAMA_ALG_INVALID));
            if (rows[i].want != BRAMA_JWT_OK)
                continue;
            EXPECT_STR(rows[i].id.p, jwt.claims.iss, BRAMA_STR("joe"));
            EXPECT("good", brama_claims_check_time(&jwt.claims, 1300819380, 0) == BRAMA_JWT_OK);
            EXPECT("over",
                   brama_claims_check_time(&jwt.claims, 1300819381, 0) == BRAMA_JWT_EXPIRED);
        }
    EXPECT("every row was there", doc == NULL || seen == BRAMA_ARRAY_LEN(rows));
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_hold_and_texts_are_no_tokens),
        cmocka_unit_test(only_public_keys_are_loaded),
        cmocka_unit_test(rfc7515_tokens_are_good_until_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
