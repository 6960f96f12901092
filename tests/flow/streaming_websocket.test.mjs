// Both ways without waiting for the whole, and WebSocket through a rule.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { raw } from './lib/curl.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { childrenOf } from './lib/process.mjs';
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
    tls: true,
    asan: ['quarantine_size_mb=1'], // what is freed is free: the memory is measured below
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

const MEGA = 1024 * 1024;
const LARGE = 150 * MEGA;
const block = Buffer.alloc(256 * 1024, 'x');
/** The most memory that the worker ever had, in bytes. */
const peak = () => {
  const master = Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'));
  return Math.max(...childrenOf(master).map(({ pid }) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s*(\d+)/)[1]) * 1024));
};
/** Write LARGE bytes as fast as they are taken. */
const pour = (stream) =>
  new Promise((resolve, reject) => {
    let left = LARGE;
    const more = () => {
      while (left > 0) {
        left -= block.length;
        if (!stream.write(block)) return void stream.once('drain', more);
      }
      stream.end();
      resolve();
    };
    stream.on('error', reject);
    more();
  });
const drink = (stream, pause) =>
  new Promise((resolve, reject) => {
    let bytes = 0;
    stream.on('data', (data) => {
      bytes += data.length;
      if (pause && bytes % (32 * MEGA) < data.length) {
        stream.pause();
        setTimeout(() => stream.resume(), pause);
      }
    });
    stream.on('end', () => resolve(bytes));
    stream.on('error', reject);
  });

// HTTP/1.1 and HTTP/2: {answer bytes, status}; body is called with what the request is written to.
const overOne = (method, headers, body) =>
  new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: gw.port, path: '/open', method, agent: false, headers: { host: `httpbin.${gw.domain}`, ...headers } }, (answer) => {
      drink(answer, 50).then((bytes) => resolve({ bytes, complete: answer.complete }), reject);
    });
    request.on('error', reject);
    body(request);
  });
const overTwo = (method, headers, body) =>
  new Promise((resolve, reject) => {
    const client = http2.connect(`https://127.0.0.1:${gw.tlsPort}`, { rejectUnauthorized: false });
    const stream = client.request({ ':method': method, ':path': '/open', ':authority': `httpbin.${gw.domain}`, ...headers }, { endStream: false });
    client.on('error', reject);
    drink(stream, 50).then((bytes) => {
      client.destroy();
      resolve({ bytes, complete: stream.rstCode === 0 });
    }, reject);
    body(stream);
  });

for (const [version, send] of [['HTTP/1.1', overOne], ['HTTP/2', overTwo]]) {
  for (const framing of ['a length', 'chunks']) {
    test(`150 MB each way over ${version}, with ${framing}: whole, and the worker's memory does not grow with them`, async (t) => {
      const [original, early] = [upstream.answer, upstream.early];
      t.after(() => Object.assign(upstream, { answer: original, early }));
      const headers = framing === 'a length' ? { 'content-length': LARGE } : {};
      upstream.early = (req, res) => {
        if (req.method === 'GET') {
          res.writeHead(200, headers);
          pour(res).catch(() => {});
        } else {
          req.removeAllListeners('data'); // the recorder keeps what comes
          drink(req, 50).then((bytes) => res.end(String(bytes)));
        }
        return true;
      };
      const before = peak();
      assert.deepEqual(await send('GET', {}, (stream) => stream.end()), { bytes: LARGE, complete: true });
      assert.deepEqual(await send('POST', headers, (stream) => pour(stream).catch(() => {})), { bytes: String(LARGE).length, complete: true });
      const grown = peak() - before;
      assert.ok(grown < 32 * MEGA, `grown by ${Math.round(grown / MEGA)} MB`);
    });
  }
}

