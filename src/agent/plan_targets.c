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

    for (uint32_t i = 0; (row = target_at(policy, i)) != NULL; i++)
        brama_map_put(seen, endpoint_of(policy, row, table).host, 0);
}

/* Never a link-local or metadata address, whatever a URL says. */
static size_t without_refused(struct brama_f_address *addresses, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!brama_http_ip_refused((int)addresses[i].family, addresses[i].ip))
            addresses[kept++] = addresses[i];
    return kept;
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
        struct brama_endpoint e = endpoint_of(policy, row, from->table);
        struct brama_facts_upstream_in *u = &out[in->upstream_count++];
        struct brama_f_address *a =
            brama__plan_addresses(seen->arena, &e, 1, from->resolver, &u->count);
        u->id = row->id;
        u->count = a != NULL ? without_refused(a, u->count) : 0;
        u->addresses = a;
        in->upstreams = out;
    }
}
