/* The state directory: made, owned and locked. Layout and names: policy/pages.h.
 *
 * Started as root, nginx's workers run as another user: what they read belongs to their group, what
 * they write to themselves. Started as somebody else, all is that user's alone.
 */
#ifndef BRAMA_AGENT_STATE_H
#define BRAMA_AGENT_STATE_H

#include <limits.h>
#include <sys/types.h>

#include "base/diag.h"
#include "base/err.h"

#define BRAMA__STATE_TLS "tls" /* folder: certificates made by ourselves */

struct brama__state {
    char dir[PATH_MAX]; /* absolute */
    int dir_fd;         /* -1: not open */
    int lock_fd;
    int nginx_lock_fd; /* -1: not taken */
    bool as_root;
    const char *user; /* of the workers; "" if not started as root */
    uid_t uid;        /* of the workers */
    gid_t gid;
};

/* Make what isn't there and take the agent's lock.
 * BRAMA_ERR_IO: diag says what; BRAMA_ERR_EXISTS: another agent runs, diag names its pid. */
BRAMA_MUST_USE enum brama_err brama__state_open(struct brama__state *out, brama_str dir,
                                                struct brama_diag *diag);
void brama__state_close(struct brama__state *state);

/* Has somebody removed the directory that we hold? One that was moved away is as good as ever. */
bool brama__state_is_removed(const struct brama__state *state);
/* Make it anew under its name and take both locks, or leave all as it is. BRAMA_ERR_EXISTS: another
 * agent was faster; BRAMA_ERR_IO. */
BRAMA_MUST_USE enum brama_err brama__state_remake(struct brama__state *state,
                                                  struct brama_diag *diag);
/* Does the file that we have locked still have its name? If not, another one is made and locked.
 * BRAMA_ERR_EXISTS: by another agent; BRAMA_ERR_IO. */
BRAMA_MUST_USE enum brama_err brama__state_keep_lock(struct brama__state *state,
                                                     struct brama_diag *diag);

/* Take nginx.lock for a data plane of our own, shared: while one takes over from another there are
 * two. False: errno. */
bool brama__state_take_nginx_lock(struct brama__state *state);
/* Does it still have its name? If not, the next data plane needs another. False: errno. */
bool brama__state_has_nginx_lock(const struct brama__state *state);
bool brama__state_renew_nginx_lock(struct brama__state *state);
/* Does a process of another data plane live, its master or not? Only while none of our own does. */
bool brama__state_nginx_lives(const struct brama__state *state);

/* Give an open file of ours to the workers for reading; false: errno. */
bool brama__state_give(const struct brama__state *state, int fd);

/* A small file of ours as a whole or not at all: temporary, fsync, rename. name is relative to the
 * state directory. False: errno. */
bool brama__state_write(const struct brama__state *state, const char *name, brama_str text,
                        mode_t mode);
/* The same without waiting for the disk: after a power cut it may be missing or empty. */
bool brama__state_write_soon(const struct brama__state *state, const char *name, brama_str text,
                             mode_t mode);
/* The file's text, the arena's; false if it can't be had. */
bool brama__state_read(const struct brama__state *state, struct brama_arena *arena,
                       const char *name, brama_str *out);

#endif
