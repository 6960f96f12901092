/* When a key set is fetched in its turn. Pure: time and chance come in.
 *
 *     due_ms = now_ms + brama__turn_ms(failures, max_age_s, random);
 *
 * Chance takes a part of each wait away, so that sets that are fetched together, or fail together
 * with the host that serves them all, don't come back together for ever.
 */
#ifndef BRAMA_SOURCE_TURNS_H
#define BRAMA_SOURCE_TURNS_H

#include "base/def.h"

/* failures: in a row. After the first 1 s, then 2, 4 .. 60 s, each up to a quarter shorter. After
 * none: max_age_s of Cache-Control (below 0: nothing was said, 300 s), up to a tenth shorter, but
 * at least 60 s and at most 24 h. random: any, evenly. */
uint64_t brama__turn_ms(unsigned failures, int64_t max_age_s, uint64_t random);

/* Numbers without a pattern out of a seed; nobody's secret hangs on them. */
uint64_t brama__turn_random(uint64_t *seed);

#endif
