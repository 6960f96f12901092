#include "source/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define CHUNK_BYTES 65536
#define NS_PER_S INT64_C(1000000000)
/* Two changes within a tick of the file system's clock have the same time: a few ms where it counts
 * parts of a second at all, else up to two seconds. */
#define FINE_TICK_NS (NS_PER_S / 10)
#define COARSE_TICK_NS (2 * NS_PER_S)
/* Nothing was written for so long: it is as it is meant to be. */
#define WRITER_QUIET_NS (2 * NS_PER_S)
#define UNKNOWN_QUIET_NS (NS_PER_S / 50)

struct reading {
    struct brama_arena *arena;
    struct brama_files *out;
    size_t size; /* of out->file */
    const struct brama_files_options *options;
    bool no_memory; /* beside the arena's: nothing that a file can be blamed for */
};

/* name: copied. */
static struct brama_file *add(struct reading *r, brama_str name)
{
    struct brama_files *out = r->out;
    if (out->count == r->size) {
        size_t size = r->size != 0 ? r->size * 2 : 16;
        struct brama_file *file = brama_arena_array(r->arena, size, sizeof(*file));
        if (file == NULL)
            return NULL;
        if (out->count != 0)
            memcpy(file, out->file, out->count * sizeof(*file));
        out->file = file;
        r->size = size;
    }
    struct brama_file *f = &out->file[out->count];
    *f = (struct brama_file){.name = brama_arena_copy(r->arena, name)};
    if (f->name.p == NULL)
        return NULL;
    out->count++;
    return f;
}

static enum brama_err read_fd(brama_str *out, struct brama_arena *arena, int fd)
{
    struct brama_buf buf;
    enum brama_err err = BRAMA_OK;
    brama_buf_init(&buf, NULL, BRAMA_FILE_MAX);
    for (;;) {
        char chunk[CHUNK_BYTES];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = BRAMA_ERR_IO;
        if (n <= 0)
            break;
        brama_buf_add(&buf, (brama_str){chunk, (size_t)n});
        err = brama_buf_err(&buf);
        if (err != BRAMA_OK)
            break;
    }
    int error = errno;
    if (err == BRAMA_OK) {
        *out = brama_arena_copy(arena, brama_buf_str(&buf));
        err = brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
    }
    brama_buf_deinit(&buf);
    errno = error;
    return err;
}

enum brama_err brama_files_stdin(brama_str *out, struct brama_arena *arena)
{
    *out = BRAMA_NIL;
    return read_fd(out, arena, STDIN_FILENO);
}

static brama_str problem_of(struct reading *r, enum brama_err err)
{
    if (err == BRAMA_OK)
        return BRAMA_NIL;
    if (err == BRAMA_ERR_NOMEM || (err == BRAMA_ERR_IO && errno == ENOMEM))
        r->no_memory = true;
    if (err == BRAMA_ERR_TOO_BIG)
        return brama_arena_printf(r->arena, "has more than %zu bytes", BRAMA_FILE_MAX);
    if (err == BRAMA_ERR_IO)
        return brama_arena_copy(r->arena, brama_str_c(strerror(errno)));
    return brama_arena_copy(r->arena, brama_str_c(brama_err_text(err)));
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

static bool is_known(const struct reading *r, struct brama_file *f, const struct stat *st)
{
    f->id = brama_file_id_of(st);
    f->known = r->options->known != NULL && r->options->known(r->options->ctx, f->name, &f->id);
    return f->known;
}

/* How long a file has to lie still before it is whole. A lease on it is refused while somebody has
 * it open for writing (fcntl(2)). Who opens it in the moment in which we have one is told of us, by
 * a signal that nobody minds, and goes on. */
static int64_t quiet_ns(int fd)
{
    (void)fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
        return 0;
    }
    return errno == EAGAIN ? WRITER_QUIET_NS : UNKNOWN_QUIET_NS;
}

