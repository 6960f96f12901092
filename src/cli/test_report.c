/* For machines: JUnit's XML as build servers read it, and JSON. */
#include "cli/pretty.h"
#include "cli/testing.h"
#include "json/write.h"

#define JSON_MAX ((size_t)1 << 28)

/* XML 1.0 section 2.2: what isn't a character there becomes U+FFFD. */
static void put_xml(FILE *to, brama_str text)
{
    while (text.n != 0) {
        unsigned char c = (unsigned char)text.p[0];
        size_t n = 1;
        while (n <= 4 && n <= text.n && !brama_str_is_utf8(brama_str_head(text, n)))
            n++;
        bool whole = n <= 4 && n <= text.n;
        if (!whole || (c < 0x20 && c != '\t' && c != '\n'))
            fputs("\xef\xbf\xbd", to);
        else if (c == '<')
            fputs("&lt;", to);
        else if (c == '>')
            fputs("&gt;", to);
        else if (c == '&')
            fputs("&amp;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else if (c == '\n' || c == '\t')
            fprintf(to, "&#%d;", c);
        else
            fwrite(text.p, 1, n, to);
        text = brama_str_from(text, whole ? n : 1);
    }
}

static void put_seconds(FILE *to, int64_t us)
{
    fprintf(to, " time=\"%lld.%06lld\"", (long long)(us / 1000000), (long long)(us % 1000000));
}

static void put_attribute(FILE *to, const char *name, brama_str value)
{
    fprintf(to, " %s=\"", name);
    put_xml(to, value);
    fputc('"', to);
}

static void junit_case(struct brama_cli *cli, const struct brama_test_result *r)
{
    const struct brama_test_case *test = r->test;
    FILE *to = cli->out;

    fputs("    <testcase", to);
    put_attribute(to, "name", test->name);
    put_attribute(to, "classname",
                  brama_arena_printf(cli->arena, "%.*s/%.*s", BRAMA_FMT(test->suite->ns),
                                     BRAMA_FMT(test->suite->name)));
    put_attribute(to, "file", test->where.file);
    fprintf(to, " line=\"%u\"", test->where.line);
    put_seconds(to, r->took_us);
    if (r->passed) {
        fputs("/>\n", to);
        return;
    }
    fputs(">\n      <failure type=\"expectation\"", to);
    put_attribute(to, "message", r->problem);
    fputc('>', to);
    put_xml(to, r->got);
    if (r->cause.n != 0) {
        fputs("; because: ", to);
        put_xml(to, r->cause);
    }
    fputs("</failure>\n    </testcase>\n", to);
}

/* Each change that goes unnoticed, as a failed test of a suite of its own. */
static void junit_mutants(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;

    fprintf(to, "  <testsuite name=\"changes to the rules\" tests=\"%zu\" failures=\"%zu\">\n",
            report->mutant_count - report->invalid, report->survivors);
    for (const struct brama_test_mutant *m = report->mutants; m != NULL; m = m->next) {
        if (m->invalid)
            continue;
        fputs("    <testcase", to);
        put_attribute(to, "name", m->what);
        put_attribute(to, "file", m->where.file);
        fprintf(to, " line=\"%u\"", m->where.line);
        fputs(m->killer != NULL ? "/>\n"
                                : "><failure type=\"survivor\" message=\"no test "
                                  "notices\"/></testcase>\n",
              to);
    }
    fputs("  </testsuite>\n", to);
}

/* How many results from i on are of one suite. */
static size_t run_of(const struct brama_test_report *report, size_t i, size_t *failed, int64_t *us)
{
    size_t n = 0;

    *failed = 0;
    *us = 0;
    for (; i + n < report->count &&
           report->results[i + n].test->suite == report->results[i].test->suite;
         n++) {
        *failed += !report->results[i + n].passed;
        *us += report->results[i + n].took_us;
    }
    return n;
}

void brama_test_print_junit(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;
    size_t failed;
    int64_t us;

    fprintf(to,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"%zu\" failures=\"%zu\">\n",
            report->count + report->mutant_count - report->invalid,
            report->failed + report->survivors);
    for (size_t i = 0, n; i < report->count; i += n) {
        const struct brama_test_suite *suite = report->results[i].test->suite;
        n = run_of(report, i, &failed, &us);
        fputs("  <testsuite", to);
        put_attribute(to, "name",
                      brama_arena_printf(cli->arena, "%.*s/%.*s", BRAMA_FMT(suite->ns),
                                         BRAMA_FMT(suite->name)));
        put_attribute(to, "file", suite->where.file);
        fprintf(to, " tests=\"%zu\" failures=\"%zu\"", n, failed);
        put_seconds(to, us);
        fputs(">\n", to);
        for (size_t k = 0; k < n; k++)
            junit_case(cli, &report->results[i + k]);
        fputs("  </testsuite>\n", to);
    }
    if (report->mutated)
        junit_mutants(cli, report);
    fputs("</testsuites>\n", to);
}

static void json_where(struct brama_json_out *json, struct brama_where where)
{
    brama_json_member(json, BRAMA_STR("file"), where.file);
    brama_json_key(json, BRAMA_STR("line"));
    brama_json_int(json, where.line);
    brama_json_key(json, BRAMA_STR("column"));
    brama_json_int(json, where.column);
}

static void json_number(struct brama_json_out *json, const char *key, size_t n)
{
    brama_json_key(json, brama_str_c(key));
    brama_json_int(json, (int64_t)n);
}

static void json_bool(struct brama_json_out *json, const char *key, bool value)
{
    brama_json_key(json, brama_str_c(key));
    brama_json_bool(json, value);
}

static void json_tests(struct brama_json_out *json, struct brama_arena *arena,
                       const struct brama_test_report *report)
{
    brama_json_key(json, BRAMA_STR("tests"));
    brama_json_list(json);
    for (size_t i = 0; i < report->count; i++) {
        const struct brama_test_result *r = &report->results[i];
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("suite"),
                          brama_arena_printf(arena, "%.*s/%.*s", BRAMA_FMT(r->test->suite->ns),
                                             BRAMA_FMT(r->test->suite->name)));
        brama_json_member(json, BRAMA_STR("name"), r->test->name);
        json_where(json, r->test->where);
        json_bool(json, "passed", r->passed);
        brama_json_member(json, BRAMA_STR("answer"), r->got);
        brama_json_member(json, BRAMA_STR("problem"), r->problem);
        brama_json_member(json, BRAMA_STR("because"), r->cause);
        brama_json_end(json);
    }
    brama_json_end(json);
}

