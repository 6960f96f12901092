/* All workers' refusals, read by whichever worker answers the admin listener; those of workers that
 * ended, too. */
#ifndef BRAMA_GATEWAY_RINGS_H
#define BRAMA_GATEWAY_RINGS_H

#include "gateway/slot.h"
#include "policy/refusals.h"

struct brama_rings {
    unsigned count;
    struct {
        const struct brama_refusals *ring;
        uint64_t end; /* when it was opened */
    } of[BRAMA_WORKER_SLOTS];
};

void brama_rings_open(struct brama_rings *out, const struct brama_slot *slot);
void brama_rings_close(struct brama_rings *rings);

#endif
