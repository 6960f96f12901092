/* The ConfigMap with the toggle, Service, EndpointSlice, Pod and Secret. */
#include <string.h>

#include "rule/worlding.h"
#include "json/read.h"

/* The value under jwtHandler in any case; an exact match first. */
static const struct brama_node *handler_node(const struct brama_node *map)
{
    const struct brama_node *node = brama_node_get(map, BRAMA_STR("jwtHandler"));

    if (node != NULL)
        return node;
    for (node = map->first; node != NULL; node = node->next)
        if (brama_str_eq_nocase(node->key, BRAMA_STR("jwtHandler")))
            return node;
    return NULL;
}

/* An unreadable text, a missing key or an empty one are all the empty handler, which is invalid. */
static brama_str handler_value(struct brama_world *world, const struct brama__object *o)
{
    brama_str key = BRAMA_STR("api-gateway-config");
    brama_str text = brama_node_get_str(brama_node_get(o->doc, BRAMA_STR("data")), key);
    struct brama_node *doc = NULL;
    struct brama_diag diag = {0};

    if (brama_yaml_parse(&doc, world->arena, text, o->doc->where.file, &brama_json_limits_rules,
                         &diag) != BRAMA_OK ||
        doc == NULL || doc->kind != BRAMA_NODE_MAP)
        return BRAMA_NIL;
    const struct brama_node *node = handler_node(doc);
    return node != NULL && node->kind == BRAMA_NODE_STR ? node->text : BRAMA_NIL;
}

void brama__add_config_map(struct brama_world *world, const struct brama__object *o)
{
    struct brama_toggle *toggle = &world->toggle;

    toggle->given = true;
    toggle->where = o->doc->where;
    toggle->value = handler_value(world, o);
    if (brama_str_eq(toggle->value, BRAMA_STR("ory")))
        toggle->handler = BRAMA_HANDLER_ORY;
    else if (brama_str_eq(toggle->value, BRAMA_STR("istio")))
        toggle->handler = BRAMA_HANDLER_ISTIO;
    else
        brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, toggle->where,
                           brama_code_name(BRAMA_CODE_TOGGLE),
                           BRAMA_STR(".data.api-gateway-config"), BRAMA_STR(BRAMA__TEXT_TOGGLE));
}

static uint16_t port_number(const struct brama_node *map, brama_str key)
{
    const struct brama_node *node = brama_node_get(map, key);
    bool fits = node != NULL && node->kind == BRAMA_NODE_INT && node->integer > 0 &&
                node->integer <= UINT16_MAX;

    return fits ? (uint16_t)node->integer : 0;
}

/* Ports without a usable number are left out. */
static struct brama_service_port *read_ports(struct brama_arena *arena,
                                             const struct brama_node *list, size_t *count)
{
    *count = 0;
    if (list == NULL || list->kind != BRAMA_NODE_LIST || list->count == 0)
        return NULL;
    struct brama_service_port *ports = brama_arena_array(arena, list->count, sizeof(*ports));
    if (ports == NULL)
        return NULL;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next) {
        uint16_t port = port_number(item, BRAMA_STR("port"));
        if (port != 0)
            ports[(*count)++] =
                (struct brama_service_port){brama_node_get_str(item, BRAMA_STR("name")), port,
                                            port_number(item, BRAMA_STR("targetPort"))};
    }
    return ports;
}

struct brama_service *brama__read_service_object(struct brama_arena *arena,
                                                 const struct brama__object *o)
{
    const struct brama_node *spec = brama_node_get(o->doc, BRAMA_STR("spec"));
    const struct brama_node *selector = brama_node_get(spec, BRAMA_STR("selector"));
    struct brama_service *service = brama_arena_alloc(arena, sizeof(*service));

    if (service == NULL)
        return NULL;
    service->name = o->name;
    service->where = o->doc->where;
    if (brama_str_eq(brama_node_get_str(spec, BRAMA_STR("type")), BRAMA_STR("ExternalName")))
        service->external_name = brama_node_get_str(spec, BRAMA_STR("externalName"));
    service->selector = selector != NULL && selector->kind == BRAMA_NODE_MAP ? selector : NULL;
    service->ports =
        read_ports(arena, brama_node_get(spec, BRAMA_STR("ports")), &service->port_count);
    return service;
}

