#include "expect.h"

#include "json/read.h"
#include "json/write.h"

#define NAME_4 "abcd"

/* What a text becomes, written as one line of JSON; what is wrong with it, in diag. */
static enum brama_err rewrite(brama_str text, const struct brama_json_limits *limits,
                              struct brama_buf *got, struct brama_diag *diag)
{
    struct brama_arena arena;
    struct brama_node *root;
    struct brama_json_out out;
    brama_str exact = expect_exact(text);
    *diag = (struct brama_diag){0};
    brama_arena_init(&arena, NULL, 1 << 22);
    enum brama_err err = brama_json_parse(&root, &arena, exact, limits, diag);
    expect_free(exact);
    if (err == BRAMA_OK) {
        brama_json_out_init(&out, got, 0);
        brama_json_node(&out, root);
        err = brama_buf_err(got);
    } else if (root != NULL) {
        fail_msg("a refused text has a tree");
    }
    brama_arena_deinit(&arena);
    return err;
}

static void json_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        brama_str want; /* {NULL, 0}: a syntax error */
    } rows[] = {
        {"a map keeps its order", BRAMA_LIT("{ \"b\" : 1, \"a\" : [true, null] }"),
         BRAMA_LIT("{\"b\":1,\"a\":[true,null]}")},
        {"a comma too many isn't JSON", BRAMA_LIT("[1,]"), {NULL, 0}},
        {"a value alone is a text", BRAMA_LIT(" \"x\" "), BRAMA_LIT("\"x\"")},
        {"two values aren't", BRAMA_LIT("1 2"), {NULL, 0}},
        {"nothing isn't", BRAMA_LIT(""), {NULL, 0}},
        {"a blank isn't", BRAMA_LIT(" "), {NULL, 0}},
        {"different names in one map", BRAMA_LIT("{\"a\":1,\"A\":2}"),
         BRAMA_LIT("{\"a\":1,\"A\":2}")},
        {"the same name twice", BRAMA_LIT("{\"a\":1,\"a\":1}"), {NULL, 0}},
        {"the same name twice, once escaped", BRAMA_LIT("{\"a\":1,\"\\u0061\":1}"), {NULL, 0}},
        {"the same name in two maps", BRAMA_LIT("[{\"a\":1},{\"a\":1}]"),
         BRAMA_LIT("[{\"a\":1},{\"a\":1}]")},
        {"a byte order mark", BRAMA_LIT("\xef\xbb\xbf{}"), {NULL, 0}},
        {"a pair of surrogates is one character", BRAMA_LIT("\"\\ud83d\\ude00\""),
         BRAMA_LIT("\"\xf0\x9f\x98\x80\"")},
        {"a high surrogate alone", BRAMA_LIT("\"\\ud83d\""), {NULL, 0}},
        {"a low surrogate alone", BRAMA_LIT("\"\\ude00\""), {NULL, 0}},
        {"an accent", BRAMA_LIT("\"\xc3\xa9\""), BRAMA_LIT("\"\xc3\xa9\"")},
        {"half an accent", BRAMA_LIT("\"\xc3\""), {NULL, 0}},
        {"an escaped tab", BRAMA_LIT("\"\\t\""), BRAMA_LIT("\"\\t\"")},
        {"a raw tab", BRAMA_LIT("\"\t\""), {NULL, 0}},
        {"an escaped NUL in a string", BRAMA_LIT("\"a\\u0000b\""), {NULL, 0}},
        {"an escaped NUL in a name", BRAMA_LIT("{\"a\\u0000b\":1}"), {NULL, 0}},
        {"a NUL byte after the value", BRAMA_LIT("1\0"), {NULL, 0}},
        {"an escape within a string doesn't end it", BRAMA_LIT("\"\\\"[[\\\\\""),
         BRAMA_LIT("\"\\\"[[\\\\\"")},
        {"a string that never ends", BRAMA_LIT("\"abc\\"), {NULL, 0}},
        {"no NaN", BRAMA_LIT("NaN"), {NULL, 0}},
        {"no single quotes", BRAMA_LIT("{'a':1}"), {NULL, 0}},
        {"no comment", BRAMA_LIT("1 // one"), {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        enum brama_err err = rewrite(rows[i].text, &brama_json_limits_token, &got, &diag);
        EXPECT(rows[i].name, err == (rows[i].want.p != NULL ? BRAMA_OK : BRAMA_ERR_SYNTAX));
        EXPECT_STR(rows[i].name, brama_buf_str(&got), rows[i].want);
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (err != BRAMA_OK));
        brama_buf_deinit(&got);
    }
}

