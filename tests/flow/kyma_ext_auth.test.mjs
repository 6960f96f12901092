// External authorizers: the scenarios of apirule.md section 8 about extAuth, and the way there from a v1beta1 rule
// with two strategies; the numbers are theirs. The authorizer is the suites' sample: it reads x-ext-authz.
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRule, apiRuleV1, istioJwt, oryJwt } from './lib/rules.mjs';
import { oidcProvider, pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const bearer = [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`];
const bad = ['Authorization: Bearer bad'];
const says = (word) => [`x-ext-authz: ${word}`];
const provider = { name: 'sample', envoyExtAuthzHttp: { service: 'authz.shop.svc.cluster.local', port: 8000, includeRequestHeadersInCheck: ['x-ext-authz'] } };
const mesh = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: JSON.stringify({ extensionProviders: [provider] }) } });
let upstream, keys, authz, idp, gw;
before(async () => {
  [upstream, authz] = await Promise.all([recorder(), recorder()]);
  authz.answer = (req, res) => res.writeHead(req.headers['x-ext-authz'] === 'allow' ? 200 : 403).end('denied by ext_authz');
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  idp = await oidcProvider({ scopes: ['read'], opaque: true });
  gw = await gateway({
    services: { 'httpbin.shop': upstream.port, 'restricted.shop': upstream.port, 'authz.shop': authz.port },
    files: {
      'mesh.yaml': mesh,
      'asked.yaml': apiRule({ name: 'asked', host: 'asked', rules: [{ path: '/headers', extAuth: { authorizers: ['sample'] } }] }),
      'restricted.yaml': apiRule({ name: 'restricted', host: 'restricted', service: { name: 'restricted', port: 8000 }, rules: [guarded()] }),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, authz, keys, idp].map((it) => it?.stop()));
});

const guarded = () => ({ path: '/headers', extAuth: { authorizers: ['sample'], restrictions: istioJwt(ISSUER, `${keys.url}/jwks`) } });
const ask = (host, headers, expected) => expectExchange(gw, { request: { host, target: '/headers', headers }, upstream, ...expected });
const OK = { status: 200, reason: 'allowed' };
const BY_AUTHORIZER = { status: 403, body: 'denied by ext_authz' };

test('79: the authorizer has the word', async () => {
  await ask('asked', says('deny'), BY_AUTHORIZER);
  await ask('asked', [], BY_AUTHORIZER);
  await ask('asked', says('allow'), OK);
});
test('80: the authorizer and the token', async () => {
  await ask('restricted', says('allow'), { status: 403, body: 'RBAC: access denied' });
  await ask('restricted', [...says('allow'), ...bad], { status: 401 });
  await ask('restricted', [...says('deny'), ...bearer], BY_AUTHORIZER);
  await ask('restricted', [...says('allow'), ...bearer], OK);
});

describe('from two strategies of v1beta1', () => {
  const introspection = () => ({ handler: 'oauth2_introspection', config: { introspection_url: idp.introspectionUrl, token_from: { header: 'opaque-token' } } });
  const of = { name: 'moved', service: { name: 'httpbin', port: 8000 } };
  const v1 = (host) => apiRuleV1({ ...of, host, rules: [{ path: '/headers', accessStrategies: [oryJwt(ISSUER, `${keys.url}/jwks`), introspection()] }] });
  const v2 = (host, version, annotations) => {
    const rule = JSON.parse(apiRule({ ...of, host, version, rules: [guarded()] }));
    if (annotations) rule.metadata.annotations = annotations;
    return JSON.stringify(rule);
  };
  const state = (wanted, version) =>
    until(`${wanted} in ${version}`, async () => {
      const rule = await gw.apiRule('moved');
      return rule?.state === wanted && rule.version === version;
    });
  const moves = async (host, version, annotated) => {
    gw.write('moved.yaml', v1(host));
    await state('OK', 'v1beta1');
    await ask('moved', bearer, OK);
    await ask('moved', [], { status: 401, body: /"message":"The request could not be authorized"/ });
    const past = { 'gateway.kyma-project.io/original-version': 'v1beta1', 'gateway.kyma-project.io/v1beta1-spec': JSON.stringify(JSON.parse(v1(host)).spec) };
    gw.write('moved.yaml', v2(host, version, annotated ? past : undefined));
    await state('Ready', version);
    await ask('moved', bearer, BY_AUTHORIZER);
    await ask('moved', [...says('allow'), ...bearer], OK);
    await ask('moved', says('allow'), { status: 403, body: 'RBAC: access denied' });
  };

  test('53, 54: a rule with extAuth takes its place', async () => {
    for (const version of ['v2alpha1', 'v2']) await moves('moved.test.local', version, false);
  });
  test('63, 64, 65: also with the annotations of its past, and with a short host', async () => {
    for (const [version, host] of [['v2alpha1', 'moved.test.local'], ['v2', 'moved.test.local'], ['v2alpha1', 'moved']]) await moves(host, version, true);
  });
  test('73: while requests run, none fails', async () => {
    gw.write('moved.yaml', v1('moved'));
    await state('OK', 'v1beta1');
    const statuses = [];
    let done = false;
    const traffic = (async () => {
      while (!done) {
        const { response } = await ask('moved', [...says('allow'), ...bearer], { status: 200, explains: false }); // which of the two rules it met, explain can't know
        statuses.push(response.status);
      }
    })();
    for (let i = 0; i < 3; i++) {
      gw.write('moved.yaml', v2('moved', 'v2'));
      await state('Ready', 'v2');
      gw.write('moved.yaml', v1('moved'));
      await state('OK', 'v1beta1');
    }
    done = true;
    await traffic;
    if (statuses.length < 10) throw new Error(`only ${statuses.length} requests`);
  });
});
