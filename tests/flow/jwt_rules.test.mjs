// The scenarios of apirule.md section 8 about tokens, for v1beta1 under Istio's handler and for v2;
// the numbers are theirs. "deny" is any of 400 to 403 there; here it is the exact answer.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, apiRuleV1, istioJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const OTHER = 'https://other.example';
const key = makeKey('RS256');
const otherKey = makeKey('RS256');
const DENIED = { status: 403, body: 'RBAC: access denied', headers: { 'www-authenticate': null } };
const BAD = { status: 401, body: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections' };
const OK = { status: 200, reason: 'allowed' };
let upstream, keys;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] }, '/other': { keys: [otherKey.jwk] } });
});
after(async () => {
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

const token = (claims = {}, by = key) => makeToken(by, { iss: ISSUER, sub: 'me', ...claims });
const bearer = (claims, by) => [`Authorization: Bearer ${token(claims, by)}`];
const jwks = (page = '/jwks') => `${keys.url}${page}`;

// One shape for both languages: rules of {path, open} or {path, jwt}.
const languages = {
  'v1beta1, handler istio': (name, rules) =>
    apiRuleV1({
      name, host: name, service: { name, port: 80 },
      rules: rules.map(({ path, open, jwt, methods }) => ({ path: path.replace('{**}', '.*'), methods, accessStrategies: [open ? { handler: 'no_auth' } : { handler: 'jwt', config: jwt }] })),
    }),
  v2: (name, rules) =>
    apiRule({ name, host: name, service: { name, port: 80 }, rules: rules.map(({ path, open, jwt, methods }) => ({ path, methods, ...(open ? { noAuth: true } : { jwt }) })) }),
};

for (const [language, write] of Object.entries(languages)) {
  describe(language, () => {
    let gw;
    before(async () => {
      const mine = (more) => istioJwt(ISSUER, jwks(), more);
      const rules = {
        plain: [{ path: '/ip', jwt: mine() }],
        all: [{ path: '/*', jwt: mine() }],
        mixed: [{ path: '/ip', jwt: mine() }, { path: '/headers', open: true }],
        scopes: [
          { path: '/ip', jwt: mine({ scopes: ['read', 'write'] }) },
          { path: '/get', jwt: mine({ scopes: ['test', 'write'] }) },
          { path: '/headers', jwt: mine({ scopes: ['read'] }) },
        ],
        audiences: [
          { path: '/get', jwt: mine({ audiences: ['https://example.com'] }) },
          { path: '/ip', jwt: mine({ audiences: ['https://example.com', 'https://example.com/user'] }) },
          { path: '/cache', jwt: { ...mine(), authorizations: [{ audiences: ['audienceNotInJWT'] }, { audiences: ['https://example.com'] }] } },
          { path: '/headers', jwt: mine({ audiences: ['https://example.com', 'https://example.com/admin'] }) },
        ],
        mismatch: [{ path: '/ip', jwt: istioJwt(ISSUER, jwks('/other')) }],
        'from-header': [{ path: '/headers', jwt: mine({ fromHeaders: [{ name: 'x-jwt-token', prefix: 'JwtToken ' }] }) }],
        'from-param': [{ path: '/ip', jwt: mine({ fromParams: ['jwt_token'] }) }],
        two: [{ path: '/ip', jwt: { authentications: [{ issuer: ISSUER, jwksUri: jwks() }, { issuer: OTHER, jwksUri: jwks('/other') }] } }],
      };
      gw = await gateway({
        services: Object.fromEntries(Object.keys(rules).map((name) => [`${name}.shop`, upstream.port])),
        files: {
          ...Object.fromEntries(Object.entries(rules).map(([name, list]) => [`${name}.yaml`, write(name, list)])),
          ...(language.includes('istio') ? { 'toggle.yaml': toggle('istio') } : {}),
        },
      });
    });
    after(() => gw?.stop());
    const ask = (host, target, headers, expected) => expectExchange(gw, { request: { host, target, headers }, upstream, ...expected });

    test('10, 81: none, bad and good', async () => {
      await ask('plain', '/ip', [], { ...DENIED, reason: 'token_missing' });
      await ask('plain', '/ip', ['Authorization: Bearer bad'], { ...BAD, reason: 'token_malformed' });
      await ask('plain', '/ip', bearer(), OK);
    });
    test('11, 12, 82: every path', async () => {
      for (const path of ['/ip', '/headers']) {
        await ask('all', path, [], DENIED);
        await ask('all', path, ['Authorization: Bearer bad'], BAD);
        await ask('all', path, bearer(), OK);
      }
    });
    test('13, 83: open beside guarded', async () => {
      await ask('mixed', '/ip', bearer(), OK);
      await ask('mixed', '/ip', [], DENIED);
      await ask('mixed', '/headers', [], OK);
    });
    test('a bad or foreign token is 401 on the open path, too: it belongs to the workload (section 9, fact 9)', async () => {
      await ask('mixed', '/headers', ['Authorization: Bearer bad'], BAD);
      await ask('mixed', '/headers', bearer({ iss: OTHER }, otherKey), { status: 401, body: 'Jwt issuer is not configured' });
      await ask('mixed', '/headers', bearer(), OK);
      await ask('mixed', '/headers', ['Authorization: Basic dTpw'], OK);
    });
    for (const [form, claims] of [['scp list', { scp: ['read', 'write'] }], ['scope text', { scope: 'read write' }], ['scopes list', { scopes: ['read', 'write'] }]]) {
      test(`14, 84: scopes, all of them, in ${form}`, async () => {
        await ask('scopes', '/ip', bearer(claims), OK);
        await ask('scopes', '/get', bearer(claims), { ...DENIED, reason: 'scope_missing' });
        await ask('scopes', '/headers', bearer(claims), OK);
      });
    }
    test('scopes of two claims don\'t add up, and texts of scp and scopes aren\'t split (fact 7, 8)', async () => {
      await ask('scopes', '/ip', bearer({ scp: ['read'], scope: 'write' }), DENIED);
      await ask('scopes', '/headers', bearer({ scp: 'read write' }), DENIED);
      await ask('scopes', '/headers', bearer({ scopes: 'read write' }), DENIED);
      await ask('scopes', '/headers', bearer({ scp: 'read' }), OK);
      await ask('scopes', '/headers', bearer({ scope: 'reader' }), DENIED);
    });
    test('15, 85: audiences, all of one authorization', async () => {
      const headers = bearer({ aud: ['https://example.com', 'https://example.com/user'] });
      await ask('audiences', '/get', headers, OK);
      await ask('audiences', '/ip', headers, OK);
      await ask('audiences', '/cache', headers, OK);
      await ask('audiences', '/headers', headers, { ...DENIED, reason: 'audience_missing' });
      await ask('audiences', '/get', bearer({ aud: 'https://example.com' }), OK);
      await ask('audiences', '/get', bearer({}), DENIED);
    });
    test('19, 86: another issuer', () => ask('plain', '/ip', bearer({ iss: OTHER }, otherKey), { status: 401, body: 'Jwt issuer is not configured', reason: 'issuer_unknown' }));
    test('20, 87: the right issuer with another party\'s keys', () =>
      ask('mismatch', '/ip', [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' }, { header: { kid: undefined } })}`], { status: 401, body: 'Jwt verification fails' }));
    test('21, 88: fromHeaders with a prefix', async () => {
      await ask('from-header', '/headers', [], DENIED);
      await ask('from-header', '/headers', bearer(), DENIED);
      await ask('from-header', '/headers', [`x-jwt-token: JwtToken ${token()}`], OK);
      await ask('from-header', '/headers', ['x-jwt-token: JwtToken bad'], BAD);
    });
    test('22, 89: fromParams', async () => {
      await ask('from-param', '/ip', [], DENIED);
      await ask('from-param', '/ip', bearer(), DENIED);
      await expectExchange(gw, {
        request: { host: 'from-param', target: `/ip?a=1&jwt_token=${token()}&b=2` }, ...OK, upstream,
        saw: (seen) => assert.match(seen.target, /^\/ip\?a=1&jwt_token=.*&b=2$/),
      });
      assert.ok(!gw.logText().includes(token().split('.')[0]), 'no token of a query in the log');
    });
    test('of two issuers each has its own keys', async () => {
      await ask('two', '/ip', bearer(), OK);
      await ask('two', '/ip', bearer({ iss: OTHER }, otherKey), OK);
      await ask('two', '/ip', bearer({ iss: OTHER }, key), { status: 401 });
      await ask('two', '/ip', bearer({}, otherKey), { status: 401 });
    });
    test('a token is remembered, its rule isn\'t: each request is judged anew', async () => {
      const headers = bearer({ scope: 'read' });
      for (let i = 0; i < 2; i++) {
        await ask('scopes', '/headers', headers, OK);
        await ask('scopes', '/ip', headers, { ...DENIED, reason: 'scope_missing' });
        await ask('two', '/ip', headers, OK);
        await ask('mismatch', '/ip', headers, { status: 401 });
      }
      const soon = bearer({ exp: Math.floor(Date.now() / 1000) - 58 }); // 60 s of skew
      await ask('plain', '/ip', soon, OK);
      await new Promise((resolve) => setTimeout(resolve, 3100));
      await ask('plain', '/ip', soon, { status: 401, body: 'Jwt is expired', reason: 'token_expired' });
    });
  });
}

test('overlapping v2 rules (4.8): an open rule never opens the guarded path before it', async () => {
  const gw = await gateway({
    services: { 'httpbin.shop': upstream.port },
    files: {
      'rule.yaml': apiRule({
        rules: [
          { path: '/anything/{*}/one', methods: ['POST'], jwt: istioJwt(ISSUER, jwks()) },
          { path: '/anything/{**}', methods: ['POST'], noAuth: true },
          { path: '/anything/{**}', methods: ['GET'], noAuth: true },
        ],
      }),
      'joint.yaml': apiRule({
        name: 'joint', host: 'joint',
        rules: [{ path: '/anything/{*}/one', methods: ['POST'], jwt: istioJwt(ISSUER, jwks()) }, { path: '/anything/{**}', methods: ['GET', 'POST'], noAuth: true }],
      }),
    },
  });
  const ask = (method, target, headers, expected, host = 'httpbin') => expectExchange(gw, { request: { host, method, target, headers, data: method === 'POST' ? 'x' : undefined }, upstream, ...expected });
  try {
    for (const method of ['GET', 'POST']) await ask(method, '/anything/more', [], OK);
    await ask('POST', '/anything/more/one', bearer(), OK);
    await ask('POST', '/anything/more/one', [], DENIED);
    await ask('GET', '/anything/more/one', [], OK);
    // 4.6: the second rule shares POST with the first, so its notPaths also deny the GET.
    await ask('GET', '/anything/x/one', [], { ...DENIED, reason: 'policy_denied' }, 'joint');
    await ask('GET', '/anything/x/two', [], OK, 'joint');
  } finally {
    await gw.stop();
  }
});
