/* Facts: apirule.md 1.2, 1.3, 4.1 and the toggle's table in section 5. */
#include "fixture.h"

#include "json/read.h"

#define CONFIG_MAP(data)                                                                           \
    "apiVersion: v1\nkind: ConfigMap\n"                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\ndata: " data "\n---\n"
#define ORY_RULE JWT("{" ORY_KEYS "}")

static void the_toggle_chooses_the_handler(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_handler handler;
        brama_str description;
    } rows[] = {
        {"no ConfigMap is ory", BRAMA_LIT(ORY_RULE), BRAMA_HANDLER_ORY, V1_OK},
        {"ory", BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'jwtHandler: ory'}") ORY_RULE),
         BRAMA_HANDLER_ORY, V1_OK},
        {"istio",
         BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'jwtHandler: \"istio\"'}") JWT("{" AUTHN "}")),
         BRAMA_HANDLER_ISTIO, V1_OK},
        {"the key in other letters",
         BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'JWTHANDLER: istio'}") JWT("{" AUTHN "}")),
         BRAMA_HANDLER_ISTIO, V1_OK},
        {"the value in other letters",
         BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'jwtHandler: Istio'}") JWT("{" AUTHN "}")),
         BRAMA_HANDLER_NONE, V1_SAYS("", "Unsupported JWT Handler: Istio")},
        {"any other value, for open rules too",
         BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'jwtHandler: foo'}") HANDLER("allow")),
         BRAMA_HANDLER_NONE, V1_SAYS("", "Unsupported JWT Handler: foo")},
        {"any other value, for v2 too",
         BRAMA_LIT(CONFIG_MAP("{api-gateway-config: 'jwtHandler: foo'}") V2_JWT(AUTHN)),
         BRAMA_HANDLER_NONE, V2_SAYS("", "Unsupported JWT Handler: foo")},
        {"an empty text", BRAMA_LIT(CONFIG_MAP("{api-gateway-config: ''}") ORY_RULE),
         BRAMA_HANDLER_NONE, V1_SAYS("", "Unsupported JWT Handler: ")},
        {"no text", BRAMA_LIT(CONFIG_MAP("{}") ORY_RULE), BRAMA_HANDLER_NONE,
         V1_SAYS("", "Unsupported JWT Handler: ")},
        {"a text that isn't YAML", BRAMA_LIT(CONFIG_MAP("{api-gateway-config: '{'}") ORY_RULE),
         BRAMA_HANDLER_NONE, V1_SAYS("", "Unsupported JWT Handler: ")},
        {"another ConfigMap is no toggle",
         BRAMA_LIT("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api-gateway-config}\n"
                   "data: {api-gateway-config: 'jwtHandler: istio'}\n---\n" ORY_RULE),
         BRAMA_HANDLER_ORY, V1_OK},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT_STR(rows[i].name, f.world.rules->judged.description, rows[i].description);
        EXPECT(rows[i].name, f.world.rules->judged.handler == rows[i].handler);
        fixture_end(&f);
    }
}

