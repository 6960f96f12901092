#include "expect.h"

#include "source/services.h"

static void service_flags_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        brama_str want; /* ns/name:port host port; {NULL, 0}: refused */
    } rows[] = {
        {"a name", BRAMA_LIT("httpbin=127.0.0.1:8000"),
         BRAMA_LIT("default/httpbin:0 127.0.0.1 8000")},
        {"a namespace", BRAMA_LIT("a.b=h:1"), BRAMA_LIT("b/a:0 h 1")},
        {"a port", BRAMA_LIT("a:80=h:1"), BRAMA_LIT("default/a:80 h 1")},
        {"both", BRAMA_LIT("a.b:80=h:1"), BRAMA_LIT("b/a:80 h 1")},
        {"IPv6", BRAMA_LIT("a=[::1]:8000"), BRAMA_LIT("default/a:0 ::1 8000")},
        {"IPv6 without brackets", BRAMA_LIT("a=::1:8000"), {NULL, 0}},
        {"brackets around no IPv6", BRAMA_LIT("a=[h]:8000"), {NULL, 0}},
        {"a DNS name", BRAMA_LIT("a=my-host.example:443"),
         BRAMA_LIT("default/a:0 my-host.example 443")},
        {"the largest port", BRAMA_LIT("a:65535=h:65535"), BRAMA_LIT("default/a:65535 h 65535")},
        {"a port too large", BRAMA_LIT("a=h:65536"), {NULL, 0}},
        {"port 0", BRAMA_LIT("a=h:0"), {NULL, 0}},
        {"port 0 on the left", BRAMA_LIT("a:0=h:1"), {NULL, 0}},
        {"a port with a letter", BRAMA_LIT("a=h:8a0"), {NULL, 0}},
        {"no port", BRAMA_LIT("a=h"), {NULL, 0}},
        {"no host", BRAMA_LIT("a=:80"), {NULL, 0}},
        {"nothing on the right", BRAMA_LIT("a="), {NULL, 0}},
        {"nothing on the left", BRAMA_LIT("=h:80"), {NULL, 0}},
        {"no equals sign", BRAMA_LIT("a:80"), {NULL, 0}},
        {"nothing", BRAMA_LIT(""), {NULL, 0}},
        {"an empty namespace", BRAMA_LIT("a.=h:80"), {NULL, 0}},
        {"a blank", BRAMA_LIT("a =h:80"), {NULL, 0}},
        {"a URL on the right", BRAMA_LIT("a=http://h:80"), {NULL, 0}},
        {"a NUL in the host", BRAMA_LIT("a=h\0:80"), {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_service_flag f;
        struct brama_diag diag = {0};
        char got[128];
        brama_str exact = expect_exact(rows[i].text);
        enum brama_err err = brama_service_flag_read(&f, exact, BRAMA_STR("default"), &diag);
        snprintf(got, sizeof(got), "%.*s/%.*s:%u %.*s %u", BRAMA_FMT(f.ns), BRAMA_FMT(f.name),
                 f.port, BRAMA_FMT(f.to_host), f.to_port);
        expect_free(exact);
        EXPECT(rows[i].name, (err == BRAMA_OK) == (rows[i].want.p != NULL));
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (err != BRAMA_OK));
        if (err == BRAMA_OK)
            EXPECT_STR(rows[i].name, brama_str_c(got), rows[i].want);
    }
}

static const char neighbours[] = "apiVersion: v1\n"
                                 "kind: Service\n"
                                 "metadata: {name: outside, namespace: x}\n"
                                 "spec:\n"
                                 "  type: ExternalName\n"
                                 "  externalName: api.example\n"
                                 "  ports: [{port: 80, targetPort: 8080}, {port: 81}]\n"
                                 "---\n"
                                 "apiVersion: v1\n"
                                 "kind: Service\n"
                                 "metadata: {name: sliced, namespace: x}\n"
                                 "spec:\n"
                                 "  ports: [{name: web, port: 80}, {name: other, port: 90}]\n"
                                 "---\n"
                                 "apiVersion: discovery.k8s.io/v1\n"
                                 "kind: EndpointSlice\n"
                                 "metadata:\n"
                                 "  name: sliced-1\n"
                                 "  namespace: x\n"
                                 "  labels: {kubernetes.io/service-name: sliced}\n"
                                 "addressType: IPv4\n"
                                 "endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}]\n"
                                 "ports: [{name: web, port: 8080}]\n";

