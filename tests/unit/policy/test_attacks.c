/* Ways past the right rule that were open once, or would be. */
#include "fixture.h"

#define ISS "https://idp.example.com"
#define GOOD "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"exp\":1800000600}"
#define KID "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define V1(name)                                                                                   \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: " name           \
    "}\nspec:\n  gateway: kyma-system/kyma-gateway\n  host: " name "\n  service: {name: " name     \
    ", port: 80}\n  rules:\n"
#define V2(name)                                                                                   \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  gateway: kyma-system/kyma-gateway\n  hosts: [" name "]\n  service: {name: " name            \
    ", port: 80}\n  rules:\n"
#define ORY_JWT(path, methods)                                                                     \
    "  - path: " path "\n    methods: " methods "\n    accessStrategies:\n    - handler: jwt\n"    \
    "      config: {jwks_urls: [\"http://idp/keys\"], trusted_issuers: [\"" ISS "\"]}\n"
#define ISTIO_JWT(path, methods)                                                                   \
    "  - path: " path "\n    methods: " methods "\n    jwt: {authentications: [{issuer: \"" ISS    \
    "\", jwksUri: \"http://idp/keys\"}]}\n"

struct row {
    const char *name, *method, *target;
    enum brama_reason reason; /* without a token */
};

static void check(const char *rules, const char *host, const struct row *rows, size_t n)
{
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < n; i++) {
        const struct brama_decision *d =
            fixture_ask(&f, rows[i].method, host, rows[i].target, NULL);
        if (d->reason != rows[i].reason)
            fail_msg("%s: got %s, want %s", rows[i].name, brama_reason_name(d->reason),
                     brama_reason_name(rows[i].reason));
        EXPECT(rows[i].name,
               (d->verdict == BRAMA_VERDICT_ALLOW) == (rows[i].reason == BRAMA_REASON_ALLOWED));
    }
    fixture_deinit(&f);
}

/* Design section 3: no backend that reads more leniently than we do reaches another rule's path.
 * Backends differ in what they do first: some cut parameters off before they decode. */
static void every_lenient_reading_leads_to_the_same_rule(void **state)
{
    (void)state;
    static const char rules[] = V2("app") ISTIO_JWT("/admin", "[GET]")
        ISTIO_JWT("/secret/{**}", "[GET]") "  - {path: \"/{**}\", methods: [GET], noAuth: true}\n";
    static const struct row rows[] = {
        {"one reading", "GET", "/other/x", BRAMA_REASON_ALLOWED},
        {"several, all of one rule", "GET", "/other/a%2Fb;c=d//e", BRAMA_REASON_ALLOWED},
        {"a parameter with an encoded slash, cut before decoding", "GET", "/admin;%2Fx",
         BRAMA_REASON_AMBIGUOUS_PATH},
        {"the same, the semicolon encoded", "GET", "/admin%3B%2Fx", BRAMA_REASON_AMBIGUOUS_PATH},
        {"the same, a layer down", "GET", "/admin%253B%252Fx", BRAMA_REASON_AMBIGUOUS_PATH},
        {"parameters cut, the encoded slash kept as text", "GET",
         "/other/..;/secret/x/..%2f..%2fother/y", BRAMA_REASON_AMBIGUOUS_PATH},
        {"decoded, slashes kept", "GET", "/secret/%2F", BRAMA_REASON_TOKEN_MISSING},
        {"slash and backslash encoded, one of them decoded", "GET",
         "/other/..%5Csecret/x%2F..%2F..%2Fother", BRAMA_REASON_AMBIGUOUS_PATH},
    };
    check(rules, "app.kyma.example", rows, BRAMA_ARRAY_LEN(rows));
}

/* The route is one for both readings; the Oathkeeper Rule behind it isn't. apirule.md 4.4 */
static void oathkeepers_rule_is_the_same_in_every_reading(void **state)
{
    (void)state;
    static const char rules[] =
        V1("app") "  - {path: /.*, methods: [POST], accessStrategies: "
                  "[{handler: noop}]}\n"
                  "  - {path: /public/.*, methods: [GET], accessStrategies: "
                  "[{handler: noop}]}\n" ORY_JWT("/admin/.*", "[GET]");
    static const struct row rows[] = {
        {"open", "GET", "/public/x", BRAMA_REASON_ALLOWED},
        {"open, in both readings", "GET", "/public/x;y", BRAMA_REASON_ALLOWED},
        {"closed", "GET", "/admin/x", BRAMA_REASON_TOKEN_MISSING},
        {"a parameter on dots", "GET", "/public/..;/admin/x", BRAMA_REASON_AMBIGUOUS_PATH},
        {"encoded slashes", "GET", "/public%2F..%2Fadmin/x", BRAMA_REASON_AMBIGUOUS_PATH},
        {"a parameter that leads out of all rules", "GET", "/public;/x",
         BRAMA_REASON_OATHKEEPER_NO_RULE},
    };
    check(rules, "app.kyma.example", rows, BRAMA_ARRAY_LEN(rows));
}

