/* An explanation as a record: it always fits, stays JSON, shows where it was cut; and what of a
 * token's claims is kept. */
#include "fixture.h"

#include "policy/explain.h"
#include "policy/refusals.h"
#include "json/read.h"

#define ISS "https://idp.example.com"
#define RS "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x-mine\":\"1\"}"

/* A host with many rules, the last of which wants a scope of any length. */
static brama_str many_rules(struct brama_arena *arena, unsigned count, size_t scope_n)
{
    struct brama_buf buf;
    brama_buf_init(&buf, NULL, 1 << 20);
    brama_buf_add(&buf, BRAMA_STR("apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\n"
                                  "metadata: {name: mesh}\nspec:\n  gateway: "
                                  "kyma-system/kyma-gateway\n  hosts: [mesh]\n"
                                  "  service: {name: a, port: 80}\n  rules:\n"));
    for (unsigned i = 0; i < count; i++)
        brama_buf_printf(&buf, "  - {path: /rule/number/%u, methods: [GET], noAuth: true}\n", i);
    brama_buf_add(&buf, BRAMA_STR("  - path: /x\n    methods: [GET]\n    jwt:\n"
                                  "      authentications: [{issuer: \"" ISS
                                  "\", jwksUri: \"https://i/k\"}]\n"
                                  "      authorizations: [{requiredScopes: [\""));
    for (size_t i = 0; i < scope_n; i++)
        brama_buf_add_c(&buf, 's');
    brama_buf_add(&buf, BRAMA_STR("\"]}]\n"));
    brama_str text = brama_arena_copy(arena, brama_buf_str(&buf));
    brama_buf_deinit(&buf);
    return text;
}

/* Claims with one of this name and length beside those that count. */
static brama_str claims(struct brama_arena *arena, const char *name, size_t n)
{
    char value[6000];

    memset(value, 'v', sizeof(value));
    return brama_arena_printf(arena,
                              "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"email\":\"me@example.com\","
                              "\"%s\":\"%.*s\"}",
                              name, (int)n, value);
}

static const struct brama_node *parsed(struct fixture *f, const char *name, brama_str text)
{
    struct brama_diag diag = {0};
    struct brama_node *root;

    if (brama_json_parse(&root, &f->arena, text, &brama_json_limits_rules, &diag) != BRAMA_OK)
        fail_msg("%s: no JSON: %s: %.*s", name, diag.what, BRAMA_FMT(text));
    return root;
}

static const struct brama_node *record_of(struct fixture *f, const char *name, bool all_claims,
                                          const struct brama_request *request)
{
    struct brama_explanation e = {.request = request,
                                  .decision = &f->decision,
                                  .trace = &f->trace,
                                  .arena = &f->arena,
                                  .request_id = BRAMA_STR("00000000-0000-4000-8000-000000000000"),
                                  .all_claims = all_claims};
    struct brama_buf out;
    size_t summary_n;

    brama_buf_init(&out, NULL, 1 << 20);
    EXPECT(name, brama_explain_within(&out, &e, BRAMA_REFUSAL_TEXT_BYTES, &summary_n));
    EXPECT(name, brama_buf_str(&out).n <= BRAMA_REFUSAL_TEXT_BYTES);
    brama_str text = brama_arena_copy(&f->arena, brama_buf_str(&out));
    brama_str row = brama_arena_printf(&f->arena, "%.*s}", (int)summary_n, text.p);
    const struct brama_node *summary = parsed(f, name, row);
    EXPECT(name, brama_node_get(summary, BRAMA_STR("cause")) != NULL);
    EXPECT(name, brama_node_get(summary, BRAMA_STR("steps")) == NULL);
    brama_buf_deinit(&out);
    return parsed(f, name, text);
}

