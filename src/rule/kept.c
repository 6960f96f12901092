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

static const struct brama_node *first_label(const struct brama_service *service)
{
    return service != NULL && service->selector != NULL ? service->selector->first : NULL;
}

static bool is_as_seen(const struct brama_kept_service *seen, const struct brama_world *world)
{
    const struct brama_service *now = brama_world_service(world, seen->ns, seen->name);
    const struct brama_node *label = first_label(now);
    size_t n = 0;

    if (seen->there != (now != NULL))
        return false;
    for (; label != NULL && n < seen->label_count; label = label->next, n++)
        if (!brama_str_eq(label->key, seen->labels[n].key) ||
            !brama_str_eq(label->text, seen->labels[n].text))
            return false;
    return label == NULL && n == seen->label_count;
}

/* Looked up again where anything changed beside the rules, but for what is known to have stayed. */
static bool sees_the_same(struct brama_kept *k, const struct brama_world *world)
{
    const struct brama_service_changes *changes = world->changes;
    bool told = changes != NULL && changes->since != 0 && changes->since == k->neighbourhood;
    bool same = true;

    if (world->neighbourhood != 0 && k->neighbourhood == world->neighbourhood)
        return true;
    for (size_t i = 0; same && i < k->service_count; i++)
        same = (told && !brama_service_changed(changes, k->services[i].hash)) ||
               is_as_seen(&k->services[i], world);
    if (same)
        k->neighbourhood = world->neighbourhood;
    return same;
}

bool brama__kept_take(struct brama_apirule *rule, const struct brama_world *world)
{
    struct brama_kept *k = rule->place != NULL && world->judges != 0 ? *rule->place : NULL;

    if (k == NULL || k->judges != world->judges || brama_arena_failed(&k->arena) ||
        !sees_the_same(k, world))
        return false;
    hold(rule, k);
    return true;
}

static void see(struct brama_kept_service *out, struct brama_arena *arena,
                const struct brama_world *world, struct brama_service_ref ref)
{
    const struct brama_service *service = brama_world_service(world, ref.ns, ref.name);
    size_t count = service != NULL && service->selector != NULL ? service->selector->count : 0;
    struct brama_kept_label *labels = brama_arena_array(arena, count, sizeof(*labels));

    *out = (struct brama_kept_service){.ns = brama_arena_copy(arena, ref.ns),
                                       .name = brama_arena_copy(arena, ref.name),
                                       .hash = brama_service_hash(ref.ns, ref.name),
                                       .there = service != NULL,
                                       .labels = labels};
    for (const struct brama_node *l = first_label(service); labels != NULL && l != NULL;
         l = l->next)
        labels[out->label_count++] = (struct brama_kept_label){brama_arena_copy(arena, l->key),
                                                               brama_arena_copy(arena, l->text)};
}

/* Most rules of an APIRule go to one Service. */
static void see_services(struct brama_kept *k, const struct brama_apirule *rule,
                         const struct brama_world *world)
{
    struct brama_kept_service *out = brama_arena_array(&k->arena, rule->rule_count, sizeof(*out));

    k->services = out;
    for (size_t i = 0; out != NULL && i < rule->rule_count; i++) {
        struct brama_service_ref ref = brama_rule_service(rule, &rule->rules[i]);
        const struct brama_kept_service *last =
            k->service_count != 0 ? &out[k->service_count - 1] : NULL;
        bool again =
            last != NULL && brama_str_eq(last->ns, ref.ns) && brama_str_eq(last->name, ref.name);
        if (ref.given && !again)
            see(&out[k->service_count++], &k->arena, world, ref);
    }
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

void brama__kept_put(struct brama_apirule *rule, const struct brama_world *world)
{
    struct brama_kept *k = rule->place != NULL && world->judges != 0 && rule->judged.valid
                               ? calloc(1, sizeof(*k))
                               : NULL;
    if (k == NULL)
        return;
    *k = (struct brama_kept){.refs = 1,
                             .judges = world->judges,
                             .neighbourhood = world->neighbourhood,
                             .judged = rule->judged};
    brama_arena_init(&k->arena, NULL, KEPT_BYTES);
    see_services(k, rule, world);
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
