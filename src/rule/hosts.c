/* Whose host is it? The rule's that is being served under it, else the first one's that wants it;
 * also an invalid rule takes its host. */
#include "base/map.h"
#include "rule/judging.h"
#include "rule/kept.h"

struct hosts {
    struct brama_world *world;
    const struct brama_judge_options *options;
    struct brama_map owners;  /* host to number in options */
    struct brama_map claims;  /* host to number in holders */
    struct brama_map by_name; /* "ns/name" to number in all; made when first needed */
    struct brama_apirule **all, **holders;
};

static brama_str full_name(struct hosts *h, brama_str ns, brama_str name)
{
    return BRAMA_JOIN(h->world->arena, ns, BRAMA_STR("/"), name);
}

static bool gather(struct hosts *h)
{
    size_t n = h->world->rule_count;
    uint32_t i = 0;

    h->owners.arena = h->claims.arena = h->by_name.arena = h->world->arena;
    h->all = brama_arena_array(h->world->arena, n, sizeof(struct brama_apirule *));
    h->holders = brama_arena_array(h->world->arena, n, sizeof(struct brama_apirule *));
    if (h->all == NULL || h->holders == NULL)
        return false;
    for (struct brama_apirule *rule = h->world->rules; rule != NULL && i < n; rule = rule->next)
        h->all[i++] = rule;
    if (!brama_map_reserve(&h->owners, h->options->owner_count) ||
        !brama_map_reserve(&h->claims, n))
        return false;
    for (i = 0; i < h->options->owner_count; i++)
        brama_map_put(&h->owners, h->options->owners[i].host, i);
    return true;
}

static struct brama_apirule *find(struct hosts *h, brama_str ns, brama_str name)
{
    size_t n = h->by_name.count == 0 ? h->world->rule_count : 0;
    for (uint32_t i = 0; i < n; i++)
        brama_map_put(&h->by_name, full_name(h, h->all[i]->ns, h->all[i]->name), i);
    const uint32_t *at = brama_map_get(&h->by_name, full_name(h, ns, name));
    return at != NULL ? h->all[*at] : NULL;
}

/* A number says it without a look at names. */
static bool is_it(const struct brama_apirule *rule, const struct brama_host_owner *owner)
{
    size_t number = rule->kept != NULL ? rule->kept->good.number : 0;
    return number != 0 && owner->good_number != 0
               ? number == owner->good_number
               : brama_str_eq(owner->name, rule->name) && brama_str_eq(owner->ns, rule->ns);
}

/* The rule that is served under the host now, if it still has a claim to it: it wants it, or it is
 * invalid, so that its last good form goes on; else the first one that wants it. NULL: one that
 * isn't here. */
static struct brama_apirule *holder_of(struct hosts *h, struct brama_apirule *first)
{
    const uint32_t *at = brama_map_get(&h->owners, first->full_host);
    const struct brama_host_owner *owner = at != NULL ? &h->options->owners[*at] : NULL;

    if (owner == NULL || is_it(first, owner))
        return first;
    struct brama_apirule *rule = find(h, owner->ns, owner->name);
    if (rule == NULL && owner->unread)
        return NULL;
    bool claims =
        rule != NULL && (brama_str_eq(rule->full_host, first->full_host) || !rule->judged.valid);
    return claims ? rule : first;
}

struct brama_apirule **brama__occupied(struct brama_world *world,
                                       const struct brama_judge_options *options, size_t *count)
{
    struct hosts h = {.world = world, .options = options};
    uint32_t hosts = 0;
    struct brama_apirule **out =
        brama_arena_array(world->arena, world->rule_count, sizeof(struct brama_apirule *));

    *count = 0;
    if (out == NULL || !gather(&h))
        return out;
    for (struct brama_apirule *rule = world->rules; rule != NULL; rule = rule->next) {
        const uint32_t *at =
            rule->full_host.n != 0 ? brama_map_put(&h.claims, rule->full_host, hosts) : NULL;
        if (at == NULL)
            continue;
        if (*at == hosts)
            h.holders[hosts++] = holder_of(&h, rule);
        if (rule != h.holders[*at])
            out[(*count)++] = rule;
    }
    return out;
}
