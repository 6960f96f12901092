/* Flags of the verbs that read rule files. */
#ifndef BRAMA_CLI_RULE_ARGS_H
#define BRAMA_CLI_RULE_ARGS_H

#include "agent/inputs.h"
#include "cli/options.h"

struct brama_rule_args {
    struct brama_opt_list paths, services;
    brama_str ns, domain, ca_file; /* empty: not given */
};

#define BRAMA_HELP_PATH "rule file or directory, - for standard input; may be repeated"
#define BRAMA_HELP_NS "of objects without a namespace: default"
#define BRAMA_HELP_DOMAIN "of the built-in gateway: localhost"
#define BRAMA_HELP_SERVICE "NAME[.NS][:PORT]=HOST:PORT: where a workload is; may be repeated"
#define BRAMA_HELP_CA "trust these certificates too when fetching keys (PEM)"

/* BRAMA_EXIT_OK, or BRAMA_EXIT_USAGE after saying why: no path, or a --service that is none. */
int brama_rule_inputs(struct brama_inputs *out, struct brama_cli *cli,
                      const struct brama_usage *usage, const struct brama_rule_args *args);

/* -o: one of names, or a usage error that lists them. *out is its index; 0 if text is empty. */
int brama_format_arg(size_t *out, struct brama_cli *cli, const struct brama_usage *usage,
                     brama_str text, const char *const *names, size_t name_count);

#endif
