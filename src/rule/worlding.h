/* What the files of the world share. */
#ifndef BRAMA_RULE_WORLDING_H
#define BRAMA_RULE_WORLDING_H

#include "rule/messages.h"
#include "rule/world.h"

struct brama__object;
/* Adds what it can use and says in a finding what it can't. NOMEM shows in the arena. */
typedef void brama__adder(struct brama_world *world, const struct brama__object *o);

struct brama__object {
    const struct brama_node *doc;
    brama_str kind, ns, name; /* ns: empty for the world's default */
    uint64_t hash;            /* brama__object_hash() */
    brama__adder *add;        /* NULL: it doesn't concern us */
    /* Of the kinds that come in thousands, the object as it was read, without a default namespace. */
    struct brama_apirule *rule;
    struct brama_service *service;
    struct brama_endpoint_slice *slice;
    struct brama_kept *kept; /* of an APIRule; NULL: nothing */
};

bool brama__is_of(const struct brama__object *o, enum brama_world_part part);
uint64_t brama__object_hash(brama_str kind, brama_str ns, brama_str name);
/* By kind and version. */
brama__adder *brama__adder_of(const struct brama__object *o);

brama__adder brama__add_rule, brama__add_config_map, brama__add_mesh, brama__add_service,
    brama__add_slice, brama__add_gateway, brama__add_pod, brama__add_secret;
struct brama_service *brama__read_service_object(struct brama_arena *arena,
                                                 const struct brama__object *o);
struct brama_endpoint_slice *brama__read_slice(struct brama_arena *arena,
                                               const struct brama__object *o);

#endif
