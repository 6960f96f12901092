/* What is kept between rounds never shows: a reading that knows the one before comes to the very
 * policy of one that knows nothing. And what it needn't read or parse again, it doesn't. */
#include "place.h"

#include <sys/stat.h>
#include <unistd.h>

#include "policy/pages.h"

#define RULE(name, path)                                                                           \
    "apiVersion: gateway.kyma-project.io/v2\n"                                                     \
    "kind: APIRule\n"                                                                              \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  hosts: [" name "]\n"                                                                        \
    "  gateway: kyma-system/kyma-gateway\n"                                                        \
    "  service: {name: app, port: 80}\n"                                                           \
    "  rules: [{path: " path ", methods: [GET], noAuth: true}]\n"

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

/* touched: all that was done since; NULL: nobody knows. */
static struct brama__round *read_touched(struct place *p, const struct brama__round *before,
                                         const struct brama_touched *touched, size_t count)
{
    struct brama__round_in in = {
        .inputs = &p->inputs,
        .sheets = {.roots = &p->root, .root_count = 1, .touched = touched, .touched_count = count},
        .goods = &p->goods,
        .before = before};
    struct brama__round *r;
    assert_true(brama__round_read(&r, &in));
    assert_int_equal(brama__round_compile(r, &in, 1), BRAMA_OK);
    return r;
}

static struct brama__round *read_round(struct place *p, const struct brama__round *before)
{
    return read_touched(p, before, NULL, 0);
}

static bool same_texts(const struct brama__texts *a, const struct brama__texts *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = brama_str_eq(a->p[i], b->p[i]);
    return same;
}

static bool same_ends(const struct brama__leads *a, const struct brama__lead *x,
                      const struct brama__leads *b, const struct brama__lead *y)
{
    bool same = x->id == y->id && x->row == y->row && x->count == y->count;
    for (uint32_t i = 0; same && i < x->count; i++)
        same = memcmp(&a->addresses[x->first + i], &b->addresses[y->first + i],
                      sizeof(*a->addresses)) == 0 &&
               brama_str_eq(a->names[x->first + i], b->names[y->first + i]);
    return same;
}

static bool same_leads(const struct brama__leads *a, const struct brama__leads *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_ends(a, &a->p[i], b, &b->p[i]);
    return same;
}

static bool same_sheets(const struct brama__sheets *a, const struct brama__sheets *b)
{
    bool same = a->n == b->n && a->problems == b->problems;
    for (size_t i = 0; same && i < a->n; i++)
        same = brama_str_eq(a->p[i]->name, b->p[i]->name) && a->p[i]->hash == b->p[i]->hash &&
               brama_str_eq(a->p[i]->problem, b->p[i]->problem);
    /* Pieces of before the problem still count. */
    return same && a->files.broken_count == b->files.broken_count &&
           (a->problems != 0 || a->bytes == b->bytes);
}

/* kept takes the place of *round, and must be as a reading from nothing. */
static void compare(struct place *p, struct brama__round **round, struct brama__round *kept,
                    const char *name)
{
    struct brama__round *fresh = read_round(p, NULL);
    EXPECT(name, same_sheets(&kept->sheets, &fresh->sheets));
    EXPECT(name, brama_str_eq(brama_buf_str(&kept->bytes), brama_buf_str(&fresh->bytes)));
    EXPECT(name, same_texts(&kept->complaints, &fresh->complaints));
    EXPECT(name, same_leads(&kept->needed->leads, &fresh->needed->leads));
    EXPECT(name, same_texts(&kept->needed->hosts, &fresh->needed->hosts));
    brama__round_free(fresh);
    brama__round_free(*round);
    *round = kept;
}

static void read_twice(struct place *p, struct brama__round **round, const char *name)
{
    compare(p, round, read_round(p, *round), name);
}

