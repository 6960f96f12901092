/* What a refused caller sees: the one table of statuses and texts. istio-jwt.md 2.11, 3.2 and 4.7,
 * oathkeeper.md 4; docs/decisions.md has our own ones. */
#include "policy/inner.h"
#include "json/write.h"

struct answer {
    uint16_t status;
    const char *body;
};

static const char rbac_denied[] = "RBAC: access denied";

/* In Envoy's words, whoever refuses. */
static const struct answer envoy[BRAMA_REASON_COUNT] = {
    [BRAMA_REASON_NONE] = {500, "Internal Server Error"},
    [BRAMA_REASON_BAD_REQUEST] = {400, "Bad Request"},
    [BRAMA_REASON_HTTP_VERSION] = {426, ""},
    [BRAMA_REASON_BAD_PATH] = {400, "Bad Request"},
    [BRAMA_REASON_AMBIGUOUS_PATH] = {400, "Bad Request"},
    [BRAMA_REASON_BAD_HOST] = {400, "Bad Request"},
    [BRAMA_REASON_BAD_CONNECTION] = {400, "Bad Request"},
    [BRAMA_REASON_HEADERS_TOO_LARGE] = {431, "Request Header Fields Too Large"},
    [BRAMA_REASON_NOT_CONFIGURED] = {503, "no configuration yet"},
    [BRAMA_REASON_MISDIRECTED] = {421, "Misdirected Request"},
    [BRAMA_REASON_NO_HOST] = {404, ""},
    [BRAMA_REASON_NO_ROUTE] = {404, ""},
    [BRAMA_REASON_TOKEN_MISSING] = {403, rbac_denied},
    [BRAMA_REASON_TOKEN_SEVERAL] = {400, "Found multiple Jwt tokens"},
    [BRAMA_REASON_ISSUER_UNKNOWN] = {403, rbac_denied},
    [BRAMA_REASON_AUDIENCE_MISSING] = {403, rbac_denied},
    [BRAMA_REASON_SCOPE_MISSING] = {403, rbac_denied},
    [BRAMA_REASON_SUBJECT_MISSING] = {403, rbac_denied},
    [BRAMA_REASON_POLICY_DENIED] = {403, rbac_denied},
    [BRAMA_REASON_GRPC_UNSUPPORTED] = {501, "gRPC is not forwarded to workloads"},
    [BRAMA_REASON_NO_UPSTREAM] = {503, "no healthy upstream"},
    [BRAMA_REASON_UPSTREAM_FAILED] =
        {503, "upstream connect error or disconnect/reset before headers. retried and the latest "
              "reset reason: remote connection failure, transport failure reason: delayed connect "
              "error: Connection refused"},
    [BRAMA_REASON_UPSTREAM_TIMEOUT] = {504, "upstream request timeout"},
    [BRAMA_REASON_INTERNAL] = {500, "Internal Server Error"},
    [BRAMA_REASON_CALL_NEEDED] = {500, "Internal Server Error"},
    [BRAMA_REASON_CALL_BUSY] = {403, ""},
    [BRAMA_REASON_BODY_TOO_LARGE] = {413, "Payload Too Large"},
    [BRAMA_REASON_BODY_TIMEOUT] = {408, "stream timeout"},
    [BRAMA_REASON_EXT_AUTH_DENIED] = {403, ""},
    [BRAMA_REASON_EXT_AUTH_FAILED] = {403, ""},
};

/* Oathkeeper's default error handler says one of these, whatever the cause. oathkeeper.md 4.2. */
static const struct {
    uint16_t status;
    const char *phrase, *message;
} oathkeeper[] = {
    {400, "Bad Request", "The request was malformed or contained invalid parameters"},
    {401, "Unauthorized", "The request could not be authorized"},
    {403, "Forbidden", "The requested action was forbidden"},
    {404, "Not Found", "The requested resource could not be found"},
    {429, "Too Many Requests", "Too many requests"},
    {500, "Internal Server Error",
     "An internal server error occurred, please contact the system administrator"},
    {504, "Gateway Timeout", "The upstream service is timing out"},
    {503, "Service Unavailable", "The upstream service is not available"},
};

