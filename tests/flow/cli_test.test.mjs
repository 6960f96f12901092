// brama test: requests beside the rules, put to the engine without a gateway and without a network.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { verb } from './lib/gateway.mjs';
import { root, temporary } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt, toggle } from './lib/rules.mjs';

const ISSUER = 'https://idp.example';
const KEYS = 'http://127.0.0.1:1/nobody-listens';
const jwt = istioJwt(ISSUER, KEYS, { scopes: ['read'], audiences: ['shop'] });
const rules = apiRule({
  rules: [
    { path: '/open', methods: ['GET', 'HEAD'], noAuth: true, request: { headers: { 'X-Origin': 'gateway' } } },
    { path: '/orders/{*}', methods: ['GET', 'POST'], jwt },
  ],
});
const suite = (tests, more = {}) =>
  JSON.stringify({ apiVersion: 'brama.dev/v1', kind: 'APIRuleTest', metadata: { name: 'orders', namespace: 'shop' }, spec: { host: 'httpbin.localhost', tests, ...more } });
const run = (text, ...args) => verb(['test', '-f', '-', ...args], { input: text });
const json = async (text, ...args) => {
  const end = await run(text, '-o', 'json', ...args);
  return { ...end, ...JSON.parse(end.out || '{}') };
};
const good = { scopes: ['read'], audiences: ['shop'] };
const GET = 'GET /orders/7';

test('the examples pass, and each change to their rules is noticed', async () => {
  for (const folder of ['istio-jwt', 'self-made-jwt']) {
    const end = await verb(['test', '-f', path.join(root, 'examples', folder, 'apirule.yaml'), '-f', path.join(root, 'examples', folder, 'tests.yaml'), ...(folder === 'istio-jwt' ? ['-f', path.join(root, 'examples', folder, 'toggle.yaml')] : []), '--mutate']);
    assert.equal(end.code, 0, `${folder}: ${end.out}${end.err}`);
    assert.match(end.out, /, 0 failed; 1 of 1 rule and method covered\n\d+ changes to the rules: \d+ noticed, 0 unnoticed/);
  }
});

