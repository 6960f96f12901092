#include "expect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/publish.h"
#include "agent/tls.h"
#include "agent/wanted.h"
#include "policy/facts.h"
#include "policy/policy.h"

struct place {
    char dir[32];
    struct brama__state state;
    struct brama__publisher publisher;
};

static void open_place(struct place *p)
{
    struct brama_diag diag = {0};
    if (brama__state_open(&p->state, brama_str_c(p->dir), &diag) != BRAMA_OK ||
        brama__publisher_open(&p->publisher, &p->state, &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
}

static void close_place(struct place *p)
{
    brama__publisher_close(&p->publisher);
    brama__state_close(&p->state);
}

static void set_up(struct place *p)
{
    *p = (struct place){.dir = "/tmp/brama-state-XXXXXX"};
    assert_non_null(mkdtemp(p->dir));
    open_place(p);
}

static void tear_down(struct place *p)
{
    char command[64];
    close_place(p);
    snprintf(command, sizeof(command), "rm -r %s", p->dir);
    assert_int_equal(system(command), 0);
}

static void path_in(char out[128], const struct place *p, const char *name)
{
    snprintf(out, 128, "%s/%s", p->dir, name);
}

static bool exists(const struct place *p, const char *name)
{
    char path[128];
    path_in(path, p, name);
    return access(path, F_OK) == 0;
}

static void leave(const struct place *p, const char *name)
{
    char path[128];
    path_in(path, p, name);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs("half", f) >= 0 && fclose(f) == 0);
}

/* What somebody does to the file between writing and reading back: the linker (--wrap) leads the
 * call in between through here. */
static enum harm { UNHARMED = 0, FLIPPED, CUT, LONGER } harm;

int __real_sync_file_range(int fd, off_t from, off_t bytes, unsigned flags);
int __wrap_sync_file_range(int fd, off_t from, off_t bytes, unsigned flags);

int __wrap_sync_file_range(int fd, off_t from, off_t bytes, unsigned flags)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    if (harm == FLIPPED)
        assert_int_equal(pwrite(fd, "?", 1, st.st_size - 3), 1);
    else if (harm != UNHARMED)
        assert_int_equal(ftruncate(fd, harm == CUT ? st.st_size - 1 : st.st_size + 1), 0);
    return __real_sync_file_range(fd, from, bytes, flags);
}

/* Where the rows begin, and with them the key set's id and URL. */
static const size_t of_url = sizeof(struct brama_pack_header) + sizeof(uint64_t);

/* Facts of a key set, under the number that comes next; one byte of a row changed if flip isn't 0.
 */
static enum brama_err publish(struct place *p, size_t flip, uint64_t number)
{
    struct brama_buf bytes;
    struct brama_diag diag = {0};
    const struct brama_facts_keyset_in keyset = {.url = BRAMA_LIT("https://a.example/keys")};
    const struct brama_facts_in in = {.keysets = &keyset, .keyset_count = 1};
    uint64_t next = brama__publish_next(&p->publisher, BRAMA_PACK_FACTS);
    brama_buf_init(&bytes, NULL, 1 << 20);
    assert_int_equal(brama_facts_build(&bytes, number, &in), BRAMA_OK);
    if (flip != 0)
        bytes.p[flip] ^= 0x55;
    enum brama_err err =
        brama__publish(&p->publisher, BRAMA_PACK_FACTS, next, brama_buf_str(&bytes), &diag);
    EXPECT("an error says why", (err != BRAMA_OK) == (diag.what[0] != '\0'));
    brama_buf_deinit(&bytes);
    return err;
}

static uint64_t in_control(const struct place *p)
{
    return atomic_load(&p->publisher.control->facts);
}

static void what_is_published_is_named_and_told(void **state)
{
    (void)state;
    struct place p;
    struct stat st;
    char path[128];
    set_up(&p);
    assert_int_equal(publish(&p, 0, 1), BRAMA_OK);
    assert_int_equal(in_control(&p), 1);
    EXPECT("the file is there", exists(&p, "facts.1"));
    EXPECT("the temporary one isn't", !exists(&p, "facts.1.tmp"));
    path_in(path, &p, "facts.1");
    assert_int_equal(stat(path, &st), 0);
    EXPECT("nobody may write it, nor the others read", (st.st_mode & 0337) == 0);
    close_place(&p);
    open_place(&p);
    EXPECT("the numbers survive the agent", in_control(&p) == 1);
    tear_down(&p);
}

