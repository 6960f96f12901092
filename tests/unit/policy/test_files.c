#include "fixture.h"

#include "rule/judge.h"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [a]\n  service: {name: a, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    jwt:\n      authentications: [{issuer: i, "
    "jwksUri: \"https://i/k\"}]\n      authorizations: [{requiredScopes: [s], audiences: [t]}]\n"
    "  - {path: \"/{**}\", methods: [GET], noAuth: true}\n";

static bool is_good(enum brama_pack_kind kind, const void *bytes, size_t n)
{
    struct brama_policy policy;
    struct brama_facts facts;
    if (kind == BRAMA_PACK_POLICY)
        return brama_policy_open(&policy, bytes, n) == BRAMA_OK &&
               brama_policy_verify(&policy) == BRAMA_OK;
    return brama_facts_open(&facts, bytes, n) == BRAMA_OK && brama_facts_verify(&facts) == BRAMA_OK;
}

/* Of either kind, with something in every table that matters here. */
struct both {
    struct fixture f;
    struct brama_buf facts;
    struct {
        const char *name;
        enum brama_pack_kind kind;
        brama_str bytes;
    } file[2];
};

static void both_init(struct both *b)
{
    static const struct brama_f_address address = {.family = 2, .port = 80, .ip = {127, 0, 0, 1}};
    static const struct brama_facts_upstream_in upstream = {7, &address, 1};
    static const struct brama_facts_cert_in cert = {BRAMA_LIT("*.a.example"), BRAMA_LIT("chain"),
                                                    BRAMA_LIT("key")};
    static const struct brama_facts_keyset_in keyset = {.url = BRAMA_LIT("https://i/k"),
                                                        .problem = BRAMA_LIT("down")};
    const struct brama_facts_in in = {.keysets = &keyset,
                                      .keyset_count = 1,
                                      .upstreams = &upstream,
                                      .upstream_count = 1,
                                      .certs = &cert,
                                      .cert_count = 1};
    fixture_init(&b->f, rules);
    brama_buf_init(&b->facts, NULL, 1 << 20);
    assert_int_equal(brama_facts_build(&b->facts, 1, &in), BRAMA_OK);
    b->file[0].name = "policy";
    b->file[0].kind = BRAMA_PACK_POLICY;
    b->file[0].bytes = brama_buf_str(&b->f.policy_bytes);
    b->file[1].name = "facts";
    b->file[1].kind = BRAMA_PACK_FACTS;
    b->file[1].bytes = brama_buf_str(&b->facts);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(b->file); i++) {
        EXPECT(b->file[i].name, is_good(b->file[i].kind, b->file[i].bytes.p, b->file[i].bytes.n));
        EXPECT("not as the other kind",
               !is_good(b->file[1 - i].kind, b->file[i].bytes.p, b->file[i].bytes.n));
    }
}

static void both_deinit(struct both *b)
{
    brama_buf_deinit(&b->facts);
    fixture_deinit(&b->f);
}

/* Every bit of the header, and a bit of each seventh byte of the rest. */
static void a_flipped_bit_is_found(void **state)
{
    (void)state;
    struct both b;
    both_init(&b);
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(b.file); k++) {
        brama_str copy = expect_exact(b.file[k].bytes);
        uint8_t *bytes = (uint8_t *)(uintptr_t)copy.p;
        for (size_t i = 0; i < copy.n; i += i < sizeof(struct brama_pack_header) ? 1 : 7) {
            bool header = i < sizeof(struct brama_pack_header);
            for (unsigned bit = header ? 0 : i % 8; bit < (header ? 8 : i % 8 + 1); bit++) {
                bytes[i] ^= (uint8_t)(1u << bit);
                EXPECT(b.file[k].name, !is_good(b.file[k].kind, bytes, copy.n));
                bytes[i] ^= (uint8_t)(1u << bit);
            }
        }
        expect_free(copy);
    }
    both_deinit(&b);
}

