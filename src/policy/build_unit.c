/* A form's rows as a unit of their own, and units into one policy: as a compiler makes object files
 * and a linker joins them. A unit depends on its form and what that names, not on other forms. */
#include "policy/build.h"

#include <string.h>

struct brama__unit {
    const struct part {
        unsigned table;
        uint32_t count;
        size_t row_bytes;
        const void *rows;
    } * parts;
    size_t part_count;
    brama_str text;
    struct brama__list drafts, served, aps, oks, auths, workloads, authorizers;
};

static const void *copy(struct brama_arena *arena, const void *p, size_t bytes)
{
    void *out = bytes != 0 ? brama_arena_alloc(arena, bytes) : NULL;
    if (out != NULL)
        memcpy(out, p, bytes);
    return out;
}

static struct brama__list copy_list(struct brama_arena *arena, const struct brama__list *list,
                                    size_t size)
{
    void *p = (void *)(uintptr_t)copy(arena, list->p, list->n * size);
    return (struct brama__list){p, p != NULL ? list->n : 0, list->n};
}

/* What was made on the desk only for now is the unit's text from here on. */
static void take_pattern(struct brama_pattern *pattern, const struct brama__unit *u,
                         const struct brama_p_pattern *row)
{
    pattern->text = (brama_str){u->text.p + row->text.at, row->text.n};
}

static void take_lists(struct brama__unit *u, const struct brama__build *desk,
                       struct brama_arena *arena)
{
    u->drafts = copy_list(arena, &desk->drafts, sizeof(struct brama__draft));
    u->aps = copy_list(arena, &desk->aps, sizeof(struct brama__ap_draft));
    u->oks = copy_list(arena, &desk->oks, sizeof(struct brama__ok_draft));
    u->served = copy_list(arena, &desk->served, sizeof(struct brama__served));
    u->auths = copy_list(arena, &desk->auths, sizeof(struct brama__auth_draft));
    u->workloads = copy_list(arena, &desk->workloads, sizeof(struct brama__workload));
    u->authorizers = copy_list(arena, &desk->authorizers_named, sizeof(brama_str));
    for (size_t i = 0; i < u->drafts.n; i++) {
        struct brama__draft *d = (struct brama__draft *)u->drafts.p + i;
        take_pattern(&d->path, u, &d->row.path);
    }
    for (size_t i = 0; i < u->aps.n; i++) {
        struct brama__ap_draft *d = (struct brama__ap_draft *)u->aps.p + i;
        take_pattern(&d->path, u, &d->row.path);
    }
    for (size_t i = 0; i < u->oks.n; i++) {
        struct brama__ok_draft *d = (struct brama__ok_draft *)u->oks.p + i;
        take_pattern(&d->path, u, &d->row.path);
    }
    for (size_t i = 0; i < u->workloads.n; i++) {
        struct brama__workload *w = (struct brama__workload *)u->workloads.p + i;
        w->key = brama_arena_copy(arena, w->key);
    }
}

static void take_tables(struct brama__unit *u, const struct brama__build *desk,
                        struct brama_arena *arena)
{
    brama_str text = brama_packer_all_text(desk->out);
    struct part parts[BRAMA_PACK_TABLES_MAX];
    u->text = (brama_str){copy(arena, text.p, text.n), text.n};
    for (unsigned t = 0; t < BRAMA_PACK_TABLES_MAX; t++) {
        struct part p = {.table = t, .count = brama_packer_count(desk->out, t)};
        const void *rows = brama_packer_all_rows(desk->out, t, &p.row_bytes);
        if (p.count == 0)
            continue;
        p.rows = copy(arena, rows, p.count * p.row_bytes);
        parts[u->part_count++] = p;
    }
    u->parts = copy(arena, parts, u->part_count * sizeof(parts[0]));
}

static void clear(struct brama__build *desk)
{
    brama_packer_reset(desk->out);
    brama_arena_reset(&desk->arena);
    struct brama__build empty = {.in = desk->in, .arena = desk->arena, .out = desk->out};
    *desk = empty;
    desk->keysets.arena = desk->upstreams.arena = desk->targets.arena = desk->workload_rows.arena =
        &desk->arena;
}

const struct brama__unit *brama__unit_of(struct brama__build *b, const struct brama_apirule *form,
                                         bool with_apirule, struct brama_arena *arena)
{
    struct brama__build *desk = b->desk;
    struct brama__unit *u = brama_arena_alloc(arena, sizeof(*u));

    clear(desk);
    if (with_apirule)
        (void)brama__build_apirule(desk, form, form);
    brama__build_form(desk, form);
    enum brama_err err = desk->err != BRAMA_OK ? desk->err : brama_packer_err(desk->out);
    if (err == BRAMA_OK && u != NULL) {
        take_tables(u, desk, arena);
        take_lists(u, desk, arena);
    }
    if (err == BRAMA_OK && (brama_arena_failed(arena) || brama_arena_failed(&desk->arena)))
        err = BRAMA_ERR_NOMEM;
    if (err == BRAMA_OK)
        return u;
    b->err = err;
    return NULL;
}

