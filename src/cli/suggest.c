#include "cli/suggest.h"

#include <string.h>

#define WORD_MAX 32 /* no name of ours is longer */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein plus swaps of neighbours. */
static unsigned distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a_n; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b_n; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_n; i++) {
        for (size_t j = 1; j <= b_n; j++) {
            unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(change, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a_n][b_n];
}

void brama_suggest(struct brama_suggestion *s, const char *word, const char *name)
{
    size_t word_n = strlen(word), name_n = strlen(name);

    if (word_n < 2 || word_n > WORD_MAX || name_n > WORD_MAX)
        return;
    unsigned d = distance(word, word_n, name, name_n);
    if (strncmp(word, name, word_n) == 0)
        d = 1;
    if (d > 2 || 2 * d > word_n)
        return;
    if (s->best == NULL || d < s->distance)
        *s = (struct brama_suggestion){name, d};
}
