/* Flags of a verb: declared in a table, written where the table says.
 *
 *     struct brama_opt_list paths = {0};
 *     bool strict = false;
 *     const struct brama_opt opts[] = {
 *         {.letter = 'f', .name = "filename", .value = "PATH", .help = "...", .list = &paths},
 *         {.name = "strict", .help = "warnings count as errors", .flag = &strict},
 *     };
 *     struct brama_args args;
 *     brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
 *     if (args.stop)
 *         return args.exit_code;
 *
 * As kubectl has it: --name VALUE, --name=VALUE, -f VALUE, -fVALUE, anywhere among the other
 * arguments; "--" ends the flags; "-" alone is no flag. A flag that isn't a list may stand once.
 */
#ifndef BRAMA_CLI_OPTIONS_H
#define BRAMA_CLI_OPTIONS_H

#include "cli/cli.h"

struct brama_opt_list {
    const brama_str *p;
    size_t n;
};

/* Exactly one destination isn't NULL. Texts are argv's: they end in a NUL that isn't counted. */
struct brama_opt {
    char letter;       /* 0: none */
    const char *name;  /* without "--" */
    const char *value; /* what the help calls its value; NULL for flag */
    const char *help;
    bool *flag;
    brama_str *text;
    struct brama_opt_list *list;
    uint64_t *number;
    int64_t *duration_ms; /* cli/duration.h */
};

struct brama_usage {
    const char *synopsis; /* "brama check -f PATH.. [FLAGS]" */
    const char *about;    /* a few sentences, lines broken by hand */
    const char *example;  /* commands, a line each */
    size_t max_args;      /* arguments that are no flags */
};

struct brama_args {
    bool stop; /* help was printed, or the command line is wrong and somebody was told */
    int exit_code;
    const brama_str *p;
    size_t n;
};

#define BRAMA_OPTS_MAX 32 /* rows of one table */

void brama_args_read(struct brama_args *out, struct brama_cli *cli, const struct brama_usage *usage,
                     const struct brama_opt *opts, size_t opt_count, int argc, char **argv);

/* Tell what is wrong with the command line, and where help is; BRAMA_EXIT_USAGE. */
int brama_usage_error(struct brama_cli *cli, const struct brama_usage *usage, const char *fmt, ...)
    BRAMA_PRINTF(3, 4);

#endif
