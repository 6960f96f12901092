/* Hosts with their routes, and which TLS server a name leads to. */
#include "policy/build.h"

static int by_name(const void *a, const void *b, const void *ctx)
{
    const struct brama__host_key *x = a, *y = b;
    const struct brama__build *build = ctx;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(x->head); i++)
        if (x->head[i] != y->head[i])
            return x->head[i] < y->head[i] ? -1 : 1;
    const struct brama_p_host *p = brama_packer_at(build->out, BRAMA_T_HOST, x->row),
                              *q = brama_packer_at(build->out, BRAMA_T_HOST, y->row);
    int d = brama_str_cmp(brama_packer_stored(build->out, p->name),
                          brama_packer_stored(build->out, q->name));
    return d != 0 ? d : (int)y->exact - (int)x->exact;
}

static bool same_name(const struct brama__build *b, uint32_t x, uint32_t y)
{
    const struct brama_p_host *p = brama_packer_at(b->out, BRAMA_T_HOST, x),
                              *q = brama_packer_at(b->out, BRAMA_T_HOST, y);
    return brama_packer_same_text(b->out, p->name, q->name);
}

/* Of those with one name the first counts. */
static bool order_hosts(struct brama__build *b)
{
    const struct brama__host_key *keys = b->hosts.p;
    uint32_t *order = brama_arena_array(&b->arena, b->hosts.n, sizeof(*order));
    uint32_t n = 0;

    if (order == NULL || !brama_sort(b->hosts.p, b->hosts.n, sizeof(*keys), by_name, b, &b->arena))
        return false;
    for (size_t i = 0; i < b->hosts.n; i++)
        if (n == 0 || !same_name(b, order[n - 1], keys[i].row))
            order[n++] = keys[i].row;
    return brama_packer_choose(b->out, BRAMA_T_HOST, order, n);
}

struct server_draft {
    brama_str name;
    uint32_t server;
};

static int by_server_name(const void *a, const void *b, const void *ctx)
{
    (void)ctx;
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
    const struct server_draft *drafts = list.p;
    if (!brama_sort(list.p, list.n, sizeof(*drafts), by_server_name, NULL, &b->arena))
        b->err = BRAMA_ERR_NOMEM;
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
    if (!order_hosts(b))
        b->err = BRAMA_ERR_NOMEM;
    else
        add_servers(b);
}
