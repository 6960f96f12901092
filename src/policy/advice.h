/* The smallest change that would have let a refused request pass, said only where the step that
 * failed makes it certain.
 *
 *     const struct brama_trace_step *cause = brama_trace_cause(&trace);
 *     brama_str text = brama_advice(&arena, d.reason, cause, request.now_s);
 *     if (text.n != 0)
 *         print("to pass: ", text);    // mint the token with scope "read"
 */
#ifndef BRAMA_POLICY_ADVICE_H
#define BRAMA_POLICY_ADVICE_H

#include "policy/reason.h"
#include "policy/trace.h"
#include "json/write.h"

/* The last step that failed before the answer; NULL: none did. */
const struct brama_trace_step *brama_trace_cause(const struct brama_trace *trace);

/* One line without "to pass:", the arena's; {NULL, 0} where nothing is certain, as of a signature
 * that doesn't verify. It speaks of the first obstacle only: behind it there may be another one.
 * cause may be NULL; now_s is the time of the decision. No token and no query is in it, since none
 * is in a step. */
brama_str brama_advice(struct brama_arena *arena, enum brama_reason reason,
                       const struct brama_trace_step *cause, int64_t now_s);
/* The same for machines: the member "change", {"mint": {"scope": "read"}} or null. trace.h has the
 * kinds. */
void brama_change_write(struct brama_json_out *json, const struct brama_trace_step *cause);

#endif
