#include "expect.h"

#include "base/near.h"
#include "base/url.h"
#include "cli/duration.h"
#include "cli/options.h"

/* A command line with everything a flag can be, and what was said to whom. */
struct line {
    struct brama_arena arena;
    struct brama_cli cli;
    char *out, *err;
    size_t out_n, err_n;
    struct brama_args args;
    brama_str text;
    struct brama_opt_list list;
    bool flag;
    uint64_t number;
    int64_t duration_ms;
};

#define WORDS_MAX 8

static const struct brama_usage usage = {
    .synopsis = "brama verb [THING] [FLAGS]",
    .about = "A verb.",
    .example = "  brama verb --strict thing",
    .max_args = 2,
};

/* words: separated by '|', since a word may hold blanks. */
static void line_read(struct line *l, const char *words)
{
    char buf[256], *argv[WORDS_MAX + 1] = {buf};
    static char verb[] = "verb";
    int argc = 1;
    const struct brama_opt opts[] = {
        {.letter = 'f', .name = "filename", .value = "PATH", .help = "a list", .list = &l->list},
        {.name = "text", .value = "TEXT", .help = "a text", .text = &l->text},
        {.name = "strict", .letter = 's', .help = "a flag", .flag = &l->flag},
        {.name = "number", .value = "N", .help = "a number", .number = &l->number},
        {.name = "ttl", .value = "TIME", .help = "a time", .duration_ms = &l->duration_ms},
    };

    *l = (struct line){0};
    brama_arena_init(&l->arena, NULL, 1 << 20);
    l->cli = (struct brama_cli){.arena = &l->arena,
                                .out = open_memstream(&l->out, &l->out_n),
                                .err = open_memstream(&l->err, &l->err_n)};
    snprintf(buf, sizeof(buf), "%s", words);
    argv[0] = verb;
    for (char *word = buf; words[0] != '\0' && word != NULL && argc < WORDS_MAX; argc++) {
        char *end = strchr(word, '|');
        if (end != NULL)
            *end++ = '\0';
        argv[argc] = word;
        word = end;
    }
    brama_args_read(&l->args, &l->cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    /* What points into argv must be looked at now: give it to the arena. */
    l->text = brama_arena_copy(&l->arena, l->text);
    for (size_t i = 0; i < l->list.n; i++)
        ((brama_str *)(uintptr_t)l->list.p)[i] = brama_arena_copy(&l->arena, l->list.p[i]);
    for (size_t i = 0; i < l->args.n; i++)
        ((brama_str *)(uintptr_t)l->args.p)[i] = brama_arena_copy(&l->arena, l->args.p[i]);
    fflush(l->cli.out);
    fflush(l->cli.err);
}

static void line_free(struct line *l)
{
    fclose(l->cli.out);
    fclose(l->cli.err);
    free(l->out);
    free(l->err);
    brama_arena_deinit(&l->arena);
}

static void flags_are_taken_in_all_their_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
        brama_str text, first, last, arg;
        size_t list_n, args_n;
        bool flag;
    } rows[] = {
        {"nothing at all", "", .flag = false},
        {"a value behind a blank", "--text|a b", .text = BRAMA_LIT("a b")},
        {"a value behind =", "--text=a=b", .text = BRAMA_LIT("a=b")},
        {"a value that looks like a flag", "--text|--strict", .text = BRAMA_LIT("--strict")},
        {"a list in three forms", "-f|a|-fb|--filename=c", .first = BRAMA_LIT("a"),
         .last = BRAMA_LIT("c"), .list_n = 3},
        {"- is a value", "-f|-", .first = BRAMA_LIT("-"), .last = BRAMA_LIT("-"), .list_n = 1},
        {"- is an argument", "-", .arg = BRAMA_LIT("-"), .args_n = 1},
        {"flags behind arguments", "x|--strict", .arg = BRAMA_LIT("x"), .args_n = 1, .flag = true},
        {"-- ends the flags", "--|--strict", .arg = BRAMA_LIT("--strict"), .args_n = 1},
        {"a flag twice is a flag", "-s|--strict", .flag = true},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct line l;
        line_read(&l, rows[i].words);
        EXPECT(rows[i].name, !l.args.stop);
        EXPECT_STR(rows[i].name, l.text, rows[i].text);
        EXPECT(rows[i].name, l.list.n == rows[i].list_n);
        if (l.list.n != 0) {
            EXPECT_STR(rows[i].name, l.list.p[0], rows[i].first);
            EXPECT_STR(rows[i].name, l.list.p[l.list.n - 1], rows[i].last);
        }
        EXPECT(rows[i].name, l.args.n == rows[i].args_n);
        if (l.args.n != 0)
            EXPECT_STR(rows[i].name, l.args.p[0], rows[i].arg);
        EXPECT(rows[i].name, l.flag == rows[i].flag);
        EXPECT(rows[i].name, l.err_n == 0);
        line_free(&l);
    }
}

