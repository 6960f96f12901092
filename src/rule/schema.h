/* What the API server checks before Kyma's controller sees an APIRule: types, required fields,
 * enums, ranges, patterns, names of fields. The readers take every field through here.
 *
 *     struct brama__at spec = {NULL, BRAMA_LIT("spec"), 0};
 *     rule->host = brama__take_str(r, &spec, node, BRAMA_STR("host"), BRAMA__REQUIRED);
 */
#ifndef BRAMA_RULE_SCHEMA_H
#define BRAMA_RULE_SCHEMA_H

#include "rule/model.h"

/* One reading of one manifest. */
struct brama__reading {
    struct brama_arena *arena;
    struct brama_apirule *out;
};

/* A place in the manifest, on the stack of who reads it; written out only for a failure. A place
 * without a name is item `index` of the list above it. */
struct brama__at {
    const struct brama__at *up;
    brama_str name;
    size_t index;
};

/* ".spec.rules[0].path" */
brama_str brama__at_text(struct brama_arena *arena, const struct brama__at *at);

/* Append to a list of failures; message and path are the arena's or static. */
void brama__failures_add(struct brama_failures *list, struct brama_arena *arena,
                         struct brama_where where, brama_str path, brama_str message);

void brama__refuse(struct brama__reading *r, const struct brama__at *at, struct brama_where where,
                   const char *fmt, ...) BRAMA_PRINTF(4, 5);

enum brama__need { BRAMA__OPTIONAL = 0, BRAMA__REQUIRED };

/* The member if it is of that kind; NULL otherwise, with a failure if it is required or of another
 * kind. A null is of another kind: it never stands for "not given". */
const struct brama_node *brama__take(struct brama__reading *r, const struct brama__at *at,
                                     const struct brama_node *map, brama_str key,
                                     enum brama_node_kind kind, enum brama__need need);
brama_str brama__take_str(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *map, brama_str key, enum brama__need need);
/* A whole number from min to max; 0 if it isn't there or isn't one. */
uint64_t brama__take_uint(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *map, brama_str key, uint64_t min, uint64_t max,
                          enum brama__need need);
/* A list of strings. given: set to whether the member is a list; may be NULL. */
struct brama_str_list brama__take_strs(struct brama__reading *r, const struct brama__at *at,
                                       const struct brama_node *map, brama_str key, bool *given);
/* A failure if node isn't of that kind. */
bool brama__is_kind(struct brama__reading *r, const struct brama__at *at,
                    const struct brama_node *node, enum brama_node_kind kind);
/* A failure for each member that isn't in fields. */
void brama__no_others(struct brama__reading *r, const struct brama__at *at,
                      const struct brama_node *map, const brama_str *fields, size_t count);

/* A failure that quotes the pattern, unless the matcher (pattern.h) says yes. */
void brama__must_match(struct brama__reading *r, const struct brama__at *at,
                       struct brama_where where, brama_str value, bool (*match)(brama_str),
                       const char *pattern);

#endif
