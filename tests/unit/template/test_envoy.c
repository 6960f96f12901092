/* Values of headers as Envoy reads them: its documentation of the substitution formatter and of
 * custom request headers, and its header_parser's and formatters' own behaviour. */
#include "template/envoy.h"

#include "expect.h"

#define NOW 1527590590 /* 2018-05-29T10:43:10Z, of Envoy's documentation */

static const struct {
    const char *name, *value;
} headers[] = {
    {":authority", "h.example:8443"},
    {":method", "GET"},
    {":path", "/a?b=c"},
    {"x-org", "blue"},
    {"x-empty", ""},
    {"x-utf8", "\xc3\xa4"},
    {"x-percent", "%REQ(x-org)%"},
    {"x-tab", "a\tb"},
    {"x-lines", "a\r\nX-Admin: yes"},
    {"x-nul-like", "a\x01"},
    {"x-del", "a\x7f"},
    {"x-crumbs", "a; role=admin"},
};

static brama_str value_of(void *ctx, enum brama_envoy_op op, brama_str name)
{
    static const char *const facts[BRAMA_ENVOY_OP_COUNT] = {
        [BRAMA_ENVOY_PROTOCOL] = "HTTP/2",
        [BRAMA_ENVOY_REMOTE_ADDRESS] = "[2001:db8::7]:4711",
        [BRAMA_ENVOY_REMOTE_IP] = "2001:db8::7",
        [BRAMA_ENVOY_REMOTE_PORT] = "4711",
        [BRAMA_ENVOY_LOCAL_ADDRESS] = "10.0.0.1:8443",
        [BRAMA_ENVOY_LOCAL_IP] = "10.0.0.1",
        [BRAMA_ENVOY_LOCAL_PORT] = "8443",
        [BRAMA_ENVOY_SERVER_NAME] = "h.example",
        [BRAMA_ENVOY_TLS_VERSION] = "TLSv1.3",
        [BRAMA_ENVOY_HOSTNAME] = "gate-0",
    };
    (void)ctx;

    if (op != BRAMA_ENVOY_REQ)
        return brama_str_c(facts[op]);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(headers); i++)
        if (brama_str_eq_nocase(name, brama_str_c(headers[i].name)))
            return brama_str_c(headers[i].value);
    return BRAMA_NIL;
}

struct bench {
    struct brama_arena arena;
    struct brama_buf out;
    struct brama_envoy_value value;
    struct brama_diag diag;
    brama_str text;
};

static enum brama_err bench_read(struct bench *b, const char *text)
{
    *b = (struct bench){.text = expect_exact(brama_str_c(text))};
    brama_arena_init(&b->arena, NULL, 1 << 20);
    brama_buf_init(&b->out, NULL, 64);
    return brama_envoy_read(&b->value, &b->arena, b->text, &b->diag);
}

static void bench_end(struct bench *b)
{
    brama_buf_deinit(&b->out);
    brama_arena_deinit(&b->arena);
    expect_free(b->text);
}

static enum brama_err bench_render(struct bench *b, bool in_cookies)
{
    const struct brama_envoy_source source = {
        .value = value_of, .start_s = NOW, .start_ms = 528, .in_cookies = in_cookies};

    return brama_envoy_render(&b->out, &b->value, &source);
}

