/* One bounded HTTP client for everything that is fetched: key sets, discovery documents, our own
 * admin listener. On libcurl; nothing else in the program sees it.
 *
 *     struct brama_http_answer a;
 *     brama_http_get(&a, &arena, BRAMA_STR("https://idp.example/keys"), &options);
 *     if (a.status == 200) use(a.body);
 *
 * Limits: total and connect time, bytes of the body (counted while reading, identity encoding only,
 * so that a compressed bomb is never inflated), three redirects, each checked as the first URL was:
 * from https never to http, and link-local and cloud-metadata addresses (169.254/16, fe80::/10,
 * 100.100.100.200, fd00:ec2::/32, and what maps to them) never, looked at when connecting, after
 * DNS. Each fetch looks its name up; one that can't be found is where it last was.
 */
#ifndef BRAMA_HTTP_HTTP_H
#define BRAMA_HTTP_HTTP_H

#include <uv.h>

#include "base/buf.h"
#include "base/diag.h"

/* A service name of the table stands for addresses: true, *to_host and *to_port if it has one more
 * than `which`. They are connected to in this order, until one can be. */
struct brama_http_resolver {
    bool (*lookup)(void *ctx, brama_str host, uint16_t port, size_t which, brama_str *to_host,
                   uint16_t *to_port);
    void *ctx;
};

struct brama_http_header {
    brama_str name, value;
};

struct brama_http_options {
    brama_str ca_file; /* PEM, in addition to the system's; empty: the system's only */
    const struct brama_http_resolver *resolver; /* NULL: DNS only */
    uint32_t total_ms, connect_ms;              /* 0: 5,000 and 1,000 */
    size_t max_body;                            /* 0: 256 KiB */
    brama_str post_json; /* empty: GET; else POST with this body, application/json */
    /* Instead of both: a method, its headers (Host among them, if it isn't the URL's) and body,
     * sent as they are. No redirect is followed. */
    brama_str method, body;
    const struct brama_http_header *headers;
    size_t header_count;
};

struct brama_http_answer {
    uint16_t status;         /* 0: none; then problem says why */
    brama_str body, head;    /* head: "Name: value" lines, each with its CR LF */
    bool timed_out, too_big; /* why there is no status */
    int64_t max_age_s; /* Cache-Control: max-age; -1: not said; 0 also for no-store, no-cache */
    char problem[240];
};

/* Is it one of the addresses that are never connected to? family: AF_INET or AF_INET6; ip in
 * network byte order. */
bool brama_http_ip_refused(int family, const uint8_t ip[16]);

/* Wait for one answer. http, https and file URLs (file:///path; status 200 if it could be read).
 * body is the arena's. */
void brama_http_get(struct brama_http_answer *out, struct brama_arena *arena, brama_str url,
                    const struct brama_http_options *options);

/* The same on an event loop, any number at once. */
struct brama_http;
BRAMA_MUST_USE enum brama_err brama_http_new(struct brama_http **out, uv_loop_t *loop);
/* Abandons what is under way and calls nobody. Not from a done; the loop must turn once more before
 * it is closed. */
void brama_http_free(struct brama_http *http);

typedef void brama_http_done(void *ctx, const struct brama_http_answer *answer);
/* Always calls done once, from the loop, later. body lives until done returns; url and options are
 * copied, what options->resolver points to must outlive the fetch. BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama_http_start(struct brama_http *http, brama_str url,
                                               const struct brama_http_options *options,
                                               brama_http_done *done, void *ctx);

#endif
