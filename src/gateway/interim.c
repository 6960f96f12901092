#include "gateway/interim.h"

/* "HTTP/1.1 103"; 9 stands for any digit. */
static const brama_str shape = BRAMA_LIT("HTTP/1.9 199");

static bool fits(char shaped, char c)
{
    return shaped == '9' ? c >= '0' && c <= '9' : c == shaped;
}

/* The end of the head, or its beginning only, or a line that ends otherwise. */
static enum brama_interim_kind find_end(brama_str bytes, size_t *n)
{
    for (size_t i = shape.n; i < bytes.n; i++) {
        if (bytes.p[i] == '\n')
            return BRAMA_INTERIM_NOT;
        if (bytes.p[i] != '\r')
            continue;
        if (i + 1 == bytes.n)
            return BRAMA_INTERIM_OPEN;
        if (bytes.p[i + 1] != '\n')
            return BRAMA_INTERIM_NOT;
        brama_str rest = brama_str_from(bytes, i + 2);
        if (brama_str_starts(rest, BRAMA_STR("\r\n"))) {
            *n = i + 4;
            return BRAMA_INTERIM;
        }
        i++;
    }
    return BRAMA_INTERIM_OPEN;
}

enum brama_interim_kind brama_interim_scan(brama_str bytes, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < shape.n && i < bytes.n; i++) {
        if (!fits(shape.p[i], bytes.p[i]))
            return BRAMA_INTERIM_NOT;
    }
    if (bytes.n <= shape.n)
        return BRAMA_INTERIM_OPEN;
    brama_str status = brama_str_head(brama_str_from(bytes, shape.n - 3), 3);
    char next = bytes.p[shape.n];
    if (brama_str_eq(status, BRAMA_STR("101")) || (next != ' ' && next != '\r'))
        return BRAMA_INTERIM_NOT;
    return find_end(bytes, n);
}
