#include "expect.h"

#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwks.h"
#include "jose/jwt.h"

#define ARENA_BYTES (1 << 20)

/* header and payload as JSON, signature as octets, joined as a compact JWS in one heap block. */
static brama_str token_of(brama_str header, brama_str payload, brama_str signature)
{
    struct brama_buf b;
    brama_buf_init(&b, NULL, 1 << 20);
    brama_b64url_encode(&b, header);
    brama_buf_add_c(&b, '.');
    brama_b64url_encode(&b, payload);
    brama_buf_add_c(&b, '.');
    brama_b64url_encode(&b, signature);
    brama_str token = expect_exact(brama_buf_str(&b));
    brama_buf_deinit(&b);
    return token;
}

static void expect_status(const char *name, brama_str token, enum brama_jwt_status want)
{
    struct brama_arena arena;
    struct brama_jwt jwt;
    brama_str copy = expect_exact(token);
    brama_arena_init(&arena, NULL, ARENA_BYTES);
    brama_jwt_read(&jwt, &arena, copy);
    if (jwt.status != want)
        fail_msg("%s: got %s (%s), want %s", name, brama_jwt_status_name(jwt.status), jwt.detail,
                 brama_jwt_status_name(want));
    EXPECT(name, jwt.detail != NULL);
    brama_arena_deinit(&arena);
    expect_free(copy);
}

/* attacks.md J12 and J11, on the raw text. e30 is {}. */
static void a_token_is_three_parts_of_strict_base64url(void **state)
{
    (void)state;
#define H "eyJhbGciOiJSUzI1NiJ9" /* {"alg":"RS256"} */
    static const struct {
        const char *name;
        brama_str token;
        enum brama_jwt_status want;
    } rows[] = {
        {"three parts", BRAMA_LIT(H ".e30.AA"), BRAMA_JWT_OK},
        {"nothing", BRAMA_LIT(""), BRAMA_JWT_BAD_FORMAT},
        {"one part", BRAMA_LIT(H), BRAMA_JWT_BAD_FORMAT},
        {"two parts", BRAMA_LIT(H ".e30"), BRAMA_JWT_BAD_FORMAT},
        {"four parts", BRAMA_LIT(H ".e30.AA.AA"), BRAMA_JWT_BAD_FORMAT},
        {"five parts, as a JWE", BRAMA_LIT(H ".AA.AA.AA.AA"), BRAMA_JWT_BAD_FORMAT},
        {"dots alone", BRAMA_LIT(".."), BRAMA_JWT_BAD_FORMAT},
        {"a leading dot", BRAMA_LIT("." H ".e30.AA"), BRAMA_JWT_BAD_FORMAT},
        {"a trailing dot", BRAMA_LIT(H ".e30.AA."), BRAMA_JWT_BAD_FORMAT},
        {"a doubled dot", BRAMA_LIT(H "..e30.AA"), BRAMA_JWT_BAD_FORMAT},
        {"no header", BRAMA_LIT(".e30.AA"), BRAMA_JWT_BAD_FORMAT},
        {"no payload", BRAMA_LIT(H "..AA"), BRAMA_JWT_BAD_FORMAT},
        {"no signature", BRAMA_LIT(H ".e30."), BRAMA_JWT_BAD_FORMAT},
        {"padding in the header", BRAMA_LIT(H "=.e30.AA"), BRAMA_JWT_HEADER_BAD_BASE64},
        {"padding in the payload", BRAMA_LIT(H ".e30=.AA"), BRAMA_JWT_PAYLOAD_BAD_BASE64},
        {"padding in the signature", BRAMA_LIT(H ".e30.AA=="), BRAMA_JWT_SIGNATURE_BAD_BASE64},
        {"a second text for the same payload", BRAMA_LIT(H ".e31.AA"),
         BRAMA_JWT_PAYLOAD_BAD_BASE64},
        {"a second text for the same signature", BRAMA_LIT(H ".e30.AB"),
         BRAMA_JWT_SIGNATURE_BAD_BASE64},
        {"a line end", BRAMA_LIT(H ".e30.AA\n"), BRAMA_JWT_SIGNATURE_BAD_BASE64},
        {"a blank", BRAMA_LIT(" " H ".e30.AA"), BRAMA_JWT_HEADER_BAD_BASE64},
    };
#undef H
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        expect_status(rows[i].name, rows[i].token, rows[i].want);
}

