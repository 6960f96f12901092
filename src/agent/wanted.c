#include "agent/wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/policy.h"
#include "shm/shm.h"

static enum brama_err complain(struct brama_diag *diag)
{
    brama_diag_set(diag, (struct brama_where){0}, "can't listen on %s: %s", BRAMA_STATE_AGENT_SOCK,
                   strerror(errno));
    return BRAMA_ERR_IO;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct brama__wanted *w = poll->data;
    char byte[8];

    (void)status;
    (void)events;
    while (recv(w->fd, byte, sizeof(byte), MSG_DONTWAIT) >= 0)
        continue;
    w->poked(w->ctx);
}

/* sun_path is short, a state directory may be long. Workers of another user may write to it. */
static bool bind_socket(int fd, const struct brama__state *state, ino_t *inode)
{
    struct stat st;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = BRAMA_STATE_AGENT_SOCK;

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", state->dir_fd,
             name);
    unlinkat(state->dir_fd, name, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return false;
    if (state->as_root && fchownat(state->dir_fd, name, 0, state->gid, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (fchmodat(state->dir_fd, name, state->as_root ? 0620 : 0600, 0) != 0 ||
        fstatat(state->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *inode = st.st_ino;
    return true;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

enum brama_err brama__wanted_open(struct brama__wanted *w, uv_loop_t *loop,
                                  const struct brama__publisher *publisher,
                                  brama__wanted_poked *poked, void *ctx, struct brama_diag *diag)
{
    *w = (struct brama__wanted){.publisher = publisher, .poked = poked, .ctx = ctx};
    w->fd = new_socket();
    if (w->fd < 0)
        return complain(diag);
    if (!bind_socket(w->fd, publisher->state, &w->inode) ||
        uv_poll_init(loop, &w->poll, w->fd) != 0) {
        enum brama_err err = complain(diag);
        close(w->fd);
        w->fd = -1;
        return err;
    }
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, on_readable);
    for (size_t i = 0; i < BRAMA_CONTROL_KEYSETS; i++) {
        struct brama_control_keyset *k = &publisher->control->keysets[i];
        atomic_store(&k->done, atomic_load(&k->asked));
    }
    return BRAMA_OK;
}

void brama__wanted_bind_again(struct brama__wanted *w)
{
    int fd = new_socket();
    if (fd >= 0 && bind_socket(fd, w->publisher->state, &w->inode)) {
        uv_poll_stop(&w->poll);
        (void)dup3(fd, w->fd, O_CLOEXEC);
        uv_poll_start(&w->poll, UV_READABLE, on_readable);
    }
    if (fd >= 0)
        close(fd);
}

void brama__wanted_close(struct brama__wanted *w)
{
    struct stat st;
    int dir_fd = w->fd >= 0 ? w->publisher->state->dir_fd : -1;
    if (w->fd < 0)
        return;
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, NULL);
    /* Another agent's may stand there. */
    if (fstatat(dir_fd, BRAMA_STATE_AGENT_SOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_ino == w->inode)
        unlinkat(dir_fd, BRAMA_STATE_AGENT_SOCK, 0);
    close(w->fd);
    w->fd = -1;
}

static const struct brama_keyset *find_set(const struct brama_keysets *keysets, uint64_t id)
{
    const struct brama_keyset *k = NULL;
    for (size_t i = 0; (k = brama_keysets_at(keysets, i)) != NULL; i++) {
        if (brama_keyset_id(k->url) == id)
            break;
    }
    return k;
}

static void take_marks(struct brama_worker_page *page, struct brama_keysets *keysets)
{
    for (size_t i = 0; i < BRAMA_PAGE_WANTED; i++) {
        if (atomic_load(&page->wanted[i]) == 0)
            continue;
        const struct brama_keyset *k = find_set(keysets, atomic_exchange(&page->wanted[i], 0));
        if (k != NULL)
            brama_keysets_force(keysets, k->url);
    }
}

void brama__wanted_take(const struct brama__wanted *w, struct brama_keysets *keysets)
{
    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS; slot++) {
        char name[32];
        snprintf(name, sizeof(name), BRAMA_STATE_WORKERS "/%u", slot);
        int fd = openat(w->publisher->state->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        struct brama_worker_page *p = brama_shm_map(fd, BRAMA_PAGE_BYTES, PROT_READ | PROT_WRITE);
        close(fd);
        if (p == NULL)
            continue;
        if (memcmp(p->magic, "BRAMAWRK", sizeof(p->magic)) == 0 && p->format == BRAMA_PAGES_FORMAT)
            take_marks(p, keysets);
        brama_shm_unmap(p, BRAMA_PAGE_BYTES);
    }
}

static struct brama_control_keyset *entry_of(const struct brama__wanted *w, uint64_t id)
{
    struct brama_control *control = w->publisher->control;
    for (size_t i = 0; i < BRAMA_CONTROL_KEYSETS; i++) {
        if (atomic_load(&control->keysets[i].id) == id)
            return &control->keysets[i];
    }
    return NULL;
}

/* NULL: all are in use. */
static struct brama_control_keyset *new_entry(const struct brama__wanted *w,
                                              const struct brama_keysets *keysets, uint64_t id)
{
    struct brama_control_keyset *e = entry_of(w, 0);
    for (size_t i = 0; e == NULL && i < BRAMA_CONTROL_KEYSETS; i++) {
        struct brama_control_keyset *other = &w->publisher->control->keysets[i];
        if (find_set(keysets, atomic_load(&other->id)) == NULL)
            e = other;
    }
    if (e == NULL)
        return NULL;
    /* A fetch for its former set may never end; who waits for it decides anew and finds out. */
    atomic_store(&e->done, atomic_load(&e->asked));
    atomic_store(&e->next_at_s, 0);
    atomic_store(&e->id, id);
    return e;
}

void brama__wanted_asked(const struct brama__wanted *w, const struct brama_keysets *keysets,
                         uint64_t id)
{
    struct brama_control_keyset *e = entry_of(w, id);
    if (e == NULL)
        e = new_entry(w, keysets, id);
    if (e != NULL)
        atomic_fetch_add(&e->asked, 1);
}

void brama__wanted_done(const struct brama__wanted *w, uint64_t id, uint64_t version,
                        int64_t next_at_s)
{
    struct brama_control_keyset *e = entry_of(w, id);
    if (e == NULL)
        return;
    atomic_store(&e->version, version);
    atomic_store(&e->next_at_s, next_at_s);
    atomic_store_explicit(&e->done, atomic_load(&e->asked), memory_order_release);
}
