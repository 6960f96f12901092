/* What the Oathkeeper that Kyma installs has where a rule says nothing: its ConfigMap's URLs.
 * Nobody else has these services, but their names can be given to others (--service).
 * apirule.md 2.2, 2.4, 2.5. */
#ifndef BRAMA_RULE_SHIPPED_H
#define BRAMA_RULE_SHIPPED_H

#define BRAMA_SHIPPED_JWKS                                                                         \
    "http://ory-hydra-public.hydra-deprecated.svc.cluster.local:4444/.well-known/jwks.json"
#define BRAMA_SHIPPED_TOKENS                                                                       \
    "http://ory-hydra-public.hydra-deprecated.svc.cluster.local:4444/oauth2/token"
#define BRAMA_SHIPPED_INTROSPECTION                                                                \
    "http://ory-hydra-admin.hydra-deprecated.svc.cluster.local:4445/oauth2/introspect"
#define BRAMA_SHIPPED_HYDRATOR                                                                     \
    "http://compass-director.compass-system.svc.cluster.local:3000/tenant-mapping"

#endif
