/* Handlers that ask somebody: what they send, and what they make of each answer. The answers are
 * the test's; the flow tests have real servers. oathkeeper.md 2.6, 2.7, and the rows of 7.5
 * and 7.6. */
#include "fixture.h"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n"
    "  - path: /plain\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'https://idp/oauth2/introspect?a=b'}}]\n"
    "    mutators: [{handler: header, config: {headers: {X-A: '{{ .Subject }} {{ .Extra.k }} {{ "
    ".Extra.aud }} {{ .Extra.username }}'}}}]\n"
    "  - path: /full\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://idp:8080/i', required_scope: [a, b], target_audience: "
    "[me], trusted_issuers: [them], introspection_request_headers: {X-Test: one, Content-Type: "
    "text/plain}}}]\n"
    "  - path: /told\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://idp/i', required_scope: [a, b], scope_strategy: none}}]\n"
    "  - path: /pre\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://idp/i', pre_authorization: {enabled: true, client_id: "
    "'i d', client_secret: 's:t', token_url: 'http://idp/token', scope: [foo, bar]}}}]\n"
    "  - path: /kept\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://idp/i', cache: {enabled: true, ttl: 60s}}}]\n"
    "  - path: /kept-briefly\n    methods: [GET]\n    accessStrategies: [{handler: "
    "oauth2_introspection, config: {introspection_url: 'http://idp/i', cache: {enabled: true, ttl: "
    "5s}}}]\n"
    "  - path: /kept-scoped\n    methods: [GET]\n    accessStrategies: [{handler: "
    "oauth2_introspection, config: {introspection_url: 'http://idp/i', required_scope: [b], cache: "
    "{enabled: true, ttl: 60s}}}]\n"
    "  - path: /gone\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://gone/i'}}]\n"
    "  - path: /chain\n    methods: [GET]\n    accessStrategies: [{handler: oauth2_introspection, "
    "config: {introspection_url: 'http://idp/i', token_from: {header: X-Token}}}, {handler: "
    "oauth2_client_credentials, config: {token_url: 'http://idp/token'}}]\n"
    "  - path: /basic\n    methods: [GET]\n    accessStrategies: [{handler: "
    "oauth2_client_credentials, config: {token_url: 'http://idp/token', required_scope: [a, b], "
    "cache: {enabled: true}}}]\n"
    "    mutators: [{handler: header, config: {headers: {X-A: '{{ .Subject }}'}}}]\n";

