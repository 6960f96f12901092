/* A gateway in memory: rules from YAML text, key sets from keys made on the spot, decisions. */
#ifndef BRAMA_TEST_POLICY_FIXTURE_H
#define BRAMA_TEST_POLICY_FIXTURE_H

#include "expect.h"

#include "policy/compile.h"
#include "policy/decide.h"

#define NOW 1800000000 /* the fixture's clock */

struct fixture {
    struct brama_arena arena;
    struct brama_world world;
    struct brama_buf policy_bytes, facts_bytes;
    struct brama_policy policy;
    struct brama_facts facts;
    struct brama_memory *memory;
    struct brama_pkey *key, *stranger; /* RSA: of the key sets, and of nobody */
    struct brama_decision decision;
    struct brama_trace trace; /* of the last question */
    /* What whoever is asked will say, in order, and what he was asked. Without answers nobody may
     * be asked. */
    const struct brama_call_answer *answers;
    size_t answer_count;
    struct brama_call calls[BRAMA_CALLS_MAX];
    size_t call_count;
    struct brama_request_body body;
    int64_t later_s; /* the clock is this much ahead of NOW */
    struct brama_connection connection;
};

/* Rules compiled, and every key set named in them filled with fixture->key (kid "k1"); a URL that
 * ends in /never isn't loaded. Every upstream has one address. */
void fixture_init(struct fixture *f, const char *yaml);
void fixture_deinit(struct fixture *f);
/* Other rules for the same keys and memory; invalid APIRules among them aren't reported. */
void fixture_reload(struct fixture *f, const char *yaml);

/* A key set of its own for a URL of the rules, as JSON; all others stay fixture->key's. */
struct fixture_set {
    const char *url, *json;
};
void fixture_facts(struct fixture *f, const struct fixture_set *sets, size_t count);
/* A JWK without kid, or with one; the arena's. */
brama_str fixture_jwk(struct fixture *f, const struct brama_pkey *key, enum brama_alg alg,
                      const char *kid);
/* Signed with another algorithm than RS256. */
brama_str fixture_token_by(struct fixture *f, const struct brama_pkey *key, enum brama_alg alg,
                           const char *header, const char *payload);

/* A compact token, alg RS256 unless header says more; payload is JSON text. */
brama_str fixture_token(struct fixture *f, const struct brama_pkey *key, const char *header,
                        const char *payload);

/* Ask; headers as "Name: value" lines, NULL-terminated list. */
const struct brama_decision *fixture_ask(struct fixture *f, const char *method, const char *host,
                                         const char *target, const char *const *headers);
/* The same with "Authorization: Bearer <token>"; an empty token: without. */
const struct brama_decision *fixture_ask_with(struct fixture *f, const char *method,
                                              const char *host, const char *target,
                                              brama_str token);
/* The value of a response header, or {NULL, 0}. */
brama_str fixture_response_header(const struct fixture *f, const char *name);
brama_str fixture_upstream_header(const struct fixture *f, const char *name);
brama_str fixture_call_header(const struct brama_call *call, const char *name);

int test_decide(void);
int test_ory(void);
int test_files(void);
int test_advice(void);
int test_attacks(void);
int test_trace(void);
int test_vectors(void);

#endif
