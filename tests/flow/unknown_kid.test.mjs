// A token signed by a key that the gateway hasn't seen: the request waits for the key set. Nobody can
// make more of that than a few fetches, and nobody with a known key notices.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken, now } from './lib/keys.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const NO_KEY = "Jwks doesn't have key to match kid or alg from Jwt";
const known = makeKey('ES256');
const tokenOf = (key, claims = {}, more) => makeToken(key, { iss: ISSUER, sub: 'me', ...claims }, more);
const bearer = (token) => [`Authorization: Bearer ${token}`];
const withKid = (kid) => tokenOf(known, {}, { header: { kid } }); // whoever signed it

let upstream, pages, gw;

let options; // the gateway's, for another on the same state
async function open({ args, tls } = {}) {
  upstream = await recorder();
  pages = await pageServer({ '/jwks': jwks(known), '/other': jwks(known) });
  options = {
    services: { 'istio.shop': upstream.port, 'ory.shop': upstream.port, 'other.shop': upstream.port },
    args, tls,
    files: {
      'rules.yaml': documents(
        apiRule({ name: 'istio', host: 'istio', service: { name: 'istio', port: 80 }, rules: [{ path: '/x', methods: ['GET', 'POST'], jwt: istioJwt(ISSUER, `${pages.url}/jwks`) }] }),
        apiRuleV1({ name: 'ory', host: 'ory', service: { name: 'ory', port: 80 }, rules: [{ path: '/x', accessStrategies: [oryJwt(ISSUER, `${pages.url}/jwks`, { allowed_algorithms: ['ES256'] })] }] }),
        apiRule({ name: 'other', host: 'other', service: { name: 'other', port: 80 }, rules: [{ path: '/x', jwt: istioJwt(ISSUER, `${pages.url}/other`) }] }),
      ),
    },
  };
  gw = await gateway(options);
}
async function close() {
  await gw?.stop();
  await upstream?.stop();
  await pages?.stop();
}

const fetches = () => pages.hits['/jwks'] ?? 0;

/** One request on a connection of its own, fast enough for storms: {status, text, ms}. */
function send(token, { host = 'istio', body, signal } = {}) {
  const begun = Date.now();
  return new Promise((resolve) => {
    const request = http.request({
      host: '127.0.0.1', port: gw.port, path: '/x', agent: false, signal, method: body ? 'POST' : 'GET',
      headers: { host: `${host}.${gw.domain}`, authorization: `Bearer ${token}` },
    }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('end', () => resolve({ status: answer.statusCode, text, ms: Date.now() - begun }));
    });
    request.on('error', (error) => resolve({ status: 0, text: error.code, ms: Date.now() - begun }));
    request.end(body);
  });
}

