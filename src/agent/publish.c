#include "agent/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/write_all.h"

#include "agent/step.h"
#include "policy/facts.h"
#include "policy/policy.h"
#include "shm/shm.h"

static const char *const prefixes[] = {[BRAMA_PACK_NONE] = "",
                                       [BRAMA_PACK_POLICY] = BRAMA_STATE_POLICY,
                                       [BRAMA_PACK_FACTS] = BRAMA_STATE_FACTS};

/* More than any gateway will ever publish. */
#define NUMBER_MAX (UINT64_MAX / 2)

static enum brama_err complain(struct brama_diag *diag, const char *what, const char *name)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s %s: %s", what, name, strerror(errno));
    return BRAMA_ERR_IO;
}

static _Atomic uint64_t *number_of(const struct brama__publisher *p, enum brama_pack_kind kind)
{
    return kind == BRAMA_PACK_POLICY ? &p->control->policy : &p->control->facts;
}

/* Which file is it? BRAMA_PACK_NONE: none of the published ones. */
static enum brama_pack_kind kind_of(const char *name, uint64_t *number, bool *temporary)
{
    brama_str s = brama_str_c(name);
    *temporary = brama_str_ends(s, BRAMA_STR(".tmp"));
    if (*temporary)
        s.n -= 4;
    for (int kind = BRAMA_PACK_POLICY; kind <= BRAMA_PACK_FACTS; kind++) {
        brama_str prefix = brama_str_c(prefixes[kind]);
        if (brama_str_starts(s, prefix) && brama_str_u64(brama_str_from(s, prefix.n), number) &&
            *number <= NUMBER_MAX)
            return (enum brama_pack_kind)kind;
    }
    return BRAMA_PACK_NONE;
}

typedef bool goes(const struct brama__publisher *p, enum brama_pack_kind kind, uint64_t number,
                  bool temporary, void *ctx);

/* Look at every published file and unlink those that go. */
static void sweep(const struct brama__publisher *p, goes *test, void *ctx)
{
    int fd = openat(p->state->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        uint64_t number;
        bool temporary;
        enum brama_pack_kind kind = kind_of(e->d_name, &number, &temporary);
        if (kind != BRAMA_PACK_NONE && test(p, kind, number, temporary, ctx))
            unlinkat(p->state->dir_fd, e->d_name, 0);
    }
    closedir(dir);
}

/* Never told to anybody: named, but the crash came before the store. Its number is used all the
 * same. */
static bool is_litter(const struct brama__publisher *p, enum brama_pack_kind kind, uint64_t number,
                      bool temporary, void *ctx)
{
    uint64_t *highest = ctx;
    if (number > highest[kind])
        highest[kind] = number;
    return temporary || number > atomic_load(number_of(p, kind));
}

/* A page that is written through a mapping has its blocks first: a hole is a crash when the disk is
 * full. False: errno. */
static bool has_room(int fd, off_t bytes)
{
    errno = posix_fallocate(fd, 0, bytes);
    return errno == 0;
}

