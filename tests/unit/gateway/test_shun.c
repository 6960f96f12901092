#include "expect.h"

#include "gateway/shun.h"

#define A "addr-a"
#define B "addr-b"
#define LEN 6

static void one_that_failed_is_left_alone_for_a_while(void **state)
{
    struct brama_shun shun = {0};
    (void)state;

    EXPECT("one that nobody knows", brama_shun_may_use(&shun, A, LEN, 1000));
    brama_shun_failed(&shun, A, LEN, 1000);
    EXPECT("at once", !brama_shun_may_use(&shun, A, LEN, 1000));
    EXPECT("until then", !brama_shun_may_use(&shun, A, LEN, 1000 + BRAMA_SHUN_MS - 1));
    EXPECT("another one", brama_shun_may_use(&shun, B, LEN, 1000));
    EXPECT("a beginning of it is another one", brama_shun_may_use(&shun, A, LEN - 1, 1000));
}

static void when_it_is_time_one_request_tries(void **state)
{
    struct brama_shun shun = {0};
    uint64_t due_ms = 1000 + BRAMA_SHUN_MS;
    (void)state;

    brama_shun_failed(&shun, A, LEN, 1000);
    EXPECT("the first", brama_shun_may_use(&shun, A, LEN, due_ms));
    EXPECT("not the second", !brama_shun_may_use(&shun, A, LEN, due_ms + 1));
    EXPECT("one that never came back", brama_shun_may_use(&shun, A, LEN, due_ms + BRAMA_SHUN_MS));
    brama_shun_works(&shun, A, LEN);
    EXPECT("all, when it works", brama_shun_may_use(&shun, A, LEN, due_ms + BRAMA_SHUN_MS) &&
                                     brama_shun_may_use(&shun, A, LEN, due_ms + BRAMA_SHUN_MS));
    brama_shun_works(&shun, B, LEN); /* never failed */
    EXPECT("nothing is left", shun.count == 0);
}

static void the_table_has_an_end(void **state)
{
    struct brama_shun shun = {0};
    (void)state;

    for (uint64_t i = 0; i < BRAMA_SHUN_MAX + 10; i++)
        brama_shun_failed(&shun, &i, sizeof(i), 1000 + i);
    EXPECT("no more than that", shun.count == BRAMA_SHUN_MAX);
    for (uint64_t i = 0; i < BRAMA_SHUN_MAX + 10; i++)
        EXPECT("the oldest went", brama_shun_may_use(&shun, &i, sizeof(i), 2000) == (i < 10));
    brama_shun_failed(&shun, "an address longer than any that there is", 40, 1000);
    EXPECT("one that can't be", shun.count == BRAMA_SHUN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_failed_is_left_alone_for_a_while),
        cmocka_unit_test(when_it_is_time_one_request_tries),
        cmocka_unit_test(the_table_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
