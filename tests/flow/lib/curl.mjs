// Requests as users and attackers send them: by curl, or as bytes on a socket.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { temporary } from './place.mjs';
import { run } from './process.mjs';

let scratch;
let count = 0;

/** The last head in what curl -D wrote (100 Continue and the like come before it). */
export function parseHead(text) {
  const blocks = text.split(/\r?\n\r?\n/).filter((b) => b.startsWith('HTTP/'));
  const [first, ...lines] = (blocks.at(-1) ?? '').split(/\r?\n/);
  const headers = lines.filter(Boolean).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    version: first.split(' ')[0],
    status: Number(first.split(' ')[1] ?? 0),
    headers,
    all: (name) => headers.filter(([n]) => n === name.toLowerCase()).map(([, v]) => v),
    header: (name) => headers.find(([n]) => n === name.toLowerCase())?.[1],
  };
}

/**
 * One request by curl; the path goes out as given. {status, version, headers, header(), all(), body
 * (Buffer), text, code (curl's), error}. `headers` is a list of 'Name: value' lines.
 */
export async function curl(url, { method, headers = [], data, args = [], resolve = [], timeout = 15 } = {}) {
  scratch ??= temporary('brama-curl');
  const stem = path.join(scratch, String(count++));
  const options = ['-sS', '--path-as-is', '--globoff', '-m', String(timeout), '-D', `${stem}.head`, '-o', `${stem}.body`];
  if (method === 'HEAD') options.push('-I');
  else if (method) options.push('-X', method);
  for (const line of headers) options.push('-H', line);
  if (data !== undefined) options.push('--data-binary', '@-');
  for (const entry of resolve) options.push('--resolve', entry);
  const end = await run('curl', [...options, ...args, url], { input: data });
  const read = (file) => {
    try {
      return readFileSync(file);
    } catch {
      return Buffer.alloc(0);
    }
  };
  const body = read(`${stem}.body`);
  const head = parseHead(read(`${stem}.head`).toString('latin1'));
  return { ...head, body: method === 'HEAD' ? Buffer.alloc(0) : body, text: method === 'HEAD' ? '' : body.toString(), code: end.code, error: end.err };
}

/** Bytes on a socket, and all that comes back until the other side closes or `quiet` ms pass. */
export function raw(port, bytes, { quiet = 700, pieces } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const got = [];
    let timer;
    const done = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(got).toString('latin1');
      resolve({ text, closed, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((m) => Number(m[1])), ...parseHead(text.split(/(?<=\r\n\r\n)/)[0] ?? '') });
    };
    const rearm = () => {
      clearTimeout(timer);
      timer = setTimeout(() => done(false), quiet);
    };
    socket.on('connect', async () => {
      for (const piece of pieces ?? [bytes]) {
        if (typeof piece === 'number') await new Promise((r) => setTimeout(r, piece));
        else socket.write(Buffer.isBuffer(piece) ? piece : Buffer.from(piece, 'latin1'));
      }
      rearm();
    });
    socket.on('data', (data) => {
      got.push(data);
      rearm();
    });
    socket.on('error', () => done(true));
    socket.on('close', () => done(true));
    rearm();
  });
}
