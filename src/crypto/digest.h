/* Digests, a keyed hash and random bytes. */
#ifndef BRAMA_CRYPTO_DIGEST_H
#define BRAMA_CRYPTO_DIGEST_H

#include "base/err.h"
#include "base/str.h"

#define BRAMA_SHA256_BYTES 32
#define BRAMA_SHA1_BYTES 20

BRAMA_MUST_USE enum brama_err brama_sha256(uint8_t out[BRAMA_SHA256_BYTES], brama_str data);
/* For x5t only (RFC 7517 section 4.8): no protection against collisions. */
BRAMA_MUST_USE enum brama_err brama_sha1(uint8_t out[BRAMA_SHA1_BYTES], brama_str data);
/* Bytes from OpenSSL's generator. Called where the program starts (keys of hash tables, request
 * ids, serial numbers) and handed down, never from inside the engine. */
BRAMA_MUST_USE enum brama_err brama_random(void *out, size_t n);
/* Overwrite so that the compiler can't leave it out. */
void brama_cleanse(void *p, size_t n);

#endif
