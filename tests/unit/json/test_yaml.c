#include "expect.h"

#include "json/read.h"
#include "json/write.h"

/* What a stream becomes: its documents as lines of JSON; what is wrong with it, in diag. */
static enum brama_err read_as_json(brama_str text, const struct brama_json_limits *limits,
                                   struct brama_buf *got, struct brama_diag *diag)
{
    struct brama_arena arena;
    struct brama_node *root;
    brama_str exact = expect_exact(text);
    *diag = (struct brama_diag){0};
    brama_arena_init(&arena, NULL, 1 << 22);
    enum brama_err err =
        brama_yaml_parse(&root, &arena, exact, BRAMA_STR("rules.yaml"), limits, diag);
    expect_free(exact);
    if (err != BRAMA_OK && root != NULL)
        fail_msg("a refused text has a tree");
    for (const struct brama_node *node = root; node != NULL; node = node->next) {
        struct brama_json_out out;
        brama_json_out_init(&out, got, 0);
        brama_json_node(&out, node);
        brama_buf_add(got, node->next != NULL ? BRAMA_STR("\n") : BRAMA_NIL);
    }
    brama_arena_deinit(&arena);
    return err;
}

struct reading {
    const char *name;
    brama_str text, want;
};

static void expect_readings(const struct reading *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        enum brama_err err = read_as_json(rows[i].text, &brama_json_limits_rules, &got, &diag);
        if (err != BRAMA_OK)
            fail_msg("%s: %s", rows[i].name, diag.what);
        EXPECT_STR(rows[i].name, brama_buf_str(&got), rows[i].want);
        brama_buf_deinit(&got);
    }
}

static void documents_are_read_in_order(void **state)
{
    (void)state;
    static const struct reading rows[] = {
        {"nothing has no documents", {NULL, 0}, BRAMA_LIT("")},
        {"a comment is none", BRAMA_LIT("# nothing\n"), BRAMA_LIT("")},
        {"a map", BRAMA_LIT("b: 1\na: x\n"), BRAMA_LIT("{\"b\":1,\"a\":\"x\"}")},
        {"a list under its name, not indented", BRAMA_LIT("a:\n- 1\n- 2\n"),
         BRAMA_LIT("{\"a\":[1,2]}")},
        {"JSON is YAML", BRAMA_LIT("{\"a\": [1, true, null]}"), BRAMA_LIT("{\"a\":[1,true,null]}")},
        {"two documents", BRAMA_LIT("a: 1\n---\nb: 2\n"), BRAMA_LIT("{\"a\":1}\n{\"b\":2}")},
        {"empty documents are left out", BRAMA_LIT("---\n---\na: 1\n---\n# c\n---\n"),
         BRAMA_LIT("{\"a\":1}")},
        {"a null that is written is a document", BRAMA_LIT("--- null\n"), BRAMA_LIT("null")},
        {"an empty string is a document", BRAMA_LIT("--- \"\"\n"), BRAMA_LIT("\"\"")},
        {"lines of text", BRAMA_LIT("a: |\n  x\n  y\nb: >-\n  x\n  y\n"),
         BRAMA_LIT("{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}")},
        {"a byte order mark at the start",
         BRAMA_LIT("\xef\xbb\xbf"
                   "a: 1\n"),
         BRAMA_LIT("{\"a\":1}")},
        {"names are text whatever they look like", BRAMA_LIT("true: 1\n0x10: 2\n~: 3\n"),
         BRAMA_LIT("{\"true\":1,\"0x10\":2,\"~\":3}")},
        {"a quoted << is a name", BRAMA_LIT("'<<': 1\n"), BRAMA_LIT("{\"<<\":1}")},
        {"a quoted nothing is a name", BRAMA_LIT("'': 1\n"), BRAMA_LIT("{\"\":1}")},
    };
    expect_readings(rows, BRAMA_ARRAY_LEN(rows));
}

