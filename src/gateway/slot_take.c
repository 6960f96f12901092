/* Taking a published file: open, fstat, read, check its header. It is read and not mapped, so that
 * what becomes of the file later is nothing to us: a megabyte costs a quarter of a millisecond.
 * Looking through it is left to the agent, except at a worker's start. */
#include "gateway/slot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, char *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, bytes + done, size - done);
        if (n == -1 && ngx_errno == EINTR)
            continue;
        if (n <= 0)
            return false; /* shorter than it was a moment ago */
        done += (size_t)n;
    }
    return true;
}

/* Nobody's file of many gigabytes is read to find out that it isn't ours. */
static bool is_as_long_as_it_says(int fd, size_t size)
{
    struct brama_pack_header head;

    return pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && head.size == size;
}

#define LARGE_PAGE ((size_t)2 << 20)

/* Memory of our own. NULL: there is none. */
static char *map(size_t bytes, int flags)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

/* A large file's in large pages, where the kernel has them: 2,000 small ones are cleared and mapped
 * one by one, which takes longer than reading the file. */
static char *map_room(size_t size, size_t *room)
{
    *room = size;
    if (size < LARGE_PAGE)
        return map(size, MAP_POPULATE);
    *room = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    char *all = map(*room + LARGE_PAGE, 0);
    if (all == NULL)
        return NULL;
    size_t before = (LARGE_PAGE - (uintptr_t)all % LARGE_PAGE) % LARGE_PAGE;
    if (before != 0)
        (void)munmap(all, before);
    (void)munmap(all + before + *room, LARGE_PAGE - before);
    (void)madvise(all + before, *room, MADV_HUGEPAGE);
    return all + before;
}

/* False: not there, not whole, or no memory. From then on it is read-only. */
static bool read_file(struct brama_taken *m, const char *path)
{
    struct stat st;
    bool done = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd == -1)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        is_as_long_as_it_says(fd, (size_t)st.st_size)) {
        m->size = (size_t)st.st_size;
        m->bytes = map_room(m->size, &m->room);
        done = m->bytes != NULL && read_all(fd, m->bytes, m->size) &&
               mprotect(m->bytes, m->room, PROT_READ) == 0;
    }
    (void)close(fd);
    return done;
}

static bool open_as(struct brama_taken *m, enum brama_pack_kind kind)
{
    if (kind == BRAMA_PACK_POLICY)
        return brama_policy_open(&m->policy, m->bytes, m->size) == BRAMA_OK &&
               brama_pack_number(&m->policy.pack) == m->number;
    return brama_facts_open(&m->facts, m->bytes, m->size) == BRAMA_OK &&
           brama_pack_number(&m->facts.pack) == m->number;
}

static bool is_whole(const struct brama_taken *m, enum brama_pack_kind kind)
{
    return kind == BRAMA_PACK_POLICY ? brama_policy_verify(&m->policy) == BRAMA_OK
                                     : brama_facts_verify(&m->facts) == BRAMA_OK;
}

struct brama_taken *brama_taken_open(const char *path, uint64_t number, enum brama_pack_kind kind,
                                     bool whole)
{
    struct brama_taken *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->refs = 1;
    m->number = number;
    if (read_file(m, path) && open_as(m, kind) && (!whole || is_whole(m, kind)))
        return m;
    brama_taken_unpin(m);
    return NULL;
}

struct brama_taken *brama_taken_pin(struct brama_taken *m)
{
    if (m != NULL)
        m->refs++;
    return m;
}

void brama_taken_unpin(struct brama_taken *m)
{
    if (m == NULL || --m->refs != 0)
        return;
    if (m->bytes != NULL)
        (void)munmap(m->bytes, m->room);
    free(m);
}
