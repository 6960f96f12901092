/* Public and private keys, and what can be done with them. Nothing outside src/crypto sees OpenSSL.
 *
 *     struct brama_pkey *key;
 *     struct brama_diag diag = {0};
 *     if (brama_pkey_from_rsa(&key, n, e, &diag) == BRAMA_OK) {
 *         struct brama_verified v;
 *         brama_pkey_verify(&v, key, BRAMA_ALG_RS256, message, signature);
 *         if (v.valid) ...
 *         brama_pkey_free(key);
 *     }
 *
 * A key that could be loaded is safe to verify with: the checks of attacks.md J6 to J8 (size,
 * exponent, point on curve, small order) are made here, since OpenSSL doesn't make them.
 */
#ifndef BRAMA_CRYPTO_KEY_H
#define BRAMA_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/diag.h"

/* JWS algorithms, RFC 7518 section 3.1 and RFC 8037 section 3.1. HS* are known by name, so that a
 * token can be told "no key fits", and can never verify: no key of ours is symmetric. */
enum brama_alg {
    BRAMA_ALG_INVALID = 0,
    BRAMA_ALG_RS256,
    BRAMA_ALG_RS384,
    BRAMA_ALG_RS512,
    BRAMA_ALG_PS256,
    BRAMA_ALG_PS384,
    BRAMA_ALG_PS512,
    BRAMA_ALG_ES256,
    BRAMA_ALG_ES384,
    BRAMA_ALG_ES512,
    BRAMA_ALG_EDDSA,
    BRAMA_ALG_HS256,
    BRAMA_ALG_HS384,
    BRAMA_ALG_HS512,
    BRAMA_ALG_COUNT
};

enum brama_kty { BRAMA_KTY_NONE = 0, BRAMA_KTY_RSA, BRAMA_KTY_EC, BRAMA_KTY_OKP };
enum brama_crv {
    BRAMA_CRV_NONE = 0,
    BRAMA_CRV_P256,
    BRAMA_CRV_P384,
    BRAMA_CRV_P521,
    BRAMA_CRV_ED25519
};

struct brama_pkey; /* public, or private with its public half; immutable */

void brama_pkey_free(struct brama_pkey *key);

/* Raw big-endian octets as in a JWK after base64url. RSA: 2048 to 8192 bits, odd n, no leading zero
 * byte, 3 <= e < 2^32 and odd. EC: x and y of exactly the curve's length, on the curve. OKP: 32
 * canonical bytes that are no point of small order (RFC 8032 section 5.1.7).
 * BRAMA_ERR_INVALID with diag: the key must not be used. */
BRAMA_MUST_USE enum brama_err brama_pkey_from_rsa(struct brama_pkey **out, brama_str n, brama_str e,
                                                  struct brama_diag *diag);
BRAMA_MUST_USE enum brama_err brama_pkey_from_ec(struct brama_pkey **out, enum brama_crv crv,
                                                 brama_str x, brama_str y, struct brama_diag *diag);
BRAMA_MUST_USE enum brama_err brama_pkey_from_ed25519(struct brama_pkey **out, brama_str x,
                                                      struct brama_diag *diag);
/* A DER SubjectPublicKeyInfo (RFC 5280 section 4.1) as brama_pkey_to_spki() wrote it, or of a PEM
 * "PUBLIC KEY"; the same checks unless trusted: bytes that passed them before. */
BRAMA_MUST_USE enum brama_err brama_pkey_from_spki(struct brama_pkey **out, brama_str der,
                                                   bool trusted, struct brama_diag *diag);
/* The public key of a DER certificate (RFC 5280); dates, chain and usage aren't looked at. */
BRAMA_MUST_USE enum brama_err brama_pkey_from_cert(struct brama_pkey **out, brama_str der,
                                                   struct brama_diag *diag);
/* A private key in PEM (PKCS#8, PKCS#1, SEC1), unencrypted. */
BRAMA_MUST_USE enum brama_err brama_pkey_from_pem(struct brama_pkey **out, brama_str pem,
                                                  struct brama_diag *diag);
/* A new private key fit for alg. bits: RSA only, 0 for 2048. */
BRAMA_MUST_USE enum brama_err brama_pkey_generate(struct brama_pkey **out, enum brama_alg alg,
                                                  unsigned bits, struct brama_diag *diag);

void brama_pkey_to_spki(struct brama_buf *out, const struct brama_pkey *key);
void brama_pkey_to_pem(struct brama_buf *out, const struct brama_pkey *key); /* private, PKCS#8 */

/* The public half as a JWK has it. Slices are the arena's; those of other key types are empty. */
struct brama_pkey_parts {
    enum brama_kty kty;
    enum brama_crv crv;
    unsigned bits; /* of the modulus or the field */
    brama_str n, e, x, y;
};
BRAMA_MUST_USE enum brama_err brama_pkey_parts(struct brama_pkey_parts *out,
                                               struct brama_arena *arena,
                                               const struct brama_pkey *key);

/* What a private JWK has beside its public half (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037
 * section 2): raw big-endian octets. EC and Ed25519 have d alone; of an RSA key all six are needed,
 * though the RFC would let a producer leave out all but d. */
struct brama_pkey_secret {
    brama_str d, p, q, dp, dq, qi;
};
/* parts: the public half, with the checks above; bits isn't read. The private half must belong to
 * it. BRAMA_ERR_INVALID with diag: the key must not be used. */
BRAMA_MUST_USE enum brama_err brama_pkey_from_secret(struct brama_pkey **out,
                                                     const struct brama_pkey_parts *parts,
                                                     const struct brama_pkey_secret *secret,
                                                     struct brama_diag *diag);

/* Can this key verify signatures of that algorithm (type, and for EC the curve)? */
bool brama_pkey_fits(const struct brama_pkey *key, enum brama_alg alg);

struct brama_verified {
    bool valid;
};

/* RFC 7518 section 3.3 to 3.5, RFC 8037 section 3.1. out->valid is true only if the key fits alg,
 * the signature has exactly the length that alg demands and it is one of the message under the key.
 */
void brama_pkey_verify(struct brama_verified *out, const struct brama_pkey *key, enum brama_alg alg,
                       brama_str message, brama_str signature);

/* The signature in JWS form (ES*: r || s). BRAMA_ERR_INVALID: the key doesn't fit alg, or is
 * public. */
BRAMA_MUST_USE enum brama_err brama_pkey_sign(struct brama_buf *out, const struct brama_pkey *key,
                                              enum brama_alg alg, brama_str message);

#endif
