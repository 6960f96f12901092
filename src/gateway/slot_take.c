/* Taking a published file: open, fstat, map, check its header. No work that grows with the file,
 * except at a worker's start. */
#include "gateway/slot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *map_file(const char *path, size_t *size)
{
    struct stat st;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd == -1)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return NULL;
    *size = (size_t)st.st_size;
    return bytes;
}

static bool open_as(struct brama_mapped *m, enum brama_pack_kind kind)
{
    if (kind == BRAMA_PACK_POLICY)
        return brama_policy_open(&m->policy, m->bytes, m->size) == BRAMA_OK &&
               brama_pack_number(&m->policy.pack) == m->number;
    return brama_facts_open(&m->facts, m->bytes, m->size) == BRAMA_OK &&
           brama_pack_number(&m->facts.pack) == m->number;
}

static bool is_whole(const struct brama_mapped *m, enum brama_pack_kind kind)
{
    return kind == BRAMA_PACK_POLICY ? brama_policy_verify(&m->policy) == BRAMA_OK
                                     : brama_facts_verify(&m->facts) == BRAMA_OK;
}

struct brama_mapped *brama_mapped_open(const char *path, uint64_t number, enum brama_pack_kind kind,
                                       bool whole)
{
    struct brama_mapped *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->refs = 1;
    m->number = number;
    m->bytes = map_file(path, &m->size);
    if (m->bytes != NULL && open_as(m, kind) && (!whole || is_whole(m, kind)))
        return m;
    brama_mapped_unpin(m);
    return NULL;
}

struct brama_mapped *brama_mapped_pin(struct brama_mapped *m)
{
    if (m != NULL)
        m->refs++;
    return m;
}

void brama_mapped_unpin(struct brama_mapped *m)
{
    if (m == NULL || --m->refs != 0)
        return;
    if (m->bytes != NULL)
        (void)munmap(m->bytes, m->size);
    free(m);
}
