#include "cli/explain.h"

#include <ctype.h>

#include "cli/pretty.h"
#include "cli/style.h"
#include "cli/token_text.h"

static brama_str text_of(const struct brama_node *e, const char *name)
{
    return brama_node_get_str(e, brama_str_c(name));
}

static int64_t int_of(const struct brama_node *e, const char *name)
{
    const struct brama_node *n = brama_node_get(e, brama_str_c(name));

    return n != NULL && n->kind == BRAMA_NODE_INT ? n->integer : 0;
}

static bool is(const struct brama_node *e, const char *name, const char *value)
{
    return brama_str_eq(text_of(e, name), brama_str_c(value));
}

int brama_explain_exit(const struct brama_node *e)
{
    if (is(e, "verdict", "allow") || is(e, "verdict", "answer"))
        return BRAMA_EXIT_OK;
    return is(e, "reason", "keys_unavailable") || is(e, "reason", "call_needed")
               ? BRAMA_EXIT_UNAVAILABLE
               : BRAMA_EXIT_NO;
}

/* All that is printed may come from a request: brama_put() keeps it from steering a terminal. */
static void line(struct brama_cli *cli, const char *before, brama_str text)
{
    fputs(before, cli->out);
    brama_put(cli->out, text);
    fputc('\n', cli->out);
}

static brama_str where_of(struct brama_cli *cli, const struct brama_node *n)
{
    struct brama_where where = {text_of(n, "file"), (uint32_t)int_of(n, "line"), 0};

    return where.line != 0 ? brama_where_text(cli->arena, where) : BRAMA_NIL;
}

static void print_verdict(struct brama_cli *cli, const struct brama_node *e)
{
    brama_str verdict = text_of(e, "verdict"), rule = text_of(e, "rule");
    bool denied = is(e, "verdict", "deny");

    fputs(brama_style(cli, cli->out, BRAMA_STYLE_STRONG), cli->out);
    fputs(brama_style(cli, cli->out, denied ? BRAMA_STYLE_BAD : BRAMA_STYLE_GOOD), cli->out);
    for (size_t i = 0; i < verdict.n; i++)
        fputc(toupper((unsigned char)verdict.p[i]), cli->out);
    fputs(brama_style(cli, cli->out, BRAMA_STYLE_END), cli->out);
    if (!is(e, "verdict", "allow"))
        fprintf(cli->out, " %lld", (long long)int_of(e, "status"));
    fputc(' ', cli->out);
    brama_put(cli->out, text_of(e, "reason"));
    if (rule.n != 0) {
        fputs("  (", cli->out);
        brama_put(cli->out, rule);
        fprintf(cli->out, ", rule %lld, ", (long long)int_of(e, "rule_index"));
        brama_put(cli->out, where_of(cli, e));
        fputc(')', cli->out);
    }
    fputc('\n', cli->out);
}

/* A worker's record begins with its request; who asks about a request of his own knows it. */
static void print_request(struct brama_cli *cli, const struct brama_node *e)
{
    if (text_of(e, "request_id").n == 0)
        return;
    fputs("\nthe request\n  ", cli->out);
    brama_put(cli->out, text_of(e, "method"));
    fputc(' ', cli->out);
    brama_put(cli->out, text_of(e, "scheme"));
    fputs("://", cli->out);
    brama_put(cli->out, text_of(e, "host"));
    line(cli, "", text_of(e, "path"));
    fputs("  ", cli->out);
    brama_put(cli->out, text_of(e, "time"));
    line(cli, ", x-request-id ", text_of(e, "request_id"));
}

static void print_headers(struct brama_cli *cli, const struct brama_node *list)
{
    for (const struct brama_node *h = list != NULL ? list->first : NULL; h != NULL; h = h->next) {
        fputs("  ", cli->out);
        brama_put(cli->out, text_of(h, "name"));
        line(cli, ": ", text_of(h, "value"));
    }
}

static void print_answer(struct brama_cli *cli, const struct brama_node *e)
{
    fprintf(cli->out, "\nthe caller gets\n  %lld\n", (long long)int_of(e, "status"));
    print_headers(cli, brama_node_get(e, BRAMA_STR("headers")));
    if (text_of(e, "body").n != 0)
        line(cli, "\n  ", text_of(e, "body"));
}

static void print_forwarding(struct brama_cli *cli, const struct brama_node *e)
{
    const struct brama_node *headers = brama_node_get(e, BRAMA_STR("headers"));

    fputs("\nthe workload gets\n  ", cli->out);
    brama_put(cli->out, text_of(e, "method"));
    fputc(' ', cli->out);
    brama_put(cli->out, text_of(e, "target"));
    fputs("  (", cli->out);
    brama_put(cli->out, text_of(e, "upstream"));
    fprintf(cli->out, ", at most %lld s)\n", (long long)int_of(e, "timeout_s"));
    print_headers(cli, brama_node_get(e, BRAMA_STR("upstream_headers")));
    if (headers != NULL && headers->count != 0) {
        fputs("\nthe caller gets its answer with\n", cli->out);
        print_headers(cli, headers);
    }
}

