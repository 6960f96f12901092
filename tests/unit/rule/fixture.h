/* Manifests as the tests write them, and what their status must say. */
#ifndef BRAMA_TESTS_RULE_FIXTURE_H
#define BRAMA_TESTS_RULE_FIXTURE_H

#include "expect.h"

#include "rule/judge.h"
#include "rule/read.h"

struct fixture {
    struct brama_arena arena;
    struct brama_world world;
};

/* Manifest text to expected status description; empty: valid. */
struct row {
    const char *name;
    brama_str text, description;
};

void fixture_begin(struct fixture *f);
/* Fails the test if the text isn't taken. */
void fixture_add(struct fixture *f, const char *name, brama_str text);
void fixture_judge(struct fixture *f);
void fixture_end(struct fixture *f);
/* The text's last APIRule has that description, and is valid exactly if that says so. */
void expect_rows(const struct row *rows, size_t count);

int run_uri(void);
int run_schema(void);
int run_v1(void);
int run_jwt(void);
int run_v2(void);
int run_support(void);
int run_facts(void);
int run_gateway(void);
int run_world(void);
int run_converted(void);
int run_manifests(void);

#define ISTIO                                                                                      \
    "apiVersion: v1\nkind: ConfigMap\n"                                                            \
    "metadata: {name: api-gateway-config, namespace: kyma-system}\n"                               \
    "data: {api-gateway-config: 'jwtHandler: istio'}\n---\n"

#define V1BETA1_HEAD                                                                               \
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: orders}\n"
#define V1BETA1_SPEC                                                                               \
    V1BETA1_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n  host: orders.kyma.example\n"
#define V1BETA1 V1BETA1_SPEC "  service: {name: orders, port: 8080}\n  rules:\n"
/* One rule with these access strategies, and what follows them. */
#define STRATEGIES(more) V1BETA1 "  - {path: /a, methods: [GET], accessStrategies: [" more "}\n"
#define HANDLER(more) STRATEGIES("{handler: " more "}]")
#define JWT(config) HANDLER("jwt, config: " config)
#define ISSUER "issuer: 'https://idp.example', jwksUri: 'https://idp.example/keys'"
#define AUTHN "authentications: [{" ISSUER "}]"
#define ORY_KEYS "jwks_urls: ['https://idp.example/keys']"

#define V2_HEAD "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\n"
#define V2_SPEC V2_HEAD "spec:\n  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
#define V2 V2_SPEC "  service: {name: orders, port: 8080}\n  rules:\n"
#define V2_JWT(config) V2 "  - {path: /a, methods: [GET], jwt: {" config "}}\n"

#define MESH(data)                                                                                 \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"          \
    "data: " data "\n---\n"
/* One extension provider named x with these fields. */
#define PROVIDER(fields)                                                                           \
    MESH("\n  mesh: |\n    extensionProviders:\n    - name: x\n      envoyExtAuthzHttp: {" fields  \
         "}")
#define AUTHORIZER_AT "service: auth.shop.svc.cluster.local, port: 8000"

/* A status with one failure. */
#define V1_SAYS(path, message) BRAMA_LIT("Validation error: Attribute \"" path "\": " message)
#define V2_SAYS(path, message) BRAMA_LIT("Validation errors: Attribute '" path "': " message)

#define V1_OK BRAMA_LIT("")
#define V2_OK BRAMA_LIT("Reconciled successfully")

#endif
