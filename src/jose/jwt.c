#include "jose/jwt.h"

#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwks.h"
#include "json/read.h"

#define DATE_MAX INT64_C(253402300799) /* the end of year 9999; attacks.md J16 */

/* Every step returns whether the next may run; the first refusal stays. */
static bool refuse(struct brama_jwt *jwt, enum brama_jwt_status status, const char *detail)
{
    jwt->status = status;
    jwt->detail = detail;
    return false;
}

struct parts {
    brama_str header, payload, signature; /* base64url */
};

static bool cut(struct brama_jwt *jwt, struct parts *parts)
{
    brama_str token = jwt->token;
    if (token.n > BRAMA_JWT_MAX)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "the token is longer than 8192 bytes");
    size_t first = brama_str_find(token, '.');
    brama_str rest = brama_str_from(token, first + 1);
    size_t second = brama_str_find(rest, '.');
    if (first == token.n || second == rest.n)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "fewer than three parts");
    parts->header = brama_str_head(token, first);
    parts->payload = brama_str_head(rest, second);
    parts->signature = brama_str_from(rest, second + 1);
    if (brama_str_find(parts->signature, '.') != parts->signature.n)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "more than three parts");
    if (parts->header.n == 0 || parts->payload.n == 0 || parts->signature.n == 0)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "an empty part");
    if (parts->header.n > BRAMA_JWT_HEADER_MAX)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "the header part is longer than 2048 bytes");
    jwt->signing_input = brama_str_head(token, first + 1 + second);
    jwt->payload_b64 = parts->payload;
    return true;
}

static bool decode(struct brama_jwt *jwt, brama_str *out, struct brama_arena *arena, brama_str part,
                   enum brama_jwt_status status)
{
    enum brama_err err = brama_b64url_decode(out, arena, part);
    if (err == BRAMA_ERR_NOMEM)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "out of memory");
    return err == BRAMA_OK || refuse(jwt, status, "not strict base64url without padding");
}

static bool read_map(struct brama_jwt *jwt, const struct brama_node **out,
                     struct brama_arena *arena, brama_str text, enum brama_jwt_status status)
{
    struct brama_node *root;
    enum brama_err err = brama_json_parse(&root, arena, text, &brama_json_limits_token, NULL);
    if (err == BRAMA_ERR_NOMEM)
        return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "out of memory");
    if (err == BRAMA_ERR_TOO_BIG)
        return refuse(jwt, status, "over a limit of depth, members or string length");
    if (err != BRAMA_OK)
        return refuse(jwt, status, "not strict JSON, or a member name twice");
    if (root->kind != BRAMA_NODE_MAP)
        return refuse(jwt, status, "not a JSON object");
    *out = root;
    return true;
}

/* Members that change what the signature or the payload is. We implement none, and a verifier that
 * skips one verifies something else than what was signed (attacks.md J13, J14). */
