/* What a watch of files tells, by events and by looks, and what it leaves to the other. Longer than
 * others, since all of it needs the one setup with its loop below. */
#include "expect.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/watch.h"

#define PROMPT_MS 500 /* on a busy machine; half of what the look each second alone would take */
#define SETTLED_US 150000 /* so long after its change a file is settled */

struct setup {
    uv_loop_t loop;
    uv_timer_t limit;
    struct brama_watch *watch;
    char base[32], root[48], file[64];
    unsigned told;
    bool unreadable;            /* what is told */
    bool late, writing;         /* the next that is told is to be told again */
    char first[256], what[256]; /* that were told: names, a blank behind each; "anything" */
};

static bool changed(void *ctx, const struct brama_touched *touched, size_t count)
{
    struct setup *s = ctx;
    snprintf(s->what, sizeof(s->what), "%s", touched == NULL ? "anything" : "");
    for (size_t i = 0; i < count; i++)
        snprintf(s->what + strlen(s->what), sizeof(s->what) - strlen(s->what), "%zu:%.*s ",
                 touched[i].root, BRAMA_FMT(touched[i].name));
    if (s->told++ == 0)
        memcpy(s->first, s->what, sizeof(s->first));
    if (s->writing)
        brama_watch_soon(s->watch);
    s->writing = false;
    uv_stop(&s->loop);
    return !s->unreadable;
}

static void on_limit(uv_timer_t *timer)
{
    struct setup *s = timer->data;
    s->late = true;
    uv_stop(&s->loop);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void set_up(struct setup *s, bool by_file)
{
    *s = (struct setup){.base = "/tmp/brama-watch-XXXXXX"};
    assert_non_null(mkdtemp(s->base));
    snprintf(s->root, sizeof(s->root), "%s/rules", s->base);
    snprintf(s->file, sizeof(s->file), "%s/a.yaml", s->root);
    assert_int_equal(mkdir(s->root, 0700), 0);
    put(s->file, "1");
    usleep(SETTLED_US);
    uv_loop_init(&s->loop);
    uv_timer_init(&s->loop, &s->limit);
    s->limit.data = s;
    const brama_str roots[] = {brama_str_c(by_file ? s->file : s->root), BRAMA_LIT("-")};
    assert_int_equal(brama_watch_new(&s->watch, &s->loop, roots, 2, changed, s), BRAMA_OK);
}

static void tear_down(struct setup *s)
{
    char command[64];
    brama_watch_free(s->watch);
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    snprintf(command, sizeof(command), "rm -r %s", s->base);
    assert_int_equal(system(command), 0);
}

static bool is_told_within(struct setup *s, uint64_t ms)
{
    s->told = 0;
    s->late = false;
    uv_update_time(&s->loop);
    uv_timer_start(&s->limit, on_limit, ms, 0);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&s->limit);
    return s->told != 0;
}

static void expect_told(struct setup *s, const char *name, uint64_t ms, const char *what)
{
    EXPECT(name, is_told_within(s, ms));
    EXPECT_STR(name, brama_str_c(s->first), brama_str_c(what));
}

static void expect_quiet(struct setup *s, const char *name)
{
    EXPECT(name, !is_told_within(s, 1200));
}

/* Until all is settled. */
static void drain(struct setup *s)
{
    while (is_told_within(s, 1200)) {
    }
}

/* At once, after the next look, and perhaps after one more, if that saw it unsettled. */
static void expect_told_again(struct setup *s, const char *name, const char *what)
{
    expect_told(s, name, PROMPT_MS, what);
    expect_told(s, name, 1500, what);
    if (!is_told_within(s, 1200))
        return;
    EXPECT_STR(name, brama_str_c(s->what), brama_str_c(what));
    expect_quiet(s, name);
}

