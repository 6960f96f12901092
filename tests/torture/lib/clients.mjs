// The clients: lanes that send one request after the other of the kinds that a scene gives them, and
// write down what was asked and what came. They never judge; verdict.mjs does.
import { performance } from 'node:perf_hooks';
import { sleep } from '../../flow/lib/place.mjs';
import { chance } from './chance.mjs';
import { contentOf, ownership } from './content.mjs';
import { Connection } from './h1.mjs';
import { Session } from './h2.mjs';
import { PIECE_MS } from './workload.mjs';

const TRIES = 3;
const BODY_MAX = 40_000;
const ANSWER_MAX = 60_000;
const IDEMPOTENT = new Set(['GET', 'PUT', 'DELETE']); // of what is sent here; RFC 9110 section 9.2.2
const isH2 = (lane) => ['h2', 'h2-fresh', 'shared'].includes(lane);
const isFresh = (lane) => ['fresh', 'h2-fresh'].includes(lane);
const ABBREVIATIONS = { 'may pass': 'may', 'must be refused': 'must-not', public: 'public', turning: 'turning' };

/** What is sent of a kind this time: method, bytes either way, pauses. */
function shape(kind, luck) {
  const method = luck.pick(kind.methods ?? ['GET', 'GET', 'POST']);
  const carries = method === 'POST' || method === 'PUT';
  return {
    method,
    sends: carries ? (luck.oneIn(4) ? luck.between(1, BODY_MAX) : luck.between(1, 500)) : 0,
    inPieces: carries && luck.oneIn(5),
    wants: luck.oneIn(6) ? luck.between(1, ANSWER_MAX) : luck.between(0, 400),
    chunked: luck.oneIn(3),
    pieces: luck.oneIn(10) ? luck.between(2, 6) : 0,
    delay: luck.oneIn(10) ? luck.between(1, kind.delay ?? 40) : 0,
  };
}

/** Two of three have a right, or may have one. */
function choose(kinds, luck) {
  const strangers = luck.oneIn(3);
  const some = kinds.filter((kind) => (kind.class === 'must be refused') === strangers);
  return luck.pick(some.length > 0 ? some : kinds);
}

function headersOf(record, token) {
  return {
    'x-id': record.id,
    'x-try': String(record.tries),
    'x-wants': String(record.wants),
    ...(record.chunked && { 'x-chunked': '1' }),
    ...(record.pieces && { 'x-pieces': String(record.pieces) }),
    ...(record.delay && { 'x-delay': String(record.delay) }),
    ...(record.sends && { 'x-sends': String(record.sends) }),
    ...(token && { authorization: `Bearer ${token}` }),
  };
}

function onH1(connection, record, token) {
  const fields = { host: record.host, ...headersOf(record, token), ...(record.sends && { 'content-length': String(record.sends) }) };
  const head = `${record.method} ${record.target} HTTP/1.1\r\n${Object.entries(fields).map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`;
  const body = contentOf(record.id, record.sends);
  if (!record.inPieces) return connection.send([Buffer.concat([Buffer.from(head, 'latin1'), body])]);
  const middle = body.length >> 1;
  return connection.send([Buffer.from(head, 'latin1'), 3, body.subarray(0, middle), 5, body.subarray(middle)]);
}

function onH2(session, record, token) {
  const headers = { ':method': record.method, ':path': record.target, ':authority': record.host, ...headersOf(record, token) };
  return session.send({ headers, body: contentOf(record.id, record.sends) });
}

/**
 * Clients of the gateway at `port` and `tlsPort`.
 *
 *   kinds   [{class, service, host, hostThere, target, arrives, token, statuses, methods, delay}]: class is
 *           what it is when sent; hostThere, arrives: what the workload must see where it is another
 *           host and target; token: a text, or what makes one for each request; statuses: of its
 *           refusals. A scene may add kinds, and change a kind's class, on the way
 *   lanes   ['kept', 'fresh', 'h2', 'h2-fresh', 'shared', ...]: HTTP/1.1 on one connection or on a new one
 *           for each request, HTTP/2 so too, or on one connection for all shared lanes
 *   pause   ms between two requests of a lane, at most
 *
 *   records  one a request: what was asked, {how, status, own, ...} of its end, `took`: ms without the
 *            workload's own pauses, `tries`, `excused`: why it may be cut, and `away`: the door was
 *            closed, as announced by leave()
 *   until    when the clients were told to go
 *   dropped  how many connections that were to be kept the gateway has ended
 */
