#include "test_crypto.h"

static void certificates_carry_their_key(void **state)
{
    (void)state;
    static const enum brama_alg algs[] = {BRAMA_ALG_RS256, BRAMA_ALG_ES256, BRAMA_ALG_ES384,
                                          BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};
    brama_str names[] = {BRAMA_LIT("localhost"), BRAMA_LIT("*.local.example")};
    struct brama_cert_wish wish = {.common_name = BRAMA_LIT("brama"),
                                   .dns_names = names,
                                   .dns_name_count = 2,
                                   .not_before_s = 1700000000,
                                   .not_after_s = INT64_C(4000000000)};
    struct brama_pkey *other = new_key(BRAMA_ALG_ES256);
    struct brama_buf other_pem;
    brama_buf_init(&other_pem, NULL, 8192);
    brama_pkey_to_pem(&other_pem, other);
    for (size_t a = 0; a < BRAMA_ARRAY_LEN(algs); a++) {
        struct brama_pkey *key = new_key(algs[a]), *again;
        struct brama_buf der, pem, back, key_pem, spki[2];
        struct brama_diag diag = {0};
        brama_buf_init(&der, NULL, 8192);
        brama_buf_init(&pem, NULL, 8192);
        brama_buf_init(&back, NULL, 8192);
        brama_buf_init(&key_pem, NULL, 8192);
        brama_buf_init(&spki[0], NULL, 8192);
        brama_buf_init(&spki[1], NULL, 8192);
        EXPECT("made", brama_cert_self_signed(&der, key, &wish, &diag) == BRAMA_OK);
        EXPECT("both names are in it",
               brama_str_find_str(brama_buf_str(&der), names[0]) < der.n &&
                   brama_str_find_str(brama_buf_str(&der), names[1]) < der.n);
        EXPECT("read", brama_pkey_from_cert(&again, brama_buf_str(&der), &diag) == BRAMA_OK);
        brama_pkey_to_spki(&spki[0], key);
        brama_pkey_to_spki(&spki[1], again);
        EXPECT_STR("the same key", brama_buf_str(&spki[1]), brama_buf_str(&spki[0]));
        EXPECT("a public key makes no certificate",
               brama_cert_self_signed(&back, again, &wish, &diag) == BRAMA_ERR_INVALID);
        brama_pkey_free(again);
        EXPECT("cut short", brama_pkey_from_cert(&again, brama_str_head(brama_buf_str(&der), 99),
                                                 &diag) == BRAMA_ERR_INVALID);
        brama_cert_to_pem(&pem, brama_buf_str(&der));
        EXPECT("PEM", brama_cert_from_pem(&back, brama_buf_str(&pem), &diag) == BRAMA_OK);
        EXPECT_STR("and back", brama_buf_str(&back), brama_buf_str(&der));
        brama_pkey_to_pem(&key_pem, key);
        EXPECT("a pair", brama_cert_check_pair(brama_buf_str(&pem), brama_buf_str(&key_pem),
                                               &diag) == BRAMA_OK);
        EXPECT("no pair", brama_cert_check_pair(brama_buf_str(&pem), brama_buf_str(&other_pem),
                                                &diag) == BRAMA_ERR_INVALID);
        EXPECT("no chain", brama_cert_check_pair(brama_buf_str(&key_pem), brama_buf_str(&key_pem),
                                                 &diag) == BRAMA_ERR_INVALID);
        brama_buf_add(&pem,
                      BRAMA_STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
        EXPECT("a broken second certificate",
               brama_cert_check_pair(brama_buf_str(&pem), brama_buf_str(&key_pem), &diag) ==
                   BRAMA_ERR_INVALID);
        brama_pkey_free(key);
        brama_buf_deinit(&der);
        brama_buf_deinit(&pem);
        brama_buf_deinit(&back);
        brama_buf_deinit(&key_pem);
        brama_buf_deinit(&spki[0]);
        brama_buf_deinit(&spki[1]);
    }
    brama_buf_deinit(&other_pem);
    brama_pkey_free(other);
}

static void certificates_nobody_could_use_are_not_made(void **state)
{
    (void)state;
    char long_name[254];
    memset(long_name, 'a', sizeof(long_name));
    brama_str many[17], blank[] = {BRAMA_LIT("a b")}, none[] = {BRAMA_LIT("")};
    brama_str too_long[] = {{long_name, 254}}, longest[] = {{long_name, 253}};
    for (size_t i = 0; i < 17; i++)
        many[i] = BRAMA_STR("a.example");
    const struct {
        const char *name;
        brama_str common_name;
        const brama_str *dns;
        size_t count;
        int64_t from, to;
        bool ok;
    } rows[] = {
        {"no DNS name", BRAMA_LIT("x"), NULL, 0, 0, 9, true},
        {"16 DNS names", BRAMA_LIT("x"), many, 16, 0, 9, true},
        {"17 DNS names", BRAMA_LIT("x"), many, 17, 0, 9, false},
        {"253 bytes of DNS name", BRAMA_LIT("x"), longest, 1, 0, 9, true},
        {"254 bytes of DNS name", BRAMA_LIT("x"), too_long, 1, 0, 9, false},
        {"an empty DNS name", BRAMA_LIT("x"), none, 1, 0, 9, false},
        {"a blank in a DNS name", BRAMA_LIT("x"), blank, 1, 0, 9, false},
        {"no common name", BRAMA_LIT(""), NULL, 0, 0, 9, false},
        {"64 bytes of common name", {long_name, 64}, NULL, 0, 0, 9, true},
        {"65 bytes of common name", {long_name, 65}, NULL, 0, 0, 9, false},
        {"a common name that isn't UTF-8", BRAMA_LIT("\xff"), NULL, 0, 0, 9, false},
        {"over before it begins", BRAMA_LIT("x"), NULL, 0, 10, 9, false},
    };
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_cert_wish wish = {.common_name = rows[i].common_name,
                                       .dns_names = rows[i].dns,
                                       .dns_name_count = rows[i].count,
                                       .not_before_s = rows[i].from,
                                       .not_after_s = rows[i].to};
        struct brama_diag diag = {0};
        struct brama_buf der;
        brama_buf_init(&der, NULL, 1 << 16);
        EXPECT(rows[i].name, brama_cert_self_signed(&der, key, &wish, &diag) ==
                                 (rows[i].ok ? BRAMA_OK : BRAMA_ERR_INVALID));
        EXPECT(rows[i].name, (der.n != 0) == rows[i].ok);
        brama_buf_deinit(&der);
    }
    brama_pkey_free(key);
}