describe('tokens', () => {
  // A template, and what the engine makes of it.
  const rows = [
    ['as the rule wants it', good, 'allow allowed'],
    ['none', undefined, 'deny 403 token_missing'],
    ['a scope too few', { ...good, scopes: ['write'] }, 'deny 403 scope_missing'],
    ['one text for a list', { scopes: 'read', audiences: 'shop' }, 'allow allowed'],
    ['another audience', { ...good, audiences: ['other'] }, 'deny 403 audience_missing'],
    ['expired', { ...good, expired: true }, 'deny 401 token_expired'],
    ['expired within the tolerance', { ...good, expired: '30s' }, 'allow allowed'],
    ['expired beyond it', { ...good, expired: '2m' }, 'deny 401 token_expired'],
    ['not yet valid', { ...good, notBefore: true }, 'deny 401 token_not_yet_valid'],
    ['not yet valid, but soon', { ...good, notBefore: 30 }, 'allow allowed'],
    ['another issuer', { ...good, issuer: 'https://other.example' }, 'deny 401 issuer_unknown'],
    ['a wrong key', { ...good, key: 'wrong' }, 'deny 401 signature_invalid'],
    ['an unknown key', { ...good, key: 'unknown' }, 'deny 401 key_unknown'],
    ['no subject', { ...good, subject: null }, 'deny 403 subject_missing'],
    ['claims by hand', { claims: { scp: ['read'], aud: ['a', 'shop'], sub: 'me' } }, 'allow allowed'],
    ['iss by hand', { ...good, claims: { iss: 'https://other.example' } }, 'deny 401 issuer_unknown'],
    ['raw', { raw: 'no.to.ken' }, 'deny 401 token_malformed'],
    ['RS256', { ...good, alg: 'RS256' }, 'allow allowed'],
    ['PS384', { ...good, alg: 'PS384' }, 'allow allowed'],
    ['in the query, where nobody was told to look', { ...good, in: { param: 't' } }, 'deny 403 token_missing'],
    ['in the parameter that Istio always looks at', { ...good, in: { param: 'access_token' } }, 'allow allowed'],
    ['in another header', { ...good, in: { header: 'X-Token', prefix: 'Bearer ' } }, 'deny 403 token_missing'],
  ];
  for (const [name, token, answer] of rows)
    test(`${name}: ${answer}`, async () => {
      const verdict = answer.split(' ')[0];
      const { code, tests } = await json(documents(rules, suite([{ name, request: GET, token, expect: verdict }])));
      assert.equal(code, 0, JSON.stringify(tests));
      assert.ok(tests[0].answer.startsWith(answer), tests[0].answer);
    });

  test('stand where the rule looks, and are what its handler takes', async () => {
    const v1 = (config) => apiRuleV1({ rules: [{ path: '/orders/7', accessStrategies: [config] }] });
    const istio = (more) => documents(toggle('istio'), v1({ handler: 'jwt', config: istioJwt(ISSUER, KEYS, more) }));
    const cases = [
      ['a header of its own', apiRule({ rules: [{ path: '/orders/7', jwt: istioJwt(ISSUER, KEYS, { fromHeaders: [{ name: 'X-Token', prefix: 'Kyma ' }] }) }] })],
      ['a parameter', apiRule({ rules: [{ path: '/orders/7', jwt: istioJwt(ISSUER, KEYS, { fromParams: ['t'] }) }] })],
      ['v1beta1, istio', istio()],
      ['v1beta1, istio, a header', istio({ fromHeaders: [{ name: 'X-Token' }] })],
      ['v1beta1, ory', v1(oryJwt(ISSUER, KEYS))],
      ['v1beta1, ory, another algorithm', v1(oryJwt(ISSUER, KEYS, { allowed_algorithms: ['PS256'] }))],
      ['v1beta1, ory, ES256', v1(oryJwt(ISSUER, KEYS, { allowed_algorithms: ['RS256', 'ES256'] }))],
      ['v1beta1, ory, a header', v1(oryJwt(ISSUER, KEYS, { token_from: { header: 'X-Token' } }))],
      ['v1beta1, ory, a cookie', v1(oryJwt(ISSUER, KEYS, { token_from: { cookie: 'session' } }))],
      ['v1beta1, ory, a parameter', v1(oryJwt(ISSUER, KEYS, { token_from: { query_parameter: 't' } }))],
      ['v1beta1, ory, any issuer', v1({ handler: 'jwt', config: { jwks_urls: [KEYS] } })],
    ];
    for (const [name, text] of cases) {
      const { code, tests } = await json(documents(text, suite([{ name: 'in', request: GET, token: {}, expect: 'allow' }, { name: 'out', request: GET, expect: 'deny' }, { name: 'forged', request: GET, token: { key: 'wrong' }, expect: 'deny' }])));
      assert.equal(code, 0, `${name}: ${JSON.stringify(tests)}`);
    }
  });

  test('of two issuers: each has its own keys', async () => {
    const two = { authentications: [{ issuer: 'a', jwksUri: 'https://a.example/k' }, { issuer: 'b', jwksUri: 'https://b.example/k' }] };
    const text = apiRule({ rules: [{ path: '/orders/7', jwt: two }, { path: '/b', jwt: { authentications: [two.authentications[1]] } }] });
    const { code, tests } = await json(
      documents(text, suite([
        { name: 'the first', request: GET, token: { issuer: 'a' }, expect: 'allow' },
        { name: 'the second', request: GET, token: { issuer: 'b' }, expect: 'allow' },
        { name: 'says b, signed by a', request: GET, token: { issuer: 'a', claims: { iss: 'b' } }, expect: { verdict: 'deny', status: 401 } },
        { name: 'of the other rule', request: 'GET /b', token: { issuer: 'a' }, expect: { verdict: 'deny', reason: 'issuer_unknown' } },
      ])),
    );
    assert.equal(code, 0, JSON.stringify(tests));
  });

  test('the clock is the file\'s, whatever day it is', async () => {
    const at = (now, exp, expect) => json(documents(rules, suite([{ name: 'x', request: GET, token: { ...good, claims: { exp } }, expect }], now === undefined ? {} : { now })));
    assert.equal((await at(undefined, 1767225601, 'allow')).code, 0); // 2026-01-01T00:00:01Z
    assert.equal((await at(undefined, 1767225600 - 61, 'deny')).code, 0);
    assert.equal((await at('2001-09-09T01:46:40Z', 1000000001, 'allow')).code, 0);
    assert.equal((await at('2001-09-09T01:47:50Z', 1000000001, 'deny')).code, 0);
    assert.equal((await at(1000000000, 1000000001, 'allow')).code, 0);
  });
});

