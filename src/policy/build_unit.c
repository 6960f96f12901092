/* A form's rows as a unit of their own, and units into one policy: as a compiler makes object files
 * and a linker joins them. A unit depends on its form and what that names, not on other forms. */
#include "policy/build.h"

/* One piece of memory, in the order in which it is read when it is linked: 10,000 of them are more
 * than a processor's caches hold, and what lies together comes together. All is found by how far it
 * is from the beginning. */
struct brama__unit {
    uint64_t host_hash;
    struct brama_ref host; /* in its text */
    struct piece {
        uint32_t at, n; /* n: bytes of a text, else members */
    } text, aps, auths, hosts, authorizers;
    uint32_t part_count;
    struct part {
        uint32_t table, count, row_bytes;
        uint32_t rows;
        uint32_t symbols; /* of each row; 0: they are the unit's alone */
    } parts[];
};

struct symbol {
    uint64_t hash;
    struct piece name;
};

static const void *inside(const struct brama__unit *u, uint32_t at)
{
    return (const char *)u + at;
}

static brama_str text_in(const struct brama__unit *u, struct piece piece)
{
    return (brama_str){inside(u, piece.at), piece.n};
}

#define ALIGN 8

static uint32_t put(struct brama_buf *block, const void *p, size_t bytes)
{
    if (block->n % ALIGN != 0)
        brama_buf_room(block, ALIGN - block->n % ALIGN);
    uint32_t at = (uint32_t)block->n;
    brama_buf_add(block, (brama_str){p, bytes});
    return at;
}

static struct piece put_text(struct brama_buf *block, brama_str text)
{
    return (struct piece){put(block, text.p, text.n), (uint32_t)text.n};
}

static struct piece put_list(struct brama_buf *block, const struct brama__list *list, size_t size)
{
    return (struct piece){put(block, list->p, list->n * size), (uint32_t)list->n};
}

/* What the rows of the table are about, in their order; 0: nothing that others may speak of, too.
 */
static uint32_t put_symbols(struct brama__build *desk, unsigned table, uint32_t count)
{
    struct brama_buf *block = &desk->block;
    const struct brama__symbol *all = desk->symbols.p;
    if (desk->by_name[table].count == 0)
        return 0;
    struct symbol *out = brama_arena_array(&desk->arena, count, sizeof(*out));
    for (size_t i = 0, n = 0; out != NULL && i < desk->symbols.n; i++)
        if (all[i].table == table)
            out[n++] = (struct symbol){all[i].hash, put_text(block, all[i].name)};
    return out != NULL ? put(block, out, count * sizeof(*out)) : 0;
}

static uint32_t find_parts(struct part parts[BRAMA_PACK_TABLES_MAX],
                           const struct brama__build *desk)
{
    uint32_t n = 0;
    for (unsigned t = 0; t < BRAMA_PACK_TABLES_MAX; t++)
        if (brama_packer_count(desk->out, t) != 0)
            parts[n++] = (struct part){.table = t, .count = brama_packer_count(desk->out, t)};
    return n;
}

/* What lies on the desk, as one block. */
static void put_unit(struct brama__build *desk, brama_str host)
{
    struct brama_buf *block = &desk->block;
    struct part parts[BRAMA_PACK_TABLES_MAX];
    struct brama__unit u = {.host_hash = brama_str_table_hash(host),
                            .host = brama_packer_text(desk->out, host),
                            .part_count = find_parts(parts, desk)};
    brama_buf_room(block, sizeof(u) + u.part_count * sizeof(parts[0]));
    for (uint32_t i = 0; i < u.part_count; i++) {
        size_t bytes;
        const void *rows = brama_packer_all_rows(desk->out, parts[i].table, &bytes);
        parts[i].symbols = put_symbols(desk, parts[i].table, parts[i].count);
        parts[i].rows = put(block, rows, parts[i].count * bytes);
        parts[i].row_bytes = (uint32_t)bytes;
    }
    u.aps = put_list(block, &desk->aps, sizeof(struct brama__policy_of));
    u.auths = put_list(block, &desk->auths, sizeof(struct brama__policy_of));
    u.hosts = put_list(block, &desk->hosts, sizeof(struct brama__host_key));
    u.authorizers = put_list(block, &desk->authorizers_named, sizeof(brama_str));
    u.text = put_text(block, brama_packer_all_text(desk->out));
    if (brama_buf_err(block) != BRAMA_OK)
        return;
    memcpy(block->p, &u, sizeof(u));
    memcpy(block->p + offsetof(struct brama__unit, parts), parts, u.part_count * sizeof(parts[0]));
}

