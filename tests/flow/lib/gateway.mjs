// `brama run` on free loopback ports, with its own rules, state and end.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brama, freePort, temporary, until } from './place.mjs';
import { curl } from './curl.mjs';
import { run, start } from './process.mjs';

// What a sanitizer has to say ends a program with a code that nothing else has.
const SANITIZER_EXIT = 99;
const options = (...more) => [`exitcode=${SANITIZER_EXIT}`, 'halt_on_error=1', ...more].join(':');
const verbEnv = { ASAN_OPTIONS: options(), UBSAN_OPTIONS: options('print_stacktrace=1') };

// A sanitized module needs the sanitizers' libraries in nginx, which knows nothing of them. What nginx
// itself leaks at its end isn't ours. Workers have no standard error that we see: reports go to files,
// but UBSan's, whose options a worker's environment has lost when it first speaks, to nginx's error log.
function sanitizers(reports, ...more) {
  const libs = spawnSync('ldd', [brama], { encoding: 'utf8' }).stdout ?? '';
  const needed = [...libs.matchAll(/=> (\S*lib(?:asan|ubsan)\S*)/g)].map((m) => m[1]);
  if (needed.length === 0) return {};
  return {
    LD_PRELOAD: needed.join(':'),
    ASAN_OPTIONS: options('detect_leaks=0', `log_path=${reports}/asan`, ...more),
    UBSAN_OPTIONS: options('print_stacktrace=1', `log_path=${reports}/ubsan`),
  };
}
/** What `brama run` needs in its environment; reports: a folder that everybody can write; more: options of
 * AddressSanitizer. */
export const runEnv = sanitizers;

/** A verb of brama to its end. */
export async function verb(args, { env = {}, ...more } = {}) {
  const end = await run(brama, args, { env: { ...verbEnv, ...env }, ...more });
  if (end.code === SANITIZER_EXIT) throw new Error(`a sanitizer speaks: brama ${args.join(' ')}\n${end.err}`);
  return end;
}

export const unprivileged = { uid: 65534, gid: 65534 }; // nobody, nogroup
/** Why no gateway can be started as that; false: one can. */
export const notUnprivileged = () => {
  if (process.getuid() !== 0) return 'only root can become somebody else';
  return spawnSync(brama, ['version'], unprivileged).status !== 0 && `nobody can't reach ${brama}`;
};

/**
 * files: {name: YAML text} of the rules folder; services: {'NAME.NS[:PORT]': port or 'host:port'};
 * tls: also listen with TLS; as: {uid, gid} to start as; args: more flags; state, rules, ports:
 * to take over from another gateway; address: to listen on without TLS; asan: options of
 * AddressSanitizer; under: a command that runs the one behind it. Resolves when /readyz says yes; `wait: false` doesn't wait.
 */
