/* Lists in slices: a hundred thousand rules must not hold up a worker's other requests. Between two
 * slices the worker serves them; the file that is listed stays pinned, so the list is of one
 * moment.
 */
#include "gateway/admin.h"
#include "json/write.h"

#define SLICE_ROWS 256
#define SLICE_MAX_BYTES (4u << 20) /* 256 rows with descriptions of 16 KiB each */

struct brama_gw_list {
    struct brama_mapped *pin; /* NULL: nothing in force, an empty list */
    struct brama_buf text;
    struct brama_json_out out;
    void (*write)(struct brama_gw_list *list, uint32_t index);
    uint32_t next, count;
    u_char *sent; /* the slice under way */
    bool done;
};

static void write_apirule(struct brama_gw_list *list, uint32_t index)
{
    brama_gw_write_apirule(&list->out, &list->pin->policy, index);
}

static void write_keyset(struct brama_gw_list *list, uint32_t index)
{
    brama_gw_write_keyset(&list->out, &list->pin->facts, index);
}

static void on_end(void *data)
{
    struct brama_gw_list *list = data;

    brama_mapped_unpin(list->pin);
    brama_buf_deinit(&list->text);
}

static void write_slice(struct brama_gw_list *list)
{
    for (unsigned i = 0; i < SLICE_ROWS && list->next < list->count; i++)
        list->write(list, list->next++);
    if (list->next < list->count)
        return;
    brama_json_end(&list->out);
    brama_json_end(&list->out);
    brama_buf_add_c(&list->text, '\n');
    list->done = true;
}

/* The text goes out in a block of its own, given back when it is sent. */
static ngx_int_t send_slice(ngx_http_request_t *r, struct brama_gw_list *list)
{
    write_slice(list);
    brama_str text = brama_buf_str(&list->text);
    if (brama_buf_err(&list->text) != BRAMA_OK)
        return NGX_ERROR;
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    list->sent = ngx_palloc(r->pool, text.n);
    if (b == NULL || list->sent == NULL)
        return NGX_ERROR;
    memcpy(list->sent, text.p, text.n);
    brama_buf_reset(&list->text);
    b->pos = list->sent;
    b->last = list->sent + text.n;
    b->memory = 1;
    b->flush = 1;
    b->last_buf = list->done;
    b->last_in_chain = 1;
    ngx_chain_t out = {.buf = b, .next = NULL};
    return ngx_http_output_filter(r, &out);
}

/* Wait until the client takes more. */
static void wait_to_write(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t *core = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    ngx_event_t *write = r->connection->write;

    if (!write->timer_set)
        ngx_add_timer(write, core->send_timeout);
    if (ngx_handle_write_event(write, core->send_lowat) != NGX_OK)
        ngx_http_finalize_request(r, NGX_ERROR);
}

static void step(ngx_http_request_t *r)
{
    struct brama_gw_list *list = brama_gw_ctx(r)->list;
    ngx_event_t *write = r->connection->write;
    ngx_int_t rc = NGX_OK;

    if (write->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }
    if (r->buffered || r->connection->buffered)
        rc = ngx_http_output_filter(r, NULL);
    else if (!list->done)
        rc = send_slice(r, list);
    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }
    if (r->buffered || r->connection->buffered) {
        wait_to_write(r);
        return;
    }
    if (write->timer_set)
        ngx_del_timer(write);
    if (list->done) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }
    if (list->sent != NULL)
        (void)ngx_pfree(r->pool, list->sent);
    list->sent = NULL;
    ngx_post_event(write, &ngx_posted_next_events); /* the others' turn */
}

static ngx_int_t start(ngx_http_request_t *r, struct brama_gw_list *list)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK)
        return rc;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    brama_gw_ctx(r)->list = list;
    r->main->count++; /* ours until step() finalizes */
    r->write_event_handler = step;
    step(r);
    return NGX_DONE;
}

static struct brama_gw_list *new_list(ngx_http_request_t *r, struct brama_mapped *of,
                                      brama_str number_key, brama_str list_key)
{
    struct brama_gw_list *list = ngx_pcalloc(r->pool, sizeof(*list));
    ngx_pool_cleanup_t *end = ngx_pool_cleanup_add(r->pool, 0);

    if (list == NULL || end == NULL || brama_gw_ctx_need(r) == NULL)
        return NULL;
    list->pin = brama_mapped_pin(of);
    brama_buf_init(&list->text, NULL, SLICE_MAX_BYTES);
    end->handler = on_end;
    end->data = list;
    brama_json_out_init(&list->out, &list->text, 0);
    brama_json_map(&list->out);
    brama_json_key(&list->out, number_key);
    brama_json_int(&list->out, of != NULL ? (int64_t)of->number : 0);
    brama_json_key(&list->out, list_key);
    brama_json_list(&list->out);
    return list;
}

ngx_int_t brama_gw_list_apirules(ngx_http_request_t *r)
{
    struct brama_mapped *policy = brama_gw_slot(r)->policy;
    struct brama_gw_list *list = new_list(r, policy, BRAMA_STR("policy"), BRAMA_STR("apirules"));

    if (list == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (policy != NULL)
        list->count = brama_pack_count(&policy->policy.pack, BRAMA_T_APIRULE);
    list->write = write_apirule;
    return start(r, list);
}

ngx_int_t brama_gw_list_keysets(ngx_http_request_t *r)
{
    struct brama_mapped *facts = brama_gw_slot(r)->facts;
    struct brama_gw_list *list = new_list(r, facts, BRAMA_STR("facts"), BRAMA_STR("keysets"));

    if (list == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (facts != NULL)
        list->count = brama_pack_count(&facts->facts.pack, BRAMA_F_KEYSET);
    list->write = write_keyset;
    return start(r, list);
}
