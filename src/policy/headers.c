/* The headers that a request goes on with: what the route's VirtualService would set, evaluated on
 * the request as it came, as Envoy's router does; and what Oathkeeper's mutators made. */
#include "policy/inner.h"

#include <arpa/inet.h>

#include "template/envoy.h"

#define VALUE_MAX 8192 /* bytes that one value may become */

static brama_str ip_text(struct brama__case *c, const struct brama_f_address *a)
{
    char text[INET6_ADDRSTRLEN];

    if ((a->family != AF_INET && a->family != AF_INET6) ||
        inet_ntop((int)a->family, a->ip, text, sizeof(text)) == NULL)
        return BRAMA_NIL;
    return brama_arena_copy(c->arena, brama_str_c(text));
}

static brama_str port_text(struct brama__case *c, const struct brama_f_address *a)
{
    return a->family == 0 ? BRAMA_NIL : brama_arena_printf(c->arena, "%u", a->port);
}

static brama_str address_text(struct brama__case *c, const struct brama_f_address *a)
{
    brama_str ip = ip_text(c, a);

    return ip.n == 0 ? BRAMA_NIL
                     : brama_arena_printf(c->arena, a->family == AF_INET6 ? "[%.*s]:%u" : "%.*s:%u",
                                          BRAMA_FMT(ip), a->port);
}

/* Crumbs of a cookie are one, as HTTP/2 has them (RFC 9113 section 8.2.3). */
static brama_str all_cookies(struct brama__case *c)
{
    brama_str out = BRAMA_NIL;

    for (size_t i = 0; i < c->request->header_count; i++) {
        const struct brama_header *h = &c->request->headers[i];
        if (brama_str_eq_nocase(h->name, BRAMA_STR("cookie")))
            out = out.p == NULL ? h->value
                                : brama_arena_printf(c->arena, "%.*s; %.*s", BRAMA_FMT(out),
                                                     BRAMA_FMT(h->value));
    }
    return out;
}

bool brama__own_header(struct brama__case *c, brama_str name, brama_str *out)
{
    const struct brama_request *r = c->request;
    const struct {
        brama_str name, value;
    } own[] = {
        {BRAMA_LIT(":authority"), r->authority},     {BRAMA_LIT("host"), r->authority},
        {BRAMA_LIT(":method"), r->method},           {BRAMA_LIT(":scheme"), r->scheme},
        {BRAMA_LIT("x-forwarded-proto"), r->scheme}, {BRAMA_LIT("x-request-id"), r->request_id},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(own); i++)
        if (brama_str_eq_nocase(own[i].name, name)) {
            *out = own[i].value;
            return true;
        }
    if (brama_str_eq_nocase(name, BRAMA_STR(":path"))) {
        *out = brama__forward_target(c);
        return true;
    }
    if (!brama_str_eq_nocase(name, BRAMA_STR("x-forwarded-for")) &&
        !brama_str_eq_nocase(name, BRAMA_STR("x-envoy-external-address")))
        return false;
    *out = ip_text(c, &r->connection.peer);
    return true;
}

/* Of several of one name the first, as Envoy. What the workload wouldn't see of the client's under
 * its own name it won't see under another. */
static brama_str header(struct brama__case *c, brama_str name)
{
    brama_str own;

    if (brama__own_header(c, name, &own))
        return own;
    if (brama__is_hidden(c->request, name) || brama__is_of_the_message(name))
        return BRAMA_NIL;
    if (brama_str_eq_nocase(name, BRAMA_STR("cookie")))
        return all_cookies(c);
    const struct brama_header *h = brama__header(c->request, name, NULL);
    return h == NULL ? BRAMA_NIL : h->value.n != 0 ? h->value : BRAMA_STR("");
}

static brama_str value_of(void *ctx, enum brama_envoy_op op, brama_str name)
{
    struct brama__case *c = ctx;
    const struct brama_connection *conn = &c->request->connection;

    switch (op) {
    case BRAMA_ENVOY_REQ:
        return header(c, name);
    case BRAMA_ENVOY_PROTOCOL:
        return conn->protocol;
    case BRAMA_ENVOY_REMOTE_ADDRESS:
        return address_text(c, &conn->peer);
    case BRAMA_ENVOY_REMOTE_IP:
        return ip_text(c, &conn->peer);
    case BRAMA_ENVOY_REMOTE_PORT:
        return port_text(c, &conn->peer);
    case BRAMA_ENVOY_LOCAL_ADDRESS:
        return address_text(c, &conn->local);
    case BRAMA_ENVOY_LOCAL_IP:
        return ip_text(c, &conn->local);
    case BRAMA_ENVOY_LOCAL_PORT:
        return port_text(c, &conn->local);
    case BRAMA_ENVOY_SERVER_NAME:
        return c->request->server_name;
    case BRAMA_ENVOY_TLS_VERSION:
        return conn->tls_version;
    case BRAMA_ENVOY_TLS_CIPHER:
        return conn->tls_cipher;
    case BRAMA_ENVOY_HOSTNAME:
        return conn->hostname;
    case BRAMA_ENVOY_NONE:
    case BRAMA_ENVOY_TEXT:
    case BRAMA_ENVOY_START_TIME:
    case BRAMA_ENVOY_OP_COUNT:
        break;
    }
    return BRAMA_NIL;
}

