#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "source/file_read.h"

static bool has_room(struct brama__reading *r, size_t size)
{
    struct brama_files *out = r->out;
    if (size <= r->size)
        return true;
    struct brama_file *file = brama_arena_array(r->arena, size, sizeof(*file));
    if (file == NULL)
        return false;
    if (out->count != 0)
        memcpy(file, out->file, out->count * sizeof(*file));
    out->file = file;
    r->size = size;
    return true;
}

/* was: its number before. name: it ends in a NUL, and stays. */
static struct brama_file *add(struct brama__reading *r, brama_str name, size_t was)
{
    struct brama_files *out = r->out;
    if (name.p == NULL || (out->count == r->size && !has_room(r, r->size * 2 + 16)))
        return NULL;
    struct brama_file *f = &out->file[out->count++];
    *f = (struct brama_file){.name = name, .was = was};
    return f;
}

bool brama_file_is_wanted(brama_str name)
{
    return name.n != 0 && name.p[0] != '.' &&
           (brama_str_ends(name, BRAMA_STR(".yaml")) || brama_str_ends(name, BRAMA_STR(".yml")) ||
            brama_str_ends(name, BRAMA_STR(".json")));
}

static void add_broken(struct brama__reading *r, brama_str root, brama_str problem)
{
    struct brama_files *out = r->out;
    out->broken[out->broken_count++] =
        (struct brama_file){.name = brama_arena_copy(r->arena, root), .problem = problem};
}

/* A folder's entries that are wanted, as names of files to look at. */
struct names {
    brama_str *p;
    size_t n, size;
};

static bool add_name(struct brama__reading *r, struct names *names, brama_str name)
{
    if (!brama_file_is_wanted(name))
        return true;
    if (names->n == names->size) {
        size_t size = names->size * 2 + 16;
        brama_str *p = brama_arena_array(r->arena, size, sizeof(*p));
        if (p == NULL)
            return false;
        if (names->n != 0)
            memcpy(p, names->p, names->n * sizeof(*p));
        names->p = p;
        names->size = size;
    }
    names->p[names->n++] = name;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return brama_str_cmp(*(const brama_str *)a, *(const brama_str *)b);
}

/* Is it known by name what to look at? */
static bool has_names(const struct brama__reading *r, size_t root)
{
    const struct brama_files_options *o = r->options;
    bool some = o->before != NULL && o->before->root[root].is_folder && o->touched != NULL;
    for (size_t i = 0; some && i < o->touched_count; i++)
        some = o->touched[i].root != root || o->touched[i].name.n != 0;
    return some;
}

static bool find_touched(struct brama__reading *r, struct names *names, size_t root)
{
    const struct brama_files_options *o = r->options;
    bool done = true;
    for (size_t i = 0; done && i < o->touched_count; i++)
        done = o->touched[i].root != root || add_name(r, names, o->touched[i].name);
    return done;
}

static bool find_all(struct brama__reading *r, struct names *names, DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0;
        brama_str name = brama_str_c(entry->d_name);
        if (brama_file_is_wanted(name) && !add_name(r, names, brama_arena_copy(r->arena, name)))
            return false;
    }
}

/* As it was, unless that needs a look. */
static void keep(struct brama__reading *r, size_t was)
{
    const struct brama_file *before = &r->options->before->file[was];
    struct brama_file *f = add(r, before->name, was);
    if (f == NULL || !before->id.settled || before->problem.n != 0)
        return;
    f->id = before->id;
    f->known = true;
}

/* Files of these names (sorted; may name one twice), in order with those before, which stay if the
 * names are only some. prefix: of the folder. */
static void list(struct brama__reading *r, size_t root, brama_str prefix, const struct names *names,
                 bool some)
{
    const struct brama_files *before = r->options->before;
    bool again = before != NULL && before->root[root].is_folder;
    size_t at = again && root != 0 ? before->root[root - 1].end : 0;
    size_t end = again ? before->root[root].end : 0;
    for (size_t next = 0; at < end || next < names->n;) {
        brama_str name = next < names->n ? names->p[next] : BRAMA_NIL;
        brama_str old = at < end ? brama_str_from(before->file[at].name, prefix.n) : BRAMA_NIL;
        int d = old.n == 0 ? 1 : name.n == 0 ? -1 : brama_str_cmp(old, name);
        if (d < 0 && some)
            keep(r, at);
        if (d >= 0 && r->out->count < BRAMA_FILES_MAX)
            add(r, d == 0 ? before->file[at].name : BRAMA_JOIN(r->arena, prefix, name),
                d == 0 ? at : BRAMA_FILE_NEW);
        at += d <= 0;
        while (d >= 0 && next < names->n && brama_str_eq(names->p[next], name))
            next++;
    }
}

