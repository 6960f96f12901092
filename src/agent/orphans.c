#include "agent/orphans.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 500 /* a worker that is busy with a request of a second is none of ours */

/* What a live worker's page says of where it comes from. */
struct parent {
    pid_t master;
    uint32_t format;
    char mark[BRAMA_MARK_BYTES];
};

static bool read_parent(struct parent *out, int state_fd, unsigned slot)
{
    char name[32];
    struct brama_worker_page page;
    snprintf(name, sizeof(name), BRAMA_STATE_WORKERS "/%u", slot);
    int fd = openat(state_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    bool lives = flock(fd, LOCK_SH | LOCK_NB) != 0 &&
                 pread(fd, &page, sizeof(page), 0) == (ssize_t)sizeof(page) &&
                 memcmp(page.magic, "BRAMAWRK", sizeof(page.magic)) == 0;
    close(fd);
    if (!lives)
        return false;
    *out = (struct parent){.master = page.master, .format = page.format};
    memcpy(out->mark, page.mark, sizeof(out->mark));
    return true;
}

static bool has_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, 0) != 0;
}

/* A worker's page is written by a worker, and a pid file may be old: neither is believed. */
static bool holds_our_lock(pid_t pid, int state_fd)
{
    char path[64];
    struct stat lock, held;
    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, BRAMA__NGINX_LOCK_FD);
    return fstatat(state_fd, BRAMA_STATE_NGINX_LOCK, &lock, AT_SYMLINK_NOFOLLOW) == 0 &&
           stat(path, &held) == 0 && lock.st_dev == held.st_dev && lock.st_ino == held.st_ino;
}

/* The one of that pid, looked for among those that are known already first. */
static struct brama_orphan *add(struct brama_orphans *o, int state_fd, pid_t pid)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->master[i].pid == pid)
            return &o->master[i];
    }
    if (pid <= 1 || pid == getpid() || o->count == BRAMA_ORPHANS_MAX)
        return NULL;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return NULL;
    /* Alive after the look means that it was this process that was looked at. */
    if (!holds_our_lock(pid, state_fd) || has_ended(fd)) {
        close(fd);
        return NULL;
    }
    o->master[o->count] = (struct brama_orphan){.pid = pid, .pidfd = fd};
    return &o->master[o->count++];
}

static pid_t read_pid_file(int state_fd)
{
    char text[32];
    uint64_t pid = 0;
    int fd =
        openat(state_fd, BRAMA_STATE_NGINX_PID, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0)
        close(fd);
    bool found = n > 0 && brama_str_u64(brama_str_trim((brama_str){text, (size_t)n}), &pid) &&
                 pid <= INT32_MAX;
    return found ? (pid_t)pid : 0;
}

void brama_orphans_find(struct brama_orphans *out, int state_fd, const char *mark)
{
    *out = (struct brama_orphans){.count = 0};
    (void)add(out, state_fd, read_pid_file(state_fd));
    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS; slot++) {
        struct parent p;
        struct brama_orphan *o =
            read_parent(&p, state_fd, slot) ? add(out, state_fd, p.master) : NULL;
        if (o != NULL && p.format == BRAMA_PAGES_FORMAT &&
            memcmp(p.mark, mark, sizeof(p.mark)) == 0)
            o->same = true;
    }
}

/* Take the descriptors out of one message. */
static void receive(struct brama__listen *out, int from)
{
    union {
        char bytes[CMSG_SPACE(BRAMA_SOCKETS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec text = {&byte, sizeof(byte)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct pollfd p = {.fd = from, .events = POLLIN};

    if (poll(&p, 1, ANSWER_MS) != 1 || recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (out->count < BRAMA_ARRAY_LEN(out->fd))
                out->fd[out->count++] = fd;
            else
                close(fd);
        }
    }
}

/* The question carries the descriptor for its answer. */
static bool ask(int state_fd, unsigned slot, int question)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char byte = 0;
    struct iovec text = {&byte, sizeof(byte)};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof(to),
                             .msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &question, sizeof(question));
    snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/" BRAMA_STATE_WORKERS "/%u.sock",
             state_fd, slot);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    close(fd);
    return sent;
}

static bool is_one_of(const struct brama_orphans *o, pid_t pid)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->master[i].pid == pid)
            return true;
    }
    return false;
}

void brama__orphans_sockets(const struct brama_orphans *orphans, int state_fd,
                            struct brama__listen *out)
{
    for (unsigned slot = 0; slot < BRAMA_WORKER_SLOTS && out->count == 0; slot++) {
        struct parent p;
        int pair[2];
        if (!read_parent(&p, state_fd, slot) || !is_one_of(orphans, p.master) ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
            continue;
        bool asked = ask(state_fd, slot, pair[1]);
        close(pair[1]); /* the worker's copy is the last one: its end is an answer, too */
        if (asked)
            receive(out, pair[0]);
        close(pair[0]);
    }
}

void brama_orphan_signal(const struct brama_orphan *orphan, int number)
{
    (void)!syscall(SYS_pidfd_send_signal, orphan->pidfd, number, NULL, 0);
}

void brama_orphans_forget(struct brama_orphans *orphans, size_t index)
{
    close(orphans->master[index].pidfd);
    orphans->master[index] = orphans->master[--orphans->count];
}

bool brama_orphans_reap(struct brama_orphans *orphans)
{
    bool any = false;
    for (size_t i = orphans->count; i-- != 0;) {
        if (!has_ended(orphans->master[i].pidfd))
            continue;
        brama_orphans_forget(orphans, i);
        any = true;
    }
    return any;
}

void brama_orphans_close(struct brama_orphans *orphans)
{
    while (orphans->count != 0)
        brama_orphans_forget(orphans, 0);
}
