/* Reading a map of ours from a file, strictly: what is of the wrong kind or has an unknown name is
 * an error with its place, and reading goes on.
 *
 *     struct brama_fields f = {&findings, &arena};
 *     static const char *const names[] = {"host", "tests"};
 *     BRAMA_FIELDS_ONLY(&f, BRAMA_STR(".spec"), spec, names);
 *     host = brama_field_text(&f, BRAMA_STR(".spec"), spec, "host");
 */
#ifndef BRAMA_CLI_FIELDS_H
#define BRAMA_CLI_FIELDS_H

#include "rule/model.h"
#include "json/node.h"

struct brama_fields {
    struct brama_findings *out;
    struct brama_arena *arena;
};

/* ".spec.tests[2].expect" from ".spec.tests[2]" and "expect". */
brama_str brama_field_path(struct brama_fields *f, brama_str at, brama_str key);
void brama_field_complain(struct brama_fields *f, struct brama_where where, brama_str at,
                          const char *fmt, ...) BRAMA_PRINTF(4, 5);
/* Each member of map must have one of these names. */
void brama_fields_only(struct brama_fields *f, brama_str at, const struct brama_node *map,
                       const char *const *names, size_t count);
#define BRAMA_FIELDS_ONLY(f, at, map, names)                                                       \
    brama_fields_only((f), (at), (map), (names), BRAMA_ARRAY_LEN(names))

/* The member of map, which is at; NULL or empty if it isn't there, or not of that kind. */
const struct brama_node *brama_field(struct brama_fields *f, brama_str at,
                                     const struct brama_node *map, const char *key,
                                     enum brama_node_kind kind);
brama_str brama_field_text(struct brama_fields *f, brama_str at, const struct brama_node *map,
                           const char *key);
/* A list of texts, or one text alone. */
struct brama_str_list brama_field_texts(struct brama_fields *f, brama_str at,
                                        const struct brama_node *map, const char *key);

#endif
