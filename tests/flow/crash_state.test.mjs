// The state directory is full, closed, removed or damaged: what is in force stays, it is said once, and all
// is well again when the cause is gone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { clients } from './lib/clients.mjs';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway, unprivileged } from './lib/gateway.mjs';
import { brama, sleep, temporary, until } from './lib/place.mjs';
import { alive, childrenOf } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const NUMBERS_AT = { policy: 16, facts: 24 }; // in state/control
const WATCHED_MS = 2500; // the agent tries again each second: what is said once is not said three times
let upstream, gw, traffic, mounted;
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());
afterEach(async () => {
  await traffic?.end();
  await gw?.stop();
  if (mounted) spawnSync('umount', ['-l', mounted]);
  gw = traffic = mounted = undefined;
  upstream.seen.length = 0;
});

const rule = (...paths) => apiRule({ rules: ['/x', ...paths].map((one) => ({ path: one, noAuth: true })) });
const open = async (more = {}) => (gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'rule.yaml': rule() }, ...more }));
const load = () => (traffic = clients(gw.port, () => ({ host: `httpbin.${gw.domain}`, target: '/x' }), { lanes: 2 }));
const get = (target) => curl(gw.url('httpbin', target), { resolve: gw.resolve('httpbin') });
const passes = (target = '/x') => expectExchange(gw, { request: { target }, status: 200, upstream });
const inForce = (target) => until(`${target} to be in force`, async () => (await get(target)).status === 200);
const said = (what) => gw.process.err.split('\n').filter((line) => what.test(line));
const master = () => Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'));
const workers = () => childrenOf(master()).map((one) => one.pid);
const errorLog = () => readFileSync(path.join(gw.state, 'error.log'), 'utf8');
const control = () => path.join(gw.state, 'control');
const told = (kind) => readFileSync(control()).readBigUInt64LE(NUMBERS_AT[kind]);
const fileOf = (kind) => path.join(gw.state, `${kind}.${told(kind)}`);
function poke(file, at, bytes) {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}
const number = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const flip = (file, at) => poke(file, at, Buffer.from([readFileSync(file)[at] ^ 0x5a]));
async function killAgent() {
  gw.process.child.kill('SIGKILL');
  await gw.process.ended;
}
const next = () => open({ state: gw.state, rules: gw.rules, ports: gw, files: {} });

/** An edit that can't be published while `cause` lasts. */
async function heldUp(cause, heal, why) {
  load();
  await cause();
  gw.write('rule.yaml', rule('/later'));
  await until('the agent to say it', () => said(/what is in force stays/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(said(/what is in force stays/).length, 1, gw.process.err);
  assert.match(gw.process.err, why);
  assert.equal((await get('/later')).status, 404);
  await heal();
  await inForce('/later');
  assert.equal(said(/changes go into force again/).length, 1, gw.process.err);
  await traffic.end();
  traffic.verdict(upstream);
  await passes();
}

function mountable() {
  const dir = temporary();
  if (process.getuid() !== 0 || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]).status !== 0) return false;
  spawnSync('umount', [dir]);
  return true;
}

