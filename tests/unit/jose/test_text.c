#include "expect.h"

#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/status.h"

#define ARENA_BYTES (1 << 20)

static void base64url_has_one_text_a_value(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
        brama_str octets;
    } rows[] = {
        {"nothing", BRAMA_LIT(""), true, BRAMA_LIT("")},
        {"RFC 4648: f", BRAMA_LIT("Zg"), true, BRAMA_LIT("f")},
        {"RFC 4648: fo", BRAMA_LIT("Zm8"), true, BRAMA_LIT("fo")},
        {"RFC 4648: foo", BRAMA_LIT("Zm9v"), true, BRAMA_LIT("foo")},
        {"RFC 4648: foobar", BRAMA_LIT("Zm9vYmFy"), true, BRAMA_LIT("foobar")},
        {"RFC 7515 appendix C", BRAMA_LIT("A-z_4ME"), true, BRAMA_LIT("\x03\xec\xff\xe0\xc1")},
        {"one character left over", BRAMA_LIT("Zm9vY"), false, {NULL, 0}},
        {"one character", BRAMA_LIT("Z"), false, {NULL, 0}},
        {"unused bit 0 after two characters", BRAMA_LIT("Zh"), false, {NULL, 0}},
        {"unused bit 1 after two characters", BRAMA_LIT("Zi"), false, {NULL, 0}},
        {"unused bit 2 after two characters", BRAMA_LIT("Zk"), false, {NULL, 0}},
        {"unused bit 3 after two characters", BRAMA_LIT("Zo"), false, {NULL, 0}},
        {"unused bit 0 after three characters", BRAMA_LIT("Zm9"), false, {NULL, 0}},
        {"unused bit 1 after three characters", BRAMA_LIT("Zm-"), false, {NULL, 0}},
        {"padding", BRAMA_LIT("Zg=="), false, {NULL, 0}},
        {"half the padding", BRAMA_LIT("Zg="), false, {NULL, 0}},
        {"a blank", BRAMA_LIT("Zm 9v"), false, {NULL, 0}},
        {"a line end", BRAMA_LIT("Zm9v\n"), false, {NULL, 0}},
        {"the digits of plain base64", BRAMA_LIT("A+z/4ME"), false, {NULL, 0}},
        {"a NUL", BRAMA_LIT("Zm9\0"), false, {NULL, 0}},
        {"a byte above ASCII", BRAMA_LIT("Zm9\xc3"), false, {NULL, 0}},
        {"a foreign character in the tail", BRAMA_LIT("Zm9vZ*"), false, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_buf back;
        brama_str text = expect_exact(rows[i].text), out;
        brama_arena_init(&arena, NULL, ARENA_BYTES);
        brama_buf_init(&back, NULL, 64);
        EXPECT(rows[i].name, brama_b64url_decode(&out, &arena, text) ==
                                 (rows[i].ok ? BRAMA_OK : BRAMA_ERR_SYNTAX));
        EXPECT(rows[i].name, (out.p != NULL) == rows[i].ok);
        EXPECT_STR(rows[i].name, out, rows[i].octets);
        if (rows[i].ok) {
            brama_b64url_encode(&back, out);
            EXPECT_STR(rows[i].name, brama_buf_str(&back), rows[i].text);
        }
        brama_buf_deinit(&back);
        brama_arena_deinit(&arena);
        expect_free(text);
    }
}

