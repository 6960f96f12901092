#include "gateway/subcall.h"

#include "gateway/pool.h"
#include "gateway/slot.h"

#define BODY_FIRST 4096 /* bytes; doubled as an answer grows */

/* In r->pool. */
struct brama_gw_call {
    ngx_http_request_t *sr;
    struct brama_gw_address *addresses;
    size_t address_count, address_next;
    ngx_str_t host, name, target;
    struct brama_slot *slot;
    uint64_t whom;    /* for slot->crowd */
    bool waits;       /* counted there */
    bool tls, signer; /* what kind of an end it is */
    bool repeatable;  /* and so on a kept connection, which may be stale */
    bool was_stale;   /* one was: the next try opens a new one */
    ngx_msec_t timeout_ms;
    size_t answer_max;
    ngx_event_t deadline;
    bool over, timed_out, too_big, failed;
    u_char *body;
    size_t body_bytes, body_room;
    struct brama_call_answer *answer; /* to be filled */
};

bool brama_gw_may_call(const struct brama_gw_ctx *ctx)
{
    return ctx->answer_count < BRAMA_CALLS_MAX;
}

bool brama_gw_is_calling(const struct brama_gw_ctx *ctx)
{
    return ctx->calling != NULL && !ctx->calling->over;
}

static struct brama_gw_call *call_of(ngx_http_request_t *sr)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(sr);

    return ctx != NULL && ctx->calling != NULL && ctx->calling->sr == sr ? ctx->calling : NULL;
}

static void end_wait(struct brama_gw_call *call)
{
    if (call->waits)
        brama_crowd_leave(&call->slot->crowd, call->whom);
    call->waits = false;
}

/* The answer's bytes, as far as they fit. */
static bool append(ngx_http_request_t *sr, struct brama_gw_call *call, const u_char *p, size_t n)
{
    if (n > call->answer_max - call->body_bytes) {
        call->too_big = true;
        return false;
    }
    if (n > call->body_room - call->body_bytes) {
        size_t room = call->body_room != 0 ? call->body_room : BODY_FIRST;
        while (room < call->body_bytes + n)
            room *= 2;
        u_char *more = ngx_pnalloc(sr->pool, room);
        if (more == NULL) {
            call->failed = true;
            return false;
        }
        if (call->body_bytes != 0)
            ngx_memcpy(more, call->body, call->body_bytes);
        call->body = more;
        call->body_room = room;
    }
    ngx_memcpy(call->body + call->body_bytes, p, n);
    call->body_bytes += n;
    return true;
}

void brama_gw_call_take(ngx_http_request_t *sr, ngx_chain_t *in)
{
    struct brama_gw_call *call = call_of(sr);

    for (ngx_chain_t *cl = in; cl != NULL; cl = cl->next) {
        size_t n = ngx_buf_in_memory(cl->buf) ? (size_t)(cl->buf->last - cl->buf->pos) : 0;
        if (call != NULL && n != 0 && !call->too_big && !call->failed &&
            !append(sr, call, cl->buf->pos, n))
            ngx_add_timer(&call->deadline, 0); /* nothing more is worth waiting for */
        cl->buf->pos = cl->buf->last;
    }
}

/* The other side has had its time: nginx is told that the connection has. */
static void on_deadline(ngx_event_t *ev)
{
    struct brama_gw_call *call = ev->data;
    ngx_http_upstream_t *u = call->sr->upstream;

    call->timed_out = true;
    if (u == NULL || u->peer.connection == NULL)
        return; /* it ends by itself: there is no address, or no memory */
    u->peer.tries = 0;
    ngx_event_t *read = u->peer.connection->read;
    read->timedout = 1;
    read->handler(read); /* the request may be gone behind this */
}

static void on_request_end(void *data)
{
    struct brama_gw_call *call = data;

    end_wait(call);
    if (call->deadline.timer_set)
        ngx_del_timer(&call->deadline);
}

