// Istio Gateways as files: whose hosts are served on which listener, certificates by SNI from Secrets,
// and a connection that was set up with another server (421).
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { temporary, until } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule, apiRuleV1, documents } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const dump = (value) => JSON.stringify(value);
const server = (protocol, hosts, tls_) => ({ port: { number: protocol === 'HTTPS' ? 443 : 80, name: protocol.toLowerCase(), protocol }, hosts, ...(tls_ && { tls: tls_ }) });
const simple = (credentialName) => ({ mode: 'SIMPLE', credentialName });
const istioGateway = (name, servers, namespace = 'shop') =>
  dump({ apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name, namespace }, spec: { selector: { istio: 'ingressgateway' }, servers } });

/** A self-signed pair as a Secret, and its fingerprint. */
async function certificate(name, host, namespace = 'istio-system') {
  const dir = temporary('brama-gateways');
  const [crt, key] = ['crt.pem', 'key.pem'].map((file) => path.join(dir, file));
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-subj', `/CN=${name}`, '-days', '30', '-addext', `subjectAltName=DNS:${host}`]);
  assert.equal(made.code, 0, made.err);
  const [cert, privateKey] = [crt, key].map((file) => readFileSync(file));
  const data = { 'tls.crt': cert.toString('base64'), 'tls.key': privateKey.toString('base64') };
  const secret = (more = {}) => dump({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name, namespace }, data: { ...data, ...more } });
  return { secret, data, subject: new X509Certificate(cert).subject };
}

const handshake = (gw, servername) =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ port: gw.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ...(servername && { servername }) }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).subject);
      socket.destroy();
    });
    socket.on('error', reject);
  });

const open = [{ path: '/open', noAuth: true }];
const rule = (name, host, gateway_, more = {}) => apiRule({ name, host, gateway: gateway_, rules: open, ...more });
let upstream;
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());

