/* Istio Gateways: facts of apirule.md 3.3 and 7.3, istio-jwt.md 4.4. What applies of them standing
 * alone is docs/gateways.md's. */
#include "fixture.h"

#define GATEWAY(ns, name, servers)                                                                 \
    "apiVersion: networking.istio.io/v1beta1\nkind: Gateway\n"                                     \
    "metadata: {name: " name ", namespace: " ns "}\nspec: {servers: [" servers "]}\n---\n"
#define HTTPS(hosts)                                                                               \
    "{port: {number: 443, name: https, protocol: HTTPS}, hosts: [" hosts                           \
    "], tls: {mode: SIMPLE, credentialName: c}}"
#define HTTP(hosts) "{port: {number: 80, name: http, protocol: HTTP}, hosts: [" hosts "]}"
#define V2_ON(gateway, host)                                                                       \
    V2_HEAD "spec:\n  gateway: " gateway "\n  hosts: ['" host "']\n"                               \
            "  service: {name: orders, port: 8080}\n"                                              \
            "  rules: [{path: /a, methods: [GET], noAuth: true}]\n"
#define V1_ON(gateway, host)                                                                       \
    V1BETA1_HEAD "spec:\n  gateway: " gateway "\n  host: " host "\n"                               \
                 "  service: {name: orders, port: 8080}\n"                                         \
                 "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"
#define SHORT                                                                                      \
    "Lowercase RFC 1123 label (short host) is only supported as the APIRule host when selected "   \
    "Gateway has a single host definition matching *.<fqdn> format"

static void a_rule_needs_its_gateway(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a given one", BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example'")) V2_ON("a/b", "orders")),
         V2_OK},
        {"one of that name in another namespace",
         BRAMA_LIT(GATEWAY("c", "b", HTTPS("'*.d.example'")) V2_ON("a/b", "orders")),
         V2_SAYS("spec.gateway", "Could not get specified Gateway")},
        {"the Kubernetes kind of that name is another",
         BRAMA_LIT("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
                   "metadata: {name: b, namespace: a}\n---\n" V2_ON("a/b", "a.b.example")),
         V2_SAYS("spec.gateway", "Could not get specified Gateway")},
        {"v1: by namespace and name",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example'")) V1_ON("a/b", "o.d.example")), V1_OK},
        {"v1: by its name, in the rule's namespace",
         BRAMA_LIT(GATEWAY("shop", "b", HTTPS("'*.d.example'")) V1_ON("b", "o.d.example")), V1_OK},
        {"v1: in the cluster's form",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example'"))
                       V1_ON("b.a.svc.cluster.local", "o.d.example")),
         V1_OK},
        {"v1: none", BRAMA_LIT(V1_ON("a/b", "o.d.example")),
         V1_SAYS(".spec.gateway", "Gateway a/b isn't among the given files")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

static void a_short_host_needs_one_wildcard(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one host on two servers",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example'") ", " HTTP("'*.d.example'"))
                       V2_ON("a/b", "orders")),
         V2_OK},
        {"two hosts on one server",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example', '*.e.example'")) V2_ON("a/b", "orders")),
         V2_SAYS(".spec.hosts[0]", SHORT)},
        {"two servers with a host each",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("'*.d.example'") ", " HTTP("'*.e.example'"))
                       V2_ON("a/b", "orders")),
         V2_SAYS(".spec.hosts[0]", SHORT)},
        {"no wildcard", BRAMA_LIT(GATEWAY("a", "b", HTTPS("d.example")) V2_ON("a/b", "orders")),
         V2_SAYS(".spec.hosts[0]", SHORT)},
        {"a full host needs none",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("d.example")) V2_ON("a/b", "d.example")), V2_OK},
        {"v1: the default domain is that of Kyma's own Gateway",
         BRAMA_LIT(GATEWAY("kyma-system", "kyma-gateway",
                           HTTPS("'*.d.example'") ", " HTTP("'*.d.example'"))
                       V1_ON("kyma-system/kyma-gateway", "orders")),
         V1_OK},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define KYMA(servers) GATEWAY("kyma-system", "kyma-gateway", servers)
#define V1_ORDERS V1_ON("kyma-system/kyma-gateway", "o.d.example")

