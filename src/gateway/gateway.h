/* The nginx module's own words: configuration, what is known of one request, and the steps that a
 * request takes, in the order of the files below. Only this folder sees ngx_*.
 *
 *     http {
 *         brama_state /run/brama;  brama_access_log /dev/stdout;
 *         upstream brama { brama_upstream; }
 *         server { brama on; location / { proxy_pass http://brama; } }
 *         server { brama_admin on; }
 *     }
 *
 * strict (POST_READ) -> access (decide; park) -> forward -> peer, pool -> filter -> log. Everything
 * that may pass comes through access.c; peer.c has no address for what access.c didn't allow.
 */
#ifndef BRAMA_GATEWAY_GATEWAY_H
#define BRAMA_GATEWAY_GATEWAY_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "gateway/chunk.h"
#include "policy/decide.h"

#define BRAMA_GW_REQUEST_ID_BYTES 36 /* UUIDv4 as text */

struct brama_slot;
struct brama_gw_stream;
struct brama_gw_search;
struct brama_gw_wait;
struct brama_gw_call;
struct brama_gw_early;

struct brama_gw_main {
    ngx_str_t state_dir;
    ngx_open_file_t *access_log; /* NULL: none, or standard output */
    bool log_to_stdout;
    ngx_int_t server_name_index; /* of $ssl_server_name */
    ngx_str_t mark;              /* of this configuration, as the agent calls it */
    ngx_uint_t keep;             /* enum brama_gw_keep: of refusals */
    ngx_msec_t kid_wait;         /* at most, for a key set that may have a token's key */
    struct brama_slot *slot;     /* this worker's; NULL in the master */
};

/* Merged down from server: a handler at POST_READ sees the server's. */
struct brama_gw_loc {
    ngx_flag_t on, admin;
};

/* One address of the workload, as a connection wants it. */
struct brama_gw_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local; /* of our own signer */
    } sa;                         /* unused bytes are zero: pool keys are compared as bytes */
    socklen_t len;
    bool failed;    /* this request has tried it */
    ngx_str_t name; /* "127.0.0.1:8000", for the log */
};

/* What went wrong with the last attempt at a workload. */
enum brama_gw_failure {
    BRAMA_GW_NOT_CONNECTED = 0,
    BRAMA_GW_TERMINATED, /* closed or reset before a whole head came */
    BRAMA_GW_PROTOCOL_ERROR
};

/* All that outlives the decision, in r->pool. Fresh, it is a refusal. */
struct brama_gw_ctx {
    char request_id[BRAMA_GW_REQUEST_ID_BYTES];
    ngx_str_t raw_target; /* as received; r->unparsed_uri is what we send on */
    enum brama_verdict verdict;
    enum brama_reason reason;

    /* For the log. */
    brama_str apirule, rule_file, issuer, subject, kid;
    uint32_t rule_index, rule_line, strategy;
    bool has_rule;

    /* For the response, whoever makes it. */
    struct brama_header *response_headers;
    size_t response_header_count;
    bool strip_cors;
    brama_str swap; /* replaces the body of an answer that nginx makes itself */
    bool swapping, swapped;

    /* For the way to the workload. */
    struct brama_gw_wait *wait;        /* park.c: for a key set; NULL: it never did */
    struct brama_gw_call *calling;     /* subcall.c: the last call; NULL: none */
    struct brama_call_answer *answers; /* of all calls, BRAMA_CALLS_MAX places; the last may come */
    size_t answer_count;
    struct brama_gw_early *early; /* early.c: the body's beginning; NULL: nobody wanted it */
    ngx_str_t host;               /* Host to send, unless the decision names one */
    bool websocket;
    struct brama_gw_address *addresses;
    size_t address_count, address_next;
    uint64_t upstream_id;
    ngx_http_upstream_conf_t *upstream_conf; /* as configured */
    ngx_msec_t timeout_ms;                   /* 0: none */
    ngx_msec_t upstream_started;
    bool body_done; /* all of the request's body was read */
    bool deadline_fired;
    bool answer_cut; /* the workload ended in the middle of its answer */
    enum brama_gw_failure failure;
    ngx_uint_t http_version; /* of the client's request */
    struct brama_chunk chunk;
    ngx_recv_pt receive; /* the connection's own, where we stand before it */
    bool no_reuse;       /* a kept connection was stale: the next try opens a new one */
    /* nginx's own, where we stand before them. */
    ngx_int_t (*process_header)(ngx_http_request_t *r);
    ngx_int_t (*reinit_request)(ngx_http_request_t *r);
    ngx_event_t deadline;

    struct brama_gw_stream *stream; /* admin: what is being listed */
    struct brama_gw_search *search; /* admin: what is being looked for */
};

extern ngx_module_t ngx_http_brama_module;

