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
    brama_str ns, service;           /* label kubernetes.io/service-name */
    uint64_t hash;                   /* brama_service_hash() of both */
    struct brama_str_list addresses; /* of ready endpoints */
    struct brama_service_port *ports;
    size_t port_count;
};

/* kubernetes.io/tls */
struct brama_secret {
    struct brama_secret *next;
    brama_str ns, name, cert_pem, key_pem; /* both empty: it lacks one of them */
};

#define BRAMA_CHECK_BODY_MAX                                                                       \
    (1u << 20) /* bytes that a worker keeps of a body for an authorizer                            \
                */

/* An entry of extensionProviders in the mesh configuration, which extAuth names: Istio's
 * envoyExtAuthzHttp with its defaults filled in. istio-jwt.md section 5.1. Header lists are as
 * written: exact, "p*" or "*s", in any case. */
struct brama_authorizer {
    struct brama_authorizer *next;
    brama_str name;
    bool is_http;      /* false: of another kind; only name and where are filled */
    brama_str problem; /* what makes it unusable, empty: nothing */
    brama_str service; /* "[namespace/]name", mostly a fully qualified one */
    uint16_t port;
    uint64_t timeout_ms;
    bool fail_open;
    uint16_t status_on_error;
    brama_str path_prefix;                        /* empty, or begins with a slash */
    struct brama_str_list check_headers;          /* of the request, sent to the authorizer */
    const struct brama_name_value *fixed_headers; /* sent to it too, over those */
    size_t fixed_header_count;
    uint32_t body_max_bytes;                /* of the request's body, sent to it; 0: none */
    bool body_may_be_partial;               /* else 413 for a larger one */
    struct brama_str_list upstream_headers; /* of its allowing answer, for the workload */
    struct brama_str_list allow_headers;    /* of it, for the client */
    bool deny_headers_given;                /* else all but Host */
    struct brama_str_list deny_headers;     /* of its refusal, for the client */
    struct brama_where where;
};

/* ConfigMap istio-system/istio, data.mesh. */
enum brama_mesh_state {
    BRAMA_MESH_NONE = 0, /* there is no such ConfigMap */
    BRAMA_MESH_NO_KEY,
    BRAMA_MESH_NO_YAML,
    BRAMA_MESH_READ
};
struct brama_mesh {
    enum brama_mesh_state state;
    struct brama_authorizer *authorizers; /* in order */
    const struct brama_node *doc;         /* the ConfigMap; NULL: there is none */
};

/* Istio's Gateway, of networking.istio.io. A server stands for one of our two listeners: its port's
 * number is the operator's (--listen, --tls-listen). */
enum brama_listener {
    BRAMA_LISTENER_NONE = 0, /* a server that serves nobody here; a finding says why */
    BRAMA_LISTENER_PLAIN,
    BRAMA_LISTENER_TLS
};
struct brama_gateway_host {
    brama_str ns;   /* of the APIRules that may use it; empty: any */
    brama_str host; /* lower case: a name, "*.x" or "*" */
};
struct brama_gateway_server {
    enum brama_listener listener;
    bool is_https; /* its protocol, whatever came of it */
    bool redirect; /* PLAIN: tls.httpsRedirect */
    struct brama_gateway_host *hosts;
    size_t host_count;
    brama_str credential; /* TLS: name of a Secret; brama_world_certificate() */
    struct brama_where where;
};
struct brama_gateway {
    struct brama_gateway *next;
    brama_str ns, name;
    struct brama_gateway_server *servers;
    size_t server_count;
    const struct brama_node *doc;
    bool elsewhere; /* whoever has it, has its Secrets too */
    struct brama_where where;
};

/* v1 Pod: only for the question whether the workload of a Service is in the mesh. */
struct brama_pod {
    struct brama_pod *next;
    brama_str ns, name;
    const struct brama_node *labels; /* MAP, or NULL */
    bool has_sidecar;                /* a container or initContainer named istio-proxy */
};

/* An object of kind APIRuleTest: `brama test` reads it, nobody else. */
struct brama_world_test {
    struct brama_world_test *next;
    brama_str ns, name;
    const struct brama_node *doc;
};

/* Services that may not be what they were beside other rules, before, or not lead where they did:
 * by hash, so that one too many may be among them, and none is missing. */
#define BRAMA_SERVICE_CHANGES_MAX 64
struct brama_service_changes {
    uint64_t since; /* the neighbourhood of that other world; 0: any may have changed */
    uint64_t hashes[BRAMA_SERVICE_CHANGES_MAX];
    size_t n;
};
uint64_t brama_service_hash(brama_str ns, brama_str name); /* in any case */
bool brama_service_changed(const struct brama_service_changes *changes, uint64_t hash);

