/* All that files (later: a cluster) say, sorted by kind.
 *
 *     struct brama_world world;
 *     brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("default")});
 *     err = brama_world_add(&world, BRAMA_STR("rules/a.yaml"), text, &diag);   // for each file
 *     brama_judge(&world, &options);                                            // rule/judge.h
 *     for (struct brama_apirule *r = world.rules; r != NULL; r = r->next) ...
 */
#ifndef BRAMA_RULE_WORLD_H
#define BRAMA_RULE_WORLD_H

#include "rule/model.h"

/* data["api-gateway-config"] of the ConfigMap; apirule.md section 5. */
struct brama_toggle {
    bool given;                 /* the ConfigMap is there */
    enum brama_handler handler; /* NONE: not ory and not istio; then value says what it was */
    brama_str value;
    struct brama_where where;
};

/* Kubernetes Service, as far as an address can be had from it. */
struct brama_service {
    struct brama_service *next;
    brama_str ns, name;
    brama_str external_name; /* of type ExternalName, else empty */
    struct brama_service_port {
        brama_str name;
        uint16_t port, target_port; /* target 0: named or not given: the same as port */
    } * ports;
    size_t port_count;
    const struct brama_node *selector; /* MAP of labels, or NULL */
    struct brama_where where;
};

/* discovery.k8s.io/v1 EndpointSlice. */
struct brama_endpoint_slice {
    struct brama_endpoint_slice *next;
    brama_str ns, service; /* label kubernetes.io/service-name */
    struct brama_str_list addresses; /* of ready endpoints */
    struct brama_service_port *ports;
    size_t port_count;
};

/* kubernetes.io/tls */
struct brama_secret {
    struct brama_secret *next;
    brama_str ns, name, cert_pem, key_pem;
};

struct brama_world {
    struct brama_arena *arena;
    brama_str default_ns;
    struct brama_apirule *rules, *last_rule; /* in order of appearance */
    size_t rule_count;
    struct brama_service *services;
    struct brama_endpoint_slice *slices;
    struct brama_secret *secrets;
    struct brama_toggle toggle;
    size_t skipped; /* objects of kinds that don't concern us */
    struct brama_object_names *names; /* of all that is used, to find a second one */
    /* What isn't about one APIRule: two objects of one name, a Secret without its keys, ... */
    struct brama_findings findings;
};

struct brama_world_options {
    brama_str ns; /* for objects without a namespace; empty: "default" */
};

void brama_world_init(struct brama_world *world, struct brama_arena *arena,
                      const struct brama_world_options *options);

/* Read one file's text: YAML or JSON, several documents, kind List unpacked. file must outlive the
 * arena, text needn't. All or nothing: on error the world is as before.
 *
 * BRAMA_ERR_SYNTAX   not YAML: diag has line and column
 * BRAMA_ERR_INVALID  YAML, but not Kubernetes objects (no apiVersion, kind or metadata.name)
 * BRAMA_ERR_TOO_BIG, BRAMA_ERR_NOMEM
 *
 * A malformed APIRule is no error here: it becomes a rule with failures in its schema list, so that
 * its status can say so and its last good form can stay. A second object of the same kind, namespace
 * and name is a finding, and isn't used. */
BRAMA_MUST_USE enum brama_err brama_world_add(struct brama_world *world, brama_str file,
                                              brama_str text, struct brama_diag *diag);

#endif