static void a_manifest_becomes_a_model(void **state)
{
    (void)state;
    static const char text[] =
        ISTIO V1BETA1_SPEC "  timeout: 360\n"
                           "  service: {name: orders, namespace: backend, port: 8080}\n"
                           "  corsPolicy: {allowOrigins: [{exact: 'https://ui'}, {regex: '.*'}], "
                           "allowMethods: [GET], maxAge: 300s}\n"
                           "  rules:\n"
                           "  - path: /orders\n    methods: [GET, POST]\n    timeout: 10\n"
                           "    accessStrategies:\n    - handler: jwt\n      config:\n"
                           "        authentications:\n        - issuer: https://idp\n"
                           "          jwksUri: https://idp/keys\n"
                           "          fromHeaders: [{name: X-Token, prefix: 'Kyma '}]\n"
                           "        authorizations: [{requiredScopes: [read, write]}]\n"
                           "    mutators:\n    - handler: header\n"
                           "      config: {headers: {X-Percent: '100%%'}}\n"
                           "  - {path: /health, methods: [HEAD], service: {name: probe, port: 80}, "
                           "accessStrategies: [{handler: no_auth}]}\n";
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "full", BRAMA_STR(text));
    fixture_judge(&f);
    const struct brama_apirule *rule = f.world.rules;
    EXPECT_STR("valid", rule->judged.description, BRAMA_STR(""));
    EXPECT_STR("its namespace is the option's", rule->ns, BRAMA_STR("shop"));
    EXPECT("both origins",
           rule->cors.origin_count == 2 && rule->cors.origins[1].kind == BRAMA_ORIGIN_REGEX);
    EXPECT("maxAge in seconds", rule->cors.max_age_given && rule->cors.max_age_s == 300);
    const struct brama_rule *first = &rule->rules[0], *second = &rule->rules[1];
    EXPECT("methods", first->methods == (BRAMA_METHOD_GET | BRAMA_METHOD_POST));
    EXPECT("its own timeout wins", brama_rule_timeout(rule, first) == 10);
    EXPECT("the spec's timeout", brama_rule_timeout(rule, second) == 360);
    EXPECT_STR("the spec's service", brama_rule_service(rule, first).name, BRAMA_STR("orders"));
    EXPECT_STR("its own service", brama_rule_service(rule, second).name, BRAMA_STR("probe"));
    EXPECT_STR("in the spec's namespace", brama_rule_service(rule, second).ns,
               BRAMA_STR("backend"));
    const struct brama_jwt_istio *jwt = &first->strategies[0].istio;
    EXPECT_STR("prefix with its blank", jwt->auths[0].from_headers[0].prefix, BRAMA_STR("Kyma "));
    EXPECT("two scopes", jwt->authz_count == 1 && jwt->authz[0].scopes.n == 2);
    EXPECT_STR("a header as written", first->headers[0].value, BRAMA_STR("100%%"));
    EXPECT("the line of its handler", first->strategies[0].where.line == 20);
    fixture_end(&f);
}

static void an_ory_config_takes_the_shipped_defaults(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "defaults", BRAMA_STR(ORY_RULE));
    fixture_judge(&f);
    const struct brama_jwt_ory *ory = &f.world.rules->rules[0].strategies[0].ory;
    EXPECT("scopes as wildcards", ory->scope_strategy == BRAMA_SCOPES_WILDCARD);
    EXPECT("one algorithm", ory->allowed_algorithms.n == 1);
    EXPECT_STR("RS256", ory->allowed_algorithms.p[0], BRAMA_STR("RS256"));
    EXPECT("Authorization", ory->token_from.place == BRAMA_TOKEN_DEFAULT);
    fixture_end(&f);
}

static bool has_finding(const struct brama_world *world, const char *code)
{
    for (const struct brama_finding *f = world->findings.first; f != NULL; f = f->next)
        if (brama_str_eq(f->code, brama_str_c(code)))
            return true;
    return false;
}

static void neighbours_are_read(void **state)
{
    (void)state;
    static const char text[] =
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: v1\n  kind: Service\n  metadata: {name: out, namespace: a}\n"
        "  spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}\n"
        "- apiVersion: v1\n  kind: Service\n  metadata: {name: in}\n"
        "  spec: {selector: {app: in}, ports: [{name: http, port: 80, targetPort: 8080}]}\n"
        "- apiVersion: discovery.k8s.io/v1\n  kind: EndpointSlice\n"
        "  metadata: {name: in-1, labels: {kubernetes.io/service-name: in}}\n"
        "  ports: [{name: http, port: 8080}]\n"
        "  endpoints: [{addresses: [127.0.0.2]}, "
        "{addresses: [127.0.0.3], conditions: {ready: false}}]\n"
        "- apiVersion: v1\n  kind: Secret\n  type: kubernetes.io/tls\n  metadata: {name: tls}\n"
        "  data: {tls.crt: Q0VSVA==, tls.key: S0VZ}\n"
        "- apiVersion: v1\n  kind: Secret\n  type: kubernetes.io/tls\n  metadata: {name: half}\n"
        "  data: {tls.crt: Q0VSVA==}\n"
        "- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: in}\n";
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "a list", BRAMA_STR(text));
    const struct brama_service *in = f.world.services;
    EXPECT_STR("the last Service comes first", in->name, BRAMA_STR("in"));
    EXPECT("its target port", in->port_count == 1 && in->ports[0].target_port == 8080);
    EXPECT("its selector", in->selector != NULL);
    EXPECT_STR("a name outside", in->next->external_name, BRAMA_STR("example.com"));
    EXPECT("one ready address", f.world.slices->addresses.n == 1);
    EXPECT_STR("of the right one", f.world.slices->addresses.p[0], BRAMA_STR("127.0.0.2"));
    EXPECT_STR("by its label", f.world.slices->service, BRAMA_STR("in"));
    const struct brama_secret *half = f.world.secrets, *whole = half->next;
    EXPECT("half a Secret is there", whole != NULL && whole->next == NULL);
    EXPECT("and has nothing", half->cert_pem.n + half->key_pem.n == 0);
    EXPECT_STR("the certificate", whole->cert_pem, BRAMA_STR("CERT"));
    EXPECT_STR("the key", whole->key_pem, BRAMA_STR("KEY"));
    EXPECT("and is named", has_finding(&f.world, "BRAMA1005"));
    EXPECT("the Deployment is counted", f.world.skipped == 1);
    fixture_end(&f);
}