describe('expectations', () => {
  const one = (request, expect, token) => suite([{ name: 'one', request, token, expect }]);
  // What is expected, and what a failure says; null: it passes.
  const rows = [
    ['the verdict', one(GET, 'allow'), 'verdict: expected allow, got deny'],
    ['the status', one(GET, { verdict: 'deny', status: 401 }), 'status: expected 401, got 403'],
    ['the reason', one(GET, { verdict: 'deny', reason: 'token_expired' }), 'reason: expected token_expired, got token_missing'],
    ['the rule', one(GET, { verdict: 'allow', rule: 0 }, good), 'rule: expected 0, got 1'],
    ['the right rule', one(GET, { verdict: 'allow', rule: 1, apirule: 'httpbin' }, good), null],
    ['no rule at all', one('GET /nowhere', { verdict: 'deny', rule: 1 }), 'rule: expected 1, got none'],
    ['another APIRule', one(GET, { verdict: 'allow', apirule: 'shop/other' }, good), 'apirule: expected shop/other, got shop/httpbin'],
    ['the service', one(GET, { verdict: 'allow', service: 'httpbin' }, good), null],
    ['its port', one(GET, { verdict: 'allow', service: 'shop/httpbin:9' }, good), 'service: expected shop/httpbin:9, got shop/httpbin:8000'],
    ['another service', one(GET, { verdict: 'allow', service: 'orders' }, good), 'service: expected shop/orders:8000, got shop/httpbin:8000'],
    ['the path, normalised', one('GET /orders/./%37?a=b', { verdict: 'allow', path: '/orders/7?a=b' }, good), null],
    ['a header of the rule', one('GET /open', { verdict: 'allow', headers: { 'x-origin': 'gateway', 'X-Forwarded-Host': 'httpbin.localhost' } }), null],
    ['another value', one('GET /open', { verdict: 'allow', headers: { 'X-Origin': 'me' } }), 'header X-Origin: expected me, got gateway'],
    ['a header that must not be there', one('GET /open', { verdict: 'allow', headers: { 'X-Origin': null } }), 'header X-Origin: expected none, got gateway'],
    ['a header that nobody sets', one('GET /open', { verdict: 'allow', headers: { 'X-Other': 'a' } }), 'header X-Other: expected a, got none'],
    ['a header of the answer', one(GET, { verdict: 'deny', responseHeaders: { 'www-authenticate': 'Bearer' } }), 'response header www-authenticate: expected Bearer, got none'],
  ];
  for (const [name, text, problem] of rows)
    test(`${name}: ${problem ?? 'passes'}`, async () => {
      const { code, tests } = await json(documents(rules, text));
      assert.equal(code, problem === null ? 0 : 1);
      assert.equal(tests[0].problem, problem ?? '');
      assert.equal(tests[0].passed, problem === null);
    });

  test("headers in Envoy's words, and of a credential only how long it is", async () => {
    const telling = apiRule({ rules: [{ path: '/a', noAuth: true, request: { headers: { 'X-Asked': '%REQ(:METHOD)% %REQ(X-Org?:path)%', 'X-Caller': '%REQ(Authorization)%', 'X-Since': '%START_TIME(%F)%' } } }] });
    const request = { line: 'GET /a', headers: { Authorization: 'Basic c2VjcmV0' } };
    const expected = { 'X-Asked': 'GET /a', 'X-Caller': 'Basic c2VjcmV0', 'X-Since': '2026-01-01' };
    const right = await json(documents(telling, one(request, { verdict: 'allow', headers: expected })));
    assert.deepEqual([right.code, right.tests[0].problem], [0, '']);
    const wrong = await json(documents(telling, one(request, { verdict: 'allow', headers: { ...expected, 'X-Caller': 'me' } })));
    assert.deepEqual([wrong.code, wrong.tests[0].problem], [1, 'header X-Caller: expected me, got ... (14 bytes, not shown)']);
  });

  test('a preflight is answered', async () => {
    const cors = apiRule({ corsPolicy: { allowOrigins: [{ exact: 'https://ui.example' }], allowMethods: ['GET'] }, rules: [{ path: '/a', methods: ['GET', 'OPTIONS'], jwt }] });
    const ask = suite([{ name: 'asks', request: { line: 'OPTIONS /a', headers: { Origin: 'https://ui.example', 'Access-Control-Request-Method': 'GET' } }, expect: { verdict: 'answer', status: 200, responseHeaders: { 'access-control-allow-origin': 'https://ui.example' } } }]);
    const { code, tests } = await json(documents(cors, ask));
    assert.equal(code, 0, JSON.stringify(tests));
  });

  test('a failure for people: where, what, and why', async () => {
    const end = await run(documents(rules, one(GET, 'allow')));
    assert.equal(end.code, 1);
    const lines = end.out.split('\n');
    assert.equal(lines[0], 'FAIL  shop/orders: one');
    assert.match(lines[1], /^ {6}-:3:\d+$/);
    assert.equal(lines[2], '      GET https://httpbin.localhost/orders/7');
    assert.equal(lines[3], '      verdict: expected allow, got deny');
    assert.equal(lines[4], '      the answer was: deny 403 token_missing, rule 1 of shop/httpbin');
    assert.match(lines[5], /^ {6}because: token: /);
    assert.match(lines.at(-2), /^1 test: 0 passed, 1 failed; /);
  });
});

