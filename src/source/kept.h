/* Last good key sets on disk: DIR/<hash of the URL in hex>.json. */
#ifndef BRAMA_SOURCE_KEPT_H
#define BRAMA_SOURCE_KEPT_H

#include "base/buf.h"

/* False: there is none, or it can't be read. *at_s: when it was last written or touched. */
bool brama__kept_read(struct brama_buf *out, int64_t *at_s, brama_str dir, brama_str url);
/* As a whole or not at all: a temporary file, renamed. False, with errno: it couldn't be kept. */
bool brama__kept_write(brama_str dir, brama_str url, brama_str text);
/* It was found to be the same still, just now. False: there is none. */
bool brama__kept_touch(brama_str dir, brama_str url);

#endif
