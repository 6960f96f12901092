// Connections to whoever is asked: kept for the next question where nothing can get mixed up, and no more of them
// than a worker can spare (src/gateway/pool.h, crowd.h).
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { authority } from './lib/authority.mjs';
import { curl } from './lib/curl.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { rawUpstream, recorder } from './lib/upstream.mjs';

const OK = { status: 200, reason: 'allowed', explains: false }; // explain would ask, too
const provider = (name, more) => ({ name, envoyExtAuthzHttp: { service: `${name}.auth.svc.cluster.local`, port: 80, timeout: '20s', ...more } });
const mesh = (...providers) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: JSON.stringify({ extensionProviders: providers }) } });
const guarded = (path, authorizer) => ({ path, methods: ['GET', 'HEAD', 'POST', 'PUT'], extAuth: { authorizers: [authorizer] } });

describe('a kept connection', () => {
  let upstream, door, raw, talk, gw;
  before(async () => {
    upstream = await recorder();
    door = await recorder();
    raw = await rawUpstream((socket, text, reset) => {
      if (!text.includes('\r\n\r\n')) return;
      reset();
      talk(socket, text);
    });
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port, 'door.auth': door.port, 'raw.auth': raw.port },
      files: {
        'rule.yaml': documents(
          mesh(provider('door'), provider('raw', { includeRequestBodyInCheck: { maxRequestBytes: 100, allowPartialMessage: true } })),
          apiRule({ rules: [guarded('/door', 'door'), guarded('/raw', 'raw')] }),
          apiRuleV1({ name: 'opaque', host: 'opaque', rules: [{ path: '/', accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: 'http://raw.auth/introspect' } }] }] }),
        ),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream, door, raw].map((it) => it?.stop()));
  });
  const expect = (request, end) => expectExchange(gw, { upstream, request, ...end });

  test('serves questions that may be asked twice', async () => {
    door.answer = (req, res) => res.writeHead(200).end('yes');
    door.connections = 0;
    for (let i = 0; i < 5; i++) await expect({ target: '/door' }, OK);
    assert.equal(door.connections, 1);
    door.answer = (req, res) => res.writeHead(403).end('no');
    await expect({ target: '/door' }, { status: 403, body: 'no', reason: 'ext_auth_denied', explains: false });
    assert.equal(door.connections, 1);
  });
  test('and no others', async () => {
    door.answer = (req, res) => res.writeHead(200).end();
    await expect({ target: '/door' }, OK);
    door.connections = 0;
    for (let i = 0; i < 3; i++) await expect({ method: 'POST', target: '/door', data: 'x' }, OK);
    assert.equal(door.connections, 3);
    assert.equal(door.seen.at(-1).header('connection'), 'close');
  });
  test('is kept after an answer without its body', async () => {
    door.answer = (req, res) => res.writeHead(200, { 'content-length': 3 }).end('yes');
    await expect({ target: '/door' }, OK);
    door.connections = 0;
    for (const method of ['HEAD', 'GET', 'HEAD', 'PUT']) await expect({ method, target: '/door' }, OK);
    assert.equal(door.connections, 0);
  });
  test('is left where the other side ends it', async () => {
    door.answer = (req, res) => res.writeHead(200, { connection: 'close' }).end();
    await expect({ target: '/door' }, OK); // on one that was kept
    door.connections = 0;
    for (let i = 0; i < 3; i++) await expect({ target: '/door' }, OK);
    assert.equal(door.connections, 3);
  });

  const yes = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
  const no = 'HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno';
  const denied = { status: 403, body: 'no', reason: 'ext_auth_denied', explains: false };
  const failed = { status: 403, body: '', reason: 'ext_auth_failed', explains: false };
  // What is said on a connection, and what becomes of the first question. The second is always answered by a no.
  const rests = {
    'a second answer': [`${yes}${yes}`, OK],
    'two lengths': ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 38\r\n\r\n' + yes, OK],
    'a length beside chunks': ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n' + yes, OK],
    'a body that is too short': ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', failed],
    'a body that is too large': [`HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${'x'.repeat(70_000)}`, failed],
  };
  for (const [what, [said, first]] of Object.entries(rests)) {
    test(`is none after ${what}`, async () => {
      const sockets = new Set();
      let asked = 0;
      talk = (socket) => {
        sockets.add(socket);
        if (++asked > 1) socket.write(no);
        else if (what.endsWith('short')) socket.end(said);
        else socket.write(said);
      };
      await expect({ target: '/raw' }, first);
      await expect({ target: '/raw' }, denied);
      assert.equal(sockets.size, 2);
    });
  }
  test('is one after an interim answer, which is none', async () => {
    const sockets = new Set();
    talk = (socket) => {
      sockets.add(socket);
      socket.write(`HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\n${yes}`);
    };
    await expect({ target: '/raw' }, OK);
    await expect({ target: '/raw' }, OK);
    assert.equal(sockets.size, 1);
  });
  test('that was closed meanwhile is asked again on a new one', async () => {
    const asked = [];
    talk = (socket) => {
      asked.push(socket);
      if (asked.length === 2) socket.destroy();
      else socket.write(yes);
    };
    await expect({ target: '/raw' }, OK);
    await expect({ target: '/raw' }, OK);
    assert.equal(asked.length, 3);
    assert.equal(asked[0], asked[1]);
    assert.notEqual(asked[1], asked[2]);
  });
  const active = 'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"active":true}';
  const questions = {
    'an introspection': [{ host: 'opaque', target: '/', headers: ['Authorization: Bearer opaque'] }, active, 'token=opaque'],
    'one that is told a body': [{ method: 'PUT', target: '/raw', data: 'x'.repeat(300) }, yes, 'x'.repeat(100)],
  };
  for (const [what, [request, said, body]] of Object.entries(questions)) {
    test(`likewise with all of its own body: ${what}`, async () => {
      const asked = [];
      talk = (socket, text) => {
        asked.push(text);
        if (asked.length === 2) socket.destroy();
        else socket.write(said);
      };
      await sleep(1200); // none is kept
      await expect(request, OK);
      await expect(request, OK);
      assert.deepEqual(asked.map((text) => text.split('\r\n\r\n')[1]), [body, body, body]);
    });
  }
  test('that was closed in its answer is not', async () => {
    const asked = [];
    talk = (socket) => {
      asked.push(socket);
      if (asked.length === 2) socket.end('HTTP/1.1 200 OK\r\n');
      else socket.write(yes);
    };
    await expect({ target: '/raw' }, OK);
    await expect({ target: '/raw' }, failed);
    assert.equal(asked.length, 2);
  });
  test('that is new and closed at once is asked once', async () => {
    let asked = 0;
    talk = (socket) => (asked++, socket.destroy());
    await sleep(1200); // longer than any is kept
    await expect({ target: '/raw' }, failed);
    assert.equal(asked, 1);
  });
});

