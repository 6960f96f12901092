#include "base/str.h"

#include <stdlib.h>
#include <string.h>

brama_str brama_str_c(const char *s)
{
    return (brama_str){s, s != NULL ? strlen(s) : 0};
}

char *brama_str_dup(brama_str s)
{
    char *p = malloc(s.n + 1);
    if (p != NULL) {
        if (s.n != 0)
            memcpy(p, s.p, s.n);
        p[s.n] = '\0';
    }
    return p;
}

bool brama_str_eq_nocase(brama_str a, brama_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (brama_char_lower(a.p[i]) != brama_char_lower(b.p[i]))
            return false;
    return true;
}

bool brama_str_starts(brama_str s, brama_str prefix)
{
    return s.n >= prefix.n && brama_str_eq(brama_str_head(s, prefix.n), prefix);
}

bool brama_str_ends(brama_str s, brama_str suffix)
{
    return s.n >= suffix.n && brama_str_eq(brama_str_from(s, s.n - suffix.n), suffix);
}

int brama_str_cmp(brama_str a, brama_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n != 0 ? memcmp(a.p, b.p, n) : 0;
    if (d != 0)
        return d;
    return a.n < b.n ? -1 : a.n > b.n;
}

brama_str brama_str_from(brama_str s, size_t from)
{
    if (from >= s.n)
        return (brama_str){s.n != 0 ? s.p + s.n : s.p, 0};
    return (brama_str){s.p + from, s.n - from};
}

brama_str brama_str_head(brama_str s, size_t n)
{
    return (brama_str){s.p, n < s.n ? n : s.n};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

brama_str brama_str_trim(brama_str s)
{
    while (s.n != 0 && is_blank(s.p[0]))
        s = brama_str_from(s, 1);
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t brama_str_find(brama_str s, char c)
{
    const char *at = s.n != 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t brama_str_find_str(brama_str s, brama_str what)
{
    const char *at = s.n != 0 && what.n != 0 ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t brama_str_find_last(brama_str s, char c)
{
    for (size_t i = s.n; i != 0; i--)
        if (s.p[i - 1] == c)
            return i - 1;
    return s.n;
}

bool brama_str_next(brama_str *rest, char sep, brama_str *piece)
{
    if (rest->p == NULL)
        return false;
    size_t at = brama_str_find(*rest, sep);
    *piece = brama_str_head(*rest, at);
    if (at == rest->n)
        *rest = BRAMA_NIL;
    else
        *rest = brama_str_from(*rest, at + 1);
    return true;
}

bool brama_str_u64(brama_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 19)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = v;
    return true;
}

brama_str brama_str_of_u64(char out[20], uint64_t n)
{
    size_t at = 20;
    do {
        out[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (brama_str){out + at, 20 - at};
}

int brama_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool brama_str_eq_ct(brama_str a, brama_str b)
{
    unsigned char diff = 0;
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff = (unsigned char)(diff | ((unsigned char)a.p[i] ^ (unsigned char)b.p[i]));
    return diff == 0;
}

/* The length of the well-formed UTF-8 sequence at p, 0 if there is none. RFC 3629 section 4. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool brama_str_is_utf8(brama_str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_len((const unsigned char *)s.p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

uint64_t brama_str_hash_on(uint64_t hash, brama_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        hash ^= (unsigned char)s.p[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t brama_str_hash(brama_str s)
{
    return brama_str_hash_on(UINT64_C(0xcbf29ce484222325), s);
}

uint64_t brama_str_table_hash(brama_str s)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = (uint64_t)s.n * odd, word;
    size_t i = 0;
    for (; s.n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.p + i, sizeof(word));
        h = (h ^ word) * odd;
        h ^= h >> 32;
    }
    for (word = 0; i < s.n; i++)
        word = word << 8 | (unsigned char)s.p[i];
    h = (h ^ word) * odd;
    return h ^ h >> 32;
}

bool brama_str_is_token(brama_str s)
{
    static const brama_str marks = BRAMA_LIT("!#$%&'*+-.^_`|~");

    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && (s.p[i] < 'A' || s.p[i] > 'Z') &&
            (s.p[i] < 'a' || s.p[i] > 'z') && brama_str_find(marks, s.p[i]) == marks.n)
            return false;
    return s.n != 0;
}

bool brama_str_has_control(brama_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}
