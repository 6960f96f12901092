// TLS: HTTP/2 by ALPN, a certificate of our own where none is given, the given one otherwise.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { expectExchange } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { temporary, until } from './lib/place.mjs';
import { childrenOf, run } from './lib/process.mjs';
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

/** A pair of PEM texts for *.test.local, by its common name. */
async function makePair(name) {
  const dir = temporary('brama-tls');
  const [crt, key] = ['crt.pem', 'key.pem'].map((file) => path.join(dir, file));
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-subj', `/CN=${name}`, '-days', '30', '-addext', 'subjectAltName=DNS:*.test.local']);
  assert.equal(made.code, 0, made.err);
  return { crt: readFileSync(crt), key: readFileSync(key) };
}

/** One connection that is kept: ask() sends a GET on it, and says its status and certificate. */
function kept(gw) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  let socket;
  const ask = () =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: gw.tlsPort, servername: 'httpbin.test.local', path: '/open', agent, headers: { host: 'httpbin.test.local' } };
      const request = https.get(options, (answer) => {
        socket ??= request.socket;
        assert.equal(request.socket, socket, 'the connection is still the first one');
        const { subject } = new X509Certificate(request.socket.getPeerCertificate().raw);
        answer.resume().on('end', () => resolve(`${answer.statusCode} ${subject}`));
      });
      request.on('error', reject);
    });
  return { ask, end: () => agent.destroy() };
}

test('a certificate that is replaced: the next handshake has it, open connections and workers go on', async () => {
  const pairs = {};
  for (const name of ['first', 'second', 'third', 'fourth', 'fifth']) pairs[name] = await makePair(name);
  const dir = temporary('brama-tls');
  const at = (name) => path.join(dir, name);
  // As Kubernetes mounts a Secret: both names are links through ..data, which is replaced.
  const swap = ({ crt, key }, to) => {
    mkdirSync(at(to));
    writeFileSync(at(`${to}/tls.crt`), crt);
    writeFileSync(at(`${to}/tls.key`), key);
    symlinkSync(to, at('..next'));
    renameSync(at('..next'), at('..data'));
  };
  swap(pairs.first, '..1');
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, at(name));
  const gw = await fresh({ args: ['--tls-cert', at('tls.crt'), '--tls-key', at('tls.key')] });
  const workers = () => childrenOf(Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'))).map((one) => one.pid);
  const shown = async () => (await handshake(gw)).certificate.subject;
  const turns = (name) => until(`${name} to be shown`, async () => (await shown()) === `CN=${name}`);
  const says = (since, what) => until(`the log to say ${what}`, () => what.test(gw.process.err.slice(since)));
  const open = kept(gw);
  try {
    const before = workers();
    assert.equal(await open.ask(), '200 CN=first');
    await turns('first');

    swap(pairs.second, '..2');
    await turns('second');
    assert.equal(await open.ask(), '200 CN=first');

    // One file after the other: in between the pair doesn't fit.
    let logged = gw.process.err.length;
    renameSync(at('..data/tls.key'), at('old.key'));
    writeFileSync(at('..data/tls.crt'), pairs.third.crt);
    writeFileSync(at('..data/tls.key'), readFileSync(at('old.key')));
    await says(logged, /tls\.crt: .*key/);
    assert.equal(await shown(), 'CN=second', 'the pair before stays');
    writeFileSync(at('..data/tls.key'), pairs.third.key);
    await turns('third');

    for (const [what, make, word] of [
      ['no PEM', () => writeFileSync(at('..data/tls.crt'), 'nothing of the sort'), /tls\.crt: /],
      ['an empty file', () => writeFileSync(at('..data/tls.key'), ''), /tls\.crt: /],
      ['a missing file', () => rmSync(at('..data/tls.key')), /tls\.key: can't be read: No such file/],
    ]) {
      logged = gw.process.err.length;
      make();
      await says(logged, word);
      assert.equal(await shown(), 'CN=third', `${what}: the pair before stays`);
    }
    swap(pairs.fourth, '..4');
    await turns('fourth');
    assert.equal(await open.ask(), '200 CN=first');
    assert.deepEqual(workers(), before);

    writeFileSync(at('..4/tls.crt'), pairs.fifth.crt);
    writeFileSync(at('..4/tls.key'), pairs.fifth.key);
    await turns('fifth');
    assert.equal(await open.ask(), '200 CN=first');
  } finally {
    open.end();
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
