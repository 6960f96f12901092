// What a scene has at hand: workloads with one ledger, key servers, gateways, clients, a clock by chance,
// and at the end the verdict. Everything that it starts it ends.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { gateway } from '../../flow/lib/gateway.mjs';
import { jwks, makeKey, makeToken, now, spoil } from '../../flow/lib/keys.mjs';
import { sleep, until } from '../../flow/lib/place.mjs';
import { processes } from '../../flow/lib/process.mjs';
import { istioJwt, oryJwt } from '../../flow/lib/rules.mjs';
import { pageServer } from '../../flow/lib/servers.mjs';
import { chance } from './chance.mjs';
import { clients } from './clients.mjs';
import { verdict, worstGap } from './verdict.mjs';
import { workload } from './workload.mjs';

export const ISSUER = 'https://idp.example';
const EVIL = 'https://evil.example';
const LANES = ['kept', 'kept', 'kept', 'fresh', 'fresh', 'h2', 'h2-fresh', 'shared', 'shared', 'shared'];

const WORKERS = 2;
const PATIENCE_MS = 20_000;
/** Of requests that passed, and of those that were refused: fewer show nothing. */
export const LEAST = 30;
const STOPPED = 'T';
const stateOf = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0];

/** The ports of the clients whose connections a process holds. */
function clientsOf(pid) {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1]),
  );
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1).map((row) => row.trim().split(/\s+/));
  return new Set(rows.filter((row) => sockets.has(row[9])).map((row) => parseInt(row[2].split(':')[1], 16)));
}

export class Stage {
  constructor({ seconds, seed, say = () => {} }) {
    Object.assign(this, { seconds, seed, say });
    this.luck = chance(seed, 'scene');
    this.began = performance.now();
    this.ledger = [];
    this.workloads = [];
    this.crowds = [];
    this.events = [];
    this.former = []; // gateways that others took over from
    this.key = makeKey('ES256');
  }

  /** Workloads of these services (an address each), and a key server with this.key's set. */
  async build(services, { keys = [this.key] } = {}) {
    for (const name of services) this.workloads.push(await workload(name, this.ledger));
    this.pages = await pageServer({ '/jwks': jwks(...keys) });
    this.keysPort = this.pages.port;
    this.services = Object.fromEntries(this.workloads.map((one) => [`${one.name}.shop`, one.port]));
  }

  get jwksUri() {
    return `${this.pages.url}/jwks`;
  }

  async open(files, { args = [], ...more } = {}) {
    this.options = { files, tls: true, services: this.services, args: ['--workers', String(WORKERS), ...args], ...more };
    this.gateway = await gateway(this.options);
    await this.workers();
    return this.gateway;
  }

  /** The same gateway once more: after its agent's end, on the same state, rules and ports. */
  async reopen(more = {}) {
    const { state, rules } = this.gateway;
    this.former.push(this.gateway);
    this.gateway = await gateway({ ...this.options, files: {}, state, rules, ports: this.gateway, ...more });
  }

  /** The pids of both workers, once they are there, of one master and none that is leaving. */
  async workers() {
    return until('both workers', () => {
      const all = processes();
      const masters = all.filter(({ command }) => command.startsWith('nginx: master') && command.includes(` -p ${this.gateway.state}/ `));
      const workers = all.filter(({ parent, command }) => masters.some((one) => one.pid === parent) && !command.includes('shutting down'));
      return workers.length === WORKERS && new Set(workers.map((one) => one.parent)).size === 1 && workers.map((one) => one.pid).sort();
    });
  }

  /** What the process holds now is all that it has until it goes on. */
  async freeze(pid) {
    process.kill(pid, 'SIGSTOP');
    await until('it to stand still', () => stateOf(pid) === STOPPED, { every: 1 });
  }

  /** Kill one of them, hard: what it holds may be cut. Its pid. */
  async killWorker() {
    const pid = this.luck.pick(await this.workers());
    await this.freeze(pid);
    const ports = clientsOf(pid);
    for (const crowd of this.crowds) crowd.excusePorts('its worker was killed', ports);
    process.kill(pid, 'SIGKILL');
    this.event(`kill -9 of worker ${pid}`);
    return pid;
  }

  /** Until the scene's end nobody may replace a worker or end a connection that a client keeps; what this
   * resolves to throws if somebody did. */
  async sameWorkers() {
    const before = await this.workers();
    return async () => {
      const after = await this.workers();
      if (after.join() !== before.join()) throw new Error(`workers ${before} became ${after}`);
      const dropped = this.crowds.reduce((sum, crowd) => sum + crowd.dropped, 0);
      if (dropped > 0) throw new Error(`${dropped} kept connections were ended`);
    };
  }

  token(key = this.key, claims = {}, more = {}) {
    return makeToken(key, { iss: ISSUER, sub: 'me', ...claims }, more);
  }

