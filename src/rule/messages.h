/* All texts of validation, in one place. Those of Kyma are facts, byte for byte; ours follow at the
 * end. A %.*s takes a slice (BRAMA_FMT). */
#ifndef BRAMA_RULE_MESSAGES_H
#define BRAMA_RULE_MESSAGES_H

#include "rule/codes.h"

/* The API server: OpenAPI types, and CEL rules word for word. */
#define BRAMA__TEXT_REQUIRED "Required value"
#define BRAMA__TEXT_TYPE "Invalid value: \"%s\": must be of type %s: \"%s\""
#define BRAMA__TEXT_MINIMUM "Invalid value: %lld: should be greater than or equal to %llu"
#define BRAMA__TEXT_MAXIMUM "Invalid value: %lld: should be less than or equal to %llu"
#define BRAMA__TEXT_PATTERN "Invalid value: \"%.*s\": should match '%s'"
#define BRAMA__TEXT_TOO_SHORT "Invalid value: \"%.*s\": should be at least %zu chars long"
#define BRAMA__TEXT_TOO_LONG "Too long: may not be longer than %zu"
#define BRAMA__TEXT_TOO_FEW "Invalid value: %zu: should have at least %zu items"
#define BRAMA__TEXT_TOO_MANY "Too many: %zu: must have at most %zu items"
#define BRAMA__TEXT_METHOD                                                                         \
    "Unsupported value: \"%.*s\": supported values: \"GET\", \"HEAD\", \"POST\", \"PUT\", "        \
    "\"DELETE\", \"CONNECT\", \"OPTIONS\", \"TRACE\", \"PATCH\""
#define BRAMA__TEXT_DURATION "Invalid value: \"%.*s\": must be of type duration: \"%.*s\""
#define BRAMA__TEXT_UNKNOWN "unknown field \"%.*s\""
#define BRAMA__TEXT_UNKNOWN_MEANT "unknown field \"%.*s\", did you mean \"%.*s\"?"
#define BRAMA__TEXT_STORED "the stored v1beta1 spec can't be read: %s"
#define BRAMA__TEXT_GATEWAY_FORM "Gateway must be in the namespace/name format"
#define BRAMA__TEXT_EXTERNAL_GATEWAY_FORM "ExternalGateway must be in the namespace/name format"
#define BRAMA__TEXT_HOST_FORM                                                                      \
    "Host must be a lowercase RFC 1123 label (must consist of lowercase alphanumeric characters "  \
    "or '-', and must start and end with an lowercase alphanumeric character), a fully "           \
    "qualified domain name, or a wildcard domain name (e.g. *.local.kyma.dev)"
#define BRAMA__TEXT_ONE_STRATEGY "One of the following fields must be set: noAuth, jwt, extAuth"

/* A given kyma-system/kyma-gateway that no default domain can be had from. */
#define BRAMA__TEXT_KYMA_SERVERS "gateway must have a single https server definition, num=%zu"
#define BRAMA__TEXT_KYMA_HOSTS "gateway https server must have a single host definition, num=%zu"
#define BRAMA__TEXT_KYMA_STAR                                                                      \
    "gateway https server host \"%.*s\" does not start with the prefix \"*.\""
#define BRAMA__TEXT_KYMA_DOMAIN                                                                    \
    "gateway https server host \"%.*s\" does not define domain after the prefix \"*.\""

/* Both versions. */
#define BRAMA__TEXT_HANDLER "Unsupported JWT Handler: %.*s"
#define BRAMA__TEXT_NO_RULES "No rules defined"
#define BRAMA__TEXT_URI "value is empty or not a valid uri err=%.*s"
#define BRAMA__TEXT_AUTHZ_NULL "authorization is empty"
#define BRAMA__TEXT_EMPTY "value is empty"
#define BRAMA__TEXT_EMPTY_SCOPE "scope value is empty"
#define BRAMA__TEXT_EMPTY_AUDIENCE "audience value is empty"
#define BRAMA__TEXT_FROM_MIXED "mixture of multiple fromHeaders and fromParams is not supported"
#define BRAMA__TEXT_FROM_HEADERS "multiple fromHeaders are not supported"
#define BRAMA__TEXT_FROM_PARAMS "multiple fromParams are not supported"
#define BRAMA__TEXT_NO_SELECTOR "Target service label selectors are not defined"
#define BRAMA__TEXT_NO_SIDECAR "Pod %.*s/%.*s does not have an injected istio sidecar"
#define BRAMA__TEXT_ISSUER_DIFFERS "multiple jwt configurations that differ for the same issuer"

