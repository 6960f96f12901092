/* What can be wrong with a token or a key set: one name and one text each. The names and texts of
 * the first block are Envoy's (istio-jwt.md 2.12), since clients and tests know them. */
#ifndef BRAMA_JOSE_STATUS_H
#define BRAMA_JOSE_STATUS_H

enum brama_jwt_status {
    BRAMA_JWT_OK = 0, /* read: nothing was found wrong so far; never by itself a permission */
    BRAMA_JWT_MISSED,
    BRAMA_JWT_NOT_YET_VALID,
    BRAMA_JWT_EXPIRED,
    BRAMA_JWT_BAD_FORMAT,
    BRAMA_JWT_HEADER_BAD_BASE64,
    BRAMA_JWT_HEADER_BAD_JSON,
    BRAMA_JWT_HEADER_BAD_ALG,
    BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED,
    BRAMA_JWT_HEADER_BAD_KID,
    BRAMA_JWT_PAYLOAD_BAD_BASE64,
    BRAMA_JWT_PAYLOAD_BAD_JSON,
    BRAMA_JWT_ISS_NOT_STRING,
    BRAMA_JWT_SUB_NOT_STRING,
    BRAMA_JWT_IAT_NOT_INTEGER,
    BRAMA_JWT_IAT_OUT_OF_RANGE,
    BRAMA_JWT_NBF_NOT_INTEGER,
    BRAMA_JWT_NBF_OUT_OF_RANGE,
    BRAMA_JWT_EXP_NOT_INTEGER,
    BRAMA_JWT_EXP_OUT_OF_RANGE,
    BRAMA_JWT_JTI_NOT_STRING,
    BRAMA_JWT_AUD_NOT_STRING,
    BRAMA_JWT_SIGNATURE_BAD_BASE64,
    BRAMA_JWT_ED25519_SIGNATURE_LENGTH,
    BRAMA_JWT_UNKNOWN_ISSUER,
    BRAMA_JWT_AUDIENCE_NOT_ALLOWED,
    BRAMA_JWT_VERIFICATION_FAIL,
    BRAMA_JWKS_NO_VALID_KEYS,
    BRAMA_JWKS_KID_ALG_MISMATCH,
    BRAMA_JWKS_FETCH_FAIL,
    BRAMA_JWT_STATUS_COUNT
};

/* Envoy's body text, static. */
const char *brama_jwt_status_text(enum brama_jwt_status status);
/* The name of the status in Envoy's library, as "JwtExpired", static: for logs, traces and tests.
 */
const char *brama_jwt_status_name(enum brama_jwt_status status);

#endif
