/* What a cluster would answer: Istio and Oathkeeper, evaluated slowly and plainly over the objects
 * that brama_render() makes. Sources: istio-jwt.md sections 1, 3 and 4, oathkeeper.md sections 1
 * and 2. It shares nothing with src/policy.
 *
 * Signatures aren't checked here: the test says of each token by whose keys it verifies.
 */
#ifndef BRAMA_TEST_ORACLE_H
#define BRAMA_TEST_ORACLE_H

#include "rule/world.h"

struct oracle_token {
    brama_str text;
    const char *jwks_uri; /* whose keys it is signed with; NULL: nobody's, or not a token */
    const char *claims;   /* JSON; NULL: not a token */
};

struct oracle_request {
    const char *method, *host;
    const char *path;    /* normalised, without query */
    const char *decoded; /* the path as Oathkeeper reads it */
    const char *header;  /* name of the header with credentials; NULL: none */
    brama_str value;     /* of that header */
    const char *param;   /* name of the query parameter with a token; NULL: none */
    brama_str param_value;
    bool authorizer_allows; /* what every authorizer answers that is asked about it */
    bool token_is_active;   /* what every introspection answers about its token */
};

struct oracle {
    struct brama_arena *arena;
    const struct brama_world *world;
    const struct brama_node *objects; /* a LIST of what brama_render() wrote */
    const struct oracle_token *tokens;
    size_t token_count;
    int64_t now_s;
};

struct oracle_answer {
    bool allow;
    const char *why;       /* of a no */
    brama_str destination; /* HOST:PORT of the Service that gets the request; empty with a no */
};

struct oracle_answer oracle_ask(const struct oracle *o, const struct oracle_request *request);

#endif
