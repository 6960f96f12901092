#include "jose/status.h"

#include "base/def.h"

static const struct {
    const char *name, *text;
} rows[BRAMA_JWT_STATUS_COUNT] = {
    [BRAMA_JWT_OK] = {"Ok", "OK"},
    [BRAMA_JWT_MISSED] = {"JwtMissed", "Jwt is missing"},
    [BRAMA_JWT_NOT_YET_VALID] = {"JwtNotYetValid", "Jwt not yet valid"},
    [BRAMA_JWT_EXPIRED] = {"JwtExpired", "Jwt is expired"},
    [BRAMA_JWT_BAD_FORMAT] = {"JwtBadFormat", "Jwt is not in the form of Header.Payload.Signature "
                                              "with two dots and 3 sections"},
    [BRAMA_JWT_HEADER_BAD_BASE64] = {"JwtHeaderParseErrorBadBase64",
                                     "Jwt header is an invalid Base64url encoded"},
    [BRAMA_JWT_HEADER_BAD_JSON] = {"JwtHeaderParseErrorBadJson", "Jwt header is an invalid JSON"},
    [BRAMA_JWT_HEADER_BAD_ALG] = {"JwtHeaderBadAlg",
                                  "Jwt header [alg] field is required and must be a string"},
    [BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED] = {"JwtHeaderNotImplementedAlg",
                                            "Jwt header [alg] is not supported"},
    [BRAMA_JWT_HEADER_BAD_KID] = {"JwtHeaderBadKid", "Jwt header [kid] field is not a string"},
    [BRAMA_JWT_PAYLOAD_BAD_BASE64] = {"JwtPayloadParseErrorBadBase64",
                                      "Jwt payload is an invalid Base64url encoded"},
    [BRAMA_JWT_PAYLOAD_BAD_JSON] = {"JwtPayloadParseErrorBadJson",
                                    "Jwt payload is an invalid JSON"},
    [BRAMA_JWT_ISS_NOT_STRING] = {"JwtPayloadParseErrorIssNotString",
                                  "Jwt payload [iss] field is not a string"},
    [BRAMA_JWT_SUB_NOT_STRING] = {"JwtPayloadParseErrorSubNotString",
                                  "Jwt payload [sub] field is not a string"},
    [BRAMA_JWT_IAT_NOT_INTEGER] = {"JwtPayloadParseErrorIatNotInteger",
                                   "Jwt payload [iat] field is not an integer"},
    [BRAMA_JWT_IAT_OUT_OF_RANGE] = {"JwtPayloadParseErrorIatOutOfRange",
                                    "Jwt payload [iat] field is not a positive 64 bit integer"},
    [BRAMA_JWT_NBF_NOT_INTEGER] = {"JwtPayloadParseErrorNbfNotInteger",
                                   "Jwt payload [nbf] field is not an integer"},
    [BRAMA_JWT_NBF_OUT_OF_RANGE] = {"JwtPayloadParseErrorNbfOutOfRange",
                                    "Jwt payload [nbf] field is not a positive 64 bit integer"},
    [BRAMA_JWT_EXP_NOT_INTEGER] = {"JwtPayloadParseErrorExpNotInteger",
                                   "Jwt payload [exp] field is not an integer"},
    [BRAMA_JWT_EXP_OUT_OF_RANGE] = {"JwtPayloadParseErrorExpOutOfRange",
                                    "Jwt payload [exp] field is not a positive 64 bit integer"},
    [BRAMA_JWT_JTI_NOT_STRING] = {"JwtPayloadParseErrorJtiNotString",
                                  "Jwt payload [jti] field is not a string"},
    [BRAMA_JWT_AUD_NOT_STRING] = {"JwtPayloadParseErrorAudNotString",
                                  "Jwt payload [aud] field is not a string or string list"},
    [BRAMA_JWT_SIGNATURE_BAD_BASE64] = {"JwtSignatureParseErrorBadBase64",
                                        "Jwt signature is an invalid Base64url encoded"},
    [BRAMA_JWT_ED25519_SIGNATURE_LENGTH] = {"JwtEd25519SignatureWrongLength",
                                            "Jwt ED25519 signature is wrong length"},
    [BRAMA_JWT_UNKNOWN_ISSUER] = {"JwtUnknownIssuer", "Jwt issuer is not configured"},
    [BRAMA_JWT_AUDIENCE_NOT_ALLOWED] = {"JwtAudienceNotAllowed",
                                        "Audiences in Jwt are not allowed"},
    [BRAMA_JWT_VERIFICATION_FAIL] = {"JwtVerificationFail", "Jwt verification fails"},
    [BRAMA_JWKS_NO_VALID_KEYS] = {"JwksNoValidKeys", "Jwks doesn't have any valid public key"},
    [BRAMA_JWKS_KID_ALG_MISMATCH] = {"JwksKidAlgMismatch",
                                     "Jwks doesn't have key to match kid or alg from Jwt"},
    [BRAMA_JWKS_FETCH_FAIL] = {"JwksFetchFail", "Jwks remote fetch is failed"},
};

const char *brama_jwt_status_text(enum brama_jwt_status status)
{
    return (size_t)status < BRAMA_ARRAY_LEN(rows) ? rows[status].text : "";
}

const char *brama_jwt_status_name(enum brama_jwt_status status)
{
    return (size_t)status < BRAMA_ARRAY_LEN(rows) ? rows[status].name : "";
}