static const struct {
    const char *name, *text, *want;
} values[] = {
    {"nothing", "", ""},
    {"plain text", "blue", "blue"},
    {"a doubled percent sign is one", "100%%", "100%"},
    {"four are two", "%%%%", "%%"},
    {"doubled ones around an operator", "%%%PROTOCOL%%%", "%HTTP/2%"},
    {"a doubled one is no operator", "%%PROTOCOL%%", "%PROTOCOL%"},
    {"text around an operator", "[%PROTOCOL%]", "[HTTP/2]"},
    {"two operators", "%REQ(X-Org)%%REQ(:METHOD)%", "blueGET"},

    {"a header in any case", "%REQ(X-ORG)%", "blue"},
    {"its longer name", "%REQUEST_HEADER(x-org)%", "blue"},
    {"the authority", "%REQ(:AUTHORITY)%", "h.example:8443"},
    {"the path with its query", "%REQ(:path)%", "/a?b=c"},
    {"the alternative is for a missing header", "%REQ(X-No?x-org)%", "blue"},
    {"not for one that is there", "%REQ(x-org?:method)%", "blue"},
    {"not for an empty one", "%REQ(x-empty?x-org)%", ""},
    {"a header that isn't there is nothing, not a dash", "a%REQ(X-No)%b", "ab"},
    {"nor is the alternative", "%REQ(X-No?X-None)%", ""},
    {"cut to a length", "%REQ(x-org):2%", "bl"},
    {"cut to more than there is", "%REQ(x-org):40%", "blue"},
    {"cut to nothing", "a%REQ(x-org):0%", "a"},
    {"the alternative is cut, too", "%REQ(x-no?x-org):3%", "blu"},
    {"a length that no number of ours holds", "%REQ(x-org):4294967296%", "blue"},
    {"bytes stay as they are", "%REQ(x-utf8)%", "\xc3\xa4"},
    {"what a header says isn't read again", "%REQ(x-percent)%", "%REQ(x-org)%"},
    {"a tab is part of a value", "%REQ(x-tab)%", "a\tb"},

    {"who calls", "%DOWNSTREAM_REMOTE_ADDRESS%", "[2001:db8::7]:4711"},
    {"without port", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8::7"},
    {"the port alone", "%DOWNSTREAM_REMOTE_PORT%", "4711"},
    {"who calls directly", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "[2001:db8::7]:4711"},
    {"directly, without port", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "2001:db8::7"},
    {"directly, its port", "%DOWNSTREAM_DIRECT_REMOTE_PORT%", "4711"},
    {"who is called", "%DOWNSTREAM_LOCAL_ADDRESS%", "10.0.0.1:8443"},
    {"who is called, without port", "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "10.0.0.1"},
    {"the port that is called", "%DOWNSTREAM_LOCAL_PORT%", "8443"},
    {"the same, directly", "%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%", "10.0.0.1:8443"},
    {"the same, directly, without port", "%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT%",
     "10.0.0.1"},
    {"the same port, directly", "%DOWNSTREAM_DIRECT_LOCAL_PORT%", "8443"},
    {"the name in the handshake", "%REQUESTED_SERVER_NAME%", "h.example"},
    {"its version", "%DOWNSTREAM_TLS_VERSION%", "TLSv1.3"},
    {"what isn't known is nothing", "c=%DOWNSTREAM_TLS_CIPHER%", "c="},
    {"the machine", "%HOSTNAME%", "gate-0"},
    {"empty parentheses", "%PROTOCOL()%", "HTTP/2"},

    {"the time", "%START_TIME%", "2018-05-29T10:43:10.528Z"},
    {"in seconds", "%START_TIME(%s)%", "1527590590"},
    {"with a fraction", "%START_TIME(%s.%3f)%", "1527590590.528"},
    {"with a longer one", "%START_TIME(%s.%6f)%", "1527590590.528000"},
    {"nine digits are the default", "%START_TIME(%f)%", "528000000"},
    {"in strftime's letters", "%START_TIME(%Y/%m/%dT%H:%M:%S%z)%", "2018/05/29T10:43:10+0000"},
    {"in words", "%START_TIME(%a, %d %b %Y %T %Z)%", "Tue, 29 May 2018 10:43:10 UTC"},
    {"shorter ones", "%START_TIME(%F %R %y%j %e %I%p %A %B %h %D %u%w)%",
     "2018-05-29 10:43 18149 29 10AM Tuesday May May 05/29/18 22"},
    {"absl's fraction", "%START_TIME(%M:%E2S)%", "43:10.52"},
    {"a percent sign in a time", "%START_TIME(%%s)%", "%s"},
};

static void a_value_becomes_what_envoy_makes_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(values); i++) {
        struct bench b;
        EXPECT(values[i].name, bench_read(&b, values[i].text) == BRAMA_OK);
        EXPECT(values[i].name, bench_render(&b, false) == BRAMA_OK);
        EXPECT_STR(values[i].name, brama_buf_str(&b.out), brama_str_c(values[i].want));
        bench_end(&b);
    }
}

