#include "policy/reason.h"

#include <stddef.h>

static const char *const names[BRAMA_REASON_COUNT] = {
    [BRAMA_REASON_NONE] = "none",
    [BRAMA_REASON_ALLOWED] = "allowed",
    [BRAMA_REASON_PREFLIGHT] = "cors_preflight",
    [BRAMA_REASON_BAD_REQUEST] = "bad_request",
    [BRAMA_REASON_HTTP_VERSION] = "http_version",
    [BRAMA_REASON_BAD_PATH] = "bad_path",
    [BRAMA_REASON_AMBIGUOUS_PATH] = "ambiguous_path",
    [BRAMA_REASON_BAD_HOST] = "bad_host",
    [BRAMA_REASON_BAD_CONNECTION] = "bad_connection",
    [BRAMA_REASON_HEADERS_TOO_LARGE] = "headers_too_large",
    [BRAMA_REASON_NOT_CONFIGURED] = "not_configured",
    [BRAMA_REASON_MISDIRECTED] = "misdirected",
    [BRAMA_REASON_HTTPS_REDIRECT] = "https_redirect",
    [BRAMA_REASON_NO_HOST] = "no_host",
    [BRAMA_REASON_NO_ROUTE] = "no_route",
    [BRAMA_REASON_TOKEN_MISSING] = "token_missing",
    [BRAMA_REASON_TOKEN_MALFORMED] = "token_malformed",
    [BRAMA_REASON_TOKEN_SEVERAL] = "token_several",
    [BRAMA_REASON_TOKEN_EXPIRED] = "token_expired",
    [BRAMA_REASON_TOKEN_NOT_YET_VALID] = "token_not_yet_valid",
    [BRAMA_REASON_ALG_NOT_ALLOWED] = "alg_not_allowed",
    [BRAMA_REASON_ISSUER_UNKNOWN] = "issuer_unknown",
    [BRAMA_REASON_KID_MISSING] = "kid_missing",
    [BRAMA_REASON_KEY_UNKNOWN] = "key_unknown",
    [BRAMA_REASON_KEYS_UNAVAILABLE] = "keys_unavailable",
    [BRAMA_REASON_SIGNATURE_INVALID] = "signature_invalid",
    [BRAMA_REASON_AUDIENCE_MISSING] = "audience_missing",
    [BRAMA_REASON_SCOPE_MISSING] = "scope_missing",
    [BRAMA_REASON_SUBJECT_MISSING] = "subject_missing",
    [BRAMA_REASON_POLICY_DENIED] = "policy_denied",
    [BRAMA_REASON_OATHKEEPER_NO_RULE] = "oathkeeper_no_rule",
    [BRAMA_REASON_OATHKEEPER_MANY_RULES] = "oathkeeper_many_rules",
    [BRAMA_REASON_UNAUTHORIZED] = "unauthorized",
    [BRAMA_REASON_NOT_RESPONSIBLE] = "not_responsible",
    [BRAMA_REASON_CREDENTIALS_REFUSED] = "credentials_refused",
    [BRAMA_REASON_TOKEN_INACTIVE] = "token_inactive",
    [BRAMA_REASON_TOKEN_USE] = "token_use",
    [BRAMA_REASON_CALL_FAILED] = "call_failed",
    [BRAMA_REASON_CALL_BUSY] = "call_busy",
    [BRAMA_REASON_BODY_TOO_LARGE] = "body_too_large",
    [BRAMA_REASON_BODY_TIMEOUT] = "body_timeout",
    [BRAMA_REASON_EXT_AUTH_DENIED] = "ext_auth_denied",
    [BRAMA_REASON_EXT_AUTH_FAILED] = "ext_auth_failed",
    [BRAMA_REASON_CALL_NEEDED] = "call_needed",
    [BRAMA_REASON_MUTATOR_FAILED] = "mutator_failed",
    [BRAMA_REASON_SIGNER_FAILED] = "signer_failed",
    [BRAMA_REASON_HANDLER_DISABLED] = "handler_disabled",
    [BRAMA_REASON_GRPC_UNSUPPORTED] = "grpc_unsupported",
    [BRAMA_REASON_NO_UPSTREAM] = "no_upstream",
    [BRAMA_REASON_UPSTREAM_FAILED] = "upstream_failed",
    [BRAMA_REASON_UPSTREAM_TIMEOUT] = "upstream_timeout",
    [BRAMA_REASON_CLIENT_GONE] = "client_gone",
    [BRAMA_REASON_INTERNAL] = "internal_error",
};

const char *brama_reason_name(enum brama_reason reason)
{
    return (unsigned)reason < BRAMA_REASON_COUNT ? names[reason] : names[0];
}

