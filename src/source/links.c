#include "source/links.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/files.h"

#define HOPS_MAX 8 /* links behind links */

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct brama__links *links = event->data;
    const struct brama__link_folder *f = (const struct brama__link_folder *)event;
    (void)events;
    if (status != 0 || name == NULL || f->name == 0 || f->name == brama_str_hash(brama_str_c(name)))
        links->told(links->ctx);
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
        links->folder[i].event.data = data;
        uv_close((uv_handle_t *)&links->folder[i].event, on_closed);
    }
}

void brama__links_begin(struct brama__links *links)
{
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++)
        links->folder[i].wanted = false;
}

void brama__links_end(struct brama__links *links)
{
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++) {
        struct brama__link_folder *f = &links->folder[i];
        if (f->inode == 0 || f->wanted)
            continue;
        uv_fs_event_stop(&f->event);
        f->inode = 0;
    }
}

/* The folder that path lies in, for its sake, or for that of all in it. */
static void watch_folder_of(struct brama__links *links, const char *path, bool all)
{
    char copy[PATH_MAX];
    struct brama__link_folder *spare = NULL;
    struct stat st;
    const char *slash = strrchr(path, '/');
    uint64_t name = all ? 0 : brama_str_hash(brama_str_c(slash != NULL ? slash + 1 : path));

    snprintf(copy, sizeof(copy), "%s", path);
    const char *folder = dirname(copy);
    if (stat(folder, &st) != 0)
        return;
    for (size_t i = 0; i < BRAMA__LINKS_MAX; i++) {
        struct brama__link_folder *f = &links->folder[i];
        if (f->inode == 0 && spare == NULL)
            spare = f;
        if (f->inode != st.st_ino || f->device != st.st_dev)
            continue;
        f->name = !f->wanted || f->name == name ? name : 0;
        f->wanted = true;
        return;
    }
    if (spare == NULL || uv_fs_event_start(&spare->event, on_event, folder, 0) != 0)
        return;
    spare->device = st.st_dev;
    spare->inode = st.st_ino;
    spare->name = name;
    spare->wanted = true;
}

/* The first link on the way, its length in *end. False: there is none. */
static bool find_link(const char *path, char target[PATH_MAX], size_t *end)
{
    char prefix[PATH_MAX];
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        ssize_t n = readlink(prefix, target, PATH_MAX - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        *end = i;
        return true;
    }
    return false;
}

static void follow(struct brama__links *links, const char *path, bool all)
{
    char way[PATH_MAX], target[PATH_MAX], next[PATH_MAX];
    size_t end;
    int n = snprintf(way, sizeof(way), "%s", path), hops = 0;
    while (n > 0 && n < PATH_MAX && find_link(way, target, &end) && hops++ < HOPS_MAX) {
        char folder[PATH_MAX];
        const char *rest = way + end;
        memcpy(folder, way, end);
        folder[end] = '\0';
        watch_folder_of(links, folder, all);
        n = target[0] == '/'
                ? snprintf(next, sizeof(next), "%s%s", target, rest)
                : snprintf(next, sizeof(next), "%s/%s%s", dirname(folder), target, rest);
        if (n > 0 && n < PATH_MAX)
            memcpy(way, next, (size_t)n + 1);
    }
    if (hops != 0)
        watch_folder_of(links, way, all);
}

void brama__links_follow(struct brama__links *links, const char *path)
{
    follow(links, path, false);
}

/* Where the link of that name leads, without the last part; false: it is none, or not to be read.
 */
static bool place_of(char out[PATH_MAX], int folder, const struct dirent *entry)
{
    if ((entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) ||
        !brama_file_is_wanted(brama_str_c(entry->d_name)))
        return false;
    ssize_t n = readlinkat(folder, entry->d_name, out, PATH_MAX - 1);
    if (n <= 0)
        return false;
    out[n] = '\0';
    dirname(out);
    return true;
}

void brama__links_follow_entries(struct brama__links *links, const char *folder)
{
    char place[PATH_MAX], last[PATH_MAX] = "", path[PATH_MAX];
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!place_of(place, dirfd(dir), e) || strcmp(place, last) == 0)
            continue;
        memcpy(last, place, sizeof(last));
        int n = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (n > 0 && n < PATH_MAX)
            follow(links, path, true);
    }
    closedir(dir);
}
