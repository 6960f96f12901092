/* One worker's place: its page, its socket, the files in force, and what it remembers.
 *
 *     struct brama_slot *slot = brama_slot_open(cycle, state_dir);     // in init_process
 *     brama_slot_refresh(slot);                                        // before each decision
 *     struct brama_engine engine = brama_slot_engine(slot);
 *     ...
 *     brama_slot_close(slot);                                          // in exit_process
 */
#ifndef BRAMA_GATEWAY_SLOT_H
#define BRAMA_GATEWAY_SLOT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "gateway/crowd.h"
#include "gateway/shun.h"
#include "policy/decide.h"
#include "policy/pages.h"

struct brama_counts;
struct brama_park;
struct brama_recorder;
struct brama_pool;

/* One file, in memory; lives while it is in force or pinned. */
struct brama_taken {
    unsigned refs;
    uint64_t number;
    void *bytes;
    size_t size, room;          /* room: that was mapped for it */
    struct brama_policy policy; /* one of the two is open */
    struct brama_facts facts;
};

struct brama_slot {
    ngx_cycle_t *cycle;
    ngx_str_t state_dir, mark;
    const struct brama_control *control; /* NULL: not made yet */
    ino_t control_inode;
    struct brama_worker_page *page; /* never NULL: a private one if no slot was free */
    bool page_is_private;
    int page_fd; /* holds the flock; -1: none */
    unsigned index;
    ngx_connection_t *socket;
    char socket_path[NGX_MAX_PATH];
    ngx_event_t timer;
    struct brama_taken *policy, *facts;   /* in force; NULL: none */
    uint64_t failed_policy, failed_facts; /* couldn't be taken: not again before a poke */
    struct brama_memory *memory;
    struct brama_memory_counts counted; /* of memory, already in the page */
    struct brama_arena arena;           /* of the decision under way */
    struct brama_buf line;              /* of the log line under way */
    struct brama_pool *pool;            /* idle connections to workloads */
    struct brama_pool *call_pool;       /* to whoever is asked */
    struct brama_crowd crowd;           /* requests that wait for whoever is asked */
    struct brama_shun shun;             /* addresses of workloads that are down */
    struct brama_counts *counts;        /* NULL: no room for them */
    int counts_fd;
    struct brama_recorder *recorder; /* of refusals */
    struct brama_park *park;         /* requests that wait for a key set */
    size_t early_bytes;              /* of bodies' beginnings, kept for authorizers */
    unsigned turn;                   /* where the next request starts in a list of addresses */
    uint8_t random[1024];
    size_t random_left;
};

/* NULL: no memory. A problem with files isn't fatal: the gateway then refuses, and says so. */
struct brama_slot *brama_slot_open(ngx_cycle_t *cycle, ngx_str_t state_dir, ngx_str_t mark);
void brama_slot_close(struct brama_slot *slot);

/* Take newer files if the control page names some. Costs two loads where it doesn't. */
void brama_slot_refresh(struct brama_slot *slot);
struct brama_engine brama_slot_engine(const struct brama_slot *slot);

/* How far the fetches of a key set are; NULL: nobody follows them. */
const struct brama_control_keyset *brama_slot_keyset(const struct brama_slot *slot, uint64_t id);

/* Keep a file in memory over several events. Both take NULL. */
struct brama_taken *brama_taken_pin(struct brama_taken *m);
void brama_taken_unpin(struct brama_taken *m);

/* n random bytes. */
void brama_slot_random(struct brama_slot *slot, uint8_t *out, size_t n);

/* slot.c, for its neighbours. A file that was wrong may be right now; what is wrong, counted and
 * logged; state/NAME<number>, or state/NAME for 0. out: NGX_MAX_PATH bytes. */
void brama_slot_look_again(struct brama_slot *slot);
void brama_slot_problem(struct brama_slot *slot, const char *what, const char *path);
void brama_slot_path(const struct brama_slot *slot, char *out, const char *name, uint64_t number);

/* poke.c: the socket at which the agent pokes. Without one a change is seen a second later. */
void brama_poke_open(struct brama_slot *slot);
void brama_poke_close(struct brama_slot *slot);

/* slot_take.c: read and check state/NAME<number>; NULL: it can't be taken. whole: look through
 * all of it. */
struct brama_taken *brama_taken_open(const char *path, uint64_t number, enum brama_pack_kind kind,
                                     bool whole);

#endif
