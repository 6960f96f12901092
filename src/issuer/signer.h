/* The process that signs: its keys are in nobody else's memory, a worker's least of all. A child of
 * the agent that outlives it, as the data plane does.
 *
 *     POST /sign  {"issuer","jwks_url","ttl_ms","subject","claims"}   on a socket of the state
 *     200 {"token":"...","kid":"...","fresh_ms":53999}               directory, no other listener
 *     403 no rule in force names this issuer, key set and time to live
 *     422 it can't be signed; the body of both says why, {"why":"..."}
 *
 * What rules name is in a file that the agent writes; it and the key sets are looked at before each
 * answer, and each second, when the public halves of all keys are written anew if they changed.
 */
#ifndef BRAMA_ISSUER_SIGNER_H
#define BRAMA_ISSUER_SIGNER_H

#include <sys/types.h>

struct brama_signer_options {
    int dir_fd;          /* the state directory; below: names in it */
    const char *socket;  /* where listen_fd is bound; another one there: somebody took over */
    const char *rules;   /* what may be signed */
    const char *own_key; /* PEM */
    const char *jwks;    /* the public halves */
    const char *lock;    /* of the data plane */
    int listen_fd;       /* listening */
    uid_t uid;           /* whom to become, if we are root (issuer/disk.h); 0: nobody else */
    gid_t gid;
    pid_t agent; /* our parent, while it lives */
};

/* Until SIGTERM, until another signer has taken over, or until neither agent nor data plane lives.
 * 0, or 69 with a line on standard error. */
int brama_signer_run(const struct brama_signer_options *options);

#endif
