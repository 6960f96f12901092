// One workload at several addresses: dead ones are gone around, and coming and going loses nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { freePort, sleep, until } from './lib/place.mjs';
import { childrenOf } from './lib/process.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { blackHole } from './lib/servers.mjs';
import { rawUpstream, recorder } from './lib/upstream.mjs';

const NAMESPACE = 'shop';
const METHODS = ['GET', 'POST', 'DELETE'];
const meta = (name, labels) => ({ metadata: { name, namespace: NAMESPACE, ...(labels && { labels }) } });
/** A Service of port 80 and one EndpointSlice for each [address, port]; false: not ready. */
const service = (name, ...endpoints) =>
  documents(
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...meta(name), spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
    ...endpoints.map(([address, port, ready = true], i) =>
      JSON.stringify({
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: net.isIPv6(address) ? 'IPv6' : 'IPv4',
        ...meta(`${name}-${i}`, { 'kubernetes.io/service-name': name }),
        endpoints: [{ addresses: [address], conditions: { ready } }], ports: [{ port }],
      })),
  );
const rule = (name, rest) => apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/*', methods: METHODS, noAuth: true }], ...rest });
const at = (workload) => ['127.0.0.1', workload.port];

let gw, workloads = [];
const workload = async (options) => {
  const it = await recorder(options);
  it.answer = (req, res) => res.end(String(it.port));
  workloads.push(it);
  return it;
};
afterEach(async () => {
  await gw?.stop();
  gw = undefined;
  await Promise.all(workloads.map((one) => one.stop()));
  workloads = [];
});

/** {status, text, ms, complete}; with a body it is a POST. */
function send(host, { method = 'GET', body, agent = false, headers = {} } = {}) {
  const begun = Date.now();
  return new Promise((resolve) => {
    const request = http.request({ host: '127.0.0.1', port: gw.port, path: '/x', method, agent, headers: { ...headers, host: `${host}.${gw.domain}` } }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('close', () => resolve({ status: answer.statusCode, text, complete: answer.complete, ms: Date.now() - begun }));
    });
    request.on('error', (error) => resolve({ status: 0, text: error.code, ms: Date.now() - begun }));
    request.end(body);
  });
}
const several = async (count, ...args) => {
  const answers = [];
  for (let i = 0; i < count; i++) answers.push(await send(...args));
  return answers;
};
const tally = (answers) => {
  const by = {};
  for (const { status, text } of answers) by[status === 200 ? text : status] = (by[status === 200 ? text : status] ?? 0) + 1;
  return by;
};

describe('addresses that are dead', () => {
  test('refused ones: every request is answered by a live one, whatever its method', async () => {
    const [a, b] = [await workload(), await workload()];
    const [dead, dead2] = [await freePort(), await freePort()];
    gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', ['127.0.0.1', dead], at(a), ['127.0.0.1', dead2], at(b))) } });
    for (const method of METHODS) {
      const by = tally(await several(20, 'one', { method, body: method === 'POST' ? 'body' : undefined }));
      assert.deepEqual(Object.keys(by).sort(), [a.port, b.port].map(String).sort(), `${method}: ${JSON.stringify(by)}`);
    }
    for (const one of [a, b]) assert.ok(one.seen.filter((seen) => seen.method === 'POST').every((seen) => seen.body.toString() === 'body'));
    await expectExchange(gw, { request: { host: 'one', target: '/x', method: 'POST', data: 'body' }, status: 200, reason: 'allowed' });
  });

  test('a silent one costs one request two seconds, not each', async () => {
    const [a, hole] = [await workload(), await blackHole()];
    try {
      gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', ['127.0.0.1', hole.port], at(a))) } });
      const answers = await several(30, 'one', { method: 'POST', body: 'body' });
      assert.deepEqual(tally(answers), { [a.port]: 30 });
      const slow = answers.filter(({ ms }) => ms > 1500);
      assert.equal(slow.length, 1, JSON.stringify(answers.map(({ ms }) => ms)));
      assert.ok(slow[0].ms < 5000, `${slow[0].ms} ms`);
    } finally {
      await hole.stop();
    }
  });

  test('one that is back is used again within seconds', async () => {
    const [a, b] = [await workload(), await workload()];
    gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', at(a), at(b))) } });
    assert.deepEqual(Object.keys(tally(await several(8, 'one'))).length, 2);
    await b.stop();
    assert.deepEqual(Object.keys(tally(await several(8, 'one'))), [String(a.port)]);
    await workload({ port: b.port });
    await until('the one that is back', async () => tally(await several(4, 'one'))[b.port], { timeout: 12_000, every: 200 });
  });

  // Each start in the list of addresses, each in a worker that knows of no others.
  for (let start = 0; start < 3; start++) {
    test(`two of them, and the third is back and not tried again yet: it is tried when nobody else is left (${start})`, async () => {
      const all = [await workload(), await workload(), await workload()];
      gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', ...all.map(at))) } });
      await all[0].stop();
      assert.deepEqual(Object.keys(tally(await several(3 + start, 'one', { method: 'POST', body: 'body' }))).sort(), [all[1].port, all[2].port].map(String).sort());
      await workload({ port: all[0].port });
      await Promise.all([all[1].stop(), all[2].stop()]);
      const [answer] = await several(1, 'one', { method: 'POST', body: 'body' });
      assert.deepEqual(tally([answer]), { [all[0].port]: 1 });
    });
  }

  test('all of them: 503, and no longer so when one is back', async () => {
    const ports = [await freePort(), await freePort()];
    gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', ...ports.map((port) => ['127.0.0.1', port]))) } });
    for (let i = 0; i < 3; i++) await expectExchange(gw, { request: { host: 'one', target: '/x' }, status: 503, body: /remote connection failure/, reason: 'upstream_failed' });
    const back = await workload({ port: ports[1] });
    for (let i = 0; i < 4; i++) await expectExchange(gw, { request: { host: 'one', target: '/x' }, status: 200, body: String(back.port), reason: 'allowed' });
  });

  test('what was sent is sent once: an address that fails after that is no reason to try another', async () => {
    const a = await workload();
    const breaks = await rawUpstream((socket) => socket.destroy());
    try {
      gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', ['127.0.0.1', breaks.port], at(a))) } });
      for (const body of ['body', undefined]) {
        const before = a.seen.length;
        const answers = await several(10, 'one', { method: body ? 'POST' : 'GET', body });
        assert.deepEqual(tally(answers), { 503: 5, [a.port]: 5 });
        assert.equal(a.seen.length - before, 5);
      }
    } finally {
      await breaks.stop();
    }
  });

  test('not ready is not there, IPv6 is an address like others', async (t) => {
    const [a, b] = [await workload(), await workload()];
    const six = net.createServer((socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nsix')));
    const bound = await new Promise((resolve) => six.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)));
    if (!bound) return t.skip('no IPv6 here');
    six.unref();
    gw = await gateway({ files: { 'rules.yaml': documents(rule('one'), service('one', at(a), [...at(b), false], ['::1', six.address().port])) } });
    assert.deepEqual(tally(await several(10, 'one')), { [a.port]: 5, six: 5 });
    assert.equal(b.seen.length, 0);
  });
});

