// A gateway whose processes and files a test does something to: one at a time, with what the crash tests ask
// of it.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { clients } from './clients.mjs';
import { curl } from './curl.mjs';
import { expectExchange } from './expect.mjs';
import { gateway } from './gateway.mjs';
import { until } from './place.mjs';
import { childrenOf } from './process.mjs';
import { apiRule } from './rules.mjs';
import { recorder } from './upstream.mjs';

const NUMBERS_AT = { policy: 16, facts: 24 }; // in state/control

/** A rule file that opens /x, and more paths. */
export const rule = (...paths) => apiRule({ rules: ['/x', ...paths].map((one) => ({ path: one, noAuth: true })) });

/** Write bytes into a file where it lies. */
export function poke(file, at, bytes) {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}
export const flip = (file, at) => poke(file, at, Buffer.from([readFileSync(file)[at] ^ 0x5a]));

/** `gw` is the gateway, `upstream` its workload, `traffic` the clients, once there are any. */
export async function patient() {
  const it = { upstream: await recorder() };
  it.open = async (more = {}) =>
    (it.gw = await gateway({ services: { 'httpbin.shop': it.upstream.port }, files: { 'rule.yaml': rule() }, ...more }));
  /** The agent's end, and the next one, of the same state. */
  it.killAgent = async () => {
    it.gw.process.child.kill('SIGKILL');
    await it.gw.process.ended;
  };
  it.next = (more = {}) => it.open({ state: it.gw.state, rules: it.gw.rules, ports: it.gw, files: {}, ...more });
  it.load = (options = { lanes: 2 }) => (it.traffic = clients(it.gw.port, () => ({ host: `httpbin.${it.gw.domain}`, target: '/x' }), options));
  it.nothingLost = async () => {
    await it.traffic.end();
    it.traffic.verdict(it.upstream);
  };
  it.get = (target) => curl(it.gw.url('httpbin', target), { resolve: it.gw.resolve('httpbin') });
  it.passes = (target = '/x') => expectExchange(it.gw, { request: { target }, status: 200, upstream: it.upstream });
  it.inForce = (target) => until(`${target} to be in force`, async () => (await it.get(target)).status === 200);
  /** Lines of the agent, and of nginx. */
  it.said = (what) => it.gw.process.err.split('\n').filter((line) => what.test(line));
  it.errorLog = () => readFileSync(path.join(it.gw.state, 'error.log'), 'utf8');
  it.master = () => Number(readFileSync(path.join(it.gw.state, 'nginx.pid'), 'utf8'));
  it.workers = () => childrenOf(it.master()).map((one) => one.pid);
  it.replaced = (pid) => until('another worker', () => it.workers().length === 1 && it.workers()[0] !== pid);
  /** state/control, a number in it, and the file of that number. */
  it.control = () => path.join(it.gw.state, 'control');
  it.told = (kind) => readFileSync(it.control()).readBigUInt64LE(NUMBERS_AT[kind]);
  it.fileOf = (kind) => path.join(it.gw.state, `${kind}.${it.told(kind)}`);
  it.end = async () => {
    await it.traffic?.end();
    await it.gw?.stop();
    it.gw = it.traffic = undefined;
    it.upstream.seen.length = 0;
  };
  return it;
}
