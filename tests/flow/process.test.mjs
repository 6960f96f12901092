// How it starts, ends and stays alone.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import tls from 'node:tls';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway, runEnv, verb } from './lib/gateway.mjs';
import { brama, freePort, sleep, temporary, until } from './lib/place.mjs';
import { alive, processInfo, start } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw;
const files = { 'rule.yaml': apiRule({ rules: [{ path: '/{**}', noAuth: true }] }) };
const fresh = async (more = {}) => (gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files, ...more }));
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());
afterEach(async () => {
  upstream.answer = (req, res) => res.end('done');
  await gw?.stop();
  gw = undefined;
});

const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true) || socket.destroy());
    socket.on('error', () => resolve(false));
  });
const nginxOf = (g) => Number(readFileSync(path.join(g.state, 'nginx.pid'), 'utf8'));
/** A request that the workload answers `ms` later. */
const slow = (g, ms) => {
  upstream.answer = (req, res) => setTimeout(() => res.end('done'), ms);
  return curl(g.url('httpbin', '/slow'), { resolve: g.resolve('httpbin') });
};

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} lets the request under way finish, then all is gone, exit 0`, async () => {
    const g = await fresh();
    const master = nginxOf(g);
    const seen = upstream.seen.length;
    const answer = slow(g, 1200);
    await until('the request at the workload', () => upstream.seen.length > seen);
    g.process.child.kill(signal);
    await until('no new connections', async () => !(await listens(g.port)));
    const { status, text } = await answer;
    assert.deepEqual([status, text], [200, 'done']);
    assert.deepEqual(await g.process.ended, { code: 0, signal: null });
    assert.ok(!alive(master), 'nginx is gone, too');
  });
}

test('a second SIGTERM ends it at once', async () => {
  const g = await fresh();
  const master = nginxOf(g);
  const seen = upstream.seen.length;
  const answer = slow(g, 8000);
  await until('the request at the workload', () => upstream.seen.length > seen);
  const begun = Date.now();
  g.process.child.kill('SIGTERM');
  await sleep(200);
  g.process.child.kill('SIGTERM');
  await g.process.ended;
  assert.ok(Date.now() - begun < 4000);
  assert.ok(!alive(master));
  assert.notEqual((await answer).status, 200);
});

// A worker that drains tells its clients so. One whose handshake is under way just then is no client yet.
test('an HTTP/2 client that comes in the very moment of SIGTERM is sent away, and has lost nothing', async () => {
  upstream.answer = (req, res) => res.end('done');
  const g = await fresh({ tls: true });
  const socket = net.connect(g.tlsPort, '127.0.0.1');
  await sleep(300); // taken from the queue, and no byte of a handshake so far
  g.process.child.kill('SIGTERM');
  await until('no new connections', async () => !(await listens(g.tlsPort)));
  await sleep(100);
  const begun = Date.now();
  const client = http2.connect(`https://httpbin.${g.domain}`, { createConnection: () => tls.connect({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false }) });
  client.on('error', () => {});
  let away = false;
  client.on('goaway', () => (away = true));
  const ask = () =>
    new Promise((resolve) => {
      const stream = client.request({ ':path': '/x', ':authority': `httpbin.${g.domain}` });
      let text = '';
      stream.on('data', (data) => (text += data)).on('error', () => {}).on('close', () => resolve(text));
    });
  let answers = 0;
  while (!away && Date.now() - begun < 8000) {
    assert.equal(await ask(), 'done');
    answers++;
    await sleep(20);
  }
  assert.ok(away && answers > 0, `${answers} answers in ${Date.now() - begun} ms, and no GOAWAY`);
  client.destroy();
  assert.deepEqual(await g.process.ended, { code: 0, signal: null });
});

test('--drain is the limit', async () => {
  const g = await fresh({ args: ['--drain', '1s'] });
  const seen = upstream.seen.length;
  const answer = slow(g, 8000);
  await until('the request at the workload', () => upstream.seen.length > seen);
  const begun = Date.now();
  g.process.child.kill('SIGTERM');
  await g.process.ended;
  assert.ok(Date.now() - begun < 5000);
  await answer;
});