static void a_cut_or_longer_file_is_refused(void **state)
{
    (void)state;
    struct both b;
    both_init(&b);
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(b.file); k++) {
        brama_str whole = b.file[k].bytes;
        for (size_t n = 0; n < whole.n; n += n < sizeof(struct brama_pack_header) ? 1 : 13) {
            brama_str copy = expect_exact(brama_str_head(whole, n));
            EXPECT(b.file[k].name, !is_good(b.file[k].kind, copy.p, n));
            expect_free(copy);
        }
        struct brama_buf longer;
        brama_buf_init(&longer, NULL, whole.n + 8);
        brama_buf_add(&longer, whole);
        brama_buf_add(&longer, (brama_str){"\0\0\0\0\0\0\0", 8});
        EXPECT(b.file[k].name, !is_good(b.file[k].kind, longer.p, longer.n));
        brama_buf_deinit(&longer);
    }
    both_deinit(&b);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_buf again;
    fixture_init(&f, rules);
    struct brama_compile_in in = {.world = &f.world, .domain = BRAMA_STR("kyma.example")};
    brama_buf_init(&again, NULL, 1 << 24);
    EXPECT("compiles again", brama_policy_compile(&again, 1, &in) == BRAMA_OK);
    EXPECT("equal", brama_str_eq(brama_buf_str(&again), brama_buf_str(&f.policy_bytes)));
    brama_buf_deinit(&again);
    fixture_deinit(&f);
}

