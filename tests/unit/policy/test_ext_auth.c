/* extAuth: what an authorizer is asked, and what its answers do. istio-jwt.md 5.1, 5.2; apirule.md
 * 4.6. */
#include "fixture.h"

#define MESH(more)                                                                                 \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n"   \
    "  mesh: |\n    extensionProviders:\n"                                                         \
    "    - name: door\n      envoyExtAuthzHttp: {service: door.auth.svc.cluster.local, port: "     \
    "8080, pathPrefix: /check, includeRequestHeadersInCheck: [cookie, x-ask-*, '*-too'], "         \
    "includeAdditionalHeadersInCheck: {x-ask-who: brama, x-from: '%REQ(X-Org)%@%REQ(:authority)% " \
    "100%%', "                                                                                     \
    "x-none: '%REQ(X-Forwarded-For)%'}, headersToUpstreamOnAllow: "                                \
    "[x-user, authorization], headersToDownstreamOnAllow: [set-cookie], "                          \
    "headersToDownstreamOnDeny: [set-cookie]" more "}\n"                                           \
    "    - name: gate\n      envoyExtAuthzHttp: {service: gate.auth.svc.cluster.local, port: 80, " \
    "failOpen: true, statusOnError: '503'}\n---\n"

static const char rules[] = MESH(
    "") "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
        "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
        "  service: {name: orders, port: 80}\n  rules:\n"
        "  - {path: /one, methods: [GET, POST], extAuth: {authorizers: [door]}, request: {headers: "
        "{X-User: '%REQ(X-User)%', X-Gone: here, X-Rule: ours}}}\n"
        "  - {path: /both, methods: [GET], extAuth: {authorizers: [door, gate]}}\n"
        "  - {path: /open, methods: [GET], extAuth: {authorizers: [gate]}}\n"
        "  - path: /token\n    methods: [GET]\n    extAuth: {authorizers: [door], restrictions: "
        "{authentications: [{issuer: i, jwksUri: \"https://idp.example/keys\"}], authorizations: "
        "[{requiredScopes: [read]}]}}\n"
        "  - {path: /free, methods: [GET], noAuth: true}\n";

#define HOST "orders.kyma.example"
#define ANSWER(code, text)                                                                         \
    {                                                                                              \
        .end = BRAMA_CALL_ANSWERED, .status = (code), .body = BRAMA_LIT(text)                      \
    }
#define TOKEN_OK "{\"iss\":\"i\",\"sub\":\"me\",\"scope\":\"read\",\"exp\":1800000600}"
#define TOKEN_POOR "{\"iss\":\"i\",\"sub\":\"me\",\"exp\":1800000600}"

