#include "vectors.h"

#include "crypto/cert.h"
#include "jose/alg.h"
#include "jose/b64url.h"

static const enum brama_alg signing_algs[] = {
    BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512, BRAMA_ALG_PS256, BRAMA_ALG_PS384,
    BRAMA_ALG_PS512, BRAMA_ALG_ES256, BRAMA_ALG_ES384, BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};

static struct brama_pkey *new_key(enum brama_alg alg)
{
    struct brama_pkey *key;
    assert_int_equal(brama_pkey_generate(&key, alg, 0, NULL), BRAMA_OK);
    return key;
}

/* A set of one key, pinned to alg unless that is invalid. */
static struct brama_jwks *set_of(const struct brama_pkey *key, enum brama_alg alg)
{
    struct brama_jwk_wish wish = {.alg = alg, .kid = BRAMA_LIT("k"), .use = BRAMA_LIT("sig")};
    struct brama_jwks *set;
    struct brama_buf text;
    struct brama_diag diag = {0};
    brama_buf_init(&text, NULL, 1 << 16);
    brama_buf_add(&text, BRAMA_STR("{\"keys\":["));
    assert_int_equal(brama_jwk_write(&text, key, &wish), BRAMA_OK);
    brama_buf_add(&text, BRAMA_STR("]}"));
    if (brama_jwks_load(&set, brama_buf_str(&text), &diag) != BRAMA_OK)
        fail_msg("%s in %.*s", diag.what, BRAMA_FMT(brama_buf_str(&text)));
    brama_buf_deinit(&text);
    return set;
}

/* {"alg":ALG}.{} signed by key; to be freed with expect_free. */
static brama_str token_by(const struct brama_pkey *key, enum brama_alg alg)
{
    struct brama_buf header, token, signature;
    brama_buf_init(&header, NULL, 1 << 16);
    brama_buf_init(&token, NULL, 1 << 16);
    brama_buf_init(&signature, NULL, 1 << 16);
    brama_buf_printf(&header, "{\"alg\":\"%s\",\"kid\":\"k\"}", brama_alg_name(alg));
    brama_b64url_encode(&token, brama_buf_str(&header));
    brama_buf_add(&token, BRAMA_STR(".e30"));
    assert_int_equal(brama_pkey_sign(&signature, key, alg, brama_buf_str(&token)), BRAMA_OK);
    brama_buf_add_c(&token, '.');
    brama_b64url_encode(&token, brama_buf_str(&signature));
    brama_str out = expect_exact(brama_buf_str(&token));
    brama_buf_deinit(&header);
    brama_buf_deinit(&token);
    brama_buf_deinit(&signature);
    return out;
}

static const char *outcome(const struct brama_jwks *set, brama_str token)
{
    struct brama_arena arena;
    struct brama_jwt jwt;
    brama_arena_init(&arena, NULL, 1 << 20);
    brama_jwt_read(&jwt, &arena, token);
    const char *out =
        jwt.status != BRAMA_JWT_OK
            ? brama_jwt_status_name(jwt.status)
            : vectors_verify(&jwt, set != NULL ? set->keys : NULL, set != NULL ? set->count : 0);
    brama_arena_deinit(&arena);
    return out;
}

/* A key pinned to each algorithm meets tokens of every algorithm, signed by that very key where it
 * can (RS256 and RS512 in both orders), else by another. */