static void expect_edits_told(bool by_file, const char *what)
{
    struct setup s;
    char other[64];
    set_up(&s, by_file);
    expect_quiet(&s, "nothing has changed");
    put(s.file, "22");
    expect_told_again(&s, "an edit", what);
    snprintf(other, sizeof(other), "%s/.a.swp", s.root);
    put(other, "an editor's own");
    snprintf(other, sizeof(other), "%s/b.txt", s.root);
    put(other, "somebody else's");
    expect_quiet(&s, "other files are nobody's");
    snprintf(other, sizeof(other), "%s/new", s.root);
    put(other, "333");
    assert_int_equal(rename(other, s.file), 0);
    expect_told_again(&s, "another file in its place", what);
    assert_int_equal(unlink(s.file), 0);
    expect_told_again(&s, "a file that goes", what);
    put(s.file, "4");
    expect_told_again(&s, "a file that comes back", what);
    tear_down(&s);
}

static void an_edit_is_told_promptly_and_by_each_look_until_settled(void **state)
{
    (void)state;
    expect_edits_told(false, "0:a.yaml ");
}

static void of_a_root_that_is_a_file_it_is_told_as_anything(void **state)
{
    (void)state;
    expect_edits_told(true, "anything");
}

static void what_is_being_written_is_told_again(void **state)
{
    (void)state;
    struct setup s;
    set_up(&s, false);
    s.writing = true;
    put(s.file, "22");
    expect_told(&s, "an edit", PROMPT_MS, "0:a.yaml ");
    expect_told_again(&s, "the same again", "0:a.yaml ");
    s.writing = true;
    put(s.file, "333");
    expect_told(&s, "one more", PROMPT_MS, "0:a.yaml ");
    expect_told(&s, "again", PROMPT_MS, "0:a.yaml ");
    s.writing = true;
    expect_told(&s, "after the look", 1500, "0:a.yaml ");
    expect_told(&s, "this, too", PROMPT_MS, "0:a.yaml ");
    drain(&s);
    brama_watch_soon(s.watch);
    expect_told(&s, "of what nobody told", PROMPT_MS, "anything");
    expect_quiet(&s, "and that was it");
    tear_down(&s);
}

static void a_burst_is_told_by_its_names_or_as_anything(void **state)
{
    (void)state;
    struct setup s;
    char path[96];
    set_up(&s, false);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%d.yaml", s.root, i);
        put(path, "1");
        put(path, "22");
    }
    expect_told_again(&s, "some", "0:0.yaml 0:1.yaml 0:2.yaml ");
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "%s/%d.yaml", s.root, i);
        put(path, "333");
    }
    expect_told(&s, "many", PROMPT_MS, "anything");
    tear_down(&s);
}

static void a_mounted_config_map_is_followed(void **state)
{
    (void)state;
    struct setup s;
    char path[96], next[96];
    set_up(&s, false);
    for (int i = 1; i <= 2; i++) {
        snprintf(path, sizeof(path), "%s/..%d", s.root, i);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/..%d/m.yaml", s.root, i);
        put(path, i == 1 ? "1" : "22");
    }
    snprintf(path, sizeof(path), "%s/..data", s.root);
    assert_int_equal(symlink("..1", path), 0);
    snprintf(next, sizeof(next), "%s/m.yaml", s.root);
    assert_int_equal(symlink("..data/m.yaml", next), 0);
    drain(&s);
    snprintf(next, sizeof(next), "%s/..next", s.root);
    assert_int_equal(symlink("..2", next), 0);
    assert_int_equal(rename(next, path), 0);
    expect_told(&s, "the link that all names go through", PROMPT_MS, "0: ");
    tear_down(&s);
}

/* A tree of two folders, v1 and v2, and a link to one of them, which is turned. */
static void link_to(const struct setup *s, const char *folder, const char *name)
{
    char next[96], path[96];
    snprintf(next, sizeof(next), "%s/next", s->base);
    snprintf(path, sizeof(path), "%s/%s", s->base, name);
    assert_int_equal(symlink(folder, next), 0);
    assert_int_equal(rename(next, path), 0);
}

static void watch_instead(struct setup *s, const char *root)
{
    brama_watch_free(s->watch);
    const brama_str roots[] = {brama_str_c(root)};
    assert_int_equal(brama_watch_new(&s->watch, &s->loop, roots, 1, changed, s), BRAMA_OK);
    drain(s);
}

