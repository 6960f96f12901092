/* May this request pass, and where to? Pure: request, policy and facts in, one answer out.
 *
 *     struct brama_engine engine = {.policy = &policy, .facts = &facts, .memory = memory};
 *     struct brama_decision d;
 *     brama_decide(&d, &engine, &request, &arena, NULL);
 *     if (d.verdict == BRAMA_VERDICT_ALLOW)
 *         forward(d.upstream, d.target, d.upstream_headers);
 *     else
 *         answer(d.status, d.response_headers, d.content_type, d.body);
 *
 * A fresh decision is DENY. In a cluster the same question is answered by Envoy (routes, jwt_authn,
 * RBAC) and Oathkeeper; docs/architecture.md says which statement comes from where.
 */
#ifndef BRAMA_POLICY_DECIDE_H
#define BRAMA_POLICY_DECIDE_H

#include "policy/facts.h"
#include "policy/policy.h"
#include "policy/reason.h"
#include "policy/trace.h"

struct brama_header {
    brama_str name, value; /* name in any case */
};

/* What the two ends of the client's connection are, for headers that tell the workload. Zero is
 * "not known": brama explain can't know it. */
struct brama_connection {
    brama_str protocol;                 /* "HTTP/1.1", "HTTP/2" */
    struct brama_f_address peer, local; /* family 0: none, as of a socket in the file system */
    brama_str tls_version, tls_cipher;  /* OpenSSL's names; empty: no TLS */
    brama_str hostname;                 /* of this machine */
};

/* What is known of a request's body, for an authorizer that is told it. */
enum brama_body_state {
    BRAMA_BODY_NONE = 0, /* there is none, or nobody here has it */
    BRAMA_BODY_COMING,   /* .bytes are not all of it */
    BRAMA_BODY_WHOLE,
    BRAMA_BODY_NO_ROOM /* there is one, and nowhere to keep it just now */
};
struct brama_request_body {
    enum brama_body_state state;
    brama_str bytes; /* its beginning, as far as it was read; stays the same once it was read */
    int64_t length;  /* as announced; 0: it wasn't */
};

struct brama_request {
    brama_str scheme; /* "http" or "https": of the client's connection */
    brama_str method;
    brama_str authority;                /* Host or :authority as received, port included */
    brama_str server_name;              /* of TLS (SNI) as received; empty: none */
    brama_str target;                   /* path and query as received */
    const struct brama_header *headers; /* all others, in order, repeated ones repeatedly */
    size_t header_count;
    struct brama_request_body body;
    brama_str request_id; /* X-Request-ID of the response; in Oathkeeper's error JSON */
    int64_t now_s;        /* UNIX time */
    int64_t start_s;      /* when it began, and its milliseconds; 0: now_s */
    uint32_t start_ms;
    struct brama_connection connection;
};

enum brama_verdict {
    BRAMA_VERDICT_DENY = 0,
    BRAMA_VERDICT_ALLOW,
    BRAMA_VERDICT_ANSWER, /* answered here, as a preflight: nobody is let in */
    BRAMA_VERDICT_PARK,   /* DENY, unless one of .wanted, fetched anew, knows the token's key: wait
                             for that and decide again, from the start */
    BRAMA_VERDICT_CALL,   /* DENY, until .call was made: make it and decide again with its answer */
    BRAMA_VERDICT_READ    /* DENY, until more than .read_bytes of the body were read, or all of it:
                             read on and decide again */
};

/* Somebody else to be asked: what to send. */
struct brama_call {
    bool signer; /* our own signer, at its socket: host, port, tls and upstream say nothing */
    bool tls;
    brama_str host; /* whose certificate must be shown, where tls */
    uint16_t port;
    brama_str authority; /* Host to send */
    brama_str method, target, body;
    bool body_is_the_requests; /* the first bytes of its own body: in the key by their number */
    const struct brama_header *headers; /* without Host and Content-Length */
    size_t header_count;
    const struct brama_f_upstream *upstream; /* in facts; NULL: no address is known */
    uint32_t timeout_ms;                     /* for all of it */
    size_t answer_max;                       /* bytes of the answer's body */
    bool
        repeatable; /* asked a second time it is the same question: where nothing came, it may be */
    brama_str key;  /* all of the above that is sent, and to whom: the answer is for this alone */
};

enum brama_call_end {
    BRAMA_CALL_FAILED = 0, /* not connected, cut short, not HTTP */
    BRAMA_CALL_TIMEOUT,
    BRAMA_CALL_TOO_BIG, /* over answer_max */
    BRAMA_CALL_BUSY,    /* not asked: there are too many who wait for him, or no room to ask */
    BRAMA_CALL_ANSWERED
};

