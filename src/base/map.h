/* Texts to numbers, for our own texts: names, hosts, URLs. In an arena, freed with it.
 *
 *     struct brama_map map = {.arena = &arena};
 *     uint32_t *at = brama_map_put(&map, BRAMA_STR("a.example"), 7);  // NULL: no memory
 *     if (at != NULL && *at != 7) ...it was there before, with *at...
 *
 * Keys are borrowed and must outlive the map. Not for keys that an adversary chooses.
 */
#ifndef BRAMA_BASE_MAP_H
#define BRAMA_BASE_MAP_H

#include "base/arena.h"

struct brama_map_entry {
    brama_str key;
    uint64_t hash;
    uint32_t value;
    bool used;
};

struct brama_map {
    struct brama_arena *arena;
    struct brama_map_entry *entries; /* open addressing, a power of two, at most half full */
    size_t size, count;
};

/* Room for n keys in all: they come in without the table growing again and again. False: no memory.
 */
bool brama_map_reserve(struct brama_map *map, size_t n);
/* The value of key: value itself if key is new, else the one it had. NULL: no memory. */
uint32_t *brama_map_put(struct brama_map *map, brama_str key, uint32_t value);
/* The same for a key whose brama_str_table_hash() is known. */
uint32_t *brama_map_put_hashed(struct brama_map *map, brama_str key, uint64_t hash, uint32_t value);
/* A key with this hash will be put or looked up soon: have the memory at hand by then. */
void brama_map_expect(const struct brama_map *map, uint64_t hash);
/* NULL if it isn't there. */
uint32_t *brama_map_get(const struct brama_map *map, brama_str key);

#endif
