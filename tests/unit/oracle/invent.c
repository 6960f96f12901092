#include "invent.h"

/* From special to general: rules take them in this order, since Kyma refuses a rule whose requests
 * an earlier one takes. */
static const char *const v2_paths[] = {"/",      "/a",        "/a.b",      "/a/b",
                                       "/a/{*}", "/{*}/b",    "/a/{**}/b", "/a/{**}",
                                       "/{*}",   "/{*}/{**}", "/{**}",     "/*"};
static const char *const v1_paths[] = {"/a",    "/a/b", "/a/.*", "/.*",       "/*",  "/a.*b",
                                       "/.*/b", ".*",   "/a.b",  "/(a|b)/.*", "/a/?"};
static const char *const verbs[] = {"GET", "POST", "DELETE"};

uint32_t invent_seeded(void *ctx)
{
    uint64_t *seed = ctx;
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 33);
}

uint32_t invent_pick(const struct invent *from, uint32_t n)
{
    return from->next(from->ctx) % n;
}

#define ONE_OF(from, list) ((list)[invent_pick(from, BRAMA_ARRAY_LEN(list))])

static void put(struct brama_buf *out, const char *s)
{
    brama_buf_add(out, brama_str_c(s));
}

/* Where tokens of one APIRule are looked for: Kyma wants one place an issuer. */
static const char *place_of(const struct invent *from)
{
    static const char *const places[] = {
        "", "", ", fromHeaders: [{name: " INVENT_HEADER_NAME "}]",
        ", fromHeaders: [{name: Authorization, prefix: \"Bearer \"}]",
        ", fromParams: [" INVENT_PARAM_NAME "]"};
    return ONE_OF(from, places);
}

/* authentications and authorizations, as both versions write them */
static void istio_config(struct brama_buf *out, const struct invent *from, const char *place)
{
    static const char *const authz[] = {
        "",
        "",
        ", authorizations: [{requiredScopes: [read]}]",
        ", authorizations: [{requiredScopes: [read, write]}]",
        ", authorizations: [{audiences: [x]}]",
        ", authorizations: [{requiredScopes: [\"re*\"], audiences: [x, y]}]",
        ", authorizations: [{requiredScopes: [admin]}, {audiences: [y]}]"};
    uint32_t which = 1 + invent_pick(from, 3);

    put(out, "{authentications: [");
    if ((which & 1) != 0)
        brama_buf_printf(out, "{issuer: \"%s\", jwksUri: \"%s\"%s}", INVENT_ISSUER_A, INVENT_KEYS_A,
                         place);
    if ((which & 2) != 0)
        brama_buf_printf(out, "%s{issuer: \"%s\", jwksUri: \"%s\"%s}", which == 3 ? ", " : "",
                         INVENT_ISSUER_B, INVENT_KEYS_B, place);
    brama_buf_printf(out, "]%s}", ONE_OF(from, authz));
}

static void ory_config(struct brama_buf *out, const struct invent *from)
{
    static const char *const urls[] = {"\"" INVENT_KEYS_A "\"", "\"" INVENT_KEYS_B "\"",
                                       "\"" INVENT_KEYS_A "\", \"" INVENT_KEYS_B "\""};
    static const char *const more[] = {"",
                                       "",
                                       ", required_scope: [read]",
                                       ", required_scope: [read, write], scope_strategy: exact",
                                       ", required_scope: [read.all], scope_strategy: hierarchic",
                                       ", target_audience: [x]",
                                       ", target_audience: [x, y], required_scope: [write]",
                                       ", token_from: {header: " INVENT_HEADER_NAME "}",
                                       ", token_from: {query_parameter: " INVENT_PARAM_NAME "}"};
    static const char *const issuers[] = {"", ", trusted_issuers: [\"" INVENT_ISSUER_A "\"]",
                                          ", trusted_issuers: [\"" INVENT_ISSUER_A
                                          "\", \"" INVENT_ISSUER_B "\"]"};
    brama_buf_printf(out, "{jwks_urls: [%s]%s%s}", ONE_OF(from, urls), ONE_OF(from, issuers),
                     ONE_OF(from, more));
}

static void introspection(struct brama_buf *out, const struct invent *from)
{
    static const char *const places[] = {"", ", token_from: {header: " INVENT_HEADER_NAME "}"};
    brama_buf_printf(out,
                     "{handler: oauth2_introspection, config: {introspection_url: "
                     "\"http://a.example/introspect\"%s}}",
                     ONE_OF(from, places));
}

static void v1_strategies(struct brama_buf *out, const struct invent *from, bool istio,
                          const char *place)
{
    static const char *const plain[] = {"allow", "no_auth", "noop", "unauthorized", "anonymous"};
    put(out, "accessStrategies: [");
    if (invent_pick(from, 3) == 0) {
        brama_buf_printf(out, "{handler: %s}]", plain[invent_pick(from, istio ? 3 : 5)]);
        return;
    }
    if (invent_pick(from, 4) == 0) {
        introspection(out, from);
        put(out, "]");
        return;
    }
    put(out, "{handler: jwt, config: ");
    if (istio)
        istio_config(out, from, place);
    else
        ory_config(out, from);
    put(out, "}");
    switch (istio ? 4 : invent_pick(from, 6)) {
    case 0: /* a chain */
        put(out, ", {handler: jwt, config: ");
        ory_config(out, from);
        put(out, "}");
        break;
    case 1:
        put(out, ", ");
        introspection(out, from);
        break;
    default:
        break;
    }
    put(out, "]");
}

