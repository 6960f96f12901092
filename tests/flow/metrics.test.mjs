// /metrics: what Prometheus reads, strictly; what it counts; and that nobody makes it grow without end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { metrics } from './lib/metrics.mjs';
import { freePort, until } from './lib/place.mjs';
import { apiRule, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const key = makeKey('ES256');

test('the reader of these tests is strict', () => {
  const good = '# HELP a_total x\n# TYPE a_total counter\na_total{l="\\"\\\\\\n"} 1\n';
  assert.equal(metrics(good).sum('a_total', { l: '"\\\n' }), 1);
  const bad = [
    ['no newline at the end', good.slice(0, -1)],
    ['a series twice', `${good}a_total{l="\\"\\\\\\n"} 2\n`],
    ['no TYPE', '# HELP a_total x\na_total 1\n'],
    ['a quote in a label', good.replace('\\"', '"')],
    ['an unknown escape', good.replace('\\n', '\\t')],
    ['a counter without _total', '# HELP a x\n# TYPE a counter\na 1\n'],
    ['a family in two places', `${good}# HELP b x\n# TYPE b gauge\nb 1\na_total{l="x"} 1\n`],
    ['buckets that fall', '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'],
    ['no +Inf', '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 1\nh_sum 1\nh_count 1\n'],
  ];
  for (const [name, text] of bad) assert.throws(() => metrics(text), assert.AssertionError, name);
});

describe('a gateway with two workers', () => {
  let gw, upstream, pages;
  before(async () => {
    upstream = await recorder();
    pages = await pageServer({ '/jwks': jwks(key) });
    const dead = await freePort();
    gw = await gateway({
      args: ['--workers', '2'],
      services: { 'httpbin.shop': upstream.port, 'dead.shop': dead },
      files: {
        'rule.yaml': apiRule({
          rules: [
            { path: '/open', methods: ['GET', 'POST'], noAuth: true },
            { path: '/scoped', jwt: istioJwt(ISSUER, `${pages.url}/jwks`, { scopes: ['read'] }) },
          ],
        }),
        'dead.yaml': apiRule({ name: 'dead', host: 'dead', service: { name: 'dead', port: 80 }, rules: [{ path: '/x', noAuth: true }] }),
        'broken.yaml': apiRule({ name: 'broken', host: 'broken', rules: [{ path: 'x', noAuth: true }] }),
        'away.yaml': apiRule({ name: 'away', host: 'away', rules: [{ path: '/x', jwt: istioJwt(ISSUER, `http://127.0.0.1:${dead}/a"b\\c`) }] }),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await upstream?.stop();
    await pages?.stop();
  });
  const read = async () => metrics((await gw.ask('/metrics')).text);
  const send = (target, { host = 'httpbin', ...options } = {}) => curl(gw.url(host, target), { resolve: gw.resolve(host), ...options });
  const bearer = (claims) => [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me', ...claims })}`];

  test('by rule, method and status; by step and reason; over all workers', async () => {
    const before = await read();
    for (let i = 0; i < 5; i++) await send('/open');
    await send('/open', { method: 'POST', data: 'x' });
    for (let i = 0; i < 3; i++) await send('/scoped');
    await send('/scoped', { headers: bearer({ scope: 'write' }) });
    await send('/scoped', { headers: bearer({ scope: 'read' }) });
    await send('/nowhere');
    await send('/open', { method: 'BREW' });
    await send('/x', { host: 'dead' });
    // The log phase comes behind the answer.
    const after_ = await until('all to be counted', async () => {
      const page = await read();
      return page.sum('brama_http_requests_total') - before.sum('brama_http_requests_total') === 14 && page;
    });
    const grown = (name, labels) => after_.sum(name, labels) - before.sum(name, labels);
    const http = (labels) => grown('brama_http_requests_total', labels);
    const auth = (labels) => grown('brama_auth_decisions_total', labels);
    assert.equal(http({ apirule: 'shop/httpbin', rule: '0', method: 'GET', code: '200' }), 5);
    assert.equal(http({ apirule: 'shop/httpbin', rule: '0', method: 'POST', code: '200' }), 1);
    assert.equal(http({ apirule: 'shop/httpbin', rule: '1', code: '403' }), 4);
    assert.equal(http({ apirule: '', rule: '', method: 'other', code: '404' }), 1);
    assert.equal(http({ apirule: 'shop/dead', code: '503' }), 1);
    assert.equal(auth({ apirule: 'shop/httpbin', rule: '1', strategy: 'jwt', decision: 'deny', step: 'token', reason: 'token_missing' }), 3);
    assert.equal(auth({ apirule: 'shop/httpbin', rule: '1', strategy: 'jwt', decision: 'deny', step: 'scope', reason: 'scope_missing' }), 1);
    assert.equal(auth({ apirule: 'shop/httpbin', strategy: 'noAuth', decision: 'allow', step: '', reason: 'allowed' }), 6);
    assert.equal(auth({ apirule: '', decision: 'deny', step: 'route', reason: 'no_route' }), 2);
    assert.equal(auth({ apirule: 'shop/dead', decision: 'allow', reason: 'upstream_failed' }), 1);
    assert.equal(grown('brama_http_request_duration_seconds', {}) > 0, true);
    assert.equal(grown('brama_token_cache_misses_total'), 2);
  });

  test('what is in force, key sets with any URL, the build', async () => {
    const page = await read();
    assert.equal(page.sum('brama_workers'), 2);
    assert.equal(page.sum('brama_build_info', { version: '0.1.0' }), 1);
    assert.ok(page.sum('brama_policy_generation') > 0 && page.sum('brama_facts_generation') > 0);
    assert.equal(page.sum('brama_apirules', { state: 'Error' }), 1);
    assert.equal(page.sum('brama_jwks_fresh', { url: `${pages.url}/jwks` }), 1);
    const [away] = page.families.get('brama_jwks_fresh').samples.filter((s) => s.labels.url.includes('"'));
    assert.ok(away === undefined || away.labels.url.endsWith('/a"b\\c'), JSON.stringify(away));
    assert.ok(page.sum('brama_jwks_age_seconds', { url: `${pages.url}/jwks` }) < 60);
    assert.ok(page.sum('brama_config_reload_total', { result: 'success' }) >= 4, 'policy and facts in two workers');
    assert.equal(page.sum('brama_config_reload_total', { result: 'failure' }), 0);
    assert.ok(Math.abs(page.sum('brama_config_last_reload_success_timestamp_seconds') - Date.now() / 1000) < 120);
  });

  test('counters never go back, also over the end of a worker', async () => {
    const before = await read();
    await gw.stop();
    gw = await gateway({ state: gw.state, rules: gw.rules, services: { 'httpbin.shop': upstream.port }, args: ['--workers', '1'], ports: gw });
    const after_ = await read();
    for (const name of ['brama_http_requests_total', 'brama_auth_decisions_total', 'brama_token_cache_misses_total']) {
      assert.ok(after_.sum(name) >= before.sum(name) && after_.sum(name) > 0, name);
    }
  });
});
