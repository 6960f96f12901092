#include "fixture.h"

#define ISTIO                                                                                      \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api-gateway-config, namespace: "            \
    "kyma-system}\ndata: {api-gateway-config: 'jwtHandler: istio'}\n---\n"
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define ISS "https://idp.example.com"

static const char v2_rules[] =
    "apiVersion: gateway.kyma-project.io/v2\n"
    "kind: APIRule\n"
    "metadata: {name: orders}\n"
    "spec:\n"
    "  gateway: kyma-system/kyma-gateway\n"
    "  hosts: [orders]\n"
    "  service: {name: orders, port: 8080}\n"
    "  rules:\n"
    "  - path: /orders/{*}\n"
    "    methods: [GET]\n"
    "    timeout: 7\n"
    "    jwt:\n"
    "      authentications: [{issuer: \"" ISS "\", jwksUri: \"https://idp.example.com/keys\"}]\n"
    "      authorizations:\n"
    "      - {requiredScopes: [read, write], audiences: [orders]}\n"
    "      - {requiredScopes: [admin]}\n"
    "  - path: /down\n"
    "    methods: [GET]\n"
    "    jwt:\n"
    "      authentications: [{issuer: other, jwksUri: \"https://other.example/never\"}]\n"
    "  - path: /public/{**}\n"
    "    methods: [GET, POST]\n"
    "    noAuth: true\n"
    "    request: {headers: {X-Origin: gateway}, cookies: {tenant: blue}}\n"
    "  - path: /gone\n"
    "    methods: [GET]\n"
    "    service: {name: gone, port: 80}\n"
    "    noAuth: true\n";

struct row {
    const char *name, *method, *target, *payload; /* payload NULL: no token */
    enum brama_verdict verdict;
    uint16_t status;
    enum brama_reason reason;
    const char *body;
};

static void check(struct fixture *f, const struct row *row, const char *host)
{
    brama_str token =
        row->payload != NULL ? fixture_token(f, f->key, HEADER, row->payload) : BRAMA_NIL;
    /* twice: the second time the token may be remembered, and the answer must be the same */
    for (int again = 0; again < 2; again++) {
        const struct brama_decision *d = fixture_ask_with(f, row->method, host, row->target, token);
        if (d->reason != row->reason)
            fail_msg("%s: got %s, want %s", row->name, brama_reason_name(d->reason),
                     brama_reason_name(row->reason));
        EXPECT(row->name, d->verdict == row->verdict);
        if (row->verdict != BRAMA_VERDICT_ALLOW) {
            EXPECT(row->name, d->status == row->status);
            EXPECT_STR(row->name, d->body, brama_str_c(row->body));
        }
    }
}

#define YES BRAMA_VERDICT_ALLOW
#define NO BRAMA_VERDICT_DENY
#define RBAC "RBAC: access denied"
#define GOOD "\"iss\":\"" ISS "\",\"sub\":\"me\",\"exp\":1800000600"

