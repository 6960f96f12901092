/* The keys of a loaded set, written and loaded again, are the same keys under the same names; and
 * every key is one that some algorithm can use.
 *
 * OpenSSL's check of an RSA modulus draws its bases at random: a number that isn't the product of
 * two large primes, as a mutated one, may pass once and fail the next time. So an RSA key may be
 * missing from the second set, and no other. */
#include <string.h>

#include "jose/jwks.h"

#include "fuzz.h"

static void check_key(const struct brama_jwk *key)
{
    unsigned fits = 0;
    for (enum brama_alg alg = BRAMA_ALG_INVALID; alg < BRAMA_ALG_COUNT; alg++)
        fits += brama_pkey_fits(key->pkey, alg);
    FUZZ_CHECK(fits == (key->kty == BRAMA_KTY_RSA ? 6 : 1));
    FUZZ_CHECK(key->alg == BRAMA_ALG_INVALID || brama_pkey_fits(key->pkey, key->alg));
    FUZZ_CHECK(key->kid.n <= BRAMA_KID_MAX);
    FUZZ_CHECK(key->kty != BRAMA_KTY_RSA || (key->bits >= 2048 && key->bits <= 8192));
}

static bool same_key(const struct brama_jwk *a, const struct brama_jwk *b)
{
    return memcmp(a->thumbprint, b->thumbprint, BRAMA_THUMBPRINT_BYTES) == 0 &&
           brama_str_eq(a->kid, b->kid) && a->alg == b->alg && brama_str_eq(a->use, b->use);
}

static void write_set(struct brama_buf *out, const struct brama_jwks *set)
{
    brama_buf_add(out, BRAMA_STR("{\"keys\":["));
    for (size_t i = 0; i < set->count; i++) {
        const struct brama_jwk *key = &set->keys[i];
        struct brama_jwk_wish wish = {.kid = key->kid, .use = key->use, .alg = key->alg};
        if (i != 0)
            brama_buf_add_c(out, ',');
        FUZZ_CHECK(brama_jwk_write(out, key->pkey, &wish) == BRAMA_OK);
    }
    brama_buf_add(out, BRAMA_STR("]}"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_jwks *set, *again;
    struct brama_buf text;
    struct brama_diag diag = {0};
    enum brama_err err = brama_jwks_load(&set, (brama_str){(const char *)data, size}, &diag);
    FUZZ_CHECK((err == BRAMA_OK) == (set != NULL));
    FUZZ_CHECK((err == BRAMA_OK) == (diag.what[0] == '\0'));
    if (set == NULL)
        return 0;
    FUZZ_CHECK(set->count != 0 && set->count + set->reject_count <= BRAMA_JWKS_MAX_KEYS);
    brama_buf_init(&text, NULL, BRAMA_JWKS_MAX_BYTES);
    write_set(&text, set);
    err = brama_jwks_load(&again, brama_buf_str(&text), &diag);
    FUZZ_CHECK(err == BRAMA_OK || err == BRAMA_ERR_INVALID);
    for (size_t i = 0, at = 0; i < set->count; i++) {
        const struct brama_jwk *key = &set->keys[i];
        const struct brama_jwk *twin = again != NULL && at < again->count ? &again->keys[at] : NULL;
        check_key(key);
        if (twin != NULL && same_key(key, twin))
            at++;
        else
            FUZZ_CHECK(key->kty == BRAMA_KTY_RSA);
        FUZZ_CHECK(again == NULL || i + 1 < set->count || at == again->count);
    }
    brama_jwks_free(again);
    brama_jwks_free(set);
    brama_buf_deinit(&text);
    return 0;
}
