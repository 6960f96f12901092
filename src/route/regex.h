/* Regular expressions with RE2's syntax, run by PCRE2 within limits. Nothing else sees PCRE2. */
#ifndef BRAMA_ROUTE_REGEX_H
#define BRAMA_ROUTE_REGEX_H

#include "base/diag.h"
#include "base/err.h"
#include "route/pattern.h"

/* Is it in RE2's syntax, and does PCRE2 compile it? BRAMA_ERR_INVALID with a diag if not. */
BRAMA_MUST_USE enum brama_err brama_regex_check(brama_str regex, struct brama_diag *diag);

/* Does the whole subject match? Compiled at its first use and kept. A regex that can't be compiled,
 * a limit that is reached or a missing cache is "no". */
bool brama_regexes_match(struct brama_regexes *cache, brama_str regex, brama_str subject);

/* The texts of the groups of a whole match, in order; a group that took no part is empty. False: no
 * match, as above. All is the arena's or the subject's. */
bool brama_regexes_groups(struct brama_regexes *cache, struct brama_arena *arena, brama_str regex,
                          brama_str subject, const brama_str **out, size_t *count);

#endif
