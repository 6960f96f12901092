/* Do two trees mean the same? For the fuzz targets that write what they read. */
#ifndef BRAMA_FUZZ_TREE_H
#define BRAMA_FUZZ_TREE_H

#include <string.h>

#include "fuzz.h"
#include "json/node.h"

/* Places don't count, nor how a number was spelled. */
static inline bool tree_equal(const struct brama_node *a, const struct brama_node *b)
{
    if (a->kind != b->kind || a->truth != b->truth || a->integer != b->integer ||
        a->count != b->count || memcmp(&a->real, &b->real, sizeof(a->real)) != 0)
        return false;
    if (a->kind == BRAMA_NODE_STR && !brama_str_eq(a->text, b->text))
        return false;
    const struct brama_node *p = a->first, *q = b->first;
    for (; p != NULL && q != NULL; p = p->next, q = q->next)
        if (!brama_str_eq(p->key, q->key) || !tree_equal(p, q))
            return false;
    return p == NULL && q == NULL;
}

#endif
