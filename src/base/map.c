#include "base/map.h"

#define FIRST_SIZE 32

static struct brama_map_entry *place(struct brama_map_entry *entries, size_t size, brama_str key,
                                     uint64_t hash)
{
    size_t i = hash & (size - 1);
    while (entries[i].used && (entries[i].hash != hash || !brama_str_eq(entries[i].key, key)))
        i = (i + 1) & (size - 1);
    return &entries[i];
}

static bool resize(struct brama_map *map, size_t size)
{
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

static bool grow(struct brama_map *map)
{
    return map->count * 2 < map->size || resize(map, map->size != 0 ? map->size * 2 : FIRST_SIZE);
}

bool brama_map_reserve(struct brama_map *map, size_t n)
{
    size_t size = FIRST_SIZE;
    while (size / 2 <= n && size <= SIZE_MAX / 4)
        size *= 2;
    return size <= map->size || resize(map, size);
}

uint32_t *brama_map_put_hashed(struct brama_map *map, brama_str key, uint64_t hash, uint32_t value)
{
    if (!grow(map))
        return NULL;
    struct brama_map_entry *e = place(map->entries, map->size, key, hash);
    if (!e->used) {
        *e = (struct brama_map_entry){key, hash, value, true};
        map->count++;
    }
    return &e->value;
}

void brama_map_expect(const struct brama_map *map, uint64_t hash)
{
    if (map->size != 0)
        __builtin_prefetch(&map->entries[hash & (map->size - 1)]);
}

uint32_t *brama_map_put(struct brama_map *map, brama_str key, uint32_t value)
{
    return brama_map_put_hashed(map, key, brama_str_table_hash(key), value);
}

uint32_t *brama_map_get(const struct brama_map *map, brama_str key)
{
    if (map->size == 0)
        return NULL;
    struct brama_map_entry *e = place(map->entries, map->size, key, brama_str_table_hash(key));
    return e->used ? &e->value : NULL;
}
