// A rule that is new waits a while for its keys before it is in force. Somebody else's edit doesn't wait
// with it: who takes a rule away wants it gone, whatever another's key server does.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://new.example';
const key = makeKey('ES256');
const bearer = `Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`;
const rule = (name, body) => apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/x', ...body }] });
const withKeys = (name, jwksUri) => rule(name, { jwt: istioJwt(ISSUER, jwksUri) });
const OPEN = rule('leaving', { noAuth: true });

let upstream, pages, gw;
before(async () => {
  upstream = await recorder();
  pages = await pageServer({
    '/late': (request, response) => setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks(key))), 400),
    ...Object.fromEntries([0, 1, 2].map((i) => [`/never${i}`, () => {}])),
  });
  const names = ['leaving', 'waiting', 'late'];
  gw = await gateway({ services: Object.fromEntries(names.map((name) => [`${name}.shop`, upstream.port])), files: { 'leaving.yaml': OPEN } });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, pages].map((server) => server?.stop()));
});

const statusOf = async (host, headers = []) => (await curl(gw.url(host, '/x'), { headers, resolve: gw.resolve(host) })).status;

test('a rule that is taken away is gone, though a new one waits for its keys', async () => {
  const took = [];
  for (let i = 0; i < 3; i++) {
    await until('the open rule', async () => (await statusOf('leaving')) === 200);
    gw.write('waiting.yaml', withKeys('waiting', `${pages.url}/never${i}`));
    await sleep(100);
    const start = Date.now();
    gw.remove('leaving.yaml');
    await until('it to be gone', async () => (await statusOf('leaving')) === 404, { every: 5 });
    took.push(Date.now() - start);
    await expectExchange(gw, { request: { host: 'leaving', target: '/x' }, status: 404, upstream, explains: false }); // explain would wait for the keys
    gw.write('leaving.yaml', OPEN);
  }
  assert.ok(Math.min(...took) < 700, `ms until it was gone: ${took}`); // it was all of the two seconds' wait
});

test('the new one is closed until it has its keys', async () => {
  await expectExchange(gw, {
    request: { host: 'waiting', target: '/x', headers: [bearer] },
    status: 503, body: 'Jwks remote fetch is failed', reason: 'keys_unavailable', upstream, explains: false,
  });
});

test('where nobody else edits, a new rule answers only once it has them', async () => {
  gw.write('late.yaml', withKeys('late', `${pages.url}/late`));
  let status;
  await until('the new rule', async () => (status = await statusOf('late', [bearer])) !== 404, { every: 5 });
  assert.equal(status, 200);
  await expectExchange(gw, { request: { host: 'late', target: '/x', headers: [bearer] }, status: 200, upstream, explains: false });
});
