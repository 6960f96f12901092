/* The state directory is ours, each second anew. Somebody may have removed it while we run, a
 * cleaner of /tmp for one: it is made again under its name, everything we know is written into it,
 * and another nginx takes over, which has its lock. What was only there is gone: applied objects,
 * and last good forms of rules that are broken just then.
 *
 *     each second:
 *     if (brama__keep_state(&keeper) == BRAMA_ERR_EXISTS) end;
 */
#ifndef BRAMA_AGENT_KEEP_STATE_H
#define BRAMA_AGENT_KEEP_STATE_H

#include "agent/good.h"
#include "agent/nginx.h"
#include "agent/say.h"
#include "agent/signer.h"
#include "agent/state.h"
#include "agent/wanted.h"

struct brama__state_keeper {
    struct brama__state *state;
    struct brama__goods *goods;
    struct brama__wanted *wanted;
    struct brama__signer *signer;
    struct brama__nginx *nginx;
    struct brama__trouble trouble;
};

/* Says what happened. What is published isn't looked at here (brama__publish_look()).
 *
 * BRAMA_ERR_EXISTS  the lock was removed, and another agent has made one: it is his directory now
 * BRAMA_ERR_IO      it was removed and can't be made again now; what is in force stays
 */
BRAMA_MUST_USE enum brama_err brama__keep_state(struct brama__state_keeper *k);

#endif
