// Half of a rule file may be a rule by itself, and one that lets more people in: a file counts when whoever
// writes it is done.
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { sleep, until } from './lib/place.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const PAUSE_MS = 500; // of a writer; far more than an edit takes
const key = makeKey('ES256');
const token = (scope) => makeToken(key, { iss: ISSUER, sub: 'me', ...(scope && { scope }) });

let upstream, keys, gw;
/** Up to `authorizations` each of its rules is one that any token of the issuer passes. */
const rule = (name, paths) => `apiVersion: gateway.kyma-project.io/v2
kind: APIRule
metadata:
  name: ${name}
  namespace: shop
spec:
  hosts: [${name}]
  gateway: kyma-system/kyma-gateway
  service: {name: httpbin, port: 8000}
  rules:
${paths.map((p) => `  - path: ${p}
    methods: [GET]
    jwt:
      authentications:
      - issuer: ${ISSUER}
        jwksUri: ${keys.url}/jwks
      authorizations:
      - requiredScopes: [admin]
`).join('')}`;
const ask = async (host, target, scope) => (await curl(gw.url(host, target), { headers: [`Authorization: Bearer ${token(scope)}`], resolve: gw.resolve(host) })).status;
const inForce = (host, target) => until(`${host}${target}`, async () => (await ask(host, target, 'admin')) === 200);

/** Write the file up to the first `authorizations`, ask for a while, write the rest, and close it later. */
async function writeInHalves(name, text, { meanwhile, hold = 0 }) {
  const fd = openSync(path.join(gw.rules, name), 'w');
  const cut = text.indexOf('      authorizations:');
  writeSync(fd, text.slice(0, cut));
  const until_ = Date.now() + PAUSE_MS;
  while (Date.now() < until_) await meanwhile();
  writeSync(fd, text.slice(cut));
  await sleep(hold);
  closeSync(fd);
}

before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': jwks(key) });
  gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'one.yaml': rule('one', ['/x']) } });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, keys].map((server) => server?.stop()));
});

test('a rule that is being written lets nobody in by its first half, and keeps out nobody', async () => {
  assert.deepEqual([await ask('one', '/x'), await ask('one', '/x', 'admin')], [403, 200]);
  await writeInHalves('one.yaml', rule('one', ['/x', '/y']), {
    meanwhile: async () => {
      assert.deepEqual([await ask('one', '/x'), await ask('one', '/x', 'admin')], [403, 200]);
      assert.deepEqual((await gw.apiRule('one')).state, 'Ready', 'what nobody has read is no error');
    },
  });
  await inForce('one', '/y');
  assert.equal(await ask('one', '/x'), 403);
});

test('nor does one that was not there before', async () => {
  await writeInHalves('two.yaml', rule('two', ['/x']), { meanwhile: async () => assert.equal(await ask('two', '/x'), 404) });
  await inForce('two', '/x');
  assert.equal(await ask('two', '/x'), 403);
});

test('a writer that is done, and closes the file a moment later, is not forgotten', async () => {
  await writeInHalves('one.yaml', rule('one', ['/x', '/z']), { meanwhile: () => sleep(50), hold: 1500 });
  await until('/z', async () => (await ask('one', '/z', 'admin')) === 200, { timeout: 1000 });
});

test('one that never closes it is waited for until it is quiet', async () => {
  const fd = openSync(path.join(gw.rules, 'one.yaml'), 'w');
  writeSync(fd, rule('one', ['/x', '/open-for-ever']));
  await sleep(300);
  assert.equal(await ask('one', '/open-for-ever', 'admin'), 404);
  await inForce('one', '/open-for-ever');
  closeSync(fd);
});
