/* Facts: apirule.md 3.3, 3.4 and 3.6. */
#include "fixture.h"

static const struct row kyma_rows[] = {
    {"noAuth is valid", BRAMA_LIT(V2 "  - {path: /*, methods: [GET], noAuth: true}\n"), V2_OK},
    {"jwt is valid", BRAMA_LIT(V2_JWT(AUTHN)), V2_OK},
    {"the handler is of no matter", BRAMA_LIT(ISTIO V2_JWT(AUTHN)), V2_OK},
    {"noAuth: false beside jwt is legal",
     BRAMA_LIT(V2 "  - {path: /a, methods: [GET], noAuth: false, jwt: {" AUTHN "}}\n"), V2_OK},
    {"no gateway of either kind", BRAMA_LIT(V2_HEAD "spec:\n  hosts: [orders]\n  rules: []\n"),
     V2_SAYS("spec", "Either gateway or externalGateway must be specified")},
    {"both gateways",
     BRAMA_LIT(V2_HEAD "spec:\n  hosts: [orders]\n  gateway: kyma-system/kyma-gateway\n"
                       "  externalGateway: a/b\n  rules: []\n"),
     V2_SAYS("spec", "Either gateway or externalGateway must be specified")},
    {"a gateway that nobody knows",
     BRAMA_LIT(V2_HEAD "spec:\n  hosts: [orders]\n  gateway: a/b\n  rules: []\n"),
     V2_SAYS("spec.gateway", "Could not get specified Gateway")},
    {"an external gateway",
     BRAMA_LIT(V2_HEAD "spec:\n  hosts: [orders]\n  externalGateway: a/b\n  rules: []\n"),
     V2_SAYS("spec.externalGateway", "Could not get specified ExternalGateway")},
    {"an empty spec", BRAMA_LIT(V2_HEAD "spec: {}\n"),
     V2_SAYS(".spec", "APIRule in version v2alpha1 contains an empty spec. To troubleshoot, see "
                      "https://kyma-project.io/#/api-gateway/user/troubleshooting-guides/"
                      "03-70-empty-apirule-spec.")},
    {"no spec at all, which v2alpha1 may",
     BRAMA_LIT("apiVersion: gateway.kyma-project.io/v2alpha1\nkind: APIRule\n"
               "metadata: {name: orders}\n"),
     V2_SAYS(".spec", "APIRule in version v2alpha1 contains an empty spec. To troubleshoot, see "
                      "https://kyma-project.io/#/api-gateway/user/troubleshooting-guides/"
                      "03-70-empty-apirule-spec.")},
    {"no rules", BRAMA_LIT(V2_SPEC "  rules: []\n"), V2_SAYS(".spec.rules", "No rules defined")},
    {"no service", BRAMA_LIT(V2_SPEC "  rules:\n  - {path: /a, methods: [GET], noAuth: true}\n"),
     V2_SAYS(".spec.rules[0].service",
             "The rule must define a service, because no service is defined on spec level")},
    {"an empty list of authorizations", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: []")),
     V2_SAYS(".spec.rules[0].jwt.authorizations",
             "authorizations defined, but no configuration exists")},
    {"a null authorization", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: [null]")),
     V2_SAYS(".spec.rules[0].jwt.authorizations[0]", "authorization is empty")},
    {"no scopes", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: [{requiredScopes: []}]")),
     V2_SAYS(".spec.rules[0].jwt.authorizations[0].requiredScopes", "value is empty")},
    {"an empty scope", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: [{requiredScopes: ['']}]")),
     V2_SAYS(".spec.rules[0].jwt.authorizations[0].requiredScopes", "scope value is empty")},
    {"no audiences", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: [{audiences: []}]")),
     V2_SAYS(".spec.rules[0].jwt.authorizations[0].audiences", "value is empty")},
    {"an empty audience", BRAMA_LIT(V2_JWT(AUTHN ", authorizations: [{audiences: ['']}]")),
     V2_SAYS(".spec.rules[0].jwt.authorizations[0].audiences", "audience value is empty")},
    {"no authentications", BRAMA_LIT(V2_JWT("authorizations: [{audiences: [a]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications",
             "A JWT config must have at least one authentication")},
    {"an empty issuer",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: '', jwksUri: 'https://a/k'}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].issuer",
             "value is empty or not a valid uri err=value is empty")},
    {"an issuer with a colon must be a URI",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: '://bad', jwksUri: 'https://a/k'}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].issuer",
             "value is empty or not a valid uri err=parse \"://bad\": missing protocol scheme")},
    {"an issuer without one may be any name",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: internal, jwksUri: 'https://a/k'}]")), V2_OK},
    {"an empty jwksUri", BRAMA_LIT(V2_JWT("authentications: [{issuer: a, jwksUri: ''}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].jwksUri",
             "value is empty or not a valid uri err=value is empty")},
    {"a jwksUri that is no URI",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: a, jwksUri: '://bad'}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].jwksUri",
             "value is empty or not a valid uri err=parse \"://bad\": missing protocol "
             "scheme")},
    {"headers and parameters",
     BRAMA_LIT(
         V2_JWT("authentications: [{" ISSUER ", fromParams: [t], fromHeaders: [{name: X-T}]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].fromHeaders",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"headers after parameters of another one",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: a, jwksUri: 'https://a', fromParams: [t]}, "
                      "{issuer: b, jwksUri: 'https://b', fromHeaders: [{name: X-T}]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[1].fromHeaders",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"parameters after headers of another one",
     BRAMA_LIT(V2_JWT("authentications: [{issuer: a, jwksUri: 'https://a', "
                      "fromHeaders: [{name: X-T}]}, {issuer: b, jwksUri: 'https://b', "
                      "fromParams: [t]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[1].fromParams",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"two parameters", BRAMA_LIT(V2_JWT("authentications: [{" ISSUER ", fromParams: [t, u]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].fromParams",
             "multiple fromParams are not supported")},
    {"two headers",
     BRAMA_LIT(V2_JWT("authentications: [{" ISSUER ", fromHeaders: [{name: a}, {name: b}]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[0].fromHeaders",
             "multiple fromHeaders are not supported")},
    {"the restrictions of extAuth have its path",
     BRAMA_LIT(PROVIDER(AUTHORIZER_AT) V2
               "  - {path: /a, methods: [GET], extAuth: {authorizers: [x], "
               "restrictions: {}}}\n"),
     V2_SAYS(".spec.rules[0].extAuth.authentications",
             "A JWT config must have at least one authentication")},
    {"and its path in their authorizations",
     BRAMA_LIT(PROVIDER(AUTHORIZER_AT) V2
               "  - {path: /a, methods: [GET], extAuth: {authorizers: [x], restrictions: {" AUTHN
               ", authorizations: [{requiredScopes: []}]}}}\n"),
     V2_SAYS(".spec.rules[0].extAuth.authorizations[0].requiredScopes", "value is empty")},
    {"one issuer with two places, in two rules",
     BRAMA_LIT(V2 "  - {path: /a, methods: [GET], jwt: {" AUTHN "}}\n"
                  "  - {path: /b, methods: [GET], jwt: {authentications: [{" ISSUER
                  ", fromParams: [t]}]}}\n"),
     V2_SAYS(".spec.rules[1].jwt.authentications[0]",
             "multiple jwt configurations that differ for the same issuer")},
    {"one issuer with two places, inside one rule",
     BRAMA_LIT(V2_JWT("authentications: [{" ISSUER ", fromHeaders: [{name: a}]}, {" ISSUER
                      ", fromHeaders: [{name: b}]}]")),
     V2_SAYS(".spec.rules[0].jwt.authentications[1]",
             "multiple jwt configurations that differ for the same issuer")},
    {"a host that is neither a name nor full",
     BRAMA_LIT(
         V2_HEAD
         "spec:\n  gateway: kyma-system/kyma-gateway\n  hosts: [host.example.c]\n"
         "  service: {name: a, port: 1}\n  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.hosts[0]",
             "Host must be a lowercase RFC 1123 label (must consist of lowercase alphanumeric "
             "characters or '-', and must start and end with an lowercase alphanumeric "
             "character), a fully qualified domain name, or a wildcard domain name (e.g. "
             "*.local.kyma.dev)")},
    {"no hosts",
     BRAMA_LIT(V2_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n"
                       "  service: {name: a, port: 1}\n"
                       "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.hosts", "No hosts defined")},
    {"the host is another rule's",
     BRAMA_LIT(V2 "  - {path: /*, methods: [GET], noAuth: true}\n---\n"
                  "apiVersion: gateway.kyma-project.io/v2alpha1\nkind: APIRule\n"
                  "metadata: {name: second}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
                  "  hosts: [orders.kyma.example]\n  service: {name: a, port: 1}\n"
                  "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"),
     V2_SAYS(".spec.hosts[0]", "Host is occupied by another Virtual Service")},
};

static void rules_are_judged_as_in_kyma(void **state)
{
    (void)state;
    expect_rows(kyma_rows, BRAMA_ARRAY_LEN(kyma_rows));
}

static void a_short_host_needs_a_gateway_with_one_domain(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "a short host", BRAMA_STR(V2_JWT(AUTHN)));
    brama_judge(&f.world, &(struct brama_judge_options){.domain = BRAMA_NIL});
    EXPECT_STR("no domain", f.world.rules->judged.description,
               BRAMA_STR("Validation errors: Attribute '.spec.hosts[0]': Lowercase RFC 1123 label "
                         "(short host) is only supported as the APIRule host when selected Gateway "
                         "has a single host definition matching *.<fqdn> format"));
    fixture_end(&f);
}

#define PATH(path) "  - {path: '" path "', methods: [GET], noAuth: true}\n"
#define PAIR(first, second) BRAMA_LIT(V2 PATH(first) PATH(second))
#define CONFLICT(path)                                                                             \
    V2_SAYS(".spec.rules",                                                                         \
            "Path " path                                                                           \
            " with method GET conflicts with at least one of the previous rule paths")

static void a_path_may_not_follow_one_that_takes_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the same path", PAIR("/a", "/a"), CONFLICT("/a")},
        {"a wildcard after a literal", PAIR("/a/b", "/a/{*}"), V2_OK},
        {"a literal after its wildcard", PAIR("/a/{*}", "/a/b"), CONFLICT("/a/b")},
        {"{**} is consumed by {*}", PAIR("/a/{*}", "/a/{**}"), CONFLICT("/a/{**}")},
        {"/* after a deeper wildcard", PAIR("/a/{*}", "/*"), V2_OK},
        {"/* is consumed by {*}, and called /{**}", PAIR("/{*}", "/*"), CONFLICT("/{**}")},
        {"a path above {**}", PAIR("/a/{**}", "/a"), V2_OK},
        {"an empty segment below {**}", PAIR("/a/{**}", "/a/"), CONFLICT("/a/")},
        {"all after the root", PAIR("/", "/*"), V2_OK},
        {"the root after all", PAIR("/*", "/"), CONFLICT("/")},
        {"a slash at the end is another path", PAIR("/a", "/a/"), V2_OK},
        {"/* and /{**} are one", PAIR("/*", "/{**}"), CONFLICT("/{**}")},
        {"wildcards in other segments", PAIR("/x/{*}", "/{*}/y"), V2_OK},
        {"a duplicate of an inner node is missed", BRAMA_LIT(V2 PATH("/a/b") PATH("/a") PATH("/a")),
         V2_OK},
        {"an inner {*} after the literal", PAIR("/abc/{**}", "/{*}/x/ghi"), V2_OK},
        {"another method never meets",
         BRAMA_LIT(V2 PATH("/a") "  - {path: /a, methods: [PUT], noAuth: true}\n"), V2_OK},
        {"the method that meets is named",
         BRAMA_LIT(V2 "  - {path: /a, methods: [PUT], noAuth: true}\n"
                      "  - {path: /a, methods: [GET, PUT], noAuth: true}\n"),
         V2_SAYS(".spec.rules", "Path /a with method PUT conflicts with at least one of the "
                                "previous rule paths")},
        {"only the first conflict is named",
         BRAMA_LIT(V2 PATH("/a") PATH("/b") PATH("/a") PATH("/b")), CONFLICT("/a")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define INNER(i)                                                                                   \
    "Attribute '.spec.rules[" i "].path': The {**} operator must be the last operator in the "     \
    "path."

static void double_asterisks_stand_last_and_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"once, with a literal behind", BRAMA_LIT(V2 PATH("/a/{**}/c")), V2_OK},
        {"{*} before", BRAMA_LIT(V2 PATH("/a/{*}/{**}")), V2_OK},
        {"{*} behind", BRAMA_LIT(V2 PATH("/a/{**}/{*}")),
         BRAMA_LIT("Validation errors: " INNER("0"))},
        {"twice", BRAMA_LIT(V2 PATH("/a/{**}/{**}")),
         BRAMA_LIT("Validation errors: Attribute '.spec.rules[0].path': Only one {**} operator is "
                   "allowed in the path.\n" INNER("0"))},
        {"/a/c after /a/{**}/c", PAIR("/a/{**}/c", "/a/c"), CONFLICT("/a/c")},
        {"{**} after one with a suffix", PAIR("/a/{**}/c", "/a/{**}"), V2_OK},
        {"a suffix after {**}", PAIR("/a/{**}", "/a/{**}/c"), CONFLICT("/a/{**}/c")},
        {"{**} after {*} with the same end", PAIR("/a/{*}/c", "/a/{**}/c"), CONFLICT("/a/{**}/c")},
        {"{*} after {**} with the same end", PAIR("/a/{**}/c", "/a/{*}/c"), CONFLICT("/a/{*}/c")},
        {"an inner {**} with the same end", PAIR("/a/{**}/def", "/a/def/{**}/def"),
         CONFLICT("/a/def/{**}/def")},
        {"first steps that differ", PAIR("/abc/{**}/ghi", "/{*}/{*}/ghi"), V2_OK},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define BARE(path) "  - {path: " path ", methods: [GET], noAuth: true}\n"

static void a_status_names_three_failures(void **state)
{
    (void)state;
#define LINE(i)                                                                                    \
    "Attribute '.spec.rules[" i "].service': "                                                     \
    "The rule must define a service, because no service is defined on spec level"
    static const struct row rows[] = {
        {"one is plural too", BRAMA_LIT(V2_SPEC "  rules:\n" BARE("/a")),
         BRAMA_LIT("Validation errors: " LINE("0"))},
        {"two", BRAMA_LIT(V2_SPEC "  rules:\n" BARE("/a") BARE("/b")),
         BRAMA_LIT("Validation errors: " LINE("0") "\n" LINE("1"))},
        {"five",
         BRAMA_LIT(V2_SPEC "  rules:\n" BARE("/a") BARE("/b") BARE("/c") BARE("/d") BARE("/e")),
         BRAMA_LIT("Validation errors: " LINE("0") "\n" LINE("1") "\n" LINE("2") "\n"
                                                                                 "2 more "
                                                                                 "error(s)...")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

int run_v2(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_judged_as_in_kyma),
        cmocka_unit_test(a_short_host_needs_a_gateway_with_one_domain),
        cmocka_unit_test(a_path_may_not_follow_one_that_takes_it),
        cmocka_unit_test(double_asterisks_stand_last_and_once),
        cmocka_unit_test(a_status_names_three_failures),
    };
    return cmocka_run_group_tests_name("v2", tests, NULL, NULL);
}
