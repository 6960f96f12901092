/* A word about the keys behind the rules: weak, dear, left out, not to be had. */
#ifndef BRAMA_AGENT_LINT_KEYS_H
#define BRAMA_AGENT_LINT_KEYS_H

#include "rule/world.h"
#include "source/keysets.h"

/* From all these sets, after their first fetch, to world->findings, each at the first rule that
 * names the set. */
void brama__lint_keys(struct brama_world *world, const struct brama_keysets *sets);

#endif
