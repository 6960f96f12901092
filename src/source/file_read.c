#include "source/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)65536)
#define TWO_THREADS 1000 /* files: worth a second one */
#define SOME_FILES 64    /* that a thread takes at a time, so that both end together */
#define NS_PER_S INT64_C(1000000000)
/* Two changes within a tick of the file system's clock have the same time: a few ms where it counts
 * parts of a second at all, else up to two seconds. */
#define FINE_TICK_NS (NS_PER_S / 10)
#define COARSE_TICK_NS (2 * NS_PER_S)
/* Nothing was written for so long: it is as it is meant to be. */
#define WRITER_QUIET_NS (2 * NS_PER_S)
#define UNKNOWN_QUIET_NS (NS_PER_S / 50)

#define NOT_A_FILE BRAMA_STR("neither a regular file nor a folder")

/* Where a text is read to before anybody knows whether it stays. */
struct scratch {
    char *p;
    size_t n, size;
};

/* What is looked at by all threads. */
struct all {
    struct brama__reading *r;
    int folder;  /* that it lies in, or AT_FDCWD */
    size_t skip; /* of each name: the folder's */
    size_t next; /* file that nobody has taken yet; under the reading's lock */
};

/* One of them. */
struct looker {
    const struct all *all;
    struct brama__reading *r;
    struct scratch scratch;
    int no_atime;  /* O_NOATIME, until it is refused */
    bool was_read; /* the last one: then this one, too, may have to be */
};

static bool make_room(struct scratch *s, size_t size)
{
    char *p = size > s->size ? realloc(s->p, size) : s->p;
    if (p == NULL)
        return false;
    s->p = p;
    s->size = size > s->size ? size : s->size;
    return true;
}

/* To its end, within BRAMA_FILE_MAX. bytes: what it should have. A read that gives all of them and
 * could have given more was at the end. */
static enum brama_err read_fd(struct scratch *s, int fd, size_t bytes)
{
    s->n = 0;
    if (bytes > BRAMA_FILE_MAX)
        return BRAMA_ERR_TOO_BIG;
    if (!make_room(s, bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes + 1))
        return BRAMA_ERR_NOMEM;
    for (;;) {
        ssize_t n = read(fd, s->p + s->n, s->size - s->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BRAMA_ERR_IO;
        s->n += (size_t)n;
        if (s->n > BRAMA_FILE_MAX)
            return BRAMA_ERR_TOO_BIG;
        if (n == 0 || s->n == bytes)
            return BRAMA_OK;
        if (s->n == s->size && !make_room(s, s->size * 2))
            return BRAMA_ERR_NOMEM;
    }
}

enum brama_err brama_files_stdin(brama_str *out, struct brama_arena *arena)
{
    struct scratch s = {0};
    enum brama_err err = read_fd(&s, STDIN_FILENO, 0);
    int error = errno;
    *out = BRAMA_NIL;
    if (err == BRAMA_OK) {
        *out = brama_arena_copy(arena, (brama_str){s.p, s.n});
        err = brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
    }
    free(s.p);
    errno = error;
    return err;
}

static brama_str keep_text(struct brama__reading *r, brama_str text)
{
    pthread_mutex_lock(&r->lock);
    brama_str kept = brama_arena_copy(r->arena, text);
    pthread_mutex_unlock(&r->lock);
    return kept;
}

brama_str brama__file_problem(struct brama__reading *r, enum brama_err err)
{
    if (err == BRAMA_ERR_NOMEM || (err == BRAMA_ERR_IO && errno == ENOMEM)) {
        pthread_mutex_lock(&r->lock);
        r->no_memory = true;
        pthread_mutex_unlock(&r->lock);
    }
    if (err == BRAMA_ERR_TOO_BIG) {
        char text[64];
        int n = snprintf(text, sizeof(text), "has more than %zu bytes", BRAMA_FILE_MAX);
        return keep_text(r, (brama_str){text, (size_t)n});
    }
    if (err == BRAMA_ERR_IO)
        return keep_text(r, brama_str_c(strerror(errno)));
    return brama_str_c(err != BRAMA_OK ? brama_err_text(err) : NULL);
}

static int64_t age_ns(const struct brama_file_id *id)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - id->changed_s) * NS_PER_S + now.tv_nsec - id->changed_ns;
}

struct brama_file_id brama_file_id_of(const struct stat *st)
{
    struct brama_file_id id = {.device = st->st_dev,
                               .inode = st->st_ino,
                               .bytes = (uint64_t)st->st_size,
                               .changed_s = st->st_ctim.tv_sec,
                               .changed_ns = st->st_ctim.tv_nsec};
    id.settled = age_ns(&id) > (id.changed_ns != 0 ? FINE_TICK_NS : COARSE_TICK_NS);
    return id;
}

