/* What a deliberate breakage (tests/sabotage) showed nobody to be looking at: pinned keys, what is
 * remembered of a token, readings without policies behind them, rows behind the end of a table, and
 * two forms that want one host. */
#include "fixture.h"

#include "jose/alg.h"
#include "policy/inner.h"
#include "rule/judge.h"

#define URL "https://idp.example/keys"
#define HOST "orders.kyma.example"
#define PAYLOAD "{\"iss\":\"i\",\"sub\":\"me\",\"exp\":1800000600}"

static const char jwt_rule[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
    "  service: {name: orders, port: 80}\n  rules:\n  - path: /{**}\n    methods: [GET]\n"
    "    jwt: {authentications: [{issuer: i, jwksUri: \"" URL "\"}]}\n"
    "    request: {headers: {X-Method: '%REQ(:method)%'}}\n";

static void serve(struct fixture *f, const struct brama_pkey *key, enum brama_alg alg)
{
    brama_str jwk = fixture_jwk(f, key, alg, "k1");
    brama_str json = brama_arena_printf(&f->arena, "{\"keys\":[%.*s]}", BRAMA_FMT(jwk));
    fixture_facts(f, &(struct fixture_set){URL, json.p}, 1);
}

static brama_str token_by(struct fixture *f, enum brama_alg alg)
{
    brama_str header =
        brama_arena_printf(&f->arena, "{\"alg\":\"%s\",\"kid\":\"k1\"}", brama_alg_name(alg));
    return fixture_token_by(f, f->key, alg, header.p, PAYLOAD);
}

static void a_pinned_key_serves_its_alg_only(void **state)
{
    (void)state;
    static const enum brama_alg algs[] = {BRAMA_ALG_RS256, BRAMA_ALG_RS384, BRAMA_ALG_RS512,
                                          BRAMA_ALG_PS256, BRAMA_ALG_PS384, BRAMA_ALG_PS512};
    struct fixture f;
    fixture_init(&f, jwt_rule);
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(algs); k++) {
        serve(&f, f.key, algs[k]);
        for (size_t t = 0; t < BRAMA_ARRAY_LEN(algs); t++) {
            brama_str token = token_by(&f, algs[t]);
            const struct brama_decision *d = fixture_ask_with(&f, "GET", HOST, "/", token);
            EXPECT(brama_alg_name(algs[t]), (d->verdict == BRAMA_VERDICT_ALLOW) == (k == t));
        }
    }
    fixture_deinit(&f);
}

static void a_remembered_token_falls_with_its_key(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, jwt_rule);
    serve(&f, f.key, BRAMA_ALG_RS256);
    brama_str token = token_by(&f, BRAMA_ALG_RS256);
    EXPECT("its own key",
           fixture_ask_with(&f, "GET", HOST, "/", token)->verdict == BRAMA_VERDICT_ALLOW);
    serve(&f, f.stranger, BRAMA_ALG_RS256); /* the same kid, another key */
    const struct brama_decision *d = fixture_ask_with(&f, "GET", HOST, "/", token);
    EXPECT("replaced",
           d->verdict == BRAMA_VERDICT_DENY && d->reason == BRAMA_REASON_SIGNATURE_INVALID);
    serve(&f, f.key, BRAMA_ALG_RS256);
    EXPECT("and back",
           fixture_ask_with(&f, "GET", HOST, "/", token)->verdict == BRAMA_VERDICT_ALLOW);
    fixture_deinit(&f);
}

static void a_token_is_remembered_under_its_alg(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum brama_alg alg;
        enum brama_verdict want;
    } rows[] = {
        {"noted for its own alg", BRAMA_ALG_RS256, BRAMA_VERDICT_ALLOW},
        {"noted for a sibling", BRAMA_ALG_RS512, BRAMA_VERDICT_DENY},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_init(&f, jwt_rule);
        serve(&f, f.key, BRAMA_ALG_RS256);
        brama_str token = token_by(&f, BRAMA_ALG_RS256);
        const struct brama_f_key *key =
            BRAMA_ROW(&f.facts.pack, BRAMA_F_KEY, 0, struct brama_f_key);
        assert_non_null(key);
        brama__memory_keep(f.memory, token, rows[i].alg, key->thumbprint);
        EXPECT(rows[i].name,
               fixture_ask_with(&f, "GET", HOST, "/", token)->verdict == rows[i].want);
        fixture_deinit(&f);
    }
}

