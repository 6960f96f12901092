// Workloads and key servers by name, through the system's own resolver. The gateway runs in a mount
// namespace with an /etc/hosts of ours and no DNS server; that takes a root who may mount.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { freePort, sleep, temporary, until } from './lib/place.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const LOOKS_AGAIN_MS = 5000;
const dir = temporary('brama-names');
const [hosts, resolv] = ['hosts', 'resolv.conf'].map((name) => path.join(dir, name));
const known = (...lines) => writeFileSync(hosts, lines.map((line) => `${line}\n`).join(''));
known();
writeFileSync(resolv, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n'); // nobody answers there
const under = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', hosts, resolv];
const may = spawnSync(under[0], [...under.slice(1), 'true']).status === 0;

let gw, servers = [];
const there = async (kind, ...args) => {
  const it = await kind(...args);
  servers.push(it);
  return it;
};
/** Workloads on one port of two addresses. */
async function pair() {
  const port = await freePort();
  const both = [];
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    const it = await there(recorder, { port, address });
    it.answer = (req, res) => res.end(address);
    both.push(it);
  }
  return both;
}
const rule = (jwt) => apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: [{ path: '/x', methods: ['GET', 'POST'], ...(jwt ? { jwt } : { noAuth: true }) }] });

/** One request after the other until end(): the answers, by text or status. */
function steady() {
  const it = { by: {}, last: '' };
  let going = true;
  const lane = (async () => {
    for (let i = 0; going; i++) {
      const answer = await curl(gw.url('one', '/x'), { resolve: gw.resolve('one'), ...(i % 2 && { method: 'POST', data: 'body' }) });
      it.last = answer.status === 200 ? answer.text : `${answer.status} ${answer.text}`;
      it.by[it.last] = (it.by[it.last] ?? 0) + 1;
    }
  })();
  it.end = async () => {
    going = false;
    await lane;
    return it.by;
  };
  return it;
}

describe('names', { skip: !may && 'mounting isn\'t allowed here' }, () => {
  afterEach(async () => {
    await gw?.stop();
    gw = undefined;
    await Promise.all(servers.map((one) => one.stop()));
    servers = [];
  });

  test('a workload that moves is followed, one that nobody knows stays where it was, and no request is lost', async () => {
    const [a, b] = await pair();
    known('127.0.0.1 backend.example');
    gw = await gateway({ under, services: { 'one.shop': `backend.example:${a.port}` }, files: { 'rule.yaml': rule() } });
    const load = steady();
    await until('the first address', () => load.last === '127.0.0.1');
    known('127.0.0.2 backend.example');
    await until('the second', () => load.last === '127.0.0.2', { timeout: 3 * LOOKS_AGAIN_MS });
    known();
    const before = b.seen.length;
    await sleep(1.5 * LOOKS_AGAIN_MS);
    assert.ok(b.seen.length > before + 20, 'last good one');
    known('127.0.0.1 backend.example', '127.0.0.2 backend.example');
    await until('the first one again', () => load.last === '127.0.0.1', { timeout: 3 * LOOKS_AGAIN_MS });
    const soFar = { a: a.seen.length, b: b.seen.length };
    await sleep(1000);
    assert.ok(a.seen.length > soFar.a && b.seen.length > soFar.b, 'both');
    const by = await load.end();
    assert.deepEqual(Object.keys(by).sort(), ['127.0.0.1', '127.0.0.2'], JSON.stringify(by));
  });

  test('a name that nobody knows yet is 503, until somebody does', async () => {
    const [a] = await pair();
    known();
    gw = await gateway({ under, services: { 'one.shop': `backend.example:${a.port}` }, files: { 'rule.yaml': rule() } });
    await expectExchange(gw, { request: { host: 'one', target: '/x' }, status: 503, body: 'no healthy upstream', headers: { 'retry-after': '1' }, reason: 'no_upstream' });
    known('127.0.0.1 backend.example');
    await until('an address', async () => (await curl(gw.url('one', '/x'), { resolve: gw.resolve('one') })).status === 200, { timeout: 3 * LOOKS_AGAIN_MS });
  });

  test('a dead address beside a live one is gone around', async () => {
    const port = await freePort();
    const live = await there(recorder, { port, address: '127.0.0.2' });
    known('127.0.0.1 backend.example', '127.0.0.2 backend.example');
    gw = await gateway({ under, services: { 'one.shop': `backend.example:${port}` }, files: { 'rule.yaml': rule() } });
    for (let i = 0; i < 6; i++) await expectExchange(gw, { request: { host: 'one', target: '/x', method: i % 2 ? 'POST' : 'GET', data: i % 2 ? 'body' : undefined }, status: 200, reason: 'allowed', upstream: live, explains: false }); // outside it nobody knows the name
  });

  test('a key server that moves is asked where it is, and where it was when nobody knows', async () => {
    const [a] = await pair();
    const [first, second, third] = ['ES256', 'ES256', 'ES256'].map((alg) => makeKey(alg));
    const port = await freePort();
    const here = await there(pageServer, { '/jwks': jwks(first) }, { port, address: '127.0.0.1' });
    const moved = await there(pageServer, { '/jwks': jwks(second) }, { port, address: '127.0.0.2' });
    known('127.0.0.1 keys.example');
    gw = await gateway({ under, services: { 'one.shop': a.port }, files: { 'rule.yaml': rule(istioJwt(ISSUER, `http://keys.example:${port}/jwks`)) } });
    const by = (key) => ({ host: 'one', target: '/x', headers: [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`] });
    const asked = (more) => expectExchange(gw, { request: by(more), status: 200, reason: 'allowed', upstream: a, explains: false });
    await asked(first);
    known('127.0.0.2 keys.example');
    await asked(second); // of a key that isn't there: fetched out of turn
    assert.equal(here.hits['/jwks'], 1);
    known();
    moved.pages['/jwks'] = jwks(second, third);
    await asked(third);
    assert.equal(here.hits['/jwks'], 1);
    assert.equal((await gw.keySets())[0].problem, '');
  });

  test('a key server with several endpoints is asked at one that lives', async () => {
    const [a] = await pair();
    const key = makeKey('ES256');
    const pages = await there(pageServer, { '/jwks': jwks(key) });
    const slice = (name, address, port) =>
      JSON.stringify({
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'keys' } },
        addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ port }],
      });
    const service = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'keys', namespace: 'shop' }, spec: { ports: [{ port: 80 }] } });
    gw = await gateway({
      services: { 'one.shop': a.port },
      files: { 'rules.yaml': documents(rule(istioJwt(ISSUER, 'http://keys.shop.svc.cluster.local/jwks')), service, slice('keys-0', '127.0.0.1', await freePort()), slice('keys-1', '127.0.0.1', pages.port), slice('keys-2', '127.0.0.1', await freePort())) },
    });
    await expectExchange(gw, { request: { host: 'one', target: '/x', headers: [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`] }, status: 200, reason: 'allowed', upstream: a });
  });
});
