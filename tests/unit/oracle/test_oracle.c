/* Engine and oracle on random rules and requests: whoever we let in a cluster lets in, and to the
 * same Service. Seeded, so that it is the same each time; tests/fuzz/fuzz_oracle.c goes on from
 * here. */
#include "world.h"

enum { SETS = 300, QUESTIONS = 100 };

static void whom_we_let_in_a_cluster_lets_in(void **state)
{
    uint64_t seed = 20261126;
    const struct invent from = {invent_seeded, &seed};
    struct oracle_world w;
    struct brama_buf yaml;
    size_t valid = 0;

    (void)state;
    oracle_world_init(&w);
    brama_buf_init(&yaml, NULL, 1 << 16);
    for (size_t i = 0; i < SETS; i++) {
        brama_buf_reset(&yaml);
        invent_rules(&yaml, &from);
        brama_buf_add_c(&yaml, '\0');
        assert_int_equal(brama_buf_err(&yaml), BRAMA_OK);
        oracle_world_load(&w, yaml.p);
        valid += w.all_valid;
        for (size_t k = 0; k < QUESTIONS; k++) {
            const char *wrong = oracle_world_compare(&w, &from);
            if (wrong == NULL)
                continue;
            printf("%s\n%s\n", yaml.p, wrong); /* cmocka cuts long messages */
            fail_msg("engine and oracle disagree on rule set %zu", i);
        }
    }
    struct oracle_world_counts *n = &oracle_world_counts;
    printf(
        "%d rule sets, %zu valid; %zu requests let in by both, %zu by neither, %zu by the cluster "
        "alone\n",
        SETS, valid, n->both_allow, n->both_refuse, n->stricter);
    EXPECT("many sets are valid", valid > SETS / 4);
    EXPECT("many requests pass", n->both_allow > SETS * QUESTIONS / 20);
    EXPECT("few are refused by us alone", n->stricter < n->both_refuse / 10);
    brama_buf_deinit(&yaml);
    oracle_world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whom_we_let_in_a_cluster_lets_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
