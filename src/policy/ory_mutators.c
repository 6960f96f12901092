/* Oathkeeper's mutators: what of the session the workload is told. oathkeeper.md 3.1, 3.3. */
#include "policy/inner.h"

#include "route/regex.h"

#define VALUE_MAX 8192 /* bytes of one header that a template makes */
#define SET_MAX 100    /* headers that all mutators of a rule may set */

static bool fail(struct brama__case *c, brama_str name, const char *why)
{
    brama_trace_add(c->trace, "mutator", BRAMA_TRACE_FAIL, name, BRAMA_NIL, "%s", why);
    brama__deny(c, BRAMA__ORY, BRAMA_REASON_MUTATOR_FAILED);
    return false;
}

static bool visible_headers(struct brama__case *c, struct brama_template_data *data)
{
    const struct brama_request *r = c->request;
    struct brama_template_pair *pairs =
        brama_arena_array(c->arena, r->header_count + 1, sizeof(*pairs));

    if (pairs == NULL)
        return false;
    for (size_t i = 0; i < r->header_count; i++)
        if (!brama__is_hidden(r, r->headers[i].name))
            pairs[data->header_count++] =
                (struct brama_template_pair){r->headers[i].name, r->headers[i].value};
    data->headers = pairs;
    return true;
}

/* RegexpCaptureGroups: the two groups that Kyma writes around scheme and path, then the path's own.
 * oathkeeper.md 1.3.1. */
static bool match_groups(struct brama__case *c, struct brama_template_data *data)
{
    brama_str regex = brama_pack_text(c->policy, c->rule->path);
    const brama_str *inner = NULL;
    size_t count = 0;

    if (c->oathkeeper->wants_groups &&
        !brama_regexes_groups(brama__memory_regexes(c->engine->memory), c->arena, regex, data->path,
                              &inner, &count))
        return false;
    brama_str *all = brama_arena_array(c->arena, count + 2, sizeof(*all));
    if (all == NULL)
        return false;
    all[0] = c->request->scheme;
    all[1] = data->path;
    for (size_t i = 0; i < count; i++)
        all[i + 2] = inner[i];
    data->captures = all;
    data->capture_count = count + 2;
    return true;
}

static bool template_data(struct brama__case *c, struct brama_template_data *data)
{
    *data = (struct brama_template_data){.subject = c->session.subject,
                                         .extra = c->session.extra,
                                         .scheme = c->request->scheme,
                                         .host = c->request->authority,
                                         .path = brama_path_decoded(c->arena, c->path.path),
                                         .raw_query = c->path.query,
                                         .method = c->request->method};
    return visible_headers(c, data) && match_groups(c, data);
}

static bool render(struct brama__case *c, struct brama_template_data *data,
                   const struct brama_p_header *pair, brama_str *out)
{
    brama_str name = brama_pack_text(c->policy, pair->name);
    struct brama_diag diag = {0};
    struct brama_buf buf;

    brama_buf_init(&buf, NULL, VALUE_MAX);
    data->set = c->session.set;
    data->set_count = c->session.set_count;
    enum brama_err err =
        brama_template_render(&buf, c->arena, brama_pack_text(c->policy, pair->value), data, &diag);
    brama_str text = err == BRAMA_OK ? brama_buf_str(&buf) : BRAMA_NIL;
    bool fine = err == BRAMA_OK && !brama_str_has_control(text);
    *out = fine ? brama_arena_copy(c->arena, text) : BRAMA_NIL;
    brama_buf_deinit(&buf);
    if (!fine)
        return fail(c, name,
                    err == BRAMA_OK     ? "the value has a control character"
                    : diag.what[0] != 0 ? diag.what
                                        : "the value is too long");
    brama_trace_add(c->trace, "mutator", BRAMA_TRACE_PASS, name, BRAMA_NIL, "set, %zu bytes",
                    out->n);
    return true;
}

/* Each name once: a later mutator's value stands. */
static bool set(struct brama__case *c, brama_str name, brama_str value)
{
    struct brama__session *s = &c->session;

    if (s->set == NULL)
        s->set = brama_arena_array(c->arena, SET_MAX, sizeof(*s->set));
    for (size_t i = 0; s->set != NULL && i < s->set_count; i++)
        if (brama_str_eq_nocase(s->set[i].name, name)) {
            s->set[i].value = value;
            return true;
        }
    if (s->set == NULL || s->set_count == SET_MAX)
        return fail(c, name, "more headers than a request may have");
    s->set[s->set_count++] = (struct brama_template_pair){brama_arena_copy(c->arena, name), value};
    return true;
}

/* Bytes that Go leaves out of a cookie's value go; with a blank or comma it is quoted. */
static void add_cookie_value(struct brama_buf *buf, brama_str value)
{
    bool quoted = brama_str_find(value, ' ') != value.n || brama_str_find(value, ',') != value.n;

    if (quoted)
        brama_buf_add_c(buf, '"');
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != ';' && c != '\\')
            brama_buf_add_c(buf, c);
    }
    if (quoted)
        brama_buf_add_c(buf, '"');
}

