/* Readings of a place, one after the other, each compared with one from nothing. */
#ifndef BRAMA_TEST_AGENT_READINGS_H
#define BRAMA_TEST_AGENT_READINGS_H

#include "place.h"

#define RULE(name, path)                                                                           \
    "apiVersion: gateway.kyma-project.io/v2\n"                                                     \
    "kind: APIRule\n"                                                                              \
    "metadata: {name: " name "}\n"                                                                 \
    "spec:\n"                                                                                      \
    "  hosts: [" name "]\n"                                                                        \
    "  gateway: kyma-system/kyma-gateway\n"                                                        \
    "  service: {name: app, port: 80}\n"                                                           \
    "  rules: [{path: " path ", methods: [GET], noAuth: true}]\n"

/* touched: all that was done since; NULL: nobody knows. */
struct brama__round *read_touched(struct place *p, const struct brama__round *before,
                                  const struct brama_touched *touched, size_t count);
struct brama__round *read_round(struct place *p, const struct brama__round *before);
/* kept takes the place of *round, and must be as a reading from nothing. */
void compare(struct place *p, struct brama__round **round, struct brama__round *kept,
             const char *name);
void read_twice(struct place *p, struct brama__round **round, const char *name);
uint32_t next_random(uint32_t *seed);

#endif
