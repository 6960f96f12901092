// Who dies in the middle of a body leaves something that can't be taken for a whole one: an answer for
// the client, a request for the workload.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { gateway } from './lib/gateway.mjs';
import { sleep, until } from './lib/place.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { rawUpstream, recorder } from './lib/upstream.mjs';

let workload, odd, gw;
let talk = () => {};
before(async () => {
  workload = await recorder();
  odd = await rawUpstream((socket, text, reset) => {
    if (!text.includes('\r\n\r\n')) return;
    reset();
    talk(socket);
  });
  const all = (name) => apiRule({ name, host: name, service: { name, port: 80 }, rules: [{ path: '/*', methods: ['GET', 'HEAD', 'POST'], noAuth: true }] });
  gw = await gateway({
    tls: true,
    services: { 'workload.shop': workload.port, 'odd.shop': odd.port },
    files: { 'rules.yaml': documents(all('workload'), all('odd')) },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([workload?.stop(), odd?.stop()]);
});

/** By HTTP/1.1: {status, body, complete}. */
function overOne(method) {
  return new Promise((resolve) => {
    const request = http.request({ host: '127.0.0.1', port: gw.port, path: '/x', method, agent: false, headers: { host: `odd.${gw.domain}` } }, (answer) => {
      let body = '';
      answer.on('data', (data) => (body += data));
      answer.on('error', () => {});
      answer.on('close', () => resolve({ status: answer.statusCode, body, complete: answer.complete }));
    });
    request.on('error', (error) => resolve({ status: 0, body: error.code, complete: false }));
    request.end();
  });
}
/** By HTTP/2: complete is a stream that was ended, and not reset. */
function overTwo(method) {
  return new Promise((resolve) => {
    const client = http2.connect(`https://127.0.0.1:${gw.tlsPort}`, { rejectUnauthorized: false });
    const stream = client.request({ ':method': method, ':path': '/x', ':authority': `odd.${gw.domain}` });
    let status = 0, body = '', ended = false;
    client.on('error', () => {});
    stream.on('error', () => {});
    stream.on('response', (headers) => (status = headers[':status']));
    stream.on('data', (data) => (body += data));
    stream.on('end', () => (ended = true));
    stream.on('close', () => {
      client.destroy();
      resolve({ status, body, complete: ended && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR && !stream.aborted });
    });
    stream.end();
  });
}

let logged = 0;
/** Of the one request since the last time that somebody asked. */
const reason = () =>
  until('its log line', () => {
    const lines = gw.log();
    return lines.length > logged && lines[(logged = lines.length) - 1].reason;
  });

const HEAD = 'HTTP/1.1 200 OK\r\n';
const length = (n) => `${HEAD}content-length: ${n}\r\n\r\n`;
const chunked = `${HEAD}transfer-encoding: chunked\r\n\r\n`;
const open = `${HEAD}\r\n`;
const ends = { 'closed': (socket) => socket.end(), 'reset': (socket) => socket.resetAndDestroy() };

describe('the workload dies in the middle of its answer', () => {
  const cut = {
    'a length that is not reached': [length(10), 'short'],
    'a length, nothing yet': [length(10), ''],
    'chunks, in the data of one': [chunked, '5\r\nfir'],
    'chunks, between two': [chunked, '5\r\nfirst\r\n'],
    'chunks, none yet': [chunked, ''],
    'chunks, in the last one': [chunked, '5\r\nfirst\r\n0\r\n'],
    'a size that is none': [chunked, '5\r\nfirst\r\nxyz\r\n'],
  };
  for (const [by, end] of Object.entries(ends)) {
    const rows = { ...cut, ...(by === 'reset' && { 'to the end of the connection': [open, 'half'] }) };
    for (const [name, [head, body]] of Object.entries(rows)) {
      test(`${name}; ${by}`, async () => {
        for (const pause of [0, 60]) {
          talk = async (socket) => {
            socket.write(head + (pause ? '' : body));
            if (pause) await sleep(pause);
            if (pause && body) socket.write(body);
            if (by === 'reset') await sleep(30); // what was written before a reset may be lost with it
            end(socket);
          };
          for (const [version, send] of [['HTTP/1.1', overOne], ['HTTP/2', overTwo]]) {
            const answer = await send('GET');
            assert.equal(answer.complete, false, `${version}, ${pause} ms: ${JSON.stringify(answer)}`);
            assert.equal(await reason(), 'upstream_failed', `${version}, ${pause} ms`);
          }
        }
      });
    }
  }

  test('control: whole ones are whole', async () => {
    for (const bytes of [`${length(5)}whole`, `${chunked}5\r\nwhole\r\n0\r\n\r\n`, `${chunked}5\r\nwhole\r\n0\r\nX-Sum: 1\r\n\r\n`, `${open}whole`]) {
      talk = (socket) => socket.end(bytes);
      for (const send of [overOne, overTwo]) {
        assert.deepEqual(await send('GET'), { status: 200, body: 'whole', complete: true }, bytes);
        assert.equal(await reason(), 'allowed', bytes);
      }
    }
  });

  test('what has no body is whole without one, however it ends', async () => {
    for (const end of Object.values(ends)) {
      for (const [method, head] of [['HEAD', length(10)], ['HEAD', chunked], ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'], ['GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n']]) {
        for (const send of [overOne, overTwo]) {
          const isOver = new Promise((resolve) => {
            talk = async (socket) => {
              socket.write(head);
              await sleep(30);
              end(socket);
              resolve();
            };
          });
          const { complete, body } = await send(method);
          assert.deepEqual({ complete, body }, { complete: true, body: '' }, `${method} ${head}`);
          assert.equal(await reason(), 'allowed', `${method} ${head}`);
          await isOver; // the connection may be kept: its end would be the next answer's
        }
      }
    }
  });

  test('a client that leaves before the end is another matter', async () => {
    talk = (socket) => socket.write(`${chunked}5\r\nfirst\r\n`);
    const socket = net.connect(gw.port, '127.0.0.1');
    socket.write(`GET /left HTTP/1.1\r\nHost: odd.${gw.domain}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.resetAndDestroy();
    const line = await until('its log line', () => gw.log().find((one) => one.path === '/left'));
    assert.ok(['client_gone', 'allowed'].includes(line.reason), line.reason);
  });

  test('and is not given what follows', async () => {
    for (const [method, head] of [['HEAD', length(5)], ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'], ['GET', 'HTTP/1.1 304 Not Modified\r\n\r\n']]) {
      talk = (socket) => socket.write(`${head}stray`);
      for (let i = 0; i < 3; i++) {
        for (const send of [overOne, overTwo]) {
          const { complete, body, status } = await send(method);
          assert.deepEqual({ complete, body }, { complete: true, body: '' }, `${method} ${head} ${status}`);
        }
      }
    }
  });
});

describe('the client dies in the middle of its upload', () => {
  const head = (more) => `POST /x HTTP/1.1\r\nHost: workload.test.local\r\n${more}\r\n`;
  const cut = {
    'a length that is not reached': [head('Content-Length: 10\r\n'), 'short'],
    'chunks, in the data of one': [head('Transfer-Encoding: chunked\r\n'), '5\r\nfir'],
    'chunks, between two': [head('Transfer-Encoding: chunked\r\n'), '5\r\nfirst\r\n'],
    'chunks, in the last one': [head('Transfer-Encoding: chunked\r\n'), '5\r\nfirst\r\n0\r\n'],
  };
  /** The workload has its beginning, and never its end. */
  async function isCut(before, what) {
    const seen = await until('the beginning at the workload', () => workload.seen[before]);
    await until('the end of that connection', () => seen.over, { timeout: 3000 });
    assert.equal(seen.complete, false, what);
    assert.equal(workload.seen.length, before + 1, 'nothing is sent twice');
  }
  for (const [by, end] of Object.entries(ends)) {
    for (const [name, [start, body]] of Object.entries(cut)) {
      test(`${name}; ${by}`, async () => {
        for (const pause of [0, 60]) {
          const before = workload.seen.length;
          const socket = net.connect(gw.port, '127.0.0.1');
          socket.on('error', () => {});
          socket.write(start + (pause ? '' : body));
          if (pause) await sleep(pause);
          if (pause) socket.write(body);
          await until('it to begin', () => workload.seen.length > before);
          end(socket);
          await isCut(before, `${pause} ms`);
          socket.destroy();
        }
      });
    }
  }

  // Frames by hand: Node's own client ends a stream before it resets it.
  for (const [name, length_, spoil] of [
    ['a reset stream', '10', (h2) => h2.frame(RST_STREAM, 0, Buffer.from([0, 0, 0, 8]))],
    ['a reset stream without a length', null, (h2) => h2.frame(RST_STREAM, 0, Buffer.from([0, 0, 0, 8]))],
    ['a lost connection', '10', (h2) => h2.socket.destroy()],
    ['a lost connection without a length', null, (h2) => h2.socket.destroy()],
    ['a length that is not reached, and the end of the stream', '10', (h2) => h2.frame(DATA, END_STREAM, Buffer.alloc(0))],
    ['a length that is passed', '10', (h2) => h2.frame(DATA, END_STREAM, Buffer.alloc(10))],
    ['a frame that breaks the connection', null, (h2) => h2.frame(DATA, PADDED, Buffer.from([200, 1]))],
  ]) {
    test(`HTTP/2: ${name}`, async () => {
      const before = workload.seen.length;
      const h2 = await rawTwo();
      h2.frame(HEADERS, END_HEADERS, block({ ':method': 'POST', ':scheme': 'https', ':path': '/x', ':authority': `workload.${gw.domain}`, ...(length_ && { 'content-length': length_ }) }));
      h2.frame(DATA, 0, Buffer.from('short'));
      await until('it to begin', () => workload.seen[before]?.body.toString() === 'short');
      spoil(h2);
      await isCut(before, name);
      h2.socket.destroy();
    });
  }

  test('control: HTTP/2 by hand, to its end', async () => {
    const before = workload.seen.length;
    const h2 = await rawTwo();
    h2.frame(HEADERS, END_HEADERS, block({ ':method': 'POST', ':scheme': 'https', ':path': '/x', ':authority': `workload.${gw.domain}` }));
    h2.frame(DATA, END_STREAM, Buffer.from('whole'));
    await until('all of it', () => workload.seen[before]?.complete);
    assert.equal(workload.seen[before].body.toString(), 'whole');
    h2.socket.destroy();
  });
});

// RFC 9113 section 6.
const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4];
const [END_STREAM, END_HEADERS, PADDED] = [1, 4, 8];

/** A connection, its preface sent: frame(type, flags, payload) goes out on stream 1. */
async function rawTwo() {
  const socket = tls.connect({ port: gw.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  socket.resume();
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const frame = (type, flags, payload, stream = 1) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    socket.write(Buffer.concat([head, payload]));
  };
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  frame(SETTINGS, 0, Buffer.alloc(0), 0);
  return { socket, frame };
}
/** RFC 7541 section 6.2.2: literals without indexing, names and values of less than 127 bytes. */
const block = (headers) =>
  Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]));
