/* The one grammar of return values: 0 is done, everything else is a cause. A security answer is
 * never one of these: it is an out-struct that starts as "no". */
#ifndef BRAMA_BASE_ERR_H
#define BRAMA_BASE_ERR_H

#include "base/def.h"

enum brama_err {
    BRAMA_OK = 0,
    BRAMA_ERR_NOMEM,       /* the allocator said no */
    BRAMA_ERR_TOO_BIG,     /* a ceiling of ours was reached */
    BRAMA_ERR_SYNTAX,      /* the bytes aren't of the expected form */
    BRAMA_ERR_INVALID,     /* well-formed, but a value that must not be */
    BRAMA_ERR_UNSUPPORTED, /* known, but not by this version */
    BRAMA_ERR_NOT_FOUND,
    BRAMA_ERR_EXISTS,
    BRAMA_ERR_IO,          /* the operating system said no; errno tells */
    BRAMA_ERR_UNAVAILABLE, /* somebody else isn't reachable */
    BRAMA_ERR_CRYPTO,      /* the crypto library failed for no reason of the input's */
    BRAMA_ERR_BUG          /* an impossible state: ours */
};

/* A short English phrase, static, never NULL. */
const char *brama_err_text(enum brama_err err);

#endif
