/* The headers that a workload sees: istio-ingress's rules for a client at the edge (every client is
 * one). nginx itself leaves out Connection, Keep-Alive, TE, Expect, Transfer-Encoding and Upgrade,
 * and writes Content-Length or chunks by its own framing; Host and Upgrade come from variables.c.
 */
#include "gateway/gateway.h"

static const brama_str stripped[] = {
    BRAMA_LIT("forwarded"),      BRAMA_LIT("x-original-url"),
    BRAMA_LIT("x-rewrite-url"),  BRAMA_LIT("x-http-method-override"),
    BRAMA_LIT("x-http-method"),  BRAMA_LIT("x-method-override"),
    BRAMA_LIT("x-request-id"),   BRAMA_LIT("proxy-connection"),
    BRAMA_LIT("proxy"), /* becomes HTTP_PROXY in a CGI's environment */
    BRAMA_LIT("http2-settings"),
};

static const brama_str stripped_prefixes[] = {
    BRAMA_LIT("x-forwarded-"), /* x-forwarded-client-cert too */
    BRAMA_LIT("x-envoy-"),
};

static bool is_in(const brama_str *list, size_t count, brama_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (brama_str_eq_nocase(list[i], name))
            return true;
    }
    return false;
}

static bool is_stripped(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(stripped_prefixes); i++) {
        if (brama_str_eq_nocase(brama_str_head(name, stripped_prefixes[i].n), stripped_prefixes[i]))
            return true;
    }
    return is_in(stripped, BRAMA_ARRAY_LEN(stripped), name);
}

/* Every Connection header's every token, until visit says no. */
static bool each_named(const ngx_list_part_t *part, bool (*visit)(brama_str token, void *ctx),
                       void *ctx)
{
    for (; part != NULL; part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            brama_str rest = brama_gw_str(h[i].value);
            brama_str token;
            if (!brama_str_eq_nocase(brama_gw_str(h[i].key), BRAMA_STR("connection")))
                continue;
            while (brama_str_next(&rest, ',', &token)) {
                if (!visit(brama_str_trim(token), ctx))
                    return false;
            }
        }
    }
    return true;
}

static bool visit_differs(brama_str token, void *ctx)
{
    const brama_str *name = ctx;

    return !brama_str_eq_nocase(token, *name);
}

static bool is_named(const ngx_list_part_t *part, brama_str name)
{
    return !each_named(part, visit_differs, &name);
}

/* Will the decision set this one? */
static bool is_set_by(const struct brama_decision *d, brama_str name)
{
    for (size_t i = 0; i < d->upstream_header_count; i++) {
        if (brama_str_eq_nocase(d->upstream_headers[i].name, name))
            return true;
    }
    return false;
}

static bool push(ngx_http_request_t *r, brama_str name, brama_str value)
{
    ngx_table_elt_t *h = ngx_list_push(&r->headers_in.headers);

    if (h == NULL)
        return false;
    h->key = brama_gw_ngx(name);
    h->value = brama_gw_ngx(value);
    h->lowcase_key = ngx_pnalloc(r->pool, name.n + 1);
    if (h->lowcase_key == NULL)
        return false;
    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);
    return true;
}

/* Does the decision take it out? */
static bool is_removed_by(const struct brama_decision *d, brama_str name)
{
    return is_in(d->upstream_removed, d->upstream_removed_count, name);
}

/* Ours, unless the decision sets the same. */
static bool push_ours(ngx_http_request_t *r, const struct brama_decision *d, brama_str name,
                      brama_str value)
{
    return is_set_by(d, name) || push(r, name, value);
}

static bool push_all(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                     const struct brama_decision *d)
{
    brama_str peer = brama_gw_str(r->connection->addr_text);
    bool tls = r->connection->ssl != NULL;

    if (!push_ours(r, d, BRAMA_STR("X-Request-Id"),
                   (brama_str){ctx->request_id, sizeof(ctx->request_id)}) ||
        !push_ours(r, d, BRAMA_STR("X-Forwarded-For"), peer) ||
        !push_ours(r, d, BRAMA_STR("X-Forwarded-Proto"),
                   tls ? BRAMA_STR("https") : BRAMA_STR("http")) ||
        !push_ours(r, d, BRAMA_STR("X-Envoy-External-Address"), peer))
        return false;
    for (size_t i = 0; i < d->upstream_header_count; i++) {
        brama_str name = brama_gw_copy(r->pool, d->upstream_headers[i].name);
        brama_str value = brama_gw_copy(r->pool, d->upstream_headers[i].value);
        if (name.n == 0 || value.n != d->upstream_headers[i].value.n)
            return false;
        if (brama_str_eq_nocase(name, BRAMA_STR("host")))
            ctx->host = brama_gw_ngx(value);
        else if (!push(r, name, value))
            return false;
    }
    return true;
}

/* RFC 6455 section 4.1. Nothing else may be upgraded to, h2c least of all. */
static bool is_websocket(ngx_http_request_t *r)
{
    return r->stream == NULL && r->headers_in.upgrade != NULL && r->method == NGX_HTTP_GET &&
           r->http_version == NGX_HTTP_VERSION_11 &&
           brama_str_eq_nocase(brama_gw_str(r->headers_in.upgrade->value),
                               BRAMA_STR("websocket")) &&
           is_named(&r->headers_in.headers.part, BRAMA_STR("upgrade"));
}

/* nginx's typed pointers go on pointing at the old list's elements, which stay as they are. */
bool brama_gw_forward(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                      const struct brama_decision *d)
{
    ngx_list_part_t old = r->headers_in.headers.part;

    ctx->websocket = is_websocket(r);
    if (!ctx->websocket)
        r->headers_in.upgrade = NULL; /* so that nginx takes no 101 from the workload either */
    if (ngx_list_init(&r->headers_in.headers, r->pool, 32, sizeof(ngx_table_elt_t)) != NGX_OK)
        return false;
    for (const ngx_list_part_t *part = &old; part != NULL; part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            brama_str name = brama_gw_str(h[i].key);
            if (brama_str_find(name, '_') != name.n || is_stripped(name) || is_set_by(d, name) ||
                is_removed_by(d, name) || is_named(&old, name))
                continue;
            ngx_table_elt_t *copy = ngx_list_push(&r->headers_in.headers);
            if (copy == NULL)
                return false;
            *copy = h[i];
        }
    }
    return push_all(r, ctx, d);
}