describe('with TLS a kept connection', () => {
  test('is for the name whose certificate was shown on it', async () => {
    const ca = authority();
    const upstream = await recorder();
    const sockets = new Set();
    const say = (req, res) => {
      sockets.add(req.socket);
      req.on('end', () => res.writeHead(200).end('{"active":true}')).resume();
    };
    const idp = await pageServer({ '/introspect': say }, { tls: ca.issue('a.auth.svc.cluster.local') });
    const rule = (name) => ({ path: `/${name}`, accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: `https://${name}.auth.svc.cluster.local:8443/introspect` } }] });
    const gw = await gateway({
      services: { 'httpbin.shop': upstream.port, 'a.auth': idp.port, 'b.auth': idp.port },
      args: ['--ca-file', ca.file],
      files: { 'rule.yaml': apiRuleV1({ rules: [rule('a'), rule('b')] }) },
    });
    try {
      const request = (target) => ({ target, headers: ['Authorization: Bearer opaque'] });
      for (let i = 0; i < 3; i++) await expectExchange(gw, { upstream, request: request('/a'), ...OK });
      assert.equal(sockets.size, 1);
      await expectExchange(gw, { upstream, request: request('/b'), status: 500, reason: 'call_failed', explains: false });
      await expectExchange(gw, { upstream, request: request('/a'), ...OK });
    } finally {
      await gw.stop();
      await Promise.all([upstream.stop(), idp.stop()]);
    }
  });
});

