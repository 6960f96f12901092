/* Signatures: RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1. */
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "crypto/pkey.h"

#define ED25519_SIGNATURE_BYTES 64
#define DER_MAX (3 + 2 * (2 + 1 + BRAMA__COORDINATE_MAX)) /* SEQUENCE of two INTEGERs */

static const unsigned char *bytes(brama_str s)
{
    return (const unsigned char *)s.p;
}

static size_t signature_bytes(const struct brama_pkey *key)
{
    if (key->kty == BRAMA_KTY_RSA)
        return (key->bits + 7) / 8;
    if (key->kty == BRAMA_KTY_EC)
        return 2 * brama__crv(key->crv)->coordinate_bytes;
    return ED25519_SIGNATURE_BYTES;
}

/* Is 1 <= v <= n - 1? CVE-2022-21449 is what happens when nobody asks. */
static bool in_range(const unsigned char *v, const struct brama__crv *crv)
{
    static const unsigned char zero[BRAMA__COORDINATE_MAX] = {0};
    return memcmp(v, zero, crv->coordinate_bytes) != 0 &&
           memcmp(v, crv->order, crv->coordinate_bytes) < 0;
}

/* One INTEGER: no leading zeros, but one where the number would look negative. */
static size_t der_integer(unsigned char *out, const unsigned char *v, size_t n)
{
    while (n > 1 && v[0] == 0) {
        v++;
        n--;
    }
    size_t pad = (v[0] & 0x80) != 0 ? 1 : 0;
    out[0] = 0x02;
    out[1] = (unsigned char)(n + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, v, n);
    return 2 + pad + n;
}

/* r || s as OpenSSL wants it. out takes DER_MAX bytes; 0 if r or s is out of range. */
static size_t der_from_jws(unsigned char *out, const struct brama__crv *crv, brama_str signature)
{
    size_t half = crv->coordinate_bytes;
    if (!in_range(bytes(signature), crv) || !in_range(bytes(signature) + half, crv))
        return 0;
    unsigned char body[DER_MAX];
    size_t n = der_integer(body, bytes(signature), half);
    n += der_integer(body + n, bytes(signature) + half, half);
    size_t at = 0;
    out[at++] = 0x30;
    if (n > 0x7f)
        out[at++] = 0x81;
    out[at++] = (unsigned char)n;
    memcpy(out + at, body, n);
    return at + n;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct brama__alg *row)
{
    if (!row->pss)
        return true; /* PKCS #1 v1.5 for RSA, nothing for the others: OpenSSL's defaults */
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

void brama_pkey_verify(struct brama_verified *out, const struct brama_pkey *key, enum brama_alg alg,
                       brama_str message, brama_str signature)
{
    out->valid = false;
    if (!brama_pkey_fits(key, alg) || signature.n != signature_bytes(key))
        return;
    const struct brama__alg *row = brama__alg(alg);
    unsigned char der[DER_MAX];
    const unsigned char *sig = bytes(signature);
    size_t sig_n = signature.n;
    if (key->kty == BRAMA_KTY_EC) {
        sig_n = der_from_jws(der, brama__crv(key->crv), signature);
        sig = der;
        if (sig_n == 0)
            return;
    }
    const unsigned char *text = message.n != 0 ? bytes(message) : (const unsigned char *)"";

    ERR_set_mark();
    EVP_PKEY_CTX *pctx = NULL; /* owned by ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    out->valid =
        ctx != NULL &&
        EVP_DigestVerifyInit(ctx, &pctx, row->md != NULL ? row->md() : NULL, NULL, key->evp) == 1 &&
        set_padding(pctx, row) && EVP_DigestVerify(ctx, sig, sig_n, text, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
}

/* OpenSSL's DER into r || s, in place; false if it isn't one. */
static bool jws_from_der(unsigned char *sig, size_t n, size_t half)
{
    const unsigned char *p = sig;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)n);
    bool ok = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, (int)half) == (int)half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + half, (int)half) == (int)half;
    ECDSA_SIG_free(pair);
    return ok;
}

enum brama_err brama_pkey_sign(struct brama_buf *out, const struct brama_pkey *key,
                               enum brama_alg alg, brama_str message)
{
    if (!brama_pkey_fits(key, alg) || !key->is_private)
        return BRAMA_ERR_INVALID;
    const struct brama__alg *row = brama__alg(alg);
    const unsigned char *text = message.n != 0 ? bytes(message) : (const unsigned char *)"";
    unsigned char sig[1024]; /* RSA of 8192 bits */
    size_t n = sizeof(sig);

    ERR_set_mark();
    EVP_PKEY_CTX *pctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        ctx != NULL &&
        EVP_DigestSignInit(ctx, &pctx, row->md != NULL ? row->md() : NULL, NULL, key->evp) == 1 &&
        set_padding(pctx, row) && EVP_DigestSign(ctx, sig, &n, text, message.n) == 1;
    if (ok && key->kty == BRAMA_KTY_EC)
        ok = jws_from_der(sig, n, signature_bytes(key) / 2);
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    if (!ok)
        return BRAMA_ERR_CRYPTO;
    brama_buf_add(out, (brama_str){(const char *)sig, signature_bytes(key)});
    return brama_buf_err(out);
}
