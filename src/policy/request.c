/* What can be said of a request before any rule is looked at: attacks.md section 2. */
#include "policy/inner.h"

#define HEADERS_MAX 100 /* istio-jwt.md 4.1 */
#define HEADER_BYTES_MAX (60 * 1024)

const struct brama_header *brama__header(const struct brama_request *request, brama_str name,
                                         size_t *count)
{
    const struct brama_header *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!brama_str_eq_nocase(request->headers[i].name, name))
            continue;
        first = first != NULL ? first : &request->headers[i];
        n++;
    }
    if (count != NULL)
        *count = n;
    return first;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* The authority without port and trailing dot, in lower case; {NULL, 0} if it isn't host[:port].
 * RFC 9110 section 7.2; an IPv6 literal keeps its brackets. */
static brama_str read_host(struct brama_arena *arena, brama_str authority)
{
    char *p = brama_arena_alloc(arena, authority.n + 1);
    if (p == NULL)
        return BRAMA_NIL;
    bool literal = authority.n != 0 && authority.p[0] == '[';
    size_t end = literal ? brama_str_find(authority, ']') + 1 : brama_str_find(authority, ':');
    if (end > authority.n || end == 0 || end > BRAMA__HOST_MAX)
        return BRAMA_NIL;
    brama_str rest = brama_str_from(authority, end);
    uint64_t port = 0;
    if (rest.n != 0 && (rest.p[0] != ':' || !brama_str_u64(brama_str_from(rest, 1), &port) ||
                        port == 0 || port > 65535))
        return BRAMA_NIL;
    for (size_t i = 0; i < end; i++) {
        p[i] = brama_char_lower(authority.p[i]);
        bool ok = literal ? is_host_char(p[i]) || p[i] == ':' || p[i] == '[' || p[i] == ']'
                          : is_host_char(p[i]);
        if (!ok)
            return BRAMA_NIL;
    }
    if (end > 1 && p[end - 1] == '.')
        end--;
    return (brama_str){p, end};
}

static bool header_size_ok(const struct brama_request *request)
{
    size_t bytes = request->target.n + request->authority.n;
    for (size_t i = 0; i < request->header_count; i++)
        bytes += request->headers[i].name.n + request->headers[i].value.n;
    return request->header_count <= HEADERS_MAX && bytes <= HEADER_BYTES_MAX;
}

/* Headers that Connection may not name: dropping one of them on the way would change what was
 * judged (attacks.md P20). */
static bool is_protected(brama_str name)
{
    static const brama_str protected[] = {
        BRAMA_LIT("host"),           BRAMA_LIT("authorization"), BRAMA_LIT("cookie"),
        BRAMA_LIT("content-length"), BRAMA_LIT("content-type"),  BRAMA_LIT("transfer-encoding"),
        BRAMA_LIT("x-request-id"),   BRAMA_LIT("forwarded"),
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(protected); i++)
        if (brama_str_eq_nocase(name, protected[i]))
            return true;
    return brama_str_eq_nocase(brama_str_head(name, 12), BRAMA_STR("x-forwarded-")) ||
           brama_str_eq_nocase(brama_str_head(name, 8), BRAMA_STR("x-envoy-"));
}

static bool connection_ok(const struct brama_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (!brama_str_eq_nocase(request->headers[i].name, BRAMA_STR("connection")))
            continue;
        brama_str rest = request->headers[i].value, option;
        while (brama_str_next(&rest, ',', &option))
            if (is_protected(brama_str_trim(option)))
                return false;
    }
    return true;
}

bool brama__is_hidden(const struct brama_request *r, brama_str name)
{
    static const brama_str exact[] = {BRAMA_LIT("forwarded"),
                                      BRAMA_LIT("connection"),
                                      BRAMA_LIT("x-original-url"),
                                      BRAMA_LIT("x-rewrite-url"),
                                      BRAMA_LIT("x-http-method-override"),
                                      BRAMA_LIT("x-http-method"),
                                      BRAMA_LIT("x-method-override"),
                                      BRAMA_LIT("x-request-id"),
                                      BRAMA_LIT("proxy"),
                                      BRAMA_LIT("proxy-connection"),
                                      BRAMA_LIT("http2-settings")};

    if (brama_str_eq_nocase(brama_str_head(name, 12), BRAMA_STR("x-forwarded-")) ||
        brama_str_eq_nocase(brama_str_head(name, 8), BRAMA_STR("x-envoy-")))
        return true;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(exact); i++)
        if (brama_str_eq_nocase(exact[i], name))
            return true;
    for (size_t i = 0; i < r->header_count; i++) {
        brama_str rest = r->headers[i].value, token;
        if (!brama_str_eq_nocase(r->headers[i].name, BRAMA_STR("connection")))
            continue;
        while (brama_str_next(&rest, ',', &token))
            if (brama_str_eq_nocase(brama_str_trim(token), name))
                return true;
    }
    return false;
}

bool brama__check_request(struct brama__case *c)
{
    const struct brama_request *r = c->request;

    if (!header_size_ok(r)) {
        brama_trace_add(c->trace, "request", BRAMA_TRACE_FAIL, BRAMA_STR("100 headers, 60 KiB"),
                        BRAMA_NIL, "more than that");
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_HEADERS_TOO_LARGE);
        return false;
    }
    c->host = read_host(c->arena, r->authority);
    if (c->host.n == 0) {
        brama_trace_add(c->trace, "host", BRAMA_TRACE_FAIL, BRAMA_STR("host or host:port"),
                        r->authority, "not an authority");
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_BAD_HOST);
        return false;
    }
    if (!connection_ok(r)) {
        brama_trace_add(c->trace, "connection", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "Connection names a header that the decision rests on");
        brama_trace_change(c->trace, BRAMA_CHANGE_HEADER, "connection", BRAMA_CHANGE_DROP,
                           BRAMA_NIL);
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_BAD_CONNECTION);
        return false;
    }
    enum brama_path_fault fault = brama_path_read(&c->path, c->arena, r->target);
    if (fault != BRAMA_PATH_OK) {
        brama_trace_add(c->trace, "path", BRAMA_TRACE_FAIL, BRAMA_STR("a path that is normalised"),
                        brama_str_head(r->target, brama_str_find(r->target, '?')), "%s",
                        brama_path_fault_text(fault));
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_BAD_PATH);
        return false;
    }
    c->method = brama_method_by_name(r->method);
    brama_trace_add(c->trace, "path", BRAMA_TRACE_PASS, BRAMA_NIL, c->path.path, "normalised%s",
                    c->path.ambiguous ? "; lenient backends may read it differently" : "");
    return true;
}