/* id: from before its text was read. */
static bool is_half_written(int fd, const struct brama_file_id *id)
{
    struct stat st;
    int64_t quiet = quiet_ns(fd), age = age_ns(id);
    if (fstat(fd, &st) != 0)
        return false;
    struct brama_file_id now = brama_file_id_of(&st);
    /* A time to come is another clock's. */
    return !brama_file_id_eq(&now, id) || (age >= 0 && age < quiet);
}

/* Somebody may be writing it: it is looked at again whatever its id says. */
static void set_unfinished(struct reading *r, struct brama_file *f)
{
    f->text = BRAMA_NIL;
    f->problem = BRAMA_STR("is being written");
    f->id.settled = false;
    f->unfinished = r->out->unfinished = true;
}

/* Without waiting for a FIFO's writer. st: what its name led to just now, if that was a file. */
static void read_file(struct reading *r, struct brama_file *f, const struct stat *st)
{
    struct stat now;
    if (st != NULL && S_ISREG(st->st_mode) && is_known(r, f, st))
        return;
    int fd = open(f->name.p, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &now) != 0) {
        f->id = (struct brama_file_id){0};
        f->problem = problem_of(r, BRAMA_ERR_IO);
    } else if (!S_ISREG(now.st_mode)) {
        f->problem = BRAMA_STR("neither a regular file nor a folder");
    } else {
        f->id =
            brama_file_id_of(&now); /* from before its text: a change on the way shows next time */
        f->problem = problem_of(r, read_fd(&f->text, r->arena, fd));
        if (f->problem.n == 0 && r->options->whole_only && is_half_written(fd, &f->id))
            set_unfinished(r, f);
    }
    if (fd >= 0)
        close(fd);
}

bool brama_file_is_wanted(brama_str name)
{
    return name.n != 0 && name.p[0] != '.' &&
           (brama_str_ends(name, BRAMA_STR(".yaml")) || brama_str_ends(name, BRAMA_STR(".yml")) ||
            brama_str_ends(name, BRAMA_STR(".json")));
}

static int is_wanted(const struct dirent *entry)
{
    return brama_file_is_wanted(brama_str_c(entry->d_name));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort() would go by the locale */
}

static void add_broken(struct reading *r, brama_str root, brama_str problem)
{
    struct brama_files *out = r->out;
    out->broken[out->broken_count++] =
        (struct brama_file){.name = brama_arena_copy(r->arena, root), .problem = problem};
}

/* An entry of a folder. One that is a folder itself may stand where a file was. */
static void read_entry(struct reading *r, brama_str root, brama_str name)
{
    const char *slash = brama_str_ends(root, BRAMA_STR("/")) ? "" : "/";
    brama_str path =
        brama_arena_printf(r->arena, "%.*s%s%.*s", BRAMA_FMT(root), slash, BRAMA_FMT(name));
    struct stat st;
    bool there = path.p != NULL && stat(path.p, &st) == 0;
    struct brama_file *f = path.p != NULL && r->out->count < BRAMA_FILES_MAX ? add(r, path) : NULL;
    if (f != NULL && there && S_ISDIR(st.st_mode))
        f->problem = BRAMA_STR("is a folder, and what is in it isn't read");
    else if (f != NULL)
        read_file(r, f, there ? &st : NULL);
}

