/* One request and what became of it, for both ways to print it. */
#ifndef BRAMA_CLI_EXPLAIN_H
#define BRAMA_CLI_EXPLAIN_H

#include "cli/cli.h"
#include "cli/secrets.h"
#include "policy/decide.h"

struct brama_explanation {
    const struct brama_request *request;
    const struct brama_decision *decision;
    const struct brama_trace *trace;
    brama_str upstream;    /* "ns/name:port" that it would go to, or empty */
    brama_str advice;      /* the smallest change that would let it pass, or empty */
    brama_str token;       /* the first thing in the request that reads as a token, or empty */
    brama_str token_place; /* the header it stood in, or "the URL" */
};

/* "allow", "deny", "answer". */
const char *brama_verdict_name(enum brama_verdict verdict);

/* Onto cli->out. The exit code of printing alone. */
int brama_explain_text(struct brama_cli *cli, const struct brama_explanation *e);
int brama_explain_json(struct brama_cli *cli, const struct brama_explanation *e);

#endif
