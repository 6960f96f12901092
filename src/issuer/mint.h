/* Making a signed token. RFC 7519, RFC 7515 section 7.1.
 *
 *     struct brama_mint_wish wish = {.key = key, .issuer = BRAMA_STR("https://me.example"),
 *                                    .now_s = now, .ttl_s = 3600};
 *     brama_random(wish.jti, sizeof(wish.jti));
 *     if (brama_mint(&token, &wish, &diag) == BRAMA_OK)
 *         send(brama_buf_str(&token));
 *
 * Pure: clock and randomness are in the wish.
 */
#ifndef BRAMA_ISSUER_MINT_H
#define BRAMA_ISSUER_MINT_H

#include "base/buf.h"
#include "crypto/key.h"
#include "jose/jwks.h"
#include "json/node.h"

struct brama_mint_claim {
    brama_str name;
    const struct brama_node *value; /* any JSON value */
};

struct brama_mint_wish {
    const struct brama_pkey *key;     /* private */
    enum brama_alg alg;               /* BRAMA_ALG_INVALID: the usual one of the key's type */
    brama_str kid;                    /* empty: the key's RFC 7638 thumbprint */
    brama_str jku;                    /* header parameter, left out if empty */
    brama_str issuer, subject, scope; /* each left out if empty */
    const brama_str *audiences;       /* one: a string; several: a list */
    size_t audience_count;
    const struct brama_mint_claim *claims; /* any others */
    size_t claim_count;
    int64_t now_s, ttl_s;
    bool no_exp;
    uint8_t jti[16]; /* random; becomes a UUID of version 4 */
};

/* Append the compact form to token. iat is now_s, exp is now_s + ttl_s, jti a UUID; a claim of the
 * list that is one of these three stands instead of it.
 *
 * BRAMA_ERR_INVALID  the key doesn't fit alg or is public; a claim is given twice (also by a member
 *                    of the wish and in the list); exp doesn't fit; diag says which
 * BRAMA_ERR_TOO_BIG  longer than what a gateway of ours reads (BRAMA_JWT_MAX)
 */
BRAMA_MUST_USE enum brama_err
brama_mint(struct brama_buf *token, const struct brama_mint_wish *wish, struct brama_diag *diag);

/* What a key of this type signs with unless told otherwise: RS256, ES256/384/512 by curve, EdDSA.
 */
enum brama_alg brama_mint_usual_alg(const struct brama_pkey *key);

/* Append the RFC 7638 thumbprint in base64url: what a kid is unless told otherwise. */
BRAMA_MUST_USE enum brama_err brama_mint_kid(struct brama_buf *out, const struct brama_pkey *key);

#endif
