#include "fixture.h"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n"
    "  - path: /here_location\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], trusted_issuers: "
    "[\"http://poster\"]}\n"
    "  - path: /scoped\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], required_scope: [a.b], "
    "target_audience: [x, z]}\n"
    "  - path: /down\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/never\"]}\n"
    "  - path: /same/.*\n    methods: [GET]\n    accessStrategies: [{handler: noop}]\n"
    "  - path: /same/x.*\n    methods: [GET]\n    accessStrategies: [{handler: noop}]\n"
    "  - path: /free\n    methods: [GET]\n    accessStrategies: [{handler: no_auth}]\n"
    "  - path: /all\n    methods: [GET]\n    accessStrategies: [{handler: allow}]\n";

#define KID "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"http://poster/jwks_uri\"}"
#define JSON(code, status, message)                                                                \
    "{\"error\":{\"code\":" code ",\"status\":\"" status                                           \
    "\",\"request\":\"id-1\",\"message\":\"" message "\"}}\n"
#define NO_401 JSON("401", "Unauthorized", "The request could not be authorized")

/* oathkeeper.md 2.8, 4.3; apirule.md 2.2 */
static const struct {
    const char *name, *method, *target, *header, *payload;
    uint16_t status; /* 0: allowed */
    enum brama_reason reason;
    const char *body;
} answers[] = {
    {"the article's token has no sub and passes", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"jti\":\"1\",\"exp\":1800003600}", 0, BRAMA_REASON_ALLOWED, ""},
    {"no token", "GET", "/here_location", NULL, NULL, 401, BRAMA_REASON_TOKEN_MISSING, NO_401},
    {"expired this very second", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"exp\":1800000000}", 401, BRAMA_REASON_TOKEN_EXPIRED, NO_401},
    {"a second left", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"exp\":1800000001}", 0, BRAMA_REASON_ALLOWED, ""},
    {"issued in the future", "GET", "/here_location", KID,
     "{\"iss\":\"http://poster\",\"iat\":1800000001}", 401, BRAMA_REASON_TOKEN_NOT_YET_VALID,
     NO_401},
    {"another issuer", "GET", "/here_location", KID, "{\"iss\":\"http://poste\"}", 401,
     BRAMA_REASON_ISSUER_UNKNOWN, NO_401},
    {"no kid", "GET", "/here_location", "{\"alg\":\"RS256\"}", "{\"iss\":\"http://poster\"}", 401,
     BRAMA_REASON_KID_MISSING, NO_401},
    {"an unknown kid", "GET", "/here_location", "{\"alg\":\"RS256\",\"kid\":\"k2\"}",
     "{\"iss\":\"http://poster\"}", 401, BRAMA_REASON_KEY_UNKNOWN, NO_401},
    {"an algorithm that isn't allowed", "GET", "/here_location",
     "{\"alg\":\"HS256\",\"kid\":\"k1\"}", "{\"iss\":\"http://poster\"}", 401,
     BRAMA_REASON_ALG_NOT_ALLOWED, NO_401},
    {"none", "GET", "/here_location", "{\"alg\":\"none\",\"kid\":\"k1\"}",
     "{\"iss\":\"http://poster\"}", 401, BRAMA_REASON_TOKEN_MALFORMED, NO_401},
    {"scope and both audiences", "GET", "/scoped", KID,
     "{\"scope\":\"x a.b\",\"aud\":[\"x\",\"z\"]}", 0, BRAMA_REASON_ALLOWED, ""},
    {"a wildcard scope", "GET", "/scoped", KID, "{\"scp\":[\"a.*\"],\"aud\":[\"x\",\"z\"]}", 0,
     BRAMA_REASON_ALLOWED, ""},
    {"one audience of two", "GET", "/scoped", KID, "{\"scope\":\"a.b\",\"aud\":\"x\"}", 401,
     BRAMA_REASON_AUDIENCE_MISSING, NO_401},
    {"the first claim present decides", "GET", "/scoped", KID,
     "{\"scp\":[\"q\"],\"scope\":\"a.b\",\"aud\":[\"x\",\"z\"]}", 401, BRAMA_REASON_SCOPE_MISSING,
     NO_401},
    {"a set that never loaded", "GET", "/down", KID, "{\"iss\":\"http://poster\"}", 503,
     BRAMA_REASON_KEYS_UNAVAILABLE,
     JSON("503", "Service Unavailable", "The upstream service is not available")},
    {"another method is Oathkeeper's 404", "POST", "/here_location", NULL, NULL, 404,
     BRAMA_REASON_OATHKEEPER_NO_RULE,
     JSON("404", "Not Found", "The requested resource could not be found")},
    {"one of two overlapping rules", "GET", "/same/a", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"both of them", "GET", "/same/xy", NULL, NULL, 500, BRAMA_REASON_OATHKEEPER_MANY_RULES,
     JSON("500", "Internal Server Error",
          "An internal server error occurred, please contact the system administrator")},
    {"no_auth", "GET", "/free", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"no_auth's other methods have no route", "POST", "/free", NULL, NULL, 404,
     BRAMA_REASON_NO_ROUTE, ""},
    {"allow takes all methods", "DELETE", "/all", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
};

static void ory_rules_answer_as_oathkeeper_does(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(answers); i++) {
        brama_str token = answers[i].payload != NULL
                              ? fixture_token(&f, f.key, answers[i].header, answers[i].payload)
                              : BRAMA_NIL;
        const struct brama_decision *d =
            fixture_ask_with(&f, answers[i].method, "here.kyma.example", answers[i].target, token);
        if (d->reason != answers[i].reason)
            fail_msg("%s: got %s, want %s", answers[i].name, brama_reason_name(d->reason),
                     brama_reason_name(answers[i].reason));
        EXPECT(answers[i].name, (d->verdict == BRAMA_VERDICT_ALLOW) == (answers[i].status == 0));
        if (answers[i].status != 0) {
            EXPECT(answers[i].name, d->status == answers[i].status);
            EXPECT_STR(answers[i].name, d->body, brama_str_c(answers[i].body));
            EXPECT(answers[i].name, fixture_response_header(&f, "www-authenticate").n == 0);
        }
    }
    fixture_deinit(&f);
}

