/* Facts: apirule.md section 1; texts as the API server words them. */
#include "fixture.h"

#include "rule/pattern.h"
#include "rule/reading.h"

#define V1_RULE(more) BRAMA_LIT(V1BETA1 "  - {accessStrategies: [{handler: allow}], " more "}\n")
#define V2_RULE(more) BRAMA_LIT(V2 "  - {" more "}\n")

static const struct row field_rows[] = {
    {"a missing path", V1_RULE("methods: [GET]"), V1_SAYS(".spec.rules[0].path", "Required value")},
    {"missing methods", V1_RULE("path: /a"), V1_SAYS(".spec.rules[0].methods", "Required value")},
    {"a method that there isn't", V1_RULE("path: /a, methods: [GET, FOO]"),
     V1_SAYS(".spec.rules[0].methods[1]",
             "Unsupported value: \"FOO\": supported values: \"GET\", \"HEAD\", \"POST\", "
             "\"PUT\", \"DELETE\", \"CONNECT\", \"OPTIONS\", \"TRACE\", \"PATCH\"")},
    {"a method in small letters", V2_RULE("path: /a, methods: [get], noAuth: true"),
     V2_SAYS(".spec.rules[0].methods[0]",
             "Unsupported value: \"get\": supported values: \"GET\", \"HEAD\", \"POST\", "
             "\"PUT\", \"DELETE\", \"CONNECT\", \"OPTIONS\", \"TRACE\", \"PATCH\"")},
    {"no methods in the list", V1_RULE("path: /a, methods: []"),
     V1_SAYS(".spec.rules[0].methods", "Invalid value: 0: should have at least 1 items")},
    {"a timeout of zero", V1_RULE("path: /a, methods: [GET], timeout: 0"),
     V1_SAYS(".spec.rules[0].timeout", "Invalid value: 0: should be greater than or equal to 1")},
    {"a timeout too long", V1_RULE("path: /a, methods: [GET], timeout: 3901"),
     V1_SAYS(".spec.rules[0].timeout",
             "Invalid value: 3901: should be less than or equal to 3900")},
    {"the longest timeout", V1_RULE("path: /a, methods: [GET], timeout: 3900"), V1_OK},
    {"a timeout as text", V1_RULE("path: /a, methods: [GET], timeout: '5'"),
     V1_SAYS(".spec.rules[0].timeout",
             "Invalid value: \"string\": must be of type integer: \"string\"")},
    {"a path in quotes of another kind", V1_RULE("path: '\"', methods: [GET]"),
     V1_SAYS(".spec.rules[0].path",
             "Invalid value: \"\"\": should match '^([0-9a-zA-Z./*()?!\\\\_-]+)'")},
    {"a port too high", V1_RULE("path: /a, methods: [GET], service: {name: a, port: 65536}"),
     V1_SAYS(".spec.rules[0].service.port",
             "Invalid value: 65536: should be less than or equal to 65535")},
    {"a service without port", V1_RULE("path: /a, methods: [GET], service: {name: a}"),
     V1_SAYS(".spec.rules[0].service.port", "Required value")},
    {"a namespace in capitals",
     V1_RULE("path: /a, methods: [GET], service: {name: a, port: 1, namespace: Shop}"),
     V1_SAYS(".spec.rules[0].service.namespace",
             "Invalid value: \"Shop\": should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'")},
    {"a field beside the handler", BRAMA_LIT(HANDLER("jwt, confg: {" ORY_KEYS "}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].confg",
             "unknown field \"spec.rules[0].accessStrategies[0].confg\", did you mean "
             "\"config\"?")},
    {"the wrong name of the pages",
     BRAMA_LIT(V2_JWT("authentications: [{" ISSUER ", fromParameters: [t]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].fromParameters",
             "unknown field \"spec.rules[0].jwt.authentications[0].fromParameters\", did you "
             "mean \"fromParams\"?")},
    {"a field far from all", V2_RULE("path: /a, methods: [GET], noAuth: true, colour: red"),
     V2_SAYS(".spec.rules[0].colour", "unknown field \"spec.rules[0].colour\"")},
    {"no strategy", V2_RULE("path: /a, methods: [GET]"),
     V2_SAYS(".spec.rules[0]", "One of the following fields must be set: noAuth, jwt, extAuth")},
    {"two strategies", V2_RULE("path: /a, methods: [GET], noAuth: true, jwt: {" AUTHN "}"),
     V2_SAYS(".spec.rules[0]", "One of the following fields must be set: noAuth, jwt, extAuth")},
    {"noAuth: false alone", V2_RULE("path: /a, methods: [GET], noAuth: false"),
     V2_SAYS(".spec.rules[0]", "One of the following fields must be set: noAuth, jwt, extAuth")},
    {"noAuth with a jwt of null", V2_RULE("path: /a, methods: [GET], noAuth: true, jwt: null"),
     V2_SAYS(".spec.rules[0]", "One of the following fields must be set: noAuth, jwt, extAuth")},
    {"noAuth as text", V2_RULE("path: /a, methods: [GET], jwt: {" AUTHN "}, noAuth: 'true'"),
     V2_SAYS(".spec.rules[0].noAuth",
             "Invalid value: \"string\": must be of type boolean: \"string\"")},
    {"authorizations of null", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: null")),
     V2_SAYS(".spec.rules[0].jwt.authorizations",
             "Invalid value: \"null\": must be of type array: \"null\"")},
    {"an authentication without issuer",
     BRAMA_LIT(V2_JWT("authentications: [{jwksUri: 'https://a'}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].issuer", "Required value")},
    {"a host with a wildcard over a top-level domain",
     BRAMA_LIT(V2_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n  hosts: ['*.com']\n"
                       "  service: {name: a, port: 1}\n"
                       "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.hosts[0]",
             "Host must be a lowercase RFC 1123 label (must consist of lowercase alphanumeric "
             "characters or '-', and must start and end with an lowercase alphanumeric "
             "character), a fully qualified domain name, or a wildcard domain name (e.g. "
             "*.local.kyma.dev)")},
    {"two hosts",
     BRAMA_LIT(V2_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n  hosts: [a, b]\n"
                       "  service: {name: a, port: 1}\n"
                       "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.hosts", "Too many: 2: must have at most 1 items")},
    {"a gateway by one name",
     BRAMA_LIT(V2_HEAD "spec:\n  gateway: kyma-gateway\n  hosts: [a]\n"
                       "  service: {name: a, port: 1}\n"
                       "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.gateway", "Gateway must be in the namespace/name format")},
    {"a maxAge of zero in v2",
     BRAMA_LIT(V2_SPEC "  service: {name: a, port: 1}\n  corsPolicy: {maxAge: 0}\n"
                       "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.corsPolicy.maxAge", "Invalid value: 0: should be greater than or equal to 1")},
    {"a maxAge without unit in v1beta1",
     BRAMA_LIT(V1BETA1_SPEC
               "  service: {name: a, port: 1}\n  corsPolicy: {maxAge: '300'}\n"
               "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
     V1_SAYS(".spec.corsPolicy.maxAge",
             "Invalid value: \"300\": must be of type duration: \"300\"")},
    {"a host of two letters",
     BRAMA_LIT(V1BETA1_HEAD
               "spec:\n  gateway: kyma-system/kyma-gateway\n  host: ab\n"
               "  service: {name: a, port: 1}\n"
               "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
     V1_SAYS(".spec.host", "Invalid value: \"ab\": should be at least 3 chars long")},
    {"a config that isn't a map", BRAMA_LIT(HANDLER("jwt, config: [a]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "Invalid value: \"array\": must be of type object: \"array\"")},
    {"a spec that isn't there", BRAMA_LIT(V2_HEAD), V2_SAYS(".spec", "Required value")},
    {"a field of v1beta1 in v1alpha1",
     BRAMA_LIT("apiVersion: gateway.kyma-project.io/v1alpha1\nkind: APIRule\n"
               "metadata: {name: orders}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
               "  service: {name: a, port: 1, host: a.b}\n  timeout: 5\n"
               "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
     V1_SAYS(".spec.timeout", "unknown field \"spec.timeout\"")},
    {"v1alpha1 has its host in the service",
     BRAMA_LIT("apiVersion: gateway.kyma-project.io/v1alpha1\nkind: APIRule\n"
               "metadata: {name: orders}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
               "  service: {name: a, port: 1, host: a.b}\n"
               "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
     V1_OK},
};

static void fields_are_checked_as_by_the_api_server(void **state)
{
    (void)state;
    expect_rows(field_rows, BRAMA_ARRAY_LEN(field_rows));
}

static void patterns_are_those_of_the_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool (*match)(brama_str);
        brama_str text;
        bool want;
    } rows[] = {
        {"three labels are a host", brama__is_v2_host, BRAMA_LIT("a.b.ca"), true},
        {"a wildcard over two labels", brama__is_v2_host, BRAMA_LIT("*.example.com"), true},
        {"a wildcard over one", brama__is_v2_host, BRAMA_LIT("*.com"), false},
        {"one letter at the top", brama__is_v2_host, BRAMA_LIT("host.example.c"), false},
        {"a dot at the end", brama__is_v2_host, BRAMA_LIT("host.example."), false},
        {"a hyphen at the front", brama__is_v2_host, BRAMA_LIT("-host.example.com"), false},
        {"a capital", brama__is_v2_host, BRAMA_LIT("sHort"), false},
        {"a label of 63", brama__is_v2_host,
         BRAMA_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), true},
        {"a label of 64", brama__is_v2_host,
         BRAMA_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), false},
        {"namespace and name", brama__is_v2_gateway, BRAMA_LIT("kyma-system/kyma-gateway"), true},
        {"two slashes", brama__is_v2_gateway, BRAMA_LIT("a/b/c"), false},
        {"dots", brama__is_v2_gateway, BRAMA_LIT("a.b"), false},
        {"v1: a slash", brama__is_v1_gateway, BRAMA_LIT("a_/-b"), true},
        {"v1: dots", brama__is_v1_gateway, BRAMA_LIT("a.b.svc.cluster.local"), true},
        {"v1: both", brama__is_v1_gateway, BRAMA_LIT("a.b/c"), false},
        {"v1: a dot at the end", brama__is_v1_gateway, BRAMA_LIT("a."), false},
        {"v1: a capital", brama__is_v1_gateway, BRAMA_LIT("A"), false},
        {"v1 hosts may have capitals and underscores", brama__is_v1_host, BRAMA_LIT("3Svc.a_b.Com"),
         true},
        {"v1: a label that begins with a hyphen", brama__is_v1_host, BRAMA_LIT("-a.com"), false},
        {"v1: an empty label", brama__is_v1_host, BRAMA_LIT("a..com"), false},
        {"v1: a dot at the front", brama__is_v1_host, BRAMA_LIT(".com"), false},
        {"v1: a wildcard", brama__is_v1_host, BRAMA_LIT("*.a.com"), false},
        {"v1: a hyphen at the end", brama__is_v1_host, BRAMA_LIT("a.com-"), false},
        {"v1 paths: only the beginning counts", brama__is_v1_path, BRAMA_LIT("/a[b]{c}"), true},
        {"v1 paths: a bracket first", brama__is_v1_path, BRAMA_LIT("[a]"), false},
        {"v2 paths: everything", brama__is_v2_path, BRAMA_LIT("/*"), true},
        {"v2 paths: the root", brama__is_v2_path, BRAMA_LIT("/"), true},
        {"v2 paths: operators", brama__is_v2_path, BRAMA_LIT("/a/{*}/b/{**}"), true},
        {"v2 paths: an escape", brama__is_v2_path, BRAMA_LIT("/a%2Fb"), true},
        {"v2 paths: a broken escape", brama__is_v2_path, BRAMA_LIT("/a%2"), false},
        {"v2 paths: an asterisk inside", brama__is_v2_path, BRAMA_LIT("/a/*"), false},
        {"v2 paths: an operator beside letters", brama__is_v2_path, BRAMA_LIT("/a{*}"), false},
        {"v2 paths: no slash", brama__is_v2_path, BRAMA_LIT("a"), false},
        {"v2 paths: nothing", brama__is_v2_path, BRAMA_LIT(""), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        EXPECT(rows[i].name, rows[i].match(text) == rows[i].want);
        expect_free(text);
    }
}

#define SECOND UINT64_C(1000000000)

static void durations_are_gos(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
        uint64_t nanoseconds;
    } rows[] = {
        {"seconds", BRAMA_LIT("300s"), true, 300 * SECOND},
        {"hours and minutes", BRAMA_LIT("1h30m"), true, 5400 * SECOND},
        {"a fraction", BRAMA_LIT("1.5m"), true, 90 * SECOND},
        {"less than a second", BRAMA_LIT("900ms"), true, 900 * SECOND / 1000},
        {"a bare zero", BRAMA_LIT("0"), true, 0},
        {"a bare number", BRAMA_LIT("300"), false, 0},
        {"nothing", BRAMA_LIT(""), false, 0},
        {"before zero", BRAMA_LIT("-1s"), false, 0},
        {"days", BRAMA_LIT("1d"), false, 0},
        {"more than Go can count", BRAMA_LIT("9999999999h"), false, 0},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        uint64_t nanoseconds = 0;
        EXPECT(rows[i].name, brama__read_duration(text, &nanoseconds) == rows[i].ok);
        EXPECT(rows[i].name, nanoseconds == rows[i].nanoseconds);
        expect_free(text);
    }
}

int run_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_checked_as_by_the_api_server),
        cmocka_unit_test(patterns_are_those_of_the_schemas),
        cmocka_unit_test(durations_are_gos),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
