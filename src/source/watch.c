#include "source/watch.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "source/links.h"
#include "source/look.h"

#define SETTLE_MS 5
#define TURN_MS 1 /* a link that turns leads to what was there before */
#define SOON_MS 20
#define SOON_ALL_MS 200
#define LOOK_MS 1000

struct root {
    uv_fs_event_t event;
    struct brama_watch *watch;
    size_t number;  /* among the caller's */
    ino_t folder;   /* that the event is on; 0: on none */
    bool is_folder; /* the root itself, not what it lies in */
    const char *path;
};

/* While a look is under way all of it is the thread's, and what isn't in it isn't. */
struct looker {
    uv_work_t work;
    char **paths; /* of the roots */
    size_t count;
    struct brama__look last;
    struct brama__news news; /* since then, by number of the path */
    struct brama__ways ways;
    bool follow; /* look for ways even if nothing differs */
    bool found;  /* ways is new */
};

struct brama_watch {
    uv_loop_t *loop;
    uv_timer_t settle, look;
    brama_watch_changed *changed;
    void *ctx;
    struct brama__news news; /* to be told */
    bool look_due;           /* when that is told */
    bool soon;               /* who is told wants to hear the same again */
    bool lost;               /* he couldn't read what he was told */
    bool by_name;            /* what is being told */
    bool looking, look_again;
    bool eventful; /* since the last look */
    struct looker looker;
    struct brama__links links;
    unsigned closing;
    size_t count;
    struct root *roots;
};

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

static void on_looked(uv_work_t *work, int status);

/* On its thread. */
static void look(uv_work_t *work)
{
    struct looker *l = &((struct brama_watch *)work->data)->looker;
    struct brama__look now;
    l->news.anything = l->found = false;
    l->news.count = 0;
    if (brama__look_take(&now, l->paths, l->count) != BRAMA_OK)
        return; /* the next one sees it */
    brama__look_compare(&l->news, &l->last, &now);
    brama__look_free(&l->last);
    l->last = now;
    l->found = l->follow || l->news.anything || l->news.count != 0;
    if (l->found)
        brama__ways_find(&l->ways, l->paths, l->count);
}

/* One at a time. What was done before it is asked for, it sees. */
static void ask_look(struct brama_watch *w)
{
    arm_all(w);
    if (w->looking) {
        w->look_again = true;
        return;
    }
    w->looker.follow = w->eventful;
    w->eventful = w->look_again = false;
    w->looking = uv_queue_work(w->loop, &w->looker.work, look, on_looked) == 0;
}

static bool are_names(const struct brama__news *news, size_t count)
{
    while (count != 0 && news->touched[count - 1].name.n != 0)
        count--;
    return count == 0;
}

/* What was told stays to be told. */
static void tell_names(struct brama_watch *w, size_t count)
{
    w->by_name = are_names(&w->news, count);
    w->lost = !w->changed(w->ctx, w->news.touched, count);
    w->by_name = false;
    if (w->soon)
        w->news.count = count;
}

static void tell(struct brama_watch *w)
{
    size_t count = w->news.count;
    bool anything = w->news.anything || (w->lost && count != 0);
    w->news.anything = w->soon = false;
    w->news.count = 0;
    if (anything) {
        arm_all(w);
        w->lost = !w->changed(w->ctx, NULL, 0);
    } else if (count != 0) {
        tell_names(w, count);
    }
}

/* Nobody waits for a look: what is known is told, and what it finds is told after it. */
static void on_settled(uv_timer_t *timer)
{
    struct brama_watch *w = timer->data;
    bool look = w->look_due && !w->news.anything;
    w->look_due = false;
    tell(w);
    if (look)
        ask_look(w);
}

static void notice(struct brama_watch *w)
{
    if (!uv_is_active((uv_handle_t *)&w->settle))
        uv_timer_start(&w->settle, on_settled, SETTLE_MS, 0);
}

/* Waits for no burst, and with none. */
static void notice_turn(struct brama_watch *w, size_t root)
{
    if (root == BRAMA__ROOTS)
        w->news.anything = true;
    else
        brama__news_add(&w->news, w->roots[root].number, BRAMA_STR(""));
    if (!uv_is_active((uv_handle_t *)&w->settle) || uv_timer_get_due_in(&w->settle) > TURN_MS)
        uv_timer_start(&w->settle, on_settled, TURN_MS, 0);
}

void brama_watch_soon(struct brama_watch *w)
{
    w->soon = true;
    w->news.anything |= !w->by_name;
    if (!uv_is_active((uv_handle_t *)&w->settle))
        uv_timer_start(&w->settle, on_settled, w->by_name ? SOON_MS : SOON_ALL_MS, 0);
}

static void on_link(void *ctx, bool turned, size_t root)
{
    struct brama_watch *w = ctx;
    w->eventful = true;
    if (turned) {
        notice_turn(w, root);
    } else {
        w->look_due = true;
        notice(w);
    }
}

static brama_str last_part(brama_str path)
{
    return brama_str_from(path, brama_str_find_last(path, '/') + 1);
}

/* What is said of the folder itself has its own name, or none: it may be gone, and one that comes
 * may get its inode. */
static bool is_folder_itself(const struct root *r, brama_str name)
{
    brama_str path = brama_str_c(r->path);
    if (!r->is_folder)
        path = brama_str_head(path, brama_str_find_last(path, '/'));
    return name.n == 0 || brama_str_eq(name, last_part(path));
}

