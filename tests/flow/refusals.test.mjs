// From a refused response to its cause in one paste: what each worker keeps of its refusals, who may ask
// for it, and what of a token is never in it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { statSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange, recorded } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { jwks, makeKey, makeToken } from './lib/keys.mjs';
import { brama, until } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const key = makeKey('ES256');
const bearer = (claims, more) => `Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me', ...claims }, more)}`;

let upstream, pages;
before(async () => {
  upstream = await recorder();
  pages = await pageServer({ '/jwks': jwks(key) });
});
after(async () => {
  await upstream?.stop();
  await pages?.stop();
});

const open = (more = {}) =>
  gateway({
    services: { 'httpbin.shop': upstream.port },
    files: {
      'rules.yaml': documents(
        apiRule({ rules: [{ path: '/open', noAuth: true }, { path: '/scoped', jwt: istioJwt(ISSUER, `${pages.url}/jwks`, { scopes: ['read'] }) }] }),
        apiRule({ name: 'other', host: 'other', rules: [{ path: '/x', jwt: istioJwt(ISSUER, `${pages.url}/jwks`) }] }),
      ),
    },
    ...more,
  });
const scoped = (...headers) => ({ request: { target: '/scoped?secret=1', headers }, upstream });
const send = (gw, target, { host = 'httpbin', headers = [] } = {}) => curl(gw.url(host, target), { headers, resolve: gw.resolve(host) });

