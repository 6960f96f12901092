#include "rule/world.h"

#include "base/near.h"
#include "rule/pattern.h"
#include "rule/read.h"
#include "rule/worlding.h"
#include "json/read.h"

#define FIRST_NAMES 64
#define GROUP "gateway.kyma-project.io/"

/* All that is used, by kind, namespace and name: an open table, at most half full. */
struct slot {
    uint64_t hash;
    const struct brama__object *object;
};
struct brama_object_names {
    struct slot *slots;
    size_t size, used;
};

void brama_world_init(struct brama_world *world, struct brama_arena *arena,
                      const struct brama_world_options *options)
{
    *world = (struct brama_world){.arena = arena};
    world->judges = options->judges;
    world->neighbourhood = options->neighbourhood;
    world->changes = options->changes;
    world->default_ns = options->ns.n != 0 ? options->ns : BRAMA_STR("default");
    brama_findings_init(&world->findings, arena);
}

void brama_world_init_beside(struct brama_world *world, struct brama_arena *arena,
                             const struct brama_world *neighbours)
{
    *world = *neighbours;
    world->arena = arena;
    brama_findings_init(&world->findings, arena);
    for (const struct brama_finding *f = neighbours->findings.first; f != NULL; f = f->next)
        brama_findings_add(&world->findings, f->severity, f->where, f->code.p, f->attribute,
                           f->message);
}

bool brama__is_of(const struct brama__object *o, enum brama_world_part part)
{
    bool neighbour = o->add != NULL && o->rule == NULL;

    switch (part) {
    case BRAMA_WORLD_ALL:
        return true;
    case BRAMA_WORLD_NEIGHBOURS:
        return neighbour;
    case BRAMA_WORLD_JUDGES:
        return neighbour && o->add != brama__add_service && o->add != brama__add_slice &&
               o->add != brama__add_secret;
    case BRAMA_WORLD_RULES:
        return !neighbour;
    case BRAMA_WORLD_PARTS:
        break;
    }
    return false;
}

uint64_t brama__object_hash(brama_str kind, brama_str ns, brama_str name)
{
    uint64_t hash = brama_str_table_hash(name) * 31 + brama_str_table_hash(ns);
    return hash * 31 + brama_str_table_hash(kind);
}

static bool is_same(const struct brama__object *a, const struct brama__object *b)
{
    return brama_str_eq(a->name, b->name) && brama_str_eq(a->kind, b->kind) &&
           brama_str_eq(a->ns, b->ns);
}

static struct slot *slot_of(const struct brama_object_names *names, const struct brama__object *o)
{
    size_t at = (size_t)o->hash & (names->size - 1);

    while (names->slots[at].object != NULL &&
           (names->slots[at].hash != o->hash || !is_same(names->slots[at].object, o)))
        at = (at + 1) & (names->size - 1);
    return &names->slots[at];
}

/* One of those that are used; NULL if there is none. */
static const struct brama__object *find_object(const struct brama_world *world, brama_str kind,
                                               brama_str ns, brama_str name)
{
    struct brama__object wanted = {
        .kind = kind, .ns = ns, .name = name, .hash = brama__object_hash(kind, ns, name)};

    return world->names != NULL ? slot_of(world->names, &wanted)->object : NULL;
}

const struct brama_service *brama_world_service(const struct brama_world *world, brama_str ns,
                                                brama_str name)
{
    const struct brama__object *o = find_object(world, BRAMA_STR("Service"), ns, name);

    return o != NULL ? o->service : NULL;
}

/* Of one that isn't there. */
static struct slot *free_slot(const struct brama_object_names *names, uint64_t hash)
{
    size_t at = (size_t)hash & (names->size - 1);

    while (names->slots[at].object != NULL)
        at = (at + 1) & (names->size - 1);
    return &names->slots[at];
}

