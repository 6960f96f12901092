/* The worked examples of apirule.md section 4.8, object for object: kind, namespace and spec. */
#include "expect.h"

#include "cluster/render.h"
#include "rule/judge.h"
#include "json/read.h"

#define SERVICE                                                                                    \
    "apiVersion: v1\nkind: Service\nmetadata: {name: orders, namespace: shop}\n"                   \
    "spec: {selector: {app: orders}, ports: [{port: 8080}]}\n---\n"
#define TOGGLE(handler)                                                                            \
    "apiVersion: v1\nkind: ConfigMap\n"                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\n"                               \
    "data: {api-gateway-config: 'jwtHandler: " handler "'}\n---\n"
#define RULE(version, host)                                                                        \
    "apiVersion: gateway.kyma-project.io/" version "\nkind: APIRule\n"                             \
    "metadata: {name: orders, namespace: shop}\nspec:\n  gateway: kyma-system/kyma-gateway\n"      \
    "  " host "\n  service: {name: orders, port: 8080}\n  rules:\n"
#define V1 RULE("v1beta1", "host: orders.kyma.example")
#define V2 RULE("v2", "hosts: [orders.kyma.example]")
#define MESH                                                                                       \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"          \
    "data:\n  mesh: |\n    extensionProviders:\n    - name: oauth2-proxy\n"                        \
    "      envoyExtAuthzHttp: {service: p.auth.svc.cluster.local, port: 4180}\n---\n"

#define VS_BEGIN                                                                                   \
    "VirtualService shop {\"hosts\":[\"orders.kyma.example\"],"                                    \
    "\"gateways\":[\"kyma-system/kyma-gateway\"],\"http\":["
#define MATCH_METHOD "{\"match\":[{\"method\":{\"regex\":\"^(GET)$\"},\"uri\":"
#define TO_SERVICE                                                                                 \
    "}],\"route\":[{\"destination\":{\"host\":\"orders.shop.svc.cluster.local\","                  \
    "\"port\":{\"number\":8080}},\"weight\":100}],"
#define TO_OATHKEEPER                                                                              \
    "}],\"route\":[{\"destination\":{"                                                             \
    "\"host\":\"ory-oathkeeper-proxy.kyma-system.svc.cluster.local\","                             \
    "\"port\":{\"number\":4455}},\"weight\":100}],"
#define CD                                                                                         \
    "\"corsPolicy\":{\"allowOrigins\":[{\"regex\":\".*\"}],\"allowMethods\":[\"GET\",\"POST\","    \
    "\"PUT\",\"DELETE\",\"PATCH\"],\"allowHeaders\":[\"Authorization\",\"Content-Type\",\"*\"]},"
#define PX "\"x-forwarded-host\":\"orders.kyma.example\""
#define V1_TAIL "\"headers\":{\"request\":{\"set\":{" PX "}}},\"timeout\":\"180s\"}]}\n"
#define V2_TAIL                                                                                    \
    "\"headers\":{\"request\":{\"set\":{" PX "}},\"response\":{\"remove\":["                       \
    "\"Access-Control-Allow-Origin\",\"Access-Control-Expose-Headers\","                           \
    "\"Access-Control-Allow-Headers\",\"Access-Control-Allow-Credentials\","                       \
    "\"Access-Control-Allow-Methods\",\"Access-Control-Max-Age\"]}},\"timeout\":\"180s\"}]}\n"

#define SELECTOR "\"selector\":{\"matchLabels\":{\"app\":\"orders\"}},"
#define AP "AuthorizationPolicy shop {" SELECTOR "\"rules\":["
#define INGRESS                                                                                    \
    "\"principals\":[\"cluster.local/ns/istio-system/sa/"                                          \
    "istio-ingressgateway-service-account\"]"
#define JWT_SOURCE "\"requestPrincipals\":[\"https://idp.example.com/*\"]"
#define FROM(source) "{\"from\":[{\"source\":{" source "}}],"
#define AUTH "{issuer: \"https://idp.example.com\", jwksUri: \"https://idp.example.com/keys\"}"
#define RA                                                                                         \
    "RequestAuthentication shop {" SELECTOR                                                        \
    "\"jwtRules\":[{\"issuer\":\"https://idp.example.com\","                                       \
    "\"jwksUri\":\"https://idp.example.com/keys\",\"forwardOriginalToken\":true}]}\n"
