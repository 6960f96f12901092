/* What the readers of the versions share. */
#ifndef BRAMA_RULE_READING_H
#define BRAMA_RULE_READING_H

#include "rule/schema.h"

void brama__read_v1(struct brama__reading *r, const struct brama_node *spec);
void brama__read_v2(struct brama__reading *r, const struct brama_node *spec);

/* What a v1beta1 rule stored as v2 is: *r->out, read as v2, becomes that where it is one. */
void brama__read_converted(struct brama__reading *r);

typedef void brama__read_rule(struct brama__reading *r, const struct brama__at *at,
                              const struct brama_node *node, struct brama_rule *rule);
/* spec.rules, each by the version's reader. An absent or empty list is the judge's to name. */
void brama__read_rules(struct brama__reading *r, const struct brama__at *at,
                       const struct brama_node *spec, brama__read_rule *read_one);
/* One member `service` of at. */
struct brama_service_ref brama__read_service(struct brama__reading *r, const struct brama__at *at,
                                             const struct brama_node *map);
brama_methods brama__read_methods(struct brama__reading *r, const struct brama__at *at,
                                  const struct brama_node *map, brama_methods *twice);
uint16_t brama__read_timeout(struct brama__reading *r, const struct brama__at *at,
                             const struct brama_node *map);
/* spec.corsPolicy without maxAge, whose type differs. */
const struct brama_node *brama__read_cors(struct brama__reading *r, const struct brama__at *at,
                                          const struct brama_node *spec);
/* A map of name to text; what isn't text is left out. %% becomes a single percent sign. */
const struct brama_name_value *brama__read_pairs(struct brama_arena *arena,
                                                 const struct brama_node *map, size_t *count);
/* "1h30m", "300s", "1.5s" as Go reads a duration. */
bool brama__read_duration(brama_str text, uint64_t *nanoseconds);

/* The texts of a LIST; what isn't text is left empty. None for anything else. */
struct brama_str_list brama__read_texts(struct brama_arena *arena, const struct brama_node *list);

/* The authentications and authorizations of a JWT config, as far as their types are right; what is
 * wrong is for brama__jwt_decode_error (v1*) and the schema (v2*) to say. NULL: nothing given. */
void brama__read_jwt_istio(struct brama_arena *arena, const struct brama_node *config,
                           struct brama_jwt_istio *out);
void brama__read_jwt_ory(struct brama_arena *arena, const struct brama_node *config,
                         struct brama_jwt_ory *out);
void brama__read_oauth2(struct brama_arena *arena, const struct brama_node *config,
                        enum brama_strategy_kind kind, struct brama_oauth2 *out);
/* Oathkeeper's token_from: DEFAULT where it names none. */
struct brama_token_from brama__read_token_from(const struct brama_node *from);
enum brama_scope_strategy brama__scope_strategy_by_name(brama_str name);
/* The first type that Go wouldn't decode, in its words; empty if there is none. */
brama_str brama__jwt_decode_error(struct brama_arena *arena, const struct brama_node *config);
/* A map member that should be `headers` or `cookies` of strings. */
brama_str brama__pairs_decode_error(struct brama_arena *arena, const struct brama_node *config,
                                    brama_str key);
/* The first member that isn't known at its place, with its path below config
 * ("authentications[0].fromParameters") and the name that was probably meant, or nothing; NULL if
 * there is none. */
struct brama__unknown {
    const struct brama_node *node;
    brama_str path, meant;
};
struct brama__unknown brama__jwt_unknown_key(struct brama_arena *arena,
                                             const struct brama_node *config);

#endif