static void a_record_always_fits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned rules;
        size_t scope_n, path_n;
        const char *claim;
        size_t claim_n;
    } rows[] = {
        {"a short one", 1, 4, 2, "aud", 10},
        {"many rules", 300, 4, 2, "aud", 10},
        {"a long scope", 1, 5000, 2, "aud", 10},
        {"a long claim that counts", 1, 4, 2, "aud", 5000},
        {"a long claim that doesn't", 1, 4, 2, "picture", 5000},
        {"a long path", 1, 4, 5000, "aud", 10},
        {"all of it", 300, 5000, 5000, "aud", 5000},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct brama_arena arena;
        char path[6000] = "/x";
        brama_arena_init(&arena, NULL, 1 << 20);
        fixture_init(&f, many_rules(&arena, rows[i].rules, rows[i].scope_n).p);
        brama_str token =
            fixture_token(&f, f.key, RS, claims(&arena, rows[i].claim, rows[i].claim_n).p);
        memset(path + 2, 'p', rows[i].path_n - 2);
        path[rows[i].path_n] = '\0';
        fixture_ask_with(&f, "GET", "mesh.kyma.example", path, token);
        EXPECT(rows[i].name, f.decision.verdict == BRAMA_VERDICT_DENY);
        struct brama_request request = {.method = BRAMA_STR("GET"),
                                        .authority = BRAMA_STR("mesh.kyma.example"),
                                        .target = brama_str_c(path),
                                        .now_s = NOW};
        const struct brama_node *root = record_of(&f, rows[i].name, false, &request);
        const struct brama_node *steps = brama_node_get(root, BRAMA_STR("steps"));
        if (steps == NULL)
            EXPECT(rows[i].name, brama_node_get_str(root, BRAMA_STR("steps_left_out")).n != 0);
        if (rows[i].rules > 100 && steps != NULL)
            EXPECT(rows[i].name, brama_node_get(root, BRAMA_STR("rules_left_out")) != NULL);
        EXPECT("the cause is always there", brama_node_get_str(root, BRAMA_STR("cause")).n > 5);
        fixture_deinit(&f);
        brama_arena_deinit(&arena);
    }
}

static void of_many_rules_some_are_recorded(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_arena arena;
    size_t routes = 0;
    brama_arena_init(&arena, NULL, 1 << 20);
    fixture_init(&f, many_rules(&arena, 300, 4).p);
    struct brama_request request = {.method = BRAMA_STR("GET"),
                                    .authority = BRAMA_STR("mesh.kyma.example"),
                                    .target = BRAMA_STR("/x"),
                                    .now_s = NOW};
    struct brama_engine engine = {.policy = &f.policy, .facts = &f.facts, .memory = f.memory};
    brama_trace_init(&f.trace, &f.arena);
    f.trace.vain_max = 7;
    brama_decide(&f.decision, &engine, &request, &f.arena, &f.trace);
    for (const struct brama_trace_step *s = f.trace.first; s != NULL; s = s->next)
        routes += strcmp(s->step, "route") == 0;
    EXPECT("seven, and the one that matches", routes == 8);
    EXPECT("all are counted", f.trace.vain == 300);
    const struct brama_node *left =
        brama_node_get(record_of(&f, "many", false, &request), BRAMA_STR("rules_left_out"));
    EXPECT("and said to be left out", left != NULL && left->integer >= 293);
    fixture_deinit(&f);
    brama_arena_deinit(&arena);
}

static void what_is_cut_says_so(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 20);
    fixture_init(&f, many_rules(&arena, 1, 5000).p);
    brama_str token = fixture_token(&f, f.key, RS, claims(&arena, "aud", 3).p);
    fixture_ask_with(&f, "GET", "mesh.kyma.example", "/x", token);
    struct brama_request request = {.target = BRAMA_STR("/x"), .now_s = NOW};
    brama_str cause = brama_node_get_str(record_of(&f, "cut", false, &request), BRAMA_STR("cause"));
    EXPECT("the cause is cut", cause.n < 2000);
    EXPECT("and tells by how much", brama_str_ends(cause, BRAMA_STR(" bytes more)")));
    fixture_deinit(&f);
    brama_arena_deinit(&arena);
}

