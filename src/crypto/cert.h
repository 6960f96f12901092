/* Certificates: made for TLS without one, read for a JWK's x5c. */
#ifndef BRAMA_CRYPTO_CERT_H
#define BRAMA_CRYPTO_CERT_H

#include "crypto/key.h"

struct brama_cert_wish {
    brama_str common_name;
    const brama_str *dns_names; /* subjectAltName; "*.example.com" is fine; 0 to 16 */
    size_t dns_name_count;
    int64_t not_before_s, not_after_s; /* UNIX time */
    uint8_t serial[16];                /* random */
};

/* A self-signed X.509 v3 certificate over key (private), as DER. RFC 5280. */
BRAMA_MUST_USE enum brama_err brama_cert_self_signed(struct brama_buf *der,
                                                     const struct brama_pkey *key,
                                                     const struct brama_cert_wish *wish,
                                                     struct brama_diag *diag);
/* DER to PEM ("CERTIFICATE") and back; a PEM text may hold several, *der is the first. */
void brama_cert_to_pem(struct brama_buf *pem, brama_str der);
BRAMA_MUST_USE enum brama_err brama_cert_from_pem(struct brama_buf *der, brama_str pem,
                                                  struct brama_diag *diag);
/* Do certificate chain and private key, both PEM, belong together and parse? */
BRAMA_MUST_USE enum brama_err brama_cert_check_pair(brama_str chain_pem, brama_str key_pem,
                                                    struct brama_diag *diag);

#endif
