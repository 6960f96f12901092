/* The key sets that the signer signs with: files, read again when they change. A set that can't be
 * read any more stays as it was.
 *
 * One of them is the gateway's own: a PEM key of the state directory, made where it is missing and
 * never written over.
 */
#ifndef BRAMA_ISSUER_KEY_FILES_H
#define BRAMA_ISSUER_KEY_FILES_H

#include <sys/types.h>

#include "issuer/disk.h"
#include "issuer/id_token.h"

#define BRAMA__KEY_FILES_MAX 256
#define BRAMA__PROBLEM_BYTES 240

struct brama__file_mark { /* what fstat says of a file; all zero: not looked at yet */
    uint64_t dev, ino, size;
    int64_t mtime_s, ctime_s;
    long mtime_ns, ctime_ns;
    int error; /* an errno: it can't be had */
};

struct brama__key_file {
    char *url; /* file:///...; empty: our own */
    struct brama__file_mark mark;
    struct brama_signing_set *set; /* the last good one, or NULL */
    char problem[BRAMA__PROBLEM_BYTES];
};

struct brama__key_files {
    struct brama__disk *disk;
    bool own_wanted; /* a rule names it: make it where it is missing */
    struct brama__key_file *p[BRAMA__KEY_FILES_MAX];
    size_t count;
};

/* From now on these sets, and always our own; those that stay keep what they have. */
void brama__key_files_want(struct brama__key_files *files, const struct brama_id_rules *rules);
void brama__key_files_close(struct brama__key_files *files);
/* NULL: no rule named it. */
struct brama__key_file *brama__key_files_find(const struct brama__key_files *files, brama_str url);
/* Read it again if it has changed; true if there is something new: a set, or a problem. */
bool brama__key_file_look(const struct brama__key_files *files, struct brama__key_file *file);

/* The same of the file that says what may be signed: true if it has changed since *mark. *rules:
 * the caller's, or NULL where it can't be had, with diag. */
bool brama__rules_look(struct brama_id_rules **rules, struct brama__file_mark *mark,
                       struct brama__disk *disk, struct brama_diag *diag);

#endif
