// Where key sets come from, and what happens when they don't.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { freePort, temporary, until } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const key = makeKey('ES256');
const set = { keys: [key.jwk] };
const dir = temporary('brama-keysets');
const issuerOf = (name) => `https://${name}.example`;
const token = (name, by = key) => makeToken(by, { iss: issuerOf(name), sub: 'me' });
const ask = (name, by) => ({ host: name, target: '/x', headers: [`Authorization: Bearer ${token(name, by)}`] });
const UNAVAILABLE = { status: 503, body: 'Jwks remote fetch is failed', reason: 'keys_unavailable', headers: { 'retry-after': '1' } };
/** A v2 rule with one issuer; the workload is its own, so that no other rule's issuers concern it. */
const rule = (name, jwksUri) => apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/x', jwt: istioJwt(issuerOf(name), jwksUri) }] });

let upstream, pages, tls, ca, gw;
async function certificate() {
  const file = (name) => path.join(dir, name);
  const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('tls.key'), '-out', file('tls.crt'), '-subj', '/CN=keys', '-days', '30', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:keys.shop.svc.cluster.local']);
  assert.equal(made.code, 0, made.err);
  ca = file('tls.crt');
  return { key: readFileSync(file('tls.key')), cert: readFileSync(ca) };
}

before(async () => {
  upstream = await recorder();
  pages = await pageServer({
    '/jwks': set,
    '/large': JSON.stringify({ keys: [key.jwk], padding: 'x'.repeat(400 * 1024) }),
    '/garbage': 'no JSON',
    '/empty': { keys: [] },
    '/to-metadata': (req, res) => res.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
    '/to-jwks': (req, res) => res.writeHead(302, { location: '/jwks' }).end(),
    '/loop': (req, res) => res.writeHead(302, { location: '/loop' }).end(),
    '/to-file': (req, res) => res.writeHead(302, { location: `file://${dir}/jwks.json` }).end(),
    '/slow': () => {},
    '/drip': (req, res) => {
      res.writeHead(200, { 'content-length': '100000' });
      const timer = setInterval(() => res.write(' '), 100);
      res.on('close', () => clearInterval(timer));
    },
    '/error': (req, res) => res.writeHead(500).end(JSON.stringify(set)),
  });
  tls = await pageServer({ '/jwks': set, '/to-http': (req, res) => res.writeHead(302, { location: `${pages.url}/jwks` }).end() }, { tls: await certificate() });
  writeFileSync(path.join(dir, 'jwks.json'), JSON.stringify(set));
});
after(async () => {
  await Promise.all([upstream, pages, tls].map((s) => s?.stop()));
});

describe('sets that can be had', () => {
  before(async () => {
    const uris = {
      file: `file://${dir}/jwks.json`,
      http: `${pages.url}/jwks`,
      https: `${tls.url}/jwks`,
      service: `http://keys.shop.svc.cluster.local:8080/jwks`,
      'service-tls': 'https://keys.shop.svc.cluster.local:8443/jwks',
      redirected: `${pages.url}/to-jwks`,
    };
    gw = await gateway({
      services: { ...Object.fromEntries(Object.keys(uris).map((name) => [`${name}.shop`, upstream.port])), 'ory.shop': upstream.port, 'keys.shop:8080': pages.port, 'keys.shop:8443': tls.port },
      args: ['--ca-file', ca],
      files: {
        'rules.yaml': documents(
          ...Object.entries(uris).map(([name, uri]) => rule(name, uri)),
          apiRuleV1({ name: 'ory', host: 'ory', service: { name: 'ory', port: 80 }, rules: [{ path: '/x', accessStrategies: [oryJwt(issuerOf('ory'), `${pages.url}/jwks`, { allowed_algorithms: ['ES256'], jwks_urls: [`${pages.url}/empty`, `${pages.url}/jwks`] })] }] }),
        ),
      },
    });
  });
  after(() => gw?.stop());

  for (const name of ['file', 'http', 'https', 'service', 'service-tls', 'redirected', 'ory']) {
    test(name, () => expectExchange(gw, { request: ask(name), status: 200, reason: 'allowed', upstream }));
  }
  test('control: a token by another key is not let in by any of them', async () => {
    const stranger = makeKey('ES256', { kid: key.kid });
    for (const name of ['file', 'http', 'https', 'ory']) {
      await expectExchange(gw, { request: ask(name, stranger), status: 401, reason: 'signature_invalid', upstream });
    }
  });
  test('requests fetch nothing', async () => {
    const fetched = pages.requests.length;
    for (let i = 0; i < 3; i++) await expectExchange(gw, { request: ask('http'), status: 200, upstream, explains: false });
    assert.equal(pages.requests.length, fetched);
  });
  test('get keysets tells them all, and their state', async () => {
    assert.ok((await gw.keySets()).length >= 6);
    const text = await gw.verb(['get', 'keysets', '--admin', gw.admin]);
    assert.equal(text.code, 0);
    assert.ok(text.out.includes(`${pages.url}/jwks`), text.out);
    for (const row of text.out.split('\n').filter((line) => line.includes(' fresh '))) assert.ok(!/\bnever\b/.test(row), row);
  });
});

