#include "route/overlap.h"

#include <string.h>

#include "base/buf.h"
#include "route/path.h"

#define SAMPLE_MAX_BYTES 512 /* longer paths make no example */

static const brama_str one = BRAMA_LIT("{*}");
static const brama_str any = BRAMA_LIT("{**}");

/* Templates, segment by segment: each of b's stands for some texts, and a's must take them all. */
static bool template_covers(brama_str a, brama_str b)
{
    brama_str x, y;

    while (a.p != NULL) {
        brama_str rest = b;
        if (brama_str_starts(a, any)) {
            /* What stands behind {**} is literal, and so must the end of all of b's paths be. */
            brama_str tail = brama_str_from(a, any.n);
            return b.p != NULL && brama_str_ends(b, tail);
        }
        brama_str_next(&a, '/', &x);
        if (!brama_str_next(&rest, '/', &y))
            return false;
        b = rest;
        bool text = brama_str_find(y, '{') == y.n;
        if (brama_str_eq(x, one) ? y.n == 0 || (!text && !brama_str_eq(y, one))
                                 : !text || !brama_str_eq(x, y))
            return false;
    }
    return b.p == NULL;
}

bool brama_pattern_covers(const struct brama_pattern *a, const struct brama_pattern *b,
                          struct brama_regexes *regexes)
{
    if (b->kind == BRAMA_PATTERN_NEVER)
        return true;
    if (a->kind == BRAMA_PATTERN_PREFIX && brama_str_eq(a->text, BRAMA_STR("/")))
        return true; /* every path begins with a slash */
    if (b->kind == BRAMA_PATTERN_EXACT)
        return brama_pattern_match(a, b->text, regexes);
    switch (a->kind) {
    case BRAMA_PATTERN_PREFIX:
        return brama_str_starts(brama_pattern_head(b), a->text);
    case BRAMA_PATTERN_TEMPLATE:
        if (b->kind == BRAMA_PATTERN_TEMPLATE)
            return template_covers(a->text, b->text);
        /* "/a/{**}" is the prefix "/a/" */
        return brama_str_find_str(a->text, any) + any.n == a->text.n &&
               brama_str_find_str(a->text, one) == a->text.n &&
               brama_str_starts(brama_pattern_head(b), brama_str_head(a->text, a->text.n - any.n));
    case BRAMA_PATTERN_SUFFIX:
    case BRAMA_PATTERN_REGEX:
        return a->kind == b->kind && brama_str_eq(a->text, b->text);
    case BRAMA_PATTERN_NEVER:
    case BRAMA_PATTERN_EXACT:
        break;
    }
    return false;
}

/* Is it a path as the router sees paths, with one reading? */
static bool is_plain_path(brama_str path, struct brama_arena *arena)
{
    struct brama_path read;

    return brama_path_read(&read, arena, path) == BRAMA_PATH_OK && !read.has_query &&
           brama_str_eq(read.path, path) && !read.ambiguous;
}

bool brama_pattern_is_never(const struct brama_pattern *p, struct brama_arena *arena)
{
    brama_str head = brama_pattern_head(p);
    struct brama_path read;

    if (p->kind == BRAMA_PATTERN_NEVER || (head.n != 0 && head.p[0] != '/'))
        return true;
    if (p->kind != BRAMA_PATTERN_EXACT)
        return false;
    enum brama_path_fault fault = brama_path_read(&read, arena, p->text);
    return fault != BRAMA_PATH_NOMEM &&
           (fault != BRAMA_PATH_OK || read.has_query || !brama_str_eq(read.path, p->text));
}

/* What stands for "anything" in one attempt after the other. */
static const brama_str fillings[] = {BRAMA_LIT("x"), BRAMA_LIT(""), BRAMA_LIT("x/y")};

static void fill_template(struct brama_buf *out, brama_str text, brama_str filling)
{
    while (text.n != 0) {
        size_t at = brama_str_find(text, '{');
        brama_buf_add(out, brama_str_head(text, at));
        text = brama_str_from(text, at);
        if (brama_str_starts(text, any)) {
            brama_buf_add(out, filling);
            text = brama_str_from(text, any.n);
        } else if (text.n != 0) {
            brama_buf_add(out, BRAMA_STR("x"));
            text = brama_str_from(text, one.n);
        }
    }
}

/* One character of a class like [a-z]; the place behind it. */
static size_t fill_class(struct brama_buf *out, brama_str text)
{
    size_t end = brama_str_find(text, ']');

    if (end > 1)
        brama_buf_add_c(out, text.p[1] == '^' ? 'x' : text.p[1]);
    return end + 1;
}

static bool is_repeat(char c)
{
    return c == '*' || c == '+' || c == '?';
}

/* A guess: whoever uses it asks the expression itself. Of alternatives the first is taken. */
static void fill_regex(struct brama_buf *out, brama_str text, brama_str filling)
{
    for (size_t i = 0; i < text.n; i++) {
        bool repeats = i + 1 < text.n && (text.p[i + 1] == '*' || text.p[i + 1] == '+');
        switch (text.p[i]) {
        case '.':
            brama_buf_add(out, repeats && (filling.n != 0 || text.p[i + 1] == '*')
                                   ? filling
                                   : BRAMA_STR("x"));
            break;
        case '[':
            i += fill_class(out, brama_str_from(text, i)) - 1;
            break;
        case '\\':
            if (++i < text.n)
                brama_buf_add_c(out, text.p[i] == 'd' ? '0' : text.p[i] == 'w' ? 'x' : text.p[i]);
            break;
        case '{':
            i += brama_str_find(brama_str_from(text, i), '}');
            break;
        case '|':
            i += brama_str_find(brama_str_from(text, i), ')') - 1;
            break;
        case '(':
            if (i + 2 < text.n && text.p[i + 1] == '?')
                i += brama_str_find(brama_str_from(text, i), ':');
            break;
        case ')':
        case '^':
        case '$':
            break;
        default:
            if (!is_repeat(text.p[i]))
                brama_buf_add_c(out, text.p[i]);
        }
    }
}

