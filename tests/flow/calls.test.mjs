// Handlers that ask somebody else, as nginx subrequests, against real servers (oathkeeper.md 2.6, 2.7).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { authority } from './lib/authority.mjs';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { apiRuleV1 } from './lib/rules.mjs';
import { oidcProvider, pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const OK = { status: 200, reason: 'allowed' };
const no = (status, reason) => ({ status, reason, headers: { 'content-type': 'application/json' } });

describe('introspection', () => {
  let upstream, idp, gw;
  let answer = {};
  before(async () => {
    upstream = await recorder();
    const say = (req, res) => {
      let body = '';
      req.on('data', (d) => (body += d));
      req.on('end', () => {
        idp.asked.push({ method: req.method, url: req.url, headers: req.headers, body });
        const { status = 200, text, headers = {}, hang, drip, cut } = answer;
        if (hang) return;
        if (cut) {
          res.writeHead(200, { 'content-length': 1000 });
          res.write('{"active":');
          setTimeout(() => res.destroy(), 50);
          return;
        }
        res.writeHead(status, { 'content-type': 'application/json', ...headers });
        res.end(text ?? JSON.stringify(answer.json ?? { active: true, sub: 'alice' }));
      });
    };
    idp = await pageServer({ '/introspect': say });
    idp.asked = [];
    const rule = (path, config, mutators) => ({
      path, methods: ['GET', 'POST', 'PUT'], mutators,
      accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: `${idp.url}/introspect`, ...config } }],
    });
    gw = await gateway({
      tls: true,
      services: { 'httpbin.shop': upstream.port },
      files: {
        'rule.yaml': apiRuleV1({
          rules: [
            rule('/plain', {}),
            rule('/scoped', { required_scope: ['read'] }),
            rule('/told', {}, [{ handler: 'header', config: { headers: { 'X-Sub': '{{ print .Subject }}' } } }]),
            rule('/kept', { cache: { enabled: true, ttl: '60s' } }),
            { path: '/hydrated', accessStrategies: [{ handler: 'anonymous' }], mutators: [{ handler: 'hydrator', config: { api: { url: `${idp.url}/introspect` } } }, { handler: 'header', config: { headers: { 'X-Role': '{{ print .Extra.role }}' } } }] },
            rule('/gone', { introspection_url: 'http://127.0.0.1:1/introspect' }),
            rule('/metadata', { introspection_url: 'http://169.254.169.254/introspect' }),
          ],
        }),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream?.stop(), idp?.stop()]);
  });
  const expect = (request, end) => {
    idp.asked.length = 0;
    return expectExchange(gw, { upstream, request: { headers: ['Authorization: Bearer opaque'], ...request }, ...end });
  };

  test('the server is asked for the token and nothing else of the request', async () => {
    answer = {};
    await expect({ target: '/plain?a=b', headers: ['Authorization: Bearer opaque', 'Cookie: secret=1', 'X-Mine: 2'] }, OK);
    const [asked] = idp.asked;
    assert.equal(asked.method, 'POST');
    assert.equal(asked.url, '/introspect');
    assert.equal(asked.body, 'token=opaque');
    assert.equal(asked.headers.host, new URL(idp.url).host);
    assert.equal(asked.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.deepEqual(Object.keys(asked.headers).sort(), ['accept-encoding', 'content-length', 'content-type', 'host']);
  });
  test('what it says is the answer', async () => {
    answer = { json: { active: false } };
    await expect({ target: '/plain' }, no(401, 'token_inactive'));
    answer = { json: { active: true, exp: 1 } };
    await expect({ target: '/plain' }, no(401, 'token_expired'));
    answer = { json: { active: true, token_use: 'refresh_token' } };
    await expect({ target: '/plain' }, no(403, 'token_use'));
    answer = { json: { active: true, scope: 'write' } };
    await expect({ target: '/scoped' }, no(403, 'scope_missing'));
    answer = { json: { active: true, scope: 'write read' } };
    await expect({ target: '/scoped' }, OK);
    for (const text of ['active', '', 'null', '{"active":true,"active":true}']) {
      answer = { text };
      await expect({ target: '/plain' }, no(500, 'call_failed'));
    }
    answer = { status: 401 };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    answer = { status: 302, headers: { location: '/elsewhere' } };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    answer = { status: 429, headers: { 'retry-after': '7' } };
    await expect({ target: '/plain' }, { ...no(429, 'call_failed'), headers: { 'retry-after': '7' } });
    await expect({ target: '/plain', headers: [] }, no(401, 'token_missing'));
    assert.equal(idp.asked.length, 0);
  });
  test('an answer that is too large, cut short, steering or missing is our refusal', async () => {
    answer = { text: `{"active":true}${' '.repeat(50_000)}` };
    await expect({ target: '/plain' }, OK);
    answer = { text: `{"active":true}${' '.repeat(70_000)}` };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    answer = { text: `{"active":true}${' '.repeat(5_000_000)}` };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    answer = { cut: true };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    answer = { headers: { 'x-accel-redirect': '/', 'x-accel-buffering': 'yes' }, status: 403 };
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    await expect({ target: '/gone' }, no(500, 'call_failed'));
    await expect({ target: '/metadata' }, no(500, 'call_failed'));
    answer = { hang: true };
    const begun = Date.now();
    await expect({ target: '/plain' }, no(500, 'call_failed'));
    assert.ok(Date.now() - begun < 14_000, 'it waits five seconds, and explain as long');
  });
  test('a kept answer is for one token, and a refusal is never kept', async () => {
    answer = { json: { active: false } };
    await expect({ target: '/kept' }, no(401, 'token_inactive'));
    answer = {};
    await expect({ target: '/kept' }, OK);
    answer = { json: { active: false } };
    // explain has no memory: it hears what the server says now
    await expect({ target: '/kept' }, { ...OK, explains: false });
    assert.equal(idp.asked.length, 0);
    await expect({ target: '/kept', headers: ['Authorization: Bearer another'] }, no(401, 'token_inactive'));
    await expect({ target: '/plain' }, no(401, 'token_inactive'));
  });
  for (const [version, args, scheme] of [['HTTP/1.1', [], 'http'], ['HTTP/2', ['--http2'], 'https']]) {
    test(`the forwarded request is the one that came, over ${version}`, async () => {
      answer = {};
      const saw = (body) => (seen) => {
        assert.equal(seen.header('host'), 'httpbin.shop.svc.cluster.local:8000');
        assert.equal(seen.header('x-forwarded-host'), 'httpbin.test.local');
        assert.equal(seen.header('authorization'), 'Bearer opaque');
        assert.deepEqual(seen.all('x-mine'), ['1', '2']);
        assert.deepEqual(seen.all('x-sub'), ['alice']);
        assert.equal(seen.target, '/told?a=b&c=%20');
        assert.equal(seen.header('content-type'), body.length ? 'text/plain' : undefined);
        assert.equal(seen.body.toString(), body);
        assert.equal(seen.header('content-length') ?? '0', String(body.length));
      };
      const request = { scheme, args, target: '/told?a=b&c=%20', headers: ['Authorization: Bearer opaque', 'X-Mine: 1', 'X-Mine: 2', 'X-Sub: admin'] };
      await expect(request, { ...OK, saw: saw('') });
      for (const size of [1, 100_000]) {
        const data = 'x'.repeat(size);
        await expect({ ...request, method: 'PUT', headers: [...request.headers, 'Content-Type: text/plain'], data }, { ...OK, saw: saw(data) });
      }
    });
    test(`a body that comes after the answer goes on whole, over ${version}`, async () => {
      answer = {};
      const late = { ...{ scheme, target: '/told', method: 'POST' }, headers: ['Authorization: Bearer opaque', 'Content-Type: text/plain', 'Expect:'], data: 'y'.repeat(300_000) };
      await expect({ ...late, args: [...args, '--limit-rate', '400K'] }, {
        ...OK,
        saw: (seen) => {
          assert.equal(seen.body.length, 300_000);
          assert.ok(seen.complete);
        },
      });
      answer = { json: { active: false } };
      await expect(late, no(401, 'token_inactive'));
    });
  }
  test('a hydrator tells more of the caller', async () => {
    answer = { json: { subject: 'anonymous', extra: { role: 'guest' } } };
    await expect({ target: '/hydrated?a=b', headers: ['X-Role: admin'] }, { ...OK, saw: (seen) => assert.deepEqual(seen.all('x-role'), ['guest']) });
    assert.equal(idp.asked[0].url, '/introspect?a=b');
    assert.equal(JSON.parse(idp.asked[0].body).subject, 'anonymous');
    answer = { json: { subject: 'admin', extra: { role: 'admin' } } };
    await expect({ target: '/hydrated', headers: [] }, no(500, 'mutator_failed'));
    answer = { status: 401 };
    await expect({ target: '/hydrated', headers: [] }, no(500, 'mutator_failed'));
  });
  test('its place has no name for a client', async () => {
    answer = {};
    for (const target of ['/brama-call', '/brama-call-tls']) {
      await expect({ target }, { status: 404, reason: 'no_route' });
    }
    assert.equal(idp.asked.length, 0);
  });
});

