/* Rule files as they lie on disk: each is read whole or not at all, and what was read before isn't
 * asked for again. */
#include "expect.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "source/files.h"

/* What happens while a file is read. */
static struct {
    const char *append_to; /* NULL: nothing */
    size_t at_most;        /* bytes a read gives; 0: as the kernel does */
} meanwhile;

static void write_bytes(const char *path, const char *mode, const char *bytes, size_t n)
{
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n)
{
    const char *path = meanwhile.append_to;
    if (path != NULL) {
        meanwhile.append_to = NULL;
        write_bytes(path, "a", "more", 4);
    }
    return __real_read(fd, p,
                       meanwhile.at_most != 0 && meanwhile.at_most < n ? meanwhile.at_most : n);
}

struct place {
    char folder[40];
    brama_str root;
    struct brama_arena arena;
    struct brama_files files; /* the newest reading */
};

static const char *path_of(const struct place *p, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->folder, name);
    return path;
}

static void put(const struct place *p, const char *name, const char *text)
{
    write_bytes(path_of(p, name), "w", text, strlen(text));
}

static void set_up(struct place *p)
{
    *p = (struct place){.folder = "/tmp/brama-files-XXXXXX"};
    assert_non_null(mkdtemp(p->folder));
    p->root = brama_str_c(p->folder);
    brama_arena_init(&p->arena, NULL, (size_t)1 << 28);
}

static void tear_down(struct place *p)
{
    char command[64];
    brama_arena_deinit(&p->arena);
    snprintf(command, sizeof(command), "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
}

static bool has_text(void *ctx, size_t number, brama_str text)
{
    const struct brama_files *before = ctx;
    return brama_str_eq(before->file[number].text, text);
}

/* before: NULL for none. */
static struct brama_files read_again(struct place *p, struct brama_files *before,
                                     const struct brama_touched *touched, size_t touched_count)
{
    struct brama_files_options options = {.whole_only = true,
                                          .before = before,
                                          .same = has_text,
                                          .ctx = before,
                                          .touched = touched,
                                          .touched_count = touched_count};
    assert_int_equal(brama_files_read(&p->files, &p->arena, &p->root, 1, &options), BRAMA_OK);
    return p->files;
}

static void files_and_folders_are_read_in_order(void **state)
{
    (void)state;
    char got[1024] = "";
    struct place p;
    set_up(&p);
    put(&p, "b.yaml", "B");
    put(&p, "a.yml", "A");
    put(&p, "c.json", "C");
    put(&p, "d.txt", "D");
    put(&p, ".hidden.yaml", "H");
    assert_int_equal(mkdir(path_of(&p, "..1"), 0700), 0);
    put(&p, "..1/e.yaml", "E");
    assert_int_equal(symlink("..1", path_of(&p, "..data")), 0);
    assert_int_equal(symlink("..data/e.yaml", path_of(&p, "e.yaml")), 0);
    assert_int_equal(mkdir(path_of(&p, "sub.yaml"), 0700), 0);
    put(&p, "sub.yaml/x.yaml", "X");
    assert_int_equal(mkfifo(path_of(&p, "fifo.yaml"), 0600), 0);
    assert_int_equal(symlink("nowhere", path_of(&p, "gone.yaml")), 0);

    brama_str input = BRAMA_STR("I"), missing = BRAMA_STR("/nonexistent/x.yaml");
    const brama_str roots[] = {brama_str_c(path_of(&p, "d.txt")), missing, p.root, BRAMA_STR("-")};
    struct brama_files files;
    assert_int_equal(brama_files_read(&files, &p.arena, roots, 4,
                                      &(struct brama_files_options){.stdin_text = &input}),
                     BRAMA_OK);
    for (size_t i = 0; i < files.count; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
                 files.file[i].problem.n != 0 ? "?" : files.file[i].text.p);
    EXPECT_STR("a file by any name, then the folder's, then standard input", brama_str_c(got),
               BRAMA_STR("D A B C E ? ? ? I "));
    assert_int_equal(files.broken_count, 1);
    EXPECT_STR("the root that isn't there", files.broken[0].name, missing);
    tear_down(&p);
}

static void a_file_of_any_size_is_read_whole(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t bytes, at_most;
        bool want;
    } rows[] = {
        {"nothing", 0, 0, true},
        {"one byte", 1, 0, true},
        {"less than what is read at once", 65535, 0, true},
        {"what is read at once", 65536, 0, true},
        {"more than that", 65537, 0, true},
        {"in small parts", 1000, 7, true},
        {"in parts that it is a multiple of", 1000, 10, true},
        {"as large as may be", BRAMA_FILE_MAX, 0, true},
        {"a byte more", BRAMA_FILE_MAX + 1, 0, false},
    };
    char *bytes = malloc(BRAMA_FILE_MAX + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i <= BRAMA_FILE_MAX; i++)
        bytes[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        set_up(&p);
        write_bytes(path_of(&p, "a.yaml"), "w", bytes, rows[i].bytes);
        meanwhile.at_most = rows[i].at_most;
        struct brama_files files = read_again(&p, NULL, NULL, 0);
        meanwhile.at_most = 0;
        assert_int_equal(files.count, 1);
        brama_str want = {bytes, rows[i].bytes}, none = BRAMA_NIL;
        EXPECT(rows[i].name, brama_str_eq(files.file[0].text, rows[i].want ? want : none));
        EXPECT(rows[i].name, (files.file[0].problem.n == 0) == rows[i].want);
        tear_down(&p);
    }
    free(bytes);
}

