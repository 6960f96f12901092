// Rules change, the toggle turns and keys rotate while clients are at it. Two verdicts after each
// scene: nobody was let in, and nothing was lost.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken, spoil } from './lib/keys.mjs';
import { sleep, until } from './lib/place.mjs';
import { childrenOf } from './lib/process.mjs';
import { apiRule, apiRuleV1, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const EVIL = 'https://evil.example';
const LANES = 4;
const key = makeKey('ES256');
const tokenOf = (by, claims = {}) => makeToken(by, { iss: ISSUER, sub: 'me', ...claims });

let workloads, pages, gw, running;
beforeEach(async () => {
  workloads = { one: await recorder(), two: await recorder(), three: await recorder() };
  pages = await pageServer({ '/jwks': jwks(key) });
});
afterEach(async () => {
  await running?.end();
  await gw?.stop();
  await Promise.all([...Object.values(workloads), pages].map((server) => server.stop()));
  running = gw = undefined;
});
const open = (files, ...args) =>
  gateway({
    files, args: ['--workers', '2', ...args],
    services: Object.fromEntries(Object.entries(workloads).map(([name, to]) => [`${name}.shop`, to.port])),
  });
const serviceOf = (name) => ({ name, port: 80 });

/** The workers' pids; a master that reloads or respawns shows here. */
const workers = () =>
  childrenOf(Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'))).map((one) => one.pid).sort();
/** One worker is enough to be ready; here both are waited for. */
const allWorkers = () => until('both workers', () => workers().length === 2 && workers());

// What may become of a request, by the class that it is of when it is sent. 'turning' ones are under
// way while what they are after changes: they are answered, one way or the other.
const REFUSALS = [401, 403, 404];
const ANSWERS = { 'may pass': [200], public: [200], 'must be refused': REFUSALS, turning: [200, ...REFUSALS] };

function send(agent, id, { host, target, token }) {
  return new Promise((resolve) => {
    const headers = { host: `${host}.${gw.domain}`, 'x-id': id, ...(token && { authorization: `Bearer ${token}` }) };
    const request = http.request({ host: '127.0.0.1', port: gw.port, path: target, agent, headers }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('close', () => resolve({ status: answer.statusCode, text, complete: answer.complete, socket: request.socket }));
    });
    request.on('error', (error) => resolve({ status: 0, text: error.code, complete: false }));
    request.end();
  });
}

/**
 * Clients that send one after the other of `kinds`, each on one connection that it keeps. A kind is
 * {class, host, target, token}; one may be added, or change its class, on the way. `sent` has all that
 * was answered; end() stops the clients, verdict() says that nobody was let in and nothing was lost.
 */
function traffic(kinds) {
  const it = { kinds, sent: new Map(), connections: new Set() };
  let going = true;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = lane; going; i++) {
      const kind = { ...kinds[i % kinds.length] };
      const id = `${kind.class}/${lane}-${i}`;
      const answer = await send(agent, id, kind);
      it.connections.add(answer.socket);
      it.sent.set(id, { ...kind, status: answer.status, text: answer.text, complete: answer.complete });
      await sleep(1);
    }
    agent.destroy();
  });
  it.end = async () => {
    going = false;
    await Promise.all(lanes);
  };
  /** What came of the requests of one class, of the kinds that fit. */
  it.of = (name, fits = () => true) => [...it.sent.values()].filter((one) => one.class === name && fits(one));
  it.verdict = () => {
    const arrived = new Map();
    for (const [service, workload] of Object.entries(workloads)) {
      for (const seen of workload.seen) {
        const id = seen.header('x-id');
        if (id === undefined) continue; // not of these clients
        const one = it.sent.get(id);
        assert.notEqual(one?.class, 'must be refused', `let in: ${id} at ${service}${seen.target}`);
        assert.equal(`${service}${seen.target}`, `${one?.host}${one?.target}`, `${id} is where it was sent to`);
        arrived.set(id, (arrived.get(id) ?? 0) + 1);
      }
    }
    for (const [id, one] of it.sent) {
      const what = `${id} ${one.host}${one.target} -> ${one.status} ${one.text.slice(0, 200)}`;
      assert.ok(ANSWERS[one.class].includes(one.status), what);
      assert.ok(one.complete, `complete: ${what}`);
      assert.equal(arrived.get(id) ?? 0, one.status === 200 ? 1 : 0, `at its workload as often as answered: ${what}`);
      if (one.status === 200) assert.ok(one.text.includes(id), `its own answer: ${what}`);
    }
    for (const name of new Set(kinds.map((kind) => kind.class))) assert.ok(it.of(name).length > 20, `enough of ${name}`);
    assert.equal(it.connections.size, LANES, 'each client has kept its connection');
  };
  return (running = it);
}

