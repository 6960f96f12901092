// The pages that agent and workers share are overwritten or removed: put right by whoever's they are. Cut
// ones: crash_cut.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { patient, poke, rule } from './lib/patient.mjs';
import { until } from './lib/place.mjs';

let p;
before(async () => (p = await patient()));
after(() => p?.upstream.stop());
afterEach(() => p.end());

const number = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const controlDamages = {
  'its magic is gone': () => poke(p.control(), 0, Buffer.alloc(8)),
  'its format is another': () => poke(p.control(), 8, Buffer.from([99])),
  'its numbers are 0': () => poke(p.control(), 16, Buffer.alloc(16)),
  'its numbers are the highest': () => poke(p.control(), 16, Buffer.alloc(16, 0xff)),
  'its numbers are others': () => poke(p.control(), 16, Buffer.concat([number(p.told('policy') + 7n), number(p.told('facts') + 7n)])),
  'all of it is noise': () => poke(p.control(), 0, Buffer.alloc(8192, 0xa5)),
  'it is removed': () => rmSync(p.control()),
};
for (const [what, damage] of Object.entries(controlDamages)) {
  test(`the control page, ${what}: put right while the agent lives, and by the next agent`, async () => {
    await p.open();
    p.load();
    const highest = p.told('policy');
    damage();
    await until('the agent to say it', () => p.said(/somebody has changed or removed control/).length > 0);
    p.gw.write('rule.yaml', rule('/lives'));
    await p.inForce('/lives');
    assert.ok(p.told('policy') > highest);
    await p.gw.ready();
    assert.equal(p.said(/somebody has changed or removed/).length, 1, p.gw.process.err);

    await p.killAgent();
    const files = readdirSync(p.gw.state).filter((name) => /^policy\.\d+$/.test(name)).map((name) => BigInt(name.slice(7)));
    damage();
    p.gw.write('rule.yaml', rule('/lives', '/next'));
    await p.next();
    await p.inForce('/next');
    assert.ok(files.every((used) => used < p.told('policy')), 'a number that was never used');
    await p.nothingLost();
    assert.doesNotMatch(p.errorLog(), /exited on signal/);
  });
}

test('a worker\'s page that becomes noise: signed again', async () => {
  await p.open();
  const page = path.join(p.gw.state, 'workers/0');
  poke(page, 0, Buffer.alloc(64, 0xa5));
  await until('it to be signed again', () => readFileSync(page).subarray(0, 8).toString() === 'BRAMAWRK');
  await p.gw.ready();
  await p.passes();
});

test('all that a worker writes to is removed: it makes it anew', async () => {
  await p.open({ args: ['--workers', '2'] });
  await p.passes();
  const folder = path.join(p.gw.state, 'workers');
  const names = readdirSync(folder).sort();
  const workers = p.workers();
  for (const name of names) rmSync(path.join(folder, name));
  await until('all of it to be there', () => names.every((name) => existsSync(path.join(folder, name))));
  await p.gw.ready();
  await p.passes();
  assert.deepEqual(p.workers(), workers);
  // Poked at its new socket, a worker doesn't wait for its next look.
  p.gw.write('rule.yaml', rule('/later'));
  await p.inForce('/later');
});
