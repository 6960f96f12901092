/* Oathkeeper's oauth2_introspection: RFC 7662, and what Oathkeeper makes of the answer.
 * oathkeeper.md 2.7. */
#include "policy/inner.h"

#include "json/read.h"

#define FORM_MAX ((size_t)64 * 1024)
#define NO_TTL_S 3600 /* "unlimited" is an hour here: then the server is asked again */

struct answer {
    const struct brama_node *root;
    brama_str token_use, sub, iss, scope, username, client_id;
    bool active;
    int64_t exp; /* 0: none */
    const brama_str *aud;
    size_t aud_count;
};

/* A member that is a string, absent or null, as Go decodes one into a string. */
static bool text_of(const struct brama_node *root, const char *name, brama_str *out)
{
    const struct brama_node *n = brama_node_get(root, brama_str_c(name));

    *out = n != NULL && n->kind == BRAMA_NODE_STR ? n->text : BRAMA_NIL;
    return n == NULL || n->kind == BRAMA_NODE_STR || n->kind == BRAMA_NODE_NULL;
}

/* One string, or a list of them. */
static bool read_audience(struct brama__case *c, struct answer *a)
{
    const struct brama_node *n = brama_node_get(a->root, BRAMA_STR("aud"));
    bool list = n != NULL && n->kind == BRAMA_NODE_LIST;

    if (n == NULL || n->kind == BRAMA_NODE_NULL)
        return true;
    if (!list && n->kind != BRAMA_NODE_STR)
        return false;
    brama_str *aud = brama_arena_array(c->arena, list ? n->count + 1 : 1, sizeof(*aud));
    if (aud == NULL)
        return false;
    if (!list)
        aud[a->aud_count++] = n->text;
    for (const struct brama_node *i = list ? n->first : NULL; i != NULL; i = i->next) {
        if (i->kind != BRAMA_NODE_STR)
            return false;
        aud[a->aud_count++] = i->text;
    }
    a->aud = aud;
    return true;
}

static bool read_answer(struct brama__case *c, struct answer *a, brama_str body)
{
    struct brama_node *root = NULL;

    *a = (struct answer){.root = NULL};
    if (brama_json_parse(&root, c->arena, body, &brama_json_limits_answer, NULL) != BRAMA_OK ||
        root->kind != BRAMA_NODE_MAP)
        return false;
    a->root = root;
    const struct brama_node *active = brama_node_get(root, BRAMA_STR("active"));
    const struct brama_node *exp = brama_node_get(root, BRAMA_STR("exp"));
    const struct brama_node *ext = brama_node_get(root, BRAMA_STR("ext"));
    a->active = active != NULL && active->kind == BRAMA_NODE_BOOL && active->truth;
    a->exp = exp != NULL && exp->kind == BRAMA_NODE_INT ? exp->integer : 0;
    return (active == NULL || active->kind == BRAMA_NODE_BOOL) &&
           (exp == NULL || exp->kind == BRAMA_NODE_INT) &&
           (ext == NULL || ext->kind == BRAMA_NODE_MAP || ext->kind == BRAMA_NODE_NULL) &&
           text_of(root, "token_use", &a->token_use) && text_of(root, "sub", &a->sub) &&
           text_of(root, "iss", &a->iss) && text_of(root, "scope", &a->scope) &&
           text_of(root, "username", &a->username) && text_of(root, "client_id", &a->client_id) &&
           read_audience(c, a);
}

static bool refuse(struct brama__case *c, enum brama_reason reason, uint16_t status)
{
    c->ory_status = status;
    brama__deny(c, BRAMA__ORY, reason);
    return false;
}

static bool check_audience(struct brama__case *c, const struct brama_p_oauth2 *row,
                           const struct answer *a)
{
    for (uint32_t w = 0; w < row->audiences.count; w++) {
        brama_str want;
        bool has = false, known = brama__text(c, row->audiences, w, &want);
        for (size_t i = 0; known && i < a->aud_count && !has; i++)
            has = brama_str_eq(a->aud[i], want);
        brama_trace_add(c->trace, "audience", has ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL, want,
                        a->aud_count != 0 ? a->aud[0] : BRAMA_NIL, "%zu in the answer",
                        a->aud_count);
        if (!has)
            return refuse(c, BRAMA_REASON_AUDIENCE_MISSING, 403);
    }
    return true;
}

static bool check_issuer(struct brama__case *c, const struct brama_p_oauth2 *row,
                         const struct answer *a)
{
    brama_str one, first;
    bool trusted = row->issuers.count == 0;

    for (uint32_t i = 0; !trusted && brama__text(c, row->issuers, i, &one); i++)
        trusted = brama_str_eq(one, a->iss);
    if (trusted)
        return true;
    brama__text(c, row->issuers, 0, &first);
    brama_trace_add(c->trace, "issuer", BRAMA_TRACE_FAIL, first, a->iss, "trusted_issuers");
    return refuse(c, BRAMA_REASON_ISSUER_UNKNOWN, 403);
}