static void read_folder(struct reading *r, brama_str root)
{
    struct dirent **entries;
    int n = scandir(root.p, &entries, is_wanted, by_name);
    if (n < 0) {
        add_broken(r, root, problem_of(r, BRAMA_ERR_IO));
        return;
    }
    for (int i = 0; i < n; i++) {
        read_entry(r, root, brama_str_c(entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
}

static brama_str name_in_folder(const struct brama_file *f)
{
    return brama_str_from(f->name, brama_str_find_last(f->name, '/') + 1);
}

static int by_text(const void *a, const void *b)
{
    return brama_str_cmp(*(const brama_str *)a, *(const brama_str *)b);
}

/* What of this root is touched and wanted, sorted; may name one twice. */
static brama_str *touched_names(const struct reading *r, size_t root, size_t *count)
{
    const struct brama_files_options *o = r->options;
    brama_str *names = brama_arena_array(r->arena, o->touched_count + 1, sizeof(*names));
    *count = 0;
    for (size_t i = 0; names != NULL && i < o->touched_count; i++)
        if (o->touched[i].root == root && brama_file_is_wanted(o->touched[i].name))
            names[(*count)++] = o->touched[i].name;
    if (*count != 0)
        qsort(names, *count, sizeof(*names), by_text);
    return names;
}

/* The entry of that name, if there is one. */
static void read_named(struct reading *r, brama_str root, int folder, brama_str name)
{
    char c_name[NAME_MAX + 1];
    struct stat st;
    if (name.n > NAME_MAX)
        return;
    memcpy(c_name, name.p, name.n);
    c_name[name.n] = '\0';
    if (fstatat(folder, c_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        read_entry(r, root, name);
}

static void keep(struct reading *r, brama_str root, int folder, const struct brama_file *before)
{
    if (!before->id.settled || before->problem.n != 0) {
        read_named(r, root, folder, name_in_folder(before));
        return;
    }
    struct brama_file *f = add(r, before->name);
    if (f == NULL)
        return;
    f->id = before->id;
    f->known = true;
}

/* As it was read before, but for what is touched. */
static void read_folder_again(struct reading *r, size_t root, brama_str path)
{
    const struct brama_files *before = r->options->before;
    size_t at = root != 0 ? before->root[root - 1].end : 0, end = before->root[root].end;
    size_t count, next = 0;
    const brama_str *names = touched_names(r, root, &count);
    int folder = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (folder >= 0 && (at < end || next < count)) {
        int d = at == end       ? 1
                : next == count ? -1
                                : brama_str_cmp(name_in_folder(&before->file[at]), names[next]);
        if (d < 0) {
            keep(r, path, folder, &before->file[at++]);
            continue;
        }
        read_named(r, path, folder, names[next]);
        for (size_t i = next; next < count && brama_str_eq(names[next], names[i]);)
            next++;
        at += d == 0;
    }
    if (folder < 0)
        add_broken(r, path, problem_of(r, BRAMA_ERR_IO));
    else
        close(folder);
}

static void read_root(struct reading *r, size_t number, brama_str root)
{
    const struct brama_files *before = r->options->before;
    struct stat st;
    if (brama_str_eq(root, BRAMA_STR("-"))) {
        struct brama_file *f = add(r, BRAMA_STR("-"));
        if (f != NULL && r->options->stdin_text != NULL)
            f->text = *r->options->stdin_text;
        else if (f != NULL)
            f->problem = problem_of(r, brama_files_stdin(&f->text, r->arena));
        return;
    }
    brama_str path = brama_arena_copy(r->arena, root);
    if (path.p == NULL)
        return;
    if (stat(path.p, &st) != 0) {
        add_broken(r, root, problem_of(r, BRAMA_ERR_IO));
    } else if (S_ISDIR(st.st_mode)) {
        size_t broken = r->out->broken_count;
        if (before != NULL && before->root[number].is_folder)
            read_folder_again(r, number, path);
        else
            read_folder(r, path);
        r->out->root[number].is_folder = broken == r->out->broken_count;
    } else {
        struct brama_file *f = add(r, root);
        if (f != NULL)
            read_file(r, f, &st);
    }
}

enum brama_err brama_files_read(struct brama_files *out, struct brama_arena *arena,
                                const brama_str *roots, size_t root_count,
                                const struct brama_files_options *options)
{
    static const struct brama_files_options none = {0};
    struct reading r = {.arena = arena, .out = out, .options = options != NULL ? options : &none};
    *out = (struct brama_files){0};
    out->broken = brama_arena_array(arena, root_count, sizeof(*out->broken));
    out->root = brama_arena_array(arena, root_count, sizeof(*out->root));
    for (size_t i = 0; i < root_count && !brama_arena_failed(arena); i++) {
        read_root(&r, i, roots[i]);
        out->root[i].end = out->count;
    }
    return r.no_memory || brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}