static bool grow_names(struct brama_world *world, struct brama_object_names **names)
{
    struct brama_object_names *old = *names;
    struct brama_object_names *new = brama_arena_alloc(world->arena, sizeof(*new));
    size_t size = old != NULL ? old->size * 2 : FIRST_NAMES;

    if (new == NULL)
        return false;
    new->slots = brama_arena_array(world->arena, size, sizeof(*new->slots));
    if (new->slots == NULL)
        return false;
    new->size = size;
    for (size_t i = 0; old != NULL && i < old->size; i++)
        if (old->slots[i].object != NULL)
            *free_slot(new, old->slots[i].hash) = old->slots[i];
    new->used = old != NULL ? old->used : 0;
    *names = new;
    return true;
}

/* False, with a finding, if there is one of that name already. */
static bool is_first(struct brama_world *world, const struct brama__object *o)
{
    struct brama_object_names **names = o->rule != NULL ? &world->rule_names : &world->names;
    if ((*names == NULL || (*names)->used >= (*names)->size / 2) && !grow_names(world, names))
        return false;
    struct slot *slot = slot_of(*names, o);
    if (slot->object == NULL) {
        *slot = (struct slot){o->hash, o};
        (*names)->used++;
        return true;
    }
    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, o->doc->where,
                       brama_code_name(BRAMA_CODE_TWICE), BRAMA_STR(".metadata.name"),
                       brama_arena_printf(world->arena, BRAMA__TEXT_TWICE, BRAMA_FMT(o->kind),
                                          BRAMA_FMT(o->ns), BRAMA_FMT(o->name)));
    return false;
}

void brama__add_rule(struct brama_world *world, const struct brama__object *o)
{
    struct brama_apirule *rule = brama_arena_alloc(world->arena, sizeof(*rule));

    if (rule == NULL)
        return;
    *rule = *o->rule;
    rule->ns = o->ns;
    if (world->last_rule != NULL)
        world->last_rule->next = rule;
    else
        world->rules = rule;
    world->last_rule = rule;
    world->rule_count++;
}

static void add_unknown_version(struct brama_world *world, const struct brama__object *o)
{
    brama_str version = brama_node_get_str(o->doc, BRAMA_STR("apiVersion"));

    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, o->doc->where,
                       brama_code_name(BRAMA_CODE_VERSION), BRAMA_STR(".apiVersion"),
                       brama_arena_printf(world->arena, BRAMA__TEXT_VERSION, BRAMA_FMT(version)));
}

/* A slip in the kind would leave a rule out without a word. RateLimit and the like aren't near. */
static void skip(struct brama_world *world, const struct brama__object *o)
{
    brama_str version = brama_node_get_str(o->doc, BRAMA_STR("apiVersion"));
    struct brama_near near = {.distance = 0};

    world->skipped++;
    brama_near_try(&near, o->kind, BRAMA_STR("APIRule"));
    if (brama_str_starts(version, BRAMA_STR(GROUP)) &&
        (near.best.n != 0 || brama_str_eq_nocase(o->kind, BRAMA_STR("APIRule"))))
        brama_findings_add(&world->findings, BRAMA_SEVERITY_WARNING,
                           brama_node_get(o->doc, BRAMA_STR("kind"))->where,
                           brama_code_name(BRAMA_CODE_KIND), BRAMA_STR(".kind"),
                           brama_arena_printf(world->arena, BRAMA__TEXT_KIND, BRAMA_FMT(o->kind)));
}

static void add_test(struct brama_world *world, const struct brama__object *o)
{
    struct brama_world_test *test = brama_arena_alloc(world->arena, sizeof(*test));

    if (test == NULL)
        return;
    *test = (struct brama_world_test){NULL, o->ns, o->name, o->doc};
    if (world->last_test != NULL)
        world->last_test->next = test;
    else
        world->tests = test;
    world->last_test = test;
}

