/* "Did you mean": the nearest of some names.
 *
 *     struct brama_suggestion s = {0};
 *     for (each name) brama_suggest(&s, "chekc", name);
 *     if (s.best != NULL) say(s.best);
 */
#ifndef BRAMA_CLI_SUGGEST_H
#define BRAMA_CLI_SUGGEST_H

#include "base/def.h"

struct brama_suggestion {
    const char *best; /* NULL: none is near */
    unsigned distance;
};

/* Near is: at most two letters added, left out, changed or swapped with the next, and fewer than
 * half of the word; or name begins with word. */
void brama_suggest(struct brama_suggestion *s, const char *word, const char *name);

#endif
