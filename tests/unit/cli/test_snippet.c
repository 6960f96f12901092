/* A line with a caret: where it stands, and that nothing steers the terminal. And the pages behind
 * the codes. */
#include "expect.h"

#include "cli/check_pages.h"
#include "cli/snippet.h"
#include "rule/codes.h"

static char *shown(brama_str line, uint32_t number, uint32_t column)
{
    struct brama_cli cli = {.colour = false};
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    brama_str exact = expect_exact(line);
    brama_snippet(&cli, to, exact, number, column);
    expect_free(exact);
    fclose(to);
    return text;
}

static void the_caret_stands_under_the_column(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str line;
        uint32_t column;
        const char *want;
    } rows[] = {
        {"the first column", BRAMA_LIT("host: a"), 1, "    7 | host: a\n      | ^\n"},
        {"a later one", BRAMA_LIT("host: a"), 7, "    7 | host: a\n      |       ^\n"},
        {"behind the end", BRAMA_LIT("host:"), 6, "    7 | host:\n      |      ^\n"},
        {"no column, no caret", BRAMA_LIT("host: a"), 0, "    7 | host: a\n"},
        {"a tab goes to the next stop", BRAMA_LIT("a\tb"), 3,
         "    7 | a       b\n      |         ^\n"},
        {"a letter of two bytes is one column", BRAMA_LIT("\xc3\xa4 b"), 3,
         "    7 | \xc3\xa4 b\n      |   ^\n"},
        {"a wide letter is two columns",
         BRAMA_LIT("\xe6\x97\xa5"
                   "b"),
         2,
         "    7 | \xe6\x97\xa5"
         "b\n      |   ^\n"},
        {"a mark over a letter is none",
         BRAMA_LIT("e\xcc\x81"
                   "b"),
         3,
         "    7 | e\xcc\x81"
         "b\n      |  ^\n"},
        {"an escape is shown, not obeyed", BRAMA_LIT("\033[2Jb"), 5,
         "    7 | \\x1b[2Jb\n      |        ^\n"},
        {"bytes that are no UTF-8",
         BRAMA_LIT("\xff"
                   "b"),
         2, "    7 | \\xffb\n      |     ^\n"},
        {"a cut-off letter at the end", BRAMA_LIT("b\xe6\x97"), 1,
         "    7 | b\\xe6\\x97\n      | ^\n"},
        {"C1 controls",
         BRAMA_LIT("\xc2\x9b"
                   "1"),
         2, "    7 | \\xc2\\x9b1\n      |         ^\n"},
        {"the CR of a line from Windows", BRAMA_LIT("a\r"), 1, "    7 | a\n      | ^\n"},
        {"an empty line", BRAMA_LIT(""), 1, "    7 | \n      | ^\n"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        char *text = shown(rows[i].line, 7, rows[i].column);
        EXPECT_STR(rows[i].name, brama_str_c(text), brama_str_c(rows[i].want));
        free(text);
    }
}

/* Whatever the column, the caret stands under the letter that was meant, and the line isn't long.
 */
static void long_lines_are_cut_around_the_caret(void **state)
{
    (void)state;
    char line[1001];
    for (uint32_t column = 1; column <= 1000; column++) {
        memset(line, '.', sizeof(line) - 1);
        line[column - 1] = 'X';
        char *text = shown((brama_str){line, 1000}, 12, column);
        const char *end = strchr(text, '\n');
        const char *x = strchr(text, 'X'), *caret = strchr(end, '^');
        EXPECT("both are there", end != NULL && x != NULL && caret != NULL && x < end);
        assert_int_equal(x - text, caret - (end + 1));
        EXPECT("it fits a terminal", end - text <= 8 + BRAMA_SNIPPET_COLUMNS + 6);
        free(text);
    }
}

static void lines_are_found_in_any_order(void **state)
{
    (void)state;
    struct brama_lines lines = {.text = BRAMA_STR("one\ntwo\n\nfour")};
    static const struct {
        uint32_t number;
        brama_str want;
        bool there;
    } rows[] = {
        {1, BRAMA_LIT("one"), true},  {1, BRAMA_LIT("one"), true}, {4, BRAMA_LIT("four"), true},
        {2, BRAMA_LIT("two"), true},  {3, BRAMA_LIT(""), true},    {5, BRAMA_LIT(""), false},
        {4, BRAMA_LIT("four"), true}, {0, BRAMA_LIT(""), false},   {9, BRAMA_LIT(""), false},
        {1, BRAMA_LIT("one"), true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str line = BRAMA_NIL;
        bool there = brama_lines_find(&lines, rows[i].number, &line);
        EXPECT("is it there", there == rows[i].there);
        if (there)
            EXPECT_STR("the line", line, rows[i].want);
    }
}

static void each_code_has_its_page(void **state)
{
    (void)state;
    assert_int_equal(brama_check_page_count, BRAMA_CODE_COUNT);
    for (size_t i = 0; i < BRAMA_CODE_COUNT; i++) {
        brama_str code = brama_str_c(brama_code_name((enum brama_code)i));
        brama_str text = brama_str_c(brama_check_pages[i].text);
        EXPECT_STR("in the same order", brama_str_c(brama_check_pages[i].code), code);
        EXPECT("its title begins with the code",
               brama_str_starts(text, BRAMA_STR("# ")) &&
                   brama_str_starts(brama_str_from(text, 2), code));
        static const brama_str parts[] = {BRAMA_LIT("\n**Why it matters.** "),
                                          BRAMA_LIT("\n**Example.**\n"),
                                          BRAMA_LIT("\n**How to fix it.** ")};
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(parts); k++)
            EXPECT(brama_check_pages[i].code, brama_str_find_str(text, parts[k]) < text.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_caret_stands_under_the_column),
        cmocka_unit_test(long_lines_are_cut_around_the_caret),
        cmocka_unit_test(lines_are_found_in_any_order),
        cmocka_unit_test(each_code_has_its_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
