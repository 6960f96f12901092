// What /readyz says while something is missing: a worker, or the newest files in one of them.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { until } from './lib/place.mjs';
import { childrenOf } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const CONTROL_POLICY_AT = 16; // of the number in state/control: behind magic, format and a gap
const PAGE_POLICY_AT = 40; // of the number in state/workers/0
let upstream, gw;
const open = async (...args) =>
  (gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'rule.yaml': apiRule({ rules: [{ path: '/x', noAuth: true }] }) }, args }));
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());
afterEach(async () => {
  await gw?.stop();
  gw = undefined;
});
const master = () => Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'));
const workers = () => childrenOf(master()).map((one) => one.pid);
const passes = () => expectExchange(gw, { request: { target: '/x' }, status: 200, upstream });
const unready = (what) =>
  until('readyz to say no', async () => {
    const answer = await gw.ask('/readyz');
    return answer.status === 503 && what.test(answer.text) && answer;
  });

test('yes is said only when every configured worker is there', async () => {
  await open('--workers', '2');
  const [one, two] = workers();
  assert.ok(one && two, 'both are there when it says yes for the first time');
  process.kill(master(), 'SIGSTOP'); // so that nobody replaces the one that is killed
  try {
    process.kill(one, 'SIGKILL');
    await unready(/^1 of 2 workers$/m);
    await passes();
  } finally {
    process.kill(master(), 'SIGCONT');
  }
  await gw.ready();
  assert.equal(workers().length, 2);
  assert.ok(workers().includes(two));
});

test('no is said while a published file is not in force', async () => {
  await open();
  gw.process.child.kill('SIGKILL'); // nobody else writes to its state now
  await gw.process.ended;
  const control = path.join(gw.state, 'control');
  const number = readFileSync(control).readBigUInt64LE(CONTROL_POLICY_AT) + 1n;
  writeFileSync(path.join(gw.state, `policy.${number}`), 'not a policy');
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(number);
  const fd = openSync(control, 'r+');
  writeSync(fd, bytes, 0, 8, CONTROL_POLICY_AT);
  closeSync(fd);
  const { text } = await unready(/./);
  assert.match(text, new RegExp(`worker \\d+ \\(pid ${workers()[0]}\\): policy ${number - 1n} of ${number}`));
  assert.match(text, /files that couldn't be taken: [1-9]/);
  assert.match(readFileSync(path.join(gw.state, 'error.log'), 'utf8'), new RegExp(`can't take "[^"]*policy\\.${number}"`));
  await passes();

  // The next agent publishes above that number, and all is well.
  const next = (gw = await gateway({ services: { 'httpbin.shop': upstream.port }, state: gw.state, rules: gw.rules, ports: gw }));
  assert.ok(readFileSync(control).readBigUInt64LE(CONTROL_POLICY_AT) > number);
  await passes(next);
});

test('a worker that no poke reaches takes what is new, though nobody asks it anything', async () => {
  await open();
  const number = (file, at) => readFileSync(path.join(gw.state, file)).readBigUInt64LE(at);
  const before = number('workers/0', PAGE_POLICY_AT);
  assert.equal(before, number('control', CONTROL_POLICY_AT));
  rmSync(path.join(gw.state, 'workers/0.sock'));
  gw.write('rule.yaml', apiRule({ rules: ['/x', '/y'].map((at) => ({ path: at, noAuth: true })) }));
  await until('the agent to publish it', () => number('control', CONTROL_POLICY_AT) > before);
  await until('the worker to have it', () => number('workers/0', PAGE_POLICY_AT) === number('control', CONTROL_POLICY_AT), { timeout: 5000 });
});