describe('two Gateways with several servers', () => {
  let gw, orders, pay;
  const get = (host, scheme, more) => expectExchange(gw, { upstream, ...more, request: { host, target: '/open', scheme, ...more.request } });
  const served = { status: 200, reason: 'allowed' };
  const unknown = { status: 404, body: '', reason: 'no_host' };
  before(async () => {
    orders = await certificate('orders-tls', '*.orders.test.local');
    pay = await certificate('pay-tls', 'pay.test.local', 'shop');
    gw = await gateway({
      tls: true, services: { 'httpbin.shop': upstream.port, 'deep.shop': upstream.port },
      files: {
        'gateways.yaml': documents(
          istioGateway('orders', [
            server('HTTPS', ['*.orders.test.local'], simple('orders-tls')),
            server('HTTP', ['*.orders.test.local'], { httpsRedirect: true }),
            server('HTTP', ['plain.orders2.test.local', 'other/both.orders2.test.local']),
            server('HTTPS', ['mutual.test.local'], { mode: 'MUTUAL', credentialName: 'orders-tls' }),
          ]),
          istioGateway('pay', [server('HTTPS', ['./pay.test.local'], simple('pay-tls')), server('HTTPS', ['lost.test.local'], simple('nobody'))]),
        ),
        'secrets.yaml': documents(orders.secret(), pay.secret()),
        'rules.yaml': documents(
          rule('a', 'a.orders.test.local', 'shop/orders'),
          rule('b', 'b.orders.test.local', 'shop/orders'),
          apiRuleV1({ name: 'deep', service: { name: 'deep', port: 8000 }, host: 'x.deep.orders.test.local', gateway: 'orders', rules: [{ path: '/open', accessStrategies: [{ handler: 'no_auth' }] }] }),
          rule('plain', '*.orders2.test.local', 'shop/orders'),
          rule('both', 'both.orders2.test.local', 'shop/orders'),
          rule('mutual', 'mutual.test.local', 'shop/orders'),
          rule('pay', 'pay.test.local', 'shop/pay'),
          rule('lost', 'lost.test.local', 'shop/pay'),
          rule('stray', 'stray.test.local', 'shop/pay'),
          rule('built-in', 'httpbin', 'kyma-system/kyma-gateway'),
        ),
      },
    });
  });
  after(() => gw?.stop());

  test('each host shows its own certificate, a host of nobody the listener’s', async () => {
    assert.equal(await handshake(gw, 'a.orders.test.local'), orders.subject);
    assert.equal(await handshake(gw, 'x.deep.orders.test.local'), orders.subject);
    assert.equal(await handshake(gw, 'PAY.test.local'), pay.subject);
    assert.equal(await handshake(gw, 'httpbin.test.local'), 'CN=test.local');
    assert.equal(await handshake(gw), 'CN=test.local');
  });
  test('a Secret that isn’t there is stood in for', async () => {
    assert.equal(await handshake(gw, 'lost.test.local'), 'CN=test.local');
    await get('lost', 'https', served);
  });
  test('hosts of HTTPS servers are served by TLS', async () => {
    for (const host of ['a.orders', 'x.deep.orders', 'pay']) await get(host, 'https', served);
  });
  test('and by plain HTTP only sent there, where the Gateway says so', async () => {
    await get('a.orders', 'http', {
      request: { target: '/open/../open?x=1' }, status: 301, reason: 'https_redirect', decision: 'answer',
      headers: { location: `https://a.orders.test.local:${gw.tlsPort}/open?x=1` },
    });
    await get('pay', 'http', unknown);
  });
  test('hosts of HTTP servers are served by plain HTTP alone', async () => {
    await get('plain.orders2', 'http', served);
    await get('plain.orders2', 'https', unknown);
  });
  test('a wildcard rule is reached under what the Gateway has of it', () => get('some.orders2', 'http', unknown));
  test('a host for another namespace’s rules isn’t served', () => get('both.orders2', 'http', unknown));
  test('a server that wants client certificates serves nobody', () => get('mutual', 'https', unknown));
  test('a host that no server of the Gateway has isn’t served, though its APIRule is Ready', async () => {
    await get('stray', 'https', unknown);
    assert.equal((await gw.apiRule('stray')).state, 'Ready');
  });
  test('the built-in Gateway is there beside others', async () => {
    for (const scheme of ['http', 'https']) await get('httpbin', scheme, served);
  });

  for (const http of ['--http1.1', '--http2']) {
    const ask = (host, other, more) => get(host, 'https', { request: { headers: [`Host: ${other}.test.local`], args: [http] }, ...more });
    const misdirected = { status: 421, body: 'Misdirected Request', reason: 'misdirected' };
    test(`${http}: one server’s connection isn’t another’s`, async () => {
      await ask('a.orders', 'pay', misdirected);
      await ask('pay', 'a.orders', misdirected);
      await ask('httpbin', 'pay', misdirected);
      await ask('pay', 'httpbin', misdirected);
      await ask('pay', 'nobody', misdirected);
    });
    test(`${http}: hosts of one server may share it`, () => ask('a.orders', 'b.orders', served));
    test(`${http}: names of no server of a Gateway lead to the same one`, () => ask('unknown', 'httpbin', served));
  }
  test('apply knows the Gateways of the running gateway', async () => {
    const on = (gateway_) => rule('applied', 'new.orders.test.local', gateway_);
    const applied = await gw.apply(on('shop/orders'));
    assert.equal(applied.code, 0, applied.err);
    await get('new.orders', 'https', { ...served, explains: false });
    const refused = await gw.apply(on('shop/nobody'));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /Could not get specified Gateway/);
    assert.equal((await gw.verb(['delete', '-f', '-', '--state', gw.state], { input: on('shop/orders') })).code, 0);
  });
  test('a client without SNI reaches what needs no name', async () => {
    const bare = (host, status) =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({ port: gw.tlsPort, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.write(`GET /open HTTP/1.1\r\nHost: ${host}.test.local\r\nConnection: close\r\n\r\n`));
        let text = '';
        socket.on('data', (data) => (text += data));
        socket.on('error', reject);
        socket.on('close', () => resolve(assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))));
      });
    await bare('httpbin', 200);
    await bare('pay', 421);
  });
});

