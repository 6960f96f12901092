/* A token as people read it: header and claims, never the signature. */
#ifndef BRAMA_CLI_TOKEN_TEXT_H
#define BRAMA_CLI_TOKEN_TEXT_H

#include "cli/cli.h"
#include "json/node.h"

/* Print what could be read of it; either may be NULL. Nothing is verified here, and the text says
 * so unless the caller knows better. The exit code. */
int brama_token_print(struct brama_cli *cli, const struct brama_node *header,
                      const struct brama_node *claims, int64_t now_s);

#endif