static void a_file_that_grows_while_it_is_read_is_not_taken(void **state)
{
    (void)state;
    char path[128];
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", "text");
    snprintf(path, sizeof(path), "%s", path_of(&p, "a.yaml"));
    meanwhile.append_to = path;
    struct brama_files first = read_again(&p, NULL, NULL, 0);
    EXPECT("though whoever wrote it has closed it", first.file[0].unfinished && first.unfinished);
    EXPECT_STR("nor is a part of it", first.file[0].text, BRAMA_NIL);
    struct brama_files second = read_again(&p, &first, NULL, 0);
    EXPECT_STR("but the next time", second.file[0].text, BRAMA_STR("textmore"));

    meanwhile.append_to = path;
    struct brama_files files;
    assert_int_equal(brama_files_read(&files, &p.arena, &p.root, 1, NULL), BRAMA_OK);
    EXPECT_STR("without whole_only: all of it", files.file[0].text, BRAMA_STR("textmoremore"));
    tear_down(&p);
}

/* A new file in its place, which somebody may have open for writing still. */
static void only_another_text_waits_for_its_writer(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text; /* it was "text" */
        bool open, same, unfinished;
    } rows[] = {
        {"the same text", "text", false, true, false},
        {"the same text, that somebody is writing", "text", true, true, false},
        {"another text", "tex!", false, false, false},
        {"another text, that somebody is writing", "tex!", true, false, true},
        {"the first half of it", "te", true, false, true},
        {"nothing yet", "", true, false, true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        set_up(&p);
        put(&p, "a.yaml", "text");
        struct brama_files before = read_again(&p, NULL, NULL, 0);
        int fd = open(path_of(&p, ".next"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        size_t n = strlen(rows[i].text);
        assert_true(fd >= 0 && write(fd, rows[i].text, n) == (ssize_t)n);
        if (!rows[i].open)
            close(fd);
        char next[128];
        snprintf(next, sizeof(next), "%s", path_of(&p, ".next"));
        assert_int_equal(rename(next, path_of(&p, "a.yaml")), 0);
        struct brama_file f = read_again(&p, &before, NULL, 0).file[0];
        EXPECT(rows[i].name, f.same == rows[i].same);
        EXPECT(rows[i].name, f.unfinished == rows[i].unfinished);
        EXPECT(rows[i].name, (f.text.n != 0) == (!f.same && !f.unfinished));
        if (rows[i].open)
            close(fd);
        f = read_again(&p, &before, NULL, 0).file[0];
        EXPECT(rows[i].name,
               !f.unfinished && (f.same || brama_str_eq(f.text, brama_str_c(rows[i].text))));
        tear_down(&p);
    }
}

static void listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    assert_true(n < sizeof(at.sun_path));
    memcpy(at.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
}

/* After a file that isn't known, one is opened before it is looked at. */
static void what_is_no_file_is_the_same_problem_each_time(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    assert_int_equal(mkfifo(path_of(&p, "b.yaml"), 0600), 0);
    assert_int_equal(mkdir(path_of(&p, "d.yaml"), 0700), 0);
    assert_int_equal(symlink("nowhere", path_of(&p, "f.yaml")), 0);
    listen_at(path_of(&p, "h.yaml"));
    put(&p, "i.yaml", "I");
    struct brama_files before = read_again(&p, NULL, NULL, 0);
    static const char *const new_ones[] = {"a.yaml", "c.yaml", "e.yaml", "g.yaml"};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(new_ones); i++)
        put(&p, new_ones[i], "new");
    struct brama_files now = read_again(&p, &before, NULL, 0);
    assert_int_equal(before.count, 5);
    assert_int_equal(now.count, 9);
    for (size_t i = 0; i < 4; i++) {
        EXPECT(before.file[i].name.p, before.file[i].problem.n != 0);
        EXPECT_STR(before.file[i].name.p, now.file[2 * i + 1].problem, before.file[i].problem);
        EXPECT_STR(new_ones[i], now.file[2 * i].text, BRAMA_STR("new"));
    }
    tear_down(&p);
}

static void what_is_gone_is_left_out(void **state)
{
    (void)state;
    static const struct brama_touched touched[] = {
        {0, BRAMA_LIT("b.yaml")}, {0, BRAMA_LIT("x.yaml")}, {0, BRAMA_LIT("b.yaml")}};
    char got[128] = "";
    struct place p;
    set_up(&p);
    put(&p, "a.yaml", "A");
    put(&p, "b.yaml", "B");
    put(&p, "c.yaml", "C");
    struct brama_files before = read_again(&p, NULL, NULL, 0);
    assert_int_equal(unlink(path_of(&p, "b.yaml")), 0);
    struct brama_files now = read_again(&p, &before, touched, BRAMA_ARRAY_LEN(touched));
    for (size_t i = 0; i < now.count; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s was %zu, ",
                 now.file[i].name.p + p.root.n + 1, now.file[i].was);
    EXPECT_STR("and the others keep their numbers", brama_str_c(got),
               BRAMA_STR("a.yaml was 0, c.yaml was 2, "));
    EXPECT("a file is no reason to break its root", now.broken_count == 0);
    tear_down(&p);
}

static void a_root_that_is_touched_as_a_whole_is_read_anew_alone(void **state)
{
    (void)state;
    static const struct brama_touched touched = {1, BRAMA_LIT("")};
    struct place p;
    struct brama_files before, now;
    struct brama_files_options options = {.same = has_text, .before = &before, .ctx = &before};
    set_up(&p);
    assert_int_equal(mkdir(path_of(&p, "other"), 0700), 0);
    const brama_str roots[] = {p.root, brama_str_c(strdup(path_of(&p, "other")))};
    put(&p, "a.yaml", "A");
    put(&p, "other/b.yaml", "B");
    usleep(150 * 1000);
    assert_int_equal(brama_files_read(&before, &p.arena, roots, 2, NULL), BRAMA_OK);
    put(&p, "a.yaml", "AA");
    put(&p, "aa.yaml", "new");
    put(&p, "other/b.yaml", "BB");
    put(&p, "other/bb.yaml", "new");
    options.touched = &touched;
    options.touched_count = 1;
    assert_int_equal(brama_files_read(&now, &p.arena, roots, 2, &options), BRAMA_OK);
    assert_int_equal(now.count, 3);
    EXPECT("the other one is as it was", now.file[0].known && now.root[0].end == 1);
    EXPECT_STR("an edit", now.file[1].text, BRAMA_STR("BB"));
    EXPECT_STR("and a new file", now.file[2].text, BRAMA_STR("new"));
    free((void *)(uintptr_t)roots[1].p);
    tear_down(&p);
}

enum { MANY = 1500 }; /* more than one thread looks at alone */

static void put_generation(const struct place *p, unsigned generation, unsigned edited)
{
    char folder[32], name[64], text[64];
    snprintf(folder, sizeof(folder), "..%u", generation);
    assert_int_equal(mkdir(path_of(p, folder), 0700), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "%s/%05u.yaml", folder, i);
        snprintf(text, sizeof(text), i == edited ? "edited" : "text %u", i);
        put(p, name, text);
    }
    char next[128];
    snprintf(next, sizeof(next), "%s", path_of(p, "..next"));
    assert_int_equal(symlink(folder, next), 0);
    assert_int_equal(rename(next, path_of(p, "..data")), 0);
}

