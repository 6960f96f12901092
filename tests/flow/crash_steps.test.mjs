// The agent dies at each step of publishing, one after the other, with clients at it; the next one finds
// what it left.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { clients } from './lib/clients.mjs';
import { curl } from './lib/curl.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { brama, root, until } from './lib/place.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const VARIABLE = 'BRAMA_TEST_DIE_AT';
const STEPS_MAX = 60;
const knows = (program) => readFileSync(program).includes(VARIABLE);
let upstream, gw, traffic;
before(async () => (upstream = await recorder()));
after(async () => {
  await traffic?.end();
  await gw?.stop();
  await upstream?.stop();
});

/** All files under a folder, with what they are. */
function filesOf(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(dir, entry.name);
    return entry.isDirectory() ? filesOf(name) : [name];
  });
}
const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Each edit has a route, a rule and an address of its own: both files differ, and a form is kept and one dropped. */
const edit = (k) =>
  documents(
    apiRule({ rules: [{ path: '/x', noAuth: true }, { path: `/edit-${k}`, noAuth: true }] }),
    apiRule({ name: `rule-${k}`, host: `host-${k}`, service: { name: `service-${k}`, port: 80 }, rules: [{ path: '/x', noAuth: true }] }),
  );
const services = Object.fromEntries(Array.from({ length: STEPS_MAX }, (_, k) => [`service-${k}.shop`, 0]));

test('at every step: the gateway serves on, and after the next start there is no litter and the edit is in force', { skip: !knows(brama) && 'not a build for tests' }, async (t) => {
  for (const name of Object.keys(services)) services[name] = upstream.port;
  const same = { services: { 'httpbin.shop': upstream.port, ...services } };
  gw = await gateway({ ...same, files: { 'rule.yaml': edit(0) } });
  const again = { ...same, state: gw.state, rules: gw.rules, ports: gw };
  const answers = (target, host = 'httpbin') => curl(gw.url(host, target), { resolve: gw.resolve(host) });
  traffic = clients(gw.port, () => ({ host: `httpbin.${gw.domain}`, target: '/x' }), { lanes: 2 });
  const known = new Map();
  const numbers = { policy: 0n, facts: 0n };
  const died = [];
  let k = 1;
  for (; k < STEPS_MAX; k++) {
    gw.process.child.kill('SIGKILL');
    await gw.process.ended;
    gw.write('rule.yaml', edit(k));
    const dying = (gw = await gateway({ ...again, env: { [VARIABLE]: String(k) }, wait: false }));
    const inForce = async () => (await answers(`/edit-${k}`)).status === 200;
    await until(`step ${k}, or none`, async () => dying.process.over || (/admin on/.test(dying.process.err) && (await inForce())));
    const { length: answered } = traffic.sent;
    await until('clients to be answered', () => traffic.sent.length >= answered + 4);
    if (!dying.process.over) break;
    assert.equal((await dying.process.ended).signal, 'SIGKILL');
    died.push(dying.process.err);

    gw = await gateway(again);
    await until(`edit ${k} to be in force`, inForce);
    assert.equal((await answers('/x', `host-${k}`)).status, 200);
    assert.equal((await answers(`/edit-${k - 1}`)).status, 404);
    const files = filesOf(gw.state);
    assert.deepEqual(files.filter((file) => file.endsWith('.tmp')), [], `litter after step ${k}`);
    await until('the last good forms', () => readdirSync(path.join(gw.state, 'good')).sort().join() === `shop.httpbin.json,shop.rule-${k}.json`);
    const control = readFileSync(path.join(gw.state, 'control'));
    for (const [i, kind] of ['policy', 'facts'].entries()) {
      const number = control.readBigUInt64LE(16 + 8 * i);
      assert.ok(number > numbers[kind], `step ${k}: ${kind} ${number} after ${numbers[kind]}`);
      numbers[kind] = number;
      const mine = files.filter((file) => path.basename(file).startsWith(`${kind}.`));
      for (const file of mine) {
        assert.ok(BigInt(path.extname(file).slice(1)) <= number, `nothing above the number that is told: ${file}`);
        const hash = hashOf(file);
        assert.equal(known.get(file) ?? hash, hash, `step ${k}: ${file} is another one under a used number`);
        known.set(file, hash);
      }
    }
  }
  t.diagnostic(`${k - 1} steps`);
  assert.ok(k > 20 && k < STEPS_MAX, `${k} steps`);
  assert.ok(died.some((said) => said !== ''), 'some die after they have said something');
  const numbered = () => readdirSync(gw.state).filter((name) => /^(policy|facts)\.\d+$/.test(name));
  await until('files that nobody needs to be gone', () => numbered().length === 4);
  await traffic.end();
  traffic.verdict(upstream);
  assert.equal(traffic.sent.filter((one) => one.tries > 1).length, 0, 'nginx is never replaced');
});

const release = path.join(root, 'build/brama');
test('what is built for use does not know how to die', { skip: !existsSync(release) && 'build/brama is not built' }, async () => {
  assert.ok(!knows(release));
  const end = await verb(['version'], { env: { [VARIABLE]: '1' } });
  assert.equal(end.code, 0);
});
