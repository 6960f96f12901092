/* What is known of one request. */
#include "gateway/gateway.h"
#include "gateway/slot.h"

struct brama_gw_ctx *brama_gw_ctx(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r->main, ngx_http_brama_module);
}

/* RFC 9562 section 5.4. */
static void new_request_id(struct brama_slot *slot, char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];

    brama_slot_random(slot, bytes, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 0x0f];
    }
}

struct brama_gw_ctx *brama_gw_ctx_need(ngx_http_request_t *r)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    struct brama_slot *slot = brama_gw_slot(r);

    if (ctx != NULL || slot == NULL)
        return ctx;
    ctx = ngx_pcalloc(r->pool, sizeof(*ctx));
    if (ctx == NULL)
        return NULL;
    new_request_id(slot, ctx->request_id);
    ctx->raw_target = r->unparsed_uri;
    ctx->http_version = r->http_version;
    ngx_http_set_ctx(r->main, ctx, ngx_http_brama_module);
    r->main->log_handler = brama_gw_error_log;
    return ctx;
}
