/* Folders beside the roots of a watch: those that hold a link on the way to what is read, and those
 * that such links lead to. What is done there is done to what is read, and inotify tells it only of
 * the folder itself.
 *
 *     brama__links_init(&links, loop, on_event, ctx);
 *     brama__links_begin(&links);
 *     brama__links_follow(&links, "/etc/rules");          // each root
 *     brama__links_follow_entries(&links, "/etc/rules");  // and each link in one that is a folder
 *     brama__links_end(&links);                      // the others aren't watched any more
 *
 * At most BRAMA__LINKS_MAX folders; what lies behind more of them shows at the next look.
 */
#ifndef BRAMA_SOURCE_LINKS_H
#define BRAMA_SOURCE_LINKS_H

#include <uv.h>

#include "base/str.h"

#define BRAMA__LINKS_MAX 64

struct brama__link_folder {
    uv_fs_event_t event; /* the first member: it leads back here */
    dev_t device;
    ino_t inode;   /* 0: on none */
    uint64_t name; /* hash of the one that matters in it; 0: several do */
    bool wanted;
};

typedef void brama__links_told(void *ctx);

struct brama__links {
    brama__links_told *told;
    void *ctx;
    struct brama__link_folder folder[BRAMA__LINKS_MAX];
};

void brama__links_init(struct brama__links *links, uv_loop_t *loop, brama__links_told *told,
                       void *ctx);
void brama__links_begin(struct brama__links *links);
/* path: of a file or folder, there or not. Links in it are followed to the end. */
void brama__links_follow(struct brama__links *links, const char *path);
/* Names that a folder is read for; of those that lead to one place, one is followed. */
void brama__links_follow_entries(struct brama__links *links, const char *folder);
void brama__links_end(struct brama__links *links);
/* on_closed: called for each of BRAMA__LINKS_MAX handles, whose data is data then. */
void brama__links_close(struct brama__links *links, uv_close_cb on_closed, void *data);

#endif
