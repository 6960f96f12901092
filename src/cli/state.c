#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 20

void brama_state_init(struct brama_state *state, struct brama_cli *cli, brama_str dir)
{
    const char *given = getenv("BRAMA_STATE"), *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    *state = (struct brama_state){.cli = cli, .dir = dir};
    if (dir.n != 0)
        return;
    if (given != NULL && given[0] != '\0')
        state->dir = brama_str_c(given);
    else if (geteuid() == 0)
        state->dir = BRAMA_STR("/var/lib/brama");
    else if (xdg != NULL && xdg[0] == '/')
        state->dir = brama_arena_printf(cli->arena, "%s/brama", xdg);
    else
        state->dir =
            brama_arena_printf(cli->arena, "%s/.local/state/brama", home != NULL ? home : "");
}

brama_str brama_state_path(const struct brama_state *state, const char *name)
{
    return brama_arena_printf(state->cli->arena, "%.*s/%s", BRAMA_FMT(state->dir), name);
}

/* how: LOCK_SH where a holder has it alone, LOCK_EX where several share it. */
static bool is_held(int fd, int how)
{
    if (flock(fd, how | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    flock(fd, LOCK_UN);
    return false;
}

/* -1: not there. */
static int open_in(const struct brama_state *state, const char *name)
{
    brama_str path = brama_state_path(state, name);

    return path.n != 0 ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;
}

bool brama_state_is_locked(const struct brama_state *state, const char *name)
{
    int fd = open_in(state, name);

    if (fd < 0)
        return false;
    bool held = is_held(fd, strcmp(name, BRAMA_STATE_NGINX_LOCK) == 0 ? LOCK_EX : LOCK_SH);
    close(fd);
    return held;
}

static pid_t read_pid(const struct brama_state *state, const char *name)
{
    char text[32];
    uint64_t pid = 0;
    int fd = open_in(state, name);

    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    if (n <= 0 || !brama_str_u64(brama_str_trim((brama_str){text, (size_t)n}), &pid) || pid < 2 ||
        pid > INT32_MAX)
        return -1;
    return (pid_t)pid;
}

pid_t brama_state_holder(const struct brama_state *state, const char *lock_file)
{
    return brama_state_is_locked(state, lock_file) ? read_pid(state, lock_file) : 0;
}

static bool is_control(const struct brama_control *control)
{
    return memcmp(control->magic, "BRAMACTL", 8) == 0 && control->format == BRAMA_PAGES_FORMAT;
}

/* A page of the state directory, mapped for reading; NULL if it isn't one. */
static void *map_page(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_size < BRAMA_PAGE_BYTES)
        return NULL;
    void *page = mmap(NULL, BRAMA_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    return page != MAP_FAILED ? page : NULL;
}

uint64_t brama_state_policy_number(const struct brama_state *state)
{
    uint64_t number = 0;
    int fd = open_in(state, BRAMA_STATE_CONTROL);

    if (fd < 0)
        return 0;
    struct brama_control *control = map_page(fd);
    if (control != NULL && is_control(control))
        number = atomic_load_explicit(&control->policy, memory_order_acquire);
    if (control != NULL)
        munmap(control, BRAMA_PAGE_BYTES);
    close(fd);
    return number;
}

bool brama_state_policy_open(struct brama_state_policy *out, const struct brama_state *state,
                             uint64_t number)
{
    char name[64];
    struct stat st;

    *out = (struct brama_state_policy){0};
    snprintf(name, sizeof(name), "%s%llu", BRAMA_STATE_POLICY, (unsigned long long)number);
    int fd = open_in(state, name);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && st.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            out->bytes = bytes;
            out->size = (size_t)st.st_size;
        }
    }
    close(fd);
    if (out->bytes != NULL && brama_policy_open(&out->policy, out->bytes, out->size) == BRAMA_OK &&
        brama_policy_verify(&out->policy) == BRAMA_OK)
        return true;
    brama_state_policy_close(out);
    return false;
}

/* Also when a newer one takes the place of the one whose number was just read. */
bool brama_state_policy_latest(struct brama_state_policy *out, const struct brama_state *state,
                               unsigned wait_ms)
{
    for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
        uint64_t number = brama_state_policy_number(state);
        if (number != 0 && brama_state_policy_open(out, state, number))
            return true;
        if (waited_ms >= wait_ms)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

void brama_state_policy_close(struct brama_state_policy *policy)
{
    if (policy->bytes != NULL)
        munmap(policy->bytes, policy->size);
    *policy = (struct brama_state_policy){0};
}

enum worker { WORKER_NONE, WORKER_BEHIND, WORKER_SERVES };

/* A page that nobody holds is a dead worker's and says nothing. */
static enum worker look_at(const struct brama_state *state, unsigned slot, uint64_t number)
{
    char name[64];
    enum worker found = WORKER_NONE;

    snprintf(name, sizeof(name), "%s/%u", BRAMA_STATE_WORKERS, slot);
    int fd = open_in(state, name);
    if (fd < 0)
        return WORKER_NONE;
    struct brama_worker_page *page = is_held(fd, LOCK_SH) ? map_page(fd) : NULL;
    if (page != NULL && memcmp(page->magic, "BRAMAWRK", 8) == 0 &&
        page->format == BRAMA_PAGES_FORMAT) {
        uint64_t served = atomic_load_explicit(&page->policy, memory_order_acquire);
        found = served >= number ? WORKER_SERVES : WORKER_BEHIND;
    }
    if (page != NULL)
        munmap(page, BRAMA_PAGE_BYTES);
    close(fd);
    return found;
}

bool brama_state_workers_serve(const struct brama_state *state, uint64_t number)
{
    bool any = false;

    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS; slot++) {
        enum worker w = look_at(state, slot, number);
        if (w == WORKER_BEHIND)
            return false;
        any = any || w == WORKER_SERVES;
    }
    return any;
}
