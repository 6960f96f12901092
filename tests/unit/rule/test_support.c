/* What Kyma accepts and this version can't enforce is refused, by name. */
#include "fixture.h"

#define NOT " is not supported by this version of brama"
#define AT ".spec.rules[0].accessStrategies[0].config"

#define EXT_AUTH_MESH(fields)                                                                      \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n"   \
    "  mesh: |\n    extensionProviders:\n    - name: x\n      envoyExtAuthzHttp: {" fields         \
    "}\n---\n" V2 "  - {path: /a, methods: [GET], extAuth: {authorizers: [x]}}\n"

static void strategies_without_an_engine_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"unauthorized", BRAMA_LIT(HANDLER("unauthorized")), V1_OK},
        {"anonymous", BRAMA_LIT(HANDLER("anonymous")), V1_OK},
        {"unauthorized behind anonymous",
         BRAMA_LIT(STRATEGIES("{handler: anonymous}, {handler: unauthorized}]")), V1_OK},
        {"cookie_session, which Kyma's Oathkeeper has switched off",
         BRAMA_LIT(HANDLER("cookie_session")), V1_OK},
        {"jwt twice, each with its own place",
         BRAMA_LIT(STRATEGIES("{handler: jwt, config: {" ORY_KEYS
                              "}}, {handler: jwt, config: {" ORY_KEYS
                              ", token_from: {header: X-Token}}}]")),
         V1_OK},
        {"the second one's config is looked at too",
         BRAMA_LIT(STRATEGIES("{handler: jwt, config: {" ORY_KEYS
                              "}}, {handler: jwt, config: {" ORY_KEYS ", token_from: X-Token}}]")),
         V1_SAYS(".spec.rules[0].accessStrategies[1].config.token_from",
                 "this form of token_from" NOT)},
        {"oauth2_client_credentials without a token_url: that of Kyma's Oathkeeper",
         BRAMA_LIT(HANDLER("oauth2_client_credentials")), V1_OK},
        {"with an empty one",
         BRAMA_LIT(HANDLER("oauth2_client_credentials, config: {token_url: ''}")),
         V1_SAYS(AT ".token_url", "leaving it out" NOT)},
        {"oauth2_introspection without a URL, under istio too",
         BRAMA_LIT(ISTIO HANDLER("oauth2_introspection, config: {required_scope: [read]}")), V1_OK},
        {"pre_authorization without a token_url, which has no other",
         BRAMA_LIT(HANDLER("oauth2_introspection, config: {pre_authorization: {enabled: true, "
                           "client_id: a, client_secret: b}}")),
         V1_SAYS(AT ".pre_authorization.token_url", "leaving it out" NOT)},
        {"extAuth by an authorizer that is there",
         BRAMA_LIT(EXT_AUTH_MESH("service: a.b, port: 1")), V2_OK},
        {"an authorizer that is told a MiB of the body",
         BRAMA_LIT(EXT_AUTH_MESH(
             "service: a.b, port: 1, includeRequestBodyInCheck: {maxRequestBytes: 1048576}")),
         V2_OK},
        {"more than that",
         BRAMA_LIT(EXT_AUTH_MESH(
             "service: a.b, port: 1, includeRequestBodyInCheck: {maxRequestBytes: 1048577}")),
         V2_SAYS(".spec.rules[0].extAuth.authorizers[0]",
                 "authorizer \"x\" (includeRequestBodyInCheck.maxRequestBytes above 1048576)" NOT)},
        {"another gateway",
         BRAMA_LIT(V1BETA1_HEAD
                   "spec:\n  gateway: mine/gateway\n  host: a.b\n  service: {name: a, port: 1}\n"
                   "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
         V1_SAYS(".spec.gateway", "Gateway mine/gateway isn't among the given files")},
        {"the gateway with dots is ours",
         BRAMA_LIT(V1BETA1_HEAD
                   "spec:\n  gateway: kyma-gateway.kyma-system.svc.cluster.local\n"
                   "  host: a.b\n  service: {name: a, port: 1}\n"
                   "  rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}]}]\n"),
         V1_OK},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define INTROSPECTION "introspection_url: 'http://idp/introspect'"
#define OAUTH2(more) BRAMA_LIT(STRATEGIES("{handler: oauth2_introspection, config: {" more "}}]"))
#define CREDENTIALS(more)                                                                          \
    BRAMA_LIT(STRATEGIES("{handler: oauth2_client_credentials, config: {" more "}}]"))

/* oathkeeper.md 2.6, 2.7 */
static void configs_of_oauth2_handlers_are_read_whole_or_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"all that introspection has",
         OAUTH2(INTROSPECTION
                ", scope_strategy: hierarchic, required_scope: [a], target_audience: [b], "
                "trusted_issuers: [c], token_from: {cookie: t}, introspection_request_headers: "
                "{X-A: b}, retry: {give_up_after: 1s, max_delay: 100ms}, cache: {enabled: true, "
                "ttl: 1m, max_cost: 100}, pre_authorization: {enabled: true, client_id: i, "
                "client_secret: s, token_url: 'https://idp/token', audience: me, scope: [x]}"),
         V1_OK},
        {"all that client credentials have",
         CREDENTIALS("token_url: 'https://idp:8443/token?a=b', required_scope: [a], retry: "
                     "{give_up_after: 3s}, cache: {enabled: true, ttl: 10s, max_tokens: 10}"),
         V1_OK},
        {"a URL that isn't one", OAUTH2("introspection_url: introspect"),
         V1_SAYS(AT ".introspection_url", "a URL that isn't http or https" NOT)},
        {"a URL with a password in it", CREDENTIALS("token_url: 'http://a:b@idp/token'"),
         V1_SAYS(AT ".token_url", "a URL that isn't http or https" NOT)},
        {"a misspelt scope", OAUTH2(INTROSPECTION ", required_scopes: [admin]"),
         V1_SAYS(AT ".required_scopes", "required_scopes" NOT)},
        {"one scope that isn't a list", OAUTH2(INTROSPECTION ", required_scope: admin"),
         V1_SAYS(AT ".required_scope", "this form of required_scope" NOT)},
        {"a strategy that nobody knows", OAUTH2(INTROSPECTION ", scope_strategy: strict"),
         V1_SAYS(AT ".scope_strategy", "this form of scope_strategy" NOT)},
        {"a place for the token that isn't one", OAUTH2(INTROSPECTION ", token_from: {header: ''}"),
         V1_SAYS(AT ".token_from", "this form of token_from" NOT)},
        {"a ttl of two units", OAUTH2(INTROSPECTION ", cache: {ttl: 1m30s}"),
         V1_SAYS(AT ".cache.ttl", "this form of ttl" NOT)},
        {"half a pre_authorization",
         OAUTH2(INTROSPECTION ", pre_authorization: {enabled: true, client_id: i, token_url: "
                              "'http://idp/token'}"),
         V1_SAYS(AT ".pre_authorization", "leaving out client_id or client_secret" NOT)},
        {"a header that frames the call",
         OAUTH2(INTROSPECTION ", introspection_request_headers: {Content-Length: '0'}"),
         V1_SAYS(AT ".introspection_request_headers",
                 "this form of introspection_request_headers" NOT)},
        {"a header that ends its line",
         OAUTH2(INTROSPECTION ", introspection_request_headers: {X-A: \"a\\r\\nX-B: b\"}"),
         V1_SAYS(AT ".introspection_request_headers",
                 "this form of introspection_request_headers" NOT)},
        {"scopes of introspection at the other handler",
         CREDENTIALS("token_url: 'http://idp/token', scope_strategy: exact"),
         V1_SAYS(AT ".scope_strategy", "scope_strategy" NOT)},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define ORY(more) BRAMA_LIT(JWT("{" ORY_KEYS ", " more "}"))

