// The process that signs for id_token: whose child it is, what it is asked and refuses, and what becomes of requests
// when it, the agent or the data plane dies. docs/architecture.md, "The signer".
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { curl } from './lib/curl.mjs';
import { expectExchange, recorded } from './lib/expect.mjs';
import { gateway, verb } from './lib/gateway.mjs';
import { makeKey } from './lib/keys.mjs';
import { listens, sleep, temporary, until } from './lib/place.mjs';
import { alive, childrenOf, processes } from './lib/process.mjs';
import { apiRule, apiRuleV1 } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw;
const states = [];
const idToken = (config) => apiRuleV1({ rules: [{ path: '/x', accessStrategies: [{ handler: 'noop' }], mutators: [{ handler: 'id_token', ...(config && { config }) }] }] });
const open = async (more = {}) => {
  gw = await gateway({ services: { 'httpbin.shop': upstream.port }, files: { 'rule.yaml': idToken() }, ...more });
  states.push(gw.state);
  return gw;
};
/** The next agent, of the same state. */
const next = (g, more = {}) => open({ state: g.state, rules: g.rules, ports: g, files: {}, ...more });
/** Without the part of it that stays root: its own child. */
const signers = (g = gw) => {
  const all = processes().filter((one) => / signer --state /.test(one.command) && one.command.includes(g.state) && alive(one.pid));
  return all.filter((one) => !all.some((other) => other.pid === one.parent));
};
const only = (g = gw) => until('one signer', () => signers(g).length === 1 && signers(g)[0]);
const killAgent = async (g) => {
  g.process.child.kill('SIGKILL');
  await g.process.ended;
};
before(async () => (upstream = await recorder()));
afterEach(async () => {
  await gw?.stop();
  const left = processes().filter((one) => states.some((state) => one.command.includes(state)) && alive(one.pid));
  for (const one of left) process.kill(one.pid, 'SIGKILL');
  assert.deepEqual(left, [], 'a process is left');
  states.length = 0;
  gw = undefined;
});
after(() => upstream?.stop());

