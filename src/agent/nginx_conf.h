/* The generated nginx.conf. Pure: options in, text out. Directives of ours are in src/gateway. */
#ifndef BRAMA_AGENT_NGINX_CONF_H
#define BRAMA_AGENT_NGINX_CONF_H

#include "base/buf.h"

struct brama_nginx_options {
    brama_str state_dir;                 /* absolute */
    brama_str module;                    /* absolute path of the .so */
    brama_str listen, tls_listen, admin; /* HOST:PORT; empty: none */
    brama_str access_log;                /* a path nginx can open, as /dev/stdout */
    brama_str user;                      /* of the workers; empty: not started as root */
    brama_str call_ca;                   /* PEM, absolute: whom calls trust by TLS; empty: nobody */
    unsigned workers;                    /* >= 1 */
    unsigned drain_s;                    /* worker_shutdown_timeout */
    unsigned kid_wait_ms;
    brama_str mark; /* what its workers say that they were started with; at most BRAMA_MARK_BYTES */
    brama_str refusals; /* "full", "brief" or "off" */
};

void brama_nginx_conf(struct brama_buf *out, const struct brama_nginx_options *options);

#endif