/* v1alpha1 and v1beta1. */
#define BRAMA__TEXT_V1_HOST_NIL "Host was nil"
#define BRAMA__TEXT_V1_NO_DOMAIN                                                                   \
    "Host does not contain a domain name and no default domain name is configured"
#define BRAMA__TEXT_V1_OCCUPIED "This host is occupied by another Virtual Service"
#define BRAMA__TEXT_V1_PATH_TWICE "multiple rules defined for the same path and method"
#define BRAMA__TEXT_V1_NO_SERVICE "No service defined with no main service on spec level"
#define BRAMA__TEXT_V1_NO_STRATEGY "No accessStrategies defined"
#define BRAMA__TEXT_V1_NOT_ALONE                                                                   \
    "%.*s access strategy is not allowed in combination with other access strategies"
#define BRAMA__TEXT_V1_SECURE_MIX                                                                  \
    "Secure access strategies cannot be used in combination with unsecure access strategies"
#define BRAMA__TEXT_V1_STRATEGY "Unsupported accessStrategy: %.*s"
#define BRAMA__TEXT_V1_CONFIG "strategy: %.*s does not support configuration"
#define BRAMA__TEXT_V1_CONFIG_EMPTY "supplied config cannot be empty"
#define BRAMA__TEXT_V1_JSON "Can't read json: %.*s"
#define BRAMA__TEXT_V1_NOT_ORY "Configuration for authentications is not supported with Ory handler"
#define BRAMA__TEXT_V1_NOT_ISTIO "Configuration for %s is not supported with Istio handler"
#define BRAMA__TEXT_V1_NO_AUTHN "Authentications are required when using JWT access handler"
#define BRAMA__TEXT_V1_MUTATOR_TWICE "mutator for same handler already exists"
#define BRAMA__TEXT_V1_MUTATOR_EMPTY "mutator handler cannot be empty"
#define BRAMA__TEXT_V1_MUTATOR_NOTHING "%s cannot be empty"
#define BRAMA__TEXT_V1_MUTATOR_NAME "cannot be empty"
#define BRAMA__TEXT_V1_MUTATOR "unsupported mutator: %.*s"

/* v2alpha1 and v2. */
#define BRAMA__TEXT_V2_READY "Reconciled successfully"
#define BRAMA__TEXT_V2_NO_GATEWAY "Either gateway or externalGateway must be specified"
#define BRAMA__TEXT_V2_GATEWAY "Could not get specified Gateway"
#define BRAMA__TEXT_V2_EXTERNAL_GATEWAY "Could not get specified ExternalGateway"
#define BRAMA__TEXT_V2_EMPTY_SPEC                                                                  \
    "APIRule in version v2alpha1 contains an empty spec. To troubleshoot, see "                    \
    "https://kyma-project.io/#/api-gateway/user/troubleshooting-guides/"                           \
    "03-70-empty-apirule-spec."
#define BRAMA__TEXT_V2_NO_SERVICE                                                                  \
    "The rule must define a service, because no service is defined on spec level"
#define BRAMA__TEXT_V2_AUTHZ_EMPTY "authorizations defined, but no configuration exists"
#define BRAMA__TEXT_V2_NO_AUTHN "A JWT config must have at least one authentication"
#define BRAMA__TEXT_V2_INJECTION                                                                   \
    "Failed to execute sidecar injection validation, err: services \"%.*s\" not found"
#define BRAMA__TEXT_V2_NO_MESH "Failed to get Istio ConfigMap"
#define BRAMA__TEXT_V2_NO_MESH_KEY "Istio ConfigMap does not contain mesh key"
#define BRAMA__TEXT_V2_NO_MESH_YAML "Failed to unmarshal mesh data"
#define BRAMA__TEXT_V2_NOT_HTTP                                                                    \
    "EnvoyExtAuthzHttp not found in Istio ConfigMap mesh data for authorizer"
