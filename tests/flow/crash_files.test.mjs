// A published file is changed, cut or removed: nobody is let in for it, it is said, and healed. More about
// cut ones: crash_cut.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { patient, flip, rule } from './lib/patient.mjs';
import { until } from './lib/place.mjs';

let p;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(() => p.end());

// What can become of a published file; the agent lives.
const damages = {
  'one bit is flipped': (file) => flip(file, statSync(file).size - 9),
  'it is removed': (file) => rmSync(file),
  'it grows without end': (file) => truncateSync(file, 2 ** 40), // no block of it is there
  'it is replaced': (file) => {
    rmSync(file);
    writeFileSync(file, 'nothing of ours');
  },
};
for (const kind of ['policy', 'facts']) {
  for (const [what, damage] of Object.entries(damages)) {
    test(`${kind}, while the agent lives: ${what}; it is published anew`, async () => {
      await p.open();
      const before = p.told(kind);
      damage(p.fileOf(kind));
      await until('a new number', () => p.told(kind) > before);
      await p.gw.ready();
      assert.equal(p.said(/somebody has changed or removed/).length, 1, p.gw.process.err);
      await p.passes();
      process.kill(p.workers()[0], 'SIGKILL'); // the next one has to take it
      await p.gw.ready();
      await p.passes();
    });
  }
  for (const [what, damage] of Object.entries({ ...damages, 'it is cut': (file) => truncateSync(file, statSync(file).size - 1), 'it is empty': (file) => truncateSync(file, 0) })) {
    test(`${kind}, without an agent: ${what}; a worker that starts then refuses, and says so`, async () => {
      await p.open();
      const file = p.fileOf(kind);
      await p.killAgent();
      const [before] = p.workers();
      damage(file);
      process.kill(before, 'SIGKILL');
      await p.replaced(before);
      const seen = p.upstream.seen.length;
      const answer = await p.get('/x');
      assert.ok([404, 503].includes(answer.status), `${answer.status} ${answer.text}`);
      assert.equal(p.upstream.seen.length, seen, 'nobody is let in');
      const ready = await p.gw.ask('/readyz');
      assert.equal(ready.status, 503);
      assert.match(ready.text, new RegExp(`${kind} 0 of ${p.told(kind)}`));
      assert.match(p.errorLog(), new RegExp(`can't take "[^"]*${path.basename(file)}"`));
      await p.next();
      await p.passes();
      assert.doesNotMatch(p.errorLog(), /exited on signal (?!9\b)/);
    });
  }
}

test('policy, without an agent: the one before it, whole, lies under its name; nobody is let in by what was', async () => {
  await p.open({ files: { 'rule.yaml': rule('/was-open') } });
  await p.inForce('/was-open');
  const earlier = readFileSync(p.fileOf('policy'));
  p.gw.write('rule.yaml', rule());
  await until('it to be closed', async () => (await p.get('/was-open')).status === 404);
  await p.gw.ready();
  const file = p.fileOf('policy');
  await p.killAgent();
  const [before] = p.workers();
  rmSync(file);
  writeFileSync(file, earlier);
  process.kill(before, 'SIGKILL');
  await p.replaced(before);
  const seen = p.upstream.seen.length;
  const answer = await p.get('/was-open');
  assert.ok([404, 503].includes(answer.status), `${answer.status} ${answer.text}`);
  assert.equal(p.upstream.seen.length, seen, 'nobody is let in');
  assert.match(p.errorLog(), new RegExp(`can't take "[^"]*${path.basename(file)}"`));
  await p.next();
  await p.passes();
  assert.equal((await p.get('/was-open')).status, 404);
});