/* module.c */
struct brama_gw_main *brama_gw_main(ngx_http_request_t *r);
struct brama_gw_loc *brama_gw_loc(ngx_http_request_t *r);
/* NULL before strict.c saw the request, as when nginx's parser refused it. */
struct brama_gw_ctx *brama_gw_ctx(ngx_http_request_t *r);
/* Makes it if it isn't there; NULL: no memory. */
struct brama_gw_ctx *brama_gw_ctx_need(ngx_http_request_t *r);

/* text.c: slices to and from nginx's. */
brama_str brama_gw_str(ngx_str_t s);
ngx_str_t brama_gw_ngx(brama_str s);
/* {NULL, 0} when memory ran out or s is empty. */
brama_str brama_gw_copy(ngx_pool_t *pool, brama_str s);
/* Does the comma list of tokens hold this one, in any case? */
bool brama_gw_list_has(brama_str list, brama_str token);
struct brama_slot *brama_gw_slot(ngx_http_request_t *r);

/* strict.c: POST_READ. */
ngx_int_t brama_gw_strict_handler(ngx_http_request_t *r);

/* body.c: see that a chunked body is framed strictly; false: it isn't, or no memory. */
bool brama_gw_body_watch(ngx_http_request_t *r, struct brama_gw_ctx *ctx);

/* view.c: */
bool brama_gw_has_header(ngx_http_request_t *r, brama_str name);
/* Host, :authority, or the target's own; empty: none. */
brama_str brama_gw_authority(ngx_http_request_t *r);
/* All but the headers. */
void brama_gw_view_line(struct brama_request *out, ngx_http_request_t *r,
                        const struct brama_gw_ctx *ctx);
/* All slices are nginx's buffers' or the arena's. False: no memory. */
bool brama_gw_view(struct brama_request *out, ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                   struct brama_arena *arena);

/* access.c: an upstream's addresses, copied, so that a long answer doesn't hold the facts file. */
bool brama_gw_addresses(ngx_http_request_t *r, const struct brama_facts *facts,
                        const struct brama_f_upstream *upstream, struct brama_gw_address **out,
                        size_t *count);
/* access.c: the access phase. */
ngx_int_t brama_gw_access_handler(ngx_http_request_t *r);

/* send.c: answer by ourselves and finalize; what the phase handler has to return. */
ngx_int_t brama_gw_send_decision(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                                 const struct brama_decision *d);
ngx_int_t brama_gw_send_refusal(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                                enum brama_reason reason);
/* Status and its phrase. */
void brama_gw_set_status(ngx_http_request_t *r, ngx_uint_t status);
/* Add a response header; false: no memory. name and value must outlive the request. */
bool brama_gw_push_out(ngx_http_request_t *r, brama_str name, brama_str value);

/* forward.c */
/* Make the request's headers those that the workload sees; false: no memory. */
bool brama_gw_forward(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                      const struct brama_decision *d);

/* peer.c */
char *brama_gw_upstream_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Make this upstream block one whose peers init gives. */
char *brama_gw_upstream_by(ngx_conf_t *cf, ngx_http_upstream_init_pt init);
/* The last byte of the request's body was read: the route's timeout starts. */
void brama_gw_body_done(ngx_http_request_t *r, struct brama_gw_ctx *ctx);

/* answer.c: take out what is said before an answer. From peer.init, one request at a time. */
void brama_gw_answer_watch(ngx_http_request_t *r, struct brama_gw_ctx *ctx);
/* Is the head's framing read alike by everybody? */
bool brama_gw_framing_ok(const ngx_http_upstream_t *u);
/* May the workload's answer be passed on? If not, why is in ctx->failure. */
bool brama_gw_answer_ok(ngx_http_request_t *r, struct brama_gw_ctx *ctx);

/* filter.c */
void brama_gw_filter_install(void);

/* refuse.c: nginx's own error in Envoy's words, called by the header filter. */
void brama_gw_refuse(ngx_http_request_t *r, struct brama_gw_ctx *ctx);

/* log.c: the log phase. */
ngx_int_t brama_gw_log_handler(ngx_http_request_t *r);
/* What nginx's error log says about a request: no query, no referrer. */
u_char *brama_gw_error_log(ngx_http_request_t *r, ngx_http_request_t *sr, u_char *buf, size_t len);
/* Path without query. */
brama_str brama_gw_path(ngx_http_request_t *r, const struct brama_gw_ctx *ctx);

/* variables.c: $brama_tls_chain and $brama_tls_key (PEM, by SNI), $brama_host, $brama_connection
 * and $brama_upgrade (what the workload gets). */
ngx_int_t brama_gw_variables(ngx_conf_t *cf);
/* Of the TLS handshake (SNI); empty: none, or no TLS. */
brama_str brama_gw_server_name(ngx_http_request_t *r);

/* admin.c: the content phase. */
ngx_int_t brama_gw_admin_handler(ngx_http_request_t *r);

#endif
