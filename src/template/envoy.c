#include "template/envoy_inner.h"

#include "base/near.h"

/* What may stand behind an operator's name. */
enum takes { NOTHING = 0, HEADERS, FORMAT };

struct known {
    brama_str name;
    enum brama_envoy_op op;
    enum takes takes;
};
static const struct known operators[] = {
    {BRAMA_LIT("REQ"), BRAMA_ENVOY_REQ, HEADERS},
    {BRAMA_LIT("REQUEST_HEADER"), BRAMA_ENVOY_REQ, HEADERS},
    {BRAMA_LIT("START_TIME"), BRAMA_ENVOY_START_TIME, FORMAT},
    {BRAMA_LIT("PROTOCOL"), BRAMA_ENVOY_PROTOCOL, NOTHING},
    /* Nobody stands before this gateway whose word on the client would count: both are one. */
    {BRAMA_LIT("DOWNSTREAM_REMOTE_ADDRESS"), BRAMA_ENVOY_REMOTE_ADDRESS, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"), BRAMA_ENVOY_REMOTE_IP, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_REMOTE_PORT"), BRAMA_ENVOY_REMOTE_PORT, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_REMOTE_ADDRESS"), BRAMA_ENVOY_REMOTE_ADDRESS, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT"), BRAMA_ENVOY_REMOTE_IP, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_REMOTE_PORT"), BRAMA_ENVOY_REMOTE_PORT, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_LOCAL_ADDRESS"), BRAMA_ENVOY_LOCAL_ADDRESS, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"), BRAMA_ENVOY_LOCAL_IP, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_LOCAL_PORT"), BRAMA_ENVOY_LOCAL_PORT, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_LOCAL_ADDRESS"), BRAMA_ENVOY_LOCAL_ADDRESS, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT"), BRAMA_ENVOY_LOCAL_IP, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_DIRECT_LOCAL_PORT"), BRAMA_ENVOY_LOCAL_PORT, NOTHING},
    {BRAMA_LIT("REQUESTED_SERVER_NAME"), BRAMA_ENVOY_SERVER_NAME, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_TLS_VERSION"), BRAMA_ENVOY_TLS_VERSION, NOTHING},
    {BRAMA_LIT("DOWNSTREAM_TLS_CIPHER"), BRAMA_ENVOY_TLS_CIPHER, NOTHING},
    {BRAMA_LIT("HOSTNAME"), BRAMA_ENVOY_HOSTNAME, NOTHING},
};

/* Envoy's others, and what keeps us from giving their values. */
static const struct {
    const char *why, *names;
} others[] = {
    {"it has no value before the workload answers",
     "RESP RESPONSE_HEADER TRAILER RESPONSE_TRAILER RESPONSE_CODE RESPONSE_CODE_DETAILS "
     "RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES "
     "RESPONSE_DURATION RESPONSE_TX_DURATION REQUEST_DURATION REQUEST_TX_DURATION DURATION "
     "COMMON_DURATION ROUNDTRIP_DURATION BYTES_SENT GRPC_STATUS GRPC_STATUS_NUMBER "
     "LOCAL_REPLY_BODY UPSTREAM_PROTOCOL UPSTREAM_LOCAL_ADDRESS "
     "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_REMOTE_ADDRESS "
     "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_HOST "
     "UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_CONNECTION_ID "
     "UPSTREAM_TLS_VERSION UPSTREAM_TLS_CIPHER UPSTREAM_PEER_SUBJECT "
     "CONNECTION_TERMINATION_DETAILS"},
    {"no filter has left a value where headers are set: tokens are verified behind it",
     "DYNAMIC_METADATA FILTER_STATE PER_REQUEST_STATE METADATA CUSTOM_FLAGS"},
    {"it is of Envoy's own configuration",
     "ROUTE_NAME VIRTUAL_CLUSTER_NAME FILTER_CHAIN_NAME CLUSTER_METADATA UPSTREAM_METADATA "
     "UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW ENVIRONMENT"},
    {"no client is asked for a certificate",
     "DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL "
     "DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_IP_SAN "
     "DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_CERT "
     "DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_FINGERPRINT_1 "
     "DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 "
     "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256 DOWNSTREAM_PEER_CHAIN_SERIALS"},
    {"it is of access logs", "EMIT_TIME EMIT_TIME_LOCAL ACCESS_LOG_TYPE"},
    {"nobody has made it yet",
     "START_TIME_LOCAL PATH QUERY_PARAM QUERY_PARAMS COALESCE UNIQUE_ID STREAM_ID CONNECTION_ID "
     "TRACE_ID REQUEST_HEADERS_BYTES BYTES_RECEIVED TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT "
     "DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN "
     "DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_IP_SAN"},
};