describe('a real provider', () => {
  let upstream, idp, gw;
  before(async () => {
    upstream = await recorder();
    idp = await oidcProvider({ scopes: ['read', 'write'], opaque: true });
    const me = `Basic ${Buffer.from(`${idp.client.id}:${idp.client.secret}`).toString('base64')}`;
    const introspection = (config) => ({
      handler: 'oauth2_introspection',
      config: { introspection_url: idp.introspectionUrl, introspection_request_headers: { Authorization: me }, ...config },
    });
    const credentials = (config) => ({ handler: 'oauth2_client_credentials', config: { token_url: idp.tokenUrl, ...config } });
    const tell = [{ handler: 'header', config: { headers: { 'X-Client': '{{ print .Extra.client_id }}', 'X-Sub': '{{ .Subject }}' } } }];
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port },
      files: {
        'rule.yaml': apiRuleV1({
          rules: [
            { path: '/read', accessStrategies: [introspection({ required_scope: ['read'], trusted_issuers: [idp.issuer] })], mutators: tell },
            { path: '/aimed', accessStrategies: [introspection({ target_audience: ['https://other.example'] })] },
            { path: '/basic', accessStrategies: [credentials({ required_scope: ['read'], cache: { enabled: true } })], mutators: tell },
            { path: '/either', accessStrategies: [introspection({}), credentials({})] },
          ],
        }),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream?.stop(), idp?.stop()]);
  });
  const token = async (scope) => {
    const res = await fetch(idp.tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${idp.client.id}:${idp.client.secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    return (await res.json()).access_token;
  };
  const basic = (id, secret) => [`Authorization: Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`];
  const expect = (target, headers, end) => expectExchange(gw, { upstream, request: { target, headers }, ...end });

  test('its opaque tokens pass, with their scopes and audience', async () => {
    const read = [`Authorization: Bearer ${await token('read')}`];
    await expect('/read', read, { ...OK, saw: (seen) => assert.equal(seen.header('x-client'), idp.client.id) });
    await expect('/read', [`Authorization: Bearer ${await token('write')}`], no(403, 'scope_missing'));
    await expect('/aimed', read, no(403, 'audience_missing'));
    await expect('/read', ['Authorization: Bearer nobody-gave-this'], no(401, 'token_inactive'));
  });
  test('its clients pass by their secrets', async () => {
    const good = basic(idp.client.id, idp.client.secret);
    await expect('/basic', good, { ...OK, saw: (seen) => assert.equal(seen.header('x-sub'), idp.client.id) });
    await expect('/basic', good, OK);
    await expect('/basic', basic(idp.client.id, 'wrong'), no(401, 'credentials_refused'));
    await expect('/basic', basic('nobody', 'wrong'), no(401, 'credentials_refused'));
    await expect('/either', good, OK);
    await expect('/either', [`Authorization: Bearer ${await token('read')}`], OK);
    await expect('/either', [], no(401, 'token_missing'));
  });
});

describe('a server with TLS', () => {
  let upstream, good, bad, gw;
  before(async () => {
    upstream = await recorder();
    const page = (req, res) => {
      res.writeHead(200);
      req.on('end', () => res.end('{"active":true}')).resume();
    };
    const ca = authority();
    good = await pageServer({ '/introspect': page }, { tls: ca.issue('localhost') });
    bad = await pageServer({ '/introspect': page }, { tls: ca.issue('elsewhere.example') });
    const rule = (path, url) => ({ path, accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: url } }] });
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port },
      args: ['--ca-file', ca.file],
      files: { 'rule.yaml': apiRuleV1({ rules: [rule('/good', `https://localhost:${good.port}/introspect`), rule('/bad', `https://localhost:${bad.port}/introspect`)] }) },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream?.stop(), good?.stop(), bad?.stop()]);
  });
  test('is believed by its certificate alone', async () => {
    const request = (target) => ({ target, headers: ['Authorization: Bearer opaque'] });
    await expectExchange(gw, { upstream, request: request('/good'), ...OK });
    await expectExchange(gw, { upstream, request: request('/bad'), ...no(500, 'call_failed') });
  });
});