static void a_kept_file_is_as_a_fresh_one(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text; /* of a.yaml */
    } steps[] = {
        {"two rules", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"the same again", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"an edit of the first", RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"lines above move what is below",
         "# one\n# two\n" RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"and back", RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"one in between", RULE("a", "/a") "---\n" RULE("c", "/c") "---\n" RULE("b", "/b")},
        {"the first one gone", "---\n" RULE("c", "/c") "---\n" RULE("b", "/b")},
        {"the other order", "---\n" RULE("b", "/b") "---\n" RULE("c", "/c")},
        {"twice the same", RULE("b", "/b") "---\n" RULE("b", "/b")},
        {"broken in the middle", RULE("a", "/a") "---\nkind: [\n---\n" RULE("b", "/b")},
        {"broken elsewhere", RULE("a", "/a") "---\n" RULE("b", "/b") "---\n- x\n"},
        {"a name given twice", RULE("a", "/a") "---\nkind: a\nkind: b\n"},
        {"empty", ""},
        {"healed", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"CR LF", "# one\r\n---\r\n" RULE("a", "/a") "---\r\n" RULE("b", "/b")},
        {"with a directive", "%YAML 1.1\n---\n" RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"document ends", RULE("a", "/a") "...\n---\n" RULE("b", "/b") "...\n"},
        {"no rule at all", "# nothing\n---\n---\n"},
        {"dashes in a text", RULE("a", "/a") "---\n" RULE("b", "'/b ---'")},
    };
    struct place p;
    struct brama__round *round = NULL;
    set_up(&p);
    put(&p, "z.yaml", RULE("z", "/z"));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        put(&p, "a.yaml", steps[i].text);
        read_twice(&p, &round, steps[i].name);
    }
    brama__round_free(round);
    tear_down(&p);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

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

/* Some of the documents, after begin, as a file. */
static void put_some(const struct place *p, const char *name, const char *begin,
                     const char *const *documents, size_t count, uint32_t *seed)
{
    char text[16384];
    snprintf(text, sizeof(text), "%s", begin);
    for (uint32_t n = next_random(seed) % 6; n != 0; n--) {
        strcat(text, "---\n");
        strcat(text, documents[next_random(seed) % count]);
    }
    put(p, name, text);
}

/* Services and their slices come, go, change and move from file to file, under rules that name
 * several, the same ones, or some that aren't there yet. */
