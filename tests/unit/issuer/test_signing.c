/* Key sets to sign with, and the tokens of id_token. */
#include "expect.h"

#include "crypto/digest.h"
#include "issuer/id_token.h"
#include "issuer/mint.h"
#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwt.h"
#include "json/read.h"
#include "json/write.h"

#define NOW_MS INT64_C(1700000000000)

/* RFC 8037 appendix A.1 and A.2. */
#define ED_PUBLIC                                                                                  \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED_D "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""
/* RFC 7515 appendix A.3. */
#define EC_PUBLIC                                                                                  \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC_D "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
#define SET(keys) BRAMA_LIT("{\"keys\":[" keys "]}")
#define PRIVATE_ED "{" ED_PUBLIC "," ED_D ",\"kid\":\"ed\"}"
#define PUBLIC_ED "{" ED_PUBLIC ",\"kid\":\"ed-shown\"}"
#define PRIVATE_EC "{" EC_PUBLIC "," EC_D ",\"kid\":\"ec\",\"alg\":\"ES256\"}"
#define PUBLIC_EC "{" EC_PUBLIC ",\"kid\":\"ec-shown\"}"
#define SYMMETRIC                                                                                  \
    "{\"kty\":\"oct\",\"kid\":\"hs\",\"alg\":\"HS256\",\"k\":"                                     \
    "\"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\"}"

static struct brama_signing_set *load(brama_str text)
{
    struct brama_signing_set *set;
    struct brama_diag diag = {0};
    brama_str exact = expect_exact(text);

    if (brama_signing_set_load(&set, exact, &diag) != BRAMA_OK)
        fail_msg("no set: %s", diag.what);
    expect_free(exact);
    return set;
}

/* oathkeeper.md 3.3, step 4. */
static void the_last_private_key_before_a_public_one_signs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str set, kid;
        enum brama_alg alg;
    } rows[] = {
        {"one private key, by its own kid", SET(PRIVATE_EC), BRAMA_LIT("ec"), BRAMA_ALG_ES256},
        {"without alg by its type's", SET(PRIVATE_ED), BRAMA_LIT("ed"), BRAMA_ALG_EDDSA},
        {"without kid by its thumbprint (RFC 8037 appendix A.3)", SET("{" ED_PUBLIC "," ED_D "}"),
         BRAMA_LIT("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), BRAMA_ALG_EDDSA},
        {"the last of two", SET(PRIVATE_ED "," PRIVATE_EC), BRAMA_LIT("ec"), BRAMA_ALG_ES256},
        {"the one before the first public one, by that one's kid",
         SET(PRIVATE_ED "," PUBLIC_ED "," PRIVATE_EC), BRAMA_LIT("ed-shown"), BRAMA_ALG_EDDSA},
        {"a public one that stands in front", SET(PUBLIC_EC "," PRIVATE_EC "," PRIVATE_ED),
         BRAMA_LIT("ec-shown"), BRAMA_ALG_ES256},
        {"another key's kid isn't taken", SET(PUBLIC_ED "," PRIVATE_EC), BRAMA_LIT("ec"),
         BRAMA_ALG_ES256},
        {"a shared secret signs nothing", SET(PRIVATE_EC "," SYMMETRIC), BRAMA_LIT("ec"),
         BRAMA_ALG_ES256},
        {"key_ops of a key that signs",
         SET("{" EC_PUBLIC "," EC_D ",\"kid\":\"ops\",\"key_ops\":[\"sign\"]}"), BRAMA_LIT("ops"),
         BRAMA_ALG_ES256},
        {"nobody", SET(PUBLIC_EC), BRAMA_LIT(""), BRAMA_ALG_INVALID},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_signing_set *set = load(rows[i].set);
        EXPECT(rows[i].name, (set->signer == NULL) == (rows[i].alg == BRAMA_ALG_INVALID));
        if (set->signer != NULL) {
            EXPECT_STR(rows[i].name, set->signer->kid, rows[i].kid);
            EXPECT(rows[i].name, set->signer->alg == rows[i].alg);
        }
        brama_signing_set_free(set);
    }
}

static void a_set_that_nobody_can_use_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
    } rows[] = {
        {"no JSON", BRAMA_LIT("{\"keys\": ["), BRAMA_ERR_SYNTAX},
        {"no list", BRAMA_LIT("{\"keys\": {}}"), BRAMA_ERR_SYNTAX},
        {"empty", SET(""), BRAMA_ERR_INVALID},
        {"a shared secret alone", SET(SYMMETRIC), BRAMA_ERR_INVALID},
        {"another key's private half",
         SET("{" EC_PUBLIC ",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"),
         BRAMA_ERR_INVALID},
        {"another Ed25519 key's",
         SET("{" ED_PUBLIC ",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"),
         BRAMA_ERR_INVALID},
        {"a private half that is cut", SET("{" EC_PUBLIC ",\"d\":\"jpsQ\"}"), BRAMA_ERR_INVALID},
        {"not base64url", SET("{" EC_PUBLIC ",\"d\":\"!\"}"), BRAMA_ERR_INVALID},
        {"d is no text", SET("{" EC_PUBLIC ",\"d\":5}"), BRAMA_ERR_INVALID},
        {"for something else", SET("{" EC_PUBLIC "," EC_D ",\"use\":\"enc\"}"), BRAMA_ERR_INVALID},
        {"key_ops without sign", SET("{" EC_PUBLIC "," EC_D ",\"key_ops\":[\"deriveKey\"]}"),
         BRAMA_ERR_INVALID},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_signing_set *set;
        struct brama_diag diag = {0};
        brama_str exact = expect_exact(rows[i].text);
        EXPECT(rows[i].name, brama_signing_set_load(&set, exact, &diag) == rows[i].err);
        EXPECT(rows[i].name, set == NULL && diag.what[0] != '\0');
        expect_free(exact);
    }
}

