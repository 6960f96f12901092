/* "RS256" and friends: the one table between names and enum brama_alg. RFC 7518 3.1, RFC 8037 3.1.
 * "Ed25519" (RFC 9864) names the same as "EdDSA" for our keys. */
#ifndef BRAMA_JOSE_ALG_H
#define BRAMA_JOSE_ALG_H

#include "crypto/key.h"

/* BRAMA_ALG_INVALID for every other text, "none" in all spellings included. */
enum brama_alg brama_alg_by_name(brama_str name);
const char *brama_alg_name(enum brama_alg alg); /* "" for BRAMA_ALG_INVALID */

#endif
