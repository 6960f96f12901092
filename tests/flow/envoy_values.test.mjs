// Headers and cookies whose values are written in Envoy's words (apirule.md 4.5, 5): what the workload
// gets, over HTTP/1.1 and HTTP/2, of a v2 rule and of a v1beta1 one's mutators.
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import { expectExchange, explain } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const told = {
  headers: {
    'X-Org': '%REQ(X-Org?X-Tenant):6%',
    'X-Asked': '%REQ(:METHOD)% %REQ(:SCHEME)%://%REQ(:AUTHORITY)%%REQ(:PATH)% %PROTOCOL%',
    'X-Peer': '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
    'X-Peer-Port': '%DOWNSTREAM_REMOTE_ADDRESS%',
    'X-Here': '%DOWNSTREAM_LOCAL_ADDRESS%',
    'X-Handshake': '%REQUESTED_SERVER_NAME%',
    'X-Cipher': '%DOWNSTREAM_TLS_VERSION%/%DOWNSTREAM_TLS_CIPHER%',
    'X-Since': '%START_TIME%',
    'X-Machine': '%HOSTNAME%',
    'X-Percent': '100%%',
    'X-Said': '%REQ(X-Forwarded-For)% %REQ(X-Forwarded-Proto)% [%REQ(X-Forwarded-Host)%%REQ(X-Forwarded-Client-Cert)%]',
    'X-Number': '%REQ(X-Request-Id)%',
    'X-Nothing': '%REQ(X-Absent)%',
    'X-Under': '[%REQ(X_User)%%REQ(Connection)%%REQ(TE)%]',
  },
  cookies: { org: '%REQ(X-Org)%', site: 'main' },
};
let upstream, keys, gw;