static void clear(struct brama__build *desk)
{
    brama_packer_reset(desk->out);
    brama_arena_reset(&desk->arena);
    brama_buf_reset(&desk->block);
    struct brama__build empty = {
        .in = desk->in, .arena = desk->arena, .out = desk->out, .block = desk->block};
    *desk = empty;
    for (size_t t = 0; t < BRAMA_PACK_TABLES_MAX; t++)
        desk->by_name[t].arena = &desk->arena;
}

const struct brama__unit *brama__unit_of(struct brama__build *b, const struct brama_apirule *form,
                                         bool with_apirule, struct brama_arena *arena)
{
    struct brama__build *desk = b->desk;

    clear(desk);
    if (with_apirule)
        (void)brama__build_apirule(desk, form, form);
    brama__build_form(desk, form);
    put_unit(desk, form->full_host);
    enum brama_err err = desk->err != BRAMA_OK ? desk->err : brama_packer_err(desk->out);
    if (err == BRAMA_OK)
        err = brama_buf_err(&desk->block);
    if (err == BRAMA_OK && brama_arena_failed(&desk->arena))
        err = BRAMA_ERR_NOMEM;
    const void *u = err == BRAMA_OK ? brama_arena_copy(arena, brama_buf_str(&desk->block)).p : NULL;
    if (u == NULL)
        b->err = err != BRAMA_OK ? err : BRAMA_ERR_NOMEM;
    return u;
}

uint64_t brama__unit_host_hash(const struct brama__unit *u)
{
    return u->host_hash;
}

#define LINE 64       /* bytes that a processor's cache takes at a time */
#define UNIT_LINES 20 /* a usual unit */

void brama__unit_soon(const struct brama__unit *u)
{
    for (size_t i = 0; u != NULL && i < UNIT_LINES; i++)
        __builtin_prefetch((const char *)u + i * LINE);
}

void brama__unit_next(const struct brama__build *b, const struct brama__unit *u)
{
    if (u == NULL)
        return;
    brama_map_expect(&b->taken, u->host_hash);
    for (uint32_t i = 0; i < u->part_count; i++) {
        const struct part *p = &u->parts[i];
        const struct symbol *symbols = inside(u, p->symbols);
        for (uint32_t s = 0; p->symbols != 0 && s < p->count; s++)
            brama_map_expect(&b->by_name[p->table], symbols[s].hash);
    }
}

/* A workload that one form has policies for has them for all. */
static void join_workloads(struct brama__build *b, uint32_t row, const struct brama_p_workload *w)
{
    struct brama_p_workload *there = brama_packer_at(b->out, BRAMA_T_WORKLOAD, row);
    there->has_policies |= w->has_policies;
}

/* Rows that are there already under their names, and the others behind them. False: no memory. */
static bool link_named(struct brama__build *b, const struct brama__unit *u, const struct part *p,
                       struct brama_policy_part *to)
{
    const struct symbol *symbols = inside(u, p->symbols);
    const uint32_t first = brama_packer_count(b->out, p->table);
    uint32_t *map = p->count > 1 ? brama_arena_array(&b->arena, p->count, sizeof(*map)) : &to->by;

    for (uint32_t i = 0; i < p->count; i++) {
        const void *row = (const char *)inside(u, p->rows) + i * p->row_bytes;
        const uint32_t next = brama_packer_count(b->out, p->table);
        const uint32_t *at = brama_map_put_hashed(
            &b->by_name[p->table], text_in(u, symbols[i].name), symbols[i].hash, next);
        if (map == NULL || at == NULL)
            return false;
        map[i] = *at;
        if (*at != next && p->table == BRAMA_T_WORKLOAD)
            join_workloads(b, *at, row);
        if (*at == next && brama_packer_rows(b->out, p->table, row, 1, p->row_bytes) == NULL)
            return false;
    }
    to->map = p->count > 1 ? map : NULL;
    to->count = brama_packer_count(b->out, p->table) - first;
    to->rows = to->count != 0 ? brama_packer_at(b->out, p->table, first) : NULL;
    to->stride = p->row_bytes;
    return true;
}