static bool no_foreign_processing(struct brama_jwt *jwt)
{
    static const struct {
        brama_str name;
        const char *detail;
    } rows[] = {
        {BRAMA_LIT("crit"), "the header has crit, and no extension is understood"},
        {BRAMA_LIT("b64"), "the header has b64"},
        {BRAMA_LIT("zip"), "the header has zip"},
        {BRAMA_LIT("enc"), "the header has enc: that is a JWE's"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (brama_node_get(jwt->header, rows[i].name) != NULL)
            return refuse(jwt, BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED, rows[i].detail);
    return true;
}

static bool read_header(struct brama_jwt *jwt, struct brama_arena *arena, brama_str part)
{
    brama_str text;
    if (!decode(jwt, &text, arena, part, BRAMA_JWT_HEADER_BAD_BASE64) ||
        !read_map(jwt, &jwt->header, arena, text, BRAMA_JWT_HEADER_BAD_JSON))
        return false;
    const struct brama_node *alg = brama_node_get(jwt->header, BRAMA_STR("alg"));
    if (alg == NULL || alg->kind != BRAMA_NODE_STR)
        return refuse(jwt, BRAMA_JWT_HEADER_BAD_ALG, "");
    jwt->alg_name = alg->text;
    jwt->alg = brama_alg_by_name(alg->text);
    if (jwt->alg == BRAMA_ALG_INVALID)
        return refuse(jwt, BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED, "");
    if (!no_foreign_processing(jwt))
        return false;
    jwt->jku = brama_node_get_str(jwt->header, BRAMA_STR("jku"));
    const struct brama_node *kid = brama_node_get(jwt->header, BRAMA_STR("kid"));
    if (kid == NULL)
        return true;
    if (kid->kind != BRAMA_NODE_STR)
        return refuse(jwt, BRAMA_JWT_HEADER_BAD_KID, "");
    if (kid->text.n > BRAMA_KID_MAX)
        return refuse(jwt, BRAMA_JWT_HEADER_BAD_KID, "kid is longer than 256 bytes");
    jwt->has_kid = true;
    jwt->kid = kid->text;
    return true;
}

static bool read_text(struct brama_jwt *jwt, bool *has, brama_str *out, brama_str name,
                      enum brama_jwt_status status)
{
    const struct brama_node *node = brama_node_get(jwt->claims.root, name);
    if (node == NULL)
        return true;
    if (node->kind != BRAMA_NODE_STR)
        return refuse(jwt, status, "");
    *has = true;
    *out = node->text;
    return true;
}

/* exp rounds down, nbf and iat up, so that a fraction never widens what was granted. */
static bool read_date(struct brama_jwt *jwt, struct brama_numeric_date *out, brama_str name,
                      bool round_up, enum brama_jwt_status not_integer,
                      enum brama_jwt_status out_of_range)
{
    const struct brama_node *node = brama_node_get(jwt->claims.root, name);
    if (node == NULL)
        return true;
    if (node->kind == BRAMA_NODE_INT) {
        if (node->integer < 0 || node->integer > DATE_MAX)
            return refuse(jwt, out_of_range, "");
        *out = (struct brama_numeric_date){true, node->integer};
        return true;
    }
    if (node->kind != BRAMA_NODE_REAL)
        return refuse(jwt, not_integer, "");
    if (node->real < 0 || node->real > (double)DATE_MAX)
        return refuse(jwt, out_of_range, "");
    int64_t whole = (int64_t)node->real;
    if (round_up && (double)whole < node->real)
        whole++;
    *out = (struct brama_numeric_date){true, whole};
    return true;
}

/* The texts of a list node of strings, or the one text of a string node; false for anything else.
 */
static bool texts_of(const brama_str **out, size_t *count, struct brama_arena *arena,
                     const struct brama_node *node)
{
    bool list = node->kind == BRAMA_NODE_LIST;
    if (!list && node->kind != BRAMA_NODE_STR)
        return false;
    brama_str *texts = brama_arena_array(arena, list ? node->count : 1, sizeof(*texts));
    if (texts == NULL)
        return false;
    *out = texts;
    *count = list ? node->count : 1;
    if (!list) {
        texts[0] = node->text;
        return true;
    }
    for (const struct brama_node *one = node->first; one != NULL; one = one->next) {
        if (one->kind != BRAMA_NODE_STR)
            return false;
        *texts++ = one->text;
    }
    return true;
}

static bool read_audience(struct brama_jwt *jwt, struct brama_arena *arena)
{
    struct brama_claims *c = &jwt->claims;
    const struct brama_node *node = brama_node_get(c->root, BRAMA_STR("aud"));
    if (node == NULL)
        return true;
    if (node->kind == BRAMA_NODE_LIST && node->count > BRAMA_JWT_AUD_MAX)
        return refuse(jwt, BRAMA_JWT_AUD_NOT_STRING, "more than 64 audiences");
    if (!texts_of(&c->aud, &c->aud_count, arena, node)) {
        c->aud = NULL;
        c->aud_count = 0;
        if (brama_arena_failed(arena))
            return refuse(jwt, BRAMA_JWT_BAD_FORMAT, "out of memory");
        return refuse(jwt, BRAMA_JWT_AUD_NOT_STRING, "");
    }
    c->has_aud = true;
    return true;
}

static bool read_claims(struct brama_jwt *jwt, struct brama_arena *arena, brama_str part)
{
    struct brama_claims *c = &jwt->claims;
    brama_str text, jti;
    bool has_jti;
    return decode(jwt, &text, arena, part, BRAMA_JWT_PAYLOAD_BAD_BASE64) &&
           read_map(jwt, &c->root, arena, text, BRAMA_JWT_PAYLOAD_BAD_JSON) &&
           read_text(jwt, &c->has_iss, &c->iss, BRAMA_STR("iss"), BRAMA_JWT_ISS_NOT_STRING) &&
           read_text(jwt, &c->has_sub, &c->sub, BRAMA_STR("sub"), BRAMA_JWT_SUB_NOT_STRING) &&
           read_date(jwt, &c->iat, BRAMA_STR("iat"), true, BRAMA_JWT_IAT_NOT_INTEGER,
                     BRAMA_JWT_IAT_OUT_OF_RANGE) &&
           read_date(jwt, &c->nbf, BRAMA_STR("nbf"), true, BRAMA_JWT_NBF_NOT_INTEGER,
                     BRAMA_JWT_NBF_OUT_OF_RANGE) &&
           read_date(jwt, &c->exp, BRAMA_STR("exp"), false, BRAMA_JWT_EXP_NOT_INTEGER,
                     BRAMA_JWT_EXP_OUT_OF_RANGE) &&
           read_text(jwt, &has_jti, &jti, BRAMA_STR("jti"), BRAMA_JWT_JTI_NOT_STRING) &&
           read_audience(jwt, arena);
}

void brama_jwt_read(struct brama_jwt *out, struct brama_arena *arena, brama_str token)
{
    struct parts parts;
    *out = (struct brama_jwt){.status = BRAMA_JWT_BAD_FORMAT, .detail = "", .token = token};
    if (cut(out, &parts) && read_header(out, arena, parts.header) &&
        read_claims(out, arena, parts.payload) &&
        decode(out, &out->signature, arena, parts.signature, BRAMA_JWT_SIGNATURE_BAD_BASE64))
        out->status = BRAMA_JWT_OK;
}

static int64_t add_saturating(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

enum brama_jwt_status brama_claims_check_time(const struct brama_claims *claims, int64_t now_s,
                                              int64_t skew_s)
{
    if (claims->nbf.present && add_saturating(now_s, skew_s) < claims->nbf.s)
        return BRAMA_JWT_NOT_YET_VALID;
    if (claims->exp.present && now_s > add_saturating(claims->exp.s, skew_s))
        return BRAMA_JWT_EXPIRED;
    return BRAMA_JWT_OK;
}

/* At single blanks, empty pieces dropped; a text of blanks alone stays one (istio-jwt.md 2.9). */
static bool split_texts(const brama_str **out, size_t *count, struct brama_arena *arena,
                        brama_str text)
{
    size_t most = 1;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == ' ';
    brama_str *texts = brama_arena_array(arena, most, sizeof(*texts));
    if (texts == NULL)
        return false;
    size_t n = 0;
    for (brama_str rest = text, piece; brama_str_next(&rest, ' ', &piece);)
        if (piece.n != 0)
            texts[n++] = piece;
    if (n == 0)
        texts[n++] = text;
    *out = texts;
    *count = n;
    return true;
}

bool brama_claims_list(const brama_str **out, size_t *count, struct brama_arena *arena,
                       const struct brama_claims *claims, brama_str name, bool split)
{
    const struct brama_node *node = brama_node_get(claims->root, name);
    const brama_str *texts;
    size_t n;
    *out = NULL;
    *count = 0;
    if (node == NULL)
        return false;
    bool ok = split && node->kind == BRAMA_NODE_STR ? split_texts(&texts, &n, arena, node->text)
                                                    : texts_of(&texts, &n, arena, node);
    if (!ok)
        return false;
    *out = texts;
    *count = n;
    return true;
}
