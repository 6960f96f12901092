/* Path patterns by their definition: every way to take a path apart is tried. Slow, and too simple
 * to share a mistake with the real matcher. */
#ifndef BRAMA_FUZZ_NAIVE_H
#define BRAMA_FUZZ_NAIVE_H

#include "route/pattern.h"

/* {*}: one or more characters of one segment; {**}: any text; all else: itself. */
static inline bool naive_template(brama_str pattern, brama_str path)
{
    if (pattern.n == 0)
        return path.n == 0;
    if (brama_str_starts(pattern, BRAMA_STR("{**}"))) {
        for (size_t n = 0; n <= path.n; n++)
            if (naive_template(brama_str_from(pattern, 4), brama_str_from(path, n)))
                return true;
        return false;
    }
    if (brama_str_starts(pattern, BRAMA_STR("{*}"))) {
        for (size_t n = 1; n <= path.n && path.p[n - 1] != '/'; n++)
            if (naive_template(brama_str_from(pattern, 3), brama_str_from(path, n)))
                return true;
        return false;
    }
    return path.n != 0 && pattern.p[0] == path.p[0] &&
           naive_template(brama_str_from(pattern, 1), brama_str_from(path, 1));
}

static inline bool naive_prefix(brama_str text, brama_str path)
{
    for (size_t i = 0; i < text.n; i++)
        if (i >= path.n || path.p[i] != text.p[i])
            return false;
    return true;
}

/* What a template must be for the real matcher: an operator is a whole segment, and {**} is the
 * last one. */
static inline bool naive_template_valid(brama_str pattern)
{
    brama_str rest = pattern, segment;
    bool ended = false;
    while (brama_str_next(&rest, '/', &segment)) {
        bool many = brama_str_eq(segment, BRAMA_STR("{**}"));
        bool one = brama_str_eq(segment, BRAMA_STR("{*}"));
        if ((many || one) && ended)
            return false;
        if (!many && !one && brama_str_find(segment, '{') != segment.n)
            return false;
        ended = ended || many;
    }
    return true;
}

#endif
