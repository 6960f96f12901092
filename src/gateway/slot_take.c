/* Taking a published file: open, fstat, read, check its header. It is read and not mapped, so that
 * what becomes of the file later is nothing to us: a megabyte costs a third of a millisecond.
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

/* Memory of our own, and from then on read-only. */
static void *read_file(const char *path, size_t *size)
{
    struct stat st;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd == -1)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        is_as_long_as_it_says(fd, (size_t)st.st_size))
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (bytes != MAP_FAILED && (!read_all(fd, bytes, (size_t)st.st_size) ||
                                mprotect(bytes, (size_t)st.st_size, PROT_READ) != 0)) {
        (void)munmap(bytes, (size_t)st.st_size);
        bytes = MAP_FAILED;
    }
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return NULL;
    *size = (size_t)st.st_size;
    return bytes;
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
    m->bytes = read_file(path, &m->size);
    if (m->bytes != NULL && open_as(m, kind) && (!whole || is_whole(m, kind)))
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
        (void)munmap(m->bytes, m->size);
    free(m);
}
