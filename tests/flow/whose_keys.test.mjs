// Whoever writes a rule of his own chooses its URLs, and can look for one that a hash takes for another's.
// These two have one FNV-1a-64 (53bec04e148c80a1, found in a minute): by his keys nobody may pass where the
// other's are meant, now or after a restart.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { pageServer } from './lib/servers.mjs';
import { apiRule, istioJwt } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const PATHS = { hers: '/MUaFQI65haK', his: '/NqkBnwD-CPI' };
const ISSUER = 'https://her.example';
const keys = { hers: makeKey('ES256'), his: makeKey('ES256') };

let upstream, pages, gw;
const rule = (whose) => apiRule({ name: whose, host: `${whose}-host`, service: { name: whose, port: 80 }, rules: [{ path: '/x', jwt: istioJwt(ISSUER, `http://idp.shop${PATHS[whose]}`) }] });
const options = () => ({ services: { 'hers.shop': upstream.port, 'his.shop': upstream.port, 'idp.shop': pages.port }, files: { 'hers.yaml': rule('hers'), 'his.yaml': rule('his') } });
const ask = (host, key, status, more = {}) =>
  expectExchange(gw, {
    request: { host: `${host}-host`, target: '/x', headers: [`Authorization: Bearer ${makeToken(keys[key], { iss: ISSUER, sub: 'me' })}`] },
    status, upstream, ...more,
  });
async function each() {
  await ask('hers', 'hers', 200);
  await ask('his', 'his', 200);
  await ask('hers', 'his', 401, { reason: 'key_unknown' });
  await ask('his', 'hers', 401, { reason: 'key_unknown' });
}

before(async () => {
  upstream = await recorder();
  pages = await pageServer({ [PATHS.hers]: jwks(keys.hers), [PATHS.his]: jwks(keys.his) });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, pages].map((server) => server?.stop()));
});

test('each rule takes the keys of its own URL', async () => {
  gw = await gateway(options());
  await each();
});

test('also of the sets that were kept, after a restart without their endpoint', async () => {
  await gw.stop();
  pages.pages = {};
  gw = await gateway({ ...options(), state: gw.state });
  const sets = await gw.keySets();
  assert.deepEqual(sets.map((set) => set.state), ['stale', 'stale'], JSON.stringify(sets));
  for (const [host, key, status] of [['hers', 'hers', 200], ['his', 'his', 200], ['hers', 'his', 401], ['his', 'hers', 401]]) {
    await ask(host, key, status, { explains: false }); // explain has no kept sets
  }
});
