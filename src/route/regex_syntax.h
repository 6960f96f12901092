/* The part of RE2's syntax that PCRE2 reads in the same way, over ASCII.
 * Source: RE2's syntax page; what differs was found by fuzzing both (tests/fuzz/fuzz_regex.c).
 */
#ifndef BRAMA_ROUTE_REGEX_SYNTAX_H
#define BRAMA_ROUTE_REGEX_SYNTAX_H

#include "base/str.h"

/* NULL: it is within that part; else what isn't, as "a look-ahead": static. Whether the expression
 * is well-formed is PCRE2's to say, as far as it isn't looked at here. O(regex.n). */
const char *brama__regex_foreign(brama_str regex);

#endif