static void a_bad_file_is_never_told(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    assert_int_equal(publish(&p, 0, 1), BRAMA_OK);
    for (harm = FLIPPED; harm <= LONGER; harm++)
        EXPECT("a file that isn't what was written", publish(&p, 0, 1 + harm) == BRAMA_ERR_INVALID);
    harm = UNHARMED;
    EXPECT("what was in force stays", in_control(&p) == 1 && exists(&p, "facts.1"));
    EXPECT("and nothing is left", !exists(&p, "facts.2") && !exists(&p, "facts.2.tmp"));
    EXPECT("a text that lies outside", publish(&p, of_url, 5) == BRAMA_ERR_INVALID);
    EXPECT("another number inside", publish(&p, 0, 5) == BRAMA_ERR_INVALID);
    EXPECT("a good one goes on with a number never used", publish(&p, 0, 7) == BRAMA_OK);
    assert_int_equal(in_control(&p), 7);
    tear_down(&p);
}

static void litter_of_a_crash_is_removed_and_its_numbers_are_used_up(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    assert_int_equal(publish(&p, 0, 1), BRAMA_OK);
    close_place(&p);
    leave(&p, "facts.7");     /* named, but the crash came before the store */
    leave(&p, "facts.9.tmp"); /* before the name */
    leave(&p, "facts.x");     /* somebody else's */
    leave(&p, "policy.3.tmp");
    open_place(&p);
    EXPECT("the published one stays", exists(&p, "facts.1"));
    EXPECT("the others go", !exists(&p, "facts.7") && !exists(&p, "facts.9.tmp"));
    EXPECT("of both kinds", !exists(&p, "policy.3.tmp"));
    EXPECT("what isn't ours stays", exists(&p, "facts.x"));
    assert_int_equal(brama__publish_next(&p.publisher, BRAMA_PACK_FACTS), 10);
    assert_int_equal(brama__publish_next(&p.publisher, BRAMA_PACK_POLICY), 4);
    tear_down(&p);
}

static void litter_beside_small_files_is_removed(void **state)
{
    (void)state;
    static const char *const litter[] = {
        BRAMA_STATE_NGINX_CONF ".tmp", BRAMA_STATE_GOOD "/shop.a.json.tmp",
        BRAMA_STATE_KEYS "/0.json.tmp", BRAMA__STATE_TLS "/0.pem.tmp"};
    struct place p;
    set_up(&p);
    close_place(&p);
    leave(&p, BRAMA_STATE_GOOD "/shop.a.json");
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(litter); i++)
        leave(&p, litter[i]);
    open_place(&p);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(litter); i++)
        EXPECT(litter[i], !exists(&p, litter[i]));
    EXPECT("what was named stays", exists(&p, BRAMA_STATE_GOOD "/shop.a.json"));
    tear_down(&p);
}

#define MASTER 4711

/* A worker's page as the module writes it; the lock says that it lives. */
static int worker(const struct place *p, uint64_t facts)
{
    char path[128];
    struct brama_worker_page page = {.magic = {'B', 'R', 'A', 'M', 'A', 'W', 'R', 'K'},
                                     .format = BRAMA_PAGES_FORMAT,
                                     .master = MASTER};
    atomic_store(&page.facts, facts);
    path_in(path, p, BRAMA_STATE_WORKERS "/5");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, BRAMA_PAGE_BYTES) == 0);
    assert_int_equal(pwrite(fd, &page, sizeof(page), 0), sizeof(page));
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void files_go_when_every_worker_has_left_them(void **state)
{
    (void)state;
    struct place p;
    set_up(&p);
    for (uint64_t n = 1; n <= 4; n++)
        assert_int_equal(publish(&p, 0, n), BRAMA_OK);
    int fd = worker(&p, 2);
    assert_int_equal(brama__publish_workers(&p.publisher, MASTER).live, 1);
    assert_int_equal(brama__publish_workers(&p.publisher, MASTER).current, 0);
    assert_int_equal(brama__publish_workers(&p.publisher, MASTER + 1).live, 0);
    brama__publish_collect(&p.publisher);
    EXPECT("the one before the worker's goes", !exists(&p, "facts.1"));
    EXPECT("the worker's and all newer ones stay",
           exists(&p, "facts.2") && exists(&p, "facts.3") && exists(&p, "facts.4"));
    close(fd);
    assert_int_equal(brama__publish_workers(&p.publisher, MASTER).live, 0);
    brama__publish_collect(&p.publisher);
    EXPECT("a dead worker holds nothing", !exists(&p, "facts.2"));
    EXPECT("the two newest stay", exists(&p, "facts.3") && exists(&p, "facts.4"));
    tear_down(&p);
}

