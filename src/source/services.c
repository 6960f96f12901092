#include "source/services.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES 253 /* of a DNS name */
#define LOOKUP_MAX 8   /* more than that is more than a fetch has time for */

static bool is_name(brama_str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return s.n != 0 && s.n <= HOST_BYTES;
}

static bool is_ipv6(brama_str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool read_port(uint16_t *out, brama_str s)
{
    uint64_t n;
    if (!brama_str_u64(s, &n) || n == 0 || n > UINT16_MAX)
        return false;
    *out = (uint16_t)n;
    return true;
}

/* NAME[.NS][:PORT]; the part that is wrong, or {NULL, 0}. */
static brama_str read_left(struct brama_service_flag *out, brama_str left, brama_str default_ns)
{
    size_t colon = brama_str_find(left, ':');
    brama_str name = brama_str_head(left, colon);
    size_t dot = brama_str_find(name, '.');

    out->name = brama_str_head(name, dot);
    out->ns = dot < name.n ? brama_str_from(name, dot + 1) : default_ns;
    if (!is_name(out->name, "-") || !is_name(out->ns, "-"))
        return name.n != 0 ? name : left;
    if (colon < left.n && !read_port(&out->port, brama_str_from(left, colon + 1)))
        return brama_str_from(left, colon);
    return BRAMA_NIL;
}

/* HOST:PORT, likewise. */
static brama_str read_right(struct brama_service_flag *out, brama_str right)
{
    size_t colon = brama_str_find_last(right, ':');
    brama_str host = brama_str_head(right, colon);

    if (colon == right.n || !read_port(&out->to_port, brama_str_from(right, colon + 1)))
        return right;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        out->to_host = brama_str_head(brama_str_from(host, 1), host.n - 2);
        return is_ipv6(out->to_host) ? BRAMA_NIL : host;
    }
    out->to_host = host;
    return is_name(host, "-._") ? BRAMA_NIL : right;
}

enum brama_err brama_service_flag_read(struct brama_service_flag *out, brama_str text,
                                       brama_str default_ns, struct brama_diag *diag)
{
    struct brama_where nowhere = {0};
    size_t equals = brama_str_find(text, '=');

    *out = (struct brama_service_flag){0};
    if (equals == text.n) {
        brama_diag_set(diag, nowhere, "\"%.*s\" is not NAME[.NS][:PORT]=HOST:PORT",
                       BRAMA_FMT(text));
        return BRAMA_ERR_SYNTAX;
    }
    brama_str wrong = read_left(out, brama_str_head(text, equals), default_ns);
    if (wrong.p != NULL) {
        brama_diag_set(diag, nowhere, "\"%.*s\" in \"%.*s\" is not NAME[.NS][:PORT]",
                       BRAMA_FMT(wrong), BRAMA_FMT(text));
        return BRAMA_ERR_SYNTAX;
    }
    wrong = read_right(out, brama_str_from(text, equals + 1));
    if (wrong.p != NULL || equals + 1 == text.n) {
        brama_diag_set(diag, nowhere, "\"%.*s\" in \"%.*s\" is not HOST:PORT", BRAMA_FMT(wrong),
                       BRAMA_FMT(text));
        return BRAMA_ERR_SYNTAX;
    }
    return BRAMA_OK;
}

/* A URL's host may be in any case; names of objects are lower case. */
static brama_str key_of(char *out, brama_str ns, brama_str name)
{
    const brama_str parts[] = {ns, BRAMA_STR("/"), name};
    size_t n = 0;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(parts); i++)
        for (size_t k = 0; k < parts[i].n; k++)
            out[n++] = brama_char_lower(parts[i].p[k]);
    return (brama_str){out, n};
}

static struct brama__bucket *bucket_of(const struct brama_service_table *t, uint64_t hash)
{
    return &t->buckets[hash & (t->bucket_count - 1)];
}

static bool index_slices(struct brama_service_table *t, struct brama_arena *arena,
                         const struct brama_world *world)
{
    uint32_t n = 0;
    for (const struct brama_endpoint_slice *s = world->slices; s != NULL; s = s->next)
        n++;
    for (t->bucket_count = 1; t->bucket_count < n;)
        t->bucket_count *= 2;
    t->slices = brama_arena_array(arena, n, sizeof(*t->slices));
    t->behind = brama_arena_array(arena, n, sizeof(*t->behind));
    t->buckets = brama_arena_array(arena, t->bucket_count, sizeof(*t->buckets));
    if (t->slices == NULL || t->behind == NULL || t->buckets == NULL)
        return false;
    n = 0;
    for (const struct brama_endpoint_slice *s = world->slices; s != NULL; s = s->next) {
        struct brama__bucket *b = bucket_of(t, s->hash);
        t->slices[n++] = s;
        *(b->last != 0 ? &t->behind[b->last - 1] : &b->first) = n;
        b->last = n;
    }
    return true;
}

