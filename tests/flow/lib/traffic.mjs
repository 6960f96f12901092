// Clients that go on asking while a test changes what is served, and the two verdicts after it: nobody
// was let in, and nothing was lost.
import assert from 'node:assert/strict';
import http from 'node:http';
import { sleep } from './place.mjs';

const LANES = 4;

// What may become of a request, by the class that it is of when it is sent. 'turning' ones are under
// way while what they are after changes: they are answered, one way or the other.
const REFUSALS = [401, 403, 404];
const ANSWERS = { 'may pass': [200], public: [200], 'must be refused': REFUSALS, turning: [200, ...REFUSALS] };

/** One GET on a connection of the agent: {status, text, complete, socket}. */
export function send(gw, agent, id, { host, target, token }) {
  return new Promise((resolve) => {
    const headers = { host: `${host}.${gw.domain}`, 'x-id': id, ...(token && { authorization: `Bearer ${token}` }) };
    const request = http.request({ host: '127.0.0.1', port: gw.port, path: target, agent, headers }, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('close', () => resolve({ status: answer.statusCode, text, complete: answer.complete, socket: request.socket }));
    });
    request.on('error', (error) => resolve({ status: 0, text: error.code, complete: false }));
    request.end();
  });
}

/**
 * Clients that send one after the other of `kinds`, each on one connection that it keeps. A kind is
 * {class, host, target, token}; one may be added, or change its class, on the way. `sent` has all that
 * was answered; end() stops the clients, verdict() says that nobody was let in and nothing was lost.
 * workloads: {name: recording upstream}, each behind the host of its name.
 */
export function traffic(gw, workloads, kinds) {
  const it = { kinds, sent: new Map(), connections: new Set() };
  let going = true;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = lane; going; i++) {
      const kind = { ...kinds[i % kinds.length] };
      const id = `${kind.class}/${lane}-${i}`;
      const answer = await send(gw, agent, id, kind);
      it.connections.add(answer.socket);
      it.sent.set(id, { ...kind, status: answer.status, text: answer.text, complete: answer.complete });
      await sleep(1);
    }
    agent.destroy();
  });
  it.end = async () => {
    going = false;
    await Promise.all(lanes);
  };
  /** What came of the requests of one class, of the kinds that fit. */
  it.of = (name, fits = () => true) => [...it.sent.values()].filter((one) => one.class === name && fits(one));
  it.verdict = () => {
    const arrived = new Map();
    for (const [service, workload] of Object.entries(workloads)) {
      for (const seen of workload.seen) {
        const id = seen.header('x-id');
        if (id === undefined) continue; // not of these clients
        const one = it.sent.get(id);
        assert.notEqual(one?.class, 'must be refused', `let in: ${id} at ${service}${seen.target}`);
        assert.equal(`${service}${seen.target}`, `${one?.host}${one?.target}`, `${id} is where it was sent to`);
        arrived.set(id, (arrived.get(id) ?? 0) + 1);
      }
    }
    for (const [id, one] of it.sent) {
      const what = `${id} ${one.host}${one.target} -> ${one.status} ${one.text.slice(0, 200)}`;
      assert.ok(ANSWERS[one.class].includes(one.status), what);
      assert.ok(one.complete, `complete: ${what}`);
      assert.equal(arrived.get(id) ?? 0, one.status === 200 ? 1 : 0, `at its workload as often as answered: ${what}`);
      if (one.status === 200) assert.ok(one.text.includes(id), `its own answer: ${what}`);
    }
    for (const name of new Set(kinds.map((kind) => kind.class))) assert.ok(it.of(name).length > 20, `enough of ${name}`);
    assert.equal(it.connections.size, LANES, 'each client has kept its connection');
  };
  return it;
}

