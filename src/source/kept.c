#include "source/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/write_all.h"
#include "crypto/digest.h"

/* The name is a digest of the URL: nobody must find one whose set is read for another's. */
static bool path_of(char path[PATH_MAX], brama_str dir, brama_str url, const char *suffix)
{
    uint8_t digest[BRAMA_SHA256_BYTES];
    uint64_t words[2];

    if (brama_sha256(digest, url) != BRAMA_OK)
        return false;
    memcpy(words, digest, sizeof(words));
    int n = snprintf(path, PATH_MAX, "%.*s/%016" PRIx64 "%016" PRIx64 "%s", BRAMA_FMT(dir),
                     words[0], words[1], suffix);
    return n > 0 && n < PATH_MAX;
}

bool brama__kept_read(struct brama_buf *out, int64_t *at_s, brama_str dir, brama_str url)
{
    char path[PATH_MAX], chunk[8192];
    struct stat st;
    ssize_t n = -1;

    if (!path_of(path, dir, url, ".json"))
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *at_s = st.st_mtim.tv_sec;
        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
            brama_buf_add(out, (brama_str){chunk, (size_t)n});
    }
    close(fd);
    return n == 0 && brama_buf_err(out) == BRAMA_OK;
}

bool brama__kept_write(brama_str dir, brama_str url, brama_str text)
{
    char path[PATH_MAX], temporary[PATH_MAX];

    if (!path_of(path, dir, url, ".json") || !path_of(temporary, dir, url, ".tmp")) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool done = brama_write_all_synced(fd, text);
    done = close(fd) == 0 && done && rename(temporary, path) == 0;
    if (!done)
        unlink(temporary);
    return done;
}

bool brama__kept_touch(brama_str dir, brama_str url)
{
    char path[PATH_MAX];
    return path_of(path, dir, url, ".json") &&
           utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}
