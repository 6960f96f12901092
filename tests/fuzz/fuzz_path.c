/* A pattern and a request target, parted by a newline: what a normalised path promises, and that a
 * match is what the pattern's definition says. */
#include <string.h>

#include "fuzz.h"
#include "naive.h"
#include "route/path.h"

/* RFC 3986 section 3.3, as one list. */
static const char pchars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "-._~!$&'()*+,;=:@/";

static bool is_hex(char c)
{
    return c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
}

static void check_text(brama_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '%') {
            FUZZ_CHECK(path.n - i > 2 && is_hex(path.p[i + 1]) && is_hex(path.p[i + 2]));
            i += 2;
        } else {
            FUZZ_CHECK(path.p[i] != 0 && strchr(pchars, path.p[i]) != NULL);
        }
    }
}

static void check_segments(brama_str path)
{
    FUZZ_CHECK(path.n != 0 && path.p[0] == '/');
    brama_str segment;
    while (brama_str_next(&path, '/', &segment))
        FUZZ_CHECK(!brama_str_eq(segment, BRAMA_STR(".")) &&
                   !brama_str_eq(segment, BRAMA_STR("..")));
}

static size_t count(brama_str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == c;
    return n;
}

/* Nobody who decodes it, once or twice, sees other segments, a parameter or an empty segment. */
static void check_plain(const struct brama_path *path, struct brama_arena *arena)
{
    FUZZ_CHECK(brama_str_eq(path->harsh, path->path) && path->reading_count == 0 && !path->twisted);
    brama_str once = brama_path_decoded(arena, path->path), twice = brama_path_decoded(arena, once);
    FUZZ_CHECK(brama_str_eq(once, twice) && count(once, '/') == count(path->path, '/'));
    FUZZ_CHECK(count(once, '\\') == 0 && count(once, ';') == 0);
    for (size_t i = 1; i < once.n; i++)
        FUZZ_CHECK(once.p[i] != '/' || once.p[i - 1] != '/');
    check_segments(once);
}

static void check_path(const struct brama_path *path, struct brama_arena *arena, brama_str target)
{
    struct brama_path again;
    check_segments(path->path);
    check_text(path->path);
    for (size_t i = 0; i < path->reading_count; i++)
        check_segments(path->readings[i]);
    FUZZ_CHECK(path->has_query == (count(target, '?') != 0));
    FUZZ_CHECK(!path->has_query || brama_str_ends(target, path->query));
    FUZZ_CHECK(brama_path_read(&again, arena, path->path) == BRAMA_PATH_OK);
    FUZZ_CHECK(brama_str_eq(again.path, path->path) && brama_str_eq(again.harsh, path->harsh));
    FUZZ_CHECK(again.ambiguous == path->ambiguous && again.twisted == path->twisted);
    if (!path->ambiguous)
        check_plain(path, arena);
}

static void check_match(brama_str text, brama_str path)
{
    struct brama_pattern exact = {BRAMA_PATTERN_EXACT, text};
    struct brama_pattern prefix = {BRAMA_PATTERN_PREFIX, text};
    struct brama_pattern form = {BRAMA_PATTERN_TEMPLATE, text};
    bool begins = naive_prefix(text, path);

    FUZZ_CHECK(brama_pattern_match(&prefix, path, NULL) == begins);
    FUZZ_CHECK(brama_pattern_match(&exact, path, NULL) == (begins && text.n == path.n));
    if (!naive_template_valid(text))
        return;
    bool matches = naive_template(text, path);
    FUZZ_CHECK(brama_pattern_match(&form, path, NULL) == matches);
    if (begins && matches) /* what two patterns share, they must be known to share */
        FUZZ_CHECK(brama_patterns_may_meet(&prefix, &form));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_path path;
    brama_str input = {(const char *)data, size};
    brama_str pattern = brama_str_head(input, brama_str_find(input, '\n'));
    brama_str target = brama_str_from(input, pattern.n + 1);

    if (size > 512) /* the naive matcher tries everything */
        return 0;
    brama_arena_init(&arena, NULL, 1 << 20);
    if (brama_path_read(&path, &arena, target) == BRAMA_PATH_OK) {
        check_path(&path, &arena, target);
        check_match(pattern, path.path);
    }
    brama_arena_deinit(&arena);
    return 0;
}