static const char chains[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n"
    "  - path: /nobody\n    methods: [GET]\n    accessStrategies: [{handler: unauthorized}]\n"
    "  - path: /anybody\n    methods: [GET]\n    accessStrategies: [{handler: anonymous}]\n"
    "  - path: /either\n    methods: [GET]\n    accessStrategies: "
    "[{handler: anonymous}, {handler: unauthorized}]\n"
    "  - path: /closed\n    methods: [GET]\n    accessStrategies: "
    "[{handler: unauthorized}, {handler: anonymous}]\n"
    "  - path: /session\n    methods: [GET]\n    accessStrategies: [{handler: cookie_session}]\n"
    "  - path: /two\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], trusted_issuers: [\"http://one\"], "
    "token_from: {header: X-Token}}\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], trusted_issuers: [\"http://two\"]}\n"
    "  - path: /unjudged\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], scope_strategy: none, "
    "required_scope: [a]}\n"
    "  - path: /eddsa\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], allowed_algorithms: [EdDSA]}\n"
    "  - path: /exact\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], scope_strategy: exact, "
    "required_scope: [a.b]}\n"
    "  - path: /hierarchic\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://poster/jwks_uri\"], scope_strategy: hierarchic, "
    "required_scope: [a.b]}\n";

#define ONE "{\"iss\":\"http://one\",\"scope\":\"a a.b\"}"
#define TWO "{\"iss\":\"http://two\",\"scope\":\"a\"}"
#define CODE_500                                                                                   \
    JSON("500", "Internal Server Error",                                                           \
         "An internal server error occurred, please contact the system administrator")

/* oathkeeper.md 2.0, 2.2 to 2.4; apirule.md 2.1, 2.2. In the first column behind the name: the
 * token in Authorization, then the one in X-Token. */
static const struct {
    const char *name, *target, *bearer, *token;
    uint16_t status; /* 0: allowed */
    enum brama_reason reason;
    const char *body;
} chain_answers[] = {
    {"unauthorized lets nobody in", "/nobody", NULL, NULL, 401, BRAMA_REASON_UNAUTHORIZED, NO_401},
    {"not with a token either", "/nobody", ONE, NULL, 401, BRAMA_REASON_UNAUTHORIZED, NO_401},
    {"anonymous takes who says nothing", "/anybody", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"and not who says something", "/anybody", ONE, NULL, 401, BRAMA_REASON_NOT_RESPONSIBLE,
     NO_401},
    {"the first that is responsible passes", "/either", NULL, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"where it isn't, the next one is asked", "/either", ONE, NULL, 401, BRAMA_REASON_UNAUTHORIZED,
     NO_401},
    {"what ends the chain ends it", "/closed", NULL, NULL, 401, BRAMA_REASON_UNAUTHORIZED, NO_401},
    {"cookie_session is switched off", "/session", NULL, NULL, 500, BRAMA_REASON_HANDLER_DISABLED,
     CODE_500},
    {"a token for the first", "/two", NULL, ONE, 0, BRAMA_REASON_ALLOWED, ""},
    {"a token for the second", "/two", TWO, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"no token for either", "/two", NULL, NULL, 401, BRAMA_REASON_TOKEN_MISSING, NO_401},
    {"a bad token falls to nobody", "/two", TWO, TWO, 401, BRAMA_REASON_ISSUER_UNKNOWN, NO_401},
    {"an opaque one neither", "/two", TWO, "opaque", 401, BRAMA_REASON_TOKEN_MALFORMED, NO_401},
    {"scopes that nobody judges are never there", "/unjudged", ONE, NULL, 401,
     BRAMA_REASON_SCOPE_MISSING, NO_401},
    {"EdDSA isn't verified, listed or not", "/eddsa", ONE, NULL, 401, BRAMA_REASON_ALG_NOT_ALLOWED,
     NO_401},
    {"exact: the scope itself", "/exact", ONE, NULL, 0, BRAMA_REASON_ALLOWED, ""},
    {"exact: not its parent", "/exact", TWO, NULL, 401, BRAMA_REASON_SCOPE_MISSING, NO_401},
    {"hierarchic: its parent", "/hierarchic", TWO, NULL, 0, BRAMA_REASON_ALLOWED, ""},
};

static brama_str chain_header(struct fixture *f, const char *name, const char *payload)
{
    brama_str token =
        payload[0] == '{' ? fixture_token(f, f->key, KID, payload) : brama_str_c(payload);
    return brama_arena_printf(&f->arena, "%s%.*s", name, BRAMA_FMT(token));
}

static void a_chain_ends_with_the_first_that_is_responsible(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, chains);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(chain_answers); i++) {
        const char *headers[3] = {NULL}, *name = chain_answers[i].name;
        size_t n = 0;
        if (chain_answers[i].bearer != NULL)
            headers[n++] = chain_header(&f, "Authorization: Bearer ", chain_answers[i].bearer).p;
        if (chain_answers[i].token != NULL)
            headers[n++] = chain_header(&f, "X-Token: ", chain_answers[i].token).p;
        const struct brama_decision *d =
            fixture_ask(&f, "GET", "here.kyma.example", chain_answers[i].target, headers);
        if (d->reason != chain_answers[i].reason)
            fail_msg("%s: got %s, want %s", name, brama_reason_name(d->reason),
                     brama_reason_name(chain_answers[i].reason));
        EXPECT(name, (d->verdict == BRAMA_VERDICT_ALLOW) == (chain_answers[i].status == 0));
        if (chain_answers[i].status == 0)
            continue;
        EXPECT(name, d->status == chain_answers[i].status);
        EXPECT_STR(name, d->body, brama_str_c(chain_answers[i].body));
    }
    fixture_deinit(&f);
}

