/* Headers that the workload is told, in Envoy's words: what they may read, and what of it is shown.
 * apirule.md 4.5; attacks.md P19. */
#include "fixture.h"

#include <arpa/inet.h>

#include "policy/explain.h"
#include "json/read.h"

#define APIRULE(name, host)                                                                        \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  gateway: kyma-system/kyma-gateway\n  hosts: ['" host "']\n"                                 \
    "  service: {name: orders, port: 80}\n  rules:\n"
#define HOST "orders.kyma.example"

static const char open_rule[] =
    "  - {path: /*, methods: [GET, POST], noAuth: true, request: {headers: {X-A: '%s'}}}\n";

/* One rule that sets X-A to the value. */
static void begin(struct fixture *f, const char *value)
{
    char rule[1024], yaml[2048];

    snprintf(rule, sizeof(rule), open_rule, value);
    snprintf(yaml, sizeof(yaml), "%s%s", APIRULE("orders", "orders"), rule);
    fixture_init(f, yaml);
    f->connection = (struct brama_connection){
        .protocol = BRAMA_STR("HTTP/2"),
        .peer = {.family = AF_INET6, .port = 4711, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 7}},
        .local = {.family = AF_INET, .port = 8443, .ip = {10, 0, 0, 1}},
        .tls_version = BRAMA_STR("TLSv1.3"),
        .tls_cipher = BRAMA_STR("TLS_AES_256_GCM_SHA384"),
        .hostname = BRAMA_STR("gate-0")};
}

static bool is_removed(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->decision.upstream_removed_count; i++)
        if (brama_str_eq_nocase(f->decision.upstream_removed[i], brama_str_c(name)))
            return true;
    return false;
}

static const char *const client[] = {"X-Org: blue",
                                     "X-Org: red",
                                     "X-A: forged",
                                     "X-Empty: ",
                                     "Authorization: Basic dTpw",
                                     "Cookie: a=1",
                                     "Cookie: b=2",
                                     "X-Forwarded-For: 10.9.9.9",
                                     "X-Forwarded-Proto: gopher",
                                     "X-Forwarded-Host: evil.example",
                                     "X-Forwarded-Client-Cert: Subject=admin",
                                     "X-Envoy-Original-Path: /admin",
                                     "X-Envoy-External-Address: 10.9.9.9",
                                     "Forwarded: for=10.9.9.9",
                                     "X-Request-Id: mine",
                                     "Connection: x-hop",
                                     NULL};

