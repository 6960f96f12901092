/* Requests that wait for a key set to be fetched. They wait in the access phase, in one queue a
 * worker, with one timer that runs only while somebody waits.
 *
 *     engine.may_park = brama_gw_may_park(r, ctx);
 *     brama_decide(&d, &engine, ...);
 *     if (d.verdict == BRAMA_VERDICT_PARK && brama_gw_park(r, ctx, &d))
 *         return NGX_AGAIN;            // the handler is called again and decides from the start
 *     refuse(&d);                      // nobody waits any more, or never did
 */
#ifndef BRAMA_GATEWAY_PARK_H
#define BRAMA_GATEWAY_PARK_H

#include "gateway/gateway.h"

/* A worker's queue. NULL: no memory. */
struct brama_park *brama_park_new(struct brama_slot *slot);
void brama_park_free(struct brama_park *park);

/* Until its time is up, and where somebody is there to be waited for. */
bool brama_gw_may_park(ngx_http_request_t *r, const struct brama_gw_ctx *ctx);
/* False: there is no room, or every set was fetched since the request came. */
bool brama_gw_park(ngx_http_request_t *r, struct brama_gw_ctx *ctx, const struct brama_decision *d);

#endif
