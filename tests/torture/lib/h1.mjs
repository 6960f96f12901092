// One HTTP/1.1 connection, on the socket itself: who judges a gateway must see what came, byte for
// byte, and where a connection ended, which a client library hides.
import net from 'node:net';

const HEAD_MAX = 64 * 1024;

/** One answer's bytes as they come. `feed` returns true once it is whole. */
class Answer {
  constructor() {
    this.rest = Buffer.alloc(0);
    this.head = undefined;
    this.body = [];
    this.left = 0; // of the body, or of the chunk
    this.chunked = false;
    this.broken = undefined;
  }

  get begun() {
    return this.head !== undefined || this.rest.length > 0;
  }

  feed(data) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, data]) : data;
    if (this.head === undefined && !this.readHead()) return false;
    return this.chunked ? this.readChunks() : this.take() && this.left === 0;
  }

  readHead() {
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.rest.length > HEAD_MAX) this.broken = 'an endless head';
      return false;
    }
    const [first, ...lines] = this.rest.toString('latin1', 0, end).split('\r\n');
    this.rest = this.rest.subarray(end + 4);
    const status = Number(first.match(/^HTTP\/1\.1 (\d{3}) /)?.[1] ?? 0);
    if (status === 0) this.broken = `no status line: ${first}`;
    if (status >= 100 && status < 200) return this.readHead();
    const headers = Object.fromEntries(lines.map((line) => line.match(/^([^:]+):\s*(.*)$/)?.slice(1) ?? [line, '']).map(([n, v]) => [n.toLowerCase(), v]));
    this.head = { status, headers };
    this.chunked = /chunked/i.test(headers['transfer-encoding'] ?? '');
    this.left = this.chunked ? 0 : Number(headers['content-length'] ?? NaN);
    if (!this.chunked && Number.isNaN(this.left)) this.broken = 'an answer without a length';
    return true;
  }

  take() {
    const some = this.rest.subarray(0, this.left);
    this.body.push(some);
    this.left -= some.length;
    this.rest = this.rest.subarray(some.length);
    return true;
  }

  readChunks() {
    for (;;) {
      this.take();
      if (this.left > 0) return false;
      if (this.closing !== undefined) {
        if (this.rest.length < this.closing.length) return false;
        if (!this.rest.subarray(0, this.closing.length).equals(this.closing)) this.broken = 'a chunk that does not end';
        this.rest = this.rest.subarray(this.closing.length);
        this.closing = undefined;
        if (this.last) return true;
      }
      const end = this.rest.indexOf('\r\n');
      if (end < 0) return false;
      const line = this.rest.toString('latin1', 0, end);
      if (!/^[0-9a-f]+$/i.test(line)) {
        this.broken = `no chunk size: ${line.slice(0, 40)}`;
        return false;
      }
      this.left = parseInt(line, 16);
      this.last = this.left === 0;
      this.rest = this.rest.subarray(end + 2);
      this.closing = Buffer.from('\r\n'); // of the chunk, or of the end, which has no trailers here
    }
  }
}

/**
 * A connection to 127.0.0.1:port. send(bytes) resolves to what came of one request:
 *
 *   {how: 'answered', status, headers, body}   a whole answer
 *   {how: 'refused'}                           the connection was never made
 *   {how: 'unanswered'}                        closed before any byte of an answer
 *   {how: 'cut', why}                          closed in the middle of one, or silent for too long
 *
 * `usable` is false once it can't take another; `isDropped`: since the other side ended it unannounced; `used` counts
 * requests; onStray is called with bytes that come while nothing was asked.
 */
export class Connection {
  constructor(port, { patience = 15_000, onStray = () => {} } = {}) {
    this.patience = patience;
    this.used = 0;
    this.usable = true;
    this.made = false;
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('connect', () => {
      this.made = true;
      this.localPort = this.socket.localPort;
      this.onPort?.();
    });
    this.socket.on('error', (error) => {
      this.error = error.code;
      this.dropped();
    });
    this.socket.on('end', () => this.dropped());
    this.socket.on('close', () => this.ended());
    this.socket.on('data', (data) => {
      if (this.answer === undefined) onStray(data);
      else this.read(data);
    });
  }

  read(data) {
    const whole = this.answer.feed(data);
    if (this.answer.broken) return this.finish({ how: 'cut', why: this.answer.broken });
    if (!whole) return undefined;
    const { head, body, rest } = this.answer;
    if (rest.length > 0) return this.finish({ how: 'cut', why: `more than one answer: ${rest.toString('latin1', 0, 80)}` });
    if (/\bclose\b/i.test(head.headers.connection ?? '')) this.usable = false;
    return this.finish({ how: 'answered', ...head, body: Buffer.concat(body) });
  }

  finish(what) {
    clearTimeout(this.timer);
    if (this.resolve === undefined) return;
    const { resolve } = this;
    this.resolve = this.answer = undefined;
    if (what.how !== 'answered' || this.writing) this.usable = false;
    if (!this.usable) this.socket.destroy();
    resolve(what);
  }

  /** The other side ended it. */
  dropped() {
    this.isDropped ||= this.usable;
    this.usable = false;
  }

  ended() {
    this.usable = false;
    if (!this.made) this.finish({ how: 'refused', why: this.error });
    else if (this.answer?.begun) this.finish({ how: 'cut', why: `the end in the middle of an answer (${this.error ?? 'closed'})` });
    else this.finish({ how: 'unanswered', why: this.error ?? 'closed' });
  }

  /** pieces: Buffers, and numbers of milliseconds to wait. */
  send(pieces) {
    this.used++;
    this.answer = new Answer();
    return new Promise((resolve) => {
      this.resolve = resolve;
      this.timer = setTimeout(() => this.finish({ how: 'cut', why: `silent for ${this.patience} ms` }), this.patience);
      if (this.socket.destroyed) this.ended();
      else this.write(pieces);
    });
  }

  async write(pieces) {
    this.writing = true; // answered meanwhile: nobody could find the next request behind the rest
    for (const piece of pieces) {
      if (typeof piece === 'number') await new Promise((r) => setTimeout(r, piece));
      else this.socket.write(piece);
      if (!this.usable) return;
    }
    this.writing = false;
  }

  close() {
    this.usable = false;
    this.socket.destroy();
  }
}
