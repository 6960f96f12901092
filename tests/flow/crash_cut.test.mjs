// A file of the state directory is cut to nothing, as `>file` does, while agent and workers use it: nobody
// dies of it, nobody is let in for it, no client notices, and it is whole again within a moment.
import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { patient, rule } from './lib/patient.mjs';
import { sleep, until } from './lib/place.mjs';
import { alive } from './lib/process.mjs';
import { traffic } from './lib/traffic.mjs';

const LOOKED_MS = 1500; // everybody looks each second
let p, clients;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(async () => {
  await clients?.end();
  clients = undefined;
  await p.end();
});
const load = () =>
  (clients = traffic(p.gw, { httpbin: p.upstream }, [
    { class: 'may pass', host: 'httpbin', target: '/x' },
    { class: 'must be refused', host: 'httpbin', target: '/nowhere' },
  ]));
const enough = (count) => until('more requests', () => clients.sent.size >= count);
const passed = async () => {
  await clients.end();
  clients.verdict();
  clients = undefined;
};

const mended = (file, bytes) => until(`${path.basename(file)} to be whole`, () => statSync(file).size >= bytes);
const beside = (suffix) => path.join(p.gw.state, `workers/0${suffix}`);
const renewed = (kind) => {
  const before = p.told(kind);
  return () => until('a new number', () => p.told(kind) > before);
};
// Each file, and how to see that it is mended.
const files = {
  control: () => [p.control(), () => mended(p.control(), 8192)],
  policy: () => [p.fileOf('policy'), renewed('policy')],
  facts: () => [p.fileOf('facts'), renewed('facts')],
  "a worker's page": () => [beside(''), () => mended(beside(''), 4096)],
  "a worker's refusals": () => [beside('.refusals'), () => mended(beside('.refusals'), 4096 * 4097)],
  "a worker's counts": () => [beside('.counts'), () => mended(beside('.counts'), 4096)],
};
for (const [what, look] of Object.entries(files)) {
  test(`${what} is cut under load: no worker ends, no client notices`, async () => {
    await p.open({ asan: ['handle_sigbus=0'] });
    const workers = p.workers();
    load();
    await enough(40);
    const [file, healed] = look();
    truncateSync(file, 0);
    await enough(clients.sent.size + 40);
    await healed();
    await sleep(LOOKED_MS);
    p.gw.write('rule.yaml', rule('/later'));
    await p.inForce('/later');
    await p.gw.ready();
    await passed();
    assert.deepEqual(p.workers(), workers);
    assert.doesNotMatch(p.errorLog(), /exited on signal/);
    assert.ok(p.said(/somebody has changed or removed/).length <= 1, p.gw.process.err);

    const refused = await p.get('/nowhere');
    assert.equal(refused.status, 404);
    const { text } = await p.gw.ask('/api/v1/refusals');
    assert.ok(text.includes(refused.header('x-request-id')), 'refusals are on record again');
    assert.match((await p.gw.ask('/metrics')).text, /^brama_http_requests_total\{[^}]*code="404"\} [1-9]/m, 'and counted');
    assert.deepEqual(await p.gw.stop(), { code: 0, signal: null });
  });

  test(`${what} is cut without an agent: workers serve on, and the next agent is as good as ever`, async () => {
    await p.open({ asan: ['handle_sigbus=0'] });
    const workers = p.workers();
    await p.killAgent();
    load();
    const [file] = look();
    truncateSync(file, 0);
    await enough(clients.sent.size + 40);
    await sleep(LOOKED_MS);
    await enough(clients.sent.size + 40);
    await p.next();
    p.gw.write('rule.yaml', rule('/later'));
    await p.inForce('/later');
    await passed();
    assert.deepEqual(p.workers(), workers);
    assert.doesNotMatch(p.errorLog(), /exited on signal/);
  });
}

test('all of them at once, again and again: a worker that starts between two cuts does not die of it, either', async () => {
  await p.open({ asan: ['handle_sigbus=0'] });
  const cut = () => {
    for (const look of Object.values(files)) {
      try {
        truncateSync(look()[0], 0);
      } catch {
        // control is empty: nobody knows which file it was
      }
    }
  };
  const agent = p.gw.process.pid;
  for (let round = 0; round < 4; round++) {
    cut();
    if (round === 1) process.kill(p.workers()[0], 'SIGKILL');
    await sleep(400);
    const { status } = await p.get('/nowhere');
    assert.ok([404, 503].includes(status), `${status}`);
  }
  await p.inForce('/x');
  await p.gw.ready();
  assert.ok(alive(agent));
  assert.equal((p.errorLog().match(/exited on signal (?!9\b)/g) ?? []).length, 0, p.errorLog());
  await p.passes();
});