/* Header names and values live as long as the request: nginx's pool is one for both. */
static void take_headers(ngx_http_request_t *sr, struct brama_call_answer *answer)
{
    ngx_list_part_t *part = &sr->upstream->headers_in.headers.part;
    size_t count = 0;

    for (ngx_list_part_t *p = part; p != NULL; p = p->next)
        count += p->nelts;
    struct brama_header *headers = ngx_pcalloc(sr->pool, (count + 1) * sizeof(*headers));
    if (headers == NULL) {
        answer->end = BRAMA_CALL_FAILED;
        return;
    }
    for (; part != NULL; part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++)
            headers[answer->header_count++] =
                (struct brama_header){brama_gw_str(h[i].key), brama_gw_str(h[i].value)};
    }
    answer->headers = headers;
}

/* Did a whole answer come? Its head was read to the end, or it wouldn't have been handed on; a body
 * that was cut short leaves a rest of its announced length. */
static bool is_whole(const ngx_http_request_t *sr)
{
    const ngx_http_upstream_t *u = sr->upstream;

    return u != NULL && u->header_sent && u->length <= 0;
}

/* Its head filled nginx's buffer, and went on. */
static bool head_is_too_big(const ngx_http_request_t *sr)
{
    const ngx_http_upstream_t *u = sr->upstream;

    return u != NULL && !u->header_sent && u->buffer.start != NULL &&
           u->buffer.last == u->buffer.end;
}

/* nginx has done with the subrequest. What the client is to be told is the engine's to say, so that
 * only what ends the request itself is handed on. */
static ngx_int_t on_end(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    struct brama_gw_call *call = data;
    struct brama_call_answer *answer = call->answer;

    if (call->over)
        return NGX_OK;
    call->over = true;
    end_wait(call);
    if (call->deadline.timer_set)
        ngx_del_timer(&call->deadline);
    /* An error that isn't the client's is the other side's: what it said can't be read. */
    if ((rc == NGX_ERROR && sr->connection->error) || rc == NGX_HTTP_REQUEST_TIME_OUT ||
        rc == NGX_HTTP_CLIENT_CLOSED_REQUEST)
        return rc;
    answer->end = call->too_big || head_is_too_big(sr)                 ? BRAMA_CALL_TOO_BIG
                  : call->failed                                       ? BRAMA_CALL_FAILED
                  : call->timed_out || rc == NGX_HTTP_GATEWAY_TIME_OUT ? BRAMA_CALL_TIMEOUT
                  : is_whole(sr)                                       ? BRAMA_CALL_ANSWERED
                                                                       : BRAMA_CALL_FAILED;
    if (sr->upstream != NULL)
        answer->status = (uint16_t)sr->upstream->headers_in.status_n;
    if (rc == NGX_ERROR && answer->end == BRAMA_CALL_ANSWERED)
        answer->end = BRAMA_CALL_FAILED;
    if (answer->end == BRAMA_CALL_ANSWERED) {
        answer->body = (brama_str){(const char *)call->body, call->body_bytes};
        take_headers(sr, answer);
    }
    return NGX_OK;
}

static bool push_header(ngx_http_request_t *sr, const struct brama_header *header)
{
    ngx_table_elt_t *h = ngx_list_push(&sr->headers_in.headers);
    brama_str name = brama_gw_copy(sr->pool, header->name);
    brama_str value = brama_gw_copy(sr->pool, header->value);

    if (h == NULL || name.n != header->name.n || value.n != header->value.n)
        return false;
    ngx_memzero(h, sizeof(*h));
    h->key = brama_gw_ngx(name);
    h->value = brama_gw_ngx(value);
    h->lowcase_key = ngx_pnalloc(sr->pool, name.n + 1);
    if (h->lowcase_key == NULL)
        return false;
    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);
    return true;
}

