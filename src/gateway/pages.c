/* Reading every worker's page. A worker lives while somebody holds the lock on its page. */
#include "gateway/pages.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "shm/shm.h"

static uint64_t load(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void add(struct brama_pages *out, const struct brama_worker_page *page, unsigned index,
                bool live)
{
    out->problems += load(&page->problems);
    out->token_hits += load(&page->token_hits);
    out->token_misses += load(&page->token_misses);
    for (size_t i = 0; i < BRAMA_REASON_COUNT; i++)
        out->reasons[i] += load(&page->reasons[i]);
    if (!live)
        return;
    out->live[out->count].index = index;
    out->live[out->count].pid = page->pid;
    out->live[out->count].master = page->master;
    out->live[out->count].policy = load(&page->policy);
    out->live[out->count].facts = load(&page->facts);
    out->count++;
}

static void read_one(struct brama_pages *out, int fd, unsigned index)
{
    /* The lock of another description is in our way even if that one is our own. */
    bool live = flock(fd, LOCK_SH | LOCK_NB) != 0 && ngx_errno == EWOULDBLOCK;
    const struct brama_worker_page *page = brama_shm_map(fd, BRAMA_PAGE_BYTES, PROT_READ);
    if (page == NULL)
        return;
    if (memcmp(page->magic, "BRAMAWRK", sizeof(page->magic)) == 0 &&
        page->format == BRAMA_PAGES_FORMAT)
        add(out, page, index, live);
    brama_shm_unmap(page, BRAMA_PAGE_BYTES);
}

void brama_pages_read(struct brama_pages *out, const struct brama_slot *slot)
{
    char path[NGX_MAX_PATH];

    ngx_memzero(out, sizeof(*out));
    for (unsigned i = 0; i < BRAMA_WORKER_SLOTS; i++) {
        u_char *end =
            ngx_snprintf((u_char *)path, sizeof(path) - 1, "%V/" BRAMA_STATE_WORKERS "/%ui",
                         &slot->state_dir, (ngx_uint_t)i);
        *end = '\0';
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd == -1)
            continue;
        read_one(out, fd, i);
        (void)close(fd);
    }
}
