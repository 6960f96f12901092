/* Memory ends at each call of a walk, once and for good: the result is an error or a refusal, or
 * the very same as with memory; and nobody is let in who wouldn't be otherwise. */
#include "../policy/fixture.h"
#include "fail.h"

#include "policy/explain.h"
#include "rule/judge.h"
#include "json/read.h"

#define RUNS_MAX 100000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define CLAIMS(scopes)                                                                             \
    "{\"iss\":\"https://idp.example\",\"sub\":\"me\",\"exp\":1800000600,\"aud\":[\"orders\"],"     \
    "\"scope\":\"" scopes "\"}"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
    "  service: {name: orders, port: 8080}\n"
    "  corsPolicy: {allowOrigins: [{regex: '.*[.]example'}], allowMethods: [GET]}\n"
    "  rules:\n"
    "  - path: /x.y/{*}\n    methods: [GET]\n    jwt:\n"
    "      authentications: [{issuer: https://idp.example, jwksUri: \"https://idp.example/k\"}]\n"
    "      authorizations:\n      - {requiredScopes: [read, write], audiences: [orders]}\n"
    "      - {requiredScopes: [admin]}\n"
    "  - {path: /open, methods: [GET], noAuth: true, request: {headers: {X-Origin: gateway, "
    "X-Asked: '%REQ(:path)% %REQ(Authorization)% %START_TIME%', X-None: '%REQ(X-None)%'},\n"
    "      cookies: {tenant: '%REQ(X-None?host)%'}}}\n"
    "  - path: /{**}\n    methods: [GET]\n    jwt:\n"
    "      authentications: [{issuer: https://idp.example, jwksUri: \"https://idp.example/k\"}]\n"
    "---\n"
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: old}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: old\n  service: {name: old, port: 80}\n"
    "  rules:\n"
    "  - path: /a.*\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: "
    "{jwks_urls: [\"https://idp.example/k\"], required_scope: [read],\n"
    "      trusted_issuers: [\"https://idp.example\"]}}]\n"
    "  - {path: /b, methods: [GET], accessStrategies: [{handler: noop}]}\n"
    "  - path: /told/(.*)\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: "
    "{jwks_urls: [\"https://idp.example/k\"]}}]\n    mutators:\n"
    "    - {handler: header, config: {headers: {X-A: '{{ .Subject }} {{ .Extra.scp | join \",\" }} "
    "{{ upper \"a\" }} {{ index .MatchContext.RegexpCaptureGroups 2 }}'}}}\n"
    "    - {handler: cookie, config: {cookies: {a: '{{ print .Extra.aud }}'}}}\n"
    "  - path: /question\n    methods: [GET]\n    accessStrategies: [{handler: "
    "oauth2_introspection, "
    "config: {introspection_url: 'http://idp/i', required_scope: [read], target_audience: [me]}}]\n"
    "    mutators: [{handler: header, config: {headers: {X-A: '{{ .Subject }} {{ .Extra.k }}'}}}]\n"
    "---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: shop}\n"
    "spec: {selector: {app: old}, ports: [{port: 80}]}\n";

/* One walk: step() does the work and checks what came of it, for every call that may fail. */
static size_t walk(void (*step)(void *ctx), void *ctx)
{
    size_t runs = 0;
    for (int mode = FAIL_ONCE; mode <= FAIL_FROM_THEN; mode++)
        for (size_t n = 0;; n++, runs++) {
            assert_true(n < RUNS_MAX);
            fail_at(n, (enum fail_mode)mode);
            step(ctx);
            if (!fail_end()) /* never got that far: every call has had its turn */
                break;
        }
    return runs;
}

static void parse_json(void *ctx)
{
    static const char text[] = "{\"a\":[1,2.5,true,null,\"x\\u00e9\"],\"b\":{\"c\":{}},\"d\":\"\"}";
    size_t *good = ctx;
    struct brama_arena arena;
    struct brama_node *root;
    brama_arena_init(&arena, NULL, SIZE_MAX);
    enum brama_err err =
        brama_json_parse(&root, &arena, brama_str_c(text), &brama_json_limits_rules, NULL);
    assert_true(err == BRAMA_OK || err == BRAMA_ERR_NOMEM);
    assert_true((root != NULL) == (err == BRAMA_OK));
    if (err == BRAMA_OK) {
        assert_int_equal(root->count, 3);
        assert_int_equal(brama_node_get(root, BRAMA_STR("a"))->count, 5);
        ++*good;
    }
    brama_arena_deinit(&arena);
}

static void json_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    size_t good = 0;
    assert_true(walk(parse_json, &good) > 10);
    assert_true(good >= 2); /* the last run of each mode */
}

/* Rules to policy bytes; BRAMA_OK only with all of them. */
static enum brama_err make_policy(struct brama_buf *out)
{
    struct brama_arena arena;
    struct brama_world world;
    brama_arena_init(&arena, NULL, SIZE_MAX);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    enum brama_err err = brama_world_add(&world, BRAMA_STR("r.yaml"), brama_str_c(rules), NULL);
    if (err == BRAMA_OK) {
        brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
        err = brama_compile_check(&world);
    }
    struct brama_compile_in in = {.world = &world, .domain = BRAMA_STR("kyma.example")};
    if (err == BRAMA_OK)
        err = brama_policy_compile(out, 1, &in);
    brama_arena_deinit(&arena);
    return err;
}

