/* YAML into nodes, from libyaml's events. Aliases are copies, each node of them counted. */
#include "json/read.h"

#include <stdlib.h>
#include <string.h>

#include "json/yaml_error.h"
#include "json/yaml_scalar.h"

/* Looked up one by one, so a ceiling; written by hand there are a dozen. */
#define ANCHORS_MAX 256
#define TAG_PREFIX "tag:yaml.org,2002:"

struct anchor {
    struct anchor *next;
    brama_str name;
    const struct brama_node *node;
    bool open; /* still being read: an alias to it would never end */
};

struct reader {
    yaml_parser_t parser;
    struct brama_arena *arena;
    const struct brama_json_limits *limits;
    struct brama_diag *diag;
    brama_str file, text;
    struct anchor *anchors; /* of this document, the latest first */
    size_t anchor_count, members;
    unsigned depth;
};

static enum brama_err next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event) != 0)
        return BRAMA_OK;
    return brama__yaml_explain(&r->parser, r->file, r->text, r->diag);
}

static enum brama_err new_node(struct reader *r, struct brama_node **out, struct brama_where where)
{
    *out = NULL;
    if (++r->members > r->limits->max_members) {
        brama_diag_set(r->diag, where, "more than %zu values%s", r->limits->max_members,
                       r->anchors != NULL ? ", counting those that aliases repeat" : "");
        return BRAMA_ERR_TOO_BIG;
    }
    struct brama_node *node = brama_arena_alloc(r->arena, sizeof(*node));
    if (node == NULL)
        return BRAMA_ERR_NOMEM;
    node->where = where;
    *out = node;
    return BRAMA_OK;
}

static enum brama_err enter(struct reader *r, struct brama_where where)
{
    if (r->depth < r->limits->max_depth) {
        r->depth++;
        return BRAMA_OK;
    }
    brama_diag_set(r->diag, where, "nested more than %u levels deep", r->limits->max_depth);
    return BRAMA_ERR_TOO_BIG;
}

