#include "re2_match.h"

#include <re2/re2.h>

enum re2_answer re2_match(const char *regex, size_t regex_bytes, const char *text,
                          size_t text_bytes)
{
    RE2::Options options;
    options.set_log_errors(false);
    RE2 re(re2::StringPiece(regex, regex_bytes), options);
    if (!re.ok())
        return RE2_NOT_A_REGEX;
    return RE2::FullMatch(re2::StringPiece(text, text_bytes), re) ? RE2_YES : RE2_NO;
}