static void v2_strategy(struct brama_buf *out, const struct invent *from, const char *place)
{
    if (invent_pick(from, 5) < 2) {
        put(out, "noAuth: true");
        return;
    }
    if (invent_pick(from, 6) != 0) {
        put(out, "jwt: ");
        istio_config(out, from, place);
        return;
    }
    put(out, "extAuth: {authorizers: [door]");
    if (invent_pick(from, 2) != 0) {
        put(out, ", restrictions: ");
        istio_config(out, from, place);
    }
    put(out, "}");
}

static void one_rule(struct brama_buf *out, const struct invent *from, const char *path)
{
    uint32_t methods = 1 + invent_pick(from, 7);

    brama_buf_printf(out, "  - {path: \"%s\", methods: [", path);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(verbs); i++)
        if ((methods & 1u << i) != 0)
            brama_buf_printf(out, "%s,", verbs[i]);
    put(out, "], ");
}

static void end_rule(struct brama_buf *out, const struct invent *from)
{
    static const char *const services[] = {"", "", "", ", service: {name: twin, port: 81}",
                                           ", service: {name: other, port: 82}"};
    brama_buf_printf(out, "%s}\n", ONE_OF(from, services));
}

static void v2_rules(struct brama_buf *out, const struct invent *from)
{
    const char *place = place_of(from);
    uint32_t n = BRAMA_ARRAY_LEN(v2_paths);

    for (uint32_t i = invent_pick(from, n); i < n; i += 1 + invent_pick(from, 5)) {
        one_rule(out, from, v2_paths[i]);
        v2_strategy(out, from, place);
        end_rule(out, from);
    }
}

static void v1_rules(struct brama_buf *out, const struct invent *from, bool istio)
{
    const char *place = place_of(from);

    for (uint32_t n = 1 + invent_pick(from, 4); n != 0; n--) {
        one_rule(out, from, ONE_OF(from, v1_paths));
        v1_strategies(out, from, istio, place);
        end_rule(out, from);
    }
}

void invent_rules(struct brama_buf *out, const struct invent *from)
{
    static const char *const hosts[] = {"one.kyma.example", "two.kyma.example", "*.kyma.example"};
    bool istio = invent_pick(from, 2) != 0, all_v2 = invent_pick(from, 2) != 0;
    uint32_t count = 1 + invent_pick(from, 3);

    brama_buf_printf(out,
                     "apiVersion: v1\nkind: ConfigMap\n"
                     "metadata: {name: api-gateway-config, namespace: kyma-system}\n"
                     "data: {api-gateway-config: 'jwtHandler: %s'}\n",
                     istio ? "istio" : "ory");
    put(out, "---\napiVersion: v1\nkind: ConfigMap\n"
             "metadata: {name: istio, namespace: istio-system}\n"
             "data:\n  mesh: |\n    extensionProviders:\n    - name: door\n"
             "      envoyExtAuthzHttp: {service: door.auth.svc.cluster.local, port: 80}\n");
    if (invent_pick(from, 2) != 0) /* app and twin are one workload then */
        put(out, "---\napiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
                 "spec: {selector: {app: pods}, ports: [{port: 80}]}\n"
                 "---\napiVersion: v1\nkind: Service\nmetadata: {name: twin}\n"
                 "spec: {selector: {app: pods}, ports: [{port: 81}]}\n");
    for (uint32_t i = 0; i < count; i++) {
        bool v2 = i == 2 || all_v2 || invent_pick(from, 3) == 0;
        brama_buf_printf(out,
                         "---\napiVersion: gateway.kyma-project.io/%s\nkind: APIRule\n"
                         "metadata: {name: r%u}\nspec:\n  gateway: kyma-system/kyma-gateway\n"
                         "  %s\"%s\"%s\n  service: {name: app, port: 80}\n  rules:\n",
                         v2 ? "v2" : "v1beta1", i, v2 ? "hosts: [" : "host: ", hosts[i],
                         v2 ? "]" : "");
        if (v2)
            v2_rules(out, from);
        else
            v1_rules(out, from, istio);
    }
}

struct invent_request invent_request(const struct invent *from)
{
    static const struct {
        const char *target, *path, *decoded;
    } targets[] = {{"/", "/", "/"},
                   {"/a", "/a", "/a"},
                   {"/b", "/b", "/b"},
                   {"/a/", "/a/", "/a/"},
                   {"/a/b", "/a/b", "/a/b"},
                   {"/a/c", "/a/c", "/a/c"},
                   {"/a/b/b", "/a/b/b", "/a/b/b"},
                   {"/a/b/c", "/a/b/c", "/a/b/c"},
                   {"/c/b", "/c/b", "/c/b"},
                   {"/axb", "/axb", "/axb"},
                   {"/a.b", "/a.b", "/a.b"},
                   {"/b/../a%62", "/ab", "/ab"},
                   {"/a/./b", "/a/b", "/a/b"},
                   {"/a//b", "/a//b", "/a//b"},
                   {"/a;x/b", "/a;x/b", "/a;x/b"},
                   {"/a%2Fb", "/a%2Fb", "/a/b"},
                   {"/a/*", "/a/*", "/a/*"}};
    static const char *const methods[] = {"GET", "GET", "POST", "POST", "DELETE", "HEAD"};
    static const char *const hosts[] = {"one.kyma.example",   "one.kyma.example",
                                        "two.kyma.example",   "two.kyma.example",
                                        "three.kyma.example", "kyma.example"};
    uint32_t t = invent_pick(from, BRAMA_ARRAY_LEN(targets));

    return (struct invent_request){ONE_OF(from, methods), ONE_OF(from, hosts), targets[t].target,
                                   targets[t].path, targets[t].decoded};
}
