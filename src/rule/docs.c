/* Documents to objects, and what of them can be read without the world around them. */
#include "rule/pattern.h"
#include "rule/read.h"
#include "rule/worlding.h"

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

static size_t count_objects(const struct brama_node *first)
{
    size_t n = 0;

    for (const struct brama_node *doc = first; doc != NULL; doc = doc->next)
        n += is_list(doc) ? count_objects(brama_node_get(doc, BRAMA_STR("items"))->first) : 1;
    return n;
}

static enum brama_err read_typed(struct brama__object *o, struct brama_arena *arena)
{
    if (o->add == brama__add_rule) {
        enum brama_err err = brama_apirule_read(&o->rule, arena, o->doc, BRAMA_NIL);
        if (err == BRAMA_OK)
            o->rule->place = &o->kept;
        return err;
    }
    if (o->add == brama__add_service)
        o->service = brama__read_service_object(arena, o);
    else if (o->add == brama__add_slice)
        o->slice = brama__read_slice(arena, o);
    return brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

static enum brama_err read_objects(struct brama_docs *out, struct brama_arena *arena,
                                   const struct brama_node *first)
{
    enum brama_err err = BRAMA_OK;

    for (const struct brama_node *doc = first; doc != NULL && err == BRAMA_OK; doc = doc->next) {
        const struct brama_node *metadata = brama_node_get(doc, BRAMA_STR("metadata"));
        if (is_list(doc)) {
            err = read_objects(out, arena, brama_node_get(doc, BRAMA_STR("items"))->first);
            continue;
        }
        struct brama__object *o = &out->objects[out->count++];
        *o = (struct brama__object){.doc = doc,
                                    .kind = brama_node_get_str(doc, BRAMA_STR("kind")),
                                    .ns = brama_node_get_str(metadata, BRAMA_STR("namespace")),
                                    .name = brama_node_get_str(metadata, BRAMA_STR("name"))};
        o->hash = brama__object_hash(o->kind, o->ns, o->name);
        o->add = brama__adder_of(o);
        err = read_typed(o, arena);
    }
    return err;
}

enum brama_err brama_docs_read(struct brama_docs *out, struct brama_arena *arena,
                               struct brama_node *first, struct brama_diag *diag)
{
    enum brama_err err = BRAMA_OK;

    *out = (struct brama_docs){.first = first};
    for (const struct brama_node *doc = first; doc != NULL && err == BRAMA_OK; doc = doc->next)
        err = check_object(doc, diag);
    if (err != BRAMA_OK)
        return err;
    out->objects = brama_arena_array(arena, count_objects(first), sizeof(*out->objects));
    return out->objects != NULL ? read_objects(out, arena, first) : BRAMA_ERR_NOMEM;
}

bool brama_docs_have(const struct brama_docs *docs, enum brama_world_part part)
{
    bool any = false;

    for (size_t i = 0; i < docs->count; i++)
        any = any || brama__is_of(&docs->objects[i], part);
    return any;
}

static uint64_t hash_lower(uint64_t hash, brama_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = brama_char_lower(s.p[i]);
        hash = brama_str_hash_on(hash, (brama_str){&c, 1});
    }
    return hash;
}

uint64_t brama_service_hash(brama_str ns, brama_str name)
{
    return hash_lower(hash_lower(brama_str_hash(BRAMA_STR("/")), ns), name);
}

bool brama_service_changed(const struct brama_service_changes *changes, uint64_t hash)
{
    bool any = changes->since == 0;

    for (size_t i = 0; i < changes->n; i++)
        any = any || changes->hashes[i] == hash;
    return any;
}

bool brama_docs_services(const struct brama_docs *docs, brama_str default_ns,
                         struct brama_service_changes *out)
{
    for (size_t i = 0; i < docs->count; i++) {
        const struct brama__object *o = &docs->objects[i];
        brama_str ns = o->ns.n != 0 ? o->ns : default_ns;
        if (o->service == NULL && o->slice == NULL)
            continue;
        if (out->n == BRAMA_SERVICE_CHANGES_MAX)
            return false;
        out->hashes[out->n++] =
            brama_service_hash(ns, o->service != NULL ? o->name : o->slice->service);
    }
    return true;
}

void brama_docs_move(struct brama_docs *docs, int64_t lines)
{
    brama_docs_forget(docs); /* which has lines in it, too */
    brama_node_move(docs->first, lines);
    for (size_t i = 0; i < docs->count; i++) {
        if (docs->objects[i].rule != NULL)
            brama_apirule_move(docs->objects[i].rule, lines);
        if (docs->objects[i].service != NULL)
            brama_where_move(&docs->objects[i].service->where, lines);
    }
}