static void a_pinned_key_takes_its_own_algorithm_only(void **state)
{
    (void)state;
    struct brama_pkey *keys[BRAMA_ARRAY_LEN(signing_algs)], *rsa = NULL;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(keys); i++) {
        keys[i] =
            rsa != NULL && brama_pkey_fits(rsa, signing_algs[i]) ? rsa : new_key(signing_algs[i]);
        rsa = i == 0 ? keys[0] : rsa;
    }
    for (size_t p = 0; p < BRAMA_ARRAY_LEN(keys); p++) {
        struct brama_jwks *pinned = set_of(keys[p], signing_algs[p]);
        struct brama_jwks *open = set_of(keys[p], BRAMA_ALG_INVALID);
        for (size_t t = 0; t < BRAMA_ARRAY_LEN(keys); t++) {
            brama_str token = token_by(keys[t], signing_algs[t]);
            EXPECT_STR(brama_alg_name(signing_algs[p]), brama_str_c(outcome(pinned, token)),
                       brama_str_c(p == t ? "Ok" : "JwksKidAlgMismatch"));
            EXPECT("a key without alg serves what fits it, and no more",
                   (strcmp(outcome(open, token), "Ok") == 0) == (keys[p] == keys[t]));
            expect_free(token);
        }
        brama_jwks_free(pinned);
        brama_jwks_free(open);
    }
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(keys); i++)
        if (keys[i] != rsa)
            brama_pkey_free(keys[i]);
    brama_pkey_free(rsa);
}

/* Unsigned tokens, and tokens MACed with what is public, against no key and against a real one. */
static void an_unsigned_token_meets_no_key(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str token;
        const char *want;
    } rows[] = {
        /* {"alg":"none"} */
        {"none, unsigned", BRAMA_LIT("eyJhbGciOiJub25lIn0.e30."), "JwtBadFormat"},
        {"none, two parts", BRAMA_LIT("eyJhbGciOiJub25lIn0.e30"), "JwtBadFormat"},
        {"none, something for a signature", BRAMA_LIT("eyJhbGciOiJub25lIn0.e30.AA"),
         "JwtHeaderNotImplementedAlg"},
        /* {"alg":"RS256"} and {"alg":"HS256"} */
        {"RS256, unsigned", BRAMA_LIT("eyJhbGciOiJSUzI1NiJ9.e30."), "JwtBadFormat"},
        {"RS256, a byte for a signature", BRAMA_LIT("eyJhbGciOiJSUzI1NiJ9.e30.AA"), NULL},
        {"HS256 by an empty secret",
         BRAMA_LIT("eyJhbGciOiJIUzI1NiJ9.e30.4E_Bsx-pJi3kOW9wVXN8CgbATwP09D9V5gxh9-9zSZ0"), NULL},
    };
    struct brama_pkey *key = new_key(BRAMA_ALG_RS256);
    struct brama_jwks *set = set_of(key, BRAMA_ALG_INVALID);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token = expect_exact(rows[i].token);
        EXPECT_STR(rows[i].name, brama_str_c(outcome(NULL, token)),
                   brama_str_c(rows[i].want != NULL ? rows[i].want : "JwksKidAlgMismatch"));
        EXPECT_STR(rows[i].name, brama_str_c(outcome(set, token)),
                   brama_str_c(rows[i].want != NULL ? rows[i].want : "JwtVerificationFail"));
        expect_free(token);
    }
    brama_jwks_free(set);
    brama_pkey_free(key);
}

/* RFC 8037 appendix A.2 and RFC 7517 appendix A.1's keys as members of a set. */
#define ED                                                                                         \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define EC                                                                                         \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","      \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""

/* RFC 7638 section 3.1. */
#define RSA                                                                                        \
    "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"             \
    "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"             \
    "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"             \
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"             \
    "Cur-kEgU8awapJzKnqDKgw"                                                                       \
    "\""

