// A WebSocket past an authorizer that is told bodies: the handshake has none, and what the client sends behind it
// is nobody's but the workload's (istio-jwt.md 5.1, RFC 6455 section 4.1).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { recorded } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const told = { maxRequestBytes: 1000, allowPartialMessage: true };
const mesh = JSON.stringify({
  apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' },
  data: { mesh: JSON.stringify({ extensionProviders: [{ name: 'door', envoyExtAuthzHttp: { service: 'door.auth.svc.cluster.local', port: 8080, includeRequestBodyInCheck: told, headersToUpstreamOnAllow: ['x-who'] } }] }) },
});
let upstream, door, gw, got;
before(async () => {
  upstream = await recorder();
  door = await recorder();
  upstream.upgrade = (req, socket, head) => {
    const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    const echo = (data) => {
      got += data.toString('latin1');
      socket.write(data);
    };
    if (head.length > 0) echo(head);
    socket.on('data', echo);
    socket.on('error', () => {});
  };
  gw = await gateway({
    services: { 'httpbin.shop': upstream.port, 'door.auth': door.port },
    files: { 'rule.yaml': documents(mesh, apiRule({ timeout: 1, rules: [{ path: '/chat', extAuth: { authorizers: ['door'] } }] })) },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, door].map((it) => it?.stop()));
});
beforeEach(() => {
  door.seen.length = upstream.seen.length = 0;
  door.answer = (req, res) => res.writeHead(200, { 'x-who': 'alice' }).end();
  got = '';
});

/** A client: `text` is what it has got, latin1. */
function client(bytes, headers = '') {
  const it = { key: randomBytes(16).toString('base64'), socket: net.connect(gw.port, '127.0.0.1'), text: '', over: false };
  it.socket.on('error', () => {});
  it.socket.on('close', () => (it.over = true));
  it.socket.on('data', (data) => (it.text += data.toString('latin1')));
  it.socket.write(`GET /chat HTTP/1.1\r\nHost: httpbin.test.local\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${it.key}\r\n${headers}\r\n${bytes}`, 'latin1');
  it.echo = async (frame) => {
    it.socket.write(frame, 'latin1');
    await until('its echo', () => it.text.endsWith(frame), { timeout: 3000 });
  };
  return it;
}
const frame = (text) => `\x81${String.fromCharCode(text.length)}${text}`; // an echo of frames is bytes for bytes
const opens = (it) => until('101', () => /^HTTP\/1\.1 101 [^]*\r\n\r\n/.test(it.text), { timeout: 3000 });
const line = (before) => until('its log line', () => gw.log()[before]);

test('who may pass has a tunnel, both ways, for longer than the route\'s timeout; the authorizer is told no body', async () => {
  const before = gw.log().length;
  const it = client('');
  await opens(it);
  assert.match(it.text, new RegExp(`sec-websocket-accept: ${createHash('sha1').update(`${it.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64').replaceAll('+', '\\+')}`, 'i'));
  await it.echo(frame('ping1'));
  await sleep(1400);
  await it.echo(frame('ping2'));
  assert.equal(got, frame('ping1') + frame('ping2'));
  const [asked] = door.seen;
  assert.equal(door.seen.length, 1);
  assert.deepEqual([asked.method, asked.target, asked.header('content-length'), asked.body.length], ['GET', '/chat', '0', 0]);
  for (const name of ['upgrade', 'sec-websocket-key', 'x-envoy-auth-partial-body']) assert.equal(asked.header(name), undefined, name);
  const [seen] = upstream.seen;
  assert.ok(upstream.seen.length === 1 && seen.upgrade);
  assert.deepEqual(seen.headers.filter(([name]) => /^x-who$/i.test(name)), [['x-who', 'alice']]);
  it.socket.destroy();
  const said = await line(before);
  assert.deepEqual([said.response_code, said.reason, said.decision], [101, 'allowed', 'allow']);
});

test('who may not has none, and the workload has heard nothing', async () => {
  const before = gw.log().length;
  door.answer = (req, res) => res.writeHead(401, { 'x-why': 'so' }).end('who?');
  const it = client(frame('early'));
  await until('the end', () => it.over, { timeout: 3000 }); // no tunnel: a frame is no request
  assert.match(it.text, /^HTTP\/1\.1 401 [^]*\r\n\r\nwho\?HTTP\/1\.1 400 /);
  const said = await line(before);
  assert.deepEqual([said.response_code, said.reason, said.decision], [401, 'ext_auth_denied', 'deny']);
  assert.equal((await recorded(gw, said.request_id)).reason, 'ext_auth_denied');
  assert.equal(upstream.seen.length, 0);
});

test('frames that are there before the answer wait for the tunnel, and are told to nobody else', async () => {
  let let_go;
  door.answer = (req, res) => (let_go = () => res.writeHead(200).end());
  const it = client(frame('early'));
  await until('the authorizer to be asked', () => let_go);
  it.socket.write(frame('later'), 'latin1');
  await sleep(100);
  assert.equal(upstream.seen.length, 0);
  let_go();
  await opens(it);
  await until('both frames', () => it.text.endsWith(frame('early') + frame('later')), { timeout: 3000 });
  assert.equal(got, frame('early') + frame('later'));
  assert.equal(door.seen[0].body.length, 0);
  await it.echo(frame('and on'));
  it.socket.destroy();
});

test('a handshake with a body: it is told, and the workload has it before the first frame', async () => {
  const it = client(`hello${frame('early')}`, 'Content-Length: 5\r\n');
  await opens(it);
  await it.echo(frame('and on'));
  assert.equal(door.seen[0].body.toString(), 'hello');
  assert.equal(got, `hello${frame('early')}${frame('and on')}`);
  it.socket.destroy();
});

test('and one whose body is told in part', async () => {
  const body = Buffer.alloc(3000, 'abcdefg').toString();
  const it = client(body.slice(0, 1500), 'Content-Length: 3000\r\n');
  await opens(it);
  it.socket.write(body.slice(1500) + frame('behind it'), 'latin1');
  await until('all of it at the workload', () => got.endsWith(frame('behind it')), { timeout: 3000 });
  assert.equal(got, body + frame('behind it'));
  assert.deepEqual([door.seen[0].body.toString(), door.seen[0].header('x-envoy-auth-partial-body')], [body.slice(0, 1000), 'true']);
  await it.echo(frame('and on'));
  it.socket.destroy();
});
