/* A regular expression, a NUL, and a text of visible ASCII, as paths and origins are: whatever
 * brama takes as RE2's syntax RE2 takes, and both say the same of the text. Where RE2 takes more,
 * we refuse; a limit that is reached is no answer. */
#include "fuzz.h"

#include "re2_match.h"
#include "route/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    brama_str all = {(const char *)data, size};
    size_t nul = brama_str_find(all, '\0');
    brama_str regex = brama_str_head(all, nul), text = brama_str_from(all, nul + 1);

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return 0;
    if (regex.n == 0 || regex.n > 200 || text.n > 200 || brama_regex_check(regex, NULL) != BRAMA_OK)
        return 0;
    struct brama_regexes *cache = brama_regexes_new(4);
    if (cache == NULL)
        return 0;
    brama_regexes_begin(cache);
    bool ours = brama_regexes_match(cache, regex, text);
    enum re2_answer theirs = re2_match(regex.p, regex.n, text.p, text.n);
    FUZZ_CHECK(theirs != RE2_NOT_A_REGEX);
    if (!brama_regexes_in_doubt(cache))
        FUZZ_CHECK(ours == (theirs == RE2_YES));
    brama_regexes_free(cache);
    return 0;
}
