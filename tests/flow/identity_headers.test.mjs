// attacks.md P19 to P22 and istio-jwt.md 4.2: what a client says about itself never reaches a workload
// as if we had said it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw;
before(async () => {
  upstream = await recorder();
  gw = await gateway({
    tls: true,
    services: { 'httpbin.shop': upstream.port },
    files: { 'rule.yaml': apiRule({ rules: [{ path: '/open', methods: ['GET', 'POST'], noAuth: true }] }) },
  });
});
after(async () => {
  await gw?.stop();
  await upstream?.stop();
});
const send = (headers, saw, more = {}) => expectExchange(gw, { request: { target: '/open', headers, ...more }, status: 200, upstream, saw });

for (const scheme of ['http', 'https']) {
  test(`over ${scheme}: forwarded headers are ours alone`, () =>
    send(['X-Forwarded-Proto: gopher', 'X-Forwarded-Host: evil.example', 'X-Envoy-External-Address: 8.8.8.8', 'X-Envoy-Internal: true', 'X-Request-ID: 1234'], (seen) => {
      assert.deepEqual(seen.all('x-forwarded-proto'), [scheme]);
      assert.deepEqual(seen.all('x-forwarded-host'), ['httpbin.test.local']);
      assert.equal(seen.header('x-envoy-internal'), undefined);
      assert.ok(!seen.all('x-envoy-external-address').includes('8.8.8.8'));
      assert.match(seen.header('x-request-id'), /^[0-9a-f-]{36}$/);
      assert.equal(seen.all('x-request-id').length, 1);
    }, { scheme }));
}

test('x-forwarded-for is the peer: nobody is trusted to have written the rest (P19)', () =>
  send(['X-Forwarded-For: 8.8.8.8'], (seen) => {
    assert.deepEqual(seen.all('x-forwarded-for'), ['127.0.0.1']);
  }));

test('headers that steer Envoy or pretend a certificate are removed', () => {
  const names = [
    'X-Forwarded-Client-Cert', 'X-Envoy-Original-Path', 'X-Envoy-Original-Url', 'X-Envoy-Retry-On', 'X-Envoy-Max-Retries', 'X-Envoy-Upstream-Rq-Timeout-Ms',
    'X-Envoy-Decorator-Operation', 'X-Envoy-Ip-Tags', 'X-Envoy-Force-Trace', 'X-Envoy-Expected-Rq-Timeout-Ms',
  ];
  return send(names.map((name) => `${name}: evil`), (seen) => {
    assert.deepEqual(seen.headers.filter(([, value]) => value === 'evil'), []);
  });
});

test('headers that speak of another path or method are removed (P19, P21)', () => {
  const names = ['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'Forwarded'];
  return send(names.map((name) => `${name}: evil`), (seen) => {
    assert.deepEqual(seen.headers.filter(([, value]) => value === 'evil'), []);
  });
});

test('hop-by-hop headers end here (4.2)', () =>
  send(['Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: trailers, deflate', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA', 'Connection: Upgrade, HTTP2-Settings'], (seen) => {
    for (const name of ['keep-alive', 'proxy-connection', 'upgrade', 'http2-settings', 'transfer-encoding']) assert.equal(seen.header(name), undefined, name);
    assert.ok([undefined, 'trailers'].includes(seen.header('te')), seen.header('te'));
  }));

test('a header that Connection names is dropped (P20)', () =>
  send(['Connection: close, X-Mine', 'X-Mine: 1', 'X-Other: 2'], (seen) => {
    assert.equal(seen.header('x-mine'), undefined);
    assert.equal(seen.header('x-other'), '2');
  }));

test('Connection may not name what we or the framing rely on (P20)', async () => {
  for (const name of ['Authorization', 'Host', 'Content-Length', 'Transfer-Encoding', 'X-Forwarded-Host', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Request-ID', 'Cookie']) {
    await expectExchange(gw, { request: { target: '/open', headers: [`Connection: close, ${name}`] }, status: 400, reason: 'bad_connection', upstream });
  }
});

test('underscores shadow nothing (P22)', () =>
  send(['X_Forwarded_Host: evil', 'X_User: root', 'X-User: me'], (seen) => {
    assert.deepEqual(seen.headers.filter(([name]) => name.includes('_')), []);
    assert.equal(seen.header('x-user'), 'me');
  }));

test('everything else arrives as it was sent', () =>
  send(['X-Custom: A b  c', 'Accept: */*;q=0.1', 'Cookie: a=1; b=2', 'Authorization: Basic dTpw', 'User-Agent: me/1', 'X-Empty;'], (seen) => {
    assert.equal(seen.header('x-custom'), 'A b  c');
    assert.equal(seen.header('accept'), '*/*;q=0.1');
    assert.equal(seen.header('cookie'), 'a=1; b=2');
    assert.equal(seen.header('authorization'), 'Basic dTpw');
    assert.equal(seen.header('user-agent'), 'me/1');
    assert.equal(seen.header('x-empty'), '');
  }));
