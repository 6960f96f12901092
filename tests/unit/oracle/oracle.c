/* The ingress gateway: host, route, destination. istio-jwt.md 4.4 and 4.5. */
#include "oracle.h"

#include <stdlib.h>

#include "evaluate.h"
#include "re2_match.h"
#include "json/read.h"

const struct brama_node *oracle_at(const struct brama_node *node, const char *path)
{
    brama_str rest = brama_str_c(path), name;
    while (node != NULL && brama_str_next(&rest, '.', &name))
        node = brama_node_get(node, name);
    return node;
}

brama_str oracle_text(const struct brama_node *node, const char *path)
{
    const struct brama_node *at = oracle_at(node, path);
    return at != NULL && at->kind == BRAMA_NODE_STR ? at->text : BRAMA_NIL;
}

bool oracle_has_text(const struct brama_node *list, brama_str text)
{
    for (const struct brama_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next)
        if (n->kind == BRAMA_NODE_STR && brama_str_eq(n->text, text))
            return true;
    return false;
}

bool oracle_is_kind(const struct brama_node *object, const char *kind)
{
    return brama_str_eq(oracle_text(object, "kind"), brama_str_c(kind));
}

bool oracle_re2(brama_str regex, brama_str text)
{
    return re2_match(regex.p, regex.n, text.p, text.n) == RE2_YES;
}

const struct oracle_token *oracle_find_token(const struct oracle *o, brama_str text)
{
    for (size_t i = 0; i < o->token_count; i++)
        if (o->tokens[i].claims != NULL && brama_str_eq(o->tokens[i].text, text))
            return &o->tokens[i];
    return NULL;
}

const struct brama_node *oracle_claims(const struct oracle *o, const struct oracle_token *token)
{
    struct brama_node *claims = NULL;
    if (brama_json_parse(&claims, o->arena, brama_str_c(token->claims), &brama_json_limits_token,
                         NULL) != BRAMA_OK)
        abort();
    return claims;
}

double oracle_number(const struct brama_node *claims, const char *name, double otherwise)
{
    const struct brama_node *n = oracle_at(claims, name);
    return n != NULL && n->kind == BRAMA_NODE_INT ? (double)n->integer : otherwise;
}

static bool host_fits(brama_str pattern, brama_str host)
{
    if (!brama_str_starts(pattern, BRAMA_STR("*.")))
        return brama_str_eq_nocase(pattern, host);
    return host.n >= pattern.n && brama_str_ends(host, brama_str_from(pattern, 1));
}

/* Exact before the longest wildcard. */
static const struct brama_node *virtual_service(const struct oracle *o, brama_str host)
{
    const struct brama_node *best = NULL;
    size_t best_n = 0;
    for (const struct brama_node *n = o->objects->first; n != NULL; n = n->next) {
        const struct brama_node *hosts = oracle_at(n, "spec.hosts");
        if (!oracle_is_kind(n, "VirtualService") || !host_fits(hosts->first->text, host))
            continue;
        bool exact = hosts->first->text.p[0] != '*';
        size_t weight = exact ? SIZE_MAX : hosts->first->text.n;
        if (weight > best_n) {
            best = n;
            best_n = weight;
        }
    }
    return best;
}

static bool is_catch_all(const struct brama_node *match)
{
    return oracle_at(match, "method") == NULL &&
           (brama_str_eq(oracle_text(match, "uri.prefix"), BRAMA_STR("/")) ||
            brama_str_eq(oracle_text(match, "uri.regex"), BRAMA_STR(".*")));
}

static bool route_fits(const struct brama_node *match, const struct oracle_request *request)
{
    brama_str path = brama_str_c(request->path), method = oracle_text(match, "method.regex");
    brama_str prefix = oracle_text(match, "uri.prefix");

    if (method.n != 0 && !oracle_re2(method, brama_str_c(request->method)))
        return false;
    return prefix.n != 0 ? brama_str_starts(path, prefix)
                         : oracle_re2(oracle_text(match, "uri.regex"), path);
}

static const struct brama_node *find_route(const struct brama_node *service,
                                           const struct oracle_request *request)
{
    for (int last = 0; last < 2; last++)
        for (const struct brama_node *r = oracle_at(service, "spec.http")->first; r != NULL;
             r = r->next) {
            const struct brama_node *match = oracle_at(r, "match")->first;
            if (is_catch_all(match) == (last == 1) && route_fits(match, request))
                return r;
        }
    return NULL;
}

static void add_label(struct brama_node *map, struct brama_node *label, brama_str key,
                      brama_str value)
{
    *label = (struct brama_node){.kind = BRAMA_NODE_STR, .key = key, .text = value};
    map->first = label;
    map->count = 1;
}

/* The labels of the Pods behind SERVICE.NS.svc.cluster.local: at least those that it selects. */
static const struct brama_node *pods_of(const struct oracle *o, brama_str name, brama_str ns)
{
    for (const struct brama_service *s = o->world->services; s != NULL; s = s->next)
        if (brama_str_eq(s->name, name) && brama_str_eq(s->ns, ns) && s->selector != NULL &&
            s->selector->count != 0)
            return s->selector;
    struct brama_node *map = brama_arena_alloc(o->arena, 2 * sizeof(*map));
    if (map == NULL)
        abort();
    map->kind = BRAMA_NODE_MAP;
    add_label(map, map + 1, BRAMA_STR("app"), name);
    return map;
}

struct oracle_answer oracle_ask(const struct oracle *o, const struct oracle_request *request)
{
    struct oracle_answer no = {.why = "no such host"};
    const struct brama_node *service = virtual_service(o, brama_str_c(request->host));
    if (service == NULL)
        return no;
    const struct brama_node *route = find_route(service, request);
    if (route == NULL) {
        no.why = "no route";
        return no;
    }
    const struct brama_node *to = oracle_at(oracle_at(route, "route")->first, "destination");
    brama_str host = oracle_text(to, "host"), name, ns, rest = host, upstream;
    if (brama_str_starts(host, BRAMA_STR("ory-oathkeeper-proxy."))) {
        no.why = oracle_ask_oathkeeper(o, request, &upstream);
        return no.why != NULL ? no : (struct oracle_answer){true, NULL, upstream};
    }
    brama_str_next(&rest, '.', &name);
    brama_str_next(&rest, '.', &ns);
    no.why = oracle_ask_sidecar(o, request, ns, pods_of(o, name, ns));
    if (no.why != NULL)
        return no;
    long long port = (long long)oracle_at(to, "port.number")->integer;
    return (struct oracle_answer){true, NULL,
                                  brama_arena_printf(o->arena, "%.*s:%lld", BRAMA_FMT(host), port)};
}