static void what_cant_be_sent_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        enum brama_err err;
        const char *says;
    } rows[] = {
        {"a lone percent sign", "%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"one at the end", "100%", BRAMA_ERR_SYNTAX, "byte 4"},
        {"one behind a doubled one", "%%%", BRAMA_ERR_SYNTAX, "byte 3"},
        {"an escape of a URL", "%20", BRAMA_ERR_SYNTAX, "byte 1"},
        {"an operator without its end", "%PROTOCOL", BRAMA_ERR_SYNTAX, "byte 1"},
        {"parentheses that stay open", "a%REQ(x%", BRAMA_ERR_SYNTAX, "byte 2"},
        {"something behind them", "%REQ(x)y%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"a length that is none", "%REQ(x):a%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"no length behind the colon", "%REQ(x):%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"a negative one", "%REQ(x):-1%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"small letters", "%req(x)%", BRAMA_ERR_SYNTAX, "byte 1"},
        {"an operator nobody has", "%FOO%", BRAMA_ERR_SYNTAX, "no operator %FOO%"},
        {"a slip", "%PROTOKOL%", BRAMA_ERR_SYNTAX, "did you mean %PROTOCOL%?"},
        {"another", "%DOWNSTREAM_REMOTE_ADRESS%", BRAMA_ERR_SYNTAX,
         "did you mean %DOWNSTREAM_REMOTE_ADDRESS%?"},
        {"a request's header without name", "%REQ%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"an empty name", "%REQ()%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"no alternative behind the mark", "%REQ(x?)%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"two alternatives", "%REQ(a?b?c)%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"a name that is none", "%REQ(x y)%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"a pseudo header nobody has", "%REQ(:status)%", BRAMA_ERR_SYNTAX, "takes a header's name"},
        {"a length where none may be", "%PROTOCOL:3%", BRAMA_ERR_SYNTAX, "takes no length"},
        {"of a time", "%START_TIME:3%", BRAMA_ERR_SYNTAX, "takes no length"},

        {"a mask", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%", BRAMA_ERR_UNSUPPORTED, "(16)"},
        {"a time in letters that we haven't", "%START_TIME(%Q)%", BRAMA_ERR_UNSUPPORTED, "%Q"},
        {"a line's end in a time", "%START_TIME(%n)%", BRAMA_ERR_UNSUPPORTED, "%n"},
        {"the answer's status", "%RESPONSE_CODE%", BRAMA_ERR_UNSUPPORTED,
         "%RESPONSE_CODE% (it has no value before"},
        {"a header of the answer", "%RESP(x)%", BRAMA_ERR_UNSUPPORTED, "before the workload"},
        {"a token's claims", "%DYNAMIC_METADATA(a:b)%", BRAMA_ERR_UNSUPPORTED,
         "tokens are verified behind it"},
        {"the route's name", "%ROUTE_NAME%", BRAMA_ERR_UNSUPPORTED, "Envoy's own configuration"},
        {"a variable of the environment", "%ENVIRONMENT(PATH)%", BRAMA_ERR_UNSUPPORTED,
         "Envoy's own configuration"},
        {"the client's certificate", "%DOWNSTREAM_PEER_SUBJECT%", BRAMA_ERR_UNSUPPORTED,
         "asked for a certificate"},
        {"for logs", "%EMIT_TIME%", BRAMA_ERR_UNSUPPORTED, "of access logs"},
        {"one for later", "%QUERY_PARAM(a)%", BRAMA_ERR_UNSUPPORTED, "nobody has made it yet"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct bench b;
        EXPECT(rows[i].name, bench_read(&b, rows[i].text) == rows[i].err);
        EXPECT(rows[i].name, strstr(b.diag.what, rows[i].says) != NULL);
        EXPECT(rows[i].name, b.value.count == 0);
        bench_end(&b);
    }
}

static void no_operator_ends_the_value_that_it_is_in(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool in_cookies;
        enum brama_err err;
    } rows[] = {
        {"a line's end", "%REQ(x-lines)%", false, BRAMA_ERR_INVALID},
        {"a control character", "%REQ(x-nul-like)%", false, BRAMA_ERR_INVALID},
        {"DEL", "%REQ(x-del)%", false, BRAMA_ERR_INVALID},
        {"cut off before it", "%REQ(x-lines):1%", false, BRAMA_OK},
        {"a semicolon in a header", "%REQ(x-crumbs)%", false, BRAMA_OK},
        {"a semicolon in a cookie", "a=%REQ(x-crumbs)%", true, BRAMA_ERR_INVALID},
        {"that of the list itself", "a=%REQ(x-org)%; b=c", true, BRAMA_OK},
        {"more than there is room for",
         "%REQ(x-percent)%%REQ(x-percent)%%REQ(x-percent)%%REQ(x-percent)%%REQ(x-percent)%"
         "%REQ(x-percent)%",
         false, BRAMA_ERR_TOO_BIG},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct bench b;
        EXPECT(rows[i].name, bench_read(&b, rows[i].text) == BRAMA_OK);
        EXPECT(rows[i].name, bench_render(&b, rows[i].in_cookies) == rows[i].err);
        bench_end(&b);
    }
}

static void only_text_is_the_same_for_all(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool is_text;
    } rows[] = {{"nothing", "", true},
                {"text", "a", true},
                {"a percent sign", "%%", true},
                {"an operator", "%PROTOCOL%", false},
                {"among text", "a%PROTOCOL%", false}};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct bench b;
        EXPECT(rows[i].name, bench_read(&b, rows[i].text) == BRAMA_OK);
        EXPECT(rows[i].name, brama_envoy_is_text(&b.value) == rows[i].is_text);
        bench_end(&b);
    }
}

static void a_value_has_a_ceiling(void **state)
{
    (void)state;
    static char text[BRAMA_ENVOY_MAX + 2];
    struct bench b;

    memset(text, '%', BRAMA_ENVOY_MAX);
    EXPECT("at the ceiling", bench_read(&b, text) == BRAMA_OK);
    EXPECT("all are text", b.value.count == 1 && b.value.parts[0].text.n == BRAMA_ENVOY_MAX / 2);
    bench_end(&b);
    text[BRAMA_ENVOY_MAX] = 'a';
    EXPECT("a byte over it", bench_read(&b, text) == BRAMA_ERR_TOO_BIG);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_becomes_what_envoy_makes_of_it),
        cmocka_unit_test(what_cant_be_sent_is_refused_by_name),
        cmocka_unit_test(no_operator_ends_the_value_that_it_is_in),
        cmocka_unit_test(only_text_is_the_same_for_all),
        cmocka_unit_test(a_value_has_a_ceiling),
    };
    return cmocka_run_group_tests_name("envoy", tests, NULL, NULL);
}
