/* A decision in JSON, for whoever asks why: the text of `brama explain -o json`, of the admin
 * listener and of a worker's record of a refusal. One writer for all of them.
 *
 *     struct brama_explanation e = {.request = &request, .decision = &d, .trace = &trace};
 *     brama_explain(&buf, &e, NULL);
 *
 * No token and no query is in it, since none is in a trace; of a token its header and claims are.
 */
#ifndef BRAMA_POLICY_EXPLAIN_H
#define BRAMA_POLICY_EXPLAIN_H

#include "policy/decide.h"
#include "json/write.h"

struct brama_explanation {
    const struct brama_request *request;
    const struct brama_decision *decision;
    const struct brama_trace *trace;     /* NULL: nobody recorded one */
    struct brama_arena *arena;           /* scratch */
    const struct brama_policy *in_force; /* decided on, to compare with Kyma; or NULL */
    brama_str request_id;                /* empty: nobody asked through a gateway */
    brama_str upstream;                  /* ALLOW: "ns/name:port" that it goes to, or empty */
    int64_t time_ms;                     /* UNIX time; 0: request->now_s */
    uint64_t policy, facts;              /* numbers of the files in force; 0: there are none */
    bool all_claims;       /* else only those that decide, and the names of the others: a record's
                              reader needn't be who the token is about */
    bool brief;            /* no token, no steps, and nothing that came from a token */
    const char *why_brief; /* for people, where there are no steps */
    bool indented;         /* for people */
};

/* "allow", "deny", "answer". */
const char *brama_verdict_name(enum brama_verdict verdict);

/* ALLOW: "namespace/name:port" that the request goes to; {NULL, 0}: there is none. */
brama_str brama_explain_upstream(struct brama_arena *arena, const struct brama_policy *policy,
                                 const struct brama_decision *d);

/* The value of a header that the workload is told, as people may see it: of a credential only how
 * long it is. The arena's or the decision's. */
brama_str brama_explain_told(struct brama_arena *arena, const struct brama_decision *d,
                             const struct brama_header *header);

/* What failed, in one line: "scope: expected read, actual write; authorizations[0]". The arena's;
 * {NULL, 0} for NULL. */
brama_str brama_cause_text(struct brama_arena *arena, const struct brama_trace_step *cause);
/* The same without what was there: nothing of the caller is in it. */
brama_str brama_cause_brief(struct brama_arena *arena, const struct brama_trace_step *cause);

/* One JSON object and a newline. *summary_n (may be NULL): so many bytes of it, with a "}" behind,
 * are the object with the members of a list's row only. Errors stick in out. */
void brama_explain(struct brama_buf *out, const struct brama_explanation *e, size_t *summary_n);
/* The same in at most max bytes without the newline: texts are cut (with a mark), rules that were
 * tried are counted instead of listed, as far as it takes. False: it can't be had. */
BRAMA_MUST_USE bool brama_explain_within(struct brama_buf *out, const struct brama_explanation *e,
                                         size_t max, size_t *summary_n);

#endif