static void compile(void *ctx)
{
    const struct brama_buf *want = ctx;
    struct brama_buf got;
    brama_buf_init(&got, NULL, 1 << 24);
    enum brama_err err = make_policy(&got);
    assert_true(err == BRAMA_OK || err == BRAMA_ERR_NOMEM);
    if (err == BRAMA_OK)
        EXPECT_STR("the same bytes", brama_buf_str(&got), brama_buf_str(want));
    brama_buf_deinit(&got);
}

static void a_policy_has_every_rule_or_is_none(void **state)
{
    (void)state;
    struct brama_buf want;
    brama_buf_init(&want, NULL, 1 << 24);
    assert_int_equal(make_policy(&want), BRAMA_OK);
    assert_true(walk(compile, &want) > 500);
    brama_buf_deinit(&want);
}

struct making_facts {
    brama_str jwks;
    struct brama_buf want;
};

static enum brama_err make_facts(struct brama_buf *out, brama_str jwks)
{
    struct brama_jwks *set = NULL;
    struct brama_f_address address = {.family = 2, .port = 80, .ip = {127, 0, 0, 1}};
    struct brama_facts_upstream_in up = {7, &address, 1};
    struct brama_facts_cert_in cert = {BRAMA_STR("a.example"), BRAMA_STR("chain"),
                                       BRAMA_STR("key")};
    enum brama_err err = brama_jwks_load(&set, jwks, NULL);
    struct brama_facts_keyset_in keyset = {
        .url = BRAMA_STR("https://idp.example/k"), .state = BRAMA_KEYSET_FRESH, .set = set};
    struct brama_facts_in in = {.keysets = &keyset,
                                .keyset_count = 1,
                                .upstreams = &up,
                                .upstream_count = 1,
                                .certs = &cert,
                                .cert_count = 1};
    if (err == BRAMA_OK)
        err = brama_facts_build(out, 1, &in);
    brama_jwks_free(set);
    return err;
}

static void build_facts(void *ctx)
{
    const struct making_facts *m = ctx;
    struct brama_buf got;
    brama_buf_init(&got, NULL, 1 << 20);
    enum brama_err err = make_facts(&got, m->jwks);
    assert_true(err != BRAMA_OK || got.n != 0);
    if (err == BRAMA_OK)
        EXPECT_STR("the same bytes", brama_buf_str(&got), brama_buf_str(&m->want));
    brama_buf_deinit(&got);
}