static const char hydrated[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n"
    "  - path: /users/(.*)\n    methods: [GET]\n    accessStrategies: [{handler: anonymous}]\n"
    "    mutators: [{handler: header, config: {headers: {X-Before: one}}}, {handler: hydrator, "
    "config: {api: {url: 'http://api/hydrate?mine=1', auth: {basic: {username: u, password: "
    "'p+w'}}}}}, {handler: header, config: {headers: {X-A: '{{ print .Extra.role }}'}}}]\n";

static void a_hydrator_gets_the_session_and_gives_it_back(void **state)
{
    (void)state;
    static const struct {
        const char *name, *body, *role; /* role NULL: refused */
        uint16_t code;
    } answered[] = {
        {"more in it", "{\"subject\":\"anonymous\",\"extra\":{\"role\":\"admin\"}}", "admin", 200},
        {"less in it", "{\"subject\":\"anonymous\"}", "", 200},
        {"another subject", "{\"subject\":\"admin\",\"extra\":{\"role\":\"admin\"}}", NULL, 200},
        {"nothing in it", "{}", NULL, 200},
        {"not JSON", "yes", NULL, 200},
        {"extra that isn't an object", "{\"subject\":\"anonymous\",\"extra\":[]}", NULL, 200},
        {"not 200", "{\"subject\":\"anonymous\"}", NULL, 201},
        {"a header that ends the line",
         "{\"subject\":\"anonymous\",\"header\":{\"X-B\":[\"a\\r\\nX-C: d\"]}}", NULL, 200},
        {"a header whose name is none",
         "{\"subject\":\"anonymous\",\"header\":{\"X-\xc3\xa9\":[\"a\"]}}", NULL, 200},
        {"a header that isn't the session's",
         "{\"subject\":\"anonymous\",\"header\":{\"Host\":[\"other\"]}}", NULL, 200},
    };
    static const char *const headers[] = {"X-Mine: 1", "X-Forwarded-For: 1.2.3.4", NULL};
    struct fixture f;
    fixture_init(&f, hydrated);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(answered); i++) {
        struct brama_call_answer answer = {.end = BRAMA_CALL_ANSWERED,
                                           .status = answered[i].code,
                                           .body = brama_str_c(answered[i].body)};
        f.answers = &answer;
        f.answer_count = 1;
        const struct brama_decision *d =
            fixture_ask(&f, "GET", "here.kyma.example", "/users/7?a=b", headers);
        EXPECT(answered[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (answered[i].role != NULL));
        if (answered[i].role != NULL)
            EXPECT_STR(answered[i].name, fixture_upstream_header(&f, "X-A"),
                       brama_str_c(answered[i].role));
        else
            EXPECT(answered[i].name, d->reason == BRAMA_REASON_MUTATOR_FAILED && d->status == 500);
    }
    const struct brama_call *call = &f.calls[0];
    EXPECT("what an earlier mutator set is lost",
           fixture_upstream_header(&f, "X-Before").p == NULL);
    EXPECT_STR("the request's query", call->target, BRAMA_STR("/hydrate?a=b"));
    EXPECT_STR("its credentials", fixture_call_header(call, "authorization"),
               BRAMA_STR("Basic dTpwK3c="));
    EXPECT_STR("the request's headers", fixture_call_header(call, "x-mine"), BRAMA_STR("1"));
    EXPECT("none that only the gateway may write",
           fixture_call_header(call, "x-forwarded-for").p == NULL);
    EXPECT_STR("the session", call->body,
               BRAMA_STR("{\"subject\":\"anonymous\",\"extra\":null,\"header\":{\"X-Server\":["
                         "\"oathkeeper\"],\"X-Before\":[\"one\"]},\"match_context\":{\"regexp_"
                         "capture_groups\":[\"https\",\"/users/7\",\"7\"],\"url\":{\"Scheme\":"
                         "\"https\",\"Host\":\"here.kyma.example\",\"Path\":\"/users/7\","
                         "\"RawQuery\":\"a=b\"},\"method\":\"GET\",\"header\":{\"X-Mine\":[\"1\"]}}"
                         "}"));
    fixture_deinit(&f);
}

#define BEARER "Authorization: Bearer opaque"
#define BASIC "Authorization: Basic dXMlMjBlcjpwK3c=" /* us%20er:p+w */

static const struct {
    const char *name, *target, *header, *answer;
    unsigned code; /* of the answer */
    enum brama_call_end end;
    uint16_t status; /* ours; 0: allowed */
    enum brama_reason reason;
} rows[] = {
    {"active", "/plain", BEARER, "{\"active\":true}", 200, BRAMA_CALL_ANSWERED, 0,
     BRAMA_REASON_ALLOWED},
    {"not active", "/plain", BEARER, "{\"active\":false}", 200, BRAMA_CALL_ANSWERED, 401,
     BRAMA_REASON_TOKEN_INACTIVE},
    {"says nothing of it", "/plain", BEARER, "{}", 200, BRAMA_CALL_ANSWERED, 401,
     BRAMA_REASON_TOKEN_INACTIVE},
    {"active as a word", "/plain", BEARER, "{\"active\":\"true\"}", 200, BRAMA_CALL_ANSWERED, 500,
     BRAMA_REASON_CALL_FAILED},
    {"expired this very second", "/plain", BEARER, "{\"active\":true,\"exp\":1800000000}", 200,
     BRAMA_CALL_ANSWERED, 401, BRAMA_REASON_TOKEN_EXPIRED},
    {"a fraction of a second", "/plain", BEARER, "{\"active\":true,\"exp\":1800000001.5}", 200,
     BRAMA_CALL_ANSWERED, 500, BRAMA_REASON_CALL_FAILED},
    {"another use", "/plain", BEARER, "{\"active\":true,\"token_use\":\"refresh_token\"}", 200,
     BRAMA_CALL_ANSWERED, 403, BRAMA_REASON_TOKEN_USE},
    {"not JSON", "/plain", BEARER, "active", 200, BRAMA_CALL_ANSWERED, 500,
     BRAMA_REASON_CALL_FAILED},
    {"null", "/plain", BEARER, "null", 200, BRAMA_CALL_ANSWERED, 500, BRAMA_REASON_CALL_FAILED},
    {"nothing", "/plain", BEARER, "", 200, BRAMA_CALL_ANSWERED, 500, BRAMA_REASON_CALL_FAILED},
    {"two answers in one", "/plain", BEARER, "{\"active\":false,\"active\":true}", 200,
     BRAMA_CALL_ANSWERED, 500, BRAMA_REASON_CALL_FAILED},
    {"201 isn't 200", "/plain", BEARER, "{\"active\":true}", 201, BRAMA_CALL_ANSWERED, 500,
     BRAMA_REASON_CALL_FAILED},
    {"401", "/plain", BEARER, "", 401, BRAMA_CALL_ANSWERED, 500, BRAMA_REASON_CALL_FAILED},
    {"too many asked", "/plain", BEARER, "", 429, BRAMA_CALL_ANSWERED, 429,
     BRAMA_REASON_CALL_FAILED},
    {"no connection", "/plain", BEARER, "", 0, BRAMA_CALL_FAILED, 500, BRAMA_REASON_CALL_FAILED},
    {"too late", "/plain", BEARER, "", 0, BRAMA_CALL_TIMEOUT, 500, BRAMA_REASON_CALL_FAILED},
    {"too much", "/plain", BEARER, "", 0, BRAMA_CALL_TOO_BIG, 500, BRAMA_REASON_CALL_FAILED},
    {"all that is required", "/full", BEARER,
     "{\"active\":true,\"scope\":\"b a\",\"aud\":[\"x\",\"me\"],\"iss\":\"them\"}", 200,
     BRAMA_CALL_ANSWERED, 0, BRAMA_REASON_ALLOWED},
    {"the audience as one text", "/full", BEARER,
     "{\"active\":true,\"scope\":\"b a\",\"aud\":\"me\",\"iss\":\"them\"}", 200,
     BRAMA_CALL_ANSWERED, 0, BRAMA_REASON_ALLOWED},
    {"a scope short", "/full", BEARER,
     "{\"active\":true,\"scope\":\"a\",\"aud\":\"me\",\"iss\":\"them\"}", 200, BRAMA_CALL_ANSWERED,
     403, BRAMA_REASON_SCOPE_MISSING},
    {"another audience", "/full", BEARER,
     "{\"active\":true,\"scope\":\"a b\",\"aud\":\"you\",\"iss\":\"them\"}", 200,
     BRAMA_CALL_ANSWERED, 403, BRAMA_REASON_AUDIENCE_MISSING},
    {"another issuer", "/full", BEARER,
     "{\"active\":true,\"scope\":\"a b\",\"aud\":\"me\",\"iss\":\"us\"}", 200, BRAMA_CALL_ANSWERED,
     403, BRAMA_REASON_ISSUER_UNKNOWN},
    {"without a strategy the server looks at scopes", "/told", BEARER,
     "{\"active\":true,\"scope\":\"z\"}", 200, BRAMA_CALL_ANSWERED, 0, BRAMA_REASON_ALLOWED},
    {"a token for the credentials", "/basic", BASIC, "{\"access_token\":\"t\"}", 200,
     BRAMA_CALL_ANSWERED, 0, BRAMA_REASON_ALLOWED},
    {"an empty one", "/chain", BASIC, "{\"access_token\":\"\"}", 200, BRAMA_CALL_ANSWERED, 401,
     BRAMA_REASON_CREDENTIALS_REFUSED},
    {"refused", "/chain", BASIC, "", 401, BRAMA_CALL_ANSWERED, 401,
     BRAMA_REASON_CREDENTIALS_REFUSED},
    {"forbidden", "/chain", BASIC, "", 403, BRAMA_CALL_ANSWERED, 401,
     BRAMA_REASON_CREDENTIALS_REFUSED},
    {"no such endpoint", "/chain", BASIC, "", 404, BRAMA_CALL_ANSWERED, 404,
     BRAMA_REASON_CALL_FAILED},
    {"its own failure", "/chain", BASIC, "", 500, BRAMA_CALL_ANSWERED, 500,
     BRAMA_REASON_CALL_FAILED},
    {"unavailable", "/chain", BASIC, "", 503, BRAMA_CALL_ANSWERED, 503, BRAMA_REASON_CALL_FAILED},
    {"late behind it", "/chain", BASIC, "", 504, BRAMA_CALL_ANSWERED, 504,
     BRAMA_REASON_CALL_FAILED},
    {"not JSON", "/chain", BASIC, "token", 200, BRAMA_CALL_ANSWERED, 503, BRAMA_REASON_CALL_FAILED},
    {"no connection", "/chain", BASIC, "", 0, BRAMA_CALL_FAILED, 503, BRAMA_REASON_CALL_FAILED},
};

static const struct brama_decision *ask(struct fixture *f, const char *target, const char *header)
{
    const char *headers[] = {header, NULL};
    return fixture_ask(f, "GET", "here.kyma.example", target, headers);
}

static void answers_are_judged(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str body = expect_exact(brama_str_c(rows[i].answer));
        struct brama_call_answer answer = {
            .end = rows[i].end, .status = (uint16_t)rows[i].code, .body = body};
        f.answers = &answer;
        f.answer_count = 1;
        const struct brama_decision *d = ask(&f, rows[i].target, rows[i].header);
        if (d->reason != rows[i].reason)
            fail_msg("%s: got %s, want %s", rows[i].name, brama_reason_name(d->reason),
                     brama_reason_name(rows[i].reason));
        EXPECT(rows[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (rows[i].status == 0));
        EXPECT(rows[i].name, rows[i].status == 0 || d->status == rows[i].status);
        EXPECT(rows[i].name, f.call_count == 1);
        expect_free(body);
    }
    fixture_deinit(&f);
}

static void without_credentials_nobody_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *target, *header;
        enum brama_reason reason;
    } none[] = {
        {"no token", "/plain", NULL, BRAMA_REASON_TOKEN_MISSING},
        {"a bearer isn't basic", "/basic", BEARER, BRAMA_REASON_NOT_RESPONSIBLE},
        {"basic without a colon", "/basic",
         "Authorization: Basic YWI=", BRAMA_REASON_NOT_RESPONSIBLE},
        {"a percent sign that begins nothing", "/basic",
         "Authorization: Basic YSV6OmI=", BRAMA_REASON_CREDENTIALS_REFUSED},
        {"no address is known", "/gone", BEARER, BRAMA_REASON_CALL_FAILED},
    };
    struct brama_call_answer yes = {
        .end = BRAMA_CALL_ANSWERED, .status = 200, .body = BRAMA_LIT("{\"active\":true}")};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &yes;
    f.answer_count = 1;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(none); i++) {
        const struct brama_decision *d = ask(&f, none[i].target, none[i].header);
        if (d->reason != none[i].reason)
            fail_msg("%s: got %s", none[i].name, brama_reason_name(d->reason));
        EXPECT(none[i].name, d->verdict == BRAMA_VERDICT_DENY && f.call_count == 0);
    }
    f.answer_count = 0;
    const struct brama_decision *d = ask(&f, "/plain", BEARER);
    EXPECT("nobody may be asked",
           d->verdict == BRAMA_VERDICT_DENY && d->reason == BRAMA_REASON_CALL_NEEDED);
    fixture_deinit(&f);
}