export async function gateway({
  files = {},
  domain = 'test.local',
  services = {},
  tls = false,
  as,
  args = [],
  env = {},
  asan = [],
  under = [],
  state,
  rules,
  ports,
  address = '127.0.0.1',
  wait = true,
} = {}) {
  const base = temporary('brama-flow');
  const it = {
    rules: rules ?? path.join(base, 'rules'),
    state: state ?? path.join(base, 'state'),
    domain,
    logFile: ports?.logFile ?? path.join(base, 'access.log'),
    port: ports?.port ?? (await freePort()),
    adminPort: ports?.adminPort ?? (await freePort()),
    tlsPort: tls ? (ports?.tlsPort ?? (await freePort())) : undefined,
  };
  for (const dir of [it.rules, it.state]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  it.write = (name, text) => writeFileSync(path.join(it.rules, name), text);
  it.remove = (name) => rmSync(path.join(it.rules, name), { force: true });
  for (const [name, text] of Object.entries(files)) it.write(name, text);
  if (as) for (const dir of [base, it.rules, it.state]) chownSync(dir, as.uid, as.gid);

  const target = (to) => (typeof to === 'number' ? `127.0.0.1:${to}` : to);
  it.serviceArgs = Object.entries(services).flatMap(([name, to]) => ['--service', `${name}=${target(to)}`]);
  // What explain has to be given to judge as this gateway does.
  it.inputArgs = ['-f', it.rules, '--domain', domain, ...it.serviceArgs, ...args.filter(sharedWithExplain)];
  it.admin = `127.0.0.1:${it.adminPort}`;
  it.runArgs = [
    'run', '-f', it.rules, '--domain', domain, ...it.serviceArgs,
    '--listen', `${address}:${it.port}`, '--admin', it.admin, '--state', it.state,
    ...(args.includes('--workers') ? [] : ['--workers', '1']),
    '--access-log', it.logFile, // what Node gives as standard output is a socket, which no path opens
    ...(tls ? ['--tls-listen', `127.0.0.1:${it.tlsPort}`] : []),
    ...args,
  ];
  const reports = path.join(base, 'reports');
  mkdirSync(reports);
  chmodSync(reports, 0o777);
  const [program, ...programArgs] = [...under, brama, ...it.runArgs];
  it.process = start(program, programArgs, { env: { ...runEnv(reports, ...asan), ...env }, ...as });
  it.pid = it.process.pid;
  it.url = (host, target_, scheme = 'http') => `${scheme}://${host}.${domain}:${scheme === 'https' ? it.tlsPort : it.port}${target_}`;
  it.resolve = (host) => [it.port, it.tlsPort].filter(Boolean).map((port) => `${host}.${domain}:${port}:127.0.0.1`);

  /** One GET of the admin listener. */
  it.ask = (target_, options) => curl(`http://${it.admin}${target_}`, options);
  it.ready = () =>
    until('readyz', async () => {
      if (it.process.over) throw Object.assign(new Error('brama has ended'), { final: true });
      // An nginx of an earlier run says yes, too, before this agent has it.
      const answer = /^brama: admin on/m.test(it.process.err) && (await it.ask('/readyz'));
      return answer && answer.status === 200 && answer;
    }, { timeout: 20_000 });

  /** All lines of the access log so far. */
  it.logText = () => (existsSync(it.logFile) ? readFileSync(it.logFile, 'utf8') : '');
  it.log = () =>
    it
      .logText()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  it.verb = (args_, options) => verb(args_, options);
  const list = async (kind) => {
    const end = await verb(['get', kind, '--admin', it.admin, '-o', 'json']);
    if (end.code !== 0) throw new Error(`get ${kind}: exit ${end.code}: ${end.err}`);
    return JSON.parse(end.out).items.map((item) => ({ ...item.status, ...item.metadata, version: item.apiVersion.split('/').at(-1) }));
  };
  /** {namespace, name, version, host, state, form, description, ...} each. */
  it.apiRules = () => list('apirules');
  it.apiRule = async (name) => (await it.apiRules()).find((rule) => rule.name === name);
  /** {name: URL, state, keys, fetched_at, problem} each. */
  it.keySets = () => list('keysets');
  it.apply = (yaml) => verb(['apply', '-f', '-', '--state', it.state], { input: yaml });

  it.stop = async (signal = 'SIGTERM') => {
    const end = await it.process.stop(signal);
    if (end.signal && existsSync(it.state)) await verb(['stop', '--state', it.state]);
    it.complain();
    return end;
  };
  /** What a sanitizer had to say so far is an error. */
  it.complain = () => complainAboutSanitizers(it, reports);
  if (wait) {
    try {
      await it.ready();
    } catch (error) {
      await it.stop();
      throw new Error(`${error.message}\n${it.process.err}`);
    }
  }
  return it;
}

// Flags of run that explain takes too, with their values.
function sharedWithExplain(arg, i, args) {
  const shared = ['--ca-file', '-n', '--responses'];
  return shared.includes(arg) || shared.includes(args[i - 1]);
}

function complainAboutSanitizers(it, reports) {
  const files = [...readdirSync(reports).map((name) => path.join(reports, name)), path.join(it.state, 'error.log')];
  const texts = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  const text = [it.process.err, ...texts].filter((t) => /Sanitizer|runtime error:/.test(t)).join('\n');
  if (text) throw new Error(`a sanitizer speaks:\n${text}`);
}
