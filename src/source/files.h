/* The texts behind the -f paths: files, folders, standard input.
 *
 *     struct brama_files files;
 *     brama_files_read(&files, &arena, paths, path_count, NULL);
 *     for (size_t i = 0; i < files.count; i++)
 *         if (files.file[i].problem.n == 0) use(files.file[i].text);
 *
 * A folder means its *.yaml, *.yml and *.json, sorted by name, without those below it and without
 * names that begin with a dot; a folder of such a name is a problem. So a mounted ConfigMap works:
 * its names are links through "..data", which is hidden and is replaced as a whole.
 */
#ifndef BRAMA_SOURCE_FILES_H
#define BRAMA_SOURCE_FILES_H

#include <sys/stat.h>

#include "base/diag.h"
#include "base/err.h"

#define BRAMA_FILE_MAX ((size_t)16 * 1024 * 1024) /* brama_json_limits_rules */
#define BRAMA_FILES_MAX 100000                    /* of all roots together */

/* Which file it is, and in which state: as long as this stays the same, so does the text. */
struct brama_file_id {
    uint64_t device, inode, bytes;
    int64_t changed_s, changed_ns; /* of the text or of the inode: nobody can set it back */
    /* Changed so long before the look that a later change can't have the same time. Without it the
     * same id may hide another text. */
    bool settled;
};

#define BRAMA_FILE_NEW SIZE_MAX

struct brama_file {
    brama_str name;          /* as said, or ROOT/NAME; ends in a NUL */
    struct brama_file_id id; /* zero: not a regular file, or not there */
    brama_str text;          /* empty, if it is known or the same */
    brama_str problem;       /* not empty: it is there, but can't be read */
    size_t was;              /* the number that it had in the reading before, or BRAMA_FILE_NEW */
    bool known;              /* it wasn't read, because that has its text */
    bool same;               /* it was read, and has the text that it had */
    bool unfinished; /* nor is it half of something that somebody is writing; has a problem */
};

/* What became of a root: which of the files are of it, and of those before it. */
struct brama_files_root {
    bool is_folder; /* it was listed */
    size_t end;     /* number of the first file behind it */
};

struct brama_files {
    struct brama_file *file; /* in the order of the roots */
    size_t count;
    struct brama_files_root *root; /* one a root */
    /* Roots that aren't there or can't be listed, in the same order. */
    struct brama_file *broken;
    size_t broken_count;
    bool unfinished; /* some file is */
};

/* Is this the text of that number in the reading before? Two threads ask at a time. */
typedef bool brama_file_same(void *ctx, size_t number, brama_str text);

/* Something was done to this name in the folder that is that root, or (without a name) to anything
 * in it. */
struct brama_touched {
    size_t root;
    brama_str name;
};

struct brama_files_options {
    const brama_str
        *stdin_text; /* what "-" stands for, read before; NULL: read it now, to its end */
    /* Half of a rule may be a rule that lets more people in. So a file isn't taken while somebody
     * has it open for writing, until nothing was written for two seconds. Whether somebody has,
     * only its owner and root are told, and not by every file system; for others it is 20 ms. A
     * text that is the same as before needn't be asked about: it is taken already. */
    bool whole_only;
    /* An earlier reading of the same roots, whose texts the caller has all: files of a known id
     * aren't read. What it names has its name there, too. NULL: all are read. */
    const struct brama_files *before;
    brama_file_same *same; /* NULL: none is */
    void *ctx;
    /* All that was touched since then: only that is looked at, and what wasn't settled or had a
     * problem. NULL: everything is. */
    const struct brama_touched *touched;
    size_t touched_count;
};

struct brama_file_id brama_file_id_of(const struct stat *st);
bool brama_file_id_eq(const struct brama_file_id *a, const struct brama_file_id *b);

/* options: NULL for none. All memory is the arena's. BRAMA_ERR_NOMEM only: everything else is a
 * problem of a file. */
BRAMA_MUST_USE enum brama_err brama_files_read(struct brama_files *out, struct brama_arena *arena,
                                               const brama_str *roots, size_t root_count,
                                               const struct brama_files_options *options);

/* Is it a name that a folder is read for? */
bool brama_file_is_wanted(brama_str name);

/* Standard input to its end, within BRAMA_FILE_MAX. BRAMA_ERR_IO, BRAMA_ERR_TOO_BIG. */
BRAMA_MUST_USE enum brama_err brama_files_stdin(brama_str *out, struct brama_arena *arena);

#endif