/* The row's parts; false: one is missing in the file, or is there so that nobody uses them. */
static bool read_parts(struct brama__case *c, const struct brama_p_header *header,
                       struct brama_envoy_value *out)
{
    struct brama_envoy_part *parts =
        header->parts.count <= BRAMA_ENVOY_MAX
            ? brama_arena_array(c->arena, header->parts.count, sizeof(*parts))
            : NULL;

    if (parts == NULL)
        return false;
    for (uint32_t i = 0; i < header->parts.count; i++) {
        const struct brama_p_part *row =
            BRAMA_ROW(c->policy, BRAMA_T_PART, header->parts.first + i, struct brama_p_part);
        if (row == NULL || row->op == BRAMA_ENVOY_NONE || row->op >= BRAMA_ENVOY_OP_COUNT)
            return false;
        parts[i] = (struct brama_envoy_part){.op = (enum brama_envoy_op)row->op,
                                             .max_bytes = row->max_bytes,
                                             .text = brama_pack_text(c->policy, row->text),
                                             .other = brama_pack_text(c->policy, row->other)};
    }
    *out = (struct brama_envoy_value){parts, header->parts.count};
    return true;
}

static bool reads_token(struct brama__case *c, struct brama_span auths,
                        const struct brama_envoy_value *value)
{
    for (uint32_t i = 0; i < auths.count; i++) {
        const struct brama_p_auth *auth =
            BRAMA_ROW(c->policy, BRAMA_T_AUTH, auths.first + i, struct brama_p_auth);
        brama_str name = auth != NULL ? brama_pack_text(c->policy, auth->name) : BRAMA_NIL;
        if (name.n != 0 && brama_envoy_reads(value, name))
            return true;
    }
    return false;
}

/* Of the caller: what he shows at places that everybody knows, and where this rule or another one
 * of the workload looks for a token. */
static bool has_credential(struct brama__case *c, const struct brama_envoy_value *value)
{
    const struct brama_p_workload *w =
        BRAMA_ROW(c->policy, BRAMA_T_WORKLOAD, c->route->workload, struct brama_p_workload);

    return brama_envoy_credential(value).n != 0 || reads_token(c, c->route->auths, value) ||
           (w != NULL && reads_token(c, w->auths, value));
}

bool brama__add_name(struct brama__case *c, const brama_str **list, size_t *count, brama_str name)
{
    brama_str *more = brama_arena_array(c->arena, *count + 1, sizeof(*more));

    if (more == NULL)
        return false;
    for (size_t i = 0; i < *count; i++)
        more[i] = (*list)[i];
    more[*count] = name;
    *list = more;
    ++*count;
    return true;
}

static bool refuse(struct brama__case *c, const struct brama_p_header *header, enum brama_err err)
{
    bool too_big = err == BRAMA_ERR_TOO_BIG;

    brama_trace_add(c->trace, "header", BRAMA_TRACE_FAIL, brama_pack_text(c->policy, header->value),
                    BRAMA_NIL, "%.*s: %s", BRAMA_FMT(brama_pack_text(c->policy, header->name)),
                    too_big ? "the value becomes too long"
                            : "what an operator reads would end the value");
    brama__deny(c, BRAMA__GATEWAY,
                too_big                    ? BRAMA_REASON_HEADERS_TOO_LARGE
                : err == BRAMA_ERR_INVALID ? BRAMA_REASON_BAD_REQUEST
                                           : BRAMA_REASON_INTERNAL);
    return false;
}

