#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES                                                                                \
    4096 /* a request's needs in one block; larger wishes get a block of their own */

struct brama_arena_block {
    struct brama_arena_block *prev;
    size_t size, used;
    max_align_t data[];
};

static void *libc_resize(void *ctx, void *p, size_t n)
{
    (void)ctx;
    if (n == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, n);
}

const struct brama_alloc brama_alloc_libc = {libc_resize, NULL};

void brama_arena_init(struct brama_arena *a, const struct brama_alloc *alloc, size_t max_bytes)
{
    *a = (struct brama_arena){.alloc = alloc != NULL ? alloc : &brama_alloc_libc,
                              .max_bytes = max_bytes};
}

static void free_down_to(struct brama_arena *a, struct brama_arena_block *keep)
{
    while (a->last != keep) {
        struct brama_arena_block *b = a->last;
        a->last = b->prev;
        a->alloc->resize(a->alloc->ctx, b, 0);
    }
}

void brama_arena_deinit(struct brama_arena *a)
{
    free_down_to(a, NULL);
    a->used_bytes = 0;
}

void brama_arena_reset(struct brama_arena *a)
{
    struct brama_arena_block *first = a->last;
    while (first != NULL && first->prev != NULL)
        first = first->prev;
    free_down_to(a, first);
    if (first != NULL)
        first->used = 0;
    a->used_bytes = first != NULL ? first->size : 0;
    a->failed = false;
}

bool brama_arena_failed(const struct brama_arena *a)
{
    return a->failed;
}

static struct brama_arena_block *grow(struct brama_arena *a, size_t n)
{
    size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    if (a->max_bytes - a->used_bytes < size)
        size = n;
    if (a->max_bytes - a->used_bytes < size || size > SIZE_MAX - sizeof(struct brama_arena_block))
        return NULL;
    struct brama_arena_block *b =
        a->alloc->resize(a->alloc->ctx, NULL, sizeof(struct brama_arena_block) + size);
    if (b == NULL)
        return NULL;
    *b = (struct brama_arena_block){.prev = a->last, .size = size};
    a->used_bytes += size;
    a->last = b;
    return b;
}

void *brama_arena_alloc(struct brama_arena *a, size_t n)
{
    const size_t align = sizeof(max_align_t);
    if (a->failed || n > SIZE_MAX - align) {
        a->failed = true;
        return NULL;
    }
    size_t need = n == 0 ? align : (n + align - 1) / align * align;
    struct brama_arena_block *b = a->last;
    if (b == NULL || b->size - b->used < need)
        b = grow(a, need);
    if (b == NULL) {
        a->failed = true;
        return NULL;
    }
    void *p = (char *)b->data + b->used;
    b->used += need;
    memset(p, 0, need);
    return p;
}

void *brama_arena_array(struct brama_arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        a->failed = true;
        return NULL;
    }
    return brama_arena_alloc(a, count * size);
}

brama_str brama_arena_copy(struct brama_arena *a, brama_str s)
{
    char *p = s.n < SIZE_MAX ? brama_arena_alloc(a, s.n + 1) : NULL;
    if (p == NULL)
        return BRAMA_NIL;
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    return (brama_str){p, s.n};
}

brama_str brama_arena_lower(struct brama_arena *a, brama_str s)
{
    char *p = s.n < SIZE_MAX ? brama_arena_alloc(a, s.n + 1) : NULL;
    if (p == NULL)
        return BRAMA_NIL;
    for (size_t i = 0; i < s.n; i++)
        p[i] = brama_char_lower(s.p[i]);
    return (brama_str){p, s.n};
}

brama_str brama_arena_join(struct brama_arena *a, const brama_str *parts, size_t n)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n >= SIZE_MAX - all) {
            a->failed = true;
            return BRAMA_NIL;
        }
        all += parts[i].n;
    }
    char *p = brama_arena_alloc(a, all + 1);
    if (p == NULL)
        return BRAMA_NIL;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n != 0)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return (brama_str){p, all};
}

brama_str brama_arena_printf(struct brama_arena *a, const char *fmt, ...)
{
    char small[256]; /* most texts fit, and are made once only */
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    char *p = n >= 0 ? brama_arena_alloc(a, (size_t)n + 1) : NULL;
    if (p != NULL && (size_t)n < sizeof(small))
        memcpy(p, small, (size_t)n);
    else if (p != NULL)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p != NULL ? (brama_str){p, (size_t)n} : BRAMA_NIL;
}
