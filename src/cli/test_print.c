/* For people, and as TAP (version 13). */
#include <stdlib.h>

#include "cli/findings.h"
#include "cli/style.h"
#include "cli/testing.h"

static void put_name(FILE *to, const struct brama_test_case *test)
{
    brama_put(to, test->suite->ns);
    fputc('/', to);
    brama_put(to, test->suite->name);
    fputs(": ", to);
    brama_put(to, test->name);
}

static void put_lines(FILE *to, const char *margin, brama_str text)
{
    brama_str line;

    while (text.n != 0 && brama_str_next(&text, '\n', &line)) {
        fputs(margin, to);
        brama_put(to, line);
        fputc('\n', to);
    }
}

static void print_failure(struct brama_cli *cli, const struct brama_test_result *r)
{
    const struct brama_request *request = &r->test->request;
    FILE *to = cli->out;

    fprintf(to, "%sFAIL%s  ", brama_style(cli, to, BRAMA_STYLE_BAD),
            brama_style(cli, to, BRAMA_STYLE_END));
    put_name(to, r->test);
    fputs("\n      ", to);
    brama_put(to, brama_where_text(cli->arena, r->test->where));
    fputs("\n      ", to);
    brama_put(to, request->method);
    fputc(' ', to);
    brama_put(to, request->scheme);
    fputs("://", to);
    brama_put(to, request->authority);
    brama_put(to, request->target);
    fputc('\n', to);
    put_lines(to, "      ", r->problem);
    fputs("      the answer was: ", to);
    brama_put(to, r->got);
    fputc('\n', to);
    if (r->cause.n != 0) {
        fputs("      because: ", to);
        brama_put(to, r->cause);
        fputc('\n', to);
    }
}

static void print_cover(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;

    for (size_t i = 0; i < report->cover_count; i++) {
        const struct brama_test_cover *c = &report->cover[i];
        bool no_allow = c->allows == 0, no_deny = !c->open && c->denies == 0;
        if (!no_allow && !no_deny)
            continue;
        brama_put(to, brama_where_text(cli->arena, c->apirule->rules[c->rule].where));
        fprintf(to, ": %s of ", brama_method_name(c->method));
        brama_put(to, brama_test_rule_name(cli->arena, c->apirule, c->rule));
        fprintf(to, ": no test has %s\n",
                no_allow && no_deny ? "an allow or a deny"
                : no_allow          ? "an allow"
                                    : "a deny");
    }
}

static void print_survivors(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;

    for (const struct brama_test_mutant *m = report->mutants; m != NULL; m = m->next) {
        if (m->invalid || m->killer != NULL)
            continue;
        brama_put(to, brama_where_text(cli->arena, m->where));
        fprintf(to, ": %ssurvives%s: ", brama_style(cli, to, BRAMA_STYLE_WARN),
                brama_style(cli, to, BRAMA_STYLE_END));
        brama_put(to, m->what);
        fputc('\n', to);
    }
}

static brama_str count(struct brama_cli *cli, size_t n, const char *one, const char *many)
{
    return brama_count_text(cli->arena, n, one, many);
}

void brama_test_print_text(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;

    for (size_t i = 0; i < report->count; i++) {
        const struct brama_test_result *r = &report->results[i];
        if (!r->passed) {
            print_failure(cli, r);
            continue;
        }
        fprintf(to, "%sok%s    ", brama_style(cli, to, BRAMA_STYLE_GOOD),
                brama_style(cli, to, BRAMA_STYLE_END));
        put_name(to, r->test);
        fputc('\n', to);
    }
    if (report->show_cover)
        print_cover(cli, report);
    print_survivors(cli, report);
    fprintf(to, "%.*s: %zu passed, %zu failed; %zu of %.*s covered\n",
            BRAMA_FMT(count(cli, report->count, "test", "tests")), report->count - report->failed,
            report->failed, report->covered,
            BRAMA_FMT(count(cli, report->cover_count, "rule and method", "rules and methods")));
    if (report->mutated)
        fprintf(to, "%.*s to the rules: %zu noticed, %zu unnoticed, %zu refused by Kyma\n",
                BRAMA_FMT(count(cli, report->mutant_count, "change", "changes")),
                report->mutant_count - report->survivors - report->invalid, report->survivors,
                report->invalid);
}

/* In a description "#" would begin a directive, and a YAML block ends at its dots. */
static void put_description(FILE *to, const struct brama_test_case *test)
{
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);

    if (memory == NULL)
        return;
    put_name(memory, test);
    fclose(memory);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '#' || text[i] == '\\')
            fputc('\\', to);
        fputc(text[i], to);
    }
    free(text);
}

/* A YAML string in double quotes. */
static void put_quoted(FILE *to, brama_str text)
{
    fputc('"', to);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(to, "\\x%02x", c);
        else
            fputc(c, to);
    }
    fputs("\"\n", to);
}

void brama_test_print_tap(struct brama_cli *cli, const struct brama_test_report *report)
{
    FILE *to = cli->out;
    size_t n = 0;

    fprintf(to, "TAP version 13\n1..%zu\n", report->count + (report->mutated ? 1 : 0));
    for (size_t i = 0; i < report->count; i++) {
        const struct brama_test_result *r = &report->results[i];
        fprintf(to, "%sok %zu - ", r->passed ? "" : "not ", ++n);
        put_description(to, r->test);
        fputc('\n', to);
        if (r->passed)
            continue;
        fputs("  ---\n  at: ", to);
        put_quoted(to, brama_where_text(cli->arena, r->test->where));
        fputs("  message: ", to);
        put_quoted(to, r->problem);
        fputs("  answer: ", to);
        put_quoted(to, r->got);
        fputs("  because: ", to);
        put_quoted(to, r->cause);
        fputs("  ...\n", to);
    }
    if (!report->mutated)
        return;
    fprintf(to, "%sok %zu - each change to the rules is noticed\n",
            report->survivors == 0 ? "" : "not ", ++n);
    for (const struct brama_test_mutant *m = report->mutants; m != NULL; m = m->next)
        if (!m->invalid && m->killer == NULL) {
            fputs("# ", to);
            brama_put(to, brama_where_text(cli->arena, m->where));
            fputs(": ", to);
            brama_put(to, m->what);
            fputc('\n', to);
        }
}
