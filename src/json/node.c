#include "json/node.h"

const struct brama_node *brama_node_get(const struct brama_node *map, brama_str key)
{
    if (map == NULL || map->kind != BRAMA_NODE_MAP)
        return NULL;
    for (const struct brama_node *member = map->first; member != NULL; member = member->next)
        if (member->key.n == key.n && brama_str_eq(member->key, key))
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

size_t brama_node_count(const struct brama_node *first)
{
    size_t n = 0;
    for (const struct brama_node *node = first; node != NULL; node = node->next)
        n += 1 + brama_node_count(node->first);
    return n;
}

static uint64_t hash_on(uint64_t hash, const struct brama_node *node)
{
    const uint64_t what[] = {node->kind,   node->truth, (uint64_t)node->integer,
                             node->text.n, node->key.n, node->count};
    hash = brama_str_hash_on(hash, (brama_str){(const char *)what, sizeof(what)});
    hash = brama_str_hash_on(brama_str_hash_on(hash, node->key), node->text);
    hash = brama_str_hash_on(hash, (brama_str){(const char *)&node->real, sizeof(node->real)});
    for (const struct brama_node *child = node->first; child != NULL; child = child->next)
        hash = hash_on(hash, child);
    return hash;
}

uint64_t brama_node_hash(const struct brama_node *root)
{
    return hash_on(brama_str_hash(BRAMA_NIL), root);
}

void brama_where_move(struct brama_where *where, int64_t lines)
{
    if (where->line != 0)
        where->line = (uint32_t)(where->line + lines);
}

void brama_node_move(struct brama_node *first, int64_t lines)
{
    for (struct brama_node *node = first; node != NULL; node = node->next) {
        brama_where_move(&node->where, lines);
        brama_where_move(&node->key_where, lines);
        brama_node_move(node->first, lines);
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
