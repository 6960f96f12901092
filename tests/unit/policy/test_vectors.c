/* What Oathkeeper itself answered (its scope engine and its jwt authenticator, executed), against
 * our ory dialect. The keys of the signed tokens aren't among the data: where Oathkeeper found the
 * signature good, the token is remembered as such here, and every other step is judged. */
#include "fixture.h"

#include "policy/inner.h"
#include "json/read.h"

#define MAX (1 << 20)

/* arena: of the data, which outlive the fixture's arena; ended where there are none */
static const struct brama_node *load(struct brama_arena *arena, const char *file)
{
    const char *dir = getenv("BRAMA_VECTORS");
    brama_str name = brama_arena_printf(arena, "%s/oathkeeper/%s",
                                        dir != NULL ? dir : "../shared/vectors", file);
    FILE *in = fopen(name.p, "rb");
    if (in == NULL) {
        printf("skipped: %s isn't there\n", name.p);
        brama_arena_deinit(arena);
        return NULL;
    }
    char *text = brama_arena_alloc(arena, MAX);
    size_t n = fread(text, 1, MAX, in);
    fclose(in);
    struct brama_node *root = NULL;
    EXPECT(file, brama_json_parse(&root, arena, (brama_str){text, n}, &brama_json_limits_rules,
                                  NULL) == BRAMA_OK);
    return root;
}

/* A difference on purpose: it must stay one. */
struct difference {
    const char *name, *reason;
};

static const struct difference *difference(const struct difference *list, size_t n, brama_str name)
{
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq(name, brama_str_c(list[i].name)))
            return &list[i];
    return NULL;
}

static void add_list(struct brama_buf *out, const char *name, const struct brama_node *list)
{
    /* what no rule of ours may name; what stays beside it is the default */
    if (list == NULL ||
        (list->first != NULL && (brama_str_starts(list->first->text, BRAMA_STR("HS")) ||
                                 brama_str_eq(list->first->text, BRAMA_STR("none")))))
        return;
    brama_buf_add(out, brama_str_c(name));
    brama_buf_add(out, BRAMA_STR(": ["));
    for (const struct brama_node *n = list->first; n != NULL; n = n->next) {
        brama_buf_add_c(out, '"');
        brama_buf_add(out, n->text);
        brama_buf_add(out, BRAMA_STR("\", "));
    }
    brama_buf_add(out, BRAMA_STR("], "));
}

static void add_rule(struct brama_buf *out, size_t index, const struct brama_node *config,
                     brama_str strategy)
{
    char head[300];
    snprintf(head, sizeof(head),
             "  - path: /c%zu\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n"
             "      config: {jwks_urls: [\"http://i/k\"], scope_strategy: %.*s, ",
             index, BRAMA_FMT(strategy));
    brama_buf_add(out, brama_str_c(head));
    /* trusted_issuers are names there and URIs in Kyma: test_ory.c judges them */
    static const char *const lists[] = {"target_audience", "required_scope", "allowed_algorithms"};
    for (size_t i = 0; config != NULL && i < BRAMA_ARRAY_LEN(lists); i++)
        add_list(out, lists[i], brama_node_get(config, brama_str_c(lists[i])));
    brama_buf_add(out, BRAMA_STR("}\n"));
}

static void begin(struct brama_buf *yaml)
{
    brama_buf_init(yaml, NULL, MAX);
    brama_buf_add(yaml, BRAMA_STR("apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\n"
                                  "metadata: {name: app}\nspec:\n"
                                  "  gateway: kyma-system/kyma-gateway\n  host: app\n"
                                  "  service: {name: app, port: 80}\n  rules:\n"));
}

static const struct brama_decision *ask(struct fixture *f, size_t index, brama_str token)
{
    brama_str path = brama_arena_printf(&f->arena, "/c%zu", index);
    return fixture_ask_with(f, "GET", "app.kyma.example", path.p, token);
}

