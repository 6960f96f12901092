/* A mapped file is cut, and nobody ends of it. */
#include "expect.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/shm.h"

#define BYTES 8192

static int file(size_t bytes)
{
    char name[] = "/tmp/brama-shm-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

static void a_cut_file_becomes_zeros(void **state)
{
    (void)state;
    int fd = file(BYTES);
    assert_int_equal(pwrite(fd, "kept", 4, 4096), 4);
    volatile char *p = brama_shm_map(fd, BYTES, PROT_READ | PROT_WRITE);
    const char *q = brama_shm_map(fd, BYTES, PROT_READ);
    assert_non_null(p);
    assert_non_null(q);
    EXPECT("it is the file", p[4096] == 'k' && q[4096] == 'k');
    assert_int_equal(ftruncate(fd, 0), 0);
    EXPECT("nobody has noticed", !brama_shm_lost((const void *)(uintptr_t)p) && !brama_shm_lost(q));
    p[4097] = 'w';
    EXPECT("a write goes on", p[4097] == 'w');
    EXPECT("what was there is gone", p[0] == 0 && p[4096] == 0);
    EXPECT("one is lost, the other not yet",
           brama_shm_lost((const void *)(uintptr_t)p) && !brama_shm_lost(q));
    EXPECT("a read is of zeros", *(const volatile char *)q == 0);
    EXPECT("lost, too", brama_shm_lost(q));
    brama_shm_unmap((const void *)(uintptr_t)p, BYTES);
    brama_shm_unmap(q, BYTES);
    EXPECT("forgotten", !brama_shm_lost(q) && !brama_shm_lost(NULL));
    close(fd);
}

static void whole_is_named_as_long_as_it_was_and_mapped(void **state)
{
    (void)state;
    char name[] = "/tmp/brama-shm-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, BYTES), 0);
    volatile char *p = brama_shm_map(fd, BYTES, PROT_READ | PROT_WRITE);
    const void *q = (const void *)(uintptr_t)p;
    EXPECT("at first", brama_shm_whole(fd, q, BYTES));
    assert_int_equal(ftruncate(fd, BYTES - 1), 0);
    EXPECT("cut by a byte", !brama_shm_whole(fd, q, BYTES));
    assert_int_equal(ftruncate(fd, 0), 0);
    p[0] = 1;
    assert_int_equal(ftruncate(fd, BYTES), 0);
    EXPECT("long again, and not what is mapped", !brama_shm_whole(fd, q, BYTES));
    brama_shm_unmap(q, BYTES);
    q = brama_shm_map(fd, BYTES, PROT_READ);
    EXPECT("mapped anew", brama_shm_whole(fd, q, BYTES));
    assert_int_equal(unlink(name), 0);
    EXPECT("without a name", !brama_shm_whole(fd, q, BYTES));
    brama_shm_unmap(q, BYTES);
    close(fd);
}

static void what_is_too_short_is_not_mapped(void **state)
{
    (void)state;
    int fd = file(BYTES - 1);
    assert_null(brama_shm_map(fd, BYTES, PROT_READ));
    assert_null(brama_shm_map(-1, BYTES, PROT_READ));
    close(fd);
    brama_shm_unmap(NULL, BYTES);
}

static void there_is_an_end_to_them(void **state)
{
    (void)state;
    int fd = file(4096);
    const void *p[BRAMA_SHM_MAX + 1];
    size_t n = 0;
    while (n < BRAMA_ARRAY_LEN(p) && (p[n] = brama_shm_map(fd, 4096, PROT_READ)) != NULL)
        n++;
    assert_int_equal(n, BRAMA_SHM_MAX);
    while (n-- != 0)
        brama_shm_unmap(p[n], 4096);
    close(fd);
}

/* Everybody else's SIGBUS stays what it was. */
static void another_page_is_nobodys_excuse(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGBUS, SIG_DFL); /* a sanitizer's own would speak */
        int ours = file(BYTES), other = file(BYTES);
        if (brama_shm_map(ours, BYTES, PROT_READ) == NULL)
            _exit(2);
        volatile char *p = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, other, 0);
        if (ftruncate(other, 0) != 0)
            _exit(3);
        _exit(p[0]);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_page_is_nobodys_excuse), /* before anybody has mapped */
        cmocka_unit_test(a_cut_file_becomes_zeros),
        cmocka_unit_test(whole_is_named_as_long_as_it_was_and_mapped),
        cmocka_unit_test(what_is_too_short_is_not_mapped),
        cmocka_unit_test(there_is_an_end_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
