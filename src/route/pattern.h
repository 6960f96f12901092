/* A path pattern of any origin as one of a few cheap kinds, and whether a path matches it.
 *
 *     struct brama_pattern pattern;
 *     brama_pattern_of_regex(&pattern, BRAMA_STR("/orders/.*"), &diag);    // a prefix, no regex
 *     brama_pattern_match(&pattern, path, regexes)
 */
#ifndef BRAMA_ROUTE_PATTERN_H
#define BRAMA_ROUTE_PATTERN_H

#include "base/diag.h"
#include "base/err.h"

enum brama_pattern_kind {
    BRAMA_PATTERN_NEVER = 0,
    BRAMA_PATTERN_EXACT,    /* text */
    BRAMA_PATTERN_PREFIX,   /* text and anything after it */
    BRAMA_PATTERN_SUFFIX,   /* anything, then text */
    BRAMA_PATTERN_TEMPLATE, /* text with {*}: one segment, not empty; and at most one {**}: any text
                             */
    BRAMA_PATTERN_REGEX     /* text: RE2 syntax, the whole path must match */
};

struct brama_pattern {
    enum brama_pattern_kind kind;
    brama_str text; /* a slice of what it was made from */
};

struct brama_regexes; /* compiled regular expressions, one cache a worker */

/* A ceiling on distinct expressions; the least recently made are dropped. NULL: no memory. */
struct brama_regexes *brama_regexes_new(size_t max);
void brama_regexes_free(struct brama_regexes *cache);

/* Since begin: was there a match that couldn't be brought to its end (a limit, no memory, an
 * expression that doesn't compile)? It counted as "no", and where a "no" leads to the next rule,
 * whoever asked must refuse. */
void brama_regexes_begin(struct brama_regexes *cache);
bool brama_regexes_in_doubt(const struct brama_regexes *cache);

/* v1alpha1 and v1beta1 paths as a VirtualService regex: literals, prefixes ("/.*", "/a/.*",
 * "/a(.*)") become their own kinds. BRAMA_ERR_INVALID: not in RE2's syntax, or PCRE2 refuses it. */
BRAMA_MUST_USE enum brama_err brama_pattern_of_regex(struct brama_pattern *out, brama_str path,
                                                     struct brama_diag *diag);
/* v2 paths as their VirtualService match: a slash and a star is the prefix "/". Kyma doesn't escape
 * the text between operators, so . + $ ( ) keep their regex meaning ("/a.b" matches "/axb"): such a
 * path becomes a REGEX, written to arena. */
BRAMA_MUST_USE enum brama_err brama_pattern_of_v2(struct brama_pattern *out,
                                                  struct brama_arena *arena, brama_str path,
                                                  struct brama_diag *diag);
/* A paths entry of an AuthorizationPolicy: exact, prefix, suffix or template
 * (istio-jwt.md 3.3, 3.5). On a normalised path the templates of both places mean the same. */
void brama_pattern_of_istio(struct brama_pattern *out, brama_str path);

/* False also where a regex ran into its match limit; brama_regexes_in_doubt() then says so. */
bool brama_pattern_match(const struct brama_pattern *pattern, brama_str path,
                         struct brama_regexes *regexes);

/* Text that every path of the pattern surely begins with. */
brama_str brama_pattern_head(const struct brama_pattern *p);

/* Can there be a path that both match? False only if surely not. */
bool brama_patterns_may_meet(const struct brama_pattern *a, const struct brama_pattern *b);

#endif
