#include "expect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/look.h"

#define SETTLED_US 150000 /* so long after its change a file is settled */

struct setup {
    char base[32], path[2][64]; /* of two roots: a folder, and a file beside it */
    char *paths[2];
};

static const char *at(const struct setup *s, const char *name)
{
    static char path[2][96];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", s->base, name);
    return path[turn];
}

static void put(const struct setup *s, const char *name, const char *text)
{
    FILE *f = fopen(at(s, name), "w");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void set_up(struct setup *s)
{
    *s = (struct setup){.base = "/tmp/brama-look-XXXXXX"};
    assert_non_null(mkdtemp(s->base));
    snprintf(s->path[0], sizeof(s->path[0]), "%s/rules", s->base);
    snprintf(s->path[1], sizeof(s->path[1]), "%s/one.yaml", s->base);
    s->paths[0] = s->path[0];
    s->paths[1] = s->path[1];
    assert_int_equal(mkdir(s->path[0], 0700), 0);
    put(s, "one.yaml", "1");
    put(s, "rules/a.yaml", "1");
    put(s, "rules/b.yaml", "1");
    put(s, "other", "1");
    assert_int_equal(symlink("../other", at(s, "rules/c.yaml")), 0);
    assert_int_equal(symlink("../nowhere", at(s, "rules/d.yaml")), 0);
    assert_int_equal(mkdir(at(s, "rules/folder.yaml"), 0700), 0);
    usleep(SETTLED_US);
}

static void tear_down(struct setup *s)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", s->base);
    assert_int_equal(system(command), 0);
}

static void edit(const struct setup *s)
{
    put(s, "rules/b.yaml", "22");
}

static void edit_and_set_back(const struct setup *s)
{
    put(s, "rules/b.yaml", "2");
    utimensat(AT_FDCWD, at(s, "rules/b.yaml"), (struct timespec[2]){{1, 0}, {1, 0}}, 0);
}

static void replace(const struct setup *s)
{
    put(s, "next", "1");
    assert_int_equal(rename(at(s, "next"), at(s, "rules/a.yaml")), 0);
}

static void add_and_remove(const struct setup *s)
{
    put(s, "rules/0.yaml", "1");
    put(s, "rules/z.json", "1");
    assert_int_equal(unlink(at(s, "rules/b.yaml")), 0);
}

static void remove_the_last(const struct setup *s)
{
    assert_int_equal(rmdir(at(s, "rules/folder.yaml")), 0);
}

static void edit_a_links_target(const struct setup *s)
{
    put(s, "other", "22");
}

static void make_a_links_target(const struct setup *s)
{
    put(s, "nowhere", "1");
}

static void fill_a_folder(const struct setup *s)
{
    put(s, "rules/folder.yaml/x.yaml", "1");
}

static void put_what_is_not_read(const struct setup *s)
{
    put(s, "rules/.a.swp", "1");
    put(s, "rules/README", "1");
    assert_int_equal(mkdir(at(s, "rules/..data"), 0700), 0);
}

static void change_many(const struct setup *s)
{
    char name[32];
    for (int i = 0; i <= BRAMA__NEWS_MAX; i++) {
        snprintf(name, sizeof(name), "rules/%d.yaml", i);
        put(s, name, "1");
    }
}

static void edit_a_root(const struct setup *s)
{
    put(s, "one.yaml", "22");
}

static void take_a_root_away(const struct setup *s)
{
    assert_int_equal(rename(at(s, "rules"), at(s, "away")), 0);
}

static void replace_a_root(const struct setup *s)
{
    take_a_root_away(s);
    assert_int_equal(mkdir(at(s, "rules"), 0700), 0);
}

static void put_a_file_for_a_root(const struct setup *s)
{
    take_a_root_away(s);
    put(s, "rules", "1");
}

static void nothing(const struct setup *s)
{
    (void)s;
}

static void expect_news(const char *name, const struct brama__news *news, const char *want)
{
    char got[512] = "";
    for (size_t i = 0; i < news->count && !news->anything; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%zu:%.*s ", news->touched[i].root,
                 BRAMA_FMT(news->touched[i].name));
    EXPECT_STR(name, brama_str_c(news->anything ? "anything" : got), brama_str_c(want));
}

static void two_looks_say_which_names_differ(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*act)(const struct setup *s);
        const char *want;
    } rows[] = {
        {"nothing was done", nothing, ""},
        {"a file is edited", edit, "0:b.yaml "},
        {"one is edited, and its time set back", edit_and_set_back, "0:b.yaml "},
        {"another file with the same text", replace, "0:a.yaml "},
        {"some come, one goes", add_and_remove, "0:0.yaml 0:b.yaml 0:z.json "},
        {"the last one goes", remove_the_last, "0:folder.yaml "},
        {"what a link leads to is edited", edit_a_links_target, "0:c.yaml "},
        {"a link leads somewhere at last", make_a_links_target, "0:d.yaml "},
        {"what lies in a folder of a folder", fill_a_folder, ""},
        {"names that aren't read", put_what_is_not_read, ""},
        {"more than can be told by name", change_many, "anything"},
        {"a root that is a file", edit_a_root, "anything"},
        {"a root is gone", take_a_root_away, "anything"},
        {"a root is another folder", replace_a_root, "anything"},
        {"a root is no folder any more", put_a_file_for_a_root, "anything"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        struct brama__look before, now;
        struct brama__news news = {0};
        set_up(&s);
        assert_int_equal(brama__look_take(&before, s.paths, 2), BRAMA_OK);
        rows[i].act(&s);
        assert_int_equal(brama__look_take(&now, s.paths, 2), BRAMA_OK);
        brama__look_compare(&news, &before, &now);
        expect_news(rows[i].name, &news, rows[i].want);
        brama__look_free(&before);
        brama__look_free(&now);
        tear_down(&s);
    }
}

/* Another change within the same tick of the file system's clock would look the same. */
static void what_is_not_settled_differs_from_itself(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        useconds_t wait_us;
        const char *want;
    } rows[] = {
        {"two looks right after the edit", 0, "0:b.yaml "},
        {"one right after it, one later", SETTLED_US, "0:b.yaml "},
        {"two later", 0, ""},
    };
    struct setup s;
    struct brama__look before, now;
    struct brama__news news = {0};
    set_up(&s);
    put(&s, "rules/b.yaml", "22");
    assert_int_equal(brama__look_take(&before, s.paths, 2), BRAMA_OK);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        usleep(rows[i].wait_us);
        assert_int_equal(brama__look_take(&now, s.paths, 2), BRAMA_OK);
        news.count = 0;
        brama__look_compare(&news, &before, &now);
        expect_news(rows[i].name, &news, rows[i].want);
        brama__look_free(&before);
        before = now;
    }
    brama__look_free(&before);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_looks_say_which_names_differ),
        cmocka_unit_test(what_is_not_settled_differs_from_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