/* Without a strategy the server was told the scopes, and is trusted to have looked. */
static bool check_scopes(struct brama__case *c, const struct brama_p_oauth2 *row,
                         const struct answer *a)
{
    enum brama_scope_strategy strategy = (enum brama_scope_strategy)row->scope_strategy;

    for (uint32_t w = 0; strategy != BRAMA_SCOPES_NONE && w < row->scopes.count; w++) {
        brama_str want, rest = a->scope, granted;
        bool has = false, known = brama__text(c, row->scopes, w, &want);
        while (known && !has && brama_str_next(&rest, ' ', &granted))
            has = brama__scope_grants(strategy, granted, want);
        brama_trace_add(c->trace, "scope", has ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL, want,
                        a->scope, "of the introspection");
        if (!has)
            return refuse(c, BRAMA_REASON_SCOPE_MISSING, 403);
    }
    return true;
}

static bool check(struct brama__case *c, const struct brama_p_oauth2 *row, const struct answer *a)
{
    if (a->token_use.n != 0 && !brama_str_eq(a->token_use, BRAMA_STR("access_token"))) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_STR("access_token"),
                        a->token_use, "its token_use, says the introspection");
        return refuse(c, BRAMA_REASON_TOKEN_USE, 403);
    }
    if (!a->active) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_STR("active"),
                        BRAMA_STR("not active"), "says the introspection");
        return refuse(c, BRAMA_REASON_TOKEN_INACTIVE, 0);
    }
    if (a->exp > 0 && a->exp <= c->request->now_s) {
        brama_trace_add(c->trace, "exp", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "exp %lld, now %lld, says the introspection", (long long)a->exp,
                        (long long)c->request->now_s);
        return refuse(c, BRAMA_REASON_TOKEN_EXPIRED, 0);
    }
    return check_audience(c, row, a) && check_issuer(c, row, a) && check_scopes(c, row, a);
}

static struct brama_node text_node(const char *name, brama_str text)
{
    return (struct brama_node){.kind = BRAMA_NODE_STR, .key = brama_str_c(name), .text = text};
}

/* ext, and four members of the answer over it. */
static bool take_session(struct brama__case *c, const struct answer *a)
{
    static const brama_str over[] = {BRAMA_LIT("username"), BRAMA_LIT("client_id"),
                                     BRAMA_LIT("scope"), BRAMA_LIT("aud")};
    const struct brama_node *ext = brama_node_get(a->root, BRAMA_STR("ext"));
    struct brama_node *extra = brama_arena_alloc(c->arena, sizeof(*extra));
    struct brama_node aud = {.kind = BRAMA_NODE_LIST, .key = BRAMA_STR("aud")};
    bool fine = extra != NULL;

    if (fine)
        extra->kind = BRAMA_NODE_MAP;
    for (const struct brama_node *n = ext != NULL ? ext->first : NULL; fine && n != NULL;
         n = n->next) {
        bool ours = false;
        for (size_t i = 0; i < BRAMA_ARRAY_LEN(over) - (a->aud_count == 0); i++)
            ours = ours || brama_str_eq(n->key, over[i]);
        fine = ours || brama__tree_add(c->arena, extra, *n);
    }
    for (size_t i = 0; fine && i < a->aud_count; i++)
        fine = brama__tree_add(c->arena, &aud, text_node("", a->aud[i]));
    fine = fine && brama__tree_add(c->arena, extra, text_node("username", a->username)) &&
           brama__tree_add(c->arena, extra, text_node("client_id", a->client_id)) &&
           brama__tree_add(c->arena, extra, text_node("scope", a->scope)) &&
           (a->aud_count == 0 || brama__tree_add(c->arena, extra, aud));
    if (!fine)
        return refuse(c, BRAMA_REASON_INTERNAL, 0);
    c->session.subject = a->sub;
    c->session.extra = extra;
    c->out->issuer = brama_arena_copy(c->arena, a->iss);
    c->out->subject = brama_arena_copy(c->arena, a->sub);
    return true;
}

static brama_str form_of(struct brama__case *c, const struct brama_p_oauth2 *row, brama_str token)
{
    brama_str scopes = BRAMA_STR(""), scope, body = BRAMA_NIL;
    struct brama_buf form;

    brama_buf_init(&form, NULL, FORM_MAX);
    for (uint32_t i = 0; brama__text(c, row->scopes, i, &scope); i++)
        scopes = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(scopes), i != 0 ? " " : "",
                                    BRAMA_FMT(scope));
    if (row->scope_strategy == BRAMA_SCOPES_NONE)
        brama__form_add(&form, BRAMA_STR("scope"), scopes);
    brama__form_add(&form, BRAMA_STR("token"), token);
    if (brama_buf_err(&form) == BRAMA_OK)
        body = brama_arena_copy(c->arena, brama_buf_str(&form));
    brama_buf_deinit(&form);
    return body;
}