static void calls_say_what_oathkeeper_says(void **state)
{
    (void)state;
    static const struct brama_call_answer answers[] = {
        {.end = BRAMA_CALL_ANSWERED, .status = 200, .body = BRAMA_LIT("{\"access_token\":\"t1\"}")},
        {.end = BRAMA_CALL_ANSWERED,
         .status = 200,
         .body = BRAMA_LIT("{\"active\":true,\"sub\":\"alice\",\"ext\":{\"k\":\"v\"},\"aud\":\"x\","
                           "\"username\":\"al\"}")}};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = answers + 1;
    f.answer_count = 1;
    ask(&f, "/plain", "Authorization: Bearer a+b");
    EXPECT("https", f.calls[0].tls && f.calls[0].port == 443);
    EXPECT_STR("host", f.calls[0].host, BRAMA_STR("idp"));
    EXPECT_STR("target", f.calls[0].target, BRAMA_STR("/oauth2/introspect?a=b"));
    EXPECT_STR("form", f.calls[0].body, BRAMA_STR("token=a%2Bb"));
    EXPECT_STR("type", fixture_call_header(&f.calls[0], "content-type"),
               BRAMA_STR("application/x-www-form-urlencoded"));
    EXPECT("the client's own headers stay here",
           fixture_call_header(&f.calls[0], "authorization").p == NULL);
    EXPECT_STR("session", fixture_upstream_header(&f, "X-A"), BRAMA_STR("alice v [x] al"));
    ask(&f, "/full", BEARER);
    EXPECT_STR("authority", f.calls[0].authority, BRAMA_STR("idp:8080"));
    EXPECT_STR("a header of the rule", fixture_call_header(&f.calls[0], "x-test"),
               BRAMA_STR("one"));
    EXPECT_STR("but for its type", fixture_call_header(&f.calls[0], "content-type"),
               BRAMA_STR("application/x-www-form-urlencoded"));
    EXPECT_STR("no scope where we look ourselves", f.calls[0].body, BRAMA_STR("token=opaque"));
    ask(&f, "/told", BEARER);
    EXPECT_STR("scopes for the server", f.calls[0].body, BRAMA_STR("scope=a+b&token=opaque"));
    f.answers = answers;
    f.answer_count = 2;
    ask(&f, "/pre", BEARER);
    EXPECT("first a token of our own", f.call_count == 2);
    EXPECT_STR("grant", f.calls[0].body, BRAMA_STR("grant_type=client_credentials&scope=foo+bar"));
    EXPECT_STR("each part encoded", fixture_call_header(&f.calls[0], "authorization"),
               BRAMA_STR("Basic aStkOnMlM0F0")); /* i+d:s%3At */
    EXPECT_STR("then with it", fixture_call_header(&f.calls[1], "authorization"),
               BRAMA_STR("Bearer t1"));
    f.answers = answers + 1;
    ask(&f, "/pre", "Authorization: Bearer other");
    EXPECT("the token is kept", f.call_count == 1);
    f.answers = answers;
    ask(&f, "/basic", BASIC);
    EXPECT_STR("decoded and encoded", fixture_call_header(&f.calls[0], "authorization"),
               BRAMA_STR("Basic dXMrZXI6cCt3")); /* us+er:p+w */
    EXPECT_STR("subject", fixture_upstream_header(&f, "X-A"), BRAMA_STR("us er"));
    fixture_deinit(&f);
}

