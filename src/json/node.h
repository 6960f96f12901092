/* What a JSON text or a YAML document is after reading: a tree of nodes that know where they stood.
 *
 *     struct brama_node *root;
 *     struct brama_diag diag = {0};
 *     if (brama_json_parse(&root, &arena, text, &brama_json_limits_token, &diag) != BRAMA_OK)
 *         complain(diag.what);
 *     const struct brama_node *iss = brama_node_get(root, BRAMA_STR("iss"));
 *     if (iss != NULL && iss->kind == BRAMA_NODE_STR)
 *         use(iss->text);
 *
 * All nodes and texts are the arena's. Member names are unique in every map: a second one of the
 * same name (after unescaping) is a syntax error in both languages.
 */
#ifndef BRAMA_JSON_NODE_H
#define BRAMA_JSON_NODE_H

#include "base/diag.h"
#include "base/err.h"

enum brama_node_kind {
    BRAMA_NODE_NONE = 0,
    BRAMA_NODE_NULL,
    BRAMA_NODE_BOOL,
    BRAMA_NODE_INT,  /* fits int64_t */
    BRAMA_NODE_REAL, /* any other number; finite */
    BRAMA_NODE_STR,
    BRAMA_NODE_LIST,
    BRAMA_NODE_MAP
};

struct brama_node {           /* what a search goes through comes first, in one cache line */
    brama_str key;            /* of a member of a MAP */
    struct brama_node *next;  /* sibling */
    struct brama_node *first; /* members of LIST and MAP, in order */
    brama_str text;           /* STR: its value; YAML scalars of other kinds: as written */
    enum brama_node_kind kind;
    bool truth;               /* BOOL */
    int64_t integer;          /* INT */
    double real;              /* INT (rounded) and REAL */
    size_t count;             /* members */
    struct brama_where where; /* of the value; YAML only, else line 0 */
    struct brama_where key_where;
};

/* The member of that name; NULL if there is none, or map is NULL or no MAP. */
const struct brama_node *brama_node_get(const struct brama_node *map, brama_str key);
/* The text of a STR member, or {NULL, 0}. */
brama_str brama_node_get_str(const struct brama_node *map, brama_str key);
/* The tree and its siblings stand there from now on, as a text inside another one does. */
void brama_node_place(struct brama_node *node, struct brama_where where);
/* All nodes from first on, its siblings and all below them: how many they are. */
size_t brama_node_count(const struct brama_node *first);
/* Of a tree's contents, wherever it stands: equal ones have the same. */
uint64_t brama_node_hash(const struct brama_node *root);
/* What was read stands some lines further down now, or up. */
void brama_node_move(struct brama_node *first, int64_t lines);
/* A place that isn't line 0. */
void brama_where_move(struct brama_where *where, int64_t lines);
/* "string", "number", "bool", "null", "list", "map": for messages. */
const char *brama_node_kind_name(enum brama_node_kind kind);

#endif