/* Nothing of the client's request goes along. */
static bool set_headers(ngx_http_request_t *sr, const struct brama_call *call)
{
    ngx_memzero(&sr->headers_in, sizeof(sr->headers_in));
    sr->headers_in.content_length_n = (off_t)call->body.n;
    sr->headers_in.keep_alive_n = -1;
    if (ngx_list_init(&sr->headers_in.headers, sr->pool, 8, sizeof(ngx_table_elt_t)) != NGX_OK)
        return false;
    for (size_t i = 0; i < call->header_count; i++) {
        if (!push_header(sr, &call->headers[i]))
            return false;
    }
    return true;
}

static bool set_body(ngx_http_request_t *sr, const struct brama_call *call)
{
    sr->request_body = ngx_pcalloc(sr->pool, sizeof(*sr->request_body));
    if (sr->request_body == NULL)
        return false;
    if (call->body.n == 0)
        return true;
    ngx_buf_t *b = ngx_calloc_buf(sr->pool);
    ngx_chain_t *cl = ngx_alloc_chain_link(sr->pool);
    /* What early.c keeps stays where it is until this call is over. */
    brama_str body = call->body_is_the_requests ? call->body : brama_gw_copy(sr->pool, call->body);
    if (b == NULL || cl == NULL || body.n == 0)
        return false;
    ngx_str_t text = brama_gw_ngx(body);
    b->pos = b->start = text.data; /* another try begins at start */
    b->last = b->end = text.data + text.len;
    b->memory = 1;
    b->last_buf = 1;
    cl->buf = b;
    cl->next = NULL;
    sr->request_body->bufs = cl;
    return true;
}

static ngx_uint_t method_of(brama_str name)
{
    static const struct {
        brama_str name;
        ngx_uint_t bit;
    } rows[] = {{BRAMA_LIT("GET"), NGX_HTTP_GET},         {BRAMA_LIT("HEAD"), NGX_HTTP_HEAD},
                {BRAMA_LIT("POST"), NGX_HTTP_POST},       {BRAMA_LIT("PUT"), NGX_HTTP_PUT},
                {BRAMA_LIT("DELETE"), NGX_HTTP_DELETE},   {BRAMA_LIT("PATCH"), NGX_HTTP_PATCH},
                {BRAMA_LIT("OPTIONS"), NGX_HTTP_OPTIONS}, {BRAMA_LIT("TRACE"), NGX_HTTP_TRACE}};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        if (brama_str_eq(rows[i].name, name))
            return rows[i].bit;
    }
    return NGX_HTTP_UNKNOWN;
}

/* Variables of its own: what it makes of $http_host would else be the client's request's. */
static bool make_own(ngx_http_request_t *sr, const struct brama_call *call)
{
    ngx_http_core_main_conf_t *core = ngx_http_get_module_main_conf(sr, ngx_http_core_module);
    brama_str method = brama_gw_copy(sr->pool, call->method);

    sr->variables = ngx_pcalloc(sr->pool, core->variables.nelts * sizeof(*sr->variables));
    sr->method = method_of(call->method);
    sr->method_name = brama_gw_ngx(method);
    sr->header_only = 0;
    return sr->variables != NULL && method.n != 0 && set_headers(sr, call) && set_body(sr, call);
}

static bool start(ngx_http_request_t *r, struct brama_gw_ctx *ctx, const struct brama_call *call)
{
    static ngx_str_t plain = ngx_string("brama-call"), tls = ngx_string("brama-call-tls");
    ngx_http_post_subrequest_t *post = ngx_palloc(r->pool, sizeof(*post));
    ngx_http_request_t *sr;

    if (post == NULL)
        return false;
    post->handler = on_end;
    post->data = ctx->calling;
    if (ngx_http_subrequest(r, call->tls ? &tls : &plain, NULL, &sr, post,
                            NGX_HTTP_SUBREQUEST_WAITED) != NGX_OK)
        return false;
    ctx->calling->sr = sr;
    /* It has been posted and can't be taken back: without its own things it goes nowhere. */
    if (!make_own(sr, call)) {
        ctx->calling->failed = true;
        ctx->calling->address_count = 0;
    }
    ngx_add_timer(&ctx->calling->deadline, ctx->calling->timeout_ms);
    return true;
}

