#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "issuer/key_file.h"
#include "issuer/mint.h"
#include "jose/alg.h"
#include "jose/jwt.h"
#include "json/read.h"

#define NOW INT64_C(1700000000)

static struct brama_pkey *new_key(enum brama_alg alg)
{
    struct brama_pkey *key = NULL;

    if (brama_pkey_generate(&key, alg, 0, NULL) != BRAMA_OK)
        fail_msg("no key for %s", brama_alg_name(alg));
    return key;
}

/* Mint and read back; the arena owns the token. */
static struct brama_jwt mint(struct brama_arena *arena, const struct brama_mint_wish *wish)
{
    struct brama_buf token;
    struct brama_jwt jwt;
    struct brama_diag diag = {0};

    brama_buf_init(&token, NULL, 65536);
    if (brama_mint(&token, wish, &diag) != BRAMA_OK)
        fail_msg("not minted: %s", diag.what);
    brama_jwt_read(&jwt, arena, brama_arena_copy(arena, brama_buf_str(&token)));
    brama_buf_deinit(&token);
    return jwt;
}

static void a_minted_token_reads_and_verifies_under_its_key_and_no_other_algorithm(void **state)
{
    (void)state;
    static const enum brama_alg algs[] = {
        BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512, BRAMA_ALG_PS256, BRAMA_ALG_PS384,
        BRAMA_ALG_PS512, BRAMA_ALG_ES256, BRAMA_ALG_ES384, BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};
    struct brama_pkey *rsa = new_key(BRAMA_ALG_RS256);

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(algs); i++) {
        const char *name = brama_alg_name(algs[i]);
        struct brama_arena arena;
        struct brama_verified verified;
        brama_arena_init(&arena, NULL, 1 << 20);
        struct brama_pkey *own = brama_pkey_fits(rsa, algs[i]) ? NULL : new_key(algs[i]);
        const struct brama_pkey *key = own != NULL ? own : rsa;
        struct brama_jwt jwt =
            mint(&arena, &(struct brama_mint_wish){.key = key,
                                                   .alg = algs[i],
                                                   .issuer = BRAMA_STR("https://me.example"),
                                                   .now_s = NOW,
                                                   .ttl_s = 60});
        EXPECT(name, jwt.status == BRAMA_JWT_OK);
        EXPECT(name, jwt.alg == algs[i]);
        brama_pkey_verify(&verified, key, algs[i], jwt.signing_input, jwt.signature);
        EXPECT(name, verified.valid);
        enum brama_alg sibling = algs[i] == BRAMA_ALG_RS256 ? BRAMA_ALG_RS512 : BRAMA_ALG_RS256;
        brama_pkey_verify(&verified, key, sibling, jwt.signing_input, jwt.signature);
        EXPECT(name, !verified.valid);
        brama_pkey_free(own);
        brama_arena_deinit(&arena);
    }
    brama_pkey_free(rsa);
}