describe('rules that ask somebody: the test says what he answers', () => {
  const asking = apiRuleV1({ rules: [{ path: '/a', accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: 'https://idp.example/introspect', required_scope: ['read'] } }] }] });
  const active = (more) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ active: true, sub: 'alice', scope: 'read', ...more }) });
  const one = (answers, expect, token = { raw: 'opaque' }) => documents(asking, suite([{ name: 'one', request: 'GET /a', token, answers, expect }]));
  const rows = [
    ['active', [active()], 'allow allowed'],
    ['not active', [active({ active: false })], 'deny 401 '],
    ['another scope', [active({ scope: 'write' })], 'deny 403 scope_missing'],
    ['an error', [{ status: 500 }], 'deny 50'],
    ['no answer in time', ['timeout'], 'deny 50'],
    ['nobody there', ['failed'], 'deny 50'],
    ['not said', undefined, 'deny 50'],
  ];
  for (const [name, answers, answer] of rows)
    test(`${name}: ${answer}`, async () => {
      const { code, tests } = await json(one(answers, answer.split(' ')[0]));
      assert.equal(code, 0, JSON.stringify(tests));
      assert.ok(tests[0].answer.startsWith(answer), tests[0].answer);
    });

  test('an answer that nobody asked for is a failure', async () => {
    const { code, tests } = await json(one([active()], 'deny', null));
    assert.equal(code, 1);
    assert.equal(tests[0].problem, 'answers: expected 1 asked for, got 0');
  });

  test('what is no answer is 2', async () => {
    for (const [answers, message] of [[[{}], 'a status from 200 on is wanted here'], [['never'], 'a map with a status, timeout or failed is wanted here'], [[{ status: 200, boby: '' }], 'unknown field "boby", did you mean "body"?']]) {
      const end = await run(one(answers, 'deny'));
      assert.equal(end.code, 2, end.out);
      assert.ok(end.err.includes(`.spec.tests[0].answers[0]`) && end.err.includes(message), end.err);
    }
  });
});

