#include "base/map.h"

static struct brama_map_entry *place(struct brama_map_entry *entries, size_t size, brama_str key,
                                     uint64_t hash)
{
    size_t i = hash & (size - 1);
    while (entries[i].used && (entries[i].hash != hash || !brama_str_eq(entries[i].key, key)))
        i = (i + 1) & (size - 1);
    return &entries[i];
}

static bool grow(struct brama_map *map)
{
    if (map->count * 2 < map->size)
        return true;
    size_t size = map->size != 0 ? map->size * 2 : 32;
    struct brama_map_entry *entries = brama_arena_array(map->arena, size, sizeof(*entries));
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < map->size; i++) {
        const struct brama_map_entry *e = &map->entries[i];
        if (e->used)
            *place(entries, size, e->key, e->hash) = *e;
    }
    map->entries = entries;
    map->size = size;
    return true;
}

uint32_t *brama_map_put(struct brama_map *map, brama_str key, uint32_t value)
{
    if (!grow(map))
        return NULL;
    uint64_t hash = brama_str_table_hash(key);
    struct brama_map_entry *e = place(map->entries, map->size, key, hash);
    if (!e->used) {
        *e = (struct brama_map_entry){key, hash, value, true};
        map->count++;
    }
    return &e->value;
}

uint32_t *brama_map_get(const struct brama_map *map, brama_str key)
{
    if (map->size == 0)
        return NULL;
    struct brama_map_entry *e = place(map->entries, map->size, key, brama_str_table_hash(key));
    return e->used ? &e->value : NULL;
}
