// An agent dies and the next one comes: with the same nginx in mind, or with another. Nobody's request
// is refused or lost for it.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { clients } from './lib/clients.mjs';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { buildDir, sleep, temporary, until } from './lib/place.mjs';
import { alive, childrenOf, run, start } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw, traffic;
const rule = (...paths) => apiRule({ rules: paths.map((one) => ({ path: one, noAuth: true })) });
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());
afterEach(async () => {
  await traffic?.end();
  await gw?.stop();
  gw = traffic = undefined;
  upstream.seen.length = 0;
});
const open = async (more = {}) => (gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'rule.yaml': rule('/x') }, ...more }));
/** The next agent, of the same state; it is the one that is stopped in the end. */
const next = (g, more = {}) => open({ state: g.state, rules: g.rules, ports: g, files: {}, ...more });
const kill = async (g) => {
  g.process.child.kill('SIGKILL');
  await g.process.ended;
};
const nginxOf = (g) => Number(readFileSync(path.join(g.state, 'nginx.pid'), 'utf8'));
const load = (g, target = '/x') => (traffic = clients(g.port, () => ({ host: `httpbin.${g.domain}`, target })));
const passes = (g, target = '/x') => expectExchange(g, { request: { target }, status: 200, upstream });
const enough = (count) => until('more requests', () => traffic.sent.length >= count);
/** A request that the workload holds until it is told to answer. */
async function held(g) {
  const usual = upstream.answer;
  let release;
  upstream.answer = (req, res, seen) => {
    if (seen.target !== '/x?held') return usual(req, res, seen);
    release = () => res.end('at last');
  };
  const answer = curl(g.url('httpbin', '/x?held'), { resolve: g.resolve('httpbin') });
  await until('the held request at the workload', () => release);
  return () => {
    upstream.answer = usual;
    release();
    return answer;
  };
}

test('killed under load, and the same again: nginx is adopted, nothing is lost, edits go on', async () => {
  const g = await open({ args: ['--workers', '2'] });
  const master = nginxOf(g);
  const workers = childrenOf(master).map((one) => one.pid);
  load(g);
  for (let i = 0; i < 3; i++) {
    await kill(gw);
    await enough(traffic.sent.length + 20);
    await next(g, { args: ['--workers', '2'] });
    await enough(traffic.sent.length + 20);
    assert.match(gw.process.err, new RegExp(`taken over from an earlier run, process ${master}\\b`));
  }
  assert.equal(nginxOf(gw), master);
  assert.deepEqual(childrenOf(master).map((one) => one.pid), workers);
  await traffic.end();
  traffic.verdict(upstream);
  assert.ok(traffic.sent.every((one) => one.tries === 1), 'no connection was closed');
  gw.write('rule.yaml', rule('/x', '/edited'));
  await until('the edit', async () => (await curl(gw.url('httpbin', '/edited'), { resolve: gw.resolve('httpbin') })).status === 200);
  await passes(gw, '/edited');
});

// What makes another nginx of it; each gives the arguments of the next agent.
const others = {
  'another number of workers': () => ['--workers', '2'],
  'another build of the module': () => {
    const copy = path.join(temporary(), 'ngx_http_brama_module.so');
    copyFileSync(path.join(buildDir, 'src/gateway/ngx_http_brama_module.so'), copy);
    return ['--module', copy];
  },
  'another nginx program': async () => {
    const copy = path.join(temporary(), 'nginx');
    const { out } = await run('sh', ['-c', 'PATH="$PATH:/usr/sbin" command -v nginx']);
    copyFileSync(out.trim(), copy);
    chmodSync(copy, 0o755);
    return ['--nginx', copy];
  },
};
for (const [what, args] of Object.entries(others)) {
  test(`killed under load, then ${what}: the new nginx takes the sockets over, the old one drains`, async () => {
    const g = await open();
    const master = nginxOf(g);
    load(g);
    const finish = await held(g);
    await kill(g);
    await enough(20);
    await next(g, { args: await args() });
    assert.match(gw.process.err, new RegExp(`the nginx before it, process ${master}, answers what it has`));
    const seen = traffic.sent.length;
    await enough(seen + 50);
    assert.ok(alive(master), 'a request is under way');
    assert.notEqual(nginxOf(gw), master);
    assert.equal((await gw.ask('/readyz')).status, 200, 'the old one does not count');
    assert.equal((await finish()).text, 'at last');
    await until('the old one to be gone', () => !alive(master));
    await until('nginx.pid, which the old one has removed', () => alive(nginxOf(gw)));
    await enough(traffic.sent.length + 20);
    await traffic.end();
    traffic.verdict(upstream);
    await passes(gw);
  });
}