/* A direct route of v1beta1 has no policy behind it that could say no to a reading. */
static void a_reading_of_another_rule_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *target;
        enum brama_reason want;
    } rows[] = {
        {"public", "/else", BRAMA_REASON_ALLOWED},
        {"public, with a parameter", "/else;x", BRAMA_REASON_ALLOWED},
        {"protected", "/secret", BRAMA_REASON_TOKEN_MISSING},
        {"protected once the parameter is cut", "/secret;x", BRAMA_REASON_AMBIGUOUS_PATH},
        {"protected once slashes are merged", "//secret", BRAMA_REASON_AMBIGUOUS_PATH},
    };
    struct fixture f;
    fixture_init(&f,
                 "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\n"
                 "metadata: {name: orders}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
                 "  host: orders\n  service: {name: orders, port: 80}\n  rules:\n"
                 "  - path: /secret\n    methods: [GET]\n    accessStrategies: [{handler: jwt,\n"
                 "      config: {jwks_urls: [\"" URL "\"]}}]\n"
                 "  - {path: /.*, methods: [GET], accessStrategies: [{handler: allow}]}\n");
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const struct brama_decision *d = fixture_ask(&f, "GET", HOST, rows[i].target, NULL);
        if (d->reason != rows[i].want)
            fail_msg("%s: %s", rows[i].name, brama_reason_name(d->reason));
    }
    fixture_deinit(&f);
}

static void nothing_is_read_behind_a_table(void **state)
{
    (void)state;
    struct brama_packer *packer;
    struct brama_pack pack;
    struct brama_buf bytes;
    const uint64_t row = 7, other = 8;
    brama_buf_init(&bytes, NULL, 1 << 16);
    assert_int_equal(brama_packer_new(&packer, NULL, BRAMA_PACK_FACTS), BRAMA_OK);
    struct brama_ref text = brama_packer_text(packer, BRAMA_STR("text"));
    brama_packer_row(packer, 0, &row, sizeof(row));
    brama_packer_row(packer, 1, &other, sizeof(other)); /* stands right behind */
    assert_int_equal(brama_packer_finish(packer, 1, &bytes), BRAMA_OK);
    brama_packer_free(packer);
    assert_int_equal(brama_pack_open(&pack, bytes.p, bytes.n, BRAMA_PACK_FACTS), BRAMA_OK);

    const uint64_t *got = BRAMA_ROW(&pack, 0, 0, uint64_t);
    EXPECT("the row", got != NULL && *got == row);
    EXPECT("one further", BRAMA_ROW(&pack, 0, 1, uint64_t) == NULL);
    EXPECT("far away", BRAMA_ROW(&pack, 0, UINT32_MAX, uint64_t) == NULL);
    EXPECT("of another size", BRAMA_ROW(&pack, 0, 0, uint32_t) == NULL);
    EXPECT("of an empty table", BRAMA_ROW(&pack, 2, 0, uint64_t) == NULL);
    EXPECT("of no table", BRAMA_ROW(&pack, BRAMA_PACK_TABLES_MAX, 0, uint64_t) == NULL);
    EXPECT_STR("the text", brama_pack_text(&pack, text), BRAMA_STR("text"));
    text.n++;
    EXPECT("one byte more", brama_pack_text(&pack, text).n == 0);
    brama_buf_deinit(&bytes);
}

/* A worker doesn't verify what it maps: numbers in rows must be met as they come. */
static void a_damaged_row_is_a_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum brama_policy_table table;
        size_t at, row_bytes;
        uint32_t number;
        bool good_token;
        enum brama_reason want;
    } rows[] = {
        {"a place where no token can be", BRAMA_T_AUTH, offsetof(struct brama_p_auth, place),
         sizeof(struct brama_p_auth), 23040, false, BRAMA_REASON_TOKEN_MISSING},
        {"an operator that nobody has", BRAMA_T_PART, offsetof(struct brama_p_part, op),
         sizeof(struct brama_p_part), 4711, true, BRAMA_REASON_INTERNAL},
        {"more parts than a value has", BRAMA_T_HEADER,
         offsetof(struct brama_p_header, parts) + sizeof(uint32_t), sizeof(struct brama_p_header),
         UINT32_MAX, true, BRAMA_REASON_INTERNAL},
        {"parts of another table's end", BRAMA_T_HEADER, offsetof(struct brama_p_header, parts),
         sizeof(struct brama_p_header), 100, true, BRAMA_REASON_INTERNAL},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_init(&f, jwt_rule);
        serve(&f, f.key, BRAMA_ALG_RS256);
        brama_str token = rows[i].good_token ? token_by(&f, BRAMA_ALG_RS256) : BRAMA_NIL;
        for (uint32_t n = 0; n < brama_pack_count(&f.policy.pack, rows[i].table); n++) {
            const uint8_t *row =
                brama_pack_row(&f.policy.pack, rows[i].table, n, rows[i].row_bytes);
            memcpy(f.policy_bytes.p + (row - (const uint8_t *)f.policy_bytes.p) + rows[i].at,
                   &rows[i].number, sizeof(uint32_t));
        }
        const struct brama_decision *d = fixture_ask_with(&f, "GET", HOST, "/", token);
        EXPECT(rows[i].name, d->reason == rows[i].want);
        EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_DENY);
        fixture_deinit(&f);
    }
}