static void claims_that_decide_are_kept_and_others_named(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 20);
    fixture_init(&f, many_rules(&arena, 1, 4).p);
    brama_str token = fixture_token(&f, f.key, RS, claims(&arena, "scope", 3).p);
    fixture_ask_with(&f, "GET", "mesh.kyma.example", "/x", token);
    struct brama_request request = {.target = BRAMA_STR("/x?secret=1"), .now_s = NOW};
    static const struct {
        const char *name;
        bool all;
    } rows[] = {{"a record", false}, {"whoever has the token", true}};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const struct brama_node *root = record_of(&f, rows[i].name, rows[i].all, &request);
        const struct brama_node *of = brama_node_get(root, BRAMA_STR("token"));
        const struct brama_node *known = brama_node_get(of, BRAMA_STR("claims"));
        const struct brama_node *left = brama_node_get(of, BRAMA_STR("claims_left_out"));
        EXPECT_STR(rows[i].name, brama_node_get_str(known, BRAMA_STR("sub")), BRAMA_STR("me"));
        EXPECT_STR(rows[i].name, brama_node_get_str(known, BRAMA_STR("scope")), BRAMA_STR("vvv"));
        EXPECT(rows[i].name, (brama_node_get(known, BRAMA_STR("email")) != NULL) == rows[i].all);
        EXPECT(rows[i].name, (left != NULL) == !rows[i].all);
        if (left != NULL)
            EXPECT_STR(rows[i].name, left->first->text, BRAMA_STR("email"));
        EXPECT_STR(rows[i].name, brama_node_get_str(root, BRAMA_STR("path")), BRAMA_STR("/x"));
    }
    fixture_deinit(&f);
    brama_arena_deinit(&arena);
}

static const struct brama_node *header_in(const struct brama_node *root, const char *name)
{
    const struct brama_node *list = brama_node_get(root, BRAMA_STR("headers"));
    for (const struct brama_node *h = list != NULL ? list->first : NULL; h != NULL; h = h->next)
        if (brama_str_eq(brama_node_get_str(h, BRAMA_STR("name")), brama_str_c(name)))
            return brama_node_get(h, BRAMA_STR("value"));
    return NULL;
}

static void no_query_and_no_word_of_an_authorizer_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_arena arena;
    static const struct brama_header cookie = {BRAMA_LIT("set-cookie"), BRAMA_LIT("id=secret")};
    static const struct {
        const char *name;
        bool all;
    } rows[] = {{"a record", false}, {"whoever asks", true}};
    brama_arena_init(&arena, NULL, 1 << 20);
    fixture_init(&f, many_rules(&arena, 1, 4).p);
    struct brama_request request = {.target = BRAMA_STR("/x?access_token=secret"), .now_s = NOW};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        fixture_ask_with(&f, "GET", "mesh.kyma.example", "/x?access_token=secret",
                         BRAMA_STR("bad"));
        const struct brama_node *root = record_of(&f, rows[i].name, rows[i].all, &request);
        const struct brama_node *challenge = header_in(root, "www-authenticate");
        EXPECT(rows[i].name, challenge != NULL);
        EXPECT(rows[i].name, (brama_str_find_str(challenge->text, BRAMA_STR("secret")) !=
                              challenge->text.n) == rows[i].all);
        EXPECT(rows[i].name, brama_str_starts(challenge->text, BRAMA_STR("Bearer realm=\"")));
        f.decision.reason = BRAMA_REASON_EXT_AUTH_DENIED;
        f.decision.response_headers = &cookie;
        f.decision.response_header_count = 1;
        root = record_of(&f, rows[i].name, rows[i].all, &request);
        EXPECT(rows[i].name,
               brama_str_eq(header_in(root, "set-cookie")->text, cookie.value) == rows[i].all);
    }
    fixture_deinit(&f);
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_query_and_no_word_of_an_authorizer_is_kept),
        cmocka_unit_test(a_record_always_fits),
        cmocka_unit_test(of_many_rules_some_are_recorded),
        cmocka_unit_test(what_is_cut_says_so),
        cmocka_unit_test(claims_that_decide_are_kept_and_others_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