static enum brama_err make_control(const struct brama__state *state, struct brama_diag *diag)
{
    static const char temporary[] = BRAMA_STATE_CONTROL ".tmp";
    struct brama_control page = {.magic = {'B', 'R', 'A', 'M', 'A', 'C', 'T', 'L'},
                                 .format = BRAMA_PAGES_FORMAT};
    unlinkat(state->dir_fd, temporary, 0);
    int fd = openat(state->dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    brama__step();
    bool done = fd >= 0 && has_room(fd, BRAMA_CONTROL_BYTES) &&
                pwrite(fd, &page, sizeof(page), 0) == (ssize_t)sizeof(page) &&
                brama__state_give(state, fd) && fsync(fd) == 0 &&
                renameat(state->dir_fd, temporary, state->dir_fd, BRAMA_STATE_CONTROL) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    brama__step();
    errno = why;
    return done ? BRAMA_OK : complain(diag, "can't make", BRAMA_STATE_CONTROL);
}

static bool is_control(const struct brama_control *control)
{
    return memcmp(control->magic, "BRAMACTL", sizeof(control->magic)) == 0 &&
           control->format == BRAMA_PAGES_FORMAT;
}

/* False: not there, or not of this format. Its mode says read-only, to all others. */
static bool map_control(struct brama__publisher *p)
{
    const struct brama__state *state = p->state;
    if (fchmodat(state->dir_fd, BRAMA_STATE_CONTROL, 0640, 0) != 0)
        return false;
    int fd = openat(state->dir_fd, BRAMA_STATE_CONTROL, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    struct brama_control *page = NULL;
    if (brama__state_give(state, fd))
        page = brama_shm_map(fd, BRAMA_CONTROL_BYTES, PROT_READ | PROT_WRITE);
    if (page != NULL && is_control(page)) {
        p->control = page;
        p->control_fd = fd;
        return true;
    }
    brama_shm_unmap(page, BRAMA_CONTROL_BYTES);
    close(fd);
    return false;
}

static void unmap_control(struct brama__publisher *p)
{
    brama_shm_unmap(p->control, BRAMA_CONTROL_BYTES);
    if (p->control_fd >= 0)
        close(p->control_fd);
    p->control = NULL;
    p->control_fd = -1;
}

/* A number that no counting has led to is damage; what the files say is enough to go on from. */
static void distrust(const struct brama__publisher *p, enum brama_pack_kind kind)
{
    if (atomic_load(number_of(p, kind)) > NUMBER_MAX)
        atomic_store(number_of(p, kind), 0);
}

enum brama_err brama__publisher_open(struct brama__publisher *p, const struct brama__state *state,
                                     struct brama_diag *diag)
{
    *p = (struct brama__publisher){.state = state, .poke_fd = -1, .control_fd = -1};
    if (!map_control(p)) {
        enum brama_err err = make_control(state, diag);
        if (err != BRAMA_OK)
            return err;
        if (!map_control(p))
            return complain(diag, "can't map", BRAMA_STATE_CONTROL);
    }
    for (int kind = BRAMA_PACK_POLICY; kind <= BRAMA_PACK_FACTS; kind++) {
        distrust(p, (enum brama_pack_kind)kind);
        p->highest[kind] = atomic_load(number_of(p, (enum brama_pack_kind)kind));
    }
    sweep(p, is_litter, p->highest);
    p->poke_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return p->poke_fd >= 0 ? BRAMA_OK : complain(diag, "can't make", "a socket");
}

void brama__publisher_close(struct brama__publisher *p)
{
    unmap_control(p);
    if (p->poke_fd >= 0)
        close(p->poke_fd);
    p->poke_fd = -1;
}

uint64_t brama__publish_next(const struct brama__publisher *p, enum brama_pack_kind kind)
{
    return p->highest[kind] + 1;
}

/* A lost poke costs a worker's look a second later. */
static void poke(const struct brama__publisher *p)
{
    int dir = openat(p->state->dir_fd, BRAMA_STATE_WORKERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS; slot++) {
        /* sun_path is short, a state directory may be long. */
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%u.sock", dir, slot);
        (void)!sendto(p->poke_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                      sizeof(to));
    }
    close(dir);
}

/* Without the file's name: a text that stays the same is said once. */
static enum brama_err cannot(struct brama_diag *diag, const struct brama__publisher *p,
                             const char *what, const char *why)
{
    brama_diag_set(diag, (struct brama_where){0}, "can't %s a new file in %.120s: %s", what,
                   p->state->dir, why);
    return BRAMA_ERR_IO;
}

static enum brama_err verify_rows(brama_str bytes, enum brama_pack_kind kind, uint64_t number)
{
    struct brama_policy policy;
    struct brama_facts facts;
    enum brama_err err;
    if (kind == BRAMA_PACK_POLICY) {
        err = brama_policy_open(&policy, bytes.p, bytes.n);
        if (err == BRAMA_OK)
            err = brama_policy_verify_rows(&policy);
        return err == BRAMA_OK && brama_pack_number(&policy.pack) != number ? BRAMA_ERR_INVALID
                                                                            : err;
    }
    err = brama_facts_open(&facts, bytes.p, bytes.n);
    if (err == BRAMA_OK)
        err = brama_facts_verify_rows(&facts);
    return err == BRAMA_OK && brama_pack_number(&facts.pack) != number ? BRAMA_ERR_INVALID : err;
}

static bool is_in_file(int fd, brama_str bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size <= 0 || (size_t)st.st_size != bytes.n)
        return false;
    const void *there = brama_shm_map(fd, bytes.n, PROT_READ);
    bool same = there != NULL && memcmp(there, bytes.p, bytes.n) == 0;
    brama_shm_unmap(there, bytes.n);
    return same;
}

/* What a worker will read, looked through once, so that it needn't. Byte for byte what was written,
 * and so of the digest that was made over it: rows are looked at where they are at hand. */
static enum brama_err read_back(const struct brama__publisher *p, const char *name,
                                enum brama_pack_kind kind, uint64_t number, brama_str bytes,
                                struct brama_diag *diag)
{
    int fd = openat(p->state->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cannot(diag, p, "read back", strerror(errno));
    bool same = is_in_file(fd, bytes);
    close(fd);
    if (same && verify_rows(bytes, kind, number) == BRAMA_OK)
        return BRAMA_OK;
    (void)cannot(diag, p, "trust", "it isn't what was written");
    return BRAMA_ERR_INVALID;
}

/* *fd: of the file, for onto_disk(). */
static enum brama_err write_aside(const struct brama__publisher *p, const char *name,
                                  brama_str bytes, int *fd, struct brama_diag *diag)
{
    *fd =
        openat(p->state->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return cannot(diag, p, "make", strerror(errno));
    brama__step();
    if (!brama_write_all(*fd, bytes) || !brama__state_give(p->state, *fd))
        return cannot(diag, p, "write", strerror(errno));
    /* The disk works while the file is looked through; whether it can is for fsync to say. */
    (void)sync_file_range(*fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    brama__step();
    return BRAMA_OK;
}

static enum brama_err onto_disk(const struct brama__publisher *p, int fd, struct brama_diag *diag)
{
    bool done = fsync(fd) == 0;
    int why = errno;
    brama__step();
    return done ? BRAMA_OK : cannot(diag, p, "write", strerror(why));
}

/* For good, and under its name. */
static enum brama_err name_it(const struct brama__publisher *p, const char *temporary,
                              const char *name, struct brama_diag *diag)
{
    bool done = renameat(p->state->dir_fd, temporary, p->state->dir_fd, name) == 0;
    brama__step();
    done = done && fsync(p->state->dir_fd) == 0;
    brama__step();
    return done ? BRAMA_OK : cannot(diag, p, "name", strerror(errno));
}

static bool look_at(const struct brama__publisher *p, enum brama_pack_kind kind, uint64_t number,
                    struct brama__published *out)
{
    char name[48];
    struct stat st;
    snprintf(name, sizeof(name), "%s%" PRIu64, prefixes[kind], number);
    if (fstatat(p->state->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *out = (struct brama__published){number, st.st_ino, st.st_size, st.st_mtim};
    return true;
}

/* Is the page under its name still ours, as long as it was, and what we have mapped? If not, one
 * that is takes its place. */
static bool control_is_there(struct brama__publisher *p)
{
    struct stat ours, named;
    struct brama__publisher made = {.state = p->state, .control_fd = -1};
    bool same = fstatat(p->state->dir_fd, BRAMA_STATE_CONTROL, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                fstat(p->control_fd, &ours) == 0 && named.st_ino == ours.st_ino &&
                named.st_dev == ours.st_dev;
    if (same && brama_shm_whole(p->control_fd, p->control, BRAMA_CONTROL_BYTES))
        return true;
    if (same && has_room(p->control_fd, BRAMA_CONTROL_BYTES) && !brama_shm_lost(p->control))
        return false;
    if (make_control(p->state, NULL) == BRAMA_OK && map_control(&made)) {
        /* Somebody may wait for a fetch, and its counters never go back. */
        memcpy(made.control->keysets, p->control->keysets, sizeof(made.control->keysets));
        unmap_control(p);
        p->control = made.control;
        p->control_fd = made.control_fd;
    }
    return false;
}

/* Others could cut, change or replace the page. False: something wasn't right. */
static bool put_control_right(struct brama__publisher *p)
{
    bool right = control_is_there(p);
    if (!is_control(p->control)) {
        right = false;
        memcpy(p->control->magic, "BRAMACTL", sizeof(p->control->magic));
        p->control->format = BRAMA_PAGES_FORMAT;
    }
    for (int kind = BRAMA_PACK_POLICY; kind <= BRAMA_PACK_FACTS; kind++) {
        uint64_t number = p->told[kind].number;
        _Atomic uint64_t *at = number_of(p, (enum brama_pack_kind)kind);
        if (number == 0 || atomic_load(at) == number)
            continue;
        right = false;
        atomic_store_explicit(at, number, memory_order_release);
    }
    return right;
}

static bool is_as_told(const struct brama__publisher *p, enum brama_pack_kind kind)
{
    const struct brama__published *told = &p->told[kind];
    struct brama__published now;
    return told->number == 0 ||
           (look_at(p, kind, told->number, &now) && now.inode == told->inode &&
            now.size == told->size && now.written.tv_sec == told->written.tv_sec &&
            now.written.tv_nsec == told->written.tv_nsec);
}

enum brama__look brama__publish_look(struct brama__publisher *p, struct brama_diag *diag)
{
    for (int kind = BRAMA_PACK_POLICY; kind <= BRAMA_PACK_FACTS; kind++) {
        if (is_as_told(p, (enum brama_pack_kind)kind))
            continue;
        brama_diag_set(diag, (struct brama_where){0},
                       "somebody has changed or removed %s%" PRIu64
                       " in %.120s: to be published anew",
                       prefixes[kind], p->told[kind].number, p->state->dir);
        return BRAMA__LOOK_FILES;
    }
    if (put_control_right(p))
        return BRAMA__LOOK_GOOD;
    brama_diag_set(diag, (struct brama_where){0},
                   "somebody has changed or removed " BRAMA_STATE_CONTROL " in %.120s; put right",
                   p->state->dir);
    poke(p);
    return BRAMA__LOOK_CONTROL;
}

enum brama_err brama__publish(struct brama__publisher *p, enum brama_pack_kind kind,
                              uint64_t number, brama_str bytes, struct brama_diag *diag)
{
    char name[48], temporary[56];
    snprintf(name, sizeof(name), "%s%" PRIu64, prefixes[kind], number);
    snprintf(temporary, sizeof(temporary), "%s.tmp", name);
    if (number > p->highest[kind])
        p->highest[kind] = number;
    int fd;
    enum brama_err err = write_aside(p, temporary, bytes, &fd, diag);
    if (err == BRAMA_OK)
        err = read_back(p, temporary, kind, number, bytes, diag);
    if (err == BRAMA_OK)
        err = onto_disk(p, fd, diag);
    if (fd >= 0)
        close(fd);
    brama__step();
    if (err == BRAMA_OK)
        err = name_it(p, temporary, name, diag);
    if (err != BRAMA_OK) {
        unlinkat(p->state->dir_fd, temporary, 0);
        unlinkat(p->state->dir_fd, name, 0);
        return err;
    }
    (void)put_control_right(p);
    if (brama_shm_lost(p->control)) {
        unlinkat(p->state->dir_fd, name, 0);
        return cannot(diag, p, "tell", "its control page can't be made");
    }
    (void)look_at(p, kind, number, &p->told[kind]);
    atomic_store_explicit(number_of(p, kind), number, memory_order_release);
    brama__step();
    poke(p);
    brama__step();
    return BRAMA_OK;
}

static void count_worker(struct brama__workers *w, const struct brama__publisher *p, int fd,
                         pid_t master)
{
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        flock(fd, LOCK_UN);
        return; /* its worker is gone */
    }
    const struct brama_worker_page *page = brama_shm_map(fd, BRAMA_PAGE_BYTES, PROT_READ);
    if (page == NULL)
        return;
    uint64_t policy = atomic_load(&page->policy), facts = atomic_load(&page->facts);
    if (memcmp(page->magic, "BRAMAWRK", sizeof(page->magic)) == 0 &&
        page->format == BRAMA_PAGES_FORMAT) {
        bool current =
            policy >= atomic_load(&p->control->policy) && facts >= atomic_load(&p->control->facts);
        w->live += page->master == master;
        w->current += page->master == master && current;
        if (policy < w->oldest[BRAMA_PACK_POLICY])
            w->oldest[BRAMA_PACK_POLICY] = policy;
        if (facts < w->oldest[BRAMA_PACK_FACTS])
            w->oldest[BRAMA_PACK_FACTS] = facts;
    }
    brama_shm_unmap(page, BRAMA_PAGE_BYTES);
}

struct brama__workers brama__publish_workers(const struct brama__publisher *p, pid_t master)
{
    struct brama__workers w = {.oldest = {UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS; slot++) {
        char name[32];
        snprintf(name, sizeof(name), BRAMA_STATE_WORKERS "/%u", slot);
        int fd = openat(p->state->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        count_worker(&w, p, fd, master);
        close(fd);
    }
    return w;
}

/* Of each kind, the oldest number that stays. */
static bool is_left_behind(const struct brama__publisher *p, enum brama_pack_kind kind,
                           uint64_t number, bool temporary, void *ctx)
{
    const struct brama__workers *w = ctx;
    uint64_t newest = atomic_load(number_of(p, kind));
    return !temporary && number + 1 < newest && number < w->oldest[kind];
}

void brama__publish_collect(const struct brama__publisher *p)
{
    struct brama__workers w = brama__publish_workers(p, 0);
    sweep(p, is_left_behind, &w);
}
