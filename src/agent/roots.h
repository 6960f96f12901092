/* Where rule files are looked for: what `brama apply` wrote, then what -f names, in order. */
#ifndef BRAMA_AGENT_ROOTS_H
#define BRAMA_AGENT_ROOTS_H

#include "agent/inputs.h"
#include "agent/sheet.h"

/* Roots and, where one of them is "-", standard input, which *stdin_text holds from now on. All of
 * it is the arena's or in's. BRAMA_ERR_INVALID: standard input can't be read, diag says so. */
BRAMA_MUST_USE enum brama_err brama__roots_find(struct brama__sheets_in *out, brama_str *stdin_text,
                                                struct brama_arena *arena,
                                                const struct brama_inputs *in,
                                                const char *state_dir, struct brama_diag *diag);

#endif
