/* What explain lives on: each refusal has a step that fails and names the cause, with what was
 * expected and what was there, where that is a text; and no trace has a token in it. */
#include "fixture.h"

#define ISS "https://idp.example.com"
#define RS "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define IN "\"exp\":1800000600"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: mesh}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [mesh]\n  service: {name: mesh, port: 80}\n"
    "  rules:\n"
    "  - path: /x\n    methods: [GET]\n    jwt:\n      authentications:\n"
    "      - {issuer: \"" ISS "\", jwksUri: \"https://i/k\"}\n"
    "      - {issuer: second, jwksUri: \"https://i/k2\"}\n"
    "      authorizations: [{requiredScopes: [read], audiences: [orders]}]\n"
    "  - path: /y\n    methods: [GET]\n    jwt: {authentications: [{issuer: third, jwksUri: "
    "\"https://i/k3\"}]}\n"
    "  - path: /never\n    methods: [GET]\n    jwt: {authentications: [{issuer: fourth, jwksUri: "
    "\"https://i/never\"}]}\n"
    "  - {path: /gone, methods: [GET], service: {name: gone, port: 80}, noAuth: true}\n"
    "---\napiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: keeper}\n"
    "spec:\n  gateway: kyma-system/kyma-gateway\n  host: keeper\n"
    "  service: {name: keeper, port: 80}\n  rules:\n"
    "  - path: /x\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
    "      config: {jwks_urls: [\"http://i/k\"], trusted_issuers: [\"" ISS "\"], "
    "required_scope: [read], target_audience: [orders]}\n"
    "  - {path: \"/a%20b\", methods: [GET], accessStrategies: [{handler: noop}]}\n"
    "  - {path: \"/a b\", methods: [GET], accessStrategies: [{handler: noop}]}\n"
    "  - {path: /same/.*, methods: [GET], accessStrategies: [{handler: noop}]}\n"
    "  - {path: /same/x.*, methods: [GET], accessStrategies: [{handler: noop}]}\n";

struct row {
    const char *name, *host, *target, *header, *payload;
    const char *step, *expected, *actual; /* of the last step that failed before the answer */
};

static void has_no_part_of(const char *name, brama_str text, brama_str token)
{
    brama_str rest = token, part;
    while (token.n != 0 && brama_str_next(&rest, '.', &part))
        if (part.n > 8 && brama_str_find_str(text, part) != text.n)
            fail_msg("%s: a part of the token stands in \"%.*s\"", name, BRAMA_FMT(text));
}

static void check(struct fixture *f, const struct row *row, brama_str token,
                  const char *const *headers)
{
    const struct brama_decision *d = fixture_ask(f, "GET", row->host, row->target, headers);
    const struct brama_trace_step *fail = NULL;
    EXPECT(row->name, d->verdict == BRAMA_VERDICT_DENY);
    for (const struct brama_trace_step *s = f->trace.first; s != NULL; s = s->next) {
        if (s->outcome == BRAMA_TRACE_FAIL && strcmp(s->step, "answer") != 0)
            fail = s;
        has_no_part_of(row->name, s->expected, token);
        has_no_part_of(row->name, s->actual, token);
        has_no_part_of(row->name, s->note, token);
    }
    has_no_part_of(row->name, d->body, token);
    if (fail == NULL)
        fail_msg("%s: nothing failed but the answer", row->name);
    EXPECT_STR(row->name, brama_str_c(fail->step), brama_str_c(row->step));
    /* What metrics say of it; a token of the future is "nbf" there, whichever claim says so. */
    if (strcmp(row->step, "iat") != 0)
        EXPECT_STR(row->name, brama_str_c(brama_reason_step(d->reason)), brama_str_c(row->step));
    if (row->expected != NULL) {
        EXPECT_STR(row->name, fail->expected, brama_str_c(row->expected));
        EXPECT_STR(row->name, fail->actual, brama_str_c(row->actual));
    }
    EXPECT(row->name, fail->expected.n + fail->actual.n + fail->note.n != 0);
}