  /** Kinds of requests to a service with rules() or rulesV1(): /x by token, /open for all. Oathkeeper
   * sends them on under the workload's own name. */
  kinds(service, { key = this.key, statuses, ory = false } = {}) {
    const token = this.token(key); // which workers remember
    const host = `${service}.test.local`;
    const hostThere = ory ? `${service}.shop.svc.cluster.local:80` : host;
    const at = (class_, target, more = {}) => ({ class: class_, service, host, hostThere, target, ...(statuses && { statuses }), ...more });
    return [
      at('may pass', '/x', { token }),
      at('may pass', '/x?a=b&c', { token }),
      at('may pass', '/x', { token: () => this.token(key) }),
      at('public', '/open'),
      at('public', '/down/../open', { arrives: '/open' }),
      ...this.strangers(service, { statuses }),
      at('must be refused', '/open/../x'),
      at('must be refused', '/open/..%2fx', { statuses: [400] }),
      at('must be refused', '/nowhere', { token, statuses: [404] }),
      at('must be refused', '/x', { token, methods: ['PUT', 'DELETE'], statuses: [404] }),
    ];
  }

  /** Who has no right to a service's /x: without a token, and with wrong ones. */
  strangers(service, { statuses = [401, 403], target = '/x' } = {}) {
    const forged = makeKey('ES256', { kid: this.key.kid });
    const expired = { iat: now() - 7200, exp: now() - 3600 };
    return [undefined, spoil(this.token()), this.token(this.key, { iss: EVIL }), this.token(this.key, expired), this.token(forged)].map((token) => ({
      class: 'must be refused', service, host: `${service}.test.local`, target, token, statuses,
    }));
  }

  /** v2 rules of a service. */
  rules(...extra) {
    return [
      { path: '/x', methods: ['GET', 'POST'], jwt: istioJwt(ISSUER, this.jwksUri) },
      { path: '/open', methods: ['GET', 'POST'], noAuth: true },
      ...extra,
    ];
  }

  /** The same in v1beta1, Oathkeeper's form or Istio's. */
  rulesV1(form) {
    const jwt = form === 'ory' ? oryJwt(ISSUER, this.jwksUri, { allowed_algorithms: ['ES256'] }) : { handler: 'jwt', config: istioJwt(ISSUER, this.jwksUri) };
    return [
      { path: '/x', methods: ['GET', 'POST'], accessStrategies: [jwt] },
      { path: '/open', methods: ['GET', 'POST'], accessStrategies: [{ handler: form === 'ory' ? 'noop' : 'no_auth' }] },
    ];
  }

  crowd(kinds, { lanes = LANES, ...more } = {}) {
    const { port, tlsPort } = this.gateway;
    const crowd = clients({ port, tlsPort, kinds, lanes, seed: this.seed, name: `c${this.crowds.length}`, ...more });
    this.crowds.push(crowd);
    return crowd;
  }

  /** True until the scene's time is over, from the first question on; on a slow machine longer, until
   * there has been some pressure. */
  more() {
    this.until ??= Date.now() + this.seconds * 1000;
    const over = Date.now() - this.until;
    return over < 0 || (over < PATIENCE_MS && !this.pressed());
  }

  pressed() {
    const ends = this.crowds.flatMap((crowd) => crowd.records).filter((record) => record.how === 'answered');
    const passed = ends.filter((record) => record.status === 200).length;
    return passed >= LEAST && ends.length - passed >= LEAST;
  }

  /** Seconds since the stage was made, of performance.now(). */
  clock(ms) {
    return ((ms - this.began) / 1000).toFixed(3);
  }

  /** What happens on the stage, for the one who reads a violated verdict. */
  event(text) {
    const line = `${this.clock(performance.now())} ${text}`;
    this.events.push(line);
    this.say(line);
  }

  pause(low, high) {
    return sleep(this.luck.between(low, high));
  }

  async verdict() {
    await Promise.all(this.crowds.map((crowd) => crowd.end()));
    await sleep(60); // what a client has cut may still arrive
    const result = verdict({
      records: this.crowds.flatMap((crowd) => crowd.records),
      entries: this.ledger,
      strays: this.crowds.flatMap((crowd) => crowd.strays),
    });
    const [gap = { ms: 0, at: 0 }] = this.crowds.map(worstGap).sort((a, b) => b.ms - a.ms);
    return { ...result, gap: { ...gap, at: this.clock(gap.at) } };
  }

  async close() {
    const failures = [];
    const tidy = (end) => end.catch((error) => failures.push(error));
    await Promise.all(this.crowds.map((crowd) => tidy(crowd.end())));
    await tidy(Promise.resolve(this.gateway?.stop()));
    for (const one of this.former) await tidy((async () => one.complain())());
    await Promise.all(this.workloads.map((one) => tidy(one.crash())));
    await tidy(Promise.resolve(this.pages?.stop()));
    if (failures.length > 0) throw failures[0];
  }
}
