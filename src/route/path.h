/* The request target, normalised once: what is matched is what is forwarded.
 * RFC 3986 section 6.2.2, Istio's BASE normalisation (istio-jwt.md 3.7), design section 3.
 *
 *     struct brama_path path;
 *     if (brama_path_read(&path, &arena, target) != BRAMA_PATH_OK)
 *         answer 400
 *     forward(path.path, path.query);
 */
#ifndef BRAMA_ROUTE_PATH_H
#define BRAMA_ROUTE_PATH_H

#include "base/arena.h"

enum brama_path_fault {
    BRAMA_PATH_OK = 0,
    BRAMA_PATH_EMPTY,      /* no path, or not beginning with "/" ("*" included) */
    BRAMA_PATH_BACKSLASH,  /* raw \ */
    BRAMA_PATH_FRAGMENT,   /* raw # */
    BRAMA_PATH_CONTROL,    /* encoded or raw control, NUL included */
    BRAMA_PATH_BYTE,       /* a byte that RFC 3986 doesn't allow in a path or query */
    BRAMA_PATH_PERCENT,    /* % without two hex digits */
    BRAMA_PATH_ABOVE_ROOT, /* ".." beyond the first segment */
    BRAMA_PATH_NOMEM
};

/* Layers of encoding that anybody undoes, and one text; each with and without parameters, with and
 * without merged slashes. */
#define BRAMA_PATH_LAYERS_MAX 4
#define BRAMA_PATH_READINGS_MAX ((BRAMA_PATH_LAYERS_MAX + 1) * 4)

struct brama_path {
    brama_str path;  /* normalised, without query; begins with "/" */
    brama_str query; /* as received, without "?" */
    bool has_query;
    /* How lenient backends may read it: decoded further, ";..." cut from segments, slashes merged
     * or not, dots resolved. Every one of them must lead to the same rule. */
    bool ambiguous; /* path has %2F, %5C, %25, %3B, // or ; */
    brama_str readings[BRAMA_PATH_READINGS_MAX];
    size_t reading_count; /* 0 where there is only one reading */
    brama_str harsh;      /* the one that all of it was done to; path, where there is only one */
    /* Too many readings to list them all, and nobody honest sends one: a dot segment that only a
     * lenient backend sees, a separator hidden in a parameter, or separators encoded in two ways.
     */
    bool twisted;
};

/* target: origin-form as received (path and query). All memory is the arena's. */
enum brama_path_fault brama_path_read(struct brama_path *out, struct brama_arena *arena,
                                      brama_str target);
/* Why it was refused, for log and trace; static. */
const char *brama_path_fault_text(enum brama_path_fault fault);

/* path with every %XX decoded, as Oathkeeper matches it. */
brama_str brama_path_decoded(struct brama_arena *arena, brama_str path);

#endif