/* RFC 7519 section 4.1: the names; RFC 9562 section 5.4: version and variant of the UUID. */
static void the_claims_say_what_was_wished(void **state)
{
    (void)state;
    static const brama_str audiences[] = {BRAMA_LIT("a"), BRAMA_LIT("b")};
    static const struct brama_node admin = {.kind = BRAMA_NODE_BOOL, .truth = true};
    static const struct brama_mint_claim claims[] = {{BRAMA_LIT("admin"), &admin}};
    struct brama_arena arena;
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256);
    struct brama_mint_wish wish = {.key = key,
                                   .issuer = BRAMA_STR("https://me.example"),
                                   .subject = BRAMA_STR("x"),
                                   .scope = BRAMA_STR("read write"),
                                   .audiences = audiences,
                                   .audience_count = 2,
                                   .claims = claims,
                                   .claim_count = 1,
                                   .jku = BRAMA_STR("https://me.example/keys"),
                                   .now_s = NOW,
                                   .ttl_s = 3600};

    memset(wish.jti, 0xff, sizeof(wish.jti));
    brama_arena_init(&arena, NULL, 1 << 20);
    struct brama_jwt jwt = mint(&arena, &wish);
    const struct brama_node *root = jwt.claims.root;
    EXPECT_STR("iss", jwt.claims.iss, BRAMA_STR("https://me.example"));
    EXPECT_STR("sub", jwt.claims.sub, BRAMA_STR("x"));
    EXPECT_STR("scope", brama_node_get_str(root, BRAMA_STR("scope")), BRAMA_STR("read write"));
    EXPECT("two audiences", jwt.claims.aud_count == 2);
    EXPECT("iat is now", jwt.claims.iat.present && jwt.claims.iat.s == NOW);
    EXPECT("exp is an hour later", jwt.claims.exp.present && jwt.claims.exp.s == NOW + 3600);
    EXPECT("no nbf unless wished", !jwt.claims.nbf.present);
    EXPECT("a claim of the list", brama_node_get(root, BRAMA_STR("admin")) != NULL &&
                                      brama_node_get(root, BRAMA_STR("admin"))->truth);
    EXPECT_STR("jti is a UUID of version 4", brama_node_get_str(root, BRAMA_STR("jti")),
               BRAMA_STR("ffffffff-ffff-4fff-bfff-ffffffffffff"));
    EXPECT_STR("jku", jwt.jku, BRAMA_STR("https://me.example/keys"));
    EXPECT_STR("typ", brama_node_get_str(jwt.header, BRAMA_STR("typ")), BRAMA_STR("JWT"));
    EXPECT("kid is 32 octets in base64url", jwt.has_kid && jwt.kid.n == 43);
    brama_pkey_free(key);
    brama_arena_deinit(&arena);
}

static void what_is_not_wished_is_not_there(void **state)
{
    (void)state;
    static const brama_str one[] = {BRAMA_LIT("a")};
    static const struct brama_node early = {.kind = BRAMA_NODE_INT, .integer = 5, .real = 5};
    static const struct brama_mint_claim claims[] = {{BRAMA_LIT("iat"), &early}};
    struct brama_arena arena;
    struct brama_pkey *key = new_key(BRAMA_ALG_EDDSA);

    brama_arena_init(&arena, NULL, 1 << 20);
    struct brama_jwt jwt = mint(&arena, &(struct brama_mint_wish){.key = key,
                                                                  .kid = BRAMA_STR("k1"),
                                                                  .audiences = one,
                                                                  .audience_count = 1,
                                                                  .claims = claims,
                                                                  .claim_count = 1,
                                                                  .now_s = NOW,
                                                                  .ttl_s = 60,
                                                                  .no_exp = true});
    EXPECT("no iss", !jwt.claims.has_iss);
    EXPECT("no sub", !jwt.claims.has_sub);
    EXPECT("no exp", !jwt.claims.exp.present);
    EXPECT("a listed iat instead of the clock's", jwt.claims.iat.s == 5);
    EXPECT_STR("a kid of its own", jwt.kid, BRAMA_STR("k1"));
    const struct brama_node *aud = brama_node_get(jwt.claims.root, BRAMA_STR("aud"));
    EXPECT("one audience is a string", aud != NULL && aud->kind == BRAMA_NODE_STR);
    brama_pkey_free(key);
    brama_arena_deinit(&arena);
}

