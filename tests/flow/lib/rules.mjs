// APIRules as text: what each scene writes into its rules folder.

// JSON is YAML. What is null is left out.
const dump = (value) => JSON.stringify(value, (key, member) => (member === null ? undefined : member));

/** A v2 rule file: rules are {path, methods, noAuth | jwt, ...}. */
export function apiRule({ name = 'httpbin', namespace = 'shop', host = 'httpbin', service = { name: 'httpbin', port: 8000 }, version = 'v2', rules, ...rest }) {
  return dump({
    apiVersion: `gateway.kyma-project.io/${version}`,
    kind: 'APIRule',
    metadata: { name, namespace },
    spec: {
      hosts: [host],
      gateway: 'kyma-system/kyma-gateway',
      service,
      rules: rules.map((rule) => ({ ...rule, methods: rule.methods ?? ['GET'] })),
      ...rest,
    },
  });
}

/** A v1beta1 one: rules are {path, methods, accessStrategies, ...}. */
export function apiRuleV1({ name = 'httpbin', namespace = 'shop', host = 'httpbin', service = { name: 'httpbin', port: 8000 }, rules, ...rest }) {
  return dump({
    apiVersion: 'gateway.kyma-project.io/v1beta1',
    kind: 'APIRule',
    metadata: { name, namespace },
    spec: {
      host,
      gateway: 'kyma-system/kyma-gateway',
      service,
      rules: rules.map((rule) => ({ ...rule, methods: rule.methods ?? ['GET'] })),
      ...rest,
    },
  });
}

/** The toggle (apirule.md section 5). */
export const toggle = (handler) => `apiVersion: v1
kind: ConfigMap
metadata:
  name: api-gateway-config
  namespace: kyma-system
data:
  api-gateway-config: |
    jwtHandler: "${handler}"
`;

/** Several objects in one file. */
export const documents = (...texts) => texts.join('\n---\n');

/** jwt of a v2 rule, and of a v1beta1 one in Istio form, by one issuer. */
export const istioJwt = (issuer, jwksUri, { scopes, audiences, ...where } = {}) => ({
  authentications: [{ issuer, jwksUri, ...where }],
  ...(scopes || audiences
    ? { authorizations: [{ ...(scopes && { requiredScopes: scopes }), ...(audiences && { audiences }) }] }
    : {}),
});

/** A v1beta1 access strategy in Oathkeeper's form. */
export const oryJwt = (issuer, jwksUrl, rest = {}) => ({
  handler: 'jwt',
  config: { trusted_issuers: [issuer], jwks_urls: [jwksUrl], ...rest },
});
