/* Changes that would let a request pass, found by whoever added the step that failed. */
#include "policy/inner.h"

#include "jose/alg.h"

#define TOKEN_LIFE_S 3600 /* of the token that is proposed */

brama_str brama__place_found(struct brama__case *c, const struct brama__place *place,
                             brama_str token)
{
    const struct brama_header *h = brama__header(c->request, BRAMA_STR("authorization"), NULL);

    if (place->place != BRAMA_TOKEN_DEFAULT)
        return brama__place_text(c, place);
    /* One from the query is decoded, so that it never ends where the header does. */
    if (h != NULL && h->value.n != 0 && token.p + token.n == h->value.p + h->value.n)
        return BRAMA_STR("header Authorization (\"Bearer ...\")");
    return BRAMA_STR("query parameter access_token");
}

static const char *const in[] = {[BRAMA_TOKEN_DEFAULT] = "header",
                                 [BRAMA_TOKEN_HEADER] = "header",
                                 [BRAMA_TOKEN_PARAM] = "param",
                                 [BRAMA_TOKEN_COOKIE] = "cookie"};

/* A place of a damaged file is none of them. */
static const char *in_what(const struct brama__place *place)
{
    return (unsigned)place->place < BRAMA_ARRAY_LEN(in) ? in[place->place] : "";
}

void brama__change_once(struct brama__case *c, const struct brama__place *place)
{
    brama_str name = place->name;
    const char *kind = in_what(place);
    size_t count = 0;

    if (place->place == BRAMA_TOKEN_DEFAULT) {
        (void)brama__header(c->request, BRAMA_STR("authorization"), &count);
        name = count > 1 ? BRAMA_STR("Authorization") : BRAMA_STR("access_token");
        kind = count > 1 ? in[BRAMA_TOKEN_HEADER] : in[BRAMA_TOKEN_PARAM];
    }
    brama_trace_change(c->trace, BRAMA_CHANGE_ONCE, "in", BRAMA_CHANGE_TEXT, brama_str_c(kind));
    brama_trace_change(c->trace, BRAMA_CHANGE_ONCE, "name", BRAMA_CHANGE_TEXT, name);
}

void brama__change_place(struct brama__case *c, const struct brama__place *place)
{
    bool is_default = place->place == BRAMA_TOKEN_DEFAULT;
    brama_str name = is_default ? BRAMA_STR("Authorization") : place->name;
    brama_str prefix = place->prefix;

    /* Oathkeeper's header has no prefix but this one's. */
    if (is_default || (prefix.n == 0 && brama_str_eq(name, BRAMA_STR("Authorization"))))
        prefix = BRAMA_STR("Bearer ");
    brama_trace_change(c->trace, BRAMA_CHANGE_TOKEN, "in", BRAMA_CHANGE_TEXT,
                       brama_str_c(in_what(place)));
    brama_trace_change(c->trace, BRAMA_CHANGE_TOKEN, "name", BRAMA_CHANGE_TEXT, name);
    if (is_default || place->place == BRAMA_TOKEN_HEADER)
        brama_trace_change(c->trace, BRAMA_CHANGE_TOKEN, "prefix", BRAMA_CHANGE_TEXT, prefix);
}

/* What a key serves: the alg that it says, else the plainest of its type. */
static enum brama_alg alg_of(const struct brama_f_key *key)
{
    if (key->alg != BRAMA_ALG_INVALID)
        return (enum brama_alg)key->alg;
    switch ((enum brama_kty)key->kty) {
    case BRAMA_KTY_RSA:
        return BRAMA_ALG_RS256;
    case BRAMA_KTY_OKP:
        return BRAMA_ALG_EDDSA;
    case BRAMA_KTY_EC:
        return key->bits == 256   ? BRAMA_ALG_ES256
               : key->bits == 384 ? BRAMA_ALG_ES384
                                  : BRAMA_ALG_ES512;
    case BRAMA_KTY_NONE:
        break;
    }
    return BRAMA_ALG_INVALID;
}

void brama__change_key(struct brama__case *c, const uint64_t *keysets, size_t count, uint32_t algs)
{
    const struct brama_facts *facts = c->engine->facts;

    if (c->trace == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct brama_f_keyset *set = brama_facts_keyset(facts, keysets[i]);
        for (uint32_t k = 0; set != NULL && k < set->keys.count; k++) {
            const struct brama_f_key *key =
                BRAMA_ROW(&facts->pack, BRAMA_F_KEY, set->keys.first + k, struct brama_f_key);
            if (key == NULL || !key->has_kid || (algs & 1u << alg_of(key)) == 0)
                continue;
            brama_trace_change(c->trace, BRAMA_CHANGE_SIGN, "kid", BRAMA_CHANGE_TEXT,
                               brama_pack_text(&facts->pack, key->kid));
            brama_trace_change(c->trace, BRAMA_CHANGE_SIGN, "alg", BRAMA_CHANGE_TEXT,
                               brama_str_c(brama_alg_name(alg_of(key))));
            return;
        }
    }
}

