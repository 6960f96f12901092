/* Where the upstreams of a policy lead. Looking them up waits for memory, so that what the policy
 * before had, too, is copied; ids are sorted once for that, and for the facts. */
#include <stdlib.h>
#include <string.h>

#include "agent/plan.h"

#define FIRST_ENDS 64

static bool has_room(struct brama__leads *l, struct brama_arena *arena, size_t more)
{
    size_t max = l->end_max != 0 ? l->end_max : FIRST_ENDS;
    if (more <= l->end_max - l->end_count)
        return true;
    while (max - l->end_count < more)
        max *= 2;
    struct brama_f_address *addresses = brama_arena_array(arena, max, sizeof(*addresses));
    brama_str *names = brama_arena_array(arena, max, sizeof(*names));
    if (addresses == NULL || names == NULL)
        return false;
    if (l->end_count != 0) {
        memcpy(addresses, l->addresses, l->end_count * sizeof(*addresses));
        memcpy(names, l->names, l->end_count * sizeof(*names));
    }
    l->addresses = addresses;
    l->names = names;
    l->end_max = max;
    return true;
}

static void add_lead(struct brama__leads *l, struct brama__lead lead, size_t count)
{
    lead.first = (uint32_t)l->end_count;
    lead.count = (uint32_t)count;
    l->p[l->n++] = lead;
    l->end_count += count;
}

void brama__plan_end(struct brama_f_address *address, brama_str *name,
                     struct brama_endpoint endpoint)
{
    struct brama_ip ip;
    *name = brama_ip_read(&ip, endpoint.host) ? BRAMA_NIL : endpoint.host;
    *address = (struct brama_f_address){.family = (uint32_t)ip.family, .port = endpoint.port};
    memcpy(address->ip, ip.ip, sizeof(ip.ip));
}

/* To these endpoints; without memory to nowhere, and the arena says so. */
static void lead_to(struct brama__leads *l, struct brama_arena *arena, struct brama__lead lead,
                    const struct brama_endpoint *endpoints, size_t n)
{
    size_t count = has_room(l, arena, n) ? n : 0;
    for (size_t i = 0; i < count; i++)
        brama__plan_end(&l->addresses[l->end_count + i], &l->names[l->end_count + i], endpoints[i]);
    add_lead(l, lead, count);
}

/* As another one has it. */
static void lead_as(struct brama__leads *l, struct brama_arena *arena, struct brama__lead lead,
                    const struct brama__leads *from, const struct brama__lead *other)
{
    size_t count = has_room(l, arena, other->count) ? other->count : 0;
    lead.service = other->service;
    if (count != 0) {
        memcpy(&l->addresses[l->end_count], &from->addresses[other->first],
               count * sizeof(*l->addresses));
        memcpy(&l->names[l->end_count], &from->names[other->first], count * sizeof(*l->names));
    }
    add_lead(l, lead, count);
}

static void look_up(struct brama__leads *l, struct brama_arena *arena, struct brama__lead lead,
                    const struct brama_policy *policy, const struct brama_service_table *table)
{
    struct brama_endpoint endpoints[BRAMA__ENDPOINTS_MAX];
    const struct brama_p_upstream *row =
        BRAMA_ROW(&policy->pack, BRAMA_T_UPSTREAM, lead.row, struct brama_p_upstream);
    size_t n = row == NULL
                   ? 0
                   : brama_service_endpoints(table, brama_pack_text(&policy->pack, row->ns),
                                             brama_pack_text(&policy->pack, row->name),
                                             (uint16_t)row->port, endpoints, BRAMA__ENDPOINTS_MAX);
    if (row != NULL)
        lead.service = brama_service_hash(brama_pack_text(&policy->pack, row->ns),
                                          brama_pack_text(&policy->pack, row->name));
    lead_to(l, arena, lead, endpoints, n);
}