describe('without a storm', () => {
  before(() => open({ tls: true }));
  after(close);

  for (const host of ['istio', 'ory']) {
    test(`${host}: the first request with a rotated key passes, and so do all that come with it`, async () => {
      const key = makeKey('ES256');
      await sleep(1100); // what the test before may have left of a back-off
      const fetched = fetches();
      pages.pages['/jwks'] = jwks(key, known);
      const token = tokenOf(key);
      const answers = await Promise.all(Array.from({ length: 20 }, () => send(token, { host })));
      for (const answer of answers) assert.equal(answer.status, 200, JSON.stringify(answer));
      for (const answer of answers) assert.ok(answer.ms < 2000, `${answer.ms} ms`);
      assert.ok(fetches() - fetched <= 2, `${fetches() - fetched} fetches`);
      await expectExchange(gw, { request: { host, target: '/x', headers: bearer(token) }, status: 200, reason: 'allowed', upstream });
    });
  }

  test('one with a body, and one over HTTP/2', async () => {
    const [first, second] = [makeKey('ES256'), makeKey('ES256')];
    await sleep(1100);
    pages.pages['/jwks'] = jwks(first, known);
    const seen = upstream.seen.length;
    assert.equal((await send(tokenOf(first), { body: 'x'.repeat(100_000) })).status, 200);
    assert.equal(upstream.seen[seen].body.length, 100_000);
    pages.pages['/jwks'] = jwks(second, known);
    await expectExchange(gw, {
      request: { host: 'istio', target: '/x', scheme: 'https', args: ['--http2'], headers: bearer(tokenOf(second)) },
      status: 200, reason: 'allowed', upstream, version: 'HTTP/2',
    });
  });

  test('the key was fetched, but it is not there: 401 as before, soon', async () => {
    await sleep(1100);
    const answer = await send(withKid('nobody'));
    assert.deepEqual([answer.status, answer.text], [401, NO_KEY]);
    assert.ok(answer.ms < 1500, `${answer.ms} ms`);
    await expectExchange(gw, { request: { host: 'istio', target: '/x', headers: bearer(withKid('nobody')) }, status: 401, body: NO_KEY, reason: 'key_unknown', decision: 'deny', upstream });
  });

  test('who cannot be let in by any key asks for nothing, and does not wait', async () => {
    await until('quiet', async () => {
      const before_ = fetches();
      await sleep(1500);
      return fetches() === before_;
    }, { timeout: 30_000 });
    const fetched = fetches();
    const kid = 'unheard of';
    for (const host of ['istio', 'ory']) {
      for (const token of [
        tokenOf(known, { iss: 'https://evil.example' }, { header: { kid } }),
        tokenOf(known, { exp: now() - 3600 }, { header: { kid } }),
        tokenOf(known, { nbf: now() + 3600 }, { header: { kid } }),
        tokenOf(makeKey('ES256'), {}, { header: { kid: undefined } }),
        tokenOf(known, {}, { header: { kid }, by: 'HS256', secret: 'x' }),
        tokenOf(known, {}, { header: { kid }, by: 'none' }),
        tokenOf(makeKey('ES256'), {}, { header: { kid: known.kid } }),
      ]) {
        const answer = await send(token, { host });
        assert.notEqual(answer.status, 200);
        assert.ok(answer.ms < 500, `${answer.ms} ms`);
      }
    }
    assert.equal(fetches(), fetched);
  });

  test('a client that goes away leaves nothing behind', async () => {
    let answer;
    pages.pages['/jwks'] = (req, res) => (answer = res); // fetches that take long
    const away = new AbortController();
    const waiting = Array.from({ length: 10 }, () => send(withKid('away'), { signal: away.signal }));
    const client = http2.connect(gw.url('istio', '/', 'https').replace(`istio.${gw.domain}`, '127.0.0.1'), { rejectUnauthorized: false });
    client.on('error', () => {});
    const stream = client.request({ ':path': '/x', ':authority': `istio.${gw.domain}`, authorization: `Bearer ${withKid('away')}` });
    stream.on('error', () => {});
    await until('the fetch', () => answer);
    await sleep(100);
    const logged = gw.log().length;
    away.abort();
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await Promise.all(waiting);
    const lines = await until('their log lines', () => gw.log().length >= logged + 11 && gw.log().slice(logged));
    for (const line of lines) assert.equal(line.reason, 'client_gone', JSON.stringify(line));
    client.destroy();
    // Their places are free again: 64 find room, and get their answer with the fetch.
    const next = makeKey('ES256');
    const more = Array.from({ length: 64 }, () => send(tokenOf(next)));
    await sleep(200);
    pages.pages['/jwks'] = jwks(next, known);
    answer.writeHead(200).end(JSON.stringify(jwks(next, known)));
    for (const one of await Promise.all(more)) assert.equal(one.status, 200, JSON.stringify(one));
  });
});

test('in a storm of unheard-of kids the fetches stay few, the others are served, and a new key gets in', async () => {
  await open();
  try {
    await sleep(300);
    const fetched = fetches();
    const begun = Date.now();
    const good = tokenOf(known);
    const [storm, calm] = await Promise.all([
      Promise.all(Array.from({ length: 200 }, (_, i) => send(withKid(`storm-${i}`)))),
      Promise.all(Array.from({ length: 20 }, (_, i) => sleep(i * 20).then(() => send(good)))),
    ]);
    for (const answer of storm) assert.deepEqual([answer.status, answer.text], [401, NO_KEY]);
    for (const answer of calm) assert.equal(answer.status, 200);
    const slow = calm.filter((answer) => answer.ms > 500);
    assert.deepEqual(slow, [], 'a known key waits for nobody');
    await sleep(Math.max(0, begun + 1000 - Date.now()));
    assert.ok(fetches() - fetched <= 3, `${fetches() - fetched} fetches in the first second`);

    // On and on, until the back-off is at its longest; then the issuer rotates.
    let raging = true;
    const rage = Array.from({ length: 8 }, async (_, lane) => {
      for (let i = 0; raging; i++) await send(withKid(`rage-${lane}-${i}`));
    });
    await sleep(16_000);
    const soFar = fetches() - fetched;
    assert.ok(soFar <= 7, `${soFar} fetches in ${Date.now() - begun} ms`); // at 0, 1, 3, 7, 15 s, and two of the beginning
    const next = makeKey('ES256');
    pages.pages['/jwks'] = jwks(next, known);
    const rotated = Date.now();
    const token = tokenOf(next);
    await until('the new key', async () => (await send(token)).status === 200, { timeout: 12_000 });
    const took = Date.now() - rotated;
    assert.ok(took <= 10_500, `${took} ms until the new key passed`);
    assert.ok(fetches() - fetched <= soFar + 3, 'by one fetch, not by many');
    raging = false;
    await Promise.all(rage);
  } finally {
    await close();
  }
});

