// RFC 7518 section 3.1 and RFC 8037 section 3.1: each asymmetric algorithm from a client's library to the
// workload, in both dialects, and none of them by a key that says another.
import { constants, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { b64url, now } from './lib/keys.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
// Each with one of its family that its key could sign for just as well.
const ALGORITHMS = {
  RS256: 'RS512', RS384: 'RS256', RS512: 'RS384', PS256: 'RS256', PS384: 'PS256', PS512: 'PS384',
  ES256: 'ES384', ES384: 'ES512', ES512: 'ES256', EdDSA: 'Ed448',
};

/** Bytes signed as `alg` wants it, by any key that can. */
function signature(alg, key, data) {
  if (alg.startsWith('Ed')) return sign(null, data, key);
  const digest = `sha${alg.slice(2)}`;
  if (alg.startsWith('ES')) return sign(digest, data, { key, dsaEncoding: 'ieee-p1363' });
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  return sign(digest, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
}
const json = (value) => b64url(JSON.stringify(value));
function byHand(alg, kid, key) {
  const text = `${json({ alg, kid })}.${json({ iss: ISSUER, sub: 'me', exp: now() + 600 })}`;
  return `${text}.${b64url(signature(alg, key, Buffer.from(text)))}`;
}

const keys = {};
let upstream, pages, gw;
before(async () => {
  const jwks = { keys: [] };
  for (const alg of Object.keys(ALGORITHMS)) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    keys[alg] = privateKey;
    jwks.keys.push({ ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' });
  }
  upstream = await recorder();
  pages = await pageServer({ '/jwks': jwks });
  gw = await gateway({
    services: { 'istio.shop': upstream.port, 'ory.shop': upstream.port },
    files: {
      'rules.yaml': documents(
        apiRule({ name: 'istio', host: 'istio', service: { name: 'istio', port: 80 }, rules: [{ path: '/x', jwt: istioJwt(ISSUER, `${pages.url}/jwks`) }] }),
        apiRuleV1({ name: 'ory', host: 'ory', service: { name: 'ory', port: 80 }, rules: [{ path: '/x', accessStrategies: [oryJwt(ISSUER, `${pages.url}/jwks`, { allowed_algorithms: Object.keys(ALGORITHMS) })] }] }),
      ),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream?.stop(), pages?.stop()]);
});

const ask = (host, token) => ({ host, target: '/x', headers: [`Authorization: Bearer ${token}`] });

for (const host of ['istio', 'ory']) {
  describe(host, () => {
    for (const [alg, sibling] of Object.entries(ALGORITHMS)) {
      if (host === 'ory' && alg === 'EdDSA') continue;
      test(`${alg}: tokens of jose and jsonwebtoken pass, the same key under ${sibling} does not`, async () => {
        const jose = await new SignJWT({}).setProtectedHeader({ alg, kid: alg }).setIssuer(ISSUER).setSubject('me').setExpirationTime('10m').sign(keys[alg]);
        await expectExchange(gw, { request: ask(host, jose), status: 200, reason: 'allowed', upstream });
        if (alg !== 'EdDSA') {
          const other = jsonwebtoken.sign({}, keys[alg], { algorithm: alg, keyid: alg, issuer: ISSUER, subject: 'me', expiresIn: 600 });
          await expectExchange(gw, { request: ask(host, other), status: 200, reason: 'allowed', upstream });
        }
        await expectExchange(gw, { request: ask(host, byHand(alg, alg, keys[alg])), status: 200, reason: 'allowed', upstream });
        await expectExchange(gw, { request: ask(host, byHand(sibling, alg, keys[alg])), status: 401, reason: ['key_unknown', 'alg_not_allowed', 'token_malformed'], decision: 'deny', upstream });
      });
    }
  });
}

test('Oathkeeper refuses EdDSA, listed or not (oathkeeper.md 2.8)', () =>
  expectExchange(gw, { request: ask('ory', byHand('EdDSA', 'EdDSA', keys.EdDSA)), status: 401, reason: 'alg_not_allowed', decision: 'deny', upstream }));