/* Where a row that others may have is now: found by what it is about. */
static uint32_t linked(struct brama__build *b, const struct brama__unit *u, unsigned table,
                       const void *rows, uint32_t i)
{
    const struct brama_p_keyset *k = rows;
    const struct brama_p_upstream *up = rows;
    const struct brama_p_target *t = rows;

#define TEXT(ref) ((brama_str){u->text.p + (ref).at, (ref).n})
    switch (table) {
    case BRAMA_T_KEYSET:
        return brama__build_keyset(b, TEXT(k[i].url));
    case BRAMA_T_UPSTREAM:
        return brama__build_upstream(b, up[i].id, TEXT(up[i].ns), TEXT(up[i].name),
                                     (uint16_t)up[i].port);
    default:
        return brama__build_target(b, t[i].tls != 0, TEXT(t[i].host), (uint16_t)t[i].port);
    }
#undef TEXT
}

static bool is_shared(unsigned table)
{
    return table == BRAMA_T_KEYSET || table == BRAMA_T_UPSTREAM || table == BRAMA_T_TARGET;
}

static void link_tables(struct brama__build *b, const struct brama__unit *u,
                        struct brama_policy_unit *moved)
{
    for (size_t i = 0; i < u->part_count; i++) {
        const struct part *p = &u->parts[i];
        struct brama_policy_part *to = &moved->parts[p->table];
        if (is_shared(p->table)) {
            uint32_t *map = brama_arena_array(&b->arena, p->count, sizeof(*map));
            for (uint32_t k = 0; map != NULL && k < p->count; k++)
                map[k] = linked(b, u, p->table, p->rows, k);
            to->map = map;
            continue;
        }
        to->by = brama_packer_count(b->out, p->table);
        to->rows = brama_packer_rows(b->out, p->table, p->rows, p->count, p->row_bytes);
        to->count = to->rows != NULL ? p->count : 0;
        to->stride = p->row_bytes;
    }
}

static const uint32_t *link_workloads(struct brama__build *b, const struct brama__unit *u)
{
    const struct brama__workload *w = u->workloads.p;
    uint32_t *map = brama_arena_array(&b->arena, u->workloads.n, sizeof(*map));
    for (size_t i = 0; map != NULL && i < u->workloads.n; i++) {
        map[i] = brama__build_workload(b, &w[i]);
        if (w[i].has_policies && map[i] < b->workloads.n)
            ((struct brama__workload *)b->workloads.p)[map[i]].has_policies = true;
    }
    return map;
}

static const uint32_t *link_authorizers(struct brama__build *b, const struct brama__unit *u)
{
    const brama_str *names = u->authorizers.p;
    uint32_t *map = brama_arena_array(&b->arena, u->authorizers.n, sizeof(*map));
    for (size_t i = 0; map != NULL && i < u->authorizers.n; i++)
        map[i] = brama__build_authorizer(b, names[i]);
    return map;
}

/* Drafts behind those that are there; their rows are a part of the unit. */
static void *link_drafts(struct brama__build *b, struct brama__list *to,
                         const struct brama__list *from, size_t size)
{
    size_t first = to->n;
    brama__list_extend(b, to, from->p, from->n, size);
    return from->n != 0 ? (char *)to->p + first * size : NULL;
}

void brama__link(struct brama__build *b, const struct brama__unit *u, uint32_t apirule_row)
{
    struct brama_policy_unit moved = {.text_by = brama_packer_append_text(b->out, u->text)};
    const uint32_t *workloads = link_workloads(b, u);

    moved.parts[BRAMA_T_APIRULE].by = apirule_row;
    moved.parts[BRAMA_T_WORKLOAD].map = workloads;
    moved.parts[BRAMA_T_AUTHORIZER].map = link_authorizers(b, u);
    link_tables(b, u, &moved);
    struct brama__draft *drafts = link_drafts(b, &b->drafts, &u->drafts, sizeof(*drafts));
    struct brama__ap_draft *aps = link_drafts(b, &b->aps, &u->aps, sizeof(*aps));
    struct brama__ok_draft *oks = link_drafts(b, &b->oks, &u->oks, sizeof(*oks));
    struct brama__auth_draft *auths = link_drafts(b, &b->auths, &u->auths, sizeof(*auths));
    brama__list_extend(b, &b->served, u->served.p, u->served.n, sizeof(struct brama__served));
    if (b->err != BRAMA_OK || brama_arena_failed(&b->arena) || brama_packer_err(b->out) != BRAMA_OK)
        return;
    moved.parts[BRAMA_T_ROUTE] = (struct brama_policy_part){
        .rows = drafts, .stride = sizeof(*drafts), .count = (uint32_t)u->drafts.n};
    moved.parts[BRAMA_T_AP] = (struct brama_policy_part){
        .rows = aps, .stride = sizeof(*aps), .count = (uint32_t)u->aps.n};
    moved.parts[BRAMA_T_OATHKEEPER] = (struct brama_policy_part){
        .rows = oks, .stride = sizeof(*oks), .count = (uint32_t)u->oks.n};
    brama_policy_move(&moved);
    for (size_t i = 0; i < u->aps.n; i++)
        aps[i].workload = workloads[aps[i].workload];
    for (size_t i = 0; i < u->auths.n; i++)
        auths[i].workload = workloads[auths[i].workload];
}
