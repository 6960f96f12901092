// Where things are, and a place to put more: ports, temporary folders, and the end of everything.
import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const buildDir = path.resolve(root, process.env.BRAMA_BUILD ?? 'build');
export const brama = path.join(buildDir, 'brama');

const folders = [];
process.on('exit', () => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

/** A fresh folder under the system's; gone when this process ends. */
export function temporary(name = 'brama') {
  const dir = mkdtempSync(path.join(tmpdir(), `${name}-`));
  chmodSync(dir, 0o755); // a worker that isn't root has to get in, too
  folders.push(dir);
  return dir;
}

// Below the range from which the system takes the ports of outgoing connections, so that nobody is
// given one of ours between the look and the use.
let next = 20000 + Math.floor(Math.random() * 11000);
export async function freePort() {
  for (let tries = 0; tries < 500; tries++) {
    const port = next;
    next = next >= 31990 ? 20000 : next + 1;
    const free = await new Promise((resolve) => {
      const server = net.createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port');
}

/** Does somebody take connections there? */
export const listens = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true) || socket.destroy());
    socket.on('error', () => resolve(false));
  });

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ask until the answer is truthy; the last answer or error is in the complaint. An error that is
 * `final` is not waited out. */
export async function until(what, ask, { timeout = 10_000, every = 25 } = {}) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain for ${what}; last: ${last?.stack ?? last}`);
    await sleep(every);
  }
}
