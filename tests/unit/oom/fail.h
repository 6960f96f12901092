/* Memory that ends at a chosen call. The linker (--wrap) leads every call of our own code to
 * malloc, calloc, realloc and to the arena's four ways of asking through here; what jansson,
 * libyaml, PCRE2 and OpenSSL allocate by themselves isn't touched. */
#ifndef BRAMA_TEST_OOM_FAIL_H
#define BRAMA_TEST_OOM_FAIL_H

#include <stdbool.h>
#include <stddef.h>

enum fail_mode {
    FAIL_ONCE,     /* that call only: later ones find memory again */
    FAIL_FROM_THEN /* that call and all after it */
};

/* The n-th call from now on fails, counted from 0. */
void fail_at(size_t n, enum fail_mode mode);
/* No call fails any more. Was there one that did? */
bool fail_end(void);

#endif
