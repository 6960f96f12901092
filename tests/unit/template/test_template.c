/* Templates of mutators: oathkeeper.md 3.4 and the rows of 7.8, Go's text/template for the syntax.
 */
#include "template/template.h"

#include "expect.h"
#include "json/read.h"

static const char extra[] =
    "{\"iss\":\"issuer\",\"aud\":\"audience\",\"n\":{\"int\":10,\"pi\":3.14159,\"yes\":true,"
    "\"null\":null},\"big\":1700000000,\"seven\":1234567,\"six\":100000,\"small\":0.00001,"
    "\"list\":[\"a\",1.5,true],\"map\":{\"k\":\"v\",\"a\":1},\"roles\":[\"Foo\",\"Bar\"],"
    "\"example.com/claims\":[\"Foo\",\"Bar\"],\"empty\":\"\",\"html\":\"<&>\"}";

static const brama_str captures[] = {BRAMA_LIT("http"), BRAMA_LIT("users/7"), BRAMA_LIT("7")};
static const struct brama_template_pair headers[] = {{BRAMA_LIT("X-Tenant"), BRAMA_LIT("blue")},
                                                     {BRAMA_LIT("x-tenant"), BRAMA_LIT("red")}};
static const struct brama_template_pair set[] = {{BRAMA_LIT("X-User"), BRAMA_LIT("alice")}};

struct bench {
    struct brama_arena arena;
    struct brama_buf out;
    struct brama_template_data data;
    struct brama_diag diag;
};

static void bench_init(struct bench *b)
{
    struct brama_node *root = NULL;
    *b = (struct bench){.diag = {{BRAMA_NIL, 0, 0}, ""}};
    brama_arena_init(&b->arena, NULL, 1 << 20);
    assert_int_equal(
        brama_json_parse(&root, &b->arena, brama_str_c(extra), &brama_json_limits_token, NULL),
        BRAMA_OK);
    b->data = (struct brama_template_data){.subject = BRAMA_STR("alice"),
                                           .extra = root,
                                           .captures = captures,
                                           .capture_count = BRAMA_ARRAY_LEN(captures),
                                           .scheme = BRAMA_STR("http"),
                                           .host = BRAMA_STR("h.example"),
                                           .path = BRAMA_STR("/users/7"),
                                           .raw_query = BRAMA_STR("a=b"),
                                           .method = BRAMA_STR("GET"),
                                           .headers = headers,
                                           .header_count = BRAMA_ARRAY_LEN(headers),
                                           .set = set,
                                           .set_count = BRAMA_ARRAY_LEN(set)};
}

static void bench_deinit(struct bench *b)
{
    brama_buf_deinit(&b->out);
    brama_arena_deinit(&b->arena);
}

static enum brama_err render(struct bench *b, const char *text)
{
    brama_str exact = expect_exact(brama_str_c(text));
    brama_buf_deinit(&b->out);
    brama_buf_init(&b->out, NULL, 4096);
    enum brama_err err = brama_template_render(&b->out, &b->arena, exact, &b->data, &b->diag);
    expect_free(exact);
    return err;
}

