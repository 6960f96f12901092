#include "cli/options.h"

#include <stdarg.h>
#include <string.h>

#include "base/near.h"
#include "cli/duration.h"

struct reading {
    struct brama_cli *cli;
    const struct brama_usage *usage;
    const struct brama_opt *opts;
    size_t opt_count;
    bool seen[BRAMA_OPTS_MAX];
    int argc, next;
    char **argv;
    brama_str *args;
    struct brama_args *out;
};

/* "brama keys new" of "brama keys new --alg ALG": up to the first word that is no verb. */
static int command_length(const char *synopsis)
{
    size_t n = 0;

    while (synopsis[n] != '\0') {
        size_t word = n == 0 ? 0 : n + 1;
        if (synopsis[word] < 'a' || synopsis[word] > 'z')
            break;
        n = word + strcspn(synopsis + word, " ");
    }
    return (int)n;
}

int brama_usage_error(struct brama_cli *cli, const struct brama_usage *usage, const char *fmt, ...)
{
    char what[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    brama_say(cli, "%s (%.*s --help)", what, command_length(usage->synopsis), usage->synopsis);
    return BRAMA_EXIT_USAGE;
}

static void print_help(FILE *to, const struct brama_usage *usage, const struct brama_opt *opts,
                       size_t count)
{
    fprintf(to, "usage: %s\n\n%s\n", usage->synopsis, usage->about);
    if (count != 0)
        fputs("\nflags:\n", to);
    for (size_t i = 0; i < count; i++) {
        char left[64], letter[8] = "    ";
        if (opts[i].letter != 0)
            snprintf(letter, sizeof(letter), "-%c%s", opts[i].letter,
                     opts[i].name != NULL ? ", " : "");
        snprintf(left, sizeof(left), "%s%s%s%s%s", letter, opts[i].name != NULL ? "--" : "",
                 opts[i].name != NULL ? opts[i].name : "", opts[i].value != NULL ? " " : "",
                 opts[i].value != NULL ? opts[i].value : "");
        fprintf(to, "  %-28s  %s\n", left, opts[i].help);
    }
    fprintf(to, "\nexample:\n%s\n", usage->example);
}

static void stop(struct reading *r, int exit_code)
{
    r->out->stop = true;
    r->out->exit_code = exit_code;
}

/* room: more values than there are arguments can't come. */
static bool add_to_list(struct reading *r, struct brama_opt_list *list, brama_str value)
{
    brama_str *grown = brama_arena_array(r->cli->arena, list->n + 1, sizeof(*grown));

    if (grown == NULL) {
        stop(r, brama_no_memory(r->cli));
        return false;
    }
    if (list->n != 0)
        memcpy(grown, list->p, list->n * sizeof(*grown));
    grown[list->n] = value;
    *list = (struct brama_opt_list){grown, list->n + 1};
    return true;
}

static void take(struct reading *r, const struct brama_opt *opt, brama_str value)
{
    bool *seen = &r->seen[opt - r->opts];

    if (opt->list != NULL) {
        add_to_list(r, opt->list, value);
        return;
    }
    if (*seen && opt->flag == NULL) {
        stop(r, brama_usage_error(r->cli, r->usage, "--%s is given twice", opt->name));
        return;
    }
    *seen = true;
    if (opt->flag != NULL)
        *opt->flag = true;
    else if (opt->text != NULL)
        *opt->text = value;
    else if (opt->number != NULL && !brama_str_u64(value, opt->number))
        stop(r, brama_usage_error(r->cli, r->usage, "--%s wants a number, not \"%.*s\"", opt->name,
                                  BRAMA_FMT(value)));
    else if (opt->duration_ms != NULL && !brama_duration_read(opt->duration_ms, value))
        stop(r, brama_usage_error(r->cli, r->usage,
                                  "--%s wants a length of time as 3600s, 5m or 1h, not \"%.*s\"",
                                  opt->name, BRAMA_FMT(value)));
}

/* The value that stands in the next argument. */
static void take_next(struct reading *r, const struct brama_opt *opt, const char *as_written)
{
    if (r->next >= r->argc) {
        stop(r,
             brama_usage_error(r->cli, r->usage, "%s wants a value: %s", as_written, opt->value));
        return;
    }
    take(r, opt, brama_str_c(r->argv[r->next++]));
}

#define WORD_SHOWN 63 /* bytes of an unknown flag */

static void read_long(struct reading *r, char *arg)
{
    brama_str text = brama_str_c(arg + 2);
    size_t n = brama_str_find(text, '=');
    brama_str name = brama_str_head(text, n);
    struct brama_near near = {.distance = 0};

    for (size_t i = 0; i < r->opt_count; i++) {
        const struct brama_opt *opt = &r->opts[i];
        if (opt->name == NULL)
            continue;
        brama_near_try(&near, name, brama_str_c(opt->name));
        if (!brama_str_eq(name, brama_str_c(opt->name)))
            continue;
        if (opt->flag != NULL && n < text.n)
            stop(r, brama_usage_error(r->cli, r->usage, "--%s takes no value", opt->name));
        else if (opt->flag != NULL || n < text.n)
            take(r, opt, (brama_str){arg + 2 + n + 1, n < text.n ? text.n - n - 1 : 0});
        else
            take_next(r, opt, arg);
        return;
    }
    name = brama_str_head(name, WORD_SHOWN);
    if (near.best.n != 0)
        stop(r, brama_usage_error(r->cli, r->usage,
                                  "unknown flag \"--%.*s\"; did you mean \"--%.*s\"?",
                                  BRAMA_FMT(name), BRAMA_FMT(near.best)));
    else
        stop(r, brama_usage_error(r->cli, r->usage, "unknown flag \"--%.*s\"", BRAMA_FMT(name)));
}

/* "-f", "-fPATH"; letters aren't bundled. */
static void read_short(struct reading *r, char *arg)
{
    char written[3] = {'-', arg[1], '\0'};

    for (size_t i = 0; i < r->opt_count; i++) {
        const struct brama_opt *opt = &r->opts[i];
        if (opt->letter == 0 || opt->letter != arg[1])
            continue;
        if (opt->flag != NULL && arg[2] != '\0')
            break;
        if (opt->flag != NULL || arg[2] != '\0')
            take(r, opt, brama_str_c(arg + 2));
        else
            take_next(r, opt, written);
        return;
    }
    stop(r, brama_usage_error(r->cli, r->usage, "unknown flag \"%s\"", written));
}

static void take_argument(struct reading *r, char *arg)
{
    if (r->out->n == r->usage->max_args) {
        /* Not shown in full: it might be a token that slipped out of its place. */
        brama_str shown = brama_str_head(brama_str_c(arg), 24);
        stop(r, brama_usage_error(r->cli, r->usage, "one argument too many: \"%.*s%s\"",
                                  BRAMA_FMT(shown), arg[shown.n] != '\0' ? "..." : ""));
        return;
    }
    r->args[r->out->n++] = brama_str_c(arg);
}

void brama_args_read(struct brama_args *out, struct brama_cli *cli, const struct brama_usage *usage,
                     const struct brama_opt *opts, size_t opt_count, int argc, char **argv)
{
    bool flags_ended = false;
    struct reading r = {.cli = cli,
                        .usage = usage,
                        .opts = opts,
                        .opt_count = opt_count,
                        .argc = argc,
                        .argv = argv,
                        .next = 1,
                        .out = out};

    *out = (struct brama_args){0};
    r.args = brama_arena_array(cli->arena, (size_t)argc + 1, sizeof(*r.args));
    if (r.args == NULL || opt_count > BRAMA_OPTS_MAX) {
        stop(&r, brama_no_memory(cli));
        return;
    }
    out->p = r.args;
    while (r.next < argc && !out->stop) {
        char *arg = argv[r.next++];
        if (flags_ended || arg[0] != '-' || arg[1] == '\0') {
            take_argument(&r, arg);
        } else if (strcmp(arg, "--") == 0) {
            flags_ended = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            print_help(cli->out, usage, opts, opt_count);
            stop(&r, BRAMA_EXIT_OK);
        } else if (arg[1] == '-') {
            read_long(&r, arg);
        } else {
            read_short(&r, arg);
        }
    }
}