/* One operator as written: %NAME(argument):length% */
struct command {
    brama_str name, argument, length;
    size_t bytes;
};

struct reading {
    struct brama_envoy_part *parts;
    size_t count;
    char *text; /* where literal text is put together: as much room as the value has bytes */
    struct brama_diag *diag;
};

#define SAY(r, ...) brama_diag_set((r)->diag, (struct brama_where){BRAMA_NIL, 0, 0}, __VA_ARGS__)

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* text begins with a percent sign. */
static bool read_command(struct command *out, brama_str text)
{
    size_t at = 1;

    *out = (struct command){.bytes = 0};
    while (at < text.n && is_name_char(text.p[at]))
        at++;
    out->name = brama_str_head(brama_str_from(text, 1), at - 1);
    if (at < text.n && text.p[at] == '(') {
        brama_str rest = brama_str_from(text, at + 1);
        out->argument = brama_str_head(rest, brama_str_find(rest, ')'));
        at += out->argument.n + 2;
    }
    if (at < text.n && text.p[at] == ':') {
        brama_str rest = brama_str_from(text, at + 1);
        out->length = brama_str_head(rest, brama_str_find(rest, '%'));
        at += out->length.n + 1;
        uint64_t ignored;
        if (!brama_str_u64(out->length, &ignored))
            return false;
    }
    out->bytes = at + 1;
    return out->name.n != 0 && at < text.n && text.p[at] == '%';
}

/* A token, or one of the names that HTTP/2 has for the request line. */
static bool is_header_name(brama_str name)
{
    static const brama_str pseudo[] = {BRAMA_LIT(":authority"), BRAMA_LIT(":method"),
                                       BRAMA_LIT(":path"), BRAMA_LIT(":scheme")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(pseudo); i++)
        if (brama_str_eq_nocase(name, pseudo[i]))
            return true;
    return brama_str_is_token(name);
}

static enum brama_err read_headers(struct reading *r, const struct command *c,
                                   struct brama_envoy_part *part)
{
    size_t mark = brama_str_find(c->argument, '?');
    uint64_t length = UINT32_MAX;

    part->text = brama_str_head(c->argument, mark);
    part->other = brama_str_from(c->argument, mark + 1);
    if (!is_header_name(part->text) || (mark != c->argument.n && !is_header_name(part->other))) {
        SAY(r, "%%%.*s(...)%% takes a header's name, and behind a ? one other", BRAMA_FMT(c->name));
        return BRAMA_ERR_SYNTAX;
    }
    if (c->length.n != 0 && (!brama_str_u64(c->length, &length) || length > UINT32_MAX))
        length = UINT32_MAX;
    part->max_bytes = (uint32_t)length;
    return BRAMA_OK;
}

static enum brama_err read_argument(struct reading *r, const struct known *o,
                                    const struct command *c, struct brama_envoy_part *part)
{
    brama_str bad;

    *part = (struct brama_envoy_part){.op = o->op, .max_bytes = UINT32_MAX};
    if (o->takes == HEADERS)
        return read_headers(r, c, part);
    if (c->length.n != 0) {
        SAY(r, "%%%.*s%% takes no length", BRAMA_FMT(c->name));
        return BRAMA_ERR_SYNTAX;
    }
    if (o->takes == NOTHING && c->argument.n != 0) {
        SAY(r, "%%%.*s(%.*s)%% (nobody has made this argument yet)", BRAMA_FMT(c->name),
            BRAMA_FMT(brama_str_head(c->argument, 40)));
        return BRAMA_ERR_UNSUPPORTED;
    }
    if (o->takes == FORMAT && !brama__time_check(c->argument, &bad)) {
        SAY(r, "%%%.*s%% with %.*s in its format", BRAMA_FMT(c->name), BRAMA_FMT(bad));
        return BRAMA_ERR_UNSUPPORTED;
    }
    part->text = c->argument;
    return BRAMA_OK;
}

/* One of Envoy's that we don't have, or none: then which one was meant? */
static enum brama_err refuse(struct reading *r, brama_str name)
{
    struct brama_near near = {.distance = 0};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(operators); i++)
        brama_near_try(&near, name, operators[i].name);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(others); i++) {
        brama_str rest = brama_str_c(others[i].names), other;
        while (brama_str_next(&rest, ' ', &other)) {
            if (brama_str_eq(other, name)) {
                SAY(r, "%%%.*s%% (%s)", BRAMA_FMT(name), others[i].why);
                return BRAMA_ERR_UNSUPPORTED;
            }
        }
    }
    if (near.best.n != 0)
        SAY(r, "Envoy has no operator %%%.*s%%, did you mean %%%.*s%%?",
            BRAMA_FMT(brama_str_head(name, 64)), BRAMA_FMT(near.best));
    else
        SAY(r, "Envoy has no operator %%%.*s%%", BRAMA_FMT(brama_str_head(name, 64)));
    return BRAMA_ERR_SYNTAX;
}

