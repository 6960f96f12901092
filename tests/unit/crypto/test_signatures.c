#include "test_crypto.h"

static const enum brama_alg signing_algs[] = {
    BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512, BRAMA_ALG_PS256, BRAMA_ALG_PS384,
    BRAMA_ALG_PS512, BRAMA_ALG_ES256, BRAMA_ALG_ES384, BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};

/* A signature by each algorithm meets every algorithm under the same key and under keys of every
 * other kind: only its own may say yes. */
static void a_signature_verifies_by_its_own_algorithm_only(void **state)
{
    (void)state;
    static const char *const kinds[] = {"RSA", "P-256", "P-384", "P-521", "Ed25519"};
    static const enum brama_alg of_kind[] = {BRAMA_ALG_RS256, BRAMA_ALG_ES256, BRAMA_ALG_ES384,
                                             BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};
    struct brama_pkey *keys[BRAMA_ARRAY_LEN(of_kind)];
    brama_str text = BRAMA_STR("eyJhbGciOiJ4In0.e30");
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(keys); k++)
        keys[k] = new_key(of_kind[k]);
    for (size_t s = 0; s < BRAMA_ARRAY_LEN(signing_algs); s++) {
        struct brama_buf sig;
        brama_buf_init(&sig, NULL, 2048);
        size_t owner = 0;
        while (!brama_pkey_fits(keys[owner], signing_algs[s]))
            owner++;
        EXPECT(kinds[owner], brama_pkey_sign(&sig, keys[owner], signing_algs[s], text) == BRAMA_OK);
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(keys); k++)
            for (int alg = -1; alg <= BRAMA_ALG_COUNT; alg++) {
                bool want = k == owner && alg == (int)signing_algs[s];
                bool got = verifies(keys[k], (enum brama_alg)alg, text, brama_buf_str(&sig));
                if (got != want)
                    fail_msg("signed by alg %d, key %s, verified as alg %d: %d", signing_algs[s],
                             kinds[k], alg, got);
            }
        brama_buf_deinit(&sig);
    }
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(keys); k++)
        brama_pkey_free(keys[k]);
}

static void a_changed_signature_or_text_is_refused(void **state)
{
    (void)state;
    for (size_t a = 0; a < BRAMA_ARRAY_LEN(signing_algs); a++) {
        struct brama_pkey *key = new_key(signing_algs[a]);
        struct brama_buf sig;
        brama_buf_init(&sig, NULL, 2048);
        assert_int_equal(brama_pkey_sign(&sig, key, signing_algs[a], BRAMA_STR("text")), BRAMA_OK);
        brama_str s = brama_buf_str(&sig);
        EXPECT("as signed", verifies(key, signing_algs[a], BRAMA_STR("text"), s));
        EXPECT("another text", !verifies(key, signing_algs[a], BRAMA_STR("texT"), s));
        EXPECT("no text", !verifies(key, signing_algs[a], BRAMA_NIL, s));
        EXPECT("no signature", !verifies(key, signing_algs[a], BRAMA_STR("text"), BRAMA_NIL));
        EXPECT("one byte short",
               !verifies(key, signing_algs[a], BRAMA_STR("text"), brama_str_head(s, s.n - 1)));
        for (size_t i = 0; i < s.n; i += 7) {
            sig.p[i] = (char)(sig.p[i] ^ 0x01);
            EXPECT("a flipped bit", !verifies(key, signing_algs[a], BRAMA_STR("text"), s));
            sig.p[i] = (char)(sig.p[i] ^ 0x01);
        }
        brama_buf_add_c(&sig, '\0');
        EXPECT("one byte long",
               !verifies(key, signing_algs[a], BRAMA_STR("text"), brama_buf_str(&sig)));
        brama_buf_deinit(&sig);
        brama_pkey_free(key);
    }
}

static void a_key_fits_its_own_kind_and_curve(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum brama_alg key;
        enum brama_alg from, to; /* the algorithms that fit: a run of the enum */
    } rows[] = {
        {"RSA", BRAMA_ALG_RS256, BRAMA_ALG_RS256, BRAMA_ALG_PS512},
        {"P-256", BRAMA_ALG_ES256, BRAMA_ALG_ES256, BRAMA_ALG_ES256},
        {"P-384", BRAMA_ALG_ES384, BRAMA_ALG_ES384, BRAMA_ALG_ES384},
        {"P-521", BRAMA_ALG_ES512, BRAMA_ALG_ES512, BRAMA_ALG_ES512},
        {"Ed25519", BRAMA_ALG_EDDSA, BRAMA_ALG_EDDSA, BRAMA_ALG_EDDSA},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_pkey *key = new_key(rows[i].key);
        for (enum brama_alg alg = BRAMA_ALG_INVALID; alg <= BRAMA_ALG_COUNT; alg++)
            EXPECT(rows[i].name,
                   brama_pkey_fits(key, alg) == (alg >= rows[i].from && alg <= rows[i].to));
        brama_pkey_free(key);
    }
}

