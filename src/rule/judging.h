/* What the parts of the judge share. */
#ifndef BRAMA_RULE_JUDGING_H
#define BRAMA_RULE_JUDGING_H

#include "rule/judge.h"
#include "rule/messages.h"

/* One APIRule being judged. Failures go to rule->judged.failures in Kyma's order. */
struct brama__judging {
    struct brama_arena *arena;
    const struct brama_world *world; /* its neighbours */
    struct brama_apirule *rule;
    enum brama_handler handler;
    brama_str domain;                    /* of the built-in Gateway */
    bool occupied;                       /* its host is another's */
    const struct brama_gateway *gateway; /* that the rule names; NULL: none that is given */
    bool built_in;                       /* it names the built-in one, which nobody gave */
    /* URIs that were found right: most rules have the same few. */
    brama_str right[2], fetchable;
    size_t next_right;
};

/* path: printf-like, Kyma's attribute path; message: the arena's or static. */
void brama__fail(struct brama__judging *j, struct brama_where where, brama_str message,
                 const char *path, ...) BRAMA_PRINTF(4, 5);

/* ".spec.rules[i]" and what comes behind it. */
brama_str brama__rule_path(struct brama__judging *j, size_t i, brama_str tail);
brama_str brama__strategy_path(struct brama__judging *j, size_t i, size_t k);

/* brama__uri_error() and brama__uri_is_fetchable() of rule/uri.h. */
brama_str brama__judge_uri(struct brama__judging *j, brama_str uri);
bool brama__judge_fetchable(struct brama__judging *j, brama_str uri);

/* Fill gateway and built_in. */
void brama__find_gateway(struct brama__judging *j);
/* Of a short host: by the Gateway that the rule names (v2*), or Kyma's own (v1*). Empty: none. */
brama_str brama__rule_domain(struct brama__judging *j);
/* That of Kyma's own Gateway; *error: a given one is malformed, and no rule can be judged. */
brama_str brama__default_domain(struct brama__judging *j, brama_str *error);
/* Fill the rule's entries, from its Gateway and its full host. */
void brama__find_entries(struct brama__judging *j);

/* Kyma's checks. */
void brama__judge_v1(struct brama__judging *j);
void brama__judge_v2(struct brama__judging *j);
/* Ours, for a rule that passed Kyma's: is there anything that we couldn't enforce? */
void brama__judge_support(struct brama__judging *j);

/* The rules whose host is another one's, under the judgements so far. */
struct brama_apirule **brama__occupied(struct brama_world *world,
                                       const struct brama_judge_options *options, size_t *count);
/* To world->findings. */
void brama__warn_gateways(struct brama_world *world);
void brama__warn(struct brama_world *world);

/* authorizations and authentications, at: the path of the jwt config. */
void brama__judge_jwt(struct brama__judging *j, brama_str at, const struct brama_strategy *strategy,
                      brama_str strategy_path);
/* What only a cluster knows, where the source knows it too: that the Pods of the workload are in
 * the mesh. at: of a v1* strategy, empty for v2*. */
void brama__judge_injection(struct brama__judging *j, size_t i, brama_str at);
/* The names of extAuth against the mesh configuration. */
void brama__judge_authorizers(struct brama__judging *j, size_t i, const struct brama_strategy *s);
/* One issuer and key set, two places to look for its token. */
void brama__judge_issuers(struct brama__judging *j);
void brama__judge_mutators(struct brama__judging *j, size_t i);

/* What support.c shares: a message that names what this version hasn't; a header that frames or
 * routes the request. */
brama_str brama__unsupported(struct brama__judging *j, brama_str what);
bool brama__is_of_the_connection(brama_str name);
/* Of Oathkeeper's configs: exactly one of header, query_parameter and cookie; one of the four. */
bool brama__is_token_from(const struct brama_node *node);
bool brama__is_scope_strategy(const struct brama_node *node);
/* The config of oauth2_introspection or oauth2_client_credentials. */
void brama__judge_oauth2(struct brama__judging *j, size_t i, size_t k);
/* The config of the mutator hydrator; at: the mutator's path. */
void brama__judge_hydrator(struct brama__judging *j, brama_str at, const struct brama_node *item);
/* The config of the mutator id_token, but for its template. */
void brama__judge_id_token(struct brama__judging *j, brama_str at, const struct brama_node *item);
/* Of a rule that Oathkeeper serves. */
void brama__judge_ory_mutators(struct brama__judging *j, size_t i);

/* Does a rule's path meet an earlier one's for the same method? apirule.md section 3.4. Both are
 * set for the first rule that does. */
bool brama__path_conflict(struct brama_arena *arena, const struct brama_apirule *rule,
                          size_t *index, brama_methods *method);

#endif
