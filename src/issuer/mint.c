#include "issuer/mint.h"

#include <string.h>

#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwt.h"
#include "json/write.h"

/* The parts of a token are bounded by BRAMA_JWT_MAX; so is what they are made of. */
#define PART_MAX BRAMA_JWT_MAX

enum brama_alg brama_mint_usual_alg(const struct brama_pkey *key)
{
    static const enum brama_alg usual[] = {BRAMA_ALG_RS256, BRAMA_ALG_ES256, BRAMA_ALG_ES384,
                                           BRAMA_ALG_ES512, BRAMA_ALG_EDDSA};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(usual); i++) {
        if (brama_pkey_fits(key, usual[i]))
            return usual[i];
    }
    return BRAMA_ALG_INVALID;
}

enum brama_err brama_mint_kid(struct brama_buf *out, const struct brama_pkey *key)
{
    struct brama_arena arena;
    struct brama_pkey_parts parts;
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];

    brama_arena_init(&arena, NULL, 64 * 1024);
    enum brama_err err = brama_pkey_parts(&parts, &arena, key);
    if (err != BRAMA_OK)
        goto done;
    err = brama_thumbprint(thumbprint, &parts);
    if (err != BRAMA_OK)
        goto done;
    brama_b64url_encode(out, (brama_str){(const char *)thumbprint, sizeof(thumbprint)});
    err = brama_buf_err(out);
done:
    brama_arena_deinit(&arena);
    return err;
}

static const struct brama_mint_claim *listed(const struct brama_mint_wish *wish, brama_str name)
{
    for (size_t i = 0; i < wish->claim_count; i++) {
        if (brama_str_eq(wish->claims[i].name, name))
            return &wish->claims[i];
    }
    return NULL;
}

/* Every claim is said in one place only: the reader of a token keeps one of two, and not all
 * readers keep the same (RFC 7519 section 4). */
static enum brama_err no_claim_twice(const struct brama_mint_wish *wish, struct brama_diag *diag)
{
    const struct {
        brama_str name;
        bool given;
    } members[] = {
        {BRAMA_LIT("iss"), wish->issuer.n != 0},
        {BRAMA_LIT("sub"), wish->subject.n != 0},
        {BRAMA_LIT("scope"), wish->scope.n != 0},
        {BRAMA_LIT("aud"), wish->audience_count != 0},
    };

    for (size_t i = 0; i < wish->claim_count; i++) {
        brama_str name = wish->claims[i].name;
        bool twice = listed(wish, name) != &wish->claims[i];
        for (size_t j = 0; j < BRAMA_ARRAY_LEN(members); j++)
            twice = twice || (members[j].given && brama_str_eq(members[j].name, name));
        if (twice) {
            brama_diag_set(diag, (struct brama_where){0}, "claim \"%.*s\" is given twice",
                           BRAMA_FMT(name));
            return BRAMA_ERR_INVALID;
        }
    }
    if (wish->no_exp && listed(wish, BRAMA_STR("exp")) != NULL) {
        brama_diag_set(diag, (struct brama_where){0},
                       "claim \"exp\" is given and left out at once");
        return BRAMA_ERR_INVALID;
    }
    return BRAMA_OK;
}

static void write_header(struct brama_buf *out, const struct brama_mint_wish *wish,
                         enum brama_alg alg, brama_str kid)
{
    struct brama_json_out json;

    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    brama_json_member(&json, BRAMA_STR("alg"), brama_str_c(brama_alg_name(alg)));
    brama_json_member(&json, BRAMA_STR("typ"), BRAMA_STR("JWT"));
    brama_json_member(&json, BRAMA_STR("kid"), kid);
    if (wish->jku.n != 0)
        brama_json_member(&json, BRAMA_STR("jku"), wish->jku);
    brama_json_end(&json);
}

static void write_audiences(struct brama_json_out *json, const struct brama_mint_wish *wish)
{
    if (wish->audience_count == 0)
        return;
    brama_json_key(json, BRAMA_STR("aud"));
    if (wish->audience_count == 1) {
        brama_json_str(json, wish->audiences[0]);
        return;
    }
    brama_json_list(json);
    for (size_t i = 0; i < wish->audience_count; i++)
        brama_json_str(json, wish->audiences[i]);
    brama_json_end(json);
}

/* RFC 9562 section 5.4: version 4, variant 10. */
static brama_str uuid_text(char text[37], const uint8_t random[16])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t b[16];
    size_t n = 0;

    memcpy(b, random, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[n++] = '-';
        text[n++] = digits[b[i] >> 4];
        text[n++] = digits[b[i] & 15];
    }
    text[n] = '\0';
    return (brama_str){text, n};
}