/* The set's keys: the fixture's RSA key and an EC one, each under the kids of its tokens. */
static void set_keys(struct fixture *f, const struct brama_node *cases, const struct brama_pkey *ec)
{
    brama_str json = BRAMA_STR("{\"keys\":["), seen = BRAMA_STR(" ");
    for (const struct brama_node *c = cases->first; c != NULL; c = c->next) {
        struct brama_jwt jwt;
        brama_jwt_read(&jwt, &f->arena, brama_node_get_str(c, BRAMA_STR("token")));
        bool pass = brama_str_eq(brama_node_get_str(c, BRAMA_STR("outcome")), BRAMA_STR("pass"));
        brama_str mark = brama_arena_printf(&f->arena, " %.*s ", BRAMA_FMT(jwt.kid));
        if (!pass || jwt.status != BRAMA_JWT_OK || jwt.alg >= BRAMA_ALG_HS256 ||
            brama_str_find_str(seen, mark) != seen.n)
            continue;
        json = brama_arena_printf(
            &f->arena, "%.*s%s%.*s", BRAMA_FMT(json), seen.n > 1 ? "," : "",
            BRAMA_FMT(fixture_jwk(f, jwt.alg == BRAMA_ALG_ES256 ? ec : f->key, jwt.alg,
                                  brama_arena_copy(&f->arena, jwt.kid).p)));
        seen = brama_arena_printf(&f->arena, "%.*s%.*s", BRAMA_FMT(seen), BRAMA_FMT(mark));
    }
    json = brama_arena_printf(&f->arena, "%.*s]}", BRAMA_FMT(json));
    fixture_facts(f, &(struct fixture_set){"http://i/k", json.p}, 1);
}

/* The thumbprint of the key with that kid, as if it had verified the token. */
static void remember(struct fixture *f, brama_str token)
{
    struct brama_jwt jwt;
    brama_jwt_read(&jwt, &f->arena, token);
    for (uint32_t i = 0; jwt.status == BRAMA_JWT_OK; i++) {
        const struct brama_f_key *key =
            BRAMA_ROW(&f->facts.pack, BRAMA_F_KEY, i, struct brama_f_key);
        if (key == NULL)
            return;
        if (brama_str_eq(brama_pack_text(&f->facts.pack, key->kid), jwt.kid))
            brama__memory_keep(f->memory, token, jwt.alg, key->thumbprint);
    }
}

static void judge_case(struct fixture *f, const struct brama_node *c, size_t index, size_t *differ)
{
    static const struct difference differences[] = {
        {"hs256 allowed", "no key of ours is symmetric (attacks.md J2)"},
        {"ps256 with an RSA JWK whose alg says RS256", "a key serves one algorithm (decision 6)"},
        {"rs512", "a key serves one algorithm (decision 6)"},
        {"exp 0 counts as unset", "exp 0 has expired (decision 7)"},
        {"sub is a number", "a claim of the wrong type (attacks.md J16, J17)"},
        {"duplicate member, last wins", "a name twice (attacks.md J10)"},
        {"required_scope but strategy none", "refused with the rule, before any token"},
        {"issuer untrusted", "the rule can't name such an issuer"},
        {"issuer missing", "the rule can't name such an issuer"},
    };
    brama_str name = brama_node_get_str(c, BRAMA_STR("name"));
    brama_str token = brama_node_get_str(c, BRAMA_STR("token"));
    bool want = brama_str_eq(brama_node_get_str(c, BRAMA_STR("outcome")), BRAMA_STR("pass"));
    const struct difference *d = difference(differences, BRAMA_ARRAY_LEN(differences), name);
    if (want || d != NULL)
        remember(f, token);
    bool got = ask(f, index, token)->verdict == BRAMA_VERDICT_ALLOW;
    if ((got == want) == (d != NULL))
        fail_msg("%.*s: Oathkeeper says %s, we say %s (%s)", BRAMA_FMT(name), want ? "pass" : "no",
                 brama_reason_name(f->decision.reason),
                 d != NULL ? d->reason : "not listed as different");
    *differ += d != NULL;
}

