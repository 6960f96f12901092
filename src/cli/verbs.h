/* The verbs; each in the file of its name. */
#ifndef BRAMA_CLI_VERBS_H
#define BRAMA_CLI_VERBS_H

#include "cli/cli.h"

int brama_cmd_apply(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_check(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_delete(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_explain(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_get(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_keys(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_keys_cert(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_keys_jwks(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_keys_new(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_run(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_signer(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_stop(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_test(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_token(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_token_mint(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_token_show(struct brama_cli *cli, int argc, char **argv);
int brama_cmd_version(struct brama_cli *cli, int argc, char **argv);

#endif