test('a Secret that changes is shown at once; one that breaks keeps the pair before, until it is gone', async () => {
  const first = await certificate('web-tls', 'web.test.local');
  const second = await certificate('web-tls-2', 'web.test.local');
  const other = await certificate('other', 'web.test.local');
  const renewed = (more) => second.secret(more).replace('web-tls-2', 'web-tls');
  const shown = (gw, wanted) => until('the certificate', async () => (await handshake(gw, 'web.test.local')) === wanted, { timeout: 8000 });
  const options = { tls: true, services: { 'httpbin.shop': upstream.port } };
  let gw = await gateway({
    ...options,
    files: {
      'gateway.yaml': istioGateway('web', [server('HTTPS', ['web.test.local'], simple('web-tls'))]),
      'rule.yaml': rule('web', 'web.test.local', 'shop/web'),
    },
  });
  /** Written, complained of, and not shown. */
  const breaks = async (text, complaint) => {
    const logged = gw.process.err.length;
    gw.write('secret.yaml', text);
    await until('the complaint', () => complaint.test(gw.process.err.slice(logged)));
    await gw.ready();
  };
  try {
    await shown(gw, 'CN=test.local');
    await breaks(renewed({ 'tls.key': other.data['tls.key'] }), /Secret istio-system\/web-tls/);
    assert.equal(await handshake(gw, 'web.test.local'), 'CN=test.local', 'there is none before it');
    gw.write('secret.yaml', first.secret());
    await shown(gw, first.subject);
    const rows = [
      ['the key of another', renewed({ 'tls.key': other.data['tls.key'] }), /the private key isn't the certificate's/],
      ['no key', renewed({ 'tls.key': undefined }), /lacks tls\.crt or tls\.key/],
      ['no PEM', renewed({ 'tls.crt': Buffer.from('nothing of the sort').toString('base64') }), /not a chain of certificates/],
      ['no base64', renewed({ 'tls.crt': '!!' }), /lacks tls\.crt or tls\.key/],
    ];
    for (const [what, text, complaint] of rows) {
      await breaks(text, complaint);
      gw.write('rule.yaml', rule('web', 'web.test.local', 'shop/web', { timeout: 10 + what.length })); // one more round
      await until('the rule', async () => (await gw.apiRule('web')).form === 'current');
      await gw.ready();
      assert.equal(await handshake(gw, 'web.test.local'), first.subject, what);
    }
    await gw.stop();
    gw = await gateway({ ...options, state: gw.state, rules: gw.rules });
    assert.equal(await handshake(gw, 'web.test.local'), first.subject, 'after a restart, too');
    gw.write('secret.yaml', renewed());
    await shown(gw, second.subject);
    await expectExchange(gw, { request: { host: 'web', target: '/open', scheme: 'https' }, status: 200, upstream });
    gw.remove('secret.yaml');
    await shown(gw, 'CN=test.local');
  } finally {
    await gw.stop();
  }
});

test('a file that can’t be read keeps its Gateways, Secrets and Services', async () => {
  const web = await certificate('web-tls', 'web.test.local');
  const neighbours = (host) =>
    documents(
      istioGateway('web', [server('HTTPS', [host], simple('web-tls'))]), web.secret(),
      dump({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { type: 'ExternalName', externalName: '127.0.0.1', ports: [{ port: 8000, targetPort: upstream.port }] } }),
    );
  const gw = await gateway({
    tls: true, files: { 'neighbours.yaml': neighbours('web.test.local'), 'rule.yaml': rule('web', 'web.test.local', 'shop/web', { service: { name: 'web', port: 8000 } }) },
  });
  const served = () => expectExchange(gw, { request: { host: 'web', target: '/open', scheme: 'https' }, status: 200, upstream, explains: false });
  const noticed = (text) => until('the agent’s word', () => gw.process.err.includes(text));
  try {
    await served();
    for (const broken of [`${neighbours('web.test.local').slice(0, -9)}`, '', 'kind: [']) {
      gw.write('neighbours.yaml', broken);
      await noticed('neighbours.yaml');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await served();
      assert.equal(await handshake(gw, 'web.test.local'), web.subject);
      gw.write('rule.yaml', rule('web', 'web.test.local', 'shop/web', { service: { name: 'web', port: 8000 }, timeout: broken.length + 1 }));
      await until('the rule in its newest form', async () => (await gw.apiRule('web')).form === 'current');
      await served();
    }
    gw.write('neighbours.yaml', neighbours('other.test.local'));
    await until('another host', async () => (await handshake(gw, 'web.test.local')) === 'CN=test.local');
    await expectExchange(gw, { request: { host: 'web', target: '/open', scheme: 'https' }, status: 404, reason: 'no_host', upstream });
    gw.remove('neighbours.yaml');
    await until('no Gateway', async () => (await gw.apiRule('web')).state === 'Error');
  } finally {
    await gw.stop();
  }
});

test('a given kyma-system/kyma-gateway replaces the built-in one', async () => {
  const mine = (protocol, host) => istioGateway('kyma-gateway', [server(protocol, [host], protocol === 'HTTPS' && simple('kyma-gateway-certs'))], 'kyma-system');
  const gw = await gateway({
    tls: true, services: { 'httpbin.shop': upstream.port },
    files: { 'gateway.yaml': mine('HTTPS', '*.kyma.test.local'), 'rule.yaml': rule('short', 'short', 'kyma-system/kyma-gateway') },
  });
  try {
    assert.equal((await gw.apiRule('short')).host, 'short.kyma.test.local');
    await expectExchange(gw, { request: { host: 'short.kyma', target: '/open', scheme: 'https' }, status: 200, upstream });
    await expectExchange(gw, { request: { host: 'short', target: '/open', scheme: 'https' }, status: 404, reason: 'no_host', upstream });
    await expectExchange(gw, { request: { host: 'short.kyma', target: '/open' }, status: 404, reason: 'no_host', upstream });
  } finally {
    await gw.stop();
  }
});
