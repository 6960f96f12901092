/* Flags of the verbs that read rule files. */
#ifndef BRAMA_CLI_RULE_ARGS_H
#define BRAMA_CLI_RULE_ARGS_H

#include "agent/inputs.h"
#include "cli/options.h"

struct brama_rule_args {
    struct brama_opt_list paths, services;
    brama_str ns, domain, ca_file, responses; /* empty: not given */
};

/* The flags themselves, each for a place of a verb's table. */
struct brama_opt brama_opt_paths(struct brama_rule_args *args);     /* -f */
struct brama_opt brama_opt_ns(struct brama_rule_args *args);        /* -n */
struct brama_opt brama_opt_domain(struct brama_rule_args *args);    /* --domain */
struct brama_opt brama_opt_services(struct brama_rule_args *args);  /* --service */
struct brama_opt brama_opt_ca_file(struct brama_rule_args *args);   /* --ca-file */
struct brama_opt brama_opt_responses(struct brama_rule_args *args); /* --responses */

/* BRAMA_EXIT_OK, or BRAMA_EXIT_USAGE after saying why: no path, or a --service or --responses that
 * is none. */
int brama_rule_inputs(struct brama_inputs *out, struct brama_cli *cli,
                      const struct brama_usage *usage, const struct brama_rule_args *args);

/* -o: one of names, or a usage error that lists them. *out is its index; 0 if text is empty. */
int brama_format_arg(size_t *out, struct brama_cli *cli, const struct brama_usage *usage,
                     brama_str text, const char *const *names, size_t name_count);

#endif