#define TO_ORDERS                                                                                  \
    "\"to\":[{\"operation\":{\"methods\":[\"GET\"],\"paths\":[\"/orders\"]}}],\"when\":["
#define WHEN(claim, value) "{\"key\":\"request.auth.claims[" claim "]\",\"values\":[\"" value "\"]}"
#define THREE(claim)                                                                               \
    FROM(JWT_SOURCE)                                                                               \
    TO_ORDERS WHEN(claim, "read") "," WHEN(claim, "write") "," WHEN("aud", "orders") "]}"
#define ONE(claim) FROM(JWT_SOURCE) TO_ORDERS WHEN(claim, "admin") "]}"
#define OK_RULE(path)                                                                              \
    "Rule shop {\"match\":{\"url\":\"<http|https>://orders.kyma.example<" path ">\","              \
    "\"methods\":[\"GET\"]},"                                                                      \
    "\"upstream\":{\"url\":\"http://orders.shop.svc.cluster.local:8080\"},"

static const struct {
    const char *name, *yaml, *want;
} rows[] = {
    {"allow: straight to the Service, nothing else",
     SERVICE V1 "  - {path: /.*, methods: [GET], accessStrategies: [{handler: allow}]}\n",
     VS_BEGIN "{\"match\":[{\"uri\":{\"regex\":\"/.*\"}" TO_SERVICE CD V1_TAIL},
    {"no_auth in ory mode: with a method match",
     SERVICE V1 "  - {path: /health, methods: [GET], accessStrategies: [{handler: no_auth}]}\n",
     VS_BEGIN MATCH_METHOD "{\"regex\":\"/health\"}" TO_SERVICE CD V1_TAIL},
    {"no_auth in istio mode: and a policy",
     SERVICE TOGGLE("istio") V1
     "  - {path: /health, methods: [GET], accessStrategies: [{handler: no_auth}]}\n",
     VS_BEGIN MATCH_METHOD "{\"regex\":\"/health\"}" TO_SERVICE CD V1_TAIL AP FROM(
         INGRESS) "\"to\":[{\"operation\":{\"methods\":[\"GET\"],\"paths\":[\"/health\"]}}]}]}\n"},
    {"noop in ory mode: by Oathkeeper",
     SERVICE V1 "  - {path: /pub, methods: [GET], accessStrategies: [{handler: noop}]}\n",
     VS_BEGIN "{\"match\":[{\"uri\":{\"regex\":\"/pub\"}" TO_OATHKEEPER CD V1_TAIL OK_RULE(
         "/pub") "\"authenticators\":[{\"handler\":\"noop\"}],"
                 "\"authorizer\":{\"handler\":\"allow\"}}\n"},
    {"jwt in ory mode: its config as written",
     SERVICE V1
     "  - path: /orders\n    methods: [GET]\n    accessStrategies:\n"
     "    - handler: jwt\n      config: {trusted_issuers: [\"https://idp.example.com\"], "
     "jwks_urls: [\"https://idp.example.com/keys\"]}\n",
     VS_BEGIN "{\"match\":[{\"uri\":{\"regex\":\"/orders\"}" TO_OATHKEEPER CD V1_TAIL OK_RULE(
         "/orders") "\"authenticators\":[{\"handler\":\"jwt\",\"config\":{"
                    "\"trusted_issuers\":[\"https://idp.example.com\"],"
                    "\"jwks_urls\":[\"https://idp.example.com/keys\"]}}],"
                    "\"authorizer\":{\"handler\":\"allow\"}}\n"},
    {"jwt in istio mode: a policy an authorization, a rule a claim",
     SERVICE TOGGLE("istio") V1
     "  - path: /orders\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
     "      config:\n        authentications: [" AUTH "]\n        authorizations:\n"
     "        - {requiredScopes: [read, write], audiences: [orders]}\n"
     "        - {requiredScopes: [admin]}\n    mutators:\n"
     "    - {handler: header, config: {headers: {X-A: b}}}\n"
     "    - {handler: cookie, config: {cookies: {t: \"1\"}}}\n",
     VS_BEGIN MATCH_METHOD
     "{\"regex\":\"/orders\"}" TO_SERVICE CD "\"headers\":{\"request\":{\"set\":{" PX
     ",\"X-A\":\"b\",\"Cookie\":\"t=1\"}}},\"timeout\":\"180s\"}]}\n" RA AP THREE("scp") "," THREE(
         "scope") "," THREE("scopes") "]}\n" AP ONE("scp") "," ONE("scope") "," ONE("scopes") "]}"
                                                                                              "\n"},
    {"v2 noAuth: a prefix for the route, a template for the policy",
     SERVICE V2 "  - {path: \"/*\", methods: [GET], noAuth: true}\n",
     VS_BEGIN MATCH_METHOD "{\"prefix\":\"/\"}" TO_SERVICE V2_TAIL AP FROM(
         INGRESS) "\"to\":[{\"operation\":{\"hosts\":[\"orders.kyma.example\"],\"methods\":["
                  "\"GET\"],"
                  "\"paths\":[\"/{**}\"]}}]}]}\n"},
    {"v2 headers: as they are written, operators and doubled percent signs",
     SERVICE V2 "  - {path: \"/*\", methods: [GET], noAuth: true, request: {headers: {X-A: "
                "'%REQ(X-Org?:authority):8% 100%%'}, cookies: {t: '%PROTOCOL%', u: '5%%'}}}\n",
     VS_BEGIN MATCH_METHOD
     "{\"prefix\":\"/\"}" TO_SERVICE "\"headers\":{\"request\":{\"set\":{" PX
     ",\"X-A\":\"%REQ(X-Org?:authority):8% 100%%\",\"Cookie\":\"t=%PROTOCOL%; u=5%%\"}},"
     "\"response\":{\"remove\":[\"Access-Control-Allow-Origin\","
     "\"Access-Control-Expose-Headers\",\"Access-Control-Allow-Headers\","
     "\"Access-Control-Allow-Credentials\",\"Access-Control-Allow-Methods\","
     "\"Access-Control-Max-Age\"]}},\"timeout\":\"180s\"}]}\n" AP FROM(
         INGRESS) "\"to\":[{\"operation\":{\"hosts\":[\"orders.kyma.example\"],\"methods\":["
                  "\"GET\"],\"paths\":[\"/{**}\"]}}]}]}\n"},
    {"v2 jwt: both principals",
     SERVICE V2 "  - {path: \"/orders/{*}\", methods: [GET], jwt: {authentications: [" AUTH "]}}\n",
     VS_BEGIN MATCH_METHOD
     "{\"regex\":\"^/orders/([A-Za-z0-9-._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$"
     "\"}" TO_SERVICE V2_TAIL AP FROM(JWT_SOURCE
                                      "," INGRESS) "\"to\":[{\"operation\":{\"hosts\":[\"orders."
                                                   "kyma.example\"],\"methods\":[\"GET\"],"
                                                   "\"paths\":[\"/orders/{*}\"]}}]}]}\n" RA},
    {"v2 extAuth: who is asked first, then who may",
     MESH SERVICE V2 "  - path: /login\n    methods: [GET]\n    extAuth:\n"
                     "      authorizers: [oauth2-proxy]\n"
                     "      restrictions: {authentications: [" AUTH "]}\n",
     VS_BEGIN MATCH_METHOD
     "{\"regex\":\"^/login$\"}" TO_SERVICE V2_TAIL "AuthorizationPolicy shop "
     "{\"action\":\"CUSTOM\",\"provider\":{\"name\":\"oauth2-proxy\"}," SELECTOR
     "\"rules\":[{\"to\":[{\"operation\":{\"hosts\":[\"orders.kyma.example\"],"
     "\"methods\":[\"GET\"],\"paths\":[\"/login\"]}}]}]}\n" AP FROM(
         JWT_SOURCE "," INGRESS) "\"to\":[{\"operation\":{\"hosts\":[\"orders.kyma.example\"],"
                                 "\"methods\":[\"GET\"],"
                                 "\"paths\":[\"/login\"]}}]}]}\n" RA},
};

