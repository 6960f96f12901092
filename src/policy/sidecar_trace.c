/* What only a trace of the sidecar's part needs: lists as texts, and the changes that would do. */
#include "policy/inner.h"

static const struct brama_p_auth *auth_row(const struct brama__case *c, struct brama_span span,
                                           uint32_t i)
{
    return BRAMA_ROW(c->policy, BRAMA_T_AUTH, span.first + i, struct brama_p_auth);
}

struct brama__place brama__place_of(const struct brama__case *c, const struct brama_p_auth *auth)
{
    return (struct brama__place){(enum brama_token_place)auth->place,
                                 brama_pack_text(c->policy, auth->name),
                                 brama_pack_text(c->policy, auth->prefix)};
}

/* NULL: the rule has none. */
static const struct brama_p_auth *first_auth(const struct brama__case *c)
{
    return c->route->auths.count != 0 ? auth_row(c, c->route->auths, 0) : NULL;
}

void brama__trace_read(struct brama__case *c, const struct brama_jwt *jwt, brama_str place)
{
    if (c->trace->jwt == NULL)
        brama_trace_token(c->trace, jwt, place);
    if (jwt->status == BRAMA_JWT_OK) {
        brama_trace_add(c->trace, "token", BRAMA_TRACE_PASS, BRAMA_NIL, jwt->claims.iss,
                        "read from %.*s", BRAMA_FMT(place));
        return;
    }
    brama_trace_add(c->trace, "token", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL, "%s%s%s",
                    brama_jwt_status_text(jwt->status), jwt->detail[0] != 0 ? ": " : "",
                    jwt->detail);
    const struct brama_p_auth *own = first_auth(c);
    const struct brama_p_keyset *set =
        own != NULL ? BRAMA_ROW(c->policy, BRAMA_T_KEYSET, own->keyset, struct brama_p_keyset)
                    : NULL;
    if (set == NULL)
        return;
    struct brama__place at = brama__place_of(c, own);
    brama__change_token(c, jwt, brama_pack_text(c->policy, own->issuer), &at, &set->id, 1);
}

void brama__change_issuer(struct brama__case *c)
{
    const struct brama_p_auth *own = first_auth(c);

    if (own != NULL)
        brama_trace_change(c->trace, BRAMA_CHANGE_MINT, "iss", BRAMA_CHANGE_TEXT,
                           brama_pack_text(c->policy, own->issuer));
}

/* Each once: those of a workload are sorted. */
static brama_str issuers_text(struct brama__case *c, struct brama_span auths)
{
    brama_str out = BRAMA_STR(""), last = BRAMA_NIL;
    for (uint32_t i = 0; c->trace != NULL && i < auths.count; i++) {
        const struct brama_p_auth *auth = auth_row(c, auths, i);
        if (auth == NULL)
            break;
        brama_str issuer = brama_pack_text(c->policy, auth->issuer);
        if (i == 0 || !brama_str_eq(issuer, last))
            out = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(out), i != 0 ? " " : "",
                                     BRAMA_FMT(issuer));
        last = issuer;
    }
    return out;
}

brama_str brama__rules_issuers(struct brama__case *c)
{
    return issuers_text(c, c->route->auths);
}

void brama__trace_unknown_issuer(struct brama__case *c, const struct brama_p_workload *w,
                                 brama_str issuer)
{
    brama_trace_add(c->trace, "issuer", BRAMA_TRACE_FAIL, issuers_text(c, w->auths), issuer,
                    "another issuer");
    brama__change_issuer(c);
}

brama_str brama__list_text(struct brama__case *c, struct brama_span span, char separator)
{
    brama_str out = BRAMA_STR(""), text;
    for (uint32_t i = 0; c->trace != NULL && brama__text(c, span, i, &text); i++)
        out = i == 0 ? brama_arena_copy(c->arena, text)
                     : brama_arena_printf(c->arena, "%.*s%c%.*s", BRAMA_FMT(out), separator,
                                          BRAMA_FMT(text));
    return out;
}

brama_str brama__scope_text(struct brama__case *c, const struct brama_claims *claims)
{
    static const brama_str names[] = {BRAMA_LIT("scp"), BRAMA_LIT("scope"), BRAMA_LIT("scopes")};
    brama_str out = BRAMA_STR("");
    for (size_t i = 0; c->trace != NULL && i < BRAMA_ARRAY_LEN(names); i++) {
        const brama_str *values;
        size_t count;
        if (!brama_claims_list(&values, &count, c->arena, claims, names[i], false))
            continue;
        for (size_t v = 0; v < count; v++)
            out = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(out), out.n != 0 ? " " : "",
                                     BRAMA_FMT(values[v]));
    }
    return out;
}

brama_str brama__places_text(struct brama__case *c)
{
    brama_str out = BRAMA_NIL;
    for (uint32_t i = 0; c->trace != NULL && i < c->route->auths.count; i++) {
        const struct brama_p_auth *auth = auth_row(c, c->route->auths, i);
        if (auth == NULL)
            break;
        struct brama__place place = brama__place_of(c, auth);
        brama_str text = brama__place_text(c, &place);
        if (place.place == BRAMA_TOKEN_DEFAULT)
            text = brama_arena_printf(c->arena, "%.*s or query parameter access_token",
                                      BRAMA_FMT(text));
        if (brama_str_find_str(out, text) == out.n)
            out = brama_arena_printf(c->arena, "%.*s%s%.*s", BRAMA_FMT(out),
                                     out.n != 0 ? " or " : "", BRAMA_FMT(text));
    }
    return out;
}

void brama__change_place_of_rule(struct brama__case *c)
{
    const struct brama_p_auth *own = first_auth(c);

    if (own == NULL)
        return;
    struct brama__place place = brama__place_of(c, own);
    brama__change_place(c, &place);
}
