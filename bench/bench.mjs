// make bench: what a request costs the worker, plain nginx against brama with a JWT rule; and with one that asks an
// introspection endpoint each time, on a kept connection and on one of its own.
//
// Same nginx, same workload, one worker each, the same settings for headers, log, keep-alive and
// streaming; rounds alternate, so that a slow minute of the machine meets both. CPU time is the
// worker's own (utime + stime). User instructions are callgrind's, of the same configurations without
// a master: they repeat almost exactly, which the clock doesn't. Prints figures and judges nothing.
//
//   BENCH_ROUNDS (6), BENCH_SECONDS (3), BENCH_CONNECTIONS (16)
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gateway } from '../tests/flow/lib/gateway.mjs';
import { makeKey, makeToken } from '../tests/flow/lib/keys.mjs';
import { freePort, temporary, until } from '../tests/flow/lib/place.mjs';
import { run, start } from '../tests/flow/lib/process.mjs';
import { apiRule, apiRuleV1, documents, istioJwt } from '../tests/flow/lib/rules.mjs';
import { pageServer } from '../tests/flow/lib/servers.mjs';
import { curl } from '../tests/flow/lib/curl.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 6);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const CONNECTIONS = Number(process.env.BENCH_CONNECTIONS ?? 16);
const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
const HOST = 'bench.test.local';

const dir = temporary('brama-bench');
const common = `daemon off; worker_processes 1; error_log ${dir}/error.log error;
events { worker_connections 4096; }`;
const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/tmp-${n};`).join(' ');

const workload = (port) => `${common} pid ${dir}/workload.pid;
http { access_log off; ${temp} keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port};
    location / { default_type text/plain; return 200 "hello from the workload\\n"; }
    location /introspect/ { default_type application/json; return 200 '{"active":true}'; }
    location /introspect/closing { default_type application/json; keepalive_timeout 0; return 200 '{"active":true}'; }
  }
}`;

// What brama's generated configuration does, without brama.
const plain = (port, to) => `${common} pid ${dir}/plain.pid;
http {
  log_format json escape=json '{"start_time":"$time_iso8601","request_id":"$request_id","method":"$request_method","authority":"$http_host","path":"$uri","protocol":"$server_protocol","response_code":$status,"bytes_received":$request_length,"bytes_sent":$bytes_sent,"duration":$request_time,"upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","client":"$remote_addr","user_agent":"$http_user_agent"}';
  access_log ${dir}/plain.log json; ${temp}
  server_tokens off; request_pool_size 8k; keepalive_timeout 3600s; keepalive_requests 1000000;
  large_client_header_buffers 4 64k; client_max_body_size 0; merge_slashes off;
  map $http_upgrade $connection_upgrade { default ''; websocket upgrade; }
  upstream workload { server 127.0.0.1:${to}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://workload; proxy_http_version 1.1;
      proxy_set_header Host $http_host; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-ID $request_id;
      proxy_request_buffering off; proxy_buffering off; proxy_max_temp_file_size 0; proxy_redirect off;
    }
  }
}`;

function nginx(name, text) {
  writeFileSync(path.join(dir, `${name}.conf`), text);
  return start('nginx', ['-c', path.join(dir, `${name}.conf`), '-p', dir]);
}

const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** utime + stime in seconds. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function load(url, headers, seconds, worker) {
  const before = cpuOf(worker);
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...headers.flatMap((h) => ['-H', h]), url];
  const wrk = await run('wrk', args);
  const cpu = cpuOf(worker) - before;
  const requests = Number(/(\d+) requests in/.exec(wrk.out)?.[1]);
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(wrk.out)?.[1];
  if (!requests || bad) throw new Error(`wrk: ${wrk.out}${wrk.err}`);
  return { us: (cpu / requests) * 1e6, rate: requests / seconds };
}

/** Instructions of a whole life of nginx with n requests on one connection. */
async function life(conf, port, variant, n) {
  const file = path.join(dir, 'counted.conf');
  writeFileSync(file, conf);
  const counted = start('valgrind', ['--tool=callgrind', `--callgrind-out-file=${dir}/callgrind.out`, 'nginx', '-c', file, '-p', dir]);
  const url = new URL(variant.url);
  const headers = variant.headers.flatMap((h) => ['-H', h]);
  const ask = (query) => run('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code} ', ...headers, `http://127.0.0.1:${port}${url.pathname}?c=${query}`]);
  await until(`${variant.name} under valgrind`, async () => (await ask('0')).out === '200 ', { timeout: 60_000, every: 300 });
  const { out } = await ask(`[1-${n}]`);
  if (out !== '200 '.repeat(n)) throw new Error(`${variant.name}: ${out.slice(0, 100)}`);
  await counted.stop('SIGQUIT', 60_000);
  return Number(/Collected : (\d+)/.exec(counted.err)?.[1]);
}

