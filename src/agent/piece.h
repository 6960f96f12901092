/* A piece of a rule file: one document, as a rule, with its text and all that was made of it.
 * Sheets share those that didn't change.
 */
#ifndef BRAMA_AGENT_PIECE_H
#define BRAMA_AGENT_PIECE_H

#include "rule/world.h"

struct brama__piece {
    unsigned refs;
    uint32_t line, line_count; /* the first, and how many */
    size_t members;
    bool has[BRAMA_WORLD_PARTS];
    brama_str file, text;
    struct brama_docs docs;
    struct brama_arena arena; /* of all of it */
};

/* line: where it begins in the file. Copies both texts. BRAMA_ERR_NOMEM, or what is wrong with the
 * text: then diag (NULL: nobody asks) has more. */
BRAMA_MUST_USE enum brama_err brama__piece_read(struct brama__piece **out, brama_str file,
                                                brama_str text, uint32_t line,
                                                struct brama_diag *diag);
/* NULL: nothing. */
void brama__piece_drop(struct brama__piece *piece);

#endif
