/* Values as Go's %v prints them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template/inner.h"
#include "json/write.h"

#define PRECISION_MAX 17
#define TEXT_MAX ((size_t)1 << 16) /* of one value */

bool brama__truth(const struct brama__value *v)
{
    switch (v->kind) {
    case BRAMA__V_NONE:
        return false;
    case BRAMA__V_BOOL:
        return v->truth;
    case BRAMA__V_INT:
        return v->integer != 0;
    case BRAMA__V_FLOAT:
        return fpclassify(v->real) != FP_ZERO;
    case BRAMA__V_STR:
        return v->text.n != 0;
    case BRAMA__V_STRS:
        return v->count != 0;
    case BRAMA__V_LIST:
    case BRAMA__V_MAP:
        return v->node != NULL && v->node->count != 0;
    case BRAMA__V_ROOT:
    case BRAMA__V_MATCH:
    case BRAMA__V_URL:
    case BRAMA__V_REQUEST_HEADER:
    case BRAMA__V_SET_HEADER:
    case BRAMA__V_GET:
        break;
    }
    return true;
}

/* The fewest digits that read back as the same number; an exponent below -4 or from 6 on is written
 * as one. oathkeeper.md 3.4. */
static void format_real(struct brama_buf *buf, double real)
{
    char text[400];
    int digits = 1;

    for (; digits < PRECISION_MAX; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, real);
        double back = strtod(text, NULL);
        if (memcmp(&back, &real, sizeof(real)) == 0)
            break;
    }
    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, real);
    const char *e = strchr(text, 'e');
    long exponent = e != NULL ? strtol(e + 1, NULL, 10) : 0;
    if (e != NULL && exponent >= -4 && exponent < 6) {
        int decimals = digits - 1 - (int)exponent;
        (void)snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, real);
    }
    brama_buf_add(buf, brama_str_c(text));
}

bool brama__list_length(const struct brama__value *v, size_t *length)
{
    bool list = v->kind == BRAMA__V_STRS || v->kind == BRAMA__V_LIST;

    *length = v->kind == BRAMA__V_STRS                      ? v->count
              : v->kind == BRAMA__V_LIST && v->node != NULL ? v->node->count
                                                            : 0;
    return list || v->kind == BRAMA__V_NONE;
}

struct brama__value brama__list_member(const struct brama__value *v, size_t index)
{
    if (v->kind == BRAMA__V_STRS)
        return index < v->count ? brama__value_str(v->strs[index])
                                : (struct brama__value){.kind = BRAMA__V_NONE};
    const struct brama_node *node = v->node != NULL ? v->node->first : NULL;
    for (; node != NULL && index != 0; index--)
        node = node->next;
    return brama__value_node(node);
}

static bool format(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v,
                   unsigned depth);

static bool format_list(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v,
                        unsigned depth)
{
    size_t n;

    brama_buf_add_c(buf, '[');
    if (v->kind == BRAMA__V_STRS) {
        for (size_t i = 0; i < v->count; i++)
            brama_buf_printf(buf, "%s%.*s", i != 0 ? " " : "", BRAMA_FMT(v->strs[i]));
    } else if (brama__list_length(v, &n) && n != 0) {
        for (const struct brama_node *m = v->node->first; m != NULL; m = m->next) {
            struct brama__value member = brama__value_node(m);
            if (m != v->node->first)
                brama_buf_add_c(buf, ' ');
            if (!format(run, buf, &member, depth + 1))
                return false;
        }
    }
    brama_buf_add_c(buf, ']');
    return true;
}

/* The member that comes next in the order of names; NULL: it was the last. */
static const struct brama_node *next_key(const struct brama_node *map, const brama_str *after)
{
    const struct brama_node *best = NULL;

    for (const struct brama_node *m = map->first; m != NULL; m = m->next)
        if ((after == NULL || brama_str_cmp(m->key, *after) > 0) &&
            (best == NULL || brama_str_cmp(m->key, best->key) < 0))
            best = m;
    return best;
}

#define MEMBERS_MAX                                                                                \
    64 /* sorting is by selection: whoever prints a larger one meant something else */

static bool format_map(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v,
                       unsigned depth)
{
    brama_buf_add(buf, BRAMA_STR("map["));
    if (v->node != NULL && v->node->count > MEMBERS_MAX)
        return brama__run_fail(run, "a map of more than %d members", MEMBERS_MAX);
    const struct brama_node *m = v->node != NULL ? next_key(v->node, NULL) : NULL;
    while (m != NULL) {
        struct brama__value member = brama__value_node(m);
        brama_buf_printf(buf, "%.*s:", BRAMA_FMT(m->key));
        if (!format(run, buf, &member, depth + 1))
            return false;
        m = next_key(v->node, &m->key);
        if (m != NULL)
            brama_buf_add_c(buf, ' ');
    }
    brama_buf_add_c(buf, ']');
    return true;
}

static bool format(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v,
                   unsigned depth)
{
    if (depth > BRAMA_JSON_OUT_DEPTH)
        return brama__run_fail(run, "too deep a value");
    switch (v->kind) {
    case BRAMA__V_NONE:
        brama_buf_add(buf, BRAMA_STR("<nil>"));
        return true;
    case BRAMA__V_BOOL:
        brama_buf_add(buf, v->truth ? BRAMA_STR("true") : BRAMA_STR("false"));
        return true;
    case BRAMA__V_INT:
        brama_buf_printf(buf, "%lld", (long long)v->integer);
        return true;
    case BRAMA__V_FLOAT:
        format_real(buf, v->real);
        return true;
    case BRAMA__V_STR:
        brama_buf_add(buf, v->text);
        return true;
    case BRAMA__V_STRS:
    case BRAMA__V_LIST:
        return format_list(run, buf, v, depth);
    case BRAMA__V_MAP:
        return format_map(run, buf, v, depth);
    case BRAMA__V_ROOT:
    case BRAMA__V_MATCH:
    case BRAMA__V_URL:
    case BRAMA__V_REQUEST_HEADER:
    case BRAMA__V_SET_HEADER:
    case BRAMA__V_GET:
        break;
    }
    return brama__run_fail(run, "only a part of it can be printed");
}

bool brama__format(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v)
{
    return format(run, buf, v, 0);
}

bool brama__format_text(struct brama__run *run, const struct brama__value *v, brama_str *out)
{
    struct brama_buf buf;

    if (v->kind == BRAMA__V_STR) {
        *out = v->text;
        return true;
    }
    brama_buf_init(&buf, NULL, TEXT_MAX);
    bool done = brama__format(run, &buf, v) && brama_buf_err(&buf) == BRAMA_OK;
    *out = done ? brama_arena_copy(run->arena, brama_buf_str(&buf)) : BRAMA_NIL;
    brama_buf_deinit(&buf);
    return (done && out->p != NULL) || brama__run_fail(run, "too long a value");
}
