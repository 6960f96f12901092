/* /api/v1/refusals: the newest first, of all workers; and one of them by its x-request-id. */
#include "gateway/admin.h"
#include "gateway/rings.h"
#include "gateway/stream.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 10000
#define SLICE_LOOKS 512 /* records looked at in a slice; one is eight cache lines at most */

/* One worker's, from its newest on. */
struct cursor {
    uint64_t next; /* the number behind the one to be looked at; 0: no more */
    bool has;
    struct brama_refusal_head head; /* if so, of record next - 1 */
};

struct listing {
    struct brama_gw_stream stream; /* first: it is what the stream's functions are given */
    struct brama_rings rings;
    struct cursor cursors[BRAMA_WORKER_SLOTS];
    uint64_t limit, written;
    bool begun;
    uint64_t apirule; /* brama_str_hash(), 0: all */
    uint32_t reason;  /* 0: all; BRAMA_REASON_COUNT: none has it */
};

static void release(struct brama_gw_stream *stream)
{
    brama_rings_close(&((struct listing *)stream)->rings);
}

static bool is_wanted(const struct listing *list, const struct brama_refusal_head *head)
{
    return (list->apirule == 0 || head->apirule == list->apirule) &&
           (list->reason == 0 || head->reason == list->reason);
}

/* Look at one record of a worker that has none in hand. False: there is no such worker. */
static bool look(struct listing *list)
{
    for (unsigned i = 0; i < list->rings.count; i++) {
        struct cursor *c = &list->cursors[i];
        if (c->has || c->next == 0)
            continue;
        if (!brama_refusals_head(&c->head, list->rings.of[i].ring, c->next - 1))
            c->next = 0; /* overwritten, and all that are older, too */
        else if (is_wanted(list, &c->head))
            c->has = true;
        else
            c->next--;
        return true;
    }
    return false;
}

static bool newest(const struct listing *list, unsigned *out)
{
    bool any = false;

    for (unsigned i = 0; i < list->rings.count; i++) {
        if (!list->cursors[i].has ||
            (any && list->cursors[i].head.time_ms <= list->cursors[*out].head.time_ms))
            continue;
        *out = i;
        any = true;
    }
    return any;
}

static void write_row(struct listing *list, unsigned worker)
{
    struct cursor *c = &list->cursors[worker];
    struct brama_refusal refusal;

    c->has = false;
    if (!brama_refusals_read(&refusal, list->rings.of[worker].ring, c->next - 1)) {
        c->next = 0;
        return;
    }
    c->next--;
    if (list->written++ != 0)
        brama_buf_add_c(&list->stream.text, ',');
    brama_buf_add(&list->stream.text, (brama_str){refusal.text, refusal.head.summary_n});
    brama_buf_add_c(&list->stream.text, '}');
}

static bool write_slice(struct brama_gw_stream *stream)
{
    struct listing *list = (struct listing *)stream;
    unsigned worker = 0;

    if (!list->begun)
        brama_buf_add(&stream->text, BRAMA_STR("{\"refusals\":["));
    list->begun = true;
    for (unsigned i = 0; i < SLICE_LOOKS && list->written < list->limit; i++) {
        if (look(list))
            continue;
        if (!newest(list, &worker))
            list->limit = list->written;
        else
            write_row(list, worker);
    }
    if (list->written < list->limit)
        return false;
    brama_buf_add(&stream->text, BRAMA_STR("]}\n"));
    return true;
}

/* A value of the query, decoded; empty: not there. */
static brama_str argument(ngx_http_request_t *r, brama_str name)
{
    ngx_str_t raw, key = brama_gw_ngx(name);

    if (ngx_http_arg(r, key.data, key.len, &raw) != NGX_OK || raw.len == 0)
        return BRAMA_NIL;
    u_char *from = raw.data, *text = ngx_pnalloc(r->pool, raw.len), *to = text;
    if (text == NULL)
        return BRAMA_NIL;
    ngx_unescape_uri(&to, &from, raw.len, 0);
    return (brama_str){(char *)text, (size_t)(to - text)};
}