before(async () => {
  [upstream, keys] = await Promise.all([recorder(), pageServer({ '/jwks': { keys: [key.jwk] } })]);
  const jwt = istioJwt(ISSUER, `${keys.url}/jwks`);
  gw = await gateway({
    tls: true,
    services: { 'told.shop': upstream.port },
    files: {
      'rules.yaml': documents(
        toggle('istio'),
        apiRule({ name: 'told', host: 'told', service: { name: 'told', port: 80 }, rules: [{ path: '/*', methods: ['GET', 'POST'], noAuth: true, request: told }] }),
        apiRule({ name: 'any', host: '*.any.test.local', service: { name: 'told', port: 80 }, rules: [{ path: '/*', noAuth: true }] }),
        apiRuleV1({
          name: 'old',
          host: 'old',
          service: { name: 'told', port: 80 },
          rules: [{
            path: '/a',
            accessStrategies: [{ handler: 'jwt', config: jwt }],
            mutators: [
              { handler: 'header', config: { headers: { 'X-Caller': '%REQ(Authorization)%', 'X-Org': '%REQ(X-Org)%' } } },
              { handler: 'cookie', config: { cookies: { org: '%REQ(X-Org)%', fix: '5%%' } } },
            ],
          }],
        }),
      ),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, keys].map((s) => s?.stop()));
});

const said = ['X-Org: blue and more', 'X-Org: red', 'Cookie: mine=1', 'X-Nothing: forged', 'X_User: root', 'TE: trailers', 'X-Forwarded-For: 10.9.9.9', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: gopher', 'X-Forwarded-Client-Cert: admin', 'X-Request-Id: mine'];

for (const [name, scheme, args, protocol] of [
  ['HTTP/1.1', 'http', [], 'HTTP/1.1'],
  ['HTTP/1.1 over TLS', 'https', ['--http1.1'], 'HTTP/1.1'],
  ['HTTP/2', 'https', ['--http2'], 'HTTP/2'],
]) {
  test(`a v2 rule tells its workload of a request over ${name}`, async () => {
    const url = new URL(gw.url('told', '/', scheme));
    const earliest = Date.now();
    await expectExchange(gw, {
      request: { host: 'told', target: '/x?y=z', headers: said, scheme, args },
      status: 200,
      upstream,
      version: protocol,
      saw: (seen) => {
        assert.deepEqual(seen.all('x-org'), ['blue a'], 'the first of two, cut');
        assert.equal(seen.header('x-asked'), `GET ${scheme}://${url.host}/x?y=z ${protocol}`);
        assert.deepEqual(seen.all('x-peer'), ['127.0.0.1']);
        assert.match(seen.header('x-peer-port'), /^127\.0\.0\.1:[1-9][0-9]+$/);
        assert.equal(seen.header('x-here'), `127.0.0.1:${url.port}`);
        assert.equal(seen.header('x-handshake'), scheme === 'https' ? 'told.test.local' : undefined);
        assert.match(seen.header('x-cipher'), scheme === 'https' ? /^TLSv1\.[23]\/[A-Z0-9_-]+$/ : /^\/$/);
        assert.match(seen.header('x-since'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.ok(Date.parse(seen.header('x-since')) >= earliest - 1000 && Date.parse(seen.header('x-since')) <= Date.now(), seen.header('x-since'));
        assert.equal(seen.header('x-machine'), os.hostname().toLowerCase());
        assert.equal(seen.header('x-percent'), '100%');
        assert.equal(seen.header('x-said'), `127.0.0.1 ${scheme} []`, "the gateway's words, not the client's");
        assert.equal(seen.header('x-number'), seen.header('x-request-id'));
        assert.notEqual(seen.header('x-number'), 'mine');
        assert.equal(seen.header('x-nothing'), undefined, "nor the client's own");
        assert.equal(seen.header('x-under'), '[]', 'what no workload sees of a client');
        assert.deepEqual(seen.all('cookie'), ['org=blue and more; site=main'], "in place of the client's");
      },
    });
  });
}

test('the alternative is taken where the header is missing', () =>
  expectExchange(gw, {
    request: { host: 'told', headers: ['X-Tenant: green'] },
    status: 200,
    upstream,
    saw: (seen) => {
      assert.equal(seen.header('x-org'), 'green');
      assert.equal(seen.header('cookie'), 'org=; site=main');
    },
  }));

test('under a wildcard host the workload is told which one was asked for (4.5)', () =>
  expectExchange(gw, {
    request: { host: 'One.any' },
    status: 200,
    upstream,
    saw: (seen) => assert.deepEqual(seen.all('x-forwarded-host'), [`One.any.test.local:${new URL(gw.url('x', '/')).port}`]),
  }));

test('a cookie stays one: what would end it ends the request', () =>
  expectExchange(gw, { request: { host: 'told', headers: ['X-Org: blue; role=admin'] }, status: 400, reason: 'bad_request', rule: 'shop/told', upstream }));

test('a value that becomes too long ends it, too', () =>
  expectExchange(gw, { request: { host: 'told', headers: [`X-Org: ${'a'.repeat(9000)}`] }, status: 431, reason: 'headers_too_large', upstream }));

describe('a v1beta1 rule under istio', () => {
  const token = makeToken(key, { iss: ISSUER, sub: 'me' });
  const headers = [`Authorization: Bearer ${token}`, 'X-Org: blue', 'Cookie: mine=1'];

  for (const [scheme, args] of [['http', []], ['https', ['--http2']]]) {
    test(`its mutators tell the workload over ${scheme}`, () =>
      expectExchange(gw, {
        request: { host: 'old', target: '/a', headers, scheme, args },
        status: 200,
        upstream,
        saw: (seen) => {
          assert.equal(seen.header('x-caller'), `Bearer ${token}`);
          assert.equal(seen.header('x-org'), 'blue');
          assert.deepEqual(seen.all('cookie'), ['org=blue; fix=5%']);
        },
      }));
  }

  test('nobody without a token gets as far', () =>
    expectExchange(gw, { request: { host: 'old', target: '/a' }, status: 403, reason: 'token_missing', upstream }));

  test('explain says that the token is set, and how long it is', async () => {
    const got = await explain(gw, { url: gw.url('old', '/a'), headers });
    const header = (name) => got.upstream_headers.find((h) => h.name === name).value;
    assert.equal(header('X-Caller'), `... (${7 + token.length} bytes, not shown)`);
    assert.equal(header('X-Org'), 'blue');
    const step = got.steps.find((s) => s.note === `X-Caller: set, ${7 + token.length} bytes`);
    assert.deepEqual([step.outcome, step.expected, step.actual], ['pass', '%REQ(Authorization)%', undefined]);
    for (const part of token.split('.')) assert.ok(!JSON.stringify(got).includes(part.slice(0, 60)), part);
  });
});

test('brama check names the operator that nobody has, where it stands', async () => {
  const file = { 'X-A': '%REK(X-Org)%', 'X-B': '%RESPONSE_CODE%', 'X-C': '50%' };
  const end = await verb(['check', '-o', 'json', '-f', '-'], { input: apiRule({ rules: [{ path: '/*', noAuth: true, request: { headers: file } }] }) });
  const found = Object.fromEntries(JSON.parse(end.out).map((f) => [f.attribute.split('.').pop(), f.message]));
  assert.equal(end.code, 1, end.err);
  assert.equal(found['X-A'], 'header "X-A" can\'t be set: Envoy has no operator %REK%, did you mean %REQ%?');
  assert.match(found['X-B'], /^%RESPONSE_CODE% \(it has no value before the workload answers\) in header "X-B" is not supported/);
  assert.match(found['X-C'], /no operator begins at the percent sign of byte 3, and a percent sign alone is written %%$/);
});
