// A body that stops coming while it is collected for an authorizer: 408, and nobody has heard of the request
// (istio-jwt.md 4.7). nginx's own client_body_timeout, of one second here instead of 60: the nginx of this gateway
// is a script that runs the real one with the generated configuration and that one line changed.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { raw } from './lib/curl.mjs';
import { recorded } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { sleep, temporary, until } from './lib/place.mjs';
import { run } from './lib/process.mjs';
import { apiRule, documents } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const MAX = 1000;
const mesh = JSON.stringify({
  apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' },
  data: { mesh: JSON.stringify({ extensionProviders: [{ name: 'door', envoyExtAuthzHttp: { service: 'door.auth.svc.cluster.local', port: 8080, includeRequestBodyInCheck: { maxRequestBytes: MAX } } }] }) },
});
let upstream, door, gw;
before(async () => {
  const { out } = await run('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v nginx']);
  const impatient = path.join(temporary('brama-nginx'), 'nginx');
  writeFileSync(impatient, `#!/bin/sh
for word; do [ "$before" = -c ] && conf=$word; before=$word; done
sed 's/^client_body_timeout 60s;$/client_body_timeout 1s;/' "$conf" >"$conf.impatient"
exec ${out.trim()} "$@" -c "$conf.impatient"
`);
  chmodSync(impatient, 0o755);
  upstream = await recorder();
  door = await recorder();
  gw = await gateway({
    tls: true,
    args: ['--nginx', impatient],
    services: { 'httpbin.shop': upstream.port, 'door.auth': door.port },
    files: { 'rule.yaml': documents(mesh, apiRule({ rules: [{ path: '/x', methods: ['POST'], extAuth: { authorizers: ['door'] } }] })) },
  });
});
after(async () => {
  await gw?.stop();
  await Promise.all([upstream, door].map((it) => it?.stop()));
});

const HEAD = 'POST /x HTTP/1.1\r\nHost: httpbin.test.local\r\n';
const overOne = (bytes) => async () => {
  const answer = await raw(gw.port, bytes, { quiet: 3000 });
  assert.equal(answer.header('connection'), 'close', 'what follows is no request');
  return { status: answer.status, body: answer.text.split('\r\n\r\n')[1], id: answer.header('x-request-id') };
};
const overTwo = (sent) => () =>
  new Promise((resolve) => {
    const client = http2.connect(`https://127.0.0.1:${gw.tlsPort}`, { rejectUnauthorized: false });
    const stream = client.request({ ':method': 'POST', ':path': '/x', ':authority': 'httpbin.test.local', 'content-length': '900' });
    let headers = {}, body = '';
    client.on('error', () => {});
    stream.on('error', () => {});
    stream.on('response', (got) => (headers = got));
    stream.on('data', (data) => (body += data));
    stream.on('close', () => {
      client.destroy();
      resolve({ status: headers[':status'], body, id: headers['x-request-id'] });
    });
    if (sent) stream.write(sent);
  });

const ends = {
  'a length, and less than that': overOne(`${HEAD}Content-Length: 900\r\n\r\n${'x'.repeat(100)}`),
  'a length, and nothing': overOne(`${HEAD}Content-Length: 900\r\n\r\n`),
  'a chunk, and no end': overOne(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`),
  'half a chunk': overOne(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhe`),
  'some of a stream': overTwo('x'.repeat(100)),
  'nothing of a stream': overTwo(),
};
for (const [what, send] of Object.entries(ends)) {
  test(`408: ${what}`, async () => {
    const { status, body, id } = await send();
    assert.deepEqual([status, body], [408, 'stream timeout']);
    const line = await until('its log line', () => gw.log().find((one) => one.request_id === id));
    assert.deepEqual([line.response_code, line.decision, line.reason, line.rule], [408, 'deny', 'body_timeout', 'shop/httpbin']);
    const record = await recorded(gw, id);
    assert.deepEqual([record.status, record.reason, record.body, record.rule], [408, 'body_timeout', 'stream timeout', 'shop/httpbin']);
    assert.match(record.cause, /stopped coming before an authorizer could be told/);
    assert.equal(door.seen.length + upstream.seen.length, 0);
  });
}

test('one that comes slowly, but comes, is told', async () => {
  const answer = await raw(gw.port, '', { pieces: [`${HEAD}Content-Length: 3\r\n\r\na`, 600, 'b', 600, 'c'], quiet: 2000 });
  assert.equal(answer.status, 200);
  assert.deepEqual([door.seen, upstream.seen].map((seen) => seen.map((one) => one.body.toString())), [['abc'], ['abc']]);
});