/* design section 2: the last good form */
static void an_invalid_rule_stays_in_its_last_good_form(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_world old, new;
    struct brama_buf bytes;
    struct brama_policy policy;
    static const char bad[] =
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [a]\n  rules: [{path: /x, methods: [GET], "
        "noAuth: true}]\n";
    brama_arena_init(&arena, NULL, SIZE_MAX);
    struct brama_world_options options = {.ns = BRAMA_STR("shop")};
    struct brama_judge_options judge = {.domain = BRAMA_STR("kyma.example")};
    brama_world_init(&old, &arena, &options);
    brama_world_init(&new, &arena, &options);
    EXPECT("read", brama_world_add(&old, BRAMA_STR("f"), brama_str_c(rules), NULL) == BRAMA_OK);
    EXPECT("read", brama_world_add(&new, BRAMA_STR("f"), brama_str_c(bad), NULL) == BRAMA_OK);
    brama_judge(&old, &judge);
    brama_judge(&new, &judge);
    EXPECT("the new one has no service", old.rules->judged.valid && !new.rules->judged.valid);

    struct brama_last_good good = {old.rules};
    struct brama_compile_in in = {
        .world = &new, .good = &good, .good_count = 1, .domain = judge.domain};
    brama_buf_init(&bytes, NULL, 1 << 24);
    EXPECT("compiled", brama_policy_compile(&bytes, 2, &in) == BRAMA_OK);
    EXPECT("opened", brama_policy_open(&policy, bytes.p, bytes.n) == BRAMA_OK);
    const struct brama_p_apirule *row =
        BRAMA_ROW(&policy.pack, BRAMA_T_APIRULE, 0, struct brama_p_apirule);
    EXPECT("the last good form is in force", row != NULL && row->form == BRAMA_FORM_LAST_GOOD);
    EXPECT_STR("and the status says why", brama_pack_text(&policy.pack, row->state),
               BRAMA_STR("Error"));
    EXPECT("both routes", brama_pack_count(&policy.pack, BRAMA_T_ROUTE) == 2);

    in.good_count = 0;
    brama_buf_reset(&bytes);
    EXPECT("compiled", brama_policy_compile(&bytes, 3, &in) == BRAMA_OK);
    EXPECT("opened", brama_policy_open(&policy, bytes.p, bytes.n) == BRAMA_OK);
    EXPECT("without one there is no route", brama_pack_count(&policy.pack, BRAMA_T_ROUTE) == 0);
    brama_buf_deinit(&bytes);
    brama_arena_deinit(&arena);
}

static void a_path_that_isnt_re2_is_an_error_of_its_rule(void **state)
{
    (void)state;
    static const char yaml[] =
        "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  host: app\n  service: {name: a, port: 80}\n"
        "  rules:\n  - {path: \"/(?!x).*\", methods: [GET], accessStrategies: [{handler: "
        "allow}]}\n";
    struct fixture f;
    fixture_init(&f, yaml);
    EXPECT("not valid", !f.world.rules->judged.valid);
    EXPECT_STR("said as Kyma says it", f.world.rules->judged.description,
               BRAMA_STR("Validation error: Attribute \".spec.rules[0].path\": the regular "
                         "expression has a look-ahead, which RE2 doesn't know"));
    EXPECT("no route",
           fixture_ask(&f, "GET", "app.kyma.example", "/y", NULL)->reason == BRAMA_REASON_NO_HOST);
    fixture_deinit(&f);
}

static void certificates_are_found_by_name(void **state)
{
    (void)state;
    struct brama_buf bytes;
    struct brama_facts facts;
    struct brama_facts_cert_in certs[] = {
        {BRAMA_STR("*.kyma.example"), BRAMA_STR("wild"), BRAMA_STR("k")},
        {BRAMA_STR("a.kyma.example"), BRAMA_STR("exact"), BRAMA_STR("k")},
    };
    struct brama_facts_in in = {.certs = certs, .cert_count = BRAMA_ARRAY_LEN(certs)};
    brama_buf_init(&bytes, NULL, 1 << 20);
    EXPECT("built", brama_facts_build(&bytes, 1, &in) == BRAMA_OK);
    EXPECT("opened", brama_facts_open(&facts, bytes.p, bytes.n) == BRAMA_OK);
    static const struct {
        const char *name;
        brama_str server, want;
    } rows[] = {
        {"exact before wildcard", BRAMA_LIT("A.kyma.example"), BRAMA_LIT("exact")},
        {"wildcard", BRAMA_LIT("b.kyma.example"), BRAMA_LIT("wild")},
        {"a wildcard takes one label", BRAMA_LIT("c.b.kyma.example"), BRAMA_LIT("wild")},
        {"nobody's name gets the first", BRAMA_LIT("x"), BRAMA_LIT("wild")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT_STR(
            rows[i].name,
            brama_pack_text(&facts.pack, brama_facts_cert(&facts, rows[i].server)->chain_pem),
            rows[i].want);
    brama_buf_deinit(&bytes);
}

static void files_say_the_same_whatever_their_numbers(void **state)
{
    (void)state;
    static const struct brama_f_address here = {.family = 2, .port = 80, .ip = {127, 0, 0, 1}};
    static const struct brama_f_address there = {.family = 2, .port = 81, .ip = {127, 0, 0, 1}};
    static const struct {
        const char *name;
        uint64_t number, id;
        const struct brama_f_address *address;
        size_t count, cut;
        bool same;
    } rows[] = {
        {"itself", 1, 7, &here, 1, 0, true},          {"another number", 2, 7, &here, 1, 0, true},
        {"another id", 1, 8, &here, 1, 0, false},     {"another port", 1, 7, &there, 1, 0, false},
        {"no address", 1, 7, &here, 0, 0, false},     {"half of it", 1, 7, &here, 1, 8, false},
        {"nothing", 1, 7, &here, 1, SIZE_MAX, false},
    };
    struct brama_buf first;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_facts_upstream_in upstream = {rows[i].id, rows[i].address, rows[i].count};
        struct brama_facts_in in = {.upstreams = &upstream, .upstream_count = 1};
        struct brama_buf bytes;
        brama_buf_init(&bytes, NULL, 1 << 20);
        assert_int_equal(brama_facts_build(&bytes, rows[i].number, &in), BRAMA_OK);
        if (i == 0)
            first = bytes;
        size_t n = rows[i].cut < bytes.n ? bytes.n - rows[i].cut : 0;
        EXPECT(rows[i].name,
               brama_pack_same(brama_buf_str(&first), (brama_str){bytes.p, n}) == rows[i].same);
        if (i != 0)
            brama_buf_deinit(&bytes);
    }
    brama_buf_deinit(&first);
}

int test_files(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(a_cut_or_longer_file_is_refused),
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
        cmocka_unit_test(an_invalid_rule_stays_in_its_last_good_form),
        cmocka_unit_test(a_path_that_isnt_re2_is_an_error_of_its_rule),
        cmocka_unit_test(certificates_are_found_by_name),
        cmocka_unit_test(files_say_the_same_whatever_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