/* An exclusion denies whatever reading a backend has. apirule.md 4.6 */
static void an_exclusion_holds_in_every_reading(void **state)
{
    (void)state;
    static const char rules[] = V2("app") ISTIO_JWT(
        "/any/{*}/one", "[POST]") "  - {path: \"/any/{**}\", methods: [GET, POST], noAuth: "
                                  "true}\n";
    static const struct row rows[] = {
        {"elsewhere", "GET", "/any/x/two", BRAMA_REASON_ALLOWED},
        {"excluded", "GET", "/any/x/one", BRAMA_REASON_POLICY_DENIED},
        {"excluded for who cuts parameters", "GET", "/any/x/one;a=b", BRAMA_REASON_AMBIGUOUS_PATH},
        {"excluded for who merges slashes", "GET", "/any//x/one", BRAMA_REASON_AMBIGUOUS_PATH},
    };
    check(rules, "app.kyma.example", rows, BRAMA_ARRAY_LEN(rows));
}

/* istio-jwt.md 4.5: Istio moves a catch-all behind the others, wherever it was written */
static void a_catch_all_comes_last(void **state)
{
    (void)state;
    static const char rules[] = V1("app") "  - {path: \".*\", methods: [GET], accessStrategies: "
                                          "[{handler: allow}]}\n" ORY_JWT("/admin", "[GET]");
    static const struct row rows[] = {
        {"what only it takes", "GET", "/x", BRAMA_REASON_ALLOWED},
        {"what another rule takes", "GET", "/admin", BRAMA_REASON_TOKEN_MISSING},
    };
    check(rules, "app.kyma.example", rows, BRAMA_ARRAY_LEN(rows));
}

static brama_str repeat(struct fixture *f, const char *head, size_t n, const char *tail)
{
    char *p = brama_arena_alloc(&f->arena, n + 1);
    memset(p, 'a', n);
    p[n] = '\0';
    return brama_arena_printf(&f->arena, "%s%s%s", head, p, tail);
}

/* Design section 3: "match and depth limits whose excess is a refusal": not the next rule. */
static void an_expression_that_gives_up_opens_no_later_rule(void **state)
{
    (void)state;
    static const char rules[] = V1("app") ORY_JWT("\"/admin/((a|aa|b)*)*c\"", "[GET]") ORY_JWT(
        "\"/long/([a-z]|[0-9])*\"",
        "[GET]") "  - {path: \"/.*\", methods: [GET], accessStrategies: [{handler: allow}]}\n";
    struct fixture f;
    fixture_init(&f, rules);
    EXPECT("elsewhere",
           fixture_ask(&f, "GET", "app.kyma.example", "/x", NULL)->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT("the protected path",
           fixture_ask(&f, "GET", "app.kyma.example", "/admin/abc", NULL)->reason ==
               BRAMA_REASON_TOKEN_MISSING);
    const struct brama_decision *d =
        fixture_ask(&f, "GET", "app.kyma.example", repeat(&f, "/long/", 7000, "").p, NULL);
    EXPECT("a path that is long, and nothing else", d->reason == BRAMA_REASON_TOKEN_MISSING);
    d = fixture_ask(&f, "GET", "app.kyma.example", repeat(&f, "/admin/", 40, "cd").p, NULL);
    EXPECT("a path that explodes", d->verdict != BRAMA_VERDICT_ALLOW && d->status == 500);
    fixture_deinit(&f);
}

/* docs/decisions.md 5: at most eight trials for a token without kid, the ninth key and all behind
 */
static void a_token_without_kid_is_tried_under_eight_keys(void **state)
{
    (void)state;
    enum { KEYS = 12 };
    struct brama_pkey *keys[KEYS];
    struct fixture f;
    fixture_init(&f, V2("app") ISTIO_JWT("/*", "[GET]"));
    brama_str json = BRAMA_STR("{\"keys\":[");
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(brama_pkey_generate(&keys[i], BRAMA_ALG_ES256, 0, NULL), BRAMA_OK);
        char kid[8];
        snprintf(kid, sizeof(kid), "e%d", i);
        brama_str jwk = fixture_jwk(&f, keys[i], BRAMA_ALG_ES256, kid);
        json = brama_arena_printf(&f.arena, "%.*s%s%.*s", BRAMA_FMT(json), i != 0 ? "," : "",
                                  BRAMA_FMT(jwk));
    }
    json = brama_arena_printf(&f.arena, "%.*s]}", BRAMA_FMT(json));
    fixture_facts(&f, &(struct fixture_set){"http://idp/keys", json.p}, 1);
    for (int i = 0; i < KEYS; i++) {
        brama_str token =
            fixture_token_by(&f, keys[i], BRAMA_ALG_ES256, "{\"alg\":\"ES256\"}", GOOD);
        const struct brama_decision *d =
            fixture_ask_with(&f, "GET", "app.kyma.example", "/", token);
        EXPECT("only the first eight",
               d->reason == (i < 8 ? BRAMA_REASON_ALLOWED : BRAMA_REASON_SIGNATURE_INVALID));
        brama_pkey_free(keys[i]);
    }
    fixture_deinit(&f);
}

