/* v1beta1 rules as Kyma stores them; facts: apirule.md 6.3. */
#include "fixture.h"

#define STORED(version, original, json, spec)                                                      \
    "apiVersion: gateway.kyma-project.io/" version "\nkind: APIRule\nmetadata:\n  name: orders\n"  \
    "  annotations:\n    gateway.kyma-project.io/original-version: " original "\n"                 \
    "    gateway.kyma-project.io/v1beta1-spec: '" json "'\nspec: " spec "\n"
#define NOOP                                                                                       \
    "{\"host\":\"orders\",\"service\":{\"name\":\"orders\",\"port\":8080},"                        \
    "\"gateway\":\"kyma-system/kyma-gateway\",\"rules\":[{\"path\":\"/.*\",\"methods\":[\"GET\"]," \
    "\"accessStrategies\":[{\"handler\":\"noop\"}]}]}"
#define OPEN                                                                                       \
    "{gateway: kyma-system/kyma-gateway, hosts: [orders], service: {name: orders, port: 8080}, "   \
    "rules: [{path: /a, methods: [GET], noAuth: true}]}"

static void a_stored_rule_is_what_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_api_version version;
        brama_str description;
    } rows[] = {
        {"an empty spec", BRAMA_LIT(STORED("v2", "v1beta1", NOOP, "{}")), BRAMA_API_V1BETA1, V1_OK},
        {"of v2alpha1 too, and without a spec at all",
         BRAMA_LIT("apiVersion: gateway.kyma-project.io/v2alpha1\nkind: APIRule\nmetadata:\n"
                   "  name: orders\n  annotations:\n"
                   "    gateway.kyma-project.io/original-version: v1beta1\n"
                   "    gateway.kyma-project.io/v1beta1-spec: '" NOOP "'\n"),
         BRAMA_API_V1BETA1, V1_OK},
        {"a spec without rules",
         BRAMA_LIT(STORED("v2", "v1beta1", NOOP, "{gateway: kyma-system/kyma-gateway}")),
         BRAMA_API_V1BETA1, V1_OK},
        {"a spec with rules is one of v2, whatever it once was",
         BRAMA_LIT(STORED("v2", "v1beta1", NOOP, OPEN)), BRAMA_API_V2, V2_OK},
        {"a spec with rules that are none isn't passed over",
         BRAMA_LIT(STORED("v2", "v1beta1", NOOP, "{gateway: kyma-system/kyma-gateway, rules: a}")),
         BRAMA_API_V2,
         V2_SAYS(".spec.rules", "Invalid value: \"string\": must be of type array: \"string\"")},
        {"what was always v2 stays it", BRAMA_LIT(STORED("v2", "v2", NOOP, "{}")), BRAMA_API_V2,
         V2_SAYS(".spec", "APIRule in version v2alpha1 contains an empty spec. To troubleshoot, "
                          "see https://kyma-project.io/#/api-gateway/user/"
                          "troubleshooting-guides/03-70-empty-apirule-spec.")},
        {"it is judged in its own words",
         BRAMA_LIT(STORED("v2", "v1beta1", "{\"gateway\":\"a/b\",\"host\":\"orders\",\"rules\":[]}",
                          "{}")),
         BRAMA_API_V1BETA1, V1_SAYS(".spec.rules", "No rules defined")},
        {"fields that nobody knows are said",
         BRAMA_LIT(STORED("v2", "v1beta1", "{\"gateway\":\"a/b\",\"host\":\"orders\",\"rule\":[]}",
                          "{}")),
         BRAMA_API_V1BETA1,
         V1_SAYS(".spec.rule", "unknown field \"spec.rule\", did you mean \"rules\"?")},
        {"what isn't JSON is a failure", BRAMA_LIT(STORED("v2", "v1beta1", "[1]", "{}")),
         BRAMA_API_V2,
         V2_SAYS(".metadata.annotations.gateway.kyma-project.io/v1beta1-spec",
                 "the stored v1beta1 spec can't be read: not an object")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT(rows[i].name, f.world.rules->version == rows[i].version);
        EXPECT_STR(rows[i].name, f.world.rules->judged.description, rows[i].description);
        fixture_end(&f);
    }
}

static void its_places_are_the_annotations(void **state)
{
    (void)state;
    struct fixture f;
    fixture_begin(&f);
    fixture_add(&f, "stored", BRAMA_STR(STORED("v2", "v1beta1", NOOP, "{}")));
    EXPECT("the host", brama_str_eq(f.world.rules->host, BRAMA_STR("orders")));
    EXPECT("the line of the annotation", f.world.rules->rules[0].where.line == 7);
    fixture_end(&f);
}

int run_converted(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_rule_is_what_it_was),
        cmocka_unit_test(its_places_are_the_annotations),
    };
    return cmocka_run_group_tests_name("converted", tests, NULL, NULL);
}