test('a workload that answers before it has the whole request: the next one is not taken for its rest', async (t) => {
  const [original, early] = [upstream.answer, upstream.early];
  t.after(() => Object.assign(upstream, { answer: original, early }));
  upstream.answer = (req, res) => res.end('of its own');
  upstream.early = (req, res) => req.method === 'POST' && res.end('early'); // and keeps the connection
  const client = net.connect(gw.port, '127.0.0.1');
  t.after(() => client.destroy());
  let text = '';
  client.on('error', () => {});
  client.on('data', (data) => (text += data.toString('latin1')));
  client.write('POST /open HTTP/1.1\r\nHost: httpbin.test.local\r\nContent-Length: 1000\r\n\r\nhalf');
  await until('the early answer', () => text.endsWith('early'), { timeout: 3000 });
  const before = upstream.seen.length;
  for (let i = 0; i < 3; i++) {
    const next = await raw(gw.port, `GET /open?${i} HTTP/1.1\r\nHost: httpbin.test.local\r\n\r\n`);
    assert.match(next.text, /^HTTP\/1\.1 200 [^]*of its own/);
  }
  assert.deepEqual(upstream.seen.slice(before).map((seen) => seen.target), ['/open?0', '/open?1', '/open?2']);
});

test('trailers are dropped, both ways, and the bodies before them are whole', async () => {
  const original = upstream.answer;
  upstream.answer = (req, res) => {
    res.writeHead(200, { trailer: 'x-sum' });
    res.write('body');
    res.addTrailers({ 'x-sum': '1', 'set-cookie': 'a=b' });
    res.end();
  };
  const before = upstream.seen.length;
  const answer = await raw(gw.port, 'POST /open HTTP/1.1\r\nHost: httpbin.test.local\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: x-up\r\n\r\n2\r\nup\r\n0\r\nx-up: 1\r\n\r\n');
  upstream.answer = original;
  assert.equal(answer.status, 200);
  assert.match(answer.text, /\r\n4\r\nbody\r\n0\r\n\r\n$/);
  assert.equal(upstream.seen[before].body.toString(), 'up');
  assert.equal(upstream.seen[before].header('x-up'), undefined);
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

/** A client's frame (RFC 6455 section 5.2): masked, of any size. */
function frame(opcode, payload) {
  const n = payload.length;
  const size = n < 126 ? [0x80 | n] : n < 65536 ? [0xfe, n >> 8, n & 255] : [0xff, 0, 0, 0, 0, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let i = 0; i < n; i++) masked[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...size]), mask, masked]);
}
/** The frames in what came, unmasked: [opcode, payload]. */
function frames(bytes) {
  const out = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const masked = bytes[at + 1] & 0x80;
    let n = bytes[at + 1] & 0x7f, start = at + 2;
    if (n === 126) [n, start] = [bytes.readUInt16BE(start), start + 2];
    else if (n === 127) [n, start] = [Number(bytes.readBigUInt64BE(start)), start + 8];
    const mask = masked ? bytes.subarray(start, start + 4) : Buffer.alloc(4);
    start += masked ? 4 : 0;
    if (start + n > bytes.length) break;
    const payload = Buffer.from(bytes.subarray(start, start + n));
    for (let i = 0; masked && i < n; i++) payload[i] ^= mask[i & 3];
    out.push([bytes[at] & 15, payload]);
    at = start + n;
  }
  return out;
}
const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10];
const bare = (opcode, payload) => Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]); // a server's