test('Ctrl-C of a terminal reaches nginx only through brama', async () => {
  const g = await fresh();
  const master = nginxOf(g);
  assert.notEqual(processInfo(master).session, processInfo(g.pid).session);
});

test('a second agent on the same state exits 69 and names the first', async () => {
  const g = await fresh();
  const [port, admin] = [await freePort(), await freePort()];
  const second = await verb(['run', '-f', g.rules, '--state', g.state, '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`]);
  assert.equal(second.code, 69, second.err);
  assert.match(second.err, new RegExp(`\\b${g.pid}\\b`));
  await expectExchange(g, { request: { target: '/x' }, status: 200, upstream });
});

test('a port that is taken is 69, with the address', async () => {
  const dir = temporary();
  const end = await verb(['run', '-f', dir, '--state', path.join(dir, 'state'), '--listen', `127.0.0.1:${upstream.port}`, '--admin', `127.0.0.1:${await freePort()}`]);
  assert.equal(end.code, 69, end.err);
  assert.ok(end.err.includes(String(upstream.port)), end.err);
});

test('a killed agent: workers serve on, the next agent takes over, stop ends an orphan', async () => {
  const g = await fresh();
  const master = nginxOf(g);
  g.process.child.kill('SIGKILL');
  await g.process.ended;
  const answer = await curl(g.url('httpbin', '/x'), { resolve: g.resolve('httpbin') });
  assert.equal(answer.status, 200);
  assert.equal((await g.ask('/livez')).status, 200);
  const next = await fresh({ state: g.state, rules: g.rules, ports: g });
  assert.equal(nginxOf(next), master, 'the same nginx, adopted');
  await expectExchange(next, { request: { target: '/x' }, status: 200, upstream });
  next.process.child.kill('SIGKILL');
  await next.process.ended;
  const orphan = nginxOf(next);
  const end = await verb(['stop', '--state', g.state]);
  assert.equal(end.code, 0, end.err);
  await until('nginx to be gone', () => !alive(orphan) && !alive(master));
  assert.ok(!(await listens(g.port)));
});

// A home is closed to everybody else, and a gateway that root starts has workers that are nobody.
test('state below a folder that only its owner may enter', { skip: process.getuid() !== 0 && 'only root\'s workers are somebody else' }, async () => {
  const home = temporary('brama-home');
  chmodSync(home, 0o700);
  const g = await fresh({ state: path.join(home, 'state') });
  await expectExchange(g, { request: { target: '/x' }, status: 200, upstream });
});

for (const [what, redirect] of [['a file', '>'], ['a pipe', '| cat >'], ['a socket, as under systemd', undefined]]) {
  test(`the access log is on standard output: ${what}`, async () => {
    const dir = temporary();
    const [port, admin] = [await freePort(), await freePort()];
    const log = path.join(dir, 'out');
    const args = ['run', '-f', dir, '--state', `${dir}/state`, '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`, '--workers', '1'];
    const line = `echo $$ >${dir}/pid; exec ${brama} ${args.join(' ')}`;
    const agent = redirect ? start('bash', ['-c', `bash -c '${line}' ${redirect} ${log}`], { env: runEnv(dir) }) : start('bash', ['-c', line], { env: runEnv(dir) });
    try {
      await until('readyz', async () => {
        if (agent.over) throw Object.assign(new Error(agent.err), { final: true });
        return (await curl(`http://127.0.0.1:${admin}/readyz`)).status === 200;
      }, { timeout: 20_000 });
      await curl(`http://127.0.0.1:${port}/x`);
      const entry = await until('the line', () => {
        const text = redirect ? readFileSync(log, 'utf8') : agent.out;
        const first = text.split('\n').find((l) => l.startsWith('{') && l.endsWith('}'));
        return first && JSON.parse(first);
      });
      assert.equal(entry.reason, 'no_host');
    } finally {
      if (!agent.over) process.kill(Number(readFileSync(`${dir}/pid`, 'utf8')), 'SIGTERM');
      await agent.ended;
    }
  });
}