describe('sets that can not be had are 503, never a pass', () => {
  let closed;
  const names = ['missing', 'large', 'garbage', 'error', 'metadata', 'to-metadata', 'loop', 'to-file', 'untrusted', 'downgrade', 'mapped', 'refused', 'nofile', 'special'];
  before(async () => {
    closed = await freePort();
    const uris = {
      missing: `${pages.url}/absent`,
      large: `${pages.url}/large`,
      garbage: `${pages.url}/garbage`,
      error: `${pages.url}/error`,
      metadata: 'http://169.254.169.254/latest/meta-data',
      'to-metadata': `${pages.url}/to-metadata`,
      loop: `${pages.url}/loop`,
      'to-file': `${pages.url}/to-file`,
      untrusted: `${tls.url}/jwks`,
      downgrade: `${tls.url}/to-http`,
      mapped: 'http://[::ffff:169.254.169.254]/jwks',
      refused: `http://127.0.0.1:${closed}/jwks`,
      nofile: `file://${dir}/absent.json`,
      special: 'file:///dev/zero',
    };
    gw = await gateway({
      services: Object.fromEntries(names.map((name) => [`${name}.shop`, upstream.port])),
      files: { 'rules.yaml': documents(...names.map((name) => rule(name, uris[name]))) },
    });
  });
  after(() => gw?.stop());

  for (const name of names) {
    test(name, () => expectExchange(gw, { request: ask(name), ...UNAVAILABLE, decision: 'deny', upstream }));
  }
  test('no token is 403 there, too, and a token of another issuer 401', async () => {
    await expectExchange(gw, { request: { host: 'missing', target: '/x' }, status: 403, body: 'RBAC: access denied', upstream });
    await expectExchange(gw, { request: { ...ask('large'), host: 'missing' }, status: 401, body: 'Jwt issuer is not configured', upstream });
  });
  test('get keysets says what is wrong with each', async () => {
    for (const set_ of await gw.keySets()) assert.ok(set_.problem.length > 10, JSON.stringify(set_));
  });
});

test('a key server that never answers, or drips, keeps neither start nor others waiting', async () => {
  const gateway_ = await gateway({
    services: { 'slow.shop': upstream.port, 'drip.shop': upstream.port, 'http.shop': upstream.port },
    files: { 'rules.yaml': documents(rule('slow', `${pages.url}/slow`), rule('drip', `${pages.url}/drip`), rule('http', `${pages.url}/jwks`)) },
  });
  try {
    await until('the good set', async () => (await curl(gateway_.url('http', '/x'), { headers: ask('http').headers, resolve: gateway_.resolve('http') })).status === 200);
    for (const name of ['slow', 'drip']) {
      await expectExchange(gateway_, { request: ask(name), ...UNAVAILABLE, upstream, explains: false }); // explain would wait, too
    }
  } finally {
    await gateway_.stop();
  }
});

test('the last good set serves a cold start while the key server is away', async () => {
  const here = await pageServer({ '/jwks': set });
  const files = { 'rules.yaml': rule('cold', `${here.url}/jwks`) };
  const options = { services: { 'cold.shop': upstream.port }, files };
  const first = await gateway(options);
  await expectExchange(first, { request: ask('cold'), status: 200, upstream });
  await first.stop();
  await here.stop();
  const second = await gateway({ ...options, state: first.state });
  try {
    await expectExchange(second, { request: ask('cold'), status: 200, upstream, explains: false }); // explain has no state
    await expectExchange(second, { request: ask('cold', makeKey('ES256', { kid: key.kid })), status: 401, upstream, explains: false });
  } finally {
    await second.stop();
  }
});

