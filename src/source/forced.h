/* How often a key set may be fetched out of turn: at once, but after fetches that brought no new
 * key the next waits 1, 2, 4, 8, 10 s. Whoever asks for them can't make it more. Pure: time comes
 * in.
 *
 *     due_ms = brama__forced_due(&forced, now_ms);
 *     ... fetch at due_ms ...
 *     brama__forced_ended(&forced, now_ms, new_keys);
 */
#ifndef BRAMA_SOURCE_FORCED_H
#define BRAMA_SOURCE_FORCED_H

#include "base/def.h"

/* Zero: none yet. */
struct brama__forced {
    unsigned fruitless; /* such fetches in a row that brought nothing */
    uint64_t ended_ms;  /* of the last one */
};

/* Somebody asks now: when may the fetch begin? A minute without one forgets those before. */
uint64_t brama__forced_due(struct brama__forced *f, uint64_t now_ms);
/* A fetch out of turn has ended, or any that brought a new key. */
void brama__forced_ended(struct brama__forced *f, uint64_t now_ms, bool new_keys);

#endif