/* RFC 7518 section 3.5: the salt has the length of the hash. By another program, with SHA-256. */
static void a_pss_salt_of_another_length_is_refused(void **state)
{
    (void)state;
    static const char modulus[] =
        "a6f7cf031ee90af997bc6fc43427bf32547d460d4651b5fe712ca71db8e3d693495f1d316bfc7c6b9eeb09"
        "51f79c99e8d1669bdf91e8116422dadc878aa7b4d81f5b58121a4f8207f8a10deced06084c894be6b334bb"
        "d350eafee1eb2b3345850214af9ef98c7b456f53ed65e025adf78debd9bd78d19ead40f61b934474a6a1fd"
        "8939d56bf171453d078f908be10c1968aa719dbdd61a8b7778e904f6352019f29b0eb5f0d6fb4b48745aad"
        "351eff3694b430602470e6f3a55dcdd5ce613b6e9f94a7191cd4c2dab04989a8abd7c181c4f1a96db1a200"
        "1848f3d9cd6d1f83cf79f97620520dcd92410a62cfdd34d2e4195a1226bee66b98613d90070a786b29";
    static const struct {
        const char *name, *signature;
        bool valid;
    } rows[] = {
        {"a salt of 32 bytes",
         "4bdc2597e42d392072f10f03f5fd8cba1d5efae8084a2611d519d00d95d90c93385f8d172616dc39c95813"
         "074067abac4ce0171ed7f967420d14546a42c640e1107cc731346823881c912f139df60d6880da188a6807"
         "5c35cddb2d1f68010092d3b71b86df0c6e596a479e761b849bc7dc955415a6e7dc207b02d9f64d5179a11e"
         "514f34a5c0c87a10140fb3918a9220bb8ac2b37891d6cc54c4bbbddea4d0f1ebb5538e21c47bdbbe955b07"
         "b8087743ff3c6914133bb8758a2f454b4b3a9a2ac90bb5cdbc1b39a654c6822d2f4ded358eeba0618094b2"
         "0cad0342dd942b5515545d061ff19e6fee6c9dadcd8ac31624462b440cf76eb6a272b9bed4cd329460",
         true},
        {"a salt of 20 bytes",
         "9aa4a597d271e32b200840f790bc1b4f8cf79b6cefe3d82a1249d030291a37e056903f39fb844341bacf23"
         "d69c9027629227e67888a08eed180621b9ea11b2786b7747d687c0af531828daf2419edffaf0ca349e06c4"
         "b7202cef53d613046488fece5c07cbe58a7e026802a0032c4f8c548ca1c3045aa15d3a3fdbcebcfcd77540"
         "f2bc2edddd7885cf2a4463c8368558d49f4291c9d294b52e71445953102caa54ea2621f64558b15c1103a0"
         "4886af616a0c1d9fa81b26c9d379f6ecddabf829b47efe43294861ab5788cb88883268012d0358802ec729"
         "a517085ca45b9be6ac6e121754c11e7c9581bbdc1351e4f924b61ca69d8dafcac149461b1a10eb18e2",
         false},
        {"no salt",
         "876c4ef333a006dde11b54a276b583a85ace2827875a6c7c0f0509fdeb7dbec782bc674bbeb327fff44a2f"
         "c206c6d7225e0667a0ac28a0e7b24877c7b6b0c7afec532a4003c6f10e890239438bb677036ac8720ef25f"
         "7e6b5dcce1b4c8d1ed5e07ef953f835a981fcff40c88490c010c790537acf51cbf3d73decc842eca3db0a1"
         "e54fa792fbffd9ae7ce69dd0d91f48729c29bbc194fb899e6b4aa3463e91aaba54862664bae854e49fccad"
         "d21f67e3e0abb2c0a2250a88f5ab39bf98cc3a9daccc372c06b463d25880c0b5e5947b5f18df331ad76f45"
         "2773e87a7e0e6c1487fb2da9296e9112feb150515a37b73541822351e0325e937a1bef6f9c0ad32bcf",
         false},
        {"as much salt as fits",
         "17531d5b4f6439ccc8f39d44283aab127638591a081bba9b03245b0688d00bcbdd9af9a430a57c6ff9a6a9"
         "6924d78317cf07fb040acf7bc815269dd53877233679269916a1ad0276888b583452ac6ac9b104d05efdfa"
         "1bccdcd8a6b0b9a50d90953eb2f0fdf0ad8649b76bacde8ef65b8f3e59e72c0917ca7afe4afe746df01ece"
         "107f0b30a3d6c81cf4c2f4e16ad61186996250b22a0a8d03afe2ff9145ea0865028709845c3100afe89000"
         "ecf28eb98189de896c5ff5bb4dd215dd28138bfdd691703a6aa00008557cc651e636c2db0993b28573054b"
         "e5576e6ebdf2417f329d3afad49b4af991f6c27031c3c1bdf798bcccf0995559da36db4ebbb42e0c28",
         false},
    };
    struct brama_pkey *key;
    struct brama_diag diag = {0};
    brama_str n = unhex(modulus);
    assert_int_equal(brama_pkey_from_rsa(&key, n, BRAMA_STR("\x01\x00\x01"), &diag), BRAMA_OK);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str sig = unhex(rows[i].signature);
        EXPECT(rows[i].name,
               verifies(key, BRAMA_ALG_PS256, BRAMA_STR("text"), sig) == rows[i].valid);
        EXPECT("PSS isn't PKCS #1 v1.5", !verifies(key, BRAMA_ALG_RS256, BRAMA_STR("text"), sig));
        expect_free(sig);
    }
    expect_free(n);
    brama_pkey_free(key);
}