static void a_mount_that_is_swapped_is_the_same_but_for_the_edit(void **state)
{
    (void)state;
    char name[32], to[64];
    struct place p;
    set_up(&p);
    put_generation(&p, 1, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "%05u.yaml", i);
        snprintf(to, sizeof(to), "..data/%s", name);
        assert_int_equal(symlink(to, path_of(&p, name)), 0);
    }
    struct brama_files first = read_again(&p, NULL, NULL, 0);
    assert_int_equal(first.count, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(to, sizeof(to), "text %u", i);
        EXPECT_STR(first.file[i].name.p, first.file[i].text, brama_str_c(to));
    }
    put_generation(&p, 2, MANY - 7);
    struct brama_files second = read_again(&p, &first, NULL, 0);
    for (unsigned i = 0; i < MANY; i++) {
        bool edited = i == MANY - 7;
        EXPECT(second.file[i].name.p, second.file[i].same == !edited);
        EXPECT_STR(second.file[i].name.p, second.file[i].text,
                   edited ? BRAMA_STR("edited") : BRAMA_NIL);
        EXPECT(second.file[i].name.p, !brama_file_id_eq(&first.file[i].id, &second.file[i].id));
    }
    usleep(150 * 1000);
    struct brama_files third = read_again(&p, &second, NULL, 0); /* settles */
    struct brama_files fourth = read_again(&p, &third, NULL, 0);
    for (unsigned i = 0; i < MANY; i++)
        EXPECT(fourth.file[i].name.p, fourth.file[i].known);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders_are_read_in_order),
        cmocka_unit_test(a_file_of_any_size_is_read_whole),
        cmocka_unit_test(a_file_that_grows_while_it_is_read_is_not_taken),
        cmocka_unit_test(only_another_text_waits_for_its_writer),
        cmocka_unit_test(what_is_no_file_is_the_same_problem_each_time),
        cmocka_unit_test(what_is_gone_is_left_out),
        cmocka_unit_test(a_root_that_is_touched_as_a_whole_is_read_anew_alone),
        cmocka_unit_test(a_mount_that_is_swapped_is_the_same_but_for_the_edit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
