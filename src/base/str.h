/* Slices: a pointer and a length, by value; never NUL-terminated by contract.
 *
 *     brama_str line = BRAMA_STR("Bearer abc");
 *     if (brama_str_starts(line, BRAMA_STR("Bearer ")))
 *         token = brama_str_from(line, 7);
 *
 * {NULL, 0} is legal everywhere; so test n before p + n. The doc of whoever hands a slice out
 * names the owner of its bytes.
 */
#ifndef BRAMA_BASE_STR_H
#define BRAMA_BASE_STR_H

#include <string.h>

#include "base/def.h"

typedef struct brama_str {
    const char *p;
    size_t n;
} brama_str;

#define BRAMA_LIT(s)                                                                               \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }                                                  /* in static tables */
#define BRAMA_STR(s) ((brama_str){(s), sizeof(s) - 1}) /* in expressions */
#define BRAMA_NIL ((brama_str){NULL, 0})
#define BRAMA_FMT(s) (int)(s).n, (s).n != 0 ? (s).p : "" /* for "%.*s" */

/* The slice over a C string; {NULL, 0} for NULL. */
brama_str brama_str_c(const char *s);

/* A NUL-terminated copy, to be freed with free(); NULL: no memory. */
char *brama_str_dup(brama_str s);

static inline bool brama_str_eq(brama_str a, brama_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/* Both know ASCII only. */
static inline char brama_char_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
bool brama_str_eq_nocase(brama_str a, brama_str b);
bool brama_str_starts(brama_str s, brama_str prefix);
bool brama_str_ends(brama_str s, brama_str suffix);
int brama_str_cmp(brama_str a, brama_str b); /* byte order, shorter first */

/* s without its first `from` bytes; empty if there are fewer. */
brama_str brama_str_from(brama_str s, size_t from);
/* The first n bytes of s; all of s if there are fewer. */
brama_str brama_str_head(brama_str s, size_t n);
/* s without spaces, tabs, CR and LF at both ends. */
brama_str brama_str_trim(brama_str s);

/* Offset of the first c or first occurrence of what, or s.n if there is none. */
size_t brama_str_find(brama_str s, char c);
size_t brama_str_find_str(brama_str s, brama_str what);
size_t brama_str_find_last(brama_str s, char c); /* of the last c, or s.n */

/* Cut the piece before the next sep off *rest; false when *rest was used up (rest->p == NULL).
 * "a,,b" gives "a", "", "b"; an empty, non-NULL slice gives one empty piece. */
bool brama_str_next(brama_str *rest, char sep, brama_str *piece);

/* A decimal number of 1 to 19 digits and nothing else. False: *out is untouched. */
bool brama_str_u64(brama_str s, uint64_t *out);

/* n in decimal; the bytes are out's. */
brama_str brama_str_of_u64(char out[20], uint64_t n);

/* 0 to 15 for a hexadecimal digit of either case, else -1. */
int brama_hex_value(char c);

/* Equality in time that depends on the lengths only. For secrets. */
bool brama_str_eq_ct(brama_str a, brama_str b);

/* RFC 9110: a token, which isn't empty (section 5.6.2); a control character but a tab, which would
 * end a header's value or its line (section 5.5). */
bool brama_str_is_token(brama_str s);
bool brama_str_has_control(brama_str s);

/* Is s well-formed UTF-8 (no surrogates, no overlong forms; RFC 3629)? */
bool brama_str_is_utf8(brama_str s);

/* 64-bit FNV-1a: for stable ids of our own texts, never against an adversary. */
uint64_t brama_str_hash(brama_str s);
/* Of what comes before s, which has this hash, and s. */
uint64_t brama_str_hash_on(uint64_t hash, brama_str s);
/* Eight bytes a step, for tables in memory: it may be another one in the next version. */
uint64_t brama_str_table_hash(brama_str s);

#endif