/* RFC 7517 section 9.3: what is private stays so. */
static void the_public_halves_are_each_there_once_and_nothing_else(void **state)
{
    (void)state;
    static const brama_str secret[] = {
        BRAMA_LIT("\"d\""),  BRAMA_LIT("\"p\""),  BRAMA_LIT("\"q\""), BRAMA_LIT("\"dp\""),
        BRAMA_LIT("\"dq\""), BRAMA_LIT("\"qi\""), BRAMA_LIT("\"k\"")};
    struct brama_pkey *rsa;
    struct brama_signing_set *sets[3];
    struct brama_buf text;
    struct brama_jwks *shown;
    struct brama_diag diag = {0};

    assert_int_equal(brama_pkey_generate(&rsa, BRAMA_ALG_RS256, 0, NULL), BRAMA_OK);
    assert_int_equal(brama_signing_set_of(&sets[0], rsa), BRAMA_OK);
    sets[1] = load((brama_str)SET(PRIVATE_EC "," PUBLIC_ED "," SYMMETRIC));
    sets[2] = load((brama_str)SET(PRIVATE_EC));
    brama_buf_init(&text, NULL, 65536);
    assert_int_equal(brama_signing_sets_public(&text, sets, 3), BRAMA_OK);
    if (brama_jwks_load(&shown, brama_buf_str(&text), &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    assert_int_equal(shown->count, 3);
    assert_int_equal(shown->reject_count, 0);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(secret); i++)
        EXPECT(secret[i].p, brama_str_find_str(brama_buf_str(&text), secret[i]) == text.n);
    EXPECT_STR("the own key's kid", shown->keys[0].kid, sets[0]->signer->kid);
    brama_jwks_free(shown);
    brama_buf_deinit(&text);
    for (size_t i = 0; i < 3; i++)
        brama_signing_set_free(sets[i]);
}

#define ASK(members) BRAMA_LIT("{" members "}")
#define WHOLE "\"issuer\":\"https://me\",\"jwks_url\":\"\",\"ttl_ms\":60000,\"subject\":\"alice\""

static void an_ask_is_whole_and_nothing_more(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool good;
    } rows[] = {
        {"without claims", ASK(WHOLE), true},
        {"with claims", ASK(WHOLE ",\"claims\":{\"a\":1}"), true},
        {"claims that are a list", ASK(WHOLE ",\"claims\":[]"), false},
        {"one member more", ASK(WHOLE ",\"kid\":\"mine\""), false},
        {"no subject", ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":1"), false},
        {"no issuer", ASK("\"jwks_url\":\"\",\"ttl_ms\":1,\"subject\":\"\""), false},
        {"a time that is a text",
         ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":\"1\",\"subject\":\"\""), false},
        {"a time before it begins",
         ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":-1,\"subject\":\"\""), false},
        {"nothing", BRAMA_LIT(""), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_id_token_ask ask;
        struct brama_arena arena;
        struct brama_diag diag = {0};
        brama_str exact = expect_exact(rows[i].text);
        brama_arena_init(&arena, NULL, 1 << 20);
        EXPECT(rows[i].name,
               (brama_id_token_ask_read(&ask, &arena, exact, &diag) == BRAMA_OK) == rows[i].good);
        brama_arena_deinit(&arena);
        expect_free(exact);
    }
}