/* "KIND NAMESPACE SPEC" a line. */
static void lines(struct brama_buf *out, const struct brama_node *objects)
{
    for (const struct brama_node *o = objects->first; o != NULL; o = o->next) {
        struct brama_json_out json;
        brama_buf_printf(out, "%.*s %.*s ", BRAMA_FMT(brama_node_get_str(o, BRAMA_STR("kind"))),
                         BRAMA_FMT(brama_node_get_str(brama_node_get(o, BRAMA_STR("metadata")),
                                                      BRAMA_STR("namespace"))));
        brama_json_out_init(&json, out, 0);
        brama_json_node(&json, brama_node_get(o, BRAMA_STR("spec")));
        brama_buf_add_c(out, '\n');
    }
}

static const struct brama_node *render(struct brama_arena *arena, const char *yaml,
                                       struct brama_world *world)
{
    struct brama_node *objects = NULL;
    struct brama_json_out out;
    struct brama_buf text;
    struct brama_diag diag = {0};

    brama_world_init(world, arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    if (brama_world_add(world, BRAMA_STR("rules.yaml"), brama_str_c(yaml), &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    brama_judge(world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    brama_buf_init(&text, NULL, 1 << 20);
    brama_json_out_init(&out, &text, 0);
    brama_json_list(&out);
    brama_render(&out, world, world->rules, world->rules->judged.handler);
    brama_json_end(&out);
    assert_int_equal(brama_buf_err(&text), BRAMA_OK);
    assert_int_equal(
        brama_json_parse(&objects, arena, brama_buf_str(&text), &brama_json_limits_rules, NULL),
        BRAMA_OK);
    brama_buf_deinit(&text);
    return objects;
}

static void the_worked_examples_are_rendered(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_world world;
        struct brama_buf got;
        brama_arena_init(&arena, NULL, SIZE_MAX);
        brama_buf_init(&got, NULL, 1 << 20);
        lines(&got, render(&arena, rows[i].yaml, &world));
        assert_int_equal(brama_buf_err(&got), BRAMA_OK);
        brama_str text = brama_buf_str(&got), want = brama_str_c(rows[i].want);
        if (!brama_str_eq(text, want))
            fail_msg("%s:\n%.*s\nwant\n%.*s", rows[i].name, BRAMA_FMT(text), BRAMA_FMT(want));
        brama_buf_deinit(&got);
        brama_arena_deinit(&arena);
    }
}

/* 4.8, the last example: an earlier path is taken out of a later rule that shares a method. */
static void earlier_paths_are_excluded(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_world world;
    brama_arena_init(&arena, NULL, SIZE_MAX);
    const struct brama_node *o =
        render(&arena,
               V2 "  - {path: \"/anything/{*}/one\", methods: [POST], jwt: {authentications: [" AUTH
                  "]}}\n"
                  "  - {path: \"/anything/{**}\", methods: [POST], noAuth: true}\n"
                  "  - {path: \"/anything/{**}\", methods: [GET], noAuth: true}\n",
               &world);
    static const char *const want[] = {NULL, "/anything/{*}/one", NULL};
    size_t n = 0;
    for (o = o->first; o != NULL; o = o->next) {
        if (!brama_str_eq(brama_node_get_str(o, BRAMA_STR("kind")),
                          BRAMA_STR("AuthorizationPolicy")))
            continue;
        const struct brama_node *rules =
            brama_node_get(brama_node_get(o, BRAMA_STR("spec")), BRAMA_STR("rules"));
        const struct brama_node *to = brama_node_get(rules->first, BRAMA_STR("to"))->first;
        const struct brama_node *not =
            brama_node_get(brama_node_get(to, BRAMA_STR("operation")), BRAMA_STR("notPaths"));
        assert_true(n < BRAMA_ARRAY_LEN(want));
        EXPECT_STR("notPaths", not != NULL ? not ->first->text : BRAMA_NIL, brama_str_c(want[n]));
        n++;
    }
    assert_int_equal(n, BRAMA_ARRAY_LEN(want));
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_examples_are_rendered),
        cmocka_unit_test(earlier_paths_are_excluded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
