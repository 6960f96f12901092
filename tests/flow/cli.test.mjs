// The verbs beside run: what they print and how they end (design section 5).
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { metrics } from './lib/metrics.mjs';
import { freePort, root, temporary, until } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const dir = temporary('brama-cli');
let files = 0;
const file = (text, name = `f${files++}.yaml`) => {
  const full = path.join(dir, name);
  writeFileSync(full, text);
  return full;
};
const open = (name, more = {}) => apiRule({ name, host: name, rules: [{ path: '/x', noAuth: true }], ...more });

describe('check', () => {
  const check = async (text, ...args) => {
    const end = await verb(['check', '-f', '-', '-o', 'json', ...args], { input: text });
    return { ...end, findings: end.out ? JSON.parse(end.out) : undefined };
  };

  test('the examples are right', async () => {
    for (const folder of readdirSync(path.join(root, 'examples'))) {
      const end = await verb(['check', '-f', path.join(root, 'examples', folder)]);
      assert.equal(end.code, 0, `${folder}: ${end.out}${end.err}`);
    }
  });

  test('what is right is 0; what is wrong is 1 and says where', async () => {
    assert.equal((await check(open('fine'))).code, 0);
    const { code, findings } = await check(documents(toggle('istio'), apiRuleV1({ rules: [{ path: '/a', accessStrategies: [oryJwt('https://i.example', 'https://i.example/k')] }] })));
    assert.equal(code, 1);
    const errors = findings.filter((f) => f.severity === 'error');
    assert.deepEqual(errors.map((f) => [f.attribute, f.message]), [
      ['.spec.rules[0].accessStrategies[0].config.jwks_urls', 'Configuration for jwks_urls is not supported with Istio handler'],
      ['.spec.rules[0].accessStrategies[0].config.trusted_issuers', 'Configuration for trusted_issuers is not supported with Istio handler'],
      ['.spec.rules[0].accessStrategies[0]', 'Authentications are required when using JWT access handler'],
    ]);
    for (const f of findings) for (const member of ['file', 'line', 'column', 'severity', 'attribute', 'message', 'code']) assert.ok(member in f, member);
  });

  test('Kyma\'s words for Kyma\'s rules (apirule.md 3.2)', async () => {
    const strategy = (...accessStrategies) => apiRuleV1({ rules: [{ path: '/a', accessStrategies }] });
    const rows = [
      ['a mix of secure and open', strategy({ handler: 'noop' }, oryJwt('https://i.example', 'https://i.example/k')), 'noop access strategy is not allowed in combination with other access strategies'],
      ['an unknown handler', strategy({ handler: 'magic' }), 'Unsupported accessStrategy: magic'],
      ['config where none belongs', strategy({ handler: 'allow', config: { a: 1 } }), 'strategy: allow does not support configuration'],
      ['an empty jwt', strategy({ handler: 'jwt' }), 'supplied config cannot be empty'],
      ['istio\'s form under ory', strategy({ handler: 'jwt', config: istioJwt('https://i.example', 'https://i.example/k') }), 'Configuration for authentications is not supported with Ory handler'],
      ['the same path and method twice', apiRuleV1({ rules: [1, 2].map(() => ({ path: '/a', accessStrategies: [{ handler: 'allow' }] })) }), 'multiple rules defined for the same path and method'],
      ['no workload', apiRuleV1({ service: null, rules: [{ path: '/a', accessStrategies: [{ handler: 'allow' }] }] }), 'No service defined with no main service on spec level'],
      ['an unknown toggle', documents(toggle('magic'), open('x')), 'Unsupported JWT Handler: magic'],
    ];
    for (const [name, text, message] of rows) {
      const { code, findings } = await check(text);
      assert.equal(code, 1, name);
      assert.ok(findings.some((f) => f.severity === 'error' && f.message === message), `${name}: ${JSON.stringify(findings)}`);
    }
  });

  test('v1beta1 and plain http are warnings: 0, and 1 with --strict', async () => {
    const old = apiRuleV1({ rules: [{ path: '/a', accessStrategies: [{ handler: 'allow' }] }] });
    const plain = apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://i.example', 'http://i.example/k') }] });
    for (const text of [old, plain]) {
      const { code, findings } = await check(text);
      assert.equal(code, 0);
      assert.ok(findings.some((f) => f.severity === 'warning'), JSON.stringify(findings));
      assert.equal((await check(text, '--strict')).code, 1);
    }
    assert.equal((await check(open('fine'), '--strict')).code, 0);
  });

  test('what can not be read is 2, with file and line', async () => {
    const rows = [
      ['no such file', ['-f', path.join(dir, 'absent.yaml')], /absent\.yaml/],
      ['no YAML', ['-f', file('kind: [')], /f\d+\.yaml:\d+/],
      ['a duplicate key', ['-f', file('kind: APIRule\nkind: APIRule\n')], /f\d+\.yaml:2/],
    ];
    for (const [name, args, text] of rows) {
      const end = await verb(['check', ...args]);
      assert.equal(end.code, 2, `${name}: ${end.out}${end.err}`);
      assert.match(end.out + end.err, text, name);
    }
  });

  test('FILE:LINE:COL: severity: attribute path: message', async () => {
    const name = file('apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: a, namespace: b}\nspec:\n  gateway: kyma-system/kyma-gateway\n  host: abc\n  service: {name: a, port: 80}\n  rules:\n  - path: /a\n    methods: [GET]\n    accessStrategies:\n    - handler: magic\n');
    const end = await verb(['check', '-f', name]);
    assert.equal(end.code, 1);
    assert.match(end.out, new RegExp(`^${name}:\\d+:\\d+: error: \\.spec\\.rules\\[0\\]\\.accessStrategies\\[0\\]\\.handler: Unsupported accessStrategy: magic`, 'm'));
  });

  test('namespace and List, as kubectl has them', async () => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [JSON.parse(open('one')), JSON.parse(open('two'))] });
    assert.equal((await check(list)).code, 0);
    const nameless = open('one').replace('"namespace":"shop"', '"labels":{}');
    assert.equal((await check(nameless, '-n', 'elsewhere')).code, 0);
  });
});

