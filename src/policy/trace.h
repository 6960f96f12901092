/* The decision's own account of itself: every step, as it was taken. `brama explain` prints this
 * and nothing else. Without a sink (NULL) recording costs a branch.
 */
#ifndef BRAMA_POLICY_TRACE_H
#define BRAMA_POLICY_TRACE_H

#include "base/diag.h"

enum brama_trace_outcome { BRAMA_TRACE_INFO = 0, BRAMA_TRACE_PASS, BRAMA_TRACE_FAIL };

struct brama_trace_step {
    struct brama_trace_step *next;
    const char *step; /* "host", "path", "route", "token", "key", "exp", "scope", ...: static */
    enum brama_trace_outcome outcome;
    brama_str expected, actual, note; /* may be empty */
    struct brama_where where;         /* of the rule that asked for it; line 0: none */
};

struct brama_trace {
    struct brama_arena *arena; /* of all texts; must outlive the policy that was decided on */
    struct brama_trace_step *first, *last;
};

void brama_trace_init(struct brama_trace *trace, struct brama_arena *arena);

/* Copies expected and actual; note by printf. trace may be NULL. */
void brama_trace_add(struct brama_trace *trace, const char *step, enum brama_trace_outcome outcome,
                     brama_str expected, brama_str actual, const char *note, ...)
    BRAMA_PRINTF(6, 7);
/* Name the place of the step just added. */
void brama_trace_at(struct brama_trace *trace, brama_str file, uint32_t line);

#endif
