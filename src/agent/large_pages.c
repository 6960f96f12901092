#include "agent/large_pages.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ /* as gcc has it */
#endif
#endif

#define HEAP_BYTES ((size_t)512 << 20)
#define PAGE_BYTES ((size_t)2 << 20)

/* What was the heap once stays its own, and keeps what the kernel was told of it. */
void brama__large_pages(void)
{
#ifndef __SANITIZE_ADDRESS__ /* which has an allocator of its own */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_MMAP_MAX, 0);
    char *p = malloc(HEAP_BYTES);
    if (p == NULL)
        return;
    uintptr_t first = ((uintptr_t)p + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    uintptr_t end = ((uintptr_t)p + HEAP_BYTES) / PAGE_BYTES * PAGE_BYTES;
    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    free(p);
#endif
}
