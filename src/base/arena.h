/* One arena a request, one a configuration generation: freed whole.
 *
 *     struct brama_arena arena;
 *     brama_arena_init(&arena, NULL, 1 << 20);
 *     char *p = brama_arena_alloc(&arena, 100);     // NULL: no memory, or over the ceiling
 *     brama_arena_deinit(&arena);
 *
 * Failure is sticky: after one NULL every later call gives NULL, so a builder may check once at
 * its end with brama_arena_failed().
 */
#ifndef BRAMA_BASE_ARENA_H
#define BRAMA_BASE_ARENA_H

#include "base/str.h"

/* Where memory comes from. resize(ctx, NULL, n) allocates, resize(ctx, p, 0) frees and gives NULL.
 */
struct brama_alloc {
    void *(*resize)(void *ctx, void *p, size_t n);
    void *ctx;
};

/* malloc, realloc and free. */
extern const struct brama_alloc brama_alloc_libc;

struct brama_arena_block;
struct brama_arena {
    const struct brama_alloc *alloc;
    struct brama_arena_block *last;
    size_t used_bytes, max_bytes;
    bool failed;
};

/* alloc: NULL for malloc; must outlive the arena. max_bytes: what it may take in all. */
void brama_arena_init(struct brama_arena *a, const struct brama_alloc *alloc, size_t max_bytes);
void brama_arena_deinit(struct brama_arena *a);
/* Forget all that was allocated, keep one block for the next use. */
void brama_arena_reset(struct brama_arena *a);
bool brama_arena_failed(const struct brama_arena *a);

/* n zeroed bytes aligned for any type, valid until deinit or reset; NULL if they can't be had. */
void *brama_arena_alloc(struct brama_arena *a, size_t n);
/* The same for count members of size bytes; NULL also on overflow. */
void *brama_arena_array(struct brama_arena *a, size_t count, size_t size);
/* A copy of s in the arena, followed by a NUL that isn't counted; {NULL, 0} if it can't be had. */
brama_str brama_arena_copy(struct brama_arena *a, brama_str s);
/* The same with ASCII letters in lower case. */
brama_str brama_arena_lower(struct brama_arena *a, brama_str s);
/* The n parts one behind the other, likewise; where printf's formats aren't needed. */
brama_str brama_arena_join(struct brama_arena *a, const brama_str *parts, size_t n);
#define BRAMA_JOIN(arena, ...)                                                                     \
    brama_arena_join((arena), (const brama_str[]){__VA_ARGS__},                                    \
                     sizeof((const brama_str[]){__VA_ARGS__}) / sizeof(brama_str))
/* printf into the arena, NUL-terminated as above. */
brama_str brama_arena_printf(struct brama_arena *a, const char *fmt, ...) BRAMA_PRINTF(2, 3);

#endif
