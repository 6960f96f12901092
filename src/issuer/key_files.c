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

#define PEM_MAX 16384

struct brama__file_mark brama__file_mark(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct brama__file_mark){0};
    return (struct brama__file_mark){.dev = st.st_dev,
                                     .ino = st.st_ino,
                                     .size = (uint64_t)st.st_size,
                                     .mtime_s = st.st_mtim.tv_sec,
                                     .mtime_ns = st.st_mtim.tv_nsec,
                                     .ctime_s = st.st_ctim.tv_sec,
                                     .ctime_ns = st.st_ctim.tv_nsec};
}

bool brama__file_mark_eq(const struct brama__file_mark *a, const struct brama__file_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
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

/* Whole before it has its name, and never in the place of another one. */
static bool make_own(const struct brama__key_files *files, struct brama_diag *diag)
{
    char tmp[PATH_MAX];
    struct brama_pkey *key = NULL;
    struct brama_buf pem;

    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", files->own, (long)getpid());
    brama_buf_init(&pem, NULL, PEM_MAX);
    enum brama_err err = brama_pkey_generate(&key, BRAMA_ALG_RS256, 0, diag);
    if (err == BRAMA_OK) {
        brama_pkey_to_pem(&pem, key);
        err = brama_buf_err(&pem);
    }
    if (err == BRAMA_OK)
        err = brama_key_file_write(tmp, brama_buf_str(&pem), true, diag);
    if (err == BRAMA_OK && link(tmp, files->own) != 0 && errno != EEXIST) {
        brama_diag_set(diag, (struct brama_where){0}, "can't be made: %s", strerror(errno));
        err = BRAMA_ERR_IO;
    }
    unlink(tmp);
    if (pem.p != NULL)
        brama_cleanse(pem.p, pem.cap);
    brama_buf_deinit(&pem);
    brama_pkey_free(key);
    return err == BRAMA_OK;
}

static enum brama_err read_own(struct brama_signing_set **out, const char *path,
                               struct brama_diag *diag)
{
    struct brama_pkey *key;

    enum brama_err err = brama_key_file_read(&key, path, diag);
    return err == BRAMA_OK ? brama_signing_set_of(out, key) : err;
}

static enum brama_err read_set(struct brama_signing_set **out, const char *path,
                               struct brama_diag *diag)
{
    struct brama_secret_text text;

    enum brama_err err = brama_secret_file_read(&text, path, BRAMA_JWKS_MAX_BYTES, diag);
    if (err != BRAMA_OK)
        return err;
    err = brama_signing_set_load(out, (brama_str){text.p, text.n}, diag);
    brama_secret_text_free(&text);
    return err;
}

/* A FIFO would hold us up. */
static bool is_regular(const char *path, struct brama_diag *diag)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    brama_diag_set(diag, (struct brama_where){0}, "%s",
                   errno != 0 ? strerror(errno) : "isn't a regular file");
    return false;
}

static void read_again(struct brama__key_file *f, const char *path, struct brama_diag *diag)
{
    struct brama_signing_set *set = NULL;
    bool own = f->url[0] == '\0';

    errno = 0;
    enum brama_err err = BRAMA_ERR_IO;
    if (is_regular(path, diag))
        err = own ? read_own(&set, path, diag) : read_set(&set, path, diag);
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
        snprintf(path, sizeof(path), "%s", files->own);
    else if (!brama_file_url_path(path, sizeof(path), brama_str_c(f->url)))
        path[0] = '\0';
    struct brama__file_mark now = brama__file_mark(path);
    bool missing = own && now.ino == 0;
    if (missing && !files->own_wanted)
        return false;
    if (missing && f->set == NULL) {
        if (!make_own(files, &diag)) {
            bool news = !f->looked;
            snprintf(f->problem, sizeof(f->problem), "%s", diag.what);
            f->looked = true;
            return news;
        }
        now = brama__file_mark(path);
    } else if (f->looked && brama__file_mark_eq(&now, &f->mark)) {
        return false;
    }
    f->mark = now; /* of before it is read: what changes meanwhile is seen the next time */
    f->looked = true;
    read_again(f, path, &diag);
    return true;
}
