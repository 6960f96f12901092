// All that can become of a rule file, with traffic running: its rules stay in their last good form, the
// others don't notice, and log, `get` and `check` say where the matter is (design section 2).
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gateway, notUnprivileged, unprivileged, verb } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { pageServer } from './lib/servers.mjs';
import { send, traffic } from './lib/traffic.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const LARGEST = 16 * 1024 * 1024;
const key = makeKey('ES256');
const good = makeToken(key, { iss: ISSUER, sub: 'me' });
const isRoot = process.getuid() === 0; // who may read everything, so that somebody else has to
const stuckAsRoot = isRoot && notUnprivileged();
const asNobody = isRoot && !stuckAsRoot ? unprivileged : undefined;

let workloads, keys, gw, clients, agent;
const at = (name) => path.join(gw.rules, name);

/** A rule by hand, so that its lines are known: its port in line 10, its first path in line 12. */
const rule = (name, { port = '80', paths = ['/x'] } = {}) => `# ${name}
apiVersion: gateway.kyma-project.io/v2
kind: APIRule
metadata:
  name: ${name}
  namespace: shop
spec:
  hosts: [${name}]
  gateway: kyma-system/kyma-gateway
  service: {name: ${name}, port: ${port}}
  rules:
${paths.map((p) => `  - {path: ${p}, methods: [GET], jwt: {authentications: [{issuer: ${ISSUER}, jwksUri: "${keys.url}/jwks"}]}}`).join('\n')}
`;

before(async () => {
  workloads = { one: await recorder(), two: await recorder() };
  keys = await pageServer({ '/jwks': jwks(key) });
  gw = await gateway({
    files: { 'one.yaml': rule('one'), 'two.yaml': rule('two') },
    services: { 'one.shop': workloads.one.port, 'two.shop': workloads.two.port },
    as: asNobody,
  });
  agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  clients = traffic(gw, workloads, ['one', 'two'].flatMap((host) => [
    { class: 'may pass', host, target: '/x', token: good },
    { class: 'must be refused', host, target: '/x' },
    { class: 'must be refused', host, target: '/new' },
  ]));
});
after(async () => {
  await clients?.end();
  agent?.destroy();
  await gw?.stop();
  await Promise.all([...Object.values(workloads ?? {}), keys].map((server) => server?.stop()));
});

const text = (content) => () => writeFileSync(at('one.yaml'), content());
/** At once: the beginning of some files alone would be a rule, and in force for a moment. */
const replace = (content) => {
  writeFileSync(at('.one.tmp'), content);
  renameSync(at('.one.tmp'), at('one.yaml'));
};
const half = () => rule('one').slice(0, rule('one').indexOf('authentications') + 30);

// place: what follows the file's name, ":LINE:COLUMN" or nothing; code: of `check`.
const states = [
  { name: 'a list that never ends', make: text(() => 'kind: [\n'), place: ':2:1' },
  { name: 'half of it', make: text(half), place: /^:\d+:\d+$/ },
  { name: 'nothing', make: text(() => ''), place: '', says: /empty/ },
  { name: 'blanks', make: text(() => ' \n\n'), place: '', says: /empty/ },
  { name: 'no Kubernetes object', make: text(() => `${rule('one')}---\n- 1\n`), place: ':14:1', says: /not a Kubernetes object/ },
  { name: 'a name given twice', make: text(() => rule('one').replace('  namespace: shop', '  name: one')), place: ':6:3', says: /"name" is given twice: in line 5 and again in line 6/ },
  { name: 'a tab for an indentation', make: text(() => rule('one').replace('  name: one', '\tname: one')), place: ':5:1', says: /tab/ },
  { name: 'no UTF-8', make: () => writeFileSync(at('one.yaml'), Buffer.concat([Buffer.from(rule('one')), Buffer.from('# \xff\n', 'latin1')])), place: ':13:3', says: /UTF-8/ },
  { name: 'more than 16 MiB', make: () => replace(`${rule('one', { paths: ['/new'] })}#${'x'.repeat(LARGEST)}\n`), place: '', says: /more than 16777216 bytes/ },
  { name: 'unreadable', skip: stuckAsRoot, make: () => chmodSync(at('one.yaml'), 0), place: '', says: /Permission denied/ },
  { name: 'a link to nowhere', make: () => {
    symlinkSync('nowhere', at('.one.tmp'));
    renameSync(at('.one.tmp'), at('one.yaml')); // never absent: that would take the rule away
  }, place: '', says: /No such file/ },
  { name: 'a folder', make: () => {
    symlinkSync('.', at('.one.tmp'));
    renameSync(at('.one.tmp'), at('one.yaml'));
  }, place: '', says: /is a folder/ },
  { name: 'an APIRule that the schema refuses', make: text(() => rule('one', { port: '"80"', paths: ['/new'] })), place: ':10:30', says: /spec\.service\.port/, code: 1 },
  { name: 'an APIRule that Kyma refuses', make: text(() => rule('one', { paths: ['/new', '/new'] })), place: /^:\d+:\d+$/, code: 1 },
];