/** Who has no right to /x of a host: one without a token and four with a wrong one. */
const strangers = (host, target = '/x') =>
  [undefined, spoil(tokenOf(key)), tokenOf(key, { iss: EVIL }), tokenOf(key, { exp: 1 }), tokenOf(makeKey('ES256', { kid: key.kid }))].map((token) => ({
    class: 'must be refused', host, target, token,
  }));

test('a hundred edits: no worker, no connection and no request is lost, and the last form is in force', async () => {
  const form = (name, ...extra) =>
    apiRule({
      name, host: name, service: serviceOf(name),
      rules: [
        { path: '/x', jwt: istioJwt(ISSUER, `${pages.url}/jwks`) },
        { path: '/open', noAuth: true },
        ...extra,
      ],
    });
  const more = { path: '/more', jwt: istioJwt(ISSUER, `${pages.url}/jwks`) };
  const last = { path: '/last', noAuth: true };
  // `one` is empty or half written for a while, as editors do it; `three` is replaced and renamed.
  gw = await open({ 'one.yaml': form('one'), 'three.yaml': form('three') });
  // `two` is as Kubernetes mounts a ConfigMap: what is read is a link through ..data, which is replaced.
  const hosts = ['one', 'two', 'three'];
  const at = (name) => path.join(gw.rules, name);
  let name = 'three.yaml';
  const replace = (text) => {
    gw.write('.three.tmp', text);
    renameSync(at('.three.tmp'), at(name));
  };
  const rename = () => renameSync(at(name), at((name = name === 'three.yaml' ? 'a-three.yaml' : 'three.yaml')));
  let mount;
  const swap = (text, to) => {
    mkdirSync(at(to));
    writeFileSync(at(`${to}/two.yaml`), text);
    symlinkSync(to, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    if (mount) rmSync(at(mount), { recursive: true });
    mount = to;
  };
  swap(form('two'), '..first');
  symlinkSync('..data/two.yaml', at('two.yaml'));
  await until('the mounted rule', async () => (await gw.apiRule('two'))?.state === 'Ready');

  const before = await allWorkers();
  const good = tokenOf(key);
  const clients = traffic(
    hosts.flatMap((host) => [
      { class: 'may pass', host, target: '/x', token: good },
      { class: 'public', host, target: '/open' },
      { class: 'turning', host, target: '/more', token: good },
      { class: 'must be refused', host, target: '/more' },
      { class: 'must be refused', host, target: '/nowhere', token: good },
      ...strangers(host),
    ]),
  );
  for (let i = 0; i < 97; i++) {
    const extra = i % 8 < 4 ? [more] : [];
    if (i % 4 === 0) {
      const text = form('one', ...extra);
      gw.write('one.yaml', i % 8 === 0 ? '' : text.slice(0, text.length / 2));
      await sleep(30); // long enough to be read so
      gw.write('one.yaml', text);
    } else if (i % 4 === 1) swap(form('two', ...extra), `..edit-${i}`);
    else if (i % 4 === 2) replace(form('three', ...extra));
    else rename();
    await sleep([0, 15, 30, 60][(i + (i >> 2)) % 4]);
  }
  gw.write('one.yaml', form('one', last));
  swap(form('two', last), '..last');
  replace(form('three', last));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (const host of hosts) {
    const status = async (target) => (await send(agent, 'turning/last', { host, target, token: good })).status;
    await until(`the last form of ${host}`, async () => (await status('/last')) === 200 && (await status('/more')) === 404, { timeout: 1000, every: 10 });
  }
  agent.destroy();
  await clients.end();
  for (const workload of Object.values(workloads)) workload.seen = workload.seen.filter((seen) => seen.header('x-id') !== 'turning/last');
  clients.verdict();
  assert.deepEqual(workers(), before);
  for (const host of hosts) {
    const statuses = new Set(clients.of('turning', (one) => one.host === host).map((one) => one.status));
    assert.deepEqual([...statuses].sort(), [200, 404], `the clients of ${host} met /more with and without its rule`);
  }
});

test('the toggle, there and back twice: who may pass a rule that is enforced does not notice', async () => {
  gw = await open({
    'one.yaml': apiRuleV1({ name: 'one', host: 'one', service: serviceOf('one'), rules: [{ path: '/x', accessStrategies: [oryJwt(ISSUER, `${pages.url}/jwks`, { allowed_algorithms: ['ES256'] })] }] }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: serviceOf('two'), rules: [{ path: '/x', accessStrategies: [{ handler: 'jwt', config: istioJwt(ISSUER, `${pages.url}/jwks`) }] }] }),
  });
  const good = tokenOf(key);
  const before = await allWorkers();
  const turn = async (handler, ...states) => {
    const end = await gw.apply(toggle(handler));
    assert.equal(end.code, 0, end.err);
    await until(`${handler} to be in force`, async () => (await gw.apiRule('one')).state === states[0] && (await gw.apiRule('two')).state === states[1]);
  };
  const there = { class: 'turning', host: 'two', target: '/x', token: good };
  const clients = traffic([{ class: 'may pass', host: 'one', target: '/x', token: good }, there, ...strangers('one'), ...strangers('two')]);
  // The Istio form was never valid so far; from the first turn on it has a form to be enforced in.
  await turn('istio', 'ERROR', 'OK');
  assert.deepEqual(clients.of('may pass', (one) => one.host === 'two'), []);
  there.class = 'may pass';
  await turn('ory', 'OK', 'ERROR');
  await turn('istio', 'ERROR', 'OK');
  await turn('ory', 'OK', 'ERROR');
  await clients.end();
  clients.verdict();
  assert.deepEqual(workers(), before);
});