describe('explain --request', () => {
  let gw, response;
  before(async () => {
    gw = await open();
    ({ response } = await expectExchange(gw, { ...scoped(bearer({ scope: 'write', email: 'me@example.com' })), status: 403, reason: 'scope_missing' }));
  });
  after(() => gw?.stop());
  const ask = (id, ...args) => gw.verb(['explain', '--admin', gw.admin, '--request', id, ...args]);

  test('one paste: the cause and the change first, then rule, steps and token', async () => {
    const { out, code } = await ask(response.header('x-request-id'));
    assert.equal(code, 1, out);
    const lines = out.split('\n');
    assert.match(lines[0], /^DENY 403 scope_missing {2}\(shop\/httpbin, rule 1, .*rules\.yaml:\d+\)$/);
    assert.equal(lines[1], 'scope: expected read, actual write; authorizations[0]');
    assert.equal(lines[2], 'to pass: mint the token with scope "read"; the token has "write"');
    assert.match(out, /GET http:\/\/httpbin\.test\.local:\d+\/scoped\n/);
    assert.match(out, /route +expected \/open, actual \/scoped; rule 0: path doesn't match {2}\(.*rules\.yaml:\d+\)/);
    assert.match(out, /exp +expected at least \d+, actual \d+; 36\d\d s left; now \d+, tolerance 60 s|exp .*; 3\d\d\d s left; now \d+, tolerance 60 s/);
    assert.match(out, new RegExp(`signature +ES256; key "${key.kid}" \\(its thumbprint\\) of ${pages.url}/jwks, fetched \\d+ s ago`));
    assert.match(out, /the token in header Authorization/);
    assert.match(out, /"scope": "write"/);
    assert.match(out, /claims that no rule looks at, not kept: email\n/);
    assert.ok(!out.includes('me@example.com') && !out.includes('secret'), out);
    assert.ok(!out.includes('\x1b'), 'no colours in a pipe');
  });

  test('as JSON, with the change for machines and the numbers of what was in force', async () => {
    const { out, code } = await ask(response.header('x-request-id'), '-o', 'json');
    assert.equal(code, 1);
    const said = JSON.parse(out);
    assert.deepEqual(said.change, { mint: { scope: 'read' } });
    assert.equal(said.steps.at(-2).step, 'scope');
    assert.deepEqual([said.status, said.reason, said.body], [403, 'scope_missing', 'RBAC: access denied']);
    assert.ok(said.policy > 0 && said.facts > 0 && said.now > 0);
    assert.deepEqual(said.token.claims_left_out, ['email']);
  });

  test('colours on a terminal only, and not where somebody said NO_COLOR', async () => {
    const line = `${brama} explain --admin ${gw.admin} --request ${response.header('x-request-id')}`;
    const seen = async (env) => (await run('script', ['-qec', line, '/dev/null'], { env: { ASAN_OPTIONS: 'exitcode=99', TERM: 'xterm', ...env } })).out;
    const coloured = await seen({});
    assert.ok(coloured.includes('\x1b[31mDENY') || coloured.includes('\x1b[1m\x1b[31mDENY'), JSON.stringify(coloured.slice(0, 80)));
    const plain = await seen({ NO_COLOR: '1' });
    assert.match(plain, /^DENY 403 scope_missing/);
    assert.ok(!plain.includes('\x1b'), JSON.stringify(plain.slice(0, 80)));
  });

  test('an id that nobody refused is 1, one that is none 64, no gateway 69', async () => {
    const unknown = await ask('00000000-0000-4000-8000-000000000000');
    assert.deepEqual([unknown.code, unknown.out], [1, '']);
    assert.match(unknown.err, /no refusal/);
    assert.equal((await ask('x')).code, 64);
    assert.equal((await ask('../../etc/passwd')).code, 64);
    const away = await gw.verb(['explain', '--admin', '127.0.0.1:1', '--request', response.header('x-request-id')]);
    assert.equal(away.code, 69);
  });
});

describe('explain --admin METHOD URL', () => {
  let gw;
  before(async () => {
    gw = await open();
  });
  after(() => gw?.stop());
  const ask = (url, ...args) => gw.verb(['explain', '--admin', gw.admin, 'GET', url, ...args]);

  test('the engine of a worker answers as it would to the request', async () => {
    const good = await ask(gw.url('httpbin', '/scoped'), '-H', bearer({ scope: 'read' }));
    assert.equal(good.code, 0, good.out + good.err);
    assert.match(good.out, /^ALLOW allowed/);
    assert.match(good.out, /shop\/httpbin:8000, at most 180 s/);
    const token = bearer({ scope: 'write', email: 'me@example.com' });
    const bad = await ask(gw.url('httpbin', '/scoped'), '-H', token);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /to pass: mint the token with scope "read"/);
    assert.match(bad.out, /me@example\.com/, 'who asks has the token anyway');
    assert.ok(!bad.out.includes(token.split('.')[2]), 'but not its signature');
  });
  test('--as kyma: where a cluster would answer otherwise, and why', async () => {
    // A test's gateway has a port, which Istio would compare with the rule's host.
    const other = await ask(gw.url('httpbin', '/open'), '--as', 'kyma');
    assert.equal(other.code, 0);
    assert.match(other.out, /^Kyma: 403 RBAC: access denied; its AuthorizationPolicy compares the host with the port/m);
    const same = await ask(gw.url('httpbin', '/scoped'), '--as', 'kyma');
    assert.match(same.out, /^Kyma: the same$/m);
    const files = await gw.verb(['explain', ...gw.inputArgs, '--as', 'kyma', 'GET', 'http://httpbin.test.local/open']);
    assert.match(files.out, /^Kyma: the same$/m);
    assert.equal((await ask(gw.url('httpbin', '/open'), '--as', 'traefik')).code, 64);
    assert.ok(!(await ask(gw.url('httpbin', '/open'))).out.includes('Kyma'));
  });
  test('a question is no request: nothing is counted, logged or kept', async () => {
    const before = gw.log().length;
    await ask(gw.url('httpbin', '/nowhere'));
    assert.equal(gw.log().length, before);
    const { refusals } = JSON.parse((await gw.ask('/api/v1/refusals')).text);
    assert.deepEqual(refusals, []);
  });
  test('what is no question is told so, and pages of a browser are sent away', async () => {
    const post = (data, headers) => curl(`http://${gw.admin}/api/v1/explain`, { method: 'POST', data, headers });
    const json = 'Content-Type: application/json';
    assert.equal((await post('{"url":"http://httpbin.test.local/open"}', [json])).status, 200);
    for (const text of ['', '{', '[]', '{"url":"/open"}', '{"url":"http://h/","headers":[{}]}', '{"url":"http://h/","headers":1}']) {
      assert.equal((await post(text, [json])).status, 400, text);
    }
    assert.equal((await post('{"url":"http://h/"}', ['Content-Type: text/plain'])).status, 415);
    assert.equal((await post('{"url":"http://h/"}', ['Content-Type:'])).status, 415);
    assert.equal((await post('{"url":"http://h/"}', [json, 'Origin: https://evil.example'])).status, 403);
    assert.equal((await post('{"url":"http://h/"}', [json, 'Host: evil.example'])).status, 421);
    assert.equal((await post(`{"url":"http://h/${'x'.repeat(300_000)}"}`, [json])).status, 413);
    assert.equal((await gw.ask('/api/v1/explain')).status, 405);
    assert.equal((await curl(`http://${gw.admin}/api/v1/refusals`, { method: 'POST', data: '' })).status, 405);
  });
});