static const struct {
    const char *text, *want;
} rendered[] = {
    /* plain text, and the documented forms */
    {"", ""},
    {"plain } text { }}", "plain } text { }}"},
    {"{{ print .Subject }}", "alice"},
    {"{{.Subject}}", "alice"},
    {"realm:resources:users:{{ print .Subject }}", "realm:resources:users:alice"},
    {"{{ .Subject }} {{ .Extra.iss }} {{ .Extra.aud }}", "alice issuer audience"},
    {"{{ $.Subject }}", "alice"},
    {"{{ .Extra.html }}", "<&>"},
    /* what isn't there */
    {"{{ .Extra.missing }}", "<no value>"},
    {"{{ print .Extra.missing }}", ""},
    {"{{ index .Extra \"missing\" }}", "<no value>"},
    {"{{ .Extra.n.null }}", "<no value>"},
    {"{{ if .Extra.missing }}yes{{ else }}no{{ end }}", "no"},
    {"{{ default \"x\" .Extra.missing }}", "x"},
    /* numbers are JSON's, printed as Go prints a float64 */
    {"{{ print .Extra.n.int }}", "10"},
    {"{{ .Extra.n.pi }}", "3.14159"},
    {"{{ .Extra.n.yes }}", "true"},
    {"{{ .Extra.big }}", "1.7e+09"},
    {"{{ .Extra.seven }}", "1.234567e+06"},
    {"{{ .Extra.six }}", "100000"},
    {"{{ .Extra.small }}", "1e-05"},
    {"{{ int .Extra.big }}", "1700000000"},
    {"{{ .Extra.list }}", "[a 1.5 true]"},
    {"{{ .Extra.map }}", "map[a:1 k:v]"},
    /* the match */
    {"{{ index .MatchContext.RegexpCaptureGroups 2 }}", "7"},
    {"{{ printIndex .MatchContext.RegexpCaptureGroups (sub 2 1 | int) }}", "users/7"},
    {"{{ printIndex .MatchContext.RegexpCaptureGroups 9 }}", ""},
    {"{{ printIndex .MatchContext.RegexpCaptureGroups -1 }}", ""},
    {"{{ len .MatchContext.RegexpCaptureGroups }}", "3"},
    {"{{ .MatchContext.Method }} {{ .MatchContext.URL.Scheme }} {{ .MatchContext.URL.Host }}",
     "GET http h.example"},
    {"{{ .MatchContext.URL.Path }}?{{ .MatchContext.URL.RawQuery }}", "/users/7?a=b"},
    {"{{ .MatchContext.Header.Get \"x-tenant\" }}", "blue"},
    {"{{ .MatchContext.Header.Get \"X-Nobody\" }}", ""},
    {"{{ \"X-Tenant\" | .MatchContext.Header.Get }}", "blue"},
    {"{{ index .MatchContext.Header \"X-Tenant\" }}", "[blue red]"},
    {"{{ .Header.Get \"X-User\" }}", "alice"},
    /* trim markers and comments */
    {"a {{- .Subject -}} \n b", "aaliceb"},
    {"a{{/* nothing */}}b", "ab"},
    {"a {{- /* nothing */ -}} b", "ab"},
    {"{{- (index .Extra \"example.com/claims\") | join \",\" -}}", "Foo,Bar"},
    {"{{ `raw \"text\"` }}", "raw \"text\""},
    {"{{ \"a\\tb\" }}", "a\tb"},
    {"{{ -3 }}", "-3"},
    /* conditions */
    {"{{ if eq .Subject \"bob\" }}b{{ else if eq .Subject \"alice\" }}a{{ else }}c{{ end }}", "a"},
    {"{{ if .Extra.roles }}{{ if .Extra.empty }}x{{ else }}y{{ end }}{{ end }}", "y"},
    {"{{ with .Extra.n }}{{ .int }}{{ end }}", "10"},
    {"{{ with .Extra.missing }}x{{ else }}none{{ end }}", "none"},
    {"{{ with .Extra.iss }}{{ . }}{{ end }}", "issuer"},
    {"{{ with .Extra.n }}{{ $.Subject }}{{ end }}", "alice"},
    /* functions */
    {"{{ and .Subject .Extra.iss }} {{ or .Extra.empty \"d\" }} {{ not .Extra.empty }}",
     "issuer d true"},
    {"{{ if and .Extra.x .Extra.x.y }}x{{ end }}", ""},
    {"{{ eq .Subject \"a\" \"alice\" }} {{ ne .Subject \"bob\" }} {{ eq .Extra.no \"a\" }}",
     "true true false"},
    {"{{ ternary \"y\" \"n\" .Extra.n.yes }}", "y"},
    {"{{ upper .Subject }} {{ lower \"ABC\" }} {{ trim \" a \" }}", "ALICE abc a"},
    {"{{ quote .Subject }} {{ quote \"a\\\"b\" }}", "\"alice\" \"a\\\"b\""},
    {"{{ replace \"l\" \"L\" .Subject }}", "aLice"},
    {"{{ contains \"lic\" .Subject }} {{ hasPrefix \"al\" .Subject }} {{ hasSuffix \"x\" "
     ".Subject }}",
     "true true false"},
    {"{{ first .Extra.roles }} {{ last .Extra.roles }}", "Foo Bar"},
    {"{{ splitList \"/\" .MatchContext.URL.Path }}", "[ users 7]"},
    {"{{ index (splitList \"/\" .MatchContext.URL.Path) 1 }}", "users"},
    {"{{ add 1 2 3 }} {{ sub 1 2 }} {{ int .Extra.n.int | add 1 }}", "6 -1 11"},
    {"{{ (index .Extra \"n\").int }}", "10"},
};

