/* Refusals as RFC 6750 section 3 words them, where --responses asks for it: status and
 * www-authenticate by the table of design section 3, the body as Kyma has it. */
#include "policy/inner.h"

/* error "": a challenge without a code, for a request that shows no token (RFC 6750 section 3.1).
 */
static const struct {
    uint16_t status;
    const char *error;
} challenges[BRAMA_REASON_COUNT] = {
    [BRAMA_REASON_TOKEN_MISSING] = {401, ""},
    [BRAMA_REASON_NOT_RESPONSIBLE] = {401, ""},
    [BRAMA_REASON_UNAUTHORIZED] = {401, ""},
    [BRAMA_REASON_TOKEN_SEVERAL] = {400, "invalid_request"},
    [BRAMA_REASON_TOKEN_MALFORMED] = {401, "invalid_token"},
    [BRAMA_REASON_TOKEN_EXPIRED] = {401, "invalid_token"},
    [BRAMA_REASON_TOKEN_NOT_YET_VALID] = {401, "invalid_token"},
    [BRAMA_REASON_ALG_NOT_ALLOWED] = {401, "invalid_token"},
    [BRAMA_REASON_ISSUER_UNKNOWN] = {401, "invalid_token"},
    [BRAMA_REASON_KID_MISSING] = {401, "invalid_token"},
    [BRAMA_REASON_KEY_UNKNOWN] = {401, "invalid_token"},
    [BRAMA_REASON_SIGNATURE_INVALID] = {401, "invalid_token"},
    [BRAMA_REASON_SCOPE_MISSING] = {403, "insufficient_scope"},
    [BRAMA_REASON_AUDIENCE_MISSING] = {403, "insufficient_scope"},
    [BRAMA_REASON_SUBJECT_MISSING] = {403, "insufficient_scope"},
};

bool brama__is_rfc6750(const struct brama__case *c)
{
    const struct brama_p_meta *meta =
        c->policy != NULL ? BRAMA_ROW(c->policy, BRAMA_T_META, 0, struct brama_p_meta) : NULL;

    return meta != NULL && meta->responses == BRAMA_RESPONSES_RFC6750;
}

/* RFC 6749 section 3.3, scope-token: what can stand between quotes as it is. */
static bool is_scope_token(brama_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return s.n != 0;
}

/* The scopes that the rule wants, with blanks between them; those that no header can hold are left
 * out. */
static brama_str wanted_scopes(struct brama__case *c)
{
    brama_str out = BRAMA_STR(""), one;

    for (uint32_t i = 0; brama__text(c, c->scopes_wanted, i, &one); i++)
        if (is_scope_token(one))
            out = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(out), out.n != 0 ? " " : "",
                                     BRAMA_FMT(one));
    return out;
}

uint16_t brama__challenge(struct brama__case *c)
{
    uint16_t status = challenges[c->out->reason].status;
    const char *error = challenges[c->out->reason].error;
    brama_str value = brama_arena_printf(c->arena, "Bearer realm=\"%.*s\"", BRAMA_FMT(c->host));

    if (status == 0)
        return 0;
    if (error[0] != '\0')
        value = brama_arena_printf(c->arena, "%.*s, error=\"%s\"", BRAMA_FMT(value), error);
    brama_str scopes = status == 403 ? wanted_scopes(c) : BRAMA_NIL;
    if (scopes.n != 0)
        value = brama_arena_printf(c->arena, "%.*s, scope=\"%.*s\"", BRAMA_FMT(value),
                                   BRAMA_FMT(scopes));
    brama__add_response_header(c, BRAMA_STR("www-authenticate"), value);
    return status;
}
