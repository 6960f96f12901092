#include "agent/listen.h"

#include <errno.h>
#include <limits.h>
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

static int open_at(const struct addrinfo *a, bool beside)
{
    static const int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) /* as nginx would open it */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (beside)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        if (beside)
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off));
        return fd;
    }
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Port and, for one family, address. */
static bool same_address(const struct sockaddr *a, const struct sockaddr *b, bool port_only)
{
    if (a->sa_family == AF_INET && b->sa_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_port == y->sin_port &&
               (port_only || x->sin_addr.s_addr == y->sin_addr.s_addr);
    }
    if (a->sa_family == AF_INET6 && b->sa_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
        return x->sin6_port == y->sin6_port &&
               (port_only || memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0);
    }
    return false;
}

/* Its place in had; had->count: none. */
static size_t find(const struct brama__listen *had, const struct addrinfo *a, bool port_only)
{
    size_t i = 0;
    for (; i < had->count; i++) {
        struct sockaddr_storage own;
        socklen_t size = sizeof(own);
        if (getsockname(had->fd[i], (struct sockaddr *)&own, &size) == 0 &&
            same_address((struct sockaddr *)&own, a->ai_addr, port_only))
            break;
    }
    return i;
}

/* 0.0.0.0 beside 127.0.0.1, or the other way round: Linux lets both listen at one port if both say
 * so when the second one is bound. */
static int open_beside(const struct brama__listen *had, const struct addrinfo *a)
{
    static const int on = 1, off = 0;
    for (size_t i = 0; i < had->count; i++)
        setsockopt(had->fd[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    int fd = open_at(a, true);
    int why = errno;
    for (size_t i = 0; i < had->count; i++)
        setsockopt(had->fd[i], SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off));
    errno = why;
    return fd;
}

static int take_or_open(struct brama__listen *had, const struct addrinfo *a)
{
    size_t at = find(had, a, false);
    if (at == had->count) {
        int fresh = open_at(a, false);
        bool in_the_way = fresh < 0 && errno == EADDRINUSE && find(had, a, true) < had->count;
        return in_the_way ? open_beside(had, a) : fresh;
    }
    int fd = had->fd[at];
    had->fd[at] = had->fd[--had->count];
    return fd;
}

enum brama_err brama__listen_add(struct brama__listen *l, struct brama__listen *had,
                                 brama_str address, struct brama_diag *diag)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char host[256], port[8];
    struct addrinfo *list = NULL;
    const char *why = "not HOST:PORT";
    bool in_the_way = false;

    if (address.n == 0)
        return BRAMA_OK;
    if (l->count < BRAMA__LISTEN_MAX && split(address, host, sizeof(host), port, sizeof(port))) {
        int error = getaddrinfo(host, port, &hints, &list);
        int fd = error == 0 ? take_or_open(had, list) : -1;
        why = error != 0 ? gai_strerror(error) : strerror(errno);
        in_the_way = error == 0 && fd < 0 && find(had, list, true) < had->count;
        if (error == 0)
            freeaddrinfo(list);
        if (fd >= 0) {
            l->fd[l->count++] = fd;
            return BRAMA_OK;
        }
    }
    brama_diag_set(diag, (struct brama_where){0}, "can't listen on %.*s: %s", BRAMA_FMT(address),
                   why);
    return in_the_way ? BRAMA_ERR_EXISTS : BRAMA_ERR_UNAVAILABLE;
}

void brama__listen_turn_away(const struct brama__listen *l)
{
    static const int nowhere = INT_MAX;
    for (size_t i = 0; i < l->count; i++)
        (void)setsockopt(l->fd[i], SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere));
}

void brama__listen_close(struct brama__listen *l)
{
    for (size_t i = 0; i < l->count; i++)
        close(l->fd[i]);
    l->count = 0;
}
