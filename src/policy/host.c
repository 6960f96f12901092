/* Which host is asked for: does it lead to the server that TLS was set up with, is it served, and
 * on this listener? istio-jwt.md 4.4; RFC 9110 section 15.5.20. */
#include "policy/inner.h"

#include <string.h>

/* Rows that begin with the ref of their name, and are sorted by it: the first that isn't before
 * name; NULL: none, or a row is missing. */
static const void *row_from(const struct brama_pack *p, unsigned table, size_t row_bytes,
                            brama_str name)
{
    uint32_t low = 0, high = brama_pack_count(p, table);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct brama_ref *ref = brama_pack_row(p, table, mid, row_bytes);
        if (ref == NULL)
            return NULL;
        if (brama_str_cmp(brama_pack_text(p, *ref), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return brama_pack_row(p, table, low, row_bytes);
}

static const void *row_named(const struct brama_pack *p, unsigned table, size_t row_bytes,
                             brama_str name)
{
    const struct brama_ref *ref = row_from(p, table, row_bytes, name);
    return ref != NULL && brama_str_eq(brama_pack_text(p, *ref), name) ? ref : NULL;
}

/* Exact, else the longest "*.suffix", else "*"; a star is at least one character. */
static const void *best_row(const struct brama_pack *p, unsigned table, size_t row_bytes,
                            brama_str host)
{
    const void *row = row_named(p, table, row_bytes, host);
    char name[BRAMA__HOST_MAX];
    if (host.n > sizeof(name))
        return NULL;
    if (row == NULL && host.n != 0)
        memcpy(name, host.p, host.n);
    for (size_t i = 1; row == NULL && i < host.n; i++) {
        if (host.p[i] != '.')
            continue;
        name[i - 1] = '*'; /* what stands before it is no longer needed */
        row = row_named(p, table, row_bytes, (brama_str){name + i - 1, host.n - i + 1});
    }
    return row != NULL ? row : row_named(p, table, row_bytes, BRAMA_STR("*"));
}

static const struct brama_p_host *find_host(struct brama__case *c)
{
    const struct brama_p_host *h =
        best_row(c->policy, BRAMA_T_HOST, sizeof(struct brama_p_host), c->host);
    brama_trace_add(c->trace, "host", h != NULL ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL,
                    h != NULL ? brama_pack_text(c->policy, h->name)
                              : BRAMA_STR("a host of an APIRule in force"),
                    c->host, h != NULL ? "served" : "no APIRule in force serves this host");
    return h;
}

/* A host in force that begins with the same label. */
static void change_host(struct brama__case *c)
{
    brama_str label = brama_str_head(c->host, brama_str_find(c->host, '.'));

    if (c->trace == NULL)
        return;
    brama_str dotted = brama_arena_printf(c->arena, "%.*s.", BRAMA_FMT(label));
    const struct brama_p_host *h =
        row_from(c->policy, BRAMA_T_HOST, sizeof(struct brama_p_host), dotted);
    brama_str name = h != NULL ? brama_pack_text(c->policy, h->name) : BRAMA_NIL;
    if (brama_str_starts(name, dotted))
        brama_trace_change(c->trace, BRAMA_CHANGE_HOST, NULL, BRAMA_CHANGE_TEXT, name);
}

/* The number of the TLS server that a name leads to; 0: the one for all other names. */
static uint32_t server_of(const struct brama__case *c, brama_str name)
{
    const struct brama_p_server_name *row =
        best_row(c->policy, BRAMA_T_SERVER_NAME, sizeof(struct brama_p_server_name), name);
    return row != NULL ? row->server : 0;
}

/* In lower case, without the dot at its end. */
static brama_str server_name(struct brama__case *c)
{
    brama_str sni = brama_arena_lower(c->arena, c->request->server_name);
    return sni.n > 1 && sni.p[sni.n - 1] == '.' ? brama_str_head(sni, sni.n - 1) : sni;
}

/* Whoever set up TLS with one server may not ask another one over the same connection. */
static bool is_misdirected(struct brama__case *c)
{
    if (brama_pack_count(c->policy, BRAMA_T_SERVER_NAME) == 0)
        return false;
    brama_str sni = server_name(c);
    bool same = server_of(c, sni) == server_of(c, c->host);
    if (!same)
        brama_trace_add(c->trace, "server", BRAMA_TRACE_FAIL, c->host,
                        sni.n != 0 ? sni : BRAMA_STR("none"),
                        "the name in the TLS handshake leads to another server of the Gateways");
    return !same;
}

static brama_str https_location(struct brama__case *c)
{
    const struct brama_p_meta *meta = BRAMA_ROW(c->policy, BRAMA_T_META, 0, struct brama_p_meta);
    uint32_t port = meta != NULL ? meta->tls_port : 0;
    brama_str target = brama__forward_target(c);
    if (port == 0 || port == 443)
        return brama_arena_printf(c->arena, "https://%.*s%.*s", BRAMA_FMT(c->host),
                                  BRAMA_FMT(target));
    return brama_arena_printf(c->arena, "https://%.*s:%u%.*s", BRAMA_FMT(c->host), port,
                              BRAMA_FMT(target));
}

static void redirect(struct brama__case *c)
{
    c->out->verdict = BRAMA_VERDICT_ANSWER;
    c->out->reason = BRAMA_REASON_HTTPS_REDIRECT;
    c->out->status = 301;
    brama__add_response_header(c, BRAMA_STR("location"), https_location(c));
    brama_trace_add(c->trace, "listener", BRAMA_TRACE_PASS, BRAMA_NIL, BRAMA_NIL,
                    "the Gateway redirects plain HTTP to https");
}

const struct brama_p_host *brama__host(struct brama__case *c)
{
    bool tls = brama_str_eq(c->request->scheme, BRAMA_STR("https"));

    if (tls && is_misdirected(c)) {
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_MISDIRECTED);
        return NULL;
    }
    const struct brama_p_host *host = find_host(c);
    if (host == NULL)
        change_host(c);
    if (host != NULL && !tls && (host->listeners & BRAMA_HOST_REDIRECT) != 0) {
        redirect(c);
        return NULL;
    }
    if (host != NULL && (host->listeners & (tls ? BRAMA_HOST_TLS : BRAMA_HOST_PLAIN)) == 0) {
        brama_trace_add(c->trace, "listener", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "the Gateway has this host on its %s servers only", tls ? "HTTP" : "HTTPS");
        host = NULL;
    }
    if (host == NULL)
        brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_NO_HOST);
    return host;
}

brama_str brama__forward_target(struct brama__case *c)
{
    if (!c->path.has_query)
        return c->path.path;
    return brama_arena_printf(c->arena, "%.*s?%.*s", BRAMA_FMT(c->path.path),
                              BRAMA_FMT(c->path.query));
}