#define MUTATED(mutators) BRAMA_LIT(STRATEGIES("{handler: noop}], mutators: [" mutators "]"))

static const struct row ory_rows[] = {
    {"all that the model has is valid",
     ORY("trusted_issuers: ['https://a'], required_scope: [read], target_audience: [me], "
         "scope_strategy: exact, allowed_algorithms: [RS256, ES384], "
         "token_from: {cookie: token}"),
     V1_OK},
    {"no key set, so that Kyma's own holds", BRAMA_LIT(JWT("{trusted_issuers: ['https://a']}")),
     V1_OK},
    {"a list of key sets without any",
     BRAMA_LIT(JWT("{trusted_issuers: ['https://a'], jwks_urls: []}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_urls", "an empty jwks_urls" NOT)},
    {"a key set in a file", BRAMA_LIT(JWT("{jwks_urls: ['file:///keys']}")), V1_OK},
    {"a key set in a bucket", BRAMA_LIT(JWT("{jwks_urls: ['s3://bucket/keys']}")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_urls[0]",
             "a key set that isn't at an http, https or file URL" NOT)},
    {"HS256", ORY("allowed_algorithms: [RS256, HS256]"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.allowed_algorithms[1]",
             "algorithm \"HS256\"" NOT)},
    {"two that Oathkeeper knows and refuses", ORY("allowed_algorithms: [none, EdDSA]"), V1_OK},
    {"an algorithm in other letters", ORY("allowed_algorithms: [rs256]"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.allowed_algorithms[0]",
             "algorithm \"rs256\"" NOT)},
    {"an audience that isn't a list", ORY("target_audience: me"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.target_audience",
             "this form of target_audience" NOT)},
    {"scopes that are null", ORY("required_scope: null"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.required_scope",
             "this form of required_scope" NOT)},
    {"no strategy for scopes that are required: nobody passes",
     ORY("scope_strategy: none, required_scope: [a]"), V1_OK},
    {"a strategy for no scope", ORY("scope_strategy: hierarchic"), V1_OK},
    {"a strategy that nobody knows", ORY("scope_strategy: strict"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.scope_strategy",
             "this scope_strategy" NOT)},
    {"two places for the token", ORY("token_from: {header: X-T, cookie: t}"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.token_from",
             "this form of token_from" NOT)},
    {"the place of old pages", ORY("token_from: {location: 'header:X-T'}"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.token_from",
             "this form of token_from" NOT)},
    {"a misspelt key", ORY("required_scopes: [admin]"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.required_scopes",
             "required_scopes" NOT ", did you mean \"required_scope\"?")},
    {"times of the key set, which Oathkeeper doesn't read from a rule",
     ORY("jwks_ttl: 1s, jwks_max_wait: 100ms"), V1_OK},
    {"a time with two units", ORY("jwks_ttl: 1m30s"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_ttl", "this form of jwks_ttl" NOT)},
    {"a time that is a number", ORY("jwks_max_wait: 5"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_max_wait",
             "this form of jwks_max_wait" NOT)},
    {"authorizations, which Oathkeeper doesn't know", ORY("authorizations: [{audiences: [a]}]"),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations",
             "authorizations with the Ory handler" NOT)},
    {"a hydrator without an API: that of Kyma's Oathkeeper",
     MUTATED("{handler: noop}, {handler: hydrator}"), V1_OK},
    {"all that a hydrator has",
     MUTATED("{handler: hydrator, config: {api: {url: 'http://api/hydrate', auth: {basic: "
             "{username: a, password: b}}, retry: {give_up_after: 1s, max_delay: 100ms}}, cache: "
             "{enabled: true, ttl: 10s}}}"),
     V1_OK},
    {"another sort of auth",
     MUTATED("{handler: hydrator, config: {api: {url: 'http://api/hydrate', auth: {oauth: {}}}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.api.auth.oauth", "oauth" NOT)},
    {"a token as Kyma ships it", MUTATED("{handler: id_token}"), V1_OK},
    {"all that id_token has",
     MUTATED(
         "{handler: id_token, config: {claims: '{\"aud\": [\"{{ .Extra.aud }}\"]}', issuer_url: "
         "'https://me.example', jwks_url: 'file:///etc/secrets/jwks.json', ttl: 15m}}"),
     V1_OK},
    {"a private key set that is fetched",
     MUTATED("{handler: id_token, config: {jwks_url: 'https://keys.example/jwks.json'}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.jwks_url",
             "a private key set that isn't at a file URL" NOT)},
    {"a path that depends on where we stand",
     MUTATED("{handler: id_token, config: {jwks_url: 'file://jwks.json'}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.jwks_url",
             "a private key set that isn't at a file URL" NOT)},
    {"claims as an object", MUTATED("{handler: id_token, config: {claims: {aud: a}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.claims", "this form of claims" NOT)},
    {"claims that nobody can render here",
     MUTATED("{handler: id_token, config: {claims: '{\"home\": \"{{ env \"HOME\" }}\"}'}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.claims",
             "the template of claims (at byte 14: \"env\" isn't supported here)" NOT)},
    {"a time to live with two units", MUTATED("{handler: id_token, config: {ttl: 1m30s}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.ttl", "this form of ttl" NOT)},
    {"a time to live that is a number", MUTATED("{handler: id_token, config: {ttl: 60}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.ttl", "this form of ttl" NOT)},
    {"a misspelt issuer", MUTATED("{handler: id_token, config: {issuer: 'https://me.example'}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.issuer", "issuer" NOT)},
    {"a mutator of nobody's",
     BRAMA_LIT(STRATEGIES("{handler: anonymous}], mutators: [{handler: magic}]")),
     V1_SAYS(".spec.rules[0].mutators[0]", "mutator magic served by Ory" NOT)},
    {"header and cookie under ory",
     MUTATED("{handler: header, config: {headers: {X-A: '{{ print .Subject }}'}}}, {handler: "
             "cookie, config: {cookies: {a: '{{ .Extra.iss }}'}}}"),
     V1_OK},
    {"without a config they set what Kyma has for them",
     MUTATED("{handler: header}, {handler: cookie, config: {}}"), V1_OK},
    {"a template that nobody can render here",
     MUTATED("{handler: header, config: {headers: {X-A: '{{ env \"HOME\" }}'}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.headers.X-A",
             "the template of header \"X-A\" (at byte 4: \"env\" isn't supported here)" NOT)},
    {"a field that no session has",
     MUTATED("{handler: cookie, config: {cookies: {a: '{{ .Claims.sub }}'}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.cookies.a",
             "the template of cookie \"a\" (at byte 11: there is no field \"Claims\")" NOT)},
    {"the host", MUTATED("{handler: header, config: {headers: {Host: other}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.headers.Host", "setting header \"Host\"" NOT)},
    {"a number", MUTATED("{handler: header, config: {headers: {X-A: 5}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.headers.X-A", "header \"X-A\" without a text" NOT)},
    {"a misspelt list", MUTATED("{handler: header, config: {header: {X-A: a}}}"),
     V1_SAYS(".spec.rules[0].mutators[0].config.header", "header" NOT)},
    {"mutators of allow are nobody's",
     BRAMA_LIT(STRATEGIES("{handler: allow}], mutators: [{handler: id_token}]")), V1_OK},
};

static void ory_configs_that_would_open_a_rule_are_refused(void **state)
{
    (void)state;
    expect_rows(ory_rows, BRAMA_ARRAY_LEN(ory_rows));
}

static void istio_configs_that_would_open_a_rule_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"an ory key that Kyma overlooks",
         BRAMA_LIT(ISTIO JWT("{" AUTHN ", target_audience: [me]}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.target_audience",
                 "target_audience with the Istio handler" NOT)},
        {"a time of the key set", BRAMA_LIT(ISTIO JWT("{" AUTHN ", jwks_ttl: 1s}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_ttl",
                 "jwks_ttl with the Istio handler" NOT)},
        {"a misspelt list", BRAMA_LIT(ISTIO JWT("{" AUTHN ", authorisations: [{audiences: [a]}]}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorisations",
                 "authorisations" NOT ", did you mean \"authorizations\"?")},
        {"a name in other letters, which Go would read",
         BRAMA_LIT(ISTIO JWT("{" AUTHN ", Authorizations: [{audiences: [a]}]}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.Authorizations",
                 "Authorizations" NOT ", did you mean \"authorizations\"?")},
        {"a misspelt scope",
         BRAMA_LIT(ISTIO JWT("{" AUTHN ", authorizations: [{requiredScope: [a]}]}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].requiredScope",
                 "requiredScope" NOT ", did you mean \"requiredScopes\"?")},
        {"the name that the pages have for fromParams",
         BRAMA_LIT(ISTIO JWT("{authentications: [{" ISSUER ", fromParameters: [t]}]}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].fromParameters",
                 "fromParameters" NOT ", did you mean \"fromParams\"?")},
        {"keys that can't be fetched",
         BRAMA_LIT(V2_JWT("authentications: [{issuer: a, jwksUri: 'urn:x:y'}]")),
         V2_SAYS(".spec.rules[0].jwt.authentications[0].jwksUri",
                 "a key set that isn't at an http, https or file URL" NOT)},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define REQUEST(more)                                                                              \
    BRAMA_LIT(V2 "  - {path: /a, methods: [GET], noAuth: true, request: {" more "}}\n")

#define HEADER(value) REQUEST("headers: {X-A: '" value "'}")
#define HEADER_SAYS(message) V2_SAYS(".spec.rules[0].request.headers.X-A", message)
#define CANT "header \"X-A\" can't be set: "

static void headers_are_set_to_what_envoy_takes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a header and a cookie", REQUEST("headers: {X-A: b c}, cookies: {a: b}"), V2_OK},
        {"a double percent sign", HEADER("100%%"), V2_OK},
        {"an expression of Envoy's", HEADER("%REQ(Authorization)%"), V2_OK},
        {"one with all of its parts", HEADER("org-%REQ(X-Org?:authority):16%/%START_TIME(%s.%3f)%"),
         V2_OK},
        {"one in a cookie", REQUEST("cookies: {a: '%REQ(b)%'}"), V2_OK},
        {"a percent sign alone", HEADER("100%"),
         HEADER_SAYS(CANT "no operator begins at the percent sign of byte 4, and a percent sign "
                          "alone is written %%")},
        {"an operator nobody has", HEADER("%FOO%"),
         HEADER_SAYS(CANT "Envoy has no operator %FOO%")},
        {"a misspelt one", HEADER("%PROTOCLO%"),
         HEADER_SAYS(CANT "Envoy has no operator %PROTOCLO%, did you mean %PROTOCOL%?")},
        {"one of the answer", HEADER("%RESPONSE_CODE%"),
         HEADER_SAYS("%RESPONSE_CODE% (it has no value before the workload answers) in header "
                     "\"X-A\"" NOT)},
        {"a token's claims", HEADER("%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%"),
         HEADER_SAYS("%DYNAMIC_METADATA% (no filter has left a value where headers are set: "
                     "tokens are verified behind it) in header \"X-A\"" NOT)},
        {"a misspelt one in a cookie", REQUEST("cookies: {a: '%RQE(b)%'}"),
         V2_SAYS(".spec.rules[0].request.cookies.a",
                 "cookie \"a\" can't be set: Envoy has no operator %RQE%, did you mean %REQ%?")},
        {"a line end", REQUEST("headers: {X-A: \"a\\r\\nX-Admin: yes\"}"),
         HEADER_SAYS("a control character in header \"X-A\"" NOT)},
        {"an expression in a mutator",
         BRAMA_LIT(ISTIO STRATEGIES("{handler: jwt, config: {" AUTHN
                                    "}}], mutators: [{handler: header, config: {headers: "
                                    "{X-A: '%REQ(a)%'}}}]")),
         BRAMA_LIT("")},
        {"a wrong one in a mutator",
         BRAMA_LIT(ISTIO STRATEGIES("{handler: jwt, config: {" AUTHN
                                    "}}], mutators: [{handler: header, config: {headers: "
                                    "{X-A: '%req(a)%'}}}]")),
         V1_SAYS(".spec.rules[0].mutators.headers.X-A",
                 CANT "no operator begins at the percent sign of byte 1, and a percent sign alone "
                      "is written %%")},
        {"the host", REQUEST("headers: {Host: other}"),
         V2_SAYS(".spec.rules[0].request.headers.Host", "setting header \"Host\"" NOT)},
        {"a name with a blank", REQUEST("headers: {'X A': b}"),
         V2_SAYS(".spec.rules[0].request.headers.X A", "setting header \"X A\"" NOT)},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

int run_support(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strategies_without_an_engine_are_refused),
        cmocka_unit_test(configs_of_oauth2_handlers_are_read_whole_or_refused),
        cmocka_unit_test(ory_configs_that_would_open_a_rule_are_refused),
        cmocka_unit_test(istio_configs_that_would_open_a_rule_are_refused),
        cmocka_unit_test(headers_are_set_to_what_envoy_takes),
    };
    return cmocka_run_group_tests_name("support", tests, NULL, NULL);
}
