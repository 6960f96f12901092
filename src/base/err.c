#include "base/err.h"

const char *brama_err_text(enum brama_err err)
{
    switch (err) {
    case BRAMA_OK:
        return "done";
    case BRAMA_ERR_NOMEM:
        return "out of memory";
    case BRAMA_ERR_TOO_BIG:
        return "too big";
    case BRAMA_ERR_SYNTAX:
        return "malformed";
    case BRAMA_ERR_INVALID:
        return "not valid";
    case BRAMA_ERR_UNSUPPORTED:
        return "not supported";
    case BRAMA_ERR_NOT_FOUND:
        return "not found";
    case BRAMA_ERR_EXISTS:
        return "exists already";
    case BRAMA_ERR_IO:
        return "input/output error";
    case BRAMA_ERR_UNAVAILABLE:
        return "not reachable";
    case BRAMA_ERR_CRYPTO:
        return "the crypto library failed";
    case BRAMA_ERR_BUG:
        return "internal error";
    }
    return "unknown error";
}