static uint32_t reason_by_name(brama_str name)
{
    uint32_t reason = 0;

    while (name.n != 0 && reason < BRAMA_REASON_COUNT &&
           !brama_str_eq(name, brama_str_c(brama_reason_name((enum brama_reason)reason))))
        reason++;
    return reason;
}

ngx_int_t brama_gw_list_refusals(ngx_http_request_t *r)
{
    struct listing *list = ngx_pcalloc(r->pool, sizeof(*list));
    brama_str limit = argument(r, BRAMA_STR("limit"));
    brama_str apirule = argument(r, BRAMA_STR("apirule"));

    if (list == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    list->limit = LIMIT_DEFAULT;
    if (limit.n != 0 && (!brama_str_u64(limit, &list->limit) || list->limit > LIMIT_MAX))
        list->limit = LIMIT_MAX;
    list->apirule = apirule.n != 0 ? brama_str_hash(apirule) : 0;
    list->reason = reason_by_name(argument(r, BRAMA_STR("reason")));
    brama_rings_open(&list->rings, brama_gw_slot(r));
    for (unsigned i = 0; i < list->rings.count; i++)
        list->cursors[i].next = list->rings.of[i].end;
    list->stream.slice = write_slice;
    list->stream.end = release;
    return brama_gw_stream_start(r, &list->stream, BRAMA_STR("application/json"));
}

/* Looking for one by its id, from each worker's newest on. */
struct brama_gw_search {
    struct brama_rings rings;
    unsigned worker;
    uint64_t next; /* as a cursor's, of that worker */
    bool begun;
    char id[BRAMA_REFUSAL_ID_BYTES];
    struct brama_refusal found;
};

static void end_search(void *data)
{
    brama_rings_close(&((struct brama_gw_search *)data)->rings);
}

enum found { FOUND_NONE, FOUND_ONE, FOUND_NOT_YET };

static enum found look_for(struct brama_gw_search *s)
{
    for (unsigned i = 0; i < SLICE_LOOKS; i++) {
        if (s->worker == s->rings.count)
            return FOUND_NONE;
        if (!s->begun)
            s->next = s->rings.of[s->worker].end;
        s->begun = true;
        struct brama_refusal_head head;
        const struct brama_refusals *ring = s->rings.of[s->worker].ring;
        if (s->next == 0 || !brama_refusals_head(&head, ring, s->next - 1)) {
            s->worker++;
            s->begun = false;
            continue;
        }
        s->next--;
        if (memcmp(head.id, s->id, sizeof(head.id)) == 0)
            return brama_refusals_read(&s->found, ring, s->next) ? FOUND_ONE : FOUND_NONE;
    }
    return FOUND_NOT_YET;
}

static void step_search(ngx_http_request_t *r)
{
    struct brama_gw_search *s = brama_gw_ctx(r)->search;

    switch (look_for(s)) {
    case FOUND_NOT_YET:
        ngx_post_event(r->connection->write, &ngx_posted_next_events);
        return;
    case FOUND_ONE:
        ngx_http_finalize_request(r,
                                  brama_gw_send(r, NGX_HTTP_OK, BRAMA_STR("application/json"),
                                                (brama_str){s->found.text, s->found.head.text_n}));
        return;
    case FOUND_NONE:
        break;
    }
    ngx_http_finalize_request(
        r, brama_gw_send(r, NGX_HTTP_NOT_FOUND, BRAMA_STR("text/plain"),
                         BRAMA_STR("no refusal with this x-request-id is kept\n")));
}

ngx_int_t brama_gw_get_refusal(ngx_http_request_t *r, brama_str id)
{
    struct brama_gw_search *s = ngx_pcalloc(r->pool, sizeof(*s));
    ngx_pool_cleanup_t *end = ngx_pool_cleanup_add(r->pool, 0);

    if (s == NULL || end == NULL || brama_gw_ctx_need(r) == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (id.n == sizeof(s->id)) { /* no other length is anybody's */
        memcpy(s->id, id.p, id.n);
        brama_rings_open(&s->rings, brama_gw_slot(r));
    }
    end->handler = end_search;
    end->data = s;
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK)
        return rc;
    brama_gw_ctx(r)->search = s;
    r->main->count++; /* ours until step_search() finalizes */
    r->write_event_handler = step_search;
    step_search(r);
    return NGX_DONE;
}
