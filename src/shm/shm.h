/* Pages that processes share through a file, mapped so that the file can't end anybody. A page that
 * can't be had (the file was cut under the mapping, its disk is full or broken) is SIGBUS; here it
 * becomes memory of our own instead, all zero, and the owner is told when he asks.
 *
 *     const struct brama_control *control = brama_shm_map(fd, sizeof(*control), PROT_READ);
 *     ... read it: zeros are "nothing" to all that is kept in such pages ...
 *     if (brama_shm_lost(control)) map it anew;
 *     brama_shm_unmap(control, sizeof(*control));
 *
 * For pages whose zeros are harmless, and for those alone: policy and facts aren't mapped.
 */
#ifndef BRAMA_SHM_SHM_H
#define BRAMA_SHM_SHM_H

#include <sys/mman.h>

#include "base/def.h"

/* At a time. A worker has four, and for each question at the admin listener those of all workers
 * that it reads meanwhile. */
#define BRAMA_SHM_MAX 2048

/* The first bytes of a regular file, shared; of one thread. prot: as mmap's.
 * NULL: the file is shorter, it can't be had, or there are BRAMA_SHM_MAX already. SIGBUS is taken
 * over; what isn't about such a page goes where it went before. */
void *brama_shm_map(int fd, size_t bytes, int prot);
/* p: of brama_shm_map(), or NULL. */
void brama_shm_unmap(const void *p, size_t bytes);
/* Has memory of our own taken its place? NULL: no. */
bool brama_shm_lost(const void *p);
/* Is fd still a file with a name and of that size, and p, mapped from it, not lost? */
bool brama_shm_whole(int fd, const void *p, size_t bytes);

#endif