static void what_isnt_kubernetes_is_refused_whole(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
    } rows[] = {
        {"no YAML", BRAMA_LIT("a: ["), BRAMA_ERR_SYNTAX},
        {"a list of its own", BRAMA_LIT("- a\n"), BRAMA_ERR_INVALID},
        {"no apiVersion", BRAMA_LIT("kind: APIRule\nmetadata: {name: a}\n"), BRAMA_ERR_INVALID},
        {"no kind", BRAMA_LIT("apiVersion: v1\nmetadata: {name: a}\n"), BRAMA_ERR_INVALID},
        {"no name", BRAMA_LIT("apiVersion: v1\nkind: Service\n"), BRAMA_ERR_INVALID},
        {"a name that walks",
         BRAMA_LIT("apiVersion: v1\nkind: Service\nmetadata: {name: ../../x}\n"),
         BRAMA_ERR_INVALID},
        {"a namespace that walks",
         BRAMA_LIT("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ..}\n"),
         BRAMA_ERR_INVALID},
        {"the second document", BRAMA_LIT(HANDLER("allow") "---\nkind: x\n"), BRAMA_ERR_INVALID},
        {"nothing is nothing", BRAMA_LIT(""), BRAMA_OK},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct brama_diag diag = {0};
        brama_str text = expect_exact(rows[i].text);
        fixture_begin(&f);
        EXPECT(rows[i].name, brama_world_add(&f.world, BRAMA_STR("a"), text, &diag) == rows[i].err);
        EXPECT(rows[i].name, f.world.rule_count == 0 && f.world.services == NULL);
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (rows[i].err != BRAMA_OK));
        fixture_end(&f);
        expect_free(text);
    }
}

static void what_deserves_a_word_gets_its_code(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        const char *code;
        bool found;
    } rows[] = {
        {"keys by plain http",
         BRAMA_LIT(V2_JWT("authentications: [{issuer: a, "
                          "jwksUri: 'http://idp/keys'}]")),
         "BRAMA1001", true},
        {"an issuer by plain http",
         BRAMA_LIT(JWT("{" ORY_KEYS ", trusted_issuers: "
                       "['http://idp']}")),
         "BRAMA1001", true},
        {"keys by https", BRAMA_LIT(V2_JWT(AUTHN)), "BRAMA1001", false},
        {"v1beta1", BRAMA_LIT(HANDLER("allow")), "BRAMA1002", true},
        {"v2", BRAMA_LIT(V2_JWT(AUTHN)), "BRAMA1002", false},
        {"a Service that isn't there",
         BRAMA_LIT("apiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\n" HANDLER("allow")),
         "BRAMA1003", true},
        {"a Service that is there",
         BRAMA_LIT(
             "apiVersion: v1\nkind: Service\nmetadata: {name: orders}\n---\n" HANDLER("allow")),
         "BRAMA1003", false},
        {"no Services at all", BRAMA_LIT(HANDLER("allow")), "BRAMA1003", false},
        {"one rule twice", BRAMA_LIT(HANDLER("allow") "---\n" HANDLER("noop")), "BRAMA1004", true},
        {"a version of tomorrow",
         BRAMA_LIT("apiVersion: gateway.kyma-project.io/v3\nkind: APIRule\n"
                   "metadata: {name: orders}\n"),
         "BRAMA1006", true},
        {"a toggle without value", BRAMA_LIT(CONFIG_MAP("{}")), "BRAMA1007", true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT(rows[i].name, has_finding(&f.world, rows[i].code) == rows[i].found);
        EXPECT(rows[i].name, f.world.rule_count <= 1);
        fixture_end(&f);
    }
}