static void an_operator_reads_what_the_workload_may_know(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *want; /* want NULL: nothing is sent, the client's own neither */
    } rows[] = {
        {"plain text", "gateway", "gateway"},
        {"a header", "%REQ(X-Org)%", "blue"},
        {"its beginning", "%REQ(X-Org):2%", "bl"},
        {"the header itself, as it came", "%REQ(X-A)% and ours", "forged and ours"},
        {"the authority with its port", "%REQ(:AUTHORITY)%", HOST ":8443"},
        {"Host is the same", "%REQ(Host)%", HOST ":8443"},
        {"the method", "%REQ(:METHOD)%", "GET"},
        {"the path as it goes on", "%REQ(:PATH)%", "/a?q=1"},
        {"the path that Envoy knows as the original one", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
         "/a?q=1"},
        {"the scheme", "%REQ(:SCHEME)%", "https"},
        {"all crumbs of the cookie", "%REQ(Cookie)%", "a=1; b=2"},
        {"a credential", "%REQ(Authorization)%", "Basic dTpw"},
        {"a header that isn't there", "%REQ(X-None)%", NULL},
        {"a header that is empty", "%REQ(X-Empty)%", NULL},
        {"text beside it stays", "org=%REQ(X-None)%", "org="},

        {"who calls, never who he says", "%REQ(X-Forwarded-For)%", "2001:db8::7"},
        {"nor in Envoy's own header", "%REQ(X-Envoy-External-Address)%", "2001:db8::7"},
        {"how he calls", "%REQ(X-Forwarded-Proto)%", "https"},
        {"our id of the request", "%REQ(X-Request-Id)%", "id-1"},
        {"no host of his choice", "%REQ(X-Forwarded-Host)%", NULL},
        {"no certificate of his word", "%REQ(X-Forwarded-Client-Cert)%", NULL},
        {"nor in the header of RFC 7239", "%REQ(Forwarded)%", NULL},
        {"no header of the connection", "%REQ(Connection)%", NULL},

        {"his protocol", "%PROTOCOL%", "HTTP/2"},
        {"his address", "%DOWNSTREAM_REMOTE_ADDRESS%", "[2001:db8::7]:4711"},
        {"without port", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8::7"},
        {"the port", "%DOWNSTREAM_REMOTE_PORT%", "4711"},
        {"our address", "%DOWNSTREAM_LOCAL_ADDRESS%", "10.0.0.1:8443"},
        {"without port", "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "10.0.0.1"},
        {"our port", "%DOWNSTREAM_LOCAL_PORT%", "8443"},
        {"TLS", "%DOWNSTREAM_TLS_VERSION%/%DOWNSTREAM_TLS_CIPHER%",
         "TLSv1.3/TLS_AES_256_GCM_SHA384"},
        {"no name in the handshake", "%REQUESTED_SERVER_NAME%", NULL},
        {"the machine", "%HOSTNAME%", "gate-0"},
        {"the time", "%START_TIME(%s)%", "1800000000"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        begin(&f, rows[i].value);
        const struct brama_decision *d =
            fixture_ask(&f, "GET", HOST ":8443", "/b/../a?q=1", client);
        EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_ALLOW);
        EXPECT_STR(rows[i].name, fixture_upstream_header(&f, "X-A"), brama_str_c(rows[i].want));
        EXPECT(rows[i].name, is_removed(&f, "x-a") == (rows[i].want == NULL));
        fixture_deinit(&f);
    }
}

static void what_would_end_a_value_ends_the_request(void **state)
{
    (void)state;
    static char long_line[6000] = "X-Org: ";
    static const struct {
        const char *name, *request, *header;
        enum brama_reason reason;
    } rows[] = {
        {"a control character", "headers: {X-A: '%REQ(X-Org)%'}", "X-Org: a\x01",
         BRAMA_REASON_BAD_REQUEST},
        {"a line", "headers: {X-A: '%REQ(X-Org)%'}", "X-Org: a\r\nb", BRAMA_REASON_BAD_REQUEST},
        {"a cookie that would be two", "cookies: {a: '%REQ(X-Org)%'}", "X-Org: 1; role=admin",
         BRAMA_REASON_BAD_REQUEST},
        {"one that is one", "cookies: {a: '%REQ(X-Org)%'}", "X-Org: 1", BRAMA_REASON_ALLOWED},
        {"a semicolon in a header", "headers: {X-A: '%REQ(X-Org)%'}", "X-Org: 1; role=admin",
         BRAMA_REASON_ALLOWED},
        {"the client's cookies and one more", "headers: {Cookie: '%REQ(Cookie)%; c=3'}",
         "Cookie: a=1; b=2", BRAMA_REASON_ALLOWED},
        {"a long one", "headers: {X-A: '%REQ(X-Org)%'}", long_line, BRAMA_REASON_ALLOWED},
        {"twice a long one", "headers: {X-A: '%REQ(X-Org)%%REQ(X-Org)%'}", long_line,
         BRAMA_REASON_HEADERS_TOO_LARGE},
    };
    memset(long_line + 7, 'a', sizeof(long_line) - 8);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const char *headers[] = {rows[i].header, NULL};
        char yaml[1024];
        struct fixture f;
        snprintf(yaml, sizeof(yaml),
                 "%s  - {path: /*, methods: [GET], noAuth: true, request: {%s}}\n",
                 APIRULE("orders", "orders"), rows[i].request);
        fixture_init(&f, yaml);
        const struct brama_decision *d = fixture_ask(&f, "GET", HOST, "/a", headers);
        EXPECT(rows[i].name, d->reason == rows[i].reason);
        EXPECT(rows[i].name,
               (d->verdict == BRAMA_VERDICT_ALLOW) == (rows[i].reason == BRAMA_REASON_ALLOWED));
        fixture_deinit(&f);
    }
}

static void cookies_are_one_header(void **state)
{
    (void)state;
    static const char rules[] =
        APIRULE("orders", "orders") "  - {path: /*, methods: [GET], noAuth: "
                                    "true, request: {cookies: {org: "
                                    "'%REQ(X-Org)%', fix: '5%%', none: "
                                    "'%REQ(X-None)%'}}}\n";
    struct fixture f;
    fixture_init(&f, rules);
    fixture_ask(&f, "GET", HOST, "/a", client);
    EXPECT_STR("in place of the client's", fixture_upstream_header(&f, "cookie"),
               BRAMA_STR("org=blue; fix=5%; none="));
    fixture_deinit(&f);
}

static void values_are_made_of_the_request_as_it_came(void **state)
{
    (void)state;
    static const char rules[] =
        APIRULE("orders", "orders") "  - {path: /*, methods: [GET], noAuth: true, request: "
                                    "{headers: {X-Org: green, X-A: '%REQ(X-Org)%'}}}\n";
    struct fixture f;
    fixture_init(&f, rules);
    fixture_ask(&f, "GET", HOST, "/a", client);
    EXPECT_STR("the other header is set", fixture_upstream_header(&f, "x-org"), BRAMA_STR("green"));
    EXPECT_STR("and wasn't read", fixture_upstream_header(&f, "x-a"), BRAMA_STR("blue"));
    fixture_deinit(&f);
}