struct wanting {
    struct place place;
    uv_loop_t loop;
    struct brama_keysets *keysets;
    struct brama__wanted wanted;
    unsigned poked;
};

static void poked(void *ctx)
{
    struct wanting *w = ctx;
    w->poked++;
}

static void open_wanted(struct wanting *w)
{
    struct brama_diag diag = {0};
    if (brama__wanted_open(&w->wanted, &w->loop, &w->place.publisher, poked, w, &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
}

static void start_wanting(struct wanting *w)
{
    const struct brama_keysets_options options = {.loop = &w->loop};
    *w = (struct wanting){.poked = 0};
    set_up(&w->place);
    uv_loop_init(&w->loop);
    assert_int_equal(brama_keysets_new(&w->keysets, &options), BRAMA_OK);
    open_wanted(w);
}

static void end_wanting(struct wanting *w)
{
    brama__wanted_close(&w->wanted);
    brama_keysets_free(w->keysets);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    tear_down(&w->place);
}

static struct brama_control_keyset *entry(const struct wanting *w, uint64_t id)
{
    for (size_t i = 0; i < BRAMA_CONTROL_KEYSETS; i++) {
        struct brama_control_keyset *e = &w->place.publisher.control->keysets[i];
        if (atomic_load(&e->id) == id)
            return e;
    }
    return NULL;
}

static bool counts(const struct wanting *w, uint64_t id, uint64_t asked, uint64_t done)
{
    const struct brama_control_keyset *e = entry(w, id);
    return e != NULL && atomic_load(&e->asked) == asked && atomic_load(&e->done) == done;
}

static void fetches_are_told_in_the_control_page(void **state)
{
    (void)state;
    struct wanting w;
    start_wanting(&w);
    brama__wanted_asked(&w.wanted, w.keysets, 7);
    brama__wanted_asked(&w.wanted, w.keysets, 8);
    EXPECT("begun", counts(&w, 7, 1, 0) && counts(&w, 8, 1, 0));
    brama__wanted_done(&w.wanted, 7, 3, 1800000000);
    EXPECT("and ended, of one set", counts(&w, 7, 1, 1) && counts(&w, 8, 1, 0));
    EXPECT("with its version", atomic_load(&entry(&w, 7)->version) == 3);
    brama__wanted_done(&w.wanted, 9, 1, 0);
    EXPECT("nobody's", entry(&w, 9) == NULL);

    brama__wanted_close(&w.wanted);
    uv_run(&w.loop, UV_RUN_NOWAIT);
    close_place(&w.place);
    open_place(&w.place);
    open_wanted(&w);
    EXPECT("the counters survive the agent; what it didn't see the end of has ended",
           counts(&w, 7, 1, 1) && counts(&w, 8, 1, 1));

    for (uint64_t id = 100; id < 100 + BRAMA_CONTROL_KEYSETS - 2; id++)
        brama__wanted_asked(&w.wanted, w.keysets, id);
    EXPECT("the page is full", entry(&w, 0) == NULL && counts(&w, 7, 1, 1));
    brama__wanted_asked(&w.wanted, w.keysets, 1000);
    EXPECT("a set that nobody wants any more makes room", entry(&w, 7) == NULL);
    EXPECT("and its counters go on", counts(&w, 1000, 2, 1));
    end_wanting(&w);
}

static void marks_in_a_workers_page_are_taken(void **state)
{
    (void)state;
    struct wanting w;
    struct brama_worker_page page;
    char path[128];
    start_wanting(&w);
    snprintf(path, sizeof(path), "file://%s/none.json", w.place.dir);
    brama_str url = brama_str_c(path);
    assert_int_equal(brama_keysets_want(w.keysets, &url, 1), BRAMA_OK);
    int fd = worker(&w.place, 0);
    assert_int_equal(pread(fd, &page, sizeof(page), 0), sizeof(page));
    atomic_store(&page.wanted[0], brama_keyset_id(url));
    atomic_store(&page.wanted[5], 12345);
    assert_int_equal(pwrite(fd, &page, sizeof(page), 0), sizeof(page));
    brama__wanted_take(&w.wanted, w.keysets);
    assert_int_equal(pread(fd, &page, sizeof(page), 0), sizeof(page));
    EXPECT("known or not", atomic_load(&page.wanted[0]) == 0 && atomic_load(&page.wanted[5]) == 0);
    close(fd);

    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s/" BRAMA_STATE_AGENT_SOCK, w.place.dir);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    assert_int_equal(sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    for (int i = 0; i < 100 && w.poked == 0; i++)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    EXPECT("a poke wakes, several wake once", w.poked == 1);
    close(fd);
    end_wanting(&w);
}

static void a_second_agent_is_told_of_the_first(void **state)
{
    (void)state;
    struct place p;
    struct brama__state second;
    struct brama_diag diag = {0};
    char pid[32];
    set_up(&p);
    assert_int_equal(brama__state_open(&second, brama_str_c(p.dir), &diag), BRAMA_ERR_EXISTS);
    brama__state_close(&second);
    snprintf(pid, sizeof(pid), "process %ld,", (long)getpid());
    EXPECT("by its pid", strstr(diag.what, pid) != NULL);
    tear_down(&p);
}

static void a_certificate_is_made_once_and_kept(void **state)
{
    (void)state;
    struct place p;
    struct brama__tls tls;
    struct brama_diag diag = {0};
    char first[1024];
    brama_str domain = BRAMA_STR("test.local"), none = BRAMA_NIL;
    set_up(&p);
    if (brama__tls_open(&tls, &p.state, none, none, domain, &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    EXPECT_STR("for all hosts of the domain", tls.cert.name, BRAMA_STR("*.test.local"));
    EXPECT("no key in the chain",
           brama_str_find_str(tls.cert.chain_pem, BRAMA_STR("PRIVATE")) == tls.cert.chain_pem.n);
    assert_true(tls.cert.chain_pem.n < sizeof(first));
    memcpy(first, tls.cert.chain_pem.p, tls.cert.chain_pem.n);
    brama_str before = {first, tls.cert.chain_pem.n};
    EXPECT("nothing to renew", !brama__tls_look(&tls, &diag));
    brama__tls_close(&tls);
    assert_int_equal(brama__tls_open(&tls, &p.state, none, none, domain, &diag), BRAMA_OK);
    EXPECT_STR("the same the next time", tls.cert.chain_pem, before);
    brama__tls_close(&tls);
    assert_int_equal(brama__tls_open(&tls, &p.state, none, none, BRAMA_STR("x"), &diag), BRAMA_OK);
    EXPECT("another one for another domain", !brama_str_eq(tls.cert.chain_pem, before));
    brama__tls_close(&tls);
    brama_str missing = BRAMA_STR("/nonexistent.pem");
    assert_int_equal(brama__tls_open(&tls, &p.state, missing, missing, domain, &diag),
                     BRAMA_ERR_INVALID);
    EXPECT_STR("a given file that isn't there is named", diag.where.file, missing);
    brama__tls_close(&tls);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_is_named_and_told),
        cmocka_unit_test(a_bad_file_is_never_told),
        cmocka_unit_test(litter_of_a_crash_is_removed_and_its_numbers_are_used_up),
        cmocka_unit_test(litter_beside_small_files_is_removed),
        cmocka_unit_test(files_go_when_every_worker_has_left_them),
        cmocka_unit_test(fetches_are_told_in_the_control_page),
        cmocka_unit_test(marks_in_a_workers_page_are_taken),
        cmocka_unit_test(a_second_agent_is_told_of_the_first),
        cmocka_unit_test(a_certificate_is_made_once_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