describe('mistakes in a test file: 2, with place and what was meant', () => {
  const yaml = (body) => `apiVersion: brama.dev/v1\nkind: APIRuleTest\nmetadata: {name: t}\nspec:\n  host: httpbin.localhost\n  tokens: {reader: {scopes: [read]}}\n  tests:\n  - name: a\n${body}`;
  const head = '    request: GET /a\n    expect: deny\n';
  // The line, column, attribute and text of the complaint.
  const rows = [
    ['an unknown field', yaml(`${head}    tokn: reader\n`), '11:5', '.spec.tests[0].tokn', 'unknown field "tokn", did you mean "token"?'],
    ['of a token', yaml(`${head}    token: {scope: [a]}\n`), '11:13', '.spec.tests[0].token.scope', 'unknown field "scope", did you mean "scopes"?'],
    ['a token that nobody named', yaml(`${head}    token: raeder\n`), '11:12', '.spec.tests[0].token', 'no token "raeder" in spec.tokens, did you mean "reader"?'],
    ['of an expectation', yaml('    request: GET /a\n    expect: {verdict: deny, staus: 403}\n'), '10:29', '.spec.tests[0].expect.staus', 'unknown field "staus", did you mean "status"?'],
    ['a reason', yaml('    request: GET /a\n    expect: {verdict: deny, reason: token_mising}\n'), '10:37', '.spec.tests[0].expect.reason', 'no reason is called "token_mising", did you mean "token_missing"?'],
    ['a verdict', yaml('    request: GET /a\n    expect: allowed\n'), '10:13', '.spec.tests[0].expect', 'allow, deny or answer is wanted here'],
    ['no verdict', yaml('    request: GET /a\n    expect: {status: 403}\n'), '10:13', '.spec.tests[0].expect.verdict', 'allow, deny or answer is wanted here'],
    ['no expectation', yaml('    request: GET /a\n'), '8:5', '.spec.tests[0]', 'what to expect is wanted here'],
    ['no request', yaml('    expect: deny\n'), '8:5', '.spec.tests[0]', 'a request is wanted here'],
    ['a request without a method', yaml('    request: /a\n    expect: deny\n'), '9:14', '.spec.tests[0].request', 'METHOD and URL are wanted here, like "GET /orders"'],
    ['another scheme', yaml('    request: GET ftp://a/\n    expect: deny\n'), '9:14', '.spec.tests[0].request', /http/],
    ['a status with allow', yaml('    request: GET /a\n    expect: {verdict: allow, status: 200}\n'), '10:13', '.spec.tests[0].expect', "status is the workload's own where a request is allowed"],
    ['headers with deny', yaml('    request: GET /a\n    expect: {verdict: deny, headers: {A: b}}\n'), '10:13', '.spec.tests[0].expect', 'headers, service and path are of requests that are allowed'],
    ['a number for a text', yaml(`${head}    token: {issuer: 7}\n`), '11:21', '.spec.tests[0].token.issuer', 'a string is wanted here, not a number'],
    ['no length of time', yaml(`${head}    token: {expired: soon}\n`), '11:22', '.spec.tests[0].token.expired', 'a length of time like 90s, 5m or 1h is wanted here'],
    ['an algorithm of shared secrets', yaml(`${head}    token: {alg: HS256}\n`), '11:18', '.spec.tests[0].token.alg', 'RS256, RS384, RS512, PS256, PS384, PS512 or ES256 is wanted here'],
    ['two places', yaml(`${head}    token: {in: {header: A, param: b}}\n`), '11:17', '.spec.tests[0].token.in', 'one of header, param and cookie is wanted here'],
    ['another version', yaml(head).replace('brama.dev/v1', 'brama.dev/v2'), '1:13', '.apiVersion', 'apiVersion of APIRuleTest is brama.dev/v1, not "brama.dev/v2"'],
    ['a time that is none', yaml(head).replace('  tests:', '  now: tomorrow\n  tests:'), '7:8', '.spec.now', /2026-01-01T12:00:00Z/],
    ['no tests', yaml(head).replace('  tests:\n', '  test:\n'), '7:3', '.spec.test', 'unknown field "test", did you mean "tests"?'],
    ['a claim that is given twice', yaml(`${head}    token: {scopes: [a], claims: {scope: b}}\n`), '8:5', '.token', /scope/],
  ];
  for (const [name, text, place, attribute, message] of rows)
    test(name, async () => {
      const end = await run(documents(text, rules));
      assert.equal(end.code, 2, end.out + end.err);
      const line = end.err.split('\n').find((l) => l.startsWith(`-:${place}: error: ${attribute}: `));
      assert.ok(line, end.err);
      if (message instanceof RegExp) assert.match(line, message);
      else assert.ok(line.endsWith(`: ${message}`), line);
      assert.match(end.err, /nothing was tested/);
    });

  test('what isn\'t there to test', async () => {
    assert.equal((await run(rules)).code, 2);
    assert.match((await run(rules)).err, /no APIRuleTest found/);
    assert.equal((await run('kind: [')).code, 2);
    assert.equal((await run(documents(rules, suite([{ name: 'a', request: GET, expect: 'deny' }])), '--only', 'other')).code, 2);
    assert.equal((await verb(['test'])).code, 64);
    assert.equal((await run(rules, '-o', 'xml')).code, 64);
  });
});

