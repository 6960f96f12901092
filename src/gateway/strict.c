/* What nginx 1.22 reads too laxly is refused, so that nobody behind or before us can read the same
 * bytes in another way: RFC 9112 sections 2.2, 3 and 5. Works on the bytes that nginx's parser left
 * in its buffers. HTTP/2 has its own framing; there only names are looked at. Sizes, Host and
 * Connection are the engine's to judge.
 */
#include "gateway/gateway.h"

/* RFC 9110 section 5.6.2, tchar. */
static bool is_tchar(u_char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_name(ngx_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_tchar(name.data[i]))
            return false;
    }
    return name.len != 0;
}

/* Two single spaces, HTTP/1.0 or 1.1, CR LF behind. nginx has found a line end, so the two bytes
 * behind the line are there. */
static bool request_line_ok(ngx_http_request_t *r)
{
    brama_str line = brama_gw_str(r->request_line);
    size_t spaces = 0;

    for (size_t i = 0; i < line.n; i++)
        spaces += line.p[i] == ' ';
    return spaces == 2 &&
           (brama_str_ends(line, BRAMA_STR(" HTTP/1.1")) ||
            brama_str_ends(line, BRAMA_STR(" HTTP/1.0"))) &&
           line.p[line.n] == CR && line.p[line.n + 1] == LF;
}

/* nginx puts a NUL where the value ends: over the CR, over a bare LF, or over the first of trailing
 * spaces. Behind it stands the next header at least, or the empty line. */
static bool line_end_ok(const ngx_table_elt_t *h)
{
    const u_char *p = h->value.data + h->value.len + 1;

    if (*p == LF)
        return true;
    while (*p == ' ')
        p++;
    return p[0] == LF || (p[0] == CR && p[1] == LF);
}

static bool has_colon(const ngx_table_elt_t *h)
{
    return h->value.data != h->key.data + h->key.len;
}

static bool last_line_ok(ngx_http_request_t *r)
{
    const ngx_buf_t *b = r->header_in;

    return b->pos - b->start >= 2 && b->pos[-1] == LF && b->pos[-2] == CR;
}

/* RFC 9113 section 8.2.2: a connection's own headers make an HTTP/2 request malformed. */
static bool http2_header_ok(const ngx_table_elt_t *h)
{
    static const brama_str own[] = {
        BRAMA_LIT("connection"), BRAMA_LIT("proxy-connection"),  BRAMA_LIT("keep-alive"),
        BRAMA_LIT("upgrade"),    BRAMA_LIT("transfer-encoding"),
    };
    brama_str name = brama_gw_str(h->key);

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(own); i++) {
        if (brama_str_eq_nocase(name, own[i]))
            return false;
    }
    return !brama_str_eq_nocase(name, BRAMA_STR("te")) ||
           brama_str_eq_nocase(brama_gw_str(h->value), BRAMA_STR("trailers"));
}

static bool header_ok(ngx_http_request_t *r, const ngx_table_elt_t *h)
{
    if (!is_name(h->key))
        return false;
    if (r->stream != NULL)
        return http2_header_ok(h);
    return has_colon(h) && line_end_ok(h);
}

static bool headers_ok(ngx_http_request_t *r)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (!header_ok(r, &h[i]))
                return false;
        }
    }
    return true;
}

static bool framing_ok(ngx_http_request_t *r)
{
    return r->http_version >= NGX_HTTP_VERSION_10 && request_line_ok(r) && last_line_ok(r);
}

ngx_int_t brama_gw_strict_handler(ngx_http_request_t *r)
{
    if (!brama_gw_loc(r)->on || r != r->main)
        return NGX_DECLINED;
    struct brama_gw_ctx *ctx = brama_gw_ctx_need(r);
    if (ctx == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if ((r->stream == NULL && !framing_ok(r)) || !headers_ok(r) || !brama_gw_body_watch(r, ctx))
        return brama_gw_send_refusal(r, ctx, BRAMA_REASON_BAD_REQUEST);
    if (r->http_version == NGX_HTTP_VERSION_10)
        return brama_gw_send_refusal(r, ctx, BRAMA_REASON_HTTP_VERSION);
    return NGX_DECLINED;
}