void brama__add_service(struct brama_world *world, const struct brama__object *o)
{
    struct brama_service *service = brama_arena_alloc(world->arena, sizeof(*service));

    if (service == NULL)
        return;
    *service = *o->service;
    service->ns = o->ns;
    service->next = world->services;
    world->services = service;
}

/* Ready unless it says that it isn't. */
static bool is_ready(const struct brama_node *endpoint)
{
    const struct brama_node *ready =
        brama_node_get(brama_node_get(endpoint, BRAMA_STR("conditions")), BRAMA_STR("ready"));

    return ready == NULL || ready->kind != BRAMA_NODE_BOOL || ready->truth;
}

static const struct brama_node *addresses_of(const struct brama_node *endpoint)
{
    const struct brama_node *list = brama_node_get(endpoint, BRAMA_STR("addresses"));
    bool usable = list != NULL && list->kind == BRAMA_NODE_LIST && is_ready(endpoint);

    return usable ? list->first : NULL;
}

static struct brama_str_list read_addresses(struct brama_arena *arena,
                                            const struct brama_node *endpoints)
{
    struct brama_str_list out = {NULL, 0};
    size_t n = 0;

    if (endpoints == NULL || endpoints->kind != BRAMA_NODE_LIST)
        return out;
    for (const struct brama_node *e = endpoints->first; e != NULL; e = e->next)
        for (const struct brama_node *a = addresses_of(e); a != NULL; a = a->next)
            n += a->kind == BRAMA_NODE_STR;
    brama_str *p = n != 0 ? brama_arena_array(arena, n, sizeof(*p)) : NULL;
    if (p == NULL)
        return out;
    for (const struct brama_node *e = endpoints->first; e != NULL; e = e->next)
        for (const struct brama_node *a = addresses_of(e); a != NULL; a = a->next)
            if (a->kind == BRAMA_NODE_STR)
                p[out.n++] = a->text;
    out.p = p;
    return out;
}

struct brama_endpoint_slice *brama__read_slice(struct brama_arena *arena,
                                               const struct brama__object *o)
{
    const struct brama_node *labels =
        brama_node_get(brama_node_get(o->doc, BRAMA_STR("metadata")), BRAMA_STR("labels"));
    struct brama_endpoint_slice *slice = brama_arena_alloc(arena, sizeof(*slice));

    if (slice == NULL)
        return NULL;
    slice->service = brama_node_get_str(labels, BRAMA_STR("kubernetes.io/service-name"));
    slice->ns = o->ns;
    slice->hash = brama_service_hash(slice->ns, slice->service);
    slice->addresses = read_addresses(arena, brama_node_get(o->doc, BRAMA_STR("endpoints")));
    slice->ports =
        read_ports(arena, brama_node_get(o->doc, BRAMA_STR("ports")), &slice->port_count);
    return slice;
}

void brama__add_slice(struct brama_world *world, const struct brama__object *o)
{
    struct brama_endpoint_slice *slice = brama_arena_alloc(world->arena, sizeof(*slice));

    if (slice == NULL)
        return;
    *slice = *o->slice;
    if (slice->ns.n == 0) {
        slice->ns = o->ns;
        slice->hash = brama_service_hash(slice->ns, slice->service);
    }
    slice->next = world->slices;
    world->slices = slice;
}

