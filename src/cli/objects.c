#include "cli/objects.h"

#include "cli/read_file.h"
#include "source/files.h"
#include "json/read.h"
#include "json/write.h"

struct reading {
    struct brama_cli *cli;
    struct brama_objects *out;
    brama_str ns;
};

static bool is_list(const struct brama_node *doc)
{
    const struct brama_node *items = brama_node_get(doc, BRAMA_STR("items"));

    return brama_str_ends(brama_node_get_str(doc, BRAMA_STR("kind")), BRAMA_STR("List")) &&
           items != NULL && items->kind == BRAMA_NODE_LIST;
}

static struct brama_node *append(struct brama_node *parent, struct brama_node *last,
                                 struct brama_arena *arena, const struct brama_node *like)
{
    struct brama_node *copy = brama_arena_alloc(arena, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    *copy = *like;
    copy->next = NULL;
    if (last != NULL)
        last->next = copy;
    else
        parent->first = copy;
    parent->count++;
    return copy;
}

/* The members of metadata anew, the namespace among them. */
static void set_namespace(struct brama_node *metadata, struct brama_arena *arena, brama_str ns)
{
    const struct brama_node space = {
        .kind = BRAMA_NODE_STR, .key = BRAMA_STR("namespace"), .text = ns};
    const struct brama_node *member = metadata->first;
    struct brama_node *last = NULL;

    metadata->first = NULL;
    metadata->count = 0;
    last = append(metadata, last, arena, &space);
    for (; member != NULL && last != NULL; member = member->next) {
        if (!brama_str_eq(member->key, BRAMA_STR("namespace")))
            last = append(metadata, last, arena, member);
    }
}

/* A file of the rules folder is read under another -n than ours: the namespace goes into it. Two
 * levels are copied for this, the rest is shared. */
static void write_object(struct brama_buf *buf, struct brama_arena *arena,
                         const struct brama_node *doc, brama_str ns)
{
    struct brama_node root = *doc, *last = NULL;

    root.first = root.next = NULL;
    root.count = 0;
    for (const struct brama_node *m = doc->first; m != NULL; m = m->next) {
        last = append(&root, last, arena, m);
        if (last == NULL)
            return;
        if (brama_str_eq(m->key, BRAMA_STR("metadata")))
            set_namespace(last, arena, ns);
    }
    brama_yaml_node(buf, &root);
}

/* Does a gateway care for it? The reader of worlds knows. */
static bool concerns_us(struct reading *r, brama_str text)
{
    struct brama_world scratch;

    brama_world_init(&scratch, r->cli->arena, &(struct brama_world_options){.ns = r->ns});
    return brama_world_add(&scratch, BRAMA_NIL, text, NULL) == BRAMA_OK && scratch.skipped == 0 &&
           scratch.tests == NULL;
}

static bool is_known(const struct brama_objects *objects, brama_str file)
{
    for (const struct brama_object *o = objects->first; o != NULL; o = o->next) {
        if (brama_str_eq(o->file, file))
            return true;
    }
    return false;
}

static brama_str type_of(struct brama_arena *arena, const struct brama_node *doc)
{
    brama_str version = brama_node_get_str(doc, BRAMA_STR("apiVersion"));
    brama_str kind = brama_arena_lower(arena, brama_node_get_str(doc, BRAMA_STR("kind")));
    size_t slash = brama_str_find(version, '/');

    if (slash == version.n)
        return kind;
    return brama_arena_printf(arena, "%.*s.%.*s", BRAMA_FMT(kind),
                              BRAMA_FMT(brama_str_head(version, slash)));
}

static enum brama_err add_object(struct reading *r, const struct brama_node *doc)
{
    struct brama_arena *arena = r->cli->arena;
    const struct brama_node *metadata = brama_node_get(doc, BRAMA_STR("metadata"));
    struct brama_object *o = brama_arena_alloc(arena, sizeof(*o));
    struct brama_buf text;