static void read_folder(struct brama__reading *r, size_t root, brama_str path)
{
    bool some = has_names(r, root);
    size_t begin = r->out->count;
    struct names names = {0};
    DIR *dir = opendir(path.p);
    if (dir == NULL || !(some ? find_touched(r, &names, root) : find_all(r, &names, dir))) {
        add_broken(r, path, brama__file_problem(r, BRAMA_ERR_IO));
    } else {
        brama_str slash = brama_str_ends(path, BRAMA_STR("/")) ? BRAMA_NIL : BRAMA_STR("/");
        brama_str prefix = BRAMA_JOIN(r->arena, path, slash);
        if (names.n != 0)
            qsort(names.p, names.n, sizeof(*names.p), by_text);
        list(r, root, prefix, &names, some);
        brama__files_look(r, begin, dirfd(dir), prefix.n);
        r->out->root[root].is_folder = true;
    }
    if (dir != NULL)
        closedir(dir);
}

static void read_stdin(struct brama__reading *r, size_t was)
{
    const struct brama_files_options *o = r->options;
    struct brama_file *f = add(r, BRAMA_STR("-"), was);
    if (f != NULL && o->stdin_text != NULL)
        f->text = *o->stdin_text;
    else if (f != NULL)
        f->problem = brama__file_problem(r, brama_files_stdin(&f->text, r->arena));
    if (f != NULL && was != BRAMA_FILE_NEW && o->same != NULL && o->same(o->ctx, was, f->text))
        f->same = true;
}

/* The number that a root that is no folder had. */
static size_t number_before(const struct brama__reading *r, size_t root)
{
    const struct brama_files *before = r->options->before;
    size_t begin = before != NULL && root != 0 ? before->root[root - 1].end : 0;
    bool was_file =
        before != NULL && !before->root[root].is_folder && before->root[root].end != begin;
    return was_file ? begin : BRAMA_FILE_NEW;
}

static void read_root(struct brama__reading *r, size_t root, brama_str name)
{
    size_t begin = r->out->count;
    struct stat st;
    if (brama_str_eq(name, BRAMA_STR("-"))) {
        read_stdin(r, number_before(r, root));
        return;
    }
    brama_str path = brama_arena_copy(r->arena, name);
    if (path.p == NULL)
        return;
    int error = stat(path.p, &st) == 0 ? 0 : errno;
    if (error == 0 && S_ISDIR(st.st_mode)) {
        read_folder(r, root, path);
        return;
    }
    if (error == 0 && add(r, path, number_before(r, root)) != NULL) {
        brama__files_look(r, begin, AT_FDCWD, 0);
        error = r->out->count == begin ? ENOENT : 0;
    }
    errno = error;
    if (error != 0)
        add_broken(r, path, brama__file_problem(r, BRAMA_ERR_IO));
}

enum brama_err brama_files_read(struct brama_files *out, struct brama_arena *arena,
                                const brama_str *roots, size_t root_count,
                                const struct brama_files_options *options)
{
    static const struct brama_files_options none = {0};
    struct brama__reading r = {.arena = arena,
                               .out = out,
                               .options = options != NULL ? options : &none,
                               .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct brama_files *before = r.options->before;
    *out = (struct brama_files){0};
    if (before != NULL && !has_room(&r, before->count + r.options->touched_count))
        return BRAMA_ERR_NOMEM;
    out->broken = brama_arena_array(arena, root_count, sizeof(*out->broken));
    out->root = brama_arena_array(arena, root_count, sizeof(*out->root));
    for (size_t i = 0; i < root_count && !brama_arena_failed(arena); i++) {
        read_root(&r, i, roots[i]);
        out->root[i].end = out->count;
    }
    return r.no_memory || brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}
