/* Shared by the files of the decision, nobody else. */
#ifndef BRAMA_POLICY_INNER_H
#define BRAMA_POLICY_INNER_H

#include "jose/jwt.h"
#include "policy/decide.h"
#include "route/path.h"
#include "template/template.h"

/* Bytes of a host name, RFC 1035 section 2.3.4: a longer one is nobody's. */
#define BRAMA__HOST_MAX 255

/* Whom Oathkeeper takes the caller for, and what it will tell the workload of it. oathkeeper.md 2.0
 */
struct brama__session {
    brama_str subject;
    const struct brama_node *extra;  /* a MAP, or NULL */
    struct brama_template_pair *set; /* headers, each name once */
    size_t set_count;
};

/* One decision under way. */
struct brama__case {
    const struct brama_engine *engine;
    const struct brama_pack *policy; /* shorthand for engine->policy->pack */
    const struct brama_request *request;
    struct brama_arena *arena;
    struct brama_trace *trace;
    struct brama_decision *out;
    struct brama_path path;
    brama_str host;       /* lower case, no port, no trailing dot */
    brama_methods method; /* 0: none that a rule can name */
    const struct brama_p_route *route;
    const struct brama_p_rule *rule; /* in whose name the answer is given */
    struct brama_span scopes_wanted; /* BRAMA_T_TEXTS: by the strategy that was asked last */
    bool last_authenticator;         /* of Oathkeeper's chain: nobody comes after it */
    bool token_missed;               /* one of them looked for a token in vain */
    const struct brama_p_oathkeeper *oathkeeper; /* OATHKEEPER: the rule that matched */
    struct brama__session session;
    uint16_t ory_status; /* of the next refusal in Oathkeeper's words, where it isn't the usual */
};

struct brama__place;

/* How refusals are worded. */
enum brama__dialect { BRAMA__GATEWAY, BRAMA__ISTIO, BRAMA__ORY };

/* End the case with a refusal. status and texts come from the one table in answer.c. */
void brama__deny(struct brama__case *c, enum brama__dialect dialect, enum brama_reason reason);
/* The same for a token's status: 401 with Envoy's text and www-authenticate, or Oathkeeper's JSON.
 */
void brama__deny_token(struct brama__case *c, enum brama__dialect dialect,
                       enum brama_jwt_status status);
/* Are refusals to be worded as RFC 6750 has it? */
bool brama__is_rfc6750(const struct brama__case *c);
/* Its status for the refusal that *out is, 0 for the one that is there; adds www-authenticate. */
uint16_t brama__challenge(struct brama__case *c);
/* Behind a refusal: these key sets, fetched anew, might turn it. At most BRAMA_WANTED_MAX count;
 * nothing happens where waiting isn't possible. */
void brama__park(struct brama__case *c, const uint64_t *keysets, size_t count);
/* More than one credential at a place: nobody can say which one counts. */
void brama__deny_several(struct brama__case *c, enum brama__dialect dialect,
                         const struct brama__place *place);
/* A header for the response; its texts are the arena's or static. */
void brama__add_response_header(struct brama__case *c, brama_str name, brama_str value);
/* In place of those of that name. */
void brama__set_upstream_header(struct brama__case *c, brama_str name, brama_str value);

/* headers.c: a name joins a list of the decision; false: no memory. */
bool brama__add_name(struct brama__case *c, const brama_str **list, size_t *count, brama_str name);
/* The value of a header that the policy sets; {NULL, 0}: nothing is to be set. False, and the case
 * has ended: an operator in it gives what would end the value, or too much. */
bool brama__header_value(struct brama__case *c, const struct brama_p_header *header,
                         brama_str *out);
/* All that the workload is to be told: false, and the case has ended. */
bool brama__set_headers(struct brama__case *c);

/* By its content type, as Envoy tells: application/grpc, or application/grpc+... */
bool brama__is_grpc(const struct brama_request *request);
/* The refusal that stands in c->out, as a gRPC client reads one: status 200, and grpc-status and
 * grpc-message in its head. */
void brama__say_in_grpc(struct brama__case *c);

/* A lenient backend would read the path so, and it leads elsewhere: 400. */
void brama__deny_ambiguous(struct brama__case *c, brama_str reading);
/* True, and the case has ended: a regular expression couldn't be matched to its end. To be asked
 * before anything is made of a "no match". */