static void a_wrong_command_line_is_named_and_nothing_runs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words, *says;
    } rows[] = {
        {"an unknown flag", "--colour", "unknown flag \"--colour\""},
        {"a slip", "--strcit", "did you mean \"--strict\"?"},
        {"an unknown letter", "-x", "unknown flag \"-x\""},
        {"no value", "--text", "--text wants a value: TEXT"},
        {"no value for a letter", "-f", "-f wants a value: PATH"},
        {"a value too many", "--strict=yes", "--strict takes no value"},
        {"a text twice", "--text|a|--text|b", "--text is given twice"},
        {"no number", "--number|8a0", "--number wants a number, not \"8a0\""},
        {"no time", "--ttl|soon", "not \"soon\""},
        {"an argument too many", "a|b|c", "one argument too many: \"c\""},
        {"help is a pointer away", "--nope", "(brama verb --help)"},
        {"a token is not shown in full", "a|b|eyJhbGciOiJSUzI1NiIsInR5cCI6Ik",
         "\"eyJhbGciOiJSUzI1NiIsInR5...\""},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct line l;
        line_read(&l, rows[i].words);
        EXPECT(rows[i].name, l.args.stop && l.args.exit_code == BRAMA_EXIT_USAGE);
        EXPECT(rows[i].name, strncmp(l.err, "brama: ", 7) == 0);
        if (strstr(l.err, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].name, l.err);
        EXPECT(rows[i].name, l.out_n == 0);
        line_free(&l);
    }
}

static void help_goes_to_standard_output_with_an_example(void **state)
{
    (void)state;
    struct line l;

    line_read(&l, "--text|a|--help|--nope");
    EXPECT("stops with 0", l.args.stop && l.args.exit_code == BRAMA_EXIT_OK);
    EXPECT("has the synopsis", strstr(l.out, "usage: brama verb [THING]") != NULL);
    EXPECT("has the flags", strstr(l.out, "-f, --filename PATH") != NULL);
    EXPECT("has an example", strstr(l.out, "example:\n  brama verb --strict thing") != NULL);
    line_free(&l);
}

static void lengths_of_time_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
        int64_t ms;
    } rows[] = {
        {"seconds", BRAMA_LIT("3600s"), true, 3600000},
        {"milliseconds", BRAMA_LIT("500ms"), true, 500},
        {"minutes", BRAMA_LIT("5m"), true, 300000},
        {"hours", BRAMA_LIT("1h"), true, 3600000},
        {"days", BRAMA_LIT("7d"), true, 604800000},
        {"composed, from large to small", BRAMA_LIT("1h30m"), true, 5400000},
        {"not from small to large", BRAMA_LIT("30m1h"), false, 0},
        {"not twice the same", BRAMA_LIT("1h1h"), false, 0},
        {"a bare number is seconds", BRAMA_LIT("120"), true, 120000},
        {"nothing", {NULL, 0}, false, 0},
        {"a unit alone", BRAMA_LIT("s"), false, 0},
        {"a number without its unit at the end", BRAMA_LIT("1h30"), false, 0},
        {"an unknown unit", BRAMA_LIT("1w"), false, 0},
        {"no fractions", BRAMA_LIT("1.5h"), false, 0},
        {"no past", BRAMA_LIT("-1s"), false, 0},
        {"a hundred years", BRAMA_LIT("36600d"), true, BRAMA_DURATION_MAX_MS},
        {"longer than that", BRAMA_LIT("36601d"), false, 0},
        {"longer than all numbers", BRAMA_LIT("9999999999999999999d"), false, 0},
        {"longer than all numbers, bare", BRAMA_LIT("9999999999999999999"), false, 0},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        int64_t ms = 0;
        EXPECT(rows[i].name, brama_duration_read(&ms, text) == rows[i].ok);
        EXPECT(rows[i].name, ms == rows[i].ms);
        expect_free(text);
    }
}

