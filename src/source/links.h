/* Links on the way to what is read. What is done to one of them is done to all that it leads to,
 * and inotify tells it only of the folder that it lies in.
 *
 *     struct brama__ways ways;
 *     brama__ways_find(&ways, paths, count);     // only reads the file system: on any thread
 *
 *     brama__links_init(&links, loop, told, ctx);
 *     brama__links_watch(&links, &ways);         // their folders, and those of before not any more
 *
 * At most BRAMA__LINKS_MAX folders; what lies behind more of them shows at the next look.
 */
#ifndef BRAMA_SOURCE_LINKS_H
#define BRAMA_SOURCE_LINKS_H

#include <uv.h>

#include "base/str.h"

#define BRAMA__LINKS_MAX 64
#define BRAMA__TURNS_MAX 4
#define BRAMA__ROOTS SIZE_MAX

/* A folder that isn't read for its own sake. */
struct brama__way {
    char *path;
    dev_t device;
    ino_t inode; /* 0: none */
    /* Names in it that ways lead through, hashed: with another one in its place all behind it is
     * another. */
    uint64_t turn[BRAMA__TURNS_MAX];
    size_t turn_count;
    size_t root; /* number of the path whose way it is; BRAMA__ROOTS: of several */
    bool any;    /* links lead to what lies in it, or to more names than these */
};

struct brama__ways {
    struct brama__way way[BRAMA__LINKS_MAX];
    size_t count;
    size_t root; /* whose are looked for */
};

/* paths: of files or folders, there or not. Links in them are followed to the end, and those that a
 * folder is read for: of those that lead to one place, one is. */
void brama__ways_find(struct brama__ways *ways, char *const *paths, size_t count);
void brama__ways_free(struct brama__ways *ways);

/* turned: one of the names that ways of this root lead through; else it may be nothing. */
typedef void brama__links_told(void *ctx, bool turned, size_t root);

struct brama__link_folder {
    uv_fs_event_t event; /* the first member: it leads back here */
    struct brama__way way;
};

struct brama__links {
    brama__links_told *told;
    void *ctx;
    struct brama__link_folder folder[BRAMA__LINKS_MAX];
};

void brama__links_init(struct brama__links *links, uv_loop_t *loop, brama__links_told *told,
                       void *ctx);
/* Empties ways. */
void brama__links_watch(struct brama__links *links, struct brama__ways *ways);
/* on_closed: called for each of BRAMA__LINKS_MAX handles, whose data is data then. */
void brama__links_close(struct brama__links *links, uv_close_cb on_closed, void *data);

#endif
