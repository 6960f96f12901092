#include "gateway/early.h"

#include "gateway/slot.h"

#define ROOM_FIRST 4096 /* bytes; doubled as they come */

/* In r->pool. */
struct brama_gw_early {
    struct brama_slot *slot;
    u_char *bytes;
    size_t n, room, wanted;
    bool begun;    /* nginx has called back: its reader is ready to be driven */
    bool starting; /* nginx's first call isn't over yet */
    bool reading;  /* the access phase waits */
    bool whole, no_room;
    ngx_http_handler_pt proxy; /* the location's own */
};

static bool has_body(const ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}

void brama_gw_early_view(struct brama_request_body *out, ngx_http_request_t *r,
                         const struct brama_gw_ctx *ctx)
{
    const struct brama_gw_early *e = ctx->early;

    *out = (struct brama_request_body){.state = BRAMA_BODY_NONE};
    if (e == NULL && !has_body(r))
        return;
    /* nginx counts the length of a chunked one as it reads. */
    if (!r->headers_in.chunked)
        out->length = r->headers_in.content_length_n;
    out->state = BRAMA_BODY_COMING;
    if (e == NULL)
        return;
    out->state = e->no_room ? BRAMA_BODY_NO_ROOM : e->whole ? BRAMA_BODY_WHOLE : BRAMA_BODY_COMING;
    out->bytes = (brama_str){(const char *)e->bytes, e->n};
}

bool brama_gw_early_is_reading(const struct brama_gw_ctx *ctx)
{
    return ctx->early != NULL && ctx->early->reading;
}

static void on_request_end(void *data)
{
    struct brama_gw_early *e = data;

    e->slot->early_bytes -= e->room;
}

/* Room for n bytes more; false: there is none. */
static bool need_room(ngx_http_request_t *r, struct brama_gw_early *e, size_t n)
{
    size_t room = e->room != 0 ? e->room : ROOM_FIRST;

    while (room < e->n + n)
        room *= 2;
    if (room == e->room)
        return true;
    if (e->slot->early_bytes - e->room + room > BRAMA_GW_EARLY_MAX)
        return false;
    u_char *more = ngx_palloc(r->pool, room);
    if (more == NULL)
        return false;
    if (e->n != 0)
        ngx_memcpy(more, e->bytes, e->n);
    if (e->bytes != NULL)
        (void)ngx_pfree(r->pool, e->bytes);
    e->slot->early_bytes += room - e->room;
    e->bytes = more;
    e->room = room;
    return true;
}

/* What nginx has read becomes ours, so that its buffer is free for more. */
static void take(ngx_http_request_t *r, struct brama_gw_early *e)
{
    ngx_chain_t *next;

    for (ngx_chain_t *cl = r->request_body->bufs; cl != NULL; cl = next) {
        size_t n = (size_t)(cl->buf->last - cl->buf->pos);
        if (n != 0 && !e->no_room && !need_room(r, e, n))
            e->no_room = true; /* the request ends with that: what is lost here goes nowhere */
        if (n != 0 && !e->no_room) {
            ngx_memcpy(e->bytes + e->n, cl->buf->pos, n);
            e->n += n;
        }
        cl->buf->pos = cl->buf->last;
        next = cl->next;
        ngx_free_chain(r->pool, cl); /* nginx's macro: cl is void behind it */
    }
    r->request_body->bufs = NULL;
}

static bool is_enough(const struct brama_gw_early *e)
{
    return e->whole || e->no_room || e->n > e->wanted;
}

/* NGX_OK: enough; NGX_AGAIN: later; else a status to end with. */
static ngx_int_t read_on(ngx_http_request_t *r, struct brama_gw_early *e)
{
    for (;;) {
        take(r, e);
        e->whole = !r->reading_body;
        if (is_enough(e))
            return NGX_OK;
        ngx_int_t rc = ngx_http_read_unbuffered_request_body(r);
        if (rc >= NGX_HTTP_SPECIAL_RESPONSE || rc == NGX_ERROR)
            return rc;
        if (r->reading_body && r->request_body->bufs == NULL)
            return NGX_AGAIN;
    }
}

/* The access phase has its turn again; nothing more is read until somebody wants it. */
static void rest(ngx_http_request_t *r, struct brama_gw_early *e)
{
    e->reading = false;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;
    if (r->connection->read->timer_set)
        ngx_del_timer(r->connection->read);
}

