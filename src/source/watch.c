#include "source/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source/links.h"

#define SETTLE_MS 5
#define SOON_MS 20
#define SOON_ALL_MS 200
#define LOOK_MS 1000
#define TOUCHED_MAX 64 /* names; after more of them in one burst everything is looked at */

struct root {
    uv_fs_event_t event;
    struct brama_watch *watch;
    size_t number;  /* among the caller's */
    ino_t folder;   /* that the event is on; 0: on none */
    bool is_folder; /* the root itself, not what it lies in */
    char *path;
};

struct brama_watch {
    uv_loop_t *loop;
    uv_timer_t settle, look;
    brama_watch_changed *changed;
    void *ctx;
    uint64_t signature;
    bool anything;      /* something was done, nobody knows to what */
    bool links_touched; /* or to a folder that links lead through */
    bool beside;        /* or beside what is read */
    bool soon;          /* who is told wants to hear the same again */
    bool by_name;       /* what is being told */
    size_t touched_count;
    struct brama_touched touched[TOUCHED_MAX];
    char names[TOUCHED_MAX][NAME_MAX + 1]; /* of those */
    struct brama__links links;
    unsigned closing;
    size_t count;
    struct root *roots;
};

static uint64_t mix(uint64_t hash, const void *p, size_t n)
{
    return (hash ^ brama_str_hash((brama_str){p, n})) * 1099511628211u;
}

static uint64_t mix_stat(uint64_t hash, int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, 0) != 0)
        return hash * 31 + 1;
    if (S_ISDIR(st.st_mode)) /* what changes in it are its entries */
        st.st_size = st.st_ctim.tv_sec = st.st_ctim.tv_nsec = 0;
    /* Not the time of the text, which anybody may set back. */
    const uint64_t what[] = {(uint64_t)st.st_dev,          (uint64_t)st.st_ino,
                             (uint64_t)st.st_size,         (uint64_t)st.st_ctim.tv_sec,
                             (uint64_t)st.st_ctim.tv_nsec, (uint64_t)st.st_mode};
    return mix(hash, what, sizeof(what));
}

/* Entries are summed up: readdir() has no order. */
static uint64_t look_at(const char *path)
{
    uint64_t hash = mix_stat(0, AT_FDCWD, path), sum = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return hash;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] != '.')
            sum += mix_stat(mix(0, e->d_name, strlen(e->d_name)), dirfd(dir), e->d_name);
    }
    closedir(dir);
    return hash ^ sum;
}

static uint64_t look_at_all(const struct brama_watch *w)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < w->count; i++)
        hash = hash * 31 + look_at(w->roots[i].path);
    return hash;
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status);

/* A root may go and come back as another folder: then its inode differs. */
static void arm(struct root *r)
{
    struct stat st;
    char *copy = strdup(r->path);
    if (copy == NULL)
        return;
    const char *folder = copy;
    bool found = stat(copy, &st) == 0;
    r->is_folder = found && S_ISDIR(st.st_mode);
    if (!r->is_folder) {
        folder = dirname(copy);
        found = stat(folder, &st) == 0;
    }
    ino_t now = found ? st.st_ino : 0;
    if (now != r->folder) {
        uv_fs_event_stop(&r->event);
        r->folder = now != 0 && uv_fs_event_start(&r->event, on_event, folder, 0) == 0 ? now : 0;
    }
    free(copy);
}

static void arm_all(struct brama_watch *w)
{
    for (size_t i = 0; i < w->count; i++)
        arm(&w->roots[i]);
}

static void follow_links(struct brama_watch *w)
{
    brama__links_begin(&w->links);
    for (size_t i = 0; i < w->count; i++) {
        brama__links_follow(&w->links, w->roots[i].path);
        if (w->roots[i].is_folder)
            brama__links_follow_entries(&w->links, w->roots[i].path);
    }
    brama__links_end(&w->links);
}

/* What was told stays to be told. */
static void tell_names(struct brama_watch *w, size_t count)
{
    w->by_name = true;
    w->changed(w->ctx, w->touched, count);
    w->by_name = false;
    if (w->soon)
        w->touched_count = count;
}

/* What is known by name first: that is quick. It makes the signature an old one, so that the next
 * look tells it as anything; what was done beside it at the same time can wait for that. */
static void on_settled(uv_timer_t *timer)
{
    struct brama_watch *w = timer->data;
    size_t count = w->touched_count;
    bool anything = w->anything, look = anything || w->links_touched || (w->beside && count == 0);
    w->anything = w->links_touched = w->beside = w->soon = false;
    w->touched_count = 0;
    if (!anything && count != 0)
        tell_names(w, count);
    if (!look)
        return;
    arm_all(w);
    uint64_t now = look_at_all(w);
    bool tell = anything || now != w->signature;
    w->signature = now;
    if (!tell)
        return;
    w->changed(w->ctx, NULL, 0);
    follow_links(w);
}

