#include "source/links.h"

#include <stdlib.h>

static bool is_turn(const struct brama__way *way, brama_str name)
{
    uint64_t hash = brama_str_hash(name);
    for (size_t i = 0; i < way->turn_count; i++)
        if (way->turn[i] == hash)
            return true;
    return false;
}

/* What is said of the folder itself has its own name: it may be gone, and one that comes may get
 * its inode. */
static void on_event(uv_fs_event_t *event, const char *c_name, int events, int status)
{
    struct brama__links *links = event->data;
    struct brama__way *way = &((struct brama__link_folder *)event)->way;
    brama_str name = brama_str_c(c_name != NULL ? c_name : ""), path = brama_str_c(way->path);
    (void)events;
    bool itself = status != 0 || name.n == 0 ||
                  brama_str_eq(name, brama_str_from(path, brama_str_find_last(path, '/') + 1));
    if (itself)
        way->inode = 0;
    if (is_turn(way, name))
        links->told(links->ctx, true, way->root);
    else if (itself || way->any)
        links->told(links->ctx, false, way->root);
}

void brama__links_init(struct brama__links *links, uv_loop_t *loop, brama__links_told *told,
                       void *ctx)
{
    *links = (struct brama__links){.told = told, .ctx = ctx};
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++) {
        uv_fs_event_init(loop, &links->folder[i].event); /* on Unix it never fails */
        links->folder[i].event.data = links;
    }
}

void brama__links_close(struct brama__links *links, uv_close_cb on_closed, void *data)
{
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++) {
        free(links->folder[i].way.path);
        links->folder[i].event.data = data;
        uv_close((uv_handle_t *)&links->folder[i].event, on_closed);
    }
}

/* The same folder as before goes on being watched, perhaps for other names. Else it isn't any more.
 */
static void go_on(struct brama__link_folder *f, struct brama__ways *ways)
{
    struct brama__way *now = NULL;
    for (size_t i = 0; i < ways->count && f->way.inode != 0; i++)
        if (ways->way[i].inode == f->way.inode && ways->way[i].device == f->way.device)
            now = &ways->way[i];
    free(f->way.path);
    f->way = (struct brama__way){0};
    if (now == NULL) {
        uv_fs_event_stop(&f->event);
        return;
    }
    f->way = *now;
    *now = (struct brama__way){0};
}

void brama__links_watch(struct brama__links *links, struct brama__ways *ways)
{
    struct brama__link_folder *f = links->folder;
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++)
        go_on(&f[i], ways);
    for (size_t i = 0, next = 0; i < ways->count; i++) {
        if (ways->way[i].inode == 0)
            continue;
        while (f[next].way.inode != 0) /* there are as many folders as ways */
            next++;
        if (uv_fs_event_start(&f[next].event, on_event, ways->way[i].path, 0) != 0)
            continue;
        f[next].way = ways->way[i];
        ways->way[i].path = NULL;
    }
    brama__ways_free(ways);
}
