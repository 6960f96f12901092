/* The signer's root part, see issuer/disk.h: a question and an answer at a time on a socket pair.
 */
#ifndef BRAMA_ISSUER_PORTER_H
#define BRAMA_ISSUER_PORTER_H

#include <limits.h>

#include "issuer/disk.h"

enum brama__porter_verb { BRAMA__PORTER_FILE = 1, BRAMA__PORTER_MAKE_KEY, BRAMA__PORTER_PUBLISH };

struct brama__porter_ask {
    enum brama__porter_verb verb;
    char path[PATH_MAX]; /* of FILE */
};
struct brama__porter_answer {
    int error; /* an errno; 0: done */
    char why[sizeof(((struct brama_diag *)NULL)->what)];
};

/* Fork it: disk->porter, public_fd and pid are set. False: errno. */
bool brama__porter_start(struct brama__disk *disk);
/* *fd: of FILE, -1 if there is none. False: it has ended. */
bool brama__porter_do(const struct brama__disk *disk, const struct brama__porter_ask *ask,
                      struct brama__porter_answer *answer, int *fd);

#endif
