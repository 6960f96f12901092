/* The table of a worker's counters: what was counted is read, and nobody makes it grow without end.
 */
#include "expect.h"

#include "policy/counts.h"
#include "rule/model.h"

static struct brama_counts *new_counts(void)
{
    struct brama_counts *counts = calloc(1, sizeof(*counts));

    if (counts == NULL)
        abort();
    brama_counts_claim(counts);
    return counts;
}

/* Of all rows: how many there are, what they count, and how much of it is "other". */
struct sum {
    size_t rows;
    uint64_t all, other;
};

static struct sum sum_of(const struct brama_counts *counts)
{
    struct sum sum = {0};
    struct brama_count_labels labels;
    uint64_t count;

    for (size_t i = 0; i < BRAMA_COUNT_ROWS; i++) {
        if (!brama_counts_row(&labels, &count, counts, i))
            continue;
        sum.rows++;
        sum.all += count;
        if (brama_str_eq(labels.apirule, BRAMA_STR("other")))
            sum.other += count;
    }
    return sum;
}

static void equal_labels_are_one_row(void **state)
{
    (void)state;
    struct brama_counts *counts = new_counts();
    struct brama_count_labels labels = {.apirule = BRAMA_LIT("shop/httpbin"),
                                        .rule = 1,
                                        .status = 403,
                                        .method = 1,
                                        .strategy = BRAMA_STRATEGY_JWT,
                                        .reason = BRAMA_REASON_SCOPE_MISSING};
    struct brama_count_labels got;
    uint64_t count;

    for (int i = 0; i < 3; i++)
        brama_counts_add(counts, &labels, 7);
    EXPECT("one row", sum_of(counts).rows == 1);
    for (size_t i = 0; i < BRAMA_COUNT_ROWS; i++) {
        if (!brama_counts_row(&got, &count, counts, i))
            continue;
        EXPECT("three times", count == 3);
        EXPECT_STR("its rule", got.apirule, BRAMA_STR("shop/httpbin"));
        EXPECT("its labels", got.rule == 1 && got.status == 403 && got.method == 1 &&
                                 got.strategy == BRAMA_STRATEGY_JWT &&
                                 got.reason == BRAMA_REASON_SCOPE_MISSING);
    }
    static const struct {
        const char *name;
        struct brama_count_labels labels;
    } others[] = {
        {"another rule", {.apirule = BRAMA_LIT("shop/httpbin"), .rule = 2}},
        {"another status", {.apirule = BRAMA_LIT("shop/httpbin"), .status = 401}},
        {"another method", {.apirule = BRAMA_LIT("shop/httpbin"), .method = 2}},
        {"another verdict", {.apirule = BRAMA_LIT("shop/httpbin"), .verdict = 1}},
        {"another reason", {.apirule = BRAMA_LIT("shop/httpbin"), .reason = 3}},
        {"another strategy", {.apirule = BRAMA_LIT("shop/httpbin"), .strategy = 2}},
        {"another APIRule", {.apirule = BRAMA_LIT("shop/httpbi")}},
        {"none", {.apirule = BRAMA_LIT("")}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(others); i++) {
        size_t before = sum_of(counts).rows;
        brama_counts_add(counts, &others[i].labels, 0);
        EXPECT(others[i].name, sum_of(counts).rows == before + 1);
    }
    brama_counts_claim(counts);
    EXPECT("an earlier worker's stay", sum_of(counts).all == 3 + BRAMA_ARRAY_LEN(others));
    free(counts);
}

static void beyond_the_ceiling_all_rules_are_one(void **state)
{
    (void)state;
    struct brama_counts *counts = new_counts();
    char name[400];

    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "shop/rule-%u", i);
        struct brama_count_labels labels = {.apirule = brama_str_c(name),
                                            .status = (uint16_t)(200 + i % 7)};
        brama_counts_add(counts, &labels, 0);
    }
    struct sum sum = sum_of(counts);
    EXPECT("nothing is lost", sum.all == 10000);
    EXPECT("so many have rows of their own", sum.all - sum.other == BRAMA_COUNT_OPEN);
    EXPECT("the others share some", sum.rows <= BRAMA_COUNT_OPEN + 10);
    memset(name, 'n', sizeof(name));
    struct brama_count_labels longest = {.apirule = {name, sizeof(name)}};
    brama_counts_add(counts, &longest, 0);
    EXPECT("a name of any length", sum_of(counts).all == 10001);
    free(counts);
}

static void durations_fall_into_their_buckets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t ms;
        size_t bucket;
    } rows[] = {{"none", 0, 0},
                {"the bound belongs to it", 1, 0},
                {"one more doesn't", 3, 2},
                {"the last bound", 10000, BRAMA_COUNT_BUCKETS - 1},
                {"beyond all", 10001, BRAMA_COUNT_BUCKETS}};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_counts *counts = new_counts();
        struct brama_count_labels labels = {.verdict = BRAMA_VERDICT_ALLOW};
        brama_counts_add(counts, &labels, rows[i].ms);
        EXPECT(rows[i].name, counts->durations[BRAMA_VERDICT_ALLOW][rows[i].bucket] == 1);
        EXPECT(rows[i].name, counts->duration_ms[BRAMA_VERDICT_ALLOW] == rows[i].ms);
        free(counts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_labels_are_one_row),
        cmocka_unit_test(beyond_the_ceiling_all_rules_are_one),
        cmocka_unit_test(durations_fall_into_their_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