describe('reports', () => {
  const awkward = 'a <b> & "c" # d \\ \u0007 \u00e9 ]]>';
  const text = documents(
    rules,
    suite([
      { name: 'fine', request: GET, token: good, expect: 'allow' },
      { name: awkward, request: GET, expect: { verdict: 'allow', rule: 7 } },
      { name: 'open', request: 'GET /open', expect: 'allow' },
    ]),
  );

  test('JUnit: well-formed XML that says the same', async () => {
    const end = await run(text, '-o', 'junit');
    assert.equal(end.code, 1);
    const script = `
import json, sys, xml.etree.ElementTree as E
root = E.fromstring(sys.stdin.buffer.read())
print(json.dumps({'tag': root.tag, 'tests': root.get('tests'), 'failures': root.get('failures'),
  'suites': [{**s.attrib, 'cases': [{**c.attrib, 'failure': [f.get('message') for f in c]} for c in s]} for s in root]}))`;
    const parsed = spawnSync('python3', ['-c', script], { input: end.out, encoding: 'utf8' });
    assert.equal(parsed.status, 0, parsed.stderr);
    const report = JSON.parse(parsed.stdout);
    assert.deepEqual([report.tag, report.tests, report.failures], ['testsuites', '3', '1']);
    const [s] = report.suites;
    assert.deepEqual([s.name, s.tests, s.failures, s.file], ['shop/orders', '3', '1', '-']);
    assert.deepEqual(s.cases.map((c) => c.name), ['fine', awkward.replace('\u0007', '\ufffd'), 'open']);
    assert.ok(s.cases.every((c) => c.classname === 'shop/orders' && /^\d+\.\d{6}$/.test(c.time) && Number(c.line) > 0));
    assert.deepEqual(s.cases[1].failure, ['verdict: expected allow, got deny\nrule: expected 7, got 1']);
  });

  test('TAP, line by line', async () => {
    const end = await run(text, '-o', 'tap');
    assert.equal(end.code, 1);
    const lines = end.out.trimEnd().split('\n');
    assert.deepEqual(lines.slice(0, 3), ['TAP version 13', '1..3', 'ok 1 - shop/orders: fine']);
    assert.ok(lines[3].startsWith('not ok 2 - shop/orders: a <b> & "c" \\# d '), lines[3]);
    assert.equal(lines[4], '  ---');
    const end_ = lines.indexOf('  ...');
    const block = lines.slice(5, end_);
    assert.deepEqual(block.map((l) => l.match(/^ {2}(\w+): ".*"$/)?.[1]), ['at', 'message', 'answer', 'because']);
    assert.equal(lines[end_ + 1], 'ok 3 - shop/orders: open');
    assert.equal(lines.length, end_ + 2);
  });

  test('coverage: which rule and method had an allow and a deny', async () => {
    const { coverage } = await json(text);
    const row = (rule, method) => coverage.find((c) => c.rule === rule && c.method === method);
    assert.equal(coverage.length, 4);
    assert.deepEqual([row(1, 'GET').allows, row(1, 'GET').denies, row(1, 'GET').covered], [1, 1, true]);
    assert.deepEqual([row(1, 'POST').allows, row(1, 'POST').denies, row(1, 'POST').covered], [0, 0, false]);
    assert.equal(row(0, 'GET').covered, true, 'an open rule needs no deny');
    const end = await run(text, '--coverage');
    assert.match(end.out, /: POST of rule 1 \(\/orders\/\{\*\}\) of shop\/httpbin: no test has an allow or a deny\n/);
    assert.match(end.out, /: HEAD of rule 0 \(\/open\) of shop\/httpbin: no test has an allow\n/);
    assert.match(end.out, /; 2 of 4 rules and methods covered\n$/);
  });

  test('--only takes what has the text in its name', async () => {
    const { code, tests } = await json(text, '--only', 'orders: fi');
    assert.deepEqual([code, tests.map((t) => t.name)], [0, ['fine']]);
  });
});

