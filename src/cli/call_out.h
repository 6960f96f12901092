/* The calls that a decision asks for, made by ourselves: for explain, which has no gateway. */
#ifndef BRAMA_CLI_CALL_OUT_H
#define BRAMA_CLI_CALL_OUT_H

#include "cli/cli.h"
#include "http/http.h"
#include "policy/decide.h"

/* http: whose certificates are trusted, and where services live. All of *out is the arena's. */
void brama_call_out(struct brama_call_answer *out, struct brama_arena *arena,
                    const struct brama_call *call, const struct brama_http_options *http);

#endif