/* The words and numbers that sigs.k8s.io/yaml, kubectl's reader, takes from YAML 1.1. */
static void scalars_resolve_as_in_kubectl(void **state)
{
    (void)state;
    static const struct reading rows[] = {
        {"true in all its words", BRAMA_LIT("[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]"),
         BRAMA_LIT("[true,true,true,true,true,true,true,true,true,true,true]")},
        {"false in all its words",
         BRAMA_LIT("[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]"),
         BRAMA_LIT("[false,false,false,false,false,false,false,false,false,false,false]")},
        {"other spellings are strings", BRAMA_LIT("[yEs, oN, tRUE, nULL, t, f]"),
         BRAMA_LIT("[\"yEs\",\"oN\",\"tRUE\",\"nULL\",\"t\",\"f\"]")},
        {"null in all its words", BRAMA_LIT("- null\n- Null\n- NULL\n- ~\n-\n"),
         BRAMA_LIT("[null,null,null,null,null]")},
        {"quotes make strings", BRAMA_LIT("['yes', \"null\", '1', \"\"]"),
         BRAMA_LIT("[\"yes\",\"null\",\"1\",\"\"]")},
        {"integers of every base", BRAMA_LIT("[10, +1, -1, 0x1F, 0b101, 0o17, 017, -0x10, 0]"),
         BRAMA_LIT("[10,1,-1,31,5,15,15,-16,0]")},
        {"underscores between digits", BRAMA_LIT("[1_000, 0x_1F]"), BRAMA_LIT("[1000,31]")},
        {"an underscore first is a string", BRAMA_LIT("[_1]"), BRAMA_LIT("[\"_1\"]")},
        {"what is no digit of its base is a string", BRAMA_LIT("[0xfg, 0b2, 0o8, 0x]"),
         BRAMA_LIT("[\"0xfg\",\"0b2\",\"0o8\",\"0x\"]")},
        {"a leading zero before an 8 is decimal", BRAMA_LIT("[089]"), BRAMA_LIT("[89.0]")},
        {"reals", BRAMA_LIT("[.5, 1e3, 1.5E-3, -2., +.25, 1e+2]"),
         BRAMA_LIT("[0.5,1000.0,0.0015,-2.0,0.25,100.0]")},
        {"nearly reals are strings", BRAMA_LIT("[1e, ., .5_0, 1.2.3, 1e5x, -, +]"),
         BRAMA_LIT("[\"1e\",\".\",\".5_0\",\"1.2.3\",\"1e5x\",\"-\",\"+\"]")},
        {"the ends of int64_t", BRAMA_LIT("[9223372036854775807, -9223372036854775808]"),
         BRAMA_LIT("[9223372036854775807,-9223372036854775808]")},
        {"beyond them a real", BRAMA_LIT("[9223372036854775808, -9223372036854775809]"),
         BRAMA_LIT("[9.223372036854776e+18,-9.223372036854776e+18]")},
        {"beyond double a string", BRAMA_LIT("[1e999]"), BRAMA_LIT("[\"1e999\"]")},
        {"times, dates and addresses are strings",
         BRAMA_LIT("[10:30, 2024-01-31, 10.0.0.1, 1h30m]"),
         BRAMA_LIT("[\"10:30\",\"2024-01-31\",\"10.0.0.1\",\"1h30m\"]")},
        {"tags decide", BRAMA_LIT("[!!str 5, !!int \"5\", !!float 5, !!bool \"yes\", ! 5]"),
         BRAMA_LIT("[\"5\",5,5.0,true,\"5\"]")},
        {"tags of lists and maps", BRAMA_LIT("a: !!seq []\nb: !!map {}\nc: ! []\n"),
         BRAMA_LIT("{\"a\":[],\"b\":{},\"c\":[]}")},
    };
    expect_readings(rows, BRAMA_ARRAY_LEN(rows));
}