/* Never with the text: a trace holds no query and no credential. */
static bool note_value(struct brama__case *c, const struct brama_p_header *header,
                       const struct brama_envoy_value *value, brama_str text)
{
    brama_str name = brama_pack_text(c->policy, header->name);
    brama_str written = brama_pack_text(c->policy, header->value);

    if (text.n == 0)
        brama_trace_add(c->trace, "header", BRAMA_TRACE_INFO, written, BRAMA_NIL,
                        "%.*s: nothing to be sent", BRAMA_FMT(name));
    else
        brama_trace_add(c->trace, "header", BRAMA_TRACE_PASS, written, BRAMA_NIL,
                        "%.*s: set, %zu bytes", BRAMA_FMT(name), text.n);
    return !has_credential(c, value) ||
           brama__add_name(c, &c->out->upstream_secrets, &c->out->upstream_secret_count,
                           brama_arena_copy(c->arena, name));
}

static enum brama_err render(struct brama__case *c, const struct brama_p_header *header,
                             const struct brama_envoy_value *value, brama_str *out)
{
    const struct brama_request *r = c->request;
    const struct brama_envoy_source source = {.ctx = c,
                                              .value = value_of,
                                              .start_s = r->start_s != 0 ? r->start_s : r->now_s,
                                              .start_ms = r->start_ms,
                                              .in_cookies = header->in_cookies != 0};
    struct brama_buf buf;

    brama_buf_init(&buf, NULL, VALUE_MAX);
    enum brama_err err = brama_envoy_render(&buf, value, &source);
    if (err == BRAMA_OK && brama_buf_str(&buf).n != 0)
        *out = brama_arena_copy(c->arena, brama_buf_str(&buf));
    brama_buf_deinit(&buf);
    return err == BRAMA_OK && brama_arena_failed(c->arena) ? BRAMA_ERR_NOMEM : err;
}

bool brama__header_value(struct brama__case *c, const struct brama_p_header *header, brama_str *out)
{
    struct brama_envoy_value value;
    enum brama_err err = BRAMA_ERR_BUG;

    *out = BRAMA_NIL;
    if (header->parts.count == 0) {
        *out = brama_arena_copy(c->arena, brama_pack_text(c->policy, header->value));
        return true;
    }
    if (read_parts(c, header, &value))
        err = render(c, header, &value, out);
    if (err != BRAMA_OK)
        return refuse(c, header, err);
    return note_value(c, header, &value, *out) || refuse(c, header, BRAMA_ERR_NOMEM);
}

/* In a cluster an authorizer speaks in the workload's sidecar, behind the route: what it set or
 * took away stands. */
static bool is_authorizers(const struct brama__case *c, size_t set, size_t removed, brama_str name)
{
    for (size_t i = 0; i < set; i++)
        if (brama_str_eq_nocase(c->out->upstream_headers[i].name, name))
            return true;
    for (size_t i = 0; i < removed; i++)
        if (brama_str_eq_nocase(c->out->upstream_removed[i], name))
            return true;
    return false;
}

/* Where there is nothing to say, Envoy leaves what the client wrote under that name; whoever reads
 * it would take it for the gateway's word, so it goes. */
static bool set(struct brama__case *c, brama_str name, brama_str value)
{
    if (value.n == 0)
        return brama__add_name(c, &c->out->upstream_removed, &c->out->upstream_removed_count, name);
    brama__set_upstream_header(c, name, value);
    return true;
}

/* A row is missing, or memory: nobody passes with half of what was to be said. */
static bool half_made(struct brama__case *c)
{
    brama__deny(c, BRAMA__GATEWAY, BRAMA_REASON_INTERNAL);
    return false;
}

static bool set_of_route(struct brama__case *c)
{
    size_t said = c->out->upstream_header_count, removed = c->out->upstream_removed_count;

    for (uint32_t i = 0; i < c->route->headers.count; i++) {
        const struct brama_p_header *h = BRAMA_ROW(
            c->policy, BRAMA_T_HEADER, c->route->headers.first + i, struct brama_p_header);
        if (h == NULL)
            return half_made(c);
        brama_str name = brama_pack_text(c->policy, h->name), value;
        if (is_authorizers(c, said, removed, name))
            continue;
        if (!brama__header_value(c, h, &value))
            return false;
        if (!set(c, brama_arena_copy(c->arena, name), value))
            return half_made(c);
    }
    return true;
}

bool brama__set_headers(struct brama__case *c)
{
    if (!set_of_route(c))
        return false;
    if (c->oathkeeper != NULL)
        brama__set_upstream_header(
            c, BRAMA_STR("Host"),
            brama_arena_copy(c->arena, brama_pack_text(c->policy, c->oathkeeper->host_header)));
    for (size_t i = 0; i < c->session.set_count; i++)
        brama__set_upstream_header(c, c->session.set[i].name, c->session.set[i].value);
    return !brama_arena_failed(c->arena) || half_made(c);
}
