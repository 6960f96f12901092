/* Envoy's command operators, with which a VirtualService's header value may be written: made into
 * parts once, rendered at each request. Envoy's substitution formatter, as it is used for custom
 * request headers: an operator without a value gives nothing (no "-" as in an access log).
 *
 *     struct brama_envoy_value value;
 *     if (brama_envoy_read(&value, &arena, BRAMA_STR("%REQ(X-Org?:authority):8% 100%%"), &diag) !=
 *         BRAMA_OK)
 *         complain(diag.what);                            // when a rule is judged
 *     brama_buf_init(&out, NULL, 8192);
 *     err = brama_envoy_render(&out, &value, &source);    // at a request
 *
 * Known are those that a gateway can answer before the request goes on; of all others the error
 * says why not. Nothing is kept between two calls.
 */
#ifndef BRAMA_TEMPLATE_ENVOY_H
#define BRAMA_TEMPLATE_ENVOY_H

#include "base/buf.h"
#include "base/diag.h"

#define BRAMA_ENVOY_MAX                                                                            \
    8192 /* bytes of one value as written: more than a header line of ours has */

/* Numbers stand in policy files: new ones go to the end. */
enum brama_envoy_op {
    BRAMA_ENVOY_NONE = 0,
    BRAMA_ENVOY_TEXT,           /* text as it stands, "%%" already one percent sign */
    BRAMA_ENVOY_REQ,            /* the header text; where there is none, the header other */
    BRAMA_ENVOY_START_TIME,     /* in UTC, by the format text; empty: ISO 8601 to the millisecond */
    BRAMA_ENVOY_PROTOCOL,       /* "HTTP/1.1", "HTTP/2" */
    BRAMA_ENVOY_REMOTE_ADDRESS, /* "ip:port" of the client's connection */
    BRAMA_ENVOY_REMOTE_IP,
    BRAMA_ENVOY_REMOTE_PORT,
    BRAMA_ENVOY_LOCAL_ADDRESS, /* of this end of it */
    BRAMA_ENVOY_LOCAL_IP,
    BRAMA_ENVOY_LOCAL_PORT,
    BRAMA_ENVOY_SERVER_NAME, /* SNI */
    BRAMA_ENVOY_TLS_VERSION,
    BRAMA_ENVOY_TLS_CIPHER,
    BRAMA_ENVOY_HOSTNAME, /* of the machine that the gateway runs on */
    BRAMA_ENVOY_OP_COUNT
};

struct brama_envoy_part {
    enum brama_envoy_op op;
    uint32_t max_bytes; /* REQ: what is behind them is cut off */
    brama_str text, other;
};

struct brama_envoy_value {
    const struct brama_envoy_part *parts;
    size_t count; /* 0: the empty text */
};

/* All slices are the text's or the arena's.
 *
 * BRAMA_ERR_SYNTAX       Envoy refuses it: a lone percent sign, an operator that it hasn't
 * BRAMA_ERR_UNSUPPORTED  an operator or argument of Envoy's that has no value here: diag says why
 * BRAMA_ERR_TOO_BIG      text.n > BRAMA_ENVOY_MAX
 */
BRAMA_MUST_USE enum brama_err brama_envoy_read(struct brama_envoy_value *out,
                                               struct brama_arena *arena, brama_str text,
                                               struct brama_diag *diag);
/* Is it the same for every request? */
bool brama_envoy_is_text(const struct brama_envoy_value *value);

/* Does an operator read this header of the request? And the first of those that hold a caller's
 * credentials wherever he is (authorization, proxy-authorization, cookie); empty: none of them. */
bool brama_envoy_reads(const struct brama_envoy_value *value, brama_str header);
brama_str brama_envoy_credential(const struct brama_envoy_value *value);

/* Whom operators ask. */
struct brama_envoy_source {
    void *ctx;
    /* name: of the header, REQ only; else empty. {NULL, 0}: there is no such thing. */
    brama_str (*value)(void *ctx, enum brama_envoy_op op, brama_str name);
    int64_t start_s; /* UNIX time, and its milliseconds */
    uint32_t start_ms;
    bool in_cookies; /* the value is a list of cookies: an operator's text is within one of them */
};

/* Appends to out, whose ceiling bounds the result. BRAMA_ERR_INVALID: an operator's text would end
 * the value that it stands in: a control character other than a tab, in_cookies also a semicolon.
 * Nobody may use what is in out then. */
BRAMA_MUST_USE enum brama_err brama_envoy_render(struct brama_buf *out,
                                                 const struct brama_envoy_value *value,
                                                 const struct brama_envoy_source *source);

#endif
