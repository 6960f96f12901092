// make bench: how long an edit takes from the last byte in the file to the first answer that obeys it.
//
// A rule among N is edited, replaced, added, removed or swapped as a mounted ConfigMap is, and a client asks on one
// connection until the answer is the new one. So the figure holds all of it: the notice, reading,
// judging, compiling, publishing, and a worker taking it; beside it the agent's own CPU time for an
// edit, which a busy machine changes less. Each rule has a Service and an EndpointSlice. N rules lie
// in N files or in a few large ones. Prints figures and judges nothing.
//
//   BENCH_RULES (10,1000,10000), BENCH_EDITS (15)
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { gateway } from '../tests/flow/lib/gateway.mjs';
import { makeKey } from '../tests/flow/lib/keys.mjs';
import { sleep, temporary, until } from '../tests/flow/lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt } from '../tests/flow/lib/rules.mjs';
import { pageServer } from '../tests/flow/lib/servers.mjs';
import { recorder } from '../tests/flow/lib/upstream.mjs';

const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
const COUNTS = (process.env.BENCH_RULES ?? '10,1000,10000').split(',').map(Number);
const EDITS = Number(process.env.BENCH_EDITS ?? 15);
const LARGE_FILES = 4;
const MOUNTS = 5; // 10,000 rules don't fit into one ConfigMap, which has at most 1 MiB
const ISSUER = 'https://bench.example';

/** Every third of a shape; the first is the one that is edited. */
function ruleText(i, keys, paths = ['/x']) {
  const name = `rule-${i}`;
  const service = { name: `app-${i}`, port: 80 };
  if (i === 0 || i % 3 === 0) return apiRule({ name, host: name, service, rules: paths.map((p) => ({ path: p, noAuth: true })) });
  const jwt = istioJwt(ISSUER, `${keys.url}/jwks`, { scopes: ['read'] });
  if (i % 3 === 1) return apiRule({ name, host: name, service, rules: [{ path: '/a/{**}', jwt }, { path: '/b', methods: ['GET', 'POST'], noAuth: true }] });
  return apiRuleV1({ name, host: name, service, rules: [{ path: '/.*', accessStrategies: [oryJwt(ISSUER, `${keys.url}/jwks`)] }] });
}

