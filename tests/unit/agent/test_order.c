/* The order in which a generation reaches disk and workers, seen at the system calls: the linker
 * (--wrap) leads fsync and renameat through here. And the lock that lets one agent run. */
#include "expect.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/publish.h"
#include "policy/facts.h"

static struct {
    const struct brama__publisher *publisher; /* NULL: nobody looks */
    char steps[16];
    size_t n;
    uint64_t told; /* the highest number that workers could see at any step */
} seen;

static void note(char step)
{
    if (seen.publisher == NULL)
        return;
    assert_true(seen.n + 1 < sizeof(seen.steps));
    seen.steps[seen.n++] = step;
    uint64_t told = atomic_load(&seen.publisher->control->facts);
    if (told > seen.told)
        seen.told = told;
}

/* The names are the linker's. */
int __real_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);

int __wrap_fsync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    note(S_ISDIR(st.st_mode) ? 'd' : 'f');
    return __real_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    note('r');
    return __real_renameat(from_fd, from, to_fd, to);
}

struct place {
    char dir[32];
    struct brama__state state;
};

static void set_up(struct place *p)
{
    *p = (struct place){.dir = "/tmp/brama-order-XXXXXX"};
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(brama__state_open(&p->state, brama_str_c(p->dir), NULL), BRAMA_OK);
}

static void tear_down(struct place *p)
{
    char command[64];
    brama__state_close(&p->state);
    snprintf(command, sizeof(command), "rm -r %s", p->dir);
    assert_int_equal(system(command), 0);
}

static void a_file_is_on_disk_then_named_then_told(void **state)
{
    (void)state;
    struct place p;
    struct brama__publisher publisher;
    struct brama_buf bytes;
    const struct brama_facts_in in = {.keyset_count = 0};
    set_up(&p);
    assert_int_equal(brama__publisher_open(&publisher, &p.state, NULL), BRAMA_OK);
    brama_buf_init(&bytes, NULL, 1 << 16);
    assert_int_equal(brama_facts_build(&bytes, 1, &in), BRAMA_OK);

    seen.publisher = &publisher;
    enum brama_err err =
        brama__publish(&publisher, BRAMA_PACK_FACTS, 1, brama_buf_str(&bytes), NULL);
    seen.publisher = NULL;
    assert_int_equal(err, BRAMA_OK);
    EXPECT_STR("file synced, renamed, directory synced", brama_str_c(seen.steps), BRAMA_STR("frd"));
    EXPECT("nobody is told before all of it", seen.told == 0);
    EXPECT("told at the end", atomic_load(&publisher.control->facts) == 1);
    brama_buf_deinit(&bytes);
    brama__publisher_close(&publisher);
    tear_down(&p);
}

static void one_agent_runs_with_a_state_directory(void **state)
{
    (void)state;
    struct place p;
    struct brama__state second;
    struct brama_diag diag = {0};
    set_up(&p);
    EXPECT("the second is refused",
           brama__state_open(&second, brama_str_c(p.dir), &diag) == BRAMA_ERR_EXISTS);
    brama__state_close(&second);
    EXPECT("and learns why", strstr(diag.what, "another agent") != NULL);
    brama__state_close(&p.state);
    EXPECT("the next one runs", brama__state_open(&p.state, brama_str_c(p.dir), &diag) == BRAMA_OK);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_on_disk_then_named_then_told),
        cmocka_unit_test(one_agent_runs_with_a_state_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
