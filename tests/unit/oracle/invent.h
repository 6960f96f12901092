/* Random rules and requests for the oracle: small, dense, so that rules meet each other often. The
 * numbers come from whoever asks: a seed, or a fuzzer's bytes. */
#ifndef BRAMA_TEST_ORACLE_INVENT_H
#define BRAMA_TEST_ORACLE_INVENT_H

#include "base/buf.h"

struct invent {
    uint32_t (*next)(void *ctx); /* any number */
    void *ctx;
};

/* The same numbers each time: ctx is a uint64_t, not 0. */
uint32_t invent_seeded(void *ctx);

/* 0 to n - 1 */
uint32_t invent_pick(const struct invent *from, uint32_t n);

/* The toggle, Services and up to three APIRules as YAML. */
void invent_rules(struct brama_buf *out, const struct invent *from);

/* A request without its token: the target as sent, and as the two sorts of proxies read it. */
struct invent_request {
    const char *method, *host, *target, *path, *decoded;
};
struct invent_request invent_request(const struct invent *from);

/* Where a token of the request stands. */
enum invent_place { INVENT_BEARER, INVENT_HEADER, INVENT_PARAM, INVENT_PLACES };
#define INVENT_HEADER_NAME "X-Token"
#define INVENT_PARAM_NAME "t"

/* The issuers that rules trust, and where their keys are. */
#define INVENT_ISSUER_A "http://a.example"
#define INVENT_KEYS_A "http://a.example/keys"
#define INVENT_ISSUER_B "b"
#define INVENT_KEYS_B "http://b.example/keys"

#endif
