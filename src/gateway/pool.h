/* Idle connections, kept for the next request: to workloads, and to whoever is asked. Found by
 * address in constant time; nginx's own keepalive is one list per upstream, and we have one
 * upstream for all workloads.
 */
#ifndef BRAMA_GATEWAY_POOL_H
#define BRAMA_GATEWAY_POOL_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "base/str.h"

#define BRAMA_POOL_IDLE_MS 1000 /* shorter than any server's own limit (gunicorn 2 s, Node 5 s) */
#define BRAMA_POOL_MAX 1024
#define BRAMA_POOL_MAX_EACH 32
#define BRAMA_POOL_REQUESTS_MAX 10000 /* on one connection */

struct brama_pool;

/* Who is at the other end. A connection is for the very same alone: of TLS the name counts whose
 * certificate was shown on it. */
#define BRAMA_POOL_NAME_MAX 255
struct brama_pool_end {
    const struct sockaddr *address;
    socklen_t len;
    bool tls;
    brama_str name; /* empty: the address says it all */
};

struct brama_pool *brama_pool_new(void);
/* Closes all that is idle. NULL is fine. */
void brama_pool_free(struct brama_pool *pool);

/* An idle connection to this end, taken out; NULL: none. Nothing waits on it to be read, so no
 * late bytes of one answer are taken for the next. */
ngx_connection_t *brama_pool_take(struct brama_pool *pool, const struct brama_pool_end *end,
                                  ngx_log_t *log);
/* Keep this connection; false: it isn't fit, and still the caller's. */
bool brama_pool_give(struct brama_pool *pool, ngx_connection_t *c,
                     const struct brama_pool_end *end);

#endif
