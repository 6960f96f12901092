/* What `brama run` and the offline verbs do alike between files and the two published ones: read
 * the world, see what a policy needs, gather the facts.
 */
#ifndef BRAMA_AGENT_PLAN_H
#define BRAMA_AGENT_PLAN_H

#include "agent/certs.h"
#include "base/map.h"
#include "policy/compile.h"
#include "policy/facts.h"
#include "rule/world.h"
#include "source/files.h"
#include "source/keysets.h"
#include "source/resolve.h"
#include "source/services.h"

#define BRAMA__POLICY_BYTES ((size_t)1 << 30)
#define BRAMA__FACTS_BYTES ((size_t)1 << 28)
#define BRAMA__ENDPOINTS_MAX 64 /* of one upstream */

/* Every file into the world. One that can't be used gets its problem (unless it has one), and all
 * that have one, broken roots too, are errors in world->findings. BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama__plan_read(struct brama_world *world,
                                               struct brama_files *files);

/* Why the file can't be used, before its text is looked at; empty: it can. */
brama_str brama__plan_problem(const struct brama_file *file);
/* The words of both, for what is read in another way. */
void brama__plan_complain(struct brama_world *world, struct brama_where where, brama_str message);
void brama__plan_complain_roots(struct brama_world *world, const struct brama_files *files);

struct brama__texts {
    brama_str *p;
    size_t n;
};

/* The key sets that a policy names; slices of the policy. */
struct brama__texts brama__plan_keysets(struct brama_arena *arena,
                                        const struct brama_policy *policy);
/* Of the key sets, upstreams and targets that it names. */
uint64_t brama__plan_needs(const struct brama_policy *policy);

/* plan_leads.c: where upstreams lead, as the service table says. Addresses that it gives as such
 * are final; those of names are the resolver's, and asked for whenever facts are planned. */
struct brama__lead {
    uint64_t id, service;  /* service: brama_service_hash() of its own */
    uint32_t row;          /* of BRAMA_T_UPSTREAM */
    uint32_t first, count; /* of the ends */
};
struct brama__leads {
    struct brama__lead *p; /* by id, each once */
    size_t n;
    struct brama_f_address *addresses; /* of the ends; of one that is a name, its port */
    brama_str *names;                  /* of the ends, the table's; empty: it is an address */
    size_t end_count, end_max;
};
/* before: those of another policy; NULL: none. They hold but for changes; NULL: they all do. All
 * memory is the arena's, which shows its want. */
struct brama__leads brama__plan_leads(struct brama_arena *arena, const struct brama_policy *policy,
                                      const struct brama_service_table *table,
                                      const struct brama__leads *before,
                                      const struct brama_service_changes *changes);
/* Of an older policy, which may have had another table, those that the newest hasn't. */
struct brama__leads brama__plan_rest(struct brama_arena *arena, const struct brama__leads *newest,
                                     const struct brama_policy *policy,
                                     const struct brama__leads *its,
                                     const struct brama_service_table *table);
/* An endpoint as an end. */
void brama__plan_end(struct brama_f_address *address, brama_str *name,
                     struct brama_endpoint endpoint);
/* What is known of n ends: themselves, or the arena's. */
const struct brama_f_address *brama__plan_addresses(struct brama_arena *arena,
                                                    const struct brama_f_address *ends,
                                                    const brama_str *names, size_t n,
                                                    const struct brama_resolver *resolver,
                                                    size_t *count);

/* The names behind its upstreams and targets, each once; the arena's copies. */
struct brama__texts brama__plan_hosts(struct brama_arena *arena, const struct brama__leads *leads,
                                      const struct brama_policy *policy,
                                      const struct brama_service_table *table);

struct brama__facts_sources {
    /* The upstreams of all of these; a newer one, and the one in force. */
    const struct brama_policy *policies[2];
    const struct brama__leads *leads[2];
    size_t policy_count;
    const struct brama_service_table *table; /* the newer one's */
    const struct brama_keysets *keysets;
    const struct brama_resolver *resolver;
    const struct brama_facts_cert_in *own_cert; /* for all other names; NULL: no TLS */
    struct brama__certs certs;
};
/* plan_targets.c: whom calls go to. Their names into seen; their addresses as upstreams behind
 * those of out, seen by id. */
void brama__plan_target_hosts(struct brama_map *seen, const struct brama_policy *policy,
                              const struct brama_service_table *table);
void brama__plan_targets(struct brama_facts_in *in, struct brama_facts_upstream_in *out,
                         struct brama_map *seen, const struct brama__facts_sources *from,
                         const struct brama_policy *policy);

BRAMA_MUST_USE enum brama_err brama__plan_facts(struct brama_buf *out, uint64_t number,
                                                const struct brama__facts_sources *from);

#endif
