/* Writing JSON into a buffer. Errors stick in the buffer and are checked once, at the end.
 *
 *     struct brama_json_out out;
 *     brama_json_out_init(&out, &buf, 0);
 *     brama_json_map(&out);
 *     brama_json_key(&out, BRAMA_STR("code"));
 *     brama_json_int(&out, 401);
 *     brama_json_end(&out);
 *
 * Strings come out as valid UTF-8 whatever went in: a byte that isn't part of a well-formed
 * sequence becomes U+FFFD; controls are escaped.
 */
#ifndef BRAMA_JSON_WRITE_H
#define BRAMA_JSON_WRITE_H

#include "base/buf.h"
#include "json/node.h"

#define BRAMA_JSON_OUT_DEPTH 64 /* as brama_json_limits_rules: what was read can be written */

struct brama_json_out {
    struct brama_buf *buf;
    unsigned indent; /* spaces a level; 0: everything on one line, no blanks */
    unsigned depth;
    bool after_key;
    struct {
        bool map, empty;
    } level[BRAMA_JSON_OUT_DEPTH];
};

void brama_json_out_init(struct brama_json_out *out, struct brama_buf *buf, unsigned indent);
void brama_json_map(struct brama_json_out *out);
void brama_json_list(struct brama_json_out *out);
void brama_json_end(struct brama_json_out *out); /* of the innermost map or list */
void brama_json_key(struct brama_json_out *out, brama_str key);
void brama_json_str(struct brama_json_out *out, brama_str value);
void brama_json_int(struct brama_json_out *out, int64_t value);
void brama_json_bool(struct brama_json_out *out, bool value);
void brama_json_null(struct brama_json_out *out);
/* A key and its string at once. */
void brama_json_member(struct brama_json_out *out, brama_str key, brama_str value);
/* The node and all below it: what brama_json_parse gives back as an equal tree. */
void brama_json_node(struct brama_json_out *out, const struct brama_node *node);

/* The same node as YAML (block style, two spaces), ending in a newline. */
void brama_yaml_node(struct brama_buf *buf, const struct brama_node *node);

#endif
