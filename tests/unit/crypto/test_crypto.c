#include "expect.h"

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/key.h"

static const enum brama_alg signing_algs[] = {
    BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512, BRAMA_ALG_PS256, BRAMA_ALG_PS384,
    BRAMA_ALG_PS512, BRAMA_ALG_ES256, BRAMA_ALG_ES384, BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};

static struct brama_pkey *new_key(enum brama_alg alg)
{
    struct brama_pkey *key;
    struct brama_diag diag = {0};
    if (brama_pkey_generate(&key, alg, 0, &diag) != BRAMA_OK)
        fail_msg("generate %d: %s", alg, diag.what);
    return key;
}

static bool verifies(const struct brama_pkey *key, enum brama_alg alg, brama_str text,
                     brama_str sig)
{
    struct brama_verified v = {.valid = true};
    brama_str text_copy = expect_exact(text), sig_copy = expect_exact(sig);
    brama_pkey_verify(&v, key, alg, text_copy, sig_copy);
    expect_free(text_copy);
    expect_free(sig_copy);
    return v.valid;
}

static brama_str unhex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    char *p = malloc(n != 0 ? n : 1);
    if (p == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        p[i] = (char)byte;
    }
    return (brama_str){p, n};
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_verifies_by_its_own_algorithm_only),
        cmocka_unit_test(a_changed_signature_or_text_is_refused),
        cmocka_unit_test(a_key_fits_its_own_kind_and_curve),
        cmocka_unit_test(a_pss_salt_of_another_length_is_refused),
        cmocka_unit_test(ecdsa_numbers_out_of_range_are_refused),
        cmocka_unit_test(an_ecdsa_signature_in_der_is_refused),
        cmocka_unit_test(ed25519_takes_the_rfcs_signature_and_no_other_form),
        cmocka_unit_test(ed25519_points_of_small_order_are_no_keys),
        cmocka_unit_test(rsa_numbers_that_weaken_a_key_are_refused),
        cmocka_unit_test(ec_points_off_their_curve_are_refused),
        cmocka_unit_test(keys_survive_their_encodings),
        cmocka_unit_test(certificates_carry_their_key),
        cmocka_unit_test(digests_are_the_standards),
        cmocka_unit_test(foreign_keys_meet_the_same_rules),
        cmocka_unit_test(private_keys_that_cannot_serve_are_refused),
        cmocka_unit_test(certificates_nobody_could_use_are_not_made),
        cmocka_unit_test(a_chain_is_led_by_its_leaf),
        cmocka_unit_test(random_bytes_differ_and_secrets_go),
        cmocka_unit_test(wishes_that_cannot_be_met_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
