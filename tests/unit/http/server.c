#include "http/server.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct connection {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    struct server *server;
    brama_str rest;
    char head[SERVER_REQUEST_BYTES];
    size_t n;
    unsigned closing;
};

static void closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    if (--c->closing == 0)
        free(c);
}

static void end(struct connection *c)
{
    if (c->closing != 0)
        return;
    c->closing = 2;
    uv_close((uv_handle_t *)&c->tcp, closed);
    uv_close((uv_handle_t *)&c->timer, closed);
}

static void written(uv_write_t *write, int status)
{
    (void)status;
    struct connection *c = write->data;
    if (c->rest.n == 0)
        end(c);
}

static void send_some(struct connection *c, size_t n)
{
    brama_str piece = brama_str_head(c->rest, n);
    char *p = (char *)(uintptr_t)piece.p;
    uv_buf_t buf = uv_buf_init(p, (unsigned)piece.n);
    c->rest = brama_str_from(c->rest, piece.n);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, written) != 0)
        end(c);
}

static void drip(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    if (c->closing == 0)
        send_some(c, 1);
}

static void respond(struct connection *c)
{
    brama_str head = {c->head, c->n};
    struct server *s = c->server;
    s->requests++;
    memcpy(s->last, c->head, c->n);
    s->last_n = c->n;
    brama_str target = brama_str_from(head, brama_str_find(head, ' ') + 1);
    target = brama_str_head(target, brama_str_find(target, ' '));
    c->rest = s->answer(s->ctx, target);
    if (c->rest.p == NULL)
        return;
    if (s->drip_ms != 0)
        uv_timer_start(&c->timer, drip, s->drip_ms, s->drip_ms);
    else
        send_some(c, c->rest.n);
}

static void room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct connection *c = handle->data;
    (void)size;
    *buf = uv_buf_init(c->head + c->n, (unsigned)(sizeof(c->head) - c->n));
}

static void received(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    (void)buf;
    if (n < 0) {
        end(c);
        return;
    }
    c->n += (size_t)n;
    if (brama_str_ends((brama_str){c->head, c->n}, BRAMA_STR("\r\n\r\n")))
        respond(c);
}

static void accepted(uv_stream_t *stream, int status)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL || status != 0)
        abort();
    c->server = stream->data;
    uv_tcp_init(stream->loop, &c->tcp);
    uv_timer_init(stream->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, room, received) != 0)
        end(c);
}

void server_start(struct server *server, uv_loop_t *loop)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int n = sizeof(address);
    if (uv_tcp_init(loop, &server->listener) != 0 ||
        uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&server->listener, 16, accepted) != 0 ||
        uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &n) != 0)
        abort();
    server->listener.data = server;
    server->port = ntohs(address.sin_port);
}

void server_stop(struct server *server)
{
    uv_close((uv_handle_t *)&server->listener, NULL);
}
