/* Private keys from the raw numbers of a JWK. RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037
 * section 2.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "crypto/pkey.h"

#define NUMBERS_MAX 8

/* Numbers on their way into OpenSSL's parameters. */
struct numbers {
    OSSL_PARAM_BLD *bld;
    BIGNUM *bn[NUMBERS_MAX];
    size_t count;
    bool failed;
};

static void push(struct numbers *n, const char *name, brama_str octets)
{
    BIGNUM *bn = octets.n != 0 && octets.n <= BRAMA__RSA_BITS_MAX / 8
                     ? BN_bin2bn((const unsigned char *)octets.p, (int)octets.n, NULL)
                     : NULL;

    if (bn == NULL || n->bld == NULL || n->count == NUMBERS_MAX) {
        BN_clear_free(bn);
        n->failed = true;
        return;
    }
    n->bn[n->count++] = bn;
    BN_set_flags(bn, BN_FLG_CONSTTIME);
    if (OSSL_PARAM_BLD_push_BN(n->bld, name, bn) != 1)
        n->failed = true;
}

static EVP_PKEY *make(const char *type, struct numbers *n)
{
    OSSL_PARAM *params = n->failed ? NULL : OSSL_PARAM_BLD_to_param(n->bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *evp = NULL;

    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_KEYPAIR, params) != 1) {
        EVP_PKEY_free(evp);
        evp = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(n->bld);
    for (size_t i = 0; i < n->count; i++)
        BN_clear_free(n->bn[i]);
    return evp;
}

static EVP_PKEY *from_rsa(const struct brama_pkey_parts *parts,
                          const struct brama_pkey_secret *secret)
{
    struct numbers n = {.bld = OSSL_PARAM_BLD_new()};

    push(&n, OSSL_PKEY_PARAM_RSA_N, parts->n);
    push(&n, OSSL_PKEY_PARAM_RSA_E, parts->e);
    push(&n, OSSL_PKEY_PARAM_RSA_D, secret->d);
    push(&n, OSSL_PKEY_PARAM_RSA_FACTOR1, secret->p);
    push(&n, OSSL_PKEY_PARAM_RSA_FACTOR2, secret->q);
    push(&n, OSSL_PKEY_PARAM_RSA_EXPONENT1, secret->dp);
    push(&n, OSSL_PKEY_PARAM_RSA_EXPONENT2, secret->dq);
    push(&n, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, secret->qi);
    return make("RSA", &n);
}

static EVP_PKEY *from_ec(const struct brama_pkey_parts *parts,
                         const struct brama_pkey_secret *secret)
{
    const struct brama__crv *row = brama__crv(parts->crv);
    unsigned char point[1 + 2 * BRAMA__COORDINATE_MAX] = {0x04}; /* SEC 1: uncompressed */

    /* RFC 7518 section 6.2.2.1: d has the length of the order, which is the coordinate's here. */
    if (row->order == NULL || parts->x.n != row->coordinate_bytes ||
        parts->y.n != row->coordinate_bytes || secret->d.n != row->coordinate_bytes)
        return NULL;
    memcpy(point + 1, parts->x.p, parts->x.n);
    memcpy(point + 1 + parts->x.n, parts->y.p, parts->y.n);
    struct numbers n = {.bld = OSSL_PARAM_BLD_new()};
    n.failed = n.bld == NULL ||
               OSSL_PARAM_BLD_push_utf8_string(n.bld, OSSL_PKEY_PARAM_GROUP_NAME, row->openssl_name,
                                               0) != 1 ||
               OSSL_PARAM_BLD_push_octet_string(n.bld, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                1 + parts->x.n + parts->y.n) != 1;
    push(&n, OSSL_PKEY_PARAM_PRIV_KEY, secret->d);
    return make("EC", &n);
}

/* The public half follows from d: it has to be the one that is there. */
static EVP_PKEY *from_ed25519(const struct brama_pkey_parts *parts,
                              const struct brama_pkey_secret *secret)
{
    unsigned char x[32];
    size_t n = sizeof(x);
    EVP_PKEY *evp = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
                                                 (const unsigned char *)secret->d.p, secret->d.n);

    if (evp == NULL || EVP_PKEY_get_raw_public_key(evp, x, &n) != 1 || n != parts->x.n ||
        memcmp(x, parts->x.p, n) != 0) {
        EVP_PKEY_free(evp);
        return NULL;
    }
    return evp;
}

enum brama_err brama_pkey_from_secret(struct brama_pkey **out, const struct brama_pkey_parts *parts,
                                      const struct brama_pkey_secret *secret,
                                      struct brama_diag *diag)
{
    EVP_PKEY *evp = NULL;

    *out = NULL;
    ERR_set_mark();
    if (parts->kty == BRAMA_KTY_RSA)
        evp = from_rsa(parts, secret);
    else if (parts->kty == BRAMA_KTY_EC)
        evp = from_ec(parts, secret);
    else if (parts->kty == BRAMA_KTY_OKP)
        evp = from_ed25519(parts, secret);
    ERR_pop_to_mark();
    if (evp == NULL)
        return brama__bad(diag, "the private numbers are no key, or another one's");
    return brama__pkey_private(out, evp, diag);
}
