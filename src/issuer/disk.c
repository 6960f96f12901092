#include "issuer/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/write_all.h"
#include "crypto/digest.h"
#include "issuer/key_file.h"
#include "issuer/porter.h"

#define PEM_MAX 16384

static bool become(uid_t uid, gid_t gid)
{
    return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

bool brama__disk_open(struct brama__disk *disk, const struct brama_signer_options *options)
{
    *disk = (struct brama__disk){.options = options, .porter = -1, .public_fd = -1};
    if (geteuid() != 0 || options->uid == 0)
        return true;
    return brama__porter_start(disk) && become(options->uid, options->gid);
}

void brama__disk_close(struct brama__disk *disk)
{
    if (disk->porter < 0)
        return;
    close(disk->porter);
    close(disk->public_fd);
    while (waitpid(disk->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    disk->porter = -1;
}

/* An errno; 0: done. */
static int ask(struct brama__disk *disk, enum brama__porter_verb verb, const char *path,
               struct brama_diag *diag, int *fd)
{
    struct brama__porter_ask question = {.verb = verb};
    struct brama__porter_answer answer = {0};

    if (strlen(path) >= sizeof(question.path))
        return ENAMETOOLONG;
    memcpy(question.path, path, strlen(path));
    if (!brama__porter_do(disk, &question, &answer, fd)) {
        disk->lost = true;
        return EPIPE;
    }
    answer.why[sizeof(answer.why) - 1] = '\0';
    brama_diag_set(diag, (struct brama_where){0}, "%s", answer.why);
    return answer.error;
}

int brama__disk_file(struct brama__disk *disk, const char *path)
{
    int fd;

    if (disk->porter < 0) /* a FIFO or a terminal doesn't hold us up */
        return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = ask(disk, BRAMA__PORTER_FILE, path, NULL, &fd);
    if (error != 0)
        errno = error;
    return fd;
}

/* Whole before it has its name, and never in the place of another one. */
static bool make_key_here(const char *path, struct brama_diag *diag)
{
    char tmp[PATH_MAX];
    struct brama_pkey *key = NULL;
    struct brama_buf pem;

    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    brama_buf_init(&pem, NULL, PEM_MAX);
    enum brama_err err = brama_pkey_generate(&key, BRAMA_ALG_RS256, 0, diag);
    if (err == BRAMA_OK) {
        brama_pkey_to_pem(&pem, key);
        err = brama_buf_err(&pem);
    }
    if (err == BRAMA_OK)
        err = brama_key_file_write(tmp, brama_buf_str(&pem), true, diag);
    if (err == BRAMA_OK && link(tmp, path) != 0 && errno != EEXIST) {
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

bool brama__disk_make_key(struct brama__disk *disk, struct brama_diag *diag)
{
    int fd;

    if (disk->porter < 0)
        return make_key_here(disk->options->own_key, diag);
    return ask(disk, BRAMA__PORTER_MAKE_KEY, "", diag, &fd) == 0;
}

static bool replace_file(const char *name, brama_str text)
{
    char tmp[64];

    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", name, (long)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return false;
    bool done = brama_write_all(fd, text) && fchmod(fd, 0644) == 0;
    done = close(fd) == 0 && done && rename(tmp, name) == 0;
    if (!done)
        unlink(tmp);
    return done;
}

bool brama__disk_publish(struct brama__disk *disk, brama_str text)
{
    const char *name = disk->options->jwks;
    int fd;

    if (disk->porter < 0 && text.n != 0)
        return replace_file(name, text);
    if (disk->porter < 0)
        return unlink(name) == 0 || errno == ENOENT;
    return ftruncate(disk->public_fd, 0) == 0 && lseek(disk->public_fd, 0, SEEK_SET) == 0 &&
           brama_write_all(disk->public_fd, text) &&
           ask(disk, BRAMA__PORTER_PUBLISH, "", NULL, &fd) == 0;
}
