#include "agent/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 511 /* nginx's own */

static bool split(brama_str address, char *host, size_t host_size, char *port, size_t port_size)
{
    size_t colon = brama_str_find_last(address, ':');
    brama_str h = brama_str_head(address, colon), p = brama_str_from(address, colon + 1);
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = brama_str_head(brama_str_from(h, 1), h.n - 2);
    if (h.n == 0 || h.n >= host_size || p.n == 0 || p.n >= port_size)
        return false;
    snprintf(host, host_size, "%.*s", BRAMA_FMT(h));
    snprintf(port, port_size, "%.*s", BRAMA_FMT(p));
    return true;
}

static int open_at(const struct addrinfo *a)
{
    static const int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) /* as nginx would open it */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

enum brama_err brama__listen_add(struct brama__listen *l, brama_str address,
                                 struct brama_diag *diag)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char host[256], port[8];
    struct addrinfo *list = NULL;
    const char *why = "not HOST:PORT";

    if (address.n == 0)
        return BRAMA_OK;
    if (l->count < BRAMA__LISTEN_MAX && split(address, host, sizeof(host), port, sizeof(port))) {
        int error = getaddrinfo(host, port, &hints, &list);
        int fd = error == 0 ? open_at(list) : -1;
        why = error != 0 ? gai_strerror(error) : strerror(errno);
        if (error == 0)
            freeaddrinfo(list);
        if (fd >= 0) {
            l->fd[l->count++] = fd;
            return BRAMA_OK;
        }
    }
    brama_diag_set(diag, (struct brama_where){0}, "can't listen on %.*s: %s", BRAMA_FMT(address),
                   why);
    return BRAMA_ERR_UNAVAILABLE;
}

void brama__listen_close(struct brama__listen *l)
{
    for (size_t i = 0; i < l->count; i++)
        close(l->fd[i]);
    l->count = 0;
}