    if (o == NULL)
        return BRAMA_ERR_NOMEM;
    brama_str kind = brama_arena_lower(arena, brama_node_get_str(doc, BRAMA_STR("kind")));
    o->ns = brama_node_get_str(metadata, BRAMA_STR("namespace"));
    o->ns = o->ns.n != 0 ? o->ns : r->ns;
    o->name = brama_node_get_str(metadata, BRAMA_STR("name"));
    o->type = type_of(arena, doc);
    o->file = brama_arena_printf(arena, "%.*s.%.*s.%.*s.yaml", BRAMA_FMT(kind), BRAMA_FMT(o->ns),
                                 BRAMA_FMT(o->name));
    brama_buf_init(&text, NULL, BRAMA_READ_MAX);
    write_object(&text, arena, doc, o->ns);
    enum brama_err err = brama_buf_err(&text);
    if (err == BRAMA_OK)
        o->text = brama_arena_copy(arena, brama_buf_str(&text));
    brama_buf_deinit(&text);
    if (err != BRAMA_OK || brama_arena_failed(arena))
        return err != BRAMA_OK ? err : BRAMA_ERR_NOMEM;
    if (!concerns_us(r, o->text) || is_known(r->out, o->file))
        return BRAMA_OK;
    if (r->out->last != NULL)
        r->out->last->next = o;
    else
        r->out->first = o;
    r->out->last = o;
    r->out->count++;
    return BRAMA_OK;
}

static enum brama_err add_doc(struct reading *r, const struct brama_node *doc)
{
    enum brama_err err = BRAMA_OK;

    if (!is_list(doc))
        return add_object(r, doc);
    const struct brama_node *item = brama_node_get(doc, BRAMA_STR("items"))->first;
    for (; item != NULL && err == BRAMA_OK; item = item->next)
        err = add_doc(r, item);
    return err;
}

static int add_file(struct reading *r, const struct brama_file *file)
{
    struct brama_diag diag = {0};
    struct brama_node *docs = NULL;
    enum brama_err err = BRAMA_OK;

    if (file->problem.n != 0) {
        brama_say(r->cli, "%.*s: %.*s", BRAMA_FMT(file->name), BRAMA_FMT(file->problem));
        return BRAMA_EXIT_INPUT;
    }
    /* The world looks at every object's form first; what follows may rely on it. */
    err = brama_world_add(&r->out->world, file->name, file->text, &diag);
    if (err == BRAMA_OK)
        err = brama_yaml_parse(&docs, r->cli->arena, file->text, file->name,
                               &brama_json_limits_rules, &diag);
    for (const struct brama_node *doc = docs; doc != NULL && err == BRAMA_OK; doc = doc->next)
        err = add_doc(r, doc);
    if (err == BRAMA_OK)
        return BRAMA_EXIT_OK;
    if (err == BRAMA_ERR_NOMEM)
        return brama_no_memory(r->cli);
    if (diag.what[0] == '\0')
        brama_diag_set(&diag, (struct brama_where){.file = file->name}, "%s", brama_err_text(err));
    brama_say_diag(r->cli, &diag);
    return BRAMA_EXIT_INPUT;
}

int brama_objects_read(struct brama_objects *out, struct brama_cli *cli,
                       const struct brama_inputs *inputs)
{
    struct reading r = {cli, out, inputs->ns};
    struct brama_files files;
    int code = BRAMA_EXIT_OK;

    *out = (struct brama_objects){0};
    brama_world_init(&out->world, cli->arena, &(struct brama_world_options){.ns = inputs->ns});
    if (brama_files_read(&files, cli->arena, inputs->paths, inputs->path_count, NULL) != BRAMA_OK)
        return brama_no_memory(cli);
    for (size_t i = 0; i < files.broken_count; i++) {
        brama_say(cli, "%.*s: %.*s", BRAMA_FMT(files.broken[i].name),
                  BRAMA_FMT(files.broken[i].problem));
        code = BRAMA_EXIT_INPUT;
    }
    for (size_t i = 0; i < files.count && code == BRAMA_EXIT_OK; i++)
        code = add_file(&r, &files.file[i]);
    return code;
}
