// The one assertion of the flow tests: what the client got, what the log says, what the workload saw,
// and that `brama explain`, asked with the same files about the same request, comes to the same end.
import assert from 'node:assert/strict';
import http from 'node:http';
import { curl } from './curl.mjs';
import { verb } from './gateway.mjs';
import { until } from './place.mjs';

export const ARGUMENT_MAX = 100_000; // bytes of a body that explain is told: Linux ends arguments at 128 KiB

/** What explain says: {verdict, status, reason, rule, rule_index, ...}. */
export async function explain(gateway, { method = 'GET', url, headers = [], data }) {
  const plain = headers.map((line) => line.replace(/^([^:]+);$/, '$1:')); // curl's way to send an empty one
  const body = typeof data === 'string' && data && data.length <= ARGUMENT_MAX ? ['-d', data] : [];
  const args = ['explain', ...gateway.inputArgs, '--ask', '-o', 'json', ...body, method, url, ...plain.flatMap((h) => ['-H', h])];
  const end = await verb(args);
  let said;
  try {
    said = JSON.parse(end.out);
  } catch {
    assert.fail(`explain gave no JSON (exit ${end.code}): ${end.out}${end.err}\n${args.join(' ')}`);
  }
  return { ...said, code: end.code };
}

/** What the gateway itself says of a request that it refused, by its x-request-id; undefined where it
 * keeps nothing of it. */
export function recorded(gateway, id) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: gateway.adminPort, path: `/api/v1/refusals/${id}`, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('end', () => {
        if (answer.statusCode === 404) resolve(undefined);
        else if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`refusal ${id}: ${answer.statusCode} ${text}`));
      });
    });
    request.on('error', reject);
  });
}

// Reasons that only a running gateway can have: of workloads, connections and clients.
const NOT_DECIDED = new Set(['signer_failed', 'upstream_failed', 'upstream_timeout', 'client_gone', 'bad_request', 'headers_too_large']);

/** The log line of an exchange: by X-Request-ID, which a refusal carries and a workload is told; where
 * neither is to be had, the next new line of this method and path. */
async function logLine(gateway, before, id, { method, target }) {
  const path = target.split('?')[0];
  return until('the access log line', () => {
    const fresh = gateway.log().slice(before);
    return fresh.find((line) => (id ? line.request_id === id : line.method === method && line.path === path));
  }, { timeout: 3000 });
}

/** Every refusal is on record when the caller has it, says what the log says, and holds no token. */
async function expectRecord(gateway, response, line, { got, method, sent }) {
  const said = await recorded(gateway, response.header('x-request-id'));
  if (line.decision === 'answer') {
    assert.equal(said, undefined, `a preflight is no refusal: ${got}`);
    return;
  }
  const ask = `the record disagrees: ${got}\n${JSON.stringify(said)}\n${JSON.stringify(line)}`;
  assert.ok(said, ask);
  assert.equal(said.request_id, line.request_id, ask);
  assert.equal(said.reason, line.reason, ask);
  assert.equal(said.status, response.status, ask);
  assert.equal(said.rule ?? '', line.rule ?? '', ask);
  if (line.rule) assert.equal(said.rule_index, line.rule_index, ask);
  assert.equal(said.path, line.path ?? '', ask);
  assert.ok(said.cause, ask);
  if (method !== 'HEAD' && !said.steps_left_out) assert.equal(said.body, response.text, ask);
  for (const token of sent.join(' ').match(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g) ?? []) {
    for (const part of token.split('.')) assert.ok(!JSON.stringify(said).includes(part), `a part of the token is in the record of ${got}`);
  }
}

/**
 * Send a request through the gateway and check everything about it.
 *
 *   request   {method, host (short), target, headers, data, scheme, args}: args are curl's; a target
 *             goes out byte for byte, also what no URL may hold
 *   status    of the response; body: exact text, RegExp, Buffer or function; headers: {name: text,
 *             RegExp, or null for absent}
 *   reason    in the access log, or a list of which one must be; decision and rule, where given
 *   upstream  the recording workload: of a refused request it must have seen nothing; `saw` is
 *             called with what it saw of one that was let in
 *   explains  false only where explain can't know, with the reason in the test
 *
 * One exchange at a time for a gateway.
 */
