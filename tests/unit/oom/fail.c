#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"

static struct {
    bool armed, failed;
    enum fail_mode mode;
    size_t left;
} state;

void fail_at(size_t n, enum fail_mode mode)
{
    state.armed = true;
    state.failed = false;
    state.mode = mode;
    state.left = n;
}

bool fail_end(void)
{
    state.armed = false;
    return state.failed;
}

static bool fails(void)
{
    if (!state.armed)
        return false;
    if (state.left != 0) {
        state.left--;
        return false;
    }
    bool now = state.mode == FAIL_FROM_THEN || !state.failed;
    state.failed = true;
    return now;
}

/* The names are the linker's: __real_x is what x was, __wrap_x is what its callers get. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_brama_arena_alloc(struct brama_arena *a, size_t n);
void *__real_brama_arena_array(struct brama_arena *a, size_t count, size_t size);
brama_str __real_brama_arena_copy(struct brama_arena *a, brama_str s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_brama_arena_alloc(struct brama_arena *a, size_t n);
void *__wrap_brama_arena_array(struct brama_arena *a, size_t count, size_t size);
brama_str __wrap_brama_arena_copy(struct brama_arena *a, brama_str s);
brama_str __wrap_brama_arena_printf(struct brama_arena *a, const char *fmt, ...) BRAMA_PRINTF(2, 3);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

/* An arena's failure sticks, so it stays failed in either mode. */
static bool arena_fails(struct brama_arena *a)
{
    if (fails())
        a->failed = true;
    return a->failed;
}

void *__wrap_brama_arena_alloc(struct brama_arena *a, size_t n)
{
    return arena_fails(a) ? NULL : __real_brama_arena_alloc(a, n);
}

void *__wrap_brama_arena_array(struct brama_arena *a, size_t count, size_t size)
{
    return arena_fails(a) ? NULL : __real_brama_arena_array(a, count, size);
}

brama_str __wrap_brama_arena_copy(struct brama_arena *a, brama_str s)
{
    return arena_fails(a) ? BRAMA_NIL : __real_brama_arena_copy(a, s);
}

/* With its arguments it can't be handed on, so it is written once more. */
brama_str __wrap_brama_arena_printf(struct brama_arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = __wrap_brama_arena_alloc(a, (size_t)n + 1);
    if (p != NULL)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p != NULL ? (brama_str){p, (size_t)n} : BRAMA_NIL;
}
