/* The cases of Envoy's JWT library through our reader, loader and verifier. Each comes out as
 * there, or is in the table of those where we say no and Envoy says yes, or says no with another
 * name. */
#include "vectors.h"

#include "jose/alg.h"
#include "jose/b64url.h"

/* ours: what comes out here, never "Ok". A case that begins to agree doesn't belong here. */
static const struct {
    const char *name, *ours, *reason;
} stricter[] = {
    {"verify_jwk_ec/VerifyJwkECTest.KidES512OK", "JwksKidAlgMismatch",
     "the P-521 key lost a leading zero byte (RFC 7518 section 6.2.1.2)"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.NoKidOK", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.NoKidLongExpOK", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.CorrectKidHS256OK", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.CorrectKidHS384OK", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.CorrectKidHS512OK", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.NonExistKidFail", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.OkSymmetricKeyNotAlg", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_hmac/VerifyJwkHmacTest.OkSymmetricKeyNotKid", "JwksParseError",
     "no shared secrets, and no trailing comma either"},
    {"verify_jwk_rsa/VerifyJwkRsaTest.LongClaimsWithCorrectKidOk", "JwtBadFormat",
     "a token has at most 8 KiB"},
    {"verify_x509/VerifyX509Test.NoKidToken", "JwtSignatureParseErrorBadBase64",
     "the signature has unused bits set"},
    {"verify_x509/VerifyX509Test.RealToken", "JwksNoKeys", "a map of certificates is no JWK set"},
    {"jwt/JwtParseTest.GoodJwtLongClaim", "JwtBadFormat", "a token has at most 8 KiB"},
    {"jwt/JwtParseTest.GoodJwtLongCustomClaims", "JwtBadFormat", "a token has at most 8 KiB"},
    {"jwks/JwksParseTest.GoodEC", "Ok, 3 of 4 keys",
     "the P-521 key lost a leading zero byte (RFC 7518 section 6.2.1.2)"},
    {"jwks/JwksParseTest.JwksECWrongXY", "JwksEcXorYBadBase64",
     "its base64url has unused bits set, which is seen before the point is"},
    {"jwks/JwksParseTest.JwksJwkOctBadAlg", "JwkSymmetric",
     "no shared secrets, whatever else is wrong with them"},
    {"jwks/JwksParseTest.JwksJwkOctBadMissingK", "JwkSymmetric",
     "no shared secrets, whatever else is wrong with them"},
    {"jwks/JwksParseTest.JwksJwkOctBadK", "JwkSymmetric",
     "no shared secrets, whatever else is wrong with them"},
    {"jwks/JwksParseTest.JwksJwkOctBadBase64", "JwkSymmetric",
     "no shared secrets, whatever else is wrong with them"},
    {"jwks/JwksParseTest.JwksECMatchAlgES512CrvP521", "JwksEcParseError",
     "the P-521 key lost a leading zero byte (RFC 7518 section 6.2.1.2)"},
    {"jwks/JwksParseTest.JwksECNotSupportedAlg", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksECUnspecifiedCrv", "Ok, 2 of 3 keys",
     "the P-521 key lost a leading zero byte (RFC 7518 section 6.2.1.2)"},
    {"jwks/JwksParseTest.JwksGoodX509", "JwksNoKeys, 0 of 2 keys",
     "a map of certificates is no JWK set"},
    {"jwks/JwksParseTest.RealJwksX509", "JwksNoKeys, 0 of 5 keys",
     "a map of certificates is no JWK set"},
    {"jwks/JwksParseTest.JwksX509WrongTypeArray", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksX509EmptyKid", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksX509NotSuffixPrefix", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksX509NotSuffix", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksX509NotPrefix", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.JwksX509WrongPubkey", "JwksParseError", "a trailing comma is no JSON"},
    {"jwks/JwksParseTest.PemWrongHeader", "(PEM refused)", "refused, without a name for it"},
    {"jwks/JwksParseTest.PemInvalidKey", "(PEM refused)", "refused, without a name for it"},
    {"jwks/JwksParseTest.PemDsaUnimplimented", "(PEM refused)", "refused, without a name for it"},
    {"jwks/JwksParseTest.CreateFromPemError", "(PEM refused)", "refused, without a name for it"},
    {"jwt_time/OnlyNbf#1", "JwtExpired", "exp 0 is long ago, not never"},
    {"jwt_time/OnlyNbf#2", "JwtExpired", "exp 0 is long ago, not never"},
    {"jwt_time/NoTimeConstraint#1", "JwtExpired", "exp 0 is long ago, not never"},
};

struct keys {
    struct brama_jwks *set; /* NULL for a PEM */
    struct brama_jwk pem;
    const struct brama_jwk *all;
    size_t count;
    char outcome[64]; /* "Ok", or the name of what is wrong */
};

static void keys_free(struct keys *k)
{
    brama_jwks_free(k->set);
    if (k->set == NULL)
        brama_pkey_free(k->pem.pkey);
}

/* A set; the outcome is the name at the beginning of the diagnosis. */
static void load_set(struct keys *k, brama_str text)
{
    struct brama_diag diag = {0};
    brama_str copy = expect_exact(text);
    if (brama_jwks_load(&k->set, copy, &diag) == BRAMA_OK) {
        k->all = k->set->keys;
        k->count = k->set->count;
        snprintf(k->outcome, sizeof(k->outcome), "Ok");
    } else {
        brama_str what = brama_str_c(diag.what);
        brama_str name = brama_str_head(what, brama_str_find(what, ':'));
        snprintf(k->outcome, sizeof(k->outcome), "%.*s", BRAMA_FMT(name));
    }
    expect_free(copy);
}

/* Envoy reads a PEM where we have JWK sets only, so the armour is taken off here. */
static void load_pem(struct keys *k, struct brama_arena *arena, const struct brama_node *row)
{
    struct brama_diag diag = {0};
    struct brama_buf base64;
    brama_str text = brama_str_trim(brama_node_get_str(row, BRAMA_STR("jwks"))), line, der;
    brama_str alg = brama_node_get_str(row, BRAMA_STR("jwk_alg_override"));
    brama_buf_init(&base64, NULL, 1 << 16);
    bool armoured = brama_str_starts(text, BRAMA_STR("-----BEGIN PUBLIC KEY-----\n")) &&
                    brama_str_ends(text, BRAMA_STR("\n-----END PUBLIC KEY-----"));
    while (brama_str_next(&text, '\n', &line))
        if (!brama_str_starts(line, BRAMA_STR("-----")))
            brama_buf_add(&base64, line);
    bool ok = armoured && brama_b64_decode(&der, arena, brama_buf_str(&base64)) == BRAMA_OK &&
              brama_pkey_from_spki(&k->pem.pkey, der, false, &diag) == BRAMA_OK;
    if (ok) {
        struct brama_pkey_parts parts;
        ok = brama_pkey_parts(&parts, arena, k->pem.pkey) == BRAMA_OK;
        k->pem.kty = parts.kty;
        k->pem.alg = brama_alg_by_name(alg);
        k->all = &k->pem;
        k->count = 1;
    }
    snprintf(k->outcome, sizeof(k->outcome), "%s", ok ? "Ok" : "(PEM refused)");
    brama_buf_deinit(&base64);
}

static void load_keys(struct keys *k, struct brama_arena *arena, const struct brama_node *row)
{
    *k = (struct keys){0};
    if (brama_str_eq(brama_node_get_str(row, BRAMA_STR("jwks_format")), BRAMA_STR("pem")))
        load_pem(k, arena, row);
    else
        load_set(k, brama_node_get_str(row, BRAMA_STR("jwks")));
}

static brama_str without_scheme_and_slash(brama_str s)
{
    if (brama_str_starts(s, BRAMA_STR("http://")))
        s = brama_str_from(s, 7);
    else if (brama_str_starts(s, BRAMA_STR("https://")))
        s = brama_str_from(s, 8);
    return brama_str_ends(s, BRAMA_STR("/")) ? brama_str_head(s, s.n - 1) : s;
}

/* istio-jwt.md 2.7. */
static bool audience_allowed(const struct brama_node *wanted, const brama_str *has, size_t count)
{
    if (wanted == NULL || wanted->count == 0)
        return true;
    for (const struct brama_node *one = wanted->first; one != NULL; one = one->next)
        for (size_t i = 0; i < count; i++)
            if (brama_str_eq(without_scheme_and_slash(one->text), without_scheme_and_slash(has[i])))
                return true;
    return false;
}

static int64_t number(const struct brama_node *row, brama_str name)
{
    const struct brama_node *node = brama_node_get(row, name);
    assert_non_null(node);
    assert_int_equal(node->kind, BRAMA_NODE_INT);
    return node->integer;
}

/* istio-jwt.md 2.3: parse, time, audience, keys, signature. */
static void run_verify(char *out, size_t n, const struct brama_node *row,
                       const struct brama_jwt *jwt, const struct keys *k)
{
    enum brama_jwt_status status = jwt->status;
    if (status == BRAMA_JWT_OK)
        status = brama_claims_check_time(&jwt->claims, number(row, BRAMA_STR("now")),
                                         number(row, BRAMA_STR("clock_skew")));
    if (status == BRAMA_JWT_OK && !audience_allowed(brama_node_get(row, BRAMA_STR("audiences")),
                                                    jwt->claims.aud, jwt->claims.aud_count))
        status = BRAMA_JWT_AUDIENCE_NOT_ALLOWED;
    if (status != BRAMA_JWT_OK)
        snprintf(out, n, "%s", brama_jwt_status_name(status));
    else if (strcmp(k->outcome, "Ok") != 0)
        snprintf(out, n, "%s", k->outcome);
    else
        snprintf(out, n, "%s", vectors_verify(jwt, k->all, k->count));
}

static brama_str mutation(const struct brama_node *row, brama_str specific)
{
    const struct brama_node *m = brama_node_get(row, BRAMA_STR("signature_mutations"));
    brama_str any = brama_node_get_str(m, BRAMA_STR("any_single_bit_flip_or_truncation"));
    return any.n != 0 ? any : brama_node_get_str(m, specific);
}

/* Flips one bit of each byte, then cuts off one byte after the other. */
static void run_mutations(brama_str name, const struct brama_node *row, struct brama_jwt jwt,
                          const struct keys *k)
{
    brama_str flip = mutation(row, BRAMA_STR("any_single_bit_flip"));
    brama_str cut = mutation(row, BRAMA_STR("any_truncation"));
    brama_str whole = jwt.signature;
    if (flip.n == 0)
        return;
    brama_str copy = expect_exact(whole);
    char *bytes = (char *)(uintptr_t)copy.p;
    jwt.signature = copy;
    for (size_t i = 0; i < copy.n; i++) {
        bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
        EXPECT_STR(name.p, brama_str_c(vectors_verify(&jwt, k->all, k->count)), flip);
        bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
    }
    for (jwt.signature.n = whole.n - 1; jwt.signature.n > 0; jwt.signature.n--)
        EXPECT_STR(name.p, brama_str_c(vectors_verify(&jwt, k->all, k->count)), cut);
    expect_free(copy);
}

/* 0 stands for "absent" in these rows; we see a claim that is 0. */
static const char *run_time(const struct brama_node *row)
{
    struct brama_claims claims = {0};
    claims.exp = (struct brama_numeric_date){true, number(row, BRAMA_STR("exp"))};
    claims.nbf = (struct brama_numeric_date){true, number(row, BRAMA_STR("nbf"))};
    return brama_jwt_status_name(brama_claims_check_time(&claims, number(row, BRAMA_STR("now")),
                                                         number(row, BRAMA_STR("clock_skew"))));
}

static const char *run_audience(const struct brama_node *row, struct brama_arena *arena)
{
    const struct brama_node *has = brama_node_get(row, BRAMA_STR("jwt_audiences"));
    brama_str *texts = brama_arena_array(arena, has->count, sizeof(*texts));
    size_t n = 0;
    for (const struct brama_node *one = has->first; one != NULL; one = one->next)
        texts[n++] = one->text;
    bool ok = audience_allowed(brama_node_get(row, BRAMA_STR("config_audiences")), texts, n);
    return brama_jwt_status_name(ok ? BRAMA_JWT_OK : BRAMA_JWT_AUDIENCE_NOT_ALLOWED);
}

/* Whether the case agrees, or is on the table and comes out as the table says. */
static void compare(brama_str name, const char *ours, brama_str envoys, size_t *listed)
{
    bool agrees = brama_str_eq(brama_str_c(ours), envoys);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(stricter); i++) {
        if (!brama_str_eq(brama_str_c(stricter[i].name), name))
            continue;
        if (agrees)
            fail_msg("%s agrees by now: take it off the table", name.p);
        EXPECT_STR(stricter[i].reason, brama_str_c(ours), brama_str_c(stricter[i].ours));
        EXPECT(name.p, strcmp(ours, "Ok") != 0);
        ++*listed;
        return;
    }
    EXPECT_STR(name.p, brama_str_c(ours), envoys);
}