/* istio-jwt.md 2.12, 3.2; apirule.md 4.6 */
static void v2_rules_answer_as_istio_does(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"both scopes and the audience", "GET", "/orders/7",
         "{" GOOD ",\"scope\":\"read write\",\"aud\":\"orders\"}", YES, 0, BRAMA_REASON_ALLOWED,
         ""},
        {"scp as a list", "GET", "/orders/7",
         "{" GOOD ",\"scp\":[\"write\",\"read\"],\"aud\":[\"x\",\"orders\"]}", YES, 0,
         BRAMA_REASON_ALLOWED, ""},
        {"scp as a string is one value", "GET", "/orders/7",
         "{" GOOD ",\"scp\":\"read write\",\"aud\":\"orders\"}", NO, 403,
         BRAMA_REASON_SCOPE_MISSING, RBAC},
        {"scopes of two claims don't add up", "GET", "/orders/7",
         "{" GOOD ",\"scp\":[\"read\"],\"scope\":\"write\",\"aud\":\"orders\"}", NO, 403,
         BRAMA_REASON_SCOPE_MISSING, RBAC},
        {"the second authorization", "GET", "/orders/7", "{" GOOD ",\"scopes\":[\"admin\"]}", YES,
         0, BRAMA_REASON_ALLOWED, ""},
        {"scopes without the audience", "GET", "/orders/7", "{" GOOD ",\"scope\":\"read write\"}",
         NO, 403, BRAMA_REASON_AUDIENCE_MISSING, RBAC},
        {"no scope", "GET", "/orders/7", "{" GOOD "}", NO, 403, BRAMA_REASON_SCOPE_MISSING, RBAC},
        {"no sub", "GET", "/orders/7", "{\"iss\":\"" ISS "\",\"scope\":\"admin\"}", NO, 403,
         BRAMA_REASON_SUBJECT_MISSING, RBAC},
        {"no exp lives for ever", "GET", "/orders/7",
         "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"admin\"}", YES, 0, BRAMA_REASON_ALLOWED,
         ""},
        {"59 s late is within the tolerance", "GET", "/orders/7",
         "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"admin\",\"exp\":1799999941}", YES, 0,
         BRAMA_REASON_ALLOWED, ""},
        {"61 s late isn't", "GET", "/orders/7",
         "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"admin\",\"exp\":1799999939}", NO, 401,
         BRAMA_REASON_TOKEN_EXPIRED, "Jwt is expired"},
        {"not yet", "GET", "/orders/7",
         "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"admin\",\"nbf\":1800000061}", NO, 401,
         BRAMA_REASON_TOKEN_NOT_YET_VALID, "Jwt not yet valid"},
        {"another issuer", "GET", "/orders/7", "{\"iss\":\"evil\",\"sub\":\"me\"}", NO, 401,
         BRAMA_REASON_ISSUER_UNKNOWN, "Jwt issuer is not configured"},
        {"an issuer with a slash more", "GET", "/orders/7",
         "{\"iss\":\"" ISS "/\",\"sub\":\"me\",\"scope\":\"admin\"}", NO, 401,
         BRAMA_REASON_ISSUER_UNKNOWN, "Jwt issuer is not configured"},
        {"no token", "GET", "/orders/7", NULL, NO, 403, BRAMA_REASON_TOKEN_MISSING, RBAC},
        {"a key set that never loaded", "GET", "/down", "{\"iss\":\"other\",\"sub\":\"me\"}", NO,
         503, BRAMA_REASON_KEYS_UNAVAILABLE, "Jwks remote fetch is failed"},
        {"an issuer of the workload on another rule's path", "GET", "/down", "{" GOOD "}", NO, 403,
         BRAMA_REASON_ISSUER_UNKNOWN, RBAC},
        {"another method", "POST", "/orders/7", NULL, NO, 404, BRAMA_REASON_NO_ROUTE, ""},
        {"another path", "GET", "/orders", NULL, NO, 404, BRAMA_REASON_NO_ROUTE, ""},
        {"open without a token", "GET", "/public/a", NULL, YES, 0, BRAMA_REASON_ALLOWED, ""},
        {"open with a good one", "POST", "/public/a", "{" GOOD "}", YES, 0, BRAMA_REASON_ALLOWED,
         ""},
        {"open with a stranger's", "GET", "/public/a", "{\"iss\":\"evil\"}", NO, 401,
         BRAMA_REASON_ISSUER_UNKNOWN, "Jwt issuer is not configured"},
        {"a workload without an address", "GET", "/gone", NULL, NO, 503, BRAMA_REASON_NO_UPSTREAM,
         "no healthy upstream"},
        {"no way to another rule's path", "GET", "/public/..;/orders/7", NULL, NO, 400,
         BRAMA_REASON_AMBIGUOUS_PATH, "Bad Request"},
        {"dots are resolved before matching", "GET", "/public/../orders/7", NULL, NO, 403,
         BRAMA_REASON_TOKEN_MISSING, RBAC},
        {"an unclear path within one rule is fine", "GET", "/public/a%2fb", NULL, YES, 0,
         BRAMA_REASON_ALLOWED, ""},
        {"a path that can't be normalised", "GET", "/public/%00", NULL, NO, 400,
         BRAMA_REASON_BAD_PATH, "Bad Request"},
        {"a method nobody names", "BREW", "/public/a", NULL, NO, 404, BRAMA_REASON_NO_ROUTE, ""},
    };
    struct fixture f;
    fixture_init(&f, v2_rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        check(&f, &rows[i], "orders.kyma.example");
    fixture_deinit(&f);
}