#define NAMED(name, host, strategy)                                                                \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: " name "}\n"     \
    "spec:\n  gateway: kyma-system/kyma-gateway\n  host: " host "\n"                               \
    "  service: {name: a, port: 1}\n  rules: [{path: /a, methods: [GET], "                         \
    "accessStrategies: [{handler: " strategy "}]}]\n---\n"

static void a_host_stays_with_who_is_served_under_it(void **state)
{
    (void)state;
    static const struct brama_host_owner second = {BRAMA_LIT("abc.kyma.example"), BRAMA_LIT("shop"),
                                                   BRAMA_LIT("second"), false, 0};
    static const struct brama_host_owner unread = {BRAMA_LIT("abc.kyma.example"), BRAMA_LIT("shop"),
                                                   BRAMA_LIT("second"), true, 0};
    static const struct {
        const char *name;
        brama_str text;
        const struct brama_host_owner *owner;
        bool first_valid, second_valid;
    } rows[] = {
        {"the first one comes first",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("second", "ABC.kyma.example", "allow")),
         NULL, true, false},
        {"two hosts", BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("second", "bcd", "allow")),
         NULL, true, true},
        {"an invalid one holds its host",
         BRAMA_LIT(NAMED("first", "abc", "jwt") NAMED("second", "abc", "allow")), NULL, false,
         false},
        {"who is served keeps it",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("second", "abc", "allow")), &second, false,
         true},
        {"who is served and broken keeps it, whatever its new host",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("second", "bcd", "jwt")), &second, false,
         false},
        {"who has gone elsewhere leaves it",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("second", "bcd", "allow")), &second, true,
         true},
        {"who is gone leaves it",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("third", "bcd", "allow")), &second, true,
         true},
        {"who can't be read keeps it",
         BRAMA_LIT(NAMED("first", "abc", "allow") NAMED("third", "bcd", "allow")), &unread, false,
         true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct brama_judge_options options = {.domain = BRAMA_STR("kyma.example"),
                                              .owners = rows[i].owner,
                                              .owner_count = rows[i].owner != NULL};
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        brama_judge(&f.world, &options);
        EXPECT(rows[i].name, f.world.rules->judged.valid == rows[i].first_valid);
        EXPECT(rows[i].name, f.world.last_rule->judged.valid == rows[i].second_valid);
        fixture_end(&f);
    }
}

static void a_stored_rule_is_judged_alone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "ory", BRAMA_STR(ORY_RULE));
    brama_judge_one(f.world.rules, BRAMA_HANDLER_ISTIO, &f.world, BRAMA_STR("d"), &f.arena);
    EXPECT("not under istio", !f.world.rules->judged.valid);
    brama_judge_one(f.world.rules, BRAMA_HANDLER_ORY, &f.world, BRAMA_STR("d"), &f.arena);
    EXPECT("under ory", f.world.rules->judged.valid);
    brama_judge_one(f.world.rules, BRAMA_HANDLER_NONE, &f.world, BRAMA_STR("d"), &f.arena);
    EXPECT("not under nothing", !f.world.rules->judged.valid);
    fixture_end(&f);
}

static void a_report_lists_failures_and_findings(void **state)
{
    (void)state;
    struct fixture f;
    struct brama_findings out;
    fixture_begin(&f);
    fixture_add(&f, "bad", BRAMA_STR(HANDLER("bearer_token")));
    fixture_judge(&f);
    brama_findings_init(&out, &f.arena);
    brama_world_report(&out, &f.world);
    EXPECT("one error, one warning", out.errors == 1 && out.warnings == 1);
    EXPECT_STR("its path", out.first->attribute,
               BRAMA_STR(".spec.rules[0].accessStrategies[0].handler"));
    EXPECT("its place", out.first->where.line != 0);
    fixture_end(&f);
}

