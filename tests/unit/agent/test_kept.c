/* What is kept with documents between rounds never shows, whatever comes, goes, moves or changes:
 * the policy is that of a reading that knows nothing, and so is where it leads. */
#include "readings.h"

#include <unistd.h>

#define SERVICE(name) SERVICE_OF(name, "selector: {app: x}")
#define SERVICE_OF(name, spec)                                                                     \
    "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec:\n"                           \
    "  {" spec ", ports: [{port: 80}]}\n"
#define LISTED(name)                                                                               \
    "apiVersion: gateway.kyma-project.io/v2\n  kind: APIRule\n  metadata: {name: " name "}\n"      \
    "  spec: {hosts: [" name "], gateway: kyma-system/kyma-gateway,\n"                             \
    "    service: {name: app, port: 80}, rules: [{path: bad, methods: [GET], noAuth: true}]}\n"
#define BAD_SCHEMA(name)                                                                           \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  hosts: [" name "]\n  gateway: kyma-system/kyma-gateway\n  unknown: 1\n  rules:\n"           \
    "  - path: /\n    methods: [NONE]\n    noAuth: true\n"
#define V1_RULES(name, handler, config)                                                            \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: " name "}\n"     \
    "spec:\n  host: " name "\n  gateway: kyma-system/kyma-gateway\n"                               \
    "  service: {name: app, port: 80}\n  rules:\n  - path: /.*\n    methods: [GET]\n"              \
    "    accessStrategies:\n    - handler: " handler "\n      config:\n        " config "\n"
#define BAD_ISSUER(name)                                                                           \
    V1_RULES(name, "jwt", "{trusted_issuers: ['::bad'], jwks_urls: ['ftp://x/y', 'http://k/j']}")
#define BAD_V2_ISSUER(name)                                                                        \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  hosts: [" name "]\n  gateway: kyma-system/kyma-gateway\n"                                   \
    "  service: {name: app, port: 80}\n  rules:\n  - path: /\n    methods: [GET]\n    jwt:\n"      \
    "      authentications:\n      - {issuer: '::bad', jwksUri: 'http://k/j'}\n"
#define TOKENS                                                                                     \
    "jwt: {authentications: [{issuer: 'http://k', jwksUri: 'http://k/j'}], authorizations: "       \
    "[{requiredScopes: [r, w]}, {audiences: [x]}]}"
#define V2_RULES(name, host, service, rules)                                                       \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  {hosts: [" host "], gateway: kyma-system/kyma-gateway, service: {name: " service            \
    ", port: 80},\n  rules: [" rules "]}\n"
#define MESH                                                                                       \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n"   \
    "  mesh: |\n    extensionProviders:\n    - name: door\n      envoyExtAuthzHttp:\n"             \
    "        {service: door.default.svc.cluster.local, port: 80,\n"                                \
    "         includeRequestHeadersInCheck: [x-a]}\n"
#define SLICE(ip) SLICE_OF("app", "app", ip)
#define SLICE_OF(name, service, ips)                                                               \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " name ", labels: "    \
    "{kubernetes.io/service-name: " service "}}\nports: [{port: 80}]\nendpoints: "                 \
    "[{addresses: [" ips "]}]\n"
#define POD                                                                                        \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: x}}\nspec: {containers: []}\n"
#define POD_IN_MESH                                                                                \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: q, labels: {app: x}}\n"                           \
    "spec: {containers: [{name: istio-proxy}]}\n"
#define BAD_INTROSPECTION(name)                                                                    \
    V1_RULES(name, "oauth2_introspection", "{introspection_url: 'ftp://x', nonsense: 1}")
#define CONVERTED(name)                                                                            \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata:\n  name: " name "\n"         \
    "  annotations:\n    gateway.kyma-project.io/original-version: v1beta1\n"                      \
    "    gateway.kyma-project.io/v1beta1-spec: '{\"host\":\"" name "\",\"gateway\":"               \
    "\"kyma-system/kyma-gateway\",\"service\":{\"name\":\"app\",\"port\":80},\"rules\":"           \
    "[{\"path\":\"/.*\",\"methods\":[\"GET\"],\"accessStrategies\":[{\"handler\":\"jwt\","         \
    "\"config\":{\"nonsense\":1}}]}]}'\nspec: {}\n"
#define GATEWAY                                                                                    \
    "apiVersion: networking.istio.io/v1beta1\nkind: Gateway\n"                                     \
    "metadata: {name: kyma-gateway, namespace: kyma-system}\nspec:\n  servers:\n"                  \
    "  - {port: {number: 443, protocol: HTTPS}, hosts: ['*.other.example'],\n"                     \
    "     tls: {mode: SIMPLE, credentialName: c}}\n"
