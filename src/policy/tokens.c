/* Where a token stands in a request; istio-jwt.md 2.2, oathkeeper.md 2.0. */
#include "policy/inner.h"

/* The octet at text.p[*i], percent-decoded, a "+" as a blank; *i moves behind it. A broken escape
 * stays as it is. */
static char next_octet(brama_str text, size_t *i)
{
    char c = text.p[*i];
    if (c == '%' && text.n - *i > 2 && brama_hex_value(text.p[*i + 1]) >= 0 &&
        brama_hex_value(text.p[*i + 2]) >= 0) {
        c = (char)(brama_hex_value(text.p[*i + 1]) * 16 + brama_hex_value(text.p[*i + 2]));
        *i += 3;
        return c;
    }
    (*i)++;
    return c == '+' ? ' ' : c;
}

static brama_str decode_value(struct brama_arena *arena, brama_str text)
{
    char *p = brama_arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (p == NULL)
        return BRAMA_NIL;
    for (size_t i = 0; i < text.n;)
        p[n++] = next_octet(text, &i);
    return (brama_str){p, n};
}

/* Is that the name, once decoded? Allocates nothing: a query may hold thousands of parameters. */
static bool is_name(brama_str text, brama_str name)
{
    size_t i = 0, n = 0;
    while (i < text.n && n < name.n)
        if (next_octet(text, &i) != name.p[n++])
            return false;
    return i == text.n && n == name.n;
}

/* The first value of a query parameter; {NULL, 0} if there is none. */
static brama_str find_param(struct brama__case *c, brama_str name, bool *several)
{
    brama_str rest = c->path.has_query ? c->path.query : BRAMA_NIL, pair, found = BRAMA_NIL;
    while (brama_str_next(&rest, '&', &pair)) {
        size_t eq = brama_str_find(pair, '=');
        if (!is_name(brama_str_head(pair, eq), name))
            continue;
        if (found.p != NULL)
            *several = true;
        else
            found = decode_value(c->arena, brama_str_from(pair, eq + 1));
    }
    return found;
}

/* The first header of that name whose value begins with prefix, without the prefix. */
static brama_str find_in_header(struct brama__case *c, brama_str name, brama_str prefix,
                                bool *several)
{
    size_t count = 0;
    const struct brama_header *h = brama__header(c->request, name, &count);
    if (h == NULL)
        return BRAMA_NIL;
    if (count > 1)
        *several = true;
    if (!brama_str_starts(h->value, prefix)) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_INFO, prefix, BRAMA_NIL,
                        "header %.*s is there but doesn't begin with the prefix (case counts)",
                        BRAMA_FMT(name));
        return BRAMA_NIL;
    }
    return brama_str_from(h->value, prefix.n);
}

static size_t add(brama_str *out, size_t n, size_t max, brama_str token)
{
    if (token.p != NULL && n < max)
        out[n++] = token;
    return n;
}

size_t brama__find_tokens(struct brama__case *c, const struct brama__place *place, brama_str *out,
                          size_t max, bool *several)
{
    size_t n = 0;
    switch (place->place) {
    case BRAMA_TOKEN_DEFAULT:
        n = add(out, n, max,
                find_in_header(c, BRAMA_STR("authorization"), BRAMA_STR("Bearer "), several));
        return add(out, n, max, find_param(c, BRAMA_STR("access_token"), several));
    case BRAMA_TOKEN_HEADER:
        return add(out, n, max, find_in_header(c, place->name, place->prefix, several));
    case BRAMA_TOKEN_PARAM:
        return add(out, n, max, find_param(c, place->name, several));
    case BRAMA_TOKEN_COOKIE:
        break; /* Istio's APIRules can't name one */
    }
    return n;
}

brama_str brama__place_text(struct brama__case *c, const struct brama__place *place)
{
    switch (place->place) {
    case BRAMA_TOKEN_DEFAULT:
        return BRAMA_STR("header Authorization (\"Bearer ...\")");
    case BRAMA_TOKEN_HEADER:
        if (place->prefix.n == 0)
            return brama_arena_printf(c->arena, "header %.*s", BRAMA_FMT(place->name));
        return brama_arena_printf(c->arena, "header %.*s (\"%.*s...\")", BRAMA_FMT(place->name),
                                  BRAMA_FMT(place->prefix));
    case BRAMA_TOKEN_PARAM:
        return brama_arena_printf(c->arena, "query parameter %.*s", BRAMA_FMT(place->name));
    case BRAMA_TOKEN_COOKIE:
        return brama_arena_printf(c->arena, "cookie %.*s", BRAMA_FMT(place->name));
    }
    return BRAMA_NIL;
}

static brama_str find_cookie(struct brama__case *c, brama_str name, bool *several)
{
    brama_str found = BRAMA_NIL;
    for (size_t i = 0; i < c->request->header_count; i++) {
        const struct brama_header *h = &c->request->headers[i];
        brama_str rest = h->value, pair;
        if (!brama_str_eq_nocase(h->name, BRAMA_STR("cookie")))
            continue;
        while (brama_str_next(&rest, ';', &pair)) {
            pair = brama_str_trim(pair);
            size_t eq = brama_str_find(pair, '=');
            if (!brama_str_eq(brama_str_head(pair, eq), name))
                continue;
            if (found.p != NULL)
                *several = true;
            else
                found = brama_str_from(pair, eq + 1);
        }
    }
    return found;
}

/* "bearer" in any case, one blank, the token. */
static brama_str find_bearer(struct brama__case *c, bool *several)
{
    size_t count = 0;
    const struct brama_header *h = brama__header(c->request, BRAMA_STR("authorization"), &count);
    if (h == NULL)
        return BRAMA_NIL;
    *several = count > 1;
    size_t blank = brama_str_find(h->value, ' ');
    if (!brama_str_eq_nocase(brama_str_head(h->value, blank), BRAMA_STR("bearer")))
        return BRAMA_NIL;
    return brama_str_from(h->value, blank + 1);
}

brama_str brama__find_ory_token(struct brama__case *c, const struct brama__place *place,
                                bool *several)
{
    brama_str token = BRAMA_NIL;
    switch (place->place) {
    case BRAMA_TOKEN_DEFAULT:
        token = find_bearer(c, several);
        break;
    case BRAMA_TOKEN_HEADER:
        token = brama_str_eq(place->name, BRAMA_STR("Authorization"))
                    ? find_bearer(c, several)
                    : find_in_header(c, place->name, BRAMA_STR(""), several);
        break;
    case BRAMA_TOKEN_PARAM:
        token = find_param(c, place->name, several);
        break;
    case BRAMA_TOKEN_COOKIE:
        token = find_cookie(c, place->name, several);
        break;
    }
    return token.n != 0 ? token : BRAMA_NIL; /* an empty one counts as none */
}