static void an_allowed_request_knows_where_to_go(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, v2_rules);
    const struct brama_decision *d =
        fixture_ask(&f, "GET", "ORDERS.kyma.example.:8443", "/x/../public/%61?q=%2e", NULL);
    EXPECT("allowed", d->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT_STR("the judged path is the one forwarded", d->target, BRAMA_STR("/public/a?q=%2e"));
    EXPECT_STR("the full host", fixture_upstream_header(&f, "x-forwarded-host"),
               BRAMA_STR("orders.kyma.example"));
    EXPECT_STR("static headers", fixture_upstream_header(&f, "X-Origin"), BRAMA_STR("gateway"));
    EXPECT_STR("cookies replace", fixture_upstream_header(&f, "Cookie"), BRAMA_STR("tenant=blue"));
    EXPECT("no Host of ours", fixture_upstream_header(&f, "Host").n == 0);
    EXPECT("the default timeout", d->timeout_s == 180);
    EXPECT_STR("the rule", d->apirule, BRAMA_STR("shop/orders"));
    EXPECT("its number and line", d->rule_index == 2 && d->rule_line != 0);
    EXPECT("one address", d->upstream->addresses.count == 1);
    EXPECT("the workload's CORS headers go", d->strip_cors);
    fixture_deinit(&f);
}

static void bad_hosts_and_connections_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host, *header;
        enum brama_reason reason;
    } rows[] = {
        {"two authorities", "orders.kyma.example,evil", NULL, BRAMA_REASON_BAD_HOST},
        {"user info", "me@orders.kyma.example", NULL, BRAMA_REASON_BAD_HOST},
        {"two ports", "orders.kyma.example:80:80", NULL, BRAMA_REASON_BAD_HOST},
        {"a port that is none", "orders.kyma.example:8a0", NULL, BRAMA_REASON_BAD_HOST},
        {"nothing", "", NULL, BRAMA_REASON_BAD_HOST},
        {"a stranger", "evil.example", NULL, BRAMA_REASON_NO_HOST},
        {"an IPv6 literal", "[::1]:80", NULL, BRAMA_REASON_NO_HOST},
        {"Connection drops the token", "orders.kyma.example", "Connection: close, Authorization",
         BRAMA_REASON_BAD_CONNECTION},
        {"Connection drops what we add", "orders.kyma.example", "connection: x-forwarded-host",
         BRAMA_REASON_BAD_CONNECTION},
        {"Connection closes", "orders.kyma.example", "Connection: close", BRAMA_REASON_ALLOWED},
    };
    struct fixture f;
    fixture_init(&f, v2_rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const char *headers[] = {rows[i].header, NULL};
        const struct brama_decision *d = fixture_ask(&f, "GET", rows[i].host, "/public/a", headers);
        EXPECT(rows[i].name, d->reason == rows[i].reason);
    }
    fixture_deinit(&f);
}