static void fill(struct brama_buf *out, const struct brama_pattern *p, brama_str filling)
{
    switch (p->kind) {
    case BRAMA_PATTERN_EXACT:
        brama_buf_add(out, p->text);
        return;
    case BRAMA_PATTERN_PREFIX:
        brama_buf_add(out, p->text);
        brama_buf_add(out, filling);
        return;
    case BRAMA_PATTERN_SUFFIX:
        brama_buf_add_c(out, '/');
        brama_buf_add(out, filling);
        brama_buf_add(out, p->text);
        return;
    case BRAMA_PATTERN_TEMPLATE:
        fill_template(out, p->text, filling);
        return;
    case BRAMA_PATTERN_REGEX:
        fill_regex(out, p->text, filling);
        return;
    case BRAMA_PATTERN_NEVER:
        break;
    }
}

/* Two templates as one that is narrower than both, where there is one: of two segments the one that
 * says more. False: one of the patterns isn't of that kind. */
static bool merge(struct brama_buf *out, const struct brama_pattern *a,
                  const struct brama_pattern *b, struct brama_arena *arena)
{
    const struct brama_pattern *both[] = {a, b};
    brama_str rest[2], segment[2];

    for (size_t i = 0; i < 2; i++) {
        if (both[i]->kind == BRAMA_PATTERN_REGEX || both[i]->kind == BRAMA_PATTERN_SUFFIX)
            return false;
        rest[i] = both[i]->kind == BRAMA_PATTERN_PREFIX
                      ? brama_arena_printf(arena, "%.*s{**}", BRAMA_FMT(both[i]->text))
                      : both[i]->text;
    }
    for (bool first = true; rest[0].p != NULL && rest[1].p != NULL; first = false) {
        if (!first)
            brama_buf_add_c(out, '/');
        for (size_t i = 0; i < 2; i++) {
            size_t at = brama_str_find_str(rest[i], any);
            if (at >= brama_str_find(rest[i], '/') || at == rest[i].n)
                continue; /* not in this segment */
            brama_str tail = brama_str_from(rest[i], at + any.n), other = rest[1 - i];
            if (at != 0 && brama_str_starts(other, one)) {
                brama_buf_add(out, brama_str_head(rest[i], at));
                other = brama_str_from(other, one.n);
            }
            brama_buf_add(out, other);
            if (tail.n != 0 && !brama_str_ends(other, tail))
                brama_buf_add(out, tail);
            return true;
        }
        brama_str_next(&rest[0], '/', &segment[0]);
        brama_str_next(&rest[1], '/', &segment[1]);
        brama_buf_add(out, brama_str_eq(segment[0], one) ? segment[1] : segment[0]);
    }
    return true;
}

struct samples {
    brama_str *out;
    size_t n;
    struct brama_arena *arena;
    const struct brama_pattern *a, *b;
    struct brama_regexes *regexes;
};

static void take(struct samples *s, struct brama_buf *candidate)
{
    brama_str path = brama_buf_str(candidate);

    if (s->n == BRAMA_SAMPLES_MAX || brama_buf_err(candidate) != BRAMA_OK ||
        !brama_pattern_match(s->a, path, s->regexes) ||
        !brama_pattern_match(s->b, path, s->regexes) || !is_plain_path(path, s->arena))
        return;
    for (size_t i = 0; i < s->n; i++)
        if (brama_str_eq(s->out[i], path))
            return;
    brama_str copy = brama_arena_copy(s->arena, path);
    if (copy.p != NULL)
        s->out[s->n++] = copy;
}

size_t brama_pattern_samples(brama_str out[BRAMA_SAMPLES_MAX], struct brama_arena *arena,
                             const struct brama_pattern *a, const struct brama_pattern *b,
                             struct brama_regexes *regexes)
{
    struct samples s = {out, 0, arena, a, b, regexes};
    struct brama_buf text, path;

    if (!brama_patterns_may_meet(a, b))
        return 0;
    brama_buf_init(&text, arena->alloc, SAMPLE_MAX_BYTES);
    brama_buf_init(&path, arena->alloc, SAMPLE_MAX_BYTES);
    bool merged = merge(&text, a, b, arena) && brama_buf_err(&text) == BRAMA_OK;
    struct brama_pattern narrow = {BRAMA_PATTERN_TEMPLATE, brama_buf_str(&text)};
    const struct brama_pattern *from[] = {&narrow, a, b};
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(fillings); k++)
        for (size_t i = merged ? 0 : 1; i < BRAMA_ARRAY_LEN(from); i++) {
            brama_buf_reset(&path);
            fill(&path, from[i], fillings[k]);
            take(&s, &path);
        }
    brama_buf_deinit(&text);
    brama_buf_deinit(&path);
    return s.n;
}