struct brama_world {
    struct brama_arena *arena;
    brama_str default_ns;
    uint64_t judges, neighbourhood;
    const struct brama_service_changes *changes;
    struct brama_apirule *rules, *last_rule; /* in order of appearance */
    size_t rule_count;
    struct brama_service *services;
    struct brama_endpoint_slice *slices;
    struct brama_secret *secrets;
    struct brama_pod *pods, *last_pod;             /* in order */
    struct brama_gateway *gateways, *last_gateway; /* in order */
    struct brama_world_test *tests, *last_test;    /* in order */
    struct brama_toggle toggle;
    struct brama_mesh mesh;
    size_t skipped; /* objects of kinds that don't concern us */
    /* Of all that is used, to find a second one; of APIRules, and of the others. */
    struct brama_object_names *rule_names, *names;
    /* What isn't about one APIRule: two objects of one name, a Secret without its keys, ... */
    struct brama_findings findings;
};

struct brama_world_options {
    brama_str ns; /* for objects without a namespace; empty: "default" */
    /* Stand for BRAMA_WORLD_JUDGES and BRAMA_WORLD_NEIGHBOURS: the same for two worlds where that
     * is the same, and the options for judging are. 0: not known; without the first, nothing is
     * kept for the next world. */
    uint64_t judges, neighbourhood;
    const struct brama_service_changes *changes; /* must outlive the world; NULL: any */
};

/* NULL: there is none of that name. Its ns is empty where it is the world's default. Whoever judges
 * or compiles APIRules by more of it than rule/kept.h remembers, adds it there. */
const struct brama_service *brama_world_service(const struct brama_world *world, brama_str ns,
                                                brama_str name);

/* NULL: the mesh configuration has none of that name. */
const struct brama_authorizer *brama_world_authorizer(const struct brama_world *world,
                                                      brama_str name);

/* The Secret of a TLS server: that of its credentialName in istio-system, where Kyma's ingress
 * gateway looks for it, else in the Gateway's own namespace. NULL: it isn't there, and the
 * certificate of nobody in particular stands in. */
const struct brama_secret *brama_world_certificate(const struct brama_world *world,
                                                   const struct brama_gateway *gateway,
                                                   const struct brama_gateway_server *server);

/* A world that begins with the neighbours of another one, which must outlive it and to which none
 * is added any more: for BRAMA_WORLD_RULES. */
void brama_world_init_beside(struct brama_world *world, struct brama_arena *arena,
                             const struct brama_world *neighbours);
/* Let go of what was kept with documents; the arena is the caller's. */
void brama_world_release(struct brama_world *world);
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
 * its status can say so and its last good form can stay. A second object of the same kind,
 * namespace and name is a finding, and isn't used. */
BRAMA_MUST_USE enum brama_err brama_world_add(struct brama_world *world, brama_str file,
                                              brama_str text, struct brama_diag *diag);

/* Documents as the objects that they are, for one world after another. Their memory is an arena's
 * that must outlive these worlds. */
struct brama__object;
struct brama_docs {
    struct brama_node *first;
    struct brama__object *objects; /* items of a List one by one */
    size_t count;
};

/* The documents must stay as they are, but for brama_docs_move(). BRAMA_ERR_INVALID: one isn't a
 * Kubernetes object, and diag says why. BRAMA_ERR_NOMEM. */
BRAMA_MUST_USE enum brama_err brama_docs_read(struct brama_docs *out, struct brama_arena *arena,
                                              struct brama_node *first, struct brama_diag *diag);
/* What APIRules are judged beside, and the rest: APIRules, and what doesn't concern us. */
enum brama_world_part {
    BRAMA_WORLD_ALL = 0,
    BRAMA_WORLD_NEIGHBOURS,
    BRAMA_WORLD_JUDGES, /* of the neighbours, those that every verdict, or all that is compiled, may
                         * depend on: not Services, which rules depend on by name (rule/kept.h), nor
                         * the endpoints behind them, nor certificates */
    BRAMA_WORLD_RULES,
    BRAMA_WORLD_PARTS
};
bool brama_docs_have(const struct brama_docs *docs, enum brama_world_part part);
/* Adds the Services that are among them or whose endpoints are. default_ns: as the world's. False:
 * there is no room for all. */
bool brama_docs_services(const struct brama_docs *docs, brama_str default_ns,
                         struct brama_service_changes *out);
/* Before their memory goes: what was kept with them for the next world. */
void brama_docs_forget(struct brama_docs *docs);
/* They stand some lines further down now, or up. Worlds that have them aren't told. */
void brama_docs_move(struct brama_docs *docs, int64_t lines);

/* BRAMA_ERR_NOMEM only: then the world is as before. */
BRAMA_MUST_USE enum brama_err brama_world_add_docs(struct brama_world *world,
                                                   const struct brama_docs *docs,
                                                   enum brama_world_part part);
/* Of a file that can't be read now, what it held before: all but its APIRules, which have their
 * last good forms, and but what the world has already. After all that can be read. BRAMA_ERR_NOMEM.
 */
BRAMA_MUST_USE enum brama_err brama_world_stand_in(struct brama_world *world,
                                                   const struct brama_docs *docs);

#endif
