/* The policy file: hosts, routes, rules, statuses; all that changes when somebody edits. It names
 * key sets and upstreams by stable ids, which facts.h gives meaning to.
 */
#ifndef BRAMA_POLICY_POLICY_H
#define BRAMA_POLICY_POLICY_H

#include "crypto/key.h"
#include "policy/pack.h"
#include "route/pattern.h"
#include "rule/model.h"

#define BRAMA_NO_ROW UINT32_MAX

enum brama_policy_table {
    BRAMA_T_META = 0, /* one struct brama_p_meta */
    BRAMA_T_HOST,     /* sorted by name; wildcards ("*.x") stand among them */
    BRAMA_T_ROUTE,
    BRAMA_T_APIRULE, /* every APIRule of the sources, valid or not: status and form in force */
    BRAMA_T_RULE,    /* one entry of spec.rules of a form in force */
    BRAMA_T_AUTH,
    BRAMA_T_AUTHZ,
    BRAMA_T_ORY,
    BRAMA_T_TEXTS,   /* struct brama_p_text: lists of texts */
    BRAMA_T_NUMBERS, /* uint32_t: lists of row numbers */
    BRAMA_T_KEYSET,
    BRAMA_T_UPSTREAM,
    BRAMA_T_WORKLOAD,
    BRAMA_T_AP,
    BRAMA_T_PATTERN,
    BRAMA_T_OATHKEEPER,
    BRAMA_T_HEADER,
    BRAMA_T_CORS,
    BRAMA_T_ORIGIN,
    BRAMA_T_SOURCE, /* files that were read: `brama apply` waits for its own */
    BRAMA_T_AUTHENTICATOR,
    BRAMA_T_MUTATOR,
    BRAMA_T_TARGET,
    BRAMA_T_OAUTH2,
    BRAMA_T_AUTHORIZER,
    BRAMA_T_SERVER_NAME, /* of TLS servers, sorted by name: a host, "*.x" or "*" */
    BRAMA_T_ID_TOKEN,
    BRAMA_T_NEIGHBOUR, /* objects that APIRules were judged beside: `brama apply` needs them, too */
    BRAMA_T_PART       /* of headers' values that Envoy's operators are in */
};

/* How refusals read: as in Kyma, or as RFC 6750 section 3 has it. */
enum brama_responses { BRAMA_RESPONSES_KYMA = 0, BRAMA_RESPONSES_RFC6750 };

struct brama_p_meta {
    struct brama_ref domain;
    uint32_t toggle; /* enum brama_handler in force for new judgements; NONE: not valid */
    uint32_t skipped;
    uint32_t responses; /* enum brama_responses */
    uint32_t tls_port;  /* where a redirect to https leads; 0: 443 */
};

/* Listeners on which a host is served; REDIRECT: the plain one only sends to the other. */
enum { BRAMA_HOST_PLAIN = 1 << 0, BRAMA_HOST_TLS = 1 << 1, BRAMA_HOST_REDIRECT = 1 << 2 };

struct brama_p_host {
    struct brama_ref name;
    struct brama_span routes; /* in order, first match wins */
    uint32_t listeners;       /* BRAMA_HOST_* */
};

/* Names that lead to one server of one Gateway have one number; all others lead to 0. */
struct brama_p_server_name {
    struct brama_ref name;
    uint32_t server;
};

struct brama_p_pattern {
    uint32_t kind; /* enum brama_pattern_kind */
    struct brama_ref text;
};

/* Who answers behind the route. */
enum brama_responder { BRAMA_RESPONDER_SIDECAR = 1, BRAMA_RESPONDER_OATHKEEPER };

struct brama_p_route {
    struct brama_p_pattern path;
    uint32_t methods; /* of the VirtualService match; BRAMA_METHOD_ALL and others if any_method */
    uint32_t any_method;
    uint32_t responder; /* enum brama_responder */
    uint32_t strategy;  /* SIDECAR: enum brama_strategy_kind */
    uint32_t handler;   /* enum brama_handler: the dialect of JWT */
    uint32_t rule;      /* BRAMA_T_RULE */
    uint32_t upstream;  /* BRAMA_T_UPSTREAM */
    uint32_t workload;  /* BRAMA_T_WORKLOAD */
    uint32_t timeout_s;
    struct brama_span auths;      /* JWT, istio: of this rule; BRAMA_T_AUTH */
    struct brama_span authz;      /* JWT, istio: BRAMA_T_AUTHZ; none: any valid token */
    struct brama_span policies;   /* SIDECAR: BRAMA_T_NUMBERS -> BRAMA_T_AP that may match here */
    struct brama_span oathkeeper; /* OATHKEEPER: BRAMA_T_NUMBERS -> BRAMA_T_OATHKEEPER likewise */
    struct brama_span headers;    /* BRAMA_T_HEADER, to set on the upstream request */
    uint32_t cors;                /* BRAMA_T_CORS or BRAMA_NO_ROW */
    uint32_t strip_cors;          /* remove the workload's CORS headers */
};

/* Which form of an APIRule is enforced. */
enum brama_form { BRAMA_FORM_NONE = 0, BRAMA_FORM_CURRENT, BRAMA_FORM_LAST_GOOD };

