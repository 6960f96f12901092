#include "policy/build.h"

#include <string.h>

#include "rule/kept.h"
#include "rule/read.h"
#include "json/write.h"

#define NEIGHBOUR_BYTES ((size_t)1 << 20)
#define SOURCES_AHEAD 8 /* their names lie all over the memory, too */

void brama__list_reserve(struct brama__build *b, struct brama__list *list, size_t n, size_t size)
{
    if (n <= list->cap)
        return;
    char *p = brama_arena_array(&b->arena, n, size);
    if (p == NULL) {
        b->err = BRAMA_ERR_NOMEM;
        return;
    }
    if (list->n != 0)
        memcpy(p, list->p, list->n * size);
    list->p = p;
    list->cap = n;
}

void *brama__list_add(struct brama__build *b, struct brama__list *list, size_t size)
{
    if (list->n == list->cap)
        brama__list_reserve(b, list, list->cap != 0 ? list->cap * 2 : 16, size);
    return list->n < list->cap ? (char *)list->p + list->n++ * size : NULL;
}

void brama__list_extend(struct brama__build *b, struct brama__list *list, const void *members,
                        size_t n, size_t size)
{
    if (n > list->cap - list->n)
        brama__list_reserve(b, list, list->cap * 2 > list->n + n ? list->cap * 2 : list->n + n,
                            size);
    if (n == 0 || n > list->cap - list->n)
        return;
    memcpy((char *)list->p + list->n * size, members, n * size);
    list->n += n;
}

enum brama_err brama__route_pattern(struct brama_pattern *out, struct brama_arena *arena,
                                    enum brama_api_version version, enum brama_handler handler,
                                    brama_str path, struct brama_diag *diag)
{
    if (version == BRAMA_API_V2 || version == BRAMA_API_V2ALPHA1)
        return brama_pattern_of_v2(out, arena, path, diag);
    if (handler == BRAMA_HANDLER_ISTIO && brama_str_eq(path, BRAMA_STR("/*"))) {
        *out = (struct brama_pattern){BRAMA_PATTERN_PREFIX, BRAMA_STR("/")};
        return BRAMA_OK;
    }
    return brama_pattern_of_regex(out, path, diag);
}

static void fail_rule(struct brama_world *world, struct brama_apirule *rule, size_t index,
                      const char *what)
{
    struct brama_arena *arena = world->arena;
    struct brama_failure *f = brama_arena_alloc(arena, sizeof(*f));
    bool v2 = rule->version == BRAMA_API_V2 || rule->version == BRAMA_API_V2ALPHA1;
    if (f == NULL)
        return;
    *f = (struct brama_failure){.path = brama_arena_printf(arena, ".spec.rules[%zu].path", index),
                                .message = brama_arena_copy(arena, brama_str_c(what)),
                                .where = rule->rules[index].where};
    rule->judged.failures.first = rule->judged.failures.last = f;
    rule->judged.failures.count = 1;
    rule->judged.valid = false;
    rule->judged.state = v2 ? BRAMA_STR("Error") : BRAMA_STR("ERROR");
    rule->judged.description = brama_arena_printf(arena,
                                                  v2 ? "Validation errors: Attribute '%.*s': %.*s"
                                                     : "Validation error: Attribute \"%.*s\": %.*s",
                                                  BRAMA_FMT(f->path), BRAMA_FMT(f->message));
}