static void add_cookie(struct brama_buf *buf, brama_str name, brama_str value)
{
    if (brama_buf_str(buf).n != 0)
        brama_buf_add(buf, BRAMA_STR("; "));
    brama_buf_add(buf, name);
    brama_buf_add_c(buf, '=');
    add_cookie_value(buf, value);
}

static const struct brama_p_header *pair_at(const struct brama__case *c, struct brama_span pairs,
                                            uint32_t i)
{
    return BRAMA_ROW(c->policy, BRAMA_T_HEADER, pairs.first + i, struct brama_p_header);
}

static bool names_cookie(const struct brama__case *c, struct brama_span pairs, brama_str name)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        const struct brama_p_header *pair = pair_at(c, pairs, i);
        if (pair != NULL && brama_str_eq(brama_pack_text(c->policy, pair->name), name))
            return true;
    }
    return false;
}

/* As Go reads one: the quotes aren't the value's; with a byte in it that no value has, it is lost.
 */
static bool read_cookie(brama_str pair, brama_str *name, brama_str *value)
{
    size_t eq = brama_str_find(pair, '=');

    *name = brama_str_head(pair, eq);
    *value = brama_str_from(pair, eq + 1);
    if (value->n > 1 && value->p[0] == '"' && value->p[value->n - 1] == '"')
        *value = brama_str_head(brama_str_from(*value, 1), value->n - 2);
    for (size_t i = 0; i < value->n; i++) {
        char c = value->p[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == ';' || c == '\\')
            return false;
    }
    for (size_t i = 0; i < name->n; i++)
        if (name->p[i] <= 0x20 || name->p[i] >= 0x7f)
            return false;
    return name->n != 0;
}

/* The client's, but for those that the rule sets. */
static void add_client_cookies(struct brama__case *c, struct brama_buf *buf,
                               struct brama_span pairs)
{
    for (size_t i = 0; i < c->request->header_count; i++) {
        brama_str rest = c->request->headers[i].value, pair, name, value;
        if (!brama_str_eq_nocase(c->request->headers[i].name, BRAMA_STR("cookie")))
            continue;
        while (brama_str_next(&rest, ';', &pair))
            if (read_cookie(brama_str_trim(pair), &name, &value) && !names_cookie(c, pairs, name))
                add_cookie(buf, name, value);
    }
}

static bool mutate_cookies(struct brama__case *c, struct brama_template_data *data,
                           struct brama_span pairs)
{
    struct brama_buf buf;
    bool fine = true;

    brama_buf_init(&buf, NULL, (size_t)VALUE_MAX * 4);
    for (uint32_t i = 0; fine && i < pairs.count; i++) {
        const struct brama_p_header *pair = pair_at(c, pairs, i);
        brama_str value;
        fine = pair != NULL && render(c, data, pair, &value);
        if (fine)
            add_cookie(&buf, brama_pack_text(c->policy, pair->name), value);
        else if (pair == NULL)
            brama__deny(c, BRAMA__ORY, BRAMA_REASON_INTERNAL);
    }
    if (fine) {
        add_client_cookies(c, &buf, pairs);
        fine = brama_buf_err(&buf) == BRAMA_OK
                   ? set(c, BRAMA_STR("Cookie"), brama_arena_copy(c->arena, brama_buf_str(&buf)))
                   : fail(c, BRAMA_STR("Cookie"), "too long");
    }
    brama_buf_deinit(&buf);
    return fine;
}

static bool mutate_headers(struct brama__case *c, struct brama_template_data *data,
                           struct brama_span pairs)
{
    for (uint32_t i = 0; i < pairs.count; i++) {
        const struct brama_p_header *pair = pair_at(c, pairs, i);
        brama_str value;
        if (pair == NULL) {
            brama__deny(c, BRAMA__ORY, BRAMA_REASON_INTERNAL);
            return false;
        }
        if (!render(c, data, pair, &value) ||
            !set(c, brama_pack_text(c->policy, pair->name), value))
            return false;
    }
    return true;
}

bool brama__session_set(struct brama__case *c, brama_str name, brama_str value)
{
    return brama_str_is_token(name) && !brama_str_has_control(value) && set(c, name, value);
}

bool brama__mutate(struct brama__case *c)
{
    struct brama_span span = c->oathkeeper->mutators;
    struct brama_template_data data;

    if (span.count == 0)
        return true;
    if (!template_data(c, &data))
        return fail(c, BRAMA_STR("the request"), "what templates are made of can't be had");
    for (uint32_t i = 0; i < span.count; i++) {
        const struct brama_p_mutator *m =
            BRAMA_ROW(c->policy, BRAMA_T_MUTATOR, span.first + i, struct brama_p_mutator);
        bool fine =
            m != NULL && m->kind == BRAMA_MUTATOR_HEADER     ? mutate_headers(c, &data, m->pairs)
            : m != NULL && m->kind == BRAMA_MUTATOR_COOKIE   ? mutate_cookies(c, &data, m->pairs)
            : m != NULL && m->kind == BRAMA_MUTATOR_HYDRATOR ? brama__hydrate(c, m->api, &data)
            : m != NULL && m->kind == BRAMA_MUTATOR_ID_TOKEN
                ? brama__sign_id_token(c, m->id_token, &data)
                : fail(c, BRAMA_STR("a mutator"), "nobody knows it");
        if (!fine)
            return false;
    }
    return true;
}
