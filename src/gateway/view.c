/* An nginx request as the engine sees it. */
#include "gateway/early.h"

/* RFC 9112 section 3.2.2: an absolute-form target names the authority, whatever Host says. */
static brama_str absolute_authority(ngx_http_request_t *r)
{
    brama_str line = brama_gw_str(r->request_line);
    const char *p = (const char *)r->host_start;
    size_t n = 0;

    if (p == NULL || p < line.p || p > line.p + line.n)
        return BRAMA_NIL;
    while (p + n < line.p + line.n && strchr("/?# ", p[n]) == NULL)
        n++;
    return (brama_str){p, n};
}

brama_str brama_gw_authority(ngx_http_request_t *r)
{
    if (r->stream == NULL && r->host_start != NULL)
        return absolute_authority(r);
    if (r->headers_in.host != NULL)
        return brama_gw_str(r->headers_in.host->value);
    return BRAMA_NIL;
}

bool brama_gw_has_header(ngx_http_request_t *r, brama_str name)
{
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (brama_str_eq_nocase(brama_gw_str(h[i].key), name))
                return true;
        }
    }
    return false;
}

static size_t count_headers(ngx_http_request_t *r)
{
    size_t n = 0;

    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next)
        n += part->nelts;
    return n;
}

/* All but Host, and but those that never reach the workload because of an underscore. */
static bool headers_of(struct brama_request *out, ngx_http_request_t *r, struct brama_arena *arena)
{
    struct brama_header *headers = brama_arena_array(arena, count_headers(r) + 1, sizeof(*headers));
    size_t n = 0;

    if (headers == NULL)
        return false;
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            brama_str name = brama_gw_str(h[i].key);
            if (brama_str_find(name, '_') != name.n || brama_str_eq_nocase(name, BRAMA_STR("host")))
                continue;
            headers[n].name = name;
            headers[n++].value = brama_gw_str(h[i].value);
        }
    }
    out->headers = headers;
    out->header_count = n;
    return true;
}

static struct brama_f_address address_of(const struct sockaddr *sa)
{
    struct brama_f_address out = {.family = 0};

    if (sa != NULL && sa->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)sa;
        out.family = AF_INET;
        out.port = ntohs(v4->sin_port);
        memcpy(out.ip, &v4->sin_addr, 4);
    } else if (sa != NULL && sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)sa;
        out.family = AF_INET6;
        out.port = ntohs(v6->sin6_port);
        memcpy(out.ip, &v6->sin6_addr, 16);
    }
    return out;
}

/* Nothing here is made into text: only a rule that tells its workload wants that. */
static struct brama_connection connection_of(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;
    ngx_str_t version = ngx_null_string, cipher = ngx_null_string;

    if (c->ssl != NULL) {
        (void)ngx_ssl_get_protocol(c, r->pool, &version);
        (void)ngx_ssl_get_cipher_name(c, r->pool, &cipher);
        version.len = version.data != NULL ? ngx_strlen(version.data) : 0;
        cipher.len = cipher.data != NULL ? ngx_strlen(cipher.data) : 0;
    }
    bool local = ngx_connection_local_sockaddr(c, NULL, 0) == NGX_OK;
    return (struct brama_connection){
        .protocol =
            r->http_version == NGX_HTTP_VERSION_20 ? BRAMA_STR("HTTP/2") : BRAMA_STR("HTTP/1.1"),
        .peer = address_of(c->sockaddr),
        .local = address_of(local ? c->local_sockaddr : NULL),
        .tls_version = brama_gw_str(version),
        .tls_cipher = brama_gw_str(cipher),
        .hostname = brama_gw_str(ngx_cycle->hostname),
    };
}

void brama_gw_view_line(struct brama_request *out, ngx_http_request_t *r,
                        const struct brama_gw_ctx *ctx)
{
    *out = (struct brama_request){
        .scheme = r->connection->ssl != NULL ? BRAMA_STR("https") : BRAMA_STR("http"),
        .method = brama_gw_str(r->method_name),
        .authority = brama_gw_authority(r),
        .server_name = brama_gw_server_name(r),
        .target = brama_gw_str(ctx->raw_target),
        .request_id = {ctx->request_id, sizeof(ctx->request_id)},
        .now_s = (int64_t)ngx_time(),
        .start_s = (int64_t)r->start_sec,
        .start_ms = (uint32_t)r->start_msec,
        .connection = connection_of(r),
    };
}

bool brama_gw_view(struct brama_request *out, ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                   struct brama_arena *arena)
{
    brama_gw_view_line(out, r, ctx);
    brama_gw_early_view(&out->body, r, ctx);
    return headers_of(out, r, arena);
}