/* Where it isn't 401. */
static uint16_t oathkeeper_status(enum brama_reason reason)
{
    static const uint16_t statuses[BRAMA_REASON_COUNT] = {
        [BRAMA_REASON_OATHKEEPER_NO_RULE] = 404, [BRAMA_REASON_OATHKEEPER_MANY_RULES] = 500,
        [BRAMA_REASON_CALL_FAILED] = 500,        [BRAMA_REASON_CALL_NEEDED] = 500,
        [BRAMA_REASON_TOKEN_USE] = 403,          [BRAMA_REASON_HANDLER_DISABLED] = 500,
        [BRAMA_REASON_MUTATOR_FAILED] = 500,     [BRAMA_REASON_INTERNAL] = 500,
        [BRAMA_REASON_KEYS_UNAVAILABLE] = 503,   [BRAMA_REASON_TOKEN_SEVERAL] = 400,
        [BRAMA_REASON_SIGNER_FAILED] = 500,      [BRAMA_REASON_CALL_BUSY] = 500,
    };
    return statuses[reason] != 0 ? statuses[reason] : 401;
}

static brama_str oathkeeper_body(struct brama__case *c, uint16_t status)
{
    size_t row = 0;
    while (row + 1 < BRAMA_ARRAY_LEN(oathkeeper) && oathkeeper[row].status != status)
        row++;
    struct brama_buf buf;
    struct brama_json_out json;
    brama_buf_init(&buf, NULL, 4096);
    brama_json_out_init(&json, &buf, 0);
    brama_json_map(&json);
    brama_json_key(&json, BRAMA_STR("error"));
    brama_json_map(&json);
    brama_json_key(&json, BRAMA_STR("code"));
    brama_json_int(&json, oathkeeper[row].status);
    brama_json_member(&json, BRAMA_STR("status"), brama_str_c(oathkeeper[row].phrase));
    if (c->request->request_id.n != 0)
        brama_json_member(&json, BRAMA_STR("request"), c->request->request_id);
    brama_json_member(&json, BRAMA_STR("message"), brama_str_c(oathkeeper[row].message));
    brama_json_end(&json);
    brama_json_end(&json);
    brama_buf_add_c(&buf, '\n');
    return brama_buf_end(&buf, c->arena);
}

static void add_header(const struct brama_header **list, size_t *count, struct brama_arena *arena,
                       struct brama_header header, bool replace)
{
    struct brama_header *more = brama_arena_array(arena, *count + 1, sizeof(*more));
    size_t n = 0;
    if (more == NULL)
        return;
    for (size_t i = 0; i < *count; i++)
        if (!replace || !brama_str_eq_nocase((*list)[i].name, header.name))
            more[n++] = (*list)[i];
    more[n++] = header;
    *list = more;
    *count = n;
}

void brama__add_response_header(struct brama__case *c, brama_str name, brama_str value)
{
    add_header(&c->out->response_headers, &c->out->response_header_count, c->arena,
               (struct brama_header){name, value}, false);
}

void brama__set_upstream_header(struct brama__case *c, brama_str name, brama_str value)
{
    add_header(&c->out->upstream_headers, &c->out->upstream_header_count, c->arena,
               (struct brama_header){name, value}, true);
}

/* status: of HTTP, also where gRPC is spoken. */
static void add_retry_after(struct brama__case *c, uint16_t status)
{
    if (status == 503)
        brama__add_response_header(c, BRAMA_STR("retry-after"), BRAMA_STR("1"));
}

static void answer_text(struct brama__case *c, uint16_t status, brama_str body)
{
    struct brama_decision *out = c->out;
    out->verdict = BRAMA_VERDICT_DENY;
    out->status = status;
    out->body = body;
    out->content_type = body.n != 0 ? BRAMA_STR("text/plain") : BRAMA_NIL;
    add_retry_after(c, status);
    if (brama__is_grpc(c->request))
        brama__say_in_grpc(c);
}