static void names_lead_to_endpoints(void **state)
{
    (void)state;
    static const struct brama_service_flag flags[] = {
        {BRAMA_LIT("app"), BRAMA_LIT("x"), 0, BRAMA_LIT("127.0.0.1"), 1000},
        {BRAMA_LIT("app"), BRAMA_LIT("x"), 443, BRAMA_LIT("127.0.0.1"), 1443},
        {BRAMA_LIT("free"), {NULL, 0}, 0, BRAMA_LIT("127.0.0.1"), 2000},
    };
    static const struct {
        const char *name;
        brama_str host;
        uint16_t port;
        brama_str want; /* {NULL, 0}: not the table's */
        uint16_t want_port;
    } rows[] = {
        {"a flag for any port", BRAMA_LIT("app.x.svc.cluster.local"), 80, BRAMA_LIT("127.0.0.1"),
         1000},
        {"a flag for this port comes first", BRAMA_LIT("app.x.svc.cluster.local"), 443,
         BRAMA_LIT("127.0.0.1"), 1443},
        {"the middle form", BRAMA_LIT("app.x.svc"), 80, BRAMA_LIT("127.0.0.1"), 1000},
        {"the short form", BRAMA_LIT("app.x"), 80, BRAMA_LIT("127.0.0.1"), 1000},
        {"in capitals", BRAMA_LIT("App.X.SVC"), 80, BRAMA_LIT("127.0.0.1"), 1000},
        {"with the root's dot", BRAMA_LIT("app.x.svc.cluster.local."), 80, BRAMA_LIT("127.0.0.1"),
         1000},
        {"another namespace", BRAMA_LIT("app.y"), 80, {NULL, 0}, 0},
        {"a flag for any namespace", BRAMA_LIT("free.y"), 80, BRAMA_LIT("127.0.0.1"), 2000},
        {"a name alone", BRAMA_LIT("app"), 80, {NULL, 0}, 0},
        {"another domain", BRAMA_LIT("app.x.svc.example"), 80, {NULL, 0}, 0},
        {"a host that only begins like one", BRAMA_LIT("app.x.svcs"), 80, {NULL, 0}, 0},
        {"nothing", BRAMA_LIT(""), 80, {NULL, 0}, 0},
        {"ExternalName with a target port", BRAMA_LIT("outside.x"), 80, BRAMA_LIT("api.example"),
         8080},
        {"ExternalName without", BRAMA_LIT("outside.x"), 81, BRAMA_LIT("api.example"), 81},
        {"a slice's port of the same name", BRAMA_LIT("sliced.x"), 80, BRAMA_LIT("10.0.0.1"), 8080},
        {"a Service's port without endpoints", BRAMA_LIT("sliced.x"), 90, {NULL, 0}, 0},
        {"a port the Service hasn't", BRAMA_LIT("sliced.x"), 8080, {NULL, 0}, 0},
    };
    struct brama_arena arena;
    struct brama_world world;
    struct brama_diag diag = {0};
    struct brama_endpoint both[4];
    brama_arena_init(&arena, NULL, 1 << 22);
    brama_world_init(&world, &arena, &(struct brama_world_options){0});
    if (brama_world_add(&world, BRAMA_STR("n.yaml"), brama_str_c(neighbours), &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    struct brama_service_table table;
    assert_int_equal(
        brama_service_table_init(&table, &arena, flags, BRAMA_ARRAY_LEN(flags), &world), BRAMA_OK);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str to = BRAMA_NIL, host = expect_exact(rows[i].host);
        uint16_t port = 0;
        bool found = brama_service_lookup(&table, host, rows[i].port, 0, &to, &port);
        expect_free(host);
        EXPECT(rows[i].name, found == (rows[i].want.p != NULL));
        EXPECT_STR(rows[i].name, to, rows[i].want);
        EXPECT(rows[i].name, port == rows[i].want_port);
    }
    assert_int_equal(
        brama_service_endpoints(&table, BRAMA_STR("x"), BRAMA_STR("sliced"), 80, both, 4), 2);
    EXPECT_STR("the second", both[1].host, BRAMA_STR("10.0.0.2"));
    assert_int_equal(
        brama_service_endpoints(&table, BRAMA_STR("x"), BRAMA_STR("sliced"), 80, both, 1), 1);
    brama_str to;
    uint16_t port;
    EXPECT("the second by a URL's host",
           brama_service_lookup(&table, BRAMA_STR("sliced.x"), 80, 1, &to, &port));
    EXPECT_STR("the second by a URL's host", to, BRAMA_STR("10.0.0.2"));
    EXPECT("no third", !brama_service_lookup(&table, BRAMA_STR("sliced.x"), 80, 2, &to, &port));
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_flags_are_read_whole_or_not_at_all),
        cmocka_unit_test(names_lead_to_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