static const struct row refusals[] = {
    {"no host", "nobody.example", "/", NULL, NULL, "host", "a host of an APIRule in force",
     "nobody.example"},
    {"no route", "mesh.kyma.example", "/z", NULL, NULL, "route", "a rule for path and method",
     "/z"},
    {"bad path", "mesh.kyma.example", "/%zz", NULL, NULL, "path", "a path that is normalised",
     "/%zz"},
    {"no token", "mesh.kyma.example", "/x", NULL, NULL, "token", "a token", ""},
    {"an issuer of nobody", "mesh.kyma.example", "/x", RS, "{\"iss\":\"evil\"," IN "}", "issuer",
     NULL, NULL},
    {"another rule's issuer", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"third\",\"sub\":\"me\"," IN "}", "issuer", NULL, NULL},
    {"expired", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\",\"exp\":1799999000}", "exp",
     NULL, NULL},
    {"not yet", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\",\"nbf\":1800000061}", "nbf",
     NULL, NULL},
    {"no subject", "mesh.kyma.example", "/x", RS, "{\"iss\":\"" ISS "\"," IN "}", "sub",
     "a subject", "none"},
    {"no scope", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"write\"," IN "}", "scope", "read", "write"},
    {"no audience", "mesh.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"sub\":\"me\",\"scope\":\"read\",\"aud\":[\"a\",\"b\"]," IN "}",
     "audience", NULL, NULL},
    {"no such key", "mesh.kyma.example", "/x", "{\"alg\":\"RS256\",\"kid\":\"k9\"}",
     "{\"iss\":\"" ISS "\"," IN "}", "key", "k9", "RS256"},
    {"no keys yet", "mesh.kyma.example", "/never", RS, "{\"iss\":\"fourth\"," IN "}", "key", NULL,
     NULL},
    {"no address", "mesh.kyma.example", "/gone", NULL, NULL, "upstream", NULL, NULL},
    {"ory: no token", "keeper.kyma.example", "/x", NULL, NULL, "token", "a token", ""},
    {"ory: algorithm", "keeper.kyma.example", "/x", "{\"alg\":\"RS384\",\"kid\":\"k1\"}",
     "{\"iss\":\"" ISS "\"}", "alg", NULL, NULL},
    {"ory: kid", "keeper.kyma.example", "/x", "{\"alg\":\"RS256\"}", "{\"iss\":\"" ISS "\"}", "kid",
     "a kid", "none"},
    {"ory: expired", "keeper.kyma.example", "/x", RS, "{\"exp\":1799999000}", "exp", NULL, NULL},
    {"ory: issued later", "keeper.kyma.example", "/x", RS, "{\"iat\":1800000009}", "iat",
     "at most 1800000000", "1800000009"},
    {"ory: audience", "keeper.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"aud\":[\"a\",\"b\"]}", "audience", NULL, NULL},
    {"ory: issuer", "keeper.kyma.example", "/x", RS, "{\"iss\":\"evil\",\"aud\":\"orders\"}",
     "issuer", ISS, "evil"},
    {"ory: scope", "keeper.kyma.example", "/x", RS,
     "{\"iss\":\"" ISS "\",\"aud\":\"orders\",\"scope\":\"a b\"}", "scope", NULL, NULL},
    {"several of Oathkeeper's", "keeper.kyma.example", "/same/x", NULL, NULL, "oathkeeper",
     "exactly one rule", "several"},
    {"Oathkeeper's own", "keeper.kyma.example", "/a%20b", NULL, NULL, "oathkeeper", NULL, NULL},
};

static void every_refusal_names_its_cause(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(refusals); i++) {
        brama_str token = refusals[i].payload != NULL
                              ? fixture_token(&f, f.key, refusals[i].header, refusals[i].payload)
                              : BRAMA_NIL;
        brama_str line =
            brama_arena_printf(&f.arena, "Authorization: Bearer %.*s", BRAMA_FMT(token));
        const char *headers[] = {token.n != 0 ? line.p : NULL, NULL};
        check(&f, &refusals[i], token, headers);
    }
    brama_str token = fixture_token(&f, f.stranger, RS, "{\"iss\":\"" ISS "\"," IN "}");
    brama_str line = brama_arena_printf(&f.arena, "Authorization: Bearer %.*s", BRAMA_FMT(token));
    const char *headers[] = {line.p, NULL, NULL};
    check(&f,
          &(struct row){"a stranger's signature", "mesh.kyma.example", "/x", NULL, NULL,
                        "signature", NULL, NULL},
          token, headers);
    headers[1] = line.p;
    static const char *const hosts[] = {"mesh.kyma.example", "keeper.kyma.example"};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(hosts); i++)
        check(&f,
              &(struct row){"two tokens", hosts[i], "/x", NULL, NULL, "token", "one token",
                            "several"},
              token, headers);
    fixture_deinit(&f);
}

int test_trace(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_refusal_names_its_cause)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
