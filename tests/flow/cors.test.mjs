// CORS and what rules set on requests: apirule.md 4.3 and 8 (the numbers are its scenarios').
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, apiRuleV1, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const NAMES = ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers', 'access-control-expose-headers', 'access-control-allow-credentials', 'access-control-max-age'];
const absent = Object.fromEntries(NAMES.map((name) => [name, null]));
const custom = {
  allowOrigins: [{ regex: '.*local.kyma.dev' }],
  allowMethods: ['GET', 'POST'],
  allowHeaders: ['x-custom-allow-headers'],
  exposeHeaders: ['x-custom-expose-headers'],
};
let upstream, keys, gw;
before(async () => {
  upstream = await recorder();
  upstream.answer = (req, res) => {
    // A workload with an opinion of its own.
    res.writeHead(200, { 'access-control-allow-origin': 'workload', 'access-control-max-age': '1' });
    res.end('ok');
  };
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
});
after(async () => {
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

const of = (name) => ({ name, host: name, service: { name, port: 80 } });
const start = async (files) => {
  gw = await gateway({ services: Object.fromEntries(Object.keys(files).map((file) => [`${file.replace('.yaml', '')}.shop`, upstream.port])), files });
};
const preflight = (host, origin, expected, target = '/ip') =>
  expectExchange(gw, { request: { host, target, method: 'OPTIONS', headers: [`Origin: ${origin}`, 'Access-Control-Request-Method: GET'] }, upstream, ...expected });
const actual = (host, origin, expected, more = []) =>
  expectExchange(gw, { request: { host, target: '/ip', headers: [`Origin: ${origin}`, ...more] }, upstream, ...expected });

describe('v1beta1', () => {
  before(() =>
    start({
      'standard.yaml': apiRuleV1({ ...of('standard'), rules: [{ path: '/.*', accessStrategies: [{ handler: 'allow' }] }] }),
      'custom.yaml': apiRuleV1({ ...of('custom'), corsPolicy: { ...custom, maxAge: '300s' }, rules: [{ path: '/.*', accessStrategies: [{ handler: 'allow' }] }] }),
      'jwt.yaml': apiRuleV1({ ...of('jwt'), rules: [{ path: '/.*', accessStrategies: [oryJwt(ISSUER, `${keys.url}/jwks`)] }] }),
    }));
  after(() => gw?.stop());

  test('3, 31: the default is open, and answered here', () =>
    preflight('standard', 'localhost', {
      status: 200, body: '', reason: 'cors_preflight', decision: 'answer',
      headers: { 'access-control-allow-origin': 'localhost', 'access-control-allow-methods': 'GET,POST,PUT,DELETE,PATCH', 'access-control-allow-headers': 'Authorization,Content-Type,*' },
    }));
  test('with the default the workload\'s own headers stay, but for what the policy says (4.3)', () =>
    actual('standard', 'localhost', { status: 200, headers: { 'access-control-allow-origin': 'localhost', 'access-control-max-age': '1' } }));
  test('4, 32: a policy of one\'s own', async () => {
    await preflight('custom', 'test.local.kyma.dev', {
      status: 200, body: '', decision: 'answer',
      headers: {
        'access-control-allow-origin': 'test.local.kyma.dev', 'access-control-allow-methods': 'GET,POST', 'access-control-allow-headers': 'x-custom-allow-headers', 'access-control-max-age': '300',
      },
    });
    await actual('custom', 'test.local.kyma.dev', { status: 200, headers: { 'access-control-allow-origin': 'test.local.kyma.dev', 'access-control-expose-headers': 'x-custom-expose-headers', 'access-control-max-age': null } });
    await actual('custom', 'localhost', { status: 200, headers: absent });
  });
  test('a refusal comes back through the gateway and carries them', async () => {
    await actual('jwt', 'localhost', { status: 401, headers: { 'access-control-allow-origin': 'localhost' } });
    await preflight('jwt', 'localhost', { status: 200, decision: 'answer' });
  });
});

describe('v2', () => {
  before(() =>
    start({
      'none.yaml': apiRule({ ...of('none'), rules: [{ path: '/*', methods: ['GET', 'OPTIONS'], noAuth: true }] }),
      'custom.yaml': apiRule({ ...of('custom'), corsPolicy: { ...custom, maxAge: 300 }, rules: [{ path: '/*', methods: ['GET', 'OPTIONS'], noAuth: true }] }),
      'get.yaml': apiRule({ ...of('get'), corsPolicy: { ...custom, maxAge: 300 }, rules: [{ path: '/*', methods: ['GET'], noAuth: true }] }),
    }));
  after(() => gw?.stop());

  test('75: no policy, no headers: the workload\'s own are taken off', async () => {
    await preflight('none', 'localhost', { status: 200, headers: absent });
    await actual('none', 'localhost', { status: 200, headers: absent });
  });
  test('76: a policy of one\'s own', async () => {
    await preflight('custom', 'test.local.kyma.dev', {
      status: 200, body: '', decision: 'answer',
      headers: { 'access-control-allow-origin': 'test.local.kyma.dev', 'access-control-allow-methods': 'GET,POST', 'access-control-allow-headers': 'x-custom-allow-headers', 'access-control-max-age': '300' },
    });
    await actual('custom', 'localhost', { status: 200, headers: absent });
  });
  test('a preflight needs a route for OPTIONS (4.3)', () => preflight('get', 'test.local.kyma.dev', { status: 404, reason: 'no_route' }));
});

describe('what a rule sets on the request', () => {
  const bearer = [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`];
  before(() => {
    const jwt = [{ handler: 'jwt', config: istioJwt(ISSUER, `${keys.url}/jwks`) }];
    return start({
      'toggle.yaml': toggle('istio'),
      'mutators.yaml': apiRuleV1({
        ...of('mutators'),
        rules: [{
          path: '/ip', accessStrategies: jwt,
          mutators: [{ handler: 'header', config: { headers: { 'X-Mutators-Test': 'a-mutator-value', 'X-Second': 'two' } } }, { handler: 'cookie', config: { cookies: { 'x-mutators-test': 'a-cookie-value' } } }],
        }],
      }),
      'request.yaml': apiRule({ ...of('request'), rules: [{ path: '/ip', noAuth: true, request: { headers: { 'X-Request-Test': 'a-header-value' }, cookies: { 'x-request-test': 'a-cookie-value' } } }] }),
    });
  });
  after(() => gw?.stop());

  test('24 to 27: mutators of v1beta1, over what the client sent', () =>
    actual('mutators', 'localhost', {
      status: 200,
      saw: (seen) => {
        assert.deepEqual(seen.all('x-mutators-test'), ['a-mutator-value']);
        assert.deepEqual(seen.all('x-second'), ['two']);
        assert.deepEqual(seen.all('cookie'), ['x-mutators-test=a-cookie-value']);
      },
    }, [...bearer, 'X-Mutators-Test: a-header-value', 'Cookie: x-cookie-test=mine']));
  test('94, 95: request headers and cookies of v2', () =>
    actual('request', 'localhost', {
      status: 200,
      saw: (seen) => {
        assert.deepEqual(seen.all('x-request-test'), ['a-header-value']);
        assert.deepEqual(seen.all('cookie'), ['x-request-test=a-cookie-value']);
      },
    }, ['X-Request-Test: mine', 'Cookie: a=b']));
});
