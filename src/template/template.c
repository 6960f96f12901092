/* Reading and rendering are one walk over the text: what lies in a branch that isn't taken is read
 * and not done. A check takes no branch at all. Go's text/template is the reference for the syntax.
 */
#include "template/template.h"

#include <stdarg.h>
#include <stdio.h>

#include "template/inner.h"

#define DEPTH_MAX 16 /* of parentheses and blocks together */

bool brama__run_fail(struct brama__run *run, const char *fmt, ...)
{
    char what[160];
    va_list args;

    if (run->err != BRAMA_OK)
        return false;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    run->err = BRAMA_ERR_INVALID;
    brama_diag_set(run->diag, (struct brama_where){0}, "at byte %zu: %s", run->at + 1, what);
    return false;
}

brama_str brama__run_rest(const struct brama__run *run)
{
    return brama_str_from(run->text, run->at);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool brama__is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_space(struct brama__run *run)
{
    while (run->at < run->text.n && is_space(run->text.p[run->at]))
        run->at++;
}

brama_str brama__run_name(struct brama__run *run)
{
    size_t from = run->at;
    while (run->at < run->text.n && brama__is_name(run->text.p[run->at]))
        run->at++;
    return brama_str_head(brama_str_from(run->text, from), run->at - from);
}

bool brama__run_take(struct brama__run *run, brama_str what)
{
    if (!brama_str_starts(brama__run_rest(run), what))
        return false;
    run->at += what.n;
    return true;
}

/* The end of an action: }} or -}}, where the blank before the minus belongs to it. */
static bool at_end(struct brama__run *run)
{
    skip_space(run);
    return brama_str_starts(brama__run_rest(run), BRAMA_STR("}}")) ||
           (brama_str_starts(brama__run_rest(run), BRAMA_STR("-}}")) && run->at != 0 &&
            is_space(run->text.p[run->at - 1]));
}

static bool take_end(struct brama__run *run)
{
    if (!at_end(run))
        return brama__run_fail(run, "an action that isn't closed here");
    run->trim = brama__run_take(run, BRAMA_STR("-"));
    return brama__run_take(run, BRAMA_STR("}}"));
}

static bool pipeline(struct brama__run *run, bool live, const struct brama__value *dot,
                     struct brama__value *out);

/* .Get of a header, with the name that follows. */
static bool header_get(struct brama__run *run, bool live, const struct brama__value *name,
                       struct brama__value *v)
{
    enum brama__kind of = v->of;

    *v = brama__value_str(BRAMA_STR(""));
    if (!live)
        return true;
    if (name->kind != BRAMA__V_STR)
        return brama__run_fail(run, "Get wants a text");
    struct brama__value values;
    if (!brama__header_values(run, of, name->text, &values))
        return false;
    if (values.count != 0)
        *v = brama__value_str(values.strs[0]);
    return true;
}

/* .a.b.c behind v; with NONE of a check everything is possible. */
static bool fields(struct brama__run *run, bool live, struct brama__value *v)
{
    while (brama_str_starts(brama__run_rest(run), BRAMA_STR("."))) {
        run->at++;
        brama_str name = brama__run_name(run);
        if (name.n == 0 || (name.p[0] >= '0' && name.p[0] <= '9'))
            return brama__run_fail(run, "a dot without a name");
        struct brama__value base = *v;
        if (!brama__field(run, &base, name, live, v))
            return false;
    }
    return true;
}

static bool parenthesis(struct brama__run *run, bool live, const struct brama__value *dot,
                        struct brama__value *out)
{
    if (++run->depth > DEPTH_MAX)
        return brama__run_fail(run, "too deep");
    run->at++;
    if (!pipeline(run, live, dot, out))
        return false;
    run->depth--;
    skip_space(run);
    if (!brama__run_take(run, BRAMA_STR(")")))
        return brama__run_fail(run, "a parenthesis that isn't closed here");
    return fields(run, live, out);
}

static bool word(struct brama__run *run, struct brama__value *out)
{
    size_t from = run->at;
    brama_str name = brama__run_name(run);

    if (brama_str_eq(name, BRAMA_STR("true")) || brama_str_eq(name, BRAMA_STR("false"))) {
        *out = brama__value_bool(name.n == 4);
        return true;
    }
    run->at = from;
    return brama__run_fail(run, "\"%.*s\" isn't supported here", BRAMA_FMT(name));
}

static bool operand(struct brama__run *run, bool live, const struct brama__value *dot,
                    struct brama__value *out)
{
    char c = run->at < run->text.n ? run->text.p[run->at] : 0;

    *out = (struct brama__value){.kind = BRAMA__V_NONE};
    if (c == '"')
        return brama__quoted(run, out);
    if (c == '`')
        return brama__raw(run, out);
    if (c == '(')
        return parenthesis(run, live, dot, out);
    if (c == '.' && run->at + 1 < run->text.n && brama__is_name(run->text.p[run->at + 1])) {
        *out = *dot;
        return fields(run, live, out);
    }
    if (c == '.') {
        run->at++;
        *out = *dot;
        return dot->kind != BRAMA__V_ROOT || brama__run_fail(run, "only a part of it can be used");
    }
    if (c == '$') {
        run->at++;
        *out = (struct brama__value){.kind = BRAMA__V_ROOT};
        return brama_str_starts(brama__run_rest(run), BRAMA_STR("."))
                   ? fields(run, live, out)
                   : brama__run_fail(run, "variables aren't supported");
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return brama__number(run, out);
    if (brama__is_name(c))
        return word(run, out);
    return brama__run_fail(run, "something that isn't supported");
}

static bool at_operand(struct brama__run *run)
{
    size_t before = run->at;
    skip_space(run);
    if (at_end(run) || run->at == run->text.n)
        return false;
    char c = run->text.p[run->at];
    return c != '|' && c != ')' && run->at != before;
}

struct args {
    struct brama__value v[BRAMA__ARGS_MAX];
    size_t n;
};

static bool add_arg(struct brama__run *run, struct args *args, struct brama__value v)
{
    if (args->n == BRAMA__ARGS_MAX)
        return brama__run_fail(run, "more than %d arguments", BRAMA__ARGS_MAX);
    args->v[args->n++] = v;
    return true;
}

/* `and` and `or` look no further than they must, as Go's have since 1.18. */
static bool decided(const struct brama__function *f, const struct args *args)
{
    if (args->n == 0)
        return false;
    bool truth = brama__truth(&args->v[args->n - 1]);
    return (truth && brama_str_eq(f->name, BRAMA_STR("or"))) ||
           (!truth && brama_str_eq(f->name, BRAMA_STR("and")));
}

static bool call(struct brama__run *run, bool live, const struct brama__value *dot,
                 const struct brama__value *piped, struct brama__value *out)
{
    const struct brama__function *f = brama__function(brama__run_name(run));
    struct args args = {.n = 0};
    bool done = false;

    while (at_operand(run)) {
        struct brama__value v;
        if (!operand(run, live && !done, dot, &v) || !add_arg(run, &args, v))
            return false;
        if (done)
            args.v[args.n - 1] = args.v[args.n - 2];
        done = live && (done || decided(f, &args));
    }
    if (piped != NULL && !add_arg(run, &args, done ? args.v[args.n - 1] : *piped))
        return false;
    if (args.n < f->min || args.n > f->max)
        return brama__run_fail(run, "%.*s with %zu arguments", BRAMA_FMT(f->name), args.n);
    *out = (struct brama__value){.kind = BRAMA__V_NONE};
    return !live || f->call(run, args.v, args.n, out);
}

static bool command(struct brama__run *run, bool live, const struct brama__value *dot,
                    const struct brama__value *piped, struct brama__value *out)
{
    struct brama__value name;
    size_t from = run->at;
    brama_str word_here = brama__run_name(run);

    run->at = from;
    if (brama__function(word_here) != NULL)
        return call(run, live, dot, piped, out);
    if (!operand(run, live, dot, out))
        return false;
    bool more = at_operand(run);
    if (out->kind == BRAMA__V_GET) {
        if (more == (piped != NULL))
            return brama__run_fail(run, "Get wants one name");
        if (more && !operand(run, live, dot, &name))
            return false;
        return header_get(run, live, more ? &name : piped, out);
    }
    if (more || piped != NULL)
        return brama__run_fail(run, "an argument for what isn't a function");
    return true;
}

static bool pipeline(struct brama__run *run, bool live, const struct brama__value *dot,
                     struct brama__value *out)
{
    struct brama__value piped;
    const struct brama__value *before = NULL;

    for (;;) {
        skip_space(run);
        if (!command(run, live, dot, before, out))
            return false;
        skip_space(run);
        if (!brama__run_take(run, BRAMA_STR("|")))
            return true;
        piped = *out;
        before = &piped;
    }
}

static void emit(struct brama__run *run, bool live, brama_str text)
{
    if (live)
        brama_buf_add(run->out, text);
}

static bool print_action(struct brama__run *run, bool live, const struct brama__value *dot)
{
    struct brama__value v;

    if (!pipeline(run, live, dot, &v) || !take_end(run))
        return false;
    if (!live)
        return true;
    if (v.kind == BRAMA__V_NONE) {
        emit(run, live, BRAMA_STR("<no value>"));
        return true;
    }
    return brama__format(run, run->out, &v);
}

enum ending { ENDED_BY_NOTHING, ENDED_BY_END, ENDED_BY_ELSE, ENDED_BY_ELSE_IF };

static bool block(struct brama__run *run, bool live, const struct brama__value *dot,
                  enum ending *ending);

/* if and with: the pipeline is still to come. */
static bool condition(struct brama__run *run, bool live, const struct brama__value *dot, bool with)
{
    struct brama__value v, inner = *dot;
    enum ending ending = ENDED_BY_ELSE_IF;
    bool taken = false;

    if (++run->depth > DEPTH_MAX)
        return brama__run_fail(run, "too deep");
    while (ending == ENDED_BY_ELSE_IF) {
        if (!pipeline(run, live && !taken, dot, &v) || !take_end(run))
            return false;
        bool now = live && !taken && brama__truth(&v);
        if (with)
            inner = v;
        if (!block(run, now, with ? &inner : dot, &ending))
            return false;
        taken = taken || now;
        if (with && ending == ENDED_BY_ELSE_IF)
            return brama__run_fail(run, "with has no else if");
    }
    if (ending == ENDED_BY_ELSE && !block(run, live && !taken, dot, &ending))
        return false;
    run->depth--;
    return ending == ENDED_BY_END || brama__run_fail(run, "a block without its end");
}

/* An else or an end; the action's beginning is behind us. */
static bool take_ending(struct brama__run *run, brama_str name, enum ending *ending)
{
    *ending = ENDED_BY_END;
    if (brama_str_eq(name, BRAMA_STR("end")))
        return take_end(run);
    *ending = ENDED_BY_ELSE;
    if (at_end(run))
        return take_end(run);
    *ending = ENDED_BY_ELSE_IF;
    return brama_str_eq(brama__run_name(run), BRAMA_STR("if")) ||
           brama__run_fail(run, "else and something else");
}

/* The text up to the next action; its white space goes where a trim marker says so. */
static void text_before_action(struct brama__run *run, bool live)
{
    size_t n = brama_str_find_str(brama__run_rest(run), BRAMA_STR("{{"));
    brama_str text = brama_str_head(brama__run_rest(run), n);

    run->at += n;
    while (run->trim && text.n != 0 && is_space(text.p[0]))
        text = brama_str_from(text, 1);
    if (brama_str_starts(brama__run_rest(run), BRAMA_STR("{{-")) && brama__run_rest(run).n > 3 &&
        is_space(brama__run_rest(run).p[3]))
        while (text.n != 0 && is_space(text.p[text.n - 1]))
            text.n--;
    run->trim = false;
    emit(run, live, text);
}

/* A comment fills its action. */
static bool comment(struct brama__run *run)
{
    size_t n = brama_str_find_str(brama__run_rest(run), BRAMA_STR("*/"));
    run->at += n;
    return brama__run_take(run, BRAMA_STR("*/"))
               ? take_end(run)
               : brama__run_fail(run, "a comment without its end");
}

static bool is_of(brama_str name, const brama_str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq(name, names[i]))
            return true;
    return false;
}

static bool action(struct brama__run *run, bool live, const struct brama__value *dot,
                   enum ending *ending)
{
    static const brama_str unknown[] = {BRAMA_LIT("range"),    BRAMA_LIT("define"),
                                        BRAMA_LIT("template"), BRAMA_LIT("block"),
                                        BRAMA_LIT("break"),    BRAMA_LIT("continue")};
    run->at += 2;
    if (brama_str_starts(brama__run_rest(run), BRAMA_STR("-")) && brama__run_rest(run).n > 1 &&
        is_space(brama__run_rest(run).p[1]))
        run->at++;
    skip_space(run);
    if (brama_str_starts(brama__run_rest(run), BRAMA_STR("/*")))
        return comment(run);
    size_t from = run->at;
    brama_str name = brama__run_name(run);
    bool with = brama_str_eq(name, BRAMA_STR("with"));
    if (with || brama_str_eq(name, BRAMA_STR("if")))
        return condition(run, live, dot, with);
    if (brama_str_eq(name, BRAMA_STR("end")) || brama_str_eq(name, BRAMA_STR("else")))
        return take_ending(run, name, ending);
    run->at = from;
    if (is_of(name, unknown, BRAMA_ARRAY_LEN(unknown)))
        return brama__run_fail(run, "\"%.*s\" isn't supported", BRAMA_FMT(name));
    return print_action(run, live, dot);
}

static bool block(struct brama__run *run, bool live, const struct brama__value *dot,
                  enum ending *ending)
{
    *ending = ENDED_BY_NOTHING;
    while (*ending == ENDED_BY_NOTHING) {
        text_before_action(run, live);
        if (run->at == run->text.n)
            return true;
        if (!action(run, live, dot, ending))
            return false;
    }
    return true;
}

static enum brama_err walk(struct brama__run *run, bool live)
{
    struct brama__value root = {.kind = BRAMA__V_ROOT};
    enum ending ending = ENDED_BY_NOTHING;

    if (run->text.n > BRAMA_TEMPLATE_MAX)
        brama__run_fail(run, "longer than %d bytes", BRAMA_TEMPLATE_MAX);
    else if (block(run, live, &root, &ending) && ending != ENDED_BY_NOTHING)
        brama__run_fail(run, "an end or else without its beginning");
    return run->err;
}

enum brama_err brama_template_check(struct brama_arena *arena, brama_str text,
                                    struct brama_diag *diag)
{
    struct brama__run run = {.text = text, .arena = arena, .diag = diag};

    return walk(&run, false);
}

enum brama_err brama_template_render(struct brama_buf *out, struct brama_arena *arena,
                                     brama_str text, const struct brama_template_data *data,
                                     struct brama_diag *diag)
{
    struct brama__run run = {.text = text, .data = data, .arena = arena, .out = out, .diag = diag};
    enum brama_err err = walk(&run, true);

    if (err == BRAMA_OK)
        err = brama_buf_err(out);
    return err;
}
