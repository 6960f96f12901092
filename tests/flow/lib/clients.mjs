// Clients that don't stop, while processes die: every whole request has exactly one complete answer.
import assert from 'node:assert/strict';
import http from 'node:http';
import { sleep } from './place.mjs';

function send({ port, agent, host, target, id }) {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: target, agent, headers: { host, 'x-id': id } };
    const request = http.request(options, (answer) => {
      let text = '';
      answer.on('data', (data) => (text += data));
      answer.on('close', () => resolve({ status: answer.statusCode, text, complete: answer.complete }));
    });
    // RFC 9112 section 9.3.1: a kept connection may be closed at any time between two requests; a client sends
    // again what went into it and had no answer.
    request.on('error', (error) => resolve({ status: 0, text: error.code, again: request.reusedSocket }));
    request.end();
  });
}

/**
 * Half of `lanes` keep their connection, the others open one for each request. ask(): {host, target} of the
 * next request; status: of all answers. end() stops them, verdict(workload) says that nothing was lost.
 */
export function clients(port, ask, { lanes = 4, status = 200 } = {}) {
  const sent = [];
  let going = true;
  const all = Array.from({ length: lanes }, async (_, lane) => {
    const keep = lane % 2 === 0;
    const agent = new http.Agent({ keepAlive: keep, maxSockets: 1 });
    for (let i = 0; going; i++) {
      const one = { port, agent, ...ask(), id: `${keep ? 'kept' : 'new'}-${lane}-${i}` };
      let answer = await send(one);
      let tries = 1;
      while (answer.again && tries < 3) {
        answer = await send(one);
        tries++;
      }
      sent.push({ ...one, ...answer, tries });
      await sleep(1);
    }
    agent.destroy();
  });
  return {
    sent,
    end: async () => {
      going = false;
      await Promise.all(all);
    },
    verdict: (workload, { least = 50 } = {}) => {
      const arrived = new Map();
      for (const seen of workload.seen) {
        const id = seen.header?.('x-id');
        if (id) arrived.set(id, (arrived.get(id) ?? 0) + 1);
      }
      for (const one of sent) {
        const what = `${one.id} ${one.target} -> ${one.status} ${one.text.slice(0, 200)}`;
        assert.equal(one.status, status, what);
        assert.ok(one.complete, `complete: ${what}`);
        assert.equal(arrived.get(one.id), 1, `once at the workload: ${what}`);
        assert.ok(one.text.includes(one.id), `its own answer: ${what}`);
      }
      assert.ok(sent.length >= least, `enough requests: ${sent.length}`);
    },
  };
}
