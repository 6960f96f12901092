/* Istio Gateways: read, found by an APIRule's reference, and met with its host. istio-jwt.md 4.4,
 * apirule.md 7.3. The built-in kyma-system/kyma-gateway has *.DOMAIN on both listeners. */
#include "rule/judging.h"
#include "rule/pattern.h"
#include "rule/worlding.h"

static const brama_str kyma_ns = BRAMA_LIT("kyma-system"), kyma_name = BRAMA_LIT("kyma-gateway");

static bool is_any_of(brama_str s, const brama_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq_nocase(s, list[i]))
            return true;
    return false;
}

/* Whose host is reached where; NULL, or why the server isn't. The default of tls.mode is
 * PASSTHROUGH, as in Istio. */
static const char *read_listener(struct brama_gateway_server *server, brama_str protocol,
                                 const struct brama_node *tls)
{
    static const brama_str plain[] = {BRAMA_LIT("HTTP"), BRAMA_LIT("HTTP2"), BRAMA_LIT("GRPC"),
                                      BRAMA_LIT("GRPC-WEB")};
    const struct brama_node *redirect = brama_node_get(tls, BRAMA_STR("httpsRedirect"));

    if (is_any_of(protocol, plain, BRAMA_ARRAY_LEN(plain))) {
        server->redirect = redirect != NULL && redirect->kind == BRAMA_NODE_BOOL && redirect->truth;
        server->listener = BRAMA_LISTENER_PLAIN;
        return NULL;
    }
    if (!brama_str_eq_nocase(protocol, BRAMA_STR("HTTPS")))
        return "a protocol other than HTTP and HTTPS";
    if (!brama_str_eq(brama_node_get_str(tls, BRAMA_STR("mode")), BRAMA_STR("SIMPLE")))
        return "a tls.mode other than SIMPLE";
    server->credential = brama_node_get_str(tls, BRAMA_STR("credentialName"));
    if (server->credential.n == 0)
        return "tls without credentialName";
    server->listener = BRAMA_LISTENER_TLS;
    return NULL;
}

/* "[namespace/]host"; false: it isn't one. */
static bool read_host(struct brama_arena *arena, struct brama_gateway_host *out, brama_str text,
                      brama_str gateway_ns)
{
    size_t slash = brama_str_find(text, '/');
    brama_str ns = brama_str_head(text, slash < text.n ? slash : 0);

    out->host = brama_arena_lower(arena, slash < text.n ? brama_str_from(text, slash + 1) : text);
    out->ns = brama_str_eq(ns, BRAMA_STR("*"))   ? BRAMA_NIL
              : brama_str_eq(ns, BRAMA_STR(".")) ? gateway_ns
                                                 : ns;
    brama_str name =
        brama_str_starts(out->host, BRAMA_STR("*.")) ? brama_str_from(out->host, 2) : out->host;
    return brama_str_eq(name, BRAMA_STR("*")) || brama__is_subdomain(name);
}

static void complain(struct brama_world *world, struct brama_where where, size_t i,
                     const char *what)
{
    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, where,
                       brama_code_name(BRAMA_CODE_GATEWAY_SERVER),
                       brama_arena_printf(world->arena, ".spec.servers[%zu]", i),
                       brama_arena_printf(world->arena, BRAMA__TEXT_SERVER, what));
}

/* A server with anything wrong serves nobody. */
static void read_server(struct brama_world *world, struct brama_gateway_server *server,
                        const struct brama_node *node, brama_str gateway_ns, size_t i)
{
    const struct brama_node *port = brama_node_get(node, BRAMA_STR("port"));
    const struct brama_node *list = brama_node_get(node, BRAMA_STR("hosts"));
    bool known = true;

    server->where = node->where;
    server->is_https =
        brama_str_eq_nocase(brama_node_get_str(port, BRAMA_STR("protocol")), BRAMA_STR("HTTPS"));
    if (list != NULL && list->kind == BRAMA_NODE_LIST && list->count != 0)
        server->hosts = brama_arena_array(world->arena, list->count, sizeof(*server->hosts));
    for (const struct brama_node *item = server->hosts != NULL ? list->first : NULL; item != NULL;
         item = item->next)
        known =
            item->kind == BRAMA_NODE_STR &&
            read_host(world->arena, &server->hosts[server->host_count++], item->text, gateway_ns) &&
            known;
    const char *wrong = read_listener(server, brama_node_get_str(port, BRAMA_STR("protocol")),
                                      brama_node_get(node, BRAMA_STR("tls")));
    if (wrong == NULL && (server->host_count == 0 || !known))
        wrong = "hosts that are none";
    if (wrong == NULL)
        return;
    server->listener = BRAMA_LISTENER_NONE;
    complain(world, node->where, i, wrong);
}