static void oathkeepers_jwt_cases_agree(void **state)
{
    (void)state;
    struct brama_arena data;
    brama_arena_init(&data, NULL, SIZE_MAX);
    const struct brama_node *root = load(&data, "jwt_vectors.json");
    if (root == NULL)
        return;
    const struct brama_node *cases = brama_node_get(root, BRAMA_STR("cases"));
    struct brama_buf yaml;
    struct brama_pkey *ec = NULL;
    size_t n = 0, differ = 0;
    begin(&yaml);
    for (const struct brama_node *c = cases->first; c != NULL; c = c->next) {
        const struct brama_node *config = brama_node_get(c, BRAMA_STR("config"));
        brama_str strategy = brama_node_get_str(config, BRAMA_STR("scope_strategy"));
        bool none = strategy.n == 0 || brama_str_eq(strategy, BRAMA_STR("none"));
        add_rule(&yaml, n++, config, none ? BRAMA_STR("exact") : strategy);
    }
    brama_buf_add_c(&yaml, '\0');
    struct fixture f;
    fixture_init(&f, yaml.p);
    EXPECT("the rules are valid", f.world.rules->judged.valid);
    assert_int_equal(brama_pkey_generate(&ec, BRAMA_ALG_ES256, 0, NULL), BRAMA_OK);
    set_keys(&f, cases, ec);
    n = 0;
    for (const struct brama_node *c = cases->first; c != NULL; c = c->next)
        judge_case(&f, c, n++, &differ);
    printf("Oathkeeper's tokens: %zu agree, %zu differ on purpose\n", n - differ, differ);
    brama_buf_deinit(&yaml);
    brama_pkey_free(ec);
    fixture_deinit(&f);
    brama_arena_deinit(&data);
}

static brama_str scope_token(struct fixture *f, const struct brama_node *granted)
{
    struct brama_buf text;
    brama_buf_init(&text, NULL, MAX);
    brama_buf_add(&text, BRAMA_STR("{\"scp\":["));
    for (const struct brama_node *g = granted->first; g != NULL; g = g->next) {
        brama_buf_add(&text, g != granted->first ? BRAMA_STR(",\"") : BRAMA_STR("\""));
        brama_buf_add(&text, g->text);
        brama_buf_add_c(&text, '"');
    }
    brama_buf_add(&text, BRAMA_STR("]}"));
    brama_buf_add_c(&text, '\0');
    brama_str token = fixture_token(f, f->key, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", text.p);
    brama_buf_deinit(&text);
    return token;
}

static void oathkeepers_scope_cases_agree(void **state)
{
    (void)state;
    struct brama_arena data;
    brama_arena_init(&data, NULL, SIZE_MAX);
    const struct brama_node *cases = load(&data, "scope_vectors.json");
    if (cases == NULL)
        return;
    struct brama_buf yaml;
    size_t n = 0;
    begin(&yaml);
    for (const struct brama_node *c = cases->first; c != NULL; c = c->next) {
        struct brama_node one = {.kind = BRAMA_NODE_STR,
                                 .text = brama_node_get_str(c, BRAMA_STR("required"))};
        struct brama_node list = {.kind = BRAMA_NODE_LIST, .first = &one};
        struct brama_node config = {.kind = BRAMA_NODE_MAP, .first = &list};
        list.key = BRAMA_STR("required_scope");
        add_rule(&yaml, n++, &config, brama_node_get_str(c, BRAMA_STR("strategy")));
    }
    brama_buf_add_c(&yaml, '\0');
    struct fixture f;
    fixture_init(&f, yaml.p);
    EXPECT("the rules are valid", f.world.rules->judged.valid);
    n = 0;
    for (const struct brama_node *c = cases->first; c != NULL; c = c->next, n++) {
        brama_str token = scope_token(&f, brama_node_get(c, BRAMA_STR("granted")));
        bool want = brama_node_get(c, BRAMA_STR("match"))->truth;
        if ((ask(&f, n, token)->verdict == BRAMA_VERDICT_ALLOW) != want)
            fail_msg("scope case %zu, %.*s of \"%.*s\": we say %s", n,
                     BRAMA_FMT(brama_node_get_str(c, BRAMA_STR("strategy"))),
                     BRAMA_FMT(brama_node_get_str(c, BRAMA_STR("required"))),
                     brama_reason_name(f.decision.reason));
    }
    printf("Oathkeeper's scopes: %zu agree\n", n);
    brama_buf_deinit(&yaml);
    fixture_deinit(&f);
    brama_arena_deinit(&data);
}

int test_vectors(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oathkeepers_jwt_cases_agree),
        cmocka_unit_test(oathkeepers_scope_cases_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
