#include "agent/plan.h"

#include <string.h>

#include "base/map.h"
#include "rule/codes.h"

void brama__plan_complain(struct brama_world *world, struct brama_where where, brama_str message)
{
    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, where,
                       brama_code_name(BRAMA_CODE_UNREADABLE), BRAMA_NIL, message);
}

void brama__plan_complain_roots(struct brama_world *world, const struct brama_files *files)
{
    for (size_t i = 0; i < files->broken_count; i++)
        brama__plan_complain(world, (struct brama_where){.file = files->broken[i].name},
                             files->broken[i].problem);
}

/* Empty is what an editor or a full disk leaves: no reason to take rules away. */
brama_str brama__plan_problem(const struct brama_file *file)
{
    bool empty = file->problem.n == 0 && brama_str_trim(file->text).n == 0;
    return empty ? BRAMA_STR("the file is empty") : file->problem;
}

enum brama_err brama__plan_read(struct brama_world *world, struct brama_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct brama_file *f = &files->file[i];
        struct brama_diag diag = {.where = {.file = f->name}};
        f->problem = brama__plan_problem(f);
        if (f->problem.n == 0) {
            enum brama_err err = brama_world_add(world, f->name, f->text, &diag);
            if (err == BRAMA_ERR_NOMEM)
                return err;
            if (err != BRAMA_OK && diag.what[0] == '\0')
                brama_diag_set(&diag, (struct brama_where){.file = f->name}, "%s",
                               brama_err_text(err));
            if (err != BRAMA_OK)
                f->problem = brama_arena_copy(world->arena, brama_str_c(diag.what));
        }
        diag.where.file = f->name;
        if (f->problem.n != 0)
            brama__plan_complain(world, diag.where, f->problem);
    }
    brama__plan_complain_roots(world, files);
    return brama_arena_failed(world->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

struct brama__texts brama__plan_keysets(struct brama_arena *arena,
                                        const struct brama_policy *policy)
{
    struct brama__texts out = {0};
    uint32_t count = brama_pack_count(&policy->pack, BRAMA_T_KEYSET);
    out.p = brama_arena_array(arena, count, sizeof(*out.p));
    for (uint32_t i = 0; out.p != NULL && i < count; i++) {
        const struct brama_p_keyset *row =
            BRAMA_ROW(&policy->pack, BRAMA_T_KEYSET, i, struct brama_p_keyset);
        if (row != NULL)
            out.p[out.n++] = brama_pack_text(&policy->pack, row->url);
    }
    return out;
}

/* Ids come first in these rows. */
static uint64_t hash_ids(uint64_t hash, const struct brama_policy *policy, unsigned table,
                         size_t row_bytes)
{
    uint32_t count = brama_pack_count(&policy->pack, table);
    hash = brama_str_hash_on(hash, (brama_str){(const char *)&count, sizeof(count)});
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *id = brama_pack_row(&policy->pack, table, i, row_bytes);
        if (id != NULL)
            hash = brama_str_hash_on(hash, (brama_str){(const char *)id, sizeof(*id)});
    }
    return hash;
}

uint64_t brama__plan_needs(const struct brama_policy *policy)
{
    uint64_t hash = brama_str_hash(BRAMA_NIL);
    hash = hash_ids(hash, policy, BRAMA_T_KEYSET, sizeof(struct brama_p_keyset));
    hash = hash_ids(hash, policy, BRAMA_T_UPSTREAM, sizeof(struct brama_p_upstream));
    return hash_ids(hash, policy, BRAMA_T_TARGET, sizeof(struct brama_p_target));
}

struct brama__texts brama__plan_hosts(struct brama_arena *arena, const struct brama__leads *leads,
                                      const struct brama_policy *policy,
                                      const struct brama_service_table *table)
{
    struct brama_map seen = {.arena = arena};
    struct brama__texts out = {0};

    for (size_t i = 0; i < leads->n; i++)
        for (uint32_t k = 0; k < leads->p[i].count; k++) {
            brama_str name = leads->names[leads->p[i].first + k];
            if (name.n != 0)
                brama_map_put(&seen, name, 0);
        }
    brama__plan_target_hosts(&seen, policy, table);
    out.p = brama_arena_array(arena, seen.count, sizeof(*out.p));
    for (size_t i = 0; out.p != NULL && i < seen.size; i++) {
        if (seen.entries[i].used)
            out.p[out.n++] = brama_arena_copy(arena, seen.entries[i].key);
    }
    return out;
}

