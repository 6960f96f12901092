/* Reading JSON (RFC 8259, strictly) and YAML (as kubectl reads it) into nodes, within limits.
 * Nothing else in the program sees jansson or libyaml.
 */
#ifndef BRAMA_JSON_READ_H
#define BRAMA_JSON_READ_H

#include "json/node.h"

struct brama_json_limits {
    size_t max_bytes;   /* of the text */
    size_t max_members; /* nodes in all */
    size_t max_string;  /* bytes of one string or member name */
    unsigned max_depth; /* nested lists and maps */
};

/* A token's header or claims: attacks.md J15 (depth 16, 256 members, strings of 4 KiB). */
extern const struct brama_json_limits brama_json_limits_token;
/* What somebody whom a rule asks says: 64 KiB, 4096 members. */
extern const struct brama_json_limits brama_json_limits_answer;
/* A key set or discovery document: 256 KiB. */
extern const struct brama_json_limits brama_json_limits_jwks;
/* A rule file: 16 MiB, a million nodes. */
extern const struct brama_json_limits brama_json_limits_rules;

/* One JSON value and nothing after it. No BOM, no duplicate names, no lone surrogates, no NUL in
 * strings, no NaN, no numbers beyond int64_t or double.
 *
 * BRAMA_ERR_SYNTAX   not JSON, or one of the above; diag says what and, if known, where
 * BRAMA_ERR_TOO_BIG  a limit was reached
 * BRAMA_ERR_NOMEM
 */
BRAMA_MUST_USE enum brama_err brama_json_parse(struct brama_node **out, struct brama_arena *arena,
                                               brama_str text,
                                               const struct brama_json_limits *limits,
                                               struct brama_diag *diag);

/* All documents of a YAML stream, linked by next; *out is NULL for a stream without any; empty
 * documents are left out. Plain scalars resolve as in kubectl (YAML 1.1 booleans, octal 0o17 and
 * 017, null, ~); a quoted scalar is a string. A decimal integer beyond int64_t is REAL, a number
 * beyond double a string (so in kubectl too); .inf and .nan are BRAMA_ERR_SYNTAX. Aliases are
 * expanded within max_members; merge keys (<<) and tags other than !!str, !!int, !!float, !!bool,
 * !!null,
 * !!seq and !!map are BRAMA_ERR_UNSUPPORTED. A map's keys are scalars and taken as text. file names
 * the source in every where; it must outlive the arena. UTF-8 only; no NUL in strings.
 */
BRAMA_MUST_USE enum brama_err brama_yaml_parse(struct brama_node **out, struct brama_arena *arena,
                                               brama_str text, brama_str file,
                                               const struct brama_json_limits *limits,
                                               struct brama_diag *diag);

/* Cut the next piece of a YAML stream off *rest: up to the next line that begins with "---", which
 * no value can hold. False when *rest was used up (rest->p == NULL).
 *
 * Where each piece can be parsed by itself, the documents of the stream are those of its pieces, in
 * order, further up by the lines before. A stream with directives ("%") can't be parsed in pieces.
 */
bool brama_yaml_next_piece(brama_str *rest, brama_str *piece);
/* Line breaks, as the places of nodes count them. */
uint32_t brama_yaml_lines(brama_str text);

#endif
