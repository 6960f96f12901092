/* What became of a request, in the text of policy/explain.h: asked of a gateway, and printed. */
#ifndef BRAMA_CLI_EXPLAIN_H
#define BRAMA_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "policy/decide.h"
#include "json/node.h"

/* What the gateway behind this admin listener would do with a request, and what it did with the one
 * of that X-Request-ID. The exit code; *out is the arena's. */
int brama_explain_live(brama_str *out, struct brama_cli *cli, brama_str admin,
                       const struct brama_request *request);
int brama_explain_recorded(brama_str *out, struct brama_cli *cli, brama_str admin, brama_str id);

/* For people, onto cli->out: the verdict, its cause and what would have to change; then the rest.
 * as_kyma: also what a cluster would have answered. The exit code of printing alone. */
int brama_explain_print(struct brama_cli *cli, const struct brama_node *e, bool as_kyma);
/* 0 allowed, 1 refused, 69 for want of keys. */
int brama_explain_exit(const struct brama_node *e);

#endif
