/* Keys from and to their encodings. */
#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pkey.h"

#define PARTS_MAX_BYTES 8192 /* a modulus of 1 KiB and an exponent, with room */
#define RSA_DEFAULT_BITS 2048

void brama_pkey_free(struct brama_pkey *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->evp);
    free(key);
}

static enum brama_crv ec_curve(const EVP_PKEY *evp)
{
    char name[32];
    if (EVP_PKEY_get_group_name(evp, name, sizeof(name), NULL) != 1)
        return BRAMA_CRV_NONE;
    for (enum brama_crv crv = BRAMA_CRV_P256; crv <= BRAMA_CRV_P521; crv++)
        if (strcmp(name, brama__crv(crv)->openssl_name) == 0)
            return crv;
    return BRAMA_CRV_NONE;
}

/* Sets kty, crv and bits; false for a key we have no algorithm for. */
static bool classify(struct brama_pkey *key)
{
    if (EVP_PKEY_is_a(key->evp, "RSA")) {
        key->kty = BRAMA_KTY_RSA;
        key->bits = (unsigned)EVP_PKEY_get_bits(key->evp);
        return true;
    }
    if (EVP_PKEY_is_a(key->evp, "EC")) {
        key->kty = BRAMA_KTY_EC;
        key->crv = ec_curve(key->evp);
    } else if (EVP_PKEY_is_a(key->evp, "ED25519")) {
        key->kty = BRAMA_KTY_OKP;
        key->crv = BRAMA_CRV_ED25519;
    }
    key->bits = brama__crv(key->crv)->bits;
    return key->crv != BRAMA_CRV_NONE;
}

enum brama_err brama__pkey_wrap(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag)
{
    *out = NULL;
    struct brama_pkey *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        EVP_PKEY_free(evp);
        return BRAMA_ERR_NOMEM;
    }
    key->evp = evp;
    if (!classify(key)) {
        brama_pkey_free(key);
        return brama__bad(diag, "not a key of RSA, P-256, P-384, P-521 or Ed25519");
    }
    *out = key;
    return BRAMA_OK;
}

/* A number of the key, big-endian, of exactly width bytes, or of as many as it needs for 0. */
static brama_str number(struct brama_arena *arena, const EVP_PKEY *evp, const char *name,
                        size_t width)
{
    BIGNUM *bn = NULL;
    brama_str out = BRAMA_NIL;
    if (EVP_PKEY_get_bn_param(evp, name, &bn) != 1)
        return out;
    size_t n = width != 0 ? width : (size_t)BN_num_bytes(bn);
    unsigned char *p = brama_arena_alloc(arena, n);
    if (p != NULL && BN_bn2binpad(bn, p, (int)n) == (int)n)
        out = (brama_str){(const char *)p, n};
    BN_free(bn);
    return out;
}

enum brama_err brama_pkey_parts(struct brama_pkey_parts *out, struct brama_arena *arena,
                                const struct brama_pkey *key)
{
    size_t width = brama__crv(key->crv)->coordinate_bytes;
    *out = (struct brama_pkey_parts){.kty = key->kty, .crv = key->crv, .bits = key->bits};
    ERR_set_mark();
    bool ok = false;
    if (key->kty == BRAMA_KTY_RSA) {
        out->n = number(arena, key->evp, OSSL_PKEY_PARAM_RSA_N, 0);
        out->e = number(arena, key->evp, OSSL_PKEY_PARAM_RSA_E, 0);
        ok = out->n.p != NULL && out->e.p != NULL;
    } else if (key->kty == BRAMA_KTY_EC) {
        out->x = number(arena, key->evp, OSSL_PKEY_PARAM_EC_PUB_X, width);
        out->y = number(arena, key->evp, OSSL_PKEY_PARAM_EC_PUB_Y, width);
        ok = out->x.p != NULL && out->y.p != NULL;
    } else {
        unsigned char *p = brama_arena_alloc(arena, width);
        out->x = (brama_str){(const char *)p, width};
        ok =
            p != NULL && EVP_PKEY_get_raw_public_key(key->evp, p, &width) == 1 && width == out->x.n;
    }
    ERR_pop_to_mark();
    if (ok)
        return BRAMA_OK;
    return brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_ERR_CRYPTO;
}

static enum brama_err from_parts(struct brama_pkey **out, const struct brama_pkey_parts *parts,
                                 struct brama_diag *diag)
{
    if (parts->kty == BRAMA_KTY_RSA)
        return brama_pkey_from_rsa(out, parts->n, parts->e, diag);
    if (parts->kty == BRAMA_KTY_EC)
        return brama_pkey_from_ec(out, parts->crv, parts->x, parts->y, diag);
    return brama_pkey_from_ed25519(out, parts->x, diag);
}

enum brama_err brama__pkey_check(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag)
{
    struct brama_pkey *raw;
    struct brama_pkey_parts parts;
    struct brama_arena arena;

    *out = NULL;
    enum brama_err err = brama__pkey_wrap(&raw, evp, diag);
    if (err != BRAMA_OK)
        return err;
    if (raw->bits > BRAMA__RSA_BITS_MAX) {
        brama_pkey_free(raw);
        return brama__bad(diag, "RSA: a modulus of more than 8192 bits");
    }
    brama_arena_init(&arena, NULL, PARTS_MAX_BYTES);
    err = brama_pkey_parts(&parts, &arena, raw);
    if (err == BRAMA_OK)
        err = from_parts(out, &parts, diag);
    brama_arena_deinit(&arena);
    brama_pkey_free(raw);
    return err;
}

