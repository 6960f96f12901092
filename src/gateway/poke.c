/* Where the agent pokes this worker, and asks it for the listening sockets: an agent that is to
 * start another nginx has to have those that this one serves, or there would be a moment without
 * any. */
#include "gateway/slot.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union descriptors {
    char bytes[CMSG_SPACE(BRAMA_SOCKETS_MAX * sizeof(int))];
    struct cmsghdr align;
};

/* The listening sockets through that one; a worker that drains has none any more. */
static void hand_over(ngx_cycle_t *cycle, int to)
{
    const ngx_listening_t *listening = cycle->listening.elts;
    int fds[BRAMA_SOCKETS_MAX];
    size_t count = 0;
    union descriptors control = {.bytes = {0}};
    char one = 0;
    struct iovec text = {&one, sizeof(one)};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};

    for (ngx_uint_t i = 0; i < cycle->listening.nelts && count < BRAMA_SOCKETS_MAX; i++) {
        if (listening[i].fd != -1)
            fds[count++] = listening[i].fd;
    }
    if (count != 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    if (sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno, "brama: can't hand over the sockets");
}

/* One datagram; false: there is none. */
static bool receive(struct brama_slot *slot, int fd)
{
    union descriptors control;
    char byte[8];
    struct iovec text = {byte, sizeof(byte)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};

    if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == -1)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int to;
            memcpy(&to, CMSG_DATA(c) + i * sizeof(to), sizeof(to));
            hand_over(slot->cycle, to);
            (void)close(to);
        }
    }
    return true;
}

static void on_poke(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    struct brama_slot *slot = c->data;

    while (receive(slot, c->fd))
        continue;
    ev->ready = 0;
    brama_slot_look_again(slot);
}

/* sun_path is short; a state directory may be long. The folder's descriptor stands for it. */
static int bind_socket(struct brama_slot *slot)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[NGX_MAX_PATH];

    brama_slot_path(slot, folder, BRAMA_STATE_WORKERS, 0);
    u_char *end = ngx_snprintf((u_char *)slot->socket_path, sizeof(slot->socket_path) - 1,
                               "%s/%ui.sock", folder, (ngx_uint_t)slot->index);
    *end = '\0';
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1)
        return -1;
    end = ngx_snprintf((u_char *)address.sun_path, sizeof(address.sun_path) - 1,
                       "/proc/self/fd/%d/%ui.sock", dir, (ngx_uint_t)slot->index);
    *end = '\0';
    (void)unlink(slot->socket_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd != -1 && bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    (void)close(dir);
    return fd;
}

void brama_poke_open(struct brama_slot *slot)
{
    if (slot->page_fd == -1)
        return;
    int fd = bind_socket(slot);
    if (fd == -1) {
        brama_slot_problem(slot, "can't bind", slot->socket_path);
        return;
    }
    ngx_connection_t *c = ngx_get_connection(fd, slot->cycle->log);
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->data = slot;
    c->read->handler = on_poke;
    c->read->log = slot->cycle->log;
    slot->socket = c;
    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK)
        brama_slot_problem(slot, "can't listen on", slot->socket_path);
}

void brama_poke_close(struct brama_slot *slot)
{
    struct stat st;

    if (slot->socket == NULL)
        return;
    ngx_close_connection(slot->socket);
    slot->socket = NULL;
    /* Where the page has lost its name, the socket's may be somebody else's. */
    if (fstat(slot->page_fd, &st) == 0 && st.st_nlink != 0)
        (void)unlink(slot->socket_path);
}