void brama__deny(struct brama__case *c, enum brama__dialect dialect, enum brama_reason reason)
{
    struct brama_decision *out = c->out;
    out->reason = reason;
    uint16_t status = brama__is_rfc6750(c) ? brama__challenge(c) : 0;
    if (dialect == BRAMA__ORY) {
        out->verdict = BRAMA_VERDICT_DENY;
        out->status = status != 0          ? status
                      : c->ory_status != 0 ? c->ory_status
                                           : oathkeeper_status(reason);
        out->content_type = BRAMA_STR("application/json");
        out->body = oathkeeper_body(c, out->status);
        add_retry_after(c, out->status);
    } else {
        const struct answer *a = &envoy[envoy[reason].status != 0 ? reason : BRAMA_REASON_NONE];
        answer_text(c, status != 0 ? status : a->status, brama_str_c(a->body));
    }
    brama_trace_add(c->trace, "answer", BRAMA_TRACE_FAIL, BRAMA_NIL,
                    brama_str_c(brama_reason_name(reason)), "%u", out->status);
}

void brama__deny_several(struct brama__case *c, enum brama__dialect dialect,
                         const struct brama__place *place)
{
    brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_STR("one token"),
                    BRAMA_STR("several"), "a second copy at the same place, or too many places");
    brama__change_once(c, place);
    brama__deny(c, dialect, BRAMA_REASON_TOKEN_SEVERAL);
}

/* Bearer realm="<scheme>://<authority><path>"; the path is cut at 256 bytes. istio-jwt.md 2.11. */
static brama_str www_authenticate(struct brama__case *c)
{
    const struct brama_request *r = c->request;
    brama_str target = brama_str_head(r->target, 256);
    target = brama_str_head(target, brama_str_find(target, '"'));
    target = brama_str_head(target, brama_str_find(target, '\\'));
    return brama_arena_printf(c->arena, "Bearer realm=\"%.*s://%.*s%.*s\", error=\"invalid_token\"",
                              BRAMA_FMT(r->scheme), BRAMA_FMT(r->authority), BRAMA_FMT(target));
}

void brama__deny_token(struct brama__case *c, enum brama__dialect dialect,
                       enum brama_jwt_status status)
{
    enum brama_reason reason = brama_reason_of_jwt(status);
    c->out->jwt_status = status;
    if (dialect == BRAMA__ORY) {
        brama__deny(c, dialect, reason);
        return;
    }
    uint16_t http = reason == BRAMA_REASON_KEYS_UNAVAILABLE ? 503 : 401;
    c->out->reason = reason;
    if (http == 401 && brama__is_rfc6750(c))
        brama__challenge(c);
    else if (http == 401)
        brama__add_response_header(c, BRAMA_STR("www-authenticate"), www_authenticate(c));
    answer_text(c, http, brama_str_c(brama_jwt_status_text(status)));
    brama_trace_add(c->trace, "answer", BRAMA_TRACE_FAIL, BRAMA_NIL,
                    brama_str_c(brama_reason_name(reason)), "%u %s", c->out->status,
                    brama_jwt_status_text(status));
}

void brama__park(struct brama__case *c, const uint64_t *keysets, size_t count)
{
    struct brama_decision *out = c->out;
    if (!c->engine->may_park)
        return;
    for (size_t i = 0; i < count && out->wanted_count < BRAMA_WANTED_MAX; i++) {
        size_t known = 0;
        while (known < out->wanted_count && out->wanted[known] != keysets[i])
            known++;
        if (known == out->wanted_count)
            out->wanted[out->wanted_count++] = keysets[i];
    }
    if (out->wanted_count != 0)
        out->verdict = BRAMA_VERDICT_PARK; /* status and texts stay the refusal's */
}

void brama_decide_refusal(struct brama_decision *out, enum brama_reason reason,
                          struct brama_arena *arena)
{
    static const struct brama_request nobody = {0};
    *out = (struct brama_decision){.route = BRAMA_NO_ROW};
    struct brama__case c = {.request = &nobody, .arena = arena, .out = out};
    brama__deny(&c, BRAMA__GATEWAY, reason);
}
