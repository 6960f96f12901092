/* Policy and facts files, published: written aside, read back, named, and only then told. Design
 * section 2, "Publishing". A number is never used twice, whatever dies when.
 *
 *     uint64_t n = brama__publish_next(&p, BRAMA_PACK_FACTS);
 *     err = brama_facts_build(&bytes, n, &in);
 *     err = brama__publish(&p, BRAMA_PACK_FACTS, n, brama_buf_str(&bytes), &diag);
 */
#ifndef BRAMA_AGENT_PUBLISH_H
#define BRAMA_AGENT_PUBLISH_H

#include <time.h>

#include "agent/state.h"
#include "policy/pack.h"
#include "policy/pages.h"

/* A file that is told, as it was when it was made. */
struct brama__published {
    uint64_t number; /* 0: none by us */
    ino_t inode;
    off_t size;
    struct timespec written;
};

struct brama__publisher {
    const struct brama__state *state;
    struct brama_control *control; /* mapped */
    int control_fd;
    uint64_t highest[BRAMA_PACK_FACTS + 1]; /* by kind: ever seen */
    struct brama__published told[BRAMA_PACK_FACTS + 1];
    int poke_fd;
};

/* Control page made or found; what a crash has left behind is removed. */
BRAMA_MUST_USE enum brama_err brama__publisher_open(struct brama__publisher *out,
                                                    const struct brama__state *state,
                                                    struct brama_diag *diag);
void brama__publisher_close(struct brama__publisher *p);

/* The number that comes next; used up by the next brama__publish(), well or not. */
uint64_t brama__publish_next(const struct brama__publisher *p, enum brama_pack_kind kind);

/* bytes: as they were built under that number, 8-aligned, with the digest that was made of them.
 * BRAMA_ERR_IO: it couldn't be written; BRAMA_ERR_INVALID: what came back isn't what was written,
 * or points outside of itself. What is in force stays so. */
BRAMA_MUST_USE enum brama_err brama__publish(struct brama__publisher *p, enum brama_pack_kind kind,
                                             uint64_t number, brama_str bytes,
                                             struct brama_diag *diag);
/* Is what is told still as we made it? Somebody may have cut, changed or removed a file. diag says
 * which, unless all is well. */
enum brama__look {
    BRAMA__LOOK_GOOD = 0,
    BRAMA__LOOK_CONTROL, /* the control page wasn't, and is again */
    BRAMA__LOOK_FILES    /* a file isn't: it has to be published anew, under a new number */
};
BRAMA_MUST_USE enum brama__look brama__publish_look(struct brama__publisher *p,
                                                    struct brama_diag *diag);

/* Unlink files that every live worker has left behind; the two newest stay. */
void brama__publish_collect(const struct brama__publisher *p);

/* Workers of one master that live, and how many of them serve the newest of both. */
struct brama__workers {
    unsigned live, current;
    uint64_t oldest[BRAMA_PACK_FACTS +
                    1]; /* by kind: that anybody's live worker serves; UINT64_MAX: none */
};
struct brama__workers brama__publish_workers(const struct brama__publisher *p, pid_t master);

#endif
