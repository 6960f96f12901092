/* Facts: apirule.md 3.2, 3.2.3 and 3.6; a number is a row of its first table. */
#include "fixture.h"

static const struct row kyma_rows[] = {
    {"a rule with no_auth is valid", BRAMA_LIT(HANDLER("no_auth")), V1_OK},
    {"allow is valid", BRAMA_LIT(HANDLER("allow")), V1_OK},
    {"noop is valid", BRAMA_LIT(HANDLER("noop")), V1_OK},
    {"noop is valid under istio too", BRAMA_LIT(ISTIO HANDLER("noop")), V1_OK},
    {"2: no host",
     BRAMA_LIT(V1BETA1_HEAD
               "spec:\n  gateway: kyma-system/kyma-gateway\n"
               "  service: {name: orders, port: 8080}\n  rules:\n"
               "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}]}\n"),
     V1_SAYS(".spec.host", "Host was nil")},
    {"6: the host is another rule's",
     BRAMA_LIT(HANDLER("allow") "---\n"
                                "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\n"
                                "metadata: {name: second}\nspec:\n"
                                "  gateway: kyma-system/kyma-gateway\n  host: orders\n"
                                "  service: {name: orders, port: 8080}\n  rules:\n"
                                "  - {path: /a, methods: [GET], "
                                "accessStrategies: [{handler: allow}]}\n"),
     V1_SAYS(".spec.host", "This host is occupied by another Virtual Service")},
    {"7: no rules", BRAMA_LIT(V1BETA1_SPEC "  service: {name: orders, port: 8080}\n  rules: []\n"),
     V1_SAYS(".spec.rules", "No rules defined")},
    {"7: rules aren't even there",
     BRAMA_LIT(V1BETA1_SPEC "  service: {name: orders, port: 8080}\n"),
     V1_SAYS(".spec.rules", "No rules defined")},
    {"8: one path and method twice",
     BRAMA_LIT(V1BETA1 "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}]}\n"
                       "  - {path: /b, methods: [GET], accessStrategies: [{handler: allow}]}\n"
                       "  - {path: /a, methods: [PUT, GET], "
                       "accessStrategies: [{handler: allow}]}\n"),
     V1_SAYS(".spec.rules", "multiple rules defined for the same path and method")},
    {"8: twice inside one of two rules",
     BRAMA_LIT(V1BETA1 "  - {path: /a, methods: [GET, GET], accessStrategies: [{handler: allow}]}\n"
                       "  - {path: /b, methods: [GET], accessStrategies: [{handler: allow}]}\n"),
     V1_SAYS(".spec.rules", "multiple rules defined for the same path and method")},
    {"8: not looked for in a single rule",
     BRAMA_LIT(V1BETA1
               "  - {path: /a, methods: [GET, GET], accessStrategies: [{handler: allow}]}\n"),
     V1_OK},
    {"8: another method of the same path is fine",
     BRAMA_LIT(V1BETA1 "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}]}\n"
                       "  - {path: /a, methods: [PUT], accessStrategies: [{handler: allow}]}\n"),
     V1_OK},
    {"9: no service anywhere, and the strategies aren't looked at",
     BRAMA_LIT(V1BETA1_SPEC "  rules:\n  - {path: /a, methods: [GET], accessStrategies: []}\n"),
     V1_SAYS(".spec.rules[0].service", "No service defined with no main service on spec level")},
    {"9: the rule's own service is enough",
     BRAMA_LIT(V1BETA1_SPEC "  rules:\n  - {path: /a, methods: [GET], accessStrategies: "
                            "[{handler: allow}], service: {name: b, port: 1}}\n"),
     V1_OK},
    {"10: no strategies", BRAMA_LIT(STRATEGIES("]")),
     V1_SAYS(".spec.rules[0].accessStrategies", "No accessStrategies defined")},
    {"11: allow isn't alone", BRAMA_LIT(STRATEGIES("{handler: unauthorized}, {handler: allow}]")),
     V1_SAYS(".spec.rules[0].accessStrategies.accessStrategies[1].handler",
             "allow access strategy is not allowed in combination with other access "
             "strategies")},
    {"11: no_auth isn't alone, and comes before noop whatever the order",
     BRAMA_LIT(STRATEGIES("{handler: noop}, {handler: no_auth}]")),
     BRAMA_LIT("Multiple validation errors: \n"
               "Attribute \".spec.rules[0].accessStrategies.accessStrategies[1].handler\": "
               "no_auth access strategy is not allowed in combination with other access "
               "strategies\n"
               "Attribute \".spec.rules[0].accessStrategies.accessStrategies[0].handler\": "
               "noop access strategy is not allowed in combination with other access "
               "strategies")},
    {"11: noop isn't alone", BRAMA_LIT(STRATEGIES("{handler: anonymous}, {handler: noop}]")),
     V1_SAYS(".spec.rules[0].accessStrategies.accessStrategies[1].handler",
             "noop access strategy is not allowed in combination with other access "
             "strategies")},
    {"11: the first of two of a kind is named",
     BRAMA_LIT(STRATEGIES("{handler: allow}, {handler: allow}]")),
     V1_SAYS(".spec.rules[0].accessStrategies.accessStrategies[0].handler",
             "allow access strategy is not allowed in combination with other access "
             "strategies")},
    {"11: jwt isn't alone under istio",
     BRAMA_LIT(
         ISTIO STRATEGIES("{handler: jwt, config: {" AUTHN "}}, {handler: oauth2_introspection}]")),
     V1_SAYS(".spec.rules[0].accessStrategies.accessStrategies[0].handler",
             "jwt access strategy is not allowed in combination with other access "
             "strategies")},
    {"12: secure with unsecure",
     BRAMA_LIT(STRATEGIES("{handler: jwt, config: {" ORY_KEYS "}}, {handler: anonymous}]")),
     V1_SAYS(".spec.rules[0].accessStrategies",
             "Secure access strategies cannot be used in combination with unsecure access "
             "strategies")},
    {"13: a handler that Kyma doesn't take", BRAMA_LIT(HANDLER("bearer_token")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].handler",
             "Unsupported accessStrategy: bearer_token")},
    {"14: a config for noop", BRAMA_LIT(HANDLER("noop, config: {a: b}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: noop does not support configuration")},
    {"14: a config for allow", BRAMA_LIT(HANDLER("allow, config: {a: b}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: allow does not support configuration")},
    {"14: a config for no_auth", BRAMA_LIT(HANDLER("no_auth, config: {a: b}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: no_auth does not support configuration")},
    {"14: a config for unauthorized", BRAMA_LIT(HANDLER("unauthorized, config: {a: b}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: unauthorized does not support configuration")},
    {"14: a config for anonymous", BRAMA_LIT(HANDLER("anonymous, config: {subject: b}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: anonymous does not support configuration")},
    {"14: a config for cookie_session", BRAMA_LIT(HANDLER("cookie_session, config: {only: [b]}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "strategy: cookie_session does not support configuration")},
    {"14: an empty one is fine", BRAMA_LIT(HANDLER("noop, config: {}")), V1_OK},
    {"14: a null is fine", BRAMA_LIT(HANDLER("noop, config: null")), V1_OK},
    {"18: jwt without config", BRAMA_LIT(HANDLER("jwt")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config", "supplied config cannot be empty")},
    {"18: jwt with a null", BRAMA_LIT(ISTIO JWT("null")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config", "supplied config cannot be empty")},
    {"18: jwt with an empty one", BRAMA_LIT(ISTIO JWT("{}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config", "supplied config cannot be empty")},
    {"19: a text where Go wants a list", BRAMA_LIT(JWT("{jwks_urls: 'https://a'}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config",
             "Can't read json: json: cannot unmarshal string into Go struct field "
             "JwtConfig.jwks_urls of type []string")},
};

static void rules_are_judged_as_in_kyma(void **state)
{
    (void)state;
    expect_rows(kyma_rows, BRAMA_ARRAY_LEN(kyma_rows));
}

static void a_short_host_needs_a_domain(void **state)
{
    (void)state;
    static const char text[] =
        V1BETA1_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n  host: orders\n"
                     "  service: {name: orders, port: 8080}\n  rules:\n"
                     "  - {path: /a, methods: [GET], accessStrategies: [{handler: allow}]}\n";
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "a short host", BRAMA_STR(text));
    brama_judge(&f.world, &(struct brama_judge_options){.domain = BRAMA_NIL});
    EXPECT_STR("3: no domain", f.world.rules->judged.description,
               BRAMA_STR("Validation error: Attribute \".spec.host\": Host does not contain a "
                         "domain name and no default domain name is configured"));
    fixture_judge(&f);
    EXPECT("with a domain", f.world.rules->judged.valid);
    EXPECT_STR("with a domain", f.world.rules->full_host, BRAMA_STR("orders.kyma.example"));
    fixture_end(&f);
}

#define MUTATORS(list)                                                                             \
    ISTIO STRATEGIES("{handler: jwt, config: {" AUTHN "}}], mutators: [" list "]")

static void mutators_of_a_jwt_rule_are_judged(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a header and a cookie are valid",
         BRAMA_LIT(MUTATORS("{handler: header, config: {headers: {X-A: b}}}, "
                            "{handler: cookie, config: {cookies: {a: b}}}")),
         V1_OK},
        {"one handler twice",
         BRAMA_LIT(MUTATORS("{handler: header, config: {headers: {X-A: b}}}, "
                            "{handler: header, config: {headers: {X-B: b}}}")),
         V1_SAYS(".spec.rules[0].mutators[1].handler.header",
                 "mutator for same handler already exists")},
        {"an empty handler", BRAMA_LIT(MUTATORS("{handler: ''}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler", "mutator handler cannot be empty")},
        {"header without config", BRAMA_LIT(MUTATORS("{handler: header}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config", "headers cannot be empty")},
        {"header without headers", BRAMA_LIT(MUTATORS("{handler: header, config: {headers: {}}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config", "headers cannot be empty")},
        {"a header without name",
         BRAMA_LIT(MUTATORS("{handler: header, config: {headers: {'': b}}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config.headers.name", "cannot be empty")},
        {"one cookie handler twice",
         BRAMA_LIT(MUTATORS("{handler: cookie, config: {cookies: {a: b}}}, "
                            "{handler: cookie, config: {cookies: {c: d}}}")),
         V1_SAYS(".spec.rules[0].mutators[1].handler.cookie",
                 "mutator for same handler already exists")},
        {"cookie without config", BRAMA_LIT(MUTATORS("{handler: cookie}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config", "cookies cannot be empty")},
        {"cookies as a list", BRAMA_LIT(MUTATORS("{handler: cookie, config: {cookies: [a]}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config",
                 "Can't read json: json: cannot unmarshal array into Go struct field "
                 "CookieMutatorConfig.cookies of type map[string]string")},
        {"not looked at without jwt",
         BRAMA_LIT(ISTIO STRATEGIES("{handler: no_auth}], mutators: [{handler: ''}]")), V1_OK},
        {"nor under ory, whose mutators are another matter",
         BRAMA_LIT(STRATEGIES("{handler: no_auth}], mutators: [{handler: header}, "
                              "{handler: header}]")),
         V1_OK},
        {"cookie without cookies", BRAMA_LIT(MUTATORS("{handler: cookie, config: {a: b}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config", "cookies cannot be empty")},
        {"a cookie without name",
         BRAMA_LIT(MUTATORS("{handler: cookie, config: {cookies: {'': b}}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config.cookies.name", "cannot be empty")},
        {"headers as a list", BRAMA_LIT(MUTATORS("{handler: header, config: {headers: [a]}}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler.config",
                 "Can't read json: json: cannot unmarshal array into Go struct field "
                 "HeaderMutatorConfig.headers of type map[string]string")},
        {"noop isn't for istio", BRAMA_LIT(MUTATORS("{handler: noop}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler", "unsupported mutator: noop")},
        {"nor is id_token", BRAMA_LIT(MUTATORS("{handler: id_token}")),
         V1_SAYS(".spec.rules[0].mutators[0].handler", "unsupported mutator: id_token")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

/* Rules without a service: one failure each. */
#define BARE(path) "  - {path: " path ", methods: [GET], accessStrategies: [{handler: allow}]}\n"

static void a_status_names_three_failures(void **state)
{
    (void)state;
#define LINE(i)                                                                                    \
    "\nAttribute \".spec.rules[" i "].service\": "                                                 \
    "No service defined with no main service on spec level"
    static const struct row rows[] = {
        {"one", BRAMA_LIT(V1BETA1_SPEC "  rules:\n" BARE("/a")),
         V1_SAYS(".spec.rules[0].service",
                 "No service defined with no main service on spec level")},
        {"two", BRAMA_LIT(V1BETA1_SPEC "  rules:\n" BARE("/a") BARE("/b")),
         BRAMA_LIT("Multiple validation errors: " LINE("0") LINE("1"))},
        {"three", BRAMA_LIT(V1BETA1_SPEC "  rules:\n" BARE("/a") BARE("/b") BARE("/c")),
         BRAMA_LIT("Multiple validation errors: " LINE("0") LINE("1") LINE("2"))},
        {"five",
         BRAMA_LIT(V1BETA1_SPEC "  rules:\n" BARE("/a") BARE("/b") BARE("/c") BARE("/d")
                       BARE("/e")),
         BRAMA_LIT("Multiple validation errors: " LINE("0") LINE("1") LINE("2") "\n"
                                                                                "2 more "
                                                                                "error(s)...")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

int run_v1(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_judged_as_in_kyma),
        cmocka_unit_test(a_short_host_needs_a_domain),
        cmocka_unit_test(mutators_of_a_jwt_rule_are_judged),
        cmocka_unit_test(a_status_names_three_failures),
    };
    return cmocka_run_group_tests_name("v1", tests, NULL, NULL);
}
