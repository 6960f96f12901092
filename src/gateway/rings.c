#include "gateway/rings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct brama_refusals *map_one(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    void *bytes = MAP_FAILED;

    if (fd == -1)
        return NULL;
    if (fstat(fd, &st) == 0 && (size_t)st.st_size >= sizeof(struct brama_refusals))
        bytes = mmap(NULL, sizeof(struct brama_refusals), PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return NULL;
    if (brama_refusals_ok(bytes, sizeof(struct brama_refusals)))
        return bytes;
    (void)munmap(bytes, sizeof(struct brama_refusals));
    return NULL;
}

void brama_rings_open(struct brama_rings *out, const struct brama_slot *slot)
{
    char path[NGX_MAX_PATH];

    ngx_memzero(out, sizeof(*out));
    for (unsigned i = 0; i < BRAMA_WORKER_SLOTS; i++) {
        *ngx_snprintf((u_char *)path, sizeof(path) - 1,
                      "%V/" BRAMA_STATE_WORKERS "/%ui" BRAMA_STATE_REFUSALS, &slot->state_dir,
                      (ngx_uint_t)i) = '\0';
        const struct brama_refusals *ring = map_one(path);
        if (ring == NULL)
            continue;
        out->of[out->count].ring = ring;
        out->of[out->count++].end = brama_refusals_end(ring);
    }
}

void brama_rings_close(struct brama_rings *rings)
{
    for (unsigned i = 0; i < rings->count; i++)
        (void)munmap((void *)(uintptr_t)rings->of[i].ring, sizeof(struct brama_refusals));
    rings->count = 0;
}
