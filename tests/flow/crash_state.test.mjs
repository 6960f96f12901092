// The state directory is full or closed: what is in force stays, it is said once, and all is well again when
// the cause is gone. Removed: crash_removed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { notUnprivileged, unprivileged } from './lib/gateway.mjs';
import { patient, rule } from './lib/patient.mjs';
import { sleep, temporary, until } from './lib/place.mjs';
import { alive } from './lib/process.mjs';

const WATCHED_MS = 2500; // the agent tries again each second: what is said once is not said three times
let p, mounted;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(async () => {
  await p.end();
  if (mounted) spawnSync('umount', ['-l', mounted]);
  mounted = undefined;
});

/** An edit that can't be published while `cause` lasts. */
async function heldUp(cause, heal, why) {
  p.load();
  await cause();
  p.gw.write('rule.yaml', rule('/later'));
  await until('the agent to say it', () => p.said(/what is in force stays/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(p.said(/what is in force stays/).length, 1, p.gw.process.err);
  assert.match(p.gw.process.err, why);
  assert.equal((await p.get('/later')).status, 404);
  await heal();
  await p.inForce('/later');
  assert.equal(p.said(/changes go into force again/).length, 1, p.gw.process.err);
  await p.nothingLost();
  await p.passes();
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
  await p.open({ state: path.join(mounted, 'state') });
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
  const folder = path.join(p.gw.state, 'workers');
  const names = readdirSync(folder);
  for (const name of names) rmSync(path.join(folder, name));
  const [before] = p.workers();
  process.kill(p.master(), 'SIGSTOP');
  try {
    process.kill(before, 'SIGKILL');
    await until('its end', () => !alive(before));
    fill(); // what it had, too
  } finally {
    process.kill(p.master(), 'SIGCONT');
  }
  await p.replaced(before);
  const [now] = p.workers();
  await p.passes();
  assert.equal((await p.gw.ask('/readyz')).status, 503, 'it has no page');
  rmSync(filler);
  await p.gw.ready();
  assert.deepEqual(p.workers(), [now]);
  assert.deepEqual(readdirSync(folder), names);

  // An agent that starts while there is no room takes nginx over as soon as there is some.
  await p.killAgent();
  fill();
  p.gw.write('rule.yaml', rule('/later', '/last'));
  await p.next({ wait: false });
  await until('the agent to say it', () => p.said(/what is in force stays: can't \w+ a new file/).length === 1);
  assert.equal((await p.get('/x')).status, 200);
  rmSync(filler);
  await p.gw.ready();
  await p.passes('/last');
  assert.deepEqual(p.workers(), [now]);
});

test('a state directory that can not be written any more', { skip: process.getuid() === 0 && notUnprivileged() }, async () => {
  await p.open(process.getuid() === 0 ? { as: unprivileged } : {}); // no permission keeps root out
  await heldUp(() => chmodSync(p.gw.state, 0o500), () => chmodSync(p.gw.state, 0o700), /Permission denied/);
});

test('a state directory that is moved away works on', async () => {
  await p.open();
  const master = p.master();
  renameSync(p.gw.state, `${p.gw.state}-away`);
  p.gw.write('rule.yaml', rule('/moved'));
  await p.inForce('/moved');
  renameSync(`${p.gw.state}-away`, p.gw.state);
  await p.gw.ready();
  await p.passes();
  assert.equal(p.master(), master);
});

test('last good forms that can not be written are written later', async () => {
  await p.open();
  const good = path.join(p.gw.state, 'good');
  rmSync(good, { recursive: true });
  p.gw.write('rule.yaml', rule('/kept'));
  await p.inForce('/kept');
  await until('the agent to say it', () => p.said(/1 last good forms couldn't be written: No such file or directory/).length > 0);
  await sleep(WATCHED_MS);
  assert.equal(p.said(/last good forms/).length, 1, p.gw.process.err);
  mkdirSync(good);
  await until('the form', () => existsSync(path.join(good, 'shop.httpbin.json')));
  await until('the agent to say it', () => p.said(/last good forms are kept again/).length === 1);
});
