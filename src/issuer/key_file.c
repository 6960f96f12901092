#include "issuer/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/write_all.h"

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "jose/b64url.h"

#define KEY_FILE_MAX (64 * 1024) /* an RSA-8192 key in PEM has 6.4 KiB */

static bool has(brama_str pem, const char *what)
{
    return brama_str_find_str(pem, brama_str_c(what)) < pem.n;
}

/* The octets of the first block with that label. */
static enum brama_err unarmour(brama_str *der, struct brama_arena *arena, brama_str pem,
                               const char *label, struct brama_diag *diag)
{
    brama_str begin = brama_arena_printf(arena, "-----BEGIN %s-----", label);
    brama_str end = brama_arena_printf(arena, "-----END %s-----", label);
    size_t at = brama_str_find_str(pem, begin);
    brama_str body = brama_str_from(pem, at + begin.n);
    size_t stop = brama_str_find_str(body, end);
    char *text = brama_arena_alloc(arena, stop + 1);
    size_t n = 0;

    if (text == NULL)
        return BRAMA_ERR_NOMEM;
    for (size_t i = 0; i < stop; i++) {
        char c = body.p[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            text[n++] = c;
    }
    if (stop < body.n && brama_b64_decode(der, arena, (brama_str){text, n}) == BRAMA_OK)
        return BRAMA_OK;
    brama_diag_set(diag, (struct brama_where){0}, "the PEM block \"%s\" is damaged", label);
    return BRAMA_ERR_SYNTAX;
}

static enum brama_err from_public(struct brama_pkey **out, brama_str pem, struct brama_diag *diag)
{
    struct brama_arena arena;
    brama_str der = BRAMA_NIL;

    brama_arena_init(&arena, NULL, 4 * KEY_FILE_MAX);
    enum brama_err err = unarmour(&der, &arena, pem, "PUBLIC KEY", diag);
    if (err == BRAMA_OK)
        err = brama_pkey_from_spki(out, der, false, diag);
    brama_arena_deinit(&arena);
    return err;
}

static enum brama_err from_certificate(struct brama_pkey **out, brama_str pem,
                                       struct brama_diag *diag)
{
    struct brama_buf der;

    brama_buf_init(&der, NULL, KEY_FILE_MAX);
    enum brama_err err = brama_cert_from_pem(&der, pem, diag);
    if (err == BRAMA_OK)
        err = brama_pkey_from_cert(out, brama_buf_str(&der), diag);
    brama_buf_deinit(&der);
    return err;
}

enum brama_err brama_key_from_pem(struct brama_pkey **out, brama_str pem, struct brama_diag *diag)
{
    *out = NULL;
    if (has(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(pem, "Proc-Type: 4,ENCRYPTED")) {
        brama_diag_set(diag, (struct brama_where){0}, "the private key is encrypted");
        return BRAMA_ERR_UNSUPPORTED;
    }
    if (has(pem, " PRIVATE KEY-----"))
        return brama_pkey_from_pem(out, pem, diag);
    if (has(pem, "-----BEGIN PUBLIC KEY-----"))
        return from_public(out, pem, diag);
    if (has(pem, "-----BEGIN CERTIFICATE-----"))
        return from_certificate(out, pem, diag);
    brama_diag_set(diag, (struct brama_where){0},
                   "neither a PEM key (PRIVATE KEY, PUBLIC KEY) nor a CERTIFICATE");
    return BRAMA_ERR_SYNTAX;
}

static enum brama_err read_all(struct brama_secret_text *out, int fd)
{
    while (out->n < out->room) {
        ssize_t got = read(fd, out->p + out->n, out->room - out->n);
        if (got == 0)
            return BRAMA_OK;
        if (got < 0 && errno != EINTR)
            return BRAMA_ERR_IO;
        out->n += got > 0 ? (size_t)got : 0;
    }
    return BRAMA_ERR_TOO_BIG; /* a byte more than a file may have */
}

enum brama_err brama_secret_read(struct brama_secret_text *out, int fd, size_t max,
                                 struct brama_diag *diag)
{
    *out = (struct brama_secret_text){.p = malloc(max + 1), .room = max + 1};
    if (out->p == NULL)
        return BRAMA_ERR_NOMEM;
    enum brama_err err = read_all(out, fd);
    if (err == BRAMA_ERR_IO)
        brama_diag_set(diag, (struct brama_where){0}, "%s", strerror(errno));
    if (err == BRAMA_ERR_TOO_BIG)
        brama_diag_set(diag, (struct brama_where){0}, "has more than %zu bytes", max);
    if (err != BRAMA_OK)
        brama_secret_text_free(out);
    return err;
}

void brama_secret_text_free(struct brama_secret_text *text)
{
    if (text->p != NULL)
        brama_cleanse(text->p, text->room);
    free(text->p);
    *text = (struct brama_secret_text){0};
}

enum brama_err brama_key_read(struct brama_pkey **out, int fd, struct brama_diag *diag)
{
    struct brama_secret_text text;

    *out = NULL;
    enum brama_err err = brama_secret_read(&text, fd, KEY_FILE_MAX, diag);
    if (err != BRAMA_OK)
        return err;
    err = brama_key_from_pem(out, (brama_str){text.p, text.n}, diag);
    brama_secret_text_free(&text);
    return err;
}

enum brama_err brama_key_file_read(struct brama_pkey **out, const char *path,
                                   struct brama_diag *diag)
{
    struct brama_where where = {.file = brama_str_c(path)};

    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        brama_diag_set(diag, where, "%s", strerror(errno));
        return BRAMA_ERR_IO;
    }
    enum brama_err err = brama_key_read(out, fd, diag);
    if (err != BRAMA_OK && diag != NULL)
        diag->where = where;
    close(fd);
    return err;
}

/* A new file of mode 0600 with that text, or no file. */
static bool create(const char *path, brama_str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    bool written = brama_write_all_synced(fd, text);
    int why = errno;
    if (close(fd) != 0 && written) {
        written = false;
        why = errno;
    }
    if (!written) {
        unlink(path);
        errno = why;
    }
    return written;
}

static bool replace_whole(const char *path, brama_str text)
{
    char tmp[4096];
    int n = snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof(tmp)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!create(tmp, text))
        return false;
    if (rename(tmp, path) == 0)
        return true;
    int why = errno;
    unlink(tmp);
    errno = why;
    return false;
}

enum brama_err brama_key_file_write(const char *path, brama_str text, bool replace,
                                    struct brama_diag *diag)
{
    struct brama_where where = {.file = brama_str_c(path)};

    if (replace ? replace_whole(path, text) : create(path, text))
        return BRAMA_OK;
    enum brama_err err = errno == EEXIST ? BRAMA_ERR_EXISTS : BRAMA_ERR_IO;
    brama_diag_set(diag, where, "%s", strerror(errno));
    return err;
}
