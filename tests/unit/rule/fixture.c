#include "fixture.h"

void fixture_begin(struct fixture *f)
{
    brama_arena_init(&f->arena, NULL, 1 << 24);
    brama_world_init(&f->world, &f->arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
}

void fixture_add(struct fixture *f, const char *name, brama_str text)
{
    struct brama_diag diag = {0};
    brama_str exact = expect_exact(text);

    if (brama_world_add(&f->world, BRAMA_STR("rules.yaml"), exact, &diag) != BRAMA_OK)
        fail_msg("%s: line %u: %s", name, diag.where.line, diag.what);
    expect_free(exact);
}

void fixture_judge(struct fixture *f)
{
    brama_judge(&f->world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    assert_false(brama_arena_failed(&f->arena));
}

void fixture_end(struct fixture *f)
{
    brama_arena_deinit(&f->arena);
}

void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        bool valid = rows[i].description.n == 0 ||
                     brama_str_eq(rows[i].description, BRAMA_STR("Reconciled successfully"));
        fixture_begin(&f);
        fixture_add(&f, rows[i].name, rows[i].text);
        fixture_judge(&f);
        EXPECT(rows[i].name, f.world.last_rule != NULL);
        const struct brama_judgement *judged = &f.world.last_rule->judged;
        EXPECT_STR(rows[i].name, judged->description, rows[i].description);
        EXPECT(rows[i].name, judged->valid == valid);
        bool v1 = brama_api_is_v1(f.world.last_rule->version);
        EXPECT_STR(rows[i].name, judged->state,
                   v1 ? (valid ? BRAMA_STR("OK") : BRAMA_STR("ERROR"))
                      : (valid ? BRAMA_STR("Ready") : BRAMA_STR("Error")));
        fixture_end(&f);
    }
}
