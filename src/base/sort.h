/* A stable sort that takes what order there is: ascending runs are found and merged, so that what
 * is in order costs one look at each, and what is nearly in order a little more.
 *
 *     brama_sort(rows, n, sizeof(rows[0]), by_name, NULL, &arena);
 */
#ifndef BRAMA_BASE_SORT_H
#define BRAMA_BASE_SORT_H

#include "base/arena.h"

/* Below, at or above zero, as for qsort(). */
typedef int brama_compare(const void *a, const void *b, const void *ctx);

/* n members of size bytes, not 0. scratch: for as many again, unless they are in order. False: no
 * memory, and nothing was moved. O(n log runs). */
bool brama_sort(void *members, size_t n, size_t size, brama_compare *compare, const void *ctx,
                struct brama_arena *scratch);

#endif
