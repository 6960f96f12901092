/* The typed model of an APIRule of any version: what the YAML says, in types, with its places.
 * Source: reference pages of the APIRule custom resource, v1alpha1 to v2 (docs/architecture.md).
 *
 * A reader fills it (rule/read.h), the judge validates it (rule/judge.h), the policy compiler and
 * `brama render` consume it. All memory is the world's arena's; nothing changes after judging.
 */
#ifndef BRAMA_RULE_MODEL_H
#define BRAMA_RULE_MODEL_H

#include "json/node.h"

struct brama_str_list {
    const brama_str *p;
    size_t n;
};

enum brama_api_version {
    BRAMA_API_NONE = 0,
    BRAMA_API_V1ALPHA1,
    BRAMA_API_V1BETA1,
    BRAMA_API_V2ALPHA1,
    BRAMA_API_V2
};
static inline bool brama_api_is_v1(enum brama_api_version version)
{
    return version == BRAMA_API_V1ALPHA1 || version == BRAMA_API_V1BETA1;
}

/* The jwtHandler of the ConfigMap kyma-system/api-gateway-config. */
enum brama_handler { BRAMA_HANDLER_NONE = 0, BRAMA_HANDLER_ORY, BRAMA_HANDLER_ISTIO };

/* HTTP methods as a set. */
enum {
    BRAMA_METHOD_GET = 1 << 0,
    BRAMA_METHOD_HEAD = 1 << 1,
    BRAMA_METHOD_POST = 1 << 2,
    BRAMA_METHOD_PUT = 1 << 3,
    BRAMA_METHOD_DELETE = 1 << 4,
    BRAMA_METHOD_CONNECT = 1 << 5,
    BRAMA_METHOD_OPTIONS = 1 << 6,
    BRAMA_METHOD_TRACE = 1 << 7,
    BRAMA_METHOD_PATCH = 1 << 8,
    BRAMA_METHOD_ALL = (1 << 9) - 1
};
typedef uint16_t brama_methods;

brama_methods brama_method_by_name(brama_str name); /* 0: no such method; case counts */
const char *brama_method_name(brama_methods one);   /* of a single bit, else "" */

/* namespace empty: see brama_rule_service(). */
struct brama_service_ref {
    bool given;
    brama_str name, ns;
    uint16_t port;
};

/* Where a token is looked for. DEFAULT differs by dialect: Istio looks at "Authorization: Bearer "
 * and the query parameter access_token, Oathkeeper at Authorization only. */
enum brama_token_place {
    BRAMA_TOKEN_DEFAULT = 0,
    BRAMA_TOKEN_HEADER,
    BRAMA_TOKEN_PARAM,
    BRAMA_TOKEN_COOKIE
};

struct brama_token_from {
    enum brama_token_place place;
    brama_str name;   /* header, parameter or cookie */
    brama_str prefix; /* HEADER: literal, may be empty */
};

/* One authentications[] entry (istio form). */
struct brama_jwt_auth {
    brama_str issuer, jwks_uri;
    struct brama_token_from *from_headers; /* as written; more than one is a failure */
    size_t from_header_count;
    struct brama_str_list from_params;
    struct brama_where where;
};

/* One authorizations[] entry. scopes_given with no scopes is "requiredScopes: []". */
struct brama_jwt_authz {
    bool is_null, scopes_given, audiences_given;
    struct brama_str_list scopes, audiences;
};

struct brama_jwt_istio {
    bool given; /* there is a config at all; extAuth may have none */
    const struct brama_jwt_auth *auths;
    size_t auth_count;
    bool authz_given;
    const struct brama_jwt_authz *authz;
    size_t authz_count;
};

enum brama_scope_strategy {
    BRAMA_SCOPES_NONE = 0,
    BRAMA_SCOPES_EXACT,
    BRAMA_SCOPES_HIERARCHIC,
    BRAMA_SCOPES_WILDCARD
};

/* The ory form: Oathkeeper's authenticator config after merging with Kyma's global one (scope
 * strategy wildcard, algorithm RS256). oathkeeper.md 2.8, apirule.md 2.2. */
struct brama_jwt_ory {
    struct brama_str_list jwks_urls, trusted_issuers, required_scope, target_audience;
    struct brama_str_list allowed_algorithms;
    enum brama_scope_strategy scope_strategy;
    struct brama_token_from token_from;
};

/* Of the two handlers that ask an OAuth 2 server, after merging with Kyma's global config (scope
 * strategy exact). oathkeeper.md 2.6, 2.7; apirule.md 2.4. */
struct brama_oauth2 {
    brama_str url; /* of introspection, or where tokens are given out */
    struct brama_str_list required_scope, target_audience, trusted_issuers;
    enum brama_scope_strategy scope_strategy;
    struct brama_token_from token_from;
    const struct brama_name_value *headers; /* introspection_request_headers */
    size_t header_count;
    bool cached;
    uint64_t cache_ms; /* 0: as long as the token lives */
    /* pre_authorization: a token of our own for the introspection. */
    bool pre_authorized;
    brama_str pre_url, client_id, client_secret, audience;
    struct brama_str_list pre_scope;
};

