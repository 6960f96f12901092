/* Whom the rules' handlers ask: addresses as for a workload, by the rules for key sets. */
#include "agent/plan.h"
#include "http/http.h"

static const struct brama_p_target *target_at(const struct brama_policy *policy, uint32_t i)
{
    return BRAMA_ROW(&policy->pack, BRAMA_T_TARGET, i, struct brama_p_target);
}

/* A service of the table, as for key sets, else the host that the URL names. */
static struct brama_endpoint endpoint_of(const struct brama_policy *policy,
                                         const struct brama_p_target *row,
                                         const struct brama_service_table *table)
{
    struct brama_endpoint e = {brama_pack_text(&policy->pack, row->host), (uint16_t)row->port};
    struct brama_service_table own = *table;
    brama_str to_host;
    uint16_t to_port;

    if (brama_service_lookup(&own, e.host, e.port, 0, &to_host, &to_port))
        e = (struct brama_endpoint){to_host, to_port};
    return e;
}

void brama__plan_target_hosts(struct brama_map *seen, const struct brama_policy *policy,
                              const struct brama_service_table *table)
{
    const struct brama_p_target *row;

    for (uint32_t i = 0; (row = target_at(policy, i)) != NULL; i++) {
        struct brama_f_address address;
        brama_str name;
        brama__plan_end(&address, &name, endpoint_of(policy, row, table));
        if (name.n != 0)
            brama_map_put(seen, name, 0);
    }
}

/* Never a link-local or metadata address, whatever a URL says. */
static void take_addresses(struct brama_facts_upstream_in *out, struct brama_arena *arena,
                           const struct brama_f_address *from, size_t count)
{
    struct brama_f_address *taken = brama_arena_array(arena, count, sizeof(*taken));

    for (size_t i = 0; from != NULL && taken != NULL && i < count; i++)
        if (!brama_http_ip_refused((int)from[i].family, from[i].ip))
            taken[out->count++] = from[i];
    out->addresses = taken;
}

void brama__plan_targets(struct brama_facts_in *in, struct brama_facts_upstream_in *out,
                         struct brama_map *seen, const struct brama__facts_sources *from,
                         const struct brama_policy *policy)
{
    const struct brama_p_target *row;

    for (uint32_t i = 0; (row = target_at(policy, i)) != NULL; i++) {
        uint32_t next = (uint32_t)in->upstream_count;
        const uint32_t *at =
            brama_map_put(seen, (brama_str){(const char *)&row->id, sizeof(row->id)}, next);
        if (at == NULL || *at != next)
            continue;
        struct brama_f_address end;
        brama_str name;
        size_t count;
        brama__plan_end(&end, &name, endpoint_of(policy, row, from->table));
        const struct brama_f_address *addresses =
            brama__plan_addresses(seen->arena, &end, &name, 1, from->resolver, &count);
        out[in->upstream_count] = (struct brama_facts_upstream_in){.id = row->id};
        take_addresses(&out[in->upstream_count++], seen->arena, addresses, count);
        in->upstreams = out;
    }
}
