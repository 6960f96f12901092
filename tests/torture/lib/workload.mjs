// A workload that writes a ledger: a line for each request that reached it, read only when the scene
// is over. What it answers follows from the request's id (content.mjs).
import http from 'node:http';
import { freePort } from '../../flow/lib/place.mjs';
import { contentOf } from './content.mjs';

export const PIECE_MS = 20;
const number = (text) => Number(text ?? 0);

/** All at once, or in some pieces with pauses between them; with its last byte it is over. */
function send(res, body, pieces) {
  const size = Math.ceil(body.length / Math.max(1, pieces));
  if (size >= body.length) return res.end(body);
  res.write(body.subarray(0, size));
  return setTimeout(send, PIECE_MS, res, body.subarray(size), pieces - 1);
}

/**
 * One address of the service `name`; `lines` is the ledger of all of them. It reads of a request: x-id,
 * x-try, x-sends (bytes of its body), x-wants (bytes of the answer), x-chunked, x-pieces, x-delay (ms).
 * A line of the ledger:
 *
 *   {id, try, service, port, method, target, host, authorization, sent, whole, dead}
 *
 * authorization: as it came; sent: its body is the one that belongs to the id; whole: read to its end, and answered to its end;
 * dead: this workload broke it off.
 */
export async function workload(name, lines, { host = '127.0.0.1', port } = {}) {
  const it = { name, host, port: port ?? (await freePort()), open: new Map() };
  const answer = (req, res, line, body) => {
    const n = number(req.headers['x-wants']);
    line.sent = body.equals(contentOf(line.id, number(req.headers['x-sends'])));
    const headers = { 'x-id': line.id, 'content-type': 'application/octet-stream' };
    if (req.headers['x-chunked'] === undefined) headers['content-length'] = n;
    res.writeHead(200, headers);
    send(res, contentOf(line.id, n), number(req.headers['x-pieces']));
  };
  const take = (req, res) => {
    const line = {
      id: req.headers['x-id'], try: number(req.headers['x-try']), service: name, port: it.port,
      method: req.method, target: req.url, host: req.headers.host, authorization: req.headers.authorization, sent: false, whole: false, dead: false,
    };
    lines.push(line);
    it.open.get(req.socket)?.add(line);
    const body = [];
    req.on('data', (data) => body.push(data));
    req.on('end', () => setTimeout(answer, number(req.headers['x-delay']), req, res, line, Buffer.concat(body)));
    req.on('error', () => {});
    res.on('error', () => {});
    res.on('finish', () => {
      line.whole = true;
      it.open.get(req.socket)?.delete(line);
    });
  };

  let server;
  it.start = () => {
    server = http.createServer({ keepAliveTimeout: 1500 }, take);
    server.on('connection', (socket) => {
      it.open.set(socket, new Set());
      socket.on('close', () => it.open.delete(socket));
    });
    server.on('clientError', (error, socket) => socket.destroy());
    return new Promise((resolve, reject) => server.once('error', reject).listen({ port: it.port, host }, resolve));
  };
  /** No new connections; what is under way is answered, idle connections are closed. */
  it.leave = () => new Promise((resolve) => server.close(resolve) && server.closeIdleConnections());
  /** As if the process were killed. */
  it.crash = () =>
    new Promise((resolve) => {
      server.close(resolve);
      for (const [socket, under] of it.open) {
        for (const line of under) line.dead = true;
        socket.resetAndDestroy();
      }
    });
  await it.start();
  return it;
}
