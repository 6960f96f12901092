/* One fetch: what libcurl is told, what it tells us, and where a redirect may lead. http.c runs any
 * number of them on a loop.
 */
#ifndef BRAMA_HTTP_FETCH_H
#define BRAMA_HTTP_FETCH_H

#include <curl/curl.h>

#include "http/file_url.h"
#include "http/http.h"

#define BRAMA__DIAL_HOST_BYTES 256

struct brama__known;

struct fetch {
    struct fetch *next, *previous; /* of http.c's list */
    struct brama_http *http;
    brama_http_done *done;
    void *ctx;

    char *url, *ca_file, *post; /* copies; ca_file and post NULL: none */
    size_t post_bytes;
    char *method; /* NULL: GET, or POST of JSON */
    const struct brama_http_resolver *resolver;
    uint64_t total_ms, connect_ms, started_ms;
    unsigned redirects;
    bool https;

    /* dial.c: the URL's host, and which endpoint of it is connected to. */
    struct brama__known *known; /* NULL: nothing is remembered */
    char host[BRAMA__DIAL_HOST_BYTES], dialed[BRAMA__DIAL_HOST_BYTES];
    uint16_t port, dial_port;
    size_t which;
    bool stood_in; /* dialed couldn't be found: connect_to says where it was */

    CURL *easy; /* NULL for a file */
    struct curl_slist *connect_to, *headers;
    struct brama_buf body, head;
    size_t header_bytes;
    bool timed_out, too_big;
    int64_t max_age_s;
    uint16_t status;
    char problem[BRAMA_HTTP_PROBLEM_BYTES];
    char detail[CURL_ERROR_SIZE]; /* libcurl's words */
};

/* NULL: no memory. */
struct fetch *brama__fetch_new(brama_str url, const struct brama_http_options *options);
void brama__fetch_free(struct fetch *f);

/* A file is read at once, a URL of no use has its problem; false for both: nothing to run. */
bool brama__fetch_prepare(struct fetch *f, uint64_t now_ms);

/* libcurl is through with it: take over status and problem. True: prepared and to be run again,
 * for a redirect or at another address. */
bool brama__fetch_finished(struct fetch *f, CURLcode code, uint64_t now_ms);

#endif