brama__adder *brama__adder_of(const struct brama__object *o)
{
    brama_str version = brama_node_get_str(o->doc, BRAMA_STR("apiVersion"));
    brama_str type = brama_node_get_str(o->doc, BRAMA_STR("type"));
    bool core = brama_str_eq(version, BRAMA_STR("v1"));

    if (brama_str_eq(o->kind, BRAMA_STR("APIRule"))) {
        if (brama_api_version_by_name(version) != BRAMA_API_NONE)
            return brama__add_rule;
        bool ours = brama_str_starts(version, BRAMA_STR(GROUP));
        return ours ? add_unknown_version : NULL;
    }
    if (brama_str_eq(o->kind, BRAMA_STR("APIRuleTest")) &&
        brama_str_starts(version, BRAMA_STR("brama.dev/")))
        return add_test;
    if (core && brama_str_eq(o->kind, BRAMA_STR("ConfigMap")) &&
        brama_str_eq(o->ns, BRAMA_STR("kyma-system")) &&
        brama_str_eq(o->name, BRAMA_STR("api-gateway-config")))
        return brama__add_config_map;
    if (core && brama_str_eq(o->kind, BRAMA_STR("ConfigMap")) &&
        brama_str_eq(o->ns, BRAMA_STR("istio-system")) && brama_str_eq(o->name, BRAMA_STR("istio")))
        return brama__add_mesh;
    if (core && brama_str_eq(o->kind, BRAMA_STR("Service")))
        return brama__add_service;
    if (core && brama_str_eq(o->kind, BRAMA_STR("Pod")))
        return brama__add_pod;
    if (core && brama_str_eq(o->kind, BRAMA_STR("Secret")) &&
        brama_str_eq(type, BRAMA_STR("kubernetes.io/tls")))
        return brama__add_secret;
    if (brama_str_eq(o->kind, BRAMA_STR("Gateway")) &&
        brama_str_starts(version, BRAMA_STR("networking.istio.io/")))
        return brama__add_gateway;
    if (brama_str_eq(o->kind, BRAMA_STR("EndpointSlice")) &&
        brama_str_eq(version, BRAMA_STR("discovery.k8s.io/v1")))
        return brama__add_slice;
    return NULL;
}

static void add_object(struct brama_world *world, const struct brama__object *o, bool stands_in)
{
    if (o->ns.n == 0) {
        struct brama__object *copy = brama_arena_alloc(world->arena, sizeof(*copy));
        if (copy == NULL)
            return;
        *copy = *o;
        copy->ns = world->default_ns;
        copy->hash = brama__object_hash(o->kind, copy->ns, o->name);
        o = copy;
    }
    if (stands_in &&
        (o->add == add_unknown_version || find_object(world, o->kind, o->ns, o->name) != NULL))
        return;
    if (o->add == NULL)
        skip(world, o);
    else if (is_first(world, o))
        o->add(world, o);
}

static enum brama_err add_docs(struct brama_world *world, const struct brama_docs *docs,
                               enum brama_world_part part, bool stand_in)
{
    struct brama_world before = *world;

    for (size_t i = 0; i < docs->count; i++)
        if (brama__is_of(&docs->objects[i], part))
            add_object(world, &docs->objects[i], stand_in);
    if (!brama_arena_failed(world->arena))
        return BRAMA_OK;
    /* Names of what is taken back stay in the table; a failed arena takes no further file anyway.
     */
    *world = before;
    if (world->last_rule != NULL)
        world->last_rule->next = NULL;
    if (world->last_pod != NULL)
        world->last_pod->next = NULL;
    if (world->last_gateway != NULL)
        world->last_gateway->next = NULL;
    if (world->last_test != NULL)
        world->last_test->next = NULL;
    if (world->findings.last != NULL)
        world->findings.last->next = NULL;
    return BRAMA_ERR_NOMEM;
}

enum brama_err brama_world_add_docs(struct brama_world *world, const struct brama_docs *docs,
                                    enum brama_world_part part)
{
    return add_docs(world, docs, part, false);
}

enum brama_err brama_world_stand_in(struct brama_world *world, const struct brama_docs *docs)
{
    return add_docs(world, docs, BRAMA_WORLD_NEIGHBOURS, true);
}

enum brama_err brama_world_add(struct brama_world *world, brama_str file, brama_str text,
                               struct brama_diag *diag)
{
    struct brama_node *first = NULL;
    struct brama_docs docs = {0};
    enum brama_err err =
        brama_yaml_parse(&first, world->arena, text, file, &brama_json_limits_rules, diag);

    if (err == BRAMA_OK)
        err = brama_docs_read(&docs, world->arena, first, diag);
    return err == BRAMA_OK ? brama_world_add_docs(world, &docs, BRAMA_WORLD_ALL) : err;
}