/* attacks.md J1, J4, J5, J10, J13, J14, J20, J21. */
static void a_header_says_a_known_alg_and_nothing_dangerous(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str header;
        enum brama_jwt_status want;
    } rows[] = {
        {"alg alone", BRAMA_LIT("{\"alg\":\"RS256\"}"), BRAMA_JWT_OK},
        {"an escape in the name of alg", BRAMA_LIT("{\"\\u0061lg\":\"RS256\"}"), BRAMA_JWT_OK},
        {"HS256 is known by name", BRAMA_LIT("{\"alg\":\"HS256\"}"), BRAMA_JWT_OK},
        {"typ, cty and strangers are ignored",
         BRAMA_LIT("{\"alg\":\"ES256\",\"typ\":7,\"cty\":\"x\",\"my\":[1]}"), BRAMA_JWT_OK},
        {"jku, jwk, x5u and x5c are ignored",
         BRAMA_LIT("{\"alg\":\"RS256\",\"jku\":\"http://e/\",\"jwk\":{},\"x5u\":1,\"x5c\":[]}"),
         BRAMA_JWT_OK},
        {"none", BRAMA_LIT("{\"alg\":\"none\"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"None", BRAMA_LIT("{\"alg\":\"None\"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"NONE", BRAMA_LIT("{\"alg\":\"NONE\"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"nOnE", BRAMA_LIT("{\"alg\":\"nOnE\"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"none and a blank", BRAMA_LIT("{\"alg\":\"none \"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"an escaped none", BRAMA_LIT("{\"alg\":\"\\u006eone\"}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"an empty alg", BRAMA_LIT("{\"alg\":\"\"}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"rs256 in small letters", BRAMA_LIT("{\"alg\":\"rs256\"}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"no alg", BRAMA_LIT("{}"), BRAMA_JWT_HEADER_BAD_ALG},
        {"a null alg", BRAMA_LIT("{\"alg\":null}"), BRAMA_JWT_HEADER_BAD_ALG},
        {"alg 0", BRAMA_LIT("{\"alg\":0}"), BRAMA_JWT_HEADER_BAD_ALG},
        {"a list of algs", BRAMA_LIT("{\"alg\":[\"RS256\"]}"), BRAMA_JWT_HEADER_BAD_ALG},
        {"alg twice", BRAMA_LIT("{\"alg\":\"RS256\",\"alg\":\"RS256\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"alg twice, once escaped", BRAMA_LIT("{\"alg\":\"none\",\"\\u0061lg\":\"RS256\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"a list", BRAMA_LIT("[\"alg\"]"), BRAMA_JWT_HEADER_BAD_JSON},
        {"a byte order mark", BRAMA_LIT("\xef\xbb\xbf{\"alg\":\"RS256\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"something after the object", BRAMA_LIT("{\"alg\":\"RS256\"}x"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"a trailing comma", BRAMA_LIT("{\"alg\":\"RS256\",}"), BRAMA_JWT_HEADER_BAD_JSON},
        {"bytes that aren't UTF-8", BRAMA_LIT("{\"alg\":\"RS256\",\"x\":\"\xc0\xaf\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"a lone surrogate", BRAMA_LIT("{\"alg\":\"RS256\",\"x\":\"\\ud800\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
        {"crit", BRAMA_LIT("{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"an empty crit", BRAMA_LIT("{\"alg\":\"RS256\",\"crit\":[]}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"b64", BRAMA_LIT("{\"alg\":\"RS256\",\"b64\":false}"), BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"zip", BRAMA_LIT("{\"alg\":\"RS256\",\"zip\":\"DEF\"}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"enc", BRAMA_LIT("{\"alg\":\"RS256\",\"enc\":\"A128GCM\"}"),
         BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED},
        {"kid", BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}"), BRAMA_JWT_OK},
        {"kid 1", BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":1}"), BRAMA_JWT_HEADER_BAD_KID},
        {"a null kid", BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":null}"), BRAMA_JWT_HEADER_BAD_KID},
        {"a NUL in kid", BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":\"a\\u0000\"}"),
         BRAMA_JWT_HEADER_BAD_JSON},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token = token_of(rows[i].header, BRAMA_STR("{}"), BRAMA_STR("s"));
        expect_status(rows[i].name, token, rows[i].want);
        expect_free(token);
    }
}

/* attacks.md J16, J17, J21; names in istio-jwt.md 2.12. */
static void claims_have_their_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str payload;
        enum brama_jwt_status want;
    } rows[] = {
        {"no claims", BRAMA_LIT("{}"), BRAMA_JWT_OK},
        {"a list", BRAMA_LIT("[]"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"a text", BRAMA_LIT("\"x\""), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"no JSON", BRAMA_LIT("It\xe2\x80\x99s a dangerous business"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"a claim twice", BRAMA_LIT("{\"a\":1,\"a\":1}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"a nested claim twice", BRAMA_LIT("{\"a\":{\"b\":1,\"b\":2}}"),
         BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"iss and sub", BRAMA_LIT("{\"iss\":\"\",\"sub\":\"s\"}"), BRAMA_JWT_OK},
        {"iss 1", BRAMA_LIT("{\"iss\":1}"), BRAMA_JWT_ISS_NOT_STRING},
        {"a null iss", BRAMA_LIT("{\"iss\":null}"), BRAMA_JWT_ISS_NOT_STRING},
        {"sub true", BRAMA_LIT("{\"sub\":true}"), BRAMA_JWT_SUB_NOT_STRING},
        {"jti 1", BRAMA_LIT("{\"jti\":1}"), BRAMA_JWT_JTI_NOT_STRING},
        {"a NUL in sub", BRAMA_LIT("{\"sub\":\"a\\u0000b\"}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"aud a text", BRAMA_LIT("{\"aud\":\"a\"}"), BRAMA_JWT_OK},
        {"aud a list", BRAMA_LIT("{\"aud\":[\"a\",\"b\"]}"), BRAMA_JWT_OK},
        {"aud an empty list", BRAMA_LIT("{\"aud\":[]}"), BRAMA_JWT_OK},
        {"aud 1", BRAMA_LIT("{\"aud\":1}"), BRAMA_JWT_AUD_NOT_STRING},
        {"aud null", BRAMA_LIT("{\"aud\":null}"), BRAMA_JWT_AUD_NOT_STRING},
        {"aud a map", BRAMA_LIT("{\"aud\":{}}"), BRAMA_JWT_AUD_NOT_STRING},
        {"aud a mixed list", BRAMA_LIT("{\"aud\":[\"a\",1]}"), BRAMA_JWT_AUD_NOT_STRING},
        {"exp a text", BRAMA_LIT("{\"exp\":\"1700000000\"}"), BRAMA_JWT_EXP_NOT_INTEGER},
        {"exp true", BRAMA_LIT("{\"exp\":true}"), BRAMA_JWT_EXP_NOT_INTEGER},
        {"exp null isn't absent", BRAMA_LIT("{\"exp\":null}"), BRAMA_JWT_EXP_NOT_INTEGER},
        {"exp a list", BRAMA_LIT("{\"exp\":[]}"), BRAMA_JWT_EXP_NOT_INTEGER},
        {"exp the last second of 9999", BRAMA_LIT("{\"exp\":253402300799}"), BRAMA_JWT_OK},
        {"exp one second later", BRAMA_LIT("{\"exp\":253402300800}"), BRAMA_JWT_EXP_OUT_OF_RANGE},
        {"exp half a second later", BRAMA_LIT("{\"exp\":253402300799.5}"),
         BRAMA_JWT_EXP_OUT_OF_RANGE},
        {"exp 1e300", BRAMA_LIT("{\"exp\":1e300}"), BRAMA_JWT_EXP_OUT_OF_RANGE},
        {"exp -1", BRAMA_LIT("{\"exp\":-1}"), BRAMA_JWT_EXP_OUT_OF_RANGE},
        {"exp -0.5", BRAMA_LIT("{\"exp\":-0.5}"), BRAMA_JWT_EXP_OUT_OF_RANGE},
        {"exp beyond a double", BRAMA_LIT("{\"exp\":1e999999999}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"exp with a leading zero", BRAMA_LIT("{\"exp\":01}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"exp with a plus", BRAMA_LIT("{\"exp\":+1}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"exp 1.", BRAMA_LIT("{\"exp\":1.}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"exp NaN", BRAMA_LIT("{\"exp\":NaN}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"nbf a text", BRAMA_LIT("{\"nbf\":\"1\"}"), BRAMA_JWT_NBF_NOT_INTEGER},
        {"nbf -1", BRAMA_LIT("{\"nbf\":-1}"), BRAMA_JWT_NBF_OUT_OF_RANGE},
        {"iat a text", BRAMA_LIT("{\"iat\":\"1\"}"), BRAMA_JWT_IAT_NOT_INTEGER},
        {"iat 1e300", BRAMA_LIT("{\"iat\":1e300}"), BRAMA_JWT_IAT_OUT_OF_RANGE},
        {"the first fault in Envoy's order: iss before exp", BRAMA_LIT("{\"exp\":\"\",\"iss\":1}"),
         BRAMA_JWT_ISS_NOT_STRING},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token =
            token_of(BRAMA_STR("{\"alg\":\"RS256\"}"), rows[i].payload, BRAMA_STR("s"));
        expect_status(rows[i].name, token, rows[i].want);
        expect_free(token);
    }
}

static void dates_round_so_that_nothing_is_gained(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str payload;
        int64_t now, skew;
        enum brama_jwt_status want;
    } rows[] = {
        {"no dates", BRAMA_LIT("{}"), 1000, 0, BRAMA_JWT_OK},
        {"in the second of exp", BRAMA_LIT("{\"exp\":1000}"), 1000, 0, BRAMA_JWT_OK},
        {"a second after exp", BRAMA_LIT("{\"exp\":1000}"), 1001, 0, BRAMA_JWT_EXPIRED},
        {"in the last second of the skew", BRAMA_LIT("{\"exp\":1000}"), 1060, 60, BRAMA_JWT_OK},
        {"after the skew", BRAMA_LIT("{\"exp\":1000}"), 1061, 60, BRAMA_JWT_EXPIRED},
        {"a fraction of exp counts for nothing", BRAMA_LIT("{\"exp\":1000.9}"), 1001, 0,
         BRAMA_JWT_EXPIRED},
        {"exp in exponents", BRAMA_LIT("{\"exp\":1e3}"), 1000, 0, BRAMA_JWT_OK},
        {"exp 0 isn't never", BRAMA_LIT("{\"exp\":0}"), 1000, 60, BRAMA_JWT_EXPIRED},
        {"exp -0 isn't never", BRAMA_LIT("{\"exp\":-0.0}"), 1000, 60, BRAMA_JWT_EXPIRED},
        {"in the second of nbf", BRAMA_LIT("{\"nbf\":1000}"), 1000, 0, BRAMA_JWT_OK},
        {"a second before nbf", BRAMA_LIT("{\"nbf\":1000}"), 999, 0, BRAMA_JWT_NOT_YET_VALID},
        {"in the first second of the skew", BRAMA_LIT("{\"nbf\":1000}"), 940, 60, BRAMA_JWT_OK},
        {"before the skew", BRAMA_LIT("{\"nbf\":1000}"), 939, 60, BRAMA_JWT_NOT_YET_VALID},
        {"a fraction of nbf is a second", BRAMA_LIT("{\"nbf\":1000.1}"), 1000, 0,
         BRAMA_JWT_NOT_YET_VALID},
        {"nbf before exp", BRAMA_LIT("{\"nbf\":2000,\"exp\":1}"), 1000, 0, BRAMA_JWT_NOT_YET_VALID},
        {"iat isn't looked at", BRAMA_LIT("{\"iat\":2000}"), 1000, 0, BRAMA_JWT_OK},
        {"a skew that overflows", BRAMA_LIT("{\"exp\":1000}"), INT64_MAX, INT64_MAX, BRAMA_JWT_OK},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_jwt jwt;
        brama_arena_init(&arena, NULL, ARENA_BYTES);
        brama_str token =
            token_of(BRAMA_STR("{\"alg\":\"RS256\"}"), rows[i].payload, BRAMA_STR("s"));
        brama_jwt_read(&jwt, &arena, token);
        EXPECT(rows[i].name, jwt.status == BRAMA_JWT_OK);
        EXPECT(rows[i].name,
               brama_claims_check_time(&jwt.claims, rows[i].now, rows[i].skew) == rows[i].want);
        brama_arena_deinit(&arena);
        expect_free(token);
    }
}

/* attacks.md J15: at each ceiling, and one beyond. */
static void a_token_has_its_ceilings(void **state)
{
    (void)state;
    enum { HEADER, PAYLOAD };
    static const struct {
        const char *name;
        int part;
        brama_str head, unit;
        size_t count;
        brama_str tail;
        enum brama_jwt_status want;
    } rows[] = {
        {"a kid of 256 bytes", HEADER, BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":\""), BRAMA_LIT("k"),
         256, BRAMA_LIT("\"}"), BRAMA_JWT_OK},
        {"a kid of 257 bytes", HEADER, BRAMA_LIT("{\"alg\":\"RS256\",\"kid\":\""), BRAMA_LIT("k"),
         257, BRAMA_LIT("\"}"), BRAMA_JWT_HEADER_BAD_KID},
        {"a header part of 2048 bytes", HEADER, BRAMA_LIT("{\"alg\":\"RS256\",\"x\":\""),
         BRAMA_LIT("x"), 1536 - 22, BRAMA_LIT("\"}"), BRAMA_JWT_OK},
        {"a header part of 2050 bytes", HEADER, BRAMA_LIT("{\"alg\":\"RS256\",\"x\":\""),
         BRAMA_LIT("x"), 1537 - 22, BRAMA_LIT("\"}"), BRAMA_JWT_BAD_FORMAT},
        {"64 audiences", PAYLOAD, BRAMA_LIT("{\"aud\":[\"a\""), BRAMA_LIT(",\"a\""), 63,
         BRAMA_LIT("]}"), BRAMA_JWT_OK},
        {"65 audiences", PAYLOAD, BRAMA_LIT("{\"aud\":[\"a\""), BRAMA_LIT(",\"a\""), 64,
         BRAMA_LIT("]}"), BRAMA_JWT_AUD_NOT_STRING},
        {"a claim of 4096 bytes", PAYLOAD, BRAMA_LIT("{\"x\":\""), BRAMA_LIT("x"), 4096,
         BRAMA_LIT("\"}"), BRAMA_JWT_OK},
        {"a claim of 4097 bytes", PAYLOAD, BRAMA_LIT("{\"x\":\""), BRAMA_LIT("x"), 4097,
         BRAMA_LIT("\"}"), BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"500 members", PAYLOAD, BRAMA_LIT("{\"x\":[0"), BRAMA_LIT(",0"), 500, BRAMA_LIT("]}"),
         BRAMA_JWT_PAYLOAD_BAD_JSON},
        {"a token over 8192 bytes", PAYLOAD, BRAMA_LIT("{\"x\":1"), BRAMA_LIT(" "), 7000,
         BRAMA_LIT("}"), BRAMA_JWT_BAD_FORMAT},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_buf json;
        brama_buf_init(&json, NULL, 1 << 16);
        brama_buf_add(&json, rows[i].head);
        for (size_t k = 0; k < rows[i].count; k++)
            brama_buf_add(&json, rows[i].unit);
        brama_buf_add(&json, rows[i].tail);
        brama_str text = brama_buf_str(&json), alg = BRAMA_STR("{\"alg\":\"RS256\"}");
        brama_str token = token_of(rows[i].part == HEADER ? text : alg,
                                   rows[i].part == HEADER ? BRAMA_STR("{}") : text, BRAMA_STR("s"));
        expect_status(rows[i].name, token, rows[i].want);
        brama_buf_deinit(&json);
        expect_free(token);
    }
}

static void what_was_read_is_what_was_sent(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_jwt jwt;
    brama_arena_init(&arena, NULL, ARENA_BYTES);
    brama_str token = token_of(
        BRAMA_STR("{\"alg\":\"PS384\",\"kid\":\"k\\u0031\",\"jku\":\"https://e/\"}"),
        BRAMA_STR("{\"iss\":\"i\",\"sub\":\"s\",\"aud\":[\"a\",\"b\"],\"exp\":9,\"nbf\":1.2,"
                  "\"iat\":3}"),
        BRAMA_STR("\x01\x00\xff"));
    brama_jwt_read(&jwt, &arena, token);
    EXPECT("read", jwt.status == BRAMA_JWT_OK && jwt.alg == BRAMA_ALG_PS384 && jwt.has_kid);
    EXPECT_STR("kid, unescaped", jwt.kid, BRAMA_STR("k1"));
    EXPECT_STR("alg", jwt.alg_name, BRAMA_STR("PS384"));
    EXPECT_STR("jku", jwt.jku, BRAMA_STR("https://e/"));
    EXPECT_STR("iss", jwt.claims.iss, BRAMA_STR("i"));
    EXPECT_STR("sub", jwt.claims.sub, BRAMA_STR("s"));
    EXPECT("aud", jwt.claims.has_aud && jwt.claims.aud_count == 2);
    EXPECT_STR("the second audience", jwt.claims.aud[1], BRAMA_STR("b"));
    EXPECT("dates", jwt.claims.exp.s == 9 && jwt.claims.nbf.s == 2 && jwt.claims.iat.s == 3);
    EXPECT_STR("signature", jwt.signature, BRAMA_STR("\x01\x00\xff"));
    EXPECT("the parts are the token's own bytes",
           jwt.signing_input.p == token.p && jwt.signing_input.n == token.n - 5 &&
               jwt.payload_b64.p > token.p && jwt.token.p == token.p);
    brama_arena_deinit(&arena);
    expect_free(token);
}

static void lists_of_a_claim_split_where_asked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str payload;
        bool split, ok;
        size_t count;
        brama_str first, last;
    } rows[] = {
        {"a text is one value", BRAMA_LIT("{\"scope\":\"a b\"}"), false, true, 1, BRAMA_LIT("a b"),
         BRAMA_LIT("a b")},
        {"a text is split", BRAMA_LIT("{\"scope\":\"a b\"}"), true, true, 2, BRAMA_LIT("a"),
         BRAMA_LIT("b")},
        {"blanks around make no values", BRAMA_LIT("{\"scope\":\" a  b \"}"), true, true, 2,
         BRAMA_LIT("a"), BRAMA_LIT("b")},
        {"a tab splits nothing", BRAMA_LIT("{\"scope\":\"a\\tb\"}"), true, true, 1,
         BRAMA_LIT("a\tb"), BRAMA_LIT("a\tb")},
        {"blanks alone stay a text", BRAMA_LIT("{\"scope\":\"  \"}"), true, true, 1,
         BRAMA_LIT("  "), BRAMA_LIT("  ")},
        {"a list is left alone", BRAMA_LIT("{\"scope\":[\"a b\",\"c\"]}"), true, true, 2,
         BRAMA_LIT("a b"), BRAMA_LIT("c")},
        {"an empty list has none",
         BRAMA_LIT("{\"scope\":[]}"),
         true,
         true,
         0,
         {NULL, 0},
         {NULL, 0}},
        {"a number is no list", BRAMA_LIT("{\"scope\":1}"), true, false, 0, {NULL, 0}, {NULL, 0}},
        {"a mixed list is none",
         BRAMA_LIT("{\"scope\":[\"a\",1]}"),
         false,
         false,
         0,
         {NULL, 0},
         {NULL, 0}},
        {"no claim", BRAMA_LIT("{\"scp\":\"a\"}"), true, false, 0, {NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_jwt jwt;
        const brama_str *texts;
        size_t count;
        brama_arena_init(&arena, NULL, ARENA_BYTES);
        brama_str token =
            token_of(BRAMA_STR("{\"alg\":\"RS256\"}"), rows[i].payload, BRAMA_STR("s"));
        brama_jwt_read(&jwt, &arena, token);
        EXPECT(rows[i].name, brama_claims_list(&texts, &count, &arena, &jwt.claims,
                                               BRAMA_STR("scope"), rows[i].split) == rows[i].ok);
        EXPECT(rows[i].name, count == rows[i].count);
        if (count != 0) {
            EXPECT_STR(rows[i].name, texts[0], rows[i].first);
            EXPECT_STR(rows[i].name, texts[count - 1], rows[i].last);
        }
        brama_arena_deinit(&arena);
        expect_free(token);
    }
}

static void no_memory_is_a_refusal(void **state)
{
    (void)state;
    brama_str token =
        token_of(BRAMA_STR("{\"alg\":\"RS256\",\"kid\":\"k\"}"),
                 BRAMA_STR("{\"iss\":\"i\",\"aud\":[\"a\",\"b\"],\"exp\":9}"), BRAMA_STR("sig"));
    bool ended_well = false;
    for (size_t max = 0; max < 8192 && !ended_well; max += 16) {
        struct brama_arena arena;
        struct brama_jwt jwt;
        brama_arena_init(&arena, NULL, max);
        brama_jwt_read(&jwt, &arena, token);
        ended_well = jwt.status == BRAMA_JWT_OK;
        EXPECT("refused as a bad format", ended_well || jwt.status == BRAMA_JWT_BAD_FORMAT);
        EXPECT("and said why", ended_well || jwt.detail[0] != '\0');
        brama_arena_deinit(&arena);
    }
    EXPECT("enough memory in the end", ended_well);
    expect_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_three_parts_of_strict_base64url),
        cmocka_unit_test(a_header_says_a_known_alg_and_nothing_dangerous),
        cmocka_unit_test(claims_have_their_types),
        cmocka_unit_test(dates_round_so_that_nothing_is_gained),
        cmocka_unit_test(a_token_has_its_ceilings),
        cmocka_unit_test(what_was_read_is_what_was_sent),
        cmocka_unit_test(lists_of_a_claim_split_where_asked),
        cmocka_unit_test(no_memory_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
