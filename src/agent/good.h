/* The last good form of each APIRule: state/good/<namespace>.<name>.json, written when a form was
 * accepted, removed when the rule has left its source. Design section 2, "The last good form".
 *
 *     {"handler": "istio", "host": "a.localhost", "file": "a.yaml", "line": 3, "manifest": {...}}
 *
 * No handler for v2, which knows none. The manifest is read and judged anew, under the handler it
 * was valid under, when it is needed. The host is whose it is as long as the rule has a claim to
 * it, also over a restart.
 */
#ifndef BRAMA_AGENT_GOOD_H
#define BRAMA_AGENT_GOOD_H

#include "agent/state.h"
#include "base/map.h"
#include "rule/judge.h"

struct brama__good {
    brama_str ns, name;
    brama_str host; /* in full, that the form is served under */
    brama_str file; /* that it came from */
    uint32_t line;
    uint64_t hash; /* of the text on disk */
    uint64_t form; /* of what that text was made of; 0: not known */
    bool gone, seen;
};

struct brama__goods {
    const struct brama__state *state;
    struct brama_arena arena; /* grows with names ever seen */
    struct brama_map map;     /* "ns/name" to index */
    struct brama__good *good;
    size_t count, size;
};

/* What is on disk; a file that isn't one of ours is left alone. BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama__goods_open(struct brama__goods *out,
                                                const struct brama__state *state);
void brama__goods_close(struct brama__goods *goods);

/* NULL: none. */
struct brama__good *brama__goods_find(const struct brama__goods *goods, brama_str ns,
                                      brama_str name);
/* That of a rule of the world. */
struct brama__good *brama__goods_of(const struct brama__goods *goods,
                                    const struct brama_apirule *rule);
/* Its model, valid; the arena's. NULL: it can't be read, or isn't valid (any more). */
const struct brama_apirule *brama__good_model(const struct brama__goods *goods,
                                              const struct brama__good *good,
                                              struct brama_arena *arena,
                                              const struct brama_world *world, brama_str domain);

/* Every valid rule of the world is its own last good form from now on: written where it differs
 * from what is there. The number of those that couldn't be written. */
size_t brama__goods_keep(struct brama__goods *goods, const struct brama_world *world);
/* Nothing of it is on disk any more: all is written again. */
void brama__goods_forget(struct brama__goods *goods);
void brama__good_drop(struct brama__goods *goods, struct brama__good *good);

#endif
