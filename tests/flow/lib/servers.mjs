// The other parties of the scenes: httpbin, a key server, an OIDC provider.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { makeKey } from './keys.mjs';
import { freePort, sleep, until } from './place.mjs';
import { start } from './process.mjs';

/** Debian's httpbin under gunicorn. */
export async function httpbin() {
  const port = await freePort();
  const it = start('gunicorn', ['-b', `127.0.0.1:${port}`, '--log-level', 'warning', 'httpbin:app']);
  it.port = port;
  await until('httpbin', () => {
    if (it.over) throw Object.assign(new Error(it.err), { final: true });
    return new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true) || socket.destroy());
      socket.on('error', () => resolve(false));
    });
  });
  return it;
}

/**
 * Static answers: `pages` maps a path to a value (sent as JSON), a string or Buffer (as is), or a
 * function (req, res). `hits` counts by path; `tls` = {key, cert} makes it https.
 */
export async function pageServer(pages = {}, { tls, port, address = '127.0.0.1' } = {}) {
  const it = { port: port ?? (await freePort()), pages, hits: {}, requests: [] };
  const handle = (req, res) => {
    const path = req.url.split('?')[0];
    it.hits[path] = (it.hits[path] ?? 0) + 1;
    it.requests.push({ path, headers: req.headers });
    const page = it.pages[path];
    if (page === undefined) {
      res.writeHead(404);
      res.end();
    } else if (typeof page === 'function') {
      page(req, res);
    } else {
      const raw = typeof page === 'string' || Buffer.isBuffer(page);
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(raw ? page : JSON.stringify(page));
    }
  };
  const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
  await new Promise((resolve) => server.listen(it.port, address, resolve));
  it.url = `${tls ? 'https' : 'http'}://127.0.0.1:${it.port}`;
  it.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  /** Another certificate from the next handshake on. */
  it.certify = (other) => server.setSecureContext(other);
  server.unref();
  return it;
}

/**
 * A real OpenID provider with one confidential client that may ask for `scopes` by client credentials.
 * The tokens are JWTs (RFC 9068) with the client as subject; `opaque`: texts that only its
 * introspection (RFC 7662) understands.
 * `routes`: other paths for {token, introspection}.
 */
export async function oidcProvider({ scopes, opaque = false, routes = {} }) {
  const { Provider } = await import('oidc-provider');
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const client = { id: 'scene', secret: 'scene-secret' };
  const resource = 'https://httpbin.example';
  const key = makeKey('RS256');
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...key.privateKey.export({ format: 'jwk' }), kid: key.kid, alg: key.alg, use: 'sig' }] },
    cookies: { keys: ['of no use to this grant'] },
    ttl: { ClientCredentials: 600 },
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: scopes.join(' '),
      },
    ],
    scopes,
    routes,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: opaque, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: scopes.join(' '),
          audience: resource,
          accessTokenFormat: opaque ? 'opaque' : 'jwt',
          ...(opaque ? {} : { jwt: { sign: { alg: 'RS256' } } }),
        }),
      },
    },
  });
  const server = http.createServer(provider.callback());
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  server.unref();
  return {
    issuer,
    port,
    client,
    tokenUrl: issuer + (routes.token ?? '/token'),
    introspectionUrl: issuer + (routes.introspection ?? '/token/introspection'),
    stop: () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections()),
  };
}

/** An address where connecting waits for ever: a listener whose backlog is full. */
export async function blackHole(port) {
  port ??= await freePort();
  const it = start('python3', ['-c', `
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', ${port}))
s.listen(0)
held = []
for i in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('127.0.0.1', ${port}))
    held.append(c)
print('full', flush=True)
time.sleep(600)
`]);
  await until('the black hole', () => it.out.includes('full'));
  await sleep(50);
  return { port, stop: () => it.stop('SIGKILL') };
}