bool brama__in_doubt(struct brama__case *c);

/* The first header of that name, or NULL; *count is how many there are. */
const struct brama_header *brama__header(const struct brama_request *request, brama_str name,
                                         size_t *count);

/* Authority, size, Connection and target: false, and the case has ended. */
bool brama__check_request(struct brama__case *c);

/* Normalised path and query, as they are sent on. */
brama_str brama__forward_target(struct brama__case *c);
/* host.c: the host that is asked for, on the listener that it is asked on; NULL: the case has
 * ended. */
const struct brama_p_host *brama__host(struct brama__case *c);

/* CORS of the matched route: response headers, and the preflight's answer. True: answered. */
bool brama__cors(struct brama__case *c);

/* A token's place in a request. */
struct brama__place {
    enum brama_token_place place;
    brama_str name, prefix;
};
/* The tokens found at a place under Istio's rules (header prefix, query parameter; DEFAULT is
 * Authorization and access_token), at most max. several: a second copy of one place was there. */
size_t brama__find_tokens(struct brama__case *c, const struct brama__place *place, brama_str *out,
                          size_t max, bool *several);
/* Where that is, in words, for the trace: 'header Authorization ("Bearer ...")'. */
brama_str brama__place_text(struct brama__case *c, const struct brama__place *place);
/* Oathkeeper's rules: one place, {NULL, 0} if there is none. oathkeeper.md 2.0. */
brama_str brama__find_ory_token(struct brama__case *c, const struct brama__place *place,
                                bool *several);

/* Which keys may serve: all that kid and alg allow (istio), or the first of that kid whose use is
 * "sig" (ory). */
struct brama__key_wish {
    enum brama__dialect dialect;
    const uint64_t *keysets; /* ids, tried in order */
    size_t keyset_count;
};
/* The token, from memory or read anew: status is BRAMA_JWT_OK and *jwt filled, or why not. A token
 * from memory is known to have been signed by the key with *thumbprint. */
struct brama__token {
    const struct brama_jwt *jwt;
    bool remembered;
    enum brama_alg alg;
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];
    bool kid_unknown; /* it names a key that no loaded set of the last wish has */
};
void brama__token_read(struct brama__case *c, struct brama__token *out, brama_str token);
/* Is it signed by a key that the wish allows now? BRAMA_JWT_OK only if so. Remembers a success. */
enum brama_jwt_status brama__token_verify(struct brama__case *c, struct brama__token *token,
                                          const struct brama__key_wish *wish);

/* Does the route take this method and path? */
bool brama__route_takes(const struct brama_pack *policy, const struct brama_p_route *route,
                        brama_methods method, brama_str path, struct brama_regexes *regexes);
/* Does the AuthorizationPolicy speak of this host, method and path, whoever asks? */
struct brama__place_of_request {
    brama_str host, path;
    brama_methods method;
};
bool brama__policy_reaches(const struct brama_pack *policy, const struct brama_p_ap *ap,
                           const struct brama__place_of_request *at, struct brama_regexes *regexes);

/* The two responders: true if the request may pass, else the case has ended. */
bool brama__ask_sidecar(struct brama__case *c);
bool brama__ask_oathkeeper(struct brama__case *c);

/* call.c: the answer to a call, whose key is yet to be made; NULL: the case has ended, with CALL or
 * a refusal. One that brama__keep_answer() kept within max_age_s will do; 0: none. */
const struct brama_call_answer *brama__ask(struct brama__case *c, struct brama_call *call,
                                           int64_t max_age_s);
/* The answer was good: it may be used for this many seconds. One that was kept is kept no longer.
 */
void brama__keep_answer(struct brama__case *c, const struct brama_call_answer *answer,
                        int64_t seconds);
/* A call to the target in this row; false: there is no such row, and the case has ended. */
bool brama__call_to(struct brama__case *c, struct brama_call *out, uint32_t target_row,
                    struct brama_ref authority);
/* One header more; false: no memory, and the case has ended. */
bool brama__call_header(struct brama__case *c, struct brama_call *call, brama_str name,
                        brama_str value);