static void minus_zero_is_an_integer_as_in_json(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_node *root;
    const double zero = 0.0;
    brama_arena_init(&arena, NULL, 1 << 16);
    enum brama_err err =
        brama_yaml_parse(&root, &arena, BRAMA_STR("-0"), BRAMA_NIL, &brama_json_limits_rules, NULL);
    EXPECT("parsed", err == BRAMA_OK);
    EXPECT("an integer", root->kind == BRAMA_NODE_INT && root->integer == 0);
    EXPECT("its real has no sign either", memcmp(&root->real, &zero, sizeof(zero)) == 0);
    brama_arena_deinit(&arena);
}

static void aliases_are_copies(void **state)
{
    (void)state;
    static const struct reading rows[] = {
        {"of a scalar", BRAMA_LIT("[&a 1, *a, *a]"), BRAMA_LIT("[1,1,1]")},
        {"of a tree", BRAMA_LIT("a: &x {b: [1, 2]}\nc: *x\n"),
         BRAMA_LIT("{\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]}}")},
        {"of the last anchor of that name", BRAMA_LIT("[&a 1, *a, &a 2, *a]"),
         BRAMA_LIT("[1,1,2,2]")},
        {"of a name", BRAMA_LIT("&a x: 1\ny: *a\n"), BRAMA_LIT("{\"x\":1,\"y\":\"x\"}")},
        {"as a name", BRAMA_LIT("a: &n x\n*n : 1\n"), BRAMA_LIT("{\"a\":\"x\",\"x\":1}")},
    };
    expect_readings(rows, BRAMA_ARRAY_LEN(rows));
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
        uint32_t line, column;
        const char *what; /* part of what is said */
    } rows[] = {
        {"a name twice", BRAMA_LIT("a: 1\nb: 2\na: 3\n"), BRAMA_ERR_SYNTAX, 3, 1,
         "\"a\" is given twice: in line 1 and again in line 3"},
        {"a name twice, once escaped", BRAMA_LIT("{a: 1, \"\\x61\": 2}"), BRAMA_ERR_SYNTAX, 1, 8,
         "twice"},
        {"a tab as indentation", BRAMA_LIT("a:\n\tb: 1\n"), BRAMA_ERR_SYNTAX, 2, 1, "tab"},
        {"a ': ' in a value", BRAMA_LIT("a: b: c\n"), BRAMA_ERR_SYNTAX, 1, 5, "quote"},
        {"indented less than its brother", BRAMA_LIT("a:\n  b: 1\n c: 2\n"), BRAMA_ERR_SYNTAX, 3, 2,
         "indentation"},
        {"a quote that isn't closed", BRAMA_LIT("a: \"x\nb: 2\n"), BRAMA_ERR_SYNTAX, 3, 1,
         "never closed"},
        {"a value that starts with @", BRAMA_LIT("a: @x\n"), BRAMA_ERR_SYNTAX, 1, 4,
         "can't start with '@'"},
        {"a list on the line of its name", BRAMA_LIT("a: - b\n"), BRAMA_ERR_SYNTAX, 1, 4, "list"},
        {"a template's braces", BRAMA_LIT("{{ x }}: 1\n"), BRAMA_ERR_SYNTAX, 1, 1,
         "fill in the template, or quote a text that starts with '{'"},
        {"a list as a name", BRAMA_LIT("? [a]\n: 1\n"), BRAMA_ERR_SYNTAX, 1, 3, "a list"},
        {"a name that isn't there", BRAMA_LIT("a: 1\n?\n: 2\n"), BRAMA_ERR_SYNTAX, 2, 2, "missing"},
        {"a merge key", BRAMA_LIT("a: &x {b: 1}\nc:\n  <<: *x\n"), BRAMA_ERR_UNSUPPORTED, 3, 3,
         "<<"},
        {"a tag that nobody knows", BRAMA_LIT("a: !mine x\n"), BRAMA_ERR_UNSUPPORTED, 1, 4,
         "!mine"},
        {"a list tagged as a map", BRAMA_LIT("a: !!map []\n"), BRAMA_ERR_UNSUPPORTED, 1, 4, "map"},
        {"a tag that the value belies", BRAMA_LIT("a: !!int x\n"), BRAMA_ERR_SYNTAX, 1, 4, "!!int"},
        {"infinity", BRAMA_LIT("a: -.inf\n"), BRAMA_ERR_SYNTAX, 1, 4, "number"},
        {"an alias of nothing", BRAMA_LIT("a: *x\n"), BRAMA_ERR_SYNTAX, 1, 4, "&x"},
        {"an alias of another document", BRAMA_LIT("a: &x 1\n---\na: *x\n"), BRAMA_ERR_SYNTAX, 3, 4,
         "&x"},
        {"an alias within itself", BRAMA_LIT("a: &x [*x]\n"), BRAMA_ERR_SYNTAX, 1, 8, "inside"},
        {"an alias within itself, deeper", BRAMA_LIT("&x a: &y {b: {c: *y}}\n"), BRAMA_ERR_SYNTAX,
         1, 18, "inside"},
        {"a NUL in a text", BRAMA_LIT("a: \"\\0\"\n"), BRAMA_ERR_SYNTAX, 1, 4, "\\0"},
        {"half an accent, at the byte that should go on", BRAMA_LIT("a: 1\nb: \xc3\xa9\xc3\n"),
         BRAMA_ERR_SYNTAX, 2, 6, "UTF-8"},
        {"UTF-16",
         BRAMA_LIT("\xff\xfe"
                   "a\0"),
         BRAMA_ERR_SYNTAX, 1, 1, "UTF-8"},
        {"a mistake in the second document", BRAMA_LIT("a: 1\n---\nb: [1\n"), BRAMA_ERR_SYNTAX, 4,
         1, "]"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        enum brama_err err = read_as_json(rows[i].text, &brama_json_limits_rules, &got, &diag);
        EXPECT(rows[i].name, err == rows[i].err);
        if (strstr(diag.what, rows[i].what) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].name, diag.what, rows[i].what);
        if (diag.where.line != rows[i].line || diag.where.column != rows[i].column)
            fail_msg("%s: in %u:%u, want %u:%u", rows[i].name, diag.where.line, diag.where.column,
                     rows[i].line, rows[i].column);
        EXPECT_STR(rows[i].name, diag.where.file, BRAMA_STR("rules.yaml"));
        brama_buf_deinit(&got);
    }
}

