/* nginx's own error pages (a parse error, a dead or slow workload) become what Envoy answers. This
 * is done in the header filter: nginx marks an answer of its own by r->err_status, which a
 * workload's 4xx or 5xx doesn't have, and unlike error_page it also reaches requests that have no
 * URI yet and keeps r->ctx. */
#include "gateway/gateway.h"
#include "gateway/record.h"
#include "gateway/slot.h"

static enum brama_reason reason_of(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    switch (r->err_status) {
    case NGX_HTTP_BAD_GATEWAY:
        return BRAMA_REASON_UPSTREAM_FAILED;
    case NGX_HTTP_GATEWAY_TIME_OUT:
        /* Envoy's connect timeout is a failed connection. */
        return ctx->deadline_fired ? BRAMA_REASON_UPSTREAM_TIMEOUT : BRAMA_REASON_UPSTREAM_FAILED;
    case NGX_HTTP_REQUEST_URI_TOO_LARGE:
    case NGX_HTTP_REQUEST_HEADER_TOO_LARGE:
        return BRAMA_REASON_HEADERS_TOO_LARGE;
    case NGX_HTTP_BAD_REQUEST:
        /* Of too large headers nginx makes 400 before it comes here; it lingers after these only.
         */
        return r->lingering_close ? BRAMA_REASON_HEADERS_TOO_LARGE : BRAMA_REASON_BAD_REQUEST;
    default:
        return r->err_status < NGX_HTTP_INTERNAL_SERVER_ERROR ||
                       r->err_status == NGX_HTTP_NOT_IMPLEMENTED ||
                       r->err_status == NGX_HTTP_VERSION_NOT_SUPPORTED
                   ? BRAMA_REASON_BAD_REQUEST
                   : BRAMA_REASON_INTERNAL;
    }
}

/* The engine has one text for a failed workload; Envoy has three. istio-jwt.md section 4.7. */
static void reword(struct brama_decision *d, const struct brama_gw_ctx *ctx)
{
    if (ctx->failure == BRAMA_GW_TERMINATED)
        d->body = BRAMA_STR("upstream connect error or disconnect/reset before headers. "
                            "reset reason: connection termination");
    if (ctx->failure == BRAMA_GW_PROTOCOL_ERROR) {
        d->status = NGX_HTTP_BAD_GATEWAY;
        d->body = BRAMA_STR("upstream connect error or disconnect/reset before headers. "
                            "reset reason: protocol error");
    }
}

void brama_gw_refuse(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_decision d;

    /* What a workload had begun to answer is void. */
    for (ngx_list_part_t *part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++)
            h[i].hash = 0;
    }
    r->headers_out.date = NULL;
    ctx->reason = reason_of(r, ctx); /* the verdict stays: it was the workload that failed */
    brama_arena_reset(&slot->arena);
    brama_decide_refusal(&d, ctx->reason, &slot->arena);
    if (ctx->reason == BRAMA_REASON_UPSTREAM_FAILED)
        reword(&d, ctx);
    brama_gw_record_refusal(r, ctx, &d);
    ctx->swap = brama_gw_copy(r->pool, d.body);
    ctx->swapping = true;
    brama_gw_set_status(r, d.status);
    r->headers_out.content_length_n = (off_t)ctx->swap.n;
    brama_str type = brama_gw_copy(r->pool, d.content_type);
    r->headers_out.content_type = brama_gw_ngx(type);
    r->headers_out.content_type_len = type.n;
    r->headers_out.content_type_lowcase = NULL;
}
