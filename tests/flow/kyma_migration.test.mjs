// From v1beta1 to v2 with the rule in use: apirule.md 8.2, v2alpha1_conversion and
// zero-downtime-migration; the numbers are its scenarios'. That Oathkeeper is out of the way shows in
// the words of a refusal: its JSON before, Envoy's text after.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRule, apiRuleV1, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const bearer = [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`];
let upstream, keys, gw;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  gw = await gateway({ services: { 'httpbin.shop': upstream.port } });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

const RBAC = { status: 403, body: 'RBAC: access denied' };
const NO_ROUTE = { status: 404, body: '' };
const jwks = () => `${keys.url}/jwks`;
const ways = [
  // after: what a POST, or a GET without token, gets from Envoy then
  { numbers: '45, 46, 55, 56', name: 'allow', from: () => ({ handler: 'allow' }), to: () => ({ noAuth: true }), after: () => ['POST', [], NO_ROUTE] },
  { numbers: '47, 48, 57, 58', name: 'no_auth', from: () => ({ handler: 'no_auth' }), to: () => ({ noAuth: true }), after: () => ['POST', [], NO_ROUTE] },
  { numbers: '49, 50, 59, 60', name: 'noop', from: () => ({ handler: 'noop' }), to: () => ({ noAuth: true }), after: () => ['POST', [], NO_ROUTE] },
  { numbers: '51, 52, 61, 62', name: 'jwt', from: () => oryJwt(ISSUER, jwks()), to: () => ({ jwt: istioJwt(ISSUER, jwks()) }), headers: bearer, after: () => ['GET', [], RBAC] },
];
const v1 = (way) => apiRuleV1({ rules: [{ path: '/headers', accessStrategies: [way.from()] }] });
const v2 = (way, version, annotations) => {
  const rule = JSON.parse(apiRule({ version, rules: [{ path: '/headers', ...way.to() }] }));
  if (annotations) rule.metadata.annotations = annotations;
  return JSON.stringify(rule);
};
const state = (wanted, version) =>
  until(`${wanted} in ${version}`, async () => {
    const rule = await gw.apiRule('httpbin');
    return rule?.state === wanted && rule.version === version && rule;
  });
const ask = (headers, expected, method = 'GET') => expectExchange(gw, { request: { method, target: '/headers', headers }, upstream, ...expected });

/** The status of one plain GET, or what went wrong. */
const get = (headers = []) =>
  new Promise((resolve) => {
    const fields = Object.fromEntries(headers.map((line) => line.split(/: (.*)/)));
    http
      .get({ port: gw.port, path: '/headers', headers: { host: 'httpbin.test.local', ...fields } }, (res) => res.resume().on('end', () => resolve(res.statusCode)))
      .on('error', (error) => resolve(`${error}`));
  });

for (const way of ways) {
  describe(`${way.numbers}: ${way.name} becomes a rule of v2`, () => {
    for (const version of ['v2alpha1', 'v2'])
      for (const annotated of [false, true])
        test(`${version}${annotated ? ', with the annotations of its past' : ''}`, async () => {
          gw.write('rule.yaml', v1(way));
          await state('OK', 'v1beta1');
          await ask(way.headers ?? [], { status: 200 });
          const past = { 'gateway.kyma-project.io/original-version': 'v1beta1', 'gateway.kyma-project.io/v1beta1-spec': JSON.stringify(JSON.parse(v1(way)).spec) };
          gw.write('rule.yaml', v2(way, version, annotated ? past : undefined));
          await state('Ready', version);
          await ask(way.headers ?? [], { status: 200 });
          const [method, headers, end] = way.after();
          await ask(headers, end, method);
        });
  });
}

test('66, 67: a rule that was deleted is gone, from v1beta1 and from v2', async () => {
  for (const [text, version, ok] of [[v1(ways[0]), 'v1beta1', 'OK'], [v2(ways[1], 'v2'), 'v2', 'Ready']]) {
    gw.write('rule.yaml', text);
    await state(ok, version);
    gw.remove('rule.yaml');
    await until('no rule', async () => (await gw.apiRules()).length === 0);
    await ask([], { ...NO_ROUTE, reason: 'no_host' });
  }
});

test('68: a rule of v2 that is wrong leaves the old one in force', async () => {
  gw.write('rule.yaml', v1(ways[2]));
  await state('OK', 'v1beta1');
  gw.write('rule.yaml', JSON.stringify({ ...JSON.parse(v2(ways[2], 'v2')), spec: { ...JSON.parse(v2(ways[2], 'v2')).spec, service: undefined } }));
  const rule = await state('Error', 'v2');
  assert.match(rule.description, /service/i);
  const old = { explains: false }; // explain judges the files alone, and says so
  await ask([], { status: 200, ...old });
  await ask([], { status: 404, body: /"code":404,"status":"Not Found"/, reason: 'oathkeeper_no_rule', ...old }, 'POST');
});

describe('69 to 72: while requests run, none fails', () => {
  for (const way of ways)
    test(way.name, async () => {
      gw.write('rule.yaml', v1(way));
      await state('OK', 'v1beta1');
      const statuses = [];
      let done = false;
      const traffic = (async () => {
        while (!done) statuses.push(await get(way.headers));
      })();
      for (const version of ['v2alpha1', 'v2']) {
        gw.write('rule.yaml', v2(way, version));
        await state('Ready', version);
        gw.write('rule.yaml', v1(way));
        await state('OK', 'v1beta1');
      }
      done = true;
      await traffic;
      assert.ok(statuses.length > 20, `${statuses.length} requests`);
      assert.deepEqual(statuses.filter((status) => status !== 200), []);
    });
});