static void a_malformed_kyma_gateway_blocks_every_rule(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no https server", BRAMA_LIT(KYMA(HTTP("'*.d.example'")) V1_ORDERS),
         V1_SAYS("", "gateway must have a single https server definition, num=0")},
        {"two of them",
         BRAMA_LIT(KYMA(HTTPS("'*.d.example'") ", " HTTPS("'*.e.example'")) V1_ORDERS),
         V1_SAYS("", "gateway must have a single https server definition, num=2")},
        {"two hosts", BRAMA_LIT(KYMA(HTTPS("'*.d.example', '*.e.example'")) V1_ORDERS),
         V1_SAYS("", "gateway https server must have a single host definition, num=2")},
        {"no wildcard", BRAMA_LIT(KYMA(HTTPS("d.example")) V1_ORDERS),
         V1_SAYS("", "gateway https server host \"d.example\" does not start with the prefix "
                     "\"*.\"")},
        {"nothing behind it", BRAMA_LIT(KYMA(HTTPS("'*.'")) V1_ORDERS),
         V1_SAYS("", "gateway https server host \"*.\" does not define domain after the prefix "
                     "\"*.\"")},
        {"v2 too, on whatever Gateway",
         BRAMA_LIT(KYMA(HTTP("'*.d.example'")) GATEWAY("a", "b", HTTPS("'*.d.example'"))
                       V2_ON("a/b", "orders")),
         V2_SAYS("", "gateway must have a single https server definition, num=0")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

/* "host listeners", in order: p plain, t TLS, r redirected. */
static brama_str entries_text(struct brama_arena *arena, const struct brama_apirule *rule)
{
    brama_str out = BRAMA_STR("");

    for (size_t i = 0; i < rule->entry_count; i++) {
        const struct brama_entry *e = &rule->entries[i];
        out = brama_arena_printf(arena, "%.*s%s%.*s %s%s%s", BRAMA_FMT(out), i != 0 ? ", " : "",
                                 BRAMA_FMT(e->host), e->plain ? "p" : "", e->tls ? "t" : "",
                                 e->redirect ? "r" : "");
    }
    return out;
}

static void a_rule_is_reached_where_its_gateway_has_its_host(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, entries;
    } rows[] = {
        {"the built-in Gateway has its domain on both listeners",
         BRAMA_LIT(V2_ON("kyma-system/kyma-gateway", "orders")),
         BRAMA_LIT("orders.kyma.example pt")},
        {"and no other host", BRAMA_LIT(V2_ON("kyma-system/kyma-gateway", "orders.example")),
         BRAMA_LIT("")},
        {"nor the domain alone", BRAMA_LIT(V2_ON("kyma-system/kyma-gateway", "kyma.example")),
         BRAMA_LIT("")},
        {"a wildcard below it", BRAMA_LIT(V2_ON("kyma-system/kyma-gateway", "*.a.kyma.example")),
         BRAMA_LIT("*.a.kyma.example pt")},
        {"a wildcard above it shrinks",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("x.d.example, y.d.example") ", " HTTP("z.e.example"))
                       V2_ON("a/b", "*.d.example")),
         BRAMA_LIT("x.d.example t, y.d.example t")},
        {"listeners add up",
         BRAMA_LIT(GATEWAY("a", "b", HTTPS("x.d.example") ", " HTTP("'*.d.example'"))
                       V2_ON("a/b", "x.d.example")),
         BRAMA_LIT("x.d.example pt")},
        {"a star is any host", BRAMA_LIT(GATEWAY("a", "b", HTTP("'*'")) V2_ON("a/b", "d.example")),
         BRAMA_LIT("d.example p")},
        {"letters don't matter",
         BRAMA_LIT(GATEWAY("a", "b", HTTP("'*.D.Example'")) V2_ON("a/b", "x.d.example")),
         BRAMA_LIT("x.d.example p")},
        {"a redirect",
         BRAMA_LIT(GATEWAY("a", "b",
                           "{port: {protocol: HTTP}, hosts: [d.example], "
                           "tls: {httpsRedirect: true}}") V2_ON("a/b", "d.example")),
         BRAMA_LIT("d.example pr")},
        {"hosts of every namespace",
         BRAMA_LIT(GATEWAY("a", "b", HTTP("'*/d.example'")) V2_ON("a/b", "d.example")),
         BRAMA_LIT("d.example p")},
        {"of the rule's",
         BRAMA_LIT(GATEWAY("a", "b", HTTP("shop/d.example")) V2_ON("a/b", "d.example")),
         BRAMA_LIT("d.example p")},
        {"of the Gateway's, which isn't the rule's",
         BRAMA_LIT(GATEWAY("a", "b", HTTP("./d.example")) V2_ON("a/b", "d.example")),
         BRAMA_LIT("")},
        {"of the Gateway's, which is the rule's",
         BRAMA_LIT(GATEWAY("shop", "b", HTTP("./d.example")) V2_ON("shop/b", "d.example")),
         BRAMA_LIT("d.example p")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT(rows[i].name, f.world.rules->judged.valid);
        EXPECT_STR(rows[i].name, entries_text(&f.arena, f.world.rules), rows[i].entries);
        fixture_end(&f);
    }
}