/** Of one request: the difference of two lives, so that start and end don't count. */
async function instructions(variant) {
  const port = await freePort();
  const conf = variant
    .conf()
    .replace(/^.*daemon off;/m, 'master_process off; $&')
    .replace(/master_process on;/, '')
    .replace(/^\s*pid .*;$/m, `pid ${dir}/counted.pid;`)
    .replace(/(?<=listen 127\.0\.0\.1:)(\d+)/g, (text) => (Number(text) === Number(new URL(variant.url).port) ? port : port + 1));
  const [few, many] = [await life(conf, port, variant, 200), await life(conf, port, variant, 1200)];
  return (many - few) / 1000;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function main() {
  const [workloadPort, plainPort] = [await freePort(), await freePort()];
  const key = makeKey('RS256');
  const keys = await pageServer({ '/jwks': { keys: [key.jwk] } });
  const issuer = 'https://bench.example';
  const token = makeToken(key, { iss: issuer, sub: 'bench', scope: 'read write' });
  const back = nginx('workload', workload(workloadPort));
  const front = nginx('plain', plain(plainPort, workloadPort));
  const introspected = (name) => apiRuleV1({
    name, host: name, service: { name: 'open', port: 80 },
    rules: [{ path: '/.*', accessStrategies: [{ handler: 'oauth2_introspection', config: { introspection_url: `http://127.0.0.1:${workloadPort}/introspect/${name}` } }] }],
  });
  const gw = await gateway({
    services: { 'bench.shop': workloadPort, 'open.shop': workloadPort }, // two: a token counts for all rules of its workload
    files: {
      'rules.yaml': documents(
        apiRule({ name: 'jwt', host: 'bench', service: { name: 'bench', port: 80 }, rules: [{ path: '/jwt/{**}', jwt: istioJwt(issuer, `${keys.url}/jwks`, { scopes: ['read'] }) }] }),
        apiRule({ name: 'open', host: 'open', service: { name: 'open', port: 80 }, rules: [{ path: '/jwt/{**}', noAuth: true }] }),
        introspected('keeping'),
        introspected('closing'),
      ),
    },
  });
  const bramaMaster = Number(readFileSync(path.join(gw.state, 'nginx.pid'), 'utf8'));
  await until('plain nginx', async () => (await curl(`http://127.0.0.1:${plainPort}/`)).status === 200);

  const bearer = `Authorization: Bearer ${token}`;
  const target = '/jwt/a/b?c=d';
  const bramaConf = () => readFileSync(path.join(gw.state, 'nginx.conf'), 'utf8');
  const variants = [
    { name: 'plain nginx', conf: () => plain(plainPort, workloadPort), url: `http://127.0.0.1:${plainPort}${target}`, host: HOST, worker: childrenOf(front.pid)[0] },
    { name: 'brama, noAuth', conf: bramaConf, url: `http://127.0.0.1:${gw.port}${target}`, host: 'open.test.local', worker: childrenOf(bramaMaster)[0] },
    { name: 'brama, JWT', conf: bramaConf, url: `http://127.0.0.1:${gw.port}${target}`, host: HOST, worker: childrenOf(bramaMaster)[0] },
    { name: 'brama, asks, kept', conf: bramaConf, url: `http://127.0.0.1:${gw.port}${target}`, host: 'keeping.test.local', worker: childrenOf(bramaMaster)[0] },
    { name: 'brama, asks, anew', conf: bramaConf, url: `http://127.0.0.1:${gw.port}${target}`, host: 'closing.test.local', worker: childrenOf(bramaMaster)[0] },
  ];
  for (const v of variants) {
    v.headers = [`Host: ${v.host}`, bearer];
    v.rounds = [];
    await load(v.url, v.headers, 1, v.worker); // warm
  }
  for (let round = 0; round < ROUNDS; round++) for (const v of variants) v.rounds.push(await load(v.url, v.headers, SECONDS, v.worker));

  console.log(`${ROUNDS} rounds of ${SECONDS} s each, ${CONNECTIONS} connections, 1 worker; token of ${token.length} bytes, RS256`);
  console.log(`${spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr.trim()}, ${readdirSync('/sys/devices/system/cpu').filter((n) => /^cpu\d+$/.test(n)).length} CPUs\n`);
  const base = variants[0];
  const usOf = (v) => v.rounds.map((r) => r.us);
  console.log('                     us CPU/request: median (min .. max)    ratio   user instructions/request   requests/s');
  for (const v of variants) {
    const us = usOf(v);
    const counted = await instructions(v);
    console.log(
      `${v.name.padEnd(20)} ${median(us).toFixed(2).padStart(8)} (${Math.min(...us).toFixed(2)} .. ${Math.max(...us).toFixed(2)})`.padEnd(60) +
        `${(median(us) / median(usOf(base))).toFixed(2).padStart(8)}   ${String(Math.round(counted)).padStart(22)}   ${Math.round(median(v.rounds.map((r) => r.rate)))}`,
    );
  }
  await gw.stop();
  await Promise.all([front.stop('SIGQUIT'), back.stop('SIGQUIT'), keys.stop()]);
}

await main();
