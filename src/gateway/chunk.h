/* Is a chunked body framed as RFC 9112 section 7.1 writes it? Beside nginx's own parser, which
 * takes a bare LF where CR LF must stand: whoever stands before us may see another end of the body
 * there.
 *
 *     struct brama_chunk scan = {0};
 *     if (!brama_chunk_scan(&scan, bytes))     // for each piece as it comes
 *         refuse();
 */
#ifndef BRAMA_GATEWAY_CHUNK_H
#define BRAMA_GATEWAY_CHUNK_H

#include "base/str.h"

enum brama_chunk_at {
    BRAMA_CHUNK_SIZE_FIRST = 0, /* a digit must come */
    BRAMA_CHUNK_SIZE,
    BRAMA_CHUNK_EXTENSION,
    BRAMA_CHUNK_SIZE_LF,
    BRAMA_CHUNK_DATA,
    BRAMA_CHUNK_DATA_CR,
    BRAMA_CHUNK_DATA_LF,
    BRAMA_CHUNK_TRAILER_FIRST, /* of a line */
    BRAMA_CHUNK_TRAILER,
    BRAMA_CHUNK_TRAILER_LF,
    BRAMA_CHUNK_END_LF,
    BRAMA_CHUNK_DONE, /* what follows isn't of this body */
    BRAMA_CHUNK_BAD
};

struct brama_chunk {
    enum brama_chunk_at at;
    uint64_t left; /* of the chunk's data */
};

/* False: some byte so far stands where it must not. O(bytes.n), data is skipped. */
bool brama_chunk_scan(struct brama_chunk *scan, brama_str bytes);

#endif