static void a_url_is_cut_and_otherwise_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        enum brama_err want;
        brama_str scheme, authority, target;
    } rows[] = {
        {"host, port, path and query", BRAMA_LIT("http://a.b:8080/c?d=e"), BRAMA_OK,
         BRAMA_LIT("http"), BRAMA_LIT("a.b:8080"), BRAMA_LIT("/c?d=e")},
        {"dots and escapes stay", BRAMA_LIT("http://a/%2e%2E/../b//c;d\\#e"), BRAMA_OK,
         BRAMA_LIT("http"), BRAMA_LIT("a"), BRAMA_LIT("/%2e%2E/../b//c;d\\#e")},
        {"bytes that no URL has stay", BRAMA_LIT("http://a/\x01\xff \r\n"), BRAMA_OK,
         BRAMA_LIT("http"), BRAMA_LIT("a"), BRAMA_LIT("/\x01\xff \r\n")},
        {"no path is /", BRAMA_LIT("https://a"), BRAMA_OK, BRAMA_LIT("https"), BRAMA_LIT("a"),
         BRAMA_LIT("/")},
        {"a query without path has / before it", BRAMA_LIT("http://a?b"), BRAMA_OK,
         BRAMA_LIT("http"), BRAMA_LIT("a"), BRAMA_LIT("/?b")},
        {"the scheme in capitals", BRAMA_LIT("HTTPS://A/"), BRAMA_OK, BRAMA_LIT("https"),
         BRAMA_LIT("A"), BRAMA_LIT("/")},
        {"an IPv6 address", BRAMA_LIT("http://[::1]:80/"), BRAMA_OK, BRAMA_LIT("http"),
         BRAMA_LIT("[::1]:80"), BRAMA_LIT("/")},
        {"an @ in the path is no user name", BRAMA_LIT("http://a/b@c"), BRAMA_OK, BRAMA_LIT("http"),
         BRAMA_LIT("a"), BRAMA_LIT("/b@c")},
        {"a user name",
         BRAMA_LIT("http://u@a/"),
         BRAMA_ERR_SYNTAX,
         {NULL, 0},
         {NULL, 0},
         {NULL, 0}},
        {"no scheme", BRAMA_LIT("a.b/c"), BRAMA_ERR_SYNTAX, {NULL, 0}, {NULL, 0}, {NULL, 0}},
        {"another scheme",
         BRAMA_LIT("ftp://a/"),
         BRAMA_ERR_SYNTAX,
         {NULL, 0},
         {NULL, 0},
         {NULL, 0}},
        {"no host", BRAMA_LIT("http:///a"), BRAMA_ERR_SYNTAX, {NULL, 0}, {NULL, 0}, {NULL, 0}},
        {"nothing", {NULL, 0}, BRAMA_ERR_SYNTAX, {NULL, 0}, {NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        struct brama_arena arena;
        struct brama_url url;
        struct brama_diag diag = {0};
        brama_arena_init(&arena, NULL, 65536);
        enum brama_err err = brama_url_split(&url, &arena, text, &diag);
        EXPECT(rows[i].name, err == rows[i].want);
        EXPECT(rows[i].name, (diag.what[0] != '\0') == (err != BRAMA_OK));
        if (err == BRAMA_OK) {
            EXPECT_STR(rows[i].name, url.scheme, rows[i].scheme);
            EXPECT_STR(rows[i].name, url.authority, rows[i].authority);
            EXPECT_STR(rows[i].name, url.target, rows[i].target);
        }
        brama_arena_deinit(&arena);
        expect_free(text);
    }
}

static void a_port_is_a_number_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool want;
    } rows[] = {
        {"an address", BRAMA_LIT("127.0.0.1:8080"), true},
        {"a name", BRAMA_LIT("localhost:1"), true},
        {"an IPv6 address", BRAMA_LIT("[::1]:65535"), true},
        {"an IPv6 address without brackets", BRAMA_LIT("::1:80"), false},
        {"no port", BRAMA_LIT("127.0.0.1"), false},
        {"no host", BRAMA_LIT(":80"), false},
        {"a port that is none", BRAMA_LIT("127.0.0.1:8a0"), false},
        {"port 0", BRAMA_LIT("127.0.0.1:0"), false},
        {"port 65536", BRAMA_LIT("127.0.0.1:65536"), false},
        {"a directive in disguise", BRAMA_LIT("a;b:80"), false},
        {"a blank", BRAMA_LIT("a b:80"), false},
        {"nothing", {NULL, 0}, false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        EXPECT(rows[i].name, brama_is_host_port(text) == rows[i].want);
        expect_free(text);
    }
}

