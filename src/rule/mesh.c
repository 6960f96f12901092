/* The mesh configuration: extension providers that extAuth may name. istio-jwt.md section 5.1. */
#include "rule/reading.h"
#include "rule/worlding.h"
#include "template/envoy.h"
#include "json/read.h"

#define DEFAULT_TIMEOUT_MS (600 * 1000)
#define DEFAULT_STATUS 403

/* One envoyExtAuthzHttp being read; the first problem counts. */
struct reading {
    struct brama_arena *arena;
    const struct brama_node *node;
    struct brama_authorizer *out;
};

static void complain(struct reading *r, const char *field, const char *what)
{
    if (r->out->problem.n == 0)
        r->out->problem = brama_arena_printf(r->arena, "%s %s", field, what);
}

static const struct brama_node *get(struct reading *r, const char *field, enum brama_node_kind kind)
{
    const struct brama_node *node = brama_node_get(r->node, brama_str_c(field));

    if (node == NULL || node->kind == BRAMA_NODE_NULL)
        return NULL;
    if (node->kind == kind)
        return node;
    complain(r, field, "is of the wrong type");
    return NULL;
}

static struct brama_str_list get_texts(struct reading *r, const char *field)
{
    const struct brama_node *list = get(r, field, BRAMA_NODE_LIST);

    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next)
        if (item->kind != BRAMA_NODE_STR || item->text.n == 0)
            complain(r, field, "lists what is no text");
    return brama__read_texts(r->arena, list);
}

static bool get_bool(struct reading *r, const char *field)
{
    const struct brama_node *node = get(r, field, BRAMA_NODE_BOOL);

    return node != NULL && node->truth;
}

/* 0: not there, or not within the bounds, and then there is a problem. */
static uint32_t get_number(struct reading *r, const char *field, uint32_t max)
{
    const struct brama_node *node = get(r, field, BRAMA_NODE_INT);

    if (node == NULL)
        return 0;
    if (node->integer < 1 || node->integer > max) {
        complain(r, field, "is out of range");
        return 0;
    }
    return (uint32_t)node->integer;
}

static void read_address(struct reading *r)
{
    const struct brama_node *service = get(r, "service", BRAMA_NODE_STR);
    const struct brama_node *prefix = get(r, "pathPrefix", BRAMA_NODE_STR);
    const struct brama_node *timeout = get(r, "timeout", BRAMA_NODE_STR);
    uint64_t ns = 0;

    r->out->service = service != NULL ? service->text : BRAMA_NIL;
    r->out->port = (uint16_t)get_number(r, "port", UINT16_MAX);
    if (r->out->service.n == 0)
        complain(r, "service", "is required");
    if (r->out->port == 0)
        complain(r, "port", "is required");
    if (prefix != NULL && prefix->text.n != 0 && prefix->text.p[0] != '/')
        complain(r, "pathPrefix", "must begin with a slash");
    else if (prefix != NULL)
        r->out->path_prefix = prefix->text;
    r->out->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (timeout != NULL) {
        if (!brama__read_duration(timeout->text, &ns) || ns < 1000000)
            complain(r, "timeout", "is no duration of 1ms or more");
        r->out->timeout_ms = ns / 1000000;
    }
}

static void read_failure(struct reading *r)
{
    const struct brama_node *status = get(r, "statusOnError", BRAMA_NODE_STR);
    uint64_t code = DEFAULT_STATUS;

    if (status != NULL && (!brama_str_u64(status->text, &code) || code < 200 || code > 599))
        complain(r, "statusOnError", "is no HTTP status");
    r->out->status_on_error = (uint16_t)code;
    r->out->fail_open = get_bool(r, "failOpen");
}

static void read_body(struct reading *r)
{
    const struct brama_node *body = get(r, "includeRequestBodyInCheck", BRAMA_NODE_MAP);
    struct reading inner = {r->arena, body, r->out};

    if (body == NULL)
        return;
    r->out->body_max_bytes = get_number(&inner, "maxRequestBytes", UINT32_MAX);
    r->out->body_may_be_partial = get_bool(&inner, "allowPartialMessage");
    (void)get_bool(&inner, "packAsBytes"); /* bytes are what is sent, either way */
    if (r->out->body_max_bytes == 0)
        complain(r, "includeRequestBodyInCheck.maxRequestBytes", "is required");
}