static void yaml_ends_at_its_limits(void **state)
{
    (void)state;
    static const struct brama_json_limits small = {
        .max_bytes = 60, .max_members = 8, .max_string = 4, .max_depth = 3};
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
    } rows[] = {
        {"three levels", BRAMA_LIT("[[[1]]]"), BRAMA_OK},
        {"four levels", BRAMA_LIT("[[[[]]]]"), BRAMA_ERR_TOO_BIG},
        {"three levels, one by an alias", BRAMA_LIT("[&a [1], [*a]]"), BRAMA_OK},
        {"four levels, one by an alias", BRAMA_LIT("[&a [1], [[*a]]]"), BRAMA_ERR_TOO_BIG},
        {"eight values", BRAMA_LIT("[1, 2, 3, 4, 5, 6, 7]"), BRAMA_OK},
        {"nine values", BRAMA_LIT("[1, 2, 3, 4, 5, 6, 7, 8]"), BRAMA_ERR_TOO_BIG},
        {"eight values by aliases", BRAMA_LIT("[&a [1, 2], *a, 3]"), BRAMA_OK},
        {"nine values by aliases", BRAMA_LIT("[&a [1, 2], *a, 3, 4]"), BRAMA_ERR_TOO_BIG},
        {"laughs by the dozen", BRAMA_LIT("[&a [1, 1], &b [*a, *a], &c [*b, *b], *c]"),
         BRAMA_ERR_TOO_BIG},
        {"a text of four bytes", BRAMA_LIT("abcd"), BRAMA_OK},
        {"a text of five bytes", BRAMA_LIT("abcde"), BRAMA_ERR_TOO_BIG},
        {"a name of five bytes", BRAMA_LIT("abcde: 1"), BRAMA_ERR_TOO_BIG},
        {"sixty-one bytes",
         BRAMA_LIT("# 3456789012345678901234567890123456789012345678901234567890\n"),
         BRAMA_ERR_TOO_BIG},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        EXPECT(rows[i].name, read_as_json(rows[i].text, &small, &got, &diag) == rows[i].err);
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (rows[i].err != BRAMA_OK));
        brama_buf_deinit(&got);
    }
}

