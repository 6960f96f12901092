/* A key set to sign with: a JWK set (RFC 7517) in which some keys are private. What Oathkeeper's
 * id_token takes its key from, and what its /.well-known/jwks.json shows. oathkeeper.md 2.9, 3.3,
 * 5.4.
 *
 *     struct brama_signing_set *set;
 *     if (brama_signing_set_load(&set, text, &diag) == BRAMA_OK) {
 *         if (set->signer != NULL)
 *             sign_with(set->signer->key, set->signer->alg, set->signer->kid);
 *         brama_signing_set_free(set);
 *     }
 *
 * A key that can't be used is left out and counted, the others stay; symmetric ones (kty oct) are
 * among those: nobody could verify what they sign without being able to sign himself.
 */
#ifndef BRAMA_ISSUER_SIGNING_SET_H
#define BRAMA_ISSUER_SIGNING_SET_H

#include "jose/jwks.h"

struct brama_signing_key {
    struct brama_pkey *key; /* private where is_private */
    bool is_private;
    enum brama_alg alg; /* of the JWK; a private one without has its type's usual one */
    brama_str kid;      /* of the JWK; a private one without has its thumbprint. Else empty */
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];
};

struct brama_signing_set {
    struct brama_signing_key *keys; /* in the order of the set */
    size_t count;
    size_t left_out;                        /* keys that can't be used */
    const char *why;                        /* of the first of them; NULL: none */
    const struct brama_signing_key *signer; /* NULL: none of them is private */
    struct brama_arena *arena;
};

/* The signer is Oathkeeper's: the last private key before the set has shown a private and a public
 * one; its kid is that of the public JWK of the same key, where there is one before that point.
 *
 * BRAMA_ERR_SYNTAX   not JSON, or no object with a list "keys"
 * BRAMA_ERR_TOO_BIG  over the bytes or the number of keys of a key set (jose/jwks.h)
 * BRAMA_ERR_INVALID  no usable key; diag has the first one's reason
 */
BRAMA_MUST_USE enum brama_err brama_signing_set_load(struct brama_signing_set **out, brama_str text,
                                                     struct brama_diag *diag);
/* A set of one private key, for RS256 or what its type is for; kid is its thumbprint. Takes key
 * over, on failure as well. */
BRAMA_MUST_USE enum brama_err brama_signing_set_of(struct brama_signing_set **out,
                                                   struct brama_pkey *key);
void brama_signing_set_free(struct brama_signing_set *set);

/* {"keys":[...]} of the public halves of all of them, each once: no private member ever. */
BRAMA_MUST_USE enum brama_err brama_signing_sets_public(struct brama_buf *out,
                                                        struct brama_signing_set *const *sets,
                                                        size_t count);

#endif
