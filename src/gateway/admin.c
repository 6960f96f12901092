/* The admin listener, answered by any worker from the files in force and the worker pages, so that
 * it works while the agent doesn't live. */
#include "gateway/admin.h"

#define TEXT_MAX_BYTES (64u << 10) /* a line a worker */

/* A page in somebody's browser may not read this under a name that it made point here (DNS
 * rebinding): only an address or "localhost" is a Host. */
static bool host_ok(ngx_http_request_t *r)
{
    ngx_str_t host = r->headers_in.server; /* lower case, port cut off */
    u_char v6[16];

    if (host.len == 0)
        return false;
    if (brama_str_eq(brama_gw_str(host), BRAMA_STR("localhost")))
        return true;
    if (host.data[0] == '[')
        return host.len > 2 && host.data[host.len - 1] == ']' &&
               ngx_inet6_addr(host.data + 1, host.len - 2, v6) == NGX_OK;
    return ngx_inet_addr(host.data, host.len) != INADDR_NONE;
}

static ngx_int_t send_static(ngx_http_request_t *r, ngx_uint_t status, brama_str body)
{
    return brama_gw_send(r, status, BRAMA_STR("text/plain"), body);
}

/* Make a text in a buffer and send it. */
static ngx_int_t send_made(ngx_http_request_t *r, ngx_uint_t status, brama_str type,
                           struct brama_buf *made)
{
    brama_str body = brama_gw_copy(r->pool, brama_buf_str(made));
    bool whole = brama_buf_err(made) == BRAMA_OK && body.n == brama_buf_str(made).n;

    brama_buf_deinit(made);
    if (!whole)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    return brama_gw_send(r, status, type, body);
}

static ngx_int_t get_livez(ngx_http_request_t *r)
{
    return send_static(r, NGX_HTTP_OK, BRAMA_STR("ok\n"));
}

static ngx_int_t get_readyz(ngx_http_request_t *r)
{
    struct brama_buf missing;

    brama_buf_init(&missing, NULL, TEXT_MAX_BYTES);
    if (!brama_gw_ready(&missing, brama_gw_slot(r)))
        return send_made(r, NGX_HTTP_SERVICE_UNAVAILABLE, BRAMA_STR("text/plain"), &missing);
    brama_buf_deinit(&missing);
    return send_static(r, NGX_HTTP_OK, BRAMA_STR("ready\n"));
}

static ngx_int_t get_version(ngx_http_request_t *r)
{
    return brama_gw_send(r, NGX_HTTP_OK, BRAMA_STR("application/json"),
                         BRAMA_STR("{\"name\":\"brama\",\"version\":\"" BRAMA_VERSION "\"}\n"));
}

static const struct {
    brama_str path;
    ngx_int_t (*get)(ngx_http_request_t *r);
} pages[] = {
    {BRAMA_LIT("/livez"), get_livez},
    {BRAMA_LIT("/readyz"), get_readyz},
    {BRAMA_LIT("/metrics"), brama_gw_metrics},
    {BRAMA_LIT("/api/v1/apirules"), brama_gw_list_apirules},
    {BRAMA_LIT("/api/v1/keysets"), brama_gw_list_keysets},
    {BRAMA_LIT("/api/v1/refusals"), brama_gw_list_refusals},
    {BRAMA_LIT("/api/v1/version"), get_version},
    {BRAMA_LIT("/.well-known/jwks.json"), brama_gw_jwks},
};

#define EXPLAIN BRAMA_STR("/api/v1/explain")
#define REFUSAL BRAMA_STR("/api/v1/refusals/") /* and its x-request-id */

ngx_int_t brama_gw_admin_handler(ngx_http_request_t *r)
{
    struct brama_slot *slot = brama_gw_slot(r);
    brama_str path = brama_gw_str(r->uri);

    if (!brama_gw_loc(r)->admin)
        return NGX_DECLINED;
    if (slot == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (!host_ok(r))
        return send_static(r, NGX_HTTP_MISDIRECTED_REQUEST,
                           BRAMA_STR("Host must be an IP address or localhost\n"));
    bool posted = brama_str_eq(path, EXPLAIN);
    if (posted ? r->method != NGX_HTTP_POST
               : r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD)
        return send_static(r, NGX_HTTP_NOT_ALLOWED,
                           posted ? BRAMA_STR("only POST\n") : BRAMA_STR("only GET\n"));
    brama_slot_refresh(slot);
    if (posted)
        return brama_gw_post_explain(r);
    if (brama_str_starts(path, REFUSAL))
        return brama_gw_get_refusal(r, brama_str_from(path, REFUSAL.n));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(pages); i++) {
        if (brama_str_eq(path, pages[i].path))
            return pages[i].get(r);
    }
    return send_static(r, NGX_HTTP_NOT_FOUND, BRAMA_STR("no such page\n"));
}
