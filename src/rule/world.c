#include "rule/world.h"

#include "base/near.h"
#include "rule/pattern.h"
#include "rule/read.h"
#include "rule/worlding.h"
#include "json/read.h"

#define FIRST_NAMES 64
#define GROUP "gateway.kyma-project.io/"

/* kind, namespace and name of all that is used: an open table, at most half full. */
struct brama_object_names {
    struct brama__object *slots;
    size_t size, used;
};

void brama_world_init(struct brama_world *world, struct brama_arena *arena,
                      const struct brama_world_options *options)
{
    *world = (struct brama_world){.arena = arena};
    world->default_ns = options->ns.n != 0 ? options->ns : BRAMA_STR("default");
    brama_findings_init(&world->findings, arena);
}

static struct brama__object *slot_of(const struct brama_object_names *names,
                                     const struct brama__object *o)
{
    uint64_t hash = brama_str_table_hash(o->name) * 31 + brama_str_table_hash(o->ns);
    size_t at = (size_t)(hash * 31 + brama_str_table_hash(o->kind)) & (names->size - 1);

    while (names->slots[at].kind.n != 0 && !(brama_str_eq(names->slots[at].kind, o->kind) &&
                                             brama_str_eq(names->slots[at].ns, o->ns) &&
                                             brama_str_eq(names->slots[at].name, o->name)))
        at = (at + 1) & (names->size - 1);
    return &names->slots[at];
}

const struct brama__object *brama__find_object(const struct brama_world *world, brama_str kind,
                                               brama_str ns, brama_str name)
{
    struct brama__object wanted = {NULL, kind, ns, name};

    if (world->names == NULL)
        return NULL;
    const struct brama__object *found = slot_of(world->names, &wanted);
    return found->kind.n != 0 ? found : NULL;
}

static bool grow_names(struct brama_world *world)
{
    struct brama_object_names *old = world->names;
    struct brama_object_names *new = brama_arena_alloc(world->arena, sizeof(*new));
    size_t size = old != NULL ? old->size * 2 : FIRST_NAMES;

    if (new == NULL)
        return false;
    new->slots = brama_arena_array(world->arena, size, sizeof(*new->slots));
    if (new->slots == NULL)
        return false;
    new->size = size;
    for (size_t i = 0; old != NULL && i < old->size; i++)
        if (old->slots[i].kind.n != 0)
            *slot_of(new, &old->slots[i]) = old->slots[i];
    new->used = old != NULL ? old->used : 0;
    world->names = new;
    return true;
}

/* False, with a finding, if there is one of that name already. */
static bool is_first(struct brama_world *world, const struct brama__object *o)
{
    if ((world->names == NULL || world->names->used >= world->names->size / 2) &&
        !grow_names(world))
        return false;
    struct brama__object *slot = slot_of(world->names, o);
    if (slot->kind.n == 0) {
        *slot = *o;
        world->names->used++;
        return true;
    }
    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, o->doc->where,
                       brama_code_name(BRAMA_CODE_TWICE), BRAMA_STR(".metadata.name"),
                       brama_arena_printf(world->arena, BRAMA__TEXT_TWICE, BRAMA_FMT(o->kind),
                                          BRAMA_FMT(o->ns), BRAMA_FMT(o->name)));
    return false;
}

static bool is_list(const struct brama_node *doc)
{
    const struct brama_node *items = brama_node_get(doc, BRAMA_STR("items"));

    return brama_str_eq(brama_node_get_str(doc, BRAMA_STR("kind")), BRAMA_STR("List")) &&
           items != NULL && items->kind == BRAMA_NODE_LIST;
}

/* Kubernetes names also keep a path out of file names that are made of them. */
static enum brama_err check_object(const struct brama_node *doc, struct brama_diag *diag)
{
    const struct brama_node *metadata = brama_node_get(doc, BRAMA_STR("metadata"));
    const struct brama_node *ns = brama_node_get(metadata, BRAMA_STR("namespace"));
    brama_str name = brama_node_get_str(metadata, BRAMA_STR("name"));
    const char *missing = NULL;