static const struct {
    const char *name, *method, *target, *token;
    struct brama_call_answer answers[2];
    size_t asked;
    uint16_t status; /* 0: allowed */
    enum brama_reason reason;
    const char *body;
} rows[] = {
    {"200 lets in", "GET", "/one", NULL, {ANSWER(200, "ignored")}, 1, 0, BRAMA_REASON_ALLOWED, ""},
    {"201 doesn't",
     "GET",
     "/one",
     NULL,
     {ANSWER(201, "made")},
     1,
     201,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "made"},
    {"a redirect is the answer",
     "GET",
     "/one",
     NULL,
     {ANSWER(302, "")},
     1,
     302,
     BRAMA_REASON_EXT_AUTH_DENIED,
     ""},
    {"so is a refusal, word by word",
     "GET",
     "/one",
     NULL,
     {ANSWER(401, "who?")},
     1,
     401,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "who?"},
    {"5xx is none",
     "GET",
     "/one",
     NULL,
     {ANSWER(503, "down")},
     1,
     403,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"no connection",
     "GET",
     "/one",
     NULL,
     {{.end = BRAMA_CALL_FAILED}},
     1,
     403,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"too late",
     "GET",
     "/one",
     NULL,
     {{.end = BRAMA_CALL_TIMEOUT}},
     1,
     403,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"both have to say yes",
     "GET",
     "/both",
     NULL,
     {ANSWER(200, ""), ANSWER(200, "")},
     2,
     0,
     BRAMA_REASON_ALLOWED,
     ""},
    {"the second says no",
     "GET",
     "/both",
     NULL,
     {ANSWER(200, ""), ANSWER(403, "no")},
     2,
     403,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "no"},
    {"the first no ends it",
     "GET",
     "/both",
     NULL,
     {ANSWER(403, "no"), ANSWER(200, "")},
     1,
     403,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "no"},
    {"failOpen lets in where there is no answer",
     "GET",
     "/open",
     NULL,
     {{.end = BRAMA_CALL_FAILED}},
     1,
     0,
     BRAMA_REASON_ALLOWED,
     ""},
    {"and where it is 5xx",
     "GET",
     "/open",
     NULL,
     {ANSWER(500, "")},
     1,
     0,
     BRAMA_REASON_ALLOWED,
     ""},
    {"not where it says no",
     "GET",
     "/open",
     NULL,
     {ANSWER(401, "no")},
     1,
     401,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "no"},
    {"nor where it says too much",
     "GET",
     "/open",
     NULL,
     {{.end = BRAMA_CALL_TOO_BIG}},
     1,
     503,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"nor where it wasn't asked, for others wait",
     "GET",
     "/open",
     NULL,
     {{.end = BRAMA_CALL_BUSY}},
     1,
     503,
     BRAMA_REASON_CALL_BUSY,
     ""},
    {"nor where it began to say no",
     "GET",
     "/open",
     NULL,
     {{.end = BRAMA_CALL_FAILED, .status = 403}},
     1,
     503,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"nor where it says nothing final",
     "GET",
     "/open",
     NULL,
     {ANSWER(103, "")},
     1,
     503,
     BRAMA_REASON_EXT_AUTH_FAILED,
     ""},
    {"with restrictions a token is needed too",
     "GET",
     "/token",
     TOKEN_OK,
     {ANSWER(200, "")},
     1,
     0,
     BRAMA_REASON_ALLOWED,
     ""},
    {"a yes without one",
     "GET",
     "/token",
     NULL,
     {ANSWER(200, "")},
     1,
     403,
     BRAMA_REASON_TOKEN_MISSING,
     "RBAC: access denied"},
    {"a yes with a scope short",
     "GET",
     "/token",
     TOKEN_POOR,
     {ANSWER(200, "")},
     1,
     403,
     BRAMA_REASON_SCOPE_MISSING,
     "RBAC: access denied"},
    {"a good token and a no",
     "GET",
     "/token",
     TOKEN_OK,
     {ANSWER(403, "no")},
     1,
     403,
     BRAMA_REASON_EXT_AUTH_DENIED,
     "no"},
    {"a bad token asks nobody",
     "GET",
     "/token",
     "bad",
     {ANSWER(200, "")},
     0,
     401,
     BRAMA_REASON_TOKEN_MALFORMED,
     "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
    {"an open rule asks nobody",
     "GET",
     "/free",
     NULL,
     {ANSWER(403, "no")},
     0,
     0,
     BRAMA_REASON_ALLOWED,
     ""},
};

static void authorizers_are_asked_and_obeyed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token = BRAMA_NIL;
        if (rows[i].token != NULL)
            token =
                rows[i].token[0] != '{'
                    ? brama_str_c(rows[i].token)
                    : fixture_token(&f, f.key, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", rows[i].token);
        f.answers = rows[i].answers;
        f.answer_count = 2;
        const struct brama_decision *d =
            fixture_ask_with(&f, rows[i].method, HOST, rows[i].target, token);
        if (d->reason != rows[i].reason)
            fail_msg("%s: got %s, want %s", rows[i].name, brama_reason_name(d->reason),
                     brama_reason_name(rows[i].reason));
        EXPECT(rows[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (rows[i].status == 0));
        EXPECT(rows[i].name, f.call_count == rows[i].asked);
        if (rows[i].status == 0)
            continue;
        EXPECT(rows[i].name, d->status == rows[i].status);
        EXPECT_STR(rows[i].name, d->body, brama_str_c(rows[i].body));
    }
    fixture_deinit(&f);
}

static const char *const asking[] = {"Authorization: Basic outer",
                                     "Cookie: a=1",
                                     "X-Ask-A: 1",
                                     "x-ask-a: 2",
                                     "X-Ask-Who: admin",
                                     "X-Me-Too: 3",
                                     "X-Forwarded-For-Too: 10.0.0.1",
                                     "X-Envoy-Too: 1",
                                     "X-Named-Too: 1",
                                     "Connection: x-named-too",
                                     "X-Other: 4",
                                     "X-Org: blue",
                                     "X-None: admin",
                                     "X-User: forged",
                                     NULL};

static void headers_cross_as_the_mesh_says(void **state)
{
    (void)state;
    static const struct brama_header said[] = {
        {BRAMA_LIT("X-User"), BRAMA_LIT("alice")},
        {BRAMA_LIT("Authorization"), BRAMA_LIT("Bearer inner")},
        {BRAMA_LIT("Set-Cookie"), BRAMA_LIT("a=1")},
        {BRAMA_LIT("Set-Cookie"), BRAMA_LIT("b=2")},
        {BRAMA_LIT("X-Secret"), BRAMA_LIT("s")},
        {BRAMA_LIT("Host"), BRAMA_LIT("elsewhere")},
        {BRAMA_LIT("Location"), BRAMA_LIT("/login")},
        {BRAMA_LIT("X-Envoy-Auth-Headers-To-Remove"), BRAMA_LIT("x-gone, Host")}};
    struct brama_call_answer answer = {.end = BRAMA_CALL_ANSWERED,
                                       .status = 200,
                                       .headers = said,
                                       .header_count = BRAMA_ARRAY_LEN(said)};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &answer;
    f.answer_count = 1;
    const struct brama_decision *d = fixture_ask(&f, "POST", HOST, "/one?a=b", asking);
    const struct brama_call *call = &f.calls[0];
    EXPECT_STR("method", call->method, BRAMA_STR("POST"));
    EXPECT_STR("prefix, path and query", call->target, BRAMA_STR("/check/one?a=b"));
    EXPECT_STR("the client's Host", call->authority, BRAMA_STR(HOST));
    EXPECT_STR("whom", call->host, BRAMA_STR("door.auth.svc.cluster.local"));
    EXPECT("where", call->port == 8080 && !call->tls && call->body.n == 0);
    EXPECT_STR("always", fixture_call_header(call, "authorization"), BRAMA_STR("Basic outer"));
    EXPECT_STR("named", fixture_call_header(call, "cookie"), BRAMA_STR("a=1"));
    EXPECT_STR("by a prefix, joined", fixture_call_header(call, "x-ask-a"), BRAMA_STR("1,2"));
    EXPECT_STR("by a suffix", fixture_call_header(call, "x-me-too"), BRAMA_STR("3"));
    EXPECT_STR("the mesh's own stand over the client's", fixture_call_header(call, "x-ask-who"),
               BRAMA_STR("brama"));
    EXPECT_STR("in Envoy's words", fixture_call_header(call, "x-from"),
               BRAMA_STR("blue@" HOST " 100%"));
    EXPECT("none with nothing in it", fixture_call_header(call, "x-none").p == NULL);
    EXPECT("none that only the gateway may write",
           fixture_call_header(call, "x-forwarded-for-too").p == NULL &&
               fixture_call_header(call, "x-envoy-too").p == NULL);
    EXPECT("none that goes on the way", fixture_call_header(call, "x-named-too").p == NULL);
    EXPECT("no others", fixture_call_header(call, "x-other").p == NULL && call->header_count == 6);
    EXPECT_STR("over the rule's own word", fixture_upstream_header(&f, "x-user"),
               BRAMA_STR("alice"));
    EXPECT("what it takes away the rule doesn't bring back",
           fixture_upstream_header(&f, "x-gone").p == NULL);
    EXPECT_STR("the rule's others stand", fixture_upstream_header(&f, "x-rule"), BRAMA_STR("ours"));
    EXPECT_STR("over the client's", fixture_upstream_header(&f, "authorization"),
               BRAMA_STR("Bearer inner"));
    EXPECT("nothing that isn't named", fixture_upstream_header(&f, "x-secret").p == NULL);
    EXPECT("taken out, but for Host", d->upstream_removed_count == 1);
    EXPECT_STR("this one", d->upstream_removed[0], BRAMA_STR("x-gone"));
    EXPECT("for the client, each", d->response_header_count == 2);
    answer.status = 401;
    d = fixture_ask(&f, "POST", HOST, "/one", asking);
    EXPECT_STR("a no's own", fixture_response_header(&f, "set-cookie"), BRAMA_STR("a=1"));
    EXPECT_STR("always", fixture_response_header(&f, "location"), BRAMA_STR("/login"));
    EXPECT("not the rest", fixture_response_header(&f, "x-secret").p == NULL &&
                               fixture_response_header(&f, "x-user").p == NULL);
    d = fixture_ask(&f, "GET", HOST, "/open", NULL);
    EXPECT_STR("without a list all", fixture_response_header(&f, "x-secret"), BRAMA_STR("s"));
    EXPECT("but Host", fixture_response_header(&f, "host").p == NULL);
    fixture_deinit(&f);
}

static void a_header_never_ends_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header;
        size_t asked;
    } sorts[] = {{"a value", "{x-a: b}", 1},
                 {"one with a line's end", "{x-a: \\\"b\\\\nx-c: d\\\"}", 0},
                 {"a prefix with one", "{}, pathPrefix: \\\"/a HTTP/1.1\\\\r\\\\nx-c: d\\\"", 0},
                 {"a name with one", "{\\\"x-a: b\\\\r\\\\nx-c\\\": d}", 0}};
    struct brama_call_answer answer = ANSWER(200, "");
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(sorts); i++) {
        struct fixture f;
        char text[2048];
        (void)snprintf(
            text, sizeof(text),
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
            "data: {mesh: \"extensionProviders: [{name: door, envoyExtAuthzHttp: {service: "
            "door.auth.svc.cluster.local, port: 80, includeAdditionalHeadersInCheck: %s}}]\"}\n"
            "---\napiVersion: gateway.kyma-project.io/v2\nkind: APIRule\n"
            "metadata: {name: orders}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
            "  hosts: [orders]\n  service: {name: orders, port: 80}\n  rules:\n"
            "  - {path: /one, methods: [GET], extAuth: {authorizers: [door]}}\n",
            sorts[i].header);
        fixture_init(&f, text);
        f.answers = &answer;
        f.answer_count = 1;
        const struct brama_decision *d = fixture_ask(&f, "GET", HOST, "/one", NULL);
        EXPECT(sorts[i].name, f.call_count == sorts[i].asked);
        EXPECT(sorts[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (sorts[i].asked != 0));
        fixture_deinit(&f);
    }
}

