/* What the files of the world share. */
#ifndef BRAMA_RULE_WORLDING_H
#define BRAMA_RULE_WORLDING_H

#include "rule/messages.h"
#include "rule/world.h"

struct brama__object {
    const struct brama_node *doc;
    brama_str kind, ns, name;
};

/* Each adds what it can use and says in a finding what it can't. NOMEM shows in the arena. */
void brama__add_config_map(struct brama_world *world, const struct brama__object *o);
void brama__add_mesh(struct brama_world *world, const struct brama__object *o);
void brama__add_service(struct brama_world *world, const struct brama__object *o);
void brama__add_slice(struct brama_world *world, const struct brama__object *o);
void brama__add_gateway(struct brama_world *world, const struct brama__object *o);
void brama__add_pod(struct brama_world *world, const struct brama__object *o);
void brama__add_secret(struct brama_world *world, const struct brama__object *o);

/* One of those that are used; NULL if there is none. */
const struct brama__object *brama__find_object(const struct brama_world *world, brama_str kind,
                                               brama_str ns, brama_str name);

#endif
