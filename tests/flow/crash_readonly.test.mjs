// The state directory is read-only: at the start, after a remount while brama runs, and after an error of its
// file system.
//
// Linux refuses to remount a file system on which somebody has files open for writing, and brama has. So where
// a remount is tried, those few lie on another one, each mounted over its name; what is made anew can't be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { verb } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { patient, rule } from './lib/patient.mjs';
import { freePort, sleep, temporary, until } from './lib/place.mjs';
import { alive } from './lib/process.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';

const ISSUER = 'https://issuer.test';
const WATCHED_MS = 2500; // tried each second: what is said once is not said three times
const HELD_WRITABLE = ['lock', 'nginx.lock', 'control', 'error.log', 'workers'];
let p;
const mounted = [];
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(async () => {
  await p.end();
  while (mounted.length) spawnSync('umount', ['-l', mounted.pop()]);
});

const mount = (...args) => {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) return stderr || 'mount fails';
  mounted.push(args.at(-1));
  return undefined;
};
const remount = (how, dir) => assert.equal(spawnSync('mount', ['-o', `remount,bind,${how}`, dir]).status, 0);
const mountable = () => {
  const why = process.getuid() === 0 ? mount('-t', 'tmpfs', 'none', temporary()) : 'only root mounts';
  while (mounted.length) spawnSync('umount', [mounted.pop()]);
  return why;
};
const cannotMount = mountable();
const skip = cannotMount && `a file system of its own can not be mounted here: ${cannotMount}`;

const runArgs = async (state) => ['run', '-f', p.rules, '--state', state, '--listen', `127.0.0.1:${await freePort()}`, '--admin', `127.0.0.1:${await freePort()}`];

test('at the start: 69, with the directory and the reason', { skip }, async () => {
  const dir = temporary();
  assert.equal(mount('-t', 'tmpfs', '-o', 'mode=755', 'none', dir), undefined);
  mkdirSync(path.join(dir, 'state'));
  p.rules = temporary();
  writeFileSync(path.join(p.rules, 'rule.yaml'), rule());
  remount('ro', dir);
  for (const state of [path.join(dir, 'state'), path.join(dir, 'new')]) {
    const end = await verb(await runArgs(state));
    assert.equal(end.code, 69, end.err);
    assert.equal(end.err.trim().split('\n').length, 1, end.err);
    assert.ok(end.err.includes(state) && end.err.includes('Read-only file system'), end.err);
  }
  remount('rw', dir);
  await p.open({ state: path.join(dir, 'state') });
  await p.passes();
});

test('a remount is refused while brama runs', { skip }, async () => {
  const dir = temporary();
  assert.equal(mount('-t', 'tmpfs', '-o', 'mode=755', 'none', dir), undefined);
  await p.open({ state: path.join(dir, 'state') });
  const { status, stderr } = spawnSync('mount', ['-o', 'remount,ro', dir], { encoding: 'utf8' });
  assert.notEqual(status, 0);
  assert.match(stderr, /busy/);
  await p.passes();
});