static void tokens_are_found_where_the_rule_says(void **state)
{
    (void)state;
    static const char rules[] =
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [a]\n  service: {name: a, port: 80}\n"
        "  rules:\n  - path: /*\n    methods: [GET]\n    jwt:\n      authentications:\n"
        "      - issuer: " ISS "\n        jwksUri: https://i/k\n"
        "        fromHeaders: [{name: x-jwt-token, prefix: 'JwtToken '}]\n";
    struct fixture f;
    fixture_init(&f, rules);
    brama_str token = fixture_token(&f, f.key, HEADER, "{" GOOD "}");
    brama_str good = brama_arena_printf(&f.arena, "X-JWT-Token: JwtToken %.*s", BRAMA_FMT(token));
    brama_str bare = brama_arena_printf(&f.arena, "X-JWT-Token: %.*s", BRAMA_FMT(token));
    brama_str auth = brama_arena_printf(&f.arena, "Authorization: Bearer %.*s", BRAMA_FMT(token));
    brama_str two = brama_arena_printf(&f.arena, "X-JWT-Token: JwtToken  %.*s", BRAMA_FMT(token));
    const struct {
        const char *name;
        const char *headers[3];
        enum brama_reason reason;
    } rows[] = {
        {"at its header with its prefix", {good.p, NULL}, BRAMA_REASON_ALLOWED},
        {"without the prefix", {bare.p, NULL}, BRAMA_REASON_TOKEN_MISSING},
        {"in Authorization", {auth.p, NULL}, BRAMA_REASON_TOKEN_MISSING},
        {"the header twice", {good.p, good.p, NULL}, BRAMA_REASON_TOKEN_SEVERAL},
        {"a blank too many", {two.p, NULL}, BRAMA_REASON_TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name,
               fixture_ask(&f, "GET", "a.kyma.example", "/", rows[i].headers)->reason ==
                   rows[i].reason);
    fixture_deinit(&f);
}

static void the_query_parameter_counts_as_in_envoy(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, v2_rules);
    brama_str token = fixture_token(&f, f.key, HEADER, "{" GOOD ",\"scope\":\"admin\"}");
    brama_str one =
        brama_arena_printf(&f.arena, "/orders/7?a=b&access_token=%.*s", BRAMA_FMT(token));
    brama_str two = brama_arena_printf(&f.arena, "%.*s&access_token=x", BRAMA_FMT(one));
    EXPECT("once", fixture_ask(&f, "GET", "orders.kyma.example", one.p, NULL)->reason ==
                       BRAMA_REASON_ALLOWED);
    EXPECT("twice", fixture_ask(&f, "GET", "orders.kyma.example", two.p, NULL)->reason ==
                        BRAMA_REASON_TOKEN_SEVERAL);
    EXPECT("empty is a bad token",
           fixture_ask(&f, "GET", "orders.kyma.example", "/orders/7?access_token=", NULL)->reason ==
               BRAMA_REASON_TOKEN_MALFORMED);
    fixture_deinit(&f);
}

static void a_refused_token_says_so_in_www_authenticate(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, v2_rules);
    brama_str token = fixture_token(&f, f.stranger, HEADER, "{" GOOD ",\"scope\":\"admin\"}");
    const struct brama_decision *d =
        fixture_ask_with(&f, "GET", "orders.kyma.example:8443", "/orders/7?x=1", token);
    EXPECT("refused", d->status == 401 && d->reason == BRAMA_REASON_SIGNATURE_INVALID);
    EXPECT_STR("Envoy's words", d->body, BRAMA_STR("Jwt verification fails"));
    EXPECT_STR("the header", fixture_response_header(&f, "www-authenticate"),
               BRAMA_STR("Bearer realm=\"https://orders.kyma.example:8443/orders/7?x=1\", "
                         "error=\"invalid_token\""));
    token = fixture_token(&f, f.key, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", "{" GOOD "}");
    d = fixture_ask_with(&f, "GET", "orders.kyma.example", "/orders/7", token);
    EXPECT("an unknown kid", d->reason == BRAMA_REASON_KEY_UNKNOWN && d->status == 401);
    token = fixture_token(&f, f.key, "{\"alg\":\"RS256\"}", "{" GOOD ",\"scope\":\"admin\"}");
    d = fixture_ask_with(&f, "GET", "orders.kyma.example", "/orders/7", token);
    EXPECT("no kid at all", d->reason == BRAMA_REASON_ALLOWED);
    fixture_deinit(&f);
}

