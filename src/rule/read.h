/* One manifest to one model: a reader per API version behind one door. */
#ifndef BRAMA_RULE_READ_H
#define BRAMA_RULE_READ_H

#include "rule/model.h"

/* Is this apiVersion (group gateway.kyma-project.io) one of ours? BRAMA_API_NONE if not. */
enum brama_api_version brama_api_version_by_name(brama_str api_version);
const char *brama_api_version_name(enum brama_api_version version); /* "v1beta1", ... */

/* doc: a MAP with kind APIRule and a version of ours; it must outlive the arena. What the schema of
 * that version refuses is in (*out)->schema, with everything else read as far as it can be.
 * BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama_apirule_read(struct brama_apirule **out,
                                                 struct brama_arena *arena,
                                                 const struct brama_node *doc,
                                                 brama_str default_ns);
/* One that isn't judged yet, whose document stands some lines further down now, or up. */
void brama_apirule_move(struct brama_apirule *rule, int64_t lines);

#endif