describe('get refusals', () => {
  let gw;
  before(async () => {
    gw = await open({ args: ['--workers', '2'] });
    for (let i = 0; i < 3; i++) await send(gw, '/scoped');
    for (let i = 0; i < 3; i++) await send(gw, '/x', { host: 'other' });
    await send(gw, '/nowhere');
    await send(gw, '/open'); // let in: no refusal
  });
  after(() => gw?.stop());
  const get = async (...args) => gw.verb(['get', 'refusals', '--admin', gw.admin, ...args]);
  const list = async (...args) => JSON.parse((await get('-o', 'json', ...args)).out).items.map((item) => item.status);

  test('of all workers, the newest first', async () => {
    const all = await list();
    assert.equal(all.length, 7);
    assert.equal(all[0].reason, 'no_route');
    assert.deepEqual(all.map((r) => r.time), all.map((r) => r.time).sort().reverse());
  });
  test('by rule, by reason, and not more than asked for', async () => {
    assert.equal((await list('--apirule', 'shop/other')).length, 3);
    assert.equal((await list('--reason', 'token_missing')).length, 6);
    assert.equal((await list('--reason', 'token_missing', '--apirule', 'shop/httpbin')).length, 3);
    assert.equal((await list('--reason', 'no_such_reason')).length, 0);
    assert.equal((await list('--limit', '2')).length, 2);
  });
  test('as a table: the line tells what to paste next', async () => {
    const { out } = await get('--reason', 'no_route');
    const [head, row] = out.split('\n');
    assert.match(head, /^TIME +STATUS +REASON +HOST +PATH +RULE +ID +CAUSE$/);
    assert.match(row, /^\d\d:\d\d:\d\d +404 +no_route +httpbin\.test\.local:\d+ +\/nowhere +- +[0-9a-f-]{36} +route: expected a rule for path and method, actual \/nowhere/);
  });
  test('the files are readable by their own user only', () => {
    const dir = path.join(gw.state, 'workers');
    const files = readdirSync(dir).filter((name) => name.endsWith('.refusals'));
    assert.equal(files.length, 2);
    for (const name of files) assert.equal(statSync(path.join(dir, name)).mode & 0o777, 0o600, name);
  });
});

test('refusals outlive their worker, and are told while the agent is dead', async () => {
  const gw = await open();
  try {
    const { response } = await expectExchange(gw, { ...scoped(), status: 403, reason: 'token_missing' });
    process.kill(gw.pid, 'SIGKILL');
    await until('the agent to be gone', () => gw.process.over);
    const id = response.header('x-request-id');
    assert.equal((await recorded(gw, id)).reason, 'token_missing');
    const again = await gateway({ files: {}, state: gw.state, rules: gw.rules, services: { 'httpbin.shop': upstream.port }, ports: gw });
    try {
      assert.equal((await recorded(again, id)).reason, 'token_missing');
    } finally {
      await again.stop();
    }
  } finally {
    await gw.verb(['stop', '--state', gw.state]);
  }
});

test('a worker keeps its last 4096, and lists them without holding up others', async () => {
  const gw = await open();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const ask = (port, path_, host) =>
    new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, path: path_, agent, headers: { host } }, (answer) => {
        let text = '';
        answer.on('data', (data) => (text += data));
        answer.on('end', () => resolve({ status: answer.statusCode, id: answer.headers['x-request-id'], text }));
      });
      request.on('error', reject);
    });
  const refused = () => ask(gw.port, '/scoped', 'httpbin.test.local');
  try {
    const { id: oldest } = await refused();
    const { id: kept } = await refused();
    for (let i = 2; i < 4097; i += 8) await Promise.all([...Array(Math.min(8, 4097 - i))].map(refused));
    assert.equal(await recorded(gw, oldest), undefined, 'the 4097th takes the place of the first');
    assert.equal((await recorded(gw, kept)).reason, 'token_missing');

    // The list of all of them is megabytes; requests go on being answered while it is made.
    const listing = ask(gw.adminPort, '/api/v1/refusals?limit=10000', 'localhost');
    const during = await Promise.all([1, 2, 3, 4].map(() => ask(gw.port, '/open', 'httpbin.test.local')));
    assert.deepEqual(during.map((answer) => answer.status), [200, 200, 200, 200]);
    const { refusals } = JSON.parse((await listing).text);
    assert.equal(refusals.length, 4096);
    assert.equal(new Set(refusals.map((r) => r.request_id)).size, 4096);
    assert.equal(refusals.at(-1).request_id, kept);
    // Beyond a thousand a second their steps are left out.
    for (const { cause } of refusals) assert.match(cause, /^token: (token_missing$|expected a token; none)/);
  } finally {
    agent.destroy();
    await gw.stop();
  }
});

describe('--refusals', () => {
  test('brief: nothing that came from a token', async () => {
    const gw = await open({ args: ['--refusals', 'brief'] });
    try {
      const { response } = await expectExchange(gw, { ...scoped(bearer({ scope: 'write' })), status: 403, reason: 'scope_missing' });
      const said = await recorded(gw, response.header('x-request-id'));
      assert.equal(said.cause, 'scope: expected read');
      assert.ok(said.line > 0);
      for (const member of ['steps', 'token', 'advice', 'change']) assert.ok(!(member in said), member);
      assert.ok(!JSON.stringify(said).includes('write'), JSON.stringify(said));
    } finally {
      await gw.stop();
    }
  });
  test('off: nothing at all', async () => {
    const gw = await open({ args: ['--refusals', 'off'] });
    try {
      const answer = await send(gw, '/scoped');
      assert.equal(answer.status, 403);
      assert.equal(await recorded(gw, answer.header('x-request-id')), undefined);
    } finally {
      await gw.stop();
    }
  });
});
