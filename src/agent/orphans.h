/* The nginx of an earlier agent: which masters live, and the listening sockets that they serve.
 *
 *     struct brama_orphans orphans;
 *     brama_orphans_find(&orphans, state_fd, mark);
 *     brama__orphans_sockets(&orphans, state_fd, &sockets);
 *     brama_orphan_signal(&orphans.master[0], SIGQUIT);
 *     brama_orphans_reap(&orphans);                          // now and then
 *     brama_orphans_close(&orphans);
 */
#ifndef BRAMA_AGENT_ORPHANS_H
#define BRAMA_AGENT_ORPHANS_H

#include <sys/types.h>

#include "agent/listen.h"
#include "policy/pages.h"

/* Each agent that dies while it takes over leaves one more. */
#define BRAMA_ORPHANS_MAX 8

/* Where a master inherits nginx.lock. */
#define BRAMA__NGINX_LOCK_FD 3

struct brama_orphan {
    pid_t pid;
    int pidfd; /* so that a signal reaches this process and nobody who has its number later */
    bool same; /* a worker of it has the mark that was asked for */
};

struct brama_orphans {
    struct brama_orphan master[BRAMA_ORPHANS_MAX];
    size_t count;
};

/* nginx.pid and the workers' pages say who may be one; who holds nginx.lock as the descriptor that
 * a master inherits is one. state_fd: the state directory; mark: BRAMA_MARK_BYTES. Workers whose
 * master was killed drain and have none. */
void brama_orphans_find(struct brama_orphans *out, int state_fd, const char *mark);
/* Asked of their workers; added to out, whose they are then. Nothing: nobody answered. */
void brama__orphans_sockets(const struct brama_orphans *orphans, int state_fd,
                            struct brama__listen *out);
void brama_orphan_signal(const struct brama_orphan *orphan, int number);
/* Forget one, or those that have ended; true: there was such a one. */
void brama_orphans_forget(struct brama_orphans *orphans, size_t index);
bool brama_orphans_reap(struct brama_orphans *orphans);
void brama_orphans_close(struct brama_orphans *orphans);

#endif
