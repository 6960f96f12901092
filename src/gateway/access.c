/* The access phase: ask the engine, keep what must outlive its answer, and act on it. */
#include "gateway/early.h"
#include "gateway/gateway.h"
#include "gateway/park.h"
#include "gateway/record.h"
#include "gateway/slot.h"
#include "gateway/subcall.h"

static brama_str keep(ngx_http_request_t *r, brama_str s)
{
    return brama_gw_copy(r->pool, s);
}

static void keep_for_log(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                         const struct brama_decision *d)
{
    ctx->reason = d->reason;
    ctx->apirule = keep(r, d->apirule);
    ctx->has_rule = d->apirule.n != 0;
    ctx->rule_index = d->rule_index;
    ctx->rule_file = keep(r, d->rule_file);
    ctx->rule_line = d->rule_line;
    ctx->strategy = d->strategy;
    ctx->issuer = keep(r, d->issuer);
    ctx->subject = keep(r, d->subject);
    ctx->kid = keep(r, d->kid);
}

static bool keep_for_response(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                              const struct brama_decision *d)
{
    ctx->strip_cors = d->strip_cors;
    if (d->response_header_count == 0)
        return true;
    ctx->response_headers =
        ngx_palloc(r->pool, d->response_header_count * sizeof(*ctx->response_headers));
    if (ctx->response_headers == NULL)
        return false;
    for (size_t i = 0; i < d->response_header_count; i++) {
        ctx->response_headers[i].name = keep(r, d->response_headers[i].name);
        ctx->response_headers[i].value = keep(r, d->response_headers[i].value);
    }
    ctx->response_header_count = d->response_header_count;
    return true;
}

static bool set_address(ngx_http_request_t *r, struct brama_gw_address *out,
                        const struct brama_f_address *in)
{
    u_char text[NGX_SOCKADDR_STRLEN];

    if (in->family == AF_INET6) {
        out->sa.v6.sin6_family = AF_INET6;
        out->sa.v6.sin6_port = htons((uint16_t)in->port);
        memcpy(&out->sa.v6.sin6_addr, in->ip, 16);
        out->len = sizeof(out->sa.v6);
    } else {
        out->sa.v4.sin_family = AF_INET;
        out->sa.v4.sin_port = htons((uint16_t)in->port);
        memcpy(&out->sa.v4.sin_addr, in->ip, 4);
        out->len = sizeof(out->sa.v4);
    }
    size_t n = ngx_sock_ntop(&out->sa.any, out->len, text, sizeof(text), 1);
    out->name = brama_gw_ngx(keep(r, (brama_str){(const char *)text, n}));
    return out->name.len != 0;
}

bool brama_gw_addresses(ngx_http_request_t *r, const struct brama_facts *facts,
                        const struct brama_f_upstream *upstream, struct brama_gw_address **out,
                        size_t *count)
{
    uint32_t n = upstream->addresses.count;

    *count = 0;
    if (n == 0 || n > brama_pack_count(&facts->pack, BRAMA_F_ADDRESS))
        return false;
    *out = ngx_pcalloc(r->pool, n * sizeof(**out));
    if (*out == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct brama_f_address *a = BRAMA_ROW(
            &facts->pack, BRAMA_F_ADDRESS, upstream->addresses.first + i, struct brama_f_address);
        if (a == NULL || !set_address(r, &(*out)[i], a))
            return false;
    }
    *count = n;
    return true;
}

/* From here on the request's target and headers are those of the workload's view. */
static bool let_through(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                        const struct brama_request *request, const struct brama_decision *d,
                        struct brama_slot *slot)
{
    brama_str target = keep(r, d->target);

    if (d->upstream == NULL || target.n == 0 || slot->facts == NULL ||
        !brama_gw_addresses(r, &slot->facts->facts, d->upstream, &ctx->addresses,
                            &ctx->address_count))
        return false;
    ctx->upstream_id = d->upstream->id;
    ctx->address_next = slot->turn++ % ctx->address_count;
    ctx->timeout_ms = (ngx_msec_t)d->timeout_s * 1000;
    ctx->host = brama_gw_ngx(keep(r, request->authority));
    if (!brama_gw_forward(r, ctx, d))
        return false;
    r->unparsed_uri = brama_gw_ngx(target);
    r->valid_unparsed_uri = 1;
    ctx->verdict = BRAMA_VERDICT_ALLOW;
    return true;
}

ngx_int_t brama_gw_access_handler(ngx_http_request_t *r)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_gw_ctx *ctx;
    struct brama_request request;
    struct brama_decision d;

    if (!brama_gw_loc(r)->on || r != r->main)
        return NGX_DECLINED;
    ctx = brama_gw_ctx_need(r);
    if (ctx == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ctx->verdict = BRAMA_VERDICT_DENY;
    if (brama_gw_is_calling(ctx) || brama_gw_early_is_reading(ctx))
        return NGX_AGAIN;
    brama_slot_refresh(slot);
    brama_arena_reset(&slot->arena);
    if (!brama_gw_view(&request, r, ctx, &slot->arena))
        return brama_gw_send_refusal(r, ctx, BRAMA_REASON_INTERNAL);
    struct brama_engine engine = brama_slot_engine(slot);
    engine.may_park = brama_gw_may_park(r, ctx);
    engine.may_call = brama_gw_may_call(ctx);
    engine.answers = ctx->answers;
    engine.answer_count = ctx->answer_count;
    brama_decide(&d, &engine, &request, &slot->arena, NULL);

    keep_for_log(r, ctx, &d);
    if (d.verdict == BRAMA_VERDICT_PARK) {
        if (brama_gw_park(r, ctx, &d))
            return NGX_AGAIN; /* and called again, to decide from the start */
        d.verdict = BRAMA_VERDICT_DENY;
    }
    if (d.verdict == BRAMA_VERDICT_CALL) {
        ngx_int_t rc = brama_gw_call(r, ctx, &d.call, &slot->facts->facts);
        if (rc != NGX_ERROR)
            return rc == NGX_OK ? brama_gw_access_handler(r) : rc; /* likewise, with the answer */
        d.verdict = BRAMA_VERDICT_DENY;
    }
    if (d.verdict == BRAMA_VERDICT_READ) {
        ngx_int_t rc = brama_gw_early_read(r, ctx, d.read_bytes);
        return rc == NGX_OK ? brama_gw_access_handler(r) : rc; /* likewise, with its bytes */
    }
    if (!keep_for_response(r, ctx, &d))
        return brama_gw_send_refusal(r, ctx, BRAMA_REASON_INTERNAL);
    if (d.verdict != BRAMA_VERDICT_ALLOW) {
        ctx->verdict = d.verdict;
        if (d.verdict == BRAMA_VERDICT_DENY)
            brama_gw_record_decision(r, &engine, &request, &d);
        return brama_gw_send_decision(r, ctx, &d);
    }
    if (!let_through(r, ctx, &request, &d, slot))
        return brama_gw_send_refusal(r, ctx, BRAMA_REASON_INTERNAL);
    brama_gw_early_forward(r, ctx);
    return NGX_OK;
}