static void json_numbers_stay_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_node_kind kind; /* NONE: a syntax error */
        int64_t integer;
        double real;
    } rows[] = {
        {"an integer", BRAMA_LIT("-7"), BRAMA_NODE_INT, -7, -7.0},
        {"the largest integer", BRAMA_LIT("9223372036854775807"), BRAMA_NODE_INT, INT64_MAX,
         9223372036854775808.0},
        {"one more", BRAMA_LIT("9223372036854775808"), BRAMA_NODE_NONE, 0, 0},
        {"the smallest integer", BRAMA_LIT("-9223372036854775808"), BRAMA_NODE_INT, INT64_MIN,
         -9223372036854775808.0},
        {"one less", BRAMA_LIT("-9223372036854775809"), BRAMA_NODE_NONE, 0, 0},
        {"a point makes it a real", BRAMA_LIT("1.0"), BRAMA_NODE_REAL, 0, 1.0},
        {"an exponent too", BRAMA_LIT("1e3"), BRAMA_NODE_REAL, 0, 1000.0},
        {"beyond double", BRAMA_LIT("1e999"), BRAMA_NODE_NONE, 0, 0},
        {"a leading zero", BRAMA_LIT("01"), BRAMA_NODE_NONE, 0, 0},
        {"a leading plus", BRAMA_LIT("+1"), BRAMA_NODE_NONE, 0, 0},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_node *root;
        brama_str text = expect_exact(rows[i].text);
        brama_arena_init(&arena, NULL, 1 << 16);
        enum brama_err err = brama_json_parse(&root, &arena, text, &brama_json_limits_token, NULL);
        EXPECT(rows[i].name,
               err == (rows[i].kind != BRAMA_NODE_NONE ? BRAMA_OK : BRAMA_ERR_SYNTAX));
        if (root != NULL) {
            EXPECT(rows[i].name, root->kind == rows[i].kind);
            EXPECT(rows[i].name, root->integer == rows[i].integer);
            EXPECT(rows[i].name, root->real == rows[i].real);
        }
        expect_free(text);
        brama_arena_deinit(&arena);
    }
}

static void json_ends_at_its_limits(void **state)
{
    (void)state;
    static const struct brama_json_limits small = {
        .max_bytes = 40, .max_members = 5, .max_string = sizeof(NAME_4) - 1, .max_depth = 3};
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err err;
    } rows[] = {
        {"three levels", BRAMA_LIT("[[[1]]]"), BRAMA_OK},
        {"four levels", BRAMA_LIT("[[[[]]]]"), BRAMA_ERR_TOO_BIG},
        {"three levels of maps", BRAMA_LIT("{\"a\":{\"b\":{}}}"), BRAMA_OK},
        {"four levels, the text broken off", BRAMA_LIT("[[[["), BRAMA_ERR_TOO_BIG},
        {"brackets in a string are no levels", BRAMA_LIT("\"[[[[\""), BRAMA_OK},
        {"five values", BRAMA_LIT("[1,2,3,4]"), BRAMA_OK},
        {"six values", BRAMA_LIT("[1,2,3,4,5]"), BRAMA_ERR_TOO_BIG},
        {"five empty lists in one", BRAMA_LIT("[[],[],[],[],[]]"), BRAMA_ERR_TOO_BIG},
        {"four empty lists in one", BRAMA_LIT("[[],[],[],[]]"), BRAMA_OK},
        {"commas in a string are no values", BRAMA_LIT("[\",,,,\",\",,,\"]"), BRAMA_OK},
        {"a string of four bytes", BRAMA_LIT("\"" NAME_4 "\""), BRAMA_OK},
        {"a string of five bytes", BRAMA_LIT("\"" NAME_4 "e\""), BRAMA_ERR_TOO_BIG},
        {"a name of four bytes", BRAMA_LIT("{\"" NAME_4 "\":1}"), BRAMA_OK},
        {"a name of five bytes", BRAMA_LIT("{\"" NAME_4 "e\":1}"), BRAMA_ERR_TOO_BIG},
        {"forty bytes", BRAMA_LIT("1                                       "), BRAMA_OK},
        {"forty-one bytes", BRAMA_LIT("1                                        "),
         BRAMA_ERR_TOO_BIG},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        EXPECT(rows[i].name, rewrite(rows[i].text, &small, &got, &diag) == rows[i].err);
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (rows[i].err != BRAMA_OK));
        brama_buf_deinit(&got);
    }
}

