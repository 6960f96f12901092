/* Reads a chunked body's raw bytes along with nginx: its filters see decoded data only, so we stand
 * between it and the socket for as long as the request lives. */
#include "gateway/gateway.h"

static ssize_t receive(ngx_connection_t *c, u_char *buf, size_t size)
{
    ngx_http_request_t *r = c->data; /* HTTP/1: one request a connection */
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    ssize_t n = ctx->receive(c, buf, size);

    if (n > 0 && !brama_chunk_scan(&ctx->chunk, (brama_str){(const char *)buf, (size_t)n})) {
        /* Part of the request is at the workload, which never sees its end. */
        c->read->error = 1;
        return NGX_ERROR;
    }
    return n;
}

static void restore(void *data)
{
    ngx_http_request_t *r = data;

    r->connection->recv = brama_gw_ctx(r)->receive;
}

bool brama_gw_body_watch(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    ngx_buf_t *b = r->header_in;

    if (r->stream != NULL || !r->headers_in.chunked)
        return true;
    if (!brama_chunk_scan(&ctx->chunk,
                          (brama_str){(const char *)b->pos, (size_t)(b->last - b->pos)}))
        return false;
    ngx_http_cleanup_t *end = ngx_http_cleanup_add(r, 0);
    if (end == NULL)
        return false;
    end->handler = restore;
    end->data = r;
    ctx->receive = r->connection->recv;
    r->connection->recv = receive;
    return true;
}
