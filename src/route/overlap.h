/* How two path patterns lie to each other, told soundly: what is said here holds for every request.
 *
 *     if (brama_pattern_covers(&earlier, &later)) ...no request reaches the later one...
 *     brama_str paths[BRAMA_SAMPLES_MAX];
 *     size_t n = brama_pattern_samples(paths, &arena, &a, &b, regexes);   // each matches both
 *
 * Regular expressions are looked at by samples only: their silence proves nothing.
 */
#ifndef BRAMA_ROUTE_OVERLAP_H
#define BRAMA_ROUTE_OVERLAP_H

#include "route/pattern.h"

/* True only if a matches every normalised path that b matches. */
bool brama_pattern_covers(const struct brama_pattern *a, const struct brama_pattern *b,
                          struct brama_regexes *regexes);

/* True only if no normalised path matches: it doesn't begin with a slash, or normalisation would
 * have made another text of it. */
bool brama_pattern_is_never(const struct brama_pattern *p, struct brama_arena *arena);

#define BRAMA_SAMPLES_MAX 8

/* Some paths that both match, normalised and with one reading (path.h); there may be more. All
 * memory is the arena's. */
size_t brama_pattern_samples(brama_str out[BRAMA_SAMPLES_MAX], struct brama_arena *arena,
                             const struct brama_pattern *a, const struct brama_pattern *b,
                             struct brama_regexes *regexes);

#endif
