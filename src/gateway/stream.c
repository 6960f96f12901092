#include "gateway/stream.h"

#define SLICE_MAX_BYTES (4u << 20) /* 256 rows with descriptions of 16 KiB each */

static void on_end(void *data)
{
    struct brama_gw_stream *stream = data;

    if (stream->end != NULL)
        stream->end(stream);
    brama_buf_deinit(&stream->text);
}

/* The text goes out in a block of its own, given back when it is sent. */
static ngx_int_t send_slice(ngx_http_request_t *r, struct brama_gw_stream *stream)
{
    stream->done = stream->slice(stream);
    brama_str text = brama_buf_str(&stream->text);
    if (brama_buf_err(&stream->text) != BRAMA_OK)
        return NGX_ERROR;
    if (text.n == 0 && !stream->done)
        return NGX_OK;
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    stream->sent = ngx_palloc(r->pool, text.n + 1);
    if (b == NULL || stream->sent == NULL)
        return NGX_ERROR;
    if (text.n != 0)
        memcpy(stream->sent, text.p, text.n);
    brama_buf_reset(&stream->text);
    b->pos = stream->sent;
    b->last = stream->sent + text.n;
    b->memory = text.n != 0;
    b->flush = 1;
    b->last_buf = stream->done;
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
    struct brama_gw_stream *stream = brama_gw_ctx(r)->stream;
    ngx_event_t *write = r->connection->write;
    ngx_int_t rc = NGX_OK;

    if (write->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }
    if (r->buffered || r->connection->buffered)
        rc = ngx_http_output_filter(r, NULL);
    else if (!stream->done)
        rc = send_slice(r, stream);
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
    if (stream->done) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }
    if (stream->sent != NULL)
        (void)ngx_pfree(r->pool, stream->sent);
    stream->sent = NULL;
    ngx_post_event(write, &ngx_posted_next_events); /* the others' turn */
}

ngx_int_t brama_gw_stream_start(ngx_http_request_t *r, struct brama_gw_stream *stream,
                                brama_str type)
{
    ngx_pool_cleanup_t *end = ngx_pool_cleanup_add(r->pool, 0);

    if (end == NULL || brama_gw_ctx_need(r) == NULL) {
        if (stream->end != NULL)
            stream->end(stream);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    brama_buf_init(&stream->text, NULL, SLICE_MAX_BYTES);
    end->handler = on_end;
    end->data = stream;
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK)
        return rc;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->headers_out.content_type = brama_gw_ngx(type);
    r->headers_out.content_type_len = type.n;
    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only)
        return rc;
    brama_gw_ctx(r)->stream = stream;
    r->main->count++; /* ours until step() finalizes */
    r->write_event_handler = step;
    step(r);
    return NGX_DONE;
}
