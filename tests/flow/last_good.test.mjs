// What breaks keeps its last good form, by itself: a file, a rule, a restart (design section 2).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { freePort, temporary, until } from './lib/place.mjs';
import { apiRule, apiRuleV1 } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw;
const open = (name, paths = ['/x']) => apiRule({ name, host: name, rules: paths.map((p) => ({ path: p, noAuth: true })) });
before(async () => {
  upstream = await recorder();
  gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'a.yaml': open('a'), 'b.yaml': open('b') } });
});
after(async () => {
  await gw?.stop();
  await upstream?.stop();
});
const passes = (host, target = '/x', more = {}) => expectExchange(gw, { request: { host, target }, status: 200, upstream, ...more });
const closed = (host, target = '/x', more = {}) => expectExchange(gw, { request: { host, target }, status: 404, upstream, ...more });
const byItself = { explains: false }; // explain judges the files alone, and a broken one has no form in them
const item = (name) => gw.apiRule(name);

test('an edit is in force without a restart', async () => {
  await passes('a');
  gw.write('a.yaml', open('a', ['/x', '/y']));
  await until('the rule to be in force', () => passes('a', '/y').then(() => true));
});

for (const [name, text] of [['no YAML', 'kind: ['], ['nothing', ''], ['half of it', open('a').slice(0, 120)]]) {
  test(`a file that becomes ${name} keeps its rule; the others don't notice`, async () => {
    gw.write('a.yaml', text);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await passes('a', '/x', byItself);
    await passes('b', '/x', byItself);
    gw.write('a.yaml', open('a', ['/x', '/y']));
    await until('to be healed', () => passes('a', '/y').then(() => true));
  });
}

test('a rule that becomes invalid is in error and enforced as it was', async () => {
  gw.write('b.yaml', apiRule({ name: 'b', host: 'b', service: null, rules: [{ path: '/new', noAuth: true }] }));
  await until('the error', async () => (await item('b'))?.state === 'Error');
  await passes('b', '/x', byItself);
  await closed('b', '/new', byItself);
  await passes('a');
});

test('also over a restart', async () => {
  await gw.stop();
  gw = await gateway({ services: { 'httpbin.shop': upstream.port }, rules: gw.rules, state: gw.state });
  await passes('b', '/x', byItself);
  await closed('b', '/new', byItself);
  gw.write('b.yaml', open('b', ['/new']));
  await until('to be healed', () => passes('b', '/new').then(() => true));
  await closed('b', '/x');
});

test('one that was never good is an error and closed: the host counts as taken', async () => {
  gw.write('c.yaml', apiRuleV1({ name: 'c', host: 'never', rules: [{ path: '/x', accessStrategies: [{ handler: 'magic' }] }] }));
  await until('the error', async () => (await item('c'))?.state === 'ERROR');
  await closed('never', '/x');
  gw.remove('c.yaml');
  await until('it to be gone', async () => !(await item('c')));
});

test('only the absence of a file removes its rule', async () => {
  gw.remove('a.yaml');
  await until('it to be closed', () => closed('a').then(() => true));
  gw.write('a.yaml', open('a'));
  await until('it to be back', () => passes('a').then(() => true));
});

test('a rules folder that vanishes counts as broken', async () => {
  renameSync(gw.rules, `${gw.rules}.away`);
  await new Promise((resolve) => setTimeout(resolve, 700));
  await passes('a', '/x', byItself);
  renameSync(`${gw.rules}.away`, gw.rules);
  await passes('a');
});

test('start: broken rules are no reason to stay away, a missing path is (exit 2)', async () => {
  const dir = temporary();
  mkdirSync(path.join(dir, 'rules'));
  writeFileSync(path.join(dir, 'rules/bad.yaml'), 'kind: [');
  const started = await gateway({ rules: path.join(dir, 'rules'), services: { 'httpbin.shop': upstream.port } });
  await started.stop();
  const end = await verb(['run', '-f', path.join(dir, 'absent'), '--listen', `127.0.0.1:${await freePort()}`, '--state', path.join(dir, 'state')]);
  assert.equal(end.code, 2, end.err);
});
