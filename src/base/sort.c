#include "base/sort.h"

struct sorting {
    size_t size;
    brama_compare *compare;
    const void *ctx;
};

/* The end of the ascending run that begins at first. */
static size_t run_end(const struct sorting *s, const char *p, size_t n, size_t first)
{
    size_t end = first + 1;
    while (end < n && s->compare(p + (end - 1) * s->size, p + end * s->size, s->ctx) <= 0)
        end++;
    return end < n ? end : n;
}

/* The runs first..mid and mid..end of from, as one run of to. */
static void merge(const struct sorting *s, char *to, const char *from, size_t first, size_t mid,
                  size_t end)
{
    size_t a = first, b = mid;
    char *out = to + first * s->size;

    while (a < mid && b < end) {
        bool left = s->compare(from + a * s->size, from + b * s->size, s->ctx) <= 0;
        memcpy(out, from + (left ? a++ : b++) * s->size, s->size);
        out += s->size;
    }
    memcpy(out, from + a * s->size, (mid - a) * s->size);
    out += (mid - a) * s->size;
    memcpy(out, from + b * s->size, (end - b) * s->size);
}

/* Every two runs that stand together, as one. ends: of the runs; the number that is left. */
static size_t merge_all(const struct sorting *s, char *to, const char *from, size_t *ends,
                        size_t runs)
{
    size_t first = 0, left = 0;

    for (size_t i = 0; i < runs; i += 2) {
        size_t mid = ends[i], end = i + 1 < runs ? ends[i + 1] : mid;
        merge(s, to, from, first, mid, end);
        ends[left++] = first = end;
    }
    return left;
}

bool brama_sort(void *members, size_t n, size_t size, brama_compare *compare, const void *ctx,
                struct brama_arena *scratch)
{
    const struct sorting s = {size, compare, ctx};
    char *from = members;
    size_t runs = 0;

    if (n < 2 || run_end(&s, from, n, 0) == n)
        return true;
    size_t *ends = brama_arena_array(scratch, n, sizeof(*ends));
    char *to = brama_arena_array(scratch, n, size);
    if (ends == NULL || to == NULL)
        return false;
    for (size_t end = 0; end < n; ends[runs++] = end)
        end = run_end(&s, from, n, end);
    while (runs > 1) {
        char *merged = to;
        runs = merge_all(&s, to, from, ends, runs);
        to = from;
        from = merged;
    }
    if (from != (char *)members)
        memcpy(members, from, n * size);
    return true;
}
