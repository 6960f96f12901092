/* What is claimed about two patterns, and that it holds for every path of a heap of them. */
#include "expect.h"
#include "test_route.h"

#include "route/overlap.h"
#include "route/path.h"

#define EXACT(s)                                                                                   \
    {                                                                                              \
        BRAMA_PATTERN_EXACT, BRAMA_LIT(s)                                                          \
    }
#define PREFIX(s)                                                                                  \
    {                                                                                              \
        BRAMA_PATTERN_PREFIX, BRAMA_LIT(s)                                                         \
    }
#define SUFFIX(s)                                                                                  \
    {                                                                                              \
        BRAMA_PATTERN_SUFFIX, BRAMA_LIT(s)                                                         \
    }
#define TEMPLATE(s)                                                                                \
    {                                                                                              \
        BRAMA_PATTERN_TEMPLATE, BRAMA_LIT(s)                                                       \
    }
#define REGEX(s)                                                                                   \
    {                                                                                              \
        BRAMA_PATTERN_REGEX, BRAMA_LIT(s)                                                          \
    }

static void one_covers_another(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct brama_pattern a, b;
        bool want;
    } rows[] = {
        {"the prefix / covers all", PREFIX("/"), REGEX("/a|/b"), true},
        {"a prefix covers what begins with it", PREFIX("/a/"), TEMPLATE("/a/{*}/x"), true},
        {"a prefix doesn't cover a shorter one", PREFIX("/a/"), PREFIX("/a"), false},
        {"an exact path covers itself", EXACT("/a"), EXACT("/a"), true},
        {"an exact path covers no prefix", EXACT("/a"), PREFIX("/a"), false},
        {"{*} covers a segment", TEMPLATE("/a/{*}"), EXACT("/a/b"), true},
        {"{*} covers {*}", TEMPLATE("/{*}/b"), TEMPLATE("/{*}/b"), true},
        {"{*} doesn't cover {**}", TEMPLATE("/a/{*}"), TEMPLATE("/a/{**}"), false},
        {"{*} doesn't cover the empty segment", TEMPLATE("/a/{*}"), EXACT("/a/"), false},
        {"a word doesn't cover {*}", TEMPLATE("/a/b/{*}"), TEMPLATE("/a/{*}/{*}"), false},
        {"{**} covers {*} and more", TEMPLATE("/a/{**}"), TEMPLATE("/a/{*}/c/{**}"), true},
        {"{**} covers the empty rest", TEMPLATE("/a/{**}"), EXACT("/a/"), true},
        {"{**} doesn't cover its own folder", TEMPLATE("/a/{**}"), EXACT("/a"), false},
        {"{**} with an end", TEMPLATE("/a/{**}/c"), TEMPLATE("/a/{*}/b/c"), true},
        {"{**} with another end", TEMPLATE("/a/{**}/c"), TEMPLATE("/a/{*}/b"), false},
        {"a last {**} is a prefix", TEMPLATE("/a/{**}"), PREFIX("/a/b"), true},
        {"a last {*}/ is none", TEMPLATE("/a/{*}/"), PREFIX("/a/b"), false},
        {"a regex covers itself", REGEX("/a+"), REGEX("/a+"), true},
        {"of two regexes nobody can tell", REGEX("/a+"), REGEX("/aa+"), false},
        {"a regex covers a text that it matches", REGEX("/a+"), EXACT("/aaa"), true},
        {"a suffix covers such a text", SUFFIX("/x"), EXACT("/a/x"), true},
    };
    struct brama_regexes *regexes = brama_regexes_new(16);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name, brama_pattern_covers(&rows[i].a, &rows[i].b, regexes) == rows[i].want);
    brama_regexes_free(regexes);
}

static void a_path_that_no_request_has(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct brama_pattern p;
        bool want;
    } rows[] = {
        {"no slash", EXACT("orders"), true},
        {"no slash, in a regex", REGEX("orders/.+"), true},
        {"perhaps a slash", REGEX("(a|/b)"), false},
        {"dots go away", EXACT("/a/../b"), true},
        {"an encoded letter goes away", EXACT("/%61"), true},
        {"a query is no path", EXACT("/a?b"), true},
        {"an encoded space stays", EXACT("/a%20b"), false},
        {"an ordinary one", EXACT("/a"), false},
        {"a template", TEMPLATE("/{**}"), false},
    };
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 20);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name, brama_pattern_is_never(&rows[i].p, &arena) == rows[i].want);
    brama_arena_deinit(&arena);
}

