/* All workers' pages, read by whichever worker answers the admin listener. */
#ifndef BRAMA_GATEWAY_PAGES_H
#define BRAMA_GATEWAY_PAGES_H

#include "gateway/slot.h"

struct brama_pages {
    unsigned count; /* live workers */
    struct {
        unsigned index;
        int32_t pid, master;
        uint64_t policy, facts;
    } live[BRAMA_WORKER_SLOTS];
    /* Sums over all pages, those of workers that ended too: sums never go back. */
    uint64_t problems, token_hits, token_misses;
    uint64_t reasons[BRAMA_REASON_COUNT];
};

void brama_pages_read(struct brama_pages *out, const struct brama_slot *slot);

#endif
