/* What the agent says on standard error: a line each, calm, and nothing twice. */
#ifndef BRAMA_AGENT_SAY_H
#define BRAMA_AGENT_SAY_H

#include <sys/types.h>

#include "agent/agent.h"
#include "agent/round.h"

/* "brama: " and the text. */
void brama__say(const char *fmt, ...) BRAMA_PRINTF(1, 2);
/* With the file that it is about, if any. */
void brama__say_diag(const struct brama_diag *diag);
/* What doesn't work and is tried again and again: said when it begins, when it becomes another, and
 * when it is over. Zero: all is well. */
struct brama__trouble {
    char said[512];
};
void brama__say_trouble(struct brama__trouble *trouble, const char *fmt, ...) BRAMA_PRINTF(2, 3);
void brama__say_over(struct brama__trouble *trouble, const char *what);
/* Indented, without empty ones. */
void brama__say_lines(brama_str text);
/* Where we listen; adopted: the process that was taken over, 0: ours was started. */
void brama__say_serving(const struct brama_agent_options *options, pid_t adopted);
/* Of a round that goes into force: complaints that the one before (NULL: none) didn't have, and how
 * many APIRules there are where that differs. */
void brama__say_what_changed(const struct brama__round *before, const struct brama__round *now);

#endif