/* With these marks nginx would reset the connection, with the answer in it. */
static void refuse_late(ngx_http_request_t *r)
{
    r->connection->timedout = 0;
    r->connection->read->timedout = 0;
    (void)brama_gw_send_refusal(r, brama_gw_ctx(r), BRAMA_REASON_BODY_TIMEOUT);
}

static void on_readable(ngx_http_request_t *r)
{
    struct brama_gw_early *e = brama_gw_ctx(r)->early;
    ngx_int_t rc = read_on(r, e);

    if (rc == NGX_AGAIN)
        return;
    rest(r, e);
    if (rc == NGX_OK)
        ngx_http_core_run_phases(r);
    else if (rc == NGX_HTTP_REQUEST_TIME_OUT)
        refuse_late(r);
    else
        ngx_http_finalize_request(r, rc);
}

/* Called by nginx within its first call, or, where an HTTP/2 body is there already, a little later.
 */
static void on_begun(ngx_http_request_t *r)
{
    struct brama_gw_early *e = brama_gw_ctx(r)->early;

    e->begun = true;
    if (!e->starting)
        on_readable(r);
}

static ngx_int_t wait_for_more(ngx_http_request_t *r, struct brama_gw_early *e)
{
    e->reading = true;
    if (e->begun)
        r->read_event_handler = on_readable; /* else nginx has its own there */
    r->write_event_handler = ngx_http_request_empty_handler;
    return NGX_AGAIN;
}

static ngx_int_t begin(ngx_http_request_t *r, struct brama_gw_early *e)
{
    e->starting = true;
    r->request_body_no_buffering = 1;
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_begun);
    e->starting = false;
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE)
        return rc;
    ngx_http_finalize_request(r, NGX_DONE); /* it has counted itself; the phases count already */
    return NGX_OK;
}

static struct brama_gw_early *new_early(ngx_http_request_t *r)
{
    struct brama_gw_early *e = ngx_pcalloc(r->pool, sizeof(*e));
    ngx_pool_cleanup_t *end = e != NULL ? ngx_pool_cleanup_add(r->pool, 0) : NULL;

    if (end == NULL)
        return NULL;
    e->slot = brama_gw_slot(r);
    end->handler = on_request_end;
    end->data = e;
    return e;
}

ngx_int_t brama_gw_early_read(ngx_http_request_t *r, struct brama_gw_ctx *ctx, size_t bytes)
{
    struct brama_gw_early *e = ctx->early != NULL ? ctx->early : new_early(r);

    if (e == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    e->wanted = bytes;
    if (ctx->early == NULL) {
        ctx->early = e;
        ngx_int_t rc = begin(r, e);
        if (rc != NGX_OK)
            return rc;
    }
    if (!e->begun)
        return wait_for_more(r, e);
    ngx_int_t rc = read_on(r, e);
    if (rc == NGX_AGAIN)
        return wait_for_more(r, e);
    rest(r, e);
    return rc;
}

static bool put_back(ngx_http_request_t *r, const struct brama_gw_early *e)
{
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    ngx_chain_t *cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL)
        return false;
    b->pos = b->start = e->bytes;
    b->last = b->end = e->bytes + e->n;
    b->memory = 1;
    b->flush = !e->whole;
    b->last_buf = e->whole;
    cl->buf = b;
    cl->next = NULL;
    r->request_body->bufs = cl;
    return true;
}

/* In the place of the location's handler. nginx takes a body that was begun for one that is whole,
 * and starts the workload's request at once; r->aio holds that back until it has been told. */
static ngx_int_t forward(ngx_http_request_t *r)
{
    struct brama_gw_early *e = brama_gw_ctx(r)->early;

    if (e->n != 0 && !put_back(r, e))
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (e->whole) {
        r->headers_in.content_length_n = (off_t)e->n;
        return e->proxy(r);
    }
    r->connection->read->timedout = 0; /* nobody was reading */
    r->aio = 1;
    ngx_int_t rc = e->proxy(r);
    r->aio = 0;
    if (rc != NGX_DONE)
        return rc;
    r->request_body_no_buffering = 1;
    ngx_http_upstream_init(r);
    return NGX_DONE;
}

void brama_gw_early_forward(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    if (ctx->early == NULL)
        return;
    ctx->early->proxy = r->content_handler;
    r->content_handler = forward;
}