void brama__add_gateway(struct brama_world *world, const struct brama__object *o)
{
    const struct brama_node *list =
        brama_node_get(brama_node_get(o->doc, BRAMA_STR("spec")), BRAMA_STR("servers"));
    struct brama_gateway *gateway = brama_arena_alloc(world->arena, sizeof(*gateway));
    size_t count = list != NULL && list->kind == BRAMA_NODE_LIST ? list->count : 0;

    if (gateway == NULL)
        return;
    *gateway =
        (struct brama_gateway){.ns = o->ns, .name = o->name, .doc = o->doc, .where = o->doc->where};
    gateway->servers =
        count != 0 ? brama_arena_array(world->arena, count, sizeof(*gateway->servers)) : NULL;
    for (const struct brama_node *item = gateway->servers != NULL ? list->first : NULL;
         item != NULL; item = item->next, gateway->server_count++)
        read_server(world, &gateway->servers[gateway->server_count], item, o->ns,
                    gateway->server_count);
    if (world->last_gateway != NULL)
        world->last_gateway->next = gateway;
    else
        world->gateways = gateway;
    world->last_gateway = gateway;
}

static const struct brama_gateway *gateway_named(const struct brama_world *world, brama_str ns,
                                                 brama_str name)
{
    for (const struct brama_gateway *g = world->gateways; g != NULL; g = g->next)
        if (brama_str_eq(g->name, name) && brama_str_eq(g->ns, ns))
            return g;
    return NULL;
}

/* "ns/name", "name" in the rule's namespace, or "name.ns" with what a cluster may put behind it. */
static void split_reference(const struct brama_apirule *rule, brama_str *ns, brama_str *name)
{
    brama_str ref = rule->gateway;
    size_t slash = brama_str_find(ref, '/'), dot = brama_str_find(ref, '.');

    *ns = rule->ns;
    *name = ref;
    if (slash < ref.n) {
        *ns = brama_str_head(ref, slash);
        *name = brama_str_from(ref, slash + 1);
    } else if (dot < ref.n) {
        *name = brama_str_head(ref, dot);
        ref = brama_str_from(ref, dot + 1);
        *ns = brama_str_head(ref, brama_str_find(ref, '.'));
    }
}

void brama__find_gateway(struct brama__judging *j)
{
    brama_str ns, name;

    split_reference(j->rule, &ns, &name);
    j->gateway = gateway_named(j->world, ns, name);
    j->built_in = j->gateway == NULL && brama_str_eq(ns, kyma_ns) && brama_str_eq(name, kyma_name);
}

static brama_str without_star(brama_str host)
{
    return brama_str_starts(host, BRAMA_STR("*.")) ? brama_str_from(host, 2) : BRAMA_NIL;
}

/* Every server has one host, the same everywhere, and that is "*.DOMAIN". apirule.md 3.3. */
static brama_str only_domain(const struct brama_gateway *gateway)
{
    brama_str host = BRAMA_NIL;

    for (size_t i = 0; i < gateway->server_count; i++) {
        const struct brama_gateway_server *s = &gateway->servers[i];
        if (s->host_count != 1 || (i != 0 && !brama_str_eq(s->hosts[0].host, host)))
            return BRAMA_NIL;
        host = s->hosts[0].host;
    }
    return without_star(host);
}

brama_str brama__default_domain(struct brama__judging *j, brama_str *error)
{
    const struct brama_gateway *kyma = gateway_named(j->world, kyma_ns, kyma_name);
    const struct brama_gateway_server *https = NULL;
    size_t count = 0;

    *error = BRAMA_NIL;
    if (kyma == NULL)
        return j->domain;
    for (size_t i = 0; i < kyma->server_count; i++)
        if (kyma->servers[i].is_https && count++ == 0)
            https = &kyma->servers[i];
    if (count != 1) {
        *error = brama_arena_printf(j->arena, BRAMA__TEXT_KYMA_SERVERS, count);
        return BRAMA_NIL;
    }
    if (https->host_count != 1) {
        *error = brama_arena_printf(j->arena, BRAMA__TEXT_KYMA_HOSTS, https->host_count);
        return BRAMA_NIL;
    }
    brama_str host = https->hosts[0].host;
    if (!brama_str_starts(host, BRAMA_STR("*.")))
        *error = brama_arena_printf(j->arena, BRAMA__TEXT_KYMA_STAR, BRAMA_FMT(host));
    else if (host.n == 2)
        *error = brama_arena_printf(j->arena, BRAMA__TEXT_KYMA_DOMAIN, BRAMA_FMT(host));
    return error->n == 0 ? without_star(host) : BRAMA_NIL;
}

brama_str brama__rule_domain(struct brama__judging *j)
{
    brama_str ignored;

    if (brama_api_is_v1(j->rule->version))
        return brama__default_domain(j, &ignored);
    if (j->gateway != NULL)
        return only_domain(j->gateway);
    return j->built_in ? j->domain : BRAMA_NIL;
}