const char *brama_reason_step(enum brama_reason reason)
{
    static const char *const steps[BRAMA_REASON_COUNT] = {
        [BRAMA_REASON_ALLOWED] = "",
        [BRAMA_REASON_PREFLIGHT] = "",
        [BRAMA_REASON_HTTPS_REDIRECT] = "",
        [BRAMA_REASON_BAD_PATH] = "path",
        [BRAMA_REASON_AMBIGUOUS_PATH] = "path",
        [BRAMA_REASON_BAD_HOST] = "host",
        [BRAMA_REASON_MISDIRECTED] = "host",
        [BRAMA_REASON_NO_HOST] = "host",
        [BRAMA_REASON_NO_ROUTE] = "route",
        [BRAMA_REASON_TOKEN_MISSING] = "token",
        [BRAMA_REASON_TOKEN_MALFORMED] = "token",
        [BRAMA_REASON_TOKEN_SEVERAL] = "token",
        [BRAMA_REASON_TOKEN_EXPIRED] = "exp",
        [BRAMA_REASON_TOKEN_NOT_YET_VALID] = "nbf",
        [BRAMA_REASON_ALG_NOT_ALLOWED] = "alg",
        [BRAMA_REASON_ISSUER_UNKNOWN] = "issuer",
        [BRAMA_REASON_KID_MISSING] = "kid",
        [BRAMA_REASON_KEY_UNKNOWN] = "key",
        [BRAMA_REASON_KEYS_UNAVAILABLE] = "key",
        [BRAMA_REASON_SIGNATURE_INVALID] = "signature",
        [BRAMA_REASON_AUDIENCE_MISSING] = "audience",
        [BRAMA_REASON_SCOPE_MISSING] = "scope",
        [BRAMA_REASON_SUBJECT_MISSING] = "sub",
        [BRAMA_REASON_POLICY_DENIED] = "policy",
        [BRAMA_REASON_OATHKEEPER_NO_RULE] = "oathkeeper",
        [BRAMA_REASON_OATHKEEPER_MANY_RULES] = "oathkeeper",
        [BRAMA_REASON_UNAUTHORIZED] = "authenticator",
        [BRAMA_REASON_NOT_RESPONSIBLE] = "authenticator",
        [BRAMA_REASON_HANDLER_DISABLED] = "authenticator",
        [BRAMA_REASON_CREDENTIALS_REFUSED] = "credentials",
        [BRAMA_REASON_TOKEN_INACTIVE] = "token",
        [BRAMA_REASON_TOKEN_USE] = "token",
        [BRAMA_REASON_CALL_FAILED] = "call",
        [BRAMA_REASON_CALL_NEEDED] = "call",
        [BRAMA_REASON_CALL_BUSY] = "call",
        [BRAMA_REASON_BODY_TOO_LARGE] = "authorizer",
        [BRAMA_REASON_BODY_TIMEOUT] = "authorizer",
        [BRAMA_REASON_EXT_AUTH_DENIED] = "authorizer",
        [BRAMA_REASON_EXT_AUTH_FAILED] = "authorizer",
        [BRAMA_REASON_MUTATOR_FAILED] = "mutator",
        [BRAMA_REASON_SIGNER_FAILED] = "mutator",
        [BRAMA_REASON_GRPC_UNSUPPORTED] = "upstream",
        [BRAMA_REASON_NO_UPSTREAM] = "upstream",
        [BRAMA_REASON_UPSTREAM_FAILED] = "upstream",
        [BRAMA_REASON_UPSTREAM_TIMEOUT] = "upstream",
    };

    if ((unsigned)reason >= BRAMA_REASON_COUNT || steps[reason] == NULL)
        return "request";
    return steps[reason];
}

enum brama_reason brama_reason_of_jwt(enum brama_jwt_status status)
{
    static const unsigned char reasons[BRAMA_JWT_STATUS_COUNT] = {
        [BRAMA_JWT_MISSED] = BRAMA_REASON_TOKEN_MISSING,
        [BRAMA_JWT_NOT_YET_VALID] = BRAMA_REASON_TOKEN_NOT_YET_VALID,
        [BRAMA_JWT_EXPIRED] = BRAMA_REASON_TOKEN_EXPIRED,
        [BRAMA_JWT_UNKNOWN_ISSUER] = BRAMA_REASON_ISSUER_UNKNOWN,
        [BRAMA_JWT_AUDIENCE_NOT_ALLOWED] = BRAMA_REASON_AUDIENCE_MISSING,
        [BRAMA_JWT_VERIFICATION_FAIL] = BRAMA_REASON_SIGNATURE_INVALID,
        [BRAMA_JWT_ED25519_SIGNATURE_LENGTH] = BRAMA_REASON_SIGNATURE_INVALID,
        [BRAMA_JWKS_NO_VALID_KEYS] = BRAMA_REASON_KEYS_UNAVAILABLE,
        [BRAMA_JWKS_KID_ALG_MISMATCH] = BRAMA_REASON_KEY_UNKNOWN,
        [BRAMA_JWKS_FETCH_FAIL] = BRAMA_REASON_KEYS_UNAVAILABLE,
    };
    if (status == BRAMA_JWT_OK || (unsigned)status >= BRAMA_JWT_STATUS_COUNT)
        return BRAMA_REASON_NONE;
    return reasons[status] != 0 ? (enum brama_reason)reasons[status] : BRAMA_REASON_TOKEN_MALFORMED;
}