static void print_mark(struct brama_cli *cli, const struct brama_node *s)
{
    static const struct {
        const char *outcome, *mark;
        enum brama_style style;
    } marks[] = {{"pass", "ok  ", BRAMA_STYLE_GOOD}, {"fail", "FAIL", BRAMA_STYLE_BAD}};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(marks); i++) {
        if (!is(s, "outcome", marks[i].outcome))
            continue;
        fprintf(cli->out, "  %s%s%s", brama_style(cli, cli->out, marks[i].style), marks[i].mark,
                brama_style(cli, cli->out, BRAMA_STYLE_END));
        return;
    }
    fputs("      ", cli->out);
}

static void print_step(struct brama_cli *cli, const struct brama_node *s)
{
    brama_str expected = text_of(s, "expected"), actual = text_of(s, "actual");
    brama_str note = text_of(s, "note"), where = where_of(cli, s);
    bool compared = expected.n != 0 && !brama_str_eq(expected, actual);
    const char *separator = "";

    print_mark(cli, s);
    fprintf(cli->out, "  %-10.*s ", BRAMA_FMT(text_of(s, "step")));
    if (compared) {
        fputs("expected ", cli->out);
        brama_put(cli->out, expected);
        separator = ", ";
    }
    if (actual.n != 0) {
        fprintf(cli->out, "%s%s", separator, compared ? "actual " : "");
        brama_put(cli->out, actual);
        separator = "; ";
    }
    if (note.n != 0) {
        fputs(separator, cli->out);
        brama_put(cli->out, note);
    }
    if (where.n != 0) {
        fputs("  (", cli->out);
        brama_put(cli->out, where);
        fputc(')', cli->out);
    }
    fputc('\n', cli->out);
}

static void print_steps(struct brama_cli *cli, const struct brama_node *e)
{
    const struct brama_node *steps = brama_node_get(e, BRAMA_STR("steps"));
    int64_t routes = int_of(e, "rules_left_out");

    if (steps == NULL) {
        if (text_of(e, "steps_left_out").n != 0)
            line(cli, "\nno steps: ", text_of(e, "steps_left_out"));
        return;
    }
    fputs("\nsteps\n", cli->out);
    for (const struct brama_node *s = steps->first; s != NULL; s = s->next)
        print_step(cli, s);
    if (routes != 0)
        fprintf(cli->out, "  and %lld rules more that don't match\n", (long long)routes);
}

static void print_left_out(struct brama_cli *cli, const struct brama_node *token, const char *of)
{
    const struct brama_node *names =
        brama_node_get(token, brama_arena_printf(cli->arena, "%s_left_out", of));

    if (names == NULL || names->first == NULL)
        return;
    fprintf(cli->out, "%s that no rule looks at, not kept:", of);
    for (const struct brama_node *n = names->first; n != NULL; n = n->next) {
        fputc(' ', cli->out);
        brama_put(cli->out, n->text);
    }
    fputc('\n', cli->out);
}

static int print_token(struct brama_cli *cli, const struct brama_node *e)
{
    const struct brama_node *token = brama_node_get(e, BRAMA_STR("token"));

    if (token == NULL || token->kind != BRAMA_NODE_MAP)
        return BRAMA_EXIT_OK;
    fputs("\nthe token in ", cli->out);
    brama_put(cli->out, text_of(token, "place"));
    if (text_of(token, "problem").n != 0) {
        fputs(" (", cli->out);
        brama_put(cli->out, text_of(token, "problem"));
        fputc(')', cli->out);
    }
    fputc('\n', cli->out);
    int code = brama_token_print(cli, brama_node_get(token, BRAMA_STR("header")),
                                 brama_node_get(token, BRAMA_STR("claims")), int_of(e, "now"));
    print_left_out(cli, token, "header");
    print_left_out(cli, token, "claims");
    return code;
}

static void print_kyma(struct brama_cli *cli, const struct brama_node *e)
{
    const struct brama_node *kyma = brama_node_get(e, BRAMA_STR("kyma"));

    if (kyma == NULL || kyma->kind != BRAMA_NODE_MAP) {
        fputs("Kyma: the same\n", cli->out);
        return;
    }
    fputs("Kyma: ", cli->out);
    brama_put(cli->out, text_of(kyma, "answer"));
    line(cli, "; ", text_of(kyma, "why"));
}

int brama_explain_print(struct brama_cli *cli, const struct brama_node *e, bool as_kyma)
{
    print_verdict(cli, e);
    if (text_of(e, "cause").n != 0)
        line(cli, "", text_of(e, "cause"));
    if (text_of(e, "advice").n != 0)
        line(cli, "to pass: ", text_of(e, "advice"));
    if (as_kyma)
        print_kyma(cli, e);
    print_request(cli, e);
    if (is(e, "verdict", "allow"))
        print_forwarding(cli, e);
    else
        print_answer(cli, e);
    print_steps(cli, e);
    return print_token(cli, e);
}
