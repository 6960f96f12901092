/* extAuth: what an authorizer is told of the request's body, and by the gateway of the client.
 * istio-jwt.md 5.1, 5.2. */
#include "fixture.h"

static const char rules[] =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n"
    "  mesh: |\n    extensionProviders:\n"
    "    - name: gate\n      envoyExtAuthzHttp: {service: gate.auth.svc.cluster.local, port: 80}\n"
    "    - name: told\n      envoyExtAuthzHttp: {service: gate.auth.svc.cluster.local, port: 80, "
    "failOpen: true, statusOnError: '503', includeRequestBodyInCheck: {maxRequestBytes: 4}}\n"
    "    - name: part\n      envoyExtAuthzHttp: {service: gate.auth.svc.cluster.local, port: 80, "
    "includeRequestBodyInCheck: {maxRequestBytes: 4, allowPartialMessage: true}}\n"
    "    - name: edge\n      envoyExtAuthzHttp: {service: gate.auth.svc.cluster.local, port: 80, "
    "includeRequestHeadersInCheck: [X-Forwarded-*, x-request-id, '*-address'], "
    "includeAdditionalHeadersInCheck: {x-forwarded-proto: fixed}}\n---\n"
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
    "  service: {name: orders, port: 80}\n  rules:\n"
    "  - {path: /open, methods: [GET], extAuth: {authorizers: [gate]}}\n"
    "  - {path: /edge, methods: [GET], extAuth: {authorizers: [edge]}}\n"
    "  - {path: /told, methods: [GET], extAuth: {authorizers: [told]}}\n"
    "  - {path: /part, methods: [GET], extAuth: {authorizers: [part]}}\n";

#define HOST "orders.kyma.example"

static const struct brama_call_answer yes = {.end = BRAMA_CALL_ANSWERED, .status = 200};

static void the_gateway_speaks_for_itself(void **state)
{
    (void)state;
    static const char *const forged[] = {"X-Forwarded-For: 10.0.0.1",
                                         "X-Forwarded-Host: elsewhere",
                                         "X-Forwarded-Client-Cert: By=me",
                                         "X-Request-Id: mine",
                                         "X-Envoy-External-Address: 10.0.0.1",
                                         "X-Home-Address: here",
                                         NULL};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &yes;
    f.answer_count = 1;
    f.connection.peer = (struct brama_f_address){.family = 2, .port = 99, .ip = {192, 0, 2, 7}};
    fixture_ask(&f, "GET", HOST, "/edge", forged);
    const struct brama_call *call = &f.calls[0];
    EXPECT_STR("who sent it", fixture_call_header(call, "x-forwarded-for"), BRAMA_STR("192.0.2.7"));
    EXPECT_STR("to whom", fixture_call_header(call, "x-forwarded-host"), BRAMA_STR(HOST));
    EXPECT_STR("as its id", fixture_call_header(call, "x-request-id"), BRAMA_STR("id-1"));
    EXPECT_STR("as Envoy says it", fixture_call_header(call, "x-envoy-external-address"),
               BRAMA_STR("192.0.2.7"));
    EXPECT_STR("the mesh's own over ours", fixture_call_header(call, "x-forwarded-proto"),
               BRAMA_STR("fixed"));
    EXPECT_STR("the client's where it is his", fixture_call_header(call, "x-home-address"),
               BRAMA_STR("here"));
    EXPECT("no more", call->header_count == 6);
    f.connection.peer.family = 0;
    fixture_ask(&f, "GET", HOST, "/edge", forged);
    EXPECT("nothing where nobody knows",
           fixture_call_header(&f.calls[0], "x-forwarded-for").p == NULL);
    fixture_deinit(&f);
}

