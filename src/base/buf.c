#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BYTES 256

void brama_buf_init(struct brama_buf *b, const struct brama_alloc *alloc, size_t max_bytes)
{
    *b = (struct brama_buf){.alloc = alloc != NULL ? alloc : &brama_alloc_libc,
                            .max_bytes = max_bytes};
}

void brama_buf_deinit(struct brama_buf *b)
{
    if (b->p != NULL)
        b->alloc->resize(b->alloc->ctx, b->p, 0);
    b->p = NULL;
    b->n = b->cap = 0;
}

void brama_buf_reset(struct brama_buf *b)
{
    b->n = 0;
    b->err = BRAMA_OK;
}

bool brama_buf_reserve(struct brama_buf *b, size_t more)
{
    if (b->err != BRAMA_OK)
        return false;
    if (more <= b->cap - b->n)
        return true;
    if (more > b->max_bytes - b->n) {
        b->err = BRAMA_ERR_TOO_BIG;
        return false;
    }
    size_t cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
    if (cap < FIRST_BYTES)
        cap = FIRST_BYTES;
    if (cap < b->n + more)
        cap = b->n + more;
    if (cap > b->max_bytes)
        cap = b->max_bytes;
    char *p = b->alloc->resize(b->alloc->ctx, b->p, cap + 1); /* one for vsnprintf's NUL */
    if (p == NULL) {
        b->err = BRAMA_ERR_NOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void brama_buf_add(struct brama_buf *b, brama_str s)
{
    if (s.n == 0 || !brama_buf_reserve(b, s.n))
        return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void brama_buf_add_c(struct brama_buf *b, char c)
{
    brama_buf_add(b, (brama_str){&c, 1});
}

void *brama_buf_room(struct brama_buf *b, size_t n)
{
    if (!brama_buf_reserve(b, n) || b->p == NULL)
        return NULL;
    void *p = b->p + b->n;
    memset(p, 0, n);
    b->n += n;
    return p;
}

void brama_buf_vprintf(struct brama_buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n > 0 && brama_buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again); /* the NUL has its byte past cap */
        b->n += (size_t)n;
    }
    va_end(again);
}

void brama_buf_printf(struct brama_buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    brama_buf_vprintf(b, fmt, args);
    va_end(args);
}

enum brama_err brama_buf_err(const struct brama_buf *b)
{
    return b->err;
}

brama_str brama_buf_str(const struct brama_buf *b)
{
    return (brama_str){b->p, b->n};
}

brama_str brama_buf_end(struct brama_buf *b, struct brama_arena *arena)
{
    brama_str out = b->err == BRAMA_OK ? brama_arena_copy(arena, brama_buf_str(b)) : BRAMA_NIL;
    brama_buf_deinit(b);
    return out;
}