// A keep-alive client each, one request after the other; DELETE without a body has a length of 0.
function traffic(host) {
  const it = { answers: [] };
  let going = true;
  const lanes = Array.from({ length: 6 }, async (_, lane) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = lane; going; i++) {
      const method = METHODS[i % METHODS.length];
      const body = method === 'POST' ? `body of ${lane}-${i}` : undefined;
      it.answers.push(await send(host, { method, body, agent, headers: { 'x-id': `${lane}-${i}`, ...(method === 'DELETE' && { 'content-length': '0' }) } }));
    }
    agent.destroy();
  });
  it.end = async () => {
    going = false;
    await Promise.all(lanes);
    for (const answer of it.answers) assert.ok(answer.status === 200 && answer.complete, JSON.stringify(answer));
    return it.answers;
  };
  return it;
}

/** It gets no more, of many that came meanwhile. */
async function isOut(one) {
  const before = one.seen.length;
  await several(30, 'one');
  return one.seen.length === before;
}

describe('coming and going under load', () => {
  test('another --service, by another agent: the workers stay, and nothing is lost', async () => {
    const [a, b] = [await workload(), await workload()];
    const files = { 'rule.yaml': rule('one') };
    gw = await gateway({ services: { 'one.shop': a.port }, files });
    const workers = () => childrenOf(Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'))).map(({ pid }) => pid).sort();
    const load = traffic('one');
    await until('traffic', () => load.answers.length > 50);
    const before = workers();
    gw.process.child.kill('SIGKILL');
    await gw.process.ended;
    assert.deepEqual(tally(await several(5, 'one')), { [a.port]: 5 });
    gw = await gateway({ services: { 'one.shop': b.port }, state: gw.state, rules: gw.rules, ports: gw });
    await until('the other address', async () => tally(await several(5, 'one'))[b.port] === 5);
    assert.ok(await isOut(a));
    assert.deepEqual(workers(), before);
    await load.end();
  });

  test('endpoints are added and removed in the files: nothing is lost, and one that is out gets nothing', async () => {
    const all = [await workload(), await workload(), await workload()];
    const slices = (...which) => service('one', ...which.map(at));
    gw = await gateway({ files: { 'rule.yaml': rule('one'), 'one.yaml': slices(all[0]) } });
    const load = traffic('one');
    for (let i = 0; i < 6; i++) {
      const [inside, outside] = [[all[i % 3], all[(i + 1) % 3]], all[(i + 2) % 3]];
      gw.write('one.yaml', slices(...inside));
      await until('both', async () => {
        const by = tally(await several(4, 'one'));
        return inside.every((one) => by[one.port]);
      });
      await until('the third to be out', () => isOut(outside));
    }
    const answers = await load.end();
    assert.ok(answers.length > 200, String(answers.length));
    const seen = all.flatMap((one) => one.seen).map((one) => one.header('x-id')).filter(Boolean);
    assert.equal(seen.length, new Set(seen).size, 'each was sent once');
    assert.equal(seen.length, answers.length);
  });

  // A workload that ends without leaving first may reset what its backlog holds: nobody can help that.
  test('workloads leave, end, and come back, one after the other: nothing is lost', async () => {
    const all = [await workload(), await workload()];
    const slices = (...which) => service('one', ...which.map(at));
    gw = await gateway({ files: { 'rule.yaml': rule('one'), 'one.yaml': slices(...all) } });
    const load = traffic('one');
    for (let i = 0; i < 4; i++) {
      const [leaves, stays] = [all[i % 2], all[(i + 1) % 2]];
      gw.write('one.yaml', slices(stays));
      await until('it to be out', () => isOut(leaves));
      await leaves.drain(); // also the connections that the gateway keeps
      await sleep(100);
      all[i % 2] = await workload({ port: leaves.port });
      gw.write('one.yaml', slices(...all));
      await until('it to be back', async () => tally(await several(4, 'one'))[leaves.port]);
    }
    const by = tally(await load.end());
    for (const one of all) assert.ok(by[one.port] > 20, JSON.stringify(by));
  });
});