#define TOGGLE                                                                                     \
    "apiVersion: v1\nkind: ConfigMap\n"                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\n"                               \
    "data: {api-gateway-config: 'jwtHandler: istio'}\n"

/* Documents come, go and change, comments move them about. begin: what the file always begins with.
 */
static void edit_at_random(const char *const *documents, size_t count, const char *begin,
                           unsigned steps)
{
    struct place p;
    struct brama__round *round = NULL;
    const char *chosen[12];
    char text[32768], name[64];
    size_t n = 0;
    set_up(&p);
    for (uint32_t i = 0, seed = 1; i < steps; i++) {
        size_t at = next_random(&seed) % (n + 1);
        const char *one = documents[next_random(&seed) % count];
        if (n < BRAMA_ARRAY_LEN(chosen) && next_random(&seed) % 2 == 0) {
            memmove(&chosen[at + 1], &chosen[at], (n - at) * sizeof(chosen[0]));
            chosen[at] = one;
            n++;
        } else if (at < n) {
            memmove(&chosen[at], &chosen[at + 1], (n - at - 1) * sizeof(chosen[0]));
            n--;
        }
        snprintf(text, sizeof(text), "%s", begin);
        for (size_t k = 0; k < n; k++) {
            strcat(text, k != 0 ? "---\n" : "");
            strcat(text, chosen[k]);
        }
        put(&p, "a.yaml", text);
        snprintf(name, sizeof(name), "edit %u", i);
        read_twice(&p, &round, name);
    }
    brama__round_free(round);
    tear_down(&p);
}

