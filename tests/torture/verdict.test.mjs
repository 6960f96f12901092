// The harness's own teeth: a record and a ledger as they are after a good run, and what the verdicts
// make of each way in which they can be worse.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { describe, test } from 'node:test';
import { chance } from './lib/chance.mjs';
import { contentOf, ownership } from './lib/content.mjs';
import { Connection } from './lib/h1.mjs';
import { complaints } from './lib/play.mjs';
import { verdict } from './lib/verdict.mjs';
import { PIECE_MS, workload } from './lib/workload.mjs';

const HOST = 'one.test.local';
const record = (more) => ({
  id: 'may-c0.0-1', lane: 'kept', class: 'may pass', service: 'one', host: HOST, hostThere: HOST, target: '/x', arrives: '/x',
  statuses: [401, 403], method: 'GET', idempotent: true, wants: 10, stale: [], tries: 1, ended: 5, took: 5,
  how: 'answered', status: 200, own: 'own', ...more,
});
const entry = (more) => ({
  id: 'may-c0.0-1', try: 1, service: 'one', port: 1, method: 'GET', target: '/x', host: HOST, sent: true, whole: true, dead: false, ...more,
});
const refused = (more) => record({ id: 'must-not-c0.0-2', class: 'must be refused', status: 401, own: undefined, ...more });
const post = { method: 'POST', idempotent: false };
const judge = (records, entries, strays) => {
  const { letIn, lost } = verdict({ records: [records].flat(), entries, strays });
  return { letIn: letIn.join('\n'), lost: lost.join('\n') };
};

describe('what is as it should be', () => {
  const rows = [
    ['passed, and once at its workload', record(), [entry()]],
    ['refused, and not there', refused(), []],
    ['turning, let in', record({ class: 'turning' }), [entry()]],
    ['turning, refused', record({ class: 'turning', status: 403, own: undefined }), []],
    ['a path that is normalised', record({ target: '/a/../x' }), [entry()]],
    ['a second try after a close between two requests', record({ tries: 2, stale: [1] }), [entry({ try: 2 })]],
    ['a GET that the gateway sent again, since the first was broken off', record(), [entry({ dead: true, whole: false }), entry()]],
    ['under way on a worker that was killed', record({ how: 'cut', excused: 'killed', status: undefined, own: undefined }), [entry({ whole: false })]],
    ['turned away by a gateway that ends', record({ how: 'refused', away: true, status: undefined, own: undefined }), []],
    ['the same, before it was taken', record({ how: 'unanswered', excused: 'killed', status: undefined, own: undefined }), []],
  ];
  for (const [name, one, entries] of rows) test(name, () => assert.deepEqual(judge(one, entries), { letIn: '', lost: '' }));
});

