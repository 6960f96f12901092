// The article "Istio based JWT handler - sneak peek", from its toggle to its last curl, with a real
// OpenID provider and the real httpbin, over https and HTTP/2.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken, spoil } from './lib/keys.mjs';
import { brama, until } from './lib/place.mjs';
import { shell } from './lib/process.mjs';
import { apiRuleV1, oryJwt } from './lib/rules.mjs';
import { httpbin, oidcProvider, pageServer } from './lib/servers.mjs';

const DOMAIN = 'test.local';
const NAMESPACE = 'demo';
let bin, provider, ownKeys, gw, jwksUri;
const ownKey = makeKey('RS256');
const OWN = 'https://own.example';

before(async () => {
  [bin, provider, ownKeys] = await Promise.all([
    httpbin(),
    oidcProvider({ scopes: ['test', 'other'] }),
    pageServer({ '/jwks': { keys: [ownKey.jwk] } }),
  ]);
  gw = await gateway({
    domain: DOMAIN,
    tls: true,
    services: { [`httpbin.${NAMESPACE}`]: bin.port, 'old.demo': bin.port, 'nosub.demo': bin.port },
    // A rule in the old form is there before the toggle is touched.
    files: {
      'old.yaml': apiRuleV1({
        name: 'old', namespace: NAMESPACE, host: 'old', service: { name: 'old', port: 8000 },
        rules: [{ path: '/ip', accessStrategies: [oryJwt(OWN, `${ownKeys.url}/jwks`)] }],
      }),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([bin?.stop(), provider?.stop(), ownKeys?.stop()]);
});

/** The command as the article has it, with its own tool's name. */
const apply = async (document) => {
  const end = await shell(`cat <<EOF | ${brama} apply -f - --state ${gw.state}\n${document}\nEOF\n`, {
    env: { NAMESPACE, ISSUER: provider.issuer, JWKS_URI: jwksUri },
  });
  assert.equal(end.code, 0, end.out + end.err);
  return end.out;
};
const applyToggle = (handler) =>
  apply(`apiVersion: v1
kind: ConfigMap
metadata:
 name: api-gateway-config
 namespace: kyma-system
data:
 api-gateway-config: |
   jwtHandler: "${handler}"`);

const token = async (scope) => {
  const end = await shell(`curl -s -u ${provider.client.id}:${provider.client.secret} -d grant_type=client_credentials -d scope=${scope} ${provider.tokenUrl}`);
  return JSON.parse(end.out).access_token;
};
const bearer = (value) => [`Authorization: Bearer ${value}`];
const secure = (headers, more = {}) => ({ host: 'httpbin', target: '/headers', scheme: 'https', headers, ...more });
const old = (headers) => ({ host: 'old', target: '/ip', headers });
const statusOf = (name) => gw.apiRule(name);

test('the old rule works with Oathkeeper\'s dialect', async () => {
  await expectExchange(gw, { request: old(bearer(makeToken(ownKey, { iss: OWN }))), status: 200 });
  await expectExchange(gw, { request: old([]), status: 401, body: /"message":"The request could not be authorized"/ });
});

test('the toggle, as the article types it', async () => {
  await applyToggle('istio');
  // apirule.md section 5, for one jwks_urls and one trusted_issuers entry.
  const status = await until('the old rule to be in error', async () => {
    const now = await statusOf('old');
    return now?.state === 'ERROR' && now;
  });
  assert.equal(
    status.description,
    `Multiple validation errors: 
Attribute ".spec.rules[0].accessStrategies[0].config.jwks_urls": Configuration for jwks_urls is not supported with Istio handler
Attribute ".spec.rules[0].accessStrategies[0].config.trusted_issuers": Configuration for trusted_issuers is not supported with Istio handler
Attribute ".spec.rules[0].accessStrategies[0]": Authentications are required when using JWT access handler`,
  );
});

test('the old rule is enforced in its last good form all the same', async () => {
  // explain judges the files alone, where the rule has no good form.
  await expectExchange(gw, { request: old(bearer(makeToken(ownKey, { iss: OWN }))), status: 200, explains: false });
  await expectExchange(gw, { request: old([]), status: 401, body: /"message":"The request could not be authorized"/, explains: false });
});

test('the rule, as the article types it, with the discovered jwks_uri', async () => {
  const { out } = await shell(`curl -s ${provider.issuer}/.well-known/openid-configuration`);
  jwksUri = JSON.parse(out).jwks_uri;
  await apply(`apiVersion: gateway.kyma-project.io/v1beta1
kind: APIRule
metadata:
  name: istio-jwt
  namespace: $NAMESPACE
spec:
  gateway: kyma-system/kyma-gateway
  host: httpbin
  service:
    name: httpbin
    port: 8000
  rules:
    - path: /headers
      methods: ["GET"]
      accessStrategies:
        - handler: jwt
          config:
            authentications:
            - issuer: $ISSUER
              jwksUri: $JWKS_URI
            authorizations:
            - requiredScopes: ["test"]`);
  assert.equal((await statusOf('istio-jwt')).state, 'OK');
  // What was applied is in the state, and so in explain's view from here on.
  gw.inputArgs.push('-f', `${gw.state}/rules`);
});

test('the article\'s curl: HTTP/2 200 and httpbin\'s headers', async () => {
  const TOKEN = await token('test');
  const { out } = await shell(
    `curl -s --resolve httpbin.$DOMAIN_TO_EXPOSE_WORKLOADS:${gw.tlsPort}:127.0.0.1 -ik -X GET https://httpbin.$DOMAIN_TO_EXPOSE_WORKLOADS:${gw.tlsPort}/headers -H "Authorization: Bearer $TOKEN"`,
    { env: { DOMAIN_TO_EXPOSE_WORKLOADS: DOMAIN, TOKEN } },
  );
  assert.match(out, /^HTTP\/2 200/);
  assert.match(out, /"X-Forwarded-Host": ?"httpbin\.test\.local"/i);
  await expectExchange(gw, { request: secure(bearer(TOKEN)), status: 200, version: 'HTTP/2', reason: 'allowed', rule: `${NAMESPACE}/istio-jwt`, body: /"Authorization"/ });
  await expectExchange(gw, { request: secure(bearer(TOKEN), { args: ['--http1.1'] }), status: 200, version: 'HTTP/1.1', reason: 'allowed' });
});

test('another scope: 403; none: 403 RBAC: access denied', async () => {
  await expectExchange(gw, { request: secure(bearer(await token('other'))), status: 403, body: 'RBAC: access denied', reason: 'scope_missing', headers: { 'www-authenticate': null } });
  await expectExchange(gw, { request: secure([]), status: 403, body: 'RBAC: access denied', reason: 'token_missing', headers: { 'www-authenticate': null, 'content-type': 'text/plain' } });
});

test('garbage: 401 in Envoy\'s words', async () => {
  const realm = (error) => `Bearer realm="https://httpbin.test.local:${gw.tlsPort}/headers"${error}`;
  const invalid = { 'content-type': 'text/plain', 'www-authenticate': realm(', error="invalid_token"') };
  const good = await token('test');
  const [head, body, signature] = good.split('.');
  const stranger = makeKey('RS256');
  const rows = [
    ['garbage', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections', 'token_malformed'],
    [`${head}.${body}`, 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections', 'token_malformed'],
    [`!${head}.${body}.${signature}`, 'Jwt header is an invalid Base64url encoded', 'token_malformed'],
    [`${head}.!${body}.${signature}`, 'Jwt payload is an invalid Base64url encoded', 'token_malformed'],
    [spoil(good), 'Jwt verification fails', 'signature_invalid'],
    [makeToken(stranger, { iss: 'https://stranger.example', sub: 'x', scope: 'test' }), 'Jwt issuer is not configured', 'issuer_unknown'],
    [makeToken(ownKey, { iss: provider.issuer, sub: 'x', scope: 'test', exp: 1 }), 'Jwt is expired', 'token_expired'],
    [makeToken(ownKey, { iss: provider.issuer, sub: 'x', scope: 'test', nbf: 4102444800, exp: 4102444900 }), 'Jwt not yet valid', 'token_not_yet_valid'],
  ];
  for (const [value, text, reason] of rows) {
    await expectExchange(gw, { request: secure(bearer(value)), status: 401, body: text, reason, headers: invalid });
  }
  await expectExchange(gw, {
    request: secure(bearer(makeToken(stranger, { iss: provider.issuer, sub: 'x', scope: 'test' }))),
    status: 401, body: /^(Jwks doesn't have key to match kid or alg from Jwt|Jwt verification fails)$/,
  });
});

test('a token without a subject is no principal: 403 (apirule.md 2.3 a)', async () => {
  // The provider's tokens all have one, so this is the other issuer's, under a rule of its own.
  await apply(apiRuleV1({
    name: 'nosub', namespace: NAMESPACE, host: 'nosub', service: { name: 'nosub', port: 8000 },
    rules: [{ path: '/ip', accessStrategies: [{ handler: 'jwt', config: { authentications: [{ issuer: OWN, jwksUri: `${ownKeys.url}/jwks` }] } }] }],
  }));
  const request = (claims) => ({ host: 'nosub', target: '/ip', headers: bearer(makeToken(ownKey, { iss: OWN, ...claims })) });
  await expectExchange(gw, { request: request({ sub: 'me' }), status: 200 });
  await expectExchange(gw, { request: request({}), status: 403, body: 'RBAC: access denied', reason: 'subject_missing' });
  const gone = await gw.verb(['delete', '-f', '-', '--state', gw.state], {
    input: apiRuleV1({ name: 'nosub', namespace: NAMESPACE, host: 'nosub', service: { name: 'nosub', port: 8000 }, rules: [] }),
  });
  assert.equal(gone.code, 0, gone.err);
  await expectExchange(gw, { request: request({ sub: 'me' }), status: 404, reason: 'no_host' });
});

test('the toggle back: the old rule heals, the new one turns to error and stays enforced', async () => {
  await applyToggle('ory');
  await until('the old rule to be healed', async () => (await statusOf('old'))?.state === 'OK');
  const status = await until('the new rule to be in error', async () => {
    const now = await statusOf('istio-jwt');
    return now?.state === 'ERROR' && now;
  });
  assert.match(status.description, /Configuration for authentications is not supported with Ory handler/);
  await expectExchange(gw, { request: old(bearer(makeToken(ownKey, { iss: OWN }))), status: 200, explains: false });
  await expectExchange(gw, { request: secure(bearer(await token('test'))), status: 200, explains: false });
  await expectExchange(gw, { request: secure([]), status: 403, body: 'RBAC: access denied', explains: false });
});
