/* A compact JWS that is a JWT, read. RFC 7515 section 7.1, RFC 7519, RFC 8725.
 *
 *     struct brama_jwt jwt;
 *     brama_jwt_read(&jwt, &arena, token);
 *     if (jwt.status != BRAMA_JWT_OK)
 *         refuse(brama_jwt_status_text(jwt.status), jwt.detail);
 *
 * Reading proves nothing: signature, time, issuer and audience are later steps.
 */
#ifndef BRAMA_JOSE_JWT_H
#define BRAMA_JOSE_JWT_H

#include "base/arena.h"
#include "crypto/key.h"
#include "jose/status.h"
#include "json/node.h"

/* A longer token is refused (attacks.md J15): ten times what providers send, and small enough that
 * a request's memory stays bounded by it. */
#define BRAMA_JWT_MAX 8192
#define BRAMA_JWT_HEADER_MAX 2048 /* bytes of the header part in base64url */
#define BRAMA_JWT_AUD_MAX 64

/* A NumericDate (RFC 7519 section 2): whole seconds, exp rounded down, nbf and iat up. */
struct brama_numeric_date {
    bool present;
    int64_t s;
};

struct brama_claims {
    bool has_iss, has_sub, has_aud;
    brama_str iss, sub;
    struct brama_numeric_date exp, nbf, iat;
    const brama_str *aud; /* one or several */
    size_t aud_count;
    const struct brama_node *root; /* all of them, a MAP */
};

struct brama_jwt {
    enum brama_jwt_status status;
    const char *detail; /* a static phrase that says more than the status, or "" */
    enum brama_alg alg;
    bool has_kid;
    brama_str kid, alg_name, jku;
    const struct brama_node *header; /* NULL where the status came earlier */
    struct brama_claims claims;
    brama_str token;         /* as received */
    brama_str signing_input; /* header.payload, a slice of token */
    brama_str payload_b64;   /* the second part, a slice of token */
    brama_str signature;     /* octets */
};

/* Everything that can be said of the token alone, in Envoy's order (istio-jwt.md 2.4), with the
 * stricter answers of attacks.md J1 and J10 to J16: exactly three non-empty parts, strict base64url
 * and JSON, no crit, no b64, no zip or enc, caps. All memory is the arena's; token must outlive
 * *out. Out of memory is BRAMA_JWT_BAD_FORMAT with a detail: a refusal, as it must be. crit, b64,
 * zip and enc are BRAMA_JWT_HEADER_ALG_NOT_SUPPORTED with a detail: the nearest that Envoy has.
 *
 * An empty kid is kept (has_kid), though Envoy chooses keys as if there were none.
 *
 * exp of 0 is kept as it stands (expired), not "never" as in Envoy; a date below 0 or beyond the
 * year 9999 is out of range.
 */
void brama_jwt_read(struct brama_jwt *out, struct brama_arena *arena, brama_str token);

/* nbf, then exp, each with skew_s of tolerance. RFC 7519 sections 4.1.4, 4.1.5. */
enum brama_jwt_status brama_claims_check_time(const struct brama_claims *claims, int64_t now_s,
                                              int64_t skew_s);

/* The scopes of one claim of this name: a list of strings as it is, a string as one value, or split
 * at single blanks if split. False: no such claim, or neither string nor list of strings. */
bool brama_claims_list(const brama_str **out, size_t *count, struct brama_arena *arena,
                       const struct brama_claims *claims, brama_str name, bool split);

#endif
