/* How many requests of a worker wait for each of those who are asked: one that hangs must not take
 * all connections along. Pure.
 *
 *     if (brama_crowd_enter(&crowd, id)) { ask(); ...; brama_crowd_leave(&crowd, id); }
 */
#ifndef BRAMA_GATEWAY_CROWD_H
#define BRAMA_GATEWAY_CROWD_H

#include "base/def.h"

/* Each holds two connections, the client's and its own, of the 4096 that a worker has: one who
 * hangs takes an eighth of them, all together half. One who answers within 10 ms serves 25,600
 * requests a second before anybody is turned away. */
#define BRAMA_CROWD_EACH 256
#define BRAMA_CROWD_MAX 1024

struct brama_crowd_place {
    uint64_t id;
    unsigned count;
};

/* Zero: nobody waits. */
struct brama_crowd {
    struct brama_crowd_place places[BRAMA_CROWD_MAX];
    size_t place_count;
    unsigned count;
};

/* One more waits for id. False: there are too many, and nothing has changed. O(who is waited for).
 */
bool brama_crowd_enter(struct brama_crowd *crowd, uint64_t id);
/* One who entered has done with waiting. */
void brama_crowd_leave(struct brama_crowd *crowd, uint64_t id);

#endif
