// attacks.md 2a, and the request-line rows of 2b: bytes on a socket that two parsers may read in two
// ways are refused, and the workload never sees a second request.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { raw } from './lib/curl.mjs';
import { gateway } from './lib/gateway.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

let upstream, gw;
before(async () => {
  upstream = await recorder();
  upstream.answer = (req, res) => res.end('fine');
  gw = await gateway({
    services: { 'httpbin.shop': upstream.port },
    files: { 'rule.yaml': apiRule({ rules: [{ path: '/open', methods: ['GET', 'POST', 'HEAD', 'OPTIONS'], noAuth: true }] }) },
  });
});
after(async () => {
  await gw?.stop();
  await upstream?.stop();
});

const HOST = 'Host: httpbin.test.local\r\n';
const post = (headers, body = '') => `POST /open HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const get = (headers = '') => `GET /open HTTP/1.1\r\n${HOST}${headers}\r\n`;
const chunked = 'Transfer-Encoding: chunked\r\n';

/** Refused with one of `statuses` (or cut without an answer, where 0 is among them), unseen by the workload. */
async function refused(bytes, statuses = [400], { closes = true } = {}) {
  const before = upstream.seen.length;
  const answer = await raw(gw.port, bytes, { quiet: 400 });
  const got = `${JSON.stringify(bytes.slice(0, 200))}\n-> ${JSON.stringify(answer.text.slice(0, 300))}`;
  assert.ok(statuses.includes(answer.status), got);
  if (closes) assert.ok(answer.closed, `still open: ${got}`);
  const seen = upstream.seen.slice(before);
  assert.deepEqual(seen.filter((s) => s.complete).map((s) => s.method + s.target), [], got);
  return answer;
}
async function passes(bytes, check = () => {}) {
  const before = upstream.seen.length;
  const answer = await raw(gw.port, bytes, { quiet: 400 });
  assert.equal(answer.status, 200, `${JSON.stringify(bytes)}\n-> ${JSON.stringify(answer.text)}`);
  check(upstream.seen.slice(before), answer);
}

test('control: what is well formed passes', async () => {
  await passes(get());
  await passes(post('Content-Length: 3\r\n', 'abc'), ([seen]) => assert.equal(seen.body.toString(), 'abc'));
  await passes(post(chunked, '3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n'), ([seen]) => assert.equal(seen.body.toString(), 'abcde'));
});

describe('bodies with two lengths', () => {
  const rows = {
    'H1 CL and TE': post(`Content-Length: 4\r\n${chunked}`, '0\r\n\r\n'),
    'H1 TE and CL': post(`${chunked}Content-Length: 4\r\n`, '0\r\n\r\n'),
    'H2 two lengths': post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd'),
    'H2 two equal lengths': post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'),
    'H2 a list': post('Content-Length: 3, 3\r\n', 'abc'),
    ...Object.fromEntries(['+3', '-3', '0x3', '3a', '1e1', '3.0', '', '18446744073709551619', '\x0b3', '\xa03'].map((n) => [`H3 length ${JSON.stringify(n)}`, post(`Content-Length: ${n}\r\n`, 'abc')])),
  };
  for (const [name, bytes] of Object.entries(rows)) test(name, () => refused(bytes));
});

describe('transfer codings', () => {
  for (const coding of ['xchunked', 'chunked, identity', 'gzip, chunked', '"chunked"', 'chunked;q=1', 'chunked,', 'identity', '\x0bchunked']) {
    test(`H4 ${JSON.stringify(coding)}`, () => refused(post(`Transfer-Encoding: ${coding}\r\n`, '3\r\nabc\r\n0\r\n\r\n'), [400, 501]));
  }
  test('H4 twice', () => refused(post(chunked + chunked, '3\r\nabc\r\n0\r\n\r\n'), [400, 501]));
  test('H5 in HTTP/1.0', () => refused(`POST /open HTTP/1.0\r\n${HOST}${chunked}\r\n3\r\nabc\r\n0\r\n\r\n`, [400, 426, 501]));
  test('H5 a blank before the colon', () => refused(post('Content-Length : 3\r\n', 'abc')));
  test('H5 a folded line', () => refused(get('X-A: 1\r\n  2\r\n')));
  test('H6 underscore aliases never reach the workload', () =>
    passes(get('Transfer_Encoding: chunked\r\nContent_Length: 3\r\n'), ([seen]) => {
      assert.deepEqual(seen.headers.filter(([name]) => /_/.test(name)), []);
    }));
});

describe('chunks', () => {
  const rows = {
    'H7 an extension with a bare CR': '3;a\rb\r\nabc\r\n0\r\n\r\n',
    'H8 a line ended by LF': '3\nabc\r\n0\r\n\r\n',
    'H8 an extension ended by LF': '3;a\nabc\r\n0\r\n\r\n',
    'H8 the last line ended by LF': '3\r\nabc\r\n0\r\n\n',
    'H9 0x': '0x3\r\nabc\r\n0\r\n\r\n',
    'H9 plus': '+3\r\nabc\r\n0\r\n\r\n',
    'H9 minus': '-3\r\nabc\r\n0\r\n\r\n',
    'H9 underscore': '0_3\r\nabc\r\n0\r\n\r\n',
    'H9 17 digits': '10000000000000003\r\nabc\r\n0\r\n\r\n',
    'H9 empty': '\r\nabc\r\n0\r\n\r\n',
    'H10 data that does not end where it says': '3\r\nabcd\r\n0\r\n\r\n',
  };
  for (const [name, body] of Object.entries(rows)) test(name, () => refused(post(chunked, body), [400, 0]));
  test('H10 a truncated body is never a whole one', async () => {
    const before = upstream.seen.length;
    await raw(gw.port, post(chunked, '5\r\nab'), { quiet: 300 });
    assert.deepEqual(upstream.seen.slice(before).filter((s) => s.complete), []);
  });
  test('H11 trailers are dropped', () =>
    passes(post(`${chunked}Trailer: Authorization\r\n`, '3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\nHost: evil\r\n\r\n'), ([seen]) => {
      assert.equal(seen.header('authorization'), undefined);
    }));
});

describe('the request line and the head', () => {
  const rows = {
    'P12 no Host': 'GET /open HTTP/1.1\r\n\r\n',
    'P12 two Hosts': get('Host: httpbin.test.local\r\n'),
    'P16 two blanks': `GET  /open HTTP/1.1\r\n${HOST}\r\n`,
    'P16 a blank at the end': `GET /open HTTP/1.1 \r\n${HOST}\r\n`,
    'P16 a tab': `GET\t/open HTTP/1.1\r\n${HOST}\r\n`,
    'P16 HTTP/1.2': `GET /open HTTP/1.2\r\n${HOST}\r\n`,
    'P16 HTTP/1.1x': `GET /open HTTP/1.1x\r\n${HOST}\r\n`,
    'P16 a line ended by LF': `GET /open HTTP/1.1\n${HOST}\r\n`,
    'P16 a header ended by LF': `GET /open HTTP/1.1\r\nHost: httpbin.test.local\nX-A: 1\r\n\r\n`,
    'P16 an empty line that is LF': `GET /open HTTP/1.1\r\n${HOST}\n`,
    'P17 no colon': get('nocolon\r\n'),
    'P17 no name': get(': value\r\n'),
    'P17 NUL in a value': get('X-A: a\0b\r\n'),
    'P17 CR in a value': get('X-A: a\rb\r\n'),
    'P18 two Authorizations': get('Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'),
    'a target that is no path': `GET open HTTP/1.1\r\n${HOST}\r\n`,
    'a lower-case method': `get /open HTTP/1.1\r\n${HOST}\r\n`,
    'R5 the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  };
  for (const [name, bytes] of Object.entries(rows)) test(name, () => refused(bytes, [400, 404, 505, 0], { closes: false }));
  test('HTTP/1.0 is 426, as Envoy answers it, and the connection is closed', async () => {
    for (const more of ['', 'Connection: keep-alive\r\n']) {
      const answer = await refused(`GET /open HTTP/1.0\r\n${HOST}${more}\r\n${get()}`, [426]);
      assert.deepEqual(answer.statuses, [426]);
    }
    assert.equal(gw.log().at(-1).reason, 'http_version');
    await refused(`GET /open HTTP/1.0\r\n\r\n`, [426]); // HTTP/1.0 needs no Host
  });
  test('P16 HTTP/0.9 has no answer from the workload', async () => {
    const before = upstream.seen.length;
    await raw(gw.port, 'GET /open\r\n\r\n', { quiet: 300 });
    assert.equal(upstream.seen.length, before);
  });
  test('R10 CONNECT, TRACE and unknown methods are never let in', async () => {
    for (const method of ['CONNECT', 'TRACE', 'TRACK', 'PURGE']) {
      await refused(`${method} /open HTTP/1.1\r\n${HOST}\r\n`, [400, 404, 405, 501], { closes: false });
    }
  });
  test('R9 a head without end: 431 or 414, and closed', async () => {
    await refused(get(`X-A: ${'a'.repeat(300_000)}\r\n`), [431, 400, 0]);
    await refused(`GET /open?${'a'.repeat(300_000)} HTTP/1.1\r\n${HOST}\r\n`, [414, 431, 400, 0]);
  });
});

describe('two requests on one connection', () => {
  test('H12 a body on GET stays a body', () =>
    passes(`GET /open HTTP/1.1\r\n${HOST}Content-Length: 45\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: httpbin.test\r\n\r\n`, (seen, answer) => {
      assert.deepEqual(seen.map((s) => s.target), ['/open']);
      assert.equal(seen[0].body.length, 45);
      assert.equal(answer.statuses.length, 1);
    }));
  test('H13 a pipelined one is judged by itself', () =>
    passes(`${get()}GET /closed HTTP/1.1\r\n${HOST}\r\n${get()}`, (seen, answer) => {
      assert.deepEqual(answer.statuses, [200, 404, 200]);
      assert.deepEqual(seen.map((s) => s.target), ['/open', '/open']);
    }));
  test('a refused body is never read as a request', async () => {
    const before = upstream.seen.length;
    const answer = await raw(gw.port, `POST /closed HTTP/1.1\r\n${HOST}Content-Length: ${get().length}\r\n\r\n${get()}`, { quiet: 400 });
    assert.deepEqual(answer.statuses, [404]);
    assert.equal(upstream.seen.length, before);
  });
});