/* Envoy reads the values as it does those of a route. */
static void check_fixed_header(struct reading *r, const char *field, const struct brama_node *item)
{
    struct brama_envoy_value ignored;
    struct brama_diag diag = {0};
    enum brama_err err = brama_envoy_read(&ignored, r->arena, item->text, &diag);

    if (err != BRAMA_OK && err != BRAMA_ERR_NOMEM && r->out->problem.n == 0)
        r->out->problem =
            brama_arena_printf(r->arena, "%s.%.*s: %s", field, BRAMA_FMT(item->key), diag.what);
}

static void read_fixed_headers(struct reading *r)
{
    static const char field[] = "includeAdditionalHeadersInCheck";
    const struct brama_node *map = get(r, field, BRAMA_NODE_MAP);
    struct brama_name_value *out = map != NULL && map->count != 0
                                       ? brama_arena_array(r->arena, map->count, sizeof(*out))
                                       : NULL;

    if (out == NULL)
        return;
    for (const struct brama_node *item = map->first; item != NULL; item = item->next) {
        if (item->kind != BRAMA_NODE_STR)
            complain(r, field, "holds what is no text");
        else
            check_fixed_header(r, field, item);
        out[r->out->fixed_header_count++] =
            (struct brama_name_value){item->key, item->text, item->where};
    }
    r->out->fixed_headers = out;
}

static void read_headers(struct reading *r)
{
    read_fixed_headers(r);
    r->out->check_headers = get_texts(r, "includeRequestHeadersInCheck");
    if (r->out->check_headers.n == 0)
        r->out->check_headers = get_texts(r, "includeHeadersInCheck");
    for (size_t i = 0; i < r->out->check_headers.n; i++)
        if (brama_str_eq(r->out->check_headers.p[i], BRAMA_STR("*")))
            complain(r, "includeRequestHeadersInCheck", "may not be a lone *");
    r->out->upstream_headers = get_texts(r, "headersToUpstreamOnAllow");
    r->out->allow_headers = get_texts(r, "headersToDownstreamOnAllow");
    r->out->deny_headers = get_texts(r, "headersToDownstreamOnDeny");
    r->out->deny_headers_given = r->out->deny_headers.n != 0;
}

static struct brama_authorizer *read_provider(struct brama_arena *arena,
                                              const struct brama_node *item)
{
    struct brama_authorizer *a = brama_arena_alloc(arena, sizeof(*a));
    const struct brama_node *http = brama_node_get(item, BRAMA_STR("envoyExtAuthzHttp"));

    if (a == NULL)
        return NULL;
    a->name = brama_node_get_str(item, BRAMA_STR("name"));
    a->where = item->where;
    a->is_http = http != NULL && http->kind == BRAMA_NODE_MAP;
    if (a->is_http) {
        struct reading r = {arena, http, a};
        read_address(&r);
        read_failure(&r);
        read_body(&r);
        read_headers(&r);
    }
    return a;
}

void brama__add_mesh(struct brama_world *world, const struct brama__object *o)
{
    const struct brama_node *data = brama_node_get(o->doc, BRAMA_STR("data"));
    const struct brama_node *text = brama_node_get(data, BRAMA_STR("mesh"));
    struct brama_authorizer **end = &world->mesh.authorizers;
    struct brama_node *mesh = NULL;
    struct brama_diag diag = {0};

    world->mesh.doc = o->doc;
    world->mesh.state = BRAMA_MESH_NO_KEY;
    if (text == NULL || text->kind != BRAMA_NODE_STR)
        return;
    world->mesh.state = BRAMA_MESH_NO_YAML;
    if (brama_yaml_parse(&mesh, world->arena, text->text, o->doc->where.file,
                         &brama_json_limits_rules, &diag) != BRAMA_OK ||
        (mesh != NULL && mesh->kind != BRAMA_NODE_MAP))
        return;
    world->mesh.state = BRAMA_MESH_READ;
    if (mesh != NULL)
        brama_node_place(mesh, text->where);
    const struct brama_node *list = brama_node_get(mesh, BRAMA_STR("extensionProviders"));
    const struct brama_node *item =
        list != NULL && list->kind == BRAMA_NODE_LIST ? list->first : NULL;
    for (; item != NULL; item = item->next) {
        *end = read_provider(world->arena, item);
        if (*end == NULL)
            return;
        end = &(*end)->next;
    }
}

const struct brama_authorizer *brama_world_authorizer(const struct brama_world *world,
                                                      brama_str name)
{
    for (const struct brama_authorizer *a = world->mesh.authorizers; a != NULL; a = a->next)
        if (brama_str_eq(a->name, name))
            return a;
    return NULL;
}