describe('one who has two addresses, the first of which is dead', () => {
  test('is told the whole question at the other', async () => {
    const upstream = await recorder();
    const idp = await recorder();
    idp.answer = (req, res) => res.writeHead(200).end('{"active":true}');
    const meta = (name, labels) => ({ metadata: { name, namespace: 'shop', ...(labels && { labels }) } });
    const slice = (name, port) =>
      JSON.stringify({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', ...meta(name, { 'kubernetes.io/service-name': 'idp' }), endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }], ports: [{ port }] });
    const gw = await gateway({
      services: { 'httpbin.shop': upstream.port },
      files: {
        'rule.yaml': documents(
          JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...meta('idp'), spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
          slice('idp-0', 1), slice('idp-1', idp.port),
          apiRuleV1({ rules: [{ path: '/', accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: 'http://idp.shop.svc.cluster.local/introspect' } }] }] }),
        ),
      },
    });
    try {
      for (let i = 0; i < 3; i++) await expectExchange(gw, { upstream, request: { target: '/', headers: ['Authorization: Bearer opaque'] }, ...OK });
      assert.deepEqual(idp.seen.map((seen) => seen.body.toString()), ['token=opaque', 'token=opaque', 'token=opaque']);
    } finally {
      await gw.stop();
      await Promise.all([upstream.stop(), idp.stop()]);
    }
  });
});

describe('an authorizer that hangs', () => {
  const EACH = 256; // of one authorizer and worker
  let upstream, stuck, door, gw, agent;
  const waiting = [];
  before(async () => {
    upstream = await recorder();
    stuck = await recorder();
    door = await recorder();
    door.answer = (req, res) => res.writeHead(200).end();
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port, 'stuck.auth': stuck.port, 'lenient.auth': stuck.port, 'door.auth': door.port },
      files: {
        'rule.yaml': documents(
          mesh(provider('stuck', { statusOnError: '503' }), provider('lenient', { failOpen: true }), provider('door')),
          apiRule({ rules: [guarded('/stuck', 'stuck'), guarded('/lenient', 'lenient'), guarded('/door', 'door'), { path: '/free', noAuth: true }] }),
        ),
      },
    });
    agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
  });
  after(async () => {
    await gw?.stop();
    agent?.destroy();
    await Promise.all([upstream, stuck, door].map((it) => it?.stop()));
  });
  const send = (target) =>
    new Promise((resolve) => {
      const request = http.get({ host: '127.0.0.1', port: gw.port, path: target, agent, headers: { host: `httpbin.${gw.domain}` } }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode));
      });
      request.on('error', () => resolve(0));
    });
  const expect = (request, end) => expectExchange(gw, { upstream, request, explains: false, ...end });

  for (const [path, status] of [['/stuck', 503], ['/lenient', 403]]) {
    test(`takes its share and no more: ${path}`, async () => {
      const held = [];
      stuck.answer = (req, res) => held.push(res);
      const sent = Array.from({ length: EACH }, () => send(path));
      await until('all of them to wait', () => held.length === EACH, { timeout: 20_000 });
      await expect({ target: path }, { status, body: '', reason: 'call_busy' });
      assert.equal(held.length, EACH);
      await expect({ target: '/door' }, OK);
      await expect({ target: '/free' }, OK);
      for (const res of held) res.writeHead(200).end();
      assert.deepEqual(new Set(await Promise.all(sent)), new Set([200]));
      stuck.answer = (req, res) => res.writeHead(200).end();
      await expect({ target: path }, OK);
    });
  }
  test('holds no place of clients that have left', async () => {
    let held = 0;
    stuck.answer = () => held++;
    const clients = Array.from({ length: EACH }, () => {
      const request = http.get({ host: '127.0.0.1', port: gw.port, path: '/stuck', agent, headers: { host: `httpbin.${gw.domain}` } });
      request.on('error', () => {});
      return request;
    });
    await until('all of them to wait', () => held === EACH, { timeout: 20_000 });
    for (const client of clients) client.destroy();
    stuck.answer = (req, res) => res.writeHead(200).end();
    await until('a place', async () => (await curl(gw.url('httpbin', '/stuck'), { resolve: gw.resolve('httpbin') })).status === 200);
  });
});
