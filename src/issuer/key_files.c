#include "issuer/key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"
#include "crypto/digest.h"
#include "issuer/key_file.h"

#define RULES_MAX ((size_t)16 << 20)

static struct brama__file_mark mark_of(int fd, int error)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return (struct brama__file_mark){.error = fd < 0 ? error : errno};
    return (struct brama__file_mark){.dev = st.st_dev,
                                     .ino = st.st_ino,
                                     .size = (uint64_t)st.st_size,
                                     .mtime_s = st.st_mtim.tv_sec,
                                     .mtime_ns = st.st_mtim.tv_nsec,
                                     .ctime_s = st.st_ctim.tv_sec,
                                     .ctime_ns = st.st_ctim.tv_nsec};
}

static bool mark_eq(const struct brama__file_mark *a, const struct brama__file_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns &&
           a->error == b->error;
}

/* Has it changed? error: why there is no fd. *mark is of before it is read: what changes meanwhile
 * is seen the next time. */
static bool is_news(struct brama__file_mark *mark, int fd, int error)
{
    struct brama__file_mark now = mark_of(fd, error);
    bool news = !mark_eq(&now, mark);

    *mark = now;
    return news;
}

static struct brama__key_file *file_new(brama_str url)
{
    struct brama__key_file *f = calloc(1, sizeof(*f));

    if (f != NULL && (f->url = brama_str_dup(url)) == NULL) {
        free(f);
        f = NULL;
    }
    return f;
}

static void file_free(struct brama__key_file *f)
{
    brama_signing_set_free(f->set);
    free(f->url);
    free(f);
}

static bool is_in(const struct brama__key_files *files, const struct brama__key_file *f)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->p[i] == f)
            return true;
    return false;
}

/* One more of them, as it was before or new. */
static void want(struct brama__key_files *files, const struct brama__key_files *before,
                 brama_str url)
{
    struct brama__key_file *f = brama__key_files_find(before, url);

    if (files->count == BRAMA__KEY_FILES_MAX)
        return; /* what isn't here isn't signed with */
    if (f == NULL)
        f = file_new(url);
    if (f != NULL)
        files->p[files->count++] = f;
}

void brama__key_files_want(struct brama__key_files *files, const struct brama_id_rules *rules)
{
    struct brama__key_files before = *files;
    brama_str url = BRAMA_NIL;

    files->count = 0;
    files->own_wanted = false;
    want(files, &before, url);
    for (size_t i = 0; brama_id_rules_keys(rules, i, &url); i++) {
        if (url.n == 0)
            files->own_wanted = true;
        else
            want(files, &before, url);
    }
    for (size_t i = 0; i < before.count; i++)
        if (!is_in(files, before.p[i]))
            file_free(before.p[i]);
}

void brama__key_files_close(struct brama__key_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        file_free(files->p[i]);
    files->count = 0;
}

struct brama__key_file *brama__key_files_find(const struct brama__key_files *files, brama_str url)
{
    for (size_t i = 0; i < files->count; i++)
        if (brama_str_eq(brama_str_c(files->p[i]->url), url))
            return files->p[i];
    return NULL;
}

static enum brama_err read_own(struct brama_signing_set **out, int fd, struct brama_diag *diag)
{
    struct brama_pkey *key;

    enum brama_err err = brama_key_read(&key, fd, diag);
    return err == BRAMA_OK ? brama_signing_set_of(out, key) : err;
}

static enum brama_err read_set(struct brama_signing_set **out, int fd, struct brama_diag *diag)
{
    struct brama_secret_text text;

    enum brama_err err = brama_secret_read(&text, fd, BRAMA_JWKS_MAX_BYTES, diag);
    if (err != BRAMA_OK)
        return err;
    err = brama_signing_set_load(out, (brama_str){text.p, text.n}, diag);
    brama_secret_text_free(&text);
    return err;
}

/* A FIFO would hold us up. */
static bool is_regular(int fd, int error, struct brama_diag *diag)
{
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    brama_diag_set(diag, (struct brama_where){0}, "%s",
                   error != 0 ? strerror(error) : "isn't a regular file");
    return false;
}

static void read_again(struct brama__key_file *f, int fd, struct brama_diag *diag)
{
    struct brama_signing_set *set = NULL;
    bool own = f->url[0] == '\0';

    enum brama_err err = BRAMA_ERR_IO;
    if (is_regular(fd, f->mark.error, diag))
        err = own ? read_own(&set, fd, diag) : read_set(&set, fd, diag);
    if (err != BRAMA_OK) {
        snprintf(f->problem, sizeof(f->problem), "%s",
                 diag->what[0] != '\0' ? diag->what : brama_err_text(err));
        return;
    }
    f->problem[0] = '\0';
    if (set->signer == NULL)
        snprintf(f->problem, sizeof(f->problem), "no private key in it");
    else if (set->left_out != 0)
        snprintf(f->problem, sizeof(f->problem), "%zu keys left out: %s", set->left_out, set->why);
    brama_signing_set_free(f->set);
    f->set = set;
}

bool brama__key_file_look(const struct brama__key_files *files, struct brama__key_file *f)
{
    char path[PATH_MAX];
    struct brama_diag diag = {0};
    bool own = f->url[0] == '\0';

    if (own)
        snprintf(path, sizeof(path), "%s", files->disk->options->own_key);
    else if (!brama_file_url_path(path, sizeof(path), brama_str_c(f->url)))
        path[0] = '\0';
    int fd = brama__disk_file(files->disk, path);
    bool missing = own && fd < 0 && errno == ENOENT;
    if (missing && !files->own_wanted)
        return false;
    if (missing && f->set == NULL) {
        if (!brama__disk_make_key(files->disk, &diag)) {
            snprintf(f->problem, sizeof(f->problem), "%s", diag.what);
            return is_news(&f->mark, -1, ENOENT);
        }
        fd = brama__disk_file(files->disk, path);
    }
    bool news = is_news(&f->mark, fd, errno);
    if (news)
        read_again(f, fd, &diag);
    if (fd >= 0)
        close(fd);
    return news;
}

static bool read_text(struct brama_buf *out, int fd, uint64_t size)
{
    char *room = fd >= 0 && size <= RULES_MAX ? brama_buf_room(out, (size_t)size) : NULL;

    return room != NULL && read(fd, room, (size_t)size) == (ssize_t)size;
}

bool brama__rules_look(struct brama_id_rules **rules, struct brama__file_mark *mark,
                       struct brama__disk *disk, struct brama_diag *diag)
{
    struct brama_buf text;

    *rules = NULL;
    int fd = brama__disk_file(disk, disk->options->rules);
    bool news = is_news(mark, fd, errno);
    if (news) {
        brama_buf_init(&text, NULL, RULES_MAX);
        if (!read_text(&text, fd, mark->size) ||
            brama_id_rules_load(rules, brama_buf_str(&text), diag) != BRAMA_OK) {
            if (diag->what[0] == '\0')
                brama_diag_set(diag, (struct brama_where){0}, "can't be read");
        }
        brama_buf_deinit(&text);
    }
    if (fd >= 0)
        close(fd);
    return news;
}
