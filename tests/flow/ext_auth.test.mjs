// extAuth of v2: authorizers of the mesh configuration, asked as nginx subrequests (istio-jwt.md 5).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const key = makeKey('RS256');
const mesh = (providers) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: JSON.stringify({ extensionProviders: providers }) } });
const http = (name, rest) => ({ name, envoyExtAuthzHttp: { service: `${name}.auth.svc.cluster.local`, port: 8080, ...rest } });
const OK = { status: 200, reason: 'allowed' };

describe('an external authorizer', () => {
  let upstream, keys, door, gw;
  before(async () => {
    upstream = await recorder();
    keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
    door = await recorder();
    gw = await gateway({
      tls: true,
      services: { 'httpbin.shop': upstream.port, 'door.auth': door.port, 'gone.auth': '127.0.0.1:1', 'lenient.auth': '127.0.0.1:1', 'wordy.auth': door.port },
      files: {
        'rule.yaml': documents(
          mesh([
            http('door', {
              pathPrefix: '/check', timeout: '2s', includeRequestHeadersInCheck: ['cookie', 'x-ask-*', 'x-forwarded-*'],
              includeAdditionalHeadersInCheck: { 'x-who': 'brama' }, headersToUpstreamOnAllow: ['x-user'],
              headersToDownstreamOnAllow: ['set-cookie'], headersToDownstreamOnDeny: ['set-cookie', 'x-why', 'content-type'],
            }),
            http('gone', { statusOnError: '503' }),
            http('lenient', { failOpen: true }),
            http('wordy', { failOpen: true }),
          ]),
          apiRule({
            rules: [
              { path: '/guarded', methods: ['GET', 'POST'], extAuth: { authorizers: ['door'] } },
              { path: '/gone', extAuth: { authorizers: ['gone'] } },
              { path: '/lenient', extAuth: { authorizers: ['lenient'] } },
              { path: '/wordy', extAuth: { authorizers: ['wordy'] } },
              { path: '/both', extAuth: { authorizers: ['door', 'gone'] } },
              { path: '/token', extAuth: { authorizers: ['door'], restrictions: istioJwt(ISSUER, `${keys.url}/jwks`, { scopes: ['read'] }) } },
              { path: '/free', noAuth: true },
            ],
          }),
        ),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream, keys, door].map((it) => it?.stop()));
  });
  let say;
  const answer = (status, headers = {}, body = '') => (say = (req, res) => res.writeHead(status, headers).end(body));
  const expect = (request, end) => {
    door.answer = (...all) => say(...all);
    door.seen.length = 0;
    return expectExchange(gw, { upstream, request, ...end });
  };

  test('is asked about the request, without its body', async () => {
    answer(200, { 'x-user': 'alice', 'x-other': 'no', 'set-cookie': ['a=1', 'b=2'] });
    await expect({ method: 'POST', target: '/guarded?a=b', headers: ['Cookie: c=1', 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Host: elsewhere', 'X-Ask-A: 1', 'X-Mine: 2', 'X-User: admin'], data: 'body' }, {
      ...OK,
      saw: (seen) => {
        assert.deepEqual(seen.all('x-user'), ['alice']);
        assert.equal(seen.header('x-other'), undefined);
        assert.equal(seen.header('x-mine'), '2');
        assert.equal(seen.header('host'), 'httpbin.test.local:' + gw.port);
        assert.equal(seen.body.toString(), 'body');
      },
    });
    const [asked] = door.seen;
    assert.equal(asked.method, 'POST');
    assert.equal(asked.target, '/check/guarded?a=b');
    assert.equal(asked.header('host'), `httpbin.test.local:${gw.port}`);
    assert.equal(asked.header('cookie'), 'c=1');
    assert.equal(asked.header('x-ask-a'), '1');
    assert.equal(asked.header('x-who'), 'brama');
    assert.deepEqual(asked.all('x-forwarded-for'), ['127.0.0.1']); // what the workload is told
    assert.deepEqual(asked.all('x-forwarded-host'), ['httpbin.test.local']);
    assert.deepEqual(asked.all('x-forwarded-proto'), ['http']);
    assert.equal(asked.header('x-mine'), undefined);
    assert.equal(asked.header('content-length'), '0');
    assert.equal(asked.body.length, 0);
  });
  test('tells the client what it may', async () => {
    answer(200, { 'set-cookie': ['a=1', 'b=2'], 'x-other': 'no' });
    const { response } = await expect({ target: '/guarded' }, OK);
    assert.deepEqual(response.all('set-cookie'), ['a=1', 'b=2']);
    assert.equal(response.header('x-other'), undefined);
  });
  test('its no goes to the client as it is', async () => {
    const no = { reason: 'ext_auth_denied', decision: 'deny' };
    answer(302, { location: 'https://login.example/', 'set-cookie': ['a=1', 'b=2'], 'x-other': 'no' });
    const { response } = await expect({ target: '/guarded' }, { ...no, status: 302, headers: { location: 'https://login.example/', 'x-other': null } });
    assert.deepEqual(response.all('set-cookie'), ['a=1', 'b=2']);
    answer(401, { 'www-authenticate': 'Basic realm="x"', 'content-type': 'text/html', 'x-why': 'so' }, '<p>who?</p>');
    await expect({ target: '/guarded' }, { ...no, status: 401, body: '<p>who?</p>', headers: { 'www-authenticate': 'Basic realm="x"', 'content-type': 'text/html', 'x-why': 'so' } });
    answer(201, {}, 'made');
    await expect({ target: '/guarded' }, { ...no, status: 201, body: 'made' });
    answer(403);
    await expect({ scheme: 'https', args: ['--http2'], method: 'POST', target: '/guarded', data: 'x'.repeat(100_000) }, { ...no, status: 403, body: '' });
  });
  test('that fails lets nobody in, unless somebody said so', async () => {
    const failed = { reason: 'ext_auth_failed', body: '' };
    answer(500);
    await expect({ target: '/guarded' }, { ...failed, status: 403 });
    say = () => {};
    await expect({ target: '/guarded' }, { ...failed, status: 403 });
    answer(200, {}, 'x'.repeat(100_000));
    await expect({ target: '/guarded' }, { ...failed, status: 403 });
    await expect({ target: '/gone' }, { ...failed, status: 503 });
    await expect({ target: '/lenient' }, OK);
    answer(302, { location: `https://login.example/?to=${'x'.repeat(40_000)}` });
    await expect({ target: '/wordy' }, { ...failed, status: 403, explains: false }); // curl takes larger heads
    answer(200);
    await expect({ target: '/both' }, { ...failed, status: 503 });
    await expect({ target: '/free' }, OK);
    assert.equal(door.seen.length, 0);
  });
  test('that is cut within its head has said nothing', async () => {
    for (const head of ['HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nX-User: ali', `HTTP/1.1 200 OK\r\nSet-Cookie: a=${'x'.repeat(40_000)}\r\nX-User: alice\r\n\r\n`]) {
      say = (req, res) => res.socket.end(head);
      await expect({ target: '/guarded', headers: ['X-User: admin'] }, { reason: 'ext_auth_failed', status: 403, body: '', explains: false }); // to curl that is an answer
    }
  });
  test('that has begun to say no is one that answers', async () => {
    const heads = {
      'a body cut': 'HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nab',
      'a chunk cut': 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab',
      'no chunk': 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'a head cut': 'HTTP/1.1 403 No\r\nX-Why: ',
    };
    for (const [what, text] of Object.entries(heads)) {
      say = (req, res) => res.socket.end(text);
      door.answer = (...all) => say(...all);
      const response = await curl(gw.url('httpbin', '/wordy'), { resolve: gw.resolve('httpbin') });
      assert.equal(response.status, 403, what);
    }
  });
  test('whose client has gone is asked for nobody', async () => {
    let closed;
    const gone = new Promise((resolve) => (closed = resolve));
    say = (req) => req.socket.on('close', closed);
    door.answer = (...all) => say(...all);
    const before = upstream.seen.length;
    const impatient = await curl(gw.url('httpbin', '/guarded'), { resolve: gw.resolve('httpbin'), timeout: 0.4 });
    assert.equal(impatient.status, 0);
    await gone;
    assert.equal(upstream.seen.length, before);
    answer(200);
    await expect({ target: '/guarded' }, OK);
  });
  test('with restrictions a token is needed as well', async () => {
    const bearer = (claims) => [`Authorization: Bearer ${makeToken(key, { iss: ISSUER, sub: 'me', ...claims })}`];
    answer(200);
    await expect({ target: '/token', headers: bearer({ scope: 'read' }) }, OK);
    await expect({ target: '/token' }, { status: 403, body: 'RBAC: access denied', reason: 'token_missing' });
    await expect({ target: '/token', headers: bearer({ scope: 'write' }) }, { status: 403, reason: 'scope_missing' });
    answer(403);
    await expect({ target: '/token', headers: bearer({ scope: 'read' }) }, { status: 403, reason: 'ext_auth_denied' });
  });
});
