/* What every unit test uses: a row's expectation with the row's name, and inputs in exact-size heap
 * blocks without a NUL, so that ASan sees one byte too far. */
#ifndef BRAMA_TESTS_EXPECT_H
#define BRAMA_TESTS_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* Fail with the row's name; usable in any test function. */
#define EXPECT(name, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s: %s", (name), #condition);                                                \
    } while (0)

/* Two slices are equal, else fail showing both. */
#define EXPECT_STR(name, got, want)                                                                \
    do {                                                                                           \
        brama_str expect_got = (got), expect_want = (want);                                        \
        if (!brama_str_eq(expect_got, expect_want))                                                \
            fail_msg("%s: got \"%.*s\", want \"%.*s\"", (name), BRAMA_FMT(expect_got),             \
                     BRAMA_FMT(expect_want));                                                      \
    } while (0)

/* A copy of s in a heap block of exactly its size; to be freed with expect_free. */
static inline brama_str expect_exact(brama_str s)
{
    char *p = malloc(s.n != 0 ? s.n : 1);
    if (p == NULL)
        abort();
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    return (brama_str){p, s.n};
}

static inline void expect_free(brama_str s)
{
    free((void *)(uintptr_t)s.p);
}

#endif