static void any_series_of_edits_is_as_a_fresh_reading(void **state)
{
    (void)state;
    static const char *const documents[] = {RULE("a", "/a"),
                                            RULE("a", "/b"),
                                            RULE("b", "/c"),
                                            RULE("c", "/{**}"),
                                            RULE("d", "bad"),
                                            "# only a comment\n",
                                            "kind: [\n",
                                            "",
                                            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"};
    edit_at_random(documents, BRAMA_ARRAY_LEN(documents), "", 120);
}

/* What a broken file had beside rules stands in, which no fresh reading has: so none breaks here.
 */
static void what_is_kept_moves_with_its_lines(void **state)
{
    (void)state;
    static const char *const documents[] = {
        RULE("a", "/a"),
        RULE("d", "bad"),
        "# one\n# two\n",
        SERVICE("app"),
        BAD_SCHEMA("g"),
        BAD_ISSUER("v1-issuer"),
        CONVERTED("converted"),
        BAD_INTROSPECTION("introspected"),
        BAD_V2_ISSUER("k"),
        GATEWAY,
        TOGGLE,
        MESH,
        POD,
        SLICE("127.0.0.1"),
        SLICE("127.0.0.2"),
        SERVICE("other"),
        V2_RULES("t", "t", "app",
                 "{path: /t, methods: [GET], " TOKENS
                 "}, {path: /u, methods: [PUT], noAuth: true}"),
        V2_RULES("u", "t", "other", "{path: '/{**}', methods: [GET], " TOKENS "}"),
        V2_RULES("e", "e", "app",
                 "{path: /e, methods: [GET], extAuth: "
                 "{authorizers: [door]}}"),
        V1_RULES("o", "jwt",
                 "{trusted_issuers: ['http://k'], jwks_urls: "
                 "['http://k/j', 'http://l/j']}"),
        V1_RULES("i", "oauth2_introspection", "{introspection_url: 'http://i/x'}"),
        "kind: List\napiVersion: v1\nitems:\n- " LISTED("f"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"};
    edit_at_random(documents, BRAMA_ARRAY_LEN(documents), "# rules\n", 700);
}

#define FILE_BYTES 16384

static void add(char text[FILE_BYTES], const char *document)
{
    strcat(text, "---\n");
    strcat(text, document);
}

/* Some of the documents as a file. */
static void put_some(const struct place *p, const char *name, const char *const *documents,
                     size_t count, uint32_t *seed)
{
    char text[FILE_BYTES] = "# some\n";
    for (uint32_t n = next_random(seed) % 6; n != 0; n--)
        add(text, documents[next_random(seed) % count]);
    put(p, name, text);
}

/* The first of them, in order. */
static void put_first(const struct place *p, const char *name, const char *const *documents,
                      size_t count)
{
    char text[FILE_BYTES];
    snprintf(text, sizeof(text), "# the first %zu\n", count);
    for (size_t i = 0; i < count; i++)
        add(text, documents[i]);
    put(p, name, text);
}

/* Name several Services, the same ones, or some that aren't there yet. */
static const char *const naming[] = {
    RULE("a", "/a"),
    V2_RULES("b", "b", "app",
             "{path: /b, methods: [GET], noAuth: true}, "
             "{path: /c, methods: [GET], " TOKENS ", service: {name: other, port: 80}}, "
             "{path: /d, methods: [PUT], noAuth: true}"),
    V2_RULES("c", "c", "later", "{path: /c, methods: [GET], " TOKENS "}"),
    V2_RULES("d", "d", "app, namespace: shop", "{path: /d, methods: [GET], " TOKENS "}"),
    V1_RULES("v", "jwt", "{trusted_issuers: ['http://k'], jwks_urls: ['http://k/j']}")};

/* And what they name, in several forms. */
static const char *const named[] = {
    SERVICE("app"),
    SERVICE("other"),
    SERVICE("later"),
    SERVICE("app, namespace: shop"),
    SERVICE("unnamed"),
    SERVICE_OF("app", "selector: {app: y}"),
    SERVICE_OF("app", "selector: {app: x, tier: b}"),
    SERVICE_OF("app", "selector: {}"),
    SERVICE_OF("other", "selector: {app: y}"),
    SERVICE_OF("other", "type: ClusterIP"),
    SERVICE_OF("later", "type: ExternalName, externalName: host.example"),
    SLICE_OF("app", "app", "127.0.0.1"),
    SLICE_OF("app", "app", "'::1', host.test"),
    SLICE_OF("app-two", "app", "127.0.0.2"),
    SLICE_OF("other", "other", "127.0.0.3, 127.0.0.4"),
    SLICE_OF("later", "later", "127.0.0.5"),
    SLICE_OF("app, namespace: shop", "app", "127.0.0.6"),
    RULE("e", "/e"),
    V2_RULES("f", "f", "later", "{path: /f, methods: [GET], noAuth: true}"),
    POD,
    POD_IN_MESH,
    TOGGLE};

/* A file goes, is renamed or is written anew; or it is that of the rules. */
static void change_one(const struct place *p, uint32_t *seed)
{
    static const char *const files[] = {"a.yaml", "b.yaml", "y.yaml"};
    const char *file = files[next_random(seed) % BRAMA_ARRAY_LEN(files)];
    char from[128], to[128];
    snprintf(from, sizeof(from), "%s/%s", p->rules, file);
    snprintf(to, sizeof(to), "%s/%s", p->rules, files[next_random(seed) % BRAMA_ARRAY_LEN(files)]);
    switch (next_random(seed) % 8) {
    case 0:
        (void)unlink(from);
        break;
    case 1:
        (void)rename(from, to);
        break;
    case 2:
        put_first(p, "r.yaml", naming, 1 + next_random(seed) % BRAMA_ARRAY_LEN(naming));
        break;
    default:
        put_some(p, file, named, BRAMA_ARRAY_LEN(named), seed);
    }
}

static void rules_follow_the_services_that_they_name(void **state)
{
    (void)state;
    struct place p;
    struct brama__round *round = NULL;
    char name[64];
    set_up(&p);
    put_first(&p, "r.yaml", naming, BRAMA_ARRAY_LEN(naming));
    for (uint32_t i = 0, seed = 3; i < 600; i++) {
        change_one(&p, &seed);
        snprintf(name, sizeof(name), "step %u", i);
        read_twice(&p, &round, name);
    }
    brama__round_free(round);
    tear_down(&p);
}

/* A Service that a rule doesn't name, and what doesn't matter of one that it does. */
static void other_rules_stay_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *name, *services;
        bool a_stays, b_stays;
    } steps[] = {
        {"as they are", SERVICE("app"), false, false},
        {"nothing changed", SERVICE("app"), true, true},
        {"another Service", SERVICE("app") "---\n" SERVICE("x"), true, true},
        {"which goes", SERVICE("app"), true, true},
        {"it moves", "# one\n" SERVICE("app"), true, true},
        {"its type", SERVICE_OF("app", "type: ClusterIP, selector: {app: x}"), true, true},
        {"its selector's text", SERVICE_OF("app", "selector: {app: y}"), false, true},
        {"its selector's key", SERVICE_OF("app", "selector: {apq: y}"), false, true},
        {"one label more", SERVICE_OF("app", "selector: {apq: y, b: c}"), false, true},
        {"one less", SERVICE_OF("app", "selector: {apq: y}"), false, true},
        {"no label", SERVICE_OF("app", "selector: {}"), false, true},
        {"it goes", SERVICE("x"), false, true},
        {"the other's comes", SERVICE("x") "---\n" SERVICE("other"), true, false},
        {"a Gateway", SERVICE("x") "---\n" SERVICE("other") "---\n" GATEWAY, false, false},
    };
    struct place p;
    struct brama__round *round = NULL;
    set_up(&p);
    put(&p, "r.yaml",
        RULE("a", "/a") "---\n" V2_RULES("b", "b", "other",
                                         "{path: /b, methods: [GET], noAuth: true}"));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        put(&p, "s.yaml", steps[i].services);
        struct brama__round *next = read_round(&p, round);
        const struct brama_apirule *a = next->world.rules, *b = a->next;
        const struct brama_apirule *was_a = round != NULL ? round->world.rules : NULL;
        EXPECT(steps[i].name, (round != NULL && a->kept == was_a->kept) == steps[i].a_stays);
        EXPECT(steps[i].name, (round != NULL && b->kept == was_a->next->kept) == steps[i].b_stays);
        compare(&p, &round, next, steps[i].name);
    }
    brama__round_free(round);
    tear_down(&p);
}

