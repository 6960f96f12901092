/* What validation asks of other objects: Pods and the mesh configuration. Facts: apirule.md 3.2 (15
 * and 16) and 3.3; istio-jwt.md 5.1. */
#include "fixture.h"

#define POD(name, labels, containers)                                                              \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: " name ", labels: " labels "}\n"                  \
    "spec: " containers "\n---\n"
#define BARE_POD(name) POD(name, "{app: orders}", "{containers: [{name: orders}]}")
#define MESH_POD(name) POD(name, "{app: orders}", "{containers: [{name: istio-proxy}]}")
#define SERVICE(selector)                                                                          \
    "apiVersion: v1\nkind: Service\nmetadata: {name: orders}\nspec: {selector: " selector          \
    ", ports: [{port: 8080}]}\n---\n"
#define ORDERS SERVICE("{app: orders}")
#define V1_JWT ISTIO JWT("{" AUTHN "}")
#define V2_OPEN V2 "  - {path: /a, methods: [GET], noAuth: true}\n"
#define V1_AT ".spec.rules[0].accessStrategies[0]"

static void pods_of_the_workload_must_be_in_the_mesh(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no Pod is given: nobody asks", BRAMA_LIT(V1_JWT), V1_OK},
        {"15: a Service without selector", BRAMA_LIT(SERVICE("{}") MESH_POD("a") V1_JWT),
         V1_SAYS(V1_AT ".injection.injection", "Target service label selectors are not defined")},
        {"16: a Pod without sidecar", BRAMA_LIT(ORDERS BARE_POD("a") V1_JWT),
         V1_SAYS(V1_AT ".injection", "Pod shop/a does not have an injected istio sidecar")},
        {"16: one failure a Pod",
         BRAMA_LIT(ORDERS BARE_POD("a") MESH_POD("b") BARE_POD("c") V1_JWT),
         BRAMA_LIT("Multiple validation errors: \n"
                   "Attribute \"" V1_AT
                   ".injection\": Pod shop/a does not have an injected istio sidecar\n"
                   "Attribute \"" V1_AT
                   ".injection\": Pod shop/c does not have an injected istio sidecar")},
        {"16: a native sidecar counts",
         BRAMA_LIT(ORDERS POD("a", "{app: orders}", "{initContainers: [{name: istio-proxy}]}")
                       V1_JWT),
         V1_OK},
        {"16: Pods of other labels don't", BRAMA_LIT(ORDERS POD("a", "{app: b}", "{}") V1_JWT),
         V1_OK},
        {"16: without the Service every Pod of the namespace counts",
         BRAMA_LIT(POD("a", "{app: b}", "{}") V1_JWT),
         V1_SAYS(V1_AT ".injection", "Pod shop/a does not have an injected istio sidecar")},
        {"16: before the config", BRAMA_LIT(ORDERS BARE_POD("a") ISTIO JWT("{}")),
         BRAMA_LIT("Multiple validation errors: \n"
                   "Attribute \"" V1_AT
                   ".injection\": Pod shop/a does not have an injected istio sidecar\n"
                   "Attribute \"" V1_AT ".config\": supplied config cannot be empty")},
        {"not under ory", BRAMA_LIT(ORDERS BARE_POD("a") JWT("{" ORY_KEYS "}")), V1_OK},
        {"not for no_auth", BRAMA_LIT(ORDERS BARE_POD("a") ISTIO HANDLER("no_auth")), V1_OK},
        {"v2: in the mesh", BRAMA_LIT(ORDERS MESH_POD("a") V2_OPEN), V2_OK},
        {"v2: for noAuth too", BRAMA_LIT(ORDERS BARE_POD("a") V2_OPEN),
         V2_SAYS(".spec.rules[0]", "Pod shop/a does not have an injected istio sidecar")},
        {"v2: a Service without selector", BRAMA_LIT(SERVICE("{}") MESH_POD("a") V2_OPEN),
         V2_SAYS(".spec.rules[0].injection", "Target service label selectors are not defined")},
        {"v2: no such Service", BRAMA_LIT(MESH_POD("a") V2_OPEN),
         V2_SAYS(".spec.rules[0]", "Failed to execute sidecar injection validation, err: "
                                   "services \"orders\" not found")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define EXT_AUTH V2 "  - {path: /a, methods: [GET], extAuth: {authorizers: [x, z]}}\n"

static void authorizers_must_be_in_the_mesh_configuration(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no ConfigMap", BRAMA_LIT(EXT_AUTH),
         V2_SAYS(".spec.rules[0].extAuth", "Failed to get Istio ConfigMap")},
        {"another one's name isn't enough",
         BRAMA_LIT("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\n"
                   "data: {mesh: '{}'}\n---\n" EXT_AUTH),
         V2_SAYS(".spec.rules[0].extAuth", "Failed to get Istio ConfigMap")},
        {"no key mesh", BRAMA_LIT(MESH("{meshNetworks: ''}") EXT_AUTH),
         V2_SAYS(".spec.rules[0].extAuth.externalAuthorizers",
                 "Istio ConfigMap does not contain mesh key")},
        {"a mesh that isn't YAML", BRAMA_LIT(MESH("{mesh: '{'}") EXT_AUTH),
         V2_SAYS(".spec.rules[0].extAuth.externalAuthorizers", "Failed to unmarshal mesh data")},
        {"a provider of another kind, and none",
         BRAMA_LIT(MESH("{mesh: 'extensionProviders: [{name: x, zipkin: {port: 1}}]'}") EXT_AUTH),
         BRAMA_LIT("Validation errors: Attribute '.spec.rules[0].extAuth.externalAuthorizers.x': "
                   "EnvoyExtAuthzHttp not found in Istio ConfigMap mesh data for authorizer\n"
                   "Attribute '.spec.rules[0].extAuth.externalAuthorizers.z': "
                   "Authorizer not found in Istio ConfigMap mesh data")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

static void an_authorizer_has_istios_defaults(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "a plain one", BRAMA_STR(PROVIDER(AUTHORIZER_AT)));
    const struct brama_authorizer *a = brama_world_authorizer(&f.world, BRAMA_STR("x"));
    EXPECT("found", a != NULL && a->is_http && a->problem.n == 0);
    EXPECT("nobody else", brama_world_authorizer(&f.world, BRAMA_STR("y")) == NULL);
    EXPECT_STR("service", a->service, BRAMA_STR("auth.shop.svc.cluster.local"));
    EXPECT("port", a->port == 8000);
    EXPECT("600 s", a->timeout_ms == 600 * 1000);
    EXPECT("403 on error", a->status_on_error == 403 && !a->fail_open);
    EXPECT("no body", a->body_max_bytes == 0);
    EXPECT("all headers of a refusal", !a->deny_headers_given);
    fixture_end(&f);
}

static void an_authorizer_is_read_whole(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(
        &f, "a full one",
        BRAMA_STR(PROVIDER(AUTHORIZER_AT
                           ", timeout: 1.5s, failOpen: true, statusOnError: '503', "
                           "pathPrefix: /check, includeRequestHeadersInCheck: [cookie, x-*], "
                           "includeAdditionalHeadersInCheck: {x-from: '100%%'}, "
                           "includeRequestBodyInCheck: {maxRequestBytes: 4096, "
                           "allowPartialMessage: true}, headersToUpstreamOnAllow: [x-user], "
                           "headersToDownstreamOnAllow: [set-cookie], "
                           "headersToDownstreamOnDeny: [location]")));
    const struct brama_authorizer *a = brama_world_authorizer(&f.world, BRAMA_STR("x"));
    EXPECT("usable", a != NULL && a->problem.n == 0);
    EXPECT("timeout", a->timeout_ms == 1500);
    EXPECT("failure", a->fail_open && a->status_on_error == 503);
    EXPECT_STR("prefix", a->path_prefix, BRAMA_STR("/check"));
    EXPECT("headers in check", a->check_headers.n == 2);
    EXPECT_STR("a prefix match", a->check_headers.p[1], BRAMA_STR("x-*"));
    EXPECT("fixed headers", a->fixed_header_count == 1);
    EXPECT_STR("as written", a->fixed_headers[0].value, BRAMA_STR("100%%"));
    EXPECT("body", a->body_max_bytes == 4096 && a->body_may_be_partial);
    EXPECT_STR("to the workload", a->upstream_headers.p[0], BRAMA_STR("x-user"));
    EXPECT_STR("to the client", a->allow_headers.p[0], BRAMA_STR("set-cookie"));
    EXPECT("of a refusal", a->deny_headers_given);
    EXPECT_STR("of a refusal", a->deny_headers.p[0], BRAMA_STR("location"));
    fixture_end(&f);
}

static void an_authorizer_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, problem;
    } rows[] = {
        {"no service", BRAMA_LIT(PROVIDER("port: 1")), BRAMA_LIT("service is required")},
        {"no port", BRAMA_LIT(PROVIDER("service: a")), BRAMA_LIT("port is required")},
        {"a port too high", BRAMA_LIT(PROVIDER("service: a, port: 65536")),
         BRAMA_LIT("port is out of range")},
        {"a prefix without slash", BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", pathPrefix: a")),
         BRAMA_LIT("pathPrefix must begin with a slash")},
        {"no time at all", BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", timeout: '0'")),
         BRAMA_LIT("timeout is no duration of 1ms or more")},
        {"a status that is a word", BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", statusOnError: Forbidden")),
         BRAMA_LIT("statusOnError is no HTTP status")},
        {"a lone star", BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", includeHeadersInCheck: ['*']")),
         BRAMA_LIT("includeRequestHeadersInCheck may not be a lone *")},
        {"a header that is a number",
         BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", headersToUpstreamOnAllow: [1]")),
         BRAMA_LIT("headersToUpstreamOnAllow lists what is no text")},
        {"a body of no size",
         BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", includeRequestBodyInCheck: {packAsBytes: true}")),
         BRAMA_LIT("includeRequestBodyInCheck.maxRequestBytes is required")},
        {"packAsBytes is no bool",
         BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", includeRequestBodyInCheck: {maxRequestBytes: 1, "
                                          "packAsBytes: 1}")),
         BRAMA_LIT("packAsBytes is of the wrong type")},
        {"open in words", BRAMA_LIT(PROVIDER(AUTHORIZER_AT ", failOpen: 'yes'")),
         BRAMA_LIT("failOpen is of the wrong type")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        const struct brama_authorizer *a = brama_world_authorizer(&f.world, BRAMA_STR("x"));
        EXPECT(rows[i].name, a != NULL && !a->fail_open);
        EXPECT_STR(rows[i].name, a->problem, rows[i].problem);
        fixture_end(&f);
    }
}

int run_facts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods_of_the_workload_must_be_in_the_mesh),
        cmocka_unit_test(authorizers_must_be_in_the_mesh_configuration),
        cmocka_unit_test(an_authorizer_has_istios_defaults),
        cmocka_unit_test(an_authorizer_is_read_whole),
        cmocka_unit_test(an_authorizer_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
