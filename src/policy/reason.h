/* Why a request got its answer: one table of names for log, trace, metrics and explain. Names are
 * stable: people grep and alert on them. */
#ifndef BRAMA_POLICY_REASON_H
#define BRAMA_POLICY_REASON_H

#include "jose/status.h"

enum brama_reason {
    BRAMA_REASON_NONE = 0,       /* nothing was decided: a refusal, status 500 */
    BRAMA_REASON_ALLOWED,        /* "allowed" */
    BRAMA_REASON_PREFLIGHT,      /* "cors_preflight": answered by us */
    BRAMA_REASON_BAD_REQUEST,    /* "bad_request": framing or syntax that nginx's parser lets by */
    BRAMA_REASON_HTTP_VERSION,   /* "http_version": HTTP/1.0 */
    BRAMA_REASON_BAD_PATH,       /* "bad_path": can't be normalised */
    BRAMA_REASON_AMBIGUOUS_PATH, /* "ambiguous_path": two readings lead to two rules */
    BRAMA_REASON_BAD_HOST,       /* "bad_host": no host[:port] */
    BRAMA_REASON_BAD_CONNECTION, /* "bad_connection": Connection names a header it must not */
    BRAMA_REASON_HEADERS_TOO_LARGE, /* "headers_too_large" */
    BRAMA_REASON_NOT_CONFIGURED,    /* "not_configured": no policy in force yet */
    BRAMA_REASON_MISDIRECTED,       /* "misdirected": TLS was set up with another server */
    BRAMA_REASON_HTTPS_REDIRECT,    /* "https_redirect": the Gateway wants TLS; answered by us */
    BRAMA_REASON_NO_HOST,           /* "no_host": no APIRule serves it */
    BRAMA_REASON_NO_ROUTE,          /* "no_route": no rule for path and method */
    BRAMA_REASON_TOKEN_MISSING,
    BRAMA_REASON_TOKEN_MALFORMED,
    BRAMA_REASON_TOKEN_SEVERAL, /* "token_several": more than one credential */
    BRAMA_REASON_TOKEN_EXPIRED,
    BRAMA_REASON_TOKEN_NOT_YET_VALID,
    BRAMA_REASON_ALG_NOT_ALLOWED,
    BRAMA_REASON_ISSUER_UNKNOWN,
    BRAMA_REASON_KID_MISSING,
    BRAMA_REASON_KEY_UNKNOWN,      /* no key of the set fits kid and alg */
    BRAMA_REASON_KEYS_UNAVAILABLE, /* the set was never loaded */
    BRAMA_REASON_SIGNATURE_INVALID,
    BRAMA_REASON_AUDIENCE_MISSING,
    BRAMA_REASON_SCOPE_MISSING,
    BRAMA_REASON_SUBJECT_MISSING,
    BRAMA_REASON_POLICY_DENIED, /* no AuthorizationPolicy of the workload matches */
    BRAMA_REASON_OATHKEEPER_NO_RULE,
    BRAMA_REASON_OATHKEEPER_MANY_RULES,
    BRAMA_REASON_UNAUTHORIZED,    /* "unauthorized": the rule's handler lets nobody in */
    BRAMA_REASON_NOT_RESPONSIBLE, /* "not_responsible": no authenticator takes such credentials */
    BRAMA_REASON_CREDENTIALS_REFUSED, /* "credentials_refused": by whoever was asked about them */
    BRAMA_REASON_TOKEN_INACTIVE,      /* "token_inactive": says the introspection */
    BRAMA_REASON_TOKEN_USE,           /* "token_use": no access token, says the introspection */
    BRAMA_REASON_CALL_FAILED,         /* "call_failed": asked, and no answer that can be used */
    BRAMA_REASON_CALL_BUSY,           /* "call_busy": not asked, for too many wait already */
    BRAMA_REASON_BODY_TOO_LARGE,      /* "body_too_large": for an authorizer that is told it */
    BRAMA_REASON_BODY_TIMEOUT,        /* "body_timeout": it stopped coming before it was told */
    BRAMA_REASON_EXT_AUTH_DENIED,     /* "ext_auth_denied": the external authorizer said no */
    BRAMA_REASON_EXT_AUTH_FAILED,     /* "ext_auth_failed": it said nothing that counts */
    BRAMA_REASON_CALL_NEEDED,         /* "call_needed": somebody has to be asked, and may not be */
    BRAMA_REASON_MUTATOR_FAILED,      /* "mutator_failed": a template can't be rendered here */
    BRAMA_REASON_SIGNER_FAILED,    /* "signer_failed": no token from whoever signs for id_token */
    BRAMA_REASON_HANDLER_DISABLED, /* "handler_disabled": Kyma's Oathkeeper has it switched off */
    BRAMA_REASON_GRPC_UNSUPPORTED, /* let in, but workloads are spoken to in HTTP/1.1 */
    BRAMA_REASON_NO_UPSTREAM,      /* no address for the workload */
    BRAMA_REASON_UPSTREAM_FAILED,  /* written by the gateway, as the two below */
    BRAMA_REASON_UPSTREAM_TIMEOUT,
    BRAMA_REASON_CLIENT_GONE,
    BRAMA_REASON_INTERNAL,
    BRAMA_REASON_COUNT
};

/* "token_expired", ...; static, "none" for an unknown one. */
const char *brama_reason_name(enum brama_reason reason);

/* At which step of a decision it is found: "route", "token", "key", ...; static, "" where nothing
 * was refused. */
const char *brama_reason_step(enum brama_reason reason);

/* Which reason stands behind a JWT status. */
enum brama_reason brama_reason_of_jwt(enum brama_jwt_status status);

#endif