#define UNDER_ISTIO(handler)                                                                       \
    "apiVersion: v1\nkind: ConfigMap\n"                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\n"                               \
    "data: {api-gateway-config: 'jwtHandler: istio'}\n---\n"                                       \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\n"                                 \
    "metadata: {name: here}\nspec:\n  gateway: kyma-system/kyma-gateway\n  host: here\n"           \
    "  service: {name: here, port: 80}\n  rules:\n  - path: /a\n    methods: [GET]\n"              \
    "    accessStrategies: [{handler: " handler "}]\n"

#define MUTATED(path, strategies, mutators)                                                        \
    "  - path: " path "\n    methods: [GET]\n    accessStrategies: [" strategies "]\n"             \
    "    mutators: [" mutators "]\n"
#define SET(name, value) "{handler: header, config: {headers: {" name ": '" value "'}}}"
#define BY_TOKEN "{handler: jwt, config: {jwks_urls: [\"http://poster/jwks_uri\"]}}"

static const char mutated[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n" MUTATED("/sub", BY_TOKEN, SET("X-A", "{{ print .Subject }}"))
        MUTATED("/who", "{handler: anonymous}", SET("X-A", "{{ .Subject }}")) MUTATED(
            "/scp", BY_TOKEN, SET("X-A", "{{ .Extra.scp }} {{ print .Extra.scope }}"))
            MUTATED("/deep", BY_TOKEN, SET("X-A", "{{ index .Extra \"a/b\" | join \",\" }}"))
                MUTATED("/users/(.+)/(a|b)", "{handler: noop}",
                        SET("X-A", "{{ printIndex .MatchContext.RegexpCaptureGroups 2 }}-{{ index "
                                   ".MatchContext.RegexpCaptureGroups 3 }}"))
                    MUTATED("/tenant", "{handler: noop}",
                            SET("X-A", "{{ .MatchContext.Header.Get \"X-Tenant\" }}"))
                        MUTATED("/forged", "{handler: noop}",
                                SET("X-A", "{{ .MatchContext.Header.Get \"X-Forwarded-For\" }}{{ "
                                           ".MatchContext.Header.Get \"X-Named\" }}"))
                            MUTATED("/broken", BY_TOKEN, SET("X-A", "{{ .Extra.no.such }}"))
                                MUTATED("/later", "{handler: noop}",
                                        SET("X-A", "one") ", " SET("x-a",
                                                                   "{{ .Header.Get \"X-A\" }} two"))
                                    MUTATED("/cookies", "{handler: noop}",
                                            "{handler: cookie, config: {cookies: {user: 'a b', "
                                            "processedWith: ''}}}");

/* oathkeeper.md 3.3, 3.4 and 7.8; apirule.md 2.5. */
static const struct {
    const char *name, *target, *payload, *header, *set, *want;
    enum brama_reason reason;
} mutations[] = {
    {"the subject of a token", "/sub", "{\"sub\":\"alice\"}", NULL, "X-A", "alice",
     BRAMA_REASON_ALLOWED},
    {"what the client says of it is lost", "/sub", "{\"sub\":\"alice\"}", "x-A: admin", "X-A",
     "alice", BRAMA_REASON_ALLOWED},
    {"a token without one sets an empty text", "/sub", "{}", "X-A: admin", "X-A", "",
     BRAMA_REASON_ALLOWED},
    {"Kyma's own header comes along", "/sub", "{}", NULL, "X-Server", "oathkeeper",
     BRAMA_REASON_ALLOWED},
    {"anonymous is a subject too", "/who", NULL, NULL, "X-A", "anonymous", BRAMA_REASON_ALLOWED},
    {"scopes are a list named scp, whatever they were", "/scp", "{\"scope\":\"a b\"}", NULL, "X-A",
     "[a b] ", BRAMA_REASON_ALLOWED},
    {"a claim with an odd name", "/deep", "{\"a/b\":[\"x\",1]}", NULL, "X-A", "x,1",
     BRAMA_REASON_ALLOWED},
    {"groups of the path, behind scheme and path", "/users/7%20x/b", NULL, NULL, "X-A", "7 x-b",
     BRAMA_REASON_ALLOWED},
    {"a header of the request", "/tenant", NULL, "x-tenant: blue", "X-A", "blue",
     BRAMA_REASON_ALLOWED},
    {"not one that is the gateway's to set", "/forged", NULL, "X-Forwarded-For: 1.2.3.4", "X-A", "",
     BRAMA_REASON_ALLOWED},
    {"a field of nothing", "/broken", "{}", NULL, NULL, NULL, BRAMA_REASON_MUTATOR_FAILED},
    {"a value that would end the header", "/sub", "{\"sub\":\"a\\r\\nX-Admin: yes\"}", NULL, NULL,
     NULL, BRAMA_REASON_MUTATOR_FAILED},
    {"a later mutator sees and replaces", "/later", NULL, NULL, "X-A", "one two",
     BRAMA_REASON_ALLOWED},
    {"cookies of the rule, then the client's others", "/cookies", NULL,
     "Cookie: user=admin; theme=dark; odd=a\tb", "Cookie",
     "processedWith=oathkeeper; user=\"a b\"; theme=dark", BRAMA_REASON_ALLOWED},
};

static void mutators_tell_the_workload_who_calls(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, mutated);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(mutations); i++) {
        const char *headers[3] = {NULL}, *name = mutations[i].name;
        size_t n = 0;
        if (mutations[i].payload != NULL)
            headers[n++] = chain_header(&f, "Authorization: Bearer ", mutations[i].payload).p;
        if (mutations[i].header != NULL)
            headers[n++] = mutations[i].header;
        const struct brama_decision *d =
            fixture_ask(&f, "GET", "here.kyma.example", mutations[i].target, headers);
        if (d->reason != mutations[i].reason)
            fail_msg("%s: got %s, want %s", name, brama_reason_name(d->reason),
                     brama_reason_name(mutations[i].reason));
        if (mutations[i].reason == BRAMA_REASON_ALLOWED)
            EXPECT_STR(name, fixture_upstream_header(&f, mutations[i].set),
                       brama_str_c(mutations[i].want));
        else
            EXPECT(name, d->verdict == BRAMA_VERDICT_DENY && d->status == 500);
    }
    fixture_deinit(&f);
}