static const struct {
    const char *name, *path;
    struct brama_request_body body;
    enum brama_verdict verdict;
    enum brama_reason reason;
    const char *told, *partial; /* NULL: nobody is asked; no header */
} sorts[] = {
    {"no body",
     "/told",
     {.state = BRAMA_BODY_NONE},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "",
     NULL},
    {"one that nobody has read yet",
     "/told",
     {.state = BRAMA_BODY_COMING},
     BRAMA_VERDICT_READ,
     BRAMA_REASON_CALL_NEEDED,
     NULL,
     NULL},
    {"as many bytes as may be told, and perhaps more",
     "/told",
     {.state = BRAMA_BODY_COMING, .bytes = BRAMA_LIT("abcd")},
     BRAMA_VERDICT_READ,
     BRAMA_REASON_CALL_NEEDED,
     NULL,
     NULL},
    {"as many, and no more",
     "/told",
     {.state = BRAMA_BODY_WHOLE, .bytes = BRAMA_LIT("abcd")},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "abcd",
     "false"},
    {"one more",
     "/told",
     {.state = BRAMA_BODY_COMING, .bytes = BRAMA_LIT("abcde")},
     BRAMA_VERDICT_DENY,
     BRAMA_REASON_BODY_TOO_LARGE,
     NULL,
     NULL},
    {"one more in all",
     "/told",
     {.state = BRAMA_BODY_WHOLE, .bytes = BRAMA_LIT("abcde")},
     BRAMA_VERDICT_DENY,
     BRAMA_REASON_BODY_TOO_LARGE,
     NULL,
     NULL},
    {"one more that is announced",
     "/told",
     {.state = BRAMA_BODY_COMING, .length = 5},
     BRAMA_VERDICT_DENY,
     BRAMA_REASON_BODY_TOO_LARGE,
     NULL,
     NULL},
    {"one that can't be kept, whatever failOpen says",
     "/told",
     {.state = BRAMA_BODY_NO_ROOM},
     BRAMA_VERDICT_DENY,
     BRAMA_REASON_CALL_BUSY,
     NULL,
     NULL},
    {"a part of one, when there is enough of it",
     "/part",
     {.state = BRAMA_BODY_COMING, .bytes = BRAMA_LIT("abcd"), .length = 5},
     BRAMA_VERDICT_READ,
     BRAMA_REASON_CALL_NEEDED,
     NULL,
     NULL},
    {"then its beginning",
     "/part",
     {.state = BRAMA_BODY_COMING, .bytes = BRAMA_LIT("abcdefg"), .length = 100},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "abcd",
     "true"},
    {"likewise where all is there",
     "/part",
     {.state = BRAMA_BODY_WHOLE, .bytes = BRAMA_LIT("abcde")},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "abcd",
     "true"},
    {"or all of it",
     "/part",
     {.state = BRAMA_BODY_WHOLE, .bytes = BRAMA_LIT("abc")},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "abc",
     "false"},
    {"who isn't told it isn't",
     "/open",
     {.state = BRAMA_BODY_COMING, .bytes = BRAMA_LIT("abc"), .length = 100},
     BRAMA_VERDICT_ALLOW,
     BRAMA_REASON_ALLOWED,
     "",
     NULL},
};

static void a_body_is_told_as_the_mesh_says(void **state)
{
    (void)state;
    static const char *const forged[] = {"X-Envoy-Auth-Partial-Body: false", NULL};
    struct fixture f;
    fixture_init(&f, rules);
    f.answers = &yes;
    f.answer_count = 1;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(sorts); i++) {
        f.body = sorts[i].body;
        const struct brama_decision *d = fixture_ask(&f, "GET", HOST, sorts[i].path, forged);
        EXPECT(sorts[i].name, d->verdict == sorts[i].verdict);
        EXPECT(sorts[i].name, d->reason == sorts[i].reason);
        EXPECT(sorts[i].name, d->verdict != BRAMA_VERDICT_READ || d->read_bytes == 4);
        EXPECT(sorts[i].name, f.call_count == (sorts[i].told != NULL));
        if (d->reason == BRAMA_REASON_BODY_TOO_LARGE)
            EXPECT(sorts[i].name, d->status == 413);
        if (f.call_count == 0)
            continue;
        EXPECT_STR(sorts[i].name, f.calls[0].body, brama_str_c(sorts[i].told));
        brama_str partial = fixture_call_header(&f.calls[0], "x-envoy-auth-partial-body");
        EXPECT(sorts[i].name, (partial.p != NULL) == (sorts[i].partial != NULL));
        if (sorts[i].partial != NULL)
            EXPECT_STR(sorts[i].name, partial, brama_str_c(sorts[i].partial));
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_told_as_the_mesh_says),
        cmocka_unit_test(the_gateway_speaks_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
