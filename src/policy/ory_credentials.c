/* Oathkeeper's oauth2_client_credentials: the request's Basic credentials are good if the token
 * endpoint gives a token for them. oathkeeper.md 2.6, RFC 6749 section 4.4. */
#include "policy/inner.h"

#include "jose/b64url.h"
#include "json/read.h"

#define FORM_MAX ((size_t)64 * 1024)
#define NO_TTL_S 3600

static brama_str joined(struct brama__case *c, struct brama_span texts)
{
    brama_str out = BRAMA_STR(""), one;
    for (uint32_t i = 0; brama__text(c, texts, i, &one); i++)
        out = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(out), i != 0 ? " " : "",
                                 BRAMA_FMT(one));
    return out;
}

static brama_str form_of(struct brama__case *c, const struct brama_p_oauth2 *row)
{
    brama_str audience = brama_pack_text(c->policy, row->audience), body = BRAMA_NIL;
    struct brama_buf form;

    brama_buf_init(&form, NULL, FORM_MAX);
    if (audience.n != 0)
        brama__form_add(&form, BRAMA_STR("audience"), audience);
    brama__form_add(&form, BRAMA_STR("grant_type"), BRAMA_STR("client_credentials"));
    if (row->scopes.count != 0)
        brama__form_add(&form, BRAMA_STR("scope"), joined(c, row->scopes));
    if (brama_buf_err(&form) == BRAMA_OK)
        body = brama_arena_copy(c->arena, brama_buf_str(&form));
    brama_buf_deinit(&form);
    return body;
}

/* RFC 6749 section 5.1; some servers write the seconds as a string. */
static bool read_grant(struct brama__case *c, struct brama__grant *out)
{
    struct brama_node *root = NULL;
    uint64_t seconds;

    if (brama_json_parse(&root, c->arena, out->answer->body, &brama_json_limits_answer, NULL) !=
            BRAMA_OK ||
        root->kind != BRAMA_NODE_MAP)
        return false;
    const struct brama_node *expires = brama_node_get(root, BRAMA_STR("expires_in"));
    out->token = brama_node_get_str(root, BRAMA_STR("access_token"));
    out->expires_in_s = -1;
    if (expires != NULL && expires->kind == BRAMA_NODE_INT && expires->integer > 0)
        out->expires_in_s = expires->integer;
    else if (expires != NULL && expires->kind == BRAMA_NODE_STR &&
             brama_str_u64(expires->text, &seconds) && seconds != 0 && seconds < INT32_MAX)
        out->expires_in_s = (int64_t)seconds;
    for (size_t i = 0; i < out->token.n; i++) /* it becomes a header */
        if ((unsigned char)out->token.p[i] <= 0x20 || (unsigned char)out->token.p[i] >= 0x7f)
            return false;
    out->granted = out->token.n != 0;
    return true;
}

void brama__ask_for_token(struct brama__case *c, struct brama__grant *out,
                          const struct brama_p_oauth2 *row, brama_str user, brama_str password,
                          int64_t max_age_s)
{
    struct brama_call call;

    *out = (struct brama__grant){.expires_in_s = -1};
    if (!brama__call_to(c, &call, row->target, row->authority) ||
        !brama__call_header(c, &call, BRAMA_STR("Content-Type"),
                            BRAMA_STR("application/x-www-form-urlencoded")) ||
        !brama__call_header(c, &call, BRAMA_STR("Authorization"), brama__basic(c, user, password)))
        return;
    call.target = brama_arena_copy(c->arena, brama_pack_text(c->policy, row->path));
    call.body = form_of(c, row);
    if (call.body.n == 0 || call.headers[1].value.n == 0) {
        brama__deny(c, BRAMA__ORY, BRAMA_REASON_INTERNAL);
        return;
    }
    out->answer = brama__ask(c, &call, max_age_s);
    if (out->answer == NULL || out->answer->end != BRAMA_CALL_ANSWERED ||
        out->answer->status != 200)
        return;
    out->readable = read_grant(c, out);
}

