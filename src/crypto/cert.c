#include "crypto/cert.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/pkey.h"

#define DNS_NAMES_MAX 16
#define NAME_MAX_BYTES 253 /* RFC 1035 section 2.3.4, written */
#define COMMON_NAME_MAX 64 /* RFC 5280 appendix A: ub-common-name */

X509 *brama__read_cert(brama_str der)
{
    if (der.n == 0 || der.n > INT_MAX)
        return NULL;
    ERR_set_mark();
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *cert = d2i_X509(NULL, &p, (long)der.n);
    if (cert != NULL && p != (const unsigned char *)der.p + der.n) {
        X509_free(cert);
        cert = NULL;
    }
    ERR_pop_to_mark();
    return cert;
}

static bool add_dns_names(X509 *cert, const struct brama_cert_wish *wish)
{
    if (wish->dns_name_count == 0)
        return true;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < wish->dns_name_count; i++) {
        brama_str text = wish->dns_names[i];
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *value = ASN1_IA5STRING_new();
        ok = name != NULL && value != NULL && ASN1_STRING_set(value, text.p, (int)text.n) == 1;
        if (!ok) {
            ASN1_IA5STRING_free(value);
            GENERAL_NAME_free(name);
            break;
        }
        GENERAL_NAME_set0_value(name, GEN_DNS, value);
        ok = sk_GENERAL_NAME_push(names, name) > 0;
        if (!ok)
            GENERAL_NAME_free(name);
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

/* Constant texts only: nothing of the wish goes through OpenSSL's configuration syntax. */
static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert, const uint8_t random[16])
{
    unsigned char serial[16];
    memcpy(serial, random, sizeof(serial));
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and never zero */
    BIGNUM *bn = BN_bin2bn(serial, sizeof(serial), NULL);
    bool ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
    BN_free(bn);
    return ok;
}

static bool fill(X509 *cert, const struct brama_pkey *key, const struct brama_cert_wish *wish)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert, wish->serial) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)wish->common_name.p,
                                      (int)wish->common_name.n, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)wish->not_before_s) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)wish->not_after_s) != NULL &&
           X509_set_pubkey(cert, key->evp) == 1 &&
           add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
           add_dns_names(cert, wish);
}

static const EVP_MD *digest_for(const struct brama_pkey *key)
{
    if (key->kty == BRAMA_KTY_OKP)
        return NULL;
    if (key->crv == BRAMA_CRV_P384)
        return EVP_sha384();
    return key->crv == BRAMA_CRV_P521 ? EVP_sha512() : EVP_sha256();
}

static const char *wish_fault(const struct brama_pkey *key, const struct brama_cert_wish *wish)
{
    if (!key->is_private)
        return "a certificate needs the private key";
    if (wish->common_name.n == 0 || wish->common_name.n > COMMON_NAME_MAX ||
        !brama_str_is_utf8(wish->common_name))
        return "a common name of 1 to 64 bytes";
    if (wish->dns_name_count > DNS_NAMES_MAX)
        return "more than 16 DNS names";
    if (wish->not_after_s < wish->not_before_s)
        return "the certificate would end before it begins";
    for (size_t i = 0; i < wish->dns_name_count; i++) {
        brama_str name = wish->dns_names[i];
        if (name.n == 0 || name.n > NAME_MAX_BYTES)
            return "a DNS name of 1 to 253 bytes";
        for (size_t k = 0; k < name.n; k++)
            if (name.p[k] <= ' ' || name.p[k] > '~')
                return "a DNS name of visible ASCII";
    }
    return NULL;
}

enum brama_err brama_cert_self_signed(struct brama_buf *der, const struct brama_pkey *key,
                                      const struct brama_cert_wish *wish, struct brama_diag *diag)
{
    const char *fault = wish_fault(key, wish);
    if (fault != NULL)
        return brama__bad(diag, fault);
    unsigned char *bytes = NULL;
    int n = 0;
    ERR_set_mark();
    X509 *cert = X509_new();
    if (cert != NULL && fill(cert, key, wish) && X509_sign(cert, key->evp, digest_for(key)) > 0)
        n = i2d_X509(cert, &bytes);
    X509_free(cert);
    ERR_pop_to_mark();
    if (n <= 0)
        return BRAMA_ERR_CRYPTO;
    brama_buf_add(der, (brama_str){(const char *)bytes, (size_t)n});
    OPENSSL_free(bytes);
    return brama_buf_err(der);
}

void brama_cert_to_pem(struct brama_buf *pem, brama_str der)
{
    char *text = NULL;
    long n = 0;
    ERR_set_mark();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && der.n <= INT_MAX &&
        PEM_write_bio(bio, PEM_STRING_X509, "", (const unsigned char *)der.p, (long)der.n) > 0)
        n = BIO_get_mem_data(bio, &text);
    if (n > 0)
        brama_buf_add(pem, (brama_str){text, (size_t)n});
    else if (pem->err == BRAMA_OK)
        pem->err = BRAMA_ERR_CRYPTO;
    BIO_free(bio);
    ERR_pop_to_mark();
}

/* Without it OpenSSL would ask for the passphrase on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1;
}

static BIO *reader(brama_str pem)
{
    return pem.n != 0 && pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

enum brama_err brama_cert_from_pem(struct brama_buf *der, brama_str pem, struct brama_diag *diag)
{
    unsigned char *bytes = NULL;
    int n = 0;
    ERR_set_mark();
    BIO *bio = reader(pem);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    if (cert != NULL)
        n = i2d_X509(cert, &bytes);
    X509_free(cert);
    BIO_free(bio);
    ERR_pop_to_mark();
    if (n <= 0)
        return brama__bad(diag, "not a certificate in PEM");
    brama_buf_add(der, (brama_str){(const char *)bytes, (size_t)n});
    OPENSSL_free(bytes);
    return brama_buf_err(der);
}

/* The leaf of a chain whose every certificate could be read; NULL if one couldn't. */
static X509 *read_chain(BIO *bio)
{
    X509 *leaf = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    if (leaf == NULL)
        return NULL;
    for (;;) {
        X509 *next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
        if (next == NULL)
            break;
        X509_free(next);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        return leaf; /* the end of the text, not a broken certificate */
    X509_free(leaf);
    return NULL;
}

enum brama_err brama_cert_check_pair(brama_str chain_pem, brama_str key_pem,
                                     struct brama_diag *diag)
{
    EVP_PKEY *key = brama__read_private(key_pem);
    if (key == NULL)
        return brama__bad(diag, "not an unencrypted private key in PEM");
    ERR_set_mark();
    BIO *bio = reader(chain_pem);
    X509 *leaf = bio != NULL ? read_chain(bio) : NULL;
    bool parsed = leaf != NULL;
    bool pair = parsed && X509_check_private_key(leaf, key) == 1;
    ERR_pop_to_mark();
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(leaf);
    if (!parsed)
        return brama__bad(diag, "not a chain of certificates in PEM");
    return pair ? BRAMA_OK : brama__bad(diag, "the private key isn't the certificate's");
}
