// More than thirty refusals of as many causes. Each is explained by its x-request-id; and the change that
// the explanation proposes, applied as it stands by a machine, lets the request pass.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { curl } from './lib/curl.mjs';
import { expectExchange, recorded } from './lib/expect.mjs';
import { gateway } from './lib/gateway.mjs';
import { b64url, jwks, makeKey, makeToken, now, spoil } from './lib/keys.mjs';
import { until } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';
import { recorder } from './lib/upstream.mjs';

const ISSUER = 'https://idp.example';
const SECOND = 'https://second.example';
const ec = makeKey('ES256', { kid: 'ec' });
const rsa = makeKey('RS256', { kid: 'rsa' });
const stranger = makeKey('ES256', { kid: 'stranger' });
const keyRing = { ec, rsa };

// What a request is made of; a row changes some of it, and so does an explanation.
const plain = { host: 'mesh', method: 'GET', target: '/plain', lines: [], token: undefined, copies: 1 };
const AUTHORIZATION = { in: 'header', name: 'Authorization', prefix: 'Bearer ' };
const good = (claims = {}) => ({ key: ec, claims: { iss: ISSUER, sub: 'me', ...claims }, header: {}, place: AUTHORIZATION });
const token = (claims, more = {}) => ({ ...good(claims), ...more });

function text({ key, claims, header, by, mangle = (t) => t }) {
  return mangle(makeToken(key, claims, { header, ...(by && { by, ...(by === 'HS256' && { secret: 'secret' }) }) }));
}

/** The request as curl wants it. */
function build(it) {
  const headers = [...it.lines];
  let target = it.target;
  if (it.hostLine) headers.push(`Host: ${it.hostLine}`);
  for (let i = 0; it.token && i < it.copies; i++) {
    const { place } = it.token;
    const value = text(it.token);
    if (place.in === 'header') headers.push(`${place.name}: ${place.prefix ?? ''}${value}`);
    else if (place.in === 'cookie') headers.push(`Cookie: ${place.name}=${value}`);
    else target += `${target.includes('?') ? '&' : '?'}${place.name}=${value}`;
  }
  return { host: it.host, method: it.method, target, headers };
}

let gw, upstream, pages;

const withMembers = (map, changes) => Object.fromEntries(Object.entries({ ...map, ...changes }).filter(([, value]) => value !== null));

/** Everything that an explanation may propose, done without understanding why. */
const APPLY = {
  mint: (it, claims) => ({ ...it, token: { ...it.token, claims: withMembers(it.token.claims, claims) } }),
  sign: (it, header) => ({
    ...it,
    token: { ...it.token, key: keyRing[header.kid] ?? it.token.key, header: withMembers(it.token.header, header), by: undefined, mangle: undefined },
  }),
  token: (it, place) => ({ ...it, token: { ...(it.token ?? good(it.grant)), place, mangle: undefined } }),
  once: (it) => ({ ...it, copies: 1 }),
  header: (it, changes) => {
    const [[name, value]] = Object.entries(changes);
    const others = it.lines.filter((line) => !line.toLowerCase().startsWith(`${name}:`));
    return { ...it, lines: value === null ? others : [...others, `${name}: ${value}`] };
  },
  method: (it, method) => ({ ...it, method }),
  path: (it, path) => ({ ...it, target: path }),
  host: (it, host) => ({ ...it, hostLine: host }),
  keyset: (it, url) => {
    pages.pages[new URL(url).pathname] = jwks(ec);
    return it;
  },
  service: (it, name) => {
    const [, ns, service, port] = /^(.*)\/(.*):(\d+)$/.exec(name);
    const meta = (name_, labels) => ({ name: name_, namespace: ns, ...(labels && { labels }) });
    gw.write('service.yaml', documents(
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: meta(service), spec: { ports: [{ port: Number(port) }] } }),
      JSON.stringify({
        apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', metadata: meta(`${service}-1`, { 'kubernetes.io/service-name': service }),
        endpoints: [{ addresses: ['127.0.0.1'] }], ports: [{ port: upstream.port }],
      })));
    return it;
  },
};
function apply(it, change) {
  const kinds = Object.keys(change);
  assert.equal(kinds.length, 1, JSON.stringify(change));
  assert.ok(APPLY[kinds[0]], `a change that nobody can apply: ${JSON.stringify(change)}`);
  return APPLY[kinds[0]](it, change[kinds[0]]);
}

