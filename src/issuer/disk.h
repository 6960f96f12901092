/* What the signer needs of the disk. Started as root it becomes the workers' user, who can read no
 * key and write nothing in the state directory. Before that it forks a porter: a child that stays
 * root, serves nobody else, and ends with the signer. The porter
 *
 *   opens   for reading: what may be signed, the data plane's lock, the own key, and the key sets
 *           that rules in force name; it reads itself which these are
 *   makes   the own key, if a rule names it
 *   writes  the public halves
 *
 * and never sees a byte that a worker has sent. Started as anybody else there is none, and we do
 * the same ourselves.
 */
#ifndef BRAMA_ISSUER_DISK_H
#define BRAMA_ISSUER_DISK_H

#include "base/diag.h"
#include "issuer/signer.h"

#define BRAMA__PUBLIC_MAX ((size_t)4 << 20) /* of the public halves */

struct brama__disk {
    const struct brama_signer_options *options;
    int porter;    /* a socket; -1: there is none */
    int public_fd; /* memory that it shares with us: the text to be published */
    pid_t pid;     /* its process */
    bool lost;     /* it has ended by itself: nothing can be had any more */
};

/* Become options->uid and gid, if we are root and that is somebody else. False: errno, and nothing
 * may be signed. */
bool brama__disk_open(struct brama__disk *disk, const struct brama_signer_options *options);
/* When this returns the porter has ended. */
void brama__disk_close(struct brama__disk *disk);

/* Open for reading, whatever sort of file it is; -1: errno. */
int brama__disk_file(struct brama__disk *disk, const char *path);
/* The own key, where it is missing; never over another. False: diag. */
bool brama__disk_make_key(struct brama__disk *disk, struct brama_diag *diag);
/* The public halves, as a whole; an empty text: no file. */
bool brama__disk_publish(struct brama__disk *disk, brama_str text);

#endif
