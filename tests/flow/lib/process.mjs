// Programs that a test starts: each is ended by its pid, at the latest when the test's process ends.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs';

const living = new Set();
process.on('exit', () => {
  for (const child of living) {
    try {
      process.kill(child.pid, 'SIGKILL');
    } catch {
      // it was faster
    }
  }
});

/** A program in the background. `.out` and `.err` grow; `.ended` resolves to {code, signal}. Its
 * standard output is a socket, or outFile. */
export function start(program, args, { env = {}, cwd, uid, gid, stdin = 'ignore', outFile } = {}) {
  const outFd = outFile === undefined ? undefined : openSync(outFile, 'w');
  const child = spawn(program, args, {
    cwd,
    uid,
    gid,
    env: { ...process.env, ...env },
    stdio: [stdin, outFd ?? 'pipe', 'pipe'],
  });
  const it = { child, pid: child.pid, out: '', err: '', over: false, ended: null };
  living.add(child);
  if (outFd !== undefined) {
    closeSync(outFd);
    Object.defineProperty(it, 'out', { get: () => readFileSync(outFile, 'utf8') });
  }
  child.stdout?.setEncoding('utf8').on('data', (text) => (it.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (it.err += text));
  it.ended = new Promise((resolve) => {
    child.once('error', (error) => {
      living.delete(child);
      it.over = true;
      it.err += `${error}\n`;
      resolve({ code: -1, signal: null });
    });
    child.once('exit', (code, signal) => {
      living.delete(child);
      it.over = true;
      resolve({ code, signal });
    });
  });
  /** Send a signal and wait for the end; after `patience` ms the hard one. */
  it.stop = async (signal = 'SIGTERM', patience = 10_000) => {
    if (!it.over) child.kill(signal);
    const timer = setTimeout(() => !it.over && child.kill('SIGKILL'), patience);
    const end = await it.ended;
    clearTimeout(timer);
    return end;
  };
  return it;
}

/** A program to its end: {code, signal, out, err}. */
export async function run(program, args, { input, ...options } = {}) {
  const it = start(program, args, { ...options, stdin: input === undefined ? 'ignore' : 'pipe' });
  if (input !== undefined) it.child.stdin.end(input);
  // 'close' comes when the pipes are read to their end, 'exit' may come before.
  await new Promise((resolve) => {
    it.child.once('close', resolve);
    it.child.once('error', resolve);
  });
  const end = await it.ended;
  return { ...end, out: it.out, err: it.err };
}

/** A line of shell, as a user types it. */
export const shell = (line, options = {}) => run('bash', ['-c', line], options);

export const have = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** {pid, parent, session, uid, command} of a process that lives, from /proc. */
export function processInfo(pid) {
  const [, parent, , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  return { pid: Number(pid), parent: Number(parent), session: Number(session), uid: statSync(`/proc/${pid}`).uid, command };
}

/** Does it live, and not only its entry in the table? */
export function alive(pid) {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Of all processes that live. */
export function processes() {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.flatMap((name) => {
    try {
      return [processInfo(name)];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

export const childrenOf = (pid) => processes().filter((one) => one.parent === pid);
