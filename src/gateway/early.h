/* The beginning of a request's body, read before the request may pass, for an authorizer that is
 * told it. The workload gets all of it, as if nobody had looked: first what was read, then the rest
 * as it comes.
 *
 *     if (d.verdict == BRAMA_VERDICT_READ)
 *         rc = brama_gw_early_read(r, ctx, d.read_bytes);    // NGX_OK: there; decide again
 *     ...
 *     if (d.verdict == BRAMA_VERDICT_ALLOW)
 *         brama_gw_early_forward(r, ctx);
 */
#ifndef BRAMA_GATEWAY_EARLY_H
#define BRAMA_GATEWAY_EARLY_H

#include "gateway/gateway.h"

/* In all, of a worker. Room is taken as bytes come, so that announcing them costs nothing. */
#define BRAMA_GW_EARLY_MAX ((size_t)64 * 1024 * 1024)

/* What the engine may know of the body. The bytes are the request's pool's. */
void brama_gw_early_view(struct brama_request_body *out, ngx_http_request_t *r,
                         const struct brama_gw_ctx *ctx);
/* Read until there are more than so many bytes, or all: NGX_OK. Else what the access handler has to
 * return: NGX_AGAIN (it is called again once they are there), NGX_DONE or a status. Where there is
 * no room, NGX_OK as well: the view says so. */
ngx_int_t brama_gw_early_read(ngx_http_request_t *r, struct brama_gw_ctx *ctx, size_t bytes);
/* Is it under way? */
bool brama_gw_early_is_reading(const struct brama_gw_ctx *ctx);
/* The request may pass: see to it that what was read goes first. */
void brama_gw_early_forward(ngx_http_request_t *r, struct brama_gw_ctx *ctx);

#endif
