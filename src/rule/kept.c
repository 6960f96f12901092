#include "rule/kept.h"

#include <stdlib.h>

#include "rule/worlding.h"

#define KEPT_BYTES ((size_t)1 << 28)

void brama__kept_drop(struct brama_kept **kept)
{
    struct brama_kept *k = *kept;

    *kept = NULL;
    if (k == NULL || --k->refs != 0)
        return;
    brama_arena_deinit(&k->arena);
    free(k);
}

static void hold(struct brama_apirule *rule, struct brama_kept *k)
{
    rule->kept = k;
    k->refs++;
    rule->full_host = k->full_host;
    rule->entries = k->entries;
    rule->entry_count = k->entry_count;
    rule->judged = k->judged;
}

bool brama__kept_take(struct brama_apirule *rule, uint64_t neighbourhood)
{
    struct brama_kept *k = rule->place != NULL && neighbourhood != 0 ? *rule->place : NULL;

    if (k == NULL || k->neighbourhood != neighbourhood || brama_arena_failed(&k->arena))
        return false;
    hold(rule, k);
    return true;
}

static const struct brama_entry *copy_entries(struct brama_arena *arena,
                                              const struct brama_apirule *rule)
{
    struct brama_entry *out = brama_arena_array(arena, rule->entry_count, sizeof(*out));

    for (size_t i = 0; out != NULL && i < rule->entry_count; i++) {
        out[i] = rule->entries[i];
        out[i].host = brama_arena_copy(arena, out[i].host);
    }
    return out;
}

void brama__kept_put(struct brama_apirule *rule, uint64_t neighbourhood)
{
    struct brama_kept *k = rule->place != NULL && neighbourhood != 0 && rule->judged.valid
                               ? calloc(1, sizeof(*k))
                               : NULL;
    if (k == NULL)
        return;
    *k = (struct brama_kept){.refs = 1, .neighbourhood = neighbourhood, .judged = rule->judged};
    brama_arena_init(&k->arena, NULL, KEPT_BYTES);
    k->full_host = brama_arena_copy(&k->arena, rule->full_host);
    k->entries = copy_entries(&k->arena, rule);
    k->entry_count = rule->entry_count;
    if (brama_arena_failed(&k->arena)) {
        brama__kept_drop(&k);
        return;
    }
    brama__kept_drop(rule->place);
    *rule->place = k;
    hold(rule, k);
}

void brama__kept_leave(struct brama_apirule *rule)
{
    brama__kept_drop(&rule->kept);
}

void brama_world_release(struct brama_world *world)
{
    for (struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        brama__kept_leave(r);
}

void brama_docs_forget(struct brama_docs *docs)
{
    for (size_t i = 0; i < docs->count; i++)
        brama__kept_drop(&docs->objects[i].kept);
}
