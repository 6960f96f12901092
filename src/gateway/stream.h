/* A long answer in slices: between two of them the worker serves its other requests, and no more of
 * it is in memory than the client hasn't taken yet.
 *
 *     struct listing { struct brama_gw_stream stream; ... };      // in r->pool, zeroed
 *     listing->stream.slice = write_rows;
 *     listing->stream.end = release;
 *     return brama_gw_stream_start(r, &listing->stream, BRAMA_STR("application/json"));
 */
#ifndef BRAMA_GATEWAY_STREAM_H
#define BRAMA_GATEWAY_STREAM_H

#include "gateway/gateway.h"

struct brama_gw_stream {
    /* Add to text what a fraction of a millisecond is enough for; true: that was the last. */
    bool (*slice)(struct brama_gw_stream *stream);
    /* The request is over, whatever became of it. NULL: nothing to release. */
    void (*end)(struct brama_gw_stream *stream);
    struct brama_buf text; /* of the slice */
    u_char *sent;          /* the slice under way */
    bool done;
};

/* What a content handler returns. From here on end() is called, if it is 200 or not. */
ngx_int_t brama_gw_stream_start(ngx_http_request_t *r, struct brama_gw_stream *stream,
                                brama_str type);

#endif