static void facts_have_every_key_or_are_none(void **state)
{
    (void)state;
    struct making_facts m = {
        .jwks = BRAMA_STR("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","
                          "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                          "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}")};
    brama_buf_init(&m.want, NULL, 1 << 20);
    assert_int_equal(make_facts(&m.want, m.jwks), BRAMA_OK);
    assert_true(walk(build_facts, &m) > 50);
    brama_buf_deinit(&m.want);
}

struct asking {
    struct fixture *f;
    struct brama_request request;
    const char *name;
    bool may_pass;
    bool again;                      /* the token is remembered */
    struct brama_call_answer answer; /* to the one call */
    size_t allowed;
};

static void check(struct asking *a, const struct brama_decision *d)
{
    if (d->verdict != BRAMA_VERDICT_ALLOW) {
        EXPECT(a->name, d->verdict == BRAMA_VERDICT_DENY && d->status >= 400);
        return;
    }
    EXPECT(a->name, a->may_pass && d->reason == BRAMA_REASON_ALLOWED && d->upstream != NULL);
    EXPECT_STR(a->name, d->target, a->request.target);
    EXPECT(a->name, d->upstream_header_count == a->f->decision.upstream_header_count);
    for (size_t i = 0; i < d->upstream_header_count; i++)
        EXPECT_STR(a->name, d->upstream_headers[i].value, a->f->decision.upstream_headers[i].value);
    a->allowed++;
}

/* With a trace the answer is the same, and what is told of it is whole or nothing. */
static void tell(struct asking *a, struct brama_engine engine, struct brama_arena *arena)
{
    struct brama_decision d;
    struct brama_trace trace;
    struct brama_buf out;

    engine.replay = true;
    brama_trace_init(&trace, arena);
    brama_decide(&d, &engine, &a->request, arena, &trace);
    EXPECT(a->name, d.verdict == BRAMA_VERDICT_DENY || a->may_pass);
    struct brama_explanation e = {.request = &a->request,
                                  .decision = &d,
                                  .trace = &trace,
                                  .arena = arena,
                                  .in_force = &a->f->policy};
    brama_buf_init(&out, NULL, 1 << 20);
    if (brama_explain_within(&out, &e, 2000, NULL)) {
        brama_str text = brama_buf_str(&out);
        EXPECT(a->name, text.n <= 2000 && text.p[0] == '{' && text.p[text.n - 1] == '}');
        EXPECT(a->name, brama_str_find_str(text, BRAMA_STR("\"verdict\":")) != text.n);
    }
    brama_buf_deinit(&out);
}

static void ask(void *ctx)
{
    struct asking *a = ctx;
    struct brama_memory_options options = {.tokens_max = 8, .regexes_max = 8, .keys_max = 4};
    struct brama_memory *memory = NULL;
    struct brama_arena arena;
    struct brama_decision d;

    brama_arena_init(&arena, NULL, 1 << 20);
    if (brama_memory_new(&memory, &options) == BRAMA_OK) {
        struct brama_engine engine = {
            .policy = &a->f->policy, .facts = &a->f->facts, .memory = memory};
        engine.answers = &a->answer;
        engine.answer_count = 1;
        for (int i = 0; i <= a->again; i++) {
            brama_decide(&d, &engine, &a->request, &arena, NULL);
            check(a, &d);
            brama_arena_reset(&arena);
        }
        tell(a, engine, &arena);
    }
    brama_memory_free(memory);
    brama_arena_deinit(&arena);
}

static void a_decision_without_memory_is_a_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host, *target, *scopes; /* scopes NULL: no token */
        bool may_pass, stranger;
    } rows[] = {
        {"all scopes", "orders.kyma.example", "/x.y/1", CLAIMS("read write"), true, false},
        {"the other authorization", "orders.kyma.example", "/x.y/1", CLAIMS("admin"), true, false},
        {"a scope is missing", "orders.kyma.example", "/x.y/1", CLAIMS("read"), false, false},
        {"no token", "orders.kyma.example", "/x.y/1", NULL, false, false},
        {"a stranger's token", "orders.kyma.example", "/x.y/1", CLAIMS("admin"), false, true},
        {"public, with headers to set", "orders.kyma.example", "/open", NULL, true, false},
        {"public, and a bad token", "orders.kyma.example", "/open", CLAIMS("admin"), false, true},
        {"beside the public path", "orders.kyma.example", "/open/x", NULL, false, false},
        {"another reading, another rule", "orders.kyma.example", "/open;x", NULL, false, false},
        {"a regex before a catch-all", "orders.kyma.example", "/xzy/1", NULL, false, false},
        {"Oathkeeper, all scopes", "old.kyma.example", "/ab", CLAIMS("read"), true, false},
        {"Oathkeeper, a scope is missing", "old.kyma.example", "/ab", CLAIMS("x"), false, false},
        {"Oathkeeper, a stranger's token", "old.kyma.example", "/ab", CLAIMS("read"), false, true},
        {"Oathkeeper, noop", "old.kyma.example", "/b", NULL, true, false},
        {"Oathkeeper, mutators", "old.kyma.example", "/told/x", CLAIMS("read"), true, false},
        {"Oathkeeper, an answer", "old.kyma.example", "/question", CLAIMS("read"), true, false},
        {"Oathkeeper, no rule", "old.kyma.example", "/c", NULL, false, false},
    };
    static const struct brama_call_answer answer = {
        .end = BRAMA_CALL_ANSWERED,
        .status = 200,
        .body = BRAMA_LIT("{\"active\":true,\"sub\":\"me\",\"scope\":\"a read\",\"aud\":[\"me\"],"
                          "\"ext\":{\"k\":\"v\"}}")};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &answer;
    f.answer_count = 1;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token =
            rows[i].scopes != NULL
                ? fixture_token(&f, rows[i].stranger ? f.stranger : f.key, HEADER, rows[i].scopes)
                : BRAMA_NIL;
        /* with all memory, through the fixture: what is compared with */
        const struct brama_decision *d =
            fixture_ask_with(&f, "GET", rows[i].host, rows[i].target, token);
        if ((d->verdict == BRAMA_VERDICT_ALLOW) != rows[i].may_pass)
            fail_msg("%s: %s", rows[i].name, brama_reason_name(d->reason));
        struct brama_header header = {
            BRAMA_STR("Authorization"),
            brama_arena_printf(&f.arena, "Bearer %.*s", BRAMA_FMT(token))};
        struct asking a = {.f = &f,
                           .request = {.scheme = BRAMA_STR("https"),
                                       .method = BRAMA_STR("GET"),
                                       .authority = brama_str_c(rows[i].host),
                                       .target = brama_str_c(rows[i].target),
                                       .headers = &header,
                                       .header_count = token.n != 0,
                                       .now_s = NOW},
                           .name = rows[i].name,
                           .may_pass = rows[i].may_pass,
                           .again = token.n != 0};
        a.answer = answer;
        a.answer.key = f.call_count != 0 ? f.calls[0].key : BRAMA_NIL;
        EXPECT(rows[i].name, walk(ask, &a) > 10);
        EXPECT(rows[i].name, (a.allowed != 0) == rows[i].may_pass);
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_policy_has_every_rule_or_is_none),
        cmocka_unit_test(facts_have_every_key_or_are_none),
        cmocka_unit_test(a_decision_without_memory_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