/* want: the reason why it is left out beside a good one; NULL if it is good, too. */
static const struct {
    const char *name;
    brama_str key; /* of the set, beside a good one */
    const char *want;
} member_rows[] = {
    {"a good Ed25519 key", BRAMA_LIT("{" ED "}"), NULL},
    {"a good EC key", BRAMA_LIT("{" EC "}"), NULL},
    {"use sig", BRAMA_LIT("{" ED ",\"use\":\"sig\"}"), NULL},
    {"key_ops with verify", BRAMA_LIT("{" ED ",\"key_ops\":[\"sign\",\"verify\"]}"), NULL},
    {"alg EdDSA", BRAMA_LIT("{" ED ",\"alg\":\"EdDSA\"}"), NULL},
    {"alg Ed25519", BRAMA_LIT("{" ED ",\"alg\":\"Ed25519\"}"), NULL},
    {"unknown members", BRAMA_LIT("{" ED ",\"iat\":1,\"x5t\":[]}"), NULL},
    {"use enc", BRAMA_LIT("{" ED ",\"use\":\"enc\"}"), "JwkUseNotSig"},
    {"use SIG", BRAMA_LIT("{" ED ",\"use\":\"SIG\"}"), "JwkUseNotSig"},
    {"use no string", BRAMA_LIT("{" ED ",\"use\":[\"sig\"]}"), "JwkUseNotSig"},
    {"key_ops without verify", BRAMA_LIT("{" ED ",\"key_ops\":[\"sign\"]}"), "JwkOpsNotVerify"},
    {"empty key_ops", BRAMA_LIT("{" ED ",\"key_ops\":[]}"), "JwkOpsNotVerify"},
    {"key_ops a string", BRAMA_LIT("{" ED ",\"key_ops\":\"verify\"}"), "JwkOpsNotVerify"},
    {"d", BRAMA_LIT("{" ED ",\"d\":\"AA\"}"), "JwkPrivate"},
    {"p", BRAMA_LIT("{" RSA ",\"p\":\"AA\"}"), "JwkPrivate"},
    {"q", BRAMA_LIT("{" RSA ",\"q\":\"AA\"}"), "JwkPrivate"},
    {"dp", BRAMA_LIT("{" RSA ",\"dp\":\"AA\"}"), "JwkPrivate"},
    {"dq", BRAMA_LIT("{" RSA ",\"dq\":\"AA\"}"), "JwkPrivate"},
    {"qi", BRAMA_LIT("{" RSA ",\"qi\":\"AA\"}"), "JwkPrivate"},
    {"oth", BRAMA_LIT("{" RSA ",\"oth\":[]}"), "JwkPrivate"},
    {"k in an EC key", BRAMA_LIT("{" EC ",\"k\":\"AA\"}"), "JwkPrivate"},
    {"oct", BRAMA_LIT("{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "JwkSymmetric"},
    {"HS256 on an EC key", BRAMA_LIT("{" EC ",\"alg\":\"HS256\"}"), "JwksECKeyBadAlg"},
    {"HS256 on an Ed25519 key", BRAMA_LIT("{" ED ",\"alg\":\"HS256\"}"), "JwksOKPKeyBadAlg"},
    {"ES384 on P-256", BRAMA_LIT("{" EC ",\"alg\":\"ES384\"}"), "JwksECKeyAlgNotCompatibleWithCrv"},
    {"ECDH-ES on an EC key", BRAMA_LIT("{" EC ",\"alg\":\"ECDH-ES\"}"), "JwksECKeyBadAlg"},
    {"alg no string", BRAMA_LIT("{" EC ",\"alg\":1}"), "JwkBadAlg"},
    {"kid no string", BRAMA_LIT("{" EC ",\"kid\":1}"), "JwkBadKid"},
    {"no kty", BRAMA_LIT("{\"kid\":\"x\"}"), "JwksMissingKty"},
    {"kty RSA1", BRAMA_LIT("{\"kty\":\"RSA1\"}"), "JwksNotImplementedKty"},
    {"a point of small order",
     BRAMA_LIT("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
               "\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
     "JwkWeakEd25519"},
    {"RSA of 24 bits", BRAMA_LIT("{\"kty\":\"RSA\",\"n\":\"-_8D\",\"e\":\"AQAB\"}"),
     "JwksRsaParseError"},
    {"RSA-OAEP", BRAMA_LIT("{" RSA ",\"alg\":\"RSA-OAEP\"}"), "JwksRSAKeyBadAlg"},
    {"RS1", BRAMA_LIT("{" RSA ",\"alg\":\"RS1\"}"), "JwksRSAKeyBadAlg"},
    {"ES256 on an RSA key", BRAMA_LIT("{" RSA ",\"alg\":\"ES256\"}"), "JwksRSAKeyBadAlg"},
    {"PS512 on an RSA key", BRAMA_LIT("{" RSA ",\"alg\":\"PS512\"}"), NULL},
    {"x5c a string", BRAMA_LIT("{" ED ",\"x5c\":\"AAAA\"}"), "JwkBadX5c"},
    {"an empty x5c", BRAMA_LIT("{" ED ",\"x5c\":[]}"), "JwkBadX5c"},
    {"x5c no certificate", BRAMA_LIT("{" ED ",\"x5c\":[\"AAAA\"]}"), "JwkBadX5c"},
    {"x5c in base64url", BRAMA_LIT("{" ED ",\"x5c\":[\"A-_A\"]}"), "JwkBadX5c"},
    {"a number", BRAMA_LIT("1"), "JwkNotAnObject"},
};
static void each_bad_key_is_left_out_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(member_rows); i++) {
        struct brama_jwks *set;
        struct brama_buf b;
        struct brama_diag diag = {0};
        brama_buf_init(&b, NULL, 1 << 16);
        brama_buf_printf(&b, "{\"keys\":[{%s,\"kid\":\"good\"},%.*s]}", EC,
                         BRAMA_FMT(member_rows[i].key));
        brama_str text = expect_exact(brama_buf_str(&b));
        EXPECT(member_rows[i].name, brama_jwks_load(&set, text, &diag) == BRAMA_OK);
        expect_free(text); /* the set has copies of all it keeps */
        EXPECT_STR(member_rows[i].name, set->keys[0].kid, BRAMA_STR("good"));
        EXPECT(member_rows[i].name, set->count == (member_rows[i].want != NULL ? 1U : 2U));
        EXPECT(member_rows[i].name, set->reject_count == (member_rows[i].want != NULL ? 1U : 0U));
        if (member_rows[i].want != NULL) {
            EXPECT_STR(member_rows[i].name, brama_str_c(set->rejects[0].name),
                       brama_str_c(member_rows[i].want));
            EXPECT(member_rows[i].name,
                   set->rejects[0].index == 1 && set->rejects[0].what[0] != '\0');
        }
        brama_jwks_free(set);

        brama_buf_reset(&b);
        brama_buf_printf(&b, "{\"keys\":[%.*s]}", BRAMA_FMT(member_rows[i].key));
        enum brama_err err = brama_jwks_load(&set, brama_buf_str(&b), &diag);
        EXPECT(member_rows[i].name,
               err == (member_rows[i].want != NULL ? BRAMA_ERR_INVALID : BRAMA_OK));
        if (member_rows[i].want != NULL)
            EXPECT("the only key's reason is the set's",
                   brama_str_starts(brama_str_c(diag.what), brama_str_c(member_rows[i].want)));
        brama_jwks_free(set);
        brama_buf_deinit(&b);
    }
}

static void keys_of_one_name_and_one_alg_both_go(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str keys;
        size_t good, rejects;
    } rows[] = {
        {"two names", BRAMA_LIT("{" ED ",\"kid\":\"a\"},{" EC ",\"kid\":\"b\"}"), 2, 0},
        {"one name, two kinds of key", BRAMA_LIT("{" ED ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"}"),
         2, 0},
        {"no names", BRAMA_LIT("{" EC "},{" EC "}"), 2, 0},
        {"one name, one alg, and a third key",
         BRAMA_LIT("{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\",\"alg\":\"ES256\"},{" ED "}"), 1,
         2},
        {"three of one name, and another",
         BRAMA_LIT("{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"},{" EC
                   ",\"kid\":\"b\"}"),
         1, 3},
        {"one empty name", BRAMA_LIT("{" EC ",\"kid\":\"\"},{" EC ",\"kid\":\"\"},{" ED "}"), 1, 2},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_jwks *set;
        struct brama_buf b;
        struct brama_diag diag = {0};
        brama_buf_init(&b, NULL, 1 << 16);
        brama_buf_printf(&b, "{\"keys\":[%.*s]}", BRAMA_FMT(rows[i].keys));
        EXPECT(rows[i].name, brama_jwks_load(&set, brama_buf_str(&b), &diag) == BRAMA_OK);
        EXPECT(rows[i].name, set->count == rows[i].good && set->reject_count == rows[i].rejects);
        for (size_t k = 0; k < set->reject_count; k++)
            EXPECT_STR(rows[i].name, brama_str_c(set->rejects[k].name),
                       BRAMA_STR("JwkDuplicateKid"));
        brama_jwks_free(set);
        brama_buf_deinit(&b);
    }
}