/* Hosts are wanted by several, given up and taken; who is served under one, has it. */
static void hosts_stay_whose_they_are(void **state)
{
    (void)state;
#define WANTS(name, host) V2_RULES(name, host, "app", "{path: /, methods: [GET], noAuth: true}")
#define BROKEN(name, host) V2_RULES(name, host, "app", "{path: bad, methods: [GET], noAuth: true}")
    static const char *const documents[] = {WANTS("a", "x"),  WANTS("a", "y"),  WANTS("b", "x"),
                                            WANTS("b", "y"),  WANTS("c", "x"),  WANTS("c", "z"),
                                            BROKEN("a", "x"), BROKEN("b", "z"), BROKEN("c", "y"),
                                            SERVICE("app"),   "# nothing\n"};
    static const char *const files[] = {"a.yaml", "b.yaml", "c.yaml"};
    struct place p;
    struct brama__round *round = NULL;
    char name[64];
    set_up(&p);
    for (uint32_t i = 0, seed = 5; i < 300; i++) {
        const char *file = files[next_random(&seed) % BRAMA_ARRAY_LEN(files)];
        put_some(&p, file, documents, BRAMA_ARRAY_LEN(documents), &seed);
        snprintf(name, sizeof(name), "step %u", i);
        read_twice(&p, &round, name);
        assert_int_equal(brama__round_settle(round, &p.goods), 0);
    }
    brama__round_free(round);
    tear_down(&p);
#undef WANTS
#undef BROKEN
}

/* What a file had that breaks stands behind what others have: another Service of two is the first.
 */
static void a_broken_file_changes_the_services_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text; /* of a.yaml */
        const char *address;     /* of app */
        bool stays;
    } steps[] = {
        {"the first one", SERVICE_OF("app", "selector: {app: x}") "---\n" SLICE("127.0.0.1"),
         "127.0.0.1", false},
        {"broken", "kind: [", "127.0.0.2", false},
        {"still", "kind: [[", "127.0.0.2", true},
        {"healed", SERVICE_OF("app", "selector: {app: x}") "---\n" SLICE("127.0.0.1"), "127.0.0.1",
         false},
    };
    struct place p;
    struct brama__round *round = NULL;
    set_up(&p);
    put(&p, "b.yaml", SERVICE_OF("app", "selector: {app: y}") "---\n" SLICE("127.0.0.2"));
    put(&p, "r.yaml", RULE("a", "/a"));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        put(&p, "a.yaml", steps[i].text);
        struct brama__round *next = read_round(&p, round);
        const struct brama__leads *leads = &next->needed->leads;
        struct brama_ip ip;
        assert_true(brama_ip_read(&ip, brama_str_c(steps[i].address)));
        EXPECT(steps[i].name, (round != NULL && round->world.rules->kept ==
                                                    next->world.rules->kept) == steps[i].stays);
        assert_int_equal(leads->n, 1);
        assert_int_equal(leads->p[0].count, 1);
        EXPECT(steps[i].name, memcmp(leads->addresses[0].ip, ip.ip, sizeof(ip.ip)) == 0);
        brama__round_free(round);
        round = next;
    }
    brama__round_free(round);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_series_of_edits_is_as_a_fresh_reading),
        cmocka_unit_test(what_is_kept_moves_with_its_lines),
        cmocka_unit_test(rules_follow_the_services_that_they_name),
        cmocka_unit_test(other_rules_stay_as_they_are),
        cmocka_unit_test(hosts_stay_whose_they_are),
        cmocka_unit_test(a_broken_file_changes_the_services_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
