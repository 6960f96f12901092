#include "cli/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define CHUNK 65536

static enum brama_err read_all(struct brama_buf *buf, int fd)
{
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0)
            return brama_buf_err(buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BRAMA_ERR_IO;
        brama_buf_add(buf, (brama_str){chunk, (size_t)n});
        if (brama_buf_err(buf) != BRAMA_OK)
            return brama_buf_err(buf);
    }
}

enum brama_err brama_read_quietly(brama_str *text, struct brama_arena *arena, const char *path)
{
    bool standard_input = strcmp(path, "-") == 0;
    struct brama_buf buf;

    *text = BRAMA_NIL;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return BRAMA_ERR_IO;
    brama_buf_init(&buf, NULL, BRAMA_READ_MAX);
    enum brama_err err = read_all(&buf, fd);
    int why = errno;
    if (err == BRAMA_OK) {
        *text = brama_arena_copy(arena, brama_buf_str(&buf));
        if (brama_arena_failed(arena))
            err = BRAMA_ERR_NOMEM;
    }
    brama_buf_deinit(&buf);
    if (!standard_input)
        close(fd);
    errno = why;
    return err;
}

int brama_read_file(brama_str *text, struct brama_cli *cli, brama_str path)
{
    enum brama_err err = brama_read_quietly(text, cli->arena, path.p);

    switch (err) {
    case BRAMA_OK:
        return BRAMA_EXIT_OK;
    case BRAMA_ERR_IO:
        brama_say(cli, "%.*s: %s", BRAMA_FMT(path), strerror(errno));
        return BRAMA_EXIT_INPUT;
    case BRAMA_ERR_TOO_BIG:
        brama_say(cli, "%.*s: bigger than %d MiB", BRAMA_FMT(path), BRAMA_READ_MAX >> 20);
        return BRAMA_EXIT_INPUT;
    case BRAMA_ERR_NOMEM:
    case BRAMA_ERR_SYNTAX:
    case BRAMA_ERR_INVALID:
    case BRAMA_ERR_UNSUPPORTED:
    case BRAMA_ERR_NOT_FOUND:
    case BRAMA_ERR_EXISTS:
    case BRAMA_ERR_UNAVAILABLE:
    case BRAMA_ERR_CRYPTO:
    case BRAMA_ERR_BUG:
        break;
    }
    return brama_no_memory(cli);
}
