/* Is the head of a workload's answer one that everybody reads alike? nginx 1.22 takes two lengths,
 * a length beside chunks, a 101 that nobody asked for, any other 1xx as the last word, and no HTTP
 * at all (as HTTP/0.9). */
#include "gateway/gateway.h"
#include "gateway/interim.h"

/* In the place of nginx's parser until the answer itself begins. All interim heads together are
 * bounded by the buffer for one. */
static ngx_int_t skip_interim(ngx_http_request_t *r)
{
    ngx_http_upstream_t *u = r->upstream;
    enum brama_interim_kind kind;
    size_t n;

    while ((kind = brama_interim_scan(
                (brama_str){(const char *)u->buffer.pos, (size_t)(u->buffer.last - u->buffer.pos)},
                &n)) == BRAMA_INTERIM)
        u->buffer.pos += n;
    if (kind == BRAMA_INTERIM_OPEN)
        return NGX_AGAIN;
    u->process_header = brama_gw_ctx(r)->process_header;
    return u->process_header(r);
}

/* Before another attempt: nginx's own sets its parser again. */
static ngx_int_t reinit(ngx_http_request_t *r)
{
    ngx_int_t rc = brama_gw_ctx(r)->reinit_request(r);

    r->upstream->process_header = skip_interim;
    return rc;
}

void brama_gw_answer_watch(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    ngx_http_upstream_t *u = r->upstream;

    ctx->process_header = u->process_header;
    ctx->reinit_request = u->reinit_request;
    u->process_header = skip_interim;
    u->reinit_request = reinit;
}

bool brama_gw_framing_ok(const ngx_http_upstream_t *u)
{
    size_t lengths = 0;
    size_t codings = 0;

    for (const ngx_list_part_t *part = &u->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            brama_str name = brama_gw_str(h[i].key);
            uint64_t length;
            if (brama_str_eq_nocase(name, BRAMA_STR("transfer-encoding"))) {
                codings++;
                /* RFC 9112 section 6.1; nginx looks for the word anywhere in the value. */
                if (!brama_str_eq_nocase(brama_gw_str(h[i].value), BRAMA_STR("chunked")))
                    return false;
            }
            if (!brama_str_eq_nocase(name, BRAMA_STR("content-length")))
                continue;
            lengths++;
            if (!brama_str_u64(brama_gw_str(h[i].value), &length))
                return false;
        }
    }
    return lengths + codings <= 1;
}

static bool status_ok(const ngx_http_upstream_t *u, const struct brama_gw_ctx *ctx)
{
    return u->headers_in.status_n >= NGX_HTTP_OK ||
           (u->headers_in.status_n == NGX_HTTP_SWITCHING_PROTOCOLS && ctx->websocket);
}

bool brama_gw_answer_ok(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    ngx_http_upstream_t *u = r->upstream;

    if (status_ok(u, ctx) && brama_gw_framing_ok(u))
        return true;
    ctx->failure = BRAMA_GW_PROTOCOL_ERROR;
    r->http_version = ctx->http_version; /* nginx took "no HTTP" for the client's version, too */
    u->keepalive = 0;
    return false;
}
