/* Between the files of src/crypto: what a key is made of, and what each algorithm asks of it. */
#ifndef BRAMA_CRYPTO_PKEY_H
#define BRAMA_CRYPTO_PKEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/key.h"

#define BRAMA__COORDINATE_MAX 66 /* bytes of P-521's field */
#define BRAMA__RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */
#define BRAMA__RSA_BITS_MAX 8192 /* a verification of more is a gift to who wants our CPU */

struct brama_pkey {
    EVP_PKEY *evp;
    enum brama_kty kty;
    enum brama_crv crv;
    unsigned bits;
    bool is_private;
};

/* One row an algorithm; kty is BRAMA_KTY_NONE where no key of ours fits (HS* and invalid). */
struct brama__alg {
    enum brama_kty kty;
    enum brama_crv crv;
    const EVP_MD *(*md)(void); /* NULL: the algorithm hashes by itself */
    bool pss;
};

/* One row a curve. order is big-endian, of coordinate bytes; NULL where r and s aren't checked. */
struct brama__crv {
    const char *openssl_name;
    size_t coordinate_bytes;
    unsigned bits;
    const uint8_t *order;
};

/* Never NULL; an unknown value gets the row that fits nothing. */
const struct brama__alg *brama__alg(enum brama_alg alg);
const struct brama__crv *brama__crv(enum brama_crv crv);

/* Takes evp over, on failure as well. What kind of key it is, and no more: nothing is checked. */
enum brama_err brama__pkey_wrap(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag);
/* Takes evp over. The key built anew from its public parts, by the loader that checks them. */
enum brama_err brama__pkey_check(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag);

/* Takes evp over. A private key as it is, once its public half has passed the loader's checks and
 * both belong together. */
enum brama_err brama__pkey_private(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag);

/* Any unencrypted private key; NULL if the text is none. */
EVP_PKEY *brama__read_private(brama_str pem);
/* The first certificate of a DER text that holds nothing else; NULL if it is none. */
X509 *brama__read_cert(brama_str der);

enum brama_err brama__bad(struct brama_diag *diag, const char *what);

#endif
