#include "gateway/rings.h"

#include "gateway/shared.h"

void brama_rings_open(struct brama_rings *out, const struct brama_slot *slot)
{
    ngx_memzero(out, sizeof(*out));
    for (unsigned i = 0; i < BRAMA_WORKER_SLOTS; i++) {
        const struct brama_refusals *ring =
            brama_shared_read(slot, i, BRAMA_STATE_REFUSALS, sizeof(*ring));
        if (ring == NULL)
            continue;
        if (!brama_refusals_ok(ring, sizeof(*ring))) {
            brama_shared_unmap(ring, sizeof(*ring));
            continue;
        }
        out->of[out->count].ring = ring;
        out->of[out->count++].end = brama_refusals_end(ring);
    }
}

void brama_rings_close(struct brama_rings *rings)
{
    for (unsigned i = 0; i < rings->count; i++)
        brama_shared_unmap(rings->of[i].ring, sizeof(struct brama_refusals));
    rings->count = 0;
}