describe('explain', () => {
  const key = makeKey('ES256');
  let keys, rules;
  before(async () => {
    keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
    rules = file(apiRule({ rules: [{ path: '/open', noAuth: true }, { path: '/scoped', jwt: istioJwt('https://i.example', `${keys.url}/jwks`, { scopes: ['read'] }) }] }));
  });
  after(() => keys?.stop());
  // No --service: where the workload is has nothing to do with who may pass.
  const ask = (url, ...args) => verb(['explain', '-f', rules, '--domain', 'test.local', ...args, 'GET', url]);

  test('0 allowed, 1 refused, and why', async () => {
    const good = await ask('http://httpbin.test.local/open');
    assert.equal(good.code, 0, good.err);
    const token = makeToken(key, { iss: 'https://i.example', sub: 'me', scope: 'write' });
    const bad = await ask('http://httpbin.test.local/scoped', '-H', `Authorization: Bearer ${token}`);
    assert.equal(bad.code, 1, bad.err);
    assert.match(bad.out, /scope/);
    assert.match(bad.out, /read/);
    assert.match(bad.out, /write/);
    assert.ok(bad.out.includes(path.basename(rules)), 'the file of the rule');
    assert.ok(!bad.out.includes(token) && !bad.out.includes(token.split('.')[2]), 'no token');
  });

  test('69 when the keys can not be had', async () => {
    const port = await freePort();
    const away = file(apiRule({ rules: [{ path: '/scoped', jwt: istioJwt('https://i.example', `http://127.0.0.1:${port}/jwks`) }] }));
    const end = await verb(['explain', '-f', away, '--domain', 'test.local', 'GET', 'http://httpbin.test.local/scoped', '-H', `Authorization: Bearer ${makeToken(key, { iss: 'https://i.example', sub: 'me' })}`]);
    assert.equal(end.code, 69, end.out + end.err);
  });

  test('2 for rules that can not be read, 64 without a URL', async () => {
    assert.equal((await verb(['explain', '-f', path.join(dir, 'absent'), 'GET', 'http://a/'])).code, 2);
    assert.equal((await verb(['explain', '-f', rules])).code, 64);
  });
});

