// TLS: HTTP/2 by ALPN, a certificate of our own where none is given, the given one otherwise.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { temporary } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream;
const files = { 'rule.yaml': apiRule({ rules: [{ path: '/open', methods: ['GET', 'POST'], noAuth: true }] }) };
const fresh = (more = {}) => gateway({ tls: true, services: { 'httpbin.shop': upstream.port }, files, ...more });
before(async () => (upstream = await recorder()));
after(() => upstream?.stop());

const handshake = (gw, options) =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ port: gw.tlsPort, host: '127.0.0.1', servername: 'httpbin.test.local', rejectUnauthorized: false, ...options }, () => {
      resolve({ protocol: socket.getProtocol(), alpn: socket.alpnProtocol, certificate: new X509Certificate(socket.getPeerCertificate().raw) });
      socket.destroy();
    });
    socket.on('error', reject);
  });

test('without a certificate: a self-signed one for *.DOMAIN, the same after a restart', async () => {
  const gw = await fresh();
  const { certificate } = await handshake(gw);
  assert.match(certificate.subjectAltName, /DNS:\*\.test\.local/);
  assert.ok(Date.parse(certificate.validTo) > Date.now() + 24 * 3600 * 1000);
  assert.equal(certificate.subject, certificate.issuer);
  await gw.stop();
  const next = await fresh({ state: gw.state, rules: gw.rules });
  try {
    assert.equal((await handshake(next)).certificate.fingerprint256, certificate.fingerprint256);
  } finally {
    await next.stop();
  }
});

test('HTTP/2 and HTTP/1.1 by ALPN, and no old TLS', async () => {
  const gw = await fresh();
  try {
    assert.equal((await handshake(gw, { ALPNProtocols: ['h2', 'http/1.1'] })).alpn, 'h2');
    assert.equal((await handshake(gw, { ALPNProtocols: ['http/1.1'] })).alpn, 'http/1.1');
    assert.equal((await handshake(gw)).protocol, 'TLSv1.3');
    await assert.rejects(handshake(gw, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }));
    for (const [args, version] of [[['--http2'], 'HTTP/2'], [['--http1.1'], 'HTTP/1.1']]) {
      await expectExchange(gw, {
        request: { target: '/open', method: 'POST', data: 'body', scheme: 'https', args }, status: 200, version, upstream,
        saw: (seen) => {
          assert.equal(seen.header('x-forwarded-proto'), 'https');
          assert.equal(seen.body.toString(), 'body');
        },
      });
      await expectExchange(gw, { request: { target: '/closed', scheme: 'https', args }, status: 404, body: '', version, reason: 'no_route', upstream });
    }
  } finally {
    await gw.stop();
  }
});

test('a given certificate is the one that is shown', async () => {
  const dir = temporary('brama-tls');
  const [crt, key] = ['crt.pem', 'key.pem'].map((name) => path.join(dir, name));
  const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', crt, '-subj', '/CN=given', '-days', '30', '-addext', 'subjectAltName=DNS:*.test.local']);
  assert.equal(made.code, 0, made.err);
  const gw = await fresh({ args: ['--tls-cert', crt, '--tls-key', key] });
  try {
    assert.equal((await handshake(gw)).certificate.subject, 'CN=given');
    await expectExchange(gw, { request: { target: '/open', scheme: 'https', args: ['--cacert', crt] }, status: 200, upstream });
  } finally {
    await gw.stop();
  }
});
