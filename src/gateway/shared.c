#include "gateway/shared.h"

#include <fcntl.h>
#include <unistd.h>

#include "shm/shm.h"

static void path_of(char out[NGX_MAX_PATH], const struct brama_slot *slot, unsigned index,
                    const char *suffix)
{
    *ngx_snprintf((u_char *)out, NGX_MAX_PATH - 1, "%V/" BRAMA_STATE_WORKERS "/%ui%s",
                  &slot->state_dir, (ngx_uint_t)index, suffix) = '\0';
}

void *brama_shared_own(int *fd, const struct brama_slot *slot, const char *suffix, size_t bytes,
                       size_t room_bytes)
{
    char path[NGX_MAX_PATH];
    void *p = NULL;

    *fd = -1;
    if (slot->page_fd == -1) /* no slot: nobody would look for it */
        return NULL;
    path_of(path, slot, slot->index, suffix);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd != -1 && ftruncate(*fd, (off_t)bytes) == 0 &&
        posix_fallocate(*fd, 0, (off_t)room_bytes) == 0)
        p = brama_shm_map(*fd, bytes, PROT_READ | PROT_WRITE);
    return p;
}

const void *brama_shared_read(const struct brama_slot *slot, unsigned index, const char *suffix,
                              size_t bytes)
{
    char path[NGX_MAX_PATH];

    path_of(path, slot, index, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1)
        return NULL;
    const void *p = brama_shm_map(fd, bytes, PROT_READ);
    (void)close(fd);
    return p;
}

void brama_shared_unmap(const void *p, size_t bytes)
{
    brama_shm_unmap(p, bytes);
}