static void what_go_renders(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rendered); i++) {
        const char *text = rendered[i].text;
        struct brama_diag diag = {0};
        if (brama_template_check(&b.arena, brama_str_c(text), &diag) != BRAMA_OK)
            fail_msg("%s: %s", text, diag.what);
        if (render(&b, text) != BRAMA_OK)
            fail_msg("%s: %s", text, b.diag.what);
        EXPECT_STR(text, brama_buf_str(&b.out), brama_str_c(rendered[i].want));
    }
    bench_deinit(&b);
}

/* Go would stop with an error, and Oathkeeper answer 500. */
static void what_go_stops_at(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{{ .Extra.missing.more }}",
        "{{ .Extra.iss.more }}",
        "{{ index .MatchContext.RegexpCaptureGroups 3 }}",
        "{{ index .Extra.list .Extra.n.int }}",
        "{{ index .Extra.missing \"a\" }}",
        "{{ eq .Extra.n.int 10 }}",
        "{{ eq .Extra.list .Extra.list }}",
        "{{ lower .Extra.n.int }}",
        "{{ hasPrefix \"a\" .Extra.missing }}",
        "{{ add 9223372036854775807 1 }}",
        "{{ ternary 1 2 3 }}",
    };
    struct bench b;
    bench_init(&b);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        EXPECT(rows[i], brama_template_check(&b.arena, brama_str_c(rows[i]), NULL) == BRAMA_OK);
        EXPECT(rows[i], render(&b, rows[i]) == BRAMA_ERR_INVALID);
    }
    bench_deinit(&b);
}

static void what_isnt_known_is_said_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"{{ .Claims }}", "at byte 11: there is no field \"Claims\""},
        {"ab{{ env \"HOME\" }}", "at byte 6: \"env\" isn't supported here"},
        {"{{ .Subject", "at byte 12: an action that isn't closed here"},
        {"{{ range .Extra.roles }}{{ . }}{{ end }}", "at byte 4: \"range\" isn't supported"},
        {"{{ $x := .Subject }}", "at byte 5: variables aren't supported"},
        {"{{ if .Subject }}x", "at byte 19: a block without its end"},
        {"{{ end }}", "at byte 10: an end or else without its beginning"},
        {"{{ . }}", "at byte 5: only a part of it can be used"},
        {"{{ if .Nobody }}{{ end }}", "at byte 14: there is no field \"Nobody\""},
        {"{{ if false }}{{ env }}{{ end }}", "at byte 18: \"env\" isn't supported here"},
        {"{{ print }}", "at byte 10: print with 0 arguments"},
        {"{{ .Subject .Subject }}", "at byte 13: an argument for what isn't a function"},
        {"{{ \"a }}", "at byte 9: a text without its end"},
        {"{{ 1.5 }}", "at byte 5: only whole decimal numbers are supported"},
        {"{{ printf \"%s\" .Subject }}", "at byte 4: \"printf\" isn't supported here"},
        {"{{ toJson .Extra }}", "at byte 4: \"toJson\" isn't supported here"},
        {"{{ .MatchContext.URL.String }}", "at byte 28: there is no field \"String\""},
        {"{{ ((((((((((((((((( 1 }}", "at byte 20: too deep"},
        {"{{}}", "at byte 3: something that isn't supported"},
    };
    struct bench b;
    bench_init(&b);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_diag diag = {0};
        brama_str exact = expect_exact(brama_str_c(rows[i].text));
        EXPECT(rows[i].text, brama_template_check(&b.arena, exact, &diag) == BRAMA_ERR_INVALID);
        EXPECT_STR(rows[i].text, brama_str_c(diag.what), brama_str_c(rows[i].want));
        EXPECT(rows[i].text, render(&b, rows[i].text) == BRAMA_ERR_INVALID);
        expect_free(exact);
    }
    bench_deinit(&b);
}

static void the_result_is_bounded(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char big[200];
    memset(big, 'x', sizeof(big));
    b.data.subject = (brama_str){big, sizeof(big)};
    brama_str text = BRAMA_STR("{{ .Subject }}{{ .Subject }}");
    brama_buf_init(&b.out, NULL, 300);
    EXPECT("over the ceiling",
           brama_template_render(&b.out, &b.arena, text, &b.data, NULL) == BRAMA_ERR_TOO_BIG);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_go_renders),
        cmocka_unit_test(what_go_stops_at),
        cmocka_unit_test(what_isnt_known_is_said_at_its_place),
        cmocka_unit_test(the_result_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
