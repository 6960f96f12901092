/* Answers of our own. A phase handler never returns 401 or 403 to nginx, which would make a page of
 * its own out of it; it sends, finalizes and returns NGX_DONE. */
#include "gateway/admin.h"
#include "gateway/record.h"

bool brama_gw_push_out(ngx_http_request_t *r, brama_str name, brama_str value)
{
    ngx_table_elt_t *h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL)
        return false;
    h->hash = 1;
    h->key = brama_gw_ngx(name);
    h->value = brama_gw_ngx(value);
    h->lowcase_key = NULL;
    return true;
}

/* Envoy's phrases where nginx has others, or none. */
static brama_str status_line(ngx_uint_t status)
{
    switch (status) {
    case 413:
        return BRAMA_STR("413 Payload Too Large");
    case 426:
        return BRAMA_STR("426 Upgrade Required");
    case 431:
        return BRAMA_STR("431 Request Header Fields Too Large");
    case 503:
        return BRAMA_STR("503 Service Unavailable");
    case 504:
        return BRAMA_STR("504 Gateway Timeout");
    default:
        return BRAMA_NIL; /* nginx's own */
    }
}

void brama_gw_set_status(ngx_http_request_t *r, ngx_uint_t status)
{
    r->headers_out.status = status;
    r->headers_out.status_line = brama_gw_ngx(status_line(status));
}

static void set_type(ngx_http_request_t *r, brama_str type)
{
    r->headers_out.content_type = brama_gw_ngx(type);
    r->headers_out.content_type_len = type.n;
    r->headers_out.content_type_lowcase = NULL;
}

static ngx_int_t send_body(ngx_http_request_t *r, brama_str body)
{
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    ngx_chain_t out = {.buf = b, .next = NULL};

    if (b == NULL)
        return NGX_ERROR;
    ngx_str_t bytes = brama_gw_ngx(body);
    b->pos = bytes.data;
    b->last = bytes.len != 0 ? bytes.data + bytes.len : bytes.data;
    b->memory = body.n != 0;
    b->last_buf = 1;
    b->last_in_chain = 1;
    return ngx_http_output_filter(r, &out);
}

ngx_int_t brama_gw_send(ngx_http_request_t *r, ngx_uint_t status, brama_str type, brama_str body)
{
    /* A client that waits for "100 Continue" gets the answer instead; whether it then sends the
     * body is its choice, so nothing more is read (RFC 9110 section 10.1.1). */
    if (r->headers_in.expect != NULL) {
        r->expect_tested = 1;
        r->keepalive = 0;
    }
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK)
        return rc;
    brama_gw_set_status(r, status);
    r->headers_out.content_length_n = (off_t)body.n;
    if (type.n != 0)
        set_type(r, type);
    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    return send_body(r, body);
}

ngx_int_t brama_gw_send_decision(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                                 const struct brama_decision *d)
{
    brama_str body = brama_gw_copy(r->pool, d->body);
    brama_str type = brama_gw_copy(r->pool, d->content_type);

    (void)ctx;
    /* Bytes that we couldn't make sense of, or that stopped coming: what follows them isn't read as
     * a request. */
    if (d->status == NGX_HTTP_BAD_REQUEST || d->status == NGX_HTTP_REQUEST_TIME_OUT ||
        d->status == 426 || d->status == 431)
        r->keepalive = 0;
    ngx_http_finalize_request(r, brama_gw_send(r, d->status, type, body));
    return NGX_DONE;
}

ngx_int_t brama_gw_send_refusal(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                                enum brama_reason reason)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_decision d;

    ctx->verdict = BRAMA_VERDICT_DENY;
    ctx->reason = reason;
    brama_arena_reset(&slot->arena);
    brama_decide_refusal(&d, reason, &slot->arena);
    brama_gw_record_refusal(r, ctx, &d);
    return brama_gw_send_decision(r, ctx, &d);
}
