#include "crypto/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static enum brama_err digest(uint8_t *out, brama_str data, const EVP_MD *md)
{
    ERR_set_mark();
    int ok = EVP_Digest(data.n != 0 ? data.p : "", data.n, out, NULL, md, NULL);
    ERR_pop_to_mark();
    return ok == 1 ? BRAMA_OK : BRAMA_ERR_CRYPTO;
}

enum brama_err brama_sha256(uint8_t out[BRAMA_SHA256_BYTES], brama_str data)
{
    return digest(out, data, EVP_sha256());
}

enum brama_err brama_sha1(uint8_t out[BRAMA_SHA1_BYTES], brama_str data)
{
    return digest(out, data, EVP_sha1());
}

enum brama_err brama_random(void *out, size_t n)
{
    if (n > INT_MAX)
        return BRAMA_ERR_TOO_BIG;
    ERR_set_mark();
    int ok = RAND_bytes(out, (int)n);
    ERR_pop_to_mark();
    return ok == 1 ? BRAMA_OK : BRAMA_ERR_CRYPTO;
}

void brama_cleanse(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}
