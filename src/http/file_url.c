#include "http/file_url.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"

#define CHUNK_BYTES 16384

static bool read_all(struct brama_buf *out, int fd, char *problem)
{
    for (;;) {
        char chunk[CHUNK_BYTES];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            snprintf(problem, BRAMA_HTTP_PROBLEM_BYTES, "can't be read: %s", strerror(errno));
            return false;
        }
        brama_buf_add(out, (brama_str){chunk, (size_t)n});
        if (brama_buf_err(out) != BRAMA_OK) {
            snprintf(problem, BRAMA_HTTP_PROBLEM_BYTES, "has more than %zu bytes", out->max_bytes);
            return false;
        }
    }
}

bool brama__file_read(struct brama_buf *out, const char *path,
                      char problem[BRAMA_HTTP_PROBLEM_BYTES])
{
    struct stat st;
    bool done = false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        snprintf(problem, BRAMA_HTTP_PROBLEM_BYTES, "can't be opened: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        snprintf(problem, BRAMA_HTTP_PROBLEM_BYTES, "isn't a regular file");
    else
        done = read_all(out, fd, problem);
    if (fd >= 0)
        close(fd);
    return done;
}

bool brama__file_url_read(struct brama_buf *out, brama_str url,
                          char problem[BRAMA_HTTP_PROBLEM_BYTES])
{
    brama_str rest = brama_str_from(url, BRAMA_STR("file://").n);
    char path[PATH_MAX];

    if (brama_file_url_path(path, sizeof(path), url))
        return brama__file_read(out, path, problem);
    bool local =
        brama_str_starts(rest, BRAMA_STR("/")) || brama_str_starts(rest, BRAMA_STR("localhost/"));
    snprintf(problem, BRAMA_HTTP_PROBLEM_BYTES,
             local ? "the path of the file URL can't be decoded"
                   : "a file URL has no host: file:///path");
    return false;
}
