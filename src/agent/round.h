/* One reading of all sources, up to a compiled policy: made whole, then published or forgotten
 * whole.
 */
#ifndef BRAMA_AGENT_ROUND_H
#define BRAMA_AGENT_ROUND_H

#include "agent/good.h"
#include "agent/inputs.h"
#include "agent/plan.h"
#include "agent/sheet.h"

/* What isn't an APIRule, and the service table over it: the same for all rounds of one
 * neighbourhood, the last of which frees it. */
struct brama__beside {
    unsigned refs;
    struct brama_arena arena;
    struct brama_service_changes changes; /* since the round before it was made */
    struct brama_world world;
    struct brama_service_table table;
};

/* What upstreams and targets need: the same for all rounds of one neighbourhood that have the same
 * ones. */
struct brama__needed {
    unsigned refs;
    struct brama_arena arena;
    uint64_t of; /* brama__plan_needs() of their policies */
    struct brama__leads leads;
    struct brama__texts hosts;
};

struct brama__round {
    struct brama_arena arena;
    struct brama__sheets sheets;
    struct brama__beside *beside;
    struct brama_world world;       /* it, and the APIRules */
    struct brama_buf bytes;         /* of the policy */
    struct brama_policy policy;     /* over bytes */
    struct brama__texts urls;       /* of the key sets that it needs */
    struct brama__needed *needed;   /* besides */
    struct brama__certs certs;      /* of its Gateways */
    struct brama__texts complaints; /* a line each: what is wrong with which file or APIRule */
    size_t errors;                  /* APIRules that aren't valid */
    const struct brama__sheet **strangers; /* files with a problem that no last good form is of */
    size_t stranger_count;
    bool again; /* it is in force, but is to be read and published anew */
};

struct brama__round_in {
    const struct brama_inputs *inputs;
    struct brama__sheets_in sheets;    /* roots: the applied rules first, then -f */
    struct brama__goods *goods;        /* what they are served under stays theirs */
    const struct brama__round *before; /* sheets.before are its; NULL: none */
    struct brama__certs certs;         /* that were shown before the first round */
};

/* A path that doesn't exist is a slip of the hand at the start, and an accident later.
 * BRAMA_ERR_INVALID: diag names the first. */
BRAMA_MUST_USE enum brama_err brama__round_check_roots(const brama_str *roots, size_t count,
                                                       const brama_str *stdin_text,
                                                       struct brama_diag *diag);
/* Read only. False: no memory. */
bool brama__round_read(struct brama__round **out, const struct brama__round_in *in);
/* Judge and compile as policy number. */
BRAMA_MUST_USE enum brama_err
brama__round_compile(struct brama__round *round, const struct brama__round_in *in, uint64_t number);
void brama__round_free(struct brama__round *round);

/* Key sets and names that it needs, and those that another one (NULL: none) has needed so far: what
 * is in force keeps its facts until the next is. */
BRAMA_MUST_USE enum brama_err brama__round_want(struct brama__round *round,
                                                const struct brama__round *so_far,
                                                struct brama_keysets *keysets,
                                                struct brama_resolver *resolver);

/* It is in force: what it needs and hasn't isn't waited for any more. */
BRAMA_MUST_USE enum brama_err brama__round_settle_needs(struct brama__round *round,
                                                        struct brama_keysets *keysets,
                                                        struct brama_resolver *resolver);
/* Are the facts that one needs those that the other one needs? */
bool brama__round_needs_the_same(const struct brama__round *a, const struct brama__round *b);
/* The newest round's part of the sources of facts, and that of the one in force (NULL: none). */
void brama__round_ask(struct brama__facts_sources *out, const struct brama__round *newest,
                      const struct brama__round *in_force);

/* After it was published: last good forms written, and those of rules that left their source
 * removed. The number of forms that couldn't be written. */
size_t brama__round_settle(struct brama__round *round, struct brama__goods *goods);

#endif