/* False: no memory. */
static bool link_tables(struct brama__build *b, const struct brama__unit *u,
                        struct brama_policy_unit *moved)
{
    for (uint32_t i = 0; i < u->part_count; i++) {
        const struct part *p = &u->parts[i];
        struct brama_policy_part *to = &moved->parts[p->table];
        if (p->symbols != 0 && !link_named(b, u, p, to))
            return false;
        if (p->symbols != 0)
            continue;
        to->by = brama_packer_count(b->out, p->table);
        to->rows = brama_packer_rows(b->out, p->table, inside(u, p->rows), p->count, p->row_bytes);
        to->count = p->count;
        to->stride = p->row_bytes;
        if (to->rows == NULL)
            return false;
    }
    return true;
}

static const uint32_t *link_authorizers(struct brama__build *b, const struct brama__unit *u)
{
    const brama_str *names = inside(u, u->authorizers.at);
    uint32_t *map = brama_arena_array(&b->arena, u->authorizers.n, sizeof(*map));
    for (uint32_t i = 0; map != NULL && i < u->authorizers.n; i++)
        map[i] = brama__build_authorizer(b, names[i]);
    return map;
}

static uint32_t moved_row(const struct brama_policy_unit *moved, unsigned table, uint32_t row)
{
    const struct brama_policy_part *to = &moved->parts[table];
    return to->map != NULL ? to->map[row] : row + to->by;
}

/* Policies behind those that are there. */
static void link_policies(struct brama__build *b, struct brama__list *to,
                          const struct brama__unit *u, struct piece from, unsigned table,
                          const struct brama_policy_unit *moved)
{
    const size_t first = to->n;
    brama__list_extend(b, to, inside(u, from.at), from.n, sizeof(struct brama__policy_of));
    for (size_t i = first; i < to->n; i++) {
        struct brama__policy_of *of = (struct brama__policy_of *)to->p + i;
        of->workload = moved_row(moved, BRAMA_T_WORKLOAD, of->workload);
        of->row = moved_row(moved, table, of->row);
    }
}

static void link_hosts(struct brama__build *b, const struct brama__unit *u,
                       const struct brama_policy_unit *moved)
{
    const struct brama_policy_part *routes = &moved->parts[BRAMA_T_ROUTE];
    const struct brama__routes_of form = {.host = {u->host.at + moved->text_by, u->host.n},
                                          .routes = {routes->by, routes->count}};
    const size_t first = b->hosts.n;
    brama__list_extend(b, &b->forms, &form, 1, sizeof(form));
    brama__list_extend(b, &b->hosts, inside(u, u->hosts.at), u->hosts.n,
                       sizeof(struct brama__host_key));
    for (size_t i = first; i < b->hosts.n; i++)
        ((struct brama__host_key *)b->hosts.p)[i].row += moved->parts[BRAMA_T_HOST].by;
}

void brama__link(struct brama__build *b, const struct brama__unit *u, uint32_t apirule_row)
{
    struct brama_policy_unit moved = {.text_by = 0};

    if (b->err != BRAMA_OK)
        return;
    moved.parts[BRAMA_T_APIRULE].by = apirule_row;
    if (u->authorizers.n != 0)
        moved.parts[BRAMA_T_AUTHORIZER].map = link_authorizers(b, u);
    if (brama_arena_failed(&b->arena) ||
        !brama_packer_append_text(b->out, text_in(u, u->text), &moved.text_by) ||
        !link_tables(b, u, &moved)) {
        b->err = brama_packer_err(b->out) != BRAMA_OK ? brama_packer_err(b->out) : BRAMA_ERR_NOMEM;
        return;
    }
    brama_policy_move(&moved);
    link_policies(b, &b->aps, u, u->aps, BRAMA_T_AP, &moved);
    link_policies(b, &b->auths, u, u->auths, BRAMA_T_AUTH, &moved);
    link_hosts(b, u, &moved);
}