/** A gateway whose state directory can be remounted; {state, keys: its key set's file}. */
async function remountable() {
  const base = temporary();
  const [state, writable] = ['state', 'writable'].map((name) => path.join(base, name));
  for (const dir of [state, writable]) {
    mkdirSync(dir);
    assert.equal(mount('-t', 'tmpfs', '-o', 'mode=755', 'none', dir), undefined);
  }
  const keys = path.join(base, 'jwks.json');
  const [old, next] = [makeKey('ES256', { kid: 'old' }), makeKey('ES256', { kid: 'next' })];
  const publish = (...all) => writeFileSync(keys, JSON.stringify(jwks(...all)));
  publish(old);
  const secured = apiRule({ name: 'secured', host: 'secured', rules: [{ path: '/x', jwt: istioJwt(ISSUER, `file://${keys}`) }] });
  const files = (...paths) => ({ 'rule.yaml': documents(rule(...paths), secured) });
  await p.open({ state, files: files() });
  await p.gw.stop(); // all files are made
  for (const name of HELD_WRITABLE) {
    cpSync(path.join(state, name), path.join(writable, name), { recursive: true });
    assert.equal(mount('--bind', path.join(writable, name), path.join(state, name)), undefined);
  }
  await p.next();
  const ask = async (key) => {
    const headers = [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`];
    return (await curl(p.gw.url('secured', '/x'), { resolve: p.gw.resolve('secured'), headers })).status;
  };
  return { state, old, next, publish, ask, edit: (...paths) => p.gw.write('rule.yaml', files(...paths)['rule.yaml']) };
}

test('remounted while it runs: rotated keys and edits wait, it is said once, and heals by itself', { skip }, async () => {
  const it = await remountable();
  assert.equal(await it.ask(it.old), 200);
  p.load();
  remount('ro', it.state);
  assert.throws(() => writeFileSync(path.join(it.state, 'x'), ''), { code: 'EROFS' });

  it.publish(it.next);
  const heldUp = () => p.said(/what is in force stays: can't make a new file in .*: Read-only file system/);
  await until('the agent to say it', () => heldUp().length > 0);
  assert.ok(heldUp()[0].includes(it.state), 'which directory');
  it.edit('/later', '/first');
  it.edit('/later');
  await sleep(WATCHED_MS);
  assert.equal(p.said(/Read-only/).length, 1, p.gw.process.err);
  assert.equal(await it.ask(it.old), 200, 'by the last good keys');
  assert.equal(await it.ask(it.next), 401);
  assert.equal((await p.get('/later')).status, 404);
  const [worker] = p.workers();
  process.kill(worker, 'SIGKILL'); // the next one takes what is in force
  await p.replaced(worker);
  await p.gw.ready();

  await p.traffic.end(); // the killed worker may have had one
  p.traffic = undefined;
  remount('rw', it.state);
  await p.inForce('/later');
  assert.equal((await p.get('/first')).status, 404, 'the newest edit');
  await until('the new key', async () => (await it.ask(it.next)) === 200);
  assert.equal(await it.ask(it.old), 401);
  assert.equal(p.said(/changes go into force again/).length, 1, p.gw.process.err);
  assert.deepEqual(readdirSync(it.state).filter((name) => name.endsWith('.tmp')), []);
  await p.gw.ready();
  await p.passes('/later');
});

function ext4() {
  if (cannotMount) return { why: cannotMount };
  const base = temporary();
  const image = path.join(base, 'image');
  const dir = path.join(base, 'disk');
  mkdirSync(dir);
  const made = spawnSync('sh', ['-c', `truncate -s 64M ${image} && PATH="$PATH:/usr/sbin" mkfs.ext4 -q -F ${image}`], { encoding: 'utf8' });
  const why = made.status !== 0 ? made.stderr : mount('-o', 'loop,errors=remount-ro', image, dir);
  if (why) return { why };
  const device = spawnSync('findmnt', ['-no', 'SOURCE', dir], { encoding: 'utf8' }).stdout.trim();
  const trigger = `/sys/fs/ext4/${path.basename(device)}/trigger_fs_error`;
  return existsSync(trigger) ? { dir, fail: () => writeFileSync(trigger, 'tested') } : { why: `${trigger} is missing` };
}

test('its file system has an error, and is read-only from then on: served on, also by the next worker', { skip }, async (t) => {
  const disk = ext4();
  if (disk.why) return t.skip(`no file system that can be told to have an error: ${disk.why}`);
  await p.open({ state: path.join(disk.dir, 'state'), asan: ['handle_sigbus=0'] });
  const master = p.master();
  p.load();
  await until('requests', () => p.traffic.sent.length > 40);
  spawnSync('sync', ['-f', disk.dir]);
  disk.fail();
  p.gw.write('rule.yaml', rule('/later'));
  await until('the agent to say it', () => p.said(/what is in force stays: can't make a new file in .*: Read-only file system/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(p.said(/what is in force stays/).length, 1, p.gw.process.err);
  assert.equal((await p.get('/later')).status, 404);
  await p.nothingLost();
  p.traffic = undefined;
  const [worker] = p.workers();
  process.kill(worker, 'SIGKILL');
  await p.replaced(worker);
  await p.inForce('/x');
  assert.equal((await p.gw.ask('/readyz')).status, 503, 'it has no page');
  await sleep(WATCHED_MS);
  assert.equal((await p.get('/x')).status, 200);
  assert.equal(p.workers().length, 1);
  assert.equal(p.master(), master);
  assert.ok(alive(p.gw.process.pid));
});
