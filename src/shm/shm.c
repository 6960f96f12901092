/* A signal comes without a word of whose it is: the table of ranges is the program's, and so it is
 * the one thing in it that stands alone. */
#include "shm/shm.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct range {
    _Atomic uintptr_t at; /* 0: free; written last */
    size_t bytes;
    _Atomic bool lost;
};

static struct range ranges[BRAMA_SHM_MAX];
static struct sigaction before;

static struct range *find(const void *p)
{
    for (size_t i = 0; i < BRAMA_SHM_MAX; i++) {
        if (atomic_load(&ranges[i].at) == (uintptr_t)p)
            return &ranges[i];
    }
    return NULL;
}

/* Nothing but the system call is done here, which may be. */
static bool stand_in(struct range *r)
{
    void *p = (void *)(uintptr_t)atomic_load(&r->at);
    if (mmap(p, r->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        return false;
    atomic_store(&r->lost, true);
    return true;
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    int why = errno;
    (void)number;
    (void)context;
    for (size_t i = 0; i < BRAMA_SHM_MAX; i++) {
        uintptr_t first = atomic_load(&ranges[i].at);
        if (first == 0 || at < first || at - first >= ranges[i].bytes || !stand_in(&ranges[i]))
            continue;
        errno = why;
        return;
    }
    sigaction(SIGBUS, &before, NULL); /* and it comes again */
    errno = why;
}

/* Each time: others may have taken it over since. */
static bool guard(void)
{
    struct sigaction ours = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO}, now;
    if (sigaction(SIGBUS, NULL, &now) != 0)
        return false;
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_bus)
        return true;
    before = now;
    sigemptyset(&ours.sa_mask);
    return sigaction(SIGBUS, &ours, NULL) == 0;
}

void *brama_shm_map(int fd, size_t bytes, int prot)
{
    struct stat st;
    struct range *r = find(NULL);
    if (r == NULL || !guard() || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size < bytes)
        return NULL;
    void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return NULL;
    r->bytes = bytes;
    atomic_store(&r->lost, false);
    atomic_store(&r->at, (uintptr_t)p);
    return p;
}

void brama_shm_unmap(const void *p, size_t bytes)
{
    struct range *r = p != NULL ? find(p) : NULL;
    if (r == NULL)
        return;
    atomic_store(&r->at, 0);
    (void)munmap((void *)(uintptr_t)p, bytes);
}

bool brama_shm_lost(const void *p)
{
    const struct range *r = p != NULL ? find(p) : NULL;
    return r != NULL && atomic_load(&r->lost);
}

bool brama_shm_whole(int fd, const void *p, size_t bytes)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink != 0 && (uint64_t)st.st_size >= bytes &&
           !brama_shm_lost(p);
}
