/* Key sets that workers wait for: their marks taken from the pages, and how far fetches are told in
 * the control page. Design section 2, "An unknown kid".
 *
 *     err = brama__wanted_open(&w, loop, &publisher, on_poke, ctx, &diag);
 *     on a poke and each second:  brama__wanted_take(&w, keysets);
 *     when a fetch begins:        brama__wanted_asked(&w, keysets, id);
 *     when what it brought is out: brama__wanted_done(&w, id, version, next_at_s);
 */
#ifndef BRAMA_AGENT_WANTED_H
#define BRAMA_AGENT_WANTED_H

#include <uv.h>

#include "agent/publish.h"
#include "source/keysets.h"

typedef void brama__wanted_poked(void *ctx);

struct brama__wanted {
    const struct brama__publisher *publisher;
    int fd; /* state/agent.sock; -1: not open */
    ino_t inode;
    uv_poll_t poll;
    brama__wanted_poked *poked;
    void *ctx;
};

/* Fetches that an earlier agent began and didn't see the end of count as done. */
BRAMA_MUST_USE enum brama_err brama__wanted_open(struct brama__wanted *out, uv_loop_t *loop,
                                                 const struct brama__publisher *publisher,
                                                 brama__wanted_poked *poked, void *ctx,
                                                 struct brama_diag *diag);
/* The state directory is another one. What can't be is a lost poke: pages are read each second. */
void brama__wanted_bind_again(struct brama__wanted *w);
/* The loop must turn once more before it is closed. fd -1: nothing happens. */
void brama__wanted_close(struct brama__wanted *w);

/* Every mark in every worker's page becomes a forced fetch. */
void brama__wanted_take(const struct brama__wanted *w, struct brama_keysets *keysets);

/* keysets: whose entries may not be given away. */
void brama__wanted_asked(const struct brama__wanted *w, const struct brama_keysets *keysets,
                         uint64_t id);
void brama__wanted_done(const struct brama__wanted *w, uint64_t id, uint64_t version,
                        int64_t next_at_s);

#endif