static void links_on_the_way_are_followed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *root;
    } rows[] = {
        {"a root that is a link", "current"},
        {"a file behind one", "current/a.yaml"},
        {"a link in a root", "linked"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        char path[96];
        set_up(&s, false);
        for (int k = 1; k <= 2; k++) {
            snprintf(path, sizeof(path), "%s/v%d", s.base, k);
            assert_int_equal(mkdir(path, 0700), 0);
            snprintf(path, sizeof(path), "%s/v%d/a.yaml", s.base, k);
            put(path, k == 1 ? "1" : "22");
        }
        link_to(&s, "v1", "current");
        snprintf(path, sizeof(path), "%s/linked", s.base);
        assert_int_equal(mkdir(path, 0700), 0);
        link_to(&s, "../current/a.yaml", "linked/a.yaml");
        snprintf(path, sizeof(path), "%s/%s", s.base, rows[i].root);
        watch_instead(&s, path);
        link_to(&s, "v2", "current");
        EXPECT(rows[i].name, is_told_within(&s, PROMPT_MS));
        drain(&s);
        snprintf(path, sizeof(path), "%s/v2/a.yaml", s.base);
        put(path, "333");
        EXPECT(rows[i].name, is_told_within(&s, PROMPT_MS));
        drain(&s);
        snprintf(path, sizeof(path), "%s/v2/.nobodys", s.base);
        put(path, "4");
        expect_quiet(&s, rows[i].name);
        tear_down(&s);
    }
}

/* Each of two roots goes through the link that is turned, or through another one. */
static void who_goes_through_a_link_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *name, *a, *b, *want;
    } rows[] = {
        {"one root", "turned/x", "apart/still/y", "0: "},
        {"the other one", "apart/still/x", "turned/y", "1: "},
        {"both", "turned/x", "turned/y", "anything"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        static const char *const folders[] = {"v1", "v1/x", "v1/y", "v2", "v2/x", "v2/y"};
        struct setup s;
        char a[96], b[96];
        set_up(&s, false);
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(folders); k++) {
            snprintf(a, sizeof(a), "%s/%s", s.base, folders[k]);
            assert_int_equal(mkdir(a, 0700), 0);
        }
        link_to(&s, "v1", "turned");
        snprintf(a, sizeof(a), "%s/apart", s.base);
        assert_int_equal(mkdir(a, 0700), 0);
        link_to(&s, "../v1", "apart/still");
        snprintf(a, sizeof(a), "%s/%s", s.base, rows[i].a);
        snprintf(b, sizeof(b), "%s/%s", s.base, rows[i].b);
        brama_watch_free(s.watch);
        const brama_str roots[] = {brama_str_c(a), brama_str_c(b)};
        assert_int_equal(brama_watch_new(&s.watch, &s.loop, roots, 2, changed, &s), BRAMA_OK);
        drain(&s);
        link_to(&s, "v2", "turned");
        expect_told(&s, rows[i].name, PROMPT_MS, rows[i].want);
        tear_down(&s);
    }
}

static void turn_a_folder_on_the_way(const struct setup *s)
{
    char store[96], old[96], new[96];
    snprintf(store, sizeof(store), "%s/.store", s->root);
    snprintf(old, sizeof(old), "%s/.old", s->root);
    snprintf(new, sizeof(new), "%s/.new", s->root);
    assert_int_equal(rename(store, old), 0);
    assert_int_equal(rename(new, store), 0);
}

static void edit_behind_a_link(const struct setup *s)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/shared.yaml", s->base);
    put(path, "22");
}

static void edit_beside_a_link(const struct setup *s)
{
    put(s->file, "22");
}

/* Each root/NAME leads to what its row says; a.yaml is a file. */
static void links_in_a_root_are_told_by_name_where_one_can_tell(void **state)
{
    (void)state;
    static const struct {
        const char *name, *link;
        void (*act)(const struct setup *s);
        const char *want; /* soon, if not first */
    } rows[] = {
        {"a hidden folder", ".store/m.yaml", turn_a_folder_on_the_way, "0: "},
        {"a file elsewhere", "../shared.yaml", edit_behind_a_link, "0:m.yaml "},
        {"a file beside it", "a.yaml", edit_beside_a_link, "0:a.yaml 0:m.yaml "},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        char path[96];
        set_up(&s, false);
        snprintf(path, sizeof(path), "%s/shared.yaml", s.base);
        put(path, "1");
        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof(path), "%s/%s", s.root, k == 0 ? ".store" : ".new");
            assert_int_equal(mkdir(path, 0700), 0);
            snprintf(path, sizeof(path), "%s/%s/m.yaml", s.root, k == 0 ? ".store" : ".new");
            put(path, "1");
        }
        snprintf(path, sizeof(path), "%s/m.yaml", s.root);
        assert_int_equal(symlink(rows[i].link, path), 0);
        drain(&s);
        rows[i].act(&s);
        bool told;
        do
            told = is_told_within(&s, PROMPT_MS);
        while (told && strcmp(s.first, rows[i].want) != 0 && strcmp(s.what, rows[i].want) != 0);
        EXPECT(rows[i].name, told);
        tear_down(&s);
    }
}

