/* The state directory seen from outside: who runs, which policy is in force, where. Layout:
 * policy/pages.h. Nothing here writes.
 *
 *     struct brama_state state;
 *     brama_state_init(&state, cli, dir);
 *     pid_t agent = brama_state_holder(&state, BRAMA_STATE_LOCK);
 */
#ifndef BRAMA_CLI_STATE_H
#define BRAMA_CLI_STATE_H

#include <sys/types.h>

#include "cli/cli.h"
#include "policy/pages.h"
#include "policy/policy.h"

struct brama_state {
    struct brama_cli *cli;
    brama_str dir; /* ends in a NUL, as all paths here */
};

/* dir empty: $BRAMA_STATE, else /var/lib/brama for root, else $XDG_STATE_HOME/brama or
 * ~/.local/state/brama. */
void brama_state_init(struct brama_state *state, struct brama_cli *cli, brama_str dir);
#define BRAMA_HELP_STATE "state directory: $BRAMA_STATE, /var/lib/brama or ~/.local/state/brama"

brama_str brama_state_path(const struct brama_state *state, const char *name);

/* Does somebody hold the flock of that file? Asked by a lock of an instant: a shared one, so that
 * two who ask don't see each other; for nginx.lock, whose holders share it, one for ourselves. */
bool brama_state_is_locked(const struct brama_state *state, const char *name);
/* The pid that a lock file tells, while it is held; 0: not held; -1: held, but no pid to be had. */
pid_t brama_state_holder(const struct brama_state *state, const char *lock_file);

/* The number of the policy that was published last; 0: none, or no control page. */
uint64_t brama_state_policy_number(const struct brama_state *state);

/* A policy file, mapped and verified; to be closed. */
struct brama_state_policy {
    struct brama_policy policy;
    void *bytes;
    size_t size;
};
bool brama_state_policy_open(struct brama_state_policy *out, const struct brama_state *state,
                             uint64_t number);
/* The one published last. Waits that long for the first one of a gateway that is starting. */
bool brama_state_policy_latest(struct brama_state_policy *out, const struct brama_state *state,
                               unsigned wait_ms);
void brama_state_policy_close(struct brama_state_policy *policy);

/* Does at least one worker live, and does every one that lives serve this policy or a newer one? */
bool brama_state_workers_serve(const struct brama_state *state, uint64_t number);

#endif