enum brama_strategy_kind {
    BRAMA_STRATEGY_UNKNOWN = 0,
    BRAMA_STRATEGY_ALLOW,
    BRAMA_STRATEGY_NO_AUTH, /* v1beta1 no_auth and v2 noAuth: true */
    BRAMA_STRATEGY_NOOP,
    BRAMA_STRATEGY_UNAUTHORIZED,
    BRAMA_STRATEGY_ANONYMOUS,
    BRAMA_STRATEGY_COOKIE_SESSION,
    BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS,
    BRAMA_STRATEGY_OAUTH2_INTROSPECTION,
    BRAMA_STRATEGY_JWT,
    BRAMA_STRATEGY_EXT_AUTH
};

struct brama_strategy {
    enum brama_strategy_kind kind;
    brama_str name;                    /* as written; v2: "noAuth", "jwt", "extAuth" */
    const struct brama_node *config;   /* v1*: as written, NULL if absent */
    struct brama_jwt_istio istio;      /* JWT: what the istio keys of the config say; v2: always */
    struct brama_jwt_ory ory;          /* JWT: what the ory keys of the config say; v1* only */
    struct brama_oauth2 oauth2;        /* OAUTH2_*: v1* only */
    struct brama_str_list authorizers; /* EXT_AUTH: names of the mesh configuration; rule/world.h */
    struct brama_where where;
};

/* value: as written. */
struct brama_name_value {
    brama_str name, value;
    struct brama_where where;
};

struct brama_origin {
    enum { BRAMA_ORIGIN_EXACT, BRAMA_ORIGIN_PREFIX, BRAMA_ORIGIN_REGEX } kind;
    brama_str value;
};

struct brama_cors {
    bool given;
    const struct brama_origin *origins;
    size_t origin_count;
    struct brama_str_list methods, headers, expose;
    bool credentials_given, credentials;
    bool max_age_given;
    uint64_t max_age_s;
};

struct brama_rule {
    brama_str path;
    brama_methods methods;
    brama_methods methods_twice; /* those that the list names more than once */
    struct brama_service_ref service;
    uint16_t timeout_s;                      /* 0: not given */
    const struct brama_strategy *strategies; /* v2: exactly one */
    size_t strategy_count;
    const struct brama_node *mutators; /* v1*: the list as written, or NULL */
    /* Headers to set upstream: v2 request.headers; v1* header mutator of an istio jwt rule. Their
     * values, and those of the cookies, are Envoy's to read; template/envoy.h. */
    const struct brama_name_value *headers;
    size_t header_count;
    /* Cookies that replace the Cookie header, from the same places. */
    const struct brama_name_value *cookies;
    size_t cookie_count;
    struct brama_where where;
};

/* One thing wrong with an APIRule. path as Kyma writes it (".spec.rules[0]..."). */
struct brama_failure {
    struct brama_failure *next;
    brama_str path, message;
    struct brama_where where;
};

struct brama_failures {
    struct brama_failure *first, *last;
    size_t count;
};

/* What the judge found; zero is "not valid". */
struct brama_judgement {
    bool valid;
    enum brama_handler handler; /* under which it was judged */
    brama_str state;            /* v1*: OK, ERROR, WARNING; v2*: Ready, Error, Warning */
    brama_str description;      /* as the status of that version words it; empty for OK */
    struct brama_failures failures;
};

/* A host under which an APIRule is reached: what its own host and one of its Gateway's share. */
struct brama_entry {
    brama_str host;
    bool plain, tls; /* by which listeners */
    bool redirect;   /* plain: only to be sent to the other one */
};

struct brama_kept;
struct brama_apirule {
    struct brama_apirule *next;
    enum brama_api_version version;
    brama_str ns, name;
    brama_str host; /* as written: FQDN, short name or "*." wildcard; first of v2 hosts */
    brama_str
        full_host;     /* lower case, short name completed with the domain; empty if it can't be */
    brama_str gateway; /* the reference, as written */
    bool names_external;               /* v2*: it has an externalGateway */
    bool is_empty;                     /* v2*: it has no spec, or nothing in it */
    const struct brama_entry *entries; /* by judging; none: nobody reaches it */
    size_t entry_count;
    struct brama_service_ref service;
    uint16_t timeout_s; /* 0: not given */
    struct brama_cors cors;
    const struct brama_rule *rules;
    size_t rule_count;
    struct brama_failures schema; /* what the API server would have refused it for */
    struct brama_judgement judged;
    const struct brama_node *doc; /* the manifest, for the last good form and for -o yaml */
    uint64_t doc_hash;            /* brama_node_hash() of it */
    struct brama_node *stored;    /* what was read in place of doc's spec; NULL: nothing was */
    struct brama_kept **place;    /* its document's, for what is kept; NULL: it has none */
    struct brama_kept *kept;      /* what of that this world took; rule/kept.h */
    struct brama_where where;
};

/* Where to look: at its first failure, or where it begins. */
struct brama_where brama_apirule_place(const struct brama_apirule *apirule);
/* The Service a rule goes to: its own, else the APIRule's; ns: its own, else spec.service's, else
 * the APIRule's. given is false if there is none. apirule.md section 4.1. */
struct brama_service_ref brama_rule_service(const struct brama_apirule *apirule,
                                            const struct brama_rule *rule);
/* What x-forwarded-host is set to, in Envoy's words: under a wildcard it is what the client asks
 * for. apirule.md section 4.5. */
brama_str brama_apirule_forwarded_host(const struct brama_apirule *apirule);
/* In seconds: the rule's, else the APIRule's, else 180. apirule.md section 4.2. */
uint16_t brama_rule_timeout(const struct brama_apirule *apirule, const struct brama_rule *rule);

#endif
