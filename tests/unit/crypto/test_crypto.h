/* What the groups of this program share. */
#ifndef BRAMA_TEST_CRYPTO_H
#define BRAMA_TEST_CRYPTO_H

#include "expect.h"

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/key.h"

/* A new private key fit for alg. */
static inline struct brama_pkey *new_key(enum brama_alg alg)
{
    struct brama_pkey *key;
    struct brama_diag diag = {0};
    if (brama_pkey_generate(&key, alg, 0, &diag) != BRAMA_OK)
        fail_msg("generate %d: %s", alg, diag.what);
    return key;
}

/* Both inputs in exact-size blocks. */
static inline bool verifies(const struct brama_pkey *key, enum brama_alg alg, brama_str text,
                            brama_str sig)
{
    struct brama_verified v = {.valid = true};
    brama_str text_copy = expect_exact(text), sig_copy = expect_exact(sig);
    brama_pkey_verify(&v, key, alg, text_copy, sig_copy);
    expect_free(text_copy);
    expect_free(sig_copy);
    return v.valid;
}

/* To be freed with expect_free. */
static inline brama_str unhex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    char *p = malloc(n != 0 ? n : 1);
    if (p == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        p[i] = (char)byte;
    }
    return (brama_str){p, n};
}

int test_signatures(void);
int test_keys(void);
int test_certificates(void);

#endif