enum brama_err brama_pkey_from_spki(struct brama_pkey **out, brama_str der, bool trusted,
                                    struct brama_diag *diag)
{
    *out = NULL;
    const unsigned char *p = (const unsigned char *)der.p;
    ERR_set_mark();
    EVP_PKEY *evp = der.n != 0 && der.n <= INT32_MAX ? d2i_PUBKEY(NULL, &p, (long)der.n) : NULL;
    ERR_pop_to_mark();
    if (evp == NULL)
        return brama__bad(diag, "not a SubjectPublicKeyInfo");
    if (p != (const unsigned char *)der.p + der.n) {
        EVP_PKEY_free(evp);
        return brama__bad(diag, "bytes after the SubjectPublicKeyInfo");
    }
    return trusted ? brama__pkey_wrap(out, evp, diag) : brama__pkey_check(out, evp, diag);
}

enum brama_err brama_pkey_from_cert(struct brama_pkey **out, brama_str der, struct brama_diag *diag)
{
    *out = NULL;
    X509 *cert = brama__read_cert(der);
    if (cert == NULL)
        return brama__bad(diag, "not a certificate");
    ERR_set_mark();
    EVP_PKEY *evp = X509_get_pubkey(cert);
    ERR_pop_to_mark();
    X509_free(cert);
    if (evp == NULL)
        return brama__bad(diag, "a certificate with an unknown kind of key");
    return brama__pkey_check(out, evp, diag);
}

/* Without it OpenSSL would ask for the passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1;
}

EVP_PKEY *brama__read_private(brama_str pem)
{
    if (pem.n == 0 || pem.n > INT32_MAX)
        return NULL;
    ERR_set_mark();
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *evp = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_pop_to_mark();
    return evp;
}

/* Do the private numbers belong to the public ones? */
static bool is_pair(EVP_PKEY *evp)
{
    ERR_set_mark();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
    bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_pop_to_mark();
    return ok;
}

enum brama_err brama__pkey_private(struct brama_pkey **out, EVP_PKEY *evp, struct brama_diag *diag)
{
    struct brama_pkey *public_half;

    *out = NULL;
    if (EVP_PKEY_up_ref(evp) != 1) {
        EVP_PKEY_free(evp);
        return BRAMA_ERR_CRYPTO;
    }
    enum brama_err err = brama__pkey_check(&public_half, evp, diag);
    brama_pkey_free(public_half);
    if (err == BRAMA_OK && !is_pair(evp))
        err = brama__bad(diag, "private and public half don't belong together");
    if (err != BRAMA_OK) {
        EVP_PKEY_free(evp);
        return err;
    }
    err = brama__pkey_wrap(out, evp, diag);
    if (err == BRAMA_OK)
        (*out)->is_private = true;
    return err;
}

enum brama_err brama_pkey_from_pem(struct brama_pkey **out, brama_str pem, struct brama_diag *diag)
{
    EVP_PKEY *evp = brama__read_private(pem);

    *out = NULL;
    if (evp == NULL)
        return brama__bad(diag, "not an unencrypted private key in PEM");
    return brama__pkey_private(out, evp, diag);
}

enum brama_err brama_pkey_generate(struct brama_pkey **out, enum brama_alg alg, unsigned bits,
                                   struct brama_diag *diag)
{
    const struct brama__alg *row = brama__alg(alg);
    const char *curve = brama__crv(row->crv)->openssl_name;
    EVP_PKEY *evp = NULL;

    *out = NULL;
    if (row->kty == BRAMA_KTY_NONE)
        return brama__bad(diag, "no key of ours is for this algorithm");
    if (row->kty == BRAMA_KTY_RSA && bits != 0 &&
        (bits < BRAMA__RSA_BITS_MIN || bits > BRAMA__RSA_BITS_MAX))
        return brama__bad(diag, "RSA: 2048 to 8192 bits");
    ERR_set_mark();
    if (row->kty == BRAMA_KTY_RSA)
        evp = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(bits != 0 ? bits : RSA_DEFAULT_BITS));
    else if (row->kty == BRAMA_KTY_EC)
        evp = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
    else
        evp = EVP_PKEY_Q_keygen(NULL, NULL, curve);
    ERR_pop_to_mark();
    if (evp == NULL)
        return BRAMA_ERR_CRYPTO;
    enum brama_err err = brama__pkey_wrap(out, evp, diag);
    if (err == BRAMA_OK)
        (*out)->is_private = true;
    return err;
}

static void stick(struct brama_buf *out, enum brama_err err)
{
    if (out->err == BRAMA_OK)
        out->err = err;
}

void brama_pkey_to_spki(struct brama_buf *out, const struct brama_pkey *key)
{
    unsigned char *der = NULL;
    ERR_set_mark();
    int n = i2d_PUBKEY(key->evp, &der);
    ERR_pop_to_mark();
    if (n > 0)
        brama_buf_add(out, (brama_str){(const char *)der, (size_t)n});
    else
        stick(out, BRAMA_ERR_CRYPTO);
    OPENSSL_free(der);
}

void brama_pkey_to_pem(struct brama_buf *out, const struct brama_pkey *key)
{
    if (!key->is_private) {
        stick(out, BRAMA_ERR_INVALID);
        return;
    }
    ERR_set_mark();
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
    char *text = NULL;
    if (bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(bio, &text);
        brama_buf_add(out, (brama_str){text, (size_t)n});
    } else {
        stick(out, BRAMA_ERR_CRYPTO);
    }
    BIO_free(bio);
    ERR_pop_to_mark();
}