static void a_wildcard_host_tells_what_was_asked_for(void **state)
{
    (void)state;
    static const char rules[] = APIRULE("all", "*.shop.kyma.example") //
        "  - {path: /*, methods: [GET], noAuth: true}\n";
    struct fixture f;
    fixture_init(&f, rules);
    fixture_ask(&f, "GET", "A.shop.kyma.example:81", "/a", client);
    EXPECT_STR("as it came", fixture_upstream_header(&f, "x-forwarded-host"),
               BRAMA_STR("A.shop.kyma.example:81"));
    fixture_deinit(&f);
}

/* The step that speaks of the header, or NULL. */
static const struct brama_trace_step *step_of(const struct fixture *f, const char *header)
{
    for (const struct brama_trace_step *s = f->trace.first; s != NULL; s = s->next)
        if (strcmp(s->step, "header") == 0 && brama_str_starts(s->note, brama_str_c(header)))
            return s;
    return NULL;
}

#define JWT_RULE                                                                                   \
    "  - path: /*\n    methods: [GET]\n    jwt: {authentications: [{issuer: i, jwksUri: "          \
    "\"https://idp.example/keys\", fromHeaders: [{name: X-Token}]}]}\n    request: {headers: "     \
    "{X-A: '%REQ(Authorization)%', X-B: '%REQ(X-Token):20%', X-C: '%REQ(X-No?Cookie)%', X-D: "     \
    "'%REQ(X-Org)%', X-E: '%REQ(X-None)%'}}\n"

static void a_credential_is_set_and_never_shown(void **state)
{
    (void)state;
    struct brama_buf out;
    struct fixture f;
    fixture_init(&f, APIRULE("orders", "orders") JWT_RULE);
    brama_str token = fixture_token(&f, f.key, "{\"alg\":\"RS256\",\"kid\":\"k1\"}",
                                    "{\"iss\":\"i\",\"sub\":\"me\",\"exp\":1800000600}");
    brama_str line = brama_arena_printf(&f.arena, "X-Token: %.*s", BRAMA_FMT(token));
    const char *headers[] = {line.p, "Authorization: Basic c2VjcmV0", "Cookie: sid=verysecret",
                             "X-Org: blue", NULL};
    const struct brama_decision *d = fixture_ask(&f, "GET", HOST, "/a", headers);
    EXPECT("allowed", d->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT_STR("sent", fixture_upstream_header(&f, "x-a"), BRAMA_STR("Basic c2VjcmV0"));
    EXPECT_STR("how long it is", step_of(&f, "X-A")->note, BRAMA_STR("X-A: set, 14 bytes"));
    EXPECT("not what it is", step_of(&f, "X-A")->actual.n == 0);
    EXPECT_STR("in whose words", step_of(&f, "X-D")->expected, BRAMA_STR("%REQ(X-Org)%"));
    EXPECT_STR("also nothing", step_of(&f, "X-E")->note, BRAMA_STR("X-E: nothing to be sent"));

    struct brama_request request = {.method = BRAMA_STR("GET"), .target = BRAMA_STR("/a")};
    struct brama_explanation e = {.request = &request,
                                  .decision = d,
                                  .trace = &f.trace,
                                  .arena = &f.arena,
                                  .in_force = &f.policy,
                                  .all_claims = true};
    brama_buf_init(&out, NULL, 1 << 20);
    brama_explain(&out, &e, NULL);
    brama_str json = brama_buf_str(&out);
    EXPECT("no password", brama_str_find_str(json, BRAMA_STR("c2VjcmV0")) == json.n);
    EXPECT("no cookie", brama_str_find_str(json, BRAMA_STR("verysecret")) == json.n);
    EXPECT("no beginning of a token",
           brama_str_find_str(json, brama_str_head(token, 20)) == json.n);
    EXPECT("but that they were set",
           brama_str_find_str(json, BRAMA_STR("... (14 bytes, not shown)")) < json.n);
    EXPECT("and the others", brama_str_find_str(json, BRAMA_STR("\"blue\"")) < json.n);
    brama_buf_deinit(&out);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_reads_what_the_workload_may_know),
        cmocka_unit_test(what_would_end_a_value_ends_the_request),
        cmocka_unit_test(cookies_are_one_header),
        cmocka_unit_test(values_are_made_of_the_request_as_it_came),
        cmocka_unit_test(a_wildcard_host_tells_what_was_asked_for),
        cmocka_unit_test(a_credential_is_set_and_never_shown),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
