/* What is kept of files between rounds never shows: a reading that knows the one before comes to
 * the very policy of one that knows nothing. And what it needn't read or parse again, it doesn't.
 */
#include "readings.h"

#include <sys/stat.h>
#include <unistd.h>

#include "policy/pages.h"

static void a_kept_file_is_as_a_fresh_one(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text; /* of a.yaml */
    } steps[] = {
        {"two rules", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"the same again", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"an edit of the first", RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"lines above move what is below",
         "# one\n# two\n" RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"and back", RULE("a", "/aa") "---\n" RULE("b", "/b")},
        {"one in between", RULE("a", "/a") "---\n" RULE("c", "/c") "---\n" RULE("b", "/b")},
        {"the first one gone", "---\n" RULE("c", "/c") "---\n" RULE("b", "/b")},
        {"the other order", "---\n" RULE("b", "/b") "---\n" RULE("c", "/c")},
        {"twice the same", RULE("b", "/b") "---\n" RULE("b", "/b")},
        {"broken in the middle", RULE("a", "/a") "---\nkind: [\n---\n" RULE("b", "/b")},
        {"broken elsewhere", RULE("a", "/a") "---\n" RULE("b", "/b") "---\n- x\n"},
        {"a name given twice", RULE("a", "/a") "---\nkind: a\nkind: b\n"},
        {"empty", ""},
        {"healed", RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"CR LF", "# one\r\n---\r\n" RULE("a", "/a") "---\r\n" RULE("b", "/b")},
        {"with a directive", "%YAML 1.1\n---\n" RULE("a", "/a") "---\n" RULE("b", "/b")},
        {"document ends", RULE("a", "/a") "...\n---\n" RULE("b", "/b") "...\n"},
        {"no rule at all", "# nothing\n---\n---\n"},
        {"dashes in a text", RULE("a", "/a") "---\n" RULE("b", "'/b ---'")},
    };
    struct place p;
    struct brama__round *round = NULL;
    set_up(&p);
    put(&p, "z.yaml", RULE("z", "/z"));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps); i++) {
        put(&p, "a.yaml", steps[i].text);
        read_twice(&p, &round, steps[i].name);
    }
    brama__round_free(round);
    tear_down(&p);
}

/* One thing done to a file of that name. */
static void do_something(const struct place *p, const char *name, uint32_t what, unsigned edit)
{
    char path[128], other[160], text[1024];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    snprintf(other, sizeof(other), "%s/.next", p->rules);
    snprintf(text, sizeof(text), edit % 5 == 0 ? "kind: [" : RULE("r%c", "/%u"), name[0], name[0],
             edit);
    switch (what % 6) {
    case 0:
        (void)unlink(path);
        (void)rmdir(path);
        break;
    case 1:
        (void)unlink(path);
        (void)mkdir(path, 0700);
        break;
    case 2:
        (void)unlink(path);
        (void)!symlink(edit % 2 == 0 ? "nowhere" : "kept.yaml", path);
        break;
    case 3:
        (void)rmdir(path);
        put(p, ".next", text);
        (void)rename(other, path);
        break;
    default:
        (void)unlink(path);
        (void)rmdir(path);
        put(p, name, text);
    }
}

/* What isn't named isn't looked at; whatever was done to what is, the reading is as a fresh one. */
static void a_reading_by_names_is_as_a_fresh_one(void **state)
{
    (void)state;
    static const char *const names[] = {"a.yaml", "b.yml", "c.json", "d.txt", "e.yaml", "f.yaml"};
    struct place p;
    set_up(&p);
    put(&p, "kept.yaml", RULE("kept", "/k"));
    struct brama__round *round = read_round(&p, NULL);
    for (uint32_t i = 0, seed = 7; i < 300; i++) {
        struct brama_touched touched[4];
        size_t count = 1 + next_random(&seed) % BRAMA_ARRAY_LEN(touched);
        char what[32];
        for (size_t k = 0; k < count; k++) {
            const char *name = names[next_random(&seed) % BRAMA_ARRAY_LEN(names)];
            do_something(&p, name, next_random(&seed), i);
            touched[k] = (struct brama_touched){0, brama_str_c(name)};
        }
        snprintf(what, sizeof(what), "step %u", i);
        compare(&p, &round, read_touched(&p, round, touched, count), what);
    }
    brama__round_free(round);
    tear_down(&p);
}

