/* Who may wait for a key set: design section 2, "An unknown kid". */
#include "fixture.h"

#define V2                                                                                         \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"     \
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n  service: {name: orders, port: "     \
    "80}\n  rules:\n"                                                                              \
    "  - path: /x\n    methods: [GET]\n    jwt: {authentications: [{issuer: \"https://iss\", "     \
    "jwksUri: "                                                                                    \
    "\"https://idp.example/keys\"}]}\n"                                                            \
    "  - path: /down\n    methods: [GET]\n    jwt: {authentications: [{issuer: other, jwksUri: "   \
    "\"https://idp.example/never\"}]}\n"
#define V1                                                                                         \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"  \
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"       \
    "  rules:\n"                                                                                   \
    "  - path: /x\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"                \
    "      config: {jwks_urls: [\"http://idp/a\", \"http://idp/b\"], trusted_issuers: "            \
    "[\"https://iss\"]}\n"                                                                         \
    "  - path: /any\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"              \
    "      config: {jwks_urls: [\"http://idp/a\"]}\n"                                              \
    "  - path: /down\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"             \
    "      config: {jwks_urls: [\"http://idp/never\"], trusted_issuers: [\"https://iss\"]}\n"

#define NEW "{\"alg\":\"RS256\",\"kid\":\"k2\"}"
#define OLD "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define GOOD "{\"iss\":\"https://iss\",\"sub\":\"me\",\"exp\":1800003600}"

static const char rules[] = V2 "---\n" V1;

static const struct brama_decision *ask(struct fixture *f, bool may_park, const char *host,
                                        const char *target, brama_str token)
{
    struct brama_header bearer = {BRAMA_STR("Authorization"),
                                  brama_arena_printf(&f->arena, "Bearer %.*s", BRAMA_FMT(token))};
    struct brama_engine engine = {
        .policy = &f->policy, .facts = &f->facts, .memory = f->memory, .may_park = may_park};
    struct brama_request request = {.scheme = BRAMA_STR("https"),
                                    .method = BRAMA_STR("GET"),
                                    .authority = brama_str_c(host),
                                    .target = brama_str_c(target),
                                    .headers = &bearer,
                                    .header_count = token.n != 0,
                                    .request_id = BRAMA_STR("id-1"),
                                    .now_s = NOW};
    brama_decide(&f->decision, &engine, &request, &f->arena, NULL);
    return &f->decision;
}

static const struct {
    const char *name, *host, *target, *header, *payload; /* header NULL: no token */
    bool stranger;                                       /* signs */
    size_t wanted;                                       /* 0: refused at once */
    uint16_t status;
} rows[] = {
    {"sidecar: a new kid", "orders", "/x", NEW, GOOD, true, 1, 401},
    {"sidecar: whoever signed", "orders", "/x", NEW, GOOD, false, 1, 401},
    {"sidecar: the kid is known, its signature isn't", "orders", "/x", OLD, GOOD, true, 0, 401},
    {"sidecar: the kid is known, for another alg", "orders", "/x",
     "{\"alg\":\"RS512\",\"kid\":\"k1\"}", GOOD, true, 0, 401},
    {"sidecar: no kid", "orders", "/x", "{\"alg\":\"RS256\"}", GOOD, true, 0, 401},
    {"sidecar: an empty kid", "orders", "/x", "{\"alg\":\"RS256\",\"kid\":\"\"}", GOOD, true, 0,
     401},
    {"sidecar: expired a minute and a second ago", "orders", "/x", NEW,
     "{\"iss\":\"https://iss\",\"sub\":\"me\",\"exp\":1799999939}", true, 0, 401},
    {"sidecar: expired within the tolerance", "orders", "/x", NEW,
     "{\"iss\":\"https://iss\",\"sub\":\"me\",\"exp\":1799999941}", true, 1, 401},
    {"sidecar: of tomorrow", "orders", "/x", NEW,
     "{\"iss\":\"https://iss\",\"sub\":\"me\",\"nbf\":1800086400}", true, 0, 401},
    {"sidecar: of somebody else", "orders", "/x", NEW, "{\"iss\":\"evil\",\"sub\":\"me\"}", true, 0,
     401},
    {"sidecar: without an issuer", "orders", "/x", NEW, "{\"sub\":\"me\"}", true, 0, 401},
    {"sidecar: HS256", "orders", "/x", "{\"alg\":\"HS256\",\"kid\":\"k2\"}", GOOD, true, 0, 401},
    {"sidecar: none", "orders", "/x", "{\"alg\":\"none\",\"kid\":\"k2\"}", GOOD, true, 0, 401},
    {"sidecar: the set never loaded", "orders", "/down", NEW, "{\"iss\":\"other\",\"sub\":\"me\"}",
     true, 0, 503},
    {"sidecar: no token", "orders", "/x", NULL, NULL, true, 0, 403},
    {"Oathkeeper: a new kid, in either set", "here", "/x", NEW, GOOD, true, 2, 401},
    {"Oathkeeper: the kid is known, its signature isn't", "here", "/x", OLD, GOOD, true, 0, 401},
    {"Oathkeeper: no kid", "here", "/x", "{\"alg\":\"RS256\"}", GOOD, true, 0, 401},
    {"Oathkeeper: expired this very second", "here", "/x", NEW,
     "{\"iss\":\"https://iss\",\"exp\":1800000000}", true, 0, 401},
    {"Oathkeeper: a second left", "here", "/x", NEW, "{\"iss\":\"https://iss\",\"exp\":1800000001}",
     true, 2, 401},
    {"Oathkeeper: issued in the future", "here", "/x", NEW,
     "{\"iss\":\"https://iss\",\"iat\":1800000001}", true, 0, 401},
    {"Oathkeeper: of somebody else", "here", "/x", NEW, "{\"iss\":\"evil\"}", true, 0, 401},
    {"Oathkeeper: any issuer where the rule trusts all", "here", "/any", NEW, "{\"iss\":\"evil\"}",
     true, 1, 401},
    {"Oathkeeper: an alg that the rule doesn't allow", "here", "/x",
     "{\"alg\":\"ES256\",\"kid\":\"k2\"}", GOOD, true, 0, 401},
    {"Oathkeeper: the set never loaded", "here", "/down", NEW, GOOD, true, 0, 503},
};

static void only_who_might_be_let_in_may_wait(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const char *host = brama_arena_printf(&f.arena, "%s.kyma.example", rows[i].host).p;
        brama_str token = rows[i].header != NULL
                              ? fixture_token(&f, rows[i].stranger ? f.stranger : f.key,
                                              rows[i].header, rows[i].payload)
                              : BRAMA_NIL;
        struct brama_decision last = *ask(&f, false, host, rows[i].target, token);
        EXPECT(rows[i].name, last.verdict == BRAMA_VERDICT_DENY && last.status == rows[i].status);
        EXPECT(rows[i].name, last.wanted_count == 0);

        const struct brama_decision *d = ask(&f, true, host, rows[i].target, token);
        EXPECT(rows[i].name,
               d->verdict == (rows[i].wanted != 0 ? BRAMA_VERDICT_PARK : BRAMA_VERDICT_DENY));
        EXPECT(rows[i].name, d->wanted_count == rows[i].wanted);
        /* What would be sent if nothing changes is what is sent without the wait. */
        EXPECT(rows[i].name, d->status == last.status && d->reason == last.reason);
        EXPECT_STR(rows[i].name, d->body, last.body);
        EXPECT(rows[i].name, d->response_header_count == last.response_header_count);
    }
    fixture_deinit(&f);
}

static void the_wanted_sets_are_the_rules_and_the_new_key_lets_in(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    brama_str token = fixture_token(&f, f.stranger, NEW, GOOD);
    const struct brama_decision *d = ask(&f, true, "here.kyma.example", "/x", token);
    EXPECT("the first URL's", d->wanted[0] == brama_keyset_id(BRAMA_STR("http://idp/a")));
    EXPECT("the second URL's", d->wanted[1] == brama_keyset_id(BRAMA_STR("http://idp/b")));
    d = ask(&f, true, "orders.kyma.example", "/x", token);
    EXPECT("the rule's", d->wanted[0] == brama_keyset_id(BRAMA_STR("https://idp.example/keys")));

    brama_str set =
        brama_arena_printf(&f.arena, "{\"keys\":[%.*s]}",
                           BRAMA_FMT(fixture_jwk(&f, f.stranger, BRAMA_ALG_RS256, "k2")));
    const struct fixture_set sets[] = {{"https://idp.example/keys", set.p},
                                       {"http://idp/b", set.p}};
    fixture_facts(&f, sets, BRAMA_ARRAY_LEN(sets));
    static const char *const hosts[] = {"orders.kyma.example", "here.kyma.example"};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(hosts); i++)
        for (int may_park = 0; may_park < 2; may_park++)
            EXPECT(hosts[i],
                   ask(&f, may_park != 0, hosts[i], "/x", token)->verdict == BRAMA_VERDICT_ALLOW);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_might_be_let_in_may_wait),
        cmocka_unit_test(the_wanted_sets_are_the_rules_and_the_new_key_lets_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