/* Documents as a file had them before it broke. */
static void stand_in(struct fixture *f, brama_str text)
{
    struct brama_node *first = NULL;
    struct brama_docs docs;
    struct brama_diag diag = {0};

    assert_int_equal(brama_yaml_parse(&first, &f->arena, text, BRAMA_STR("broken.yaml"),
                                      &brama_json_limits_rules, &diag),
                     BRAMA_OK);
    assert_int_equal(brama_docs_read(&docs, &f->arena, first, &diag), BRAMA_OK);
    assert_int_equal(brama_world_stand_in(&f->world, &docs), BRAMA_OK);
}

static void what_a_broken_file_had_beside_rules_stands_in(void **state)
{
    (void)state;
#define OBJECT(kind, name, rest)                                                                   \
    "apiVersion: v1\nkind: " kind "\nmetadata: {name: " name "}\n" rest "---\n"
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "a file", BRAMA_STR(OBJECT("Service", "a", "spec: {ports: [{port: 1}]}\n")));
    stand_in(&f, BRAMA_STR(OBJECT("Service", "a", "spec: {ports: [{port: 2}]}\n")
                               OBJECT("Service", "b", "spec: {ports: [{port: 3}]}\n")
                                   OBJECT("Deployment", "c", "") ISTIO ORY_RULE));
    EXPECT("a Service that is nowhere else", brama_str_eq(f.world.services->name, BRAMA_STR("b")));
    EXPECT("what is there counts",
           f.world.services->next->ports[0].port == 1 && f.world.services->next->next == NULL);
    EXPECT("the toggle stays", f.world.toggle.handler == BRAMA_HANDLER_ISTIO);
    EXPECT("APIRules have their last good forms", f.world.rules == NULL);
    EXPECT("nothing is said", f.world.findings.first == NULL && f.world.skipped == 0);
    fixture_end(&f);
}

/* An allocator that ends after so many blocks. */
struct countdown {
    size_t left;
};

static void *countdown_resize(void *ctx, void *p, size_t n)
{
    struct countdown *c = ctx;

    if (n == 0) {
        free(p);
        return NULL;
    }
    if (c->left == 0)
        return NULL;
    c->left--;
    return realloc(p, n);
}

static void without_memory_nothing_is_valid(void **state)
{
    (void)state;
    static const char text[] = V2 "  - {path: /a, methods: [GET], jwt: {" AUTHN "}}\n"
                                  "  - {path: /b, methods: [GET], noAuth: true}\n";
    bool valid = false;
    size_t n = 0;

    for (; n < 10000 && !valid; n++) {
        struct countdown c = {n};
        struct brama_alloc alloc = {countdown_resize, &c};
        struct brama_arena arena;
        struct brama_world world;
        brama_arena_init(&arena, &alloc, 1 << 24);
        brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_NIL});
        enum brama_err err = brama_world_add(&world, BRAMA_STR("a"), BRAMA_STR(text), NULL);
        assert_true(err == BRAMA_OK || (err == BRAMA_ERR_NOMEM && world.rules == NULL));
        if (err == BRAMA_OK) {
            brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
            valid = world.rules->judged.valid;
        }
        brama_arena_deinit(&arena);
    }
    assert_true(valid && n > 2);
}

int run_world(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_toggle_chooses_the_handler),
        cmocka_unit_test(a_manifest_becomes_a_model),
        cmocka_unit_test(an_ory_config_takes_the_shipped_defaults),
        cmocka_unit_test(neighbours_are_read),
        cmocka_unit_test(what_isnt_kubernetes_is_refused_whole),
        cmocka_unit_test(what_deserves_a_word_gets_its_code),
        cmocka_unit_test(a_host_stays_with_who_is_served_under_it),
        cmocka_unit_test(a_stored_rule_is_judged_alone),
        cmocka_unit_test(a_report_lists_failures_and_findings),
        cmocka_unit_test(what_a_broken_file_had_beside_rules_stands_in),
        cmocka_unit_test(without_memory_nothing_is_valid),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