/* The first of that name, or {NULL, 0}. */
brama_str brama__answer_header(const struct brama_call_answer *answer, brama_str name);
/* One pair of a form (application/x-www-form-urlencoded), with what parts it from the last. */
void brama__form_add(struct brama_buf *form, brama_str name, brama_str value);
/* Headers that the workload won't see, or sees with the gateway's own values, whatever the client
 * wrote (as in gateway/forward.c, attacks.md P19): a template that quoted them would launder them,
 * and an authorizer believe them. And those that Connection names. */
bool brama__is_hidden(const struct brama_request *r, brama_str name);
/* Of the request line, and of what this gateway says itself, whatever the client wrote; its value
 * may be empty, as explain doesn't know a client. False: it is the client's to say. */
bool brama__own_header(struct brama__case *c, brama_str name, brama_str *out);
/* Headers that frame a message or belong to one connection, Host among them: never anybody else's.
 */
bool brama__is_of_the_message(brama_str name);
brama_str brama__basic_plain(struct brama__case *c, brama_str user, brama_str password);
/* "Basic ..." of two texts, each URL-encoded before. RFC 6749 section 2.3.1. */
brama_str brama__basic(struct brama__case *c, brama_str user, brama_str password);
/* The answer can't be used: 429 is handed on with its headers, all else is the reason's status. */
void brama__deny_call(struct brama__case *c, const struct brama_call_answer *answer,
                      enum brama_reason reason, uint16_t status);

/* What an authenticator of Oathkeeper says; oathkeeper.md 2.0. */
enum brama__authn {
    BRAMA__AUTHN_ENDED = 0, /* no: the case has ended */
    BRAMA__AUTHN_NOT_MINE,  /* not responsible: the next one may be */
    BRAMA__AUTHN_PASSED
};
enum brama__authn brama__ask_ory_jwt(struct brama__case *c, const struct brama_p_ory *ory);
enum brama__authn brama__ask_introspection(struct brama__case *c, const struct brama_p_oauth2 *row);
enum brama__authn brama__ask_client_credentials(struct brama__case *c,
                                                const struct brama_p_oauth2 *row);
/* An access token by client credentials (RFC 6749 section 4.4) from the token endpoint of row; a
 * refusal is the caller's to word. */
struct brama__grant {
    const struct brama_call_answer *answer; /* NULL: the case has ended */
    bool readable;                          /* 200 with JSON */
    bool granted;                           /* and a token in it */
    brama_str token;
    int64_t expires_in_s; /* -1: not said */
};
void brama__ask_for_token(struct brama__case *c, struct brama__grant *out,
                          const struct brama_p_oauth2 *row, brama_str user, brama_str password,
                          int64_t max_age_s);
/* Not responsible, for there is no token at its place. */
enum brama__authn brama__no_ory_token(struct brama__case *c, const struct brama__place *place);
/* Of the trace step with which an authenticator says that: the last one's is the cause. */
enum brama_trace_outcome brama__not_mine_outcome(const struct brama__case *c);
/* ory_extra.c: a copy of node as the last member of a MAP or LIST; false: no memory. And a token's
 * claims, but for the scopes, which become a list named scp. NULL: no memory. */
bool brama__tree_add(struct brama_arena *arena, struct brama_node *parent, struct brama_node node);
const struct brama_node *brama__extra_of_claims(struct brama_arena *arena,
                                                const struct brama_node *claims, brama_str scope,
                                                const brama_str *granted, size_t count);
/* ory_hydrator.c: false, and the case has ended. data follows the session. */
bool brama__hydrate(struct brama__case *c, uint32_t row, struct brama_template_data *data);
/* ory_claims.c: the object that the template of claims makes; NULL: none, and *why says so. */
const struct brama_node *brama__id_token_claims(struct brama__case *c, brama_str claims,
                                                const struct brama_template_data *data,
                                                const char **why);
/* ory_id_token.c: as brama__hydrate(). */
bool brama__sign_id_token(struct brama__case *c, uint32_t row, struct brama_template_data *data);
/* A header of the session; false: no name or value of a header, or too many. */
bool brama__session_set(struct brama__case *c, brama_str name, brama_str value);
/* Its mutators: false, and the case has ended. */
bool brama__mutate(struct brama__case *c);
/* False for NONE: it checks nothing, so it grants nothing. */
bool brama__scope_grants(enum brama_scope_strategy strategy, brama_str granted, brama_str wanted);