static void a_document_that_is_no_set_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
        const char *what;
    } rows[] = {
        {"nothing", BRAMA_LIT(""), BRAMA_ERR_SYNTAX, "JwksParseError"},
        {"HTML", BRAMA_LIT("<html>"), BRAMA_ERR_SYNTAX, "JwksParseError"},
        {"a list", BRAMA_LIT("[{" ED "}]"), BRAMA_ERR_SYNTAX, "JwksParseError"},
        {"no keys", BRAMA_LIT("{\"key\":[]}"), BRAMA_ERR_SYNTAX, "JwksNoKeys"},
        {"keys no list", BRAMA_LIT("{\"keys\":{" ED "}}"), BRAMA_ERR_SYNTAX, "JwksBadKeys"},
        {"keys twice", BRAMA_LIT("{\"keys\":[{" ED "}],\"keys\":[]}"), BRAMA_ERR_SYNTAX,
         "JwksParseError"},
        {"a member of a key twice", BRAMA_LIT("{\"keys\":[{" ED ",\"x\":\"\"}]}"), BRAMA_ERR_SYNTAX,
         "JwksParseError"},
        {"a byte order mark", BRAMA_LIT("\xef\xbb\xbf{\"keys\":[{" ED "}]}"), BRAMA_ERR_SYNTAX,
         "JwksParseError"},
        {"no key in it", BRAMA_LIT("{\"keys\":[]}"), BRAMA_ERR_INVALID, "JwksNoValidKeys"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_jwks *set;
        struct brama_diag diag = {0};
        brama_str text = expect_exact(rows[i].text);
        EXPECT(rows[i].name, brama_jwks_load(&set, text, &diag) == rows[i].err && set == NULL);
        EXPECT(rows[i].name, brama_str_starts(brama_str_c(diag.what), brama_str_c(rows[i].what)));
        expect_free(text);
    }
}

