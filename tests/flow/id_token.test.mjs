// The mutator id_token: a JWT of the gateway's own for the workload (oathkeeper.md 3.3, 5.4, 7.8; apirule.md 2.5).
// The key is in a process of its own; signer.test.mjs is about that one's life.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { expectExchange, explain } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { makeKey, makeToken } from './lib/keys.mjs';
import { sleep, temporary } from './lib/place.mjs';
import { apiRuleV1 } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const key = makeKey('RS256');
const secret = (of, rest = {}) => ({ ...of.privateKey.export({ format: 'jwk' }), kid: of.kid, alg: of.alg, use: 'sig', ...rest });
const idToken = (config) => ({ handler: 'id_token', ...(config && { config }) });
const NO_500 = { status: 500, body: /^\{"error":\{"code":500,"status":"Internal Server Error",.*"message":"An internal server error occurred, please contact the system administrator"\}\}\n$/ };

describe('id_token', () => {
  const folder = temporary('brama-id-token');
  const file = (name) => path.join(folder, name);
  const url = (name) => `file://${file(name)}`;
  const rsa = makeKey('RS256', { kid: 'rsa' });
  const ec = makeKey('ES256', { kid: 'ec' });
  const ed = makeKey('EdDSA', { kid: 'ed' });
  let upstream, keys, hydrator, gw;
  const put = (name, set) => {
    writeFileSync(file(`${name}.tmp`), JSON.stringify(set));
    renameSync(file(`${name}.tmp`), file(name));
  };

  before(async () => {
    put('rsa.json', { keys: [secret(rsa)] });
    put('ec.json', { keys: [{ ...ec.jwk }, secret(ec)] });
    put('ed.json', { keys: [secret(ed)] });
    put('pss.json', { keys: [secret(rsa, { kid: 'pss', alg: 'PS512' })] });
    put('hs.json', { keys: [{ kty: 'oct', k: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', kid: 'hs', alg: 'HS256' }] });
    put('public.json', { keys: [rsa.jwk] });
    put('broken.json', { keys: [secret(makeKey('RS256'), { n: secret(rsa).n })] });
    put('turning.json', { keys: [secret(rsa)] });
    upstream = await recorder();
    keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
    hydrator = await recorder();
    hydrator.answer = (req, res, seen) => {
      const session = JSON.parse(seen.body.toString());
      res.end(JSON.stringify({ ...session, extra: { team: 'blue' } }));
    };
    const jwt = { handler: 'jwt', config: { jwks_urls: [`${keys.url}/jwks`] } };
    const noop = { handler: 'noop' };
    const rule = (at, strategy, ...mutators) => ({ path: at, accessStrategies: [strategy], mutators });
    const claims = '{"aud":["foo","bar"],"who":"{{ print .Subject }}","team":"{{ print .Extra.team }}","third":"{{ printIndex .MatchContext.RegexpCaptureGroups 9 }}"}';
    gw = await gateway({
      services: { 'httpbin.shop': upstream.port },
      files: {
        'rule.yaml': apiRuleV1({
          rules: [
            rule('/plain', jwt, idToken()),
            rule('/open', noop, idToken()),
            rule('/nobody', { handler: 'unauthorized' }, idToken()),
            rule('/claims', jwt, idToken({ claims, issuer_url: 'https://gate.example', ttl: '30s' })),
            rule('/over', jwt, idToken({ claims: '{"iss":"{{ print .Extra.iss }}","sub":"root","exp":9999999999,"iat":1,"nbf":1,"jti":"mine","keep":1700000000}' })),
            rule('/short', jwt, idToken({ ttl: '2s', claims: '{"team":"{{ print .Extra.team }}"}' })),
            rule('/long', jwt, idToken({ ttl: '15m', claims: '{"team":"{{ print .Extra.team }}"}' })),
            rule('/other-issuer', jwt, idToken({ issuer_url: 'https://other.example' })),
            rule('/list', jwt, idToken({ claims: '["a"]' })),
            rule('/unquoted', jwt, idToken({ claims: '{"who":{{ print .Subject }}}' })),
            rule('/nothing', jwt, idToken({ claims: '{"who":"{{ .Extra.no.such }}"}' })),
            rule('/rsa', noop, idToken({ jwks_url: url('rsa.json') })),
            rule('/ec', noop, idToken({ jwks_url: url('ec.json') })),
            rule('/ed', noop, idToken({ jwks_url: url('ed.json') })),
            rule('/pss', noop, idToken({ jwks_url: url('pss.json') })),
            rule('/hs', noop, idToken({ jwks_url: url('hs.json') })),
            rule('/public', noop, idToken({ jwks_url: url('public.json') })),
            rule('/broken', noop, idToken({ jwks_url: url('broken.json') })),
            rule('/missing', noop, idToken({ jwks_url: url('missing.json') })),
            rule('/turning', noop, idToken({ jwks_url: url('turning.json') })),
            rule('/after', noop, { handler: 'header', config: { headers: { 'X-A': 'a' } } }, idToken({ claims: '{"a":"{{ .Header.Get "X-A" }}"}' }),
              { handler: 'header', config: { headers: { 'X-Copy': '{{ .Header.Get "Authorization" }}' } } }, { handler: 'cookie', config: { cookies: { c: '1' } } }),
            rule('/hydrated', jwt, { handler: 'hydrator', config: { api: { url: `http://127.0.0.1:${hydrator.port}/` } } }, idToken({ claims: '{"team":"{{ print .Extra.team }}"}' })),
          ],
        }),
      },
    });
  });
  after(async () => {
    await gw?.stop();
    await Promise.all([upstream?.stop(), keys?.stop(), hydrator?.stop()]);
  });

  const bearer = (more = {}) => `Authorization: Bearer ${makeToken(key, { iss: 'https://issuer.example', sub: 'alice', team: 'red', ...more })}`;
  const jwksOf = async () => {
    const answer = await gw.ask('/.well-known/jwks.json');
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.header('content-type'), /^application\/json/);
    return JSON.parse(answer.text);
  };
  /** One request that is let in: {header, payload, token} of what the workload got, verified by the admin listener's keys. */
  const signed = async (target, headers = [], { more } = {}) => {
    let token, seen;
    await expectExchange(gw, {
      upstream, request: { target, headers }, status: 200, reason: 'allowed',
      saw: (s) => {
        seen = s;
        assert.equal(s.all('authorization').length, 1);
        token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(s.header('authorization'))?.[1];
        assert.ok(token, s.header('authorization'));
      },
    });
    const verified = await jwtVerify(token, createLocalJWKSet(await jwksOf()));
    assert.ok(!gw.logText().includes(token.split('.')[2]), 'the log has the token');
    more?.(seen);
    return { header: verified.protectedHeader, payload: verified.payload, token };
  };
  const refused = (target, headers, reason, cause) => expectExchange(gw, {
    upstream, request: { target, headers }, ...NO_500, reason, body: (text, response) => {
      assert.match(text, NO_500.body);
      cause && causes.push([response.header('x-request-id'), cause]);
    },
  });
  const causes = [];

  test('as Kyma ships it: its issuer, a minute, the gateway\'s own key; the client\'s own token stays outside', async () => {
    const before_s = Math.floor(Date.now() / 1000);
    const sent = bearer();
    const { header, payload, token } = await signed('/plain', [sent]);
    const own = (await jwksOf()).keys.find((one) => one.kid === header.kid);
    assert.deepEqual(Object.keys(payload).sort(), ['exp', 'iat', 'iss', 'jti', 'nbf', 'sub']);
    assert.equal(payload.iss, 'https://oathkeeper.test.local');
    assert.equal(payload.sub, 'alice');
    assert.match(payload.jti, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(payload.exp, payload.iat + 60);
    assert.equal(payload.nbf, payload.iat);
    assert.ok(payload.iat >= before_s && payload.iat <= Date.now() / 1000);
    assert.deepEqual(header, { alg: 'RS256', typ: 'JWT', kid: own.kid });
    assert.equal(own.kty, 'RSA');
    assert.ok(!sent.includes(token));
  });
  test('nobody in particular is the subject of an open rule', async () => {
    const { payload } = await signed('/open', ['Authorization: Bearer forged.by.me', 'authorization_: x']);
    assert.equal(payload.sub, '');
  });
  test('who is refused has nothing signed', async () => {
    await expectExchange(gw, { upstream, request: { target: '/nobody' }, status: 401, reason: 'unauthorized' });
    await expectExchange(gw, { upstream, request: { target: '/plain', headers: [bearer({ exp: 1 })] }, status: 401, reason: 'token_expired' });
  });
  test('the template\'s object, and a group that isn\'t there is empty', async () => {
    const { payload } = await signed('/claims', [bearer()]);
    assert.deepEqual({ aud: payload.aud, who: payload.who, team: payload.team, third: payload.third }, { aud: ['foo', 'bar'], who: 'alice', team: 'red', third: '' });
    assert.equal(payload.iss, 'https://gate.example');
    assert.equal(payload.exp, payload.iat + 30);
  });
  test('what the signer says stands over the template', async () => {
    const { payload } = await signed('/over', [bearer()]);
    assert.equal(payload.iss, 'https://oathkeeper.test.local');
    assert.equal(payload.sub, 'alice');
    assert.notEqual(payload.jti, 'mine');
    assert.ok(payload.iat > 1 && payload.nbf === payload.iat && payload.exp === payload.iat + 60);
    assert.equal(payload.keep, 1700000000);
  });
  test('the same token while nine tenths of its time last, another one behind that', async () => {
    const jti = async (...ask) => (await signed(...ask)).payload.jti;
    const first = await signed('/long', [bearer()]);
    assert.equal(await jti('/long', [bearer()]), first.payload.jti, 'another request of the same caller');
    await sleep(1100); // no worker keeps it for so long: it is the signer's
    assert.equal((await signed('/long', [bearer()])).token, first.token);
    for (const [what, target, claims] of [['subject', '/long', { sub: 'bob' }], ['claims', '/long', { team: 'green' }], ['issuer', '/other-issuer', {}], ['time to live', '/plain', {}]]) {
      assert.notEqual(await jti(target, [bearer(claims)]), first.payload.jti, `another ${what}`);
    }
    const short = await jti('/short', [bearer()]);
    await sleep(1900);
    assert.notEqual(await jti('/short', [bearer()]), short);
  });
  test('key sets of files: RSA, EC and Ed25519, each by its own algorithm and kid', async () => {
    assert.deepEqual((await signed('/rsa')).header, { alg: 'RS256', typ: 'JWT', kid: 'rsa' });
    assert.deepEqual((await signed('/ec')).header, { alg: 'ES256', typ: 'JWT', kid: 'ec' });
    assert.deepEqual((await signed('/pss')).header, { alg: 'PS512', typ: 'JWT', kid: 'pss' });
    assert.deepEqual((await signed('/ed')).header, { alg: 'EdDSA', typ: 'JWT', kid: 'ed' });
  });
  test('the public halves of all of them, and never a private member', async () => {
    const { keys: shown } = await jwksOf();
    assert.deepEqual(shown.map((one) => one.kid).filter((kid) => kid.length < 10).sort(), ['ec', 'ed', 'pss', 'rsa']);
    for (const one of shown) for (const name of PRIVATE) assert.ok(!(name in one), `${one.kid} shows ${name}`);
    const text = JSON.stringify(shown);
    for (const one of [rsa, ec, ed]) for (const name of PRIVATE) {
      const value = one.privateKey.export({ format: 'jwk' })[name];
      assert.ok(!value || !text.includes(value), `${one.kid}: the text of ${name}`);
    }
    assert.equal((await gw.ask('/.well-known/jwks.json', { headers: ['Host: evil.example'] })).status, 421);
  });
  test('a key set that changes is signed with at once, the old one no more', async () => {
    const next = makeKey('ES256', { kid: 'next' });
    assert.equal((await signed('/turning')).header.kid, 'rsa');
    put('turning.json', { keys: [secret(next)] });
    await sleep(1100); // a worker may hand out what it has for the rest of a second
    assert.equal((await signed('/turning')).header.kid, 'next');
    writeFileSync(file('turning.json'), '{"keys": [');
    await sleep(1100);
    assert.equal((await signed('/turning')).header.kid, 'next', 'a broken file leaves what was there');
  });
  test('claims that are no JSON object are Oathkeeper\'s 500', async () => {
    await refused('/list', [bearer()], 'mutator_failed', /no JSON object/);
    await refused('/unquoted', [bearer()], 'mutator_failed', /no JSON object/);
    await refused('/nothing', [bearer()], 'mutator_failed', /at byte/);
    await refused('/claims', [bearer({ sub: 'a","role":"admin' })], 'mutator_failed', /would end the text/);
  });
  test('a key set that can\'t sign is Oathkeeper\'s 500, and says why', async () => {
    await refused('/hs', [], 'signer_failed', /shared secret/);
    await refused('/public', [], 'signer_failed', /no private key/);
    await refused('/broken', [], 'signer_failed', /private/);
    await refused('/missing', [], 'signer_failed', /No such file/);
    for (const [id, cause] of causes) {
      const said = await gw.verb(['explain', '--request', id, '--admin', gw.admin]);
      assert.match(said.out, cause);
    }
  });
  test('in the order of the chain: it sees what came before, and is seen behind', async () => {
    let copy;
    const { payload, token } = await signed('/after', [], { more: (seen) => (copy = seen.header('x-copy')) });
    assert.equal(payload.a, 'a');
    assert.equal(copy, `Bearer ${token}`);
    assert.equal((await signed('/hydrated', [bearer()])).payload.team, 'blue');
  });
  test('explain says that it would be signed, and has neither token nor key', async () => {
    const target = gw.url('httpbin', '/claims');
    const said = await explain(gw, { url: target, headers: [bearer()] });
    assert.equal(said.verdict, 'allow');
    assert.deepEqual(said.upstream_headers.find((one) => one.name === 'Authorization').value, 'Bearer (signed at the request)');
    assert.match(JSON.stringify(said), /would be signed: a JWT of issuer https:\/\/gate\.example for 30000 ms/);
    const live = await gw.verb(['explain', '--admin', gw.admin, 'GET', target, '-H', bearer()]);
    assert.match(live.out, /Bearer \(signed at the request\)/);
    assert.equal(live.code, 0);
    const checked = await gw.verb(['check', '-f', gw.rules, '--domain', 'test.local']);
    assert.equal(checked.code, 0, checked.out + checked.err);
    assert.deepEqual(checked.out.split('\n').filter((line) => /(warning|error): .*(mutators|id_token)/.test(line)), []);
  });
  test('brama test judges the claims, and signs nothing', async () => {
    const allow = { verdict: 'allow', headers: { Authorization: 'Bearer (signed at the request)' } };
    const deny = { verdict: 'deny', status: 500, reason: 'mutator_failed' };
    const suite = (tests) => JSON.stringify({ apiVersion: 'brama.dev/v1', kind: 'APIRuleTest', metadata: { name: 'signed', namespace: 'shop' }, spec: { host: 'httpbin.test.local', tests } });
    const tests = [
      { name: 'signed for alice', request: 'GET /claims', token: { subject: 'alice', claims: { team: 'red' } }, expect: allow },
      { name: 'nobody writes claims', request: 'GET /claims', token: { subject: 'a","role":"admin', claims: { team: 'red' } }, expect: deny },
      { name: 'a list is no object', request: 'GET /list', token: {}, expect: deny },
    ];
    writeFileSync(file('test.yaml'), suite(tests));
    const end = await gw.verb(['test', '-f', gw.rules, '-f', file('test.yaml'), '--domain', 'test.local']);
    assert.equal(end.code, 0, end.out + end.err);
    assert.match(end.out, /3 passed|ok .*nobody writes claims/);
  });
  test('files and socket are nobody else\'s', () => {
    const mode = (name) => statSync(path.join(gw.state, name)).mode & 0o777;
    assert.equal(mode('signer.sock'), 0o600);
    assert.equal(mode('signing-key.pem'), 0o600);
    assert.equal(mode('signer.json'), 0o600);
    assert.ok(!/PRIVATE|"d"/.test(readFileSync(path.join(gw.state, 'jwks.json'), 'utf8')));
  });
});
