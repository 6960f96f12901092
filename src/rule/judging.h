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
    brama_str domain;
    bool occupied; /* its host is another's */
};

/* path: printf-like, Kyma's attribute path; message: the arena's or static. */
void brama__fail(struct brama__judging *j, struct brama_where where, brama_str message,
                 const char *path, ...) BRAMA_PRINTF(4, 5);

bool brama__is_v1(const struct brama_apirule *rule);
/* What the rule's host is in full, lower case; empty if it has none or can't have one. */
brama_str brama__full_host(struct brama_arena *arena, const struct brama_apirule *rule,
                           brama_str domain);

/* Kyma's checks. */
void brama__judge_v1(struct brama__judging *j);
void brama__judge_v2(struct brama__judging *j);
/* Ours, for a rule that passed Kyma's: is there anything that we couldn't enforce? */
void brama__judge_support(struct brama__judging *j);

/* The rules whose host is another one's, under the judgements so far. */
struct brama_apirule **brama__occupied(struct brama_world *world,
                                       const struct brama_judge_options *options, size_t *count);
/* To world->findings. */
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

/* What support.c shares: a message that names what this version hasn't; a token of RFC 9110; a
 * header that frames or routes the request. */
brama_str brama__unsupported(struct brama__judging *j, brama_str what);
bool brama__is_token(brama_str s);
bool brama__is_of_the_connection(brama_str name);
/* Of a rule that Oathkeeper serves. */
void brama__judge_ory_mutators(struct brama__judging *j, size_t i);

/* Does a rule's path meet an earlier one's for the same method? apirule.md section 3.4. Both are
 * set for the first rule that does. */
bool brama__path_conflict(struct brama_arena *arena, const struct brama_apirule *rule,
                          size_t *index, brama_methods *method);

#endif