/* The rule's own headers first, then those that Oathkeeper insists on. */
static bool add_headers(struct brama__case *c, struct brama_call *call,
                        const struct brama_p_oauth2 *row, brama_str bearer)
{
    for (uint32_t i = 0; i < row->headers.count; i++) {
        const struct brama_p_header *h =
            BRAMA_ROW(c->policy, BRAMA_T_HEADER, row->headers.first + i, struct brama_p_header);
        if (h == NULL)
            return refuse(c, BRAMA_REASON_INTERNAL, 0);
        brama_str name = brama_pack_text(c->policy, h->name);
        if (brama_str_eq_nocase(name, BRAMA_STR("content-type")) ||
            (bearer.n != 0 && brama_str_eq_nocase(name, BRAMA_STR("authorization"))))
            continue;
        if (!brama__call_header(c, call, brama_arena_copy(c->arena, name),
                                brama_arena_copy(c->arena, brama_pack_text(c->policy, h->value))))
            return false;
    }
    return brama__call_header(c, call, BRAMA_STR("Content-Type"),
                              BRAMA_STR("application/x-www-form-urlencoded")) &&
           (bearer.n == 0 || brama__call_header(c, call, BRAMA_STR("Authorization"), bearer));
}

/* A token of our own, where the rule says so. False: the case has ended. */
static bool pre_authorize(struct brama__case *c, const struct brama_p_oauth2 *row,
                          brama_str *bearer)
{
    const struct brama_p_oauth2 *pre =
        BRAMA_ROW(c->policy, BRAMA_T_OAUTH2, row->pre, struct brama_p_oauth2);
    struct brama__grant grant;

    *bearer = BRAMA_STR("");
    if (row->pre == BRAMA_NO_ROW)
        return true;
    if (pre == NULL)
        return refuse(c, BRAMA_REASON_INTERNAL, 0);
    brama__ask_for_token(c, &grant, pre, brama_pack_text(c->policy, pre->client_id),
                         brama_pack_text(c->policy, pre->client_secret), NO_TTL_S);
    if (grant.answer == NULL)
        return false;
    if (!grant.granted) {
        brama_trace_add(c->trace, "call", BRAMA_TRACE_FAIL, BRAMA_STR("a token"), BRAMA_NIL,
                        "none for the pre_authorization");
        brama__deny_call(c, grant.answer, BRAMA_REASON_CALL_FAILED, 500);
        return false;
    }
    int64_t life = grant.expires_in_s < 0 ? NO_TTL_S : grant.expires_in_s - 10;
    brama__keep_answer(c, grant.answer, life < NO_TTL_S ? life : NO_TTL_S);
    *bearer = brama_arena_printf(c->arena, "Bearer %.*s", BRAMA_FMT(grant.token));
    return true;
}

static const struct brama_call_answer *
introspect(struct brama__case *c, const struct brama_p_oauth2 *row, brama_str token, int64_t ttl_s)
{
    struct brama_call call;
    brama_str bearer;

    if (!pre_authorize(c, row, &bearer) || !brama__call_to(c, &call, row->target, row->authority) ||
        !add_headers(c, &call, row, bearer))
        return NULL;
    call.target = brama_arena_copy(c->arena, brama_pack_text(c->policy, row->path));
    call.repeatable = true; /* a question, though it is a POST */
    call.body = form_of(c, row, token);
    if (call.body.n == 0) {
        refuse(c, BRAMA_REASON_INTERNAL, 0);
        return NULL;
    }
    return brama__ask(c, &call, ttl_s);
}

/* Kept answers are judged anew each time, against the rule in hand. */
static bool use_answer(struct brama__case *c, const struct brama_p_oauth2 *row,
                       const struct brama_call_answer *answer, int64_t ttl_s)
{
    struct answer a;

    if (answer->end != BRAMA_CALL_ANSWERED || answer->status != 200 ||
        !read_answer(c, &a, answer->body)) {
        brama_trace_add(c->trace, "call", BRAMA_TRACE_FAIL, BRAMA_STR("200 with JSON"), BRAMA_NIL,
                        "the introspection's answer can't be used");
        brama__deny_call(c, answer, BRAMA_REASON_CALL_FAILED, 500);
        return false;
    }
    if (!check(c, row, &a) || !take_session(c, &a))
        return false;
    brama__keep_answer(c, answer, ttl_s);
    return true;
}

enum brama__authn brama__ask_introspection(struct brama__case *c, const struct brama_p_oauth2 *row)
{
    struct brama__place place = {(enum brama_token_place)row->place,
                                 brama_pack_text(c->policy, row->name), BRAMA_NIL};
    bool several = false;
    bool keepable =
        row->cached && (row->scope_strategy != BRAMA_SCOPES_NONE || row->scopes.count == 0);
    int64_t ttl = row->cache_ms != 0 ? (int64_t)(row->cache_ms / 1000) : NO_TTL_S;
    int64_t ttl_s = keepable ? ttl : 0;

    c->scopes_wanted = row->scopes;
    brama_str token = brama__find_ory_token(c, &place, &several);
    if (several) {
        brama__deny_several(c, BRAMA__ORY, &place);
        return BRAMA__AUTHN_ENDED;
    }
    if (token.n == 0)
        return brama__no_ory_token(c, &place);
    const struct brama_call_answer *answer = introspect(c, row, token, ttl_s);
    if (answer == NULL || !use_answer(c, row, answer, ttl_s))
        return BRAMA__AUTHN_ENDED;
    return BRAMA__AUTHN_PASSED;
}