struct brama_p_apirule {
    struct brama_ref ns, name, host, state, description, file;
    uint32_t version;      /* enum brama_api_version */
    uint32_t line, column; /* of what is wrong, or where the APIRule begins; 0: not known */
    uint32_t form;         /* enum brama_form */
    uint32_t handler;      /* enum brama_handler of the form in force */
    uint32_t judged;       /* enum brama_handler that the current form was judged under; v1* only */
};

struct brama_p_rule {
    uint32_t apirule, index; /* spec.rules[index] of BRAMA_T_APIRULE */
    struct brama_ref path;   /* as written */
    struct brama_ref file;
    uint32_t line, methods;
};

struct brama_p_auth {
    struct brama_ref issuer;
    struct brama_ref name, prefix; /* of the place */
    uint32_t keyset;               /* BRAMA_T_KEYSET */
    uint32_t place;                /* enum brama_token_place */
};

struct brama_p_authz {
    struct brama_span scopes, audiences; /* BRAMA_T_TEXTS */
};

struct brama_p_ory {
    struct brama_span keysets;                    /* BRAMA_T_NUMBERS -> BRAMA_T_KEYSET */
    struct brama_span issuers, scopes, audiences; /* BRAMA_T_TEXTS */
    uint32_t scope_strategy;                      /* enum brama_scope_strategy */
    uint32_t algs;                                /* 1 << enum brama_alg */
    uint32_t place;                               /* enum brama_token_place */
    struct brama_ref name;                        /* of the place */
};

struct brama_p_keyset {
    uint64_t id; /* brama_keyset_id(url) */
    struct brama_ref url;
};

struct brama_p_upstream {
    uint64_t id; /* brama_upstream_id(ns, name, port) */
    struct brama_ref ns, name;
    uint32_t port, unused;
};

/* RequestAuthentication and AuthorizationPolicy of one workload, of all its APIRules. */
struct brama_p_workload {
    struct brama_ref ns, name;
    struct brama_span auths; /* BRAMA_T_AUTH, sorted by issuer; istio-jwt.md 1.1 */
    uint32_t has_policies;   /* an ALLOW policy selects it: no match is 403 */
};

/* Who may call, by an AuthorizationPolicy rule. */
/* CUSTOM lets nobody in: who comes its way has to satisfy its authorizer, too. */
enum brama_ap_from { BRAMA_AP_INGRESS = 1, BRAMA_AP_JWT, BRAMA_AP_OATHKEEPER, BRAMA_AP_CUSTOM };

struct brama_p_ap {
    uint32_t from; /* enum brama_ap_from */
    uint32_t methods;
    struct brama_ref host; /* empty: any */
    struct brama_p_pattern path;
    struct brama_span not_paths; /* BRAMA_T_PATTERN */
    struct brama_span issuers;   /* JWT: BRAMA_T_TEXTS, each with a non-empty sub */
    struct brama_span scopes,
        audiences;       /* BRAMA_T_TEXTS; scopes all in one of scp, scope, scopes */
    uint32_t rule;       /* BRAMA_T_RULE that it comes from */
    uint32_t authorizer; /* CUSTOM: BRAMA_T_AUTHORIZER; else, and where it is gone, BRAMA_NO_ROW */
};

/* An external authorizer of the mesh configuration; istio-jwt.md 5. Lists of header names are
 * exact, "p*" or "*s", in any case. */
struct brama_p_authorizer {
    struct brama_ref name, path_prefix;
    struct brama_span check_headers;    /* BRAMA_T_TEXTS: of the request, for it */
    struct brama_span fixed_headers;    /* BRAMA_T_HEADER: for it, over those */
    struct brama_span upstream_headers; /* BRAMA_T_TEXTS: of its yes, for the workload */
    struct brama_span allow_headers;    /* of its yes, for the client */
    struct brama_span deny_headers;     /* of its no, for the client */
    uint32_t target;                    /* BRAMA_T_TARGET */
    uint32_t deny_headers_given;        /* else all but those of the connection */
    uint32_t timeout_ms, fail_open, error_status;
    uint32_t body_max;     /* bytes of the request's body, for it; 0: none */
    uint32_t body_partial; /* of a larger one these; else it is refused */
};

struct brama_p_oathkeeper {
    struct brama_p_pattern path;
    uint32_t methods;
    uint32_t rule;                    /* BRAMA_T_RULE */
    struct brama_span authenticators; /* BRAMA_T_AUTHENTICATOR, asked in order */
    struct brama_span mutators;       /* BRAMA_T_MUTATOR, run in order */
    uint32_t upstream;                /* BRAMA_T_UPSTREAM */
    uint32_t wants_groups;            /* a template asks for the match's groups */
    struct brama_ref host_header;     /* Host sent upstream */
};

enum brama_mutator_kind {
    BRAMA_MUTATOR_HEADER = 1,
    BRAMA_MUTATOR_COOKIE,
    BRAMA_MUTATOR_HYDRATOR,
    BRAMA_MUTATOR_ID_TOKEN
};

