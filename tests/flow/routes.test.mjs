// Which rule a request meets: paths, methods, hosts, workloads, timeouts (apirule.md 4.2 to 4.7, 8).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { apiRule, apiRuleV1, documents, toggle } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, second;
before(async () => {
  upstream = await recorder();
  second = await recorder();
});
after(async () => {
  await upstream.stop();
  await second.stop();
});
const services = () => ({ 'httpbin.shop': upstream.port, 'hello.shop': second.port, 'hello.other': second.port });
const open = (path, ...methods) => ({ path, methods: methods.length ? methods : ['GET'], noAuth: true });

/** Rows of [method, target, status]; what is let in arrives as it was sent. */
async function walk(gw, host, rows, reason = 'no_route') {
  for (const [method, target, status] of rows) {
    await expectExchange(gw, {
      request: { method, target, host, data: method === 'POST' || method === 'PUT' ? 'x=1' : undefined },
      status, upstream,
      reason: status === 200 ? 'allowed' : status === 403 ? 'policy_denied' : reason,
      saw: (seen) => assert.equal(seen.target, target),
    });
  }
}

describe('v2', () => {
  let gw;
  before(async () => {
    gw = await gateway({
      services: services(),
      files: {
        'asterisk.yaml': apiRule({
          name: 'asterisk', host: 'asterisk',
          rules: [
            open('/anything/one'), open('/anything/one/two'), open('/anything/{*}/one'), open('/anything/{*}/one/{**}/two', 'DELETE'),
            open('/anything/{*}/{*}/two'), open('/anything/{**}/two', 'POST'), open('/anything/'), open('/anything/{**}', 'PUT'),
          ],
        }),
        'forms.yaml': apiRule({
          name: 'forms', host: 'forms',
          rules: [open('/abc'), open('/foo/{*}'), open('/deep/{*}/bar'), open('/tail/{**}'), open('/mid/{**}/bar'), open('/{*}/e/{*}/{**}')],
        }),
        'methods.yaml': apiRule({ name: 'methods', host: 'methods', rules: [open('/anything', 'GET', 'POST'), open('/anything/put', 'PUT')] }),
        'all.yaml': apiRule({ name: 'all', host: 'all', rules: [open('/*')] }),
        'services.yaml': apiRule({
          name: 'services', host: 'services',
          rules: [open('/spec'), { ...open('/own'), service: { name: 'hello', port: 8000 } }, { ...open('/other'), service: { name: 'hello', namespace: 'other', port: 8000 } }],
        }),
        'full.yaml': apiRule({ name: 'full', host: 'full.test.local', rules: [open('/*')] }),
        'unknown.yaml': apiRule({ name: 'unknown', host: 'unknown', service: { name: 'nobody', port: 80 }, rules: [open('/*')] }),
      },
    });
  });
  after(() => gw?.stop());

  test('asterisk paths, in the order of the rules (8.3, scenario 74)', () =>
    walk(gw, 'asterisk', [
      ['GET', '/anything/one', 200], ['GET', '/anything/one/two', 200], ['GET', '/anything/random/one', 200], ['GET', '/anything/rand*m/one', 200],
      ['DELETE', '/anything/random/one/any/random/two', 200], ['DELETE', '/anything/rand*m/one/any/rand*m/two', 200],
      ['GET', '/anything/any/random/two', 200], ['POST', '/anything/any/random/two', 200], ['POST', '/anything/random/one', 404],
      ['GET', '/anything/', 200], ['PUT', '/anything/a+b', 200], ['PUT', '/anything/a%20b', 200], ['PUT', '/anything/rand*m', 200], ['PUT', '/anything/any/random', 200],
    ]));

  test('what {*} and {**} take (4.5)', () =>
    walk(gw, 'forms', [
      ['GET', '/abc', 200], ['GET', '/abc/', 404], ['GET', '/abc/d', 404], ['GET', '/abc?q=/abc/d', 200],
      ['GET', '/foo/x', 200], ['GET', '/foo/a+b', 200], ['GET', '/foo/a%20b', 200], ['GET', '/foo/r*m', 200],
      ['GET', '/foo', 404], ['GET', '/foo/', 404], ['GET', '/foo/x/y', 404], ['GET', '/foo/x/', 404],
      ['GET', '/deep/x/bar', 200], ['GET', '/deep/bar', 404],
      ['GET', '/tail/', 200], ['GET', '/tail/a', 200], ['GET', '/tail/a/b/', 200], ['GET', '/tail', 404],
      ['GET', '/mid/a/bar', 200], ['GET', '/mid/a/b/bar', 200], ['GET', '/mid/bar', 404],
      ['GET', '/a/e/b/', 200], ['GET', '/a/e/b/c', 200], ['GET', '/a/e/b', 404],
    ]));

  test('methods belong to their path (scenario 77)', () =>
    walk(gw, 'methods', [
      ['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404], ['HEAD', '/anything', 404],
    ]));

  test('/* is every path', () => walk(gw, 'all', [['GET', '/', 200], ['GET', '/ip', 200], ['GET', '/a/b/c/', 200], ['POST', '/ip', 404]]));

  test('a rule has its own workload, or that of the spec (scenarios 96 and 97)', async () => {
    await expectExchange(gw, { request: { host: 'services', target: '/spec' }, status: 200, upstream });
    await expectExchange(gw, { request: { host: 'services', target: '/own' }, status: 200, upstream: second });
    await expectExchange(gw, { request: { host: 'services', target: '/other' }, status: 200, upstream: second });
  });

  test('x-forwarded-host is the full host of the rule, whatever the client sent (4.5)', async () => {
    for (const host of ['all', 'full']) {
      await expectExchange(gw, {
        request: { host, target: '/x', headers: ['X-Forwarded-Host: evil.example'] }, status: 200, upstream,
        saw: (seen) => assert.deepEqual(seen.all('x-forwarded-host'), [`${host}.test.local`]),
      });
    }
  });

  test('the host is compared without case, port and trailing dot (P14)', async () => {
    for (const host of [`ALL.Test.local:${gw.port}`, 'all.test.local', `all.test.local:1`]) {
      await expectExchange(gw, { request: { host: 'all', target: '/x', headers: [`Host: ${host}`] }, status: 200, upstream });
    }
  });

  test('a workload that nobody knows is 503', () =>
    expectExchange(gw, { request: { host: 'unknown', target: '/x' }, status: 503, body: 'no healthy upstream', reason: 'no_upstream', decision: 'deny' }));
});

describe('v1beta1', () => {
  const rule = (handler, path, ...methods) => ({ path, methods: methods.length ? methods : ['GET'], accessStrategies: [{ handler }] });
  const pair = (handler) => [rule(handler, '/anything', 'GET', 'POST'), rule(handler, '/anything/put', 'PUT')];
  // A workload each: the policies of rules in front of one workload are a union (4.7).
  const of = (name) => ({ name, host: name, service: { name, port: 8000 } });
  const files = {
    'allow.yaml': apiRuleV1({ ...of('allow'), rules: pair('allow') }),
    'noauth.yaml': apiRuleV1({ ...of('noauth'), rules: pair('no_auth') }),
    'noop.yaml': apiRuleV1({ ...of('noop'), rules: pair('noop') }),
    'regex.yaml': apiRuleV1({ ...of('regex'), rules: [rule('no_auth', '/ip'), rule('no_auth', '/img/.*'), rule('no_auth', '/v[0-9]+/x')] }),
    'star.yaml': apiRuleV1({ ...of('star'), rules: [rule('no_auth', '/*')] }),
    'twice.yaml': apiRuleV1({ ...of('twice'), rules: [rule('no_auth', '/a', 'GET'), rule('no_auth', '/a', 'POST')] }),
    'overlap.yaml': apiRuleV1({ ...of('overlap'), rules: [rule('noop', '/a.*'), rule('noop', '/ab')] }),
  };
  const asMethods = [['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 404], ['PUT', '/anything/put', 200], ['POST', '/anything/put', 404]];

  for (const handler of ['ory', 'istio']) {
    describe(`handler ${handler}`, () => {
      let gw;
      before(async () => {
        const workloads = Object.keys(files).map((file) => [`${file.replace('.yaml', '')}.shop`, upstream.port]);
        gw = await gateway({ services: Object.fromEntries(workloads), files: { ...files, 'toggle.yaml': toggle(handler) } });
      });
      after(() => gw?.stop());

      test('no_auth is bound to its methods (scenarios 6 and 34)', () => walk(gw, 'noauth', asMethods));
      test('allow is not (scenarios 5 and 33)', () => walk(gw, 'allow', [['GET', '/anything', 200], ['POST', '/anything', 200], ['PUT', '/anything', 200], ['POST', '/anything/put', 200]]));
      // In Istio mode the route is an expression, but the policy's path is exact, prefix or suffix:
      // "any other regex path silently never matches -> 403" (4.7).
      const matched = handler === 'ory' ? 200 : 403;
      test('a path is an expression for the whole path (4.2)', () =>
        walk(gw, 'regex', [
          ['GET', '/ip', 200], ['GET', '/ip/', 404], ['GET', '/ipx', 404], ['GET', '/x/ip', 404], ['GET', '/img/', matched], ['GET', '/img/a/b', matched], ['GET', '/img', 404],
          ['GET', '/v1/x', matched], ['GET', '/v12/x', matched], ['GET', '/v/x', 404],
        ]));
      test('of two rules with one path only the first has a route', () => walk(gw, 'twice', [['GET', '/a', 200], ['POST', '/a', 404]]));
      if (handler === 'ory') {
        test('noop: a method that is not listed is 404, by Oathkeeper (scenario 35)', async () => {
          await walk(gw, 'noop', asMethods, 'oathkeeper_no_rule');
          await expectExchange(gw, {
            request: { host: 'noop', target: '/anything', method: 'DELETE' }, status: 404, upstream, reason: 'oathkeeper_no_rule',
            headers: { 'content-type': 'application/json' },
            body: (text, response) =>
              assert.equal(text, `{"error":{"code":404,"status":"Not Found","request":"${response.header('x-request-id')}","message":"The requested resource could not be found"}}\n`),
          });
        });
        test('/* is the expression "slashes" (quirk of 4.2)', () => walk(gw, 'star', [['GET', '/', 200], ['GET', '/ip', 404]]));
        test('two of Oathkeeper\'s rules for one request are 500 (4.4)', () =>
          expectExchange(gw, { request: { host: 'overlap', target: '/ab' }, status: 500, upstream, reason: 'oathkeeper_many_rules', body: /"code":500,.*An internal server error occurred, please contact the system administrator/ }));
      } else {
        test('noop: a method that is not listed is 404, by the route (scenario 7)', () => walk(gw, 'noop', asMethods));
        test('/* is every path', () => walk(gw, 'star', [['GET', '/', 200], ['GET', '/ip', 200], ['GET', '/a/b', 200]]));
      }
    });
  }
});

describe('timeouts', () => {
  let gw;
  before(async () => {
    gw = await gateway({
      services: services(),
      files: { 'slow.yaml': apiRule({ name: 'slow', host: 'slow', timeout: 1, rules: [open('/spec'), { ...open('/drip'), timeout: 1 }, { ...open('/patient'), timeout: 5 }] }) },
    });
  });
  after(async () => {
    upstream.answer = answer;
    await gw?.stop();
  });
  let answer;

  test('504 with Envoy\'s words when the answer does not begin in time', async () => {
    answer = upstream.answer;
    upstream.answer = (req, res) => setTimeout(() => res.end('late'), 1600);
    const begun = Date.now();
    await expectExchange(gw, { request: { host: 'slow', target: '/spec' }, status: 504, body: 'upstream request timeout', reason: 'upstream_timeout' });
    const took = Date.now() - begun;
    assert.ok(took > 900 && took < 1550, `${took} ms`);
  });

  test('a longer one of the rule wins over that of the spec', async () => {
    upstream.answer = (req, res) => setTimeout(() => res.end('late'), 1600);
    await expectExchange(gw, { request: { host: 'slow', target: '/patient' }, status: 200, body: 'late', upstream });
  });

  test('it is the time until the last byte: a drip is cut', async () => {
    upstream.answer = (req, res) => {
      res.writeHead(200);
      const timer = setInterval(() => res.write('drip '), 150);
      res.on('close', () => clearInterval(timer));
    };
    const begun = Date.now();
    const { response } = await expectExchange(gw, { request: { host: 'slow', target: '/drip' }, status: 200, explains: true });
    assert.ok(Date.now() - begun < 2500, 'cut in time');
    assert.notEqual(response.code, 0, 'curl was told that the body is not whole');
  });
});

test('documents of one file are all read', async () => {
  const gw = await gateway({
    services: services(),
    files: {
      'all.yaml': documents(
        apiRule({ name: 'one', host: 'one', rules: [open('/*')] }),
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: httpbin, namespace: shop}\nspec: {}',
        apiRule({ name: 'two', host: 'two', rules: [open('/*')] }),
      ),
    },
  });
  try {
    await expectExchange(gw, { request: { host: 'one', target: '/x' }, status: 200, upstream });
    await expectExchange(gw, { request: { host: 'two', target: '/x' }, status: 200, upstream });
  } finally {
    await gw.stop();
  }
});