    if (doc->kind != BRAMA_NODE_MAP)
        missing = "a map";
    else if (brama_node_get_str(doc, BRAMA_STR("apiVersion")).n == 0)
        missing = "apiVersion";
    else if (brama_node_get_str(doc, BRAMA_STR("kind")).n == 0)
        missing = "kind";
    else if (!is_list(doc) && name.n == 0)
        missing = "metadata.name";
    if (missing != NULL) {
        brama_diag_set(diag, doc->where, "not a Kubernetes object: %s is missing", missing);
        return BRAMA_ERR_INVALID;
    }
    if (is_list(doc)) {
        const struct brama_node *item = brama_node_get(doc, BRAMA_STR("items"))->first;
        enum brama_err err = BRAMA_OK;
        for (; item != NULL && err == BRAMA_OK; item = item->next)
            err = check_object(item, diag);
        return err;
    }
    if (!brama__is_subdomain(name)) {
        brama_diag_set(diag, doc->where,
                       "metadata.name \"%.*s\" is no lowercase RFC 1123 subdomain",
                       BRAMA_FMT(name));
        return BRAMA_ERR_INVALID;
    }
    if (ns != NULL && ns->kind != BRAMA_NODE_NULL &&
        (ns->kind != BRAMA_NODE_STR || (ns->text.n != 0 && !brama__is_label(ns->text)))) {
        brama_diag_set(diag, ns->where,
                       "metadata.namespace \"%.*s\" is no lowercase RFC 1123 label",
                       BRAMA_FMT(ns->text));
        return BRAMA_ERR_INVALID;
    }
    return BRAMA_OK;
}

static void add_rule(struct brama_world *world, const struct brama__object *o)
{
    struct brama_apirule *rule = NULL;

    if (brama_apirule_read(&rule, world->arena, o->doc, world->default_ns) != BRAMA_OK)
        return; /* the arena has failed, and remembers it */
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

typedef void adder(struct brama_world *world, const struct brama__object *o);

/* What to do with an object; NULL: it doesn't concern us. */
static adder *adder_of(const struct brama__object *o)
{
    brama_str version = brama_node_get_str(o->doc, BRAMA_STR("apiVersion"));
    brama_str type = brama_node_get_str(o->doc, BRAMA_STR("type"));
    bool core = brama_str_eq(version, BRAMA_STR("v1"));

    if (brama_str_eq(o->kind, BRAMA_STR("APIRule"))) {
        if (brama_api_version_by_name(version) != BRAMA_API_NONE)
            return add_rule;
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

static void add_object(struct brama_world *world, const struct brama_node *doc, bool stands_in)
{
    const struct brama_node *metadata = brama_node_get(doc, BRAMA_STR("metadata"));

    if (is_list(doc)) {
        const struct brama_node *item = brama_node_get(doc, BRAMA_STR("items"))->first;
        for (; item != NULL; item = item->next)
            add_object(world, item, stands_in);
        return;
    }
    struct brama__object o = {doc, brama_node_get_str(doc, BRAMA_STR("kind")),
                              brama_node_get_str(metadata, BRAMA_STR("namespace")),
                              brama_node_get_str(metadata, BRAMA_STR("name"))};
    if (o.ns.n == 0)
        o.ns = world->default_ns;
    adder *add = adder_of(&o);
    if (stands_in && (add == NULL || add == add_rule || add == add_unknown_version ||
                      brama__find_object(world, o.kind, o.ns, o.name) != NULL))
        return;
    if (add == NULL)
        skip(world, &o);
    else if (is_first(world, &o))
        add(world, &o);
}

enum brama_err brama_world_check(const struct brama_node *docs, struct brama_diag *diag)
{
    enum brama_err err = BRAMA_OK;
    for (const struct brama_node *doc = docs; doc != NULL && err == BRAMA_OK; doc = doc->next)
        err = check_object(doc, diag);
    return err;
}

static enum brama_err add_docs(struct brama_world *world, const struct brama_node *docs,
                               bool stand_in)
{
    struct brama_world before = *world;

    for (const struct brama_node *doc = docs; doc != NULL; doc = doc->next)
        add_object(world, doc, stand_in);
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

enum brama_err brama_world_add_docs(struct brama_world *world, const struct brama_node *docs)
{
    return add_docs(world, docs, false);
}

enum brama_err brama_world_stand_in(struct brama_world *world, const struct brama_node *docs)
{
    return add_docs(world, docs, true);
}

enum brama_err brama_world_add(struct brama_world *world, brama_str file, brama_str text,
                               struct brama_diag *diag)
{
    struct brama_node *docs = NULL;
    enum brama_err err =
        brama_yaml_parse(&docs, world->arena, text, file, &brama_json_limits_rules, diag);

    if (err == BRAMA_OK)
        err = brama_world_check(docs, diag);
    return err == BRAMA_OK ? brama_world_add_docs(world, docs) : err;
}