/* A member of the header that we don't serve, to be left out; NULL: that isn't it. */
static const char *foreign_member(const struct brama_jwt *jwt)
{
    static const char *const names[] = {"crit", "b64", "zip", "enc"};

    if (jwt->status != BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED || jwt->detail[0] == '\0')
        return NULL;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_node_get(jwt->header, brama_str_c(names[i])) != NULL)
            return names[i];
    return NULL;
}

/* The claim that has another type than it must have. */
static bool change_claim(struct brama__case *c, enum brama_jwt_status status, brama_str issuer)
{
    static const struct {
        enum brama_jwt_status status;
        const char *claim;
        enum brama_change_type type;
        const char *value;
    } rows[] = {
        {BRAMA_JWT_ISS_NOT_STRING, "iss", BRAMA_CHANGE_TEXT, NULL},
        {BRAMA_JWT_SUB_NOT_STRING, "sub", BRAMA_CHANGE_TEXT, "caller"},
        {BRAMA_JWT_IAT_NOT_INTEGER, "iat", BRAMA_CHANGE_DROP, ""},
        {BRAMA_JWT_IAT_OUT_OF_RANGE, "iat", BRAMA_CHANGE_DROP, ""},
        {BRAMA_JWT_NBF_NOT_INTEGER, "nbf", BRAMA_CHANGE_DROP, ""},
        {BRAMA_JWT_NBF_OUT_OF_RANGE, "nbf", BRAMA_CHANGE_DROP, ""},
        {BRAMA_JWT_EXP_NOT_INTEGER, "exp", BRAMA_CHANGE_NUMBER, NULL},
        {BRAMA_JWT_EXP_OUT_OF_RANGE, "exp", BRAMA_CHANGE_NUMBER, NULL},
        {BRAMA_JWT_JTI_NOT_STRING, "jti", BRAMA_CHANGE_DROP, ""},
        {BRAMA_JWT_AUD_NOT_STRING, "aud", BRAMA_CHANGE_DROP, ""},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        if (rows[i].status != status)
            continue;
        brama_str value = rows[i].value != NULL ? brama_str_c(rows[i].value) : issuer;
        if (rows[i].type == BRAMA_CHANGE_NUMBER)
            value =
                brama_arena_printf(c->arena, "%lld", (long long)(c->request->now_s + TOKEN_LIFE_S));
        brama_trace_change(c->trace, BRAMA_CHANGE_MINT, rows[i].claim, rows[i].type, value);
        return true;
    }
    return false;
}

void brama__change_token(struct brama__case *c, const struct brama_jwt *jwt, brama_str issuer,
                         const struct brama__place *place, const uint64_t *keysets, size_t count)
{
    const char *foreign = foreign_member(jwt);

    if (c->trace == NULL)
        return;
    if (foreign != NULL)
        brama_trace_change(c->trace, BRAMA_CHANGE_SIGN, foreign, BRAMA_CHANGE_DROP, BRAMA_NIL);
    else if (jwt->status == BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED ||
             jwt->status == BRAMA_JWT_HEADER_BAD_ALG || jwt->status == BRAMA_JWT_HEADER_BAD_KID)
        brama__change_key(c, keysets, count, BRAMA__ANY_ALG);
    else if (!change_claim(c, jwt->status, issuer))
        brama__change_place(c, place);
}

void brama__trace_date(struct brama__case *c, const char *claim, int64_t at, bool ok, int64_t bound,
                       int64_t skew_s)
{
    bool is_exp = claim[0] == 'e';
    int64_t now = c->request->now_s, away;

    if (c->trace == NULL)
        return;
    if (__builtin_sub_overflow(at, now, &away))
        away = 0;
    const char *form = away < 0 ? "%lld s ago; now %lld, tolerance %lld s"
                       : is_exp ? "%lld s left; now %lld, tolerance %lld s"
                                : "in %lld s; now %lld, tolerance %lld s";
    brama_trace_add(
        c->trace, claim, ok ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL,
        brama_arena_printf(c->arena, "%s %lld", is_exp ? "at least" : "at most", (long long)bound),
        brama_arena_printf(c->arena, "%lld", (long long)at), form,
        (long long)(away < 0 ? -away : away), (long long)now, (long long)skew_s);
    if (!ok)
        brama_trace_change(
            c->trace, BRAMA_CHANGE_MINT, claim, BRAMA_CHANGE_NUMBER,
            brama_arena_printf(c->arena, "%lld", (long long)(is_exp ? now + TOKEN_LIFE_S : now)));
}
