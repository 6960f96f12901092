// Both ways without waiting for the whole, and WebSocket through a rule.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { raw } from './lib/curl.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('ES256');
let upstream, keys, gw;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  upstream.upgrade = (req, socket) => {
    const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    socket.on('data', (data) => socket.write(data)); // an echo of frames is bytes for bytes
    socket.on('error', () => {});
  };
  gw = await gateway({
    services: { 'httpbin.shop': upstream.port },
    files: {
      'rules.yaml': documents(
        apiRule({ rules: [{ path: '/open', methods: ['GET', 'POST'], noAuth: true }] }),
        apiRule({ name: 'ws', host: 'ws', timeout: 1, rules: [{ path: '/chat', jwt: istioJwt(ISSUER, `${keys.url}/jwks`) }] }),
      ),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

test('a request body streams: the workload has its beginning before its end is sent', async () => {
  const before = upstream.seen.length;
  const socket = net.connect(gw.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /open HTTP/1.1\r\nHost: httpbin.test.local\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
  const seen = await until('the first chunk at the workload', () => {
    const it = upstream.seen[before];
    return it?.body.toString() === 'first' && it;
  }, { timeout: 3000 });
  assert.equal(seen.complete, false);
  socket.write('6\r\nsecond\r\n0\r\n\r\n');
  await until('the end', () => seen.complete && seen.body.toString() === 'firstsecond');
  socket.destroy();
});

test('an answer streams: the client has its beginning before its end is written', async () => {
  const original = upstream.answer;
  let finish;
  upstream.answer = (req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: 1\n\n');
    finish = () => res.end('data: 2\n\n');
  };
  const socket = net.connect(gw.port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data));
  socket.write('GET /open HTTP/1.1\r\nHost: httpbin.test.local\r\n\r\n');
  await until('the first event', () => text.includes('data: 1'), { timeout: 3000 });
  assert.ok(!text.includes('data: 2'));
  finish();
  await until('the second event', () => text.includes('data: 2'), { timeout: 3000 });
  socket.destroy();
  upstream.answer = original;
});

const handshake = (headers = '', { upgrade = 'websocket', path = '/chat' } = {}) =>
  `GET ${path} HTTP/1.1\r\nHost: ws.test.local\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${headers}\r\n`;
const auth = () => `Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}\r\n`;

test('WebSocket: the tunnel opens with a token, and lives longer than the timeout of the route', async () => {
  const socket = net.connect(gw.port, '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.write(handshake(auth()));
  await until('101', () => text.includes('\r\n\r\n'), { timeout: 3000 });
  assert.match(text, /^HTTP\/1\.1 101 /);
  const frame = (n) => `\x81\x05ping${n}`;
  text = '';
  socket.write(frame(1), 'latin1');
  await until('the first echo', () => text.includes('ping1'), { timeout: 3000 });
  await new Promise((resolve) => setTimeout(resolve, 1400)); // the route's timeout is 1 s
  socket.write(frame(2), 'latin1');
  await until('an echo after the timeout', () => text.includes('ping2'), { timeout: 3000 });
  socket.destroy();
});

test('R7: without a token there is no handshake at the workload', async () => {
  const before = upstream.seen.length;
  const answer = await raw(gw.port, handshake());
  assert.equal(answer.status, 403);
  assert.equal(upstream.seen.length, before);
});

test('R6: only websocket is an upgrade; h2c is an ordinary request', async () => {
  for (const upgrade of ['h2c', 'tls/1.0', 'websocket, h2c']) {
    const before = upstream.seen.length;
    const answer = await raw(gw.port, handshake(`HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n${auth()}`, { upgrade }));
    assert.notEqual(answer.status, 101, upgrade);
    for (const seen of upstream.seen.slice(before)) {
      assert.ok(!seen.upgrade, upgrade);
      assert.equal(seen.header('upgrade'), undefined, upgrade);
    }
  }
});

test('R7: a workload that does not switch gets no tunnel', async () => {
  const switching = upstream.upgrade;
  upstream.upgrade = (req, socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno');
  const before = upstream.seen.length;
  const answer = await raw(gw.port, null, { pieces: [handshake(auth()), 200, 'GET /secret HTTP/1.1\r\nHost: ws.test.local\r\n\r\n'] });
  assert.equal(answer.status, 200);
  assert.equal(upstream.seen.length, before + 1, 'what follows is judged as a request');
  upstream.upgrade = switching;
});