export function clients({ port, tlsPort, kinds, lanes, seed, name = 'c', pause = 4 }) {
  const it = { kinds, records: [], strays: [], going: true, dropped: 0 };
  const connections = new Set();
  let doomed = { ports: new Set() };
  const underWay = new Set();
  const common = {}; // what the shared lanes hold

  const connect = (lane) => {
    const more = { onStray: (data) => it.strays.push(`${lane}: ${data.toString('latin1', 0, 100)}`) };
    const one = isH2(lane) ? new Session(tlsPort) : new Connection(port, more);
    one.born = performance.now();
    one.onPort = () => {
      if (doomed.ports.has(one.localPort) && one.born < doomed.at) one.excused = doomed.why;
    };
    connections.add(one);
    return one;
  };
  const drop = (one) => {
    one?.close();
    connections.delete(one);
  };

  /** No more on this one; what others have under way on it goes on. */
  const retire = (one, lane) => (lane === 'shared' ? one?.leave() : drop(one));

  /** One request to its end, by the rules of a client that may repeat what was not taken. */
  async function exchange(lane, held, record, token) {
    record.began = performance.now();
    for (record.tries = 1; ; record.tries++) {
      if (!held.one?.usable) {
        it.dropped += !isFresh(lane) && held.one?.isDropped === true && !held.one.mayEnd;
        retire(held.one, lane);
        held.one = connect(lane);
      }
      const connection = held.one;
      const reused = connection.used > 0;
      record.connection = connection;
      const end = await (isH2(lane) ? onH2 : onH1)(connection, record, token);
      if (isFresh(lane)) drop(connection);
      record.excused ??= connection.excused;
      connection.mayEnd ||= record.excused !== undefined; // with an answer that is broken off
      // Between two requests a server may close what is kept (RFC 9112 section 9.3.1, RFC 9113 section 8.7).
      const repeatable = end.how === 'unanswered' && (reused || isH2(lane)) && !record.excused && record.tries < TRIES;
      if (!repeatable) return end;
      record.stale.push(record.tries);
    }
  }

  function note(record, end) {
    record.ended = performance.now();
    record.took = record.ended - record.began - record.delay - PIECE_MS * Math.max(0, record.pieces - 1);
    record.connection = undefined;
    Object.assign(record, { how: end.how, status: end.status, why: end.why });
    record.away = it.leaving && ['refused', 'unanswered'].includes(end.how);
    if (end.how !== 'answered') return;
    if (end.status === 200) record.own = ownership(record.id, record.wants, end.body);
    else record.text = end.body.toString('latin1', 0, 200);
  }

  async function run(lane, number) {
    const luck = chance(seed, `${name}${number}`);
    const held = lane === 'shared' ? common : {};
    for (let i = 0, record; it.going && !record?.away; i++) {
      if (kinds.length === 0) {
        await sleep(5);
        continue;
      }
      const kind = choose(kinds, luck);
      const { token, class: class_, service, host, hostThere = host, target, arrives = target, statuses = [401, 403, 404] } = kind;
      record = { id: `${ABBREVIATIONS[class_]}-${name}.${number}-${i}`, lane, kind, class: class_, service, host, hostThere, target, arrives, statuses, stale: [], ...shape(kind, luck) };
      record.idempotent = IDEMPOTENT.has(record.method);
      it.records.push(record);
      underWay.add(record);
      try {
        note(record, await exchange(lane, held, record, typeof token === 'function' ? token() : token));
      } finally {
        underWay.delete(record);
      }
      await sleep(record.how === 'refused' ? 20 : luck.between(0, pause));
    }
    if (held !== common) drop(held.one);
  }

  const running = lanes.map(run);
  /** All that was under way when this was called has ended. */
  it.settled = async () => {
    const before = [...underWay];
    while (before.some((record) => underWay.has(record))) await sleep(2);
  };
  /** From now on a kind is of another class; first what was sent as the old one is waited for. */
  it.turn = async (list, class_, statuses) => {
    for (const kind of list) Object.assign(kind, { class: class_, ...(statuses && { statuses }) });
    await it.settled();
  };
  /** What is under way now of these kinds may be let in or refused; nothing that is sent later. */
  it.doubt = (list) => {
    for (const record of underWay) if (list.includes(record.kind)) record.class = 'turning';
  };
  /** What is under way now may be cut; nothing that is sent later. */
  it.excuse = (why) => {
    for (const record of underWay) record.excused ??= why;
  };
  /** Whatever these connections, by the clients' ports, carry now or are still given may be cut. */
  it.excusePorts = (why, ports) => {
    doomed = { why, ports, at: performance.now() };
    for (const one of connections) if (ports.has(one.localPort)) one.excused ??= why;
  };
  /** The gateway is about to end: a lane that finds the door closed goes home. */
  it.leave = () => {
    it.leaving = true;
    it.until = performance.now();
    return Promise.all(running);
  };
  it.end = async () => {
    it.going = false;
    it.until ??= performance.now();
    await Promise.all(running);
    for (const one of connections) drop(one);
  };
  return it;
}