/* Whoever took a worker over can ask for what the rules name, and for nothing else. */
static void only_what_a_rule_names_is_signed(void **state)
{
    (void)state;
    static const brama_str text =
        BRAMA_LIT("{\"tokens\":[{\"issuer\":\"https://a\",\"jwks_url\":\"\",\"ttl_ms\":60000},"
                  "{\"issuer\":\"https://b\",\"jwks_url\":\"file:///k\",\"ttl_ms\":1000},"
                  "{\"issuer\":\"https://c\",\"jwks_url\":\"file:///k\",\"ttl_ms\":1000}]}");
    static const struct {
        const char *name;
        struct brama_id_token_ask ask;
        bool named;
    } rows[] = {
        {"the first", {.issuer = BRAMA_LIT("https://a"), .ttl_ms = 60000}, true},
        {"the second",
         {.issuer = BRAMA_LIT("https://b"), .jwks_url = BRAMA_LIT("file:///k"), .ttl_ms = 1000},
         true},
        {"its issuer by the other's key",
         {.issuer = BRAMA_LIT("https://b"), .ttl_ms = 1000},
         false},
        {"for longer", {.issuer = BRAMA_LIT("https://a"), .ttl_ms = 60001}, false},
        {"another issuer", {.issuer = BRAMA_LIT("https://d"), .ttl_ms = 60000}, false},
    };
    struct brama_id_rules *rules;
    struct brama_diag diag = {0};
    brama_str url;

    assert_int_equal(brama_id_rules_load(&rules, text, &diag), BRAMA_OK);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name, brama_id_rules_name(rules, &rows[i].ask) == rows[i].named);
    EXPECT("no rules, nothing", !brama_id_rules_name(NULL, &rows[0].ask));
    EXPECT("own", brama_id_rules_keys(rules, 0, &url) && url.n == 0);
    EXPECT("each once", brama_id_rules_keys(rules, 1, &url));
    EXPECT_STR("each once", url, BRAMA_STR("file:///k"));
    EXPECT("no more", !brama_id_rules_keys(rules, 2, &url));
    brama_id_rules_free(rules);
    static const brama_str broken[] = {BRAMA_LIT("{}"), BRAMA_LIT("{\"tokens\":[{}]}"),
                                       BRAMA_LIT("{\"tokens\":[")};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(broken); i++)
        EXPECT(broken[i].p, brama_id_rules_load(&rules, broken[i], &diag) != BRAMA_OK);
}

/* One scene: tokens of one key, asked for in words. */
struct scene {
    struct brama_arena arena;
    struct brama_signing_set *set, *other;
    struct brama_id_tokens *tokens;
};

static void open_scene(struct scene *s)
{
    brama_arena_init(&s->arena, NULL, 1 << 22);
    s->set = load((brama_str)SET(PRIVATE_EC));
    s->other = load((brama_str)SET(PRIVATE_ED));
    s->tokens = brama_id_tokens_new(64);
    assert_non_null(s->tokens);
}

static void close_scene(struct scene *s)
{
    brama_id_tokens_free(s->tokens);
    brama_signing_set_free(s->set);
    brama_signing_set_free(s->other);
    brama_arena_deinit(&s->arena);
}

static brama_str get(struct scene *s, const struct brama_signing_set *set, brama_str ask_text,
                     int64_t now_ms)
{
    struct brama_id_token_ask ask;
    struct brama_diag diag = {0};
    struct brama_id_token_wish wish = {.ask = &ask, .signer = set->signer, .now_ms = now_ms};
    brama_str token = BRAMA_NIL;
    int64_t fresh;

    assert_int_equal(brama_random(wish.jti, sizeof(wish.jti)), BRAMA_OK);
    if (brama_id_token_ask_read(&ask, &s->arena, ask_text, &diag) != BRAMA_OK ||
        brama_id_tokens_get(s->tokens, &token, &fresh, &wish, &diag) != BRAMA_OK)
        fail_msg("no token: %s", diag.what);
    return brama_arena_copy(&s->arena, token);
}

static const struct brama_node *claims_of(struct scene *s, brama_str token)
{
    struct brama_jwt jwt;
    struct brama_verified verified;
    struct brama_node *root;
    brama_str rest = token, part;

    brama_jwt_read(&jwt, &s->arena, token);
    assert_int_equal(jwt.status, BRAMA_JWT_OK);
    brama_pkey_verify(&verified, s->set->signer->key, jwt.alg, jwt.signing_input, jwt.signature);
    assert_true(verified.valid);
    assert_true(brama_str_next(&rest, '.', &part) && brama_str_next(&rest, '.', &part));
    assert_int_equal(brama_b64url_decode(&part, &s->arena, part), BRAMA_OK);
    assert_int_equal(brama_json_parse(&root, &s->arena, part, &brama_json_limits_token, NULL),
                     BRAMA_OK);
    return root;
}