/* *out is NULL if name is: no anchor there. */
static enum brama_err add_anchor(struct reader *r, struct anchor **out, const yaml_char_t *name,
                                 const struct brama_node *node)
{
    *out = NULL;
    if (name == NULL)
        return BRAMA_OK;
    if (++r->anchor_count > ANCHORS_MAX) {
        brama_diag_set(r->diag, node->where, "more than %d anchors", ANCHORS_MAX);
        return BRAMA_ERR_TOO_BIG;
    }
    struct anchor *anchor = brama_arena_alloc(r->arena, sizeof(*anchor));
    if (anchor == NULL)
        return BRAMA_ERR_NOMEM;
    anchor->name = brama_arena_copy(r->arena, brama_str_c((const char *)name));
    anchor->node = node;
    anchor->open = true;
    anchor->next = r->anchors;
    r->anchors = anchor;
    *out = anchor;
    return brama_arena_failed(r->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

static enum brama_err find_alias(struct reader *r, const yaml_event_t *event,
                                 const struct brama_node **out)
{
    brama_str name = brama_str_c((const char *)event->data.alias.anchor);
    struct brama_where where = brama__yaml_where(r->file, event->start_mark);
    const struct anchor *anchor = r->anchors;
    while (anchor != NULL && !brama_str_eq(anchor->name, name))
        anchor = anchor->next;
    if (anchor == NULL) {
        brama_diag_set(r->diag, where, "no anchor &%.*s stands before *%.*s", BRAMA_FMT(name),
                       BRAMA_FMT(name));
        return BRAMA_ERR_SYNTAX;
    }
    if (anchor->open) {
        brama_diag_set(r->diag, where, "the alias *%.*s stands inside the value that it repeats",
                       BRAMA_FMT(name));
        return BRAMA_ERR_SYNTAX;
    }
    *out = anchor->node;
    return BRAMA_OK;
}

/* A copy of from that stands at where; what is in it keeps its own place, where it was written. */
static enum brama_err copy_node(struct reader *r, struct brama_node **out,
                                const struct brama_node *from, struct brama_where where)
{
    enum brama_err err = new_node(r, out, where);
    if (err != BRAMA_OK)
        return err;
    struct brama_node *node = *out;
    *node = *from;
    node->where = where;
    node->first = node->next = NULL;
    if (from->kind != BRAMA_NODE_LIST && from->kind != BRAMA_NODE_MAP)
        return BRAMA_OK;
    err = enter(r, where);
    struct brama_node **tail = &node->first;
    for (const struct brama_node *member = from->first; member != NULL && err == BRAMA_OK;
         member = member->next) {
        err = copy_node(r, tail, member, member->where);
        if (err == BRAMA_OK)
            tail = &(*tail)->next;
    }
    r->depth--;
    return err;
}

static enum brama_err take_text(struct reader *r, brama_str *out, const yaml_event_t *event)
{
    brama_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct brama_where where = brama__yaml_where(r->file, event->start_mark);
    if (text.n > r->limits->max_string) {
        brama_diag_set(r->diag, where, "a text of more than %zu bytes", r->limits->max_string);
        return BRAMA_ERR_TOO_BIG;
    }
    if (brama_str_find(text, '\0') < text.n) {
        brama_diag_set(r->diag, where, "\\0 isn't allowed in a text");
        return BRAMA_ERR_SYNTAX;
    }
    *out = brama_arena_copy(r->arena, text);
    return brama_arena_failed(r->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

static enum brama_err refuse_tag(struct reader *r, const yaml_char_t *tag, struct brama_where where)
{
    brama_diag_set(r->diag, where, "the tag %s isn't supported here", (const char *)tag);
    return BRAMA_ERR_UNSUPPORTED;
}

/* Is tag (NULL: none given) one of the names, without the prefix? */
static bool tag_is(const yaml_char_t *tag, brama_str name)
{
    brama_str text = brama_str_c((const char *)tag);
    return brama_str_starts(text, BRAMA_STR(TAG_PREFIX)) &&
           brama_str_eq(brama_str_from(text, sizeof(TAG_PREFIX) - 1), name);
}

/* "!": what it looks like by its form alone. */
static bool is_bare(const yaml_char_t *tag)
{
    return brama_str_eq(brama_str_c((const char *)tag), BRAMA_STR("!"));
}

/* The kind that a tag demands of a scalar, "!" alone being a string; NONE for one we don't know. */
static enum brama_node_kind kind_of_tag(const yaml_char_t *tag)
{
    static const struct {
        brama_str name;
        enum brama_node_kind kind;
    } tags[] = {
        {BRAMA_LIT("str"), BRAMA_NODE_STR},    {BRAMA_LIT("int"), BRAMA_NODE_INT},
        {BRAMA_LIT("float"), BRAMA_NODE_REAL}, {BRAMA_LIT("bool"), BRAMA_NODE_BOOL},
        {BRAMA_LIT("null"), BRAMA_NODE_NULL},
    };
    if (is_bare(tag))
        return BRAMA_NODE_STR;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(tags); i++)
        if (tag_is(tag, tags[i].name))
            return tags[i].kind;
    return BRAMA_NODE_NONE;
}

/* node->text into the kind that style and tag ask for. */
static enum brama_err resolve(struct reader *r, struct brama_node *node, const yaml_event_t *event)
{
    const yaml_char_t *tag = event->data.scalar.tag;
    enum brama_node_kind want = tag != NULL ? kind_of_tag(tag) : BRAMA_NODE_STR;
    if (want == BRAMA_NODE_NONE)
        return refuse_tag(r, tag, node->where);
    node->kind = BRAMA_NODE_STR;
    if (tag == NULL && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return BRAMA_OK;
    if (tag != NULL && want == BRAMA_NODE_STR)
        return BRAMA_OK;
    if (!brama__yaml_resolve(node->text, node)) {
        brama_diag_set(r->diag, node->where, "%.*s isn't a number that JSON knows",
                       BRAMA_FMT(node->text));
        return BRAMA_ERR_SYNTAX;
    }
    if (want == BRAMA_NODE_REAL && node->kind == BRAMA_NODE_INT) {
        node->kind = BRAMA_NODE_REAL;
        node->integer = 0;
    }
    if (tag != NULL && node->kind != want) {
        brama_diag_set(r->diag, node->where, "the value isn't what its tag !!%s says",
                       (const char *)tag + sizeof(TAG_PREFIX) - 1);
        return BRAMA_ERR_SYNTAX;
    }
    return BRAMA_OK;
}

static enum brama_err read_scalar(struct reader *r, struct brama_node **out,
                                  const yaml_event_t *event)
{
    struct anchor *anchor = NULL;
    enum brama_err err = new_node(r, out, brama__yaml_where(r->file, event->start_mark));
    if (err == BRAMA_OK)
        err = take_text(r, &(*out)->text, event);
    if (err == BRAMA_OK)
        err = resolve(r, *out, event);
    if (err == BRAMA_OK)
        err = add_anchor(r, &anchor, event->data.scalar.anchor, *out);
    if (anchor != NULL)
        anchor->open = false;
    return err;
}

static enum brama_err read_node(struct reader *r, struct brama_node **out,
                                const yaml_event_t *event);

static enum brama_err read_list(struct reader *r, struct brama_node *list)
{
    struct brama_node **tail = &list->first;
    for (;;) {
        yaml_event_t event;
        enum brama_err err = next_event(r, &event);
        if (err != BRAMA_OK)
            return err;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end)
            err = read_node(r, tail, &event);
        yaml_event_delete(&event);
        if (end || err != BRAMA_OK)
            return err;
        tail = &(*tail)->next;
        list->count++;
    }
}

static enum brama_err read_plain_key(struct reader *r, brama_str *key, const yaml_event_t *event)
{
    struct brama_where where = brama__yaml_where(r->file, event->start_mark);
    const yaml_char_t *tag = event->data.scalar.tag;
    bool plain = tag == NULL && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    enum brama_err err = take_text(r, key, event);
    if (err != BRAMA_OK)
        return err;
    if (plain && key->n == 0) {
        brama_diag_set(r->diag, where, "a name is missing before ':'");
        return BRAMA_ERR_SYNTAX;
    }
    if ((plain && brama_str_eq(*key, BRAMA_STR("<<"))) || tag_is(tag, BRAMA_STR("merge"))) {
        brama_diag_set(r->diag, where, "merge keys (<<) aren't supported: write the members out");
        return BRAMA_ERR_UNSUPPORTED;
    }
    if (tag != NULL && kind_of_tag(tag) == BRAMA_NODE_NONE)
        return refuse_tag(r, tag, where);
    return BRAMA_OK;
}

static enum brama_err read_key(struct reader *r, brama_str *key, const yaml_event_t *event)
{
    struct brama_where where = brama__yaml_where(r->file, event->start_mark);
    const struct brama_node *node = NULL;
    enum brama_err err = BRAMA_OK;
    if (event->type == YAML_SCALAR_EVENT) {
        struct brama_node *named = NULL;
        err = read_plain_key(r, key, event);
        if (err == BRAMA_OK && event->data.scalar.anchor != NULL)
            err = read_scalar(r, &named, event);
        return err;
    }
    if (event->type == YAML_ALIAS_EVENT) {
        err = find_alias(r, event, &node);
        if (err != BRAMA_OK)
            return err;
    }
    if (node == NULL || node->kind == BRAMA_NODE_LIST || node->kind == BRAMA_NODE_MAP) {
        brama_diag_set(r->diag, where, "a list or a map can't be a name in a map%s",
                       event->type == YAML_MAPPING_START_EVENT
                           ? ": fill in the template, or quote a text that starts with '{'"
                           : "");
        return BRAMA_ERR_SYNTAX;
    }
    *key = node->text;
    return BRAMA_OK;
}

static enum brama_err read_member(struct reader *r, struct brama_node **out,
                                  const yaml_event_t *key_event)
{
    brama_str key = BRAMA_NIL;
    struct brama_where key_where = brama__yaml_where(r->file, key_event->start_mark);
    yaml_event_t event;
    enum brama_err err = read_key(r, &key, key_event);
    if (err == BRAMA_OK)
        err = next_event(r, &event);
    if (err != BRAMA_OK)
        return err;
    err = read_node(r, out, &event);
    yaml_event_delete(&event);
    if (err != BRAMA_OK)
        return err;
    (*out)->key = key;
    (*out)->key_where = key_where;
    return BRAMA_OK;
}

static int by_key_and_place(const void *left, const void *right)
{
    const struct brama_node *a = *(const struct brama_node *const *)left;
    const struct brama_node *b = *(const struct brama_node *const *)right;
    int order = brama_str_cmp(a->key, b->key);
    if (order != 0)
        return order;
    if (a->key_where.line != b->key_where.line)
        return a->key_where.line < b->key_where.line ? -1 : 1;
    return a->key_where.column < b->key_where.column ? -1 : 1;
}

/* Sorted, so that a map of a million members costs no million squared. */
static enum brama_err refuse_twins(struct reader *r, const struct brama_node *map)
{
    const struct brama_alloc *alloc = r->arena->alloc;
    if (map->count < 2)
        return BRAMA_OK;
    const struct brama_node **sorted =
        alloc->resize(alloc->ctx, NULL, map->count * sizeof(*sorted));
    if (sorted == NULL)
        return BRAMA_ERR_NOMEM;
    size_t n = 0;
    for (const struct brama_node *member = map->first; member != NULL; member = member->next)
        sorted[n++] = member;
    qsort(sorted, n, sizeof(*sorted), by_key_and_place);
    enum brama_err err = BRAMA_OK;
    for (size_t i = 1; i < n && err == BRAMA_OK; i++) {
        if (brama_str_eq(sorted[i - 1]->key, sorted[i]->key)) {
            brama_diag_set(r->diag, sorted[i]->key_where,
                           "\"%.*s\" is given twice: in line %u and again in line %u",
                           BRAMA_FMT(brama_str_head(sorted[i]->key, 100)),
                           sorted[i - 1]->key_where.line, sorted[i]->key_where.line);
            err = BRAMA_ERR_SYNTAX;
        }
    }
    alloc->resize(alloc->ctx, (void *)sorted, 0);
    return err;
}

static enum brama_err read_map(struct reader *r, struct brama_node *map)
{
    struct brama_node **tail = &map->first;
    for (;;) {
        yaml_event_t event;
        enum brama_err err = next_event(r, &event);
        if (err != BRAMA_OK)
            return err;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        if (!end)
            err = read_member(r, tail, &event);
        yaml_event_delete(&event);
        if (end)
            return refuse_twins(r, map);
        if (err != BRAMA_OK)
            return err;
        tail = &(*tail)->next;
        map->count++;
    }
}

static enum brama_err read_container(struct reader *r, struct brama_node **out,
                                     const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *name =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    struct brama_where where = brama__yaml_where(r->file, event->start_mark);
    struct anchor *anchor = NULL;

    if (tag != NULL && !is_bare(tag) && !tag_is(tag, map ? BRAMA_STR("map") : BRAMA_STR("seq")))
        return refuse_tag(r, tag, where);
    enum brama_err err = new_node(r, out, where);
    if (err == BRAMA_OK)
        err = add_anchor(r, &anchor, name, *out);
    if (err == BRAMA_OK)
        err = enter(r, where);
    if (err != BRAMA_OK)
        return err;
    (*out)->kind = map ? BRAMA_NODE_MAP : BRAMA_NODE_LIST;
    err = map ? read_map(r, *out) : read_list(r, *out);
    r->depth--;
    if (anchor != NULL)
        anchor->open = false;
    return err;
}

static enum brama_err read_node(struct reader *r, struct brama_node **out,
                                const yaml_event_t *event)
{
    const struct brama_node *from = NULL;
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(r, out, event);
    if (event->type != YAML_ALIAS_EVENT)
        return read_container(r, out, event);
    enum brama_err err = find_alias(r, event, &from);
    if (err != BRAMA_OK)
        return err;
    return copy_node(r, out, from, brama__yaml_where(r->file, event->start_mark));
}

/* Nothing between two "---": a scalar without a byte, a quote or a tag. */
static bool is_empty(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
}

/* Of all that stands between documents, only their content makes a node. */
static enum brama_err read_stream(struct reader *r, struct brama_node **out)
{
    struct brama_node **tail = out;
    for (;;) {
        yaml_event_t event;
        enum brama_err err = next_event(r, &event);
        if (err != BRAMA_OK)
            return err;
        yaml_event_type_t type = event.type;
        bool content = type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT &&
                       type != YAML_DOCUMENT_START_EVENT && type != YAML_STREAM_END_EVENT;
        if (type == YAML_DOCUMENT_START_EVENT) {
            r->anchors = NULL;
            r->anchor_count = 0;
        }
        if (content && !is_empty(&event)) {
            err = read_node(r, tail, &event);
            if (err == BRAMA_OK)
                tail = &(*tail)->next;
        }
        yaml_event_delete(&event);
        if (err != BRAMA_OK || type == YAML_STREAM_END_EVENT)
            return err;
    }
}

enum brama_err brama_yaml_parse(struct brama_node **out, struct brama_arena *arena, brama_str text,
                                brama_str file, const struct brama_json_limits *limits,
                                struct brama_diag *diag)
{
    struct reader r = {.arena = arena, .limits = limits, .diag = diag, .file = file, .text = text};
    struct brama_node *first = NULL;

    *out = NULL;
    if (text.n > limits->max_bytes) {
        brama_diag_set(diag, (struct brama_where){.file = file}, "the text has more than %zu bytes",
                       limits->max_bytes);
        return BRAMA_ERR_TOO_BIG;
    }
    if (yaml_parser_initialize(&r.parser) == 0)
        return BRAMA_ERR_NOMEM;
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.n != 0 ? text.p : ""),
                                 text.n);
    enum brama_err err = read_stream(&r, &first);
    yaml_parser_delete(&r.parser);
    if (err == BRAMA_OK)
        *out = first;
    return err;
}
