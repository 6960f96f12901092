#include "place.h"

#include <sys/stat.h>
#include <unistd.h>

#include "policy/pages.h"

#define RULE(name, path) RULE_OF(name, name, path)
#define RULE_OF(name, host, path)                                                                  \
    "apiVersion: gateway.kyma-project.io/v2\n"                                                     \
    "kind: APIRule\n"                                                                              \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  hosts: [" host "]\n"                                                                        \
    "  gateway: kyma-system/kyma-gateway\n"                                                        \
    "  service: {name: app, port: 80}\n"                                                           \
    "  rules: [{path: " path ", methods: [GET], noAuth: true}]\n"

static bool is_kept(const struct place *p, const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/" BRAMA_STATE_GOOD "/default.%s.json", p->state_dir, name);
    return access(path, F_OK) == 0;
}

/* What is in force of each APIRule after a reading: "name:form:route ..." in the policy's order,
 * form as a letter: c(urrent), g(ood), n(one). */
static void read_all(struct place *p, char out[256])
{
    struct brama__round_in in = {
        .inputs = &p->inputs, .sheets = {.roots = &p->root, .root_count = 1}, .goods = &p->goods};
    struct brama__round *r;
    size_t n = 0;
    assert_true(brama__round_read(&r, &in));
    assert_int_equal(brama__round_compile(r, &in, 1), BRAMA_OK);
    assert_int_equal(brama_policy_verify(&r->policy), BRAMA_OK);
    out[0] = '\0';
    for (uint32_t i = 0; i < brama_pack_count(&r->policy.pack, BRAMA_T_APIRULE); i++) {
        const struct brama_p_apirule *a =
            BRAMA_ROW(&r->policy.pack, BRAMA_T_APIRULE, i, struct brama_p_apirule);
        brama_str path = BRAMA_NIL;
        for (uint32_t j = 0; j < brama_pack_count(&r->policy.pack, BRAMA_T_RULE); j++) {
            const struct brama_p_rule *rule =
                BRAMA_ROW(&r->policy.pack, BRAMA_T_RULE, j, struct brama_p_rule);
            if (rule->apirule == i)
                path = brama_pack_text(&r->policy.pack, rule->path);
        }
        n += (size_t)snprintf(out + n, 256 - n, "%s%.*s:%c:%.*s", n != 0 ? " " : "",
                              BRAMA_FMT(brama_pack_text(&r->policy.pack, a->name)),
                              a->form == BRAMA_FORM_CURRENT     ? 'c'
                              : a->form == BRAMA_FORM_LAST_GOOD ? 'g'
                                                                : 'n',
                              BRAMA_FMT(path));
    }
    assert_int_equal(brama__round_settle(r, &p->goods), 0);
    brama__round_free(r);
}

static void only_absence_takes_a_rule_away(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text; /* of a.yaml; NULL: removed */
        const char *want;
        bool kept;
    } steps[] = {
        {"a good file", RULE("a", "/x"), "a:c:/x b:c:/b", true},
        {"not YAML", "kind: [", "b:c:/b a:g:/x", true},
        {"empty", "", "b:c:/b a:g:/x", true},
        {"blank", " \n\n", "b:c:/b a:g:/x", true},
        {"YAML, but no object", "- 1\n", "b:c:/b a:g:/x", true},
        {"healed, and another", RULE("a", "/y"), "a:c:/y b:c:/b", true},
        {"an APIRule that isn't valid",
         "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: a}\n"
         "spec:\n  hosts: [a]\n  gateway: kyma-system/kyma-gateway\n"
         "  rules: [{path: /z, methods: [GET], noAuth: true}]\n",
         "a:g:/y b:c:/b", true},
        {"a file without it", "# nothing here any more\n", "b:c:/b", false},
        {"broken when there is no good form", "kind: [", "b:c:/b", false},
        {"back", RULE("a", "/x"), "a:c:/x b:c:/b", true},
        {"the file is gone", NULL, "b:c:/b", false},
    };
    struct place p;
    char got[256], path[128];
    set_up(&p);
    put(&p, "b.yaml", RULE("b", "/b"));
    snprintf(path, sizeof(path), "%s/a.yaml", p.rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        if (steps[i].text != NULL)
            put(&p, "a.yaml", steps[i].text);
        else
            unlink(path);
        read_all(&p, got);
        EXPECT_STR(steps[i].name, brama_str_c(got), brama_str_c(steps[i].want));
        EXPECT(steps[i].name, is_kept(&p, "a") == steps[i].kept);
        /* A restart changes nothing. */
        close_place(&p);
        open_place(&p);
        read_all(&p, got);
        EXPECT_STR(steps[i].name, brama_str_c(got), brama_str_c(steps[i].want));
    }
    tear_down(&p);
}

