#include "json/utf8.h"

size_t brama__utf8_next(brama_str s, uint32_t *point)
{
    if (s.n == 0)
        return 0;
    unsigned char lead = (unsigned char)s.p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n > s.n || !brama_str_is_utf8(brama_str_head(s, n)))
        return 0;
    uint32_t value = n == 1 ? lead : lead & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        value = value << 6 | ((unsigned char)s.p[i] & 0x3F);
    *point = value;
    return n;
}
