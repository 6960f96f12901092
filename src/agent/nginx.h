/* The data plane as a process: found, configured, started, adopted, started again, ended.
 *
 * nginx has its own session and outlives us. An orphan of an earlier agent is taken over where its
 * configuration, module and program are the ones we would give it. Else ours is started beside it,
 * on the very same sockets, and the orphan drains once ours serves: connections wait in the
 * sockets' queue, and the queue always has somebody who takes from it.
 */
#ifndef BRAMA_AGENT_NGINX_H
#define BRAMA_AGENT_NGINX_H

#include <uv.h>

#include "agent/agent.h"
#include "agent/listen.h"
#include "agent/nginx_child.h"
#include "agent/nginx_deaths.h"
#include "agent/orphans.h"
#include "agent/publish.h"
#include "agent/say.h"

/* What becomes of it; each at most once a start. why is one line or more of text. */
struct brama__nginx_events {
    void (*serving)(void *ctx, bool adopted);
    void (*failed)(void *ctx, const char *why); /* the first start didn't work: nothing to go on */
    void (*gone)(void *ctx);                    /* after brama__nginx_stop() */
    void *ctx;
};

struct brama__nginx {
    uv_loop_t *loop;
    struct brama__state *state;
    const struct brama__publisher *publisher;
    const struct brama_agent_options *options;
    struct brama__nginx_events events;
    char program[PATH_MAX], module[PATH_MAX], call_ca[PATH_MAX], mark[BRAMA_MARK_BYTES + 1];
    struct brama_buf conf;
    struct brama__listen listen;
    struct brama__listen leaving; /* of the old ones, at no address of ours */
    struct brama_orphans old;     /* drained once ours serves */
    struct brama_orphan ours;     /* the one that was taken over, while adopted */
    struct brama__nginx_children children;
    struct brama__nginx_child *child; /* that is ours now; NULL: none */
    struct brama__nginx_deaths deaths;
    struct brama__trouble dying;
    uv_poll_t pidfd;  /* of a master that isn't our child */
    uv_timer_t timer; /* looks whether it serves, starts it again, or ends it */
    pid_t pid;        /* 0: none runs */
    off_t log_at;     /* of error.log, before this start */
    uint64_t since_ms, stop_ms;
    unsigned failures, drain_s, workers, useless_ticks;
    bool adopted, served, stopping, pidfd_open;
    bool serves, ended_by_us; /* since this start */
};

/* Find program and module, write no file yet. BRAMA_ERR_NOT_FOUND, with diag. */
BRAMA_MUST_USE enum brama_err brama__nginx_open(struct brama__nginx *n, uv_loop_t *loop,
                                                struct brama__state *state,
                                                const struct brama__publisher *publisher,
                                                const struct brama_agent_options *options,
                                                const struct brama__nginx_events *events,
                                                struct brama_diag *diag);
/* Find an orphan to take over, and get the sockets. BRAMA_ERR_IO, BRAMA_ERR_UNAVAILABLE, with diag;
 * orphans are then as they were. */
BRAMA_MUST_USE enum brama_err brama__nginx_prepare(struct brama__nginx *n, struct brama_diag *diag);
/* Go on with the orphan that was taken over, or start. BRAMA_ERR_IO. */
BRAMA_MUST_USE enum brama_err brama__nginx_start(struct brama__nginx *n, struct brama_diag *diag);
/* Let requests under way finish, at most drain_s; at_once: don't. May be called again. */
void brama__nginx_stop(struct brama__nginx *n, bool at_once);
/* Each second: which of the old ones have ended, and can the workers of ours live? If not, that is
 * said, and another nginx started. */
void brama__nginx_look_after(struct brama__nginx *n);
/* Another beside the one that runs, on the same sockets; that one drains once the new one serves.
 */
void brama__nginx_replace(struct brama__nginx *n);
/* nginx_mark.c: conf and mark, out of all the rest. */
void brama__nginx_write_conf(struct brama__nginx *n);
/* Close what is ours; a master that runs goes on. The loop must turn once more. */
void brama__nginx_close(struct brama__nginx *n);

#endif