static bool has_code(const struct brama_world *world, const char *code)
{
    for (const struct brama_finding *f = world->findings.first; f != NULL; f = f->next)
        if (brama_str_eq(f->code, brama_str_c(code)))
            return true;
    return false;
}

static void what_serves_nobody_is_said(void **state)
{
    (void)state;
#define SERVER(server) BRAMA_LIT(GATEWAY("a", "b", server) V2_ON("a/b", "d.example"))
    static const struct {
        const char *name;
        brama_str text;
        bool server, secret, entry; /* findings about these */
    } rows[] = {
        {"fine but for its Secret", SERVER(HTTPS("d.example")), false, true, false},
        {"fine", SERVER(HTTP("d.example")), false, false, false},
        {"another host", SERVER(HTTP("e.example")), false, false, true},
        {"mutual TLS",
         SERVER("{port: {protocol: HTTPS}, hosts: [d.example], "
                "tls: {mode: MUTUAL, credentialName: c}}"),
         true, false, true},
        {"no mode, which is passthrough",
         SERVER("{port: {protocol: HTTPS}, hosts: [d.example], tls: {credentialName: c}}"), true,
         false, true},
        {"a certificate in files",
         SERVER("{port: {protocol: HTTPS}, hosts: [d.example], tls: {mode: SIMPLE, "
                "serverCertificate: /a, privateKey: /b}}"),
         true, false, true},
        {"TCP", SERVER("{port: {protocol: TCP}, hosts: [d.example]}"), true, false, true},
        {"no hosts", SERVER("{port: {protocol: HTTP}}"), true, false, true},
        {"a host that is none", SERVER(HTTP("d.example, 'a b'")), true, false, true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT(rows[i].name, has_code(&f.world, "BRAMA1009") == rows[i].server);
        EXPECT(rows[i].name, has_code(&f.world, "BRAMA1010") == rows[i].secret);
        EXPECT(rows[i].name, has_code(&f.world, "BRAMA1011") == rows[i].entry);
        fixture_end(&f);
    }
}

#define SECRET(ns, key)                                                                            \
    "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: c, namespace: " ns    \
    "}\nstringData: {tls.crt: " key ", tls.key: " key "}\n---\n"

static void a_certificate_is_looked_for_where_kyma_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, key;
    } rows[] = {
        {"in istio-system", BRAMA_LIT(SECRET("a", "own") SECRET("istio-system", "istio")),
         BRAMA_LIT("istio")},
        {"else beside the Gateway", BRAMA_LIT(SECRET("shop", "rule") SECRET("a", "own")),
         BRAMA_LIT("own")},
        {"nowhere else", BRAMA_LIT(SECRET("shop", "rule")), BRAMA_LIT("")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_add(&f, rows[i].name, BRAMA_STR(GATEWAY("a", "b", HTTPS("d.example"))));
        const struct brama_gateway *g = f.world.gateways;
        const struct brama_secret *s = brama_world_certificate(&f.world, g, &g->servers[0]);
        EXPECT_STR(rows[i].name, s != NULL ? s->key_pem : BRAMA_NIL, rows[i].key);
        fixture_end(&f);
    }
}

int run_gateway(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_needs_its_gateway),
        cmocka_unit_test(a_short_host_needs_one_wildcard),
        cmocka_unit_test(a_malformed_kyma_gateway_blocks_every_rule),
        cmocka_unit_test(a_rule_is_reached_where_its_gateway_has_its_host),
        cmocka_unit_test(what_serves_nobody_is_said),
        cmocka_unit_test(a_certificate_is_looked_for_where_kyma_has_it),
    };
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