static void base64_has_its_padding(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
        brama_str octets;
    } rows[] = {
        {"nothing", BRAMA_LIT(""), true, BRAMA_LIT("")},
        {"two pads", BRAMA_LIT("Zg=="), true, BRAMA_LIT("f")},
        {"one pad", BRAMA_LIT("Zm8="), true, BRAMA_LIT("fo")},
        {"no pad", BRAMA_LIT("Zm9v"), true, BRAMA_LIT("foo")},
        {"plus and slash", BRAMA_LIT("A+z/4ME="), true, BRAMA_LIT("\x03\xec\xff\xe0\xc1")},
        {"a pad missing", BRAMA_LIT("Zg="), false, {NULL, 0}},
        {"pads missing", BRAMA_LIT("Zg"), false, {NULL, 0}},
        {"pads alone", BRAMA_LIT("===="), false, {NULL, 0}},
        {"three pads", BRAMA_LIT("Z==="), false, {NULL, 0}},
        {"a pad in the middle", BRAMA_LIT("Zg==Zg=="), false, {NULL, 0}},
        {"the digits of base64url", BRAMA_LIT("A-z_4ME="), false, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_buf back;
        brama_str text = expect_exact(rows[i].text), out;
        brama_arena_init(&arena, NULL, ARENA_BYTES);
        brama_buf_init(&back, NULL, 64);
        EXPECT(rows[i].name,
               brama_b64_decode(&out, &arena, text) == (rows[i].ok ? BRAMA_OK : BRAMA_ERR_SYNTAX));
        EXPECT_STR(rows[i].name, out, rows[i].octets);
        if (rows[i].ok) {
            brama_b64_encode(&back, out);
            EXPECT_STR(rows[i].name, brama_buf_str(&back), rows[i].text);
        }
        brama_buf_deinit(&back);
        brama_arena_deinit(&arena);
        expect_free(text);
    }
}

static void algorithms_have_their_rfcs_names(void **state)
{
    (void)state;
    static const struct {
        brama_str name;
        enum brama_alg alg;
    } rows[] = {
        {BRAMA_LIT("RS256"), BRAMA_ALG_RS256},    {BRAMA_LIT("PS512"), BRAMA_ALG_PS512},
        {BRAMA_LIT("ES384"), BRAMA_ALG_ES384},    {BRAMA_LIT("EdDSA"), BRAMA_ALG_EDDSA},
        {BRAMA_LIT("Ed25519"), BRAMA_ALG_EDDSA},  {BRAMA_LIT("HS256"), BRAMA_ALG_HS256},
        {BRAMA_LIT("none"), BRAMA_ALG_INVALID},   {BRAMA_LIT("None"), BRAMA_ALG_INVALID},
        {BRAMA_LIT("rs256"), BRAMA_ALG_INVALID},  {BRAMA_LIT("RS256 "), BRAMA_ALG_INVALID},
        {BRAMA_LIT("RS25"), BRAMA_ALG_INVALID},   {BRAMA_LIT("Ed448"), BRAMA_ALG_INVALID},
        {BRAMA_LIT("ES256K"), BRAMA_ALG_INVALID}, {BRAMA_LIT(""), BRAMA_ALG_INVALID},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name.p, brama_alg_by_name(rows[i].name) == rows[i].alg);
    for (enum brama_alg alg = BRAMA_ALG_RS256; alg < BRAMA_ALG_COUNT; alg++)
        EXPECT(brama_alg_name(alg), brama_alg_by_name(brama_str_c(brama_alg_name(alg))) == alg);
    EXPECT_STR("EdDSA is the name that everybody reads",
               brama_str_c(brama_alg_name(BRAMA_ALG_EDDSA)), BRAMA_STR("EdDSA"));
    EXPECT("no name for none", brama_alg_name(BRAMA_ALG_INVALID)[0] == '\0');
}

static void every_status_has_a_name_and_a_text(void **state)
{
    (void)state;
    for (int s = 0; s < BRAMA_JWT_STATUS_COUNT; s++) {
        EXPECT("name", brama_jwt_status_name((enum brama_jwt_status)s)[0] != '\0');
        EXPECT("text", brama_jwt_status_text((enum brama_jwt_status)s)[0] != '\0');
    }
    EXPECT("beyond the last", brama_jwt_status_text(BRAMA_JWT_STATUS_COUNT)[0] == '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_has_one_text_a_value),
        cmocka_unit_test(base64_has_its_padding),
        cmocka_unit_test(algorithms_have_their_rfcs_names),
        cmocka_unit_test(every_status_has_a_name_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
