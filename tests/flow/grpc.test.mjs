// gRPC-shaped requests: workloads are spoken to in HTTP/1.1, so such a call can't be forwarded. Who may
// make it is told so in gRPC; who may not is refused first, and learns nothing. istio-jwt.md 2.11, 4.7.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { sleep } from './lib/place.mjs';
import { apiRule, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('ES256');
const CLOSED = '/pkg.Service/Closed';
let upstream, keys, gw;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  gw = await gateway({
    tls: true,
    services: { 'httpbin.shop': upstream.port },
    files: { 'rules.yaml': apiRule({ rules: [{ path: CLOSED, methods: ['POST'], jwt: istioJwt(ISSUER, `${keys.url}/jwks`) }, { path: '/pkg.Service/Open', methods: ['POST'], noAuth: true }] }) },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

const bearer = (claims) => [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me', ...claims })}`];
const call = (target, headers = [], type = 'application/grpc') => ({ method: 'POST', target, headers: [`Content-Type: ${type}`, 'TE: trailers', ...headers], data: Buffer.from([0, 0, 0, 0, 0]), scheme: 'https', args: ['--http2'] });
const inGrpc = (status, message) => ({ status: 200, body: '', version: 'HTTP/2', headers: { 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': message } });

for (const [name, request, wanted, reason] of [
  ['who may call is told that it is not forwarded', call(CLOSED, bearer()), inGrpc('12', 'gRPC is not forwarded to workloads'), 'grpc_unsupported'],
  ['and so is everybody where everybody may', call('/pkg.Service/Open', [], 'application/grpc+proto'), inGrpc('12', 'gRPC is not forwarded to workloads'), 'grpc_unsupported'],
  ['no token', call(CLOSED), inGrpc('7', 'RBAC: access denied'), 'token_missing'],
  ['a token that has expired', call(CLOSED, bearer({ exp: 1 })), inGrpc('16', 'Jwt is expired'), 'token_expired'],
  ['no such route', call('/pkg.Service/None', bearer()), inGrpc('12', null), 'no_route'],
]) {
  test(name, async () => {
    await expectExchange(gw, { request, ...wanted, reason, decision: 'deny', upstream });
    await expectExchange(gw, { request: { ...request, scheme: 'http', args: [] }, ...wanted, version: 'HTTP/1.1', reason, decision: 'deny', upstream });
  });
}

test('gRPC-Web is HTTP like any other', () =>
  expectExchange(gw, { request: call(CLOSED, bearer(), 'application/grpc-web+proto'), status: 200, reason: 'allowed', upstream, saw: (seen) => assert.equal(seen.header('te'), undefined) }));

// A "trailers-only" answer: one HEADERS frame that ends the stream (gRPC over HTTP/2, Responses).
test('a streaming call that has not ended its side is answered by one frame', async () => {
  const client = http2.connect(`https://127.0.0.1:${gw.tlsPort}`, { rejectUnauthorized: false });
  const stream = client.request({ ':method': 'POST', ':path': CLOSED, ':authority': `httpbin.${gw.domain}`, 'content-type': 'application/grpc', te: 'trailers', authorization: bearer()[0].slice('Authorization: '.length) }, { endStream: false });
  stream.write(Buffer.from([0, 0, 0, 0, 1, 1]));
  const seen = upstream.seen.length;
  let data = 0;
  stream.on('data', () => data++);
  const head = await new Promise((resolve, reject) => {
    stream.on('response', (headers, flags) => resolve({ headers, flags }));
    stream.on('error', reject);
  });
  assert.equal(head.headers['grpc-status'], '12');
  assert.ok(head.flags & http2.constants.NGHTTP2_FLAG_END_STREAM, 'END_STREAM');
  await sleep(100);
  assert.equal(data, 0);
  assert.equal(upstream.seen.length, seen);
  client.destroy();
});