/* The narrower of the two, if one of them covers the other. */
static brama_str meet(brama_str host, brama_str other)
{
    if (brama_str_eq(other, BRAMA_STR("*")) || brama_str_eq(host, other))
        return host;
    if (brama_str_starts(other, BRAMA_STR("*.")) && brama_str_ends(host, brama_str_from(other, 1)))
        return host;
    if (brama_str_starts(host, BRAMA_STR("*.")) && brama_str_ends(other, brama_str_from(host, 1)))
        return other;
    return BRAMA_NIL;
}

static void add_entry(struct brama_entry *entries, size_t *count, brama_str host,
                      const struct brama_gateway_server *server)
{
    size_t i = 0;

    while (i < *count && !brama_str_eq(entries[i].host, host))
        i++;
    if (i == *count)
        entries[(*count)++] = (struct brama_entry){.host = host};
    entries[i].plain = entries[i].plain || server->listener == BRAMA_LISTENER_PLAIN;
    entries[i].tls = entries[i].tls || server->listener == BRAMA_LISTENER_TLS;
    entries[i].redirect = entries[i].redirect || server->redirect;
}

static size_t host_count(const struct brama_gateway *gateway)
{
    size_t n = 0;

    for (size_t i = 0; gateway != NULL && i < gateway->server_count; i++)
        n += gateway->servers[i].host_count;
    return n;
}

void brama__find_entries(struct brama__judging *j)
{
    brama_str full = j->rule->full_host;
    struct brama_entry *entries =
        brama_arena_array(j->arena, host_count(j->gateway) + 1, sizeof(*entries));
    size_t count = 0;

    j->rule->entries = entries;
    j->rule->entry_count = 0;
    if (entries == NULL || full.n == 0)
        return;
    if (j->built_in) {
        brama_str host = meet(full, BRAMA_JOIN(j->arena, BRAMA_STR("*."), j->domain));
        if (j->domain.n != 0 && host.n != 0)
            entries[count++] = (struct brama_entry){.host = host, .plain = true, .tls = true};
    }
    for (size_t i = 0; j->gateway != NULL && i < j->gateway->server_count; i++) {
        const struct brama_gateway_server *s = &j->gateway->servers[i];
        for (size_t k = 0; s->listener != BRAMA_LISTENER_NONE && k < s->host_count; k++) {
            brama_str host = meet(full, s->hosts[k].host);
            bool open = s->hosts[k].ns.n == 0 || brama_str_eq(s->hosts[k].ns, j->rule->ns);
            if (open && host.n != 0)
                add_entry(entries, &count, host, s);
        }
    }
    j->rule->entry_count = count;
}

const struct brama_secret *brama_world_certificate(const struct brama_world *world,
                                                   const struct brama_gateway *gateway,
                                                   const struct brama_gateway_server *server)
{
    const struct brama_secret *own = NULL;

    for (const struct brama_secret *s = world->secrets; s != NULL; s = s->next) {
        if (s->cert_pem.n == 0 || !brama_str_eq(s->name, server->credential))
            continue;
        if (brama_str_eq(s->ns, BRAMA_STR("istio-system")))
            return s;
        if (brama_str_eq(s->ns, gateway->ns))
            own = s;
    }
    return own;
}

static void warn_secrets(struct brama_world *world, const struct brama_gateway *g)
{
    for (size_t i = 0; i < g->server_count; i++) {
        const struct brama_gateway_server *s = &g->servers[i];
        if (!g->elsewhere && s->listener == BRAMA_LISTENER_TLS &&
            brama_world_certificate(world, g, s) == NULL)
            brama_findings_add(
                &world->findings, BRAMA_SEVERITY_WARNING, s->where,
                brama_code_name(BRAMA_CODE_NO_SECRET),
                brama_arena_printf(world->arena, ".spec.servers[%zu].tls.credentialName", i),
                brama_arena_printf(world->arena, BRAMA__TEXT_NO_SECRET, BRAMA_FMT(s->credential),
                                   BRAMA_FMT(g->ns)));
    }
}

void brama__warn_gateways(struct brama_world *world)
{
    for (const struct brama_gateway *g = world->gateways; g != NULL; g = g->next)
        warn_secrets(world, g);
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        if (r->judged.valid && r->entry_count == 0)
            brama_findings_add(&world->findings, BRAMA_SEVERITY_WARNING, r->where,
                               brama_code_name(BRAMA_CODE_NO_ENTRY),
                               brama_api_is_v1(r->version) ? BRAMA_STR(".spec.host")
                                                           : BRAMA_STR(".spec.hosts[0]"),
                               brama_arena_printf(world->arena, BRAMA__TEXT_NO_ENTRY,
                                                  BRAMA_FMT(r->gateway), BRAMA_FMT(r->full_host)));
}
