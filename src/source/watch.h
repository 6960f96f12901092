/* Has something about these roots changed? Told some 5 ms after the first sign, so that a burst is
 * told once. inotify on folders (for a file: the one it lies in), which names what was touched, and
 * on those that links on the way lie in and lead to (links.h); and a look at everything each
 * second, which sees what inotify doesn't: network file systems, a root that was away, lost events.
 */
#ifndef BRAMA_SOURCE_WATCH_H
#define BRAMA_SOURCE_WATCH_H

#include <uv.h>

#include "source/files.h"

/* touched: these names, and as far as is known nothing else; it is the watch's. NULL: anything.
 * Each change is told as anything once more, within about a second. */
typedef void brama_watch_changed(void *ctx, const struct brama_touched *touched, size_t count);

struct brama_watch;
/* roots: files or folders, there or not; "-" is left out. Copied. */
BRAMA_MUST_USE enum brama_err brama_watch_new(struct brama_watch **out, uv_loop_t *loop,
                                              const brama_str *roots, size_t root_count,
                                              brama_watch_changed *changed, void *ctx);
/* By who is told: the same is told again in a moment, since somebody is still writing. By anybody
 * else: anything is. */
void brama_watch_soon(struct brama_watch *watch);
/* The loop must turn once more. */
void brama_watch_free(struct brama_watch *watch);

#endif