static void rename_to(const struct place *p, const char *from, const char *to)
{
    char old[128], new[128];
    snprintf(old, sizeof(old), "%s/%s", p->rules, from);
    snprintf(new, sizeof(new), "%s/%s", p->rules, to);
    assert_int_equal(rename(old, new), 0);
}

/* A file that can't be read and was never known may be one that is missing under its old name. */
static void a_renamed_file_keeps_its_rules_while_it_is_broken(void **state)
{
    (void)state;
    struct place p;
    char got[256];
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/x"));
    put(&p, "b.yaml", RULE("b", "/b"));
    read_all(&p, got);
    rename_to(&p, "a.yaml", "c.yaml");
    put(&p, "c.yaml", "");
    read_all(&p, got);
    EXPECT_STR("renamed and emptied", brama_str_c(got), BRAMA_STR("b:c:/b a:g:/x"));
    put(&p, "c.yaml", RULE("a", "/y"));
    read_all(&p, got);
    EXPECT_STR("whole again", brama_str_c(got), BRAMA_STR("b:c:/b a:c:/y"));
    rename_to(&p, "c.yaml", "c.off");
    put(&p, "b.yaml", "kind: [");
    read_all(&p, got);
    EXPECT_STR("gone, and the broken file is another's", brama_str_c(got), BRAMA_STR("b:g:/b"));
    tear_down(&p);
}

static void a_root_that_vanishes_keeps_its_rules(void **state)
{
    (void)state;
    struct place p;
    char got[256], away[80];
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/x"));
    read_all(&p, got);
    snprintf(away, sizeof(away), "%s.away", p.rules);
    assert_int_equal(rename(p.rules, away), 0);
    read_all(&p, got);
    EXPECT_STR("away", brama_str_c(got), BRAMA_STR("a:g:/x"));
    assert_int_equal(mkdir(p.rules, 0700), 0);
    read_all(&p, got);
    EXPECT_STR("back, and empty", brama_str_c(got), BRAMA_STR(""));
    tear_down(&p);
}

/* Whose host it is doesn't hang on the order of files, nor on the agent's memory. */
static void a_host_stays_with_whom_it_is_served_for(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *text;
        const char *want; /* a.yaml comes before b.yaml, which comes before c.yaml */
    } steps[] = {
        {"b has the host", "b.yaml", RULE_OF("b", "one", "/b"), "b:c:/b"},
        {"a wants it too", "a.yaml", RULE_OF("a", "one", "/a"), "a:n: b:c:/b"},
        {"b is edited", "b.yaml", RULE_OF("b", "one", "/bb"), "a:n: b:c:/bb"},
        {"b breaks", "b.yaml", "kind: [", "a:n: b:g:/bb"},
        {"b heals", "b.yaml", RULE_OF("b", "one", "/b"), "a:n: b:c:/b"},
        {"a has another one", "a.yaml", RULE_OF("a", "two", "/a"), "a:c:/a b:c:/b"},
        {"a wants it again, and keeps its own", "a.yaml", RULE_OF("a", "one", "/aa"),
         "a:g:/a b:c:/b"},
        {"some other edit", "c.yaml", RULE("c", "/c"), "a:g:/a b:c:/b c:c:/c"},
        {"c wants a's", "c.yaml", RULE_OF("c", "two", "/c"), "a:g:/a b:c:/b c:g:/c"},
        {"b leaves", "b.yaml", "# nothing\n", "a:c:/aa c:c:/c"},
    };
    struct place p;
    char got[256];
    set_up(&p);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        put(&p, steps[i].file, steps[i].text);
        read_all(&p, got);
        EXPECT_STR(steps[i].name, brama_str_c(got), brama_str_c(steps[i].want));
        read_all(&p, got);
        EXPECT_STR("read again", brama_str_c(got), brama_str_c(steps[i].want));
        close_place(&p);
        open_place(&p);
        read_all(&p, got);
        EXPECT_STR("after a restart", brama_str_c(got), brama_str_c(steps[i].want));
    }
    tear_down(&p);
}

#define V1(name, path, config)                                                                     \
    "apiVersion: gateway.kyma-project.io/v1beta1\n"                                                \
    "kind: APIRule\n"                                                                              \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  host: " name ".localhost\n"                                                                 \
    "  gateway: kyma-system/kyma-gateway\n"                                                        \
    "  service: {name: app, port: 80}\n"                                                           \
    "  rules:\n"                                                                                   \
    "  - path: " path "\n"                                                                         \
    "    methods: [GET]\n"                                                                         \
    "    accessStrategies: [{handler: jwt, config: " config "}]\n"
#define ORY(name, path)                                                                            \
    V1(name, path, "{trusted_issuers: ['https://a.example'], jwks_urls: ['https://a.example/k']}")