async function inForce(target) {
  const ask = async () => (await send(gw, agent, 'turning/edit', { host: 'one', target, token: good })).status;
  await until(`${target} to be in force`, async () => (await ask()) === 200);
}

/** What `get` says of the rule, once it is in error in the way that was meant. */
const inError = (file, place) =>
  until('the error', async () => {
    const item = await gw.apiRule('one');
    const found = `${item?.line ? `:${item.line}:${item.column}` : ''}`;
    const fits = typeof place === 'string' ? found === place : place.test(found);
    return item?.state === 'Error' && item.form === 'last-good' && item.file === file && fits && { ...item, found };
  });

for (const state of states) {
  test(`${state.name}: the last good form stays, and its place is said`, { skip: state.skip }, async () => {
    const logged = gw.process.err.length;
    state.make();
    const item = await inError(at('one.yaml'), state.place);
    const place = `${at('one.yaml')}${item.found}`;
    assert.match(item.description, state.says ?? /./);
    await until('the log to say it', () => gw.process.err.slice(logged).includes(`${place}: `));
    const line = gw.process.err.slice(logged).split('\n').find((one) => one.includes(`${place}: `));
    assert.match(line, state.says ?? /./);

    const wide = await verb(['get', 'apirules', '-o', 'wide', '--admin', gw.admin]);
    const row = wide.out.split('\n').find((one) => one.includes(' one '));
    assert.ok(row.includes(` ${place} `), wide.out);
    assert.equal((await gw.apiRule('two')).state, 'Ready');

    const check = await verb(['check', '-f', gw.rules, '--domain', gw.domain], asNobody);
    assert.equal(check.code, state.code ?? 2, check.out + check.err);
    assert.ok((check.out + check.err).includes(`${place}: `), `${place} in: ${check.out}${check.err}`);

    replace(rule('one', { paths: ['/x', '/healed'] }));
    await inForce('/healed');
    writeFileSync(at('one.yaml'), rule('one'));
    await until('it to be as it was', async () => (await send(gw, agent, 'turning/edit', { host: 'one', target: '/healed', token: good })).status === 404);
  });
}

test('a folder that vanishes: all of its rules stay, and its name is said', async () => {
  const logged = gw.process.err.length;
  renameSync(gw.rules, `${gw.rules}.away`);
  await until('the log to say it', () => gw.process.err.slice(logged).includes(`${gw.rules}: No such file`));
  const items = await until('both in error', async () => {
    const all = await gw.apiRules();
    return all.every((item) => item.state === 'Error' && item.form === 'last-good') && all;
  });
  assert.deepEqual(items.map((item) => item.name).sort(), ['one', 'two']);
  for (const item of items) assert.match(item.description, /No such file/);
  renameSync(`${gw.rules}.away`, gw.rules);
  await until('both to be ready', async () => (await gw.apiRules()).every((item) => item.state === 'Ready'));
});

test('a folder that is replaced by a new one is followed', async () => {
  mkdirSync(`${gw.rules}.new`);
  for (const name of ['one', 'two']) writeFileSync(path.join(`${gw.rules}.new`, `${name}.yaml`), rule(name, { paths: ['/x', '/healed'] }));
  renameSync(gw.rules, `${gw.rules}.old`);
  renameSync(`${gw.rules}.new`, gw.rules);
  await inForce('/healed');
  writeFileSync(at('one.yaml'), rule('one', { paths: ['/x', '/healed', '/again'] }));
  await inForce('/again');
});

test('the traffic of all this: nobody was let in, nothing was lost', async () => {
  await clients.end();
  for (const workload of Object.values(workloads)) workload.seen = workload.seen.filter((seen) => seen.header('x-id') !== 'turning/edit');
  clients.verdict();
});