static void ours_stand_over_the_templates_claims(void **state)
{
    (void)state;
    struct scene s;

    open_scene(&s);
    brama_str token =
        get(&s, s.set,
            (brama_str)ASK(WHOLE ",\"claims\":{\"iss\":\"x\",\"sub\":\"root\",\"exp\":1,\"iat\":2,"
                                 "\"nbf\":3,\"jti\":\"mine\",\"aud\":[\"foo\",\"bar\"]}"),
            NOW_MS);
    const struct brama_node *c = claims_of(&s, token);
    EXPECT_STR("iss", brama_node_get_str(c, BRAMA_STR("iss")), BRAMA_STR("https://me"));
    EXPECT_STR("sub", brama_node_get_str(c, BRAMA_STR("sub")), BRAMA_STR("alice"));
    EXPECT("jti", brama_node_get_str(c, BRAMA_STR("jti")).n == 36);
    EXPECT("iat", brama_node_get(c, BRAMA_STR("iat"))->integer == NOW_MS / 1000);
    EXPECT("nbf", brama_node_get(c, BRAMA_STR("nbf"))->integer == NOW_MS / 1000);
    EXPECT("exp", brama_node_get(c, BRAMA_STR("exp"))->integer == NOW_MS / 1000 + 60);
    EXPECT("aud", brama_node_get(c, BRAMA_STR("aud"))->count == 2);
    EXPECT("nothing else", c->count == 7);
    close_scene(&s);
}

/* oathkeeper.md 7.8: the same session twice. */
static void a_token_is_used_again_for_nine_tenths_of_its_time_by_the_same_ask_alone(void **state)
{
    (void)state;
    static const brama_str first = ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":100,"
                                       "\"subject\":\"foo\",\"claims\":{\"a\":1}");
    static const struct {
        const char *name;
        brama_str ask;
    } others[] = {
        {"another subject", ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":100,\"subject\":"
                                "\"bar\",\"claims\":{\"a\":1}")},
        {"other claims", ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":100,\"subject\":"
                             "\"foo\",\"claims\":{\"a\":2}")},
        {"no claims", ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":100,\"subject\":\"foo\"")},
        {"another issuer", ASK("\"issuer\":\"j\",\"jwks_url\":\"\",\"ttl_ms\":100,\"subject\":"
                               "\"foo\",\"claims\":{\"a\":1}")},
        {"another key set's URL",
         ASK("\"issuer\":\"i\",\"jwks_url\":\"file:///"
             "k\",\"ttl_ms\":100,\"subject\":\"foo\",\"claims\":{\"a\":1}")},
        {"another time to live", ASK("\"issuer\":\"i\",\"jwks_url\":\"\",\"ttl_ms\":101,"
                                     "\"subject\":\"foo\",\"claims\":{\"a\":1}")},
    };
    struct scene s;

    open_scene(&s);
    brama_str token = get(&s, s.set, first, NOW_MS);
    EXPECT_STR("after 10 ms", get(&s, s.set, first, NOW_MS + 10), token);
    EXPECT_STR("a tenth is left", get(&s, s.set, first, NOW_MS + 90), token);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(others); i++)
        EXPECT(others[i].name, !brama_str_eq(get(&s, s.set, others[i].ask, NOW_MS + 10), token));
    EXPECT("another key", !brama_str_eq(get(&s, s.other, first, NOW_MS + 10), token));
    EXPECT_STR("none of them took its place", get(&s, s.set, first, NOW_MS + 20), token);
    EXPECT("less than a tenth is left", !brama_str_eq(get(&s, s.set, first, NOW_MS + 91), token));
    brama_str second = get(&s, s.set, first, NOW_MS + 150);
    EXPECT("after 150 ms", !brama_str_eq(second, token));
    EXPECT("a clock that went back", !brama_str_eq(get(&s, s.set, first, NOW_MS), second));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_private_key_before_a_public_one_signs),
        cmocka_unit_test(a_set_that_nobody_can_use_is_none),
        cmocka_unit_test(the_public_halves_are_each_there_once_and_nothing_else),
        cmocka_unit_test(an_ask_is_whole_and_nothing_more),
        cmocka_unit_test(only_what_a_rule_names_is_signed),
        cmocka_unit_test(ours_stand_over_the_templates_claims),
        cmocka_unit_test(a_token_is_used_again_for_nine_tenths_of_its_time_by_the_same_ask_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