/* An edit that nobody named, of a settled file, shows that others aren't looked at. */
static void only_what_is_named_is_looked_at(void **state)
{
    (void)state;
    static const struct brama_touched a = {0, BRAMA_LIT("a.yaml")};
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    put(&p, "b.yaml", RULE("b", "/b"));
    usleep(150 * 1000);
    struct brama__round *first = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/edited"));
    put(&p, "b.yaml", RULE("b", "/edited"));
    struct brama__round *named = read_touched(&p, first, &a, 1), *all = read_round(&p, named);
    EXPECT("the named one is read", !named->sheets.files.file[0].known);
    EXPECT("the other one isn't", named->sheets.files.file[1].known);
    EXPECT("until everything is looked at", !all->sheets.files.file[1].known);
    brama__round_free(first);
    brama__round_free(named);
    compare(&p, &all, read_round(&p, all), "both");
    brama__round_free(all);
    tear_down(&p);
}

/* Its time can't tell a second change from the first one. */
static void what_changed_a_moment_ago_is_looked_at_though_another_is_named(void **state)
{
    (void)state;
    static const struct brama_touched b = {0, BRAMA_LIT("b.yaml")};
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/1"));
    put(&p, "b.yaml", RULE("b", "/b"));
    struct brama__round *round = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/2"));
    compare(&p, &round, read_touched(&p, round, &b, 1), "an edit within the tick of the clock");
    brama__round_free(round);
    tear_down(&p);
}

static const struct brama__sheet *sheet_of(const struct brama__round *r, const struct place *p,
                                           const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    return brama__sheets_find(&r->sheets, brama_str_c(path));
}

static void what_did_not_change_is_not_parsed_again(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a") "---\n" RULE("b", "/b"));
    put(&p, "z.yaml", RULE("z", "/z"));
    struct brama__round *first = read_round(&p, NULL);
    put(&p, "a.yaml", RULE("a", "/other") "---\n" RULE("b", "/b"));
    struct brama__round *second = read_round(&p, first);
    const struct brama__sheet *before = sheet_of(first, &p, "a.yaml"),
                              *now = sheet_of(second, &p, "a.yaml");
    EXPECT("another file's sheet", sheet_of(first, &p, "z.yaml") == sheet_of(second, &p, "z.yaml"));
    EXPECT("the edited document", before->pieces[0] != now->pieces[0]);
    EXPECT("the one below", before->pieces[1] == now->pieces[1]);
    brama__round_free(first);
    struct brama__round *third = read_round(&p, second);
    EXPECT("the same text", sheet_of(third, &p, "a.yaml") == now);
    brama__round_free(second);
    brama__round_free(third);
    tear_down(&p);
}

/* As a mounted ConfigMap: new files, and one link is changed. */
static void mount(const struct place *p, const char *folder, const char *a, const char *b)
{
    char path[128], next[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    put(p, path, a);
    snprintf(path, sizeof(path), "%s/b.yaml", folder);
    put(p, path, b);
    snprintf(next, sizeof(next), "%s/..next", p->rules);
    snprintf(path, sizeof(path), "%s/..data", p->rules);
    assert_int_equal(symlink(folder, next), 0);
    assert_int_equal(rename(next, path), 0);
}

static void a_swapped_mount_is_parsed_where_it_differs(void **state)
{
    (void)state;
    char path[128];
    struct place p;
    set_up(&p);
    mount(&p, "..1", RULE("a", "/a"), RULE("b", "/b"));
    snprintf(path, sizeof(path), "%s/a.yaml", p.rules);
    assert_int_equal(symlink("..data/a.yaml", path), 0);
    snprintf(path, sizeof(path), "%s/b.yaml", p.rules);
    assert_int_equal(symlink("..data/b.yaml", path), 0);
    struct brama__round *round = read_round(&p, NULL), *next;

    mount(&p, "..2", RULE("a", "/a"), RULE("b", "/c")); /* of the same size */
    next = read_round(&p, round);
    EXPECT("another text", !next->sheets.same);
    EXPECT("the file that is as it was",
           sheet_of(next, &p, "a.yaml") == sheet_of(round, &p, "a.yaml"));
    EXPECT("the other one", sheet_of(next, &p, "b.yaml") != sheet_of(round, &p, "b.yaml"));
    compare(&p, &round, next, "an edit by a swap");

    mount(&p, "..3", RULE("a", "/a"), RULE("b", "/c"));
    usleep(150 * 1000);
    next = read_round(&p, round);
    EXPECT("the same texts", next->sheets.same && next->sheets.files.file[0].same);
    brama__round_free(next);
    next = read_round(&p, round);
    EXPECT("needn't be read again", next->sheets.same && next->sheets.files.file[0].known);
    brama__round_free(next);
    brama__round_free(round);
    tear_down(&p);
}

static void what_is_in_force_stays_while_another_text_is_written(void **state)
{
    (void)state;
    struct place p;
    char path[128];
    const char text[] = RULE("a", "/other");
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    struct brama__round *round = read_round(&p, NULL);
    snprintf(path, sizeof(path), "%s/a.yaml", p.rules);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fwrite(text, 1, 150, f) == 150 && fflush(f) == 0);
    struct brama__round *half = read_round(&p, round);
    EXPECT("half of it", half->sheets.same && half->sheets.files.unfinished);
    assert_true(fputs(text + 150, f) >= 0 && fflush(f) == 0);
    struct brama__round *open = read_round(&p, round);
    EXPECT("all of it", open->sheets.same && open->sheets.files.unfinished);
    assert_int_equal(fclose(f), 0);
    compare(&p, &round, read_round(&p, round), "and closed");
    EXPECT("then it is taken", !round->sheets.same && !round->sheets.files.unfinished);
    brama__round_free(half);
    brama__round_free(open);
    brama__round_free(round);
    tear_down(&p);
}