enum brama_err brama_compile_check(struct brama_world *world)
{
    struct brama_pattern ignored;
    for (struct brama_apirule *r = world->rules; r != NULL; r = r->next) {
        if (r->kept != NULL && r->kept->unit != NULL)
            continue; /* it was compiled */
        for (size_t i = 0; r->judged.valid && i < r->rule_count; i++) {
            struct brama_diag diag = {0};
            enum brama_err err = brama__route_pattern(&ignored, world->arena, r->version,
                                                      r->judged.handler, r->rules[i].path, &diag);
            if (err == BRAMA_ERR_INVALID)
                fail_rule(world, r, i, diag.what);
            else if (err != BRAMA_OK)
                return err;
        }
    }
    return brama_arena_failed(world->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

brama_str brama__full_name(struct brama__build *b, brama_str ns, brama_str name)
{
    return BRAMA_JOIN(&b->arena, ns, BRAMA_STR("/"), name);
}

static const struct brama_apirule *find_good(struct brama__build *b, brama_str ns, brama_str name)
{
    const uint32_t *at = brama_map_get(&b->good, brama__full_name(b, ns, name));
    const struct brama_apirule *rule = at != NULL ? b->in->good[*at].rule : NULL;
    return rule != NULL && rule->judged.valid ? rule : NULL;
}

static const struct brama__unit *kept_unit(const struct brama_apirule *rule)
{
    return rule != NULL && rule->kept != NULL ? rule->kept->unit : NULL;
}

/* The first form that wants a host has it; a second one isn't enforced. */
static bool take_host(struct brama__build *b, const struct brama_apirule *form)
{
    const struct brama__unit *unit = kept_unit(form);
    const uint64_t hash =
        unit != NULL ? brama__unit_host_hash(unit) : brama_str_table_hash(form->full_host);
    uint32_t next = (uint32_t)b->taken.count;
    const uint32_t *at = brama_map_put_hashed(&b->taken, form->full_host, hash, next);
    return at != NULL && *at == next;
}

/* v2 has none. */
static uint32_t handler_of(const struct brama_apirule *rule)
{
    return rule != NULL && brama_api_is_v1(rule->version) ? (uint32_t)rule->judged.handler
                                                          : BRAMA_HANDLER_NONE;
}

uint32_t brama__build_apirule(struct brama__build *b, const struct brama_apirule *current,
                              const struct brama_apirule *form)
{
    struct brama_where where = brama_apirule_place(current);
    brama_str host = current->full_host.n != 0 ? current->full_host : current->host;
    struct brama_p_apirule row = {.ns = brama_packer_text(b->out, current->ns),
                                  .name = brama_packer_text(b->out, current->name),
                                  .host = brama_packer_text(b->out, host),
                                  .state = brama_packer_text(b->out, current->judged.state),
                                  .description =
                                      brama_packer_text(b->out, current->judged.description),
                                  .file = brama_packer_text(b->out, where.file),
                                  .version = (uint32_t)current->version,
                                  .line = where.line,
                                  .column = where.column,
                                  .form = form == NULL      ? BRAMA_FORM_NONE
                                          : form == current ? BRAMA_FORM_CURRENT
                                                            : BRAMA_FORM_LAST_GOOD,
                                  .handler = handler_of(form),
                                  .judged = handler_of(current)};
    return brama_packer_row(b->out, BRAMA_T_APIRULE, &row, sizeof(row));
}

/* The current form in force: its unit has all rows, and is kept with it where something is. */
static void link_current(struct brama__build *b, const struct brama_apirule *form)
{
    struct brama_kept *kept = form->kept;
    const struct brama__unit *unit = kept != NULL ? kept->unit : NULL;

    if (unit == NULL)
        unit = brama__unit_of(b, form, true, kept != NULL ? &kept->arena : &b->arena);
    if (kept != NULL)
        kept->unit = unit;
    if (unit != NULL)
        brama__link(b, unit, brama_packer_count(b->out, BRAMA_T_APIRULE));
}

/* form: NULL: nothing of it is in force. */
static void add_apirule(struct brama__build *b, const struct brama_apirule *current,
                        const struct brama_apirule *form)
{
    if (form != NULL && !take_host(b, form))
        form = NULL;
    if (form != NULL && form == current) {
        link_current(b, form);
        return;
    }
    uint32_t at = brama__build_apirule(b, current, form);
    const struct brama__unit *unit =
        form != NULL ? brama__unit_of(b, form, false, &b->arena) : NULL;
    if (unit != NULL)
        brama__link(b, unit, at);
}

static const struct brama_apirule *ahead(const struct brama_apirule *rule, size_t n)
{
    while (rule != NULL && n-- != 0)
        rule = rule->next;
    return rule;
}

/* Rules that come, and of which memory is asked for now: what is kept of one, its unit, and what
 * that will look up. Each step takes about as long as the memory. */
struct coming {
    const struct brama_apirule *kept, *unit, *next;
};

static struct coming first_coming(const struct brama_apirule *rules)
{
    return (struct coming){ahead(rules, 12), ahead(rules, 5), ahead(rules, 1)};
}

static void come_closer(struct coming *c, const struct brama__build *b)
{
    if (c->kept != NULL && c->kept->kept != NULL)
        __builtin_prefetch(&c->kept->kept->unit);
    brama__unit_soon(kept_unit(c->unit));
    brama__unit_next(b, kept_unit(c->next));
    *c = (struct coming){ahead(c->kept, 1), ahead(c->unit, 1), ahead(c->next, 1)};
}

static void add_apirules(struct brama__build *b)
{
    const struct brama_compile_in *in = b->in;
    struct coming coming = first_coming(in->world->rules);
    for (const struct brama_apirule *r = in->world->rules; r != NULL; r = r->next) {
        come_closer(&coming, b);
        add_apirule(b, r, r->judged.valid ? r : find_good(b, r->ns, r->name));
    }
    for (size_t i = 0; i < in->broken_count; i++) {
        const struct brama_broken_rule *broken = &in->broken[i];
        const struct brama_apirule *good = find_good(b, broken->ns, broken->name);
        struct brama_apirule gone = {
            .version = good != NULL ? good->version : BRAMA_API_NONE,
            .ns = broken->ns,
            .name = broken->name,
            .full_host = good != NULL ? good->full_host : BRAMA_NIL,
            .judged = {.state = BRAMA_STR("Error"), .description = broken->description},
            .where = broken->where};
        add_apirule(b, &gone, good);
    }
}

/* What the compiler looks up by name, so that no rule scans a list of all. */
static void index_inputs(struct brama__build *b)
{
    const size_t rules = b->in->world->rule_count;
    for (size_t t = 0; t < BRAMA_PACK_TABLES_MAX; t++)
        b->by_name[t].arena = &b->arena;
    b->taken.arena = b->good.arena = &b->arena;
    brama_map_reserve(&b->taken, rules);
    brama_map_reserve(&b->by_name[BRAMA_T_UPSTREAM], rules);
    brama_map_reserve(&b->by_name[BRAMA_T_WORKLOAD], rules);
    brama__list_reserve(b, &b->aps, rules, sizeof(struct brama__policy_of));
    brama__list_reserve(b, &b->hosts, rules, sizeof(struct brama__host_key));
    brama__list_reserve(b, &b->forms, rules, sizeof(struct brama__routes_of));
    for (size_t i = 0; i < b->in->good_count; i++) {
        const struct brama_apirule *r = b->in->good[i].rule;
        brama_map_put(&b->good, brama__full_name(b, r->ns, r->name), (uint32_t)i);
    }
}

static void add_neighbour(struct brama__build *b, const struct brama_node *doc)
{
    struct brama_buf text;
    struct brama_json_out json;

    brama_buf_init(&text, NULL, NEIGHBOUR_BYTES);
    brama_json_out_init(&json, &text, 0);
    brama_json_node(&json, doc);
    struct brama_p_neighbour row = {brama_packer_text(b->out, brama_buf_str(&text))};
    if (brama_buf_err(&text) == BRAMA_OK)
        brama_packer_row(b->out, BRAMA_T_NEIGHBOUR, &row, sizeof(row));
    else if (brama_buf_err(&text) == BRAMA_ERR_NOMEM)
        b->err = BRAMA_ERR_NOMEM;
    brama_buf_deinit(&text);
}

static void add_neighbours(struct brama__build *b)
{
    const struct brama_world *world = b->in->world;

    for (const struct brama_gateway *g = world->gateways; g != NULL; g = g->next)
        add_neighbour(b, g->doc);
    if (world->mesh.doc != NULL)
        add_neighbour(b, world->mesh.doc);
}

static void add_sources(struct brama__build *b)
{
    const struct brama_source_file *sources = b->in->sources;
    const size_t n = b->in->source_count;
    for (size_t i = 0; i < n; i++) {
        brama_str file = sources[i].file; /* each is another one: nobody need look */
        struct brama_p_source row = {{0, (uint32_t)file.n}, sources[i].hash};
        if (n - i > SOURCES_AHEAD)
            __builtin_prefetch(sources[i + SOURCES_AHEAD].file.p);
        (void)brama_packer_append_text(b->out, file, &row.file.at);
        brama_packer_row(b->out, BRAMA_T_SOURCE, &row, sizeof(row));
    }
}

static void build(struct brama__build *b)
{
    const struct brama_compile_in *in = b->in;
    index_inputs(b);
    struct brama_p_meta meta = {
        .domain = brama_packer_text(b->out, in->domain),
        .toggle = in->world->toggle.given ? (uint32_t)in->world->toggle.handler : BRAMA_HANDLER_ORY,
        .skipped = (uint32_t)in->world->skipped,
        .responses = (uint32_t)in->responses,
        .tls_port = in->tls_port};
    brama_packer_row(b->out, BRAMA_T_META, &meta, sizeof(meta));
    add_sources(b);
    add_neighbours(b);
    b->err = b->err == BRAMA_OK ? brama_packer_err(b->out) : b->err;
    add_apirules(b);
    brama__build_finish(b);
    if (b->err == BRAMA_OK && brama_arena_failed(&b->arena))
        b->err = BRAMA_ERR_NOMEM;
}

enum brama_err brama_policy_compile(struct brama_buf *out, uint64_t number,
                                    const struct brama_compile_in *in)
{
    struct brama__build desk = {.in = in}, b = {.in = in, .desk = &desk};
    enum brama_err err = brama_packer_new(&b.out, NULL, BRAMA_PACK_POLICY);
    if (err == BRAMA_OK)
        err = brama_packer_new(&desk.out, NULL, BRAMA_PACK_POLICY);
    if (err == BRAMA_OK && in->like != NULL && in->like->pack.header != NULL)
        brama_packer_expect(b.out, &in->like->pack);
    brama_arena_init(&b.arena, NULL, SIZE_MAX);
    brama_arena_init(&desk.arena, NULL, SIZE_MAX);
    brama_buf_init(&desk.block, NULL, BRAMA__UNIT_MAX);
    if (err == BRAMA_OK) {
        build(&b);
        err = b.err;
    }
    if (err == BRAMA_OK)
        err = brama_packer_finish(b.out, number, out);
    brama_packer_free(b.out);
    brama_packer_free(desk.out);
    brama_arena_deinit(&b.arena);
    brama_arena_deinit(&desk.arena);
    brama_buf_deinit(&desk.block);
    return err;
}
