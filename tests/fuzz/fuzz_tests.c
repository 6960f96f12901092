/* Test files: whatever the text, reading ends, and what is read without a complaint is whole. */
#include "fuzz.h"

#include "cli/testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_world world;
    struct brama_findings findings;
    struct brama_arena arena;
    struct brama_diag diag = {0};

    brama_arena_init(&arena, NULL, 64 << 20);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("default")});
    brama_findings_init(&findings, &arena);
    if (brama_world_add(&world, BRAMA_STR("f"), (brama_str){(const char *)data, size}, &diag) ==
        BRAMA_OK) {
        const struct brama_test_suite *suites = brama_tests_read(&findings, &world);
        for (const struct brama_test_suite *s = suites;
             findings.errors == 0 && !brama_arena_failed(&arena) && s != NULL; s = s->next) {
            FUZZ_CHECK(s->count != 0);
            for (const struct brama_test_case *t = s->first; t != NULL; t = t->next) {
                FUZZ_CHECK(t->name.n != 0 && t->request.method.n != 0);
                FUZZ_CHECK(t->request.authority.n != 0 && t->request.target.n != 0);
                FUZZ_CHECK(t->expect.verdict == BRAMA_VERDICT_ALLOW || !t->expect.service.n);
            }
        }
    }
    brama_arena_deinit(&arena);
    return 0;
}
