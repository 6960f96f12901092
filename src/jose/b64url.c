#include "jose/b64url.h"

#define X 0x80 /* no digit: above every 6-bit value, so that one OR over a group shows it */

static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The digits' values by byte, sixteen a row. */
/* clang-format off */
static const uint8_t url_values[256] = {
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, 62, X, X,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, 63,
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
};
static const uint8_t std_values[256] = {
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, 62, X, X, X, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, X,
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
};
/* clang-format on */

static enum brama_err decode(brama_str *out, struct brama_arena *arena, brama_str text,
                             const uint8_t values[256])
{
    *out = BRAMA_NIL;
    size_t rest = text.n % 4;
    if (rest == 1)
        return BRAMA_ERR_SYNTAX;
    size_t whole = text.n - rest, n = text.n / 4 * 3 + (rest != 0 ? rest - 1 : 0);
    uint8_t *p = brama_arena_alloc(arena, n);
    if (p == NULL)
        return BRAMA_ERR_NOMEM;
    const unsigned char *t = (const unsigned char *)text.p;
    uint8_t *to = p;
    unsigned seen = 0;
    for (size_t i = 0; i < whole; i += 4, to += 3) {
        unsigned a = values[t[i]], b = values[t[i + 1]], c = values[t[i + 2]], d = values[t[i + 3]];
        seen |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (rest != 0) {
        unsigned a = values[t[whole]], b = values[t[whole + 1]];
        unsigned c = rest == 3 ? values[t[whole + 2]] : 0;
        seen |= a | b | c;
        if ((rest == 2 && (b & 0x0f) != 0) || (c & 0x03) != 0)
            return BRAMA_ERR_SYNTAX; /* unused bits: a second text for the same octets */
        to[0] = (uint8_t)(a << 2 | b >> 4);
        if (rest == 3)
            to[1] = (uint8_t)(b << 4 | c >> 2);
    }
    if ((seen & X) != 0)
        return BRAMA_ERR_SYNTAX;
    *out = (brama_str){(const char *)p, n};
    return BRAMA_OK;
}

static void encode(struct brama_buf *out, brama_str octets, const char digits[], bool pad)
{
    size_t rest = octets.n % 3;
    if (octets.n > SIZE_MAX / 2) {
        if (out->err == BRAMA_OK)
            out->err = BRAMA_ERR_TOO_BIG;
        return;
    }
    size_t n = octets.n / 3 * 4 + (rest == 0 ? 0 : pad ? 4 : rest + 1);
    char *to = n != 0 ? brama_buf_room(out, n) : NULL;
    if (to == NULL)
        return;
    const unsigned char *t = (const unsigned char *)octets.p;
    for (size_t left = octets.n; left >= 3; left -= 3, t += 3, to += 4) {
        to[0] = digits[t[0] >> 2];
        to[1] = digits[(t[0] & 0x03) << 4 | t[1] >> 4];
        to[2] = digits[(t[1] & 0x0f) << 2 | t[2] >> 6];
        to[3] = digits[t[2] & 0x3f];
    }
    if (rest == 0)
        return;
    to[0] = digits[t[0] >> 2];
    to[1] = digits[(t[0] & 0x03) << 4 | (rest == 2 ? t[1] >> 4 : 0)];
    if (rest == 2)
        to[2] = digits[(t[1] & 0x0f) << 2];
    else if (pad)
        to[2] = '=';
    if (pad)
        to[3] = '=';
}

enum brama_err brama_b64url_decode(brama_str *out, struct brama_arena *arena, brama_str text)
{
    return decode(out, arena, text, url_values);
}

void brama_b64url_encode(struct brama_buf *out, brama_str octets)
{
    encode(out, octets, url_digits, false);
}

void brama_b64_encode(struct brama_buf *out, brama_str octets)
{
    encode(out, octets, std_digits, true);
}

enum brama_err brama_b64_decode(brama_str *out, struct brama_arena *arena, brama_str text)
{
    *out = BRAMA_NIL;
    if (text.n % 4 != 0)
        return BRAMA_ERR_SYNTAX;
    for (int pads = 0; pads < 2 && text.n != 0 && text.p[text.n - 1] == '='; pads++)
        text.n--;
    return decode(out, arena, text, std_values);
}
