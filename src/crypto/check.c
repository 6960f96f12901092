/* Public keys from raw numbers. OpenSSL loads keys that make forging easy (e = 1, RSA-512, points
 * of small order); the rules here are attacks.md J6 to J8. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "crypto/pkey.h"

#define ED25519_BYTES 32

enum brama_err brama__bad(struct brama_diag *diag, const char *what)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s", what);
    return BRAMA_ERR_INVALID;
}

static const unsigned char *bytes(brama_str s)
{
    return (const unsigned char *)s.p;
}

/* A public key of that type from params, put through OpenSSL's own check. For RSA that check draws
 * random bases: a modulus that is no product of two large primes is found out often, not always. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *evp = NULL;
    EVP_PKEY_CTX *check = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    bool ok = make != NULL && params != NULL && EVP_PKEY_fromdata_init(make) == 1 &&
              EVP_PKEY_fromdata(make, &evp, EVP_PKEY_PUBLIC_KEY, params) == 1;
    if (ok) {
        check = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
        ok = check != NULL && EVP_PKEY_public_check(check) == 1;
    }
    if (!ok) {
        EVP_PKEY_free(evp);
        evp = NULL;
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(make);
    return evp;
}

static unsigned bit_length(brama_str n)
{
    unsigned bits = (unsigned)n.n * 8;
    for (unsigned char top = bytes(n)[0]; (top & 0x80) == 0; top = (unsigned char)(top << 1))
        bits--;
    return bits;
}

static const char *rsa_fault(brama_str n, brama_str e)
{
    if (n.n == 0 || e.n == 0)
        return "RSA: an empty modulus or exponent";
    if (n.p[0] == 0 || e.p[0] == 0)
        return "RSA: a leading zero byte in modulus or exponent";
    if (n.n > BRAMA__RSA_BITS_MAX / 8)
        return "RSA: a modulus of more than 8192 bits";
    if (bit_length(n) < BRAMA__RSA_BITS_MIN)
        return "RSA: a modulus of less than 2048 bits";
    if ((bytes(n)[n.n - 1] & 1) == 0)
        return "RSA: an even modulus";
    if (e.n > 4)
        return "RSA: an exponent of 2^32 or more";
    if ((bytes(e)[e.n - 1] & 1) == 0)
        return "RSA: an even exponent";
    if (e.n == 1 && bytes(e)[0] < 3)
        return "RSA: an exponent of 1";
    return NULL;
}

enum brama_err brama_pkey_from_rsa(struct brama_pkey **out, brama_str n, brama_str e,
                                   struct brama_diag *diag)
{
    *out = NULL;
    const char *fault = rsa_fault(n, e);
    if (fault != NULL)
        return brama__bad(diag, fault);

    ERR_set_mark();
    OSSL_PARAM *params = NULL;
    BIGNUM *bn_n = BN_bin2bn(bytes(n), (int)n.n, NULL);
    BIGNUM *bn_e = BN_bin2bn(bytes(e), (int)e.n, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (bn_n != NULL && bn_e != NULL && bld != NULL &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
        params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY *evp = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(bn_e);
    BN_free(bn_n);
    ERR_pop_to_mark();
    if (evp == NULL)
        return brama__bad(diag, "RSA: the modulus fails the library's check");
    return brama__pkey_wrap(out, evp, diag);
}

enum brama_err brama_pkey_from_ec(struct brama_pkey **out, enum brama_crv crv, brama_str x,
                                  brama_str y, struct brama_diag *diag)
{
    *out = NULL;
    const struct brama__crv *row = brama__crv(crv);
    if (row->order == NULL)
        return brama__bad(diag, "EC: not one of P-256, P-384 and P-521");
    /* RFC 7518 section 6.2.1.2: the full size of a coordinate, leading zeros included. */
    if (x.n != row->coordinate_bytes || y.n != row->coordinate_bytes)
        return brama__bad(diag, "EC: a coordinate isn't of the curve's length");

    unsigned char point[1 + 2 * BRAMA__COORDINATE_MAX] = {0x04}; /* SEC 1: uncompressed */
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    char name[16];
    memcpy(name, row->openssl_name, strlen(row->openssl_name) + 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n),
        OSSL_PARAM_construct_end(),
    };
    ERR_set_mark();
    EVP_PKEY *evp = from_params("EC", params);
    ERR_pop_to_mark();
    if (evp == NULL)
        return brama__bad(diag, "EC: the point isn't on the curve");
    return brama__pkey_wrap(out, evp, diag);
}

/* Of an encoded point (RFC 8032 section 5.1.2): y little-endian, the top bit is x's sign. */
static const char *ed25519_fault(brama_str x)
{
    /* The y of the eight points whose order divides 8, one for both signs: 0 (order 4), 1 (the
     * identity), p - 1 (order 2), and the two of order 8. Under such a key one signature fits many
     * messages. With y >= p refused and the sign ignored no other encoding of them is left. */
    static const uint8_t p[ED25519_BYTES] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    static const uint8_t small[][ED25519_BYTES] = {
        {0},
        {1},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    if (x.n != ED25519_BYTES)
        return "Ed25519: the key isn't of 32 bytes";
    uint8_t y[ED25519_BYTES];
    memcpy(y, x.p, sizeof(y));
    y[ED25519_BYTES - 1] &= 0x7f;
    size_t i = ED25519_BYTES - 1;
    while (i > 0 && y[i] == p[i])
        i--;
    if (y[i] >= p[i])
        return "Ed25519: not the canonical form of a point (y >= p)";
    for (size_t k = 0; k < BRAMA_ARRAY_LEN(small); k++)
        if (memcmp(y, small[k], sizeof(y)) == 0)
            return "Ed25519: a point of small order";
    return NULL;
}

enum brama_err brama_pkey_from_ed25519(struct brama_pkey **out, brama_str x,
                                       struct brama_diag *diag)
{
    *out = NULL;
    const char *fault = ed25519_fault(x);
    if (fault != NULL)
        return brama__bad(diag, fault);
    ERR_set_mark();
    EVP_PKEY *evp = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes(x), x.n);
    ERR_pop_to_mark();
    if (evp == NULL)
        return BRAMA_ERR_NOMEM;
    return brama__pkey_wrap(out, evp, diag);
}