static void a_new_folder_of_the_same_inode_is_watched(void **state)
{
    (void)state;
    struct setup s;
    set_up(&s, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(unlink(s.file), 0);
        assert_int_equal(rmdir(s.root), 0);
        assert_int_equal(mkdir(s.root, 0700), 0);
        put(s.file, "back");
        drain(&s);
        put(s.file, "and edited");
        expect_told(&s, "promptly", PROMPT_MS, "0:a.yaml ");
        drain(&s);
    }
    tear_down(&s);
}

/* What was read meanwhile is another folder's, though two looks may find the same. */
static void a_root_that_was_another_one_for_a_moment_is_told(void **state)
{
    (void)state;
    struct setup s;
    char away[64], other[64];
    set_up(&s, false);
    snprintf(away, sizeof(away), "%s/away", s.base);
    snprintf(other, sizeof(other), "%s/other", s.base);
    assert_int_equal(mkdir(other, 0700), 0);
    drain(&s);
    assert_int_equal(rename(s.root, away), 0);
    assert_int_equal(rename(other, s.root), 0);
    assert_int_equal(rename(s.root, other), 0);
    assert_int_equal(rename(away, s.root), 0);
    expect_told(&s, "at once", PROMPT_MS, "anything");
    drain(&s);
    put(s.file, "22");
    expect_told(&s, "and it is watched", PROMPT_MS, "0:a.yaml ");
    tear_down(&s);
}

static void a_root_may_go_and_come_back(void **state)
{
    (void)state;
    struct setup s;
    char away[64];
    set_up(&s, false);
    snprintf(away, sizeof(away), "%s/away", s.base);
    assert_int_equal(rename(s.root, away), 0);
    expect_told(&s, "gone", PROMPT_MS, "anything");
    drain(&s);
    assert_int_equal(mkdir(s.root, 0700), 0);
    expect_told(&s, "back", PROMPT_MS, "anything");
    drain(&s);
    put(s.file, "new");
    expect_told(&s, "and promptly again", PROMPT_MS, "0:a.yaml ");
    tear_down(&s);
}

static void what_could_not_be_read_is_told_as_anything(void **state)
{
    (void)state;
    struct setup s;
    char other[64];
    set_up(&s, false);
    s.unreadable = true;
    put(s.file, "22");
    expect_told(&s, "an edit", PROMPT_MS, "0:a.yaml ");
    expect_told(&s, "after the next look", 1500, "anything");
    snprintf(other, sizeof(other), "%s/b.yaml", s.root);
    put(other, "1");
    expect_told(&s, "another edit", PROMPT_MS, "anything");
    expect_told(&s, "after each look", 1500, "anything");
    s.unreadable = false;
    expect_told(&s, "till it could be read", 1500, "anything");
    put(s.file, "1");
    while (is_told_within(&s, 1200))
        EXPECT_STR("what comes then", brama_str_c(s.what), BRAMA_STR("0:a.yaml "));
    tear_down(&s);
}

/* In-place edits by another name of the file: inotify tells them only of that one's folder. */
static void what_no_event_tells_a_look_does(void **state)
{
    (void)state;
    struct setup s;
    char other[64];
    set_up(&s, false);
    snprintf(other, sizeof(other), "%s/elsewhere", s.base);
    assert_int_equal(link(s.file, other), 0);
    drain(&s);
    put(other, "22");
    expect_told(&s, "by name", 1500, "0:a.yaml ");
    drain(&s);
    tear_down(&s);
}

