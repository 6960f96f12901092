/* Hosts with their routes, and which TLS server a name leads to. */
#include "policy/build.h"

#include <stdlib.h>

struct host_draft {
    const struct brama__served *served;
    bool exact; /* the form has no other host: it goes before a wildcard's share of the same name */
    size_t order;
    struct brama_span routes;
};

static int by_name(const void *a, const void *b)
{
    const struct host_draft *x = a, *y = b;
    int d = brama_str_cmp(x->served->name, y->served->name);
    if (d == 0)
        d = (int)y->exact - (int)x->exact;
    return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

/* Routes of drafts first.. of the host that they share; *first is behind them afterwards. */
static struct brama_span add_routes(struct brama__build *b, size_t *first)
{
    const struct brama__draft *drafts = b->drafts.p;
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_ROUTE), 0};
    size_t end = *first;

    while (end < b->drafts.n && brama_str_eq(drafts[end].host, drafts[*first].host))
        end++;
    for (int last = 0; last <= 1; last++)
        for (size_t i = *first; i < end; i++)
            if (drafts[i].last == (last == 1)) {
                brama_packer_row(b->out, BRAMA_T_ROUTE, &drafts[i].row, sizeof(drafts[i].row));
                span.count++;
            }
    *first = end;
    return span;
}

/* The drafts of a form stand together, as do its served hosts; both in the order of the forms. */
static void add_hosts(struct brama__build *b)
{
    const struct brama__draft *drafts = b->drafts.p;
    const struct brama__served *served = b->served.p;
    struct host_draft *hosts = brama_arena_array(&b->arena, b->served.n + 1, sizeof(*hosts));
    size_t n = 0;

    for (size_t i = 0; hosts != NULL && i < b->drafts.n && n < b->served.n;) {
        brama_str host = drafts[i].host;
        if (!brama_str_eq(served[n].form_host, host)) {
            i++; /* of a form that nobody reaches */
            continue;
        }
        struct brama_span routes = add_routes(b, &i);
        for (; n < b->served.n && brama_str_eq(served[n].form_host, host); n++)
            hosts[n] =
                (struct host_draft){&served[n], brama_str_eq(served[n].name, host), n, routes};
    }
    if (n != 0)
        qsort(hosts, n, sizeof(*hosts), by_name);
    for (size_t i = 0; i < n; i++) {
        if (i != 0 && brama_str_eq(hosts[i].served->name, hosts[i - 1].served->name))
            continue;
        struct brama_p_host row = {.name = brama_packer_text(b->out, hosts[i].served->name),
                                   .routes = hosts[i].routes,
                                   .listeners = hosts[i].served->listeners};
        brama_packer_row(b->out, BRAMA_T_HOST, &row, sizeof(row));
    }
}

struct server_draft {
    brama_str name;
    uint32_t server;
};

static int by_server_name(const void *a, const void *b)
{
    const struct server_draft *x = a, *y = b;
    int d = brama_str_cmp(x->name, y->name);
    return d != 0 ? d : (x->server > y->server) - (x->server < y->server);
}

static struct server_draft *next_draft(struct brama__build *b, struct brama__list *list)
{
    return brama__list_add(b, list, sizeof(struct server_draft));
}

static void add_server(struct brama__build *b, struct brama__list *list,
                       const struct brama_gateway_server *server, uint32_t number)
{
    for (size_t i = 0; i < server->host_count; i++) {
        struct server_draft *d = next_draft(b, list);
        if (d != NULL)
            *d = (struct server_draft){server->hosts[i].host, number};
    }
}

/* Of two servers with one name the first counts. */
static void add_servers(struct brama__build *b)
{
    struct brama__list list = {0};
    uint32_t number = 0;

    for (const struct brama_gateway *g = b->in->world->gateways; g != NULL; g = g->next)
        for (size_t i = 0; i < g->server_count; i++)
            if (g->servers[i].listener == BRAMA_LISTENER_TLS)
                add_server(b, &list, &g->servers[i], ++number);
    if (list.n != 0)
        qsort(list.p, list.n, sizeof(struct server_draft), by_server_name);
    const struct server_draft *drafts = list.p;
    for (size_t i = 0; i < list.n; i++) {
        if (i != 0 && brama_str_eq(drafts[i].name, drafts[i - 1].name))
            continue;
        struct brama_p_server_name row = {.name = brama_packer_text(b->out, drafts[i].name),
                                          .server = drafts[i].server};
        brama_packer_row(b->out, BRAMA_T_SERVER_NAME, &row, sizeof(row));
    }
}

void brama__build_hosts(struct brama__build *b)
{
    add_hosts(b);
    add_servers(b);
}
