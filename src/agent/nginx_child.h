/* A master of ours as a process: started on the listening sockets, and watched. One whose place
 * another takes goes on for a while, and is reaped all the same.
 *
 *     err = brama__nginx_spawn(&children, &child, &wish);     // wish.ended is told of its end
 *     brama__nginx_let_go(child);                             // from now on nobody is
 *     brama__nginx_children_close(&children);                 // they live on
 */
#ifndef BRAMA_AGENT_NGINX_CHILD_H
#define BRAMA_AGENT_NGINX_CHILD_H

#include <uv.h>

#include "agent/listen.h"

struct brama__nginx_child {
    uv_process_t process;
    struct brama__nginx_child *next;
    struct brama__nginx_children *home;
    void (*ended)(void *ctx); /* NULL: nobody asks */
    void *ctx;
};

struct brama__nginx_children {
    struct brama__nginx_child *first;
};

struct brama__nginx_wish {
    uv_loop_t *loop;
    char *program;
    const char *state_dir;
    int lock_fd; /* nginx.lock; becomes BRAMA__NGINX_LOCK_FD */
    const struct brama__listen *listen;
    void (*ended)(void *ctx); /* from the loop; the child is gone by then */
    void *ctx;
};

/* 0, or an error of libuv's. The child is the list's. */
int brama__nginx_spawn(struct brama__nginx_children *children, struct brama__nginx_child **out,
                       const struct brama__nginx_wish *wish);
void brama__nginx_let_go(struct brama__nginx_child *child);
/* Stop watching all of them. The loop must turn once more. */
void brama__nginx_children_close(struct brama__nginx_children *children);

#endif