static int by_id(const void *a, const void *b)
{
    const struct brama__lead *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static struct brama__lead *all_of(struct brama_arena *arena, const struct brama_policy *policy,
                                  size_t *count)
{
    const struct brama_p_upstream *row;
    uint32_t n = brama_pack_count(&policy->pack, BRAMA_T_UPSTREAM);
    struct brama__lead *out = brama_arena_array(arena, n, sizeof(*out));
    *count = 0;
    for (uint32_t i = 0; out != NULL && i < n; i++) {
        row = BRAMA_ROW(&policy->pack, BRAMA_T_UPSTREAM, i, struct brama_p_upstream);
        if (row != NULL)
            out[(*count)++] = (struct brama__lead){.id = row->id, .row = i};
    }
    return out;
}

static void sort(struct brama__lead *leads, size_t *count)
{
    size_t n = 0;
    if (*count != 0)
        qsort(leads, *count, sizeof(*leads), by_id);
    for (size_t i = 0; i < *count; i++)
        if (n == 0 || leads[n - 1].id != leads[i].id)
            leads[n++] = leads[i];
    *count = n;
}

/* The lead of that id, or of the first greater one; *at is where the last search ended. */
static const struct brama__lead *find_on(const struct brama__leads *l, size_t *at, uint64_t id)
{
    while (*at < l->n && l->p[*at].id < id)
        ++*at;
    return *at < l->n && l->p[*at].id == id ? &l->p[*at] : NULL;
}

/* Policy and Services are mostly in one order, which is that of memory. */
static void look_up_all(struct brama__leads *out, struct brama_arena *arena,
                        const struct brama__lead *wanted, size_t n,
                        const struct brama_policy *policy, const struct brama_service_table *table)
{
    for (size_t i = 0; i < n; i++)
        look_up(out, arena, wanted[i], policy, table);
    sort(out->p, &out->n);
}

struct brama__leads brama__plan_leads(struct brama_arena *arena, const struct brama_policy *policy,
                                      const struct brama_service_table *table,
                                      const struct brama__leads *before,
                                      const struct brama_service_changes *changes)
{
    static const struct brama__leads none = {0};
    struct brama__leads out = {0};
    size_t n, at = 0;
    struct brama__lead *wanted = all_of(arena, policy, &n);
    out.p = brama_arena_array(arena, n, sizeof(*out.p));
    if (wanted == NULL || out.p == NULL || !has_room(&out, arena, n))
        return none;
    if (before == NULL) {
        look_up_all(&out, arena, wanted, n, policy, table);
        return out;
    }
    sort(wanted, &n);
    for (size_t i = 0; i < n; i++) {
        const struct brama__lead *known = find_on(before, &at, wanted[i].id);
        if (known != NULL && (changes == NULL || !brama_service_changed(changes, known->service)))
            lead_as(&out, arena, wanted[i], before, known);
        else
            look_up(&out, arena, wanted[i], policy, table);
    }
    return out;
}

struct brama__leads brama__plan_rest(struct brama_arena *arena, const struct brama__leads *newest,
                                     const struct brama_policy *policy,
                                     const struct brama__leads *its,
                                     const struct brama_service_table *table)
{
    struct brama__leads out = {0};
    size_t at = 0;
    out.p = brama_arena_array(arena, its->n, sizeof(*out.p));
    for (size_t i = 0; out.p != NULL && i < its->n; i++)
        if (find_on(newest, &at, its->p[i].id) == NULL)
            look_up(&out, arena, its->p[i], policy, table);
    return out;
}

static bool any_name(const brama_str *names, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || names[i].n != 0;
    return any;
}

const struct brama_f_address *brama__plan_addresses(struct brama_arena *arena,
                                                    const struct brama_f_address *ends,
                                                    const brama_str *names, size_t n,
                                                    const struct brama_resolver *resolver,
                                                    size_t *count)
{
    *count = n;
    if (!any_name(names, n))
        return ends;
    struct brama_f_address *out = brama_arena_array(arena, n * BRAMA_HOST_IPS_MAX, sizeof(*out));
    *count = 0;
    for (size_t i = 0; out != NULL && i < n; i++) {
        size_t ip_count;
        if (names[i].n == 0) {
            out[(*count)++] = ends[i];
            continue;
        }
        const struct brama_ip *ips = brama_resolver_ips(resolver, names[i], &ip_count);
        for (size_t k = 0; k < ip_count; k++) {
            struct brama_f_address *a = &out[(*count)++];
            *a = (struct brama_f_address){.family = (uint32_t)ips[k].family, .port = ends[i].port};
            memcpy(a->ip, ips[k].ip, sizeof(a->ip));
        }
    }
    return out;
}