/* ext_auth.c: the authorizers of all CUSTOM policies that reach this request: false, and the case
 * has ended. */
bool brama__ask_authorizers(struct brama__case *c);

/* Text number index of a span. False at its end, and where a damaged file has no such row: a list
 * that ends early (index < span.count) must never make an answer more open. */
bool brama__text(const struct brama__case *c, struct brama_span span, uint32_t index,
                 brama_str *out);
/* Name the rule whose place the next trace step and the answer refer to. */
void brama__name_rule(struct brama__case *c, uint32_t rule_row);

/* change.c: only for the trace; each does nothing without one. The changes are those of the step
 * just added. */
/* Where exactly a token was found, of the places that DEFAULT stands for. */
brama_str brama__place_found(struct brama__case *c, const struct brama__place *place,
                             brama_str token);
/* A good token at this place. */
void brama__change_place(struct brama__case *c, const struct brama__place *place);
/* One copy only of what stands there. */
void brama__change_once(struct brama__case *c, const struct brama__place *place);
/* Another key: the first of these sets whose alg is among algs (1 << enum brama_alg). */
void brama__change_key(struct brama__case *c, const uint64_t *keysets, size_t count, uint32_t algs);
#define BRAMA__ANY_ALG UINT32_MAX
/* What makes a token that couldn't be read one that can. */
void brama__change_token(struct brama__case *c, const struct brama_jwt *jwt, brama_str issuer,
                         const struct brama__place *place, const uint64_t *keysets, size_t count);
/* A step about exp (at least bound), nbf or iat (at most bound) with its change. */
void brama__trace_date(struct brama__case *c, const char *claim, int64_t at, bool ok, int64_t bound,
                       int64_t skew_s);

/* sidecar_trace.c: likewise. */
struct brama__place brama__place_of(const struct brama__case *c, const struct brama_p_auth *auth);
void brama__trace_read(struct brama__case *c, const struct brama_jwt *jwt, brama_str place);
void brama__trace_unknown_issuer(struct brama__case *c, const struct brama_p_workload *w,
                                 brama_str issuer);
/* The matched rule's first issuer, and a token at the place of the first. */
void brama__change_issuer(struct brama__case *c);
void brama__change_place_of_rule(struct brama__case *c);
/* The matched rule's issuers; where its tokens may stand, each place once; all texts of a span;
 * what a token says of its scopes. */
brama_str brama__rules_issuers(struct brama__case *c);
brama_str brama__places_text(struct brama__case *c);
brama_str brama__list_text(struct brama__case *c, struct brama_span span, char separator);
brama_str brama__scope_text(struct brama__case *c, const struct brama_claims *claims);

/* memory.c */
struct brama__remembered {
    const struct brama_jwt *jwt;
    enum brama_alg alg;
    const uint8_t *thumbprint;
};
bool brama__memory_find(struct brama_memory *memory, brama_str token,
                        struct brama__remembered *out);
void brama__memory_keep(struct brama_memory *memory, brama_str token, enum brama_alg alg,
                        const uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES]);
/* A new decision begins: what it finds stays until the next one begins. counted: hits and misses
 * count. */
void brama__memory_begin(struct brama_memory *memory, bool counted);
/* The parsed key; NULL if it can't be had. Borrowed until the next call. */
struct brama_pkey *brama__memory_key(struct brama_memory *memory, const struct brama_facts *facts,
                                     const struct brama_f_key *key);
struct brama_regexes *brama__memory_regexes(struct brama_memory *memory);
uint64_t brama__memory_hash(const struct brama_memory *memory, brama_str text);
/* answers.c */
struct brama__answers;
struct brama__answers *brama__memory_answers(struct brama_memory *memory);
struct brama__answers *brama__answers_new(size_t max); /* NULL: no memory */
void brama__answers_free(struct brama__answers *answers);
/* NULL: none, or it is too old, for whoever kept it or for whoever asks. Borrowed until the next
 * keep. */
const struct brama_call_answer *brama__answers_find(struct brama__answers *answers, uint64_t hash,
                                                    brama_str key, int64_t now_s,
                                                    int64_t max_age_s);
void brama__answers_keep(struct brama__answers *answers, uint64_t hash,
                         const struct brama_call_answer *answer, int64_t now_s, int64_t until_s);

#endif
