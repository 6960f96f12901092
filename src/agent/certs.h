/* Which certificate each host of a Gateway's TLS servers shows. */
#ifndef BRAMA_AGENT_CERTS_H
#define BRAMA_AGENT_CERTS_H

#include "agent/publish.h"
#include "policy/facts.h"
#include "rule/world.h"

struct brama__certs {
    const struct brama_facts_cert_in *p; /* one row a host */
    size_t n;
};
/* Certificates of the Gateways' TLS servers, from the world's Secrets; the arena's. A pair that
 * can't be served is an error in world->findings, and what its hosts had before stays; where they
 * had none, or the Secret is gone, the listener's own stands in. */
struct brama__certs brama__plan_certs(struct brama_arena *arena, struct brama_world *world,
                                      struct brama__certs before);
/* Those of the facts that are told: what an agent before this one has shown. None where they can't
 * be had. The arena's. */
struct brama__certs brama__certs_told(struct brama_arena *arena, const struct brama__publisher *p);

#endif