#define ISTIO(name, path)                                                                          \
    V1(name, path,                                                                                 \
       "{authentications: [{issuer: 'https://a.example', jwksUri: 'https://a.example/k'}]}")
#define TOGGLE(handler)                                                                            \
    "apiVersion: v1\n"                                                                             \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\n"                               \
    "data: {api-gateway-config: 'jwtHandler: " handler "'}\n"

/* ory and istio are rules of both forms; a form in force keeps the handler it was valid under. */
static void the_toggle_takes_no_rule_away(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *text; /* NULL: removed */
        const char *want;
    } steps[] = {
        {"ory without a toggle", "x", "", "istio:n: ory:c:/a two:c:/t"},
        {"to istio", "toggle.yaml", TOGGLE("istio"), "istio:c:/b ory:g:/a two:c:/t"},
        {"and back", "toggle.yaml", TOGGLE("ory"), "istio:g:/b ory:c:/a two:c:/t"},
        {"no handler at all", "toggle.yaml", TOGGLE("envoy"), "istio:g:/b ory:g:/a two:g:/t"},
        {"to istio again", "toggle.yaml", TOGGLE("istio"), "istio:c:/b ory:g:/a two:c:/t"},
        {"an edit of what isn't valid now", "b-ory.yaml", ORY("ory", "/aa"),
         "istio:c:/b ory:g:/a two:c:/t"},
        {"an edit of what is", "a-istio.yaml", ISTIO("istio", "/bb"),
         "istio:c:/bb ory:g:/a two:c:/t"},
        {"the toggle gone", "toggle.yaml", NULL, "istio:g:/bb ory:c:/aa two:c:/t"},
    };
    struct place p;
    char got[256], path[128];
    set_up(&p);
    put(&p, "a-istio.yaml", ISTIO("istio", "/b"));
    put(&p, "b-ory.yaml", ORY("ory", "/a"));
    put(&p, "c-two.yaml", RULE("two", "/t"));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        snprintf(path, sizeof(path), "%s/%s", p.rules, steps[i].file);
        if (steps[i].text != NULL)
            put(&p, steps[i].file, steps[i].text);
        else
            unlink(path);
        for (int restarts = 0; restarts < 2; restarts++) {
            read_all(&p, got);
            EXPECT_STR(steps[i].name, brama_str_c(got), brama_str_c(steps[i].want));
            close_place(&p);
            open_place(&p);
        }
    }
    tear_down(&p);
}

static void a_damaged_good_form_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"nothing", ""},
        {"half of it", "{\"handler\":\"istio\",\"file\":\"x\",\"line\":1,\"manifest\":{"},
        {"another object", "{\"handler\":\"istio\",\"file\":\"x\",\"line\":1,\"manifest\":{}}"},
        {"a list", "[]"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        char got[256], path[160];
        set_up(&p);
        put(&p, "a.yaml", RULE("a", "/x"));
        read_all(&p, got);
        close_place(&p);
        snprintf(path, sizeof(path), "%s/" BRAMA_STATE_GOOD "/default.a.json", p.state_dir);
        FILE *f = fopen(path, "w");
        assert_true(f != NULL && fputs(rows[i].text, f) >= 0 && fclose(f) == 0);
        open_place(&p);
        put(&p, "a.yaml", "kind: [");
        read_all(&p, got);
        EXPECT(rows[i].name, strstr(got, ":g:") == NULL);
        put(&p, "a.yaml", RULE("a", "/x"));
        read_all(&p, got);
        EXPECT_STR(rows[i].name, brama_str_c(got), BRAMA_STR("a:c:/x"));
        tear_down(&p);
    }
}

/* As after the state directory was removed and made again. */
static void forms_that_are_gone_from_the_disk_are_written_again(void **state)
{
    (void)state;
    struct place p;
    char path[160], got[256];
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    read_all(&p, got);
    EXPECT("written", is_kept(&p, "a"));
    snprintf(path, sizeof(path), "%s/" BRAMA_STATE_GOOD "/default.a.json", p.state_dir);
    assert_int_equal(unlink(path), 0);
    read_all(&p, got);
    EXPECT("nobody looks whether it is there", !is_kept(&p, "a"));
    brama__goods_forget(&p.goods);
    read_all(&p, got);
    EXPECT("until it is told", is_kept(&p, "a"));
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_absence_takes_a_rule_away),
        cmocka_unit_test(a_renamed_file_keeps_its_rules_while_it_is_broken),
        cmocka_unit_test(a_root_that_vanishes_keeps_its_rules),
        cmocka_unit_test(a_host_stays_with_whom_it_is_served_for),
        cmocka_unit_test(the_toggle_takes_no_rule_away),
        cmocka_unit_test(a_damaged_good_form_is_none),
        cmocka_unit_test(forms_that_are_gone_from_the_disk_are_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
