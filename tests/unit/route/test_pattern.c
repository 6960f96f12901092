#include "expect.h"

#include "route/pattern.h"
#include "test_route.h"

struct row {
    const char *name;
    brama_str pattern, path;
    bool want;
};

static void check(const struct row *row, const struct brama_pattern *pattern)
{
    struct brama_regexes *regexes = brama_regexes_new(8);
    brama_str path = expect_exact(row->path);
    EXPECT(row->name, brama_pattern_match(pattern, path, regexes) == row->want);
    EXPECT(row->name,
           brama_pattern_match(pattern, path, regexes) == row->want); /* from the cache */
    expect_free(path);
    brama_regexes_free(regexes);
}

/* apirule.md section 4.5 */
static void v2_paths_match_as_in_their_virtual_service(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a literal is itself", BRAMA_LIT("/abc"), BRAMA_LIT("/abc"), true},
        {"a slash more is another path", BRAMA_LIT("/abc"), BRAMA_LIT("/abc/"), false},
        {"a literal isn't a prefix", BRAMA_LIT("/abc"), BRAMA_LIT("/abc/d"), false},
        {"{*} takes one segment", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/x"), true},
        {"{*} takes a plus", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/a+b"), true},
        {"{*} takes an escape", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/a%20b"), true},
        {"{*} takes a star", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/r*m"), true},
        {"{*} needs its slash", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo"), false},
        {"{*} is never empty", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/"), false},
        {"{*} takes no second segment", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/x/y"), false},
        {"{*} takes no slash at the end", BRAMA_LIT("/foo/{*}"), BRAMA_LIT("/foo/x/"), false},
        {"an inner {*}", BRAMA_LIT("/foo/{*}/bar"), BRAMA_LIT("/foo/x/bar"), true},
        {"an inner {*} isn't left out", BRAMA_LIT("/foo/{*}/bar"), BRAMA_LIT("/foo/bar"), false},
        {"an inner {*} isn't empty", BRAMA_LIT("/foo/{*}/bar"), BRAMA_LIT("/foo//bar"), false},
        {"{**} may be empty", BRAMA_LIT("/foo/{**}"), BRAMA_LIT("/foo/"), true},
        {"{**} takes one", BRAMA_LIT("/foo/{**}"), BRAMA_LIT("/foo/a"), true},
        {"{**} takes several", BRAMA_LIT("/foo/{**}"), BRAMA_LIT("/foo/a/b/"), true},
        {"{**} needs its slash", BRAMA_LIT("/foo/{**}"), BRAMA_LIT("/foo"), false},
        {"an inner {**}", BRAMA_LIT("/foo/{**}/bar"), BRAMA_LIT("/foo/a/b/bar"), true},
        {"an inner {**} may be empty", BRAMA_LIT("/foo/{**}/bar"), BRAMA_LIT("/foo//bar"), true},
        {"an inner {**} keeps both slashes", BRAMA_LIT("/foo/{**}/bar"), BRAMA_LIT("/foo/bar"),
         false},
        {"both operators", BRAMA_LIT("/{*}/e/{*}/{**}"), BRAMA_LIT("/a/e/b/c"), true},
        {"both operators, the end empty", BRAMA_LIT("/{*}/e/{*}/{**}"), BRAMA_LIT("/a/e/b/"), true},
        {"both operators, too short", BRAMA_LIT("/{*}/e/{*}/{**}"), BRAMA_LIT("/a/e/b"), false},
        {"/* is everything", BRAMA_LIT("/*"), BRAMA_LIT("/x/y"), true},
        {"/{**} is everything", BRAMA_LIT("/{**}"), BRAMA_LIT("/x/y"), true},
        {"a dot keeps its regex meaning", BRAMA_LIT("/a.b"), BRAMA_LIT("/axb"), true},
        {"but takes exactly one", BRAMA_LIT("/a.b"), BRAMA_LIT("/ab"), false},
        {"a dot beside an operator", BRAMA_LIT("/v1.0/{*}"), BRAMA_LIT("/v1.0/x"), true},
        {"an operator beside a dot is one segment", BRAMA_LIT("/v1.0/{*}"), BRAMA_LIT("/v1.0/x/y"),
         false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_pattern pattern;
        brama_arena_init(&arena, NULL, 1 << 16);
        brama_str text = expect_exact(rows[i].pattern);
        EXPECT(rows[i].name, brama_pattern_of_v2(&pattern, &arena, text, NULL) == BRAMA_OK);
        check(&rows[i], &pattern);
        brama_arena_deinit(&arena);
        expect_free(text);
    }
}

/* apirule.md section 4.2: the whole path, RE2 */
static void v1_paths_are_regular_expressions_of_the_whole_path(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a literal", BRAMA_LIT("/ip"), BRAMA_LIT("/ip"), true},
        {"not with a slash more", BRAMA_LIT("/ip"), BRAMA_LIT("/ip/"), false},
        {"/.* is all", BRAMA_LIT("/.*"), BRAMA_LIT("/a/b"), true},
        {"/.* is the root, too", BRAMA_LIT("/.*"), BRAMA_LIT("/"), true},
        {"a prefix", BRAMA_LIT("/orders/.*"), BRAMA_LIT("/orders/7"), true},
        {"a prefix with its slash", BRAMA_LIT("/orders/.*"), BRAMA_LIT("/orders"), false},
        {"a grouped rest", BRAMA_LIT("/foo(.*)"), BRAMA_LIT("/foobar"), true},
        {"/* is slashes only", BRAMA_LIT("/*"), BRAMA_LIT("//"), true},
        {"/* takes no name", BRAMA_LIT("/*"), BRAMA_LIT("/a"), false},
        {"an alternative", BRAMA_LIT("/(a|b)/c"), BRAMA_LIT("/b/c"), true},
        {"an alternative's whole", BRAMA_LIT("/(a|b)/c"), BRAMA_LIT("/b/c/d"), false},
        {"a top-level alternative is anchored, too", BRAMA_LIT("/a|/b"), BRAMA_LIT("/bc"), false},
        {"a class", BRAMA_LIT("/v[0-9]+"), BRAMA_LIT("/v12"), true},
        {"a dollar isn't before a line feed", BRAMA_LIT("/a.$"), BRAMA_LIT("/ab\n"), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_pattern pattern;
        brama_str text = expect_exact(rows[i].pattern);
        EXPECT(rows[i].name, brama_pattern_of_regex(&pattern, text, NULL) == BRAMA_OK);
        check(&rows[i], &pattern);
        expect_free(text);
    }
}

static void what_re2_hasnt_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str regex;
        bool ok;
    } rows[] = {
        {"a look-ahead", BRAMA_LIT("/(?!admin).*"), false},
        {"a look-behind", BRAMA_LIT("/a(?<=b)c"), false},
        {"a named group is fine", BRAMA_LIT("/(?P<id>[0-9]+)"), true},
        {"a back-reference", BRAMA_LIT("/(a)\\1"), false},
        {"an atomic group", BRAMA_LIT("/(?>a)b"), false},
        {"a possessive quantifier", BRAMA_LIT("/a++"), false},
        {"a lazy one is fine", BRAMA_LIT("/a+?b"), true},
        {"a recursion", BRAMA_LIT("/(a(?1))"), false},
        {"a verb", BRAMA_LIT("/(*ACCEPT)"), false},
        {"flags are fine", BRAMA_LIT("/(?i)abc"), true},
        {"an open group", BRAMA_LIT("/(a"), false},
        {"an open class", BRAMA_LIT("/[a"), false},
        {"a star in a class is a star", BRAMA_LIT("/[*+]x"), true},
        {"a backslash at the end", BRAMA_LIT("/a.\\"), false},
        {"a hyphen behind a range, as Kyma writes it, is fine", BRAMA_LIT("/[A-Za-z0-9-._~]+"),
         true},
        {"a hyphen that one reads as a range", BRAMA_LIT("/[a-c--z]"), false},
        {"a class of another engine", BRAMA_LIT("/\\h+"), false},
        {"\\v is one character in RE2, a set in PCRE2", BRAMA_LIT("/\\v"), false},
        {"a name of RE2's is fine", BRAMA_LIT("/[[:alnum:]]+"), true},
        {"more than RE2's thousand", BRAMA_LIT("/(a{100}){11}"), false},
        {"a number with a leading zero is no number in RE2", BRAMA_LIT("/a{02}"), false},
        {"braces of a template are themselves", BRAMA_LIT("/orders/{id}"), true},
        {"a byte that one reads as part of a character", BRAMA_LIT("/[\xc3\xa4]"), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_pattern pattern;
        struct brama_diag diag = {0};
        brama_str text = expect_exact(rows[i].regex);
        enum brama_err err = brama_pattern_of_regex(&pattern, text, &diag);
        EXPECT(rows[i].name, (err == BRAMA_OK) == rows[i].ok);
        EXPECT(rows[i].name, rows[i].ok || diag.what[0] != 0);
        EXPECT(rows[i].name, rows[i].ok || pattern.kind == BRAMA_PATTERN_NEVER);
        expect_free(text);
    }
}

static void an_expression_that_explodes_is_a_no(void **state)
{
    (void)state;
    struct brama_pattern pattern;
    struct brama_regexes *regexes = brama_regexes_new(1);
    char path[200];
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    EXPECT("it compiles",
           brama_pattern_of_regex(&pattern, BRAMA_STR("/((a|aa)+)+b"), NULL) == BRAMA_OK);
    EXPECT("and doesn't match",
           !brama_pattern_match(&pattern, (brama_str){path, sizeof(path)}, regexes));
    brama_regexes_free(regexes);
}

/* istio-jwt.md section 3.3 and 3.5 */
static void policy_paths_match_as_in_istio(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"exact", BRAMA_LIT("/a"), BRAMA_LIT("/a"), true},
        {"exact, no dot magic", BRAMA_LIT("/a.b"), BRAMA_LIT("/axb"), false},
        {"a prefix", BRAMA_LIT("/a/*"), BRAMA_LIT("/a/b"), true},
        {"a prefix and its own text", BRAMA_LIT("/a*"), BRAMA_LIT("/a"), true},
        {"a suffix", BRAMA_LIT("*/end"), BRAMA_LIT("/a/end"), true},
        {"a suffix needs all of it", BRAMA_LIT("*/end"), BRAMA_LIT("/aend"), false},
        {"a star in the middle is a star", BRAMA_LIT("/a*b"), BRAMA_LIT("/axb"), false},
        {"a template", BRAMA_LIT("/foo/{*}/bar/{**}"), BRAMA_LIT("/foo/x/bar/y/z"), true},
        {"a template's segment isn't empty", BRAMA_LIT("/foo/{*}/bar/{**}"),
         BRAMA_LIT("/foo//bar/x"), false},
        {"a regex never matches", BRAMA_LIT("/v[0-9]"), BRAMA_LIT("/v1"), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_pattern pattern;
        brama_str text = expect_exact(rows[i].pattern);
        brama_pattern_of_istio(&pattern, text);
        check(&rows[i], &pattern);
        expect_free(text);
    }
}

static void patterns_that_surely_never_meet_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct brama_pattern a, b;
        bool want;
    } rows[] = {
        {"two literals",
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/a")},
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/b")},
         false},
        {"a literal under a prefix",
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/a/b")},
         {BRAMA_PATTERN_PREFIX, BRAMA_LIT("/a/")},
         true},
        {"a literal beside a template",
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/a/b/c")},
         {BRAMA_PATTERN_TEMPLATE, BRAMA_LIT("/a/{*}")},
         false},
        {"templates of other heads",
         {BRAMA_PATTERN_TEMPLATE, BRAMA_LIT("/a/{*}")},
         {BRAMA_PATTERN_TEMPLATE, BRAMA_LIT("/b/{**}")},
         false},
        {"a regex whose head may vanish",
         {BRAMA_PATTERN_REGEX, BRAMA_LIT("/ab?c")},
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/ac")},
         true},
        {"a regex with an alternative",
         {BRAMA_PATTERN_REGEX, BRAMA_LIT("/a|/b")},
         {BRAMA_PATTERN_EXACT, BRAMA_LIT("/b")},
         true},
        {"never", {BRAMA_PATTERN_NEVER, {NULL, 0}}, {BRAMA_PATTERN_PREFIX, BRAMA_LIT("/")}, false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        EXPECT(rows[i].name, brama_patterns_may_meet(&rows[i].a, &rows[i].b) == rows[i].want);
        EXPECT(rows[i].name, brama_patterns_may_meet(&rows[i].b, &rows[i].a) == rows[i].want);
    }
}

int test_pattern(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v2_paths_match_as_in_their_virtual_service),
        cmocka_unit_test(v1_paths_are_regular_expressions_of_the_whole_path),
        cmocka_unit_test(what_re2_hasnt_is_refused),
        cmocka_unit_test(an_expression_that_explodes_is_a_no),
        cmocka_unit_test(policy_paths_match_as_in_istio),
        cmocka_unit_test(patterns_that_surely_never_meet_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
