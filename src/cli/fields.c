#include "cli/fields.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/near.h"

brama_str brama_field_path(struct brama_fields *f, brama_str at, brama_str key)
{
    return brama_arena_printf(f->arena, "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(key));
}

void brama_field_complain(struct brama_fields *f, struct brama_where where, brama_str at,
                          const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    brama_findings_add(f->out, BRAMA_SEVERITY_ERROR, where, NULL, at, brama_str_c(text));
}

const struct brama_node *brama_field(struct brama_fields *f, brama_str at,
                                     const struct brama_node *map, const char *key,
                                     enum brama_node_kind kind)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));

    if (node == NULL || node->kind == kind)
        return node;
    brama_field_complain(f, node->where, brama_field_path(f, at, node->key),
                         "a %s is wanted here, not a %s", brama_node_kind_name(kind),
                         brama_node_kind_name(node->kind));
    return NULL;
}

brama_str brama_field_text(struct brama_fields *f, brama_str at, const struct brama_node *map,
                           const char *key)
{
    const struct brama_node *node = brama_field(f, at, map, key, BRAMA_NODE_STR);

    return node != NULL ? node->text : BRAMA_NIL;
}

void brama_fields_only(struct brama_fields *f, brama_str at, const struct brama_node *map,
                       const char *const *names, size_t count)
{
    for (const struct brama_node *n = map->first; n != NULL; n = n->next) {
        struct brama_near near = {.distance = 0};
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            known = brama_str_eq(n->key, brama_str_c(names[i]));
            brama_near_try(&near, n->key, brama_str_c(names[i]));
        }
        if (known)
            continue;
        if (near.best.n != 0)
            brama_field_complain(f, n->key_where, brama_field_path(f, at, n->key),
                                 "unknown field \"%.*s\", did you mean \"%.*s\"?",
                                 BRAMA_FMT(n->key), BRAMA_FMT(near.best));
        else
            brama_field_complain(f, n->key_where, brama_field_path(f, at, n->key),
                                 "unknown field \"%.*s\"", BRAMA_FMT(n->key));
    }
}

struct brama_str_list brama_field_texts(struct brama_fields *f, brama_str at,
                                        const struct brama_node *map, const char *key)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));
    struct brama_str_list out = {NULL, 0};

    if (node == NULL)
        return out;
    brama_str *p = brama_arena_array(f->arena, node->count + 1, sizeof(*p));
    if (p == NULL)
        return out;
    out.p = p;
    if (node->kind == BRAMA_NODE_STR) {
        p[out.n++] = node->text;
        return out;
    }
    if (node->kind != BRAMA_NODE_LIST)
        brama_field_complain(f, node->where, brama_field_path(f, at, node->key),
                             "a list of strings is wanted here");
    for (const struct brama_node *n = node->first; node->kind == BRAMA_NODE_LIST && n != NULL;
         n = n->next) {
        if (n->kind == BRAMA_NODE_STR)
            p[out.n++] = n->text;
        else
            brama_field_complain(f, n->where, brama_field_path(f, at, node->key),
                                 "a string is wanted here, not a %s",
                                 brama_node_kind_name(n->kind));
    }
    return out;
}
