// Workloads that remember what they saw, byte by byte, and answer what a test tells them.
import http from 'node:http';
import net from 'node:net';
import { freePort } from './place.mjs';

/** [name, value] pairs as they came, names as written. */
function pairs(raw) {
  const out = [];
  for (let i = 0; i < raw.length; i += 2) out.push([raw[i], raw[i + 1]]);
  return out;
}

/**
 * A recording HTTP/1.1 workload. `seen` has one entry a request: {method, target, headers, header(name),
 * all(name), body}. `answer(req, res, seen)` may be replaced; by default 200 with the seen request as JSON.
 */
export async function recorder({ port, keepAliveTimeout, address = '127.0.0.1' } = {}) {
  const it = { port: port ?? (await freePort()), seen: [], connections: 0 };
  it.answer = (req, res, seen) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ method: seen.method, target: seen.target, headers: seen.headers, body: seen.body.toString() }));
  };
  const seenOn = new WeakMap(); // by connection
  const server = http.createServer({ maxHeaderSize: 256 * 1024 }, (req, res) => {
    const headers = pairs(req.rawHeaders);
    const all = (name) => headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
    let chunks = [];
    const seen = {
      method: req.method,
      target: req.url,
      headers,
      all,
      header: (name) => all(name)[0],
      get body() {
        if (chunks.length !== 1) chunks = [Buffer.concat(chunks)];
        return chunks[0];
      },
      arrivals: [], // of body chunks: [milliseconds since the head, bytes]
      complete: false,
    };
    it.seen.push(seen);
    const begun = Date.now();
    req.on('data', (chunk) => {
      chunks.push(chunk);
      seen.arrivals.push([Date.now() - begun, chunk.length]);
    });
    req.on('end', () => (seen.complete = true));
    seenOn.get(req.socket).push(seen);
    if (it.early?.(req, res, seen)) return; // answers before the body is here
    req.on('end', () => it.answer(req, res, seen));
  });
  if (keepAliveTimeout !== undefined) server.keepAliveTimeout = keepAliveTimeout;
  server.on('connection', (socket) => {
    it.connections++;
    seenOn.set(socket, []);
    socket.once('close', () => seenOn.get(socket).forEach((seen) => (seen.over = true)));
  });
  server.on('upgrade', (req, socket, head) => {
    it.seen.push({ method: req.method, target: req.url, headers: pairs(req.rawHeaders), upgrade: true });
    if (it.upgrade) it.upgrade(req, socket, head);
    else socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  server.on('clientError', (error, socket) => socket.destroy());
  await new Promise((resolve) => server.listen(it.port, address, resolve));
  it.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  /** As a workload ends on SIGTERM: what is under way is answered. */
  it.drain = () =>
    new Promise((resolve) => {
      server.close(resolve);
      const idle = setInterval(() => server.closeIdleConnections(), 10);
      server.once('close', () => clearInterval(idle));
    });
  server.unref();
  return it;
}

/** A workload that speaks bytes: `talk(socket, text)` is called with all that came so far. */
export async function rawUpstream(talk) {
  const it = { port: await freePort(), connections: 0, sockets: new Set() };
  const server = net.createServer((socket) => {
    it.connections++;
    it.sockets.add(socket);
    let text = '';
    socket.on('close', () => it.sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data.toString('latin1');
      talk(socket, text, () => (text = ''));
    });
  });
  await new Promise((resolve) => server.listen(it.port, '127.0.0.1', resolve));
  it.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      for (const socket of it.sockets) socket.destroy();
    });
  server.unref();
  return it;
}
