/* Where a request goes, and how long it may take. Nothing but access.c's ALLOW gives an address. */
#include "gateway/gateway.h"
#include "gateway/pool.h"
#include "gateway/slot.h"

#define QUICK_CONNECT_MS 2000 /* the second SYN has been sent by then */

/* A kept connection may be closed by the other side just when the request goes out. What can't be
 * sent a second time (RFC 9110 section 9.2.2), or isn't kept to be sent again, gets a new one. */
static bool is_repeatable(const ngx_http_request_t *r)
{
    return r->headers_in.content_length_n <= 0 && !r->headers_in.chunked &&
           (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_OPTIONS | NGX_HTTP_PUT |
                         NGX_HTTP_DELETE)) != 0;
}

/* In this attempt: where connecting fails at once, u->request_sent still speaks of the last one. */
static bool was_sent(const ngx_http_upstream_t *u)
{
    return u->request_sent && u->peer.connection != NULL;
}

static enum brama_gw_failure failure_of(const ngx_http_upstream_t *u)
{
    const ngx_connection_t *c = u->peer.connection;

    if (!was_sent(u))
        return BRAMA_GW_NOT_CONNECTED;
    /* Neither ended nor failed nor late: it said something that isn't an answer. */
    if (!c->read->eof && !c->read->error && !c->read->timedout && !c->write->error)
        return BRAMA_GW_PROTOCOL_ERROR;
    return BRAMA_GW_TERMINATED;
}

/* The next one that this request hasn't tried; one that isn't known to be down first. */
static void choose_address(struct brama_shun *shun, struct brama_gw_ctx *ctx)
{
    size_t passed_over = ctx->address_count;

    for (size_t i = 0; i < ctx->address_count; i++) {
        size_t at = (ctx->address_next + i) % ctx->address_count;
        const struct brama_gw_address *a = &ctx->addresses[at];
        if (a->failed)
            continue;
        if (brama_shun_may_use(shun, &a->sa, a->len, ngx_current_msec)) {
            ctx->address_next = at;
            return;
        }
        if (passed_over == ctx->address_count)
            passed_over = at;
    }
    if (passed_over != ctx->address_count)
        ctx->address_next = passed_over;
}

/* With another address to turn to, one that keeps silent is soon left. False: no memory. */
static bool be_quick(ngx_http_request_t *r)
{
    ngx_http_upstream_t *u = r->upstream;
    ngx_http_upstream_conf_t *quick = ngx_palloc(r->pool, sizeof(*quick));

    if (quick == NULL)
        return false;
    *quick = *u->conf; /* which is everybody's */
    quick->connect_timeout = QUICK_CONNECT_MS;
    u->conf = quick;
    return true;
}

static ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_request_t *r = data;
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    choose_address(&brama_gw_slot(r)->shun, ctx);
    if (pc->tries == 1)
        r->upstream->conf = ctx->upstream_conf;
    struct brama_gw_address *a = &ctx->addresses[ctx->address_next];
    pc->sockaddr = &a->sa.any;
    pc->socklen = a->len;
    pc->name = &a->name;
    pc->cached = 0;
    pc->connection = NULL;
    /* After one stale connection the others are likely stale too: the next try opens a new one. */
    if (ctx->no_reuse || !is_repeatable(r))
        return NGX_OK;
    struct brama_pool_end end = {.address = &a->sa.any, .len = a->len};
    ngx_connection_t *c = brama_pool_take(brama_gw_slot(r)->pool, &end, pc->log);
    if (c == NULL)
        return NGX_OK;
    pc->connection = c;
    pc->cached = 1;
    return NGX_DONE;
}

/* Only what can't be connected to is down: what was said after that is the request's matter. */
static void note_health(struct brama_shun *shun, ngx_http_request_t *r, ngx_uint_t state)
{
    const struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    const struct brama_gw_address *a = &ctx->addresses[ctx->address_next];

    if (was_sent(r->upstream))
        brama_shun_works(shun, &a->sa, a->len);
    else if ((state & NGX_PEER_FAILED) != 0)
        brama_shun_failed(shun, &a->sa, a->len, ngx_current_msec);
}

/* Its head is with the client, its end never came, and it wasn't the client who left. nginx counts
 * u->length down to 0; -1: the connection's end is the answer's. */
static bool is_cut(const ngx_http_request_t *r)
{
    const ngx_http_upstream_t *u = r->upstream;
    const ngx_connection_t *c = u->peer.connection;

    if (!u->header_sent || u->upgrade || r->connection->error || c == NULL)
        return false;
    return u->length > 0 || (u->length == -1 && c->read->error);
}