/* The signer's socket. The state directory's name is short here: it is a descriptor's. */
static bool signer_address(ngx_http_request_t *r, struct brama_gw_call *c)
{
    static ngx_str_t name = ngx_string("unix:" BRAMA_STATE_SIGNER_SOCK);
    const ngx_str_t *dir = &brama_gw_slot(r)->state_dir;
    struct brama_gw_address *a = ngx_pcalloc(r->pool, sizeof(*a));

    if (a == NULL || dir->len + sizeof("/" BRAMA_STATE_SIGNER_SOCK) > sizeof(a->sa.local.sun_path))
        return false;
    a->sa.local.sun_family = AF_UNIX;
    *ngx_sprintf((u_char *)a->sa.local.sun_path, "%V/" BRAMA_STATE_SIGNER_SOCK, dir) = '\0';
    a->len = sizeof(a->sa.local);
    a->name = name;
    c->addresses = a;
    c->address_count = 1;
    return true;
}

/* Everything of the call is copied, but for the body that early.c keeps. */
static bool take_call(ngx_http_request_t *r, struct brama_gw_call *c, const struct brama_call *call,
                      const struct brama_facts *facts)
{
    if (call->signer
            ? !signer_address(r, c)
            : !brama_gw_addresses(r, facts, call->upstream, &c->addresses, &c->address_count))
        return false;
    c->host = brama_gw_ngx(brama_gw_copy(r->pool, call->authority));
    c->name = brama_gw_ngx(brama_gw_copy(r->pool, call->host));
    c->target = brama_gw_ngx(brama_gw_copy(r->pool, call->target));
    c->timeout_ms = call->timeout_ms;
    c->answer_max = call->answer_max;
    c->slot = brama_gw_slot(r);
    c->whom = call->signer ? 0 : call->upstream->id;
    c->tls = call->tls;
    c->signer = call->signer;
    c->repeatable = call->repeatable;
    c->deadline.handler = on_deadline;
    c->deadline.data = c;
    c->deadline.log = r->connection->log;
    return c->host.len != 0 && c->target.len != 0;
}

ngx_int_t brama_gw_call(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                        const struct brama_call *call, const struct brama_facts *facts)
{
    struct brama_gw_call *c = ngx_pcalloc(r->pool, sizeof(*c));
    ngx_pool_cleanup_t *end = c != NULL ? ngx_pool_cleanup_add(r->pool, 0) : NULL;
    brama_str key = brama_gw_copy(r->pool, call->key);

    if (end == NULL || key.n == 0 || (call->upstream == NULL && !call->signer) ||
        !brama_gw_may_call(ctx) || !take_call(r, c, call, facts))
        return NGX_ERROR;
    if (ctx->answers == NULL)
        ctx->answers = ngx_pcalloc(r->pool, BRAMA_CALLS_MAX * sizeof(*ctx->answers));
    if (ctx->answers == NULL)
        return NGX_ERROR;
    c->answer = &ctx->answers[ctx->answer_count++];
    *c->answer = (struct brama_call_answer){.key = key};
    if (!brama_crowd_enter(&c->slot->crowd, c->whom)) {
        c->answer->end = BRAMA_CALL_BUSY;
        return NGX_OK;
    }
    c->waits = true;
    end->handler = on_request_end;
    end->data = c;
    ctx->calling = c;
    if (start(r, ctx, call))
        return NGX_AGAIN;
    end_wait(c);
    c->over = true;
    return NGX_ERROR;
}

/* Who is at the other end of its connection. */
static struct brama_pool_end end_of(const struct brama_gw_call *call,
                                    const ngx_peer_connection_t *pc)
{
    return (struct brama_pool_end){.address = pc->sockaddr,
                                   .len = pc->socklen,
                                   .tls = call->tls,
                                   .name = brama_gw_str(call->name)};
}

static ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data)
{
    struct brama_gw_call *call = data;
    struct brama_gw_address *a = &call->addresses[call->address_next];

    pc->sockaddr = &a->sa.any;
    pc->socklen = a->len;
    pc->name = &a->name;
    pc->cached = 0;
    pc->connection = NULL;
    if (!call->repeatable || call->was_stale)
        return NGX_OK;
    struct brama_pool_end end = end_of(call, pc);
    ngx_connection_t *c = brama_pool_take(call->slot->call_pool, &end, pc->log);
    if (c == NULL)
        return NGX_OK;
    pc->connection = c;
    pc->cached = 1;
    return NGX_DONE;
}

/* Only after one whole answer that everybody reads alike, to a request that was sent to its end: a
 * rest of it, or an interim answer, would be the next one's. */
static bool may_keep(const struct brama_gw_call *call)
{
    const ngx_http_upstream_t *u = call->sr->upstream;

    return call->repeatable && u->keepalive && u->request_body_sent &&
           u->headers_in.status_n >= NGX_HTTP_OK && brama_gw_framing_ok(u) && !call->signer &&
           !call->too_big && !call->failed && !call->timed_out;
}

/* Only what was never sent is tried elsewhere; what went into a kept connection that was closed is
 * asked once more, on a new one, if no byte of an answer came. */
static void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    struct brama_gw_call *call = data;
    const ngx_http_upstream_t *u = call->sr->upstream;

    if (pc->tries != 0)
        pc->tries--;
    if ((state & NGX_PEER_FAILED) == 0) {
        struct brama_pool_end end = end_of(call, pc);
        if (pc->connection != NULL && may_keep(call) &&
            brama_pool_give(call->slot->call_pool, pc->connection, &end))
            pc->connection = NULL;
        return;
    }
    call->was_stale = true;
    if (!pc->cached)
        call->address_next = (call->address_next + 1) % call->address_count;
    if (u->request_sent)
        pc->tries = 0;
    if (u->buffer.start != NULL && u->buffer.last != u->buffer.start)
        pc->cached = 0; /* where it is set, nginx gives one more try */
}

static ngx_int_t init_peer(ngx_http_request_t *sr, ngx_http_upstream_srv_conf_t *us)
{
    struct brama_gw_call *call = call_of(sr);
    ngx_http_upstream_t *u = sr->upstream;

    (void)us;
    if (call == NULL || call->address_count == 0)
        return NGX_ERROR;
    ngx_http_upstream_conf_t *conf = ngx_palloc(sr->pool, sizeof(*conf));
    if (conf == NULL)
        return NGX_ERROR;
    *conf = *u->conf; /* which is everybody's */
    conf->connect_timeout = conf->send_timeout = conf->read_timeout = call->timeout_ms;
    u->conf = conf;
    u->peer.data = call;
    u->peer.get = get_peer;
    u->peer.free = free_peer;
    u->peer.tries = call->address_count;
    u->peer.set_session = NULL;
    u->peer.save_session = NULL;
    brama_gw_answer_watch(sr, brama_gw_ctx(sr));
    return NGX_OK;
}

static ngx_int_t init_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    (void)cf;
    us->peer.init = init_peer;
    return NGX_OK;
}

char *brama_gw_call_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    (void)cmd;
    (void)conf;
    return brama_gw_upstream_by(cf, init_upstream);
}

ngx_int_t brama_gw_call_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                 uintptr_t data)
{
    const struct brama_gw_call *call = call_of(r);

    v->not_found = 1;
    if (call == NULL)
        return NGX_OK;
    ngx_str_t s = data == 0 ? call->host : data == 1 ? call->name : call->target;
    if (data == 3)
        s = call->repeatable ? (ngx_str_t)ngx_null_string : (ngx_str_t)ngx_string("close");
    v->len = (unsigned)(s.len & 0x0fffffff);
    v->data = s.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    return NGX_OK;
}