const signed = async (g = gw) => {
  let token;
  await expectExchange(g, { upstream, request: { target: '/x' }, status: 200, reason: 'allowed', saw: (seen) => (token = seen.header('authorization')) });
  assert.match(token, /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
  return token.slice('Bearer '.length);
};
/** Refused for want of a token; the record says why. */
const unsigned = async (cause, g = gw) => {
  const { response } = await expectExchange(g, {
    upstream, request: { target: '/x', headers: ['Authorization: Bearer mine'] }, status: 500, reason: 'signer_failed',
    body: /^\{"error":\{"code":500,"status":"Internal Server Error","request":"[\w-]+","message":"An internal server error occurred, please contact the system administrator"\}\}\n$/,
  });
  assert.match((await recorded(g, response.header('x-request-id'))).cause, cause);
};
/** As a worker asks; what somebody who took one over could send. */
const ask = (g, body, { method = 'POST', target = '/sign' } = {}) =>
  new Promise((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const request = http.request({ socketPath: path.join(g.state, 'signer.sock'), method, path: target, headers: { 'content-length': Buffer.byteLength(text) } }, (answer) => {
      let got = '';
      answer.on('data', (data) => (got += data));
      answer.on('end', () => resolve({ status: answer.statusCode, text: got }));
    });
    request.on('error', reject);
    request.end(text);
  });
const SHIPPED = { issuer: 'https://oathkeeper.test.local', jwks_url: '', ttl_ms: 60000, subject: 'alice' };

test('a child of the agent with a session of its own, and none where no rule needs it', async () => {
  await open({ files: { 'rule.yaml': apiRule({ rules: [{ path: '/x', noAuth: true }] }) } });
  await sleep(1200);
  assert.deepEqual(signers(), []);
  for (const name of ['signer.sock', 'signing-key.pem', 'signer.json', 'jwks.json']) assert.ok(!existsSync(path.join(gw.state, name)), name);
  const none = await gw.ask('/.well-known/jwks.json');
  assert.equal(none.status, 500);
  gw.write('rule.yaml', idToken());
  await until('the rule in force', async () => (await gw.apiRule('httpbin')).version === 'v1beta1');
  await signed(); // the first request of all: it waits in the socket's queue while the key is made
  const one = await only();
  assert.equal(one.parent, gw.pid);
  assert.equal(one.session, one.pid);
  assert.equal(one.uid, childrenOf(Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8')))[0].uid, 'the workers\' user');
});

test('nothing but what a rule names is signed, whoever asks', async () => {
  await open();
  const good = await ask(gw, SHIPPED);
  assert.equal(good.status, 200, good.text);
  assert.equal(decodeJwt(JSON.parse(good.text).token).sub, 'alice');
  for (const [what, body, status, options] of [
    ['another issuer', { ...SHIPPED, issuer: 'https://bank.example' }, 403],
    ['for longer', { ...SHIPPED, ttl_ms: 60001 }, 403],
    ['with a file of its own choice', { ...SHIPPED, jwks_url: 'file:///etc/passwd' }, 403],
    ['a kid of its own', { ...SHIPPED, kid: 'mine' }, 400],
    ['no JSON', 'alice', 400],
    ['nothing', '', 400],
    ['too much', 'x'.repeat(100_000), 413],
    ['too much of a token', { ...SHIPPED, claims: { a: 'x'.repeat(10_000) } }, 422],
    ['another way', SHIPPED, 405, { method: 'PUT' }],
    ['another page', SHIPPED, 404, { target: '/keys' }],
  ]) {
    const answer = await ask(gw, body, options);
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    assert.ok(!/eyJ/.test(answer.text), what);
  }
  gw.write('rule.yaml', idToken({ issuer_url: 'https://new.example' }));
  await until('the new issuer', async () => (await ask(gw, { ...SHIPPED, issuer: 'https://new.example' })).status === 200);
  await until('the old one is nobody\'s any more', async () => (await ask(gw, SHIPPED)).status === 403, { timeout: 15_000, every: 300 });
  await signed();
});

test('killed: the next request waits for the next signer; killed again and again: 500, and then it heals', async () => {
  await open();
  const kid = decodeProtectedHeader(await signed()).kid;
  await sleep(1100); // nothing that the worker keeps serves
  const first = (await only()).pid;
  process.kill(first, 'SIGKILL');
  await until('it has ended', () => !alive(first));
  assert.equal(decodeProtectedHeader(await signed()).kid, kid, 'the key is on the disk');
  await sleep(1100);
  for (const more of [1, 2]) {
    process.kill((await only()).pid, 'SIGKILL');
    await until('the agent has seen it', () => gw.process.err.match(/started again soon/g)?.length === more);
  }
  await unsigned(/can't be reached/); // it waits two seconds before it starts another
  await until('another one', async () => (await only()) && (await ask(gw, SHIPPED).catch(() => ({}))).status === 200);
  await signed();
});

test('it doesn\'t answer: 500 when its time is over', async () => {
  await open();
  await signed();
  await sleep(1100);
  const { pid } = await only();
  process.kill(pid, 'SIGSTOP');
  try {
    await unsigned(/can't be reached/);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await sleep(100);
  await signed();
});

test('the agent is killed: signing goes on; the next agent\'s signer takes over with the same key', async () => {
  const g = await open();
  const before_ = await only();
  const kid = decodeProtectedHeader(await signed()).kid;
  await killAgent(g);
  await sleep(1500);
  assert.ok(alive(before_.pid));
  assert.equal(decodeProtectedHeader(await signed(g)).kid, kid);
  await next(g);
  await until('the old one ends', () => !alive(before_.pid));
  assert.notEqual((await only()).pid, before_.pid);
  assert.equal(decodeProtectedHeader(await signed()).kid, kid);
});

test('agent and signer are killed: 500 and nothing else, until the next agent', async () => {
  const g = await open();
  await signed();
  await killAgent(g);
  process.kill((await only(g)).pid, 'SIGKILL');
  await sleep(1200);
  await unsigned(/can't be reached/, g);
  await next(g);
  await signed();
});

test('an agent whose rules need no signer ends the one that was left', async () => {
  const g = await open();
  await signed(); // now there is a key
  const { pid } = await only();
  await killAgent(g);
  writeFileSync(path.join(g.rules, 'rule.yaml'), apiRule({ rules: [{ path: '/x', noAuth: true }] }));
  await next(g);
  await until('it ends', () => !alive(pid));
  assert.ok(existsSync(path.join(g.state, 'signing-key.pem')), 'its key stays');
  assert.equal((await gw.ask('/.well-known/jwks.json')).status, 500);
});

test('neither agent nor data plane: it ends by itself', async () => {
  const g = await open();
  const { pid } = await only();
  await killAgent(g);
  const end = await verb(['stop', '--state', g.state]);
  assert.equal(end.code, 0, end.err);
  await until('it ends', () => !alive(pid), { timeout: 5000 });
  gw = undefined;
});

test('what somebody removes is made again, and a directory that is moved away works on', async () => {
  const g = await open();
  const kid = decodeProtectedHeader(await signed()).kid;
  for (const name of ['jwks.json', 'signer.json']) {
    rmSync(path.join(g.state, name));
    await until(`${name} again`, () => existsSync(path.join(g.state, name)));
  }
  const { pid } = await only();
  rmSync(path.join(g.state, 'signer.sock'));
  await until('the next signer', () => !alive(pid) && signers().length === 1);
  await until('its answer', async () => (await ask(g, SHIPPED).catch(() => ({}))).status === 200);
  await signed();
  renameSync(g.state, `${g.state}.away`);
  try {
    process.kill((await only()).pid, 'SIGKILL');
    await until('it signs', async () => (await ask({ state: `${g.state}.away` }, SHIPPED).catch(() => ({}))).status === 200);
    assert.equal(decodeProtectedHeader(JSON.parse((await ask({ state: `${g.state}.away` }, SHIPPED)).text).token).kid, kid);
  } finally {
    renameSync(`${g.state}.away`, g.state);
  }
});

test('the own key is made once and never written over', async () => {
  const g = await open();
  const file = path.join(g.state, 'signing-key.pem');
  const kid = decodeProtectedHeader(await signed()).kid;
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^-----BEGIN PRIVATE KEY-----/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await gw.stop();
  writeFileSync(file, 'no key at all\n');
  await next(g);
  await unsigned(/neither a PEM key/);
  assert.equal(readFileSync(file, 'utf8'), 'no key at all\n');
  writeFileSync(file, text);
  await sleep(1100);
  assert.equal(decodeProtectedHeader(await signed()).kid, kid, 'and read again when it changes');
});

test('the state directory is removed: another signer is told what may be signed, and signs', async () => {
  await open();
  await signed();
  const before = await only();
  for (let gone = false; !gone; ) {
    try {
      rmSync(gw.state, { recursive: true });
      gone = true;
    } catch (error) {
      assert.equal(error.code, 'ENOTEMPTY'); // somebody puts a file into it meanwhile
    }
  }
  await until('it to be made again', () => /was removed: made again/.test(gw.process.err));
  await until('the one before to end', () => !alive(before.pid));
  await until('another nginx', () => existsSync(path.join(gw.state, 'nginx.pid')) && existsSync(path.join(gw.state, 'signer.sock')));
  await gw.ready();
  await until('a token', async () => {
    const answer = await curl(gw.url('httpbin', '/x'), { resolve: gw.resolve('httpbin') });
    return answer.status === 200;
  });
  await signed();
  await only();
});

/** Two requests whose token the signer is asked for while it stands still, and then SIGTERM. */
const drained = async (then) => {
  await open({ args: ['--drain', '20s'] });
  await signed();
  await sleep(1100); // nothing that the worker keeps serves
  const seen = upstream.seen.length;
  const { pid } = await only();
  process.kill(pid, 'SIGSTOP');
  const answers = [1, 2].map(() => curl(gw.url('httpbin', '/x'), { headers: ['Authorization: Bearer mine'], resolve: gw.resolve('httpbin') }));
  await sleep(300);
  gw.process.child.kill('SIGTERM');
  await until('no new connections', async () => !(await listens(gw.port)));
  await then(pid);
  const ends = await Promise.all(answers);
  assert.deepEqual(await gw.process.ended, { code: 0, signal: null });
  assert.ok(!alive(pid), 'no signer is left');
  return { ends, seen: upstream.seen.slice(seen) };
};
const withToken = ({ ends, seen }) => {
  assert.deepEqual(ends.map((end) => end.status), [200, 200]);
  assert.equal(seen.length, 2);
  for (const one of seen) assert.equal(decodeJwt(/^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(one.header('authorization'))[1]).iss, SHIPPED.issuer);
};

test('SIGTERM while a token is being signed: the request is answered with it', async () => {
  withToken(await drained((pid) => process.kill(pid, 'SIGCONT')));
});

test('and when the signer dies meanwhile, with the next one\'s', async () => {
  withToken(await drained((pid) => process.kill(pid, 'SIGKILL'))); // it had accepted nothing: the questions stood in the queue
});

test('and when it never answers, the request is refused and goes nowhere', async () => {
  const { ends, seen } = await drained(() => sleep(100));
  for (const end of ends) assert.deepEqual([end.status, JSON.parse(end.text).error.status], [500, 'Internal Server Error']);
  assert.deepEqual(gw.log().slice(-2).map((line) => [line.decision, line.reason]), [['deny', 'signer_failed'], ['deny', 'signer_failed']]);
  assert.deepEqual(seen, []);
});

test('a rule that changes while its token is being signed: signed as it says now', async () => {
  const folder = temporary('brama-secrets');
  const [first, second] = ['first', 'second'].map((kid) => {
    const key = makeKey('ES256', { kid });
    const file = path.join(folder, `${kid}.json`);
    writeFileSync(file, JSON.stringify({ keys: [{ ...key.privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] }), { mode: 0o600 });
    return `file://${file}`;
  });
  await open({ files: { 'rule.yaml': idToken({ jwks_url: first }) } });
  assert.equal(decodeProtectedHeader(await signed()).kid, 'first');
  await sleep(1100); // nothing that the worker keeps serves
  const seen = upstream.seen.length;
  const { pid } = await only();
  process.kill(pid, 'SIGSTOP');
  const answer = curl(gw.url('httpbin', '/x'), { resolve: gw.resolve('httpbin') });
  await sleep(200);
  gw.write('rule.yaml', idToken({ jwks_url: second }));
  const may = () => JSON.parse(readFileSync(path.join(gw.state, 'signer.json'), 'utf8')).tokens.map((one) => one.jwks_url);
  await until('only the new one to be told', () => may().join() === second, { timeout: 4000 });
  process.kill(pid, 'SIGCONT');
  assert.equal((await answer).status, 200); // decided anew with the answer that no longer fits, and asked once more
  assert.equal(decodeProtectedHeader(upstream.seen[seen].header('authorization').replace('Bearer ', '')).kid, 'second');
  assert.equal(upstream.seen.length, seen + 1);
});
