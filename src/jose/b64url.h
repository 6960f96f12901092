/* base64url without padding, strictly. RFC 7515 section 2, RFC 4648 sections 3.3, 3.5 and 5.
 * One text a value: no padding, no blanks, no foreign characters, unused bits zero. */
#ifndef BRAMA_JOSE_B64URL_H
#define BRAMA_JOSE_B64URL_H

#include "base/buf.h"

/* The octets, in the arena; an empty text gives an empty, non-NULL slice.
 * BRAMA_ERR_SYNTAX: not the one form. */
BRAMA_MUST_USE enum brama_err brama_b64url_decode(brama_str *out, struct brama_arena *arena,
                                                  brama_str text);
void brama_b64url_encode(struct brama_buf *out, brama_str octets);
/* Standard base64 with padding (RFC 4648 section 4), for x5c and PEM-like places. */
void brama_b64_encode(struct brama_buf *out, brama_str octets);
BRAMA_MUST_USE enum brama_err brama_b64_decode(brama_str *out, struct brama_arena *arena,
                                               brama_str text);

#endif
