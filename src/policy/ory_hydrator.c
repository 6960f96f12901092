/* Oathkeeper's hydrator: the session goes out, and comes back with more in it. oathkeeper.md 3.3.
 */
#include "policy/inner.h"

#include "json/read.h"
#include "json/write.h"

#define BODY_MAX ((size_t)256 * 1024)
#define DEFAULT_TTL_S 60

static bool fail(struct brama__case *c, const char *why)
{
    brama_trace_add(c->trace, "mutator", BRAMA_TRACE_FAIL, BRAMA_STR("hydrator"), BRAMA_NIL, "%s",
                    why);
    brama__deny(c, BRAMA__ORY, BRAMA_REASON_MUTATOR_FAILED);
    return false;
}

static bool came_before(const struct brama_template_pair *pairs, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (brama_str_eq_nocase(pairs[i].name, pairs[at].name))
            return true;
    return false;
}

/* Go's http.Header: each name once, with a list of its values. */
static void write_headers(struct brama_json_out *json, const struct brama_template_pair *pairs,
                          size_t n)
{
    brama_json_map(json);
    for (size_t i = 0; i < n; i++) {
        if (came_before(pairs, i))
            continue;
        brama_json_key(json, pairs[i].name);
        brama_json_list(json);
        for (size_t k = i; k < n; k++)
            if (brama_str_eq_nocase(pairs[k].name, pairs[i].name))
                brama_json_str(json, pairs[k].value);
        brama_json_end(json);
    }
    brama_json_end(json);
}

static void write_match(struct brama_json_out *json, const struct brama_template_data *data)
{
    brama_json_map(json);
    brama_json_key(json, BRAMA_STR("regexp_capture_groups"));
    brama_json_list(json);
    for (size_t i = 0; i < data->capture_count; i++)
        brama_json_str(json, data->captures[i]);
    brama_json_end(json);
    brama_json_key(json, BRAMA_STR("url"));
    brama_json_map(json);
    brama_json_member(json, BRAMA_STR("Scheme"), data->scheme);
    brama_json_member(json, BRAMA_STR("Host"), data->host);
    brama_json_member(json, BRAMA_STR("Path"), data->path);
    brama_json_member(json, BRAMA_STR("RawQuery"), data->raw_query);
    brama_json_end(json);
    brama_json_member(json, BRAMA_STR("method"), data->method);
    brama_json_key(json, BRAMA_STR("header"));
    write_headers(json, data->headers, data->header_count);
    brama_json_end(json);
}

static brama_str session_json(struct brama__case *c, const struct brama_template_data *data)
{
    struct brama_json_out json;
    struct brama_buf buf;

    brama_buf_init(&buf, NULL, BODY_MAX);
    brama_json_out_init(&json, &buf, 0);
    brama_json_map(&json);
    brama_json_member(&json, BRAMA_STR("subject"), c->session.subject);
    brama_json_key(&json, BRAMA_STR("extra"));
    if (c->session.extra != NULL)
        brama_json_node(&json, c->session.extra);
    else
        brama_json_null(&json);
    brama_json_key(&json, BRAMA_STR("header"));
    write_headers(&json, c->session.set, c->session.set_count);
    brama_json_key(&json, BRAMA_STR("match_context"));
    write_match(&json, data);
    brama_json_end(&json);
    return brama_buf_end(&buf, c->arena);
}

/* All of the request's that templates may see, and the rule's own credentials. */
static bool add_headers(struct brama__case *c, struct brama_call *call,
                        const struct brama_p_oauth2 *row, const struct brama_template_data *data)
{
    brama_str user = brama_pack_text(c->policy, row->client_id);
    brama_str password = brama_pack_text(c->policy, row->client_secret);
    bool basic = user.n != 0 || password.n != 0;

    for (size_t i = 0; i < data->header_count; i++) {
        brama_str name = data->headers[i].name;
        if (brama__is_of_the_message(name) ||
            brama_str_eq_nocase(name, BRAMA_STR("content-type")) ||
            (basic && brama_str_eq_nocase(name, BRAMA_STR("authorization"))))
            continue;
        if (!brama__call_header(c, call, name, data->headers[i].value))
            return false;
    }
    brama_str credentials = basic ? brama__basic_plain(c, user, password) : BRAMA_NIL;
    if (basic && credentials.n == 0)
        return fail(c, "no memory");
    return brama__call_header(c, call, BRAMA_STR("Content-Type"), BRAMA_STR("application/json")) &&
           (!basic || brama__call_header(c, call, BRAMA_STR("Authorization"), credentials));
}