static void no_token_says_two_things_of_one(void **state)
{
    (void)state;
    static const struct brama_node value = {.kind = BRAMA_NODE_STR, .text = BRAMA_LIT("x")};
    static const struct brama_mint_claim claims[] = {{BRAMA_LIT("iss"), &value},
                                                     {BRAMA_LIT("exp"), &value},
                                                     {BRAMA_LIT("a"), &value},
                                                     {BRAMA_LIT("a"), &value}};
    static const struct {
        const char *name;
        brama_str issuer;
        const struct brama_mint_claim *claims;
        size_t claim_count;
        bool no_exp;
        int64_t ttl_s;
        enum brama_err want;
    } rows[] = {
        {"iss as a member alone", BRAMA_LIT("x"), NULL, 0, false, 1, BRAMA_OK},
        {"iss in the list alone", {NULL, 0}, claims, 1, false, 1, BRAMA_OK},
        {"iss in both", BRAMA_LIT("x"), claims, 1, false, 1, BRAMA_ERR_INVALID},
        {"exp in the list", {NULL, 0}, claims + 1, 1, false, 1, BRAMA_OK},
        {"exp in the list and unwished", {NULL, 0}, claims + 1, 1, true, 1, BRAMA_ERR_INVALID},
        {"one a", {NULL, 0}, claims + 2, 1, false, 1, BRAMA_OK},
        {"two of a", {NULL, 0}, claims + 2, 2, false, 1, BRAMA_ERR_INVALID},
        {"an exp beyond all numbers", {NULL, 0}, NULL, 0, false, INT64_MAX, BRAMA_ERR_INVALID},
    };
    struct brama_pkey *key = new_key(BRAMA_ALG_EDDSA);

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_buf token;
        brama_buf_init(&token, NULL, 65536);
        enum brama_err err =
            brama_mint(&token,
                       &(struct brama_mint_wish){.key = key,
                                                 .issuer = rows[i].issuer,
                                                 .claims = rows[i].claims,
                                                 .claim_count = rows[i].claim_count,
                                                 .no_exp = rows[i].no_exp,
                                                 .now_s = NOW,
                                                 .ttl_s = rows[i].ttl_s},
                       NULL);
        EXPECT(rows[i].name, err == rows[i].want);
        EXPECT(rows[i].name, (token.n != 0) == (rows[i].want == BRAMA_OK));
        brama_buf_deinit(&token);
    }
    brama_pkey_free(key);
}

static void a_key_signs_only_with_what_fits_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum brama_alg key, alg;
        enum brama_err want;
    } rows[] = {
        {"an EC key signs by its curve", BRAMA_ALG_ES384, BRAMA_ALG_INVALID, BRAMA_OK},
        {"a P-384 key is none for ES256", BRAMA_ALG_ES384, BRAMA_ALG_ES256, BRAMA_ERR_INVALID},
        {"an Ed25519 key is none for RS256", BRAMA_ALG_EDDSA, BRAMA_ALG_RS256, BRAMA_ERR_INVALID},
        {"no key of ours signs HS256", BRAMA_ALG_EDDSA, BRAMA_ALG_HS256, BRAMA_ERR_INVALID},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_pkey *key = new_key(rows[i].key);
        struct brama_buf token;
        brama_buf_init(&token, NULL, 65536);
        enum brama_err err = brama_mint(
            &token, &(struct brama_mint_wish){.key = key, .alg = rows[i].alg, .ttl_s = 1}, NULL);
        EXPECT(rows[i].name, err == rows[i].want);
        brama_buf_deinit(&token);
        brama_pkey_free(key);
    }
}

/* PEM labels: RFC 7468 sections 5, 10 and 13. */
static void one_key_is_read_from_each_of_its_forms(void **state)
{
    (void)state;
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256), *read = NULL;
    struct brama_buf pem, der, kid, got;
    struct brama_cert_wish cert = {
        .common_name = BRAMA_STR("x"), .not_before_s = NOW, .not_after_s = NOW + 60, .serial = {1}};

    brama_buf_init(&kid, NULL, 256);
    brama_buf_init(&pem, NULL, 65536);
    brama_buf_init(&der, NULL, 65536);
    assert_int_equal(brama_mint_kid(&kid, key), BRAMA_OK);
    for (int form = 0; form < 2; form++) {
        brama_buf_reset(&pem);
        if (form == 0) {
            brama_pkey_to_pem(&pem, key);
        } else {
            assert_int_equal(brama_cert_self_signed(&der, key, &cert, NULL), BRAMA_OK);
            brama_cert_to_pem(&pem, brama_buf_str(&der));
        }
        brama_str text = expect_exact(brama_buf_str(&pem));
        brama_buf_init(&got, NULL, 256);
        assert_int_equal(brama_key_from_pem(&read, text, NULL), BRAMA_OK);
        assert_int_equal(brama_mint_kid(&got, read), BRAMA_OK);
        EXPECT_STR("the same thumbprint", brama_buf_str(&got), brama_buf_str(&kid));
        brama_buf_deinit(&got);
        brama_pkey_free(read);
        expect_free(text);
    }
    brama_buf_deinit(&der);
    brama_buf_deinit(&pem);
    brama_buf_deinit(&kid);
    brama_pkey_free(key);
}

/* The Ed25519 public key of RFC 8410 section 10.1. */
#define ED25519_PUBLIC "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

