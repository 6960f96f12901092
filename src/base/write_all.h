/* All of a text into a file. Inline, so that base itself touches nothing outside: whoever does I/O
 * brings it in. */
#ifndef BRAMA_BASE_WRITE_ALL_H
#define BRAMA_BASE_WRITE_ALL_H

#include <errno.h>
#include <unistd.h>

#include "base/str.h"

/* False: errno. */
static inline bool brama_write_all(int fd, brama_str text)
{
    while (text.n != 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            text = brama_str_from(text, (size_t)n);
    }
    return true;
}

/* The same, and on the disk. */
static inline bool brama_write_all_synced(int fd, brama_str text)
{
    return brama_write_all(fd, text) && fsync(fd) == 0;
}

#endif
