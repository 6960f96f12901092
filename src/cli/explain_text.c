#include "cli/explain.h"

#include <ctype.h>

#include "cli/token_text.h"

static const char *const mark_text[] = {
    [BRAMA_TRACE_INFO] = "    ", [BRAMA_TRACE_PASS] = "ok  ", [BRAMA_TRACE_FAIL] = "FAIL"};
static const char *const mark_colour[] = {
    [BRAMA_TRACE_INFO] = "", [BRAMA_TRACE_PASS] = "\033[32m", [BRAMA_TRACE_FAIL] = "\033[31m"};

static void print_verdict(struct brama_cli *cli, const struct brama_explanation *e)
{
    const struct brama_decision *d = e->decision;
    const char *colour = d->verdict == BRAMA_VERDICT_DENY ? "\033[1;31m" : "\033[1;32m";

    if (cli->colour)
        fputs(colour, cli->out);
    for (const char *c = brama_verdict_name(d->verdict); *c != '\0'; c++)
        fputc(toupper((unsigned char)*c), cli->out);
    if (cli->colour)
        fputs("\033[0m", cli->out);
    if (d->verdict != BRAMA_VERDICT_ALLOW)
        fprintf(cli->out, " %u", d->status);
    fprintf(cli->out, " %s", brama_reason_name(d->reason));
    if (d->apirule.n != 0) {
        fputs("  (", cli->out);
        brama_put(cli->out, d->apirule);
        fprintf(cli->out, ", rule %u, ", d->rule_index);
        brama_put(cli->out, brama_where_text(cli->arena,
                                             (struct brama_where){d->rule_file, d->rule_line, 0}));
        fputc(')', cli->out);
    }
    fputc('\n', cli->out);
}

static void print_headers(struct brama_cli *cli, const struct brama_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs("  ", cli->out);
        brama_put(cli->out, headers[i].name);
        fputs(": ", cli->out);
        brama_put(cli->out, headers[i].value);
        fputc('\n', cli->out);
    }
}

static void print_answer(struct brama_cli *cli, const struct brama_decision *d)
{
    fputs("\nthe caller gets\n", cli->out);
    fprintf(cli->out, "  %u\n", d->status);
    print_headers(cli, d->response_headers, d->response_header_count);
    if (d->content_type.n != 0)
        print_headers(cli, &(struct brama_header){BRAMA_STR("content-type"), d->content_type}, 1);
    if (d->body.n != 0) {
        fputs("\n  ", cli->out);
        brama_put(cli->out, d->body);
        fputc('\n', cli->out);
    }
}

static void print_forwarding(struct brama_cli *cli, const struct brama_explanation *e)
{
    const struct brama_decision *d = e->decision;

    fputs("\nthe workload gets\n  ", cli->out);
    brama_put(cli->out, e->request->method);
    fputc(' ', cli->out);
    brama_put(cli->out, d->target);
    fprintf(cli->out, "  (%.*s, at most %u s)\n", BRAMA_FMT(e->upstream), d->timeout_s);
    print_headers(cli, d->upstream_headers, d->upstream_header_count);
    if (d->response_header_count != 0) {
        fputs("\nthe caller gets its answer with\n", cli->out);
        print_headers(cli, d->response_headers, d->response_header_count);
    }
}

static void print_step(struct brama_cli *cli, const struct brama_trace_step *s)
{
    brama_str where = s->where.line != 0 ? brama_where_text(cli->arena, s->where) : BRAMA_NIL;
    const char *separator = "";

    fprintf(cli->out, "  %s%s%s  %-10s ", cli->colour ? mark_colour[s->outcome] : "",
            mark_text[s->outcome], cli->colour ? "\033[0m" : "", s->step);
    bool as_expected = brama_str_eq(s->expected, s->actual);
    if (s->expected.n != 0 && !as_expected) {
        fputs("expected ", cli->out);
        brama_put(cli->out, s->expected);
        separator = ", ";
    }
    if (s->actual.n != 0) {
        fprintf(cli->out, "%s%s", separator, s->expected.n != 0 && !as_expected ? "actual " : "");
        brama_put(cli->out, s->actual);
        separator = "; ";
    }
    if (s->note.n != 0) {
        fputs(separator, cli->out);
        brama_put(cli->out, s->note);
    }
    if (where.n != 0) {
        fputs("  (", cli->out);
        brama_put(cli->out, where);
        fputc(')', cli->out);
    }
    fputc('\n', cli->out);
}

static void print_advice(struct brama_cli *cli, const struct brama_explanation *e)
{
    if (e->advice.n == 0)
        return;
    fputs("\nto pass: ", cli->out);
    brama_put(cli->out, e->advice);
    fputc('\n', cli->out);
}

static int print_token(struct brama_cli *cli, const struct brama_explanation *e)
{
    struct brama_jwt jwt;

    if (e->token.n == 0)
        return BRAMA_EXIT_OK;
    brama_jwt_read(&jwt, cli->arena, e->token);
    fputs("\nthe token in ", cli->out);
    brama_put(cli->out, e->token_place);
    if (jwt.status != BRAMA_JWT_OK)
        fprintf(cli->out, " (%s%s%s)", brama_jwt_status_text(jwt.status),
                jwt.detail[0] != '\0' ? ": " : "", jwt.detail);
    fputc('\n', cli->out);
    return brama_token_print(cli, &jwt, e->request->now_s);
}

int brama_explain_text(struct brama_cli *cli, const struct brama_explanation *e)
{
    print_verdict(cli, e);
    if (e->decision->verdict == BRAMA_VERDICT_ALLOW)
        print_forwarding(cli, e);
    else
        print_answer(cli, e->decision);
    fputs("\nsteps\n", cli->out);
    for (const struct brama_trace_step *s = e->trace->first; s != NULL; s = s->next)
        print_step(cli, s);
    print_advice(cli, e);
    return print_token(cli, e);
}