describe('--mutate', () => {
  const all = [
    { name: 'in', request: GET, token: good, expect: { verdict: 'allow', rule: 1 } },
    { name: 'post', request: 'POST /orders/7', token: good, expect: 'allow' },
    { name: 'none', request: GET, expect: 'deny' },
    { name: 'scope', request: GET, token: { audiences: ['shop'] }, expect: 'deny' },
    { name: 'audience', request: GET, token: { scopes: ['read'] }, expect: 'deny' },
    { name: 'open', request: 'GET /open', expect: { verdict: 'allow', headers: { 'X-Origin': 'gateway' } } },
    { name: 'head', request: 'HEAD /open', expect: 'allow' },
    { name: 'delete open', request: 'DELETE /open', expect: 'deny' },
    { name: 'delete', request: 'DELETE /orders/7', token: good, expect: { verdict: 'deny', status: 404 } },
    { name: 'below', request: 'GET /orders/7/items', token: good, expect: { verdict: 'deny', status: 404 } },
  ];
  const without = (...names) => suite(all.filter((t) => !names.includes(t.name)));

  test('a whole set of tests notices every change', async () => {
    const { code, changes } = await json(documents(rules, suite(all)), '--mutate');
    assert.deepEqual(changes.filter((c) => c.outcome === 'unnoticed'), []);
    assert.equal(code, 0);
    assert.ok(changes.length >= 14, `${changes.length} changes`);
  });

  // Leave tests out, and the changes that only they notice survive.
  const rows = [
    [['audience'], /: drop the audience "shop"$/],
    [['scope'], /: drop the scope "read"$/],
    [['none', 'scope', 'audience'], /: ask for no token$/],
    [['post'], /rule 1 .*: drop the method POST$/],
    [['head'], /rule 0 .*: drop the method HEAD$/],
    [['delete'], /rule 1 .*: take every method$/],
    [['delete open'], /rule 0 .*: take every method$/],
    [['below'], /: widen the path to \/orders\/\{\*\*\}$/],
    [['open', 'head', 'in'], /rule 0 .*: drop the rule$/],
    [['open'], /: drop the header X-Origin$/],
  ];
  for (const [left, what] of rows)
    test(`without "${left}" somebody could ${what.source.replace(/[\\^$]/g, '').replace(/^.*: /, '')}: 1`, async () => {
      const { code, changes } = await json(documents(rules, without(...left)), '--mutate');
      assert.equal(code, 1);
      const unnoticed = changes.filter((c) => c.outcome === 'unnoticed');
      assert.ok(unnoticed.some((c) => what.test(c.what) && c.line > 0), JSON.stringify(unnoticed));
    });

  test('survivors for people, in TAP and in JUnit', async () => {
    const text = documents(rules, without('audience'));
    assert.match((await run(text, '--mutate')).out, /^-:1:\d+: survives: rule 1 \(\/orders\/\{\*\}\) of shop\/httpbin: drop the audience "shop"$/m);
    assert.match((await run(text, '--mutate')).out, /\d+ changes to the rules: \d+ noticed, 1 unnoticed, \d+ refused by Kyma\n$/);
    assert.match((await run(text, '--mutate', '-o', 'tap')).out, /^not ok 10 - each change to the rules is noticed$/m);
    assert.match((await run(text, '--mutate', '-o', 'junit')).out, /<failure type="survivor"/);
  });

  test('an authentication, and v1beta1 with either handler', async () => {
    const two = { authentications: [{ issuer: 'a', jwksUri: 'https://a.example/k' }, { issuer: 'b', jwksUri: 'https://b.example/k' }], authorizations: [{ requiredScopes: ['x', 'y'] }, { audiences: ['z'] }] };
    const tests = suite([{ name: 'a', request: GET, token: { scopes: ['x', 'y'] }, expect: 'allow' }]);
    const rows_ = [
      [apiRule({ rules: [{ path: '/orders/7', jwt: two }] }), ['drop authentications[1]', 'drop authorizations[1]', 'drop the scope "x"', 'drop the scope "y"', 'ask for no token']],
      [documents(toggle('istio'), apiRuleV1({ rules: [{ path: '/orders/7', accessStrategies: [{ handler: 'jwt', config: two }] }] })), ['drop authentications[1]', 'drop the scope "x"', 'ask for no token']],
      [apiRuleV1({ rules: [{ path: '/orders/7', accessStrategies: [oryJwt('https://a.example', 'https://a.example/k', { required_scope: ['x', 'y'] })] }] }), ['drop the issuer "https://a.example"', 'drop the scope "x"', 'ask for no token', 'widen the path to /.*']],
    ];
    for (const [text, wanted] of rows_) {
      const { changes, tests: ran } = await json(documents(text, tests), '--mutate');
      assert.ok(ran[0].passed, JSON.stringify(ran));
      const unnoticed = changes.filter((c) => c.outcome === 'unnoticed').map((c) => c.what.replace(/^.*?: /, ''));
      for (const what of wanted) assert.ok(unnoticed.includes(what), `${what}: ${JSON.stringify(changes)}`);
    }
  });

  test('what fails already isn\'t mutated', async () => {
    const { code, changes } = await json(documents(rules, suite([{ name: 'x', request: GET, expect: 'allow' }])), '--mutate');
    assert.deepEqual([code, changes], [1, undefined]);
  });
});

test('test files beside the rules concern nobody else', async () => {
  const dir = path.join(temporary('brama-tests'), 'rules');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'rules.yaml'), apiRule({ rules: [{ path: '/a', noAuth: true }] }));
  writeFileSync(path.join(dir, 'tests.yaml'), suite([{ name: 'a', request: 'GET /a', expect: 'allow' }]));
  const check = await verb(['check', '-f', dir, '--strict']);
  assert.deepEqual([check.code, check.out], [0, ''], check.err);
  assert.equal((await verb(['explain', '-f', dir, 'GET', 'http://httpbin.localhost/a'])).code, 0);
  assert.equal((await verb(['test', '-f', dir])).code, 0);
});