#define BRAMA__TEXT_V2_NO_AUTHORIZER "Authorizer not found in Istio ConfigMap mesh data"
#define BRAMA__TEXT_V2_OPERATORS "Only one {**} operator is allowed in the path."
#define BRAMA__TEXT_V2_OPERATOR_LAST "The {**} operator must be the last operator in the path."
#define BRAMA__TEXT_V2_CONFLICT                                                                    \
    "Path %.*s with method %s conflicts with at least one of the previous rule paths"
#define BRAMA__TEXT_V2_NO_HOSTS "No hosts defined"
#define BRAMA__TEXT_V2_SHORT_HOST                                                                  \
    "Lowercase RFC 1123 label (short host) is only supported as the APIRule host when selected "   \
    "Gateway has a single host definition matching *.<fqdn> format"
#define BRAMA__TEXT_V2_OCCUPIED "Host is occupied by another Virtual Service"

/* Ours: valid for Kyma, but nothing we could enforce. */
#define BRAMA__TEXT_UNSUPPORTED "%.*s is not supported by this version of brama"
#define BRAMA__TEXT_ENVOY "%s \"%.*s\" can't be set: %s"
#define BRAMA__TEXT_MEANT "%.*s, did you mean \"%.*s\"?"

#define BRAMA__TEXT_NO_GATEWAY "Gateway %.*s isn't among the given files"

/* Ours: findings, each with its code (codes.h). */
#define BRAMA__TEXT_PLAIN_HTTP "plain http: whoever is on the way can choose the keys"
#define BRAMA__TEXT_PLAIN_ISSUER "plain http: whoever is on the way can pose as this provider"
#define BRAMA__TEXT_NOT_RECONCILED                                                                 \
    "version v1beta1 isn't reconciled any more since Kyma 3.10; migrate to version v2"
#define BRAMA__TEXT_NOT_SERVED                                                                     \
    "version v1alpha1 isn't served any more since Kyma 1.9; migrate to version v2"
#define BRAMA__TEXT_NO_SERVICE "Service %.*s/%.*s isn't among the given files"
#define BRAMA__TEXT_TWICE "%.*s %.*s/%.*s is given a second time; the first one counts"
#define BRAMA__TEXT_SECRET "Secret %.*s/%.*s of type kubernetes.io/tls lacks tls.crt or tls.key"
#define BRAMA__TEXT_VERSION "apiVersion %.*s of APIRule is not known"
#define BRAMA__TEXT_TOGGLE "the ConfigMap names no handler: no APIRule is valid under it"
#define BRAMA__TEXT_KIND "gateway.kyma-project.io has no kind %.*s, did you mean \"APIRule\"?"
#define BRAMA__TEXT_ORIGIN "%.*s is none of exact, prefix and regex; Kyma reads it as prefix"
#define BRAMA__TEXT_NO_AUDIENCE                                                                    \
    "no audience is asked for: a token that this issuer made for anybody else passes, too"
#define BRAMA__TEXT_RETRY "does nothing here: %.*s is asked once, and has 5 s for its answer"
#define BRAMA__TEXT_CREDENTIAL_COPIED                                                              \
    "copies the caller's %.*s: whoever writes down or hands on %s \"%.*s\" doesn't know that it "  \
    "is "                                                                                          \
    "a credential"
#define BRAMA__TEXT_TOKEN_IN_QUERY                                                                 \
    "a token in the query stands in access logs, browser histories and Referer headers"
#define BRAMA__TEXT_FOREIGN_KEYS                                                                   \
    "the keys come from %.*s, but the issuer is at %.*s: whoever holds the one signs for the "     \
    "other"
#define BRAMA__TEXT_ANY_ISSUER                                                                     \
    "no trusted_issuers: a token passes whoever its iss says that it is from"
#define BRAMA__TEXT_ANY_METHOD                                                                     \
    "allow lets every method in, not only those of methods; no_auth keeps to them"

#define BRAMA__TEXT_SERVER "%s: this server of the Gateway serves nobody here"
#define BRAMA__TEXT_NO_SECRET                                                                      \
    "Secret %.*s is neither in istio-system nor in %.*s: the certificate of the TLS listener "     \
    "stands in"
#define BRAMA__TEXT_NO_ENTRY "no server of Gateway %.*s has host %.*s: nobody reaches this APIRule"

#endif
