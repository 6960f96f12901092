#include "test_crypto.h"

static const enum brama_alg signing_algs[] = {
    BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512, BRAMA_ALG_PS256, BRAMA_ALG_PS384,
    BRAMA_ALG_PS512, BRAMA_ALG_ES256, BRAMA_ALG_ES384, BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};

static void ed25519_points_of_small_order_are_no_keys(void **state)
{
    (void)state;
    /* y little-endian; the eight torsion points and every other encoding that decodes to one */
    static const struct {
        const char *name, *hex;
        bool good;
    } rows[] = {
        {"RFC 8032's test key", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
         true},
        {"the identity", "0100000000000000000000000000000000000000000000000000000000000000", false},
        {"the identity, sign set",
         "0100000000000000000000000000000000000000000000000000000000000080", false},
        {"order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
        {"order 2, sign set", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         false},
        {"order 4", "0000000000000000000000000000000000000000000000000000000000000000", false},
        {"order 4, the other", "0000000000000000000000000000000000000000000000000000000000000080",
         false},
        {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", false},
        {"order 8, the second", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
         false},
        {"order 8, the third", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
         false},
        {"order 8, the fourth", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
         false},
        {"order 4 as y = p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
         false},
        {"order 4 as y = p, sign set",
         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
        {"the identity as y = p + 1",
         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
        {"the identity as y = p + 1, sign set",
         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
        {"y = p + 18, the largest",
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
        {"31 bytes", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751", false},
        {"33 bytes", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00", false},
        {"nothing", "", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str x = unhex(rows[i].hex);
        struct brama_pkey *key;
        struct brama_diag diag = {0};
        enum brama_err err = brama_pkey_from_ed25519(&key, x, &diag);
        EXPECT(rows[i].name, err == (rows[i].good ? BRAMA_OK : BRAMA_ERR_INVALID));
        EXPECT(rows[i].name, rows[i].good == (key != NULL) && rows[i].good == (diag.what[0] == 0));
        brama_pkey_free(key);
        expect_free(x);
    }
}

static void rsa_numbers_that_weaken_a_key_are_refused(void **state)
{
    (void)state;
    struct brama_pkey *good = new_key(BRAMA_ALG_RS256);
    struct brama_pkey_parts parts;
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(brama_pkey_parts(&parts, &arena, good), BRAMA_OK);
    char even[256], lead[257] = {0}, large[1025];
    memcpy(even, parts.n.p, 256);
    even[255] = (char)(even[255] & ~1);
    memcpy(lead + 1, parts.n.p, 256);
    memset(large, 0xff, sizeof(large));
    brama_str n = parts.n, e = BRAMA_STR("\x01\x00\x01");
    const struct {
        const char *name;
        brama_str n, e;
        bool ok;
    } rows[] = {
        {"2048 bits and 65537", n, e, true},
        {"an exponent of 3", n, BRAMA_STR("\x03"), true},
        {"an exponent just under 2^32", n, BRAMA_STR("\xff\xff\xff\xff"), true},
        {"an exponent of 2^32 + 1", n, BRAMA_STR("\x01\x00\x00\x00\x01"), false},
        {"an exponent of 1", n, BRAMA_STR("\x01"), false},
        {"an exponent of 2", n, BRAMA_STR("\x02"), false},
        {"an even exponent", n, BRAMA_STR("\x01\x00\x00"), false},
        {"an exponent of 0", n, BRAMA_STR("\x00"), false},
        {"no exponent", n, BRAMA_NIL, false},
        {"an exponent with a leading zero", n, BRAMA_STR("\x00\x01\x00\x01"), false},
        {"an even modulus", {even, 256}, e, false},
        {"a modulus with a leading zero", {lead, 257}, e, false},
        {"2040 bits", brama_str_from(n, 1), e, false},
        {"8200 bits", {large, 1025}, e, false},
        {"a modulus of small factors (2^2048 - 1)", {large, 256}, e, false},
        {"no modulus", BRAMA_NIL, e, false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str rn = expect_exact(rows[i].n), re = expect_exact(rows[i].e);
        struct brama_pkey *key;
        struct brama_diag diag = {0};
        enum brama_err err = brama_pkey_from_rsa(&key, rn, re, &diag);
        EXPECT(rows[i].name, err == (rows[i].ok ? BRAMA_OK : BRAMA_ERR_INVALID));
        EXPECT(rows[i].name, rows[i].ok == (key != NULL));
        brama_pkey_free(key);
        expect_free(rn);
        expect_free(re);
    }
    brama_arena_deinit(&arena);
    brama_pkey_free(good);
}

static void ec_points_off_their_curve_are_refused(void **state)
{
    (void)state;
    struct brama_pkey *good = new_key(BRAMA_ALG_ES256);
    struct brama_pkey_parts parts;
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(brama_pkey_parts(&parts, &arena, good), BRAMA_OK);
    char off[32], zero[32] = {0}, lead[33] = {0};
    memcpy(off, parts.y.p, 32);
    off[31] = (char)(off[31] ^ 1);
    memcpy(lead + 1, parts.x.p, 32);
    const struct {
        const char *name;
        enum brama_crv crv;
        brama_str x, y;
        bool ok;
    } rows[] = {
        {"a point of the curve", BRAMA_CRV_P256, parts.x, parts.y, true},
        {"a bit of y flipped", BRAMA_CRV_P256, parts.x, {off, 32}, false},
        {"x and y zero", BRAMA_CRV_P256, {zero, 32}, {zero, 32}, false},
        {"a leading zero byte more", BRAMA_CRV_P256, {lead, 33}, parts.y, false},
        {"a byte less", BRAMA_CRV_P256, brama_str_from(parts.x, 1), parts.y, false},
        {"on P-384", BRAMA_CRV_P384, parts.x, parts.y, false},
        {"on Ed25519", BRAMA_CRV_ED25519, parts.x, parts.y, false},
        {"on no curve", BRAMA_CRV_NONE, BRAMA_NIL, BRAMA_NIL, false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str x = expect_exact(rows[i].x), y = expect_exact(rows[i].y);
        struct brama_pkey *key;
        struct brama_diag diag = {0};
        enum brama_err err = brama_pkey_from_ec(&key, rows[i].crv, x, y, &diag);
        EXPECT(rows[i].name, err == (rows[i].ok ? BRAMA_OK : BRAMA_ERR_INVALID));
        brama_pkey_free(key);
        expect_free(x);
        expect_free(y);
    }
    brama_arena_deinit(&arena);
    brama_pkey_free(good);
}

static void keys_survive_their_encodings(void **state)
{
    (void)state;
    for (size_t a = 0; a < BRAMA_ARRAY_LEN(signing_algs); a++) {
        if (signing_algs[a] > BRAMA_ALG_RS256 && signing_algs[a] < BRAMA_ALG_ES256)
            continue; /* one RSA key is like another */
        struct brama_pkey *key = new_key(signing_algs[a]), *again, *from_pem;
        struct brama_buf spki, pem, sig;
        struct brama_diag diag = {0};
        brama_buf_init(&spki, NULL, 4096);
        brama_buf_init(&pem, NULL, 8192);
        brama_buf_init(&sig, NULL, 2048);
        brama_pkey_to_spki(&spki, key);
        brama_pkey_to_pem(&pem, key);
        assert_int_equal(brama_pkey_sign(&sig, key, signing_algs[a], BRAMA_STR("m")), BRAMA_OK);
        for (int trusted = 0; trusted < 2; trusted++) {
            brama_str der = expect_exact(brama_buf_str(&spki));
            EXPECT("SPKI", brama_pkey_from_spki(&again, der, trusted != 0, &diag) == BRAMA_OK);
            EXPECT("SPKI", verifies(again, signing_algs[a], BRAMA_STR("m"), brama_buf_str(&sig)));
            EXPECT("a public key signs nothing",
                   brama_pkey_sign(&sig, again, signing_algs[a], BRAMA_STR("m")) ==
                       BRAMA_ERR_INVALID);
            brama_pkey_free(again);
            EXPECT("SPKI cut short",
                   brama_pkey_from_spki(&again, brama_str_head(der, der.n - 1), trusted != 0,
                                        &diag) == BRAMA_ERR_INVALID);
            expect_free(der);
        }
        brama_buf_add_c(&spki, 'x');
        EXPECT("SPKI and a byte", brama_pkey_from_spki(&again, brama_buf_str(&spki), true, &diag) ==
                                      BRAMA_ERR_INVALID);
        EXPECT("PEM", brama_pkey_from_pem(&from_pem, brama_buf_str(&pem), &diag) == BRAMA_OK);
        brama_buf_reset(&sig);
        EXPECT("PEM signs",
               brama_pkey_sign(&sig, from_pem, signing_algs[a], BRAMA_STR("m")) == BRAMA_OK);
        EXPECT("as the same key",
               verifies(key, signing_algs[a], BRAMA_STR("m"), brama_buf_str(&sig)));
        brama_pkey_free(from_pem);
        brama_pkey_free(key);
        brama_buf_deinit(&spki);
        brama_buf_deinit(&pem);
        brama_buf_deinit(&sig);
    }
}

/* SubjectPublicKeyInfos made by another program. */
static void foreign_keys_meet_the_same_rules(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        bool ok;
    } rows[] = {
        {"Ed25519",
         "302a300506032b6570032100dfd0a258afd99dea88632031df0c7a8f8286810e9b43eca14727b6601306ccfd",
         true},
        {"P-256 as a compressed point",
         "3039301306072a8648ce3d020106082a8648ce3d030107032200038503aef2629bb5518a2ff7f0f37a275c74"
         "6b14bc0fe3ae05af409a6e9f0a4bfe",
         true},
        {"Ed25519, the identity",
         "302a300506032b65700321000100000000000000000000000000000000000000000000000000000000000000",
         false},
        {"X25519",
         "302a300506032b656e032100f56e5f7b6142bac3a74cf23054c574bdb120daee56092d6a51d9793d07b6a860",
         false},
        {"secp256k1",
         "3056301006072a8648ce3d020106052b8104000a03420004ec2e235c2fb92c981d9538a0da6b784e0848e72d"
         "f42b3eabf0265bec742e9980b96c8bee13bf9996b1fbf4d9b78193381794832f367abe625ad0b3f27796c278",
         false},
        {"RSA of 1024 bits",
         "30819f300d06092a864886f70d010101050003818d0030818902818100d8be0c5c2a5d0586a4bccb101e4b4b"
         "9f9ff5fda36ce36f69691cc4e03f53fd23c58c2fc02166b5cf985f27c96607917b54960010f0c910638a4aa2"
         "4baa9f3ab0d86c9812240ff9d00f1fc676c803cf7eec126060333362c5912812eb5db78c7261cffec40b130d"
         "426c722d08294a4fb7f9fa80630e1797261e70f6b25bb767350203010001",
         false},
        {"no DER", "00", false},
        {"nothing", "", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str der = unhex(rows[i].hex);
        struct brama_pkey *key;
        struct brama_diag diag = {0};
        enum brama_err err = brama_pkey_from_spki(&key, der, false, &diag);
        EXPECT(rows[i].name, err == (rows[i].ok ? BRAMA_OK : BRAMA_ERR_INVALID));
        EXPECT(rows[i].name, (diag.what[0] == '\0') == rows[i].ok);
        brama_pkey_free(key);
        expect_free(der);
    }
}

static void private_keys_that_cannot_serve_are_refused(void **state)
{
    (void)state;
    /* Its passphrase is "secret"; nobody may be asked for it. */
    brama_str encrypted =
        BRAMA_STR("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                  "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjBRxZzclW3YwICA+gw\n"
                  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEB8Xchn8ELS3T4dniiFX8ckEgZCj\n"
                  "qDwieeXaxME5ilURip+Hlpkxg3xTcX/nJIO0qpPC751/FcNxRRzkOP4+3HX8JSy8\n"
                  "WjssBi/2o11VFSS2I40XYIxBJgsZSzqMfsFkhE7w2gcy66fwgYMEk+n5Db7sV0TQ\n"
                  "3iMRPFymXuTOmu6di1n6qt61qRFVKeXDwLkNuQqybB1+jcD9qtY6IjRcpvhPjcY=\n"
                  "-----END ENCRYPTED PRIVATE KEY-----\n");
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256), *again;
    struct brama_diag diag = {0};
    struct brama_buf pem;
    brama_buf_init(&pem, NULL, 4096);
    brama_pkey_to_pem(&pem, key);
    EXPECT("as written", brama_pkey_from_pem(&again, brama_buf_str(&pem), &diag) == BRAMA_OK);
    brama_pkey_free(again);
    /* A letter of base64 in the midst of the private number, that starts at octet 36. */
    char *letter = pem.p + strlen("-----BEGIN PRIVATE KEY-----\n") + 60;
    *letter = *letter == 'A' ? 'B' : 'A';
    EXPECT("another private half",
           brama_pkey_from_pem(&again, brama_buf_str(&pem), &diag) == BRAMA_ERR_INVALID);
    EXPECT("encrypted", brama_pkey_from_pem(&again, encrypted, &diag) == BRAMA_ERR_INVALID);
    EXPECT("no text", brama_pkey_from_pem(&again, BRAMA_NIL, &diag) == BRAMA_ERR_INVALID);

    struct brama_buf spki;
    struct brama_pkey *public_half;
    brama_buf_init(&spki, NULL, 4096);
    brama_pkey_to_spki(&spki, key);
    assert_int_equal(brama_pkey_from_spki(&public_half, brama_buf_str(&spki), true, &diag),
                     BRAMA_OK);
    brama_buf_reset(&pem);
    brama_pkey_to_pem(&pem, public_half);
    EXPECT("a public key has no private text", brama_buf_err(&pem) == BRAMA_ERR_INVALID);
    brama_pkey_free(public_half);
    brama_pkey_free(key);
    brama_buf_deinit(&spki);
    brama_buf_deinit(&pem);
}

static void wishes_that_cannot_be_met_are_refused(void **state)
{
    (void)state;
    struct brama_pkey *key;
    struct brama_diag diag = {0};
    static const struct {
        const char *name;
        enum brama_alg alg;
        unsigned bits;
    } rows[] = {
        {"no key for HS256", BRAMA_ALG_HS256, 0},
        {"no key for no algorithm", BRAMA_ALG_INVALID, 0},
        {"RSA of 1024 bits", BRAMA_ALG_RS256, 1024},
        {"RSA of 16384 bits", BRAMA_ALG_PS256, 16384},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        EXPECT(rows[i].name,
               brama_pkey_generate(&key, rows[i].alg, rows[i].bits, &diag) == BRAMA_ERR_INVALID);
        EXPECT(rows[i].name, key == NULL);
    }
    struct brama_verified v = {.valid = true};
    brama_pkey_verify(&v, NULL, BRAMA_ALG_RS256, BRAMA_STR("a.b"), BRAMA_NIL);
    EXPECT("unsigned, and no key", !v.valid);
}

int test_keys(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_points_of_small_order_are_no_keys),
        cmocka_unit_test(rsa_numbers_that_weaken_a_key_are_refused),
        cmocka_unit_test(ec_points_off_their_curve_are_refused),
        cmocka_unit_test(keys_survive_their_encodings),
        cmocka_unit_test(foreign_keys_meet_the_same_rules),
        cmocka_unit_test(private_keys_that_cannot_serve_are_refused),
        cmocka_unit_test(wishes_that_cannot_be_met_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