static void rules_follow_the_services_that_they_name(void **state)
{
    (void)state;
    static const char rules[] = RULE("a", "/a") "---\n" V2_RULES(
        "b", "b", "app",
        "{path: /b, methods: [GET], noAuth: true}, {path: /c, methods: "
        "[GET], " TOKENS ", service: {name: other, port: 80}}, {path: /d, methods: [PUT], "
        "noAuth: true}") "---\n" V2_RULES("c", "c", "later",
                                          "{path: /c, methods: "
                                          "[GET], " TOKENS
                                          "}") "---\n" V2_RULES("d", "d",
                                                                "app, "
                                                                "namespace: "
                                                                "shop",
                                                                "{path: /d, "
                                                                "methods: "
                                                                "[GET],"
                                                                " " TOKENS
                                                                "}") "---"
                                                                     "\n" V1_RULES(
                                                                         "v", "jwt",
                                                                         "{trusted_issuers: "
                                                                         "['http://k'], jwks_urls: "
                                                                         "['http://k/j']}");
    static const char *const documents[] = {
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
    static const char *const files[] = {"a.yaml", "b.yaml", "y.yaml"};
    struct place p;
    struct brama__round *round = NULL;
    char name[64], from[128], to[128];
    set_up(&p);
    put(&p, "r.yaml", rules);
    for (uint32_t i = 0, seed = 3; i < 600; i++) {
        const char *file = files[next_random(&seed) % BRAMA_ARRAY_LEN(files)];
        snprintf(from, sizeof(from), "%s/%s", p.rules, file);
        snprintf(to, sizeof(to), "%s/%s", p.rules,
                 files[next_random(&seed) % BRAMA_ARRAY_LEN(files)]);
        switch (next_random(&seed) % 8) {
        case 0:
            (void)unlink(from);
            break;
        case 1:
            (void)rename(from, to);
            break;
        case 2:
            put(&p, "r.yaml", i % 2 == 0 ? rules : "# moved\n---\n" RULE("a", "/a"));
            break;
        default:
            put_some(&p, file, "# some\n", documents, BRAMA_ARRAY_LEN(documents), &seed);
        }
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

/* One thing done to a file of that name. */
static void do_something(const struct place *p, const char *name, uint32_t what, unsigned edit)
{
    char path[128], other[160], text[1024];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    snprintf(other, sizeof(other), "%s/.next", p->rules);
    snprintf(text, sizeof(text), edit % 5 == 0 ? "kind: [" : RULE("r%c", "/%u"), name[0], name[0],
             edit);
    switch (what % 6) {
    case 0:
        (void)unlink(path);
        (void)rmdir(path);
        break;
    case 1:
        (void)unlink(path);
        (void)mkdir(path, 0700);
        break;
    case 2:
        (void)unlink(path);
        (void)!symlink(edit % 2 == 0 ? "nowhere" : "kept.yaml", path);
        break;
    case 3:
        (void)rmdir(path);
        put(p, ".next", text);
        (void)rename(other, path);
        break;
    default:
        (void)unlink(path);
        (void)rmdir(path);
        put(p, name, text);
    }
}

/* What isn't named isn't looked at; whatever was done to what is, the reading is as a fresh one. */
static void a_reading_by_names_is_as_a_fresh_one(void **state)
{
    (void)state;
    static const char *const names[] = {"a.yaml", "b.yml", "c.json", "d.txt", "e.yaml", "f.yaml"};
    struct place p;
    set_up(&p);
    put(&p, "kept.yaml", RULE("kept", "/k"));
    struct brama__round *round = read_round(&p, NULL);
    for (uint32_t i = 0, seed = 7; i < 300; i++) {
        struct brama_touched touched[4];
        size_t count = 1 + next_random(&seed) % BRAMA_ARRAY_LEN(touched);
        char what[32];
        for (size_t k = 0; k < count; k++) {
            const char *name = names[next_random(&seed) % BRAMA_ARRAY_LEN(names)];
            do_something(&p, name, next_random(&seed), i);
            touched[k] = (struct brama_touched){0, brama_str_c(name)};
        }
        snprintf(what, sizeof(what), "step %u", i);
        compare(&p, &round, read_touched(&p, round, touched, count), what);
    }
    brama__round_free(round);
    tear_down(&p);
}

/* An edit that nobody named, of a settled file, shows that others aren't looked at. */
static void only_what_is_named_is_looked_at(void **state)
{
    (void)state;
    static const struct brama_touched a = {0, BRAMA_LIT("a.yaml")};
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    put(&p, "b.yaml", RULE("b", "/b"));
    usleep(150 * 1000);
    struct brama__round *first = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/edited"));
    put(&p, "b.yaml", RULE("b", "/edited"));
    struct brama__round *named = read_touched(&p, first, &a, 1), *all = read_round(&p, named);
    EXPECT("the named one is read", !named->sheets.files.file[0].known);
    EXPECT("the other one isn't", named->sheets.files.file[1].known);
    EXPECT("until everything is looked at", !all->sheets.files.file[1].known);
    brama__round_free(first);
    brama__round_free(named);
    compare(&p, &all, read_round(&p, all), "both");
    brama__round_free(all);
    tear_down(&p);
}

/* Its time can't tell a second change from the first one. */
static void what_changed_a_moment_ago_is_looked_at_though_another_is_named(void **state)
{
    (void)state;
    static const struct brama_touched b = {0, BRAMA_LIT("b.yaml")};
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/1"));
    put(&p, "b.yaml", RULE("b", "/b"));
    struct brama__round *round = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/2"));
    compare(&p, &round, read_touched(&p, round, &b, 1), "an edit within the tick of the clock");
    brama__round_free(round);
    tear_down(&p);
}

static const struct brama__sheet *sheet_of(const struct brama__round *r, const struct place *p,
                                           const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    return brama__sheets_find(&r->sheets, brama_str_c(path));
}

static void what_did_not_change_is_not_parsed_again(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a") "---\n" RULE("b", "/b"));
    put(&p, "z.yaml", RULE("z", "/z"));
    struct brama__round *first = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/other") "---\n" RULE("b", "/b"));
    struct brama__round *second = read_round(&p, first);
    const struct brama__sheet *before = sheet_of(first, &p, "a.yaml"),
                              *now = sheet_of(second, &p, "a.yaml");
    EXPECT("another file's sheet", sheet_of(first, &p, "z.yaml") == sheet_of(second, &p, "z.yaml"));
    EXPECT("the edited document", before->pieces[0] != now->pieces[0]);
    EXPECT("the one below", before->pieces[1] == now->pieces[1]);
    brama__round_free(first);
    struct brama__round *third = read_round(&p, second);
    EXPECT("the same text", sheet_of(third, &p, "a.yaml") == now);
    brama__round_free(second);
    brama__round_free(third);
    tear_down(&p);
}

/* As a mounted ConfigMap: new files, and one link is changed. */
static void mount(const struct place *p, const char *folder, const char *a, const char *b)
{
    char path[128], next[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    put(p, path, a);
    snprintf(path, sizeof(path), "%s/b.yaml", folder);
    put(p, path, b);
    snprintf(next, sizeof(next), "%s/..next", p->rules);
    snprintf(path, sizeof(path), "%s/..data", p->rules);
    assert_int_equal(symlink(folder, next), 0);
    assert_int_equal(rename(next, path), 0);
}

static void a_swapped_mount_is_parsed_where_it_differs(void **state)
{
    (void)state;
    char path[128];
    struct place p;
    set_up(&p);
    mount(&p, "..1", RULE("a", "/a"), RULE("b", "/b"));
    snprintf(path, sizeof(path), "%s/a.yaml", p.rules);
    assert_int_equal(symlink("..data/a.yaml", path), 0);
    snprintf(path, sizeof(path), "%s/b.yaml", p.rules);
    assert_int_equal(symlink("..data/b.yaml", path), 0);
    struct brama__round *round = read_round(&p, NULL), *next;

    mount(&p, "..2", RULE("a", "/a"), RULE("b", "/c")); /* of the same size */
    next = read_round(&p, round);
    EXPECT("another text", !next->sheets.same);
    EXPECT("the file that is as it was",
           sheet_of(next, &p, "a.yaml") == sheet_of(round, &p, "a.yaml"));
    EXPECT("the other one", sheet_of(next, &p, "b.yaml") != sheet_of(round, &p, "b.yaml"));
    compare(&p, &round, next, "an edit by a swap");

    mount(&p, "..3", RULE("a", "/a"), RULE("b", "/c"));
    usleep(150 * 1000);
    next = read_round(&p, round);
    EXPECT("the same texts", next->sheets.same && next->sheets.files.file[0].same);
    brama__round_free(next);
    next = read_round(&p, round);
    EXPECT("needn't be read again", next->sheets.same && next->sheets.files.file[0].known);
    brama__round_free(next);
    brama__round_free(round);
    tear_down(&p);
}

static void what_is_in_force_stays_while_another_text_is_written(void **state)
{
    (void)state;
    struct place p;
    char path[128];
    const char text[] = RULE("a", "/other");
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    struct brama__round *round = read_round(&p, NULL);
    snprintf(path, sizeof(path), "%s/a.yaml", p.rules);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fwrite(text, 1, 150, f) == 150 && fflush(f) == 0);
    struct brama__round *half = read_round(&p, round);
    EXPECT("half of it", half->sheets.same && half->sheets.files.unfinished);
    assert_true(fputs(text + 150, f) >= 0 && fflush(f) == 0);
    struct brama__round *open = read_round(&p, round);
    EXPECT("all of it", open->sheets.same && open->sheets.files.unfinished);
    assert_int_equal(fclose(f), 0);
    compare(&p, &round, read_round(&p, round), "and closed");
    EXPECT("then it is taken", !round->sheets.same && !round->sheets.files.unfinished);
    brama__round_free(half);
    brama__round_free(open);
    brama__round_free(round);
    tear_down(&p);
}

/* A change within the tick of the clock in which the file was read must not stay hidden. */
static void an_edit_of_the_same_size_at_the_same_time_is_seen(void **state)
{
    (void)state;
    struct place p;
    struct brama__round *round = NULL;
    char text[] = RULE("a", "/0");
    char *digit = strstr(text, "/0") + 1;
    set_up(&p);
    for (int i = 0; i < 200; i++) {
        *digit = (char)('0' + i % 10);
        put(&p, "a.yaml", text);
        read_twice(&p, &round, "an edit at once");
    }
    brama__round_free(round);
    tear_down(&p);
}

/* Old enough, a file of the same identity isn't opened any more: here it can't be told from another
 * one, since nobody can set its time of change back. */
static void a_settled_file_is_not_read_again(void **state)
{
    (void)state;
    struct brama_file_id a = {1, 2, 3, 4, 5, true}, b = a;
    EXPECT("itself", brama_file_id_eq(&a, &b));
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    usleep(150 * 1000);
    struct brama__round *first = read_round(&p, NULL), *second = read_round(&p, first);
    EXPECT("fresh: read", !first->sheets.files.file[0].known);
    EXPECT("again: known", second->sheets.files.file[0].known);
    put(&p, "a.yaml", RULE("a", "/b"));
    struct brama__round *third = read_round(&p, second);
    EXPECT("changed: read", !third->sheets.files.file[0].known);
    struct brama__round *fourth = read_round(&p, third);
    EXPECT("just changed: read again", !fourth->sheets.files.file[0].known);
    brama__round_free(first);
    brama__round_free(second);
    brama__round_free(third);
    brama__round_free(fourth);
    tear_down(&p);
}

/* What many edits leave behind is nothing: each round's own, and the pieces of the newest. */
static void memory_does_not_grow_with_edits(void **state)
{
    (void)state;
    struct place p;
    struct brama__round *round = NULL;
    char text[2048];
    size_t early = 0, late = 0;
    set_up(&p);
    for (int i = 0; i < 400; i++) {
        snprintf(text, sizeof(text), "%s---\n%s", i % 2 == 0 ? RULE("a", "/a") : RULE("b", "/b"),
                 i % 3 == 0 ? "kind: [" : RULE("c", "/c"));
        put(&p, i % 5 == 0 ? "b.yaml" : "a.yaml", text);
        struct brama__round *next = read_round(&p, round);
        brama__round_free(round);
        round = next;
        size_t bytes = round->arena.used_bytes + round->sheets.bytes;
        if (i < 40 && bytes > early)
            early = bytes;
        if (i >= 360 && bytes > late)
            late = bytes;
    }
    EXPECT("as after the first edits", late <= early && early != 0);
    brama__round_free(round);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_file_is_as_a_fresh_one),
        cmocka_unit_test(any_series_of_edits_is_as_a_fresh_reading),
        cmocka_unit_test(what_is_kept_moves_with_its_lines),
        cmocka_unit_test(rules_follow_the_services_that_they_name),
        cmocka_unit_test(other_rules_stay_as_they_are),
        cmocka_unit_test(a_broken_file_changes_the_services_of_others),
        cmocka_unit_test(a_reading_by_names_is_as_a_fresh_one),
        cmocka_unit_test(only_what_is_named_is_looked_at),
        cmocka_unit_test(what_changed_a_moment_ago_is_looked_at_though_another_is_named),
        cmocka_unit_test(what_did_not_change_is_not_parsed_again),
        cmocka_unit_test(a_swapped_mount_is_parsed_where_it_differs),
        cmocka_unit_test(what_is_in_force_stays_while_another_text_is_written),
        cmocka_unit_test(an_edit_of_the_same_size_at_the_same_time_is_seen),
        cmocka_unit_test(a_settled_file_is_not_read_again),
        cmocka_unit_test(memory_does_not_grow_with_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
