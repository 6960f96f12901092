/* POST /api/v1/explain: what would become of a request, by the engine and the files in force. Its
 * own memory: a question must neither fill the worker's nor be answered out of it. */
#include "base/url.h"
#include "gateway/admin.h"
#include "policy/explain.h"
#include "json/read.h"

#define BODY_MAX_BYTES (256u << 10)
#define ARENA_MAX_BYTES (8u << 20)
#define ANSWER_MAX_BYTES (4u << 20)
#define REGEXES_MAX 256
#define KEYS_MAX 64

static const struct brama_json_limits limits = {
    .max_bytes = BODY_MAX_BYTES, .max_members = 4096, .max_string = 64u << 10, .max_depth = 8};

static ngx_int_t complain(ngx_http_request_t *r, ngx_uint_t status, brama_str what)
{
    return brama_gw_send(r, status, BRAMA_STR("text/plain"), what);
}

/* The request's body as one text; {NULL, 0}: there is none, or it isn't in memory. */
static brama_str body_of(ngx_http_request_t *r, struct brama_arena *arena)
{
    size_t n = 0;

    if (r->request_body == NULL || r->request_body->temp_file != NULL)
        return BRAMA_NIL;
    for (ngx_chain_t *cl = r->request_body->bufs; cl != NULL; cl = cl->next)
        n += (size_t)(cl->buf->last - cl->buf->pos);
    char *text = n <= BODY_MAX_BYTES ? brama_arena_alloc(arena, n + 1) : NULL;
    if (text == NULL)
        return BRAMA_NIL;
    n = 0;
    for (ngx_chain_t *cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        size_t part = (size_t)(cl->buf->last - cl->buf->pos);
        if (part != 0)
            memcpy(text + n, cl->buf->pos, part);
        n += part;
    }
    return (brama_str){text, n};
}

/* As view.c makes them of a real request. */
static bool read_headers(struct brama_request *out, struct brama_arena *arena,
                         const struct brama_node *list)
{
    size_t count = list != NULL ? list->count : 0;
    struct brama_header *headers = brama_arena_array(arena, count + 1, sizeof(*headers));

    if (headers == NULL || (list != NULL && list->kind != BRAMA_NODE_LIST))
        return false;
    for (const struct brama_node *h = list != NULL ? list->first : NULL; h != NULL; h = h->next) {
        brama_str name = brama_node_get_str(h, BRAMA_STR("name"));
        if (name.n == 0)
            return false;
        if (brama_str_find(name, '_') != name.n || brama_str_eq_nocase(name, BRAMA_STR("host")))
            continue;
        headers[out->header_count++] =
            (struct brama_header){name, brama_node_get_str(h, BRAMA_STR("value"))};
    }
    out->headers = headers;
    return true;
}

/* NULL: it was read; else what is wrong with it. */
static const char *read_question(struct brama_request *out, struct brama_arena *arena,
                                 brama_str text)
{
    struct brama_diag diag = {0};
    struct brama_node *root;
    struct brama_url url;

    *out = (struct brama_request){.now_s = (int64_t)ngx_time()};
    if (brama_json_parse(&root, arena, text, &limits, &diag) != BRAMA_OK ||
        root->kind != BRAMA_NODE_MAP)
        return "the body must be a JSON object: {\"method\", \"url\", \"headers\"}\n";
    if (brama_url_split(&url, arena, brama_node_get_str(root, BRAMA_STR("url")), &diag) != BRAMA_OK)
        return "url must be http:// or https:// and a host\n";
    out->method = brama_node_get_str(root, BRAMA_STR("method"));
    if (out->method.n == 0)
        out->method = BRAMA_STR("GET");
    out->scheme = url.scheme;
    out->authority = url.authority;
    out->target = url.target;
    if (!read_headers(out, arena, brama_node_get(root, BRAMA_STR("headers"))))
        return "headers must be a list of {\"name\", \"value\"}\n";
    return NULL;
}

static bool answer(struct brama_buf *out, ngx_http_request_t *r,
                   const struct brama_request *request, struct brama_arena *arena)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_engine engine = brama_slot_engine(slot);
    engine.no_signer = true;
    struct brama_memory_options options = {.regexes_max = REGEXES_MAX, .keys_max = KEYS_MAX};
    struct brama_decision d;
    struct brama_trace trace;

    brama_slot_random(slot, options.seed, sizeof(options.seed));
    if (brama_memory_new(&engine.memory, &options) != BRAMA_OK)
        return false;
    brama_trace_init(&trace, arena);
    brama_decide(&d, &engine, request, arena, &trace);
    struct brama_explanation e = {
        .request = request,
        .decision = &d,
        .trace = &trace,
        .arena = arena,
        .in_force = engine.policy,
        .upstream = brama_explain_upstream(arena, engine.policy, &d),
        .policy = slot->policy != NULL ? slot->policy->number : 0,
        .facts = slot->facts != NULL ? slot->facts->number : 0,
        .all_claims = true, /* whoever asks has the token */
    };
    brama_explain(out, &e, NULL);
    brama_memory_free(engine.memory);
    return brama_buf_err(out) == BRAMA_OK && !brama_arena_failed(arena);
}

static void on_body(ngx_http_request_t *r)
{
    struct brama_request request;
    struct brama_arena arena;
    struct brama_buf text;
    ngx_int_t rc;

    brama_arena_init(&arena, NULL, ARENA_MAX_BYTES);
    brama_buf_init(&text, NULL, ANSWER_MAX_BYTES);
    const char *wrong = read_question(&request, &arena, body_of(r, &arena));
    if (wrong != NULL) {
        rc = complain(r, NGX_HTTP_BAD_REQUEST, brama_str_c(wrong));
    } else if (answer(&text, r, &request, &arena)) {
        brama_str body = brama_gw_copy(r->pool, brama_buf_str(&text));
        rc = brama_gw_send(r, body.n != 0 ? NGX_HTTP_OK : NGX_HTTP_INTERNAL_SERVER_ERROR,
                           BRAMA_STR("application/json"), body);
    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    brama_buf_deinit(&text);
    brama_arena_deinit(&arena);
    ngx_http_finalize_request(r, rc);
}

static bool is_json(ngx_http_request_t *r)
{
    if (r->headers_in.content_type == NULL)
        return false;
    brama_str type = brama_gw_str(r->headers_in.content_type->value);
    return brama_str_eq_nocase(brama_str_trim(brama_str_head(type, brama_str_find(type, ';'))),
                               BRAMA_STR("application/json"));
}

ngx_int_t brama_gw_post_explain(ngx_http_request_t *r)
{
    /* A page in a browser can post neither this type nor without naming its origin. */
    if (!is_json(r))
        return complain(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                        BRAMA_STR("Content-Type must be application/json\n"));
    if (brama_gw_has_header(r, BRAMA_STR("origin")))
        return complain(r, NGX_HTTP_FORBIDDEN, BRAMA_STR("not for web pages\n"));
    if (r->headers_in.content_length_n > (off_t)BODY_MAX_BYTES)
        return complain(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, BRAMA_STR("at most 256 KiB\n"));
    r->request_body_in_single_buf = 1;
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}