static void judged(struct brama_world *world, struct brama_arena *arena, const char *yaml)
{
    brama_arena_init(arena, NULL, SIZE_MAX);
    brama_world_init(world, arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    assert_int_equal(brama_world_add(world, BRAMA_STR("r.yaml"), brama_str_c(yaml), NULL),
                     BRAMA_OK);
    brama_judge(world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    assert_int_equal(brama_compile_check(world), BRAMA_OK);
}

#define RULE(name, host, path)                                                                     \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name                \
    "}\nspec:\n  gateway: kyma-system/kyma-gateway\n  hosts: [" host "]\n"                         \
    "  service: {name: s, port: 80}\n  rules: [{path: " path ", methods: [GET], noAuth: true}]\n"

/* The last good form of one rule had the host that another one serves now. */
static void a_host_serves_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before;
        enum brama_form want;
    } rows[] = {
        {"a host of its own", RULE("b", "other", "/b"), BRAMA_FORM_LAST_GOOD},
        {"a's host", RULE("b", "one", "/b"), BRAMA_FORM_NONE},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena, arena_before;
        struct brama_world world, before;
        struct brama_buf bytes;
        struct brama_policy policy;
        judged(&before, &arena_before, rows[i].before);
        judged(&world, &arena, RULE("a", "one", "/a") "---\n" RULE("b", "one", "nonsense"));
        assert_true(before.rules->judged.valid && !world.rules->next->judged.valid);
        struct brama_last_good good = {before.rules};
        struct brama_compile_in in = {
            .world = &world, .good = &good, .good_count = 1, .domain = BRAMA_STR("kyma.example")};
        brama_buf_init(&bytes, NULL, 1 << 20);
        assert_int_equal(brama_policy_compile(&bytes, 1, &in), BRAMA_OK);
        assert_int_equal(brama_policy_open(&policy, bytes.p, bytes.n), BRAMA_OK);
        const struct brama_p_apirule *b =
            BRAMA_ROW(&policy.pack, BRAMA_T_APIRULE, 1, struct brama_p_apirule);
        EXPECT(rows[i].name, b != NULL && b->form == (uint32_t)rows[i].want);
        EXPECT(rows[i].name, brama_pack_count(&policy.pack, BRAMA_T_HOST) ==
                                 (rows[i].want == BRAMA_FORM_NONE ? 1 : 2));
        brama_buf_deinit(&bytes);
        brama_arena_deinit(&arena);
        brama_arena_deinit(&arena_before);
    }
}

/* Two hosts of one workload, one issuer, two ways to write the same place. */
static void one_place_may_be_written_in_two_ways(void **state)
{
    (void)state;
    static const char rules[] =
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [a]\n"
        "  service: {name: app, port: 80}\n  rules:\n  - path: /{**}\n    methods: [GET]\n"
        "    jwt: {authentications: [{issuer: i, jwksUri: \"" URL "\"}]}\n"
        "---\n"
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: b}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [b]\n"
        "  service: {name: app, port: 80}\n  rules:\n  - path: /{**}\n    methods: [GET]\n"
        "    jwt: {authentications: [{issuer: i, jwksUri: \"" URL "\",\n"
        "      fromHeaders: [{name: Authorization, prefix: \"Bearer \"}]}]}\n";
    static const char *const hosts[] = {"a.kyma.example", "b.kyma.example"};
    struct fixture f;
    fixture_init(&f, rules);
    brama_str token = token_by(&f, BRAMA_ALG_RS256);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(hosts); i++)
        EXPECT(hosts[i],
               fixture_ask_with(&f, "GET", hosts[i], "/", token)->verdict == BRAMA_VERDICT_ALLOW);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pinned_key_serves_its_alg_only),
        cmocka_unit_test(a_remembered_token_falls_with_its_key),
        cmocka_unit_test(a_token_is_remembered_under_its_alg),
        cmocka_unit_test(a_reading_of_another_rule_is_refused),
        cmocka_unit_test(nothing_is_read_behind_a_table),
        cmocka_unit_test(a_damaged_row_is_a_refusal),
        cmocka_unit_test(a_host_serves_one_form),
        cmocka_unit_test(one_place_may_be_written_in_two_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