test('WebSocket: ping and pong both ways, a frame of 8 MB, close codes, and the end of both sides', async () => {
  const echo = upstream.upgrade;
  let server, got = Buffer.alloc(0);
  upstream.upgrade = (req, socket) => {
    echo(req, { write: (head) => socket.write(head), on: () => {} });
    server = socket;
    server.on('data', (data) => (got = Buffer.concat([got, data])));
    server.on('error', () => {});
  };
  const socket = net.connect(gw.port, '127.0.0.1');
  let came = Buffer.alloc(0), over = false;
  socket.on('error', () => {});
  socket.on('close', () => (over = true));
  socket.on('data', (data) => (came = Buffer.concat([came, data])));
  socket.write(handshake(auth()));
  await until('101', () => came.includes('\r\n\r\n'));
  upstream.upgrade = echo;
  came = came.subarray(came.indexOf('\r\n\r\n') + 4);

  socket.write(frame(PING, Buffer.from('there?')));
  await until('the ping there', () => frames(got).length === 1);
  assert.deepEqual(frames(got)[0], [PING, Buffer.from('there?')]);
  server.write(bare(PONG, Buffer.from('there?')));
  server.write(bare(PING, Buffer.from('and you?')));
  await until('both here', () => frames(came).length === 2);
  assert.deepEqual(frames(came), [[PONG, Buffer.from('there?')], [PING, Buffer.from('and you?')]]);
  socket.write(frame(PONG, Buffer.from('and you?')));

  const large = randomBytes(8 * MEGA);
  socket.write(frame(BINARY, large));
  await until('the large one', () => frames(got).length === 3, { timeout: 20_000 });
  assert.deepEqual(frames(got).map(([opcode]) => opcode), [PING, PONG, BINARY]);
  assert.ok(frames(got)[2][1].equals(large));

  const reason = Buffer.concat([Buffer.from([0x0f, 0xa1]), Buffer.from('enough')]); // 4001
  server.write(bare(CLOSE, reason));
  await until('the close frame', () => frames(came).at(-1)[0] === CLOSE);
  assert.deepEqual(frames(came).at(-1)[1], reason);
  socket.write(frame(CLOSE, reason.subarray(0, 2)));
  await until('its answer', () => frames(got).at(-1)[0] === CLOSE);
  server.end();
  await until('the end of the client\'s side', () => over, { timeout: 3000 });
});

test('WebSocket: a side that is lost ends the other', async () => {
  const echo = upstream.upgrade;
  for (const lost of ['client', 'workload']) {
    let server;
    upstream.upgrade = (req, socket) => echo(req, (server = socket));
    const client = net.connect(gw.port, '127.0.0.1');
    client.on('error', () => {});
    client.write(handshake(auth()));
    await new Promise((resolve) => client.once('data', resolve));
    upstream.upgrade = echo;
    const [one, other] = lost === 'client' ? [client, server] : [server, client];
    let ended = false;
    other.on('end', () => (ended = true));
    one.resetAndDestroy();
    await until(`the end of the other side when the ${lost} is lost`, () => ended || other.destroyed, { timeout: 3000 });
    other.destroy();
  }
});

test('WebSocket: a workload that refuses the handshake is heard', async () => {
  const echo = upstream.upgrade;
  for (const status of ['403 Forbidden', '426 Upgrade Required', '503 Service Unavailable']) {
    upstream.upgrade = (req, socket) => socket.end(`HTTP/1.1 ${status}\r\nx-why: mine\r\ncontent-length: 4\r\n\r\nmine`);
    const answer = await raw(gw.port, handshake(auth()));
    assert.deepEqual([answer.status, answer.header('x-why')], [Number(status.slice(0, 3)), 'mine']);
    assert.ok(answer.text.endsWith('mine'));
  }
  upstream.upgrade = (req, socket) => socket.destroy();
  const answer = await raw(gw.port, handshake(auth()));
  upstream.upgrade = echo;
  assert.equal(answer.status, 503);
});

test('R6: a 101 that nobody asked for, or to something else, opens no tunnel', async () => {
  const [original, echo] = [upstream.answer, upstream.upgrade];
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n';
  upstream.answer = (req, res) => {
    res.socket.write(switching);
    res.socket.on('data', (data) => res.socket.write(data));
  };
  const answer = await raw(gw.port, null, { pieces: ['GET /open HTTP/1.1\r\nHost: httpbin.test.local\r\n\r\n', 200, 'secret'] });
  assert.equal(answer.status, 502);
  assert.ok(!answer.text.includes('secret'));
  [upstream.answer, upstream.upgrade] = [original, echo];
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