static enum brama_err add_command(struct reading *r, const struct command *c)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(operators); i++)
        if (brama_str_eq(operators[i].name, c->name))
            return read_argument(r, &operators[i], c, &r->parts[r->count++]);
    return refuse(r, c->name);
}

/* One byte of literal text more, behind those before it. */
static void add_text(struct reading *r, char c)
{
    struct brama_envoy_part *last = r->count != 0 ? &r->parts[r->count - 1] : NULL;

    *r->text = c;
    if (last == NULL || last->op != BRAMA_ENVOY_TEXT) {
        last = &r->parts[r->count++];
        *last = (struct brama_envoy_part){.op = BRAMA_ENVOY_TEXT, .text = {r->text, 0}};
    }
    last->text.n++;
    r->text++;
}

/* Every part begins at a percent sign or behind a part that did. */
static size_t parts_at_most(brama_str text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '%';
    return n;
}

enum brama_err brama_envoy_read(struct brama_envoy_value *out, struct brama_arena *arena,
                                brama_str text, struct brama_diag *diag)
{
    struct reading r = {.diag = diag};
    size_t at = 0;

    *out = (struct brama_envoy_value){NULL, 0};
    if (text.n > BRAMA_ENVOY_MAX) {
        SAY(&r, "longer than %d bytes", BRAMA_ENVOY_MAX);
        return BRAMA_ERR_TOO_BIG;
    }
    r.parts = brama_arena_array(arena, parts_at_most(text), sizeof(*r.parts));
    r.text = brama_arena_alloc(arena, text.n + 1);
    if (r.parts == NULL || r.text == NULL)
        return BRAMA_ERR_NOMEM;
    while (at < text.n) {
        struct command command;
        bool percent = text.p[at] == '%';
        if (!percent || (at + 1 < text.n && text.p[at + 1] == '%')) {
            add_text(&r, text.p[at]);
            at += percent ? 2 : 1;
            continue;
        }
        if (!read_command(&command, brama_str_from(text, at))) {
            SAY(&r,
                "no operator begins at the percent sign of byte %zu, and a percent sign alone "
                "is written %%%%",
                at + 1);
            return BRAMA_ERR_SYNTAX;
        }
        enum brama_err err = add_command(&r, &command);
        if (err != BRAMA_OK)
            return err;
        at += command.bytes;
    }
    *out = (struct brama_envoy_value){r.parts, r.count};
    return BRAMA_OK;
}

bool brama_envoy_is_text(const struct brama_envoy_value *value)
{
    return value->count == 0 || (value->count == 1 && value->parts[0].op == BRAMA_ENVOY_TEXT);
}

bool brama_envoy_reads(const struct brama_envoy_value *value, brama_str header)
{
    for (size_t i = 0; i < value->count; i++)
        if (value->parts[i].op == BRAMA_ENVOY_REQ &&
            (brama_str_eq_nocase(value->parts[i].text, header) ||
             brama_str_eq_nocase(value->parts[i].other, header)))
            return true;
    return false;
}

brama_str brama_envoy_credential(const struct brama_envoy_value *value)
{
    static const brama_str names[] = {BRAMA_LIT("authorization"), BRAMA_LIT("proxy-authorization"),
                                      BRAMA_LIT("cookie")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_envoy_reads(value, names[i]))
            return names[i];
    return BRAMA_NIL;
}

static brama_str header_of(const struct brama_envoy_part *part,
                           const struct brama_envoy_source *source)
{
    brama_str value = source->value(source->ctx, BRAMA_ENVOY_REQ, part->text);

    if (value.p == NULL && part->other.n != 0)
        value = source->value(source->ctx, BRAMA_ENVOY_REQ, part->other);
    return brama_str_head(value, part->max_bytes);
}

enum brama_err brama_envoy_render(struct brama_buf *out, const struct brama_envoy_value *value,
                                  const struct brama_envoy_source *source)
{
    for (size_t i = 0; i < value->count; i++) {
        const struct brama_envoy_part *part = &value->parts[i];
        brama_str text = part->text;
        if (part->op == BRAMA_ENVOY_START_TIME) {
            brama__time_add(out, part->text, source->start_s, source->start_ms);
            continue;
        }
        if (part->op != BRAMA_ENVOY_TEXT) {
            text = part->op == BRAMA_ENVOY_REQ ? header_of(part, source)
                                               : source->value(source->ctx, part->op, BRAMA_NIL);
            if (brama_str_has_control(text) ||
                (source->in_cookies && brama_str_find(text, ';') != text.n))
                return BRAMA_ERR_INVALID;
        }
        brama_buf_add(out, text);
    }
    return brama_buf_err(out);
}
