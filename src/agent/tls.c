#include "agent/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "crypto/digest.h"

#define PEM_BYTES ((size_t)1 << 20)
#define DAY_S ((int64_t)24 * 3600)
#define LIFE_S (397 * DAY_S) /* browsers take no longer ones */
#define RENEW_S (337 * DAY_S)
#define ARENA_BYTES (8 * PEM_BYTES)

static const char cert_begin[] = "-----BEGIN CERTIFICATE-----";

static uint64_t look_at(brama_str path)
{
    struct stat st;
    char text[PATH_MAX];
    if (path.n >= sizeof(text))
        return 0;
    memcpy(text, path.p, path.n);
    text[path.n] = '\0';
    if (stat(text, &st) != 0)
        return 0;
    const uint64_t what[] = {(uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                             (uint64_t)st.st_mtim.tv_nsec};
    return brama_str_hash((brama_str){(const char *)what, sizeof(what)});
}

static uint64_t look_at_both(const struct brama__tls *tls)
{
    return look_at(tls->cert_file) * 31 + look_at(tls->key_file);
}

static bool read_file(brama_str *out, struct brama_arena *arena, brama_str path,
                      struct brama_diag *diag)
{
    struct brama_buf buf;
    char chunk[4096];
    ssize_t n = -1;
    brama_str name = brama_arena_copy(arena, path);
    int fd = name.p != NULL ? open(name.p, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

    brama_buf_init(&buf, NULL, PEM_BYTES);
    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
        brama_buf_add(&buf, (brama_str){chunk, (size_t)n});
    int why = errno;
    if (fd >= 0)
        close(fd);
    bool done = n == 0 && brama_buf_err(&buf) == BRAMA_OK;
    if (done)
        *out = brama_arena_copy(arena, brama_buf_str(&buf));
    else
        brama_diag_set(diag, (struct brama_where){.file = path}, "can't be read: %s",
                       n < 0 ? strerror(why) : brama_err_text(buf.err));
    brama_cleanse(chunk, sizeof(chunk));
    brama_buf_deinit(&buf);
    return done;
}

/* Both texts are a pair that can be served: it is the one from now on. */
static enum brama_err adopt(struct brama__tls *tls, struct brama_arena *arena, brama_str chain,
                            brama_str key, struct brama_diag *diag)
{
    enum brama_err err = brama_cert_check_pair(chain, key, diag);
    if (err != BRAMA_OK)
        return BRAMA_ERR_INVALID;
    brama_str name = brama_arena_printf(arena, "*.%.*s", BRAMA_FMT(tls->domain));
    if (brama_arena_failed(arena))
        return BRAMA_ERR_NOMEM;
    brama_arena_deinit(&tls->arena);
    tls->arena = *arena;
    tls->cert = (struct brama_facts_cert_in){name, chain, key};
    return BRAMA_OK;
}

static enum brama_err read_given(struct brama__tls *tls, struct brama_diag *diag)
{
    struct brama_arena arena;
    brama_str chain = BRAMA_NIL, key = BRAMA_NIL;
    enum brama_err err = BRAMA_ERR_INVALID;

    tls->signature = look_at_both(tls);
    brama_arena_init(&arena, NULL, ARENA_BYTES);
    if (read_file(&chain, &arena, tls->cert_file, diag) &&
        read_file(&key, &arena, tls->key_file, diag)) {
        err = adopt(tls, &arena, chain, key, diag);
        if (err != BRAMA_OK)
            diag->where.file = tls->cert_file;
    }
    if (err != BRAMA_OK)
        brama_arena_deinit(&arena);
    return err;
}

/* One file for both, so that they never part: the key, then the certificate. */
static void name_of(char name[64], const struct brama__tls *tls)
{
    snprintf(name, 64, BRAMA__STATE_TLS "/%016" PRIx64 ".pem", brama_str_hash(tls->domain));
}

static enum brama_err make_pem(struct brama_buf *pem, struct brama_arena *arena, brama_str domain,
                               struct brama_diag *diag)
{
    struct brama_pkey *key = NULL;
    struct brama_buf der;
    const brama_str names[] = {domain, brama_arena_printf(arena, "*.%.*s", BRAMA_FMT(domain))};
    int64_t now_s = (int64_t)time(NULL);
    struct brama_cert_wish wish = {.common_name = domain,
                                   .dns_names = names,
                                   .dns_name_count = 2,
                                   .not_before_s = now_s - DAY_S,
                                   .not_after_s = now_s + LIFE_S};

    brama_buf_init(&der, NULL, PEM_BYTES);
    enum brama_err err = brama_random(wish.serial, sizeof(wish.serial));
    if (err == BRAMA_OK)
        err = brama_pkey_generate(&key, BRAMA_ALG_ES256, 0, diag);
    if (err == BRAMA_OK)
        err = brama_cert_self_signed(&der, key, &wish, diag);
    if (err == BRAMA_OK) {
        brama_pkey_to_pem(pem, key);
        brama_cert_to_pem(pem, brama_buf_str(&der));
        err = brama_buf_err(pem);
    }
    brama_buf_deinit(&der);
    brama_pkey_free(key);
    return err;
}

static enum brama_err take_own(struct brama__tls *tls, struct brama_arena *arena, brama_str pem,
                               struct brama_diag *diag)
{
    size_t at = brama_str_find_str(pem, brama_str_c(cert_begin));
    return adopt(tls, arena, brama_str_from(pem, at), brama_str_head(pem, at), diag);
}

static bool is_young(const struct brama__tls *tls)
{
    char name[64];
    struct stat st;
    name_of(name, tls);
    return fstatat(tls->state->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (int64_t)time(NULL) - st.st_mtim.tv_sec < RENEW_S;
}

static enum brama_err renew_own(struct brama__tls *tls, struct brama_diag *diag)
{
    struct brama_arena arena;
    struct brama_buf pem;
    char name[64];

    name_of(name, tls);
    brama_arena_init(&arena, NULL, ARENA_BYTES);
    brama_buf_init(&pem, NULL, PEM_BYTES);
    enum brama_err err = make_pem(&pem, &arena, tls->domain, diag);
    if (err == BRAMA_OK && !brama__state_write(tls->state, name, brama_buf_str(&pem), 0600)) {
        brama_diag_set(diag, (struct brama_where){0}, "can't write %s: %s", name, strerror(errno));
        err = BRAMA_ERR_IO;
    }
    if (err == BRAMA_OK)
        err = take_own(tls, &arena, brama_arena_copy(&arena, brama_buf_str(&pem)), diag);
    if (err != BRAMA_OK)
        brama_arena_deinit(&arena);
    if (pem.n != 0)
        brama_cleanse(pem.p, pem.n);
    brama_buf_deinit(&pem);
    return err;
}

static enum brama_err open_own(struct brama__tls *tls, struct brama_diag *diag)
{
    struct brama_arena arena;
    struct brama_diag ignored = {0};
    char name[64];
    brama_str pem;

    name_of(name, tls);
    brama_arena_init(&arena, NULL, ARENA_BYTES);
    if (is_young(tls) && brama__state_read(tls->state, &arena, name, &pem) &&
        take_own(tls, &arena, pem, &ignored) == BRAMA_OK)
        return BRAMA_OK;
    brama_arena_deinit(&arena);
    return renew_own(tls, diag);
}

enum brama_err brama__tls_open(struct brama__tls *tls, const struct brama__state *state,
                               brama_str cert_file, brama_str key_file, brama_str domain,
                               struct brama_diag *diag)
{
    *tls = (struct brama__tls){
        .state = state, .cert_file = cert_file, .key_file = key_file, .domain = domain};
    brama_arena_init(&tls->arena, NULL, ARENA_BYTES);
    return cert_file.n != 0 ? read_given(tls, diag) : open_own(tls, diag);
}

void brama__tls_close(struct brama__tls *tls)
{
    if (tls->state != NULL)
        brama_arena_deinit(&tls->arena);
}

bool brama__tls_look(struct brama__tls *tls, struct brama_diag *diag)
{
    if (tls->cert_file.n != 0)
        return look_at_both(tls) != tls->signature && read_given(tls, diag) == BRAMA_OK;
    return !is_young(tls) && renew_own(tls, diag) == BRAMA_OK;
}
