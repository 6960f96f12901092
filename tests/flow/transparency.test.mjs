// The generated configuration adds nothing of its own to a request or an answer (issue: data plane),
// and failures of workloads are told in Envoy's words (istio-jwt.md 4.3, 4.7).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { curl, raw } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { freePort } from './lib/place.mjs';
import { apiRule, documents, istioJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { rawUpstream, recorder } from './lib/upstream.mjs';

const ISSUER = 'https://issuer.example';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
const key = makeKey('RS256');
let upstream, odd, closer, keys, gw, deadPort;
let oddAnswer = '';
const fixed = (body) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

before(async () => {
  [upstream, keys, deadPort] = await Promise.all([recorder(), pageServer({ '/jwks': { keys: [key.jwk] } }), freePort()]);
  odd = await rawUpstream((socket, text, reset) => {
    if (!text.includes('\r\n\r\n')) return;
    reset();
    if (typeof oddAnswer === 'function') oddAnswer(socket);
    else socket.end(oddAnswer, 'latin1');
  });
  // Answers one request on a connection and closes it when the next one begins to come.
  closer = await rawUpstream((socket, text, reset) => {
    socket.requests = (socket.requests ?? 0) + 1;
    if (socket.requests > 1) return socket.destroy();
    reset();
    socket.write(fixed('first'));
  });
  const all = (name) => apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/*', methods: METHODS, noAuth: true }] });
  gw = await gateway({
    tls: true,
    services: { 'plain.shop': upstream.port, 'odd.shop': odd.port, 'closer.shop': closer.port, 'dead.shop': deadPort },
    files: {
      'rules.yaml': documents(
        ...['plain', 'odd', 'closer', 'dead'].map(all),
        apiRule({ name: 'jwt', host: 'jwt', service: { name: 'plain', port: 80 }, rules: [{ path: '/*', jwt: istioJwt(ISSUER, `${keys.url}/jwks`) }] }),
      ),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, odd, closer, keys].map((s) => s?.stop()));
});
const plain = (more) => ({ host: 'plain', target: '/x', ...more });

describe('requests', () => {
  test('a body has no limit of ours', async () => {
    const data = Buffer.alloc(24 * 1024 * 1024, 'x');
    upstream.answer = (req, res, seen) => res.end(String(seen.body.length));
    for (const scheme of ['http', 'https']) {
      await expectExchange(gw, { request: plain({ method: 'POST', data, scheme, headers: ['Expect:'] }), status: 200, body: String(data.length), upstream });
    }
  });

  test('a large token and large headers pass (60 KiB, istio-jwt.md 4.1)', async () => {
    const big = `X-Big: ${'b'.repeat(20_000)}`;
    const token = makeToken(key, { iss: ISSUER, sub: 'me', groups: Array.from({ length: 150 }, (_, i) => `group-of-some-department-${i}`) });
    assert.ok(token.length > 4_000 && token.length < 8_192, String(token.length));
    const headers = [`Authorization: Bearer ${token}`, big];
    await expectExchange(gw, { request: { host: 'jwt', target: '/x', headers }, status: 200, upstream, saw: (seen) => assert.equal(seen.header('x-big').length, 20_000) });
    await expectExchange(gw, { request: { host: 'jwt', target: '/x', headers, scheme: 'https' }, status: 200, upstream });
  });

  test('every method and the query arrive as they were', async () => {
    for (const method of METHODS) {
      await expectExchange(gw, {
        request: plain({ method, target: '/a?x=%2F..%2f&y=a+b&&=', data: method === 'POST' ? '' : undefined }), status: 200, upstream,
        saw: (seen) => assert.deepEqual([seen.method, seen.target], [method, '/a?x=%2F..%2f&y=a+b&&=']),
      });
    }
  });
});

describe('answers', () => {
  const answer = (status, headers, body = 'body') => {
    upstream.answer = (req, res) => {
      res.sendDate = false;
      res.writeHead(status, headers);
      res.end(body);
    };
  };

  test('a redirect is the workload\'s, wherever it points', async () => {
    for (const location of [`http://127.0.0.1:${upstream.port}/next`, '/relative', 'https://elsewhere.example/']) {
      answer(302, { location });
      await expectExchange(gw, { request: plain(), status: 302, headers: { location }, body: 'body', upstream });
    }
  });

  test('X-Accel-* of a workload steers nothing', async () => {
    const accel = { 'x-accel-redirect': '/elsewhere', 'x-accel-buffering': 'no', 'x-accel-expires': '10', 'x-accel-limit-rate': '1', 'x-accel-charset': 'koi8-r' };
    answer(200, { ...accel, 'content-type': 'text/plain' });
    const begun = Date.now();
    await expectExchange(gw, { request: plain(), status: 200, body: 'body', headers: { 'content-type': 'text/plain' }, upstream });
    assert.ok(Date.now() - begun < 2000);
  });

  test('Server is Envoy\'s word, Date the workload\'s or ours, and no trace of nginx', async () => {
    answer(200, { server: 'workload/1', date: 'Thu, 01 Jan 2026 00:00:00 GMT' });
    await expectExchange(gw, { request: plain(), status: 200, headers: { server: 'istio-envoy', date: 'Thu, 01 Jan 2026 00:00:00 GMT' }, upstream });
    answer(200, {});
    const { response } = await expectExchange(gw, { request: plain(), status: 200, headers: { server: 'istio-envoy', date: /GMT$/ }, upstream });
    assert.equal(response.all('date').length, 1);
    for (const request of [plain({ host: 'nobody' }), plain({ host: 'jwt' })]) {
      const refused = await curl(gw.url(request.host, '/x'), { resolve: gw.resolve(request.host) });
      assert.equal(refused.header('server'), 'istio-envoy');
      assert.ok(refused.header('date'));
    }
    const broken = await raw(gw.port, 'GET /%zz HTTP/1.1\r\nHost: plain.test.local\r\n\r\n');
    assert.equal(broken.status, 400);
    assert.ok(!/nginx|<html>/i.test(broken.text), broken.text);
  });

  test('x-envoy-upstream-service-time is there, x-request-id is not, unless the workload sent one (4.3)', async () => {
    answer(200, {});
    await expectExchange(gw, { request: plain(), status: 200, headers: { 'x-envoy-upstream-service-time': /^\d+$/, 'x-request-id': null }, upstream });
    upstream.answer = (req, res) => res.writeHead(200, { 'x-request-id': req.headers['x-request-id'], 'x-mine': 'a' }).end();
    await expectExchange(gw, { request: plain(), status: 200, headers: { 'x-request-id': /^[0-9a-f-]{36}$/, 'x-mine': 'a' }, upstream });
  });

  test('status, repeated headers, encoding and bytes pass as they are', async () => {
    upstream.answer = (req, res) => {
      res.writeHead(418, "I'm a teapot", [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['content-encoding', 'br'], ['etag', 'W/"1"'], ['content-type', 'application/octet-stream']].flat());
      res.end(Buffer.from([0, 1, 2, 255, 254]));
    };
    const { response } = await expectExchange(gw, { request: plain(), status: 418, body: Buffer.from([0, 1, 2, 255, 254]), headers: { 'content-encoding': 'br', etag: 'W/"1"' }, upstream });
    assert.deepEqual(response.all('set-cookie'), ['a=1', 'b=2']);
  });

  test('the workload\'s own errors are its own', async () => {
    for (const status of [400, 401, 403, 404, 413, 500, 502, 503, 504]) {
      answer(status, { 'www-authenticate': 'Basic realm="mine"', 'content-type': 'text/x-mine' }, `mine ${status}`);
      await expectExchange(gw, { request: plain(), status, body: `mine ${status}`, headers: { 'content-type': 'text/x-mine', 'www-authenticate': 'Basic realm="mine"' }, reason: 'allowed', upstream });
    }
  });

  test('HEAD, 204 and 304 have no body', async () => {
    answer(200, { 'content-length': '4' });
    await expectExchange(gw, { request: plain({ method: 'HEAD' }), status: 200, headers: { 'content-length': '4' }, upstream });
    for (const status of [204, 304]) {
      answer(status, {}, '');
      await expectExchange(gw, { request: plain(), status, body: '', upstream });
    }
  });
});

describe('what a workload says before its answer (RFC 9110 section 15.2)', () => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n';
  const odds = (more) => ({ host: 'odd', target: '/x', ...more });
  for (const [name, interim] of Object.entries({
    '103': hints,
    '100 that nobody asked for': 'HTTP/1.1 100 Continue\r\n\r\n',
    'several': `${hints}HTTP/1.1 102 Processing\r\n\r\n${hints}`,
  })) {
    test(`${name}: the answer comes, and it alone`, async () => {
      oddAnswer = (socket) => socket.write(`${interim}${fixed('last')}`);
      for (const scheme of ['http', 'https']) {
        for (const method of ['GET', 'POST']) {
          const { line } = await expectExchange(gw, {
            request: odds({ scheme, method, data: method === 'POST' ? 'x' : undefined }), status: 200, body: 'last', headers: { link: null }, reason: 'allowed',
          });
          assert.equal(line.upstream_status, 200);
        }
      }
    });
  }

  test('byte by byte', async () => {
    oddAnswer = async (socket) => {
      socket.setNoDelay(true);
      for (const byte of `${hints}${fixed('last')}`) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await expectExchange(gw, { request: odds(), status: 200, body: 'last', reason: 'allowed' });
  });

  test('and nothing after it: no answer', async () => {
    oddAnswer = (socket) => socket.end(hints);
    await expectExchange(gw, { request: odds({ method: 'POST', data: 'x' }), status: 503, body: /reset reason: connection termination$/, reason: 'upstream_failed' });
  });

  test('without end, or with lines that two readers end at two places: no answer', async () => {
    for (const bytes of [hints.repeat(2000), `HTTP/1.1 103 Hints\n\n${fixed('last')}`, `HTTP/1.1 103 Hints\r\nlink: a\n\r\n${fixed('last')}`]) {
      oddAnswer = bytes;
      await expectExchange(gw, { request: odds(), status: 502, body: /reset reason: protocol error$/, reason: 'upstream_failed' });
    }
  });

  test('a kept connection that turns out stale is tried again through the same sieve', async () => {
    let told = 0;
    oddAnswer = (socket) => {
      if (socket.before) return socket.destroy();
      socket.before = true;
      told++;
      socket.write(`${hints}${fixed('last')}`);
    };
    for (let i = 0; i < 4; i++) await expectExchange(gw, { request: odds(), status: 200, body: 'last', reason: 'allowed' });
    assert.equal(told, 4);
  });
});

describe('failures of workloads, in Envoy\'s words', () => {
  const UC = /^upstream connect error or disconnect\/reset before headers\./;
  test('nobody listens: 503', () =>
    expectExchange(gw, { request: { host: 'dead', target: '/x' }, status: 503, body: /^upstream connect error or disconnect\/reset before headers\..*remote connection failure.*Connection refused$/, headers: { 'content-type': 'text/plain' }, reason: 'upstream_failed' }));

  test('closed before the head: 503, connection termination', async () => {
    oddAnswer = '';
    await expectExchange(gw, { request: { host: 'odd', target: '/x', method: 'POST', data: 'x' }, status: 503, body: /reset reason: connection termination$/, reason: 'upstream_failed' });
  });

  test('no HTTP at all: 502, protocol error', async () => {
    oddAnswer = 'SSH-2.0-OpenSSH_9\r\n\r\n';
    await expectExchange(gw, { request: { host: 'odd', target: '/x' }, status: 502, body: /reset reason: protocol error$/, reason: 'upstream_failed' });
  });

  test('H15: two lengths, or a length and chunks, are no answer', async () => {
    for (const head of ['content-length: 3\r\ncontent-length: 4\r\n', 'content-length: 3\r\ntransfer-encoding: chunked\r\n']) {
      oddAnswer = `HTTP/1.1 200 OK\r\n${head}\r\nabc`;
      await expectExchange(gw, { request: { host: 'odd', target: '/x' }, status: 502, body: UC, reason: 'upstream_failed' });
    }
  });

  test('H15: bytes after the body are not the next answer', async () => {
    oddAnswer = (socket) => socket.write(`${fixed('one')}${fixed('evil')}`);
    for (let i = 0; i < 3; i++) await expectExchange(gw, { request: { host: 'odd', target: '/x' }, status: 200, body: 'one' });
  });

  test('a body cut short is cut for the client, too', async () => {
    oddAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this';
    const { response } = await expectExchange(gw, { request: { host: 'odd', target: '/x' }, status: 200 });
    assert.notEqual(response.code, 0, 'curl noticed');
  });

  test('a POST on a connection that the workload has just closed is no 502', async () => {
    for (let i = 0; i < 6; i++) {
      await expectExchange(gw, { request: { host: 'closer', target: '/x', method: i % 2 ? 'POST' : 'GET', data: i % 2 ? 'body' : undefined }, status: 200, body: 'first' });
    }
  });

  test('nor is what may be sent twice, also where it says that it has no body', async () => {
    for (const method of ['GET', 'GET', 'DELETE', 'PUT', 'GET', 'OPTIONS', 'HEAD']) {
      const headers = method === 'GET' || method === 'HEAD' ? [] : ['Content-Length: 0'];
      await expectExchange(gw, { request: { host: 'closer', target: '/x', method, headers }, status: 200 });
    }
  });

  test('a POST after the workload closed the idle connection is no 502', async () => {
    let idle;
    oddAnswer = (socket) => {
      idle = socket;
      socket.write(fixed('first'));
    };
    await expectExchange(gw, { request: { host: 'odd', target: '/x' }, status: 200, body: 'first' });
    const first = idle;
    first.end();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await expectExchange(gw, { request: { host: 'odd', target: '/x', method: 'POST', data: 'body' }, status: 200, body: 'first' });
    assert.notEqual(idle, first);
  });
});

test('connections to the workload are kept and used again', async () => {
  upstream.answer = (req, res) => res.end('ok');
  await expectExchange(gw, { request: plain(), status: 200, upstream });
  const before = upstream.connections;
  for (let i = 0; i < 5; i++) await expectExchange(gw, { request: plain(), status: 200, upstream });
  assert.ok(upstream.connections - before <= 1, `${upstream.connections - before} new connections for 5 requests`);
});
