#include "base/near.h"

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

void brama_near_try(struct brama_near *near, brama_str word, brama_str name)
{
    if (word.n < 2 || word.n > WORD_MAX || name.n > WORD_MAX)
        return;
    unsigned d = distance(word.p, word.n, name.p, name.n);
    if (brama_str_starts(name, word))
        d = 1;
    if (3 * d > word.n && (d > 2 || 2 * d > word.n))
        return;
    if (near->best.n == 0 || d < near->distance)
        *near = (struct brama_near){name, d};
}