enum brama_err brama_service_table_init(struct brama_service_table *out, struct brama_arena *arena,
                                        const struct brama_service_flag *flags, size_t flag_count,
                                        const struct brama_world *world)
{
    *out = (struct brama_service_table){.flags = flags, .flag_count = flag_count, .world = world};
    return world == NULL || index_slices(out, arena, world) ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

/* What a question is about, and where the answers go. */
struct asked {
    brama_str ns, name;
    uint16_t port;
    struct brama_endpoint *out;
    size_t n, max;
};

static void add(struct asked *a, brama_str host, uint16_t port)
{
    if (a->n < a->max)
        a->out[a->n++] = (struct brama_endpoint){host, port};
}

static void from_flags(struct asked *a, const struct brama_service_table *table, uint16_t port)
{
    for (size_t i = 0; i < table->flag_count; i++) {
        const struct brama_service_flag *f = &table->flags[i];
        if (f->port == port && brama_str_eq_nocase(a->name, f->name) &&
            brama_str_eq_nocase(a->ns, f->ns.n != 0 ? f->ns : a->ns))
            add(a, f->to_host, f->to_port);
    }
}

static const struct brama_service_port *find_port(const struct asked *a,
                                                  const struct brama_service *service)
{
    for (size_t i = 0; service != NULL && i < service->port_count; i++)
        if (service->ports[i].port == a->port)
            return &service->ports[i];
    return NULL;
}

/* An EndpointSlice's port carries the name of the Service's and the number behind it. */
static uint16_t slice_port(const struct brama_endpoint_slice *slice,
                           const struct brama_service_port *port, uint16_t asked_port)
{
    for (size_t i = 0; i < slice->port_count; i++)
        if (port != NULL ? brama_str_eq(slice->ports[i].name, port->name)
                         : slice->ports[i].port == asked_port)
            return slice->ports[i].port;
    return 0;
}

static bool is_of(const struct brama_endpoint_slice *slice, const struct asked *a, uint64_t hash)
{
    return slice->hash == hash && brama_str_eq_nocase(slice->service, a->name) &&
           brama_str_eq_nocase(slice->ns, a->ns);
}

static void from_slices(struct asked *a, const struct brama_service_table *table,
                        const struct brama_service_port *port)
{
    uint64_t hash = brama_service_hash(a->ns, a->name);
    for (uint32_t at = bucket_of(table, hash)->first; at != 0; at = table->behind[at - 1]) {
        const struct brama_endpoint_slice *s = table->slices[at - 1];
        uint16_t number = is_of(s, a, hash) ? slice_port(s, port, a->port) : 0;
        for (size_t k = 0; number != 0 && k < s->addresses.n; k++)
            add(a, s->addresses.p[k], number);
    }
}

static void from_objects(struct asked *a, const struct brama_service_table *table, brama_str key)
{
    size_t slash = brama_str_find(key, '/');
    const struct brama_service *service =
        table->world == NULL ? NULL
                             : brama_world_service(table->world, brama_str_head(key, slash),
                                                   brama_str_from(key, slash + 1));
    const struct brama_service_port *port = find_port(a, service);

    if (service != NULL && service->external_name.n != 0) {
        bool targeted = port != NULL && port->target_port != 0;
        add(a, service->external_name, targeted ? port->target_port : a->port);
        return;
    }
    if (table->world != NULL && (service == NULL || port != NULL))
        from_slices(a, table, port);
}

size_t brama_service_endpoints(const struct brama_service_table *table, brama_str ns,
                               brama_str name, uint16_t port, struct brama_endpoint *out,
                               size_t max)
{
    char key[2 * HOST_BYTES + 2];
    struct asked a = {.ns = ns, .name = name, .port = port, .out = out, .max = max};
    if (port != 0)
        from_flags(&a, table, port);
    if (a.n == 0)
        from_flags(&a, table, 0);
    if (a.n == 0 && ns.n <= HOST_BYTES && name.n <= HOST_BYTES)
        from_objects(&a, table, key_of(key, ns, name));
    return a.n;
}

bool brama_service_lookup(void *ctx, brama_str host, uint16_t port, size_t which,
                          brama_str *to_host, uint16_t *to_port)
{
    const struct brama_service_table *table = ctx;
    struct brama_endpoint endpoints[LOOKUP_MAX];

    if (brama_str_ends(host, BRAMA_STR(".")))
        host.n--;
    size_t dot = brama_str_find(host, '.');
    brama_str name = brama_str_head(host, dot), ns = brama_str_from(host, dot + 1);
    dot = brama_str_find(ns, '.');
    brama_str rest = brama_str_from(ns, dot);
    ns = brama_str_head(ns, dot);
    if (name.n == 0 || ns.n == 0 ||
        (rest.n != 0 && !brama_str_eq_nocase(rest, BRAMA_STR(".svc")) &&
         !brama_str_eq_nocase(rest, BRAMA_STR(".svc.cluster.local"))))
        return false;
    if (brama_service_endpoints(table, ns, name, port, endpoints, LOOKUP_MAX) <= which)
        return false;
    *to_host = endpoints[which].host;
    *to_port = endpoints[which].port;
    return true;
}