static void ecdsa_numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char n[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char one[] = "0000000000000000000000000000000000000000000000000000000000000001";
    static const struct {
        const char *name, *r, *s;
    } rows[] = {
        {"r and s zero: the psychic signature", zero, zero},
        {"r zero", zero, one},
        {"s zero", one, zero},
        {"r is n", n, one},
        {"s is n", one, n},
        {"r and s are n", n, n},
        {"in range, and still not a signature", one, one},
    };
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        char both[129];
        snprintf(both, sizeof(both), "%s%s", rows[i].r, rows[i].s);
        brama_str sig = unhex(both);
        EXPECT(rows[i].name, !verifies(key, BRAMA_ALG_ES256, BRAMA_STR("text"), sig));
        expect_free(sig);
    }
    brama_pkey_free(key);
}

static void an_ecdsa_signature_in_der_is_refused(void **state)
{
    (void)state;
    struct brama_pkey *key = new_key(BRAMA_ALG_ES256);
    struct brama_buf sig, der;
    brama_buf_init(&sig, NULL, 256);
    brama_buf_init(&der, NULL, 256);
    assert_int_equal(brama_pkey_sign(&sig, key, BRAMA_ALG_ES256, BRAMA_STR("text")), BRAMA_OK);
    brama_buf_add(&der, BRAMA_STR("\x30\x46\x02\x21\x00"));
    brama_buf_add(&der, (brama_str){sig.p, 32});
    brama_buf_add(&der, BRAMA_STR("\x02\x21\x00"));
    brama_buf_add(&der, (brama_str){sig.p + 32, 32});
    EXPECT("r || s", verifies(key, BRAMA_ALG_ES256, BRAMA_STR("text"), brama_buf_str(&sig)));
    EXPECT("DER", !verifies(key, BRAMA_ALG_ES256, BRAMA_STR("text"), brama_buf_str(&der)));
    brama_buf_deinit(&sig);
    brama_buf_deinit(&der);
    brama_pkey_free(key);
}

/* RFC 8032 section 7.1, test 1; and the signature with S + L in its place (section 5.1.7). */
static void ed25519_takes_the_rfcs_signature_and_no_other_form(void **state)
{
    (void)state;
    brama_str x = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    brama_str sig = unhex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                          "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    struct brama_pkey *key;
    struct brama_diag diag = {0};
    assert_int_equal(brama_pkey_from_ed25519(&key, x, &diag), BRAMA_OK);
    EXPECT("the RFC's", verifies(key, BRAMA_ALG_EDDSA, BRAMA_NIL, sig));
    char more[64];
    memcpy(more, sig.p, sizeof(more));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)(unsigned char)more[32 + i] + order[i];
        more[32 + i] = (char)(carry & 0xff);
        carry >>= 8;
    }
    EXPECT("S + L", !verifies(key, BRAMA_ALG_EDDSA, BRAMA_NIL, (brama_str){more, 64}));
    brama_pkey_free(key);
    expect_free(x);
    expect_free(sig);
}

int test_signatures(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_verifies_by_its_own_algorithm_only),
        cmocka_unit_test(a_changed_signature_or_text_is_refused),
        cmocka_unit_test(a_key_fits_its_own_kind_and_curve),
        cmocka_unit_test(a_pss_salt_of_another_length_is_refused),
        cmocka_unit_test(ecdsa_numbers_out_of_range_are_refused),
        cmocka_unit_test(an_ecdsa_signature_in_der_is_refused),
        cmocka_unit_test(ed25519_takes_the_rfcs_signature_and_no_other_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