test('rotation: a remembered token ends with its key, and an endpoint that is down ends nothing', async () => {
  const reused = makeKey('ES256');
  pages.pages['/jwks'] = jwks(key, reused);
  gw = await open({
    'one.yaml': apiRuleV1({ name: 'one', host: 'one', service: serviceOf('one'), rules: [{ path: '/x', accessStrategies: [oryJwt(ISSUER, `${pages.url}/jwks`, { allowed_algorithms: ['ES256'] })] }] }),
    'two.yaml': apiRule({ name: 'two', host: 'two', service: serviceOf('two'), rules: [{ path: '/x', jwt: istioJwt(ISSUER, `${pages.url}/jwks`) }] }),
  }, '--kid-wait', '500ms'); // the old key is an unknown one in the end: whoever still comes with it waits
  const hosts = ['one', 'two'];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let count = 0;
  const alone = (id, host, token) => send(agent, `${id}/alone-${count++}`, { host, target: '/x', token });
  const old = hosts.flatMap((host) => [key, reused].map((by) => ({ class: 'may pass', host, target: '/x', token: tokenOf(by) })));
  const clients = traffic([...old, ...hosts.flatMap((host) => strangers(host))]);
  await sleep(600); // each worker remembers the old token by now
  assert.ok(clients.of('may pass').length > 20);

  for (const kind of old) kind.class = 'turning';
  await sleep(100); // what was sent before is answered
  const next = makeKey('ES256');
  pages.pages['/jwks'] = jwks(next, makeKey('ES256', { kid: reused.kid })); // one kid gone, one with another key
  const fresh = tokenOf(next);
  assert.equal((await alone('new', 'one', fresh)).status, 200, 'the first request with the new key');
  clients.kinds.push(...hosts.map((host) => ({ class: 'may pass', host, target: '/x', token: fresh })));
  await sleep(1000);
  for (const kind of old) kind.class = 'must be refused';
  await sleep(600);

  await pages.stop();
  const hits = pages.hits['/jwks'];
  for (const host of hosts) {
    const unknown = await alone('unknown', host, tokenOf(makeKey('ES256')));
    assert.equal(unknown.status, 401, unknown.text);
    const never = await alone('new', host, tokenOf(next)); // not a remembered one
    assert.equal(never.status, 200, never.text);
  }
  await until('get keysets to say what the matter is', async () => (await gw.keySets()).every((set) => set.problem));
  assert.equal(pages.hits['/jwks'], hits);
  const refused = (kind) => clients.of('must be refused', (one) => one.token === kind.token);
  await until('the old tokens to be tried often enough', () => old.every((kind) => refused(kind).length >= 4), { timeout: 5000 });
  agent.destroy();
  await clients.end();
  for (const workload of Object.values(workloads)) {
    assert.ok(!workload.seen.some((seen) => seen.header('x-id').startsWith('unknown/')));
    workload.seen = workload.seen.filter((seen) => !seen.header('x-id').startsWith('new/'));
  }
  clients.verdict();
});