static void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_http_request_t *r = data;
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    ngx_http_upstream_t *u = r->upstream;

    if (pc->tries != 0)
        pc->tries--;
    note_health(&brama_gw_slot(r)->shun, r, state);
    if ((state & NGX_PEER_FAILED) != 0) {
        ctx->no_reuse = true;
        ctx->failure = failure_of(u);
        /* Istio's default: only what was never sent is tried elsewhere. A kept connection that was
         * closed under us says nothing about its address. */
        if (!pc->cached) {
            ctx->addresses[ctx->address_next].failed = true;
            ctx->address_next = (ctx->address_next + 1) % ctx->address_count;
        }
        if (was_sent(u) && !pc->cached)
            pc->tries = 0;
        return;
    }
    if (pc->connection == NULL)
        return;
    ctx->answer_cut = is_cut(r);
    if (ctx->deadline.timer_set)
        ngx_del_timer(&ctx->deadline);
    /* Only after an answer that was read to its end, to a request that was sent to its end. */
    struct brama_pool_end end = {.address = pc->sockaddr, .len = pc->socklen};
    if (u->keepalive && u->request_body_sent &&
        brama_pool_give(brama_gw_slot(r)->pool, pc->connection, &end))
        pc->connection = NULL;
}

/* The whole answer takes too long: Istio's route timeout, which no drip extends. */
static void on_deadline(ngx_event_t *ev)
{
    ngx_http_request_t *r = ev->data;
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    ngx_http_upstream_t *u = r->upstream;

    if (ctx == NULL || u == NULL || u->peer.connection == NULL || u->upgrade)
        return;
    ctx->deadline_fired = true;
    u->peer.tries = 0;
    ngx_event_t *read = u->peer.connection->read;
    read->timedout = 1;
    read->handler(read); /* r may be gone behind this */
}

static void on_request_end(void *data)
{
    struct brama_gw_ctx *ctx = data;

    if (ctx->deadline.timer_set)
        ngx_del_timer(&ctx->deadline);
}

static void start_deadline(struct brama_gw_ctx *ctx)
{
    if (ctx->timeout_ms != 0 && !ctx->deadline.timer_set)
        ngx_add_timer(&ctx->deadline, ctx->timeout_ms);
}

void brama_gw_body_done(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    ctx->body_done = true;
    if (r->upstream != NULL && ctx->deadline.handler != NULL)
        start_deadline(ctx);
}

static ngx_int_t init_peer(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    ngx_peer_connection_t *pc = &r->upstream->peer;

    (void)us;
    if (ctx == NULL || ctx->verdict != BRAMA_VERDICT_ALLOW || ctx->address_count == 0) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "brama: a request without an ALLOW wants to go upstream");
        return NGX_ERROR;
    }
    pc->data = r;
    pc->get = get_peer;
    pc->free = free_peer;
    pc->tries = ctx->address_count;
    pc->set_session = NULL;
    pc->save_session = NULL;
    ctx->upstream_conf = r->upstream->conf;
    if (ctx->address_count > 1 && !be_quick(r))
        return NGX_ERROR;
    brama_gw_answer_watch(r, ctx);

    ngx_pool_cleanup_t *end = ngx_pool_cleanup_add(r->pool, 0);
    if (end == NULL)
        return NGX_ERROR;
    end->handler = on_request_end;
    end->data = ctx;
    ctx->deadline.handler = on_deadline;
    ctx->deadline.data = r;
    ctx->deadline.log = r->connection->log;
    ctx->upstream_started = ngx_current_msec;
    if (ctx->body_done || (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked))
        start_deadline(ctx);
    return NGX_OK;
}

static ngx_int_t init_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    (void)cf;
    us->peer.init = init_peer;
    return NGX_OK;
}

char *brama_gw_upstream_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    (void)cmd;
    (void)conf;
    return brama_gw_upstream_by(cf, init_upstream);
}

char *brama_gw_upstream_by(ngx_conf_t *cf, ngx_http_upstream_init_pt init)
{
    ngx_http_upstream_srv_conf_t *us =
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    us->peer.init_upstream = init;
    us->flags = NGX_HTTP_UPSTREAM_CREATE;
    /* nginx refuses an upstream without a server; this one is never used. */
    ngx_http_upstream_server_t *server = ngx_array_push(us->servers);
    if (server == NULL)
        return NGX_CONF_ERROR;
    ngx_memzero(server, sizeof(*server));
    return NGX_CONF_OK;
}