static void json_cover(struct brama_json_out *json, struct brama_arena *arena,
                       const struct brama_test_report *report)
{
    brama_json_key(json, BRAMA_STR("coverage"));
    brama_json_list(json);
    for (size_t i = 0; i < report->cover_count; i++) {
        const struct brama_test_cover *c = &report->cover[i];
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("apirule"),
                          brama_arena_printf(arena, "%.*s/%.*s", BRAMA_FMT(c->apirule->ns),
                                             BRAMA_FMT(c->apirule->name)));
        json_number(json, "rule", c->rule);
        brama_json_member(json, BRAMA_STR("method"), brama_str_c(brama_method_name(c->method)));
        json_where(json, c->apirule->rules[c->rule].where);
        json_number(json, "allows", c->allows);
        json_number(json, "denies", c->denies);
        json_bool(json, "covered", c->allows != 0 && (c->open || c->denies != 0));
        brama_json_end(json);
    }
    brama_json_end(json);
}

static void json_mutants(struct brama_json_out *json, const struct brama_test_report *report)
{
    brama_json_key(json, BRAMA_STR("changes"));
    brama_json_list(json);
    for (const struct brama_test_mutant *m = report->mutants; m != NULL; m = m->next) {
        brama_json_map(json);
        json_where(json, m->where);
        brama_json_member(json, BRAMA_STR("what"), m->what);
        brama_json_member(json, BRAMA_STR("outcome"),
                          m->invalid          ? BRAMA_STR("refused")
                          : m->killer != NULL ? BRAMA_STR("noticed")
                                              : BRAMA_STR("unnoticed"));
        brama_json_member(json, BRAMA_STR("by"), m->killer != NULL ? m->killer->name : BRAMA_NIL);
        brama_json_end(json);
    }
    brama_json_end(json);
}

int brama_test_print_json(struct brama_cli *cli, const struct brama_test_report *report)
{
    struct brama_json_out json;
    struct brama_buf buf;

    brama_buf_init(&buf, NULL, JSON_MAX);
    brama_json_out_init(&json, &buf, 2);
    brama_json_map(&json);
    json_number(&json, "passed", report->count - report->failed);
    json_number(&json, "failed", report->failed);
    json_tests(&json, cli->arena, report);
    json_cover(&json, cli->arena, report);
    if (report->mutated)
        json_mutants(&json, report);
    brama_json_end(&json);
    int code = brama_pretty_buf(cli, &buf);
    brama_buf_deinit(&buf);
    return code;
}
