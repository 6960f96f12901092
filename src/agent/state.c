#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/step.h"
#include "base/buf.h"
#include "base/write_all.h"
#include "policy/pages.h"

#define WORKER_USER "www-data"
#define SMALL_FILE_BYTES ((size_t)4 << 20)
/* Somebody who only asks whether we live holds the lock for an instant. */
#define LOCK_TRIES 5
#define LOCK_PAUSE_NS (20 * 1000 * 1000)

static enum brama_err complain(struct brama_diag *diag, const char *what, const char *name)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s %s: %s", what, name, strerror(errno));
    return BRAMA_ERR_IO;
}

static enum brama_err complain_in(struct brama_diag *diag, const struct brama__state *s,
                                  const char *what, const char *name)
{
    int why = errno;
    brama_diag_set(diag, (struct brama_where){0}, "%s %s in the state directory %.200s: %s", what,
                   name, s->dir, strerror(why));
    return BRAMA_ERR_IO;
}

static void find_worker_user(struct brama__state *s)
{
    s->uid = geteuid();
    s->gid = getegid();
    s->user = "";
    s->as_root = s->uid == 0;
    if (!s->as_root)
        return;
    const struct passwd *pw = getpwnam(WORKER_USER);
    s->user = pw != NULL ? WORKER_USER : "nobody";
    if (pw == NULL)
        pw = getpwnam(s->user);
    if (pw != NULL) {
        s->uid = pw->pw_uid;
        s->gid = pw->pw_gid;
    }
}

/* Every missing part of the path; only the last one is made ours below. */
static bool make_path(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        bool there = mkdir(path, 0755) == 0 || errno == EEXIST;
        *p = '/';
        if (!there)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool make_folder(const struct brama__state *s, const char *name, uid_t uid, gid_t gid,
                        mode_t mode)
{
    if (mkdirat(s->dir_fd, name, 0700) != 0 && errno != EEXIST)
        return false;
    if (s->as_root && fchownat(s->dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    return fchmodat(s->dir_fd, name, mode, 0) == 0;
}

static enum brama_err make_folders(struct brama__state *s, struct brama_diag *diag)
{
    static const char *const ours[] = {BRAMA_STATE_GOOD, BRAMA_STATE_KEYS, BRAMA_STATE_RULES,
                                       BRAMA__STATE_TLS};
    if (s->as_root && fchown(s->dir_fd, 0, s->gid) != 0)
        return complain(diag, "can't give to the workers' group", s->dir);
    if (fchmod(s->dir_fd, s->as_root ? 0750 : 0700) != 0)
        return complain(diag, "can't protect", s->dir);
    if (!make_folder(s, BRAMA_STATE_WORKERS, s->uid, s->gid, 0700))
        return complain_in(diag, s, "can't make", BRAMA_STATE_WORKERS);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ours); i++) {
        if (!make_folder(s, ours[i], 0, 0, 0700))
            return complain_in(diag, s, "can't make", ours[i]);
    }
    return BRAMA_OK;
}

/* What a crash between a temporary file and its name has left. Numbered files are the publisher's:
 * their numbers are used up. */
static void remove_litter(const struct brama__state *s)
{
    static const char *const ours[] = {".", BRAMA_STATE_GOOD, BRAMA_STATE_KEYS, BRAMA__STATE_TLS};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ours); i++) {
        int fd = openat(s->dir_fd, ours[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (dir == NULL && fd >= 0)
            close(fd);
        for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
            brama_str name = brama_str_c(e->d_name);
            if (brama_str_ends(name, BRAMA_STR(".tmp")) &&
                !brama_str_starts(name, BRAMA_STR(BRAMA_STATE_POLICY)) &&
                !brama_str_starts(name, BRAMA_STR(BRAMA_STATE_FACTS)))
                unlinkat(fd, e->d_name, 0);
        }
        if (dir != NULL)
            closedir(dir);
    }
}

static bool try_lock(int fd, int how)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, how | LOCK_NB) == 0)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    return false;
}