export async function expectExchange(gateway, { request, status, body, headers = {}, reason, decision, rule, upstream, saw, version, explains = true }) {
  const { host = 'httpbin', target = '/', scheme = 'http', method = 'GET', headers: sent = [], data, args = [] } = request;
  const url = gateway.url(host, target, scheme);
  const what = `${method} ${url} ${sent.join(' | ').replace(/(eyJ[\w-]{8})[\w.-]+/g, '$1...').slice(0, 300)}`;
  const logged = gateway.log().length;
  const seenBefore = upstream?.seen.length ?? 0;

  const tls = scheme === 'https' ? ['-k'] : [];
  const response = await curl(gateway.url(host, '/', scheme), {
    method, headers: sent, data, resolve: gateway.resolve(host), args: ['--request-target', target, ...tls, ...args],
  });
  const got = `${what}\n-> ${response.status} ${response.error}${response.text.slice(0, 300)}`;
  assert.equal(response.status, status, `status: ${got}`);
  if (version) assert.equal(response.version, version, `version: ${got}`);
  if (typeof body === 'string') assert.equal(response.text, body, `body: ${got}`);
  else if (body instanceof RegExp) assert.match(response.text, body, `body: ${got}`);
  else if (Buffer.isBuffer(body)) assert.deepEqual(response.body, body, `body: ${got}`);
  else if (body) body(response.text, response);
  for (const [name, value] of Object.entries(headers)) {
    const actual = response.header(name);
    if (value === null) assert.equal(actual, undefined, `header ${name}: ${got}`);
    else if (value instanceof RegExp) assert.match(actual ?? '', value, `header ${name}: ${got}`);
    else assert.equal(actual, value, `header ${name}: ${got}`);
  }

  const id = response.header('x-request-id') ?? upstream?.seen[seenBefore]?.header?.('x-request-id');
  const line = await logLine(gateway, logged, id, { method, target });
  assert.equal(line.response_code, status, `logged status: ${got}\n${JSON.stringify(line)}`);
  if (reason) assert.ok([reason].flat().includes(line.reason), `logged reason: ${line.reason}, not ${reason}: ${got}\n${JSON.stringify(line)}`);
  if (decision) assert.equal(line.decision, decision, `logged decision: ${got}`);
  if (rule !== undefined) assert.equal(line.rule, rule, `logged rule: ${got}`);
  for (const part of sent.join(' ').match(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g) ?? []) {
    assert.ok(!gateway.logText().includes(part), `the log has the token of ${what}`);
  }

  if (upstream) {
    const seen = upstream.seen.slice(seenBefore);
    if (line.decision !== 'allow') assert.deepEqual(seen.map((s) => `${s.method} ${s.target}`), [], `the workload saw a refused request: ${got}`);
    else if (saw) saw(seen[0], seen);
    else assert.equal(seen.length, 1, `the workload saw it once: ${got}`);
  }

  if (response.header('x-request-id') && line.reason !== 'allowed') await expectRecord(gateway, response, line, { got, method, sent });

  if (explains && !NOT_DECIDED.has(line.reason)) {
    const said = await explain(gateway, { method, url, headers: sent, data });
    const ask = `explain disagrees: ${got}\n${JSON.stringify(said)}\n${JSON.stringify(line)}`;
    assert.equal(said.verdict, line.decision, ask);
    assert.equal(said.reason, line.reason, ask);
    if (said.verdict !== 'allow') assert.equal(said.status, line.response_code, ask);
    assert.equal(said.rule ?? '', line.rule ?? '', ask);
    if (line.rule) assert.equal(said.rule_index, line.rule_index, ask);
    assert.equal(said.code, line.decision === 'deny' ? (line.reason === 'keys_unavailable' ? 69 : 1) : 0, ask);
  }
  return { response, line };
}
