// Several workloads, hosts and forms of rules together: the scenarios of apirule.md section 8 that are not about
// one token or one path; the numbers are theirs.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const DENIED = { status: 403, body: 'RBAC: access denied', reason: 'token_missing' };
const BAD = { status: 401, body: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections', reason: 'token_malformed' };
const OK = { status: 200, reason: 'allowed' };
const bad = ['Authorization: Bearer bad'];
const bearer = (claims = {}) => [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me', ...claims })}`];
let upstream, second, keys, gw;
before(async () => {
  [upstream, second] = await Promise.all([recorder(), recorder()]);
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
});
after(() => Promise.all([upstream?.stop(), second?.stop(), keys?.stop()]));

const jwt = (more) => istioJwt(ISSUER, `${keys.url}/jwks`, more);
const start = async (files, args) => {
  const workloads = { 'httpbin.shop': upstream.port, 'hello.shop': second.port, 'hello.other': second.port };
  gw = await gateway({ services: workloads, files, args });
};
const ask = (host, target, headers, expected, method = 'GET') =>
  expectExchange(gw, { request: { host, target, headers, method, data: method === 'GET' ? undefined : 'x=1' }, upstream, ...expected });

/** Rules of one host in one of the three languages: {path, methods, service, open | jwt}. */
const languages = {
  'v1beta1, handler istio': {
    numbers: { one: '8', services: '16, 17, 18', label: '23' },
    write: (host, rules, more) => apiRuleV1({ name: host, host, ...more, rules: rules.map(({ open, ...rule }) => ({ ...rule, accessStrategies: [open ? { handler: 'no_auth' } : { handler: 'jwt', config: jwt() }] })) }),
    files: { 'toggle.yaml': toggle('istio') },
    denied: DENIED,
  },
  v2: {
    numbers: { one: '78', services: '96, 97, 98', label: '99' },
    write: (host, rules, more) => apiRule({ name: host, host, ...more, rules: rules.map(({ open, ...rule }) => ({ ...rule, ...(open ? { noAuth: true } : { jwt: jwt() }) })) }),
    files: {},
    denied: DENIED,
  },
};
const labelled = `apiVersion: v1
kind: Service
metadata: {name: hello, namespace: shop}
spec: {selector: {some-label: some-value}, ports: [{port: 8000}]}`;

for (const [language, { numbers, write, files, denied }] of Object.entries(languages)) {
  describe(language, () => {
    before(() =>
      start({
        ...files,
        'methods.yaml': write('methods', [{ path: '/anything', methods: ['GET', 'POST'] }, { path: '/anything/put', methods: ['PUT'] }]),
        'services.yaml': write('services', [
          { path: '/headers', service: { name: 'httpbin', port: 8000 } },
          { path: '/ip' },
          { path: '/hello', service: { name: 'hello', port: 8000 } },
          { path: '/far', service: { name: 'hello', namespace: 'other', port: 8000 } },
        ]),
        'label.yaml': documents(labelled, write('label', [{ path: '/hello' }], { service: { name: 'hello', port: 8000 } })),
      }));
    after(() => gw?.stop());

    test(`${numbers.one}: methods belong to their path, with a token, too`, async () => {
      for (const [method, target, status] of [['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404]])
        await ask('methods', target, bearer(), { status }, method);
    });
    test(`${numbers.services}: a rule's own Service, the spec's, another one, one of another namespace`, async () => {
      for (const [target, to] of [['/headers', upstream], ['/ip', upstream], ['/hello', second], ['/far', second]]) {
        await ask('services', target, [], { ...denied, upstream: to });
        await ask('services', target, bad, { ...BAD, upstream: to });
        await ask('services', target, bearer(), { ...OK, upstream: to });
      }
    });
    test(`${numbers.label}: a workload that its Service selects by a label of its own`, async () => {
      await ask('label', '/hello', [], { ...denied, upstream: second });
      await ask('label', '/hello', bearer(), { ...OK, upstream: second });
    });
  });
}

describe('two rules for one workload', () => {
  before(() =>
    start({
      'toggle.yaml': toggle('istio'),
      'one.yaml': apiRuleV1({ name: 'one', host: 'one', rules: [{ path: '/ip', accessStrategies: [{ handler: 'jwt', config: jwt({ scopes: ['read', 'write'] }) }] }] }),
      'two.yaml': apiRuleV1({ name: 'two', host: 'two', rules: [{ path: '/get', accessStrategies: [{ handler: 'no_auth' }] }] }),
    }));
  after(() => gw?.stop());

  test('1: each host has its own strategy', async () => {
    await ask('one', '/ip', [], DENIED);
    await ask('one', '/ip', bad, BAD);
    await ask('one', '/ip', bearer({ scope: 'read write' }), OK);
    await ask('two', '/get', [], OK);
    await ask('one', '/get', [], { status: 404, reason: 'no_route' });
  });
});

describe('v2 while the handler is istio', () => {
  before(() =>
    start({
      'toggle.yaml': toggle('istio'),
      'jwt.yaml': apiRule({ name: 'jwt', host: 'jwt', rules: [{ path: '/ip', jwt: jwt() }] }),
      'open.yaml': apiRule({ name: 'open', host: 'open', service: { name: 'hello', port: 8000 }, rules: [{ path: '/anything', methods: ['GET', 'POST'], noAuth: true }, { path: '/anything/put', methods: ['PUT'], noAuth: true }] }),
    }));
  after(() => gw?.stop());

  test('28: a token is asked for', async () => {
    await ask('jwt', '/ip', [], DENIED);
    await ask('jwt', '/ip', bad, BAD);
    await ask('jwt', '/ip', bearer(), OK);
  });
  test('29: none where none is asked for', async () => {
    for (const [method, target, status] of [['GET', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404]])
      await ask('open', target, [], { status, upstream: second }, method);
  });
});

describe('handler ory', () => {
  const ory = (path, methods) => ({ path, methods, accessStrategies: [oryJwt(ISSUER, `${keys.url}/jwks`)] });
  before(() =>
    start({
      'jwt.yaml': apiRuleV1({ name: 'jwt', host: 'jwt', rules: [ory('/anything', ['GET', 'POST']), ory('/anything/put', ['PUT'])] }),
      'noop.yaml': apiRuleV1({
        name: 'noop', host: 'noop',
        rules: [{ path: '/headers', accessStrategies: [{ handler: 'noop' }] }, { path: '/hello', service: { name: 'hello', port: 8000 }, accessStrategies: [{ handler: 'noop' }] }],
      }),
      'all.yaml': apiRuleV1({ name: 'all', host: 'all', rules: [{ path: '/.*', accessStrategies: [{ handler: 'noop' }] }] }),
    }));
  after(() => gw?.stop());

  test('36: methods belong to their path, with a token, too', async () => {
    for (const [method, target, status] of [['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404]])
      await ask('jwt', target, bearer(), { status }, method);
  });
  test('42: noop lets in anybody, to the Service of each path', async () => {
    for (const headers of [[], bad, bearer()]) {
      await ask('noop', '/headers', headers, OK);
      await ask('noop', '/hello', headers, { ...OK, upstream: second });
    }
  });
  test('44: noop on every path', async () => {
    for (const headers of [[], bad]) await ask('all', '/headers', headers, OK);
  });
});

describe('a domain of one\'s own', () => {
  const own = JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'own', namespace: 'shop' },
    spec: { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.own.test.local'] }] },
  });
  const of = (name, rule) => apiRule({ name, host: `${name}.own.test.local`, gateway: 'shop/own', rules: [{ path: '/headers', ...rule }] });
  before(() => start({ 'gateway.yaml': own, 'open.yaml': of('open', { noAuth: true }), 'jwt.yaml': of('jwt', { jwt: jwt() }) }));
  after(() => gw?.stop());

  test('103: without a token, and with any', async () => {
    await ask('open.own', '/headers', [], OK);
    await ask('open.own', '/headers', ['Authorization: Basic dTpw'], OK);
  });
  test('104: with a token', async () => {
    await ask('jwt.own', '/headers', [], DENIED);
    await ask('jwt.own', '/headers', bad, BAD);
    await ask('jwt.own', '/headers', bearer(), OK);
  });
});

describe('hosts', () => {
  const all = [{ path: '/*', noAuth: true }];
  before(() =>
    start({
      'open.yaml': apiRule({ name: 'open', host: 'open', rules: all }),
      'short.yaml': apiRule({ name: 'short', host: 'short', service: { name: 'hello', port: 8000 }, rules: [{ path: '/ip', noAuth: true }] }),
      'nowhere.yaml': apiRule({ name: 'nowhere', host: 'nowhere', gateway: 'kyma-system/another-gateway', rules: all }),
      'twice.yaml': apiRule({
        name: 'twice', host: 'twice',
        rules: [
          { path: '/ip', jwt: jwt({ fromHeaders: [{ name: 'x-one' }] }) },
          { path: '/headers', jwt: jwt({ fromHeaders: [{ name: 'x-two' }] }) },
        ],
      }),
      'wild.yaml': apiRule({ name: 'wild', host: '*.wild.test.local', rules: [{ path: '/headers', noAuth: true }, { path: '/anything/{**}', noAuth: true }] }),
    }));
  after(() => gw?.stop());

  test('91: without a token, everywhere', async () => {
    for (const target of ['/ip', '/status/200', '/headers']) await ask('open', target, [], OK);
  });
  test('93: from one way to say everything to the other', async () => {
    gw.write('open.yaml', apiRule({ name: 'open', host: 'open', rules: [{ path: '/{**}', noAuth: true }] }));
    await until('the new path', async () => /\{\*\*\}/.test((await gw.verb(['explain', ...gw.inputArgs, 'GET', gw.url('open', '/ip')])).out));
    for (const target of ['/ip', '/status/200', '/headers']) await ask('open', target, [], OK);
  });
  test('100: a short host has the domain of its gateway', () => ask('short', '/ip', [], { ...OK, upstream: second }));
  test('101: an unknown Gateway', async () => {
    const rule = await gw.apiRule('nowhere');
    assert.equal(rule.state, 'Error');
    assert.equal(rule.description, "Validation errors: Attribute 'spec.gateway': Could not get specified Gateway");
    await ask('nowhere', '/ip', [], { status: 404, reason: 'no_host' });
  });
  test('102: one issuer, two places', async () => {
    const rule = await gw.apiRule('twice');
    assert.equal(rule.state, 'Error');
    assert.match(rule.description, /multiple jwt configurations/);
  });
  test('a wildcard host: the workload sees the host that was asked for (8.5)', async () => {
    for (const target of ['/headers', '/anything/a/b'])
      await expectExchange(gw, {
        request: { host: 'some.wild', target }, ...OK, upstream,
        saw: (seen) => assert.equal(seen.header('x-forwarded-host').replace(/:\d+$/, ''), 'some.wild.test.local'),
      });
  });
});