/* Other names in a folder aren't read, and those that links lead through are told by links.h. */
static void on_event(uv_fs_event_t *event, const char *c_name, int events, int status)
{
    struct root *r = event->data;
    struct brama_watch *w = r->watch;
    brama_str name = brama_str_c(c_name != NULL ? c_name : "");
    bool itself = is_folder_itself(r, name);
    w->eventful = true;
    if (itself) {
        r->folder = 0;
        w->look_due = true;
    }
    if (status != 0 || name.n == 0 || (itself && (events & UV_RENAME) != 0) ||
        (!r->is_folder && brama_str_eq(name, last_part(brama_str_c(r->path)))))
        w->news.anything = true;
    else if (r->is_folder && brama_file_is_wanted(name))
        brama__news_add(&w->news, r->number, name);
    else if (!w->look_due)
        return;
    notice(w);
}

static void on_look(uv_timer_t *timer)
{
    struct brama_watch *w = timer->data;
    if (!w->looking)
        ask_look(w);
}

static void free_watch(struct brama_watch *w)
{
    struct looker *l = &w->looker;
    for (size_t i = 0; i < l->count; i++)
        free(l->paths[i]);
    free(l->paths);
    brama__look_free(&l->last);
    brama__ways_free(&l->ways);
    free(w->roots);
    free(w);
}

static void closed(struct brama_watch *w)
{
    if (--w->closing == 0)
        free_watch(w);
}

static void on_closed(uv_handle_t *handle)
{
    closed(handle->data);
}

static void on_root_closed(uv_handle_t *handle)
{
    const struct root *r = handle->data;
    closed(r->watch);
}

/* The work is over, or it was cancelled by who frees the watch. */
static void on_looked(uv_work_t *work, int status)
{
    struct brama_watch *w = work->data;
    struct looker *l = &w->looker;
    (void)status;
    w->looking = false;
    if (w->closing != 0) {
        closed(w);
        return;
    }
    if (l->found)
        brama__links_watch(&w->links, &l->ways);
    w->news.anything |= l->news.anything || w->lost;
    for (size_t i = 0; i < l->news.count; i++)
        brama__news_add(&w->news, w->roots[l->news.touched[i].root].number,
                        l->news.touched[i].name);
    if (!uv_is_active((uv_handle_t *)&w->settle))
        tell(w);
    if (w->look_again)
        ask_look(w);
}

void brama_watch_free(struct brama_watch *w)
{
    if (w == NULL)
        return;
    w->closing = (unsigned)w->count + 2 + BRAMA__LINKS_MAX + (w->looking ? 1 : 0);
    if (w->looking)
        uv_cancel((uv_req_t *)&w->looker.work);
    for (size_t i = 0; i < w->count; i++)
        uv_close((uv_handle_t *)&w->roots[i].event, on_root_closed);
    brama__links_close(&w->links, on_closed, w);
    uv_close((uv_handle_t *)&w->settle, on_closed);
    uv_close((uv_handle_t *)&w->look, on_closed);
}

static bool add_root(struct brama_watch *w, brama_str path, size_t number)
{
    struct root *r = &w->roots[w->count];
    char *copy = brama_str_dup(path);
    if (copy == NULL)
        return false;
    w->looker.paths[w->looker.count++] = copy;
    *r = (struct root){.watch = w, .number = number, .path = copy};
    if (uv_fs_event_init(w->loop, &r->event) != 0)
        return false;
    r->event.data = r;
    w->count++;
    arm(r);
    return true;
}

/* Nobody waits for anything yet, and what is read after it is nothing that it missed. */
static enum brama_err first_look(struct looker *l)
{
    brama__ways_find(&l->ways, l->paths, l->count);
    return brama__look_take(&l->last, l->paths, l->count);
}

enum brama_err brama_watch_new(struct brama_watch **out, uv_loop_t *loop, const brama_str *roots,
                               size_t root_count, brama_watch_changed *changed, void *ctx)
{
    *out = NULL;
    struct brama_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return BRAMA_ERR_NOMEM;
    *w = (struct brama_watch){.loop = loop, .changed = changed, .ctx = ctx};
    w->roots = calloc(root_count + 1, sizeof(*w->roots));
    w->looker.paths = calloc(root_count + 1, sizeof(*w->looker.paths));
    if (w->roots == NULL || w->looker.paths == NULL) {
        free_watch(w);
        return BRAMA_ERR_NOMEM;
    }
    uv_timer_init(loop, &w->settle);
    uv_timer_init(loop, &w->look);
    w->settle.data = w->look.data = w->looker.work.data = w;
    brama__links_init(&w->links, loop, on_link, w);
    bool ok = true;
    for (size_t i = 0; i < root_count && ok; i++)
        ok = brama_str_eq(roots[i], BRAMA_STR("-")) || add_root(w, roots[i], i);
    if (!ok || first_look(&w->looker) != BRAMA_OK) {
        brama_watch_free(w);
        return BRAMA_ERR_NOMEM;
    }
    brama__links_watch(&w->links, &w->looker.ways);
    uv_timer_start(&w->look, on_look, LOOK_MS, LOOK_MS);
    *out = w;
    return BRAMA_OK;
}
