/* What the verbs about keys share. */
#ifndef BRAMA_CLI_KEY_ARGS_H
#define BRAMA_CLI_KEY_ARGS_H

#include "cli/options.h"
#include "crypto/key.h"

/* "RS256" to its number. Anything that no key of ours can sign with is a usage error, and named. An
 * empty text is BRAMA_ALG_INVALID and fine. BRAMA_EXIT_OK or the exit code. */
int brama_alg_arg(enum brama_alg *out, struct brama_cli *cli, const struct brama_usage *usage,
                  brama_str name);

/* The key of a PEM file; BRAMA_EXIT_OK, or the exit code after saying what is wrong. */
int brama_key_arg(struct brama_pkey **out, struct brama_cli *cli, brama_str path);

/* What is secret or at least ours goes to a file of mode 0600, or to standard output for "-". Says
 * on which file force would have to be used. */
int brama_write_out(struct brama_cli *cli, brama_str path, brama_str text, bool force);

#endif