/* apirule.md 4.6: the shared-method trap, and 4.8's overlap table */
static void an_earlier_path_is_excluded_from_later_rules(void **state)
{
    (void)state;
    static const char rules[] =
        "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [a]\n  service: {name: a, port: 80}\n"
        "  rules:\n"
        "  - path: /anything/{*}/one\n    methods: [POST]\n    jwt: {authentications: "
        "[{issuer: " ISS ", jwksUri: \"https://i/k\"}]}\n"
        "  - {path: \"/anything/{**}\", methods: [GET, POST], noAuth: true}\n";
    static const struct row rows[] = {
        {"elsewhere", "GET", "/anything/more", NULL, YES, 0, BRAMA_REASON_ALLOWED, ""},
        {"the jwt rule", "POST", "/anything/more/one", "{" GOOD "}", YES, 0, BRAMA_REASON_ALLOWED,
         ""},
        {"the jwt rule without a token", "POST", "/anything/more/one", NULL, NO, 403,
         BRAMA_REASON_TOKEN_MISSING, RBAC},
        {"the method that isn't shared", "GET", "/anything/x/one", NULL, NO, 403,
         BRAMA_REASON_POLICY_DENIED, RBAC},
    };
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        check(&f, &rows[i], "a.kyma.example");
    fixture_deinit(&f);
}

/* apirule.md 4.2 and 4.7 */
static void v1beta1_in_istio_mode(void **state)
{
    (void)state;
    static const char rules[] = ISTIO
        "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  host: app\n  service: {name: a, port: 80}\n"
        "  rules:\n"
        "  - path: /ip\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n      "
        "config:\n"
        "        authentications: [{issuer: " ISS ", jwksUri: \"https://i/k\"}]\n"
        "        authorizations: [{requiredScopes: [test]}]\n"
        "  - {path: /headers, methods: [GET], accessStrategies: [{handler: allow}]}\n"
        "  - {path: /json, methods: [GET], accessStrategies: [{handler: noop}]}\n"
        "  - {path: /free, methods: [GET], accessStrategies: [{handler: no_auth}]}\n"
        "  - {path: \"/v[0-9]\", methods: [GET], accessStrategies: [{handler: no_auth}]}\n"
        "  - {path: /free, methods: [POST], accessStrategies: [{handler: no_auth}]}\n";
    static const struct row rows[] = {
        {"the scope", "GET", "/ip", "{" GOOD ",\"scope\":\"test\"}", YES, 0, BRAMA_REASON_ALLOWED,
         ""},
        {"another scope", "GET", "/ip", "{" GOOD ",\"scope\":\"tests\"}", NO, 403,
         BRAMA_REASON_SCOPE_MISSING, RBAC},
        {"no token", "GET", "/ip", NULL, NO, 403, BRAMA_REASON_TOKEN_MISSING, RBAC},
        {"allow", "GET", "/headers", NULL, YES, 0, BRAMA_REASON_ALLOWED, ""},
        {"allow routes all methods, policies don't", "DELETE", "/headers", NULL, NO, 403,
         BRAMA_REASON_POLICY_DENIED, RBAC},
        {"noop through Oathkeeper", "GET", "/json", NULL, YES, 0, BRAMA_REASON_ALLOWED, ""},
        {"noop's other method has no route", "POST", "/json", NULL, NO, 404, BRAMA_REASON_NO_ROUTE,
         ""},
        {"no_auth", "GET", "/free", NULL, YES, 0, BRAMA_REASON_ALLOWED, ""},
        {"a regex path never matches its policy", "GET", "/v1", NULL, NO, 403,
         BRAMA_REASON_POLICY_DENIED, RBAC},
        {"the second rule of a path has no route", "POST", "/free", NULL, NO, 404,
         BRAMA_REASON_NO_ROUTE, ""},
    };
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        check(&f, &rows[i], "app.kyma.example");
    fixture_deinit(&f);
}

