/* Whose host is it? The rule's that is being served under it, else the first one's that wants it;
 * also an invalid rule takes its host. */
#include <stdlib.h>

#include "rule/judging.h"

struct claim {
    struct brama_apirule *rule;
    size_t order;
};

static int by_host(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int d = brama_str_cmp(x->rule->full_host, y->rule->full_host);

    return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

static int by_name(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int d = brama_str_cmp(x->rule->ns, y->rule->ns);

    return d != 0 ? d : brama_str_cmp(x->rule->name, y->rule->name);
}

static int owner_by_host(const void *a, const void *b)
{
    const struct brama_host_owner *x = a, *y = b;

    return brama_str_cmp(x->host, y->host);
}

struct hosts {
    struct claim *by_host, *by_name;
    size_t count;
    struct brama_host_owner *owners;
    size_t owner_count;
};

static bool gather(struct hosts *h, struct brama_world *world,
                   const struct brama_judge_options *options)
{
    size_t n = world->rule_count, i = 0;

    h->by_host = brama_arena_array(world->arena, n, sizeof(*h->by_host));
    h->by_name = brama_arena_array(world->arena, n, sizeof(*h->by_name));
    h->owners = brama_arena_array(world->arena, options->owner_count, sizeof(*h->owners));
    if (h->by_host == NULL || h->by_name == NULL || h->owners == NULL)
        return false;
    for (struct brama_apirule *rule = world->rules; rule != NULL && i < n; rule = rule->next, i++)
        h->by_host[i] = h->by_name[i] = (struct claim){rule, i};
    for (size_t k = 0; k < options->owner_count; k++)
        h->owners[k] = options->owners[k];
    h->count = i;
    h->owner_count = options->owner_count;
    if (n != 0) {
        qsort(h->by_host, h->count, sizeof(*h->by_host), by_host);
        qsort(h->by_name, h->count, sizeof(*h->by_name), by_name);
    }
    if (h->owner_count != 0)
        qsort(h->owners, h->owner_count, sizeof(*h->owners), owner_by_host);
    return true;
}

/* The rule that is served under the host now, if it still has a claim to it: it wants it, or it is
 * invalid, so that its last good form goes on. */
static const struct brama_apirule *owner_of(const struct hosts *h, brama_str host)
{
    struct brama_host_owner key = {.host = host};
    const struct brama_host_owner *owner =
        h->owner_count != 0
            ? bsearch(&key, h->owners, h->owner_count, sizeof(*h->owners), owner_by_host)
            : NULL;

    if (owner == NULL)
        return NULL;
    struct brama_apirule named = {.ns = owner->ns, .name = owner->name};
    struct claim name = {&named, 0};
    const struct claim *found = bsearch(&name, h->by_name, h->count, sizeof(name), by_name);
    if (found == NULL)
        return NULL;
    bool claims = brama_str_eq(found->rule->full_host, host) || !found->rule->judged.valid;
    return claims ? found->rule : NULL;
}

struct brama_apirule **brama__occupied(struct brama_world *world,
                                       const struct brama_judge_options *options, size_t *count)
{
    struct hosts h = {0};
    struct brama_apirule **out =
        brama_arena_array(world->arena, world->rule_count, sizeof(struct brama_apirule *));
    const struct brama_apirule *holder = NULL;

    *count = 0;
    if (out == NULL || !gather(&h, world, options))
        return out;
    for (size_t i = 0; i < h.count; i++) {
        struct brama_apirule *rule = h.by_host[i].rule;
        if (rule->full_host.n == 0)
            continue;
        if (i == 0 || !brama_str_eq(rule->full_host, h.by_host[i - 1].rule->full_host)) {
            holder = owner_of(&h, rule->full_host);
            if (holder == NULL)
                holder = rule;
        }
        if (rule != holder)
            out[(*count)++] = rule;
    }
    return out;
}
