// Workers that can't start: nginx would start one after the other for ever, or none any more. That is said once,
// with the reason, and another nginx is started; what can't start at all is an end with 69.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { patient, rule } from './lib/patient.mjs';
import { buildDir, sleep, temporary, until } from './lib/place.mjs';
import { alive, run } from './lib/process.mjs';

const module = path.join(buildDir, 'src/gateway/ngx_http_brama_module.so');
let p;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(() => p.end());
const exits = () => (p.errorLog().match(/exited on signal (?!9\b)/g) ?? []).length;
const enough = (count) => until('more requests', () => p.traffic.sent.length >= count);

for (const workers of [1, 2]) {
  test(`the module's file is cut while ${workers} ${workers === 1 ? 'worker runs' : 'workers run'}: what starts then dies, which neither goes on for ever nor is kept quiet`, async () => {
    const copy = path.join(temporary(), 'ngx_http_brama_module.so');
    copyFileSync(module, copy);
    await p.open({ args: ['--module', copy, '--workers', String(workers)], asan: ['handle_sigbus=0', 'handle_segv=0'] });
    truncateSync(copy, 0); // `cp` over it does it, too
    process.kill(p.workers()[0], 'SIGKILL');
    await until('the agent to say it', () => p.said(/nginx's workers can't live: worker process exited on signal (7|11)/).length > 0);
    await until('the next one, which has no module', () => p.said(/started again in \d+ s/).length > 0, { timeout: 20_000 });
    assert.match(p.gw.process.err, /dlopen\(\) .*file too short/);
    await until('an end of them', async () => {
      const before = exits();
      await sleep(2000);
      return exits() - before < 3;
    }, { timeout: 20_000 });
    assert.equal(p.said(/nginx's workers can't live/).length, 1, p.gw.process.err);

    copyFileSync(module, copy); // the upgrade is whole
    await p.inForce('/x');
    await p.gw.ready();
    await until('it to be over', () => p.said(/nginx's workers live again/).length === 1);
    p.gw.write('rule.yaml', rule('/later'));
    await p.inForce('/later');
  });
}

test('no file is left for another worker: nginx gives up, brama does not, and who serves still does', async () => {
  await p.open({ args: ['--workers', '2'] });
  const master = p.master();
  p.load();
  await enough(20);
  assert.equal((await run('prlimit', ['--pid', String(master), '--nofile=5:5'])).code, 0);
  process.kill(p.workers()[0], 'SIGKILL');
  await until('readyz to say no', async () => /^1 of 2 workers$/m.test((await p.gw.ask('/readyz')).text));
  await until('the agent to say it', () => p.said(/nginx's workers can't live: .*respawn/).length > 0);
  await until('another nginx', () => !alive(master));
  await p.gw.ready();
  await enough(p.traffic.sent.length + 50);
  await p.traffic.end();
  const lost = p.traffic.sent.filter((one) => one.status !== 200);
  assert.ok(lost.length <= 2, `only what the killed one had: ${JSON.stringify(lost)}`);
  p.traffic = undefined;
  await until('it to be over', () => p.said(/nginx's workers live again/).length === 1);
});

test('no worker ever starts: 69, and why', async () => {
  const wrapper = path.join(temporary(), 'nginx');
  writeFileSync(wrapper, `#!/bin/sh
PATH="$PATH:/usr/sbin"
for word; do [ "$before" = -c ] && conf=$word; before=$word; done
sed 's/worker_rlimit_nofile .*/worker_rlimit_nofile 4;/' "$conf" > "$conf.few"
exec nginx "$@" -c "$conf.few"
`);
  chmodSync(wrapper, 0o755);
  await p.open({ args: ['--nginx', wrapper], wait: false });
  assert.deepEqual(await p.gw.process.ended, { code: 69, signal: null });
  assert.match(p.gw.process.err, /nginx's workers can't live: /);
  assert.match(p.gw.process.err, /nginx didn't start:\n.*Too many open files/s);
});
