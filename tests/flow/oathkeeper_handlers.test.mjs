// v1beta1 under the handler ory: Oathkeeper's authenticators and chains of them (oathkeeper.md 2.0 to
// 2.4, 2.8; apirule.md 2.1), and its mutators (3.3).
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRuleV1 } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const key = makeKey('RS256');
const json = (code, status, message) => (text, response) => {
  const id = response.header('x-request-id');
  const want = `{"error":{"code":${code},"status":"${status}","request":"${id}","message":"${message}"}}\n`;
  if (text !== want) throw new Error(`body: ${text}\nnot:  ${want}`);
};
const NO_401 = { status: 401, body: json(401, 'Unauthorized', 'The request could not be authorized'), headers: { 'www-authenticate': null, 'content-type': 'application/json' } };
const NO_500 = { status: 500, body: json(500, 'Internal Server Error', 'An internal server error occurred, please contact the system administrator') };

describe('authenticators of Oathkeeper', () => {
  let upstream, keys, gw;
  before(async () => {
    upstream = await recorder();
    keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
    const jwt = (config) => ({ handler: 'jwt', config: { jwks_urls: [`${keys.url}/jwks`], ...config } });
    const rule = (path, ...accessStrategies) => ({ path, accessStrategies });
    const told = (path, strategy, ...mutators) => ({ path, methods: ['GET', 'POST'], accessStrategies: [strategy], mutators });
    const headers = (set) => ({ handler: 'header', config: { headers: set } });
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port },
      files: {
        'rule.yaml': apiRuleV1({
          rules: [
            rule('/nobody', { handler: 'unauthorized' }),
            rule('/anybody', { handler: 'anonymous' }),
            rule('/either', { handler: 'anonymous' }, { handler: 'unauthorized' }),
            rule('/session', { handler: 'cookie_session' }),
            rule('/two', jwt({ token_from: { query_parameter: 'token' } }), jwt({ trusted_issuers: ['https://issuer.example'] })),
            rule('/cookie', jwt({ token_from: { cookie: 'token' }, allowed_algorithms: ['RS256', 'EdDSA'], jwks_ttl: '30s', jwks_max_wait: '1s' })),
            told('/told', jwt(), headers({ 'X-Sub': '{{ print .Subject }}', 'X-Scopes': '{{ .Extra.scp | join "," }}' }), { handler: 'cookie', config: { cookies: { user: '{{ .Subject }}' } } }),
            told('/users/(.+)', { handler: 'noop' }, headers({ 'X-Id': '{{ index .MatchContext.RegexpCaptureGroups 2 }}', 'X-Tenant': '{{ .MatchContext.Header.Get "X-Tenant" }}' })),
            told('/broken', jwt(), headers({ 'X-Sub': '{{ .Extra.no.such }}' })),
            rule('/scoped', jwt({ scope_strategy: 'hierarchic', required_scope: ['read.orders'], target_audience: ['orders'] })),
          ],
        }),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream?.stop(), keys?.stop()]);
  });
  const token = (claims) => makeToken(key, { iss: 'https://issuer.example', ...claims });
  const bearer = (claims) => [`Authorization: Bearer ${token(claims)}`];
  const expect = (target, headers, end) => expectExchange(gw, { upstream, request: { target, headers }, ...end });
  const OK = { status: 200, reason: 'allowed' };

  test('unauthorized refuses everybody', async () => {
    await expect('/nobody', [], { ...NO_401, reason: 'unauthorized' });
    await expect('/nobody', bearer(), { ...NO_401, reason: 'unauthorized' });
  });
  test('anonymous takes whoever sends no Authorization', async () => {
    await expect('/anybody', [], OK);
    await expect('/anybody', ['Cookie: session=1'], OK);
    await expect('/anybody', ['Authorization: Basic YTpi'], { ...NO_401, reason: 'not_responsible' });
    await expect('/either', ['Authorization: Basic YTpi'], { ...NO_401, reason: 'unauthorized' });
  });
  test('cookie_session is switched off in what Kyma installs', async () => {
    await expect('/session', ['Cookie: session=1'], { ...NO_500, reason: 'handler_disabled' });
  });
  test('the first strategy that finds a token answers for all', async () => {
    await expect(`/two?token=${token()}`, [], OK);
    await expect('/two', bearer(), OK);
    await expect('/two', bearer({ iss: 'https://other.example' }), { ...NO_401, reason: 'issuer_unknown' });
    await expect('/two?token=opaque', bearer(), { ...NO_401, reason: 'token_malformed' });
    await expect('/two', [], { ...NO_401, reason: 'token_missing' });
  });
  test('a cookie is a place, and the times of a rule are only read', async () => {
    await expect('/cookie', [`Cookie: a=b; token=${token()}`], OK);
    await expect('/cookie', bearer(), { ...NO_401, reason: 'token_missing' });
  });
  test('mutators tell the workload who calls, and the client can say nothing else', async () => {
    const saw = (want) => (seen) => {
      for (const [name, value] of Object.entries(want)) if (String(seen.all(name)) !== value) throw new Error(`${name}: ${seen.all(name)}, not ${value}`);
    };
    const mine = { sub: 'alice', scope: 'read write' };
    await expect('/told', [...bearer(mine), 'X-Sub: admin', 'x-scopes: all', 'Cookie: user=admin; theme=dark'], {
      ...OK, saw: saw({ 'x-sub': 'alice', 'x-scopes': 'read,write', 'x-server': 'oathkeeper', cookie: 'processedWith=oathkeeper; user=alice; theme=dark' }),
    });
    await expectExchange(gw, {
      upstream, request: { method: 'POST', target: '/told?a=b', headers: bearer(mine), data: 'x'.repeat(100_000) }, ...OK,
      saw: (seen) => {
        saw({ 'x-sub': 'alice' })(seen);
        if (seen.body.length !== 100_000 || seen.target !== '/told?a=b') throw new Error('another body or target');
      },
    });
    await expect('/users/7%20x', ['X-Tenant: blue'], { ...OK, saw: saw({ 'x-id': '7 x', 'x-tenant': 'blue' }) });
    await expect('/broken', bearer(mine), { ...NO_500, reason: 'mutator_failed' });
    await expect('/told', bearer({ sub: 'a\r\nX-Admin: yes' }), { ...NO_500, reason: 'mutator_failed' });
  });
  test('scopes by their strategy, and every audience', async () => {
    await expect('/scoped', bearer({ scope: 'read', aud: ['orders', 'more'] }), OK);
    await expect('/scoped', bearer({ scope: 'rea', aud: 'orders' }), { ...NO_401, reason: 'scope_missing' });
    await expect('/scoped', bearer({ scp: ['read.orders'], aud: 'other' }), { ...NO_401, reason: 'audience_missing' });
  });
});
