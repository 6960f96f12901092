/* What agent and workers share beside the two files: the control page (agent writes, workers map it
 * read-only) and one page a worker (worker writes, everybody else reads). Layout only; both sides
 * map them themselves. Also the names of all files under the state directory. Design section 2.
 */
#ifndef BRAMA_POLICY_PAGES_H
#define BRAMA_POLICY_PAGES_H

#include <stdatomic.h>

#include "base/def.h"
#include "policy/reason.h"

#define BRAMA_STATE_LOCK "lock" /* flock: an agent lives; its text: pid and newline */
#define BRAMA_STATE_NGINX_LOCK                                                                     \
    "nginx.lock" /* flock, shared, inherited by nginx: data planes live */
#define BRAMA_STATE_NGINX_CONF "nginx.conf"
#define BRAMA_STATE_NGINX_PID "nginx.pid"
#define BRAMA_STATE_ERROR_LOG "error.log"
#define BRAMA_STATE_CONTROL "control"
#define BRAMA_STATE_POLICY "policy." /* + number in decimal */
#define BRAMA_STATE_FACTS "facts."
#define BRAMA_STATE_WORKERS "workers" /* folder: <slot> (page, flock while alive), <slot>.sock */
#define BRAMA_STATE_GOOD "good"       /* folder: <namespace>.<name>.json */
#define BRAMA_STATE_KEYS "keys"       /* folder: <keyset id in hex>.json, last good sets */
#define BRAMA_STATE_AGENT_SOCK "agent.sock"       /* where a worker pokes the agent */
#define BRAMA_STATE_SIGNER_SOCK "signer.sock"     /* where a worker has tokens signed */
#define BRAMA_STATE_SIGNER_RULES "signer.json"    /* what may be signed */
#define BRAMA_STATE_SIGNING_KEY "signing-key.pem" /* the gateway's own */
#define BRAMA_STATE_JWKS "jwks.json" /* public halves of all keys that are signed with */
#define BRAMA_STATE_RULES "rules"    /* folder: what `brama apply` wrote */

/* A datagram to workers/<slot>.sock is a poke: look at the control page. One that carries a
 * descriptor (SCM_RIGHTS) also asks for the listening sockets: they come through that descriptor,
 * one message. */
#define BRAMA_SOCKETS_MAX 16

#define BRAMA_SIGNER_FD 3     /* of the signer: its listening socket */
#define BRAMA_SIGNER_DIR_FD 4 /* and the state directory */

#define BRAMA_WORKER_SLOTS 64
#define BRAMA_PAGE_BYTES 4096
#define BRAMA_CONTROL_BYTES 8192
#define BRAMA_PAGES_FORMAT 5

/* More sets than these are fetched and served like all others, but nobody waits for them. */
#define BRAMA_CONTROL_KEYSETS 200
#define BRAMA_PAGE_WANTED 16
#define BRAMA_MARK_BYTES 16

/* How far the fetches of a key set are. The counters never go back, whose they ever become. A fetch
 * that begins after somebody looked is done when done > asked as he saw it. */
struct brama_control_keyset {
    _Atomic uint64_t id;       /* brama_keyset_id(); 0: nobody's */
    _Atomic uint64_t version;  /* of the set, as in facts */
    _Atomic int64_t next_at_s; /* when the next fetch in turn begins, UNIX time; 0: not known */
    _Atomic uint64_t asked;    /* fetches begun */
    _Atomic uint64_t
        done; /* fetches ended, counted when the facts with what they brought are out */
};

struct brama_control {
    char magic[8]; /* "BRAMACTL" */
    uint32_t format, unused;
    _Atomic uint64_t policy, facts; /* newest published numbers; 0: none; never reused */
    struct brama_control_keyset keysets[BRAMA_CONTROL_KEYSETS];
};
_Static_assert(sizeof(struct brama_control) <= BRAMA_CONTROL_BYTES, "the control page");

struct brama_worker_page {
    /* These lie where they lie in every format: an agent of another version finds the workers. */
    char magic[8]; /* "BRAMAWRK" */
    uint32_t format;
    int32_t pid, master;         /* master: the process that started it */
    char mark[BRAMA_MARK_BYTES]; /* brama_mark: of the configuration that it was started with */
    uint32_t unused;

    _Atomic uint64_t policy, facts; /* in force in this worker; 0: none */
    _Atomic uint64_t problems;      /* files that couldn't be taken, ever */
    _Atomic uint64_t token_hits, token_misses;
    _Atomic uint64_t reasons[BRAMA_REASON_COUNT]; /* requests by reason */
    /* Key sets that somebody waits for; 0: free. Set by the worker, taken by the agent. */
    _Atomic uint64_t wanted[BRAMA_PAGE_WANTED];
};
_Static_assert(sizeof(struct brama_worker_page) <= BRAMA_PAGE_BYTES, "a worker's page");

#endif