test('a full disk', { skip: !mountable() && 'a file system of its own can not be mounted here' }, async () => {
  mounted = temporary();
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=755', 'none', mounted]).status, 0);
  await open({ state: path.join(mounted, 'state') });
  const filler = path.join(mounted, 'filler');
  const fill = () => {
    const fd = openSync(filler, 'a');
    const block = Buffer.alloc(4096);
    try {
      for (;;) writeSync(fd, block);
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
    } finally {
      closeSync(fd);
    }
  };
  await heldUp(fill, () => rmSync(filler), /what is in force stays: can't \w+ a new file in .*: No space left on device/);

  // A worker that starts while there is no room has no page to write to, and must not die of it.
  for (const name of readdirSync(path.join(gw.state, 'workers'))) rmSync(path.join(gw.state, 'workers', name));
  const [before] = workers();
  process.kill(master(), 'SIGSTOP');
  try {
    process.kill(before, 'SIGKILL');
    await until('its end', () => !alive(before));
    fill(); // what it had, too
  } finally {
    process.kill(master(), 'SIGCONT');
  }
  await until('another worker', () => workers().length === 1 && workers()[0] !== before);
  const [now] = workers();
  await passes();
  assert.equal((await gw.ask('/readyz')).status, 503, 'it has no page');
  rmSync(filler);
  await gw.ready();
  assert.deepEqual(workers(), [now]);
});

const reachable = spawnSync(brama, ['version'], unprivileged).status === 0;
test('a state directory that can not be written any more', { skip: process.getuid() === 0 && !reachable && `nobody can not reach ${brama}` }, async () => {
  await open(process.getuid() === 0 ? { as: unprivileged } : {}); // no permission keeps root out
  await heldUp(() => chmodSync(gw.state, 0o500), () => chmodSync(gw.state, 0o700), /Permission denied/);
});

test('a state directory that is moved away works on; one that is removed is complained about once, and SIGTERM still ends all', async () => {
  await open();
  renameSync(gw.state, `${gw.state}-away`);
  gw.write('rule.yaml', rule('/moved'));
  await inForce('/moved');
  renameSync(`${gw.state}-away`, gw.state);
  const nginx = master();
  load();
  rmSync(gw.state, { recursive: true });
  gw.write('rule.yaml', rule('/removed'));
  await until('the agent to say it', () => said(/what is in force stays/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(said(/what is in force stays/).length, 1, gw.process.err);
  assert.equal(said(/somebody has changed or removed/).length, 1, gw.process.err);
  assert.match(gw.process.err, /No such file or directory/);
  await traffic.end();
  traffic.verdict(upstream);
  assert.equal((await get('/moved')).status, 200);
  gw.process.child.kill('SIGTERM');
  assert.deepEqual(await gw.process.ended, { code: 0, signal: null });
  assert.ok(!alive(nginx));
});

test('last good forms that can not be written are written later', async () => {
  await open();
  const good = path.join(gw.state, 'good');
  rmSync(good, { recursive: true });
  gw.write('rule.yaml', rule('/kept'));
  await inForce('/kept');
  await until('the agent to say it', () => said(/1 last good forms couldn't be written: No such file or directory/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(said(/last good forms/).length, 1, gw.process.err);
  mkdirSync(good);
  await until('the form', () => existsSync(path.join(good, 'shop.httpbin.json')));
  await until('the agent to say it', () => said(/last good forms are kept again/).length === 1);
});

// What can become of a published file; the agent lives.
const damages = {
  'one bit is flipped': (file) => flip(file, statSync(file).size - 9),
  'it is removed': (file) => rmSync(file),
  'it is replaced': (file) => {
    rmSync(file);
    writeFileSync(file, 'nothing of ours');
  },
};
for (const kind of ['policy', 'facts']) {
  for (const [what, damage] of Object.entries(damages)) {
    test(`${kind}, while the agent lives: ${what}; it is published anew`, async () => {
      await open();
      const before = told(kind);
      damage(fileOf(kind));
      await until('a new number', () => told(kind) > before);
      await gw.ready();
      assert.equal(said(/somebody has changed or removed/).length, 1, gw.process.err);
      await passes();
      process.kill(workers()[0], 'SIGKILL'); // the next one has to take it
      await gw.ready();
      await passes();
    });
  }
  test(`${kind} is cut while workers have it mapped: a worker may die of it, nobody is let in, the next agent's look heals it`, async () => {
    await open({ asan: ['handle_sigbus=0'] });
    const before = told(kind);
    truncateSync(fileOf(kind), 0);
    const answer = await get('/secret');
    assert.ok([0, 404, 503].includes(answer.status), `${answer.status}`);
    await until('a new number', () => told(kind) > before);
    await gw.ready();
    await passes();
  });

  for (const [what, damage] of Object.entries({ ...damages, 'it is cut': (file) => truncateSync(file, statSync(file).size - 1), 'it is empty': (file) => truncateSync(file, 0) })) {
    test(`${kind}, without an agent: ${what}; a worker that starts then refuses, and says so`, async () => {
      await open();
      const file = fileOf(kind);
      await killAgent();
      const [before] = workers();
      damage(file);
      process.kill(before, 'SIGKILL');
      await until('another worker', () => workers().length === 1 && workers()[0] !== before);
      const seen = upstream.seen.length;
      const answer = await get('/x');
      assert.ok([404, 503].includes(answer.status), `${answer.status} ${answer.text}`);
      assert.equal(upstream.seen.length, seen, 'nobody is let in');
      const ready = await gw.ask('/readyz');
      assert.equal(ready.status, 503);
      assert.match(ready.text, new RegExp(`${kind} 0 of ${told(kind)}`));
      assert.match(errorLog(), new RegExp(`can't take "[^"]*${path.basename(file)}"`));
      await next();
      await passes();
      assert.doesNotMatch(errorLog(), /exited on signal (?!9\b)/);
    });
  }
}

const controlDamages = {
  'its magic is gone': () => poke(control(), 0, Buffer.alloc(8)),
  'its format is another': () => poke(control(), 8, Buffer.from([99])),
  'its numbers are 0': () => poke(control(), 16, Buffer.alloc(16)),
  'its numbers are the highest': () => poke(control(), 16, Buffer.alloc(16, 0xff)),
  'its numbers are others': () => poke(control(), 16, Buffer.concat([number(told('policy') + 7n), number(told('facts') + 7n)])),
  'all of it is noise': () => poke(control(), 0, Buffer.alloc(8192, 0xa5)),
  'it is removed': () => rmSync(control()),
};
for (const [what, damage] of Object.entries(controlDamages)) {
  test(`the control page, ${what}: put right while the agent lives, and by the next agent`, async () => {
    await open();
    load();
    const highest = told('policy');
    damage();
    await until('the agent to say it', () => said(/somebody has changed or removed control/).length > 0);
    gw.write('rule.yaml', rule('/lives'));
    await inForce('/lives');
    assert.ok(told('policy') > highest);
    await gw.ready();
    assert.equal(said(/somebody has changed or removed/).length, 1, gw.process.err);

    await killAgent();
    const files = readdirSync(gw.state).filter((name) => /^policy\.\d+$/.test(name)).map((name) => BigInt(name.slice(7)));
    damage();
    gw.write('rule.yaml', rule('/lives', '/next'));
    await next();
    await inForce('/next');
    assert.ok(files.every((used) => used < told('policy')), 'a number that was never used');
    await traffic.end();
    traffic.verdict(upstream);
    assert.doesNotMatch(errorLog(), /exited on signal/);
  });
}

test('a worker\'s page that becomes noise, is cut or removed: seen in /readyz, and put right', async () => {
  await open({ asan: ['handle_sigbus=0'] });
  const page = path.join(gw.state, 'workers/0');
  poke(page, 0, Buffer.alloc(64, 0xa5));
  await until('it to be signed again', () => readFileSync(page).subarray(0, 8).toString() === 'BRAMAWRK');
  await gw.ready();
  await passes();
  truncateSync(page, 0);
  await get('/x'); // the worker may die of it: its counters are there
  await until('a whole page', () => statSync(page).size >= 4096);
  await gw.ready();
  await passes();
});