static void nor_does_one_of_an_answer(void **state)
{
    (void)state;
    static const struct brama_header said[] = {
        {BRAMA_LIT("X-User"), BRAMA_LIT("alice\r\nx-admin: yes")},
        {BRAMA_LIT("X-User"), BRAMA_LIT("alice\n")},
        {BRAMA_LIT("X-User\r\n"), BRAMA_LIT("alice")},
        {{"X\0User", 6}, BRAMA_LIT("alice")},
        {BRAMA_LIT("X-User("), BRAMA_LIT("alice")},
        {BRAMA_LIT("X-User"), {"al\0ice", 6}}};
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(said); i++) {
        struct brama_call_answer answer = {
            .end = BRAMA_CALL_ANSWERED, .status = 200, .headers = &said[i], .header_count = 1};
        f.answers = &answer;
        f.answer_count = 1;
        const struct brama_decision *d = fixture_ask(&f, "GET", HOST, "/one", NULL);
        EXPECT("no answer", d->reason == BRAMA_REASON_EXT_AUTH_FAILED && d->status == 403);
        d = fixture_ask(&f, "GET", HOST, "/open", NULL);
        EXPECT("but one that came", d->reason == BRAMA_REASON_EXT_AUTH_FAILED);
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_never_ends_its_line),
        cmocka_unit_test(authorizers_are_asked_and_obeyed),
        cmocka_unit_test(headers_cross_as_the_mesh_says),
        cmocka_unit_test(nor_does_one_of_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