static struct brama_facts_keyset_in keyset_in(const struct brama_keyset *k)
{
    struct brama_facts_keyset_in in = {.url = k->url,
                                       .problem = k->problem,
                                       .state = BRAMA_KEYSET_NEVER,
                                       .fetched_at_s = k->fetched_at_s,
                                       .version = k->version,
                                       .set = k->set};
    if (k->expired)
        in.state = BRAMA_KEYSET_EXPIRED;
    else if (k->set != NULL)
        in.state = k->problem.n == 0 ? BRAMA_KEYSET_FRESH : BRAMA_KEYSET_STALE;
    return in;
}

static void add_upstreams(struct brama_facts_in *in, struct brama_facts_upstream_in *out,
                          struct brama_arena *arena, const struct brama__leads *leads,
                          const struct brama_resolver *resolver)
{
    for (size_t i = 0; i < leads->n; i++) {
        const struct brama__lead *l = &leads->p[i];
        struct brama_facts_upstream_in *u = &out[in->upstream_count++];
        u->id = l->id;
        u->addresses = l->count != 0 ? brama__plan_addresses(arena, &leads->addresses[l->first],
                                                             &leads->names[l->first], l->count,
                                                             resolver, &u->count)
                                     : NULL;
    }
    in->upstreams = out;
}

/* Of all policies, and whom their calls go to. */
static void add_all(struct brama_facts_in *in, struct brama_facts_upstream_in *out,
                    struct brama_arena *arena, const struct brama__facts_sources *from)
{
    struct brama_map seen = {.arena = arena};

    add_upstreams(in, out, arena, from->leads[0], from->resolver);
    if (from->policy_count == 2) {
        struct brama__leads rest =
            brama__plan_rest(arena, from->leads[0], from->policies[1], from->leads[1], from->table);
        add_upstreams(in, out, arena, &rest, from->resolver);
    }
    for (size_t i = 0; i < from->policy_count; i++)
        brama__plan_targets(in, out, &seen, from, from->policies[i]);
}

enum brama_err brama__plan_facts(struct brama_buf *out, uint64_t number,
                                 const struct brama__facts_sources *from)
{
    struct brama_facts_in in = {0};
    struct brama_arena arena;
    size_t upstreams = 0, keysets = brama_keysets_count(from->keysets);

    brama_arena_init(&arena, NULL, BRAMA__FACTS_BYTES);
    for (size_t i = 0; i < from->policy_count; i++)
        upstreams += from->leads[i]->n + brama_pack_count(&from->policies[i]->pack, BRAMA_T_TARGET);
    struct brama_facts_keyset_in *k = brama_arena_array(&arena, keysets, sizeof(*k));
    struct brama_facts_upstream_in *u = brama_arena_array(&arena, upstreams, sizeof(*u));
    struct brama_facts_cert_in *certs =
        brama_arena_array(&arena, from->certs.n + 1, sizeof(*certs));
    enum brama_err err = BRAMA_ERR_NOMEM;
    if (k != NULL && u != NULL && certs != NULL) {
        if (from->own_cert != NULL) {
            certs[in.cert_count++] = *from->own_cert;
            for (size_t i = 0; i < from->certs.n; i++)
                certs[in.cert_count++] = from->certs.p[i];
        }
        in.certs = certs;
        for (size_t i = 0; i < keysets; i++)
            k[i] = keyset_in(brama_keysets_at(from->keysets, i));
        in.keysets = k;
        in.keyset_count = keysets;
        add_all(&in, u, &arena, from);
        if (!brama_arena_failed(&arena))
            err = brama_facts_build(out, number, &in);
    }
    brama_arena_deinit(&arena);
    return err;
}