static void slips_find_what_was_meant(void **state)
{
    (void)state;
    static const char *const names[] = {"check", "keys", "token", "explain", "apply", "fromParams"};
    static const struct {
        const char *name, *word, *want;
    } rows[] = {
        {"two letters swapped", "chekc", "check"},
        {"one left out", "tken", "token"},
        {"the beginning of one", "exp", "explain"},
        {"a better word wins", "kes", "keys"},
        {"nothing like it", "restart", NULL},
        {"too short to tell", "k", NULL},
        {"a third of a long word", "fromParameters", "fromParams"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_near near = {.distance = 0};
        brama_str word = expect_exact(brama_str_c(rows[i].word));
        for (size_t j = 0; j < BRAMA_ARRAY_LEN(names); j++)
            brama_near_try(&near, word, brama_str_c(names[j]));
        EXPECT_STR(rows[i].name, near.best, brama_str_c(rows[i].want));
        expect_free(word);
    }
}

static void what_is_printed_steers_no_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text, want;
    } rows[] = {
        {"plain text", BRAMA_LIT("a b"), BRAMA_LIT("a b")},
        {"letters beyond ASCII", BRAMA_LIT("\xc3\xa9\xe2\x82\xac"),
         BRAMA_LIT("\xc3\xa9\xe2\x82\xac")},
        {"an escape", BRAMA_LIT("\x1b[2J"), BRAMA_LIT("\\x1b[2J")},
        {"an escape of eight bits",
         BRAMA_LIT("\xc2\x9b"
                   "2J"),
         BRAMA_LIT("\\xc2\\x9b2J")},
        {"a byte that is no UTF-8",
         BRAMA_LIT("\xff"
                   "a"),
         BRAMA_LIT("\\xffa")},
        {"a sequence cut short", BRAMA_LIT("\xe2\x82"), BRAMA_LIT("\\xe2\\x82")},
        {"lines become one", BRAMA_LIT("a\nb\n"), BRAMA_LIT("a; b")},
        {"nothing", {NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        char *out = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&out, &n);
        brama_put(to, text);
        fclose(to);
        EXPECT_STR(rows[i].name, ((brama_str){out, n}), rows[i].want);
        free(out);
        expect_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_taken_in_all_their_forms),
        cmocka_unit_test(a_wrong_command_line_is_named_and_nothing_runs),
        cmocka_unit_test(help_goes_to_standard_output_with_an_example),
        cmocka_unit_test(lengths_of_time_have_units),
        cmocka_unit_test(a_url_is_cut_and_otherwise_left_alone),
        cmocka_unit_test(a_port_is_a_number_or_refused),
        cmocka_unit_test(slips_find_what_was_meant),
        cmocka_unit_test(what_is_printed_steers_no_terminal),
    };

    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