before(async () => {
  upstream = await recorder();
  pages = await pageServer({ '/jwks': jwks(ec, rsa), '/second': jwks(ec) });
  const keys = `${pages.url}/jwks`;
  const mesh = (path, jwt, more = {}) => ({ path, jwt, ...more });
  const at = (where) => istioJwt(ISSUER, keys, where);
  const own = (name, ...rules) => apiRule({ name, host: name, service: { name, port: 8000 }, rules }); // a workload of its own
  const keeper = (path, rest) => ({ path, accessStrategies: [oryJwt(ISSUER, keys, { allowed_algorithms: ['ES256'], ...rest })] });
  gw = await gateway({
    args: ['--kid-wait', '0s'],
    services: Object.fromEntries(['httpbin', 'header', 'param', 'never', 'few'].map((name) => [`${name}.shop`, upstream.port])),
    files: {
      'mesh.yaml': apiRule({
        name: 'mesh', host: 'mesh',
        rules: [
          mesh('/plain', istioJwt(ISSUER, keys)),
          mesh('/scoped', istioJwt(ISSUER, keys, { scopes: ['read', 'write'] })),
          mesh('/aud', istioJwt(ISSUER, keys, { audiences: ['orders', 'bills'] })),
          mesh('/second', istioJwt(SECOND, `${pages.url}/second`)),
          { path: '/open', methods: ['GET'], noAuth: true },
          { path: '/{**}', methods: ['POST'], noAuth: true },
        ],
      }),
      'places.yaml': documents(
        own('header', mesh('/x', at({ fromHeaders: [{ name: 'x-jwt', prefix: 'Kyma ' }] }))),
        own('param', mesh('/x', at({ fromParams: ['t'] }))),
        own('never', mesh('/x', istioJwt(ISSUER, `${pages.url}/never`))),
        apiRule({ name: 'gone', host: 'gone', service: { name: 'gone', port: 81 }, rules: [{ path: '/x', noAuth: true }] }),
        own('few', { path: '/x', noAuth: true }, { path: '/public/{*}', noAuth: true }, mesh('/public', istioJwt(ISSUER, keys))),
      ),
      'keeper.yaml': apiRuleV1({
        name: 'keeper', host: 'keeper',
        rules: [
          keeper('/x'), keeper('/scoped', { required_scope: ['read.orders'], scope_strategy: 'hierarchic' }), keeper('/aud', { target_audience: ['orders'] }),
          keeper('/cookie', { token_from: { cookie: 'session' } }), keeper('/query', { token_from: { query_parameter: 'token' } }),
          { path: '/anybody', accessStrategies: [{ handler: 'anonymous' }] },
        ],
      }),
    },
  });
});
after(async () => {
  await gw?.stop();
  await upstream?.stop();
  await pages?.stop();
});

const mesh = (name, target, token_, status, reason, cause, more = {}) => ({ name, target, token: token_, status, reason, cause, ...more });
const keeper = (name, target, token_, status, reason, cause, more = {}) => ({ host: 'keeper', ...mesh(name, target, token_, status, reason, cause, more) });

