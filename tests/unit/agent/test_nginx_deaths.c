#include "expect.h"

#include <unistd.h>

#include "agent/nginx_deaths.h"

static void what_nginx_says_of_the_end_of_a_worker(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str line;
        const char *want; /* NULL: no such line */
        bool final;
    } rows[] = {
        {"a crash",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited on signal 7"),
         "worker process exited on signal 7", false},
        {"with a core",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited on signal 11 "
                   "(core dumped)"),
         "worker process exited on signal 11 (core dumped)", false},
        {"one that isn't started again",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited with fatal code 2 "
                   "and cannot be respawned"),
         "worker process exited with fatal code 2 and cannot be respawned", true},
        {"no process to be had",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: fork() failed while spawning \"worker "
                   "process\" (11: Resource temporarily unavailable)"),
         "fork() failed while spawning \"worker process\" (11: Resource temporarily unavailable)",
         true},
        {"nor another",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: could not respawn worker process"),
         "could not respawn worker process", true},
        {"killed by somebody",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited on signal 9"), NULL,
         false},
        {"ended by somebody",
         BRAMA_LIT("2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited on signal 15"),
         NULL, false},
        {"something else",
         BRAMA_LIT("2026/11/26 20:00:00 [error] 18#18: brama: can't take \"/x/policy.1\""), NULL,
         false},
        {"nothing", BRAMA_LIT(""), NULL, false},
        {"a cut line", BRAMA_LIT(" exited on signal "), "exited on signal", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        char what[160] = "";
        bool final = false;
        bool is = brama__nginx_death(rows[i].line, what, sizeof(what), &final);
        EXPECT(rows[i].name, is == (rows[i].want != NULL) && final == rows[i].final);
        if (is)
            assert_string_equal(what, rows[i].want);
    }
}

static void only_what_cannot_live_is_given_up(void **state)
{
    (void)state;
    struct brama__nginx_deaths d = {0};
    EXPECT("all serve", !brama__nginx_deaths_judge(&d, 2, 2));
    for (int i = 0; i < 10; i++)
        EXPECT("slow ones, none of which has died", !brama__nginx_deaths_judge(&d, 0, 2));

    d = (struct brama__nginx_deaths){.count = 1};
    for (int i = 0; i < 10; i++)
        EXPECT("one has died, and the next one takes its time",
               !brama__nginx_deaths_judge(&d, 1, 2));

    d = (struct brama__nginx_deaths){.count = 2};
    EXPECT("two have died", !brama__nginx_deaths_judge(&d, 1, 2));
    EXPECT("a second later", !brama__nginx_deaths_judge(&d, 1, 2));
    EXPECT("and nobody came", brama__nginx_deaths_judge(&d, 1, 2));
    EXPECT("all serve after all", !brama__nginx_deaths_judge(&d, 2, 2) && d.count == 0);

    d = (struct brama__nginx_deaths){.count = 1, .final = true};
    EXPECT("no successor", !brama__nginx_deaths_judge(&d, 0, 1));
    EXPECT("no successor yet", !brama__nginx_deaths_judge(&d, 0, 1));
    EXPECT("none at all", brama__nginx_deaths_judge(&d, 0, 1));

    d = (struct brama__nginx_deaths){.fresh = 8, .count = 8};
    EXPECT("again and again", brama__nginx_deaths_judge(&d, 1, 1));
    d = (struct brama__nginx_deaths){.fresh = 7, .count = 7};
    EXPECT("often, and all serve", !brama__nginx_deaths_judge(&d, 1, 1));
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void the_log_is_read_once_and_by_the_line(void **state)
{
    (void)state;
    struct brama__nginx_deaths d = {0};
    char name[] = "/tmp/brama-deaths-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    brama__nginx_deaths_read(&d, -1, 17);
    brama__nginx_deaths_read(&d, fd, 17);
    EXPECT("an empty one", d.fresh == 0);
    say(fd, "x 17#17: worker process 2 exited on signal 11\n"
            "x 7#7: worker process 4 exited on signal 11\n"
            "x 17#17: worker process 3 exited on si");
    brama__nginx_deaths_read(&d, fd, 17);
    EXPECT("a whole line, of that master", d.fresh == 1 && d.count == 1);
    say(fd, "gnal 7\n");
    brama__nginx_deaths_read(&d, fd, 17);
    EXPECT("its other half", d.fresh == 1 && d.count == 2);
    assert_string_equal(d.last, "worker process exited on signal 7");
    brama__nginx_deaths_read(&d, fd, 17);
    EXPECT("nothing new", d.fresh == 0 && d.count == 2);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    say(fd, "x 17#17: could not respawn worker process\n");
    brama__nginx_deaths_read(&d, fd, 17);
    EXPECT("a log that somebody has emptied", d.fresh == 1 && d.final);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nginx_says_of_the_end_of_a_worker),
        cmocka_unit_test(only_what_cannot_live_is_given_up),
        cmocka_unit_test(the_log_is_read_once_and_by_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
