/* A table of ends, each with a stack of idle connections; one queue over all, oldest last. */
#include "gateway/pool.h"

#include <stdlib.h>
#include <sys/socket.h>

#define BUCKETS 1024 /* a power of two */

struct item {
    ngx_queue_t age;   /* in pool->ages, or in pool->free */
    ngx_queue_t stack; /* in its host's */
    struct brama_pool *pool;
    struct host *host;
    ngx_connection_t *connection;
};

/* One end that has idle connections. */
struct host {
    ngx_queue_t bucket; /* in pool->buckets[], or in pool->free_hosts */
    ngx_queue_t stack;
    unsigned count;
    socklen_t len;
    bool tls;
    size_t name_n;
    char name[BRAMA_POOL_NAME_MAX];
    union {
        struct sockaddr_in6 largest;
        u_char bytes[sizeof(struct sockaddr_in6)];
    } address;
};

struct brama_pool {
    ngx_queue_t ages, free, free_hosts;
    ngx_queue_t buckets[BUCKETS];
    struct item items[BRAMA_POOL_MAX];
    struct host hosts[BRAMA_POOL_MAX]; /* each has an item at least */
};

struct brama_pool *brama_pool_new(void)
{
    struct brama_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return NULL;
    ngx_queue_init(&pool->ages);
    ngx_queue_init(&pool->free);
    ngx_queue_init(&pool->free_hosts);
    for (size_t i = 0; i < BUCKETS; i++) { /* ngx_queue_init is two statements */
        ngx_queue_init(&pool->buckets[i]);
    }
    for (size_t i = 0; i < BRAMA_POOL_MAX; i++) {
        ngx_queue_insert_tail(&pool->free, &pool->items[i].age);
        ngx_queue_insert_tail(&pool->free_hosts, &pool->hosts[i].bucket);
    }
    return pool;
}

static uint32_t add_to_hash(uint32_t hash, const void *bytes, size_t n)
{
    const u_char *p = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

static bool is_host(const struct host *host, const struct brama_pool_end *end)
{
    return host->len == end->len && memcmp(host->address.bytes, end->address, end->len) == 0 &&
           host->tls == end->tls && brama_str_eq((brama_str){host->name, host->name_n}, end->name);
}

static struct host *find_host(struct brama_pool *pool, const struct brama_pool_end *end,
                              ngx_queue_t **bucket)
{
    uint32_t hash = add_to_hash(2166136261u, end->address, end->len);

    hash = add_to_hash(hash ^ end->tls, end->name.p, end->name.n);
    *bucket = &pool->buckets[(hash ^ (hash >> 16)) & (BUCKETS - 1)];
    for (ngx_queue_t *q = ngx_queue_head(*bucket); q != ngx_queue_sentinel(*bucket);
         q = ngx_queue_next(q)) {
        struct host *host = ngx_queue_data(q, struct host, bucket);
        if (is_host(host, end))
            return host;
    }
    return NULL;
}

/* Take the item out of the table; its connection is the caller's then. */
static ngx_connection_t *unlink_item(struct brama_pool *pool, struct item *item)
{
    ngx_connection_t *c = item->connection;
    struct host *host = item->host;

    ngx_queue_remove(&item->stack);
    ngx_queue_remove(&item->age);
    ngx_queue_insert_head(&pool->free, &item->age);
    item->connection = NULL;
    if (--host->count == 0) {
        ngx_queue_remove(&host->bucket);
        ngx_queue_insert_head(&pool->free_hosts, &host->bucket);
    }
    return c;
}

static void close_connection(ngx_connection_t *c)
{
    if (c->ssl != NULL) { /* nobody waits for goodbyes */
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void)ngx_ssl_shutdown(c);
    }
    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}

/* Nothing may come on an idle connection: bytes or an end, it is of no use any more. */
static bool is_quiet(ngx_connection_t *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && ngx_socket_errno == NGX_EAGAIN;
}

static void on_idle_read(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    struct item *item = c->data;

    if (!c->close && !ev->timedout && is_quiet(c)) {
        ev->ready = 0;
        if (ngx_handle_read_event(ev, 0) == NGX_OK)
            return;
    }
    close_connection(unlink_item(item->pool, item));
}