/* As Go's url.QueryUnescape; false: a percent sign that begins nothing. */
static bool unescape(struct brama__case *c, brama_str text, brama_str *out)
{
    char *p = brama_arena_alloc(c->arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; p != NULL && i < text.n; i++) {
        char b = text.p[i] == '+' ? ' ' : text.p[i];
        if (b == '%') {
            int high = i + 2 < text.n ? brama_hex_value(text.p[i + 1]) : -1;
            int low = high >= 0 ? brama_hex_value(text.p[i + 2]) : -1;
            if (low < 0)
                return false;
            b = (char)(high * 16 + low);
            i += 2;
        }
        p[n++] = b;
    }
    *out = (brama_str){p, n};
    return p != NULL;
}

/* user:password of an Authorization: Basic header; false: it isn't one. */
static bool find_basic(struct brama__case *c, brama_str *user, brama_str *password, size_t *count)
{
    const struct brama_header *h = brama__header(c->request, BRAMA_STR("authorization"), count);
    brama_str pair;

    if (h == NULL || !brama_str_eq_nocase(brama_str_head(h->value, 6), BRAMA_STR("Basic ")) ||
        brama_b64_decode(&pair, c->arena, brama_str_from(h->value, 6)) != BRAMA_OK)
        return false;
    size_t colon = brama_str_find(pair, ':');
    *user = brama_str_head(pair, colon);
    *password = brama_str_from(pair, colon + 1);
    return colon < pair.n;
}

static enum brama__authn refuse(struct brama__case *c, const struct brama_call_answer *answer)
{
    enum brama_reason reason = BRAMA_REASON_CALL_FAILED;
    uint16_t status = 503;

    if (answer->end == BRAMA_CALL_ANSWERED && answer->status != 200) {
        bool theirs = answer->status == 503 || answer->status == 500 || answer->status == 504 ||
                      answer->status == 404;
        status = theirs ? answer->status : 401;
        reason = theirs ? BRAMA_REASON_CALL_FAILED : BRAMA_REASON_CREDENTIALS_REFUSED;
    }
    brama_trace_add(c->trace, "credentials", BRAMA_TRACE_FAIL, BRAMA_STR("a token for them"),
                    BRAMA_NIL, "the token endpoint gives none");
    brama__deny_call(c, answer, reason, status);
    return BRAMA__AUTHN_ENDED;
}

enum brama__authn brama__ask_client_credentials(struct brama__case *c,
                                                const struct brama_p_oauth2 *row)
{
    brama_str user, password;
    struct brama__grant grant;
    size_t count = 0;

    if (!find_basic(c, &user, &password, &count)) {
        brama_trace_add(c->trace, "credentials", brama__not_mine_outcome(c),
                        BRAMA_STR("Authorization: Basic"), BRAMA_NIL, "none in the request");
        return BRAMA__AUTHN_NOT_MINE;
    }
    if (count > 1) {
        static const struct brama__place place = {.name = BRAMA_LIT("Authorization")};
        brama__deny_several(c, BRAMA__ORY, &place);
        return BRAMA__AUTHN_ENDED;
    }
    if (!unescape(c, user, &user) || !unescape(c, password, &password)) {
        brama__deny(c, BRAMA__ORY, BRAMA_REASON_CREDENTIALS_REFUSED);
        return BRAMA__AUTHN_ENDED;
    }
    int64_t ttl = row->cache_ms != 0 ? (int64_t)(row->cache_ms / 1000) : NO_TTL_S;
    brama__ask_for_token(c, &grant, row, user, password, row->cached ? ttl : 0);
    if (grant.answer == NULL)
        return BRAMA__AUTHN_ENDED;
    if (grant.readable && !grant.granted) {
        brama__deny(c, BRAMA__ORY, BRAMA_REASON_CREDENTIALS_REFUSED);
        return BRAMA__AUTHN_ENDED;
    }
    if (!grant.granted)
        return refuse(c, grant.answer);
    /* With a ttl Oathkeeper keeps no token that says no end. */
    int64_t life = grant.expires_in_s >= 0 ? grant.expires_in_s : row->cache_ms != 0 ? 0 : NO_TTL_S;
    if (row->cached)
        brama__keep_answer(c, grant.answer, ttl < life ? ttl : life);
    c->session.subject = user;
    c->out->subject = brama_arena_copy(c->arena, user);
    return BRAMA__AUTHN_PASSED;
}
