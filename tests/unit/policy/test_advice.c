#include "fixture.h"

#include "policy/advice.h"

#define ISS "https://idp.example.com"
#define RS "{\"alg\":\"RS256\",\"kid\":\"k1\"}"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: mesh}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [mesh]\n  service: {name: a, port: 80}\n"
    "  rules:\n  - path: /x\n    methods: [GET]\n    jwt:\n      authentications: [{issuer: \"" ISS
    "\", jwksUri: \"https://i/k\"}]\n"
    "      authorizations: [{requiredScopes: [read, write], audiences: [orders]}]\n"
    "  - path: /never\n    methods: [GET]\n    jwt:\n      authentications: [{issuer: other, "
    "jwksUri: "
    "\"https://i/never\"}]\n"
    "  - {path: /gone, methods: [GET], noAuth: true, service: {name: gone, port: 80}}\n---\n"
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: keeper}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: keeper\n  service: {name: b, port: 80}\n"
    "  rules:\n  - path: /y\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: "
    "{jwks_urls: [\"http://h/k\"], allowed_algorithms: [RS256, ES256]}}]\n";

static const struct {
    const char *name, *host, *target, *header, *payload; /* payload NULL: no token */
    const char *advice;                                  /* "": none is certain */
} advices[] = {
    {"a scope is missing", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"read\",\"aud\":\"orders\"}",
     "mint the token with scope \"read write\"; the token has \"read\""},
    {"no scope at all", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"aud\":\"orders\"}",
     "mint the token with scope \"read write\"; the token has none"},
    {"another audience", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"read write\",\"aud\":\"bills\"}",
     "the rule wants audience \"orders\", the token has \"bills\""},
    {"no subject", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\"}",
     "the token needs a sub: Istio's requestPrincipals are made of iss and sub"},
    {"expired", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"exp\":1799999800}",
     "get a new token: this one expired 3 min ago"},
    {"not valid yet", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"nbf\":1800000090}",
     "wait, or set the issuer's clock: the token is of a time in 90 s"},
    {"a slash more", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "/\",\"sub\":\"me\"}",
     "the issuer differs by a trailing slash: the rule has \"" ISS "\", the token \"" ISS "/\""},
    {"no token", "mesh.kyma.example", "/x", NULL, NULL,
     "send a token in header Authorization (\"Bearer ...\") or query parameter access_token"},
    {"an unknown key", "mesh.kyma.example", "/x", "{\"alg\":\"RS256\",\"kid\":\"k9\"}",
     "{\"iss\":\"" ISS "\",\"sub\":\"me\"}",
     "publish a key for kid \"k9\" and RS256, or sign with one that is there: no key of "
     "https://i/k "
     "fits kid and alg; fetched 12 s ago"},
    {"keys that never came", "mesh.kyma.example", "/never", RS, "{\"iss\":\"other\"}",
     "the gateway has to reach https://i/never: the key set was never loaded"},
    {"no address", "mesh.kyma.example", "/gone", NULL, NULL,
     "say where the workload is: --service NAME.NS:PORT=HOST:PORT, or a Service among the rules"},
    {"an algorithm that isn't allowed", "keeper.kyma.example", "/y",
     "{\"alg\":\"RS384\",\"kid\":\"k1\"}", "{\"iss\":\"i\"}",
     "sign with one of RS256 ES256; the token has RS384"},
    {"no kid for Oathkeeper", "keeper.kyma.example", "/y", "{\"alg\":\"RS256\"}", "{\"iss\":\"i\"}",
     "the token's header needs a kid: Oathkeeper finds no key without one"},
    {"no route", "mesh.kyma.example", "/nowhere", NULL, NULL, ""},
    {"a host of nobody", "nobody.example", "/", NULL, NULL, ""},
};

static void the_smallest_change_is_named_where_it_is_certain(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(advices); i++) {
        brama_str token = advices[i].payload != NULL
                              ? fixture_token(&f, f.key, advices[i].header, advices[i].payload)
                              : BRAMA_NIL;
        const struct brama_decision *d =
            fixture_ask_with(&f, "GET", advices[i].host, advices[i].target, token);
        EXPECT(advices[i].name, d->verdict == BRAMA_VERDICT_DENY);
        EXPECT_STR(advices[i].name,
                   brama_advice(&f.arena, d->reason, brama_trace_cause(&f.trace), NOW),
                   brama_str_c(advices[i].advice));
    }
    fixture_deinit(&f);
}

static void an_allowed_request_needs_no_advice(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    brama_str token = fixture_token(&f, f.key, RS, "{\"iss\":\"i\"}");
    const struct brama_decision *d =
        fixture_ask_with(&f, "GET", "keeper.kyma.example", "/y", token);
    EXPECT("allowed", d->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT("no cause", brama_trace_cause(&f.trace) == NULL);
    EXPECT("no advice", brama_advice(&f.arena, d->reason, NULL, NOW).n == 0);
    fixture_deinit(&f);
}

int test_advice(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_change_is_named_where_it_is_certain),
        cmocka_unit_test(an_allowed_request_needs_no_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
