#include "expect.h"

#include "gateway/crowd.h"

static void each_has_a_limit_of_its_own(void **state)
{
    static struct brama_crowd crowd;
    (void)state;

    for (unsigned i = 0; i < BRAMA_CROWD_EACH; i++)
        EXPECT("up to it", brama_crowd_enter(&crowd, 7));
    EXPECT("one more", !brama_crowd_enter(&crowd, 7));
    EXPECT("for another", brama_crowd_enter(&crowd, 8));
    brama_crowd_leave(&crowd, 7);
    EXPECT("where one has left", brama_crowd_enter(&crowd, 7));
    EXPECT("and one only", !brama_crowd_enter(&crowd, 7));
    for (unsigned i = 0; i < BRAMA_CROWD_EACH; i++)
        brama_crowd_leave(&crowd, 7);
    EXPECT("the other stays", crowd.count == 1 && crowd.place_count == 1);
    brama_crowd_leave(&crowd, 8);
    EXPECT("nobody is left", crowd.count == 0 && crowd.place_count == 0);
    brama_crowd_leave(&crowd, 8); /* never entered */
    EXPECT("nor fewer", crowd.count == 0);
}

static void all_together_have_one(void **state)
{
    static struct brama_crowd crowd;
    (void)state;

    for (uint64_t i = 0; i < BRAMA_CROWD_MAX; i++)
        EXPECT("each for another", brama_crowd_enter(&crowd, i));
    EXPECT("one more", !brama_crowd_enter(&crowd, BRAMA_CROWD_MAX));
    EXPECT("also for a known one", !brama_crowd_enter(&crowd, 3));
    brama_crowd_leave(&crowd, 3);
    EXPECT("in its place", brama_crowd_enter(&crowd, BRAMA_CROWD_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_limit_of_its_own),
        cmocka_unit_test(all_together_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