static void json_errors_say_where_but_quote_nothing(void **state)
{
    (void)state;
    struct brama_diag diag;
    struct brama_buf got;
    brama_buf_init(&got, NULL, 1 << 16);
    enum brama_err err =
        rewrite(BRAMA_STR("{\"a\": 1,\n \"b\": s3cret}"), &brama_json_limits_token, &got, &diag);
    EXPECT("an error", err == BRAMA_ERR_SYNTAX);
    EXPECT("its line", diag.where.line == 2);
    EXPECT("not what stood there", strstr(diag.what, "s3cret") == NULL);
    brama_buf_deinit(&got);
}

static void members_are_found_by_name(void **state)
{
    (void)state;
    struct brama_arena arena;
    struct brama_node *root;
    brama_arena_init(&arena, NULL, 1 << 16);
    enum brama_err err = brama_json_parse(&root, &arena, BRAMA_STR("{\"a\":\"x\",\"b\":2,\"\":3}"),
                                          &brama_json_limits_token, NULL);
    EXPECT("parsed", err == BRAMA_OK && root->count == 3);
    EXPECT_STR("a string", brama_node_get_str(root, BRAMA_STR("a")), BRAMA_STR("x"));
    EXPECT("a number isn't a string", brama_node_get_str(root, BRAMA_STR("b")).p == NULL);
    EXPECT("but it is a member", brama_node_get(root, BRAMA_STR("b"))->integer == 2);
    EXPECT("the empty name is one", brama_node_get(root, BRAMA_STR(""))->integer == 3);
    EXPECT("case counts", brama_node_get(root, BRAMA_STR("A")) == NULL);
    EXPECT("no map has no members", brama_node_get(NULL, BRAMA_STR("a")) == NULL);
    EXPECT("nor has a string", brama_node_get(root->first, BRAMA_STR("a")) == NULL);
    EXPECT_STR("kinds have names", brama_str_c(brama_node_kind_name(BRAMA_NODE_REAL)),
               BRAMA_STR("number"));
    brama_arena_deinit(&arena);
}

static void a_hash_tells_trees_apart(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"{\"a\":1,\"b\":[true,null]}", " { \"a\" : 1, \"b\" : [ true, null ] } ", true},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1}", "{\"a\":\"1\"}", false},
        {"{\"a\":1.5}", "{\"a\":1.25}", false},
        {"{\"a\":\"bc\"}", "{\"ab\":\"c\"}", false},
        {"[[1],2]", "[[1,2]]", false},
        {"[1,2]", "[2,1]", false},
        {"[]", "{}", false},
        {"[true]", "[false]", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        struct brama_node *a, *b;
        brama_arena_init(&arena, NULL, 1 << 16);
        assert_int_equal(
            brama_json_parse(&a, &arena, brama_str_c(rows[i].a), &brama_json_limits_token, NULL),
            BRAMA_OK);
        assert_int_equal(
            brama_json_parse(&b, &arena, brama_str_c(rows[i].b), &brama_json_limits_token, NULL),
            BRAMA_OK);
        EXPECT(rows[i].b, (brama_node_hash(a) == brama_node_hash(b)) == rows[i].same);
        brama_arena_deinit(&arena);
    }
}

