/* Every answer on its way out: headers as istio-ingress sets them, nginx's own errors in Envoy's
 * words, and the moment when a request's body was read to its end. */
#include "gateway/gateway.h"
#include "gateway/subcall.h"

/* nginx chains filters through statics of each module; written once, while it reads its
 * configuration. */
static ngx_http_output_header_filter_pt next_header;
static ngx_http_output_body_filter_pt next_body;
static ngx_http_request_body_filter_pt next_request_body;

static const brama_str server_value = BRAMA_LIT("istio-envoy");

/* Remove all of a name; a trailing dash makes it a prefix. */
static void remove_out(ngx_http_request_t *r, brama_str name)
{
    bool prefix = brama_str_ends(name, BRAMA_STR("-"));

    for (ngx_list_part_t *part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            brama_str key = brama_gw_str(h[i].key);
            if (brama_str_eq_nocase(prefix ? brama_str_head(key, name.n) : key, name))
                h[i].hash = 0;
        }
    }
}

static bool set_out(ngx_http_request_t *r, brama_str name, brama_str value)
{
    remove_out(r, name);
    return brama_gw_push_out(r, name, value);
}

static ngx_table_elt_t *last_out(ngx_http_request_t *r)
{
    ngx_list_part_t *part = r->headers_out.headers.last;
    ngx_table_elt_t *h = part->elts;

    return &h[part->nelts - 1];
}

/* nginx writes its own Server and Date unless the typed pointers say that they are there. */
static bool set_server_and_date(ngx_http_request_t *r)
{
    if (!set_out(r, BRAMA_STR("server"), server_value))
        return false;
    r->headers_out.server = last_out(r);
    /* An empty one stands for a workload that sent none. */
    if (r->headers_out.date != NULL && r->headers_out.date->value.len == 0) {
        r->headers_out.date->hash = 0;
        r->headers_out.date = NULL;
    }
    return true;
}

static bool set_service_time(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    u_char text[NGX_INT64_LEN];
    u_char *end = ngx_snprintf(text, sizeof(text), "%M", ngx_current_msec - ctx->upstream_started);
    brama_str value = brama_gw_copy(r->pool, (brama_str){(const char *)text, (size_t)(end - text)});

    remove_out(r, BRAMA_STR("x-envoy-")); /* Envoy's own words to Envoys before it */
    return set_out(r, BRAMA_STR("x-envoy-upstream-service-time"), value);
}

static bool set_decided(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    if (ctx->strip_cors)
        remove_out(r, BRAMA_STR("access-control-"));
    for (size_t i = 0; i < ctx->response_header_count; i++)
        remove_out(r, ctx->response_headers[i].name); /* ours may come several times */
    for (size_t i = 0; i < ctx->response_header_count; i++) {
        const struct brama_header *h = &ctx->response_headers[i];
        if (!brama_gw_push_out(r, h->name, h->value))
            return false;
        if (brama_str_eq_nocase(h->name, BRAMA_STR("www-authenticate")))
            r->headers_out.www_authenticate = last_out(r);
    }
    return true;
}

/* Of our own answers only: a workload's carries what the workload says (istio-jwt.md 4.3). */
static bool set_request_id(ngx_http_request_t *r, struct brama_gw_ctx *ctx)
{
    return set_out(r, BRAMA_STR("x-request-id"),
                   (brama_str){ctx->request_id, sizeof(ctx->request_id)});
}

static ngx_int_t header_filter(ngx_http_request_t *r)
{
    bool proxied = r->upstream != NULL && r->err_status == 0;

    if (r != r->main || !brama_gw_loc(r)->on)
        return next_header(r);
    struct brama_gw_ctx *ctx = brama_gw_ctx_need(r);
    if (ctx == NULL)
        return NGX_ERROR;
    if (proxied && !brama_gw_answer_ok(r, ctx))
        return NGX_HTTP_BAD_GATEWAY;
    if (r->err_status != 0)
        brama_gw_refuse(r, ctx);
    if (!set_server_and_date(r) || !set_decided(r, ctx) || (!proxied && !set_request_id(r, ctx)) ||
        (proxied && ctx->verdict == BRAMA_VERDICT_ALLOW && !set_service_time(r, ctx)))
        return NGX_ERROR;
    return next_header(r);
}

static ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    if (r != r->main && ctx != NULL && ctx->calling != NULL) {
        brama_gw_call_take(r, in);
        return NGX_OK;
    }
    if (in == NULL || r != r->main || ctx == NULL || !ctx->swapping)
        return next_body(r, in);
    for (ngx_chain_t *cl = in; cl != NULL; cl = cl->next)
        cl->buf->pos = cl->buf->last;
    if (ctx->swapped)
        return NGX_OK;
    ctx->swapped = true;
    ngx_buf_t *b = ngx_calloc_buf(r->pool);
    ngx_chain_t *out = ngx_alloc_chain_link(r->pool);
    if (b == NULL || out == NULL)
        return NGX_ERROR;
    ngx_str_t body = brama_gw_ngx(ctx->swap);
    b->pos = body.data;
    b->last = body.len != 0 ? body.data + body.len : body.data;
    b->memory = body.len != 0;
    b->last_buf = 1;
    b->last_in_chain = 1;
    out->buf = b;
    out->next = NULL;
    return next_body(r, out);
}

static ngx_int_t request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    if (ctx != NULL && !ctx->body_done) {
        for (ngx_chain_t *cl = in; cl != NULL; cl = cl->next) {
            if (cl->buf->last_buf)
                brama_gw_body_done(r, ctx);
        }
    }
    return next_request_body(r, in);
}

void brama_gw_filter_install(void)
{
    next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    next_request_body = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = request_body_filter;
}
