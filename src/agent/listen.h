/* Listening sockets, opened before nginx is there and kept when one of its masters dies: the
 * address never stops answering connects. Those of an nginx that runs already are taken from it:
 * connections wait in a socket's queue, and one opened anew beside it wouldn't have them. */
#ifndef BRAMA_AGENT_LISTEN_H
#define BRAMA_AGENT_LISTEN_H

#include "base/diag.h"
#include "base/err.h"

#include "policy/pages.h"

#define BRAMA__LISTEN_MAX BRAMA_SOCKETS_MAX

struct brama__listen {
    int fd[BRAMA__LISTEN_MAX];
    size_t count;
};

/* HOST:PORT, the first address of HOST; empty: nothing to do. had: sockets that were open before,
 * from which the one with this address moves over. One with another form of the address (0.0.0.0
 * for 127.0.0.1) goes on listening beside the new one.
 *
 * BRAMA_ERR_EXISTS       a socket of had is in the way all the same
 * BRAMA_ERR_UNAVAILABLE  it can't be had; either with diag
 */
BRAMA_MUST_USE enum brama_err brama__listen_add(struct brama__listen *l, struct brama__listen *had,
                                                brama_str address, struct brama_diag *diag);
/* Nobody new comes to these any more (the kernel looks for connections from an interface that there
 * is none of), so that another socket of that port gets them; what stands in their queues stays
 * there for whoever accepts. */
void brama__listen_turn_away(const struct brama__listen *l);
void brama__listen_close(struct brama__listen *l);

#endif
