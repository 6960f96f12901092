#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/files.h"
#include "source/links.h"

#define HOPS_MAX 8 /* links behind links */

static struct brama__way *way_of(struct brama__ways *ways, const char *folder)
{
    struct stat st;
    if (stat(folder, &st) != 0)
        return NULL;
    for (size_t i = 0; i < ways->count; i++) {
        struct brama__way *way = &ways->way[i];
        if (way->inode != st.st_ino || way->device != st.st_dev)
            continue;
        if (way->root != ways->root)
            way->root = BRAMA__ROOTS;
        return way;
    }
    char *path = ways->count < BRAMA__LINKS_MAX ? strdup(folder) : NULL;
    if (path == NULL)
        return NULL;
    struct brama__way *way = &ways->way[ways->count++];
    *way = (struct brama__way){
        .path = path, .device = st.st_dev, .inode = st.st_ino, .root = ways->root};
    return way;
}

/* The folder that path lies in, for its sake or for that of all in it. */
static void add(struct brama__ways *ways, const char *path, bool any)
{
    char copy[PATH_MAX];
    const char *slash = strrchr(path, '/');
    uint64_t name = brama_str_hash(brama_str_c(slash != NULL ? slash + 1 : path));
    snprintf(copy, sizeof(copy), "%s", path);
    struct brama__way *way = way_of(ways, dirname(copy));
    if (way == NULL)
        return;
    way->any |= any;
    for (size_t i = 0; i < way->turn_count; i++)
        any |= way->turn[i] == name;
    if (any)
        return;
    if (way->turn_count < BRAMA__TURNS_MAX)
        way->turn[way->turn_count++] = name;
    else
        way->any = true;
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

/* A way that goes on through something in the root itself: a link or a folder. */
static void add_in_root(struct brama__ways *ways, const char *way, brama_str root)
{
    brama_str rest = brama_str_from(brama_str_c(way), root.n);
    if (!brama_str_starts(brama_str_c(way), root) || rest.n == 0 || rest.p[0] != '/')
        return;
    size_t end = 1 + brama_str_find(brama_str_from(rest, 1), '/');
    char path[PATH_MAX];
    if (end == rest.n)
        return;
    snprintf(path, sizeof(path), "%.*s", (int)(root.n + end), way);
    add(ways, path, false);
}

/* root: none, or the folder that path is an entry of, which itself is told of. Other entries lead
 * to the same place by other names, so that of the last one of a way any matters. */
static void follow(struct brama__ways *ways, const char *path, brama_str root)
{
    char way[PATH_MAX], target[PATH_MAX], next[PATH_MAX];
    size_t end;
    int n = snprintf(way, sizeof(way), "%s", path), hops = 0;
    while (n > 0 && n < PATH_MAX && find_link(way, target, &end) && hops++ < HOPS_MAX) {
        char link[PATH_MAX];
        const char *rest = way + end;
        memcpy(link, way, end);
        link[end] = '\0';
        if (root.n == 0 || hops > 1)
            add(ways, link, root.n != 0 && rest[0] == '\0');
        n = target[0] == '/' ? snprintf(next, sizeof(next), "%s%s", target, rest)
                             : snprintf(next, sizeof(next), "%s/%s%s", dirname(link), target, rest);
        if (n > 0 && n < PATH_MAX)
            memcpy(way, next, (size_t)n + 1);
        if (root.n != 0)
            add_in_root(ways, way, root);
    }
    if (hops != 0)
        add(ways, way, root.n != 0);
}

/* Where the link of that name leads, without the last part; false: it is none, or not to be read.
 */
static bool place_of(brama_str *out, char target[PATH_MAX], int folder, const struct dirent *entry)
{
    if ((entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) ||
        !brama_file_is_wanted(brama_str_c(entry->d_name)))
        return false;
    ssize_t n = readlinkat(folder, entry->d_name, target, PATH_MAX);
    if (n <= 0)
        return false;
    *out = (brama_str){target, (size_t)n};
    size_t slash = brama_str_find_last(*out, '/');
    *out = brama_str_head(*out, slash < out->n ? slash + 1 : 0);
    return true;
}

/* folder: without links. */
static void follow_entries(struct brama__ways *ways, const char *folder)
{
    uint64_t seen[BRAMA__LINKS_MAX];
    size_t seen_count = 0;
    char target[PATH_MAX], path[PATH_MAX];
    brama_str place;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL && seen_count < BRAMA__LINKS_MAX;) {
        if (!place_of(&place, target, dirfd(dir), e))
            continue;
        uint64_t hash = brama_str_hash(place);
        size_t i = 0;
        while (i < seen_count && seen[i] != hash)
            i++;
        if (i < seen_count)
            continue;
        seen[seen_count++] = hash;
        int n = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (n > 0 && n < PATH_MAX)
            follow(ways, path, brama_str_c(folder));
    }
    closedir(dir);
}

void brama__ways_find(struct brama__ways *ways, char *const *paths, size_t count)
{
    ways->count = 0;
    for (size_t i = 0; i < count; i++) {
        ways->root = i;
        follow(ways, paths[i], BRAMA_NIL);
        char *folder = realpath(paths[i], NULL);
        if (folder != NULL)
            follow_entries(ways, folder);
        free(folder);
    }
}

void brama__ways_free(struct brama__ways *ways)
{
    for (size_t i = 0; i < ways->count; i++)
        free(ways->way[i].path);
    ways->count = 0;
}
