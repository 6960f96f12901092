/* The rules folder of a running gateway, as apply and delete change it. */
#ifndef BRAMA_CLI_RULES_DIR_H
#define BRAMA_CLI_RULES_DIR_H

#include "cli/objects.h"
#include "cli/options.h"
#include "cli/state.h"

#define BRAMA_IN_FORCE_MS 10000 /* how long apply and delete wait */

/* How apply and delete begin: their flags (-f, -n, --state), a gateway that takes what is written,
 * and the objects of the files. False: the verb ends with *code, and why has been said. */
bool brama_rules_begin(struct brama_state *state, struct brama_objects *objects,
                       struct brama_cli *cli, const struct brama_usage *usage, int argc,
                       char **argv, int *code);

/* What the folder has of an object. */
enum brama_rules_has { BRAMA_RULES_ABSENT, BRAMA_RULES_OTHER, BRAMA_RULES_SAME };
enum brama_rules_has brama_rules_look(const struct brama_state *state,
                                      const struct brama_object *object);

/* Write all objects that aren't there yet in this form: all as files beside their places first,
 * through to the disk, then each into its place; if one can't be written none is. BRAMA_EXIT_OK or
 * the exit code after saying why. */
int brama_rules_write(const struct brama_state *state, const struct brama_objects *objects);
/* Remove one. false: errno tells. */
bool brama_rules_remove(const struct brama_state *state, const struct brama_object *object);
/* Make what was removed or renamed last. */
bool brama_rules_sync(const struct brama_state *state);

/* Wait until every living worker serves a policy that was compiled from the files of exactly these
 * texts (present), or without these files. BRAMA_EXIT_OK with *number the policy's; or
 * BRAMA_EXIT_UNAVAILABLE, said. */
int brama_rules_wait(const struct brama_state *state, const struct brama_objects *objects,
                     bool present, uint64_t *number);

#endif
