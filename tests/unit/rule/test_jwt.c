/* Facts: apirule.md 3.2.1, 3.2.2, 3.2.4, and the status at the end of section 5. */
#include "fixture.h"

#define S "Attribute \".spec.rules[0].accessStrategies[0]"

static void the_ory_form_is_judged_under_ory(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"keys and an issuer are valid",
         BRAMA_LIT(JWT("{" ORY_KEYS ", trusted_issuers: ['https://idp.example']}")), V1_OK},
        {"without ConfigMap authentications are the other handler's", BRAMA_LIT(JWT("{" AUTHN "}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications",
                 "Configuration for authentications is not supported with Ory handler")},
        {"an issuer that is no URI",
         BRAMA_LIT(JWT("{" ORY_KEYS ", trusted_issuers: ['https://a', 'example.com']}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.trusted_issuers[1]",
                 "value is empty or not a valid uri err=parse \"example.com\": invalid URI for "
                 "request")},
        {"an empty key set", BRAMA_LIT(JWT("{jwks_urls: ['']}")),
         V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_urls[0]",
                 "value is empty or not a valid uri err=value is empty")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

#define ISTIO_JWT(config) ISTIO JWT("{" config "}")

static const struct row istio_rows[] = {
    {"issuer and jwksUri are valid", BRAMA_LIT(ISTIO_JWT(AUTHN)), V1_OK},
    {"an issuer may be any name without a colon",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: internal, jwksUri: 'https://a/k'}]")), V1_OK},
    {"scopes and audiences are valid",
     BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{requiredScopes: [read], audiences: [a]}]")),
     V1_OK},
    {"an authorization without either is valid in v1beta1",
     BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{}]")), V1_OK},
    {"jwks_urls", BRAMA_LIT(ISTIO_JWT(AUTHN ", " ORY_KEYS)),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.jwks_urls",
             "Configuration for jwks_urls is not supported with Istio handler")},
    {"required_scope gains an s", BRAMA_LIT(ISTIO_JWT(AUTHN ", required_scope: [a]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.required_scopes",
             "Configuration for required_scopes is not supported with Istio handler")},
    {"trusted_issuers", BRAMA_LIT(ISTIO_JWT(AUTHN ", trusted_issuers: ['https://a']")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.trusted_issuers",
             "Configuration for trusted_issuers is not supported with Istio handler")},
    {"an empty list of authorizations", BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: []")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations", "value is empty")},
    {"a null in place of the list, which is never less strict",
     BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: null")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations", "value is empty")},
    {"a null authorization", BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [null]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0]",
             "authorization is empty")},
    {"no scopes in the list",
     BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{requiredScopes: []}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].requiredScopes",
             "value is empty")},
    {"a null in place of scopes",
     BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{requiredScopes: null}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].requiredScopes",
             "value is empty")},
    {"an empty scope", BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{requiredScopes: [a, '']}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].requiredScopes",
             "scope value is empty")},
    {"no audiences in the list", BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{audiences: []}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].audiences",
             "value is empty")},
    {"an empty audience", BRAMA_LIT(ISTIO_JWT(AUTHN ", authorizations: [{audiences: ['']}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authorizations[0].audiences",
             "audience value is empty")},
    {"no authentications", BRAMA_LIT(ISTIO_JWT("authorizations: [{audiences: [a]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0]",
             "Authentications are required when using JWT access handler")},
    {"an empty issuer",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: '', jwksUri: 'https://a/k'}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].issuer",
             "value is empty or not a valid uri err=value is empty")},
    {"an issuer with a colon must be a URI",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: '://bad', jwksUri: 'https://a/k'}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].issuer",
             "value is empty or not a valid uri err=parse \"://bad\": missing protocol "
             "scheme")},
    {"a jwksUri that is no URI",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: a, jwksUri: example.com}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].jwksUri",
             "value is empty or not a valid uri err=parse \"example.com\": invalid URI for "
             "request")},
    {"one header is valid",
     BRAMA_LIT(
         ISTIO_JWT("authentications: [{" ISSUER ", fromHeaders: [{name: X-T, prefix: 'Kyma '}]}]")),
     V1_OK},
    {"one parameter is valid",
     BRAMA_LIT(ISTIO_JWT("authentications: [{" ISSUER ", fromParams: [t]}]")), V1_OK},
    {"headers after parameters",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: a, jwksUri: 'https://a', "
                         "fromParams: [t]}, {issuer: b, jwksUri: 'https://b', "
                         "fromHeaders: [{name: X-T}]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[1].fromHeaders",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"headers and parameters in one",
     BRAMA_LIT(
         ISTIO_JWT("authentications: [{" ISSUER ", fromParams: [t], fromHeaders: [{name: X-T}]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].fromHeaders",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"parameters after headers",
     BRAMA_LIT(ISTIO_JWT("authentications: [{issuer: a, jwksUri: 'https://a', "
                         "fromHeaders: [{name: X-T}]}, {issuer: b, jwksUri: 'https://b', "
                         "fromParams: [t]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[1].fromParams",
             "mixture of multiple fromHeaders and fromParams is not supported")},
    {"two headers",
     BRAMA_LIT(
         ISTIO_JWT("authentications: [{" ISSUER ", fromHeaders: [{name: X-T}, {name: X-U}]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].fromHeaders",
             "multiple fromHeaders are not supported")},
    {"two parameters", BRAMA_LIT(ISTIO_JWT("authentications: [{" ISSUER ", fromParams: [t, u]}]")),
     V1_SAYS(".spec.rules[0].accessStrategies[0].config.authentications[0].fromParams",
             "multiple fromParams are not supported")},
};

static void the_istio_form_is_judged_under_istio(void **state)
{
    (void)state;
    expect_rows(istio_rows, BRAMA_ARRAY_LEN(istio_rows));
}

#define RULE(path, config)                                                                         \
    "  - {path: " path ", methods: [GET], accessStrategies: [{handler: jwt, config: {" config      \
    "}}]}\n"

static void one_issuer_has_one_token_place_in_all_rules(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"another place for the same issuer and key set",
         BRAMA_LIT(ISTIO V1BETA1 RULE("/a", AUTHN)
                       RULE("/b", "authentications: [{" ISSUER ", fromParams: [t]}]")),
         V1_SAYS(".spec.rules[1].accessStrategy[0].config.authentications[0]",
                 "multiple jwt configurations that differ for the same issuer")},
        {"another prefix is another place",
         BRAMA_LIT(ISTIO V1BETA1 RULE("/a", "authentications: [{" ISSUER
                                            ", fromHeaders: [{name: X-T, prefix: a}]}]")
                       RULE("/b", "authentications: [{" ISSUER
                                  ", fromHeaders: [{name: X-T, prefix: b}]}]")),
         V1_SAYS(".spec.rules[1].accessStrategy[0].config.authentications[0]",
                 "multiple jwt configurations that differ for the same issuer")},
        {"the same place is valid",
         BRAMA_LIT(ISTIO V1BETA1 RULE("/a", "authentications: [{" ISSUER ", fromParams: [t]}]")
                       RULE("/b", "authentications: [{" ISSUER ", fromParams: [t]}]")),
         V1_OK},
        {"another key set may have another place",
         BRAMA_LIT(ISTIO V1BETA1 RULE("/a", AUTHN)
                       RULE("/b", "authentications: [{issuer: "
                                  "'https://idp.example', jwksUri: 'https://b', "
                                  "fromParams: [t]}]")),
         V1_OK},
        {"a config that Go can't read is named twice", BRAMA_LIT(ISTIO_JWT("authentications: {}")),
         BRAMA_LIT("Multiple validation errors: \n" S
                   ".config\": Can't read json: json: cannot unmarshal object into Go struct "
                   "field JwtConfig.authentications of type []*v1beta1.JwtAuthentication\n"
                   "Attribute \".spec.rules[0].accessStrategy[0]\": Can't read json: json: cannot "
                   "unmarshal object into Go struct field JwtConfig.authentications of type "
                   "[]*v1beta1.JwtAuthentication")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

static void an_ory_rule_after_the_switch_says_so(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the status of the reference, to the letter",
         BRAMA_LIT(ISTIO_JWT(ORY_KEYS ", trusted_issuers: ['https://idp.example']")),
         BRAMA_LIT("Multiple validation errors: \n" S
                   ".config.jwks_urls\": Configuration for jwks_urls is not supported with Istio "
                   "handler\n" S
                   ".config.trusted_issuers\": Configuration for trusted_issuers is not supported "
                   "with Istio handler\n" S
                   "\": Authentications are required when using JWT access handler")},
    };
    expect_rows(rows, BRAMA_ARRAY_LEN(rows));
}

int run_jwt(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ory_form_is_judged_under_ory),
        cmocka_unit_test(the_istio_form_is_judged_under_istio),
        cmocka_unit_test(one_issuer_has_one_token_place_in_all_rules),
        cmocka_unit_test(an_ory_rule_after_the_switch_says_so),
    };
    return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