const rows = [
  mesh('no token', '/plain', undefined, 403, 'token_missing', /^token: expected a token; none at the places that the rule names: header Authorization/),
  mesh('the scheme in lower case', '/plain', token({}, { place: { ...AUTHORIZATION, prefix: 'bearer ' } }), 403, 'token_missing', /^token: expected a token/),
  mesh('a token where nobody looks for it', '/plain', token({}, { place: { in: 'header', name: 'X-Token' } }), 403, 'token_missing', /^token: expected a token/),
  mesh('a rule that wants it in a header of its own', '/x', token(), 403, 'token_missing', /header x-jwt \("Kyma \.\.\."\)/, { host: 'header' }),
  mesh('a rule that wants it in the query', '/x', token(), 403, 'token_missing', /query parameter t/, { host: 'param' }),
  mesh('expired', '/plain', token({ exp: now() - 200 }), 401, 'token_expired', /^exp: expected at least \d+, actual \d+; \d+ s ago; now \d+, tolerance 60 s$/),
  mesh('exp 0', '/plain', token({ exp: 0 }), 401, 'token_expired', /^exp: expected at least \d+, actual 0; /),
  mesh('not valid yet', '/plain', token({ nbf: now() + 600 }), 401, 'token_not_yet_valid', /^nbf: expected at most \d+, actual \d+; in \d+ s;/),
  mesh('an issuer of nobody', '/plain', token({ iss: 'https://evil.example' }), 401, 'issuer_unknown', /^issuer: expected https:\/\/idp\.example https:\/\/second\.example, actual https:\/\/evil\.example/),
  mesh('a slash too many', '/plain', token({ iss: `${ISSUER}/` }), 401, 'issuer_unknown', /actual https:\/\/idp\.example\/;/, { advice: /differs by a trailing slash/ }),
  mesh('no issuer', '/plain', token({ iss: undefined }), 401, 'issuer_unknown', /^issuer: expected/),
  mesh('the issuer of another rule', '/plain', token({ iss: SECOND }), 403, 'issuer_unknown', /an issuer of the workload, but not of this rule/),
  mesh('a kid of no key', '/plain', token({}, { header: { kid: 'k9' } }), 401, 'key_unknown', /^key: expected k9, actual ES256; no key of http.*\/jwks fits kid and alg; fetched \d+ s ago$/),
  mesh('another alg than the key\'s own', '/plain', token({}, { key: rsa, by: 'RS512' }), 401, 'key_unknown', /^key: expected rsa, actual RS512/),
  mesh('HS256', '/plain', token({}, { by: 'HS256' }), 401, 'key_unknown', /^key: expected ec, actual HS256/),
  mesh('a turned bit', '/plain', token({}, { mangle: spoil }), 401, 'signature_invalid', /^signature: ES256; key "ec" \(thumbprint [\w-]{43}\) of http.*: not signed by this key$/),
  mesh('a stranger\'s signature', '/plain', token({}, { key: stranger, header: { kid: 'ec' } }), 401, 'signature_invalid', /not signed by this key/),
  mesh('no scope', '/scoped', token(), 403, 'scope_missing', /^scope: expected read write; authorizations\[0\]$/),
  mesh('one scope of two', '/scoped', token({ scope: 'read' }), 403, 'scope_missing', /^scope: expected read write, actual read;/),
  mesh('another audience', '/aud', token({ aud: 'orders' }), 403, 'audience_missing', /^audience: expected orders bills, actual orders; authorizations\[0\], 1 in the token$/),
  mesh('no subject', '/plain', token({ sub: undefined }), 403, 'subject_missing', /^sub: expected a subject, actual none; this token has no sub/),
  mesh('keys that never came', '/x', token(), 503, 'keys_unavailable', /^key: expected http.*\/never; the key set was never loaded/, { host: 'never', takes: 15_000 }),
  mesh('what is no token', '/plain', token({}, { mangle: () => 'abc' }), 401, 'token_malformed', /^token: Jwt is not in the form of/),
  mesh('alg none', '/plain', token({}, { by: 'none', mangle: (t) => `${t}AA` }), 401, 'token_malformed', /^token: Jwt header \[alg\] is not supported/),
  mesh('crit', '/plain', token({}, { header: { crit: ['exp'] } }), 401, 'token_malformed', /the header has crit, and no extension is understood/),
  mesh('exp as text', '/plain', token({ exp: 'tomorrow' }), 401, 'token_malformed', /^token: Jwt payload \[exp\] field is not an integer/),
  mesh('iat as text', '/plain', token({ iat: 'today' }), 401, 'token_malformed', /\[iat\]/),
  mesh('a number as subject', '/plain', token({ sub: 1 }), 401, 'token_malformed', /\[sub\] field is not a string/),
  mesh('a number as issuer', '/plain', token({ iss: 1 }), 401, 'token_malformed', /\[iss\] field is not a string/),
  mesh('a number as audience', '/plain', token({ aud: 1 }), 401, 'token_malformed', /\[aud\]/),
  mesh('a claim twice', '/plain', token({}, { mangle: (t) => t.replace(/\..*\./, `.${b64url('{"iss":"a","iss":"b"}')}.`) }), 401, 'token_malformed', /not strict JSON, or a member name twice/),
  mesh('two tokens', '/x', token({}, { place: { in: 'header', name: 'x-jwt', prefix: 'Kyma ' } }), 400, 'token_several', /^token: expected one token, actual several/, { host: 'header', copies: 2 }),
  mesh('another method', '/open', undefined, 404, 'no_route', /no rule of this host matches with method PUT/, { method: 'PUT' }),
  mesh('a slash at the end', '/x/', undefined, 404, 'no_route', /^route: expected a rule for path and method, actual \/x\//, { host: 'few' }),
  mesh('a name of another domain', '/open', undefined, 404, 'no_host', /^host: expected a host of an APIRule in force, actual mesh\.elsewhere\.example/, { hostLine: 'mesh.elsewhere.example' }),
  mesh('a header that Connection would drop', '/plain', token(), 400, 'bad_connection', /Connection names a header that the decision rests on/, { lines: ['Connection: authorization'] }),
  mesh('a path with two readings', '/public//x', undefined, 400, 'ambiguous_path', /a lenient backend would read the path as another rule's/, { host: 'few' }),
  mesh('a workload without an address', '/x', undefined, 503, 'no_upstream', /^upstream: shop\/gone:81: no address is known$/, { host: 'gone' }),
  keeper('Oathkeeper: no token', '/x', undefined, 401, 'token_missing', /none at the place that the rule names/),
  keeper('Oathkeeper: no cookie', '/cookie', token(), 401, 'token_missing', /cookie session/),
  keeper('Oathkeeper: not in the query', '/query', token(), 401, 'token_missing', /query parameter token/),
  keeper('Oathkeeper: an alg that isn\'t allowed', '/x', token({}, { key: rsa }), 401, 'alg_not_allowed', /^alg: expected ES256, actual RS256; allowed_algorithms$/),
  keeper('Oathkeeper: no kid', '/x', token({}, { header: { kid: undefined } }), 401, 'kid_missing', /^kid: expected a kid, actual none/),
  keeper('Oathkeeper: an issuer that isn\'t trusted', '/x', token({ iss: SECOND }), 401, 'issuer_unknown', /^issuer: expected https:\/\/idp\.example, actual https:\/\/second\.example; trusted_issuers$/),
  keeper('Oathkeeper: a scope beside the wanted one', '/scoped', token({ scp: ['read.bills'] }), 401, 'scope_missing', /^scope: expected read\.orders, actual read\.bills/),
  keeper('Oathkeeper: no audience', '/aud', token(), 401, 'audience_missing', /^audience: expected orders; 0 in the token$/),
  keeper('Oathkeeper: five seconds too late', '/x', token({ exp: now() - 5 }), 401, 'token_expired', /tolerance 0 s$/),
  keeper('Oathkeeper: issued in the future', '/x', token({ iat: now() + 3000 }), 401, 'token_not_yet_valid', /^iat: expected at most \d+, actual \d+; in \d+ s/),
  keeper('Oathkeeper: two tokens', '/query', token({}, { place: { in: 'param', name: 'token' } }), 400, 'token_several', /^token: expected one token, actual several/, { copies: 2 }),
  keeper('Oathkeeper: not anonymous', '/anybody', undefined, 401, 'not_responsible', /anonymous isn't responsible/, { lines: ['Authorization: Basic eDp5'] }),
];

describe('refused, explained, changed, let in', () => {
  test('they are more than thirty, and no two of one cause and rule', () => {
    assert.ok(rows.length >= 30, `${rows.length}`);
    assert.ok(new Set(rows.map((row) => row.reason)).size >= 20);
  });

  for (const row of rows) {
    test(`${row.name}: ${row.reason}`, async () => {
      const it = { ...plain, ...row };
      const request = build(it);
      // A name of its own as Host can't be asked about by URL; the record has it all the same.
      const { response } = await expectExchange(gw, { request, status: row.status, reason: row.reason, upstream, explains: !row.hostLine });
      const said = await recorded(gw, response.header('x-request-id'));
      assert.match(said.cause, row.cause);
      assert.ok(said.advice, `no advice: ${JSON.stringify(said)}`);
      if (row.advice) assert.match(said.advice, row.advice);
      assert.ok(said.change, `no change: ${JSON.stringify(said)}`);

      const changed = build(apply(it, said.change));
      const seen = upstream.seen.length;
      const answer = await until(`${JSON.stringify(said.change)} to let it pass`, async () => {
        const last = await curl(gw.url(changed.host, '/'), {
          method: changed.method, headers: changed.headers, resolve: gw.resolve(changed.host), args: ['--request-target', changed.target],
        });
        if (last.status === 200 || !row.takes && said.change.service === undefined) return last;
        throw new Error(`${last.status} ${last.text}`);
      }, { timeout: row.takes ?? 5000, every: 100 });
      assert.equal(answer.status, 200, `${JSON.stringify(said.change)} didn't help: ${answer.status} ${answer.text}`);
      assert.equal(upstream.seen.length, seen + 1, 'the workload got it');
    });
  }
});