static void anchors_are_counted_in_each_document(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int first, second; /* anchors in two documents */
        enum brama_err err;
    } rows[] = {
        {"as many as there may be, twice", 256, 256, BRAMA_OK},
        {"one too many", 257, 0, BRAMA_ERR_TOO_BIG},
        {"one too many in the second", 1, 257, BRAMA_ERR_TOO_BIG},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf text, got;
        brama_buf_init(&text, NULL, 1 << 16);
        brama_buf_init(&got, NULL, 1 << 16);
        for (int n = 0; n < rows[i].first; n++)
            brama_buf_printf(&text, "- &a%d x\n", n);
        brama_buf_add(&text, BRAMA_STR("---\n"));
        for (int n = 0; n < rows[i].second; n++)
            brama_buf_printf(&text, "- &a%d x\n", n);
        enum brama_err err =
            read_as_json(brama_buf_str(&text), &brama_json_limits_rules, &got, &diag);
        EXPECT(rows[i].name, err == rows[i].err);
        brama_buf_deinit(&got);
        brama_buf_deinit(&text);
    }
}

static void nodes_know_where_they_stood(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_node *root;
    brama_arena_init(&arena, NULL, 1 << 16);
    enum brama_err err = brama_yaml_parse(
        &root, &arena, BRAMA_STR("# c\nspec:\n  \xc3\xa9: [x, &a {y: 1}]\n  z: *a\n"),
        BRAMA_STR("f"), &brama_json_limits_rules, NULL);
    EXPECT("parsed", err == BRAMA_OK);
    const struct brama_node *spec = brama_node_get(root, BRAMA_STR("spec"));
    const struct brama_node *list = brama_node_get(spec, BRAMA_STR("\xc3\xa9"));
    const struct brama_node *z = brama_node_get(spec, BRAMA_STR("z"));
    EXPECT("a name", spec->key_where.line == 2 && spec->key_where.column == 1);
    EXPECT("a map, at its first name", spec->where.line == 3 && spec->where.column == 3);
    EXPECT("columns are characters", list->where.line == 3 && list->where.column == 6);
    EXPECT("a member of a list", list->first->where.column == 7);
    EXPECT("an alias, where it is used", z->where.line == 4 && z->where.column == 6);
    EXPECT("what is in it, where it was written", z->first->where.line == 3);
    EXPECT_STR("the file", z->where.file, BRAMA_STR("f"));
    EXPECT_STR("a number as written", z->first->text, BRAMA_STR("1"));
    brama_arena_deinit(&arena);
}

/* Memory from malloc until none is left. */
static void *resize_some(void *ctx, void *p, size_t n)
{
    size_t *left = ctx;
    if (n == 0) {
        free(p);
        return NULL;
    }
    if (*left == 0)
        return NULL;
    --*left;
    return realloc(p, n);
}

static void memory_may_end_at_each_allocation(void **state)
{
    (void)state;
    static char text[20000];
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "name%d: [&a%d x, *a%d]\n", i, i, i);
    enum brama_err err = BRAMA_ERR_NOMEM;
    size_t runs = 0;
    for (; err != BRAMA_OK && runs < 1000; runs++) {
        size_t left = runs;
        const struct brama_alloc alloc = {resize_some, &left};
        struct brama_arena arena;
        struct brama_node *root;
        brama_arena_init(&arena, &alloc, 1 << 26);
        err = brama_yaml_parse(&root, &arena, (brama_str){text, n}, BRAMA_NIL,
                               &brama_json_limits_rules, NULL);
        EXPECT("nothing but memory is missing", err == BRAMA_OK || err == BRAMA_ERR_NOMEM);
        EXPECT("a tree only when done", (root != NULL) == (err == BRAMA_OK));
        brama_arena_deinit(&arena);
    }
    EXPECT("done at last", err == BRAMA_OK);
    EXPECT("and not at once", runs > 10);
}

