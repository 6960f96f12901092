/* Every refusal becomes a record in this worker's ring (policy/refusals.h), before the caller can
 * read its x-request-id.
 *
 * A refused request is decided a second time, now with a trace; no signature is checked again. That
 * is done for a bounded number of requests a second, so that whoever sends nothing but such
 * requests doesn't get much more work out of us than before; the others are recorded without their
 * steps.
 */
#ifndef BRAMA_GATEWAY_RECORD_H
#define BRAMA_GATEWAY_RECORD_H

#include "gateway/gateway.h"
#include "gateway/slot.h"

enum brama_gw_keep {
    BRAMA_GW_KEEP_FULL = 0, /* with steps, and what decides of a token's claims */
    BRAMA_GW_KEEP_BRIEF,    /* nothing that came from a token */
    BRAMA_GW_KEEP_OFF
};

struct brama_recorder;

/* The ring of this worker's slot; without it (no room on the disk) nothing is recorded, and the
 * error log says so. NULL: no memory. */
struct brama_recorder *brama_recorder_open(const struct brama_slot *slot);
void brama_recorder_close(struct brama_recorder *recorder);
/* False: somebody has cut or removed the ring's file. */
bool brama_recorder_is_whole(const struct brama_recorder *recorder);

/* The engine's own refusal. */
void brama_gw_record_decision(ngx_http_request_t *r, const struct brama_engine *engine,
                              const struct brama_request *request, const struct brama_decision *d);
/* One that was found outside of the engine: framing, the workload, our own failure. */
void brama_gw_record_refusal(ngx_http_request_t *r, const struct brama_gw_ctx *ctx,
                             const struct brama_decision *d);

#endif
