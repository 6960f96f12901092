// One HTTP/2 connection over TLS, by node:http2, with the answers of h1.mjs for each of its streams.
import http2 from 'node:http2';
import tls from 'node:tls';

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_NO_ERROR } = http2.constants;

/**
 * As h1.mjs's Connection, but several may be under way at once. 'unanswered' is here only what
 * RFC 9113 section 8.7 says was not processed: a stream that was refused, or is behind the last one
 * of a GOAWAY. A connection that ends without a word has 'cut' all that was under way.
 */
export class Session {
  constructor(port, { patience = 15_000 } = {}) {
    this.patience = patience;
    this.used = 0;
    this.usable = true;
    this.made = false;
    const socket = tls.connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    socket.on('connect', () => {
      this.localPort = socket.localPort;
      this.onPort?.();
    });
    this.session = http2.connect(`https://127.0.0.1:${port}`, { createConnection: () => socket });
    this.session.on('connect', () => (this.made = true));
    this.session.on('error', (error) => (this.error = error.code));
    this.session.on('goaway', (code, last) => {
      this.last = last;
      this.usable = false;
      this.isDropped = true;
    });
    this.session.on('close', () => {
      this.isDropped ||= this.usable;
      this.usable = false;
    });
  }

  /** What became of a stream that ended without a whole answer. */
  end(stream, head) {
    if (!this.made) return { how: 'refused', why: this.error };
    const untouched = stream.rstCode === NGHTTP2_REFUSED_STREAM || (this.last !== undefined && stream.id > this.last) || stream.id === undefined;
    if (untouched && head === undefined) return { how: 'unanswered', why: `code ${stream.rstCode}, last ${this.last}` };
    return { how: 'cut', why: `stream ${stream.id} ended with code ${stream.rstCode} ${this.error ?? ''}` };
  }

  send({ headers, body }) {
    this.used++;
    return new Promise((resolve) => {
      let stream, head, timer;
      let whole = false;
      const got = [];
      try {
        stream = this.session.request(headers, { endStream: body.length === 0 });
      } catch (error) {
        this.usable = false;
        resolve({ how: 'unanswered', why: error.code });
        return;
      }
      timer = setTimeout(() => {
        resolve({ how: 'cut', why: `silent for ${this.patience} ms` });
        stream.destroy();
      }, this.patience);
      stream.on('response', (received) => (head = received));
      stream.on('data', (data) => got.push(data));
      stream.on('end', () => (whole = head !== undefined));
      stream.on('error', () => {});
      stream.on('close', () => {
        clearTimeout(timer);
        if (whole && stream.rstCode === NGHTTP2_NO_ERROR) resolve({ how: 'answered', status: head[':status'], headers: head, body: Buffer.concat(got) });
        else resolve(this.end(stream, head));
      });
      if (body.length > 0) stream.end(body);
    });
  }

  /** No more from now on; what is under way goes on. */
  leave() {
    this.usable = false;
    this.session.close();
  }

  close() {
    this.usable = false;
    this.session.destroy();
  }
}
