// attacks.md J23 and J24: everything that an endpoint of keys can do instead of giving some, as one
// table. A rule whose set never came is 503 with Retry-After; one whose set was good before goes on with
// it; `get keysets` says which, and why; and a rule of another issuer notices nothing.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { freePort, sleep, temporary, until } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { blackHole, pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const key = makeKey('ES256');
const good = jwks(key);
const text = JSON.stringify(good);
const other = makeKey('ES256');
const privateJwk = { ...other.privateKey.export({ format: 'jwk' }), kid: other.kid, alg: 'ES256', use: 'sig' };
const twins = [makeKey('ES256', { kid: 'twin' }), makeKey('ES256', { kid: 'twin' })];
const MEGA = 1024 * 1024;
const bomb = gzipSync(Buffer.alloc(20 * MEGA, ' '));

/** `bytes` blanks, as fast as they are taken; a key set before them. */
function flood(res, bytes) {
  res.write(text);
  let left = bytes;
  const more = () => {
    while (left > 0 && !res.destroyed) {
      left -= MEGA;
      if (!res.write(Buffer.alloc(MEGA, ' '))) return void res.once('drain', more);
    }
    res.end();
  };
  more();
}

// What it does; what the complaint has to name; over TLS where it says so. `slow`: it takes all of the
// five seconds that a fetch has. `url`: a place that never was a good one.
const ROWS = {
  'status 500': { page: (req, res) => res.writeHead(500).end(text), problem: /\b500\b/ },
  'status 404': { page: undefined, problem: /\b404\b/ },
  'one byte a second': {
    slow: true, problem: /5000 ms/,
    page: (req, res) => {
      let at = 0;
      res.writeHead(200, { 'content-length': text.length });
      const timer = setInterval(() => res.write(text[at++]), 1000);
      res.on('close', () => clearInterval(timer));
    },
  },
  'nothing after the head': { slow: true, problem: /5000 ms/, page: (req, res) => res.writeHead(200, { 'content-length': 100 }).flushHeaders() },
  'nothing at all': { slow: true, problem: /5000 ms/, page: () => {} },
  'an end before the announced length': { problem: /transfer|partial/i, page: (req, res) => res.writeHead(200, { 'content-length': text.length + 1 }).write(text, () => res.destroy()) },
  'HTML': { page: '<!doctype html><title>Sign in</title>', problem: /JwksParseError/ },
  'nothing but a status': { page: '', problem: /JwksParseError/ },
  '{}': { page: '{}', problem: /JwksNoKeys/ },
  'an empty set': { page: { keys: [] }, problem: /empty/ },
  'truncated JSON': { page: text.slice(0, -3), problem: /JwksParseError/ },
  'two members of one name': { page: text.replace('{', '{"keys":[],'), problem: /JwksParseError/ },
  '50 MB, announced': { problem: /262144 bytes/, page: (req, res) => { res.writeHead(200, { 'content-length': text.length + 50 * MEGA }); flood(res, 50 * MEGA); } },
  '50 MB, in chunks': { problem: /262144 bytes/, page: (req, res) => flood(res, 50 * MEGA) },
  'a gzip bomb': { problem: /Content-Encoding: gzip/, page: (req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb) },
  '10,000 keys': { page: { keys: Array(10_000).fill(key.jwk) }, problem: /262144 bytes/ },
  '101 keys': { page: { keys: Array.from({ length: 101 }, (_, i) => ({ ...key.jwk, kid: String(i) })) }, problem: /100 keys/ },
  'a redirect to a metadata address': { page: (req, res) => res.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(), problem: /metadata address/ },
  'a redirect in a loop': { page: (req, res) => res.writeHead(302, { location: req.url }).end(), problem: /redirects/ },
  'a redirect to a file': { page: (req, res) => res.writeHead(302, { location: `file://${dir}/good.json` }).end(), problem: /http, https/ },
  'a redirect from https to http': { tls: true, page: (req, res) => res.writeHead(302, { location: `${plain.url}/good` }).end(), problem: /https to http/ },
  'a certificate for another name': { tls: true, certificate: 'other', problem: /certificate|subject name/i },
  'a certificate of a CA that nobody knows': { tls: true, certificate: 'stranger', problem: /certificate/i },
  'a certificate that has expired': { tls: true, certificate: 'expired', problem: /expired/ },
  'a private key, and no other': { page: { keys: [privateJwk] }, problem: /JwkPrivate/ },
  'two keys of one kid, and no other': { page: jwks(...twins), problem: /JwkDuplicateKid/ },
  'symmetric keys only': { page: { keys: [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I', kid: 'h', alg: 'HS256' }] }, problem: /Jw/ },
  'a metadata address': { url: 'http://169.254.169.254/latest/meta-data', problem: /metadata address/ },
  'one in the clothes of IPv6': { url: 'http://[::ffff:169.254.169.254]/jwks', problem: /metadata address/ },
  'no such file': { url: 'file:///nonexistent/jwks.json', problem: /can't be opened/ },
  'a device': { url: 'file:///dev/zero', problem: /regular file/ },
  'nobody listens': { closed: true, problem: /connect/i },
  'nobody answers': { silent: true, problem: /5000 ms|connect/i },
};
const names = Object.keys(ROWS);
// Apart, so that handshakes under a sanitizer don't wait for each other and for all the rest.
const groups = { plain: names.filter((name) => !ROWS[name].tls), TLS: names.filter((name) => ROWS[name].tls) };
const host = (name) => `row-${names.indexOf(name)}`;
const issuerOf = (name) => `https://${host(name)}.example`;
const ask = (name, by = key, more) => ({ host: host(name), target: '/x', headers: [`Authorization: Bearer ${makeToken(by, { iss: issuerOf(name), sub: 'me' }, more)}`] });

const dir = temporary('brama-matrix');
const certs = {};
const openssl = async (...args) => {
  const made = await run('openssl', args, { cwd: dir });
  assert.equal(made.code, 0, made.err);
};
async function makeCertificates() {
  const pair = (name) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-subj', `/CN=${name}`];
  await openssl('req', '-x509', ...pair('ca'), '-out', 'ca.crt', '-days', '30');
  await openssl('req', '-x509', ...pair('stranger'), '-out', 'stranger.crt', '-days', '30', '-addext', 'subjectAltName=IP:127.0.0.1');
  for (const [name, subject, days] of [['good', 'IP:127.0.0.1', '30'], ['other', 'DNS:other.example', '30'], ['expired', 'IP:127.0.0.1', '-1']]) {
    writeFileSync(path.join(dir, `${name}.ext`), `subjectAltName=${subject}`);
    await openssl('req', ...pair(name), '-out', `${name}.csr`);
    await openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', days, '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  }
  for (const name of ['good', 'other', 'expired', 'stranger']) certs[name] = { key: readFileSync(path.join(dir, `${name}.key`)), cert: readFileSync(path.join(dir, `${name}.crt`)) };
}

let upstream, plain;
before(async () => {
  await makeCertificates();
  writeFileSync(path.join(dir, 'good.json'), text);
  upstream = await recorder();
  plain = await pageServer({ '/good': good });
});
after(async () => {
  await Promise.all([upstream?.stop(), plain?.stop()]);
});

/** A gateway with a rule for each row, and one whose keys are fine. Each row has an endpoint of its own:
 * it does what the row says, or what is right until broken() is called. */
async function stage({ works, rows }) {
  const it = { endpoints: {}, holes: [] };
  for (const name of rows) {
    const { tls, closed, silent, certificate, page, url } = ROWS[name];
    if (url) continue;
    const pages = { '/jwks': works || certificate ? good : page };
    if (works || !(closed || silent)) it.endpoints[name] = await pageServer(pages, { tls: tls && certs[works ? 'good' : (certificate ?? 'good')] });
    else if (closed) it.endpoints[name] = { url: `http://127.0.0.1:${await freePort()}` };
    else {
      const hole = await blackHole();
      it.holes.push(hole);
      it.endpoints[name] = { url: `http://127.0.0.1:${hole.port}` };
    }
  }
  it.url = (name) => ROWS[name].url ?? `${it.endpoints[name].url}/jwks`;
  const rule = (label, issuer, uri) => apiRule({ name: label, host: label, service: { name: label, port: 80 }, rules: [{ path: '/x', jwt: istioJwt(issuer, uri) }] });
  it.gw = await gateway({
    services: Object.fromEntries(['other', ...rows.map(host)].map((label) => [`${label}.shop`, upstream.port])),
    args: ['--ca-file', path.join(dir, 'ca.crt')],
    files: { 'rules.yaml': documents(rule('other', 'https://other.example', `${plain.url}/good`), ...rows.map((name) => rule(host(name), issuerOf(name), it.url(name)))) },
  });
  it.broken = async (name) => {
    const { closed, silent, certificate, page } = ROWS[name];
    const endpoint = it.endpoints[name];
    if (certificate) endpoint.certify(certs[certificate]);
    else if (!closed && !silent) endpoint.pages['/jwks'] = page;
    else {
      await endpoint.stop();
      if (silent) it.holes.push(await blackHole(endpoint.port));
    }
  };
  /** Wait until each of these has its problem (a late answer on a busy machine is another one), and keep
   * what is said of it. */
  it.look = async (...rows) => {
    for (let i = 0; i < 40; i++) {
      const sets = await it.gw.keySets();
      it.sets = Object.fromEntries(rows.map((name) => [name, sets.find((set) => set.name === it.url(name))]));
      if (rows.every((name) => ROWS[name].problem.test(it.sets[name]?.problem))) return;
      await sleep(500);
    }
  };
  it.stop = async () => {
    await it.gw?.stop();
    await Promise.all([...Object.values(it.endpoints).map((one) => one.stop?.()), ...it.holes.map((one) => one.stop())]);
  };
  return it;
}
const otherPasses = (gw) => {
  const token = makeToken(key, { iss: 'https://other.example', sub: 'me' });
  return expectExchange(gw, { request: { host: 'other', target: '/x', headers: [`Authorization: Bearer ${token}`] }, status: 200, reason: 'allowed', upstream, explains: false });
};

/** Tried again within a minute, whatever the answer would have allowed. */
const isTriedAgain = (set) => assert.ok(Date.parse(set.next_fetch) - Date.now() <= 61_000, set.next_fetch);

for (const [group, rows] of Object.entries(groups)) {
  describe(`where no set was ever loaded; ${group}`, () => {
    let it;
    before(async () => {
      it = await stage({ works: false, rows });
      await otherPasses(it.gw); // while the slow ones are still on their way
      await it.look(...rows);
    });
    after(() => it?.stop());
    for (const name of rows) {
      test(name, async () => {
        await expectExchange(it.gw, {
          request: ask(name), status: 503, body: 'Jwks remote fetch is failed', headers: { 'retry-after': '1' }, reason: 'keys_unavailable', decision: 'deny', upstream,
          explains: false, // it would ask all of these endpoints anew, as keys_endpoints.test.mjs lets it
        });
        const set = it.sets[name];
        assert.match(set.problem, ROWS[name].problem);
        assert.deepEqual([set.state, set.keys, set.fetched_at], ['never', [], null]);
        isTriedAgain(set);
      });
    }
    const ownKey = 'a private key, and no other';
    if (!rows.includes(ownKey)) return;
    test('a private key in a set opens nothing to its owner', () =>
      expectExchange(it.gw, { request: ask(ownKey, other), status: 503, reason: 'keys_unavailable', upstream, explains: false }));
  });
}

for (const [group, all] of Object.entries(groups)) {
  const rows = all.filter((name) => !ROWS[name].url);
  describe(`where one was loaded before; ${group}`, () => {
    let it;
    before(async () => {
      it = await stage({ works: true, rows });
      await until('the good sets', async () => (await it.gw.keySets()).filter((set) => set.state === 'fresh').length === rows.length + 1, { timeout: 30_000 });
      for (const name of rows) {
        await it.broken(name);
        // A key that isn't there: it asks for a fetch out of turn, and waits for it.
        const { headers, host: label } = ask(name, makeKey('ES256'));
        const unknown = curl(it.gw.url(label, '/x'), { headers, resolve: it.gw.resolve(label) });
        if (!ROWS[name].slow && !ROWS[name].silent) assert.equal((await unknown).status, 401, name);
      }
      await otherPasses(it.gw);
      await it.look(...rows);
    });
    after(() => it?.stop());
    for (const name of rows) {
      test(name, async () => {
        const set = it.sets[name];
        assert.match(set.problem, ROWS[name].problem);
        assert.deepEqual([set.state, set.keys.length], ['stale', 1]);
        assert.ok(Date.now() - Date.parse(set.fetched_at) < 300_000, 'its age');
        isTriedAgain(set);
        await expectExchange(it.gw, { request: ask(name), status: 200, reason: 'allowed', upstream, explains: false }); // explain has no last good set
      });
    }
  });
}

describe('keys that are left out of a set leave the others', () => {
  let gw, keysets;
  const bystander = makeKey('EdDSA', { kid: 'twin' }); // of the same kid, but it can't be meant
  before(async () => {
    keysets = await pageServer({ '/private': { keys: [privateJwk, key.jwk] }, '/twins': jwks(...twins, key), '/kinds': jwks(twins[0], bystander) });
    gw = await gateway({
      services: { 'a.shop': upstream.port, 'b.shop': upstream.port, 'c.shop': upstream.port },
      files: {
        'rules.yaml': documents(
          ...[['a', '/private'], ['b', '/twins'], ['c', '/kinds']].map(([name, at]) =>
            apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/x', jwt: istioJwt(`https://${name}.example`, `${keysets.url}${at}`) }] })),
        ),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await keysets?.stop();
  });
  const by = (name, key_) => ({ host: name, target: '/x', headers: [`Authorization: Bearer ${makeToken(key_, { iss: `https://${name}.example`, sub: 'me' })}`] });
  const set = async (at) => (await gw.keySets()).find(({ name }) => name.endsWith(at));

  test('a private key: its tokens are refused, the others pass, and it is named', async () => {
    await expectExchange(gw, { request: by('a', key), status: 200, reason: 'allowed', upstream });
    await expectExchange(gw, { request: by('a', other), status: 401, reason: 'key_unknown', upstream });
    const { state, left_out, left_out_reasons, keys } = await set('/private');
    assert.deepEqual([state, left_out, keys.length], ['fresh', 1, 1]);
    assert.match(left_out_reasons, /^JwkPrivate/);
    assert.ok(left_out_reasons.includes(other.kid));
  });
  test('two keys of one kid: neither serves', async () => {
    await expectExchange(gw, { request: by('b', key), status: 200, reason: 'allowed', upstream });
    for (const twin of twins) await expectExchange(gw, { request: by('b', twin), status: 401, reason: 'key_unknown', upstream });
    const { left_out, left_out_reasons } = await set('/twins');
    assert.equal(left_out, 2);
    assert.match(left_out_reasons, /^JwkDuplicateKid \(kid "twin"\), JwkDuplicateKid/);
    const wide = await gw.verb(['get', 'keysets', '-o', 'wide', '--admin', gw.admin]);
    assert.match(wide.out, /JwkDuplicateKid/);
  });
  test('unless their algorithms differ', async () => {
    for (const one of [twins[0], bystander]) await expectExchange(gw, { request: by('c', one), status: 200, reason: 'allowed', upstream });
    assert.equal((await set('/kinds')).left_out, 0);
  });
});

test('the last good set of a day ago is served no more, and says so', async () => {
  const here = await pageServer({ '/jwks': good });
  const rule = apiRule({ name: 'old', host: 'old', service: { name: 'old', port: 80 }, rules: [{ path: '/x', jwt: istioJwt('https://old.example', `${here.url}/jwks`) }] });
  const options = { services: { 'old.shop': upstream.port }, files: { 'rules.yaml': rule } };
  const request = { host: 'old', target: '/x', headers: [`Authorization: Bearer ${makeToken(key, { iss: 'https://old.example', sub: 'me' })}`] };
  let gw = await gateway(options);
  try {
    await expectExchange(gw, { request, status: 200, reason: 'allowed', upstream });
    await gw.stop();
    const kept = path.join(gw.state, 'keys');
    const aged = await run('bash', ['-c', 'touch -d "25 hours ago" *.json'], { cwd: kept });
    assert.equal(aged.code, 0, aged.err);
    here.pages['/jwks'] = (req, res) => res.writeHead(500).end();
    gw = await gateway({ ...options, state: gw.state });
    await expectExchange(gw, { request, status: 503, body: 'Jwks remote fetch is failed', headers: { 'retry-after': '1' }, reason: 'keys_unavailable', upstream, explains: false });
    const [set] = await gw.keySets();
    assert.deepEqual([set.state, set.keys], ['expired', []]);
    assert.ok(Math.abs(Date.now() - Date.parse(set.fetched_at) - 25 * 3600_000) < 600_000, set.fetched_at);
    here.pages['/jwks'] = good;
    await until('a good answer to end it', async () => (await gw.keySets())[0].state === 'fresh', { timeout: 20_000 });
    await expectExchange(gw, { request, status: 200, reason: 'allowed', upstream });
  } finally {
    await gw.stop();
    await here.stop();
  }
});
