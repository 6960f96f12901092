/* Looking at the files of a reading: which are still what they were, and the texts of the others.
 * Each by its name, through links; of very many some by a second thread, for a file takes about
 * five microseconds, nearly all of it in the kernel.
 */
#ifndef BRAMA_SOURCE_FILE_READ_H
#define BRAMA_SOURCE_FILE_READ_H

#include <pthread.h>

#include "source/files.h"

struct brama__reading {
    struct brama_arena *arena;
    struct brama_files *out;
    size_t size; /* of out->file */
    const struct brama_files_options *options;
    bool no_memory;       /* beside the arena's: nothing that a file can be blamed for */
    pthread_mutex_t lock; /* of all of it but out->file's members, while files are looked at */
};

/* Those from number begin on that aren't known yet. One that is gone is left out.
 *
 *   folder  that they lie in, or AT_FDCWD
 *   skip    bytes of each name before the name in it
 */
void brama__files_look(struct brama__reading *r, size_t begin, int folder, size_t skip);

/* What is said of it; of BRAMA_ERR_IO what errno says. Empty for BRAMA_OK. */
brama_str brama__file_problem(struct brama__reading *r, enum brama_err err);

#endif