static bool has_proxy(const struct brama_node *containers)
{
    const struct brama_node *one =
        containers != NULL && containers->kind == BRAMA_NODE_LIST ? containers->first : NULL;

    for (; one != NULL; one = one->next)
        if (brama_str_eq(brama_node_get_str(one, BRAMA_STR("name")), BRAMA_STR("istio-proxy")))
            return true;
    return false;
}

void brama__add_pod(struct brama_world *world, const struct brama__object *o)
{
    const struct brama_node *spec = brama_node_get(o->doc, BRAMA_STR("spec"));
    const struct brama_node *metadata = brama_node_get(o->doc, BRAMA_STR("metadata"));
    struct brama_pod *pod = brama_arena_alloc(world->arena, sizeof(*pod));

    if (pod == NULL)
        return;
    *pod = (struct brama_pod){.ns = o->ns,
                              .name = o->name,
                              .labels = brama_node_get(metadata, BRAMA_STR("labels")),
                              .has_sidecar =
                                  has_proxy(brama_node_get(spec, BRAMA_STR("containers"))) ||
                                  has_proxy(brama_node_get(spec, BRAMA_STR("initContainers")))};
    if (world->last_pod != NULL)
        world->last_pod->next = pod;
    else
        world->pods = pod;
    world->last_pod = pod;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, with padding, line ends allowed. Empty if it isn't. */
static brama_str decode_base64(struct brama_arena *arena, brama_str text)
{
    unsigned char *out = brama_arena_alloc(arena, text.n / 4 * 3 + 3);
    size_t n = 0, symbols = 0, padding = 0;
    uint32_t bits = 0;

    if (out == NULL)
        return BRAMA_NIL;
    for (size_t i = 0; i < text.n; i++) {
        int value = base64_value(text.p[i]);
        if (text.p[i] == '\n' || text.p[i] == '\r')
            continue;
        if (text.p[i] == '=' && (padding == 0 ? symbols % 4 >= 2 : symbols % 4 == 3)) {
            padding++;
            symbols++;
            bits <<= 6;
        } else if (value >= 0 && padding == 0) {
            symbols++;
            bits = bits << 6 | (uint32_t)value;
        } else {
            return BRAMA_NIL;
        }
        if (symbols % 4 == 0) {
            out[n++] = (unsigned char)(bits >> 16);
            out[n++] = (unsigned char)(bits >> 8);
            out[n++] = (unsigned char)bits;
            bits = 0;
        }
    }
    if (symbols % 4 != 0 || padding > 2)
        return BRAMA_NIL;
    return (brama_str){(const char *)out, n - padding};
}

/* stringData wins over data, as in the API server. */
static brama_str secret_value(struct brama_world *world, const struct brama_node *doc,
                              brama_str key)
{
    brama_str plain = brama_node_get_str(brama_node_get(doc, BRAMA_STR("stringData")), key);
    brama_str coded = brama_node_get_str(brama_node_get(doc, BRAMA_STR("data")), key);

    return plain.n != 0 ? plain : decode_base64(world->arena, coded);
}

void brama__add_secret(struct brama_world *world, const struct brama__object *o)
{
    struct brama_secret *secret = brama_arena_alloc(world->arena, sizeof(*secret));

    if (secret == NULL)
        return;
    secret->ns = o->ns;
    secret->name = o->name;
    secret->cert_pem = secret_value(world, o->doc, BRAMA_STR("tls.crt"));
    secret->key_pem = secret_value(world, o->doc, BRAMA_STR("tls.key"));
    if (secret->cert_pem.n == 0 || secret->key_pem.n == 0) {
        brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, o->doc->where,
                           brama_code_name(BRAMA_CODE_SECRET), BRAMA_STR(""),
                           brama_arena_printf(world->arena, BRAMA__TEXT_SECRET, BRAMA_FMT(o->ns),
                                              BRAMA_FMT(o->name)));
        secret->cert_pem = secret->key_pem = BRAMA_NIL;
    }
    secret->next = world->secrets;
    world->secrets = secret;
}