static void on_idle_write(ngx_event_t *ev)
{
    (void)ev;
}

static void set_log(ngx_connection_t *c, ngx_log_t *log)
{
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->pool->log = log;
}

ngx_connection_t *brama_pool_take(struct brama_pool *pool, const struct brama_pool_end *end,
                                  ngx_log_t *log)
{
    ngx_queue_t *bucket;
    struct host *host;

    /* The host goes away with its last item, so it is looked up anew. */
    while ((host = find_host(pool, end, &bucket)) != NULL) {
        struct item *item = ngx_queue_data(ngx_queue_head(&host->stack), struct item, stack);
        ngx_connection_t *c = unlink_item(pool, item);
        if (!is_quiet(c)) {
            close_connection(c);
            continue;
        }
        c->idle = 0;
        c->sent = 0;
        c->data = NULL;
        set_log(c, log);
        if (c->read->timer_set)
            ngx_del_timer(c->read);
        return c;
    }
    return NULL;
}

static struct host *need_host(struct brama_pool *pool, const struct brama_pool_end *end)
{
    ngx_queue_t *bucket;
    struct host *host = find_host(pool, end, &bucket);

    if (host != NULL)
        return host;
    ngx_queue_t *q = ngx_queue_head(&pool->free_hosts); /* as many as items: never empty here */
    ngx_queue_remove(q);
    host = ngx_queue_data(q, struct host, bucket);
    memcpy(host->address.bytes, end->address, end->len);
    host->len = end->len;
    host->tls = end->tls;
    host->name_n = end->name.n;
    if (end->name.n != 0)
        memcpy(host->name, end->name.p, end->name.n);
    host->count = 0;
    ngx_queue_init(&host->stack);
    ngx_queue_insert_head(bucket, &host->bucket);
    return host;
}

static void close_oldest(struct brama_pool *pool, ngx_queue_t *q, size_t offset)
{
    struct item *item = (struct item *)(void *)((u_char *)q - offset);

    close_connection(unlink_item(pool, item));
}

static bool is_fit(ngx_connection_t *c, const struct brama_pool_end *end)
{
    return end->len <= sizeof(struct sockaddr_in6) && end->name.n <= BRAMA_POOL_NAME_MAX &&
           !c->read->eof && !c->read->error && !c->read->timedout && !c->write->error &&
           !c->write->timedout && (c->ssl != NULL) == end->tls &&
           c->requests < BRAMA_POOL_REQUESTS_MAX && !ngx_terminate && !ngx_exiting &&
           ngx_handle_read_event(c->read, 0) == NGX_OK;
}

bool brama_pool_give(struct brama_pool *pool, ngx_connection_t *c, const struct brama_pool_end *end)
{
    ngx_queue_t *bucket;

    if (!is_fit(c, end))
        return false;
    if (ngx_queue_empty(&pool->free))
        close_oldest(pool, ngx_queue_last(&pool->ages), offsetof(struct item, age));
    struct host *host = find_host(pool, end, &bucket);
    if (host != NULL && host->count >= BRAMA_POOL_MAX_EACH)
        close_oldest(pool, ngx_queue_last(&host->stack), offsetof(struct item, stack));

    host = need_host(pool, end);
    ngx_queue_t *q = ngx_queue_head(&pool->free);
    ngx_queue_remove(q);
    struct item *item = ngx_queue_data(q, struct item, age);
    item->pool = pool;
    item->host = host;
    item->connection = c;
    host->count++;
    ngx_queue_insert_head(&host->stack, &item->stack);
    ngx_queue_insert_head(&pool->ages, &item->age);

    c->read->delayed = 0;
    ngx_add_timer(c->read, BRAMA_POOL_IDLE_MS);
    if (c->write->timer_set)
        ngx_del_timer(c->write);
    c->read->handler = on_idle_read;
    c->write->handler = on_idle_write;
    c->data = item;
    c->idle = 1;
    set_log(c, ngx_cycle->log);
    if (c->read->ready)
        on_idle_read(c->read);
    return true;
}

void brama_pool_free(struct brama_pool *pool)
{
    if (pool == NULL)
        return;
    while (!ngx_queue_empty(&pool->ages))
        close_oldest(pool, ngx_queue_last(&pool->ages), offsetof(struct item, age));
    free(pool);
}