struct brama_p_mutator {
    uint32_t kind;           /* enum brama_mutator_kind */
    uint32_t api;            /* HYDRATOR: BRAMA_T_OAUTH2, whom to ask; else BRAMA_NO_ROW */
    struct brama_span pairs; /* BRAMA_T_HEADER: name and template */
    uint32_t id_token;       /* ID_TOKEN: BRAMA_T_ID_TOKEN, else BRAMA_NO_ROW */
};

/* A token that the signer makes for the workload. */
struct brama_p_id_token {
    struct brama_ref issuer;
    struct brama_ref jwks_url; /* empty: the gateway's own key */
    struct brama_ref claims;   /* template of a JSON object; empty: none */
    uint64_t ttl_ms;
};

struct brama_p_authenticator {
    uint32_t strategy; /* enum brama_strategy_kind */
    uint32_t ory;      /* JWT: BRAMA_T_ORY, else BRAMA_NO_ROW */
    uint32_t oauth2;   /* OAUTH2_*: BRAMA_T_OAUTH2, else BRAMA_NO_ROW */
};

/* Whom calls go to; its addresses are an upstream's in facts. */
struct brama_p_target {
    uint64_t id; /* brama_target_id(host, port) */
    struct brama_ref host;
    uint32_t port, tls;
};

struct brama_p_oauth2 {
    uint32_t target;                  /* BRAMA_T_TARGET */
    uint32_t pre;                     /* BRAMA_T_OAUTH2: where to get a token first; BRAMA_NO_ROW */
    struct brama_ref authority, path; /* of the URL; path with query */
    struct brama_span scopes, audiences, issuers;        /* BRAMA_T_TEXTS */
    struct brama_span headers;                           /* BRAMA_T_HEADER, to send along */
    struct brama_ref name;                               /* of the place */
    struct brama_ref client_id, client_secret, audience; /* of a pre-authorization */
    uint32_t scope_strategy;                             /* enum brama_scope_strategy */
    uint32_t place;                                      /* enum brama_token_place */
    uint32_t cached, unused;
    uint64_t cache_ms; /* 0: as long as the token lives */
};

struct brama_p_header {
    struct brama_ref name, value;
    struct brama_span parts; /* BRAMA_T_PART, if value has operators in it; none: it is the text */
    uint32_t in_cookies;     /* the operators are in values of cookies */
};

/* struct brama_envoy_part as a row. */
struct brama_p_part {
    uint32_t op, max_bytes; /* enum brama_envoy_op; NONE: nobody may use the value */
    struct brama_ref text, other;
};

struct brama_p_cors {
    struct brama_span origins;                 /* BRAMA_T_ORIGIN */
    struct brama_ref methods, headers, expose; /* joined by "," */
    uint32_t methods_any, headers_any;         /* "*" stands in the list: echo what was asked */
    uint32_t credentials;                      /* send Access-Control-Allow-Credentials: true */
    uint32_t max_age_given;
    uint64_t max_age_s;
};

struct brama_p_origin {
    struct brama_p_pattern pattern; /* EXACT, PREFIX or REGEX over the Origin's text */
};

struct brama_p_text {
    struct brama_ref text;
};

struct brama_p_neighbour {
    struct brama_ref doc; /* a Gateway, or the mesh ConfigMap, as JSON */
};

struct brama_p_source {
    struct brama_ref file;
    uint64_t hash; /* brama_str_hash() of its text */
};

struct brama_policy {
    struct brama_pack pack;
};

/* Bounds of the header only; see pack.h. */
BRAMA_MUST_USE enum brama_err brama_policy_open(struct brama_policy *out, const void *bytes,
                                                size_t size);
/* Digest, and that every ref, span and row number of every row points inside. For the agent, once,
 * and for a worker that meets a file of an earlier run. */
BRAMA_MUST_USE enum brama_err brama_policy_verify(const struct brama_policy *policy);
/* The same without the digest: of bytes that are known to be those it was made over. */
BRAMA_MUST_USE enum brama_err brama_policy_verify_rows(const struct brama_policy *policy);

/* Rows that were made as a policy of their own, numbered from 0, and now stand among others. */
struct brama_policy_unit {
    uint32_t text_by; /* how far its texts are from where they were */
    struct brama_policy_part {
        void *rows; /* to be changed: those that point to others */
        size_t stride;
        uint32_t count;
        uint32_t by;         /* how far its rows are from where they were */
        const uint32_t *map; /* or where each of them is now; NULL: as by says */
    } parts[BRAMA_PACK_TABLES_MAX];
};
/* What the rows point to, they point to where it is now. Each row of BRAMA_T_NUMBERS is in one list
 * only. */
void brama_policy_move(const struct brama_policy_unit *unit);

/* Stable across generations: the beginning of a SHA-256 of the text, and of "ns/name:port". Who
 * writes a rule chooses its URLs and names, and must not find one that has another's id. */
uint64_t brama_keyset_id(brama_str url);
uint64_t brama_upstream_id(brama_str ns, brama_str name, uint16_t port);
uint64_t brama_target_id(brama_str host, uint16_t port);

#endif