static int64_t ttl_of(const struct brama_p_oauth2 *row)
{
    return row->cache_ms != 0 ? (int64_t)(row->cache_ms / 1000) : DEFAULT_TTL_S;
}

static const struct brama_call_answer *ask(struct brama__case *c, const struct brama_p_oauth2 *row,
                                           const struct brama_template_data *data)
{
    struct brama_call call;
    brama_str path = brama_pack_text(c->policy, row->path);

    if (!brama__call_to(c, &call, row->target, row->authority) || !add_headers(c, &call, row, data))
        return NULL;
    path = brama_str_head(path, brama_str_find(path, '?')); /* the request's query stands instead */
    call.target = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(path),
                                     c->path.has_query ? "?" : "", BRAMA_FMT(c->path.query));
    call.body = session_json(c, data);
    if (call.body.n == 0) {
        fail(c, "the session is too large to be sent");
        return NULL;
    }
    return brama__ask(c, &call, row->cached ? ttl_of(row) : 0);
}

/* The first value of each header. */
static bool take_headers(struct brama__case *c, const struct brama_node *headers)
{
    c->session.set_count = 0;
    for (const struct brama_node *h = headers != NULL ? headers->first : NULL; h != NULL;
         h = h->next) {
        const struct brama_node *first = h->kind == BRAMA_NODE_LIST ? h->first : NULL;
        if (first == NULL || first->kind != BRAMA_NODE_STR || brama__is_of_the_message(h->key) ||
            !brama__session_set(c, h->key, first->text))
            return false;
    }
    return true;
}

/* As Go decodes one into a string. */
static bool is_text(const struct brama_node *node)
{
    return node == NULL || node->kind == BRAMA_NODE_STR || node->kind == BRAMA_NODE_NULL;
}

/* The answer is the session from now on: what it leaves out is lost. */
static bool take(struct brama__case *c, const struct brama_call_answer *answer)
{
    struct brama_node *root = NULL;

    if (brama_json_parse(&root, c->arena, answer->body, &brama_json_limits_answer, NULL) !=
            BRAMA_OK ||
        root->kind != BRAMA_NODE_MAP || !is_text(brama_node_get(root, BRAMA_STR("subject"))) ||
        !brama_str_eq(brama_node_get_str(root, BRAMA_STR("subject")), c->session.subject))
        return false;
    const struct brama_node *extra = brama_node_get(root, BRAMA_STR("extra"));
    const struct brama_node *header = brama_node_get(root, BRAMA_STR("header"));
    bool known =
        (extra == NULL || extra->kind == BRAMA_NODE_MAP || extra->kind == BRAMA_NODE_NULL) &&
        (header == NULL || header->kind == BRAMA_NODE_MAP || header->kind == BRAMA_NODE_NULL);
    c->session.extra = known && extra != NULL && extra->kind == BRAMA_NODE_MAP ? extra : NULL;
    return known && take_headers(c, header);
}

bool brama__hydrate(struct brama__case *c, uint32_t row_number, struct brama_template_data *data)
{
    const struct brama_p_oauth2 *row =
        BRAMA_ROW(c->policy, BRAMA_T_OAUTH2, row_number, struct brama_p_oauth2);

    if (row == NULL)
        return fail(c, "its row is missing");
    const struct brama_call_answer *answer = ask(c, row, data);
    if (answer == NULL)
        return false;
    if (answer->end == BRAMA_CALL_BUSY) {
        brama__deny_call(c, answer, BRAMA_REASON_CALL_FAILED, 500);
        return false;
    }
    if (answer->end != BRAMA_CALL_ANSWERED || answer->status != 200)
        return fail(c, "the API gives no answer with status 200");
    if (!take(c, answer))
        return fail(c, "the API's answer isn't this session with more in it");
    data->subject = c->session.subject;
    data->extra = c->session.extra;
    if (row->cached)
        brama__keep_answer(c, answer, ttl_of(row));
    return true;
}
