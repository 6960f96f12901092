/* Keys at rest: PEM files that only their owner can read.
 *
 *     struct brama_pkey *key;
 *     if (brama_key_file_read(&key, "key.pem", &diag) != BRAMA_OK)
 *         complain(diag.what);
 *     brama_pkey_free(key);
 */
#ifndef BRAMA_ISSUER_KEY_FILE_H
#define BRAMA_ISSUER_KEY_FILE_H

#include "crypto/key.h"

/* A PEM text with a private key (PKCS#8, PKCS#1, SEC1), a public one (SubjectPublicKeyInfo) or a
 * certificate: whose key it is. RFC 7468. The first block of one of these kinds counts.
 * BRAMA_ERR_SYNTAX  no such block
 * BRAMA_ERR_UNSUPPORTED  an encrypted private key
 * and what crypto/key.h refuses. */
BRAMA_MUST_USE enum brama_err brama_key_from_pem(struct brama_pkey **out, brama_str pem,
                                                 struct brama_diag *diag);

/* The same from a file of at most 64 KiB, by its name or open; what was read is overwritten before
 * its memory goes back. BRAMA_ERR_IO: diag says why. */
BRAMA_MUST_USE enum brama_err brama_key_read(struct brama_pkey **out, int fd,
                                             struct brama_diag *diag);
BRAMA_MUST_USE enum brama_err brama_key_file_read(struct brama_pkey **out, const char *path,
                                                  struct brama_diag *diag);

/* An open file with a secret in it, whole and at once: growing would leave copies of it behind. It
 * stays open. BRAMA_ERR_IO, BRAMA_ERR_TOO_BIG (over max bytes), with diag. */
struct brama_secret_text {
    char *p; /* wiped and freed by brama_secret_text_free() */
    size_t n, room;
};
BRAMA_MUST_USE enum brama_err brama_secret_read(struct brama_secret_text *out, int fd, size_t max,
                                                struct brama_diag *diag);
void brama_secret_text_free(struct brama_secret_text *text);

/* Write text to path with mode 0600 and through to the disk. A new file, never over an existing
 * one, a dangling link included; replace: an existing one is replaced whole (by rename), so that
 * nobody meets half a key. BRAMA_ERR_EXISTS  it is there and replace is false BRAMA_ERR_IO diag
 * says why; nothing is left behind */
BRAMA_MUST_USE enum brama_err brama_key_file_write(const char *path, brama_str text, bool replace,
                                                   struct brama_diag *diag);

#endif