static void notice(struct brama_watch *w)
{
    if (!uv_is_active((uv_handle_t *)&w->settle))
        uv_timer_start(&w->settle, on_settled, SETTLE_MS, 0);
}

void brama_watch_soon(struct brama_watch *w)
{
    w->soon = true;
    w->anything |= !w->by_name;
    if (!uv_is_active((uv_handle_t *)&w->settle))
        uv_timer_start(&w->settle, on_settled, w->by_name ? SOON_MS : SOON_ALL_MS, 0);
}

static void touch(struct root *r, brama_str name)
{
    struct brama_watch *w = r->watch;
    for (size_t i = 0; i < w->touched_count; i++)
        if (w->touched[i].root == r->number && brama_str_eq(w->touched[i].name, name))
            return;
    if (w->touched_count == TOUCHED_MAX || name.n > NAME_MAX) {
        w->anything = true;
        return;
    }
    char *copy = w->names[w->touched_count];
    memcpy(copy, name.p, name.n);
    copy[name.n] = '\0';
    w->touched[w->touched_count++] = (struct brama_touched){r->number, {copy, name.n}};
}

static void on_link(void *ctx)
{
    struct brama_watch *w = ctx;
    w->links_touched = true;
    notice(w);
}

/* What is said of the folder itself has its own name, or none: it may be gone, and one that comes
 * may get its inode. */
static bool is_folder_itself(const struct root *r, brama_str name)
{
    brama_str path = brama_str_c(r->path);
    if (!r->is_folder)
        path = brama_str_head(path, brama_str_find_last(path, '/'));
    return name.n == 0 ||
           brama_str_eq(name, brama_str_from(path, brama_str_find_last(path, '/') + 1));
}

/* An editor's own files and what mounted names lead through aren't read themselves. */
static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct root *r = event->data;
    struct brama_watch *w = r->watch;
    brama_str what = brama_str_c(name != NULL ? name : "");
    (void)events;
    if (is_folder_itself(r, what))
        r->folder = 0;
    if (status != 0 || what.n == 0 || (!r->is_folder && what.p[0] != '.'))
        w->anything = true;
    else if (brama_file_is_wanted(what))
        touch(r, what);
    else if (brama_str_starts(what, BRAMA_STR("..")))
        w->links_touched = true;
    else
        w->beside = true;
    notice(w);
}

static void on_look(uv_timer_t *timer)
{
    struct brama_watch *w = timer->data;
    arm_all(w);
    if (look_at_all(w) == w->signature)
        return;
    w->anything = true;
    notice(w);
}

static void on_closed(uv_handle_t *handle)
{
    struct brama_watch *w = handle->data;
    if (--w->closing != 0)
        return;
    for (size_t i = 0; i < w->count; i++)
        free(w->roots[i].path);
    free(w->roots);
    free(w);
}

static void on_root_closed(uv_handle_t *handle)
{
    struct root *r = handle->data;
    handle->data = r->watch;
    on_closed(handle);
}

void brama_watch_free(struct brama_watch *w)
{
    if (w == NULL)
        return;
    w->closing = (unsigned)w->count + 2 + BRAMA__LINKS_MAX;
    for (size_t i = 0; i < w->count; i++)
        uv_close((uv_handle_t *)&w->roots[i].event, on_root_closed);
    brama__links_close(&w->links, on_closed, w);
    uv_close((uv_handle_t *)&w->settle, on_closed);
    uv_close((uv_handle_t *)&w->look, on_closed);
}

enum brama_err brama_watch_new(struct brama_watch **out, uv_loop_t *loop, const brama_str *roots,
                               size_t root_count, brama_watch_changed *changed, void *ctx)
{
    *out = NULL;
    struct brama_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return BRAMA_ERR_NOMEM;
    w->roots = calloc(root_count != 0 ? root_count : 1, sizeof(*w->roots));
    if (w->roots == NULL) {
        free(w);
        return BRAMA_ERR_NOMEM;
    }
    w->loop = loop;
    w->changed = changed;
    w->ctx = ctx;
    uv_timer_init(loop, &w->settle);
    uv_timer_init(loop, &w->look);
    w->settle.data = w->look.data = w;
    brama__links_init(&w->links, loop, on_link, w);
    for (size_t i = 0; i < root_count; i++) {
        struct root *r = &w->roots[w->count];
        if (brama_str_eq(roots[i], BRAMA_STR("-")))
            continue;
        r->path = strndup(roots[i].p, roots[i].n);
        if (r->path == NULL || uv_fs_event_init(loop, &r->event) != 0) {
            free(r->path);
            brama_watch_free(w);
            return BRAMA_ERR_NOMEM;
        }
        r->watch = w;
        r->number = i;
        r->event.data = r;
        w->count++;
        arm(r);
    }
    follow_links(w);
    w->signature = look_at_all(w);
    uv_timer_start(&w->look, on_look, LOOK_MS, LOOK_MS);
    *out = w;
    return BRAMA_OK;
}