/* oathkeeper.md 2.8 step 5, 2.9: the first key of that kid, in the order of the URLs */
static void the_first_key_of_a_kid_decides_in_oathkeeper(void **state)
{
    (void)state;
    static const char rules[] =
        V1("app") "  - path: /x\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
                  "      config: {jwks_urls: [\"http://idp/one\", \"http://idp/two\"]}\n";
    struct fixture f;
    fixture_init(&f, rules);
    brama_str one = brama_arena_printf(&f.arena, "{\"keys\":[%s]}",
                                       fixture_jwk(&f, f.stranger, BRAMA_ALG_RS256, "k1").p);
    fixture_facts(&f, &(struct fixture_set){"http://idp/one", one.p}, 1);
    brama_str token = fixture_token(&f, f.key, KID, GOOD);
    EXPECT("the second set's key of that kid isn't asked",
           fixture_ask_with(&f, "GET", "app.kyma.example", "/x", token)->reason ==
               BRAMA_REASON_SIGNATURE_INVALID);
    token = fixture_token(&f, f.stranger, KID, GOOD);
    EXPECT("the first is", fixture_ask_with(&f, "GET", "app.kyma.example", "/x", token)->reason ==
                               BRAMA_REASON_ALLOWED);
    fixture_deinit(&f);
}

/* Work that grows with the square of what a client sends would be a lever. */
static void a_long_host_or_query_costs_little(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(
        &f, V2("app") "  - {path: /, methods: [GET], noAuth: true}\n" ISTIO_JWT("/*", "[GET]"));
    char host[20001], target[40003];
    for (size_t i = 0; i < sizeof(host) - 1; i++)
        host[i] = i % 2 == 0 ? 'a' : '.';
    host[sizeof(host) - 1] = '\0';
    struct brama_engine engine = {.policy = &f.policy, .facts = &f.facts, .memory = f.memory};
    struct brama_request request = {.scheme = BRAMA_STR("https"),
                                    .method = BRAMA_STR("GET"),
                                    .authority = brama_str_c(host),
                                    .target = BRAMA_STR("/"),
                                    .now_s = NOW};
    struct brama_arena arena;
    struct brama_decision d;
    brama_arena_init(&arena, NULL, 1 << 17);
    brama_decide(&d, &engine, &request, &arena, NULL);
    EXPECT("no name is that long", d.reason == BRAMA_REASON_BAD_HOST);
    brama_arena_reset(&arena);

    memset(target, '&', sizeof(target));
    target[0] = '/';
    target[1] = '?';
    target[sizeof(target) - 1] = '\0';
    request.authority = BRAMA_STR("app.kyma.example");
    request.target = brama_str_c(target);
    brama_decide(&d, &engine, &request, &arena, NULL);
    EXPECT("a query of nothing but separators is read within the arena",
           d.reason == BRAMA_REASON_ALLOWED);
    brama_arena_deinit(&arena);
    fixture_deinit(&f);
}

/* istio-jwt.md 4.4 */
static void a_wildcard_needs_a_name_before_its_dot(void **state)
{
    (void)state;
    static const char rules[] =
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: w}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [\"*.w.kyma.example\"]\n"
        "  service: {name: w, port: 80}\n  rules: [{path: /*, methods: [GET], noAuth: true}]\n";
    static const struct {
        const char *name, *host;
        enum brama_reason reason;
    } rows[] = {
        {"a name", "a.w.kyma.example", BRAMA_REASON_ALLOWED},
        {"two names", "a.b.w.kyma.example:8443", BRAMA_REASON_ALLOWED},
        {"none", "w.kyma.example", BRAMA_REASON_NO_HOST},
        {"an empty one", ".w.kyma.example", BRAMA_REASON_NO_HOST},
        {"another domain's end", "aw.kyma.example", BRAMA_REASON_NO_HOST},
    };
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name,
               fixture_ask(&f, "GET", rows[i].host, "/", NULL)->reason == rows[i].reason);
    fixture_deinit(&f);
}

int test_attacks(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lenient_reading_leads_to_the_same_rule),
        cmocka_unit_test(oathkeepers_rule_is_the_same_in_every_reading),
        cmocka_unit_test(an_exclusion_holds_in_every_reading),
        cmocka_unit_test(a_catch_all_comes_last),
        cmocka_unit_test(an_expression_that_gives_up_opens_no_later_rule),
        cmocka_unit_test(a_token_without_kid_is_tried_under_eight_keys),
        cmocka_unit_test(the_first_key_of_a_kid_decides_in_oathkeeper),
        cmocka_unit_test(a_long_host_or_query_costs_little),
        cmocka_unit_test(a_wildcard_needs_a_name_before_its_dot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
