/* Key sets: RFC 7517, checked key by key. A bad key is left out and said why; the set as a whole is
 * good if one key is.
 *
 *     struct brama_jwks *set;
 *     if (brama_jwks_load(&set, text, &diag) == BRAMA_OK) {
 *         for (size_t i = 0; i < set->count; i++) ...set->keys[i]...
 *         brama_jwks_free(set);
 *     }
 */
#ifndef BRAMA_JOSE_JWKS_H
#define BRAMA_JOSE_JWKS_H

#include "base/diag.h"
#include "crypto/key.h"

#define BRAMA_JWKS_MAX_BYTES (256 * 1024) /* attacks.md J23 */
#define BRAMA_JWKS_MAX_KEYS 100
#define BRAMA_KID_MAX 256 /* attacks.md J4 */
#define BRAMA_THUMBPRINT_BYTES 32

struct brama_jwk {
    struct brama_pkey *pkey;
    enum brama_kty kty;
    enum brama_crv crv;
    enum brama_alg alg; /* BRAMA_ALG_INVALID: not said */
    bool has_kid;
    brama_str kid;
    brama_str use; /* as said: "sig", "enc", or empty */
    unsigned bits;
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES]; /* RFC 7638, SHA-256 */
};

/* A key that isn't used, and why: name is Envoy's where it has one ("JwksECKeyBadCrv"), else ours
 * ("JwkPrivate": those begin with Jwk and no s). */
struct brama_jwk_reject {
    size_t index; /* in the document's keys */
    brama_str kid;
    const char *name, *what;
};

struct brama_jwks {
    struct brama_jwk *keys;
    size_t count;
    struct brama_jwk_reject *rejects;
    size_t reject_count;
    struct brama_arena *arena; /* owner of all texts */
};

/* BRAMA_ERR_SYNTAX  not JSON, or no object with a list "keys"
 * BRAMA_ERR_TOO_BIG over the bytes or the number of keys
 * BRAMA_ERR_INVALID no usable key; diag has the first one's reason
 * diag reads "NAME: why", with the names of brama_jwk_reject.
 * Left out, each with its reason: private members (d, p, q, dp, dq, qi, k), kty oct, an alg that
 * doesn't fit the key, use other than "sig" (if said), key_ops without "verify", x5c whose leaf has
 * another key, two keys of one kid that both could serve one alg (both go), and what crypto/key.h
 * refuses. */
BRAMA_MUST_USE enum brama_err brama_jwks_load(struct brama_jwks **out, brama_str text,
                                              struct brama_diag *diag);
void brama_jwks_free(struct brama_jwks *set);

/* RFC 7638 section 3 over the public parts. */
BRAMA_MUST_USE enum brama_err brama_thumbprint(uint8_t out[BRAMA_THUMBPRINT_BYTES],
                                               const struct brama_pkey_parts *parts);

/* A public JWK as JSON object text: kty, parts, kid, alg and use if not empty; x5c, x5t and
 * x5t#S256 (RFC 7517 sections 4.7 to 4.9) if cert_der isn't empty. */
struct brama_jwk_wish {
    brama_str kid, use;
    enum brama_alg alg;
    brama_str cert_der;
};
BRAMA_MUST_USE enum brama_err brama_jwk_write(struct brama_buf *out, const struct brama_pkey *key,
                                              const struct brama_jwk_wish *wish);

#endif
