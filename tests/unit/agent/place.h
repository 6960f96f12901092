/* A folder of rules and a state directory, for readings of the one into the other. */
#ifndef BRAMA_TEST_AGENT_PLACE_H
#define BRAMA_TEST_AGENT_PLACE_H

#include "expect.h"

#include "agent/round.h"

struct place {
    char base[32], rules[64], state_dir[64];
    brama_str root;
    struct brama_inputs inputs;
    struct brama__state state;
    struct brama__goods goods;
};

void set_up(struct place *p);
void tear_down(struct place *p);
/* State and last good forms: set_up() opens them, tear_down() closes them. */
void open_place(struct place *p);
void close_place(struct place *p);
/* A file of rules with this text, in place of the one of that name. */
void put(const struct place *p, const char *name, const char *text);

#endif