/* Two certificates in one text: the pair is judged by the first, and both must be readable. */
static void a_chain_is_led_by_its_leaf(void **state)
{
    (void)state;
    struct brama_cert_wish wish = {.common_name = BRAMA_LIT("x"), .not_after_s = 9};
    struct brama_pkey *keys[2] = {new_key(BRAMA_ALG_ES256), new_key(BRAMA_ALG_EDDSA)};
    struct brama_buf chain, der, first, key_pem[2];
    struct brama_diag diag = {0};
    brama_buf_init(&chain, NULL, 1 << 16);
    brama_buf_init(&first, NULL, 1 << 16);
    brama_buf_init(&der, NULL, 1 << 16);
    for (size_t i = 0; i < 2; i++) {
        brama_buf_reset(&der);
        assert_int_equal(brama_cert_self_signed(&der, keys[i], &wish, &diag), BRAMA_OK);
        brama_cert_to_pem(&chain, brama_buf_str(&der));
        if (i == 0)
            brama_buf_add(&first, brama_buf_str(&der));
        brama_buf_init(&key_pem[i], NULL, 4096);
        brama_pkey_to_pem(&key_pem[i], keys[i]);
    }
    brama_str text = brama_buf_str(&chain);
    EXPECT("the leaf's key",
           brama_cert_check_pair(text, brama_buf_str(&key_pem[0]), &diag) == BRAMA_OK);
    EXPECT("the next one's key",
           brama_cert_check_pair(text, brama_buf_str(&key_pem[1]), &diag) == BRAMA_ERR_INVALID);
    EXPECT("no key", brama_cert_check_pair(text, text, &diag) == BRAMA_ERR_INVALID);
    brama_buf_reset(&der);
    EXPECT("the first is the leaf", brama_cert_from_pem(&der, text, &diag) == BRAMA_OK);
    EXPECT_STR("the first is the leaf", brama_buf_str(&der), brama_buf_str(&first));
    EXPECT("no text", brama_cert_from_pem(&der, BRAMA_NIL, &diag) == BRAMA_ERR_INVALID);
    brama_buf_add_c(&first, 'x');
    struct brama_pkey *key;
    EXPECT("a certificate and a byte",
           brama_pkey_from_cert(&key, brama_buf_str(&first), &diag) == BRAMA_ERR_INVALID);
    for (size_t i = 0; i < 2; i++) {
        brama_pkey_free(keys[i]);
        brama_buf_deinit(&key_pem[i]);
    }
    brama_buf_deinit(&chain);
    brama_buf_deinit(&first);
    brama_buf_deinit(&der);
}

/* FIPS 180-4's example: "abc". */
static void digests_are_the_standards(void **state)
{
    (void)state;
    uint8_t sha256[BRAMA_SHA256_BYTES], sha1[BRAMA_SHA1_BYTES];
    brama_str want256 = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    brama_str want1 = unhex("a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(brama_sha256(sha256, BRAMA_STR("abc")), BRAMA_OK);
    assert_int_equal(brama_sha1(sha1, BRAMA_STR("abc")), BRAMA_OK);
    assert_memory_equal(sha256, want256.p, sizeof(sha256));
    assert_memory_equal(sha1, want1.p, sizeof(sha1));
    assert_int_equal(brama_sha256(sha256, BRAMA_NIL), BRAMA_OK);
    EXPECT("of nothing", sha256[0] == 0xe3 && sha256[31] == 0x55);
    expect_free(want256);
    expect_free(want1);
}

static void random_bytes_differ_and_secrets_go(void **state)
{
    (void)state;
    static const char zero[32];
    char a[32] = {0}, b[32] = {0};
    assert_int_equal(brama_random(a, sizeof(a)), BRAMA_OK);
    assert_int_equal(brama_random(b, sizeof(b)), BRAMA_OK);
    EXPECT("not twice the same", memcmp(a, b, sizeof(a)) != 0);
    brama_cleanse(a, sizeof(a));
    EXPECT("gone", memcmp(a, zero, sizeof(a)) == 0);
    EXPECT("more than OpenSSL can give", brama_random(a, SIZE_MAX) == BRAMA_ERR_TOO_BIG);
}

int test_certificates(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_carry_their_key),
        cmocka_unit_test(certificates_nobody_could_use_are_not_made),
        cmocka_unit_test(a_chain_is_led_by_its_leaf),
        cmocka_unit_test(digests_are_the_standards),
        cmocka_unit_test(random_bytes_differ_and_secrets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