struct brama_call_answer {
    brama_str key; /* of the call */
    enum brama_call_end end;
    uint16_t status; /* of what came, also if it isn't whole; 0: nothing. ANSWERED: and the rest */
    const struct brama_header *headers;
    size_t header_count;
    brama_str body;
};

#define BRAMA_CALLS_MAX 8 /* that one request may lead to */

#define BRAMA_WANTED_MAX 4 /* key sets that one request may ask for */

struct brama_decision {
    enum brama_verdict verdict;
    enum brama_reason reason;
    enum brama_jwt_status jwt_status; /* where a token was refused, else BRAMA_JWT_OK */
    uint16_t status;                  /* all but ALLOW: of the response */
    brama_str content_type, body;     /* all but ALLOW; may be empty */

    uint64_t wanted[BRAMA_WANTED_MAX]; /* PARK only: ids of key sets */
    size_t wanted_count;

    struct brama_call call; /* CALL only; all of it is the arena's or the request's */
    size_t read_bytes;      /* READ only */

    /* Headers to set on the response, whoever made it (CORS), and on a refusal (www-authenticate).
     */
    const struct brama_header *response_headers;
    size_t response_header_count;
    bool strip_cors; /* remove the workload's own CORS headers first */

    /* The matched rule; BRAMA_NO_ROW and empty where none did. */
    uint32_t route;
    uint32_t strategy; /* enum brama_strategy_kind of the route */
    brama_str apirule; /* "namespace/name" */
    uint32_t rule_index;
    brama_str rule_file;
    uint32_t rule_line;

    /* ALLOW only. */
    brama_str target;                        /* normalised path and query: what to send */
    uint32_t upstream_row;                   /* BRAMA_T_UPSTREAM */
    const struct brama_f_upstream *upstream; /* in facts: copy the addresses before letting go */
    const struct brama_header
        *upstream_headers; /* to set on the request, Host included if it differs */
    size_t upstream_header_count;
    const brama_str
        *upstream_secrets; /* names of those that hold a credential: never to be shown */
    size_t upstream_secret_count;
    const brama_str *upstream_removed; /* names of the request's headers that must not go on */
    size_t upstream_removed_count;
    uint32_t timeout_s;

    /* For the log, where a token was read; never the token. */
    brama_str issuer, subject, kid;
};

/* What a worker remembers between requests: verified tokens, parsed keys, compiled expressions. */
struct brama_memory;

struct brama_memory_options {
    uint8_t seed[16];  /* random: key of the token table's hash */
    size_t tokens_max; /* remembered tokens, 0: none */
    size_t regexes_max, keys_max;
    size_t answers_max; /* kept answers of calls, 0: none */
};
BRAMA_MUST_USE enum brama_err brama_memory_new(struct brama_memory **out,
                                               const struct brama_memory_options *options);
void brama_memory_free(struct brama_memory *memory);
/* Since brama_memory_new(). */
struct brama_memory_counts {
    uint64_t token_hits, token_misses;
};
struct brama_memory_counts brama_memory_counts(const struct brama_memory *memory);

struct brama_engine {
    const struct brama_policy *policy; /* NULL: nothing published yet; 503 */
    const struct brama_facts *facts;   /* NULL: likewise */
    struct brama_memory *memory;
    /* Addresses are somebody else's matter: a workload without one is no refusal, and .upstream may
     * be NULL with ALLOW. For explain; a gateway leaves it false. */
    bool any_upstream;
    /* This request may still wait for a key set: what would be refused for an unknown kid only is
     * PARK. False for explain, and when the wait is over. */
    bool may_park;
    /* Nobody signs: where a token would be made for the workload, Authorization says so and holds
     * none. For explain and test; a gateway leaves it false. */
    bool no_signer;
    /* Calls may be made. Without, a rule that asks somebody is refused with "call_needed". */
    bool may_call;
    const struct brama_call_answer *answers; /* of the calls that this request led to so far */
    size_t answer_count;
    /* The same question was answered just now with the same memory, and is asked again for its
     * trace: a token that isn't remembered is one that didn't verify, so that no signature is
     * checked a second time, and nothing is counted. */
    bool replay;
};

/* All slices of *out are the arena's, the request's or static, but for .upstream, which is in
 * facts. trace: NULL, or where every step is recorded. */
void brama_decide(struct brama_decision *out, const struct brama_engine *engine,
                  const struct brama_request *request, struct brama_arena *arena,
                  struct brama_trace *trace);

/* A refusal that somebody else found (the gateway's framing checks, an upstream failure), in the
 * same shape: status and body as Envoy words them. */
void brama_decide_refusal(struct brama_decision *out, enum brama_reason reason,
                          struct brama_arena *arena);

#endif
