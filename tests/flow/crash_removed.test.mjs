// The state directory, or a lock in it, is removed while brama runs: it is made again, with all that is known,
// another nginx takes over whose lock it has, and no client notices. Two agents never both go on.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { gateway, verb } from './lib/gateway.mjs';
import { patient, rule } from './lib/patient.mjs';
import { freePort, sleep, temporary, until } from './lib/place.mjs';
import { alive } from './lib/process.mjs';

let p, other;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(async () => {
  await other?.stop();
  other = undefined;
  await p.end();
});
const inState = (...names) => path.join(p.gw.state, ...names);
const enough = (count) => until('more requests', () => p.traffic.sent.length >= count);
const lockedBy = () => Number(readFileSync(inState('lock'), 'utf8'));
// The agent puts things into it while it is being removed.
function removeState() {
  try {
    rmSync(p.gw.state, { recursive: true });
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error;
    removeState();
  }
}
/** Another nginx serves, and the one before it is gone. */
const handedOver = async (master) => {
  await until('the end of the one before it', () => !alive(master));
  await until('nginx.pid, which that one has removed', () => existsSync(inState('nginx.pid')) && alive(p.master()));
  await p.gw.ready();
};
/** The next agent finds everything as one expects. */
async function isWhole(more = {}) {
  const master = p.master();
  const second = await verb(['run', ...p.gw.inputArgs, '--state', p.gw.state, '--listen', `127.0.0.1:${await freePort()}`, '--admin', `127.0.0.1:${await freePort()}`]);
  assert.equal(second.code, 69);
  assert.ok(second.err.includes(`another agent, process ${p.gw.process.pid}`), second.err);
  await p.killAgent();
  await p.next(more);
  assert.match(p.gw.process.err, new RegExp(`taken over from an earlier run, process ${master}\\b`));
  await p.passes();
}

for (const [what, tls] of [['', false], [', TLS', true]]) {
  test(`the directory is removed under load${what}: made again, and nothing is lost`, async () => {
    const caFile = path.join(temporary(), 'ca.pem');
    writeFileSync(caFile, readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8').match(/-----BEGIN[^]*?END CERTIFICATE-----\n/)[0]);
    const more = { tls, args: ['--workers', '2', '--ca-file', caFile] };
    await p.open(more);
    const master = p.master();
    const told = p.told('policy');
    p.load({ lanes: 4 });
    await enough(40);
    removeState();
    await enough(p.traffic.sent.length + 40);
    await until('the agent to say it', () => p.said(/was removed: made again/).length > 0);
    await handedOver(master);
    p.gw.write('rule.yaml', rule('/later'));
    await p.inForce('/later');
    await enough(p.traffic.sent.length + 40);
    await p.nothingLost();
    assert.equal(p.said(/was removed: made again/).length, 1, p.gw.process.err);
    assert.equal(p.said(/somebody has changed or removed/).length, 1, p.gw.process.err);
    assert.ok(p.told('policy') > told, 'a number that was never used');
    assert.equal(lockedBy(), p.gw.process.pid);
    assert.deepEqual(readdirSync(inState('good')), ['shop.httpbin.json']);
    assert.ok(existsSync(inState('agent.sock')));
    await p.passes('/later');
    await isWhole(more);
  });
}

test('it can not be made again while something stands in its place: said once, served on, and healed', async () => {
  await p.open();
  const master = p.master();
  p.load();
  removeState();
  writeFileSync(p.gw.state, 'in its place');
  p.gw.write('rule.yaml', rule('/later'));
  await until('the agent to say it', () => p.said(/was removed, and can't be made again: .*Not a directory; what is in force stays/).length > 0);
  await until('the agent to say it', () => p.said(/what is in force stays: can't make a new file/).length > 0);
  await sleep(2500); // it is tried each second
  assert.equal(p.said(/can't be made again/).length, 1, p.gw.process.err);
  assert.equal(p.said(/can't make a new file/).length, 1, p.gw.process.err);
  assert.equal((await p.get('/later')).status, 404);
  rmSync(p.gw.state);
  await p.inForce('/later');
  await handedOver(master);
  await p.nothingLost();
  await isWhole();
});

test('another agent has made it meanwhile: the first serves on, and has it when that one ends', async () => {
  await p.open();
  const master = p.master();
  p.gw.process.child.kill('SIGSTOP');
  removeState();
  other = await gateway({ services: { 'httpbin.shop': p.upstream.port }, files: { 'rule.yaml': rule() }, state: p.gw.state });
  p.load();
  p.gw.process.child.kill('SIGCONT');
  await until('the first to say it', () => p.said(new RegExp(`can't be made again: another agent, process ${other.process.pid}`)).length > 0);
  await sleep(1500);
  assert.equal(lockedBy(), other.process.pid);
  assert.equal((await p.get('/x')).status, 200);
  await other.stop();
  other = undefined;
  await until('the first to have it', () => p.said(/was removed: made again/).length > 0);
  p.gw.write('rule.yaml', rule('/later'));
  await p.inForce('/later');
  await handedOver(master);
  await p.nothingLost();
  await isWhole();
});

test('lock is removed: made again; where another agent was faster, the first one goes, and its nginx serves on', async () => {
  await p.open();
  rmSync(inState('lock'));
  await until('another lock', () => existsSync(inState('lock')) && lockedBy() === p.gw.process.pid);
  const master = p.master();
  p.load();
  p.gw.process.child.kill('SIGSTOP');
  rmSync(inState('lock'));
  const first = p.gw;
  await p.next({ wait: false });
  await until('the second to have it', () => existsSync(inState('lock')) && lockedBy() === p.gw.process.pid);
  first.process.child.kill('SIGCONT');
  assert.deepEqual(await first.process.ended, { code: 69, signal: null });
  assert.match(first.process.err, new RegExp(`somebody has removed lock: another agent, process ${p.gw.process.pid}, runs`));
  await p.gw.ready();
  assert.equal(p.master(), master);
  p.gw.write('rule.yaml', rule('/later'));
  await p.inForce('/later');
  assert.ok(existsSync(inState('agent.sock')), "the second's");
  await p.nothingLost();
});

test('nginx.lock is removed: another nginx takes over, which the next agent finds', async () => {
  await p.open();
  const master = p.master();
  p.load();
  rmSync(inState('nginx.lock'));
  await handedOver(master);
  assert.equal(p.said(/somebody has removed nginx\.lock/).length, 1, p.gw.process.err);
  await p.nothingLost();
  await isWhole();
});
