// includeRequestBodyInCheck: an authorizer that is told the beginning of a body, and a workload that gets all of
// it as if nobody had looked (istio-jwt.md 5.1, 5.2).
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { raw } from './lib/curl.mjs';
import { ARGUMENT_MAX, expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const MAX = 1000; // of the authorizer named small
const LARGE = 1 << 20;
const OK = { status: 200, reason: 'allowed' };
const mesh = (providers) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: JSON.stringify({ extensionProviders: providers }) } });
const provider = (name, rest) => ({ name, envoyExtAuthzHttp: { service: `${name}.auth.svc.cluster.local`, port: 8080, timeout: '5s', ...rest } });
const told = (maxRequestBytes, more) => ({ includeRequestBodyInCheck: { maxRequestBytes, ...more } });

let upstream, door, gw;
before(async () => {
  upstream = await recorder();
  door = await recorder();
  const names = ['small', 'part', 'large', 'second', 'plain'];
  gw = await gateway({
    tls: true,
    services: { 'httpbin.shop': upstream.port, ...Object.fromEntries(names.map((name) => [`${name}.auth`, door.port])) },
    files: {
      'rule.yaml': documents(
        mesh([
          provider('small', { ...told(MAX), failOpen: true }),
          provider('part', { ...told(MAX, { allowPartialMessage: true }), includeRequestHeadersInCheck: ['x-envoy-*'] }),
          provider('large', { ...told(LARGE, { allowPartialMessage: true, packAsBytes: true }), timeout: '60s' }),
          provider('second', { ...told(2 * MAX, { allowPartialMessage: true }), pathPrefix: '/second' }),
          provider('plain', { pathPrefix: '/plain' }),
        ]),
        apiRule({
          rules: [
            { path: '/small', methods: ['GET', 'POST', 'PUT'], extAuth: { authorizers: ['small'] } },
            { path: '/part', methods: ['GET', 'POST', 'PUT'], extAuth: { authorizers: ['part'] } },
            { path: '/large', methods: ['POST'], extAuth: { authorizers: ['large'] } },
            { path: '/both', methods: ['POST'], extAuth: { authorizers: ['part', 'plain', 'second'] } },
          ],
        }),
      ),
    },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, door].map((it) => it?.stop()));
});

