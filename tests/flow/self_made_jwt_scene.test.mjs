// The article "Hardening access to Kyma APIs with a self-made JWT token": a 4096-bit key, a key set
// with x5c, jsonwebtoken, axios, and its curl. The rule is that of examples/self-made-jwt.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import axios from 'axios';
import jwt from 'jsonwebtoken';
import { curl } from './lib/curl.mjs';
import { expectExchange, explain } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken, now, spoil } from './lib/keys.mjs';
import { root, temporary } from './lib/place.mjs';
import { run, shell } from './lib/process.mjs';
import { apiRuleV1, istioJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'http://poster-app.default.svc.cluster.local';
const JWKS_URI = `${ISSUER}/jwks_uri`;
const KID = 'QtV2kV6VfnvJpRHCHFVXjDPFKydXWVHjuz4XIE0xxxx';
const PLACE = JSON.stringify({
  items: [{ title: 'Massy, Île-de-France, France', id: 'here:cm:namedplace:20004823', resultType: 'locality', address: { state: 'Île-de-France', city: 'Massy', postalCode: '91300' } }],
}, null, 2);
let key, certificate, poster, here, gw;

/** A self-signed certificate and its fields of a JWK (RFC 7517 sections 4.7 to 4.9). */
async function certify(pem) {
  const dir = temporary('brama-cert');
  const file = path.join(dir, 'key.pem');
  writeFileSync(file, pem, { mode: 0o600 });
  const made = await run('openssl', ['req', '-x509', '-key', file, '-subj', '/CN=poster-app', '-days', '30', '-outform', 'DER', '-out', path.join(dir, 'cert.der')]);
  assert.equal(made.code, 0, made.err);
  const der = readFileSync(path.join(dir, 'cert.der'));
  const digest = (name) => createHash(name).update(der).digest('base64url');
  return { x5c: [der.toString('base64')], x5t: digest('sha1'), 'x5t#S256': digest('sha256') };
}

before(async () => {
  key = makeKey('RS256', { kid: KID, bits: 4096 });
  certificate = await certify(key.pem);
  poster = await pageServer({ '/jwks_uri': { keys: [{ ...key.jwk, ...certificate }] } });
  here = await recorder();
  here.answer = (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(PLACE);
  };
  gw = await gateway({
    tls: true,
    files: { 'here.yaml': readFileSync(path.join(root, 'examples/self-made-jwt/apirule.yaml'), 'utf8') },
    services: { here: here.port, 'poster-app.default:80': poster.port },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([poster?.stop(), here?.stop()]);
});

// The article's function, word for word but for the key's name.
function generateAccessToken(issuer, jwks_uri) {
  return jwt.sign({ iss: issuer, jti: randomUUID() }, key.pem, { algorithm: 'RS256', keyid: KID, header: { jku: jwks_uri }, expiresIn: '3600sec' });
}

const request = (headers, more = {}) => ({ host: 'here', target: '/here_location?location=Massy', scheme: 'https', headers, ...more });
const bearer = (token) => [`Authorization: Bearer ${token}`];
const refusal = (id) => `{"error":{"code":401,"status":"Unauthorized","request":"${id}","message":"The request could not be authorized"}}\n`;
const unauthorized = {
  status: 401,
  headers: { 'content-type': 'application/json', 'www-authenticate': null },
  body: (text, response) => {
    assert.ok(response.header('x-request-id'));
    assert.equal(text, refusal(response.header('x-request-id')));
  },
};

test('without a token: 401 with Oathkeeper\'s JSON', () =>
  expectExchange(gw, { request: request([]), ...unauthorized, reason: 'token_missing', version: 'HTTP/2', upstream: here }));

test('the article\'s curl: HTTP/2 200, the query untouched, the body byte for byte', async () => {
  const token = generateAccessToken(ISSUER, JWKS_URI);
  const { out } = await shell(
    `curl -s --resolve here.test.local:${gw.tlsPort}:127.0.0.1 -ik "https://here.test.local:${gw.tlsPort}/here_location?location=Massy" -H "Authorization: Bearer $TOKEN"`,
    { env: { TOKEN: token } },
  );
  assert.match(out, /^HTTP\/2 200/);
  assert.ok(out.includes('Massy, Île-de-France, France'));
  await expectExchange(gw, {
    request: request(bearer(token)), status: 200, body: Buffer.from(PLACE), reason: 'allowed', rule: 'default/here', upstream: here,
    saw: (seen) => {
      assert.equal(seen.target, '/here_location?location=Massy');
      assert.equal(seen.header('authorization'), `Bearer ${token}`);
    },
  });
});

test('the article\'s bootstrap sequence in Node', async () => {
  const url = `https://here.test.local:${gw.tlsPort}/here_location?location=Massy`;
  const agent = new https.Agent({
    rejectUnauthorized: false,
    lookup: (name, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)),
  });
  const logonToken = generateAccessToken(ISSUER, JWKS_URI);
  const decoded = jwt.decode(logonToken, { complete: true });
  assert.equal(decoded.header.jku, JWKS_URI);
  const configGet = { method: 'get', url, headers: { Authorization: 'Bearer ' + logonToken }, httpsAgent: agent };
  const response = await axios(configGet);
  assert.equal(response.status, 200);
  assert.equal(response.data.items[0].address.city, 'Massy');
  const refused = await axios({ ...configGet, headers: {}, validateStatus: () => true });
  assert.equal(refused.status, 401);
  assert.equal(refused.data.error.message, 'The request could not be authorized');
  agent.destroy();
});

test('what is not that token is 401', async () => {
  const stranger = makeKey('RS256', { kid: KID });
  const good = generateAccessToken(ISSUER, JWKS_URI);
  const [head, body, signature] = good.split('.');
  const claims = { iss: ISSUER };
  const rows = [
    ['expired', makeToken(key, { ...claims, exp: now() - 120 }), 'token_expired'],
    ['not yet valid', makeToken(key, { ...claims, nbf: now() + 600 }), 'token_not_yet_valid'],
    ['another issuer', makeToken(key, { iss: `${ISSUER}/` }), 'issuer_unknown'],
    ['no issuer', makeToken(key, {}), 'issuer_unknown'],
    ['another key of the same name', makeToken(stranger, claims), 'signature_invalid'],
    ['one bit turned', spoil(good), 'signature_invalid'],
    ['HS256 with the public key as secret', makeToken(key, claims, { by: 'HS256', secret: key.publicPem }), 'alg_not_allowed'],
    ['HS256 with the certificate as secret', makeToken(key, claims, { by: 'HS256', secret: certificate.x5c[0] }), 'alg_not_allowed'],
    ['RS512 with the right key', makeToken(key, claims, { by: 'RS512' }), 'alg_not_allowed'],
    ['alg none', makeToken(key, claims, { by: 'none' }), ['alg_not_allowed', 'token_malformed']],
    ['an unknown kid', makeToken(key, claims, { header: { kid: 'other' } }), 'key_unknown'],
    ['no kid', makeToken(key, claims, { header: { kid: undefined } }), 'kid_missing'],
    ['no signature', `${head}.${body}.`, undefined],
    ['two parts', `${head}.${body}`, 'token_malformed'],
    ['four parts', `${good}.x`, 'token_malformed'],
    ['padding', `${head}.${body}.${signature}=`, 'token_malformed'],
  ];
  for (const [name, token, reason] of rows) {
    try {
      await expectExchange(gw, { request: request(bearer(token), { scheme: 'http' }), ...unauthorized, reason, upstream: here });
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      throw error;
    }
  }
});

test('a jku is never followed: a key set of the attacker\'s own does not help', async () => {
  const stranger = makeKey('RS256', { kid: 'evil' });
  const evil = await pageServer({ '/jwks': { keys: [stranger.jwk] } });
  try {
    const token = makeToken(stranger, { iss: ISSUER }, { header: { jku: `${evil.url}/jwks`, jwk: stranger.jwk } });
    await expectExchange(gw, { request: request(bearer(token)), ...unauthorized, reason: 'key_unknown', upstream: here });
    assert.deepEqual(evil.requests, []);
  } finally {
    await evil.stop();
  }
});

test('the token has no subject: under an Istio rule it is 403, and explain says why', async () => {
  const istio = await gateway({
    files: {
      'toggle.yaml': toggle('istio'),
      'here.yaml': apiRuleV1({
        name: 'here', namespace: 'default', host: 'here', service: { name: 'here', port: 8080 },
        rules: [{ path: '/here_location', accessStrategies: [{ handler: 'jwt', config: istioJwt(ISSUER, JWKS_URI) }] }],
      }),
    },
    services: { here: here.port, 'poster-app.default:80': poster.port },
  });
  try {
    const headers = bearer(generateAccessToken(ISSUER, JWKS_URI));
    const asked = request(headers, { scheme: 'http' });
    await expectExchange(istio, { request: asked, status: 403, body: 'RBAC: access denied', reason: 'subject_missing', upstream: here });
    await expectExchange(istio, { request: request(bearer(makeToken(key, { iss: ISSUER, sub: 'me' })), { scheme: 'http' }), status: 200, upstream: here });
    const told = await istio.verb(['explain', ...istio.inputArgs, 'GET', istio.url('here', asked.target), '-H', headers[0]]);
    assert.equal(told.code, 1, told.err);
    assert.match(told.out, /\bsub\b/, told.out);
    assert.ok(!told.out.includes(headers[0].split('.')[2]), 'the signature is not printed');
  } finally {
    await istio.stop();
  }
});

test('explain says that the jku was ignored', async () => {
  const url = gw.url('here', '/here_location');
  const told = await gw.verb(['explain', ...gw.inputArgs, 'GET', url, '-H', bearer(generateAccessToken(ISSUER, JWKS_URI))[0]]);
  assert.equal(told.code, 0, told.err);
  assert.match(told.out, /jku ignored/);
  assert.equal((await explain(gw, { url, headers: [] })).reason, 'token_missing');
});

test('the key set came from where the rule says, by the service table', async () => {
  assert.ok(poster.requests.length > 0);
  assert.ok(poster.requests.every((r) => r.path === '/jwks_uri' && r.headers.host === 'poster-app.default.svc.cluster.local'), JSON.stringify(poster.requests[0]));
  assert.equal(createPublicKey(key.pem).asymmetricKeyDetails.modulusLength, 4096);
  const sets = await gw.keySets();
  assert.deepEqual(sets.map((set) => set.name), [JWKS_URI]);
  assert.equal((await curl(`http://${gw.admin}/api/v1/keysets`)).status, 200);
});
