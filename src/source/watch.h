/* Has something about these roots changed? Told some 5 ms after the first sign, so that a burst is
 * told once. The signs are inotify's, of folders (for a file: the one it lies in), which name what
 * was touched, and of folders that links on the way lie in and lead to (links.h). And a look at
 * everything (look.h), each second and where a sign may be nothing, sees what inotify doesn't:
 * network file systems, a root that was away, lost events. Looks are made on a thread of libuv's
 * pool, and nothing that is known waits for one.
 */
#ifndef BRAMA_SOURCE_WATCH_H
#define BRAMA_SOURCE_WATCH_H

#include <uv.h>

#include "source/files.h"

/* touched: these names, and as far as is known nothing else; without a name, all of that root. It
 * is the watch's. NULL: anything.
 *
 * Who reads what he is told at once, and with it what he read before while it wasn't settled
 * (files.h), misses nothing: each change is told once more after the next look, within about a
 * second, and a file's by its name again after each look until the file is settled. Many at once,
 * a root that is another one and a link that leads elsewhere are told as anything.
 *
 * False: it couldn't be read. What is told next, after the next look at the latest, is anything. */
typedef bool brama_watch_changed(void *ctx, const struct brama_touched *touched, size_t count);

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
