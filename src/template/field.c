/* What stands behind a dot. */
#include "template/inner.h"

struct brama__value brama__value_str(brama_str text)
{
    return (struct brama__value){.kind = BRAMA__V_STR, .text = text};
}

struct brama__value brama__value_int(int64_t integer)
{
    return (struct brama__value){.kind = BRAMA__V_INT, .integer = integer};
}

struct brama__value brama__value_bool(bool truth)
{
    return (struct brama__value){.kind = BRAMA__V_BOOL, .truth = truth};
}

struct brama__value brama__value_node(const struct brama_node *node)
{
    struct brama__value v = {.node = node};

    switch (node != NULL ? node->kind : BRAMA_NODE_NONE) {
    case BRAMA_NODE_NONE:
    case BRAMA_NODE_NULL:
        break;
    case BRAMA_NODE_BOOL:
        return brama__value_bool(node->truth);
    case BRAMA_NODE_INT:
    case BRAMA_NODE_REAL:
        v.kind = BRAMA__V_FLOAT;
        v.real = node->real;
        break;
    case BRAMA_NODE_STR:
        return brama__value_str(node->text);
    case BRAMA_NODE_LIST:
        v.kind = BRAMA__V_LIST;
        break;
    case BRAMA_NODE_MAP:
        v.kind = BRAMA__V_MAP;
        break;
    }
    return v;
}

/* The fields of the session and its parts. */
static const struct {
    enum brama__kind of;
    brama_str name;
    enum brama__kind kind;
} fields[] = {
    {BRAMA__V_ROOT, BRAMA_LIT("Subject"), BRAMA__V_STR},
    {BRAMA__V_ROOT, BRAMA_LIT("Extra"), BRAMA__V_MAP},
    {BRAMA__V_ROOT, BRAMA_LIT("Header"), BRAMA__V_SET_HEADER},
    {BRAMA__V_ROOT, BRAMA_LIT("MatchContext"), BRAMA__V_MATCH},
    {BRAMA__V_MATCH, BRAMA_LIT("RegexpCaptureGroups"), BRAMA__V_STRS},
    {BRAMA__V_MATCH, BRAMA_LIT("Method"), BRAMA__V_STR},
    {BRAMA__V_MATCH, BRAMA_LIT("URL"), BRAMA__V_URL},
    {BRAMA__V_MATCH, BRAMA_LIT("Header"), BRAMA__V_REQUEST_HEADER},
    {BRAMA__V_URL, BRAMA_LIT("Scheme"), BRAMA__V_STR},
    {BRAMA__V_URL, BRAMA_LIT("Host"), BRAMA__V_STR},
    {BRAMA__V_URL, BRAMA_LIT("Path"), BRAMA__V_STR},
    {BRAMA__V_URL, BRAMA_LIT("RawQuery"), BRAMA__V_STR},
    {BRAMA__V_REQUEST_HEADER, BRAMA_LIT("Get"), BRAMA__V_GET},
    {BRAMA__V_SET_HEADER, BRAMA_LIT("Get"), BRAMA__V_GET},
};

static brama_str text_of(const struct brama_template_data *d, enum brama__kind of, brama_str name)
{
    if (of == BRAMA__V_ROOT)
        return d->subject;
    if (of == BRAMA__V_MATCH)
        return d->method;
    if (brama_str_eq(name, BRAMA_STR("Scheme")))
        return d->scheme;
    if (brama_str_eq(name, BRAMA_STR("Host")))
        return d->host;
    return brama_str_eq(name, BRAMA_STR("Path")) ? d->path : d->raw_query;
}

static void fill(struct brama__value *v, const struct brama_template_data *d, enum brama__kind of,
                 brama_str name)
{
    if (v->kind == BRAMA__V_STR) {
        v->text = text_of(d, of, name);
    } else if (v->kind == BRAMA__V_MAP) {
        v->node = d->extra;
    } else if (v->kind == BRAMA__V_STRS) {
        v->strs = d->captures;
        v->count = d->capture_count;
    }
}

static bool has_fields(enum brama__kind kind)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(fields); i++)
        if (fields[i].of == kind)
            return true;
    return false;
}

static bool session_field(struct brama__run *run, enum brama__kind of, brama_str name, bool live,
                          struct brama__value *out)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(fields); i++) {
        if (fields[i].of != of || !brama_str_eq(fields[i].name, name))
            continue;
        *out = (struct brama__value){.kind = fields[i].kind, .of = of};
        if (live)
            fill(out, run->data, of, name);
        else if (fields[i].kind == BRAMA__V_MAP)
            out->kind = BRAMA__V_NONE;
        return true;
    }
    return brama__run_fail(run, "there is no field \"%.*s\"", BRAMA_FMT(name));
}

bool brama__field(struct brama__run *run, const struct brama__value *base, brama_str name,
                  bool live, struct brama__value *out)
{
    *out = (struct brama__value){.kind = BRAMA__V_NONE};
    if (has_fields(base->kind))
        return session_field(run, base->kind, name, live, out);
    if (base->kind == BRAMA__V_MAP) {
        *out = brama__value_node(brama_node_get(base->node, name));
        return true;
    }
    if (base->kind == BRAMA__V_NONE && !live)
        return true;
    return brama__run_fail(run, "field \"%.*s\" of what has no fields", BRAMA_FMT(name));
}

bool brama__header_values(struct brama__run *run, enum brama__kind of, brama_str name,
                          struct brama__value *out)
{
    bool set = of == BRAMA__V_SET_HEADER;
    const struct brama_template_pair *pairs = set ? run->data->set : run->data->headers;
    size_t n = set ? run->data->set_count : run->data->header_count, count = 0;
    brama_str *values = brama_arena_array(run->arena, n + 1, sizeof(*values));

    if (values == NULL)
        return brama__run_fail(run, "no memory");
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq_nocase(pairs[i].name, name))
            values[count++] = pairs[i].value;
    *out = (struct brama__value){.kind = BRAMA__V_STRS, .strs = values, .count = count};
    return true;
}