test('killed while two masters live: the next agent keeps the one that fits, and ends the other', async () => {
  const g = await open();
  const first = nginxOf(g);
  load(g);
  const finish = await held(g);
  await kill(g);
  await next(g, { args: ['--workers', '2'] });
  const second = nginxOf(gw);
  await kill(gw);
  await next(g, { args: ['--workers', '2'] });
  assert.match(gw.process.err, new RegExp(`taken over from an earlier run, process ${second}\\b`));
  assert.equal((await finish()).text, 'at last');
  await until('the first to be gone', () => !alive(first));
  await until('nginx.pid to name the second', () => nginxOf(gw) === second);
  await traffic.end();
  traffic.verdict(upstream);
  const end = await verb(['stop', '--state', g.state]);
  assert.equal(end.code, 0, end.err);
  assert.ok(!alive(second) && !alive(first));
});

test('nginx.pid names somebody else: nobody but our nginx is taken over or ended', async () => {
  const g = await open();
  const master = nginxOf(g);
  const stranger = start('sleep', ['60']);
  const lie = () => writeFileSync(path.join(g.state, 'nginx.pid'), `${stranger.pid}\n`);
  await kill(g);
  lie();
  await next(g);
  assert.match(gw.process.err, new RegExp(`taken over from an earlier run, process ${master}\\b`));
  await until('nginx.pid to be put right', () => nginxOf(gw) === master);
  await kill(gw);
  lie();
  const end = await verb(['stop', '--state', g.state]);
  assert.equal(end.code, 0, end.err);
  assert.ok(!alive(master));
  assert.ok(!stranger.over);
  await stranger.stop();
});

test('an address that a stranger has: 69, and the nginx of the earlier run serves on', async () => {
  const g = await open();
  const master = nginxOf(g);
  await kill(g);
  const end = await verb(['run', ...g.inputArgs, '--state', g.state, '--listen', `127.0.0.1:${g.port}`, '--tls-listen', `127.0.0.1:${upstream.port}`, '--admin', g.admin]);
  assert.equal(end.code, 69, end.err);
  assert.ok(end.err.includes(`127.0.0.1:${upstream.port}`), end.err);
  await sleep(200);
  assert.ok(alive(master));
  await passes(g);
  await next(g);
  assert.equal(nginxOf(gw), master);
});

test('an nginx that does not start: 69, and that of the earlier run serves on', async () => {
  const g = await open();
  const master = nginxOf(g);
  await kill(g);
  const end = await verb(['run', ...g.inputArgs, '--state', g.state, '--listen', `127.0.0.1:${g.port}`, '--admin', g.admin, '--nginx', '/bin/false']);
  assert.equal(end.code, 69, end.err);
  assert.match(end.err, /nginx didn't start/);
  assert.ok(alive(master));
  await passes(g);
  await next(g);
  assert.equal(nginxOf(gw), master);
});

for (const [from, to] of [['127.0.0.1', '0.0.0.0'], ['0.0.0.0', '127.0.0.1']]) {
  test(`killed under load, then ${to} instead of ${from}: both listen until the old nginx has let go`, async () => {
    const g = await open({ address: from });
    const master = nginxOf(g);
    load(g);
    const finish = await held(g);
    await kill(g);
    await enough(20);
    await next(g, { address: to });
    await until('the old one to be told', () => gw.process.err.includes(`the nginx before it, process ${master}, answers what it has`));
    await enough(traffic.sent.length + 100);
    assert.ok(alive(master), 'a request is under way');
    assert.equal((await finish()).text, 'at last');
    await until('the old one to be gone', () => !alive(master));
    await enough(traffic.sent.length + 50);
    await traffic.end();
    traffic.verdict(upstream);
    await passes(gw);
    const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n').filter((line) => line.includes(`:${gw.port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`));
    assert.deepEqual(listening.map((line) => line.trim().split(/\s+/)[1].split(':')[0]), [to === '0.0.0.0' ? '00000000' : '0100007F']);
  });
}

test('agent and master are killed: the next agent starts while their workers still drain', async () => {
  const g = await open();
  const master = nginxOf(g);
  const finish = await held(g);
  await kill(g);
  process.kill(master, 'SIGKILL');
  await next(g);
  await passes(gw);
  assert.equal((await finish()).text, 'at last');
});

test('a master that was taken over is killed: the next one has its sockets, nobody is refused', async () => {
  const g = await open();
  await kill(g);
  await next(g);
  const master = nginxOf(gw);
  const finish = await held(gw);
  load(gw);
  await enough(20);
  process.kill(master, 'SIGKILL');
  await until('another master', () => /ended by itself; started again/.test(gw.process.err) && alive(nginxOf(gw)) && nginxOf(gw) !== master);
  await enough(traffic.sent.length + 50);
  assert.equal((await finish()).text, 'at last', 'its worker drains');
  await traffic.end();
  traffic.verdict(upstream);
});