test('a set that changes is in force soon; one that turns to garbage leaves the good one', async () => {
  const file = path.join(temporary('brama-turning'), 'jwks.json'); // files are looked at each second
  const fresh = makeKey('ES256');
  writeFileSync(file, JSON.stringify(set));
  const turning = await gateway({ services: { 'turn.shop': upstream.port }, files: { 'rules.yaml': rule('turn', `file://${file}`) } });
  const send = (by) => curl(turning.url('turn', '/x'), { headers: ask('turn', by).headers, resolve: turning.resolve('turn') });
  try {
    await expectExchange(turning, { request: ask('turn'), status: 200, upstream });
    await expectExchange(turning, { request: ask('turn', fresh), status: 401, body: "Jwks doesn't have key to match kid or alg from Jwt", reason: 'key_unknown', upstream });
    writeFileSync(file, JSON.stringify({ keys: [fresh.jwk] }));
    await until('the new key to be accepted', async () => (await send(fresh)).status === 200);
    await expectExchange(turning, { request: ask('turn', fresh), status: 200, upstream });
    await expectExchange(turning, { request: ask('turn'), status: 401, reason: 'key_unknown', upstream }); // verified before, and gone
    writeFileSync(file, 'garbage');
    await until('the problem to be told', async () => (await turning.keySets())[0].problem);
    await expectExchange(turning, { request: ask('turn', fresh), status: 200, upstream, explains: false }); // explain has no last good set
  } finally {
    await turning.stop();
  }
});

// Both workers remember the token, and clients use it all the time. What counts is the first request that
// the new set let in: a second later the old key lets in none.
test('a removed key: its tokens stop within a second, remembered and under load', async () => {
  const file = path.join(temporary('brama-removed'), 'jwks.json');
  const fresh = makeKey('ES256');
  writeFileSync(file, JSON.stringify(set));
  const gateway_ = await gateway({ services: { 'hot.shop': upstream.port }, args: ['--workers', '2', '--kid-wait', '0s'], files: { 'rules.yaml': rule('hot', `file://${file}`) } });
  const send = (agent, token_) =>
    new Promise((resolve) => {
      const sent = Date.now();
      const headers = { host: `hot.${gateway_.domain}`, authorization: `Bearer ${token_}` };
      const request = http.request({ host: '127.0.0.1', port: gateway_.port, path: '/x', agent, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve({ sent, status: answer.statusCode }));
      });
      request.on('error', () => resolve({ sent, status: 0 }));
      request.end();
    });
  const [hot, next] = [token('hot'), token('hot', fresh)];
  const answers = [];
  let going = true;
  const lanes = Array.from({ length: 8 }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (going) answers.push(await send(agent, hot));
    agent.destroy();
  });
  try {
    await until('it to be hot', () => answers.length > 400);
    assert.ok(answers.every(({ status }) => status === 200));
    writeFileSync(file, JSON.stringify({ keys: [fresh.jwk] }));
    const inForce = await until('the new set', async () => {
      const answer = await send(false, next);
      return answer.status === 200 && answer.sent;
    }, { every: 5 });
    await until('enough after it', () => answers.filter(({ sent }) => sent > inForce + 1000).length > 100);
    going = false;
    await Promise.all(lanes);
    const late = answers.filter(({ sent, status }) => sent > inForce + 1000 && status !== 401);
    assert.deepEqual(late, []);
    assert.ok(answers.every(({ status }) => [200, 401].includes(status)));
    await expectExchange(gateway_, { request: { host: 'hot', target: '/x', headers: [`Authorization: Bearer ${hot}`] }, status: 401, reason: 'key_unknown', upstream });
  } finally {
    going = false;
    await Promise.all(lanes);
    await gateway_.stop();
  }
});

// Kyma wants a jwksUri; that of a provider may be its discovery document's address.
test('OIDC discovery: the document\'s jwks_uri is followed, under the same limits', async () => {
  const here = await pageServer({ '/jwks': set });
  here.pages['/.well-known/openid-configuration'] = { issuer: here.url, jwks_uri: `${here.url}/jwks` };
  here.pages['/evil/.well-known/openid-configuration'] = { issuer: here.url, jwks_uri: 'http://169.254.169.254/jwks' };
  const gateway_ = await gateway({
    services: { 'found.shop': upstream.port, 'evil.shop': upstream.port },
    files: { 'rules.yaml': documents(rule('found', `${here.url}/.well-known/openid-configuration`), rule('evil', `${here.url}/evil/.well-known/openid-configuration`)) },
  });
  try {
    await expectExchange(gateway_, { request: ask('found'), status: 200, upstream });
    await expectExchange(gateway_, { request: ask('evil'), ...UNAVAILABLE, upstream });
  } finally {
    await gateway_.stop();
    await here.stop();
  }
});
