// Both styles of refusals, row by row of the table in docs/responses.md: an Istio rule (v2) and an
// Oathkeeper rule (v1beta1, handler ory), each under `--responses kyma` (the default) and `rfc6750`.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { expectExchange } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, apiRuleV1, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const stranger = makeKey('RS256');
const RBAC = 'RBAC: access denied';
const json = (code, message) => (text) => {
  const { error } = JSON.parse(text);
  assert.equal(error.code, code);
  assert.equal(error.message, message);
};
const NOT_AUTHORIZED = json(401, 'The request could not be authorized');
const FORBIDDEN = json(403, 'The requested action was forbidden');
const UNAVAILABLE = json(503, 'The upstream service is not available');

const bearer = (claims, by = key) => `Authorization: Bearer ${makeToken(by, { iss: ISSUER, sub: 'me', scp: ['read', 'write'], aud: ['orders'], ...claims })}`;
const old = Math.floor(Date.now() / 1000) - 3600;
const realm = (host, rest = '') => `Bearer realm="${host}.test.local"${rest}`;
const invalid = (host) => realm(host, ', error="invalid_token"');
const lacking = (host) => realm(host, ', error="insufficient_scope", scope="read write"');
// What Kyma's Istio says of a bad token, with the whole URL as its realm.
const envoys = /^Bearer realm="http:\/\/istio\.test\.local:\d+\/a", error="invalid_token"$/;

// Each: what is sent; then [status, body, www-authenticate] of Kyma's Istio rule, of its Oathkeeper
// rule, and of both under rfc6750.
const rows = [
  { name: 'no token', sent: [], reason: 'token_missing',
    kyma: { istio: [403, RBAC, null], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [401, RBAC, realm('istio')], ory: [401, NOT_AUTHORIZED, realm('ory')] } },
  { name: 'no JWT at all', sent: ['Authorization: Bearer abc'], reason: 'token_malformed',
    kyma: { istio: [401, /^Jwt is not in the form/, envoys], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [401, /^Jwt is not in the form/, invalid('istio')], ory: [401, NOT_AUTHORIZED, invalid('ory')] } },
  { name: 'an expired token', sent: [bearer({ exp: old })], reason: 'token_expired',
    kyma: { istio: [401, 'Jwt is expired', envoys], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [401, 'Jwt is expired', invalid('istio')], ory: [401, NOT_AUTHORIZED, invalid('ory')] } },
  { name: "a stranger's signature", sent: [bearer({}, { ...stranger, kid: key.kid, jwk: key.jwk })], reason: 'signature_invalid',
    kyma: { istio: [401, 'Jwt verification fails', envoys], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [401, 'Jwt verification fails', invalid('istio')], ory: [401, NOT_AUTHORIZED, invalid('ory')] } },
  { name: 'a scope is missing', sent: [bearer({ scp: ['read'] })], reason: 'scope_missing',
    kyma: { istio: [403, RBAC, null], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [403, RBAC, lacking('istio')], ory: [403, FORBIDDEN, lacking('ory')] } },
  { name: 'an audience is missing', sent: [bearer({ aud: ['others'] })], reason: 'audience_missing',
    kyma: { istio: [403, RBAC, null], ory: [401, NOT_AUTHORIZED, null] },
    rfc6750: { istio: [403, RBAC, lacking('istio')], ory: [403, FORBIDDEN, lacking('ory')] } },
  { name: 'a subject is missing, which Oathkeeper does without', sent: [bearer({ sub: undefined })], reason: 'subject_missing',
    kyma: { istio: [403, RBAC, null] }, rfc6750: { istio: [403, RBAC, lacking('istio')] } },
  { name: 'two copies in the query, which Oathkeeper never looks into', target: `/a?${['', '&'].map((and) => `${and}access_token=${makeToken(key, { iss: ISSUER })}`).join('')}`, sent: [], reason: 'token_several',
    kyma: { istio: [400, 'Found multiple Jwt tokens', null] },
    rfc6750: { istio: [400, 'Found multiple Jwt tokens', realm('istio', ', error="invalid_request"')] } },
  { name: 'a key set that was never loaded', target: '/down', sent: [bearer()], reason: 'keys_unavailable', retry: '1',
    kyma: { istio: [503, 'Jwks remote fetch is failed', null], ory: [503, UNAVAILABLE, null] },
    rfc6750: { istio: [503, 'Jwks remote fetch is failed', null], ory: [503, UNAVAILABLE, null] } },
  { name: 'no route is no matter of tokens', target: '/elsewhere', sent: [], reason: 'no_route',
    kyma: { istio: [404, '', null], ory: [404, '', null] }, rfc6750: { istio: [404, '', null], ory: [404, '', null] } },
];

let upstream, keys;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
});
after(() => Promise.all([upstream?.stop(), keys?.stop()]));

const files = () => {
  const wants = { scopes: ['read', 'write'], audiences: ['orders'] };
  const ory = { required_scope: ['read', 'write'], target_audience: ['orders'] };
  return {
    'istio.yaml': apiRule({
      name: 'istio', host: 'istio',
      rules: [{ path: '/a', jwt: istioJwt(ISSUER, `${keys.url}/jwks`, wants) }, { path: '/down', service: { name: 'down', port: 8000 }, jwt: istioJwt(ISSUER, `${keys.url}/gone`, wants) }],
    }),
    'ory.yaml': apiRuleV1({
      name: 'ory', host: 'ory',
      rules: [{ path: '/a', accessStrategies: [oryJwt(ISSUER, `${keys.url}/jwks`, ory)] }, { path: '/down', accessStrategies: [oryJwt(ISSUER, `${keys.url}/gone`, ory)] }],
    }),
  };
};

for (const style of ['kyma', 'rfc6750']) {
  describe(`--responses ${style}`, () => {
    let gw;
    before(async () => {
      gw = await gateway({
        files: files(),
        services: { 'httpbin.shop': upstream.port, 'down.shop': upstream.port },
        args: style === 'kyma' ? [] : ['--responses', style],
      });
    });
    after(() => gw?.stop());
    for (const { name, target = '/a', sent, reason, retry = null, ...answers } of rows) {
      for (const [host, [status, body, challenge]] of Object.entries(answers[style])) {
        test(`${name}: ${host}`, () =>
          expectExchange(gw, {
            request: { host, target, headers: sent }, status, body, reason, upstream,
            headers: { 'www-authenticate': challenge, 'retry-after': retry },
          }));
      }
    }
    test('a good token passes', async () => {
      for (const host of ['istio', 'ory']) await expectExchange(gw, { request: { host, target: '/a', headers: [bearer()] }, status: 200, reason: 'allowed', upstream });
    });
  });
}

test('any other style is a usage error', async () => {
  for (const name of ['run', 'explain']) {
    const end = await verb([name, '-f', '.', '--responses', 'rfc9457', ...(name === 'explain' ? ['http://a.localhost/'] : [])]);
    assert.equal(end.code, 64);
    assert.match(end.err, /--responses is kyma or rfc6750, not "rfc9457"/);
  }
});
