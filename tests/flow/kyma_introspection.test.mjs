// Opaque tokens of a real provider beside JWTs: the scenarios of apirule.md section 8 about
// oauth2_introspection; the numbers are theirs.
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRuleV1, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { oidcProvider, pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
let upstream, keys, idp, gw, opaque;
const jwt = makeToken(key, { iss: ISSUER, sub: 'me', scope: 'read write' });
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  idp = await oidcProvider({ scopes: ['read', 'write'], opaque: true, routes: { introspection: '/oauth2/introspect' } }); // as hydra's
  const answer = await fetch(idp.tokenUrl, { method: 'POST', headers: { authorization: me() }, body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read' }) });
  opaque = (await answer.json()).access_token;
});
after(() => Promise.all([upstream?.stop(), keys?.stop(), idp?.stop()]));

const me = () => `Basic ${Buffer.from(`${idp.client.id}:${idp.client.secret}`).toString('base64')}`;
const bearer = (token) => [`Authorization: Bearer ${token}`];
const none = [];
const bad = bearer('bad');
const introspection = (more = {}) => ({
  handler: 'oauth2_introspection',
  config: { introspection_url: idp.introspectionUrl, introspection_request_headers: { Authorization: me() }, required_scope: ['read'], ...more },
});
const ory = () => oryJwt(ISSUER, `${keys.url}/jwks`);
const rule = (path, ...accessStrategies) => ({ path, accessStrategies });
const start = async (files) =>
  (gw = await gateway({ services: { 'httpbin.shop': upstream.port, 'ory-hydra-admin.hydra-deprecated': idp.port }, files }));
const ask = (host, target, headers, expected, method = 'GET') =>
  expectExchange(gw, { request: { host, target, headers, method, data: method === 'GET' ? undefined : 'x=1' }, upstream, ...expected });
const OK = { status: 200, reason: 'allowed' };
const NO = { status: 401, body: /^\{"error":\{"code":401,"status":"Unauthorized","request":"[^"]+","message":"The request could not be authorized"\}\}\n$/ };

const METHODS = [['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404]];
const methods = () => apiRuleV1({ name: 'methods', host: 'methods', rules: [{ ...rule('/anything', introspection()), methods: ['GET', 'POST'] }, { ...rule('/anything/put', introspection()), methods: ['PUT'] }] });
const methodsBelongToTheirPath = async () => {
  for (const [method, target, status] of METHODS) await ask('methods', target, bearer(opaque), { status }, method);
};

describe('handler istio', () => {
  before(() =>
    start({
      'toggle.yaml': toggle('istio'),
      'methods.yaml': methods(),
      'both.yaml': apiRuleV1({
        name: 'both', host: 'both',
        rules: [
          rule('/ip', { handler: 'jwt', config: istioJwt(ISSUER, `${keys.url}/jwks`, { scopes: ['read', 'write'] }) }),
          rule('/get', introspection({ token_from: { header: 'opaque-token' } })),
        ],
      }),
    }));
  after(() => gw?.stop());

  test('2: each path has its own sort of token', async () => {
    await ask('both', '/ip', none, { status: 403, body: 'RBAC: access denied' });
    await ask('both', '/ip', bad, { status: 401 });
    await ask('both', '/ip', bearer(opaque), { status: 401 });
    await ask('both', '/ip', bearer(jwt), OK);
    await ask('both', '/get', none, NO);
    await ask('both', '/get', ['opaque-token: bad'], NO);
    await ask('both', '/get', bearer(jwt), NO);
    await ask('both', '/get', [`opaque-token: ${opaque}`], OK);
  });
  test('9: methods belong to their path', methodsBelongToTheirPath);
});

describe('handler ory', () => {
  before(() =>
    start({
      'methods.yaml': methods(),
      'one.yaml': apiRuleV1({ name: 'one', host: 'one', rules: [rule('/image', ory(), introspection({ token_from: { header: 'oauth2-access-token' } }))] }),
      'two.yaml': apiRuleV1({ name: 'two', host: 'two', rules: [rule('/headers', introspection()), rule('/image', ory())] }),
      'all.yaml': apiRuleV1({ name: 'all', host: 'all', rules: [rule('/.*', introspection())] }),
      'later.yaml': apiRuleV1({ name: 'later', host: 'later', rules: [rule('/headers', introspection())] }),
      'shipped.yaml': apiRuleV1({ name: 'shipped', host: 'shipped', rules: [rule('/.*', introspection({ introspection_url: undefined }))] }),
      'sooner.yaml': apiRuleV1({ name: 'sooner', host: 'sooner', rules: [rule('/.*', { handler: 'noop' })] }),
    }));
  after(() => gw?.stop());
  const eachPathItsOwn = async (host) => {
    for (const path of ['/headers', '/image']) {
      await ask(host, path, none, NO);
      await ask(host, path, bad, NO);
    }
    await ask(host, '/headers', bearer(opaque), OK);
    await ask(host, '/image', bearer(jwt), OK);
  };
  const policy = async () => JSON.parse((await gw.ask('/api/v1/apirules')).text).policy;
  /** Other rules for a host, in force. */
  const change = async (file, text) => {
    const last = await policy();
    gw.write(file, text);
    await until('another policy', async () => (await policy()) !== last);
    await gw.ready();
  };

  test('37: methods belong to their path', methodsBelongToTheirPath);
  test('38: one path for both sorts of token', async () => {
    await ask('one', '/image', none, NO);
    await ask('one', '/image', bad, NO);
    await ask('one', '/image', [`oauth2-access-token: ${opaque}`], OK);
    await ask('one', '/image', bearer(jwt), OK);
  });
  test('39: a path each', () => eachPathItsOwn('two'));
  test('40: every path', async () => {
    await ask('all', '/image', none, NO);
    await ask('all', '/image', bad, NO);
    await ask('all', '/image', bearer(opaque), OK);
  });
  test("without a URL: the hydra of Kyma's Oathkeeper, whose name is this provider's here", async () => {
    await ask('shipped', '/image', bad, NO);
    await ask('shipped', '/image', bearer(opaque), OK);
  });
  test('41: secured, then open', async () => {
    await ask('later', '/headers', none, NO);
    await ask('later', '/headers', bearer(opaque), OK);
    await change('later.yaml', apiRuleV1({ name: 'later', host: 'later', rules: [rule('/headers', { handler: 'noop' })] }));
    for (const headers of [none, bad, bearer(jwt)]) await ask('later', '/headers', headers, OK);
  });
  test('43: open, then a path each', async () => {
    for (const path of ['/headers', '/image']) await ask('sooner', path, none, OK);
    await change('sooner.yaml', apiRuleV1({ name: 'sooner', host: 'sooner', rules: [rule('/headers', introspection()), rule('/image', ory())] }));
    await eachPathItsOwn('sooner');
  });
});
