/* A growing byte buffer with a ceiling and a sticky error.
 *
 *     struct brama_buf out;
 *     brama_buf_init(&out, NULL, 1 << 16);
 *     brama_buf_add(&out, BRAMA_STR("hello "));
 *     brama_buf_printf(&out, "%d", 7);
 *     if (brama_buf_err(&out) == BRAMA_OK)
 *         use(brama_buf_str(&out));
 *     brama_buf_deinit(&out);
 */
#ifndef BRAMA_BASE_BUF_H
#define BRAMA_BASE_BUF_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/err.h"

struct brama_buf {
    const struct brama_alloc *alloc;
    char *p;
    size_t n, cap, max_bytes;
    enum brama_err err;
};

/* alloc: NULL for malloc. max_bytes: BRAMA_ERR_TOO_BIG beyond it. */
void brama_buf_init(struct brama_buf *b, const struct brama_alloc *alloc, size_t max_bytes);
void brama_buf_deinit(struct brama_buf *b);
void brama_buf_reset(struct brama_buf *b); /* empty, error forgotten, memory kept */

void brama_buf_add(struct brama_buf *b, brama_str s);
void brama_buf_add_c(struct brama_buf *b, char c);
void brama_buf_printf(struct brama_buf *b, const char *fmt, ...) BRAMA_PRINTF(2, 3);
void brama_buf_vprintf(struct brama_buf *b, const char *fmt, va_list args) BRAMA_PRINTF(2, 0);
/* Room for so many more bytes, so that they come in without the buffer growing again and again.
 * False: the buffer's error. */
bool brama_buf_reserve(struct brama_buf *b, size_t more);
/* n zeroed bytes at the end, to be filled by the caller before the next call; NULL on error. */
void *brama_buf_room(struct brama_buf *b, size_t n);

/* The first error, or BRAMA_OK. */
enum brama_err brama_buf_err(const struct brama_buf *b);
/* What was written; valid until the next call that adds. */
brama_str brama_buf_str(const struct brama_buf *b);
/* The same as the arena's text, and the buffer is deinitialised; {NULL, 0} after an error. */
brama_str brama_buf_end(struct brama_buf *b, struct brama_arena *arena);

#endif
