/* From manifests to statuses. Facts: the APIRule reference pages, v1beta1 and v2. */
#include "expect.h"

#include "rule/judge.h"
#include "rule/read.h"

struct fixture {
    struct brama_arena arena;
    struct brama_world world;
    brama_str text;
};

static void judge_text(struct fixture *f, brama_str text)
{
    struct brama_diag diag = {0};

    brama_arena_init(&f->arena, NULL, 1 << 24);
    brama_world_init(&f->world, &f->arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    f->text = expect_exact(text);
    if (brama_world_add(&f->world, BRAMA_STR("a.yaml"), f->text, &diag) != BRAMA_OK)
        fail_msg("%.*s: %s", BRAMA_FMT(text), diag.what);
    brama_judge(&f->world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
}

static void end(struct fixture *f)
{
    brama_arena_deinit(&f->arena);
    expect_free(f->text);
}

#define V1BETA1                                                                                    \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: orders}\n"       \
    "spec:\n  gateway: kyma-system/kyma-gateway\n  host: Orders\n"                                 \
    "  service: {name: orders, port: 8080}\n  rules:\n"
#define V2                                                                                         \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\n"            \
    "spec:\n  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"                              \
    "  service: {name: orders, port: 8080}\n  rules:\n"

static void valid_rules_are_ready(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, state, description;
    } rows[] = {
        {"v1beta1 with no_auth is OK, without a word",
         BRAMA_LIT(V1BETA1 "  - {path: /.*, methods: [GET], accessStrategies: [{handler: no_auth}]}"),
         BRAMA_LIT("OK"), BRAMA_LIT("")},
        {"v2 with noAuth is Ready",
         BRAMA_LIT(V2 "  - {path: /*, methods: [GET], noAuth: true}"), BRAMA_LIT("Ready"),
         BRAMA_LIT("Reconciled successfully")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct fixture f;
        judge_text(&f, rows[i].text);
        EXPECT(rows[i].name, f.world.rule_count == 1);
        EXPECT_STR(rows[i].name, f.world.rules->judged.description, rows[i].description);
        EXPECT_STR(rows[i].name, f.world.rules->judged.state, rows[i].state);
        EXPECT(rows[i].name, f.world.rules->judged.valid);
        EXPECT_STR(rows[i].name, f.world.rules->full_host, BRAMA_STR("orders.kyma.example"));
        EXPECT_STR(rows[i].name, f.world.rules->ns, BRAMA_STR("shop"));
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_rules_are_ready),
    };
    return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
