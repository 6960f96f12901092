#include "fixture.h"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n"
    "  - path: /here_location\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], trusted_issuers: "
    "[\"http://poster\"]}\n"
    "  - path: /scoped\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], required_scope: [a.b], "
    "target_audience: [x, z]}\n"
    "  - path: /down\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/never\"]}\n"
    "  - path: /same/.*\n    methods: [GET]\n    accessStrategies: [{handler: noop}]\n"
    "  - path: /same/x.*\n    methods: [GET]\n    accessStrategies: [{handler: noop}]\n"
    "  - path: /free\n    methods: [GET]\n    accessStrategies: [{handler: no_auth}]\n"
    "  - path: /all\n    methods: [GET]\n    accessStrategies: [{handler: allow}]\n";

#define KID "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"http://poster/jwks_uri\"}"
#define JSON(code, status, message)                                                                \
    "{\"error\":{\"code\":" code ",\"status\":\"" status                                           \
    "\",\"request\":\"id-1\",\"message\":\"" message "\"}}\n"
#define NO_401 JSON("401", "Unauthorized", "The request could not be authorized")

/* oathkeeper.md 2.8, 4.3; apirule.md 2.2 */
static const struct {
    const char *name, *method, *target, *header, *payload;
    uint16_t status; /* 0: allowed */
    enum brama_reason reason;
    const char *body;
} answers[] = {
    {"the article's token has no sub and passes", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"jti\":\"1\",\"exp\":1800003600}", 0, BRAMA_REASON_ALLOWED, ""},
    {"no token", "GET", "/here_location", NULL, NULL, 401, BRAMA_REASON_TOKEN_MISSING, NO_401},
    {"expired this very second", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"exp\":1800000000}", 401, BRAMA_REASON_TOKEN_EXPIRED, NO_401},
    {"a second left", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"exp\":1800000001}", 0, BRAMA_REASON_ALLOWED, ""},
    {"issued in the future", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"iat\":1800000001}", 401, BRAMA_REASON_TOKEN_NOT_YET_VALID,
     NO_401},
    {"another issuer", "GET", "/here_location", KID, "{\"iss\":\"http://poste\"}", 401,
     BRAMA_REASON_ISSUER_UNKNOWN, NO_401},
    {"no kid", "GET", "/here_location", "{\"alg\":\"RS256\"}", "{\"iss\":\"http://poster\"}", 401,
     BRAMA_REASON_KID_MISSING, NO_401},
    {"an unknown kid", "GET", "/here_location", "{\"alg\":\"RS256\",\"kid\":\"k2\"}",
     "{\"iss\":\"http://poster\"}", 401, BRAMA_REASON_KEY_UNKNOWN, NO_401},
    {"an algorithm that isn't allowed", "GET", "/here_location",
     "{\"alg\":\"HS256\",\"kid\":\"k1\"}", "{\"iss\":\"http://poster\"}", 401,
     BRAMA_REASON_ALG_NOT_ALLOWED, NO_401},
    {"none", "GET", "/here_location", "{\"alg\":\"none\",\"kid\":\"k1\"}",
     "{\"iss\":\"http://poster\"}", 401, BRAMA_REASON_TOKEN_MALFORMED, NO_401},
    {"scope and both audiences", "GET", "/scoped", KID,
     "{\"scope\":\"x a.b\",\"aud\":[\"x\",\"z\"]}", 0, BRAMA_REASON_ALLOWED, ""},
    {"a wildcard scope", "GET", "/scoped", KID, "{\"scp\":[\"a.*\"],\"aud\":[\"x\",\"z\"]}", 0,
     BRAMA_REASON_ALLOWED, ""},
    {"one audience of two", "GET", "/scoped", KID, "{\"scope\":\"a.b\",\"aud\":\"x\"}", 401,
     BRAMA_REASON_AUDIENCE_MISSING, NO_401},
    {"the first claim present decides", "GET", "/scoped", KID,
     "{\"scp\":[\"q\"],\"scope\":\"a.b\",\"aud\":[\"x\",\"z\"]}", 401, BRAMA_REASON_SCOPE_MISSING,
     NO_401},
    {"a set that never loaded", "GET", "/down", KID, "{\"iss\":\"http://poster\"}", 503,
     BRAMA_REASON_KEYS_UNAVAILABLE,
     JSON("503", "Service Unavailable", "The upstream service is not available")},
    {"another method is Oathkeeper's 404", "POST", "/here_location", NULL, NULL, 404,
     BRAMA_REASON_OATHKEEPER_NO_RULE,
     JSON("404", "Not Found", "The requested resource could not be found")},
    {"one of two overlapping rules", "GET", "/same/a", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"both of them", "GET", "/same/xy", NULL, NULL, 500, BRAMA_REASON_OATHKEEPER_MANY_RULES,
     JSON("500", "Internal Server Error",
          "An internal server error occurred, please contact the system administrator")},
    {"no_auth", "GET", "/free", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"no_auth's other methods have no route", "POST", "/free", NULL, NULL, 404,
     BRAMA_REASON_NO_ROUTE, ""},
    {"allow takes all methods", "DELETE", "/all", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
};

static void ory_rules_answer_as_oathkeeper_does(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(answers); i++) {
        brama_str token = answers[i].payload != NULL
                              ? fixture_token(&f, f.key, answers[i].header, answers[i].payload)
                              : BRAMA_NIL;
        const struct brama_decision *d =
            fixture_ask_with(&f, answers[i].method, "here.kyma.example", answers[i].target, token);
        if (d->reason != answers[i].reason)
            fail_msg("%s: got %s, want %s", answers[i].name, brama_reason_name(d->reason),
                     brama_reason_name(answers[i].reason));
        EXPECT(answers[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (answers[i].status == 0));
        if (answers[i].status != 0) {
            EXPECT(answers[i].name, d->status == answers[i].status);
            EXPECT_STR(answers[i].name, d->body, brama_str_c(answers[i].body));
            EXPECT(answers[i].name, fixture_response_header(&f, "www-authenticate").n == 0);
        }
    }
    fixture_deinit(&f);
}

static void a_wrong_key_is_refused_and_bearer_is_read_in_any_case(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    static const char payload[] = "{\"iss\":\"http://poster\"}";
    brama_str token = fixture_token(&f, f.stranger, KID, payload);
    const struct brama_decision *d =
        fixture_ask_with(&f, "GET", "here.kyma.example", "/here_location", token);
    EXPECT("a stranger's signature",
           d->reason == BRAMA_REASON_SIGNATURE_INVALID && d->status == 401);
    token = fixture_token(&f, f.key, KID, payload);
    brama_str line = brama_arena_printf(&f.arena, "Authorization: bEARER %.*s", BRAMA_FMT(token));
    const char *headers[] = {line.p, NULL};
    d = fixture_ask(&f, "GET", "here.kyma.example", "/here_location?location=Massy", headers);
    EXPECT("any case", d->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT_STR("the query untouched", d->target, BRAMA_STR("/here_location?location=Massy"));
    EXPECT_STR("Oathkeeper's Host", fixture_upstream_header(&f, "Host"),
               BRAMA_STR("here.shop.svc.cluster.local:80"));
    EXPECT_STR("the outer host", fixture_upstream_header(&f, "x-forwarded-host"),
               BRAMA_STR("here.kyma.example"));
    fixture_deinit(&f);
}

int test_ory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ory_rules_answer_as_oathkeeper_does),
        cmocka_unit_test(a_wrong_key_is_refused_and_bearer_is_read_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
