#include "issuer/porter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"
#include "issuer/key_files.h"

struct porter {
    struct brama__disk disk; /* our own: without a porter */
    int public_fd;
    struct brama__file_mark mark;
    struct brama_id_rules *rules;
};

union descriptor {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static bool send_answer(int to, struct brama__porter_answer *answer, int fd)
{
    union descriptor control = {.bytes = {0}};
    struct iovec text = {answer, sizeof(*answer)};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(to, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*answer);
}

static bool receive_answer(int from, struct brama__porter_answer *answer, int *fd)
{
    union descriptor control;
    struct iovec text = {answer, sizeof(*answer)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    do
        n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(c), sizeof(*fd));
    return n == (ssize_t)sizeof(*answer);
}

bool brama__porter_do(const struct brama__disk *disk, const struct brama__porter_ask *ask,
                      struct brama__porter_answer *answer, int *fd)
{
    *fd = -1;
    return send(disk->porter, ask, sizeof(*ask), MSG_NOSIGNAL) == (ssize_t)sizeof(*ask) &&
           receive_answer(disk->porter, answer, fd);
}

/* The rules as they are now: those that the signer has read are no newer. */
static void look_at_rules(struct porter *p)
{
    struct brama_id_rules *rules;
    struct brama_diag diag = {0};

    if (!brama__rules_look(&rules, &p->mark, &p->disk, &diag) || rules == NULL)
        return;
    brama_id_rules_free(p->rules);
    p->rules = rules;
}

static bool names_key(struct porter *p, const char *path)
{
    brama_str url;
    char named[PATH_MAX];

    look_at_rules(p);
    for (size_t i = 0; brama_id_rules_keys(p->rules, i, &url); i++) {
        if (url.n != 0 && brama_file_url_path(named, sizeof(named), url) &&
            strcmp(named, path) == 0)
            return true;
    }
    return false;
}

static bool names_own_key(struct porter *p)
{
    brama_str url;

    look_at_rules(p);
    for (size_t i = 0; brama_id_rules_keys(p->rules, i, &url); i++) {
        if (url.n == 0)
            return true;
    }
    return false;
}

static bool may_open(struct porter *p, const char *path)
{
    const struct brama_signer_options *o = p->disk.options;

    return strcmp(path, o->rules) == 0 || strcmp(path, o->own_key) == 0 ||
           strcmp(path, o->lock) == 0 || names_key(p, path);
}

static bool make_key(struct porter *p, char *why, size_t room)
{
    struct brama_diag diag = {0};
    bool made = brama__disk_make_key(&p->disk, &diag);

    snprintf(why, room, "%s", diag.what);
    return made;
}

/* What lies in the shared memory may change under our eyes; it is theirs to spoil. */
static bool publish(struct porter *p)
{
    struct brama_buf text;
    struct stat st;
    bool done = false;

    brama_buf_init(&text, NULL, BRAMA__PUBLIC_MAX);
    if (fstat(p->public_fd, &st) == 0 && st.st_size <= (off_t)BRAMA__PUBLIC_MAX) {
        size_t n = (size_t)st.st_size;
        char *room = n != 0 ? brama_buf_room(&text, n) : NULL;
        done = n == 0 || (room != NULL && pread(p->public_fd, room, n, 0) == st.st_size);
    }
    done = done && brama__disk_publish(&p->disk, brama_buf_str(&text));
    brama_buf_deinit(&text);
    return done;
}

static void serve_one(struct porter *p, const struct brama__porter_ask *ask,
                      struct brama__porter_answer *answer, int *fd)
{
    answer->error = EACCES;
    switch (ask->verb) {
    case BRAMA__PORTER_FILE:
        if (!may_open(p, ask->path))
            return;
        *fd = brama__disk_file(&p->disk, ask->path);
        answer->error = *fd >= 0 ? 0 : errno;
        return;
    case BRAMA__PORTER_MAKE_KEY:
        if (names_own_key(p))
            answer->error = make_key(p, answer->why, sizeof(answer->why)) ? 0 : EIO;
        return;
    case BRAMA__PORTER_PUBLISH:
        answer->error = publish(p) ? 0 : EIO;
        return;
    }
}

/* Until the signer has ended, or asks what it never asks. */
static void serve(const struct brama_signer_options *options, int socket, int public_fd)
{
    struct porter p = {.disk = {.options = options, .porter = -1}, .public_fd = public_fd};
    struct brama__porter_ask ask;

    while (recv(socket, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask)) {
        struct brama__porter_answer answer = {0};
        int fd = -1;
        ask.path[sizeof(ask.path) - 1] = '\0';
        serve_one(&p, &ask, &answer, &fd);
        bool sent = send_answer(socket, &answer, fd);
        if (fd >= 0)
            close(fd);
        if (!sent)
            break;
    }
}

bool brama__porter_start(struct brama__disk *disk)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    disk->public_fd = memfd_create("public", MFD_CLOEXEC);
    disk->pid = disk->public_fd >= 0 ? fork() : -1;
    if (disk->pid == 0) {
        /* It ends with the signer, not before: not by what ends a whole group either. */
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        (void)prctl(PR_SET_NAME, "brama-porter", 0, 0, 0);
        close(pair[0]);
        close(disk->options->listen_fd);
        serve(disk->options, pair[1], disk->public_fd);
        _exit(0);
    }
    int why = errno;
    close(pair[1]);
    if (disk->pid > 0) {
        disk->porter = pair[0];
        return true;
    }
    close(pair[0]);
    if (disk->public_fd >= 0)
        close(disk->public_fd);
    errno = why;
    return false;
}