bool brama_file_id_eq(const struct brama_file_id *a, const struct brama_file_id *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

/* Its id, or what is wrong with it. */
static bool is_to_be_read(const struct brama__reading *r, struct brama_file *f,
                          const struct stat *st)
{
    const struct brama_file *before =
        f->was != BRAMA_FILE_NEW ? &r->options->before->file[f->was] : NULL;
    f->problem = S_ISREG(st->st_mode)   ? BRAMA_NIL
                 : S_ISDIR(st->st_mode) ? BRAMA_STR("is a folder, and what is in it isn't read")
                                        : NOT_A_FILE;
    f->id = S_ISREG(st->st_mode) ? brama_file_id_of(st) : (struct brama_file_id){0};
    f->known = before != NULL && before->id.settled && brama_file_id_eq(&before->id, &f->id);
    return f->problem.n == 0 && !f->known;
}

/* How long a file has to lie still before it is whole. A lease on it is refused while somebody has
 * it open for writing (fcntl(2)). Who opens it while we have one waits until it is closed here; we
 * are told of him by a signal that nobody minds. */
static int64_t quiet_ns(int fd)
{
    (void)fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        return 0;
    return errno == EAGAIN ? WRITER_QUIET_NS : UNKNOWN_QUIET_NS;
}

/* id: from before its text was read. */
static bool is_half_written(int fd, const struct brama_file_id *id)
{
    struct stat st;
    int64_t quiet = quiet_ns(fd), age = age_ns(id);
    if (fstat(fd, &st) != 0)
        return true;
    struct brama_file_id now = brama_file_id_of(&st);
    /* A time to come is another clock's. */
    return !brama_file_id_eq(&now, id) || (age >= 0 && age < quiet);
}

/* Somebody may be writing it: it is looked at again whatever its id says. */
static void set_unfinished(struct brama__reading *r, struct brama_file *f)
{
    f->problem = BRAMA_STR("is being written");
    f->id.settled = false;
    f->unfinished = true;
    pthread_mutex_lock(&r->lock);
    r->out->unfinished = true;
    pthread_mutex_unlock(&r->lock);
}

/* The id is from before its text: a change on the way shows next time. */
static void read_file(struct looker *l, struct brama_file *f, int fd)
{
    const struct brama_files_options *o = l->r->options;
    enum brama_err err = read_fd(&l->scratch, fd, f->id.bytes);
    brama_str text = {l->scratch.p, l->scratch.n};
    l->was_read = true;
    if (err != BRAMA_OK) {
        f->problem = brama__file_problem(l->r, err);
        f->id.settled = err == BRAMA_ERR_TOO_BIG;
        return;
    }
    f->same = f->was != BRAMA_FILE_NEW && o->same != NULL && o->same(o->ctx, f->was, text);
    if (f->same)
        return;
    if (o->whole_only && is_half_written(fd, &f->id))
        set_unfinished(l->r, f);
    else
        f->text = keep_text(l->r, text);
}

static const char *name_of(const struct looker *l, const struct brama_file *f)
{
    return f->name.p + l->all->skip;
}

/* Without a name if it is gone; what a link leads to may be without it being so. */
static void set_unreadable(const struct looker *l, struct brama_file *f)
{
    struct stat st;
    f->id = (struct brama_file_id){0};
    f->problem = brama__file_problem(l->r, BRAMA_ERR_IO);
    if (fstatat(l->all->folder, name_of(l, f), &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        f->name = BRAMA_NIL;
}

/* Without waiting for a FIFO's writer; and where it is allowed, which is for the owner and root,
 * without a time of access to be written to the disk. */
static int open_file(struct looker *l, const struct brama_file *f)
{
    const char *name = name_of(l, f);
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(l->all->folder, name, flags | l->no_atime);
    if (fd >= 0 || errno != EPERM || l->no_atime == 0)
        return fd;
    l->no_atime = 0;
    return openat(l->all->folder, name, flags);
}

/* Of a file that is known the name is enough, one that must be read is quicker opened at once. */
static void look_at(struct looker *l, struct brama_file *f)
{
    struct stat st;
    int fd = l->was_read ? open_file(l, f) : -1;
    l->was_read = false;
    if (fd < 0) {
        if (fstatat(l->all->folder, name_of(l, f), &st, 0) == 0 && !is_to_be_read(l->r, f, &st))
            return;
        fd = open_file(l, f);
    }
    if (fd < 0 || fstat(fd, &st) != 0)
        set_unreadable(l, f);
    else if (is_to_be_read(l->r, f, &st))
        read_file(l, f, fd);
    if (fd >= 0)
        close(fd); /* and the lease is given back */
}

/* The next ones; false: there are none. */
static bool take_some(struct all *all, struct brama_file **begin, struct brama_file **end)
{
    const struct brama_files *out = all->r->out;
    pthread_mutex_lock(&all->r->lock);
    size_t first = all->next;
    all->next = out->count - first > SOME_FILES ? first + SOME_FILES : out->count;
    *begin = out->file + first;
    *end = out->file + all->next;
    pthread_mutex_unlock(&all->r->lock);
    return *begin != *end;
}

static void *look(void *ctx)
{
    struct all *all = ctx;
    struct looker l = {.all = all, .r = all->r, .no_atime = O_NOATIME};
    struct brama_file *f, *end;
    while (take_some(all, &f, &end))
        for (; f < end; f++)
            if (!f->known)
                look_at(&l, f);
    free(l.scratch.p);
    return NULL;
}

static void leave_out_gone(struct brama_files *out, size_t begin)
{
    size_t n = begin;
    for (size_t i = begin; i < out->count; i++)
        if (out->file[i].name.p != NULL)
            out->file[n++] = out->file[i];
    out->count = n;
}

void brama__files_look(struct brama__reading *r, size_t begin, int folder, size_t skip)
{
    struct all all = {r, folder, skip, begin};
    pthread_t thread;
    size_t count = 0;
    for (size_t i = begin; i < r->out->count; i++)
        count += !r->out->file[i].known;
    bool two = count >= TWO_THREADS && pthread_create(&thread, NULL, look, &all) == 0;
    look(&all);
    if (two)
        pthread_join(thread, NULL);
    leave_out_gone(r->out, begin);
}
