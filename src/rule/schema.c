#include "rule/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "rule/messages.h"

brama_str brama__at_text(struct brama_arena *arena, const struct brama__at *at)
{
    if (at == NULL)
        return BRAMA_STR("");
    brama_str up = brama__at_text(arena, at->up);
    if (at->name.n == 0)
        return brama_arena_printf(arena, "%.*s[%zu]", BRAMA_FMT(up), at->index);
    return brama_arena_printf(arena, "%.*s.%.*s", BRAMA_FMT(up), BRAMA_FMT(at->name));
}

void brama__failures_add(struct brama_failures *list, struct brama_arena *arena,
                         struct brama_where where, brama_str path, brama_str message)
{
    struct brama_failure *one = brama_arena_alloc(arena, sizeof(*one));

    if (one == NULL)
        return;
    *one = (struct brama_failure){.path = path, .message = message, .where = where};
    if (list->last != NULL)
        list->last->next = one;
    else
        list->first = one;
    list->last = one;
    list->count++;
}

void brama__refuse(struct brama__reading *r, const struct brama__at *at, struct brama_where where,
                   const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    brama__failures_add(&r->out->schema, r->arena, where, brama__at_text(r->arena, at),
                        brama_arena_copy(r->arena, brama_str_c(text)));
}

/* As the API server names types. */
static const char *type_name(enum brama_node_kind kind)
{
    switch (kind) {
    case BRAMA_NODE_NONE:
    case BRAMA_NODE_NULL:
        return "null";
    case BRAMA_NODE_BOOL:
        return "boolean";
    case BRAMA_NODE_INT:
        return "integer";
    case BRAMA_NODE_REAL:
        return "number";
    case BRAMA_NODE_STR:
        return "string";
    case BRAMA_NODE_LIST:
        return "array";
    case BRAMA_NODE_MAP:
        return "object";
    }
    return "null";
}

bool brama__is_kind(struct brama__reading *r, const struct brama__at *at,
                    const struct brama_node *node, enum brama_node_kind kind)
{
    if (node->kind == kind)
        return true;
    brama__refuse(r, at, node->where, BRAMA__TEXT_TYPE, type_name(node->kind), type_name(kind),
                  type_name(node->kind));
    return false;
}

const struct brama_node *brama__take(struct brama__reading *r, const struct brama__at *at,
                                     const struct brama_node *map, brama_str key,
                                     enum brama_node_kind kind, enum brama__need need)
{
    const struct brama_node *node = brama_node_get(map, key);
    struct brama__at here = {at, key, 0};

    if (node == NULL) {
        if (need == BRAMA__REQUIRED)
            brama__refuse(r, &here, map != NULL ? map->where : r->out->where, BRAMA__TEXT_REQUIRED);
        return NULL;
    }
    return brama__is_kind(r, &here, node, kind) ? node : NULL;
}

brama_str brama__take_str(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *map, brama_str key, enum brama__need need)
{
    const struct brama_node *node = brama__take(r, at, map, key, BRAMA_NODE_STR, need);

    return node != NULL ? node->text : BRAMA_NIL;
}

uint64_t brama__take_uint(struct brama__reading *r, const struct brama__at *at,
                          const struct brama_node *map, brama_str key, uint64_t min, uint64_t max,
                          enum brama__need need)
{
    const struct brama_node *node = brama__take(r, at, map, key, BRAMA_NODE_INT, need);
    struct brama__at here = {at, key, 0};

    if (node == NULL)
        return 0;
    if (node->integer < 0 || (uint64_t)node->integer < min) {
        brama__refuse(r, &here, node->where, BRAMA__TEXT_MINIMUM, (long long)node->integer,
                      (unsigned long long)min);
        return 0;
    }
    if ((uint64_t)node->integer > max) {
        brama__refuse(r, &here, node->where, BRAMA__TEXT_MAXIMUM, (long long)node->integer,
                      (unsigned long long)max);
        return 0;
    }
    return (uint64_t)node->integer;
}

struct brama_str_list brama__take_strs(struct brama__reading *r, const struct brama__at *at,
                                       const struct brama_node *map, brama_str key, bool *given)
{
    const struct brama_node *list = brama__take(r, at, map, key, BRAMA_NODE_LIST, BRAMA__OPTIONAL);
    struct brama__at here = {at, key, 0};
    struct brama_str_list none = {NULL, 0};

    if (given != NULL)
        *given = list != NULL;
    if (list == NULL || list->count == 0)
        return none;
    brama_str *p = brama_arena_array(r->arena, list->count, sizeof(*p));
    if (p == NULL)
        return none;
    size_t n = 0;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, n++) {
        struct brama__at place = {&here, BRAMA_NIL, n};
        if (brama__is_kind(r, &place, item, BRAMA_NODE_STR))
            p[n] = item->text;
    }
    return (struct brama_str_list){p, n};
}

static bool is_one_of(brama_str key, const brama_str *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (brama_str_eq(key, fields[i]))
            return true;
    return false;
}

void brama__no_others(struct brama__reading *r, const struct brama__at *at,
                      const struct brama_node *map, const brama_str *fields, size_t count)
{
    for (const struct brama_node *node = map->first; node != NULL; node = node->next) {
        struct brama_near near = {.distance = 0};
        if (is_one_of(node->key, fields, count))
            continue;
        for (size_t i = 0; i < count; i++)
            brama_near_try(&near, node->key, fields[i]);
        struct brama__at here = {at, node->key, 0};
        brama_str path = brama_str_from(brama__at_text(r->arena, &here), 1);
        if (near.best.n != 0)
            brama__refuse(r, &here, node->key_where, BRAMA__TEXT_UNKNOWN_MEANT, BRAMA_FMT(path),
                          BRAMA_FMT(near.best));
        else
            brama__refuse(r, &here, node->key_where, BRAMA__TEXT_UNKNOWN, BRAMA_FMT(path));
    }
}

void brama__must_match(struct brama__reading *r, const struct brama__at *at,
                       struct brama_where where, brama_str value, bool (*match)(brama_str),
                       const char *pattern)
{
    if (!match(value))
        brama__refuse(r, at, where, BRAMA__TEXT_PATTERN, BRAMA_FMT(value), pattern);
}
