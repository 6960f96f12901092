/* "Did you mean": the nearest of some names.
 *
 *     struct brama_near near = {0};
 *     for (each name) brama_near_try(&near, BRAMA_STR("chekc"), name);
 *     if (near.best.n != 0) say(near.best);
 */
#ifndef BRAMA_BASE_NEAR_H
#define BRAMA_BASE_NEAR_H

#include "base/str.h"

struct brama_near {
    brama_str best; /* empty: none is near */
    unsigned distance;
};

/* Near is: at most two letters added, left out, changed or swapped with the next, and no more than
 * half of the word; or a third of the word's letters; or name begins with word. A word of one
 * letter is near to nothing, nor are words of more than 32. */
void brama_near_try(struct brama_near *near, brama_str word, brama_str name);

#endif
