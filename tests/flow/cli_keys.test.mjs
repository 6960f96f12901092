// The chain of the self-made article by brama alone: a key, its key set, a token; judged by npm's jose,
// which knows nothing of us.
import assert from 'node:assert/strict';
import { statSync, writeFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { verb } from './lib/gateway.mjs';
import { temporary } from './lib/place.mjs';

const dir = temporary('brama-keys');
const keyFile = (alg) => path.join(dir, `${alg}.pem`);
const ISSUER = 'http://poster-app.default.svc.cluster.local';

for (const alg of ['RS256', 'ES256', 'EdDSA']) {
  test(`${alg}: a key, its set and a token that another library accepts`, async () => {
    const made = await verb(['keys', 'new', '--alg', alg, '--out', keyFile(alg)]);
    assert.equal(made.code, 0, made.err);
    assert.equal(made.out, '', 'nothing but the file');
    assert.equal(statSync(keyFile(alg)).mode & 0o777, 0o600);
    assert.match(readFileSync(keyFile(alg), 'utf8'), /^-----BEGIN PRIVATE KEY-----/);

    const listed = await verb(['keys', 'jwks', keyFile(alg)]);
    assert.equal(listed.code, 0, listed.err);
    const set = JSON.parse(listed.out);
    assert.equal(set.keys.length, 1);
    const [jwk] = set.keys;
    assert.deepEqual([jwk.alg, jwk.use], [alg, 'sig']);
    assert.ok(!('d' in jwk) && !('p' in jwk), 'no private part');

    const args = ['token', 'mint', '--key', keyFile(alg), '--issuer', ISSUER, '--scope', 'test read', '--sub', 'me', '--ttl', '3600s', '--aud', 'shop'];
    const minted = await verb(args);
    assert.equal(minted.code, 0, minted.err);
    assert.match(minted.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, 'the raw token, and a newline');
    const token = minted.out.trim();
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), { issuer: ISSUER, audience: 'shop' });
    assert.equal(payload.scope, 'test read');
    assert.equal(payload.sub, 'me');
    assert.equal(payload.exp - payload.iat, 3600);
    assert.equal(decodeProtectedHeader(token).kid, jwk.kid);
    const again = (await verb(args)).out.trim();
    const jti = (t) => JSON.parse(Buffer.from(t.split('.')[1], 'base64url')).jti;
    assert.ok(jti(token) && jti(token) !== jti(again), 'every token has its own jti');
  });
}

test('a key file is not overwritten unless asked', async () => {
  const before = readFileSync(keyFile('ES256'), 'utf8');
  const refused = await verb(['keys', 'new', '--alg', 'ES256', '--out', keyFile('ES256')]);
  assert.notEqual(refused.code, 0);
  assert.equal(readFileSync(keyFile('ES256'), 'utf8'), before);
  const forced = await verb(['keys', 'new', '--alg', 'ES256', '--force', '--out', keyFile('ES256')]);
  assert.equal(forced.code, 0, forced.err);
  assert.notEqual(readFileSync(keyFile('ES256'), 'utf8'), before);
});

test('a token without a subject is possible, as the self-made article has it', async () => {
  const { out, code } = await verb(['token', 'mint', '--key', keyFile('RS256'), '--issuer', ISSUER]);
  assert.equal(code, 0);
  const claims = JSON.parse(Buffer.from(out.split('.')[1], 'base64url'));
  assert.ok(!('sub' in claims) && !('scope' in claims));
});

test('what can not be used is told apart: usage 64, input 2', async () => {
  const rows = [
    ['no verb', [], 64],
    ['an unknown verb', ['mend'], 64],
    ['an unknown flag', ['keys', 'new', '--alg', 'ES256', '--colour', 'red'], 64],
    ['a missing flag', ['token', 'mint', '--issuer', ISSUER], 64],
    ['an unknown algorithm', ['keys', 'new', '--alg', 'RS257', '--out', path.join(dir, 'x')], 64],
    ['no such key file', ['token', 'mint', '--key', path.join(dir, 'absent'), '--issuer', ISSUER], 2],
    ['help', ['keys', 'new', '--help'], 0],
    ['version', ['version'], 0],
  ];
  for (const [name, args, code] of rows) {
    const end = await verb(args);
    assert.equal(end.code, code, `${name}: ${end.out}${end.err}`);
  }
});

test('every verb has help with an example', async () => {
  for (const name of ['run', 'stop', 'apply', 'delete', 'check', 'get', 'explain', 'keys', 'token', 'version']) {
    const { code, out } = await verb([name, '--help']);
    assert.equal(code, 0, name);
    assert.match(out, /brama /, name);
  }
});

test('garbage in a key file is no key', async () => {
  const file = path.join(dir, 'garbage.pem');
  writeFileSync(file, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  for (const args of [['keys', 'jwks', file], ['token', 'mint', '--key', file, '--issuer', ISSUER]]) {
    const end = await verb(args);
    assert.equal(end.code, 2, end.err);
    assert.equal(end.out, '');
  }
});