/* A change within the tick of the clock in which the file was read must not stay hidden. */
static void an_edit_of_the_same_size_at_the_same_time_is_seen(void **state)
{
    (void)state;
    struct place p;
    struct brama__round *round = NULL;
    char text[] = RULE("a", "/0");
    char *digit = strstr(text, "/0") + 1;
    set_up(&p);
    for (int i = 0; i < 200; i++) {
        *digit = (char)('0' + i % 10);
        put(&p, "a.yaml", text);
        read_twice(&p, &round, "an edit at once");
    }
    brama__round_free(round);
    tear_down(&p);
}

/* Old enough, a file of the same identity isn't opened any more: here it can't be told from another
 * one, since nobody can set its time of change back. */
static void a_settled_file_is_not_read_again(void **state)
{
    (void)state;
    struct brama_file_id a = {1, 2, 3, 4, 5, true}, b = a;
    EXPECT("itself", brama_file_id_eq(&a, &b));
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", RULE("a", "/a"));
    usleep(150 * 1000);
    struct brama__round *first = read_round(&p, NULL), *second = read_round(&p, first);
    EXPECT("fresh: read", !first->sheets.files.file[0].known);
    EXPECT("again: known", second->sheets.files.file[0].known);
    put(&p, "a.yaml", RULE("a", "/b"));
    struct brama__round *third = read_round(&p, second);
    EXPECT("changed: read", !third->sheets.files.file[0].known);
    struct brama__round *fourth = read_round(&p, third);
    EXPECT("just changed: read again", !fourth->sheets.files.file[0].known);
    brama__round_free(first);
    brama__round_free(second);
    brama__round_free(third);
    brama__round_free(fourth);
    tear_down(&p);
}

/* What many edits leave behind is nothing: each round's own, and the pieces of the newest. */
static void memory_does_not_grow_with_edits(void **state)
{
    (void)state;
    struct place p;
    struct brama__round *round = NULL;
    char text[2048];
    size_t early = 0, late = 0;
    set_up(&p);
    for (int i = 0; i < 400; i++) {
        snprintf(text, sizeof(text), "%s---\n%s", i % 2 == 0 ? RULE("a", "/a") : RULE("b", "/b"),
                 i % 3 == 0 ? "kind: [" : RULE("c", "/c"));
        put(&p, i % 5 == 0 ? "b.yaml" : "a.yaml", text);
        struct brama__round *next = read_round(&p, round);
        brama__round_free(round);
        round = next;
        size_t bytes = round->arena.used_bytes + round->sheets.bytes;
        if (i < 40 && bytes > early)
            early = bytes;
        if (i >= 360 && bytes > late)
            late = bytes;
    }
    EXPECT("as after the first edits", late <= early && early != 0);
    brama__round_free(round);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_file_is_as_a_fresh_one),
        cmocka_unit_test(a_reading_by_names_is_as_a_fresh_one),
        cmocka_unit_test(only_what_is_named_is_looked_at),
        cmocka_unit_test(what_changed_a_moment_ago_is_looked_at_though_another_is_named),
        cmocka_unit_test(what_did_not_change_is_not_parsed_again),
        cmocka_unit_test(a_swapped_mount_is_parsed_where_it_differs),
        cmocka_unit_test(what_is_in_force_stays_while_another_text_is_written),
        cmocka_unit_test(an_edit_of_the_same_size_at_the_same_time_is_seen),
        cmocka_unit_test(a_settled_file_is_not_read_again),
        cmocka_unit_test(memory_does_not_grow_with_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