/* apirule.md 4.3 and 8.1 number 3 and 4 */
static void preflights_are_answered_and_responses_marked(void **state)
{
    (void)state;
    static const char rules[] =
        "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: a}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  host: app\n  service: {name: a, port: 80}\n"
        "  rules:\n  - {path: /.*, methods: [GET], accessStrategies: [{handler: allow}]}\n";
    static const char *const preflight[] = {"Origin: localhost",
                                            "Access-Control-Request-Method: GET", NULL};
    struct fixture f;
    fixture_init(&f, rules);
    const struct brama_decision *d =
        fixture_ask(&f, "OPTIONS", "app.kyma.example", "/ip", preflight);
    EXPECT("answered", d->verdict == BRAMA_VERDICT_ANSWER && d->status == 200);
    EXPECT_STR("the origin", fixture_response_header(&f, "access-control-allow-origin"),
               BRAMA_STR("localhost"));
    EXPECT_STR("the methods", fixture_response_header(&f, "access-control-allow-methods"),
               BRAMA_STR("GET,POST,PUT,DELETE,PATCH"));
    EXPECT_STR("the headers", fixture_response_header(&f, "access-control-allow-headers"),
               BRAMA_STR("Authorization,Content-Type,*"));
    d = fixture_ask(&f, "OPTIONS", "app.kyma.example", "/ip", NULL);
    EXPECT("an OPTIONS of its own passes", d->verdict == BRAMA_VERDICT_ALLOW);
    static const char *const actual[] = {"Origin: https://ui", NULL};
    d = fixture_ask(&f, "GET", "app.kyma.example", "/ip", actual);
    EXPECT("allowed, and marked",
           d->verdict == BRAMA_VERDICT_ALLOW && d->response_header_count == 1);
    fixture_deinit(&f);
}

static void without_addresses_only_explain_may_go_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, v2_rules);
    struct brama_engine engine = {
        .policy = &f.policy, .facts = &f.facts, .memory = f.memory, .any_upstream = true};
    struct brama_request request = {.method = BRAMA_STR("GET"),
                                    .authority = BRAMA_STR("orders.kyma.example"),
                                    .target = BRAMA_STR("/gone")};
    struct brama_decision d;
    brama_decide(&d, &engine, &request, &f.arena, NULL);
    EXPECT("asked without addresses",
           d.verdict == BRAMA_VERDICT_ALLOW && d.upstream_row != BRAMA_NO_ROW);
    engine.any_upstream = false;
    brama_decide(&d, &engine, &request, &f.arena, NULL);
    EXPECT("asked with them", d.verdict == BRAMA_VERDICT_DENY && d.status == 503);
    fixture_deinit(&f);
}

static void without_a_policy_nobody_passes(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_decision d;
    struct brama_engine engine = {.memory = NULL};
    struct brama_request request = {.authority = BRAMA_STR("a"), .target = BRAMA_STR("/")};
    brama_arena_init(&arena, NULL, 1 << 16);
    brama_decide(&d, &engine, &request, &arena, NULL);
    EXPECT("503", d.verdict == BRAMA_VERDICT_DENY && d.status == 503);
    brama_arena_deinit(&arena);
}

int test_decide(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v2_rules_answer_as_istio_does),
        cmocka_unit_test(an_allowed_request_knows_where_to_go),
        cmocka_unit_test(bad_hosts_and_connections_are_refused),
        cmocka_unit_test(tokens_are_found_where_the_rule_says),
        cmocka_unit_test(the_query_parameter_counts_as_in_envoy),
        cmocka_unit_test(a_refused_token_says_so_in_www_authenticate),
        cmocka_unit_test(an_earlier_path_is_excluded_from_later_rules),
        cmocka_unit_test(v1beta1_in_istio_mode),
        cmocka_unit_test(preflights_are_answered_and_responses_marked),
        cmocka_unit_test(without_addresses_only_explain_may_go_on),
        cmocka_unit_test(without_a_policy_nobody_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
