// Workers and masters are killed, and the gateway is told to end, with requests, WebSockets and HTTP/2 streams
// under way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { patient } from './lib/patient.mjs';
import { listens, sleep, until } from './lib/place.mjs';
import { alive } from './lib/process.mjs';

const BACK_MS = 500; // from a worker's death to the next answer
const KILLS = 7;
let p, usual;
before(async () => {
  p = await patient();
  usual = p.upstream.answer;
});
after(() => p?.upstream.stop());
afterEach(async () => {
  p.upstream.answer = usual;
  await p.end();
});

/** Requests that the workload holds until they are let go, by their query. */
function holding() {
  const held = new Map();
  p.upstream.answer = (req, res, seen) => {
    const name = seen.target.split('?')[1];
    if (name === undefined) return usual(req, res, seen);
    held.set(name, () => res.end(`${name} at last`));
  };
  return { held, until: (name) => until(`${name} at the workload`, () => held.get(name)) };
}

/** An upgraded connection, whose workload sends back what it gets. */
async function webSocket() {
  p.upstream.upgrade = (req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
    socket.on('data', (data) => socket.write(data));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
  };
  const it = { socket: net.connect(p.gw.port, '127.0.0.1'), text: '', closed: false };
  it.socket.on('data', (data) => (it.text += data.toString('latin1')));
  it.socket.on('error', () => {});
  it.socket.on('close', () => (it.closed = true));
  it.socket.write(`GET /x HTTP/1.1\r\nHost: httpbin.${p.gw.domain}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  await until('101', () => /^HTTP\/1.1 101 /.test(it.text));
  it.echo = async (what) => {
    it.socket.write(what);
    await until(`${what} to come back`, () => it.text.endsWith(what));
  };
  return it;
}

/** An HTTP/2 session; get(): one stream to its end. */
async function session() {
  const client = http2.connect(`https://127.0.0.1:${p.gw.tlsPort}`, { rejectUnauthorized: false });
  client.on('error', () => {});
  await once(client, 'connect');
  const it = { client, told: false };
  client.on('goaway', () => (it.told = true));
  it.get = (target) =>
    new Promise((resolve) => {
      const stream = client.request({ ':path': target, ':authority': `httpbin.${p.gw.domain}` });
      let status = 0;
      let text = '';
      stream.on('response', (headers) => (status = headers[':status']));
      stream.on('data', (data) => (text += data));
      stream.on('error', () => {});
      stream.on('close', () => resolve({ status, text, code: stream.rstCode }));
    });
  return it;
}

test(`a killed worker is replaced, in its own slot, and answers within ${BACK_MS} ms`, async (t) => {
  await p.open();
  const slots = () => readdirSync(path.join(p.gw.state, 'workers')).filter((name) => /^\d+$/.test(name));
  const before = slots();
  const took = [];
  for (let i = 0; i < KILLS; i++) {
    const [pid] = p.workers();
    const begun = performance.now();
    process.kill(pid, 'SIGKILL');
    await until('its end', () => !alive(pid), { every: 1 });
    assert.equal((await p.get('/x')).status, 200); // a connection waits for the next one to take it
    took.push(Math.round(performance.now() - begun));
    await p.replaced(pid);
    assert.equal(readFileSync(path.join(p.gw.state, 'workers/0')).readInt32LE(12), p.workers()[0], 'the pid in the page');
  }
  assert.deepEqual(slots(), before);
  took.sort((a, b) => a - b);
  t.diagnostic(`ms: ${took.join(' ')}`);
  assert.ok(took[KILLS >> 1] < BACK_MS, `half of them: ${took}`); // single ones may meet a busy machine
});

test('a killed master: its worker answers what it has, the next nginx has the same sockets, nobody is refused', async () => {
  await p.open();
  const { until: arrived, held } = holding();
  p.load({ lanes: 4 });
  const answer = p.get('/x?held');
  await arrived('held');
  for (let i = 0; i < 2; i++) {
    const master = p.master();
    const begun = p.traffic.sent.length;
    process.kill(master, 'SIGKILL');
    await until('the next master', () => p.said(/nginx has ended by itself; started again/).length === i + 1 && p.master() !== master && alive(p.master()));
    await until('clients to be answered', () => p.traffic.sent.length > begun + 40);
  }
  held.get('held')();
  const { status, text } = await answer;
  assert.deepEqual([status, text], [200, 'held at last']);
  await p.nothingLost();
  await p.gw.ready();
});

test('SIGTERM: requests, streams and WebSockets under way go on, nothing new is taken, the end is 0', async () => {
  await p.open({ tls: true, args: ['--drain', '20s'] });
  const master = p.master();
  const { held, until: arrived } = holding();
  const socket = await webSocket();
  const h2 = await session();
  const answers = [p.get('/x?plain'), h2.get('/x?stream'), h2.get('/x?other')];
  await Promise.all(['plain', 'stream', 'other'].map(arrived));
  p.gw.process.child.kill('SIGTERM');
  await until('no new connections', async () => !(await listens(p.gw.port)) && !(await listens(p.gw.tlsPort)) && !(await listens(p.gw.adminPort)));
  await until('the session to be told', () => h2.told);
  await socket.echo('still here');
  const seen = p.upstream.seen.length;
  assert.notEqual((await h2.get('/x').catch(() => ({ status: 0 }))).status, 200, 'no new stream');
  assert.equal(p.upstream.seen.length, seen);
  for (const go of held.values()) go();
  const [plain, stream, other] = await Promise.all(answers);
  assert.deepEqual([plain.status, plain.text], [200, 'plain at last']);
  assert.deepEqual([stream.status, stream.text, stream.code], [200, 'stream at last', 0]);
  assert.deepEqual([other.status, other.text, other.code], [200, 'other at last', 0]);
  await sleep(300);
  assert.ok(!p.gw.process.over, 'the WebSocket is waited for');
  await socket.echo('and now');
  socket.socket.end();
  assert.deepEqual(await p.gw.process.ended, { code: 0, signal: null });
  assert.ok(!alive(master));
});

test('a WebSocket that stays is cut when --drain is over', async () => {
  await p.open({ args: ['--drain', '1s'] });
  const socket = await webSocket();
  p.gw.process.child.kill('SIGTERM');
  await socket.echo('for a second');
  assert.deepEqual(await p.gw.process.ended, { code: 0, signal: null });
  await until('the cut', () => socket.closed);
});

test('a second SIGTERM ends all at once', async () => {
  await p.open({ tls: true, args: ['--drain', '60s'] });
  const master = p.master();
  const { until: arrived } = holding();
  const socket = await webSocket();
  const h2 = await session();
  const answers = [p.get('/x?plain'), h2.get('/x?stream')];
  await Promise.all(['plain', 'stream'].map(arrived));
  p.gw.process.child.kill('SIGTERM');
  await until('no new connections', async () => !(await listens(p.gw.port)));
  await socket.echo('still here');
  p.gw.process.child.kill('SIGTERM');
  assert.deepEqual(await p.gw.process.ended, { code: 0, signal: null });
  assert.ok(!alive(master));
  await until('the cut', () => socket.closed);
  for (const { status } of await Promise.all(answers)) assert.notEqual(status, 200);
});