static int open_lock(const struct brama__state *s, const char *name)
{
    return openat(s->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static enum brama_err take_lock(struct brama__state *s, struct brama_diag *diag)
{
    char text[32] = "";
    s->lock_fd = open_lock(s, BRAMA_STATE_LOCK);
    if (s->lock_fd < 0)
        return complain_in(diag, s, "can't open", BRAMA_STATE_LOCK);
    if (!try_lock(s->lock_fd, LOCK_EX)) {
        ssize_t n = pread(s->lock_fd, text, sizeof(text) - 1, 0);
        brama_str pid = brama_str_trim((brama_str){text, n > 0 ? (size_t)n : 0});
        brama_diag_set(diag, (struct brama_where){0},
                       "another agent, process %.*s, runs with the state directory %s",
                       BRAMA_FMT(pid), s->dir);
        return BRAMA_ERR_EXISTS;
    }
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* Cut behind it, not before it: on a full disk the file keeps its block. */
    if (pwrite(s->lock_fd, text, (size_t)n, 0) != n || ftruncate(s->lock_fd, n) != 0)
        return complain_in(diag, s, "can't write", BRAMA_STATE_LOCK);
    return BRAMA_OK;
}

enum brama_err brama__state_open(struct brama__state *s, brama_str dir, struct brama_diag *diag)
{
    char path[PATH_MAX];
    *s = (struct brama__state){.dir_fd = -1, .lock_fd = -1, .nginx_lock_fd = -1, .user = ""};
    if (dir.n == 0 || dir.n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return complain(diag, "can't use", "the state directory");
    }
    memcpy(path, dir.p, dir.n);
    path[dir.n] = '\0';
    find_worker_user(s);
    if (!make_path(path) || realpath(path, s->dir) == NULL)
        return complain(diag, "can't make", path);
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0)
        return complain(diag, "can't open", s->dir);
    enum brama_err err = take_lock(s, diag);
    if (err == BRAMA_OK)
        err = make_folders(s, diag);
    if (err == BRAMA_OK)
        remove_litter(s);
    return err;
}

void brama__state_close(struct brama__state *s)
{
    const int fds[] = {s->nginx_lock_fd, s->lock_fd, s->dir_fd};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

bool brama__state_is_removed(const struct brama__state *s)
{
    struct stat st;
    return fstat(s->dir_fd, &st) == 0 && st.st_nlink == 0;
}

enum brama_err brama__state_remake(struct brama__state *s, struct brama_diag *diag)
{
    struct brama__state made;
    enum brama_err err = brama__state_open(&made, brama_str_c(s->dir), diag);
    if (err == BRAMA_OK && !brama__state_take_nginx_lock(&made))
        err = complain_in(diag, s, "can't take", BRAMA_STATE_NGINX_LOCK);
    if (err != BRAMA_OK) {
        brama__state_close(&made);
        return err;
    }
    brama__state_close(s);
    *s = made;
    return BRAMA_OK;
}

static bool is_named(const struct brama__state *s, const char *name, int fd)
{
    struct stat named, held;
    return fstatat(s->dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &held) == 0 &&
           named.st_ino == held.st_ino && named.st_dev == held.st_dev;
}

enum brama_err brama__state_keep_lock(struct brama__state *s, struct brama_diag *diag)
{
    if (is_named(s, BRAMA_STATE_LOCK, s->lock_fd))
        return BRAMA_OK;
    struct brama__state other = *s;
    enum brama_err err = take_lock(&other, diag);
    int unneeded = err == BRAMA_OK ? s->lock_fd : other.lock_fd;
    if (err == BRAMA_OK)
        s->lock_fd = other.lock_fd;
    if (unneeded >= 0)
        close(unneeded);
    return err;
}

bool brama__state_has_nginx_lock(const struct brama__state *s)
{
    return s->nginx_lock_fd < 0 || is_named(s, BRAMA_STATE_NGINX_LOCK, s->nginx_lock_fd);
}

bool brama__state_renew_nginx_lock(struct brama__state *s)
{
    int before = s->nginx_lock_fd;
    s->nginx_lock_fd = -1;
    if (!brama__state_take_nginx_lock(s)) {
        s->nginx_lock_fd = before;
        return false;
    }
    close(before);
    return true;
}

bool brama__state_take_nginx_lock(struct brama__state *s)
{
    if (s->nginx_lock_fd >= 0)
        return true;
    int fd = open_lock(s, BRAMA_STATE_NGINX_LOCK);
    if (fd < 0)
        return false;
    if (!try_lock(fd, LOCK_SH)) {
        int why = errno;
        close(fd);
        errno = why;
        return false;
    }
    s->nginx_lock_fd = fd;
    return true;
}

bool brama__state_nginx_lives(const struct brama__state *s)
{
    bool alone = try_lock(s->nginx_lock_fd, LOCK_EX);
    (void)try_lock(s->nginx_lock_fd, LOCK_SH);
    return !alone;
}

bool brama__state_give(const struct brama__state *s, int fd)
{
    if (s->as_root && fchown(fd, 0, s->gid) != 0)
        return false;
    return fchmod(fd, s->as_root ? 0440 : 0400) == 0;
}

static bool write_file(const struct brama__state *s, const char *name, brama_str text, mode_t mode,
                       bool durable)
{
    char temporary[NAME_MAX + 32];
    int n = snprintf(temporary, sizeof(temporary), "%s.tmp", name);
    if (n < 0 || (size_t)n >= sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd =
        openat(s->dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return false;
    brama__step();
    bool done = brama_write_all(fd, text) && (!durable || fsync(fd) == 0);
    brama__step();
    done = close(fd) == 0 && done && renameat(s->dir_fd, temporary, s->dir_fd, name) == 0;
    if (!done) {
        int why = errno;
        unlinkat(s->dir_fd, temporary, 0);
        errno = why;
    }
    brama__step();
    return done;
}

bool brama__state_write(const struct brama__state *s, const char *name, brama_str text, mode_t mode)
{
    return write_file(s, name, text, mode, true);
}

bool brama__state_write_soon(const struct brama__state *s, const char *name, brama_str text,
                             mode_t mode)
{
    return write_file(s, name, text, mode, false);
}

bool brama__state_read(const struct brama__state *s, struct brama_arena *arena, const char *name,
                       brama_str *out)
{
    struct brama_buf buf;
    char chunk[8192];
    ssize_t n = -1;

    *out = BRAMA_NIL;
    int fd = openat(s->dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    brama_buf_init(&buf, NULL, SMALL_FILE_BYTES);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        brama_buf_add(&buf, (brama_str){chunk, (size_t)n});
    close(fd);
    bool done = n == 0 && brama_buf_err(&buf) == BRAMA_OK;
    if (done)
        *out = brama_arena_copy(arena, brama_buf_str(&buf));
    brama_buf_deinit(&buf);
    return done && !brama_arena_failed(arena);
}
