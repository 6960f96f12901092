/* One gateway in memory beside its oracle: the same rules, the same tokens, one question to both.
 */
#ifndef BRAMA_TEST_ORACLE_WORLD_H
#define BRAMA_TEST_ORACLE_WORLD_H

#include "../policy/fixture.h"

#include "invent.h"
#include "oracle.h"

#define ORACLE_TOKENS 10

struct oracle_world {
    struct fixture f;                       /* its stranger signs for issuer B */
    struct brama_arena tokens_arena, arena; /* arena: of one question */
    struct oracle_token tokens[ORACLE_TOKENS];
    struct brama_node *objects; /* of the rules in force; the fixture's arena's */
    bool exact; /* nothing but the path's readings makes us stricter than a cluster */
    bool all_valid;
};

void oracle_world_init(struct oracle_world *w);
void oracle_world_deinit(struct oracle_world *w);
void oracle_world_load(struct oracle_world *w, const char *yaml);

/* Ask both about a random request. NULL: they agree as far as they have to; else what is wrong, in
 * words, valid until the next question. */
const char *oracle_world_compare(struct oracle_world *w, const struct invent *from);

/* How often each outcome was seen, so that a test can see that it looked at something. */
struct oracle_world_counts {
    size_t both_allow, both_refuse, stricter;
};
extern struct oracle_world_counts oracle_world_counts;

#endif
