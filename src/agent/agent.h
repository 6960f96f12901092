/* `brama run`: the agent. Reads sources, compiles, publishes policy and facts, runs nginx. Design
 * section 2.
 */
#ifndef BRAMA_AGENT_AGENT_H
#define BRAMA_AGENT_AGENT_H

#include "agent/inputs.h"

struct brama_agent_options {
    struct brama_inputs inputs;
    brama_str state_dir;
    brama_str listen;            /* HOST:PORT, HTTP/1.1; empty: none */
    brama_str tls_listen;        /* HOST:PORT, HTTP/1.1 and 2 over TLS; empty: none */
    brama_str tls_cert, tls_key; /* PEM files; empty: self-signed for *.DOMAIN */
    brama_str admin;             /* HOST:PORT */
    brama_str nginx;             /* program; empty: found on PATH */
    brama_str module;     /* ngx_http_brama_module.so; empty: beside the program or installed */
    brama_str access_log; /* file; empty: standard output */
    brama_str self;       /* path of this program, for finding the module */
    unsigned workers;     /* 0: one a CPU */
    unsigned drain_s;     /* 0: 30; how long SIGTERM waits for requests under way */
    unsigned
        kid_wait_ms;    /* how long a request waits for a key set that may have its key; 0: never */
    brama_str refusals; /* what is kept of them: "full", "brief" or "off"; empty: full */
};

/* Until SIGTERM or SIGINT. The exit code of design section 5: 0, 2, 69, 70. Says what it does on
 * standard error, a line each. */
int brama_agent_run(const struct brama_agent_options *options);

#endif