static bool asked(struct fixture *f, const char *target, const char *header)
{
    ask(f, target, header);
    return f->call_count != 0;
}

/* oathkeeper.md 7.5: and everything is judged anew on each hit. */
static void kept_answers_are_for_the_same_call_alone(void **state)
{
    (void)state;
    struct brama_call_answer yes = {
        .end = BRAMA_CALL_ANSWERED,
        .status = 200,
        .body = BRAMA_LIT("{\"active\":true,\"scope\":\"a\",\"exp\":1800000030}")};
    struct brama_call_answer no = {
        .end = BRAMA_CALL_ANSWERED, .status = 200, .body = BRAMA_LIT("{\"active\":false}")};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &no;
    f.answer_count = 1;
    EXPECT("a no is asked", asked(&f, "/kept", BEARER));
    EXPECT("and never kept", asked(&f, "/kept", BEARER));
    f.answers = &yes;
    EXPECT("a yes is asked", asked(&f, "/kept", BEARER));
    EXPECT("once", !asked(&f, "/kept", BEARER) && f.decision.verdict == BRAMA_VERDICT_ALLOW);
    EXPECT("for this token", asked(&f, "/kept", "Authorization: Bearer opaquf"));
    EXPECT("without a cache always", asked(&f, "/plain", BEARER) && asked(&f, "/plain", BEARER));
    EXPECT("another rule judges it by its own scopes", !asked(&f, "/kept-scoped", BEARER));
    EXPECT("with its own answer", f.decision.reason == BRAMA_REASON_SCOPE_MISSING);
    EXPECT("while it is as young as that rule wants it", !asked(&f, "/kept-briefly", BEARER));
    f.later_s = 6;
    EXPECT("and no longer", asked(&f, "/kept-briefly", BEARER));
    fixture_deinit(&f);
    fixture_init(&f, rules);
    f.answers = &yes;
    f.answer_count = 1;
    EXPECT("anew", asked(&f, "/kept", BEARER));
    f.later_s = 30;
    EXPECT("its end holds", !asked(&f, "/kept", BEARER));
    EXPECT("as a refusal", f.decision.reason == BRAMA_REASON_TOKEN_EXPIRED);
    f.later_s = 60;
    EXPECT("after its time it is asked again", asked(&f, "/kept", BEARER));
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(without_credentials_nobody_is_asked),
        cmocka_unit_test(calls_say_what_oathkeeper_says),
        cmocka_unit_test(a_hydrator_gets_the_session_and_gives_it_back),
        cmocka_unit_test(kept_answers_are_for_the_same_call_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
