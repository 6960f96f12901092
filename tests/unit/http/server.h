/* A server for tests on the test's own loop: it answers every request with bytes that a function
 * names, and remembers what it was sent. */
#ifndef BRAMA_TESTS_HTTP_SERVER_H
#define BRAMA_TESTS_HTTP_SERVER_H

#include <uv.h>

#include "base/str.h"

#define SERVER_REQUEST_BYTES 2048

struct server {
    uv_tcp_t listener;
    uint16_t port;
    brama_str (*answer)(void *ctx, brama_str target); /* all of it; {NULL, 0}: none ever comes */
    void *ctx;
    unsigned drip_ms; /* not 0: a byte each so many ms */
    unsigned requests;
    char last[SERVER_REQUEST_BYTES]; /* head of the last request */
    size_t last_n;
};

/* On 127.0.0.1 and a free port. */
void server_start(struct server *server, uv_loop_t *loop);
void server_stop(struct server *server);

#endif
