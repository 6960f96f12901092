// attacks.md 2b: whatever a path is written like, a backend that reads it more leniently than we do
// reaches no other rule's path. What is forwarded is what was judged.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('ES256');
let upstream, keys, gw;
before(async () => {
  upstream = await recorder();
  keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  const guarded = { jwt: istioJwt(ISSUER, `${keys.url}/jwks`) };
  gw = await gateway({
    services: { 'httpbin.shop': upstream.port },
    files: {
      'rule.yaml': apiRule({
        rules: [{ path: '/admin', ...guarded }, { path: '/admin/{**}', ...guarded }, { path: '/public/{**}', noAuth: true }, { path: '/here', noAuth: true }],
      }),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream?.stop(), keys?.stop()]);
});

const bad = ['bad_path', 'bad_request']; // what nginx's own parser refuses has no more of a reason
const TOKEN = ['token_missing'];

test('control: the protected path opens with a token', async () => {
  const headers = [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me' })}`];
  await expectExchange(gw, { request: { target: '/admin/x', headers }, status: 200, upstream });
  await expectExchange(gw, { request: { target: '/admin/x' }, status: 403, reason: TOKEN, upstream });
});

// [number in attacks.md, target, status, reason or what the workload saw]
const rows = [
  ['', '/public/x', 200, '/public/x'],
  ['P1', '/public/../admin/x', 403, TOKEN],
  ['P1', '/./admin/x', 403, TOKEN],
  ['P1', '//admin/x', 400, ['ambiguous_path']],
  ['P1', '/public/%2e%2e/admin/x', 403, TOKEN],
  ['P1', '/public/%2E./admin', 403, TOKEN],
  ['P1', '/%61dmin/x', 403, TOKEN],
  ['P1', '/public%2f..%2fadmin/x', 400, ['ambiguous_path']],
  ['P1', '/public/..%2fadmin/x', 400, ['ambiguous_path']],
  ['P1', '/public/..%2Fadmin', 400, ['ambiguous_path']],
  ['P2', '/public/a/../b', 200, '/public/b'],
  ['P2', '/public/~/../../admin/x', 403, TOKEN],
  ['P2', '/public/a/..', 200, '/public/'],
  ['P2', '/public/%61%2D%2e', 200, '/public/a-.'],
  ['P3', '/public/..;/admin/x', 400, ['ambiguous_path']],
  ['P3', '/public/..;a=b/admin/x', 400, ['ambiguous_path']],
  ['P3', '/;/admin/x', 400, ['ambiguous_path']],
  ['P3', '/public/..%3b/admin/x', 400, ['ambiguous_path']],
  ['P3', '/public/a;v=1/b', 200, '/public/a;v=1/b'],
  ['P4', '/public\\..\\admin\\x', 400, bad],
  ['P4', '/\\admin/x', 400, bad],
  ['P4', '/public/..%5cadmin/x', 400, ['ambiguous_path']],
  ['P5', '/%252e%252e/admin', 400, ['ambiguous_path', 'bad_path']],
  ['P5', '/public/%252e%252e/admin/x', 400, ['ambiguous_path']],
  ['P5', '/public/%252e%252e%252fadmin', 400, ['ambiguous_path']],
  ['P6', '/public/%c0%ae%c0%ae/admin', 200, '/public/%c0%ae%c0%ae/admin'],
  ['P6', '/public/\xc3\xa9', 400, bad],
  ['P7', '/ADMIN/x', 404, ['no_route']],
  ['P8', '/public/a#/../admin', 400, bad],
  ['P8', '/admin#x', 400, bad],
  ['P9', '/admin?x', 403, TOKEN],
  ['P9', '/admin/', 403, TOKEN],
  ['P9', '/admin;a=b', 400, ['ambiguous_path']],
  ['P9', '/admin%3fx', 404, ['no_route']],
  ['P9', '/admin.', 404, ['no_route']],
  ['P9', '/admin%20', 404, ['no_route']],
  ['P10', '/public/%00', 400, bad],
  ['P10', '/public/%', 400, bad],
  ['P10', '/public/%2', 400, bad],
  ['P10', '/public/%zz', 400, bad],
  ['P10', '/public/%u002f', 400, bad],
  ['P10', '/..', 400, bad],
  ['P10', '/../../admin', 400, bad],
  ['P10', '/public/../../admin', 400, bad],
  ['P11', '/public/%0d%0aX-User:%20root', 400, bad],
  ['P11', '/public/a%20b', 200, '/public/a%20b'],
  ['', '/public//a', 200, '/public//a'],
  ['', '/public/a%2fb', 200, '/public/a%2fb'],
  ['', '/public/a?b=../../admin;%2f//&c=%zz', 200, '/public/a?b=../../admin;%2f//&c=%zz'],
  ['', '/here', 200, '/here'],
  ['', '/here/', 404, ['no_route']],
];
for (const [number, target, status, what] of rows) {
  test(`${number} ${JSON.stringify(target)} is ${status}`, () =>
    expectExchange(gw, {
      request: { target },
      status, upstream,
      ...(Array.isArray(what) ? { reason: what, decision: 'deny' } : { reason: 'allowed', decision: 'allow', saw: (seen) => assert.equal(seen.target, what) }),
    }));
}

test('P15: of an absolute target and Host, the target wins, and is what the workload sees', async () => {
  const before = upstream.seen.length;
  await expectExchange(gw, {
    request: { target: `http://httpbin.test.local:${gw.port}/public/abs`, headers: ['Host: elsewhere.example'] },
    status: 200, upstream, explains: false, // explain's URL is the target, its Host the authority
    saw: (seen) => assert.ok(!seen.header('host').includes('elsewhere') && seen.target === '/public/abs', JSON.stringify(seen)),
  });
  assert.equal(upstream.seen.length, before + 1);
});

test('P13, P14: a Host that is none is 400; case, port and dot make no difference', async () => {
  for (const host of ['a,b', 'a@httpbin.test.local', 'httpbin.test.local:80:80', 'httpbin.test.local:x', 'http bin']) {
    await expectExchange(gw, { request: { target: '/public/x', headers: [`Host: ${host}`] }, status: 400, reason: ['bad_host', 'bad_request'], upstream, explains: false });
  }
  for (const host of ['HTTPBIN.test.LOCAL', 'httpbin.test.local.', 'httpbin.test.local:443']) {
    await expectExchange(gw, { request: { target: '/public/x', headers: [`Host: ${host}`] }, status: 200, upstream });
    await expectExchange(gw, { request: { target: '/admin/x', headers: [`Host: ${host}`] }, status: 403, upstream });
  }
});