describe('a running gateway', () => {
  let upstream, gw;
  before(async () => {
    upstream = await recorder();
    gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'one.yaml': open('one') } });
    gw.inputArgs.push('-f', path.join(gw.state, 'rules'));
    mkdirSync(path.join(gw.state, 'rules'), { recursive: true });
  });
  after(async () => {
    await gw?.stop();
    await upstream?.stop();
  });
  const ask = (host) => ({ host, target: '/x' });

  test('get apirules: a table, and objects with their status', async () => {
    const table = await verb(['get', 'apirules', '--admin', gw.admin]);
    assert.equal(table.code, 0, table.err);
    assert.match(table.out, /^NAMESPACE +NAME/);
    assert.match(table.out, /shop +one .*Ready/);
    const list = JSON.parse((await verb(['get', 'apirules', '--admin', gw.admin, '-o', 'json'])).out);
    assert.deepEqual([list.kind, list.items.length, list.items[0].kind, list.items[0].apiVersion], ['List', 1, 'APIRule', 'gateway.kyma-project.io/v2']);
    const rules = await gw.apiRules();
    assert.deepEqual(rules.map((rule) => [rule.namespace, rule.name, rule.state]), [['shop', 'one', 'Ready']]);
    for (const format of ['wide', 'yaml']) assert.equal((await verb(['get', 'apirules', '--admin', gw.admin, '-o', format])).code, 0, format);
  });

  test('get apirules: a v1beta1 rule has Kyma’s blocks for its status', async () => {
    const blocks = async (handler, strategy) => {
      gw.write('old.yaml', documents(toggle(handler), apiRuleV1({ name: 'old', host: 'old', rules: [{ path: '/x', accessStrategies: [{ handler: strategy }] }] })));
      return until('the status', async () => {
        const { items } = JSON.parse((await verb(['get', 'apirules', '--admin', gw.admin, '-o', 'json'])).out);
        const status = items.find((item) => item.metadata.name === 'old')?.status;
        return status?.judged_under === handler && (status.state === 'OK') === (strategy === 'no_auth') && Object.fromEntries(Object.entries(status).filter(([key]) => key.endsWith('Status')));
      });
    };
    const ok = { code: 'OK' }, skipped = { code: 'SKIPPED' };
    const error = { code: 'ERROR', desc: 'Validation error: Attribute ".spec.rules[0].accessStrategies[0].handler": Unsupported accessStrategy: bearer_token' };
    assert.deepEqual(await blocks('ory', 'no_auth'), { APIRuleStatus: ok, virtualServiceStatus: ok, accessRuleStatus: ok });
    assert.deepEqual(await blocks('ory', 'bearer_token'), { APIRuleStatus: error, virtualServiceStatus: skipped, accessRuleStatus: skipped });
    assert.deepEqual(await blocks('istio', 'no_auth'), { APIRuleStatus: ok, virtualServiceStatus: ok, authorizationPolicyStatus: ok, requestAuthenticationStatus: ok });
    assert.deepEqual(await blocks('istio', 'bearer_token'), { APIRuleStatus: error, virtualServiceStatus: skipped, authorizationPolicyStatus: skipped, requestAuthenticationStatus: skipped });
    gw.remove('old.yaml');
    await until('it is gone', async () => (await gw.apiRules()).length === 1);
  });

  test('apply waits until it is in force; delete takes it out again', async () => {
    await expectExchange(gw, { request: ask('two'), status: 404, reason: 'no_host' });
    const applied = await gw.apply(open('two'));
    assert.equal(applied.code, 0, applied.err);
    assert.match(applied.out, /two/);
    await expectExchange(gw, { request: ask('two'), status: 200, upstream });
    const changed = await gw.apply(open('two', { rules: [{ path: '/y', noAuth: true }] }));
    assert.equal(changed.code, 0, changed.err);
    await expectExchange(gw, { request: ask('two'), status: 404, reason: 'no_route' });
    const gone = await verb(['delete', '-f', '-', '--state', gw.state], { input: open('two') });
    assert.equal(gone.code, 0, gone.err);
    await expectExchange(gw, { request: ask('two'), status: 404, reason: 'no_host' });
  });

  test('apply passes over tests of rules', async () => {
    const tests = JSON.stringify({ apiVersion: 'brama.dev/v1', kind: 'APIRuleTest', metadata: { name: 't' }, spec: {} });
    const end = await gw.apply(documents(tests, open('one')));
    assert.equal(end.code, 0, end.err);
    assert.deepEqual(readdirSync(path.join(gw.state, 'rules')).filter((name) => /test/i.test(name)), []);
  });

  test('apply of what is invalid is 1, and nothing changes', async () => {
    const end = await gw.apply(apiRule({ name: 'bad', host: 'bad', service: null, rules: [{ path: '/x', noAuth: true }] }));
    assert.equal(end.code, 1, end.out + end.err);
    assert.deepEqual((await gw.apiRules()).map((rule) => rule.name), ['one']);
    assert.equal((await gw.apply('no: [yaml')).code, 2);
  });

  test('what isn\'t there: 69 without a gateway', async () => {
    const port = await freePort();
    assert.equal((await verb(['get', 'apirules', '--admin', `127.0.0.1:${port}`])).code, 69);
    assert.equal((await verb(['apply', '-f', '-', '--state', path.join(dir, 'nowhere')], { input: open('x') })).code, 69);
    assert.equal((await verb(['get', 'doors', '--admin', gw.admin])).code, 64);
  });

  test('what isn\'t supported yet is in error, and closed', async () => {
    gw.write('later.yaml', apiRule({ name: 'later', host: 'later', rules: [{ path: '/x', extAuth: { authorizers: ['oauth2-proxy'] } }] }));
    const later = await until('its status', () => gw.apiRule('later'));
    assert.equal(later.state, 'Error');
    assert.ok(later.description.length > 10, later.description);
    await expectExchange(gw, { request: ask('later'), status: 404, upstream });
    gw.remove('later.yaml');
  });

  test('metrics count by reason what the log has', async () => {
    const page = metrics((await gw.ask('/metrics')).text);
    const allowed = gw.log().filter((line) => line.reason === 'allowed').length;
    assert.equal(page.sum('brama_auth_decisions_total', { reason: 'allowed' }), allowed);
  });

  test('stop ends it', async () => {
    const end = await verb(['stop', '--state', gw.state]);
    assert.equal(end.code, 0, end.err);
    const { code, signal } = await gw.process.ended;
    assert.deepEqual([code, signal], [0, null]);
    assert.ok(readFileSync(gw.logFile, 'utf8').length > 0);
  });
});