static enum brama_err load_many(size_t keys, size_t blanks)
{
    struct brama_jwks *set;
    struct brama_buf b;
    struct brama_diag diag = {0};
    brama_buf_init(&b, NULL, 1 << 20);
    brama_buf_add(&b, BRAMA_STR("{\"keys\":[{" ED "}"));
    for (size_t i = 1; i < keys; i++)
        brama_buf_add(&b, BRAMA_STR(",{" ED "}"));
    brama_buf_add(&b, BRAMA_STR("]}"));
    while (b.n < blanks)
        brama_buf_add_c(&b, ' ');
    enum brama_err err = brama_jwks_load(&set, brama_buf_str(&b), &diag);
    EXPECT("all keys", err != BRAMA_OK || set->count == keys);
    brama_jwks_free(set);
    brama_buf_deinit(&b);
    return err;
}

static void a_set_has_its_ceilings(void **state)
{
    (void)state;
    EXPECT("100 keys", load_many(100, 0) == BRAMA_OK);
    EXPECT("101 keys", load_many(101, 0) == BRAMA_ERR_TOO_BIG);
    EXPECT("256 KiB", load_many(1, BRAMA_JWKS_MAX_BYTES) == BRAMA_OK);
    EXPECT("256 KiB and a byte", load_many(1, BRAMA_JWKS_MAX_BYTES + 1) == BRAMA_ERR_TOO_BIG);
}