static void strings_are_written_as_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, want;
    } rows[] = {
        {"nothing", {NULL, 0}, BRAMA_LIT("\"\"")},
        {"quotes and backslashes", BRAMA_LIT("a\"b\\"), BRAMA_LIT("\"a\\\"b\\\\\"")},
        {"line ends", BRAMA_LIT("\r\n"), BRAMA_LIT("\"\\r\\n\"")},
        {"a NUL", BRAMA_LIT("\0"), BRAMA_LIT("\"\\u0000\"")},
        {"a slash is left alone", BRAMA_LIT("/"), BRAMA_LIT("\"/\"")},
        {"four bytes", BRAMA_LIT("\xf0\x9f\x98\x80"), BRAMA_LIT("\"\xf0\x9f\x98\x80\"")},
        {"three of four bytes", BRAMA_LIT("\xf0\x9f\x98"),
         BRAMA_LIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
        {"what follows a bad byte stays",
         BRAMA_LIT("\xff"
                   "a"),
         BRAMA_LIT("\"\xef\xbf\xbd"
                   "a\"")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_buf buf;
        struct brama_json_out out;
        brama_str text = expect_exact(rows[i].text);
        brama_buf_init(&buf, NULL, 1 << 16);
        brama_json_out_init(&out, &buf, 0);
        brama_json_str(&out, text);
        EXPECT_STR(rows[i].name, brama_buf_str(&buf), rows[i].want);
        brama_buf_deinit(&buf);
        expect_free(text);
    }
}

static void maps_and_lists_are_written_with_and_without_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned indent;
        brama_str want;
    } rows[] = {
        {"on one line", 0, BRAMA_LIT("{\"code\":401,\"list\":[true,null],\"none\":{}}")},
        {"on lines of their own", 2,
         BRAMA_LIT("{\n  \"code\": 401,\n  \"list\": [\n    true,\n    null\n  ],\n"
                   "  \"none\": {}\n}")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_buf buf;
        struct brama_json_out out;
        brama_buf_init(&buf, NULL, 1 << 16);
        brama_json_out_init(&out, &buf, rows[i].indent);
        brama_json_map(&out);
        brama_json_key(&out, BRAMA_STR("code"));
        brama_json_int(&out, 401);
        brama_json_key(&out, BRAMA_STR("list"));
        brama_json_list(&out);
        brama_json_bool(&out, true);
        brama_json_null(&out);
        brama_json_end(&out);
        brama_json_key(&out, BRAMA_STR("none"));
        brama_json_map(&out);
        brama_json_end(&out);
        brama_json_end(&out);
        EXPECT_STR(rows[i].name, brama_buf_str(&buf), rows[i].want);
        brama_buf_deinit(&buf);
    }
}

static void a_writer_used_wrongly_says_so(void **state)
{
    (void)state;
    struct brama_buf buf;
    struct brama_json_out out;
    brama_buf_init(&buf, NULL, 1 << 16);

    brama_json_out_init(&out, &buf, 0);
    brama_json_map(&out);
    brama_json_int(&out, 1);
    EXPECT("a member without a name", brama_buf_err(&buf) == BRAMA_ERR_BUG);

    brama_buf_reset(&buf);
    brama_json_out_init(&out, &buf, 0);
    brama_json_end(&out);
    EXPECT("an end without a beginning", brama_buf_err(&buf) == BRAMA_ERR_BUG);

    brama_buf_reset(&buf);
    brama_json_out_init(&out, &buf, 0);
    brama_json_list(&out);
    brama_json_member(&out, BRAMA_STR("a"), BRAMA_STR("b"));
    EXPECT("a name in a list", brama_buf_err(&buf) == BRAMA_ERR_BUG);

    brama_buf_reset(&buf);
    brama_json_out_init(&out, &buf, 0);
    for (int i = 0; i < BRAMA_JSON_OUT_DEPTH; i++)
        brama_json_list(&out);
    EXPECT("as deep as it goes", brama_buf_err(&buf) == BRAMA_OK);
    brama_json_list(&out);
    EXPECT("one level too deep", brama_buf_err(&buf) == BRAMA_ERR_TOO_BIG);
    brama_buf_deinit(&buf);
}

static void reals_are_short_and_stay_reals(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, want;
    } rows[] = {
        {"a tenth isn't seventeen digits", BRAMA_LIT("0.1"), BRAMA_LIT("0.1")},
        {"a whole real keeps its point", BRAMA_LIT("3.0"), BRAMA_LIT("3.0")},
        {"an exponent is enough", BRAMA_LIT("1e22"), BRAMA_LIT("1e+22")},
        {"minus zero", BRAMA_LIT("-0.0"), BRAMA_LIT("-0.0")},
        {"all digits where they count", BRAMA_LIT("0.30000000000000004"),
         BRAMA_LIT("0.30000000000000004")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag;
        struct brama_buf got;
        brama_buf_init(&got, NULL, 1 << 16);
        EXPECT(rows[i].name,
               rewrite(rows[i].text, &brama_json_limits_token, &got, &diag) == BRAMA_OK);
        EXPECT_STR(rows[i].name, brama_buf_str(&got), rows[i].want);
        brama_buf_deinit(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_strictly),
        cmocka_unit_test(json_numbers_stay_what_they_are),
        cmocka_unit_test(json_ends_at_its_limits),
        cmocka_unit_test(json_errors_say_where_but_quote_nothing),
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(a_hash_tells_trees_apart),
        cmocka_unit_test(strings_are_written_as_utf8),
        cmocka_unit_test(maps_and_lists_are_written_with_and_without_lines),
        cmocka_unit_test(a_writer_used_wrongly_says_so),
        cmocka_unit_test(reals_are_short_and_stay_reals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