test('64 wait for a set, the next is refused at once, and other sets have their own places', async () => {
  await open();
  try {
    const answers = [];
    pages.pages['/jwks'] = (req, res) => answers.push(res); // never
    const waiting = Array.from({ length: 64 }, (_, i) => send(withKid(`w-${i}`)));
    await until('the fetch', () => answers.length);
    await sleep(300);
    const next = await send(withKid('one too many'));
    assert.equal(next.status, 401);
    assert.ok(next.ms < 300, `${next.ms} ms`);
    const fresh = makeKey('ES256');
    pages.pages['/other'] = jwks(fresh, known);
    assert.equal((await send(tokenOf(fresh), { host: 'other' })).status, 200);
    for (const answer of await Promise.all(waiting)) {
      assert.equal(answer.status, 401);
      assert.ok(answer.ms > 1500 && answer.ms < 3000, `${answer.ms} ms`); // --kid-wait
    }
  } finally {
    await close();
  }
});

test('a key that came while a fetch was under way is found by the next one', async () => {
  await open();
  try {
    const fresh = makeKey('ES256');
    let first;
    pages.pages['/jwks'] = (req, res) => {
      if (!first) first = res; // answers with what was true when it was asked
      else res.writeHead(200).end(JSON.stringify(jwks(fresh, known)));
    };
    const early = send(withKid('early'));
    await until('the fetch', () => first);
    const late = send(tokenOf(fresh));
    await sleep(100);
    first.writeHead(200).end(JSON.stringify(jwks(known)));
    assert.equal((await early).status, 401);
    const answer = await late;
    assert.equal(answer.status, 200, JSON.stringify(answer));
  } finally {
    await close();
  }
});

test('with two workers each asks for its own, and both are answered by one fetch', async () => {
  await open({ args: ['--workers', '2'] });
  try {
    const fresh = makeKey('ES256');
    pages.pages['/jwks'] = jwks(fresh, known);
    const fetched = fetches();
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(tokenOf(fresh))));
    for (const answer of answers) assert.equal(answer.status, 200, JSON.stringify(answer));
    assert.ok(fetches() - fetched <= 2, `${fetches() - fetched} fetches`);
  } finally {
    await close();
  }
});

test('without an agent the wait ends as a refusal; the next agent hears of it', async () => {
  await open();
  try {
    gw.process.child.kill('SIGKILL');
    await gw.process.ended;
    const fresh = makeKey('ES256');
    pages.pages['/jwks'] = jwks(fresh, known);
    const refused = await send(tokenOf(fresh));
    assert.equal(refused.status, 401);
    assert.ok(refused.ms > 1500 && refused.ms < 3000, `${refused.ms} ms`);
    assert.equal((await send(tokenOf(known))).status, 200);
    const waiting = send(tokenOf(fresh));
    gw = await gateway({ ...options, state: gw.state, rules: gw.rules, ports: gw });
    await waiting; // in time or not
    assert.equal((await send(tokenOf(fresh))).status, 200);
  } finally {
    await close();
  }
});

test('--kid-wait: none at all; and a drain does not wait longer than that', async () => {
  await open({ args: ['--kid-wait', '0s'] });
  try {
    const fresh = makeKey('ES256');
    pages.pages['/jwks'] = jwks(fresh, known);
    const answer = await send(tokenOf(fresh));
    assert.equal(answer.status, 401);
    assert.ok(answer.ms < 500, `${answer.ms} ms`);
    assert.equal(fetches(), 1);
  } finally {
    await close();
  }
  await open({ args: ['--kid-wait', '1s'] });
  try {
    pages.pages['/jwks'] = () => {};
    const waiting = send(withKid('draining'));
    await sleep(200);
    const begun = Date.now();
    const end = gw.stop();
    assert.equal((await waiting).status, 401); // answered, not cut
    assert.equal((await end).code, 0);
    assert.ok(Date.now() - begun < 5000, `${Date.now() - begun} ms`);
  } finally {
    await close();
  }
});