static void samples_are_found_where_there_are_some(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct brama_pattern a, b;
        bool want;
    } rows[] = {
        {"each says one segment", TEMPLATE("/{*}/b"), TEMPLATE("/a/{*}"), true},
        {"a wide and a narrow one", TEMPLATE("/{**}"), TEMPLATE("/a/{*}/c"), true},
        {"a prefix and a template", PREFIX("/a"), TEMPLATE("/{*}/x"), true},
        {"an end and a beginning", TEMPLATE("/{**}/c"), TEMPLATE("/a/{**}"), true},
        {"a regex and itself", REGEX("/items/[0-9]+"), REGEX("/items/[0-9]+"), true},
        {"a regex and a prefix", REGEX("/a/[^/]+/(b|c)"), PREFIX("/a/"), true},
        {"an escaped dot", REGEX("/a\\.b"), PREFIX("/"), true},
        {"a suffix", SUFFIX("/x"), PREFIX("/"), true},
        {"nothing in common", EXACT("/a"), TEMPLATE("/b/{*}"), false},
        {"another length", TEMPLATE("/{*}"), TEMPLATE("/{*}/{*}"), false},
    };
    struct brama_regexes *regexes = brama_regexes_new(16);
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, 1 << 20);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str out[BRAMA_SAMPLES_MAX];
        size_t n = brama_pattern_samples(out, &arena, &rows[i].a, &rows[i].b, regexes);
        EXPECT(rows[i].name, (n != 0) == rows[i].want);
        for (size_t k = 0; k < n; k++) {
            struct brama_path path;
            EXPECT(rows[i].name, brama_pattern_match(&rows[i].a, out[k], regexes));
            EXPECT(rows[i].name, brama_pattern_match(&rows[i].b, out[k], regexes));
            EXPECT(rows[i].name, brama_path_read(&path, &arena, out[k]) == BRAMA_PATH_OK);
            EXPECT(rows[i].name, brama_str_eq(path.path, out[k]) && !path.ambiguous);
        }
    }
    brama_arena_deinit(&arena);
    brama_regexes_free(regexes);
}

/* Every pattern of a few segments against every other, on every path of a few segments. */
static void no_path_contradicts_a_cover(void **state)
{
    (void)state;
    static const char *const parts[] = {"/a", "/b", "/", "/{*}", "/{**}"};
    static const char *const words[] = {"/a", "/b", "/", "/c"};
    enum { PATTERNS = 5 + 25 + 125, PATHS = 4 + 16 + 64 + 256 };
    static char texts[PATTERNS][16], paths[PATHS][16];
    static struct brama_pattern patterns[PATTERNS * 2];
    size_t n = 0, path_count = 0, covers = 0;

    for (size_t i = 0; i < PATTERNS; i++) {
        size_t k = i < 5 ? i : i < 30 ? i - 5 : i - 30, length = i < 5 ? 1 : i < 30 ? 2 : 3;
        for (size_t s = 0; s < length; s++, k /= 5)
            strcat(texts[i], parts[k % 5]);
        const char *any = strstr(texts[i], "{**}");
        if (any != NULL && strchr(any + 1, '{') != NULL)
            continue; /* one {**}, and last */
        bool plain = strchr(texts[i], '{') == NULL;
        patterns[n++] = (struct brama_pattern){plain ? BRAMA_PATTERN_EXACT : BRAMA_PATTERN_TEMPLATE,
                                               brama_str_c(texts[i])};
        if (plain)
            patterns[n++] = (struct brama_pattern){BRAMA_PATTERN_PREFIX, brama_str_c(texts[i])};
    }
    for (size_t i = 0; i < PATHS; i++, path_count++) {
        size_t length = i < 4 ? 1 : i < 20 ? 2 : i < 84 ? 3 : 4;
        size_t k = i < 4 ? i : i < 20 ? i - 4 : i < 84 ? i - 20 : i - 84;
        for (size_t s = 0; s < length; s++, k /= 4)
            strcat(paths[i], words[k % 4]);
    }
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            if (!brama_pattern_covers(&patterns[a], &patterns[b], NULL))
                continue;
            covers++;
            for (size_t i = 0; i < path_count; i++)
                if (brama_pattern_match(&patterns[b], brama_str_c(paths[i]), NULL) &&
                    !brama_pattern_match(&patterns[a], brama_str_c(paths[i]), NULL))
                    fail_msg("%.*s doesn't cover %.*s: %s", BRAMA_FMT(patterns[a].text),
                             BRAMA_FMT(patterns[b].text), paths[i]);
        }
    printf("%zu of %zu pairs cover\n", covers, n * n);
    EXPECT("some do", covers > n);
}

int test_overlap(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_covers_another),
        cmocka_unit_test(a_path_that_no_request_has),
        cmocka_unit_test(samples_are_found_where_there_are_some),
        cmocka_unit_test(no_path_contradicts_a_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
