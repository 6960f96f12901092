/* The grammar of RFC 9112 section 7.1, a byte at a time. Sees no nginx. */
#include "gateway/chunk.h"

#define LEFT_MAX (UINT64_C(1) << 60)

static enum brama_chunk_at must_be(char c, char wanted, enum brama_chunk_at then)
{
    return c == wanted ? then : BRAMA_CHUNK_BAD;
}

/* A text up to its CR; a bare LF in it is what we look for. */
static enum brama_chunk_at text(char c, enum brama_chunk_at same, enum brama_chunk_at at_cr)
{
    if (c == '\r')
        return at_cr;
    return c == '\n' ? BRAMA_CHUNK_BAD : same;
}

static enum brama_chunk_at size_digit(struct brama_chunk *scan, char c)
{
    int digit = brama_hex_value(c);

    if (digit >= 0) {
        if (scan->left >= LEFT_MAX / 16)
            return BRAMA_CHUNK_BAD;
        scan->left = scan->left * 16 + (uint64_t)digit;
        return BRAMA_CHUNK_SIZE;
    }
    if (scan->at == BRAMA_CHUNK_SIZE_FIRST)
        return BRAMA_CHUNK_BAD;
    if (c == '\r')
        return BRAMA_CHUNK_SIZE_LF;
    return c == ';' || c == ' ' || c == '\t' ? BRAMA_CHUNK_EXTENSION : BRAMA_CHUNK_BAD;
}

static enum brama_chunk_at next(struct brama_chunk *scan, char c)
{
    switch (scan->at) {
    case BRAMA_CHUNK_SIZE_FIRST:
    case BRAMA_CHUNK_SIZE:
        return size_digit(scan, c);
    case BRAMA_CHUNK_EXTENSION:
        return text(c, BRAMA_CHUNK_EXTENSION, BRAMA_CHUNK_SIZE_LF);
    case BRAMA_CHUNK_SIZE_LF:
        return must_be(c, '\n', scan->left != 0 ? BRAMA_CHUNK_DATA : BRAMA_CHUNK_TRAILER_FIRST);
    case BRAMA_CHUNK_DATA:
        return --scan->left != 0 ? BRAMA_CHUNK_DATA : BRAMA_CHUNK_DATA_CR;
    case BRAMA_CHUNK_DATA_CR:
        return must_be(c, '\r', BRAMA_CHUNK_DATA_LF);
    case BRAMA_CHUNK_DATA_LF:
        return must_be(c, '\n', BRAMA_CHUNK_SIZE_FIRST);
    case BRAMA_CHUNK_TRAILER_FIRST:
        return text(c, BRAMA_CHUNK_TRAILER, BRAMA_CHUNK_END_LF);
    case BRAMA_CHUNK_TRAILER:
        return text(c, BRAMA_CHUNK_TRAILER, BRAMA_CHUNK_TRAILER_LF);
    case BRAMA_CHUNK_TRAILER_LF:
        return must_be(c, '\n', BRAMA_CHUNK_TRAILER_FIRST);
    case BRAMA_CHUNK_END_LF:
        return must_be(c, '\n', BRAMA_CHUNK_DONE);
    case BRAMA_CHUNK_DONE:
    case BRAMA_CHUNK_BAD:
        break;
    }
    return scan->at;
}

bool brama_chunk_scan(struct brama_chunk *scan, brama_str bytes)
{
    size_t i = 0;

    while (i < bytes.n && scan->at != BRAMA_CHUNK_DONE && scan->at != BRAMA_CHUNK_BAD) {
        /* All but the last byte of the data at once. */
        if (scan->at == BRAMA_CHUNK_DATA && scan->left > 1) {
            uint64_t skip = scan->left - 1 < bytes.n - i ? scan->left - 1 : bytes.n - i;
            scan->left -= skip;
            i += (size_t)skip;
            continue;
        }
        scan->at = next(scan, bytes.p[i++]);
    }
    return scan->at != BRAMA_CHUNK_BAD;
}
