/* What mutators know as .Extra, as trees of JSON. oathkeeper.md 2.7, 2.8. */
#include "policy/inner.h"

bool brama__tree_add(struct brama_arena *arena, struct brama_node *parent, struct brama_node node)
{
    struct brama_node *one = brama_arena_alloc(arena, sizeof(*one)), *last = parent->first;

    if (one == NULL)
        return false;
    *one = node;
    one->next = NULL;
    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last != NULL)
        last->next = one;
    else
        parent->first = one;
    parent->count++;
    return true;
}

const struct brama_node *brama__extra_of_claims(struct brama_arena *arena,
                                                const struct brama_node *claims, brama_str scope,
                                                const brama_str *granted, size_t count)
{
    struct brama_node *extra = brama_arena_alloc(arena, sizeof(*extra));
    struct brama_node scp = {.kind = BRAMA_NODE_LIST, .key = BRAMA_STR("scp")};

    if (extra == NULL)
        return NULL;
    extra->kind = BRAMA_NODE_MAP;
    for (size_t i = 0; i < count; i++)
        if (!brama__tree_add(arena, &scp,
                             (struct brama_node){.kind = BRAMA_NODE_STR, .text = granted[i]}))
            return NULL;
    for (const struct brama_node *n = claims->first; n != NULL; n = n->next)
        if (!brama_str_eq(n->key, scope) && !brama_str_eq(n->key, scp.key) &&
            !brama__tree_add(arena, extra, *n))
            return NULL;
    return brama__tree_add(arena, extra, scp) ? extra : NULL;
}
