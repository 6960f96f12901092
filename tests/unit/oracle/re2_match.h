/* RE2 itself, which Istio matches with: the oracle for every regular expression. */
#ifndef BRAMA_TEST_ORACLE_RE2_MATCH_H
#define BRAMA_TEST_ORACLE_RE2_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum re2_answer { RE2_NO, RE2_YES, RE2_NOT_A_REGEX };

/* Does the whole text match? */
enum re2_answer re2_match(const char *regex, size_t regex_bytes, const char *text,
                          size_t text_bytes);

#ifdef __cplusplus
}
#endif

#endif
