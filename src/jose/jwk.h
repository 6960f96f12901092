/* Between the files of src/jose: one key of a set. */
#ifndef BRAMA_JOSE_JWK_H
#define BRAMA_JOSE_JWK_H

#include "jose/jwks.h"
#include "json/node.h"

/* Why a key isn't used; name is NULL while there is nothing to say. */
struct brama__jwk_fault {
    const char *name, *what;
};

/* One member of "keys". BRAMA_ERR_INVALID: the fault is filled, out holds nothing to free; other
 * errors are the caller's to return. out->kid is set as soon as it is known. */
enum brama_err brama__jwk_read(struct brama_jwk *out, struct brama__jwk_fault *fault,
                               struct brama_arena *arena, const struct brama_node *node);

#endif
