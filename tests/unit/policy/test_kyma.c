/* Where a cluster would answer otherwise: each difference of docs/decisions.md that a request
 * shows, and the nearest request that shows none. */
#include "fixture.h"

#include "policy/kyma.h"

#define ISS "https://idp.example.com"
#define RS "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define ME "{\"iss\":\"" ISS "\",\"sub\":\"me\"}"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: mesh}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [mesh]\n  service: {name: a, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    jwt:\n      authentications: [{issuer: \"" ISS
    "\", jwksUri: \"https://i/k\"}]\n"
    "  - {path: /open, methods: [GET], noAuth: true}\n"
    "  - {path: /open/y, methods: [GET], noAuth: true}\n---\n"
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: never}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [never]\n  service: {name: nv, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    jwt: {authentications: [{issuer: \"" ISS
    "\", jwksUri: \"https://i/never\"}]}\n---\n"
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: found}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [found]\n  service: {name: f, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    jwt: {authentications: [{issuer: \"" ISS
    "\", jwksUri: \"https://i/.well-known/openid-configuration\"}]}\n---\n"
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: keeper}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: keeper\n  service: {name: b, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: "
    "{jwks_urls: [\"http://h/never\"]}}]\n"
    "  - path: /y\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: {jwks_urls: "
    "[\"http://h/k\"]}}]\n";

static const struct {
    const char *name, *host, *target, *header, *payload, *before; /* before "Bearer " */
    const char *answer;                                           /* NULL: the same */
} rows[] = {
    {"let in by both", "mesh.kyma.example", "/x", RS, ME, "", NULL},
    {"refused by both", "mesh.kyma.example", "/x", NULL, NULL, "", NULL},
    {"a port in the host of a v2 rule", "mesh.kyma.example:8443", "/x", RS, ME, "",
     "403 RBAC: access denied"},
    {"and of an open one", "mesh.kyma.example:8443", "/open", NULL, NULL, "",
     "403 RBAC: access denied"},
    {"no port", "mesh.kyma.example", "/open", NULL, NULL, "", NULL},
    {"Oathkeeper knows no port", "keeper.kyma.example:8443", "/y", RS, ME, "", NULL},
    {"keys that never came", "never.kyma.example", "/x", RS, ME, "",
     "401 Jwks remote fetch is failed"},
    {"nor to Oathkeeper", "keeper.kyma.example", "/x", RS, ME, "", "401 with Oathkeeper's JSON"},
    {"exp 0", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\",\"exp\":0}", "",
     "goes on with the token"},
    {"exp 1", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\",\"exp\":1}", "", NULL},
    {"two readings", "mesh.kyma.example", "/open//y", NULL, NULL, "",
     "goes by the path as it stands"},
    {"an unknown key", "mesh.kyma.example", "/x", "{\"alg\":\"RS256\",\"kid\":\"k9\"}", ME, "",
     "401 until its next refresh of the key set"},
    {"a prefix inside", "mesh.kyma.example", "/x", RS, ME, "Token ",
     "finds the token inside the value"},
    {"keys by discovery", "found.kyma.example", "/x", RS, ME, "",
     "401 Jwks remote fetch is failed"},
};

static void differences_are_told(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str token = rows[i].payload != NULL
                              ? fixture_token(&f, f.key, rows[i].header, rows[i].payload)
                              : BRAMA_NIL;
        brama_str line = brama_arena_printf(&f.arena, "Authorization: %sBearer %.*s",
                                            rows[i].before, BRAMA_FMT(token));
        const char *headers[] = {token.n != 0 ? line.p : NULL, NULL};
        const struct brama_decision *d =
            fixture_ask(&f, "GET", rows[i].host, rows[i].target, headers);
        struct brama_header header = {BRAMA_STR("Authorization"), brama_str_from(line, 15)};
        struct brama_request request = {.authority = brama_str_c(rows[i].host),
                                        .headers = &header,
                                        .header_count = token.n != 0};
        struct brama_kyma_question q = {
            .policy = &f.policy, .request = &request, .decision = d, .jwt = f.trace.jwt};
        struct brama_kyma kyma = {BRAMA_NIL, BRAMA_NIL};
        bool differs = brama_kyma_differs(&kyma, &q);
        EXPECT(rows[i].name, differs == (rows[i].answer != NULL));
        EXPECT_STR(rows[i].name, kyma.answer, brama_str_c(rows[i].answer));
        EXPECT(rows[i].name, differs == (kyma.why.n != 0));
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
