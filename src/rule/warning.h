/* What the parts of the warnings share. */
#ifndef BRAMA_RULE_WARNING_H
#define BRAMA_RULE_WARNING_H

#include "rule/judging.h"

void brama__warn_at(struct brama_world *world, struct brama_where where, enum brama_code code,
                    brama_str attribute, brama_str message);

/* Of strategies[j] of rules[i], if that asks for a token. */
void brama__warn_jwt(struct brama_world *world, const struct brama_apirule *rule, size_t i,
                     size_t j);

/* What rules[i] tells its workload of the caller's credentials. */
void brama__warn_headers(struct brama_world *world, const struct brama_apirule *rule, size_t i);

/* Members of rules[i] that are taken and do nothing. */
void brama__warn_retry(struct brama_world *world, const struct brama_apirule *rule, size_t i);

/* Names in its manifest that nobody reads. */
void brama__warn_fields(struct brama_world *world, const struct brama_apirule *rule);

#endif