let say;
const answer = (status, headers = {}, body = '') => (say = (req, res) => res.writeHead(status, headers).end(body));
const expect = (request, end) => {
  door.answer = (...all) => say(...all);
  door.seen.length = 0;
  return expectExchange(gw, { upstream, request: { method: 'POST', ...request }, ...end });
};
/** Bytes of which no two neighbours are alike, so that a piece at the wrong place is seen. */
const bytes = (n) => Buffer.from(Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
const text = (n) => bytes(n).toString('base64').slice(0, n);
const whole = (body) => (seen) => {
  assert.ok(seen.body.equals(Buffer.from(body)), 'the body as it was sent');
  assert.equal(seen.header('x-envoy-auth-partial-body'), undefined);
  assert.equal(seen.header('host'), `httpbin.test.local:${seen.port ?? gw.port}`);
};
const asked = (body, partial) => {
  const [seen] = door.seen;
  assert.ok(seen.body.equals(Buffer.from(body)), 'what the authorizer is told');
  assert.equal(seen.header('content-length'), String(body.length));
  assert.equal(seen.header('transfer-encoding'), undefined);
  assert.deepEqual(seen.all('x-envoy-auth-partial-body'), partial === undefined ? [] : [partial]);
};

const ways = { 'HTTP/1.1': { args: [] }, 'chunked HTTP/1.1': { headers: ['Transfer-Encoding: chunked'] }, 'HTTP/2': { scheme: 'https', args: ['--http2'] } };
for (const [name, { headers = [], ...way }] of Object.entries(ways)) {
  describe(`over ${name}`, () => {
    const request = (target, data) => ({ ...way, target, data, headers: [...headers, 'Content-Type: text/plain'] });
    const saw = (body) => (seen) => whole(body)({ ...seen, header: seen.header, body: seen.body, port: way.scheme ? gw.tlsPort : gw.port });

    test('a body up to the limit is told, and goes on', async () => {
      answer(200);
      for (const size of [1, MAX - 1, MAX]) {
        const body = text(size);
        await expect(request('/small', body), { ...OK, saw: saw(body) });
        asked(body, 'false');
      }
    });
    test('a larger one is refused, and nobody is asked', async () => {
      answer(200);
      for (const size of [MAX + 1, 100_000]) {
        await expect(request('/small', text(size)), { status: 413, body: 'Payload Too Large', reason: 'body_too_large', decision: 'deny' });
        assert.equal(door.seen.length, 0);
      }
    });
    test('or, where that is allowed, its beginning is told', async () => {
      answer(200);
      for (const size of [MAX, MAX + 1, 50_000, 300_000, 3_000_000]) {
        const body = text(size);
        await expect(request('/part', body), { ...OK, saw: saw(body), explains: size <= ARGUMENT_MAX });
        asked(body.slice(0, MAX), size > MAX ? 'true' : 'false');
      }
    });
    test('much of it, too', async () => {
      answer(200);
      for (const size of [20_000, 70_000, LARGE, LARGE + 1, 2_500_000]) {
        const body = text(size);
        await expect(request('/large', body), { ...OK, saw: saw(body), explains: size <= ARGUMENT_MAX });
        asked(body.slice(0, LARGE), size > LARGE ? 'true' : 'false');
      }
    });
    test('three authorizers, each by its own limit', async () => {
      answer(200);
      const body = text(5000);
      await expect(request('/both', body), { ...OK, saw: saw(body) });
      assert.deepEqual(door.seen.map((seen) => seen.body.length), [MAX, 0, 2 * MAX, MAX, 0, 2 * MAX]); // explain asks, too
      assert.ok(door.seen[2].body.equals(Buffer.from(body.slice(0, 2 * MAX))));
    });
    test('a no is the answer, whatever is still to come', async () => {
      for (const size of [10, 50_000, 3_000_000]) {
        answer(401, {}, 'who?');
        await expect(request('/part', text(size)), { status: 401, body: 'who?', reason: 'ext_auth_denied', explains: size <= ARGUMENT_MAX });
      }
    });
    test('a slow one goes on whole', async () => {
      answer(200);
      const body = text(200_000);
      await expect({ ...request('/part', body), args: [...(way.args ?? []), '--limit-rate', '400K'] }, { ...OK, saw: saw(body), explains: false });
      asked(body.slice(0, MAX), 'true');
    });
  });
}

test('what was never sent is no body', async () => {
  answer(200);
  await expect({ method: 'GET', target: '/small' }, OK);
  asked('', undefined);
  await expect({ method: 'PUT', target: '/small', headers: ['Content-Length: 0', 'Content-Type: text/plain'] }, OK);
  asked('', undefined);
});
test('what a client says about itself is not believed', async () => {
  answer(200);
  await expect({ target: '/part', data: 'x', headers: ['X-Envoy-Auth-Partial-Body: true'] }, { ...OK, saw: whole('x') });
  asked('x', 'false');
});
test('bytes are told as they come, text or not', async () => {
  answer(200);
  const body = bytes(900);
  await expect({ target: '/part', data: body }, { ...OK, saw: whole(body), explains: false });
  asked(body, 'false');
});
test('a client that waits for 100 Continue gets one, or its refusal', async () => {
  answer(200);
  const head = (length) => `POST /small HTTP/1.1\r\nHost: httpbin.test.local\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;
  door.answer = (...all) => say(...all);
  const good = await raw(gw.port, '', { pieces: [head(5), 200, 'hello'] });
  assert.deepEqual(good.statuses, [100, 200]);
  const bad = await raw(gw.port, '', { pieces: [head(MAX + 1)] });
  assert.deepEqual(bad.statuses, [413]);
});
test('a second request on the connection is read where the body ends', async () => {
  answer(200);
  door.answer = (...all) => say(...all);
  for (const body of ['Content-Length: 5\r\n\r\nhello', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n']) {
    const one = `POST /small HTTP/1.1\r\nHost: httpbin.test.local\r\n${body}`;
    const { statuses } = await raw(gw.port, one + one + 'GET /small HTTP/1.1\r\nHost: httpbin.test.local\r\n\r\n');
    assert.deepEqual(statuses, [200, 200, 200]);
  }
});
test('a body that is framed badly asks nobody', async () => {
  door.seen.length = upstream.seen.length = 0;
  await raw(gw.port, 'POST /small HTTP/1.1\r\nHost: httpbin.test.local\r\nTransfer-Encoding: chunked\r\n\r\n', { pieces: ['POST /small HTTP/1.1\r\nHost: httpbin.test.local\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 100, '0\n\n'] });
  assert.equal(door.seen.length + upstream.seen.length, 0);
});

/** Some of a body, and then the end of the connection. */
const cut = {
  'HTTP/1.1': async (path, sent) => {
    const socket = net.connect(gw.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST ${path} HTTP/1.1\r\nHost: httpbin.test.local\r\nContent-Length: 900\r\n\r\n${sent}`);
    await sleep(200);
    socket.destroy();
  },
  'HTTP/2': async (path, sent) => {
    const client = http2.connect(`https://127.0.0.1:${gw.tlsPort}`, { rejectUnauthorized: false });
    client.on('error', () => {});
    const stream = client.request({ ':method': 'POST', ':path': path, ':authority': 'httpbin.test.local', 'content-length': '900' });
    stream.on('error', () => {});
    stream.write(sent);
    await sleep(200);
    client.destroy();
  },
};
for (const [name, send] of Object.entries(cut)) {
  test(`a body that is cut asks nobody and goes nowhere, over ${name}`, async () => {
    answer(200);
    door.answer = (...all) => say(...all);
    door.seen.length = upstream.seen.length = 0;
    const before = gw.log().length;
    await send('/small', 'x'.repeat(100));
    const line = await until('its log line', () => gw.log()[before]);
    assert.notEqual(line.decision, 'allow');
    assert.equal(door.seen.length + upstream.seen.length, 0);
    await expect({ target: '/small', data: 'y' }, { ...OK, saw: whole('y') });
  });
}
test('a client that leaves while its authorizer thinks is forgotten', async () => {
  let closed;
  const gone = new Promise((resolve) => (closed = resolve));
  say = (req) => req.socket.on('close', closed);
  door.answer = (...all) => say(...all);
  door.seen.length = upstream.seen.length = 0;
  const socket = net.connect(gw.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST /part HTTP/1.1\r\nHost: httpbin.test.local\r\nContent-Length: 50000\r\n\r\n${'x'.repeat(30_000)}`);
  await until('the authorizer to be asked', () => door.seen.length > 0);
  socket.destroy();
  await gone;
  assert.equal(upstream.seen.length, 0);
});
test('what follows the beginning is not waited for', async () => {
  answer(200);
  door.answer = (...all) => say(...all);
  door.seen.length = upstream.seen.length = 0;
  const socket = net.connect(gw.port, '127.0.0.1');
  socket.write(`POST /part HTTP/1.1\r\nHost: httpbin.test.local\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n`);
  await until('the workload to have the beginning', () => upstream.seen[0]?.arrivals.length > 0);
  assert.equal(upstream.seen[0].complete, false);
  assert.equal(door.seen.length, 1);
  socket.write('3\r\nend\r\n0\r\n\r\n');
  await until('its end', () => upstream.seen[0].complete);
  assert.equal(upstream.seen[0].body.toString(), 'x'.repeat(2000) + 'end');
  socket.destroy();
});
test('bodies that never come hold nobody up', async () => {
  answer(200);
  const sockets = Array.from({ length: 100 }, () => {
    const socket = net.connect(gw.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /part HTTP/1.1\r\nHost: httpbin.test.local\r\nContent-Length: 900\r\n\r\n${'x'.repeat(100)}`);
    return socket;
  });
  await sleep(200);
  await expect({ target: '/part', data: 'x' }, { ...OK, saw: whole('x') });
  assert.equal(door.seen.length, 2); // by the gateway and by explain
  for (const socket of sockets) socket.destroy();
});
test('what a worker keeps of bodies has an end, and whoever is turned away stays outside', async () => {
  const body = Buffer.alloc(LARGE + 1, 'x'); // 64 MiB are 32 of these, each with room for as much again
  const held = [];
  say = (req, res) => held.push(res);
  door.answer = (...all) => say(...all);
  upstream.seen.length = 0;
  const before = gw.log().length;
  const sent = Array.from({ length: 40 }, () =>
    new Promise((resolve) => {
      const request = http.request({ host: '127.0.0.1', port: gw.port, path: '/large', method: 'POST', agent: false, headers: { host: 'httpbin.test.local', 'content-length': body.length } }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode));
      });
      request.on('error', () => resolve(0));
      request.end(body);
    }));
  const refused = await until('some to be refused', () => {
    const lines = gw.log().slice(before).filter((line) => line.path === '/large');
    return lines.length + held.length >= 40 && lines;
  }, { timeout: 20_000 });
  assert.deepEqual(new Set(refused.map((line) => line.reason)), new Set(['call_busy']));
  assert.ok(held.length >= 20 && held.length <= 32, `${held.length} are asked about`);
  assert.equal(upstream.seen.length, 0);
  for (const res of held) res.writeHead(200).end();
  const statuses = await Promise.all(sent);
  assert.equal(statuses.filter((status) => status === 200).length, held.length);
  assert.ok(upstream.seen.every((seen) => seen.body.equals(body)));
  answer(200);
  await expect({ target: '/large', data: text(LARGE) }, { ...OK, explains: false });
});
