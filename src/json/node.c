#include "json/node.h"

const struct brama_node *brama_node_get(const struct brama_node *map, brama_str key)
{
    if (map == NULL || map->kind != BRAMA_NODE_MAP)
        return NULL;
    for (const struct brama_node *member = map->first; member != NULL; member = member->next)
        if (brama_str_eq(member->key, key))
            return member;
    return NULL;
}

brama_str brama_node_get_str(const struct brama_node *map, brama_str key)
{
    const struct brama_node *member = brama_node_get(map, key);
    if (member == NULL || member->kind != BRAMA_NODE_STR)
        return BRAMA_NIL;
    return member->text;
}

void brama_node_place(struct brama_node *node, struct brama_where where)
{
    for (; node != NULL; node = node->next) {
        node->where = node->key_where = where;
        brama_node_place(node->first, where);
    }
}

const char *brama_node_kind_name(enum brama_node_kind kind)
{
    switch (kind) {
    case BRAMA_NODE_NULL:
        return "null";
    case BRAMA_NODE_BOOL:
        return "bool";
    case BRAMA_NODE_INT:
    case BRAMA_NODE_REAL:
        return "number";
    case BRAMA_NODE_STR:
        return "string";
    case BRAMA_NODE_LIST:
        return "list";
    case BRAMA_NODE_MAP:
        return "map";
    case BRAMA_NODE_NONE:
        break;
    }
    return "nothing";
}
