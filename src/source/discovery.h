/* OpenID Connect Discovery 1.0, as far as key sets need it. */
#ifndef BRAMA_SOURCE_DISCOVERY_H
#define BRAMA_SOURCE_DISCOVERY_H

#include "base/diag.h"
#include "base/err.h"

bool brama__is_discovery(brama_str url);

/* The jwks_uri of a discovery document that was found at url; the arena's.
 *
 * BRAMA_ERR_SYNTAX   not a JSON object
 * BRAMA_ERR_INVALID  its issuer isn't the url without the suffix (a slash at its end is fine, as
 *                    section 4.1 takes it off), or jwks_uri is missing or leads from https to less
 */
BRAMA_MUST_USE enum brama_err brama__discovery_read(brama_str *jwks_uri, struct brama_arena *arena,
                                                    brama_str url, brama_str text,
                                                    struct brama_diag *diag);

#endif