static void write_claims(struct brama_buf *out, const struct brama_mint_wish *wish, int64_t exp_s)
{
    struct brama_json_out json;
    char jti[37];

    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    if (wish->issuer.n != 0)
        brama_json_member(&json, BRAMA_STR("iss"), wish->issuer);
    if (wish->subject.n != 0)
        brama_json_member(&json, BRAMA_STR("sub"), wish->subject);
    write_audiences(&json, wish);
    if (wish->scope.n != 0)
        brama_json_member(&json, BRAMA_STR("scope"), wish->scope);
    if (listed(wish, BRAMA_STR("iat")) == NULL) {
        brama_json_key(&json, BRAMA_STR("iat"));
        brama_json_int(&json, wish->now_s);
    }
    if (!wish->no_exp && listed(wish, BRAMA_STR("exp")) == NULL) {
        brama_json_key(&json, BRAMA_STR("exp"));
        brama_json_int(&json, exp_s);
    }
    if (listed(wish, BRAMA_STR("jti")) == NULL)
        brama_json_member(&json, BRAMA_STR("jti"), uuid_text(jti, wish->jti));
    for (size_t i = 0; i < wish->claim_count; i++) {
        brama_json_key(&json, wish->claims[i].name);
        brama_json_node(&json, wish->claims[i].value);
    }
    brama_json_end(&json);
}

/* One part of the token: its octets in base64url. */
static void add_part(struct brama_buf *token, struct brama_buf *octets)
{
    if (octets->err != BRAMA_OK && token->err == BRAMA_OK)
        token->err = octets->err;
    brama_b64url_encode(token, brama_buf_str(octets));
    brama_buf_reset(octets);
}

static enum brama_err sign(struct brama_buf *token, struct brama_buf *part,
                           const struct brama_mint_wish *wish, enum brama_alg alg,
                           struct brama_diag *diag)
{
    enum brama_err err = brama_pkey_sign(part, wish->key, alg, brama_buf_str(token));

    if (err == BRAMA_ERR_INVALID)
        brama_diag_set(diag, (struct brama_where){0}, "the key can't sign: it is a public one");
    if (err != BRAMA_OK)
        return err;
    brama_buf_add_c(token, '.');
    add_part(token, part);
    return brama_buf_err(token);
}

static enum brama_err choose_alg(enum brama_alg *out, const struct brama_mint_wish *wish,
                                 struct brama_diag *diag)
{
    *out = wish->alg != BRAMA_ALG_INVALID ? wish->alg : brama_mint_usual_alg(wish->key);
    if (*out != BRAMA_ALG_INVALID && brama_pkey_fits(wish->key, *out))
        return BRAMA_OK;
    brama_diag_set(diag, (struct brama_where){0}, "the key can't sign with %s",
                   *out != BRAMA_ALG_INVALID ? brama_alg_name(*out) : "any algorithm");
    return BRAMA_ERR_INVALID;
}

enum brama_err brama_mint(struct brama_buf *token, const struct brama_mint_wish *wish,
                          struct brama_diag *diag)
{
    struct brama_buf part, kid, text;
    enum brama_alg alg;
    int64_t exp_s = 0;

    if (__builtin_add_overflow(wish->now_s, wish->ttl_s, &exp_s)) {
        brama_diag_set(diag, (struct brama_where){0}, "the time to live is too long");
        return BRAMA_ERR_INVALID;
    }
    enum brama_err err = choose_alg(&alg, wish, diag);
    if (err != BRAMA_OK)
        return err;
    err = no_claim_twice(wish, diag);
    if (err != BRAMA_OK)
        return err;

    brama_buf_init(&part, NULL, PART_MAX);
    brama_buf_init(&kid, NULL, PART_MAX);
    brama_buf_init(&text, NULL, BRAMA_JWT_MAX);
    brama_buf_add(&kid, wish->kid);
    if (wish->kid.n == 0) {
        err = brama_mint_kid(&kid, wish->key);
        if (err != BRAMA_OK)
            goto done;
    }
    write_header(&part, wish, alg, brama_buf_str(&kid));
    add_part(&text, &part);
    brama_buf_add_c(&text, '.');
    write_claims(&part, wish, exp_s);
    add_part(&text, &part);
    err = brama_buf_err(&text);
    if (err == BRAMA_OK)
        err = sign(&text, &part, wish, alg, diag);
    if (err == BRAMA_ERR_TOO_BIG)
        brama_diag_set(diag, (struct brama_where){0}, "the token would be longer than %d bytes",
                       BRAMA_JWT_MAX);
    if (err != BRAMA_OK)
        goto done;
    brama_buf_add(token, brama_buf_str(&text));
    err = brama_buf_err(token);
done:
    brama_buf_deinit(&text);
    brama_buf_deinit(&kid);
    brama_buf_deinit(&part);
    return err;
}
