// Whose the signer is: of a gateway that isn't root's everything is one user's; root's becomes the workers' user, and
// what that one can't read is handed in by a part of it that stays root.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { expectExchange } from './lib/expect.mjs';
import { gateway, notUnprivileged, unprivileged } from './lib/gateway.mjs';
import { makeKey } from './lib/keys.mjs';
import { temporary, until } from './lib/place.mjs';
import { alive, childrenOf, processes } from './lib/process.mjs';
import { apiRuleV1 } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

test('started as nobody in particular', { skip: notUnprivileged() }, async () => {
  const upstream = await recorder();
  const gw = await gateway({
    as: unprivileged,
    services: { 'httpbin.shop': upstream.port },
    files: { 'rule.yaml': apiRuleV1({ rules: [{ path: '/x', accessStrategies: [{ handler: 'noop' }], mutators: [{ handler: 'id_token' }] }] }) },
  });
  try {
    await expectExchange(gw, {
      upstream, request: { target: '/x' }, status: 200, reason: 'allowed', saw: (seen) => assert.match(seen.header('authorization'), /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/),
    });
    const [signer] = processes().filter((one) => / signer --state /.test(one.command) && one.command.includes(gw.state));
    assert.equal(signer.uid, unprivileged.uid);
    assert.equal(statSync(path.join(gw.state, 'signer.sock')).uid, unprivileged.uid);
    assert.equal(statSync(path.join(gw.state, 'signing-key.pem')).mode & 0o777, 0o600);
  } finally {
    await gw.stop();
    await upstream.stop();
  }
});

/** {Uid, Gid, Groups, CapEff, ...}: the words behind the name. */
const statusOf = (pid) =>
  Object.fromEntries(readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n').map((line) => line.split(/:\s*/)).map(([name, rest]) => [name, rest.trim().split(/\s+/)]));

test('started as root: the workers\' user signs, with keys that only root can read, also when they are replaced', { skip: process.getuid() !== 0 && 'not root' }, async () => {
  const secrets = path.join(temporary('brama-secrets'), 'only-root');
  mkdirSync(secrets, { mode: 0o700 });
  const file = path.join(secrets, 'jwks.json');
  const put = (...keys) => {
    writeFileSync(`${file}.new`, JSON.stringify({ keys: keys.map((key) => ({ ...key.privateKey.export({ format: 'jwk' }), kid: key.kid, alg: 'ES256', use: 'sig' })) }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  const [first, second] = [makeKey('ES256', { kid: 'first' }), makeKey('ES256', { kid: 'second' })];
  put(first);
  const upstream = await recorder();
  const idToken = (at, config) => ({ path: at, accessStrategies: [{ handler: 'noop' }], mutators: [{ handler: 'id_token', ...config }] });
  const gw = await gateway({
    services: { 'httpbin.shop': upstream.port },
    files: { 'rule.yaml': apiRuleV1({ rules: [idToken('/file', { config: { jwks_url: `file://${file}` } }), idToken('/own')] }) },
  });
  try {
    const kidOf = async (target) => {
      let token;
      await expectExchange(gw, { upstream, request: { target }, status: 200, reason: 'allowed', saw: (seen) => (token = seen.header('authorization').replace('Bearer ', '')) });
      return (await jwtVerify(token, createLocalJWKSet(JSON.parse((await gw.ask('/.well-known/jwks.json')).text)))).protectedHeader.kid;
    };
    const signer = () => until('the signer', () => childrenOf(gw.pid).find((one) => / signer --state /.test(one.command)));
    assert.equal(await kidOf('/file'), 'first');
    await kidOf('/own');
    const [worker] = childrenOf(Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8')));
    const { pid } = await signer();
    const of = statusOf(pid);
    assert.notEqual(worker.uid, 0);
    assert.deepEqual(of.Uid, Array(4).fill(String(worker.uid)), 'real, effective, saved and of the file system');
    assert.deepEqual(of.Gid, Array(4).fill(statusOf(worker.pid).Gid[0]));
    assert.deepEqual([of.Groups, of.CapEff, of.CapPrm, of.NoNewPrivs], [[''], ['0000000000000000'], ['0000000000000000'], ['1']]);
    for (const one of [file, path.join(gw.state, 'signing-key.pem'), path.join(gw.state, 'signer.json')]) {
      assert.deepEqual([statSync(one).uid, statSync(one).mode & 0o777], [0, 0o600]);
      assert.notEqual(spawnSync('cat', [one], { uid: worker.uid, gid: Number(of.Gid[0]) }).status, 0, 'no worker can read it');
    }
    assert.equal(statSync(path.join(gw.state, 'jwks.json')).uid, 0, 'nor write what others verify by');
    assert.notEqual(spawnSync('cat', [`/proc/${pid}/environ`], { uid: worker.uid, gid: Number(of.Gid[0]) }).status, 0, 'nor look into the signer');

    put(first, second); // the last one signs
    await until('the next key', async () => (await kidOf('/file')) === 'second', { every: 300 });

    // Its root part is its own child. Whichever of the two dies, both are replaced.
    const [porter] = childrenOf(pid);
    assert.equal(porter.uid, 0);
    assert.equal(childrenOf(pid).length, 1);
    process.kill(porter.pid, 'SIGTERM');
    process.kill(porter.pid, 'SIGKILL');
    await until('the signer to end with it', () => !alive(pid), { timeout: 5000 });
    const next = await signer();
    assert.equal(await kidOf('/file'), 'second');
    const [other] = await until('another one', () => childrenOf(next.pid).length === 1 && childrenOf(next.pid));
    process.kill(next.pid, 'SIGKILL');
    await until('it to end with the signer', () => !alive(other.pid), { timeout: 5000 });
  } finally {
    await gw.stop();
    await upstream.stop();
  }
  const left = processes().filter((one) => one.command.includes(gw.state) && alive(one.pid));
  assert.deepEqual(left, []);
});
