/* Oathkeeper's id_token: a JWT of ours for the workload. What it is to say is made here; the key is
 * in another process, which is asked as anybody else is. oathkeeper.md 3.3. */
#include "policy/inner.h"

#include "json/read.h"
#include "json/write.h"

#define SIGN_MS 5000
#define ANSWER_MAX ((size_t)16 * 1024)
#define ASK_MAX ((size_t)48 * 1024)
/* How long a worker hands a token out without asking again. The signer knows when it is too old,
 * and sees a key that has changed: no more than a moment of that may be missed. */
#define KEEP_S 1

static bool fail(struct brama__case *c, enum brama_reason reason, const char *why)
{
    brama_trace_add(c->trace, "mutator", BRAMA_TRACE_FAIL, BRAMA_STR("id_token"), BRAMA_NIL, "%s",
                    why);
    brama__deny(c, BRAMA__ORY, reason);
    return false;
}

/* The template's object; *out is NULL where the rule has no template. */
static bool make_claims(struct brama__case *c, brama_str claims, struct brama_template_data *data,
                        const struct brama_node **out)
{
    const char *why = "";

    *out = NULL;
    if (claims.n == 0)
        return true;
    data->set = c->session.set;
    data->set_count = c->session.set_count;
    *out = brama__id_token_claims(c, claims, data, &why);
    return *out != NULL || fail(c, BRAMA_REASON_MUTATOR_FAILED, why);
}

/* All that the token depends on, the key itself apart: what the signer is asked for, and with it
 * the key of a kept answer. */
static brama_str ask_text(struct brama__case *c, const struct brama_p_id_token *row,
                          const struct brama_node *claims)
{
    struct brama_json_out json;
    struct brama_buf buf;

    brama_buf_init(&buf, NULL, ASK_MAX);
    brama_json_out_init(&json, &buf, 0);
    brama_json_map(&json);
    brama_json_member(&json, BRAMA_STR("issuer"), brama_pack_text(c->policy, row->issuer));
    brama_json_member(&json, BRAMA_STR("jwks_url"), brama_pack_text(c->policy, row->jwks_url));
    brama_json_key(&json, BRAMA_STR("ttl_ms"));
    brama_json_int(&json, (int64_t)row->ttl_ms);
    brama_json_member(&json, BRAMA_STR("subject"), c->session.subject);
    if (claims != NULL) {
        brama_json_key(&json, BRAMA_STR("claims"));
        brama_json_node(&json, claims);
    }
    brama_json_end(&json);
    return brama_buf_end(&buf, c->arena);
}

static const struct brama_call_answer *ask(struct brama__case *c, brama_str text)
{
    struct brama_call call = {.signer = true,
                              .host = BRAMA_STR("signer"),
                              .authority = BRAMA_STR("signer"),
                              .method = BRAMA_STR("POST"),
                              .target = BRAMA_STR("/sign"),
                              .body = text,
                              .timeout_ms = SIGN_MS,
                              .answer_max = ANSWER_MAX};

    if (!brama__call_header(c, &call, BRAMA_STR("Content-Type"), BRAMA_STR("application/json")))
        return NULL;
    return brama__ask(c, &call, KEEP_S);
}

/* What the signer said when it gave no token. */
static bool refused(struct brama__case *c, const struct brama_call_answer *answer)
{
    struct brama_node *root = NULL;
    brama_str why = BRAMA_STR("the signer gives no token");

    if (answer->end != BRAMA_CALL_ANSWERED)
        return fail(c, BRAMA_REASON_SIGNER_FAILED, "the signer can't be reached");
    if (brama_json_parse(&root, c->arena, answer->body, &brama_json_limits_answer, NULL) ==
            BRAMA_OK &&
        brama_node_get_str(root, BRAMA_STR("why")).n != 0)
        why = brama_node_get_str(root, BRAMA_STR("why"));
    brama_str text = brama_arena_printf(c->arena, "the signer: %.*s", BRAMA_FMT(why));
    return fail(c, BRAMA_REASON_SIGNER_FAILED, text.n != 0 ? text.p : "no memory");
}

static void trace_token(struct brama__case *c, const struct brama_p_id_token *row, brama_str kid,
                        const char *what)
{
    brama_str issuer = brama_pack_text(c->policy, row->issuer);
    brama_str keys = brama_pack_text(c->policy, row->jwks_url);

    brama_trace_add(c->trace, "mutator", BRAMA_TRACE_PASS, BRAMA_STR("Authorization"), BRAMA_NIL,
                    "%s: a JWT of issuer %.*s for %llu ms, key %.*s of %.*s", what,
                    BRAMA_FMT(issuer), (unsigned long long)row->ttl_ms, BRAMA_FMT(kid),
                    BRAMA_FMT(keys.n != 0 ? keys : BRAMA_STR("the gateway's own key set")));
}

static bool set_authorization(struct brama__case *c, brama_str token)
{
    brama_str value = brama_arena_printf(c->arena, "Bearer %.*s", BRAMA_FMT(token));

    return (value.n != 0 && brama__session_set(c, BRAMA_STR("Authorization"), value)) ||
           fail(c, BRAMA_REASON_MUTATOR_FAILED, "the token can't be set");
}

/* A compact JWS and nothing else: base64url and dots. */
static bool is_token(brama_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
              ch == '-' || ch == '_' || ch == '.'))
            return false;
    }
    return text.n != 0;
}

static bool take(struct brama__case *c, const struct brama_p_id_token *row,
                 const struct brama_call_answer *answer)
{
    struct brama_node *root = NULL;

    if (answer->end != BRAMA_CALL_ANSWERED || answer->status != 200 ||
        brama_json_parse(&root, c->arena, answer->body, &brama_json_limits_answer, NULL) !=
            BRAMA_OK)
        return refused(c, answer);
    brama_str token = brama_node_get_str(root, BRAMA_STR("token"));
    const struct brama_node *fresh = brama_node_get(root, BRAMA_STR("fresh_ms"));
    if (!is_token(token))
        return fail(c, BRAMA_REASON_SIGNER_FAILED, "the signer's answer has no token");
    if (fresh != NULL && fresh->kind == BRAMA_NODE_INT && fresh->integer >= 1000 * KEEP_S)
        brama__keep_answer(c, answer, KEEP_S);
    trace_token(c, row, brama_node_get_str(root, BRAMA_STR("kid")), "signed");
    return set_authorization(c, token);
}

bool brama__sign_id_token(struct brama__case *c, uint32_t row_number,
                          struct brama_template_data *data)
{
    const struct brama_p_id_token *row =
        BRAMA_ROW(c->policy, BRAMA_T_ID_TOKEN, row_number, struct brama_p_id_token);
    const struct brama_node *claims;

    if (row == NULL)
        return fail(c, BRAMA_REASON_INTERNAL, "its row is missing");
    if (!make_claims(c, brama_pack_text(c->policy, row->claims), data, &claims))
        return false;
    brama_str text = ask_text(c, row, claims);
    if (text.n == 0)
        return fail(c, BRAMA_REASON_MUTATOR_FAILED, "too much to be signed");
    if (c->engine->no_signer) {
        trace_token(c, row, BRAMA_STR("(any)"), "would be signed");
        return set_authorization(c, BRAMA_STR("(signed at the request)"));
    }
    const struct brama_call_answer *answer = ask(c, text);
    return answer != NULL && take(c, row, answer);
}