describe('somebody let in', () => {
  const rows = [
    ['who must be refused is at the workload', refused(), [entry({ id: 'must-not-c0.0-2' })], /at the workload: must-not/],
    ['and so on a connection that was cut', refused({ how: 'cut', excused: 'killed' }), [entry({ id: 'must-not-c0.0-2' })], /at the workload: must-not/],
    ['who must be refused has an answer of the workload', refused({ status: 200, own: 'own' }), [], /as if it had a right/],
    ['another path than the judged one', record(), [entry({ target: '/admin' })], /not as it was judged/],
    ['another query', record({ target: '/x?a', arrives: '/x?a' }), [entry({ target: '/x' })], /not as it was judged/],
    ['another method', record(), [entry({ method: 'POST' })], /not as it was judged/],
    ['another host', record(), [entry({ host: 'two.test.local' })], /not as it was judged/],
    ['another service', record(), [entry({ service: 'two' })], /not as it was judged/],
    ['refused while rules change, and forwarded', record({ class: 'turning', status: 403, own: undefined }), [entry()], /refused, and yet at the workload/],
    ['somebody whom nobody sent', record(), [entry(), entry({ id: 'x' })], /nobody sent x/],
    ['somebody without a name', record(), [entry(), entry({ id: undefined })], /nobody sent undefined/],
    ['the answer of another request', record({ own: 'of may-c0.1-1' }), [entry()], /another's answer/],
  ];
  for (const [name, one, entries, text] of rows) test(name, () => assert.match(judge(one, entries).letIn, text));
});

describe('something lost', () => {
  const cut = { how: 'cut', status: undefined, own: undefined };
  const rows = [
    ['no answer', record(cut), [entry()], /no whole answer/],
    ['no connection', record({ ...cut, how: 'refused' }), [], /no whole answer/],
    ['an answer of nobody', record({ ...cut, how: 'unanswered' }), [], /no whole answer/],
    ['half a refusal', refused(cut), [], /no whole answer/],
    ['a refusal of who may pass', record({ status: 401, own: undefined }), [], /the wrong answer/],
    ['a gateway error', record({ status: 502, own: undefined }), [entry({ whole: false })], /the wrong answer/],
    ['a gateway error for who must be refused', refused({ status: 503 }), [], /the wrong answer/],
    ['an error while rules change', record({ class: 'turning', status: 500, own: undefined }), [], /the wrong answer/],
    ['an answer that the workload did not give', record(), [], /0 times at the workload/],
    ['twice at the workload', record(), [entry(), entry()], /2 times at the workload/],
    ['a POST sent again', record(post), [entry({ ...post, dead: true }), entry(post)], /sent again/],
    ['the same, though it was cut then', record({ ...post, ...cut, excused: 'crashed' }), [entry({ ...post, dead: true }), entry({ ...post, dead: true })], /sent again/],
    ['a body that arrives spoiled', record(post), [entry({ ...post, sent: false })], /did not arrive as it was sent/],
    ['an answer that is spoiled', record({ own: 'spoiled' }), [entry()], /body is spoiled/],
    ['a spoiled one, though it could have been cut', record({ own: 'spoiled', excused: 'killed' }), [entry()], /body is spoiled/],
    ['closed without an answer, but taken', record({ tries: 2, stale: [1] }), [entry({ try: 1 }), entry({ try: 2 })], /closed without an answer, but taken/],
  ];
  rows.push(['turned away, but taken', record({ ...cut, how: 'unanswered', away: true }), [entry()], /turned away, but taken/]);
  for (const [name, one, entries, text] of rows) test(name, () => assert.match(judge(one, entries).lost, text));
  test('an answer that nobody asked for', () => assert.match(judge(record(), [entry()], ['kept: HTTP/1.1 200']).lost, /nobody asked for/));
  test('two requests of one id', () => assert.match(judge([record(), record()], [entry()]).lost, /the harness is wrong/));
});

test('a run without pressure, and a scene that came to no end, are complaints', () => {
  const result = { ...verdict({ records: [record()], entries: [entry()] }), events: [], seed: 1 };
  assert.match(complaints(result).join(), /only 1 passed,only 0 refused/);
  assert.deepEqual(complaints(result, { least: 0 }), []);
  assert.match(complaints({ ...result, failure: new Error('stuck') }, { least: 0 }).join(), /stuck/);
});

test('the same seed gives the same chances, another one others', () => {
  const draw = (seed, party) => Array.from({ length: 20 }, () => chance(seed, party).between(0, 1e9) && chance(seed, party).next());
  const series = (seed, party) => ((luck) => Array.from({ length: 20 }, () => luck.between(0, 1e6)))(chance(seed, party));
  assert.deepEqual(draw(1, 'a'), draw(1, 'a'));
  assert.deepEqual(series(7, 'a'), series(7, 'a'));
  assert.notDeepEqual(series(7, 'a'), series(8, 'a'));
  assert.notDeepEqual(series(7, 'a'), series(7, 'b'));
});

test('content tells whose it is', () => {
  assert.equal(ownership('may-c0.0-1', 100, contentOf('may-c0.0-1', 100)), 'own');
  assert.equal(ownership('may-c0.0-1', 0, Buffer.alloc(0)), 'own');
  assert.equal(ownership('may-c0.0-1', 100, contentOf('may-c0.0-2', 100)), 'of may-c0.0-2');
  assert.equal(ownership('may-c0.0-1', 100, contentOf('may-c0.0-1', 99)), 'spoiled');
  assert.equal(ownership('may-c0.0-1', 100, Buffer.alloc(100)), 'spoiled');
});

/** What a Connection says of a server that answers a request with these pieces (numbers: ms) and then closes. */
async function talk(pieces, { close = true, patience = 2000 } = {}) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', async () => {
      for (const piece of pieces) {
        if (typeof piece === 'number') await new Promise((r) => setTimeout(r, piece));
        else socket.write(piece);
      }
      if (close) socket.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const strays = [];
  const connection = new Connection(server.address().port, { patience, onStray: (data) => strays.push(String(data)) });
  const end = await connection.send([Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  connection.close();
  server.close();
  return { ...end, text: end.body && String(end.body), usable: connection.usable, strays };
}

describe('a client connection sees', () => {
  const OK = 'HTTP/1.1 200 OK\r\n';
  const rows = [
    ['a whole answer', [`${OK}content-length: 2\r\n\r\nhi`], { how: 'answered', status: 200, text: 'hi' }],
    ['one byte at a time', [...`${OK}content-length: 2\r\n\r\nhi`], { how: 'answered', text: 'hi' }],
    ['chunks', [`${OK}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n`, 5, 'a\r\n0123456789\r\n0\r\n\r', 5, '\n'], { how: 'answered', text: 'hi0123456789' }],
    ['a 100 before it', [`HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 0\r\n\r\n`], { how: 'answered', status: 200 }],
    ['a short body', [`${OK}content-length: 3\r\n\r\nhi`], { how: 'cut' }],
    ['chunks without an end', [`${OK}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n`], { how: 'cut' }],
    ['half a head', ['HTTP/1.1 200'], { how: 'cut' }],
    ['an end before any byte', [], { how: 'unanswered' }],
    ['an answer without a length', [`${OK}\r\nhi`], { how: 'cut' }],
    ['two answers', [`${OK}content-length: 0\r\n\r\n${OK}content-length: 0\r\n\r\n`], { how: 'cut' }],
  ];
  for (const [name, pieces, want] of rows) {
    test(name, async () => {
      const got = await talk(pieces);
      assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, got[key]])), want, JSON.stringify(got));
    });
  }
  test('silence', async () => assert.match((await talk([], { close: false, patience: 100 })).why, /silent/));
  test('a second answer a little later', async () => {
    const got = await talk([`${OK}content-length: 0\r\n\r\n`, 20, OK], { close: false });
    assert.deepEqual([got.how, got.strays], ['answered', [OK]]);
  });
  test('nobody at the port', async () => {
    const server = http.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    assert.equal((await new Connection(port).send([Buffer.from('x')])).how, 'refused');
  });
});

test('a workload has answered to its end when the last byte is out, in however many pieces', async () => {
  const ledger = [];
  const one = await workload('one', ledger);
  const headers = { 'x-id': 'may-c0.0-1', 'x-wants': '2', 'x-pieces': '100' };
  const text = await new Promise((resolve, reject) => {
    http.get({ host: one.host, port: one.port, headers, agent: false }, (res) => {
      let got = '';
      res.setEncoding('latin1').on('data', (data) => (got += data)).on('end', () => resolve(got));
    }).on('error', reject);
  });
  assert.equal(text, contentOf('may-c0.0-1', 2).toString('latin1'));
  await new Promise((resolve) => setTimeout(resolve, 10 * PIECE_MS)); // of the 98 that there is nothing for
  await one.crash();
  assert.deepEqual(ledger.map(({ whole, dead }) => ({ whole, dead })), [{ whole: true, dead: false }]);
});