/* apirule.md 2.1, 4.4: no Rule is made for them, and the route leads to Oathkeeper all the same. */
static void under_istio_most_handlers_have_no_rule(void **state)
{
    (void)state;
    static const struct {
        const char *name, *yaml;
    } rows[] = {{"unauthorized", UNDER_ISTIO("unauthorized")},
                {"anonymous", UNDER_ISTIO("anonymous")},
                {"cookie_session", UNDER_ISTIO("cookie_session")}};
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        fixture_reload(&f, rows[i].yaml);
        const struct brama_decision *d =
            fixture_ask_with(&f, "GET", "here.kyma.example", "/a", BRAMA_NIL);
        EXPECT(rows[i].name, d->reason == BRAMA_REASON_OATHKEEPER_NO_RULE && d->status == 404);
        EXPECT_STR(
            rows[i].name, d->body,
            BRAMA_STR(JSON("404", "Not Found", "The requested resource could not be found")));
    }
    fixture_deinit(&f);
}

static void a_wrong_key_is_refused_and_bearer_is_read_in_any_case(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    static const char payload[] = "{\"iss\":\"http://poster\"}";
    brama_str token = fixture_token(&f, f.stranger, KID, payload);
    const struct brama_decision *d =
        fixture_ask_with(&f, "GET", "here.kyma.example", "/here_location", token);
    EXPECT("a stranger's signature",
           d->reason == BRAMA_REASON_SIGNATURE_INVALID && d->status == 401);
    token = fixture_token(&f, f.key, KID, payload);
    brama_str line = brama_arena_printf(&f.arena, "Authorization: bEARER %.*s", BRAMA_FMT(token));
    const char *headers[] = {line.p, NULL};
    d = fixture_ask(&f, "GET", "here.kyma.example", "/here_location?location=Massy", headers);
    EXPECT("any case", d->verdict == BRAMA_VERDICT_ALLOW);
    EXPECT_STR("the query untouched", d->target, BRAMA_STR("/here_location?location=Massy"));
    EXPECT_STR("Oathkeeper's Host", fixture_upstream_header(&f, "Host"),
               BRAMA_STR("here.shop.svc.cluster.local:80"));
    EXPECT_STR("the outer host", fixture_upstream_header(&f, "x-forwarded-host"),
               BRAMA_STR("here.kyma.example"));
    fixture_deinit(&f);
}

int test_ory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ory_rules_answer_as_oathkeeper_does),
        cmocka_unit_test(a_chain_ends_with_the_first_that_is_responsible),
        cmocka_unit_test(mutators_tell_the_workload_who_calls),
        cmocka_unit_test(under_istio_most_handlers_have_no_rule),
        cmocka_unit_test(a_wrong_key_is_refused_and_bearer_is_read_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