static void yaml_is_written_as_it_would_be_by_hand(void **state)
{
    (void)state;
    static const struct reading rows[] = {
        {"maps and lists", BRAMA_LIT("{\"a\":{\"b\":[1,{\"c\":2,\"d\":[]},[3,[4]]]},\"e\":{}}"),
         BRAMA_LIT("a:\n  b:\n  - 1\n  - c: 2\n    d: []\n  - - 3\n    - - 4\ne: {}\n")},
        {"scalars", BRAMA_LIT("[null,true,false,-1,2.5,\"x\"]"),
         BRAMA_LIT("- null\n- true\n- false\n- -1\n- 2.5\n- x\n")},
        {"strings that need no quotes",
         BRAMA_LIT("[\"https://a.example/b\",\"two words\",\"/cart/*\"]"),
         BRAMA_LIT("- https://a.example/b\n- two words\n- /cart/*\n")},
        {"strings that look like something else",
         BRAMA_LIT("[\"yes\",\"1\",\"null\",\"\",\"2024-01-31\",\"-\",\"<<\",\"*x\",\"...\"]"),
         BRAMA_LIT("- \"yes\"\n- \"1\"\n- \"null\"\n- \"\"\n- \"2024-01-31\"\n- \"-\"\n- \"<<\"\n"
                   "- \"*x\"\n- \"...\"\n")},
        {"strings that would end early", BRAMA_LIT("[\"a: b\",\"a #b\",\"a \",\"a:\",\"a\\nb\"]"),
         BRAMA_LIT("- \"a: b\"\n- \"a #b\"\n- \"a \"\n- \"a:\"\n- \"a\\nb\"\n")},
        {"characters that YAML doesn't print",
         BRAMA_LIT("[\"\\u0001\",\"\\u0085\",\"\\u2028\",\"\\ufeff\",\"\\u00e9\"]"),
         BRAMA_LIT("- \"\\x01\"\n- \"\\x85\"\n- \"\\u2028\"\n- \"\\ufeff\"\n- \"\xc3\xa9\"\n")},
        {"names are quoted like strings", BRAMA_LIT("{\"on\":1,\"a b\":2,\"\":3}"),
         BRAMA_LIT("\"on\": 1\na b: 2\n\"\": 3\n")},
        {"a scalar alone", BRAMA_LIT("\"x\""), BRAMA_LIT("x\n")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_buf buf;
        struct brama_node *root;
        brama_str text = expect_exact(rows[i].text);
        brama_arena_init(&arena, NULL, 1 << 16);
        brama_buf_init(&buf, NULL, 1 << 16);
        enum brama_err err = brama_json_parse(&root, &arena, text, &brama_json_limits_rules, NULL);
        EXPECT(rows[i].name, err == BRAMA_OK);
        brama_yaml_node(&buf, root);
        EXPECT_STR(rows[i].name, brama_buf_str(&buf), rows[i].want);
        brama_buf_deinit(&buf);
        brama_arena_deinit(&arena);
        expect_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read_in_order),
        cmocka_unit_test(scalars_resolve_as_in_kubectl),
        cmocka_unit_test(minus_zero_is_an_integer_as_in_json),
        cmocka_unit_test(aliases_are_copies),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(yaml_ends_at_its_limits),
        cmocka_unit_test(anchors_are_counted_in_each_document),
        cmocka_unit_test(nodes_know_where_they_stood),
        cmocka_unit_test(memory_may_end_at_each_allocation),
        cmocka_unit_test(yaml_is_written_as_it_would_be_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