/* All of libuv's threads are busy, so that a look that was begun doesn't end. */
static void hold(uv_work_t *work)
{
    uv_sem_wait(work->data);
}

static void let_go(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

static void nothing_that_is_known_waits_for_a_look(void **state)
{
    (void)state;
    struct setup s;
    char path[96], next[96];
    uv_sem_t held;
    uv_work_t work = {.data = &held};
    assert_int_equal(uv_sem_init(&held, 0), 0);
    set_up(&s, false);
    for (int i = 1; i <= 2; i++) {
        snprintf(path, sizeof(path), "%s/..%d", s.root, i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(next, sizeof(next), "%s/..next", s.root);
    snprintf(path, sizeof(path), "%s/..data", s.root);
    assert_int_equal(symlink("..1", path), 0);
    snprintf(path, sizeof(path), "%s/m.yaml", s.root);
    assert_int_equal(symlink("..data/m.yaml", path), 0);
    drain(&s);
    assert_int_equal(uv_queue_work(&s.loop, &work, hold, let_go), 0);
    expect_quiet(&s, "the look each second is begun");
    put(s.file, "22");
    expect_told(&s, "an edit", PROMPT_MS, "0:a.yaml ");
    expect_quiet(&s, "no look has ended");
    snprintf(path, sizeof(path), "%s/..data", s.root);
    assert_int_equal(symlink("..2", next), 0);
    expect_quiet(&s, "a link beside what is read");
    assert_int_equal(rename(next, path), 0);
    expect_told(&s, "the link that names go through", PROMPT_MS, "0: ");
    expect_quiet(&s, "nor has one now");
    uv_sem_post(&held);
    expect_told(&s, "what the look has seen", PROMPT_MS, "0:a.yaml ");
    drain(&s);
    uv_sem_destroy(&held);
    tear_down(&s);
}

/* One that waits for a thread, and one that is probably under way. */
static void a_watch_may_be_freed_while_a_look_is_made(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct setup s;
        char path[96];
        uv_sem_t held;
        uv_work_t work = {.data = &held};
        assert_int_equal(uv_sem_init(&held, 0), 0);
        set_up(&s, false);
        for (int i = 0; i < 3000; i++) {
            snprintf(path, sizeof(path), "%s/%d.yaml", s.root, i);
            assert_int_equal(link(s.file, path), 0);
        }
        drain(&s);
        if (busy != 0)
            assert_int_equal(uv_queue_work(&s.loop, &work, hold, let_go), 0);
        assert_int_equal(chmod(s.root, 0750), 0); /* asks for one */
        (void)is_told_within(&s, 7);
        uv_sem_post(&held);
        tear_down(&s);
        uv_sem_destroy(&held);
    }
}

/* They wait more than they compute: all at once. */
int main(void)
{
    int failed = 0, status;
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_told_promptly_and_by_each_look_until_settled),
        cmocka_unit_test(of_a_root_that_is_a_file_it_is_told_as_anything),
        cmocka_unit_test(what_is_being_written_is_told_again),
        cmocka_unit_test(a_burst_is_told_by_its_names_or_as_anything),
        cmocka_unit_test(a_mounted_config_map_is_followed),
        cmocka_unit_test(links_on_the_way_are_followed),
        cmocka_unit_test(who_goes_through_a_link_is_told),
        cmocka_unit_test(links_in_a_root_are_told_by_name_where_one_can_tell),
        cmocka_unit_test(a_new_folder_of_the_same_inode_is_watched),
        cmocka_unit_test(a_root_that_was_another_one_for_a_moment_is_told),
        cmocka_unit_test(a_root_may_go_and_come_back),
        cmocka_unit_test(what_could_not_be_read_is_told_as_anything),
        cmocka_unit_test(what_no_event_tells_a_look_does),
        cmocka_unit_test(nothing_that_is_known_waits_for_a_look),
        cmocka_unit_test(a_watch_may_be_freed_while_a_look_is_made),
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(tests); i++) {
        const struct CMUnitTest one[] = {tests[i]};
        if (fork() == 0)
            exit(cmocka_run_group_tests(one, NULL, NULL));
    }
    while (wait(&status) > 0)
        failed += status != 0;
    return failed;
}