const serviceOf = (name, port) => [
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop}, spec: {ports: [{port: 80}]}}`,
  `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: ${name}}}, ports: [{port: ${port}}], endpoints: [{addresses: [127.0.0.1]}]}`,
];

/** Where the workloads are: a rule's each, and some that no rule leads to yet. */
function servicesOf(n, port) {
  const names = [...Array.from({ length: n }, (_, i) => `app-${i}`), ...Array.from({ length: EDITS }, (_, i) => `spare-${i}`)];
  return documents(...names.flatMap((name) => serviceOf(name, port)));
}

/** The files of n rules: the edited one's first. */
function filesOf(n, keys, large) {
  const texts = Array.from({ length: n }, (_, i) => ruleText(i, keys));
  if (!large) return Object.fromEntries(texts.map((text, i) => [`r${String(i).padStart(5, '0')}.yaml`, text]));
  const size = Math.ceil(n / LARGE_FILES);
  return Object.fromEntries(Array.from({ length: LARGE_FILES }, (_, i) => [`part${i}.yaml`, documents(...texts.slice(i * size, (i + 1) * size))]));
}

function asker(gw) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (target, rule = 'rule-0') =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: gw.port, path: target, agent, headers: { host: `${rule}.${gw.domain}` } }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      request.on('error', reject).end();
    });
  return { ask, end: () => agent.destroy() };
}

const ways = {
  'in place': (gw, name, text) => writeFileSync(path.join(gw.rules, name), text),
  renamed: (gw, name, text) => {
    writeFileSync(path.join(gw.rules, '.next'), text);
    return () => renameSync(path.join(gw.rules, '.next'), path.join(gw.rules, name));
  },
};

/** A folder whose files are links through ..data; a swap makes a new folder with all of them. The one before stays: where
 * thousands of files were just removed, ext4 takes up to seconds to find an inode for anybody's next file. */
function mount(dir, files, generation) {
  const at = (name) => path.join(dir, name);
  const folder = `..generation-${generation}`;
  mkdirSync(at(folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(at(`${folder}/${name}`), text);
  symlinkSync(folder, at('..next'));
  return () => renameSync(at('..next'), at('..data'));
}

/** As many files in each mount. */
function mountsOf(files, count) {
  const all = Object.entries(files);
  const size = Math.ceil(all.length / count);
  return Array.from({ length: count }, (_, i) => ({ dir: temporary('brama-bench'), files: Object.fromEntries(all.slice(i * size, (i + 1) * size)) }));
}

async function answers(client, status, target, rule) {
  while ((await client.ask(target, rule)) !== status) await sleep(1); // or it would take a core from whom it measures
}
const inForce = (client, target) => answers(client, 200, target);

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
function print(n, how, way, ms, cpu) {
  const wall = `${median(ms).toFixed(0).padStart(6)} (${Math.min(...ms).toFixed(0)} .. ${Math.max(...ms).toFixed(0)})`;
  console.log(`${String(n).padStart(6)} rules  ${how.padEnd(12)} ${way.padEnd(21)} ${wall.padEnd(22)} CPU ${(cpu / ms.length).toFixed(0).padStart(5)}`);
}

/** utime + stime in ms. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}
const rssMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** A rule with a host of its own in a new file, and away again. */
async function addAndRemove(gw, client, rule, text) {
  const file = path.join(gw.rules, `${rule}.yaml`);
  writeFileSync(file, text);
  const added = process.hrtime.bigint();
  await answers(client, 200, '/x', rule);
  const there = process.hrtime.bigint();
  await sleep(50 + Math.random() * 100);
  const removed = process.hrtime.bigint();
  rmSync(file);
  await answers(client, 404, '/x', rule);
  return [Number(there - added) / 1e6, Number(process.hrtime.bigint() - removed) / 1e6];
}

/** A new rule to a workload that is known, to one that no rule has led to, and with its workload. */
async function measureNew(n, how, gw, client, port) {
  const kinds = {
    rule: (name) => [{ name: 'app-1', port: 80 }, []],
    'to spare': (name) => [{ name: name.replace('new', 'spare'), port: 80 }, []],
    'with service': (name) => [{ name, port: 80 }, serviceOf(name, port)],
  };
  for (const [kind, parts] of Object.entries(kinds)) {
    const ms = { added: [], removed: [] };
    const cpu = cpuMs(gw.pid);
    for (let i = 0; i < EDITS; i++) {
      const name = `new-${i}`;
      const [service, objects] = parts(name);
      const rule = apiRule({ name, host: name, service, rules: [{ path: '/x', noAuth: true }] });
      const [added, removed] = await addAndRemove(gw, client, name, documents(rule, ...objects));
      ms.added.push(added);
      ms.removed.push(removed);
      await sleep(50 + Math.random() * 100);
    }
    for (const way of Object.keys(ms)) print(n, how, `${kind} ${way}`, ms[way], (cpuMs(gw.pid) - cpu) / 2);
  }
}

async function measure(n, large, keys, upstream) {
  const files = filesOf(n, keys, large);
  const [name, first] = Object.entries(files)[0];
  const edited = (i) => first.replace('"/x"', `"/e${i}"`);
  const gw = await gateway({ files: { ...files, 'z-services.yaml': servicesOf(n, upstream.port) } });
  const client = asker(gw);
  const how = large ? `in ${LARGE_FILES} files` : 'a file each';
  await until('the first form', async () => (await client.ask('/x')) === 200);
  await sleep(1500);
  const before = rssMb(gw.pid);
  let count = 0;
  for (const [way, edit] of Object.entries(ways)) {
    const ms = [];
    const cpu = cpuMs(gw.pid);
    for (let i = 0; i < EDITS; i++) {
      const last = edit(gw, name, edited(++count));
      const start = process.hrtime.bigint();
      last?.();
      await inForce(client, `/e${count}`);
      ms.push(Number(process.hrtime.bigint() - start) / 1e6);
      await sleep(50 + Math.random() * 100);
    }
    print(n, how, way, ms, cpuMs(gw.pid) - cpu);
  }
  await measureNew(n, how, gw, client, upstream.port);
  console.log(`              agent's memory: ${before.toFixed(0)} MB after the start, ${rssMb(gw.pid).toFixed(0)} MB after ${count} edits`);
  client.end();
  await gw.stop();
}

/** One mount of some is swapped, in which one file differs. */
async function measureSwaps(n, how, files, count, keys, upstream) {
  const mounts = mountsOf(files, count);
  for (const one of mounts) {
    mount(one.dir, one.files, 0)();
    for (const file of Object.keys(one.files)) symlinkSync(`..data/${file}`, path.join(one.dir, file));
  }
  const gw = await gateway({ files: { 'z-services.yaml': servicesOf(n, upstream.port) }, args: mounts.flatMap((one) => ['-f', one.dir]) });
  const client = asker(gw);
  await until('the first form', async () => (await client.ask('/x')) === 200);
  await sleep(1500);
  const [name, first] = Object.entries(mounts[0].files)[0];
  const ms = [];
  let cpu = 0;
  for (let i = 1; i <= Math.min(EDITS, 10); i++) {
    const swap = mount(mounts[0].dir, { ...mounts[0].files, [name]: first.replace('"/x"', `"/e${i}"`) }, i);
    await sleep(1500);
    cpu -= cpuMs(gw.pid);
    const start = process.hrtime.bigint();
    swap();
    await inForce(client, `/e${i}`);
    ms.push(Number(process.hrtime.bigint() - start) / 1e6);
    cpu += cpuMs(gw.pid);
    await sleep(500);
  }
  print(n, how, count > 1 ? `1 of ${count} mounts swapped` : 'mount swapped', ms, cpu);
  client.end();
  await gw.stop();
}

const keys = await pageServer({ '/jwks': { keys: [makeKey('RS256').jwk] } });
const upstream = await recorder();
console.log("ms from edit to in force: median (min .. max); the agent's CPU ms an edit");
for (const n of COUNTS) {
  for (const large of [false, true]) await measure(n, large, keys, upstream);
  await measureSwaps(n, `in ${LARGE_FILES} files`, filesOf(n, keys, true), 1, keys, upstream);
  for (const mounts of [MOUNTS, 1]) await measureSwaps(n, 'a file each', filesOf(n, keys, false), mounts, keys, upstream);
}
await Promise.all([keys.stop(), upstream.stop()]);
