/* The signer as a process: told what may be signed, started at the first rule that needs it, and
 * again when it ends. Its keys never come here. issuer/signer.h is the process itself.
 *
 * We make its socket and hold it, so that a worker's question waits in the queue while a signer
 * that died is replaced. Only while one that dies again and again has to wait there is no socket,
 * and whoever asks is told so at once. A signer outlives us, as the data plane does: the next
 * agent's takes the name of its socket, and it ends.
 */
#ifndef BRAMA_AGENT_SIGNER_H
#define BRAMA_AGENT_SIGNER_H

#include <uv.h>

#include "agent/state.h"
#include "policy/policy.h"

struct brama__signer {
    uv_loop_t *loop; /* NULL: not open */
    const struct brama__state *state;
    uv_process_t process;
    uv_timer_t timer;      /* starts it again, or ends it */
    struct brama_buf told; /* what may be signed, as written */
    uint64_t told_of;      /* the policies that this was made of */
    int listen_fd;         /* -1: none */
    uint64_t since_ms;
    unsigned failures;
    bool needed, runs, stopping, swept;
};

void brama__signer_open(struct brama__signer *s, uv_loop_t *loop, const struct brama__state *state);
/* What may be signed: all that these policies name. Before one of them goes into force, and again
 * when an older one has gone. BRAMA_ERR_IO, BRAMA_ERR_NOMEM, with diag. */
BRAMA_MUST_USE enum brama_err brama__signer_tell(struct brama__signer *s,
                                                 const struct brama_policy *const *policies,
                                                 size_t count, struct brama_diag *diag);
/* Now and then: nobody but this policy is in force. */
void brama__signer_tick(struct brama__signer *s, const struct brama_policy *policy);
/* The state directory is another one: it ends, is told anew, and starts again at a new socket. */
void brama__signer_move(struct brama__signer *s);
/* End it. The loop must turn until it has ended. */
void brama__signer_close(struct brama__signer *s);

#endif
