/* Test data from elsewhere, read at run time: BRAMA_VECTORS names the folder, "../shared/vectors"
 * is where it is looked for else. Whoever hasn't got it is told what was skipped. */
#ifndef BRAMA_TESTS_JOSE_VECTORS_H
#define BRAMA_TESTS_JOSE_VECTORS_H

#include "expect.h"

#include "jose/jwks.h"
#include "jose/jwt.h"
#include "json/read.h"

/* The parsed file, or NULL after having said that it is skipped. All memory is the arena's. */
static inline const struct brama_node *vectors_load(struct brama_arena *arena, const char *name)
{
    static const struct brama_json_limits limits = {
        .max_bytes = 1 << 24, .max_members = 1 << 20, .max_string = 1 << 20, .max_depth = 64};
    const char *folder = getenv("BRAMA_VECTORS");
    brama_str path =
        brama_arena_printf(arena, "%s/%s", folder != NULL ? folder : "../shared/vectors", name);
    FILE *f = fopen(path.p, "rb");
    if (f == NULL) {
        print_message("skipped: %s isn't there\n", path.p);
        return NULL;
    }
    const size_t max = 1 << 20;
    char *text = brama_arena_alloc(arena, max);
    size_t n = text != NULL ? fread(text, 1, max, f) : 0;
    fclose(f);
    /* Two cases say a time just beyond int64_t, which our reader refuses as a number. */
    brama_str beyond = BRAMA_STR("9223372036854775810"), rest = {text, n};
    for (size_t at; (at = brama_str_find_str(rest, beyond)) < rest.n;) {
        rest = brama_str_from(rest, at + beyond.n);
        text[n - rest.n - 2] = '0';
    }
    struct brama_node *root = NULL;
    struct brama_diag diag = {0};
    if (brama_json_parse(&root, arena, (brama_str){text, n}, &limits, &diag) != BRAMA_OK)
        fail_msg("%s: %s", path.p, diag.what);
    return root;
}

/* Envoy's choice among keys, istio-jwt.md 2.8: the name of what comes out. */
static inline const char *vectors_verify(const struct brama_jwt *jwt, const struct brama_jwk *keys,
                                         size_t count)
{
    bool matched = false;
    for (size_t i = 0; i < count; i++) {
        const struct brama_jwk *key = &keys[i];
        struct brama_verified v;
        if (jwt->kid.n != 0 && key->kid.n != 0 && !brama_str_eq(jwt->kid, key->kid))
            continue;
        if (key->alg != BRAMA_ALG_INVALID && key->alg != jwt->alg)
            continue;
        matched = true;
        if (key->kty == BRAMA_KTY_OKP && jwt->signature.n != 64)
            return brama_jwt_status_name(BRAMA_JWT_ED25519_SIGNATURE_LENGTH);
        brama_str signature = expect_exact(jwt->signature);
        brama_pkey_verify(&v, key->pkey, jwt->alg, jwt->signing_input, signature);
        expect_free(signature);
        if (v.valid)
            return brama_jwt_status_name(BRAMA_JWT_OK);
    }
    return brama_jwt_status_name(matched ? BRAMA_JWT_VERIFICATION_FAIL
                                         : BRAMA_JWKS_KID_ALG_MISMATCH);
}

#endif