static void a_pem_text_is_a_key_or_said_to_be_none(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str pem;
        enum brama_err want;
    } rows[] = {
        {"a public key",
         BRAMA_LIT("-----BEGIN PUBLIC KEY-----\n" ED25519_PUBLIC "\n-----END PUBLIC KEY-----\n"),
         BRAMA_OK},
        {"a public key behind a comment",
         BRAMA_LIT("# mine\r\n-----BEGIN PUBLIC KEY-----\r\n" ED25519_PUBLIC
                   "\r\n-----END PUBLIC KEY-----"),
         BRAMA_OK},
        {"no end", BRAMA_LIT("-----BEGIN PUBLIC KEY-----\n" ED25519_PUBLIC "\n"), BRAMA_ERR_SYNTAX},
        {"a letter that is no base64",
         BRAMA_LIT("-----BEGIN PUBLIC KEY-----\nMCow!\n-----END PUBLIC KEY-----\n"),
         BRAMA_ERR_SYNTAX},
        {"an encrypted key",
         BRAMA_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMCow\n"
                   "-----END ENCRYPTED PRIVATE KEY-----\n"),
         BRAMA_ERR_UNSUPPORTED},
        {"something else", BRAMA_LIT("{\"keys\":[]}"), BRAMA_ERR_SYNTAX},
        {"nothing", {NULL, 0}, BRAMA_ERR_SYNTAX},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str pem = expect_exact(rows[i].pem);
        struct brama_pkey *key = NULL;
        struct brama_diag diag = {0};
        enum brama_err err = brama_key_from_pem(&key, pem, &diag);
        if (err != rows[i].want)
            fail_msg("%s: %s", rows[i].name, diag.what);
        EXPECT(rows[i].name, (key != NULL) == (err == BRAMA_OK));
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (err != BRAMA_OK));
        brama_pkey_free(key);
        expect_free(pem);
    }
}

static void keys_at_rest_are_their_owners_and_never_overwritten_unasked(void **state)
{
    (void)state;
    char folder[] = "/tmp/brama-keys-XXXXXX", path[64], link_path[64];
    struct stat st;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/key.pem", folder);
    snprintf(link_path, sizeof(link_path), "%s/link.pem", folder);
    mode_t mask = umask(0);
    assert_int_equal(brama_key_file_write(path, BRAMA_STR("one"), false, NULL), BRAMA_OK);
    assert_int_equal(stat(path, &st), 0);
    EXPECT("mode 0600 whatever the umask", (st.st_mode & 07777) == 0600);
    EXPECT("not over an existing file",
           brama_key_file_write(path, BRAMA_STR("two"), false, NULL) == BRAMA_ERR_EXISTS);
    EXPECT("the first one is whole", stat(path, &st) == 0 && st.st_size == 3);
    EXPECT("replaced when asked",
           brama_key_file_write(path, BRAMA_STR("longer"), true, NULL) == BRAMA_OK);
    EXPECT("the new one is whole", stat(path, &st) == 0 && st.st_size == 6);
    EXPECT("still 0600", (st.st_mode & 07777) == 0600);
    assert_int_equal(symlink("elsewhere", link_path), 0);
    EXPECT("not through a dangling link",
           brama_key_file_write(link_path, BRAMA_STR("x"), false, NULL) == BRAMA_ERR_EXISTS);
    EXPECT("not into a folder that isn't there",
           brama_key_file_write("/tmp/brama-no-such-folder/key.pem", BRAMA_STR("x"), true, NULL) ==
               BRAMA_ERR_IO);
    umask(mask);
    unlink(link_path);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing was left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minted_token_reads_and_verifies_under_its_key_and_no_other_algorithm),
        cmocka_unit_test(the_claims_say_what_was_wished),
        cmocka_unit_test(what_is_not_wished_is_not_there),
        cmocka_unit_test(no_token_says_two_things_of_one),
        cmocka_unit_test(a_key_signs_only_with_what_fits_it),
        cmocka_unit_test(one_key_is_read_from_each_of_its_forms),
        cmocka_unit_test(a_pem_text_is_a_key_or_said_to_be_none),
        cmocka_unit_test(keys_at_rest_are_their_owners_and_never_overwritten_unasked),
    };

    return cmocka_run_group_tests_name("issuer", tests, NULL, NULL);
}