static void run_set(char *out, size_t n, const struct brama_node *row, const struct keys *k)
{
    const struct brama_node *count = brama_node_get(row, BRAMA_STR("key_count"));
    if (count == NULL || (size_t)count->integer == k->count)
        snprintf(out, n, "%s", k->outcome);
    else
        snprintf(out, n, "%s, %zu of %lld keys", k->outcome, k->count, (long long)count->integer);
}

static void run(const struct brama_node *row, size_t *listed)
{
    struct brama_arena arena;
    struct keys k;
    struct brama_jwt jwt;
    char ours[128] = "";
    brama_arena_init(&arena, NULL, 1 << 22);
    brama_str name = brama_arena_copy(&arena, brama_node_get_str(row, BRAMA_STR("name")));
    brama_str kind = brama_node_get_str(row, BRAMA_STR("kind"));
    brama_str envoys = brama_node_get_str(row, BRAMA_STR("expect"));
    brama_str token = expect_exact(brama_node_get_str(row, BRAMA_STR("jwt")));
    load_keys(&k, &arena, row);
    brama_jwt_read(&jwt, &arena, token);
    if (brama_str_eq(kind, BRAMA_STR("verify")))
        run_verify(ours, sizeof(ours), row, &jwt, &k);
    else if (brama_str_eq(kind, BRAMA_STR("parse")))
        snprintf(ours, sizeof(ours), "%s", brama_jwt_status_name(jwt.status));
    else if (brama_str_eq(kind, BRAMA_STR("jwks_parse")))
        run_set(ours, sizeof(ours), row, &k);
    else if (brama_str_eq(kind, BRAMA_STR("time")))
        snprintf(ours, sizeof(ours), "%s", run_time(row));
    else if (brama_str_eq(kind, BRAMA_STR("audience")))
        snprintf(ours, sizeof(ours), "%s", run_audience(row, &arena));
    else
        fail_msg("%s: an unknown kind of case", name.p);
    if (brama_str_eq(kind, BRAMA_STR("verify")) && brama_str_eq(brama_str_c(ours), envoys))
        run_mutations(name, row, jwt, &k);
    compare(name, ours, envoys, listed);
    keys_free(&k);
    expect_free(token);
    brama_arena_deinit(&arena);
}

static void every_case_comes_out_as_in_envoy_or_stricter(void **state)
{
    (void)state;
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 26);
    const struct brama_node *root = vectors_load(&arena, "jwt_verify_lib/vectors.json");
    size_t listed = 0;
    if (root != NULL) {
        EXPECT("all cases are there", root->count >= 206);
        for (const struct brama_node *row = root->first; row != NULL; row = row->next)
            run(row, &listed);
        EXPECT("the table names nothing that isn't there", listed == BRAMA_ARRAY_LEN(stricter));
    }
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_comes_out_as_in_envoy_or_stricter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
