/* The facts file: key sets, addresses and certificates; what changes by itself. It is readable by
 * the agent's and the workers' user only, since TLS keys lie in it.
 */
#ifndef BRAMA_POLICY_FACTS_H
#define BRAMA_POLICY_FACTS_H

#include "jose/jwks.h"
#include "policy/pack.h"

enum brama_facts_table {
    BRAMA_F_KEYSET = 0, /* sorted by id */
    BRAMA_F_KEY,
    BRAMA_F_UPSTREAM, /* sorted by id */
    BRAMA_F_ADDRESS,
    BRAMA_F_CERT /* the first one serves where no name fits */
};

enum brama_keyset_state {
    BRAMA_KEYSET_NEVER = 0, /* no set was ever loaded: 503 */
    BRAMA_KEYSET_FRESH,
    BRAMA_KEYSET_STALE,  /* the last fetch failed; the last good set is served */
    BRAMA_KEYSET_EXPIRED /* and it is too old to be served: 503 */
};

struct brama_f_keyset {
    uint64_t id;                   /* brama_keyset_id() */
    struct brama_ref url, problem; /* problem: the last fetch's, empty if it went well */
    uint32_t state;                /* enum brama_keyset_state */
    uint32_t rejected;             /* keys left out of the set, and */
    uint32_t unused;
    struct brama_ref left_out; /* which and why, as far as there is room */
    int64_t fetched_at_s;      /* of the set that is served, UNIX time; 0: never */
    uint64_t version;          /* counts sets that differed */
    struct brama_span keys;    /* BRAMA_F_KEY, in the set's order */
};

struct brama_f_key {
    struct brama_ref kid, use, spki; /* spki: DER */
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];
    uint32_t has_kid;
    uint32_t alg; /* enum brama_alg, or BRAMA_ALG_INVALID if the key doesn't say */
    uint32_t kty, crv, bits;
    uint32_t unused;
};

struct brama_f_upstream {
    uint64_t id; /* brama_upstream_id() */
    struct brama_span addresses;
};

struct brama_f_address {
    uint32_t family; /* AF_INET or AF_INET6 */
    uint32_t port;   /* host byte order */
    uint8_t ip[16];  /* network byte order; the first 4 for AF_INET */
};

struct brama_f_cert {
    struct brama_ref name; /* lower case host, "*.x" or "*" */
    struct brama_ref chain_pem, key_pem;
};

struct brama_facts {
    struct brama_pack pack;
};

BRAMA_MUST_USE enum brama_err brama_facts_open(struct brama_facts *out, const void *bytes,
                                               size_t size);
BRAMA_MUST_USE enum brama_err brama_facts_verify(const struct brama_facts *facts);
/* Without the digest: of bytes that are known to be those it was made over. */
BRAMA_MUST_USE enum brama_err brama_facts_verify_rows(const struct brama_facts *facts);

/* NULL if the id isn't there. O(log n). */
const struct brama_f_keyset *brama_facts_keyset(const struct brama_facts *facts, uint64_t id);
const struct brama_f_upstream *brama_facts_upstream(const struct brama_facts *facts, uint64_t id);
/* The certificate for a server name: exact, then the longest "*.x", then "*", then the first; of
 * two with one name the earlier. NULL if there is none. */
const struct brama_f_cert *brama_facts_cert(const struct brama_facts *facts, brama_str server_name);

/* Building one. The builder copies what it is given; any order. */
struct brama_facts_keyset_in {
    brama_str url, problem;
    enum brama_keyset_state state;
    int64_t fetched_at_s;
    uint64_t version;
    const struct brama_jwks *set; /* NULL for NEVER and EXPIRED */
};
struct brama_facts_upstream_in {
    uint64_t id;
    const struct brama_f_address *addresses;
    size_t count;
};
struct brama_facts_cert_in {
    brama_str name, chain_pem, key_pem;
};
struct brama_facts_in {
    const struct brama_facts_keyset_in *keysets;
    size_t keyset_count;
    const struct brama_facts_upstream_in *upstreams;
    size_t upstream_count;
    const struct brama_facts_cert_in *certs;
    size_t cert_count;
};
BRAMA_MUST_USE enum brama_err brama_facts_build(struct brama_buf *out, uint64_t number,
                                                const struct brama_facts_in *in);

#endif