static void thumbprints_are_the_rfcs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str key, print;
    } rows[] = {
        {"RFC 7638 section 3.1", BRAMA_LIT("{" RSA ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}"),
         BRAMA_LIT("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")},
        {"RFC 8037 appendix A.3", BRAMA_LIT("{" ED "}"),
         BRAMA_LIT("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")},
        {"RFC 7517 appendix A.1's EC key, hashed by another program", BRAMA_LIT("{" EC "}"),
         BRAMA_LIT("cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_jwks *set;
        struct brama_buf b;
        struct brama_diag diag = {0};
        brama_buf_init(&b, NULL, 1 << 16);
        brama_buf_printf(&b, "{\"keys\":[%.*s]}", BRAMA_FMT(rows[i].key));
        EXPECT(rows[i].name, brama_jwks_load(&set, brama_buf_str(&b), &diag) == BRAMA_OK);
        brama_buf_reset(&b);
        brama_b64url_encode(
            &b, (brama_str){(const char *)set->keys[0].thumbprint, BRAMA_THUMBPRINT_BYTES});
        EXPECT_STR(rows[i].name, brama_buf_str(&b), rows[i].print);
        brama_jwks_free(set);
        brama_buf_deinit(&b);
    }
}

static void a_written_key_says_what_was_wished(void **state)
{
    (void)state;
    for (size_t a = 0; a < BRAMA_ARRAY_LEN(signing_algs); a++) {
        struct brama_pkey *key = new_key(signing_algs[a]);
        struct brama_jwks *set = set_of(key, signing_algs[a]);
        EXPECT("pinned", set->keys[0].alg == signing_algs[a]);
        EXPECT("fits", brama_pkey_fits(set->keys[0].pkey, signing_algs[a]));
        EXPECT_STR("kid", set->keys[0].kid, BRAMA_STR("k"));
        EXPECT_STR("use", set->keys[0].use, BRAMA_STR("sig"));
        brama_jwks_free(set);
        brama_pkey_free(key);
    }
}

/* RFC 7517 section 4.7: the leaf's key is the key. */
static void a_certificate_in_a_key_is_that_keys(void **state)
{
    (void)state;
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256), *other = new_key(BRAMA_ALG_ES256);
    struct brama_cert_wish cert = {.common_name = BRAMA_LIT("brama"), .not_after_s = 4000000000};
    struct brama_buf der, text;
    struct brama_diag diag = {0};
    brama_buf_init(&der, NULL, 1 << 16);
    brama_buf_init(&text, NULL, 1 << 16);
    assert_int_equal(brama_cert_self_signed(&der, key, &cert, &diag), BRAMA_OK);
    struct brama_jwk_wish wish = {.cert_der = brama_buf_str(&der)};
    for (int own = 0; own < 2; own++) {
        struct brama_jwks *set;
        brama_buf_reset(&text);
        brama_buf_add(&text, BRAMA_STR("{\"keys\":["));
        assert_int_equal(brama_jwk_write(&text, own ? key : other, &wish), BRAMA_OK);
        brama_buf_add(&text, BRAMA_STR("]}"));
        EXPECT("x5t#S256 is written",
               brama_str_find_str(brama_buf_str(&text), BRAMA_STR("\"x5t#S256\":\"")) < text.n);
        enum brama_err err = brama_jwks_load(&set, brama_buf_str(&text), &diag);
        EXPECT("its own", !own || err == BRAMA_OK);
        EXPECT("another's",
               own || (err == BRAMA_ERR_INVALID &&
                       brama_str_starts(brama_str_c(diag.what), BRAMA_STR("JwkX5cMismatch"))));
        brama_jwks_free(set);
    }
    brama_buf_deinit(&der);
    brama_buf_deinit(&text);
    brama_pkey_free(key);
    brama_pkey_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pinned_key_takes_its_own_algorithm_only),
        cmocka_unit_test(an_unsigned_token_meets_no_key),
        cmocka_unit_test(each_bad_key_is_left_out_by_name),
        cmocka_unit_test(keys_of_one_name_and_one_alg_both_go),
        cmocka_unit_test(a_document_that_is_no_set_is_refused),
        cmocka_unit_test(a_set_has_its_ceilings),
        cmocka_unit_test(thumbprints_are_the_rfcs),
        cmocka_unit_test(a_written_key_says_what_was_wished),
        cmocka_unit_test(a_certificate_in_a_key_is_that_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
