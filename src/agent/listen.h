/* Listening sockets, opened before nginx is there and kept when one of its masters dies: the
 * address never stops answering connects. */
#ifndef BRAMA_AGENT_LISTEN_H
#define BRAMA_AGENT_LISTEN_H

#include "base/diag.h"
#include "base/err.h"

#define BRAMA__LISTEN_MAX 3

struct brama__listen {
    int fd[BRAMA__LISTEN_MAX];
    size_t count;
};

/* HOST:PORT, the first address of HOST. BRAMA_ERR_UNAVAILABLE, with diag: it can't be had. */
BRAMA_MUST_USE enum brama_err brama__listen_add(struct brama__listen *l, brama_str address,
                                                struct brama_diag *diag);
void brama__listen_close(struct brama__listen *l);

#endif
