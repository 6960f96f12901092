// brama check: what it says beside Kyma, with a code, a place and a page each (docs/checks).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { verb } from './lib/gateway.mjs';
import { makeKey } from './lib/keys.mjs';
import { brama, freePort, root, temporary } from './lib/place.mjs';
import { apiRule, apiRuleV1, documents, istioJwt, oryJwt, toggle } from './lib/rules.mjs';
import { pageServer } from './lib/servers.mjs';

const dir = temporary('brama-check');
const file = (name, text) => {
  const full = path.join(dir, name);
  writeFileSync(full, typeof text === 'string' ? text : JSON.stringify(text));
  return full;
};
const check = async (text, ...args) => {
  const end = await verb(['check', '-f', '-', '-o', 'json', ...args], { input: text });
  return { ...end, findings: end.out ? JSON.parse(end.out) : undefined };
};

const jwt = istioJwt('https://idp.example', 'https://idp.example/keys', { audiences: ['shop'] });
const handler = (name, config) => ({ accessStrategies: [{ handler: name, ...(config && { config }) }] });
const ory = (rest) => ({ accessStrategies: [oryJwt('https://idp.example', 'https://idp.example/keys', { target_audience: ['shop'], ...rest })] });
const istio = (...texts) => documents(toggle('istio'), ...texts);
const service = (name) => JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { ports: [{ port: 8000 }] } });
const secret = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 's' }, data: {} });
const keySet = (name, ...keys) => `file://${file(name, { keys })}`;
const withKeys = (url) => apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://idp.example', url, { audiences: ['shop'] }) }] });
const rsa = makeKey('RS256').jwk;
const ec = makeKey('ES256');
const long = makeKey('RS256', { bits: 4096 }).jwk; // made once: it takes a while
const open = apiRule({ rules: [{ path: '/a', noAuth: true }] });
const web = (tls, ...more) => documents(JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'web', namespace: 'shop' }, spec: { servers: [{ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['*.localhost'], tls }] } }), open, ...more);
const tlsSecret = (crt, key) => JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name: 'c', namespace: 'shop' }, stringData: { 'tls.crt': crt, 'tls.key': key } });
const pair = (() => {
  const [crt, key] = ['crt.pem', 'key.pem'].map((name) => path.join(dir, name));
  spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-subj', '/CN=localhost', '-days', '2']);
  return { crt: readFileSync(crt, 'utf8'), key: readFileSync(key, 'utf8') };
})();

// A code, what provokes it, where it is said, and a piece of what is said; then the repaired one.
const examples = [
  ['BRAMA1001', apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://idp.example', 'http://idp.example/keys', { audiences: ['a'] }) }] }), '.spec.rules[0].jwt.authentications[0].jwksUri', /plain http/,
    apiRule({ rules: [{ path: '/a', jwt }] })],
  ['BRAMA1002', apiRuleV1({ rules: [{ path: '/a', ...handler('no_auth') }] }), '.apiVersion', /since Kyma 3\.10/, open],
  ['BRAMA1003', documents(service('other'), open), '.spec.rules[0]', /shop\/httpbin/, documents(service('httpbin'), open)],
  ['BRAMA1004', documents(open, open), '.metadata.name', /a second time/, open],
  ['BRAMA1005', documents(open, secret), '', /tls\.crt/, documents(open, secret.replace('"data":{}', '"stringData":{"tls.crt":"c","tls.key":"k"}'))],
  ['BRAMA1006', open.replace('/v2', '/v3'), '.apiVersion', /v3/, open],
  ['BRAMA1007', documents(toggle('magic'), open), '.data.api-gateway-config', /no handler/, istio(open)],
  ['BRAMA1008', open.replace('"APIRule"', '"ApiRule"'), '.kind', /no kind ApiRule, did you mean "APIRule"/, open],
  ['BRAMA1009', web({ mode: 'MUTUAL', credentialName: 'c' }), '.spec.servers[0]', /tls\.mode other than SIMPLE/, web({ mode: 'SIMPLE', credentialName: 'c' })],
  ['BRAMA1010', web({ mode: 'SIMPLE', credentialName: 'c' }), '.spec.servers[0].tls.credentialName', /Secret c is neither in istio-system nor in shop/, web({ mode: 'SIMPLE', credentialName: 'c' }, tlsSecret(pair.crt, pair.key))],
  ['BRAMA1011', apiRule({ host: 'shop.example', rules: [{ path: '/a', noAuth: true }] }), '.spec.hosts[0]', /has host shop\.example/, open],
  ['BRAMA1012', web({ mode: 'SIMPLE', credentialName: 'c' }, tlsSecret(pair.crt, ec.pem)), '.spec.servers', /Secret shop\/c: /, web({ mode: 'SIMPLE', credentialName: 'c' }, tlsSecret(pair.crt, pair.key))],
  ['BRAMA1013', open.replace('"namespace"', '"namespce"'), '.metadata.namespce', /unknown field "metadata.namespce", did you mean "namespace"/, open],
  ['BRAMA1014', apiRule({ corsPolicy: { allowOrigins: [{ exakt: 'https://ui.example' }] }, rules: [{ path: '/a', noAuth: true }] }), '.spec.corsPolicy.allowOrigins[0].exakt', /exakt is none of/,
    apiRule({ corsPolicy: { allowOrigins: [{ exact: 'https://ui.example' }, { prefix: 'https://a' }, { regex: '.*' }] }, rules: [{ path: '/a', noAuth: true }] })],
  ['BRAMA1015', apiRule({ rules: [{ path: '/a', noAuth: true, request: { headers: { 'X-Caller': '%REQ(X-Absent?Authorization):40%' } } }] }), '.spec.rules[0].request.headers.X-Caller', /copies the caller's authorization: whoever writes down or hands on header "X-Caller"/,
    apiRule({ rules: [{ path: '/a', noAuth: true, request: { headers: { Authorization: '%REQ(Authorization)%', Cookie: '%REQ(Cookie)%; a=b', 'X-Org': '%REQ(X-Org)%' } } }] })],
  ['BRAMA1016', apiRuleV1({ rules: [{ path: '/a', ...handler('noop'), mutators: [{ handler: 'noop' }, { handler: 'hydrator', config: { api: { url: 'http://api/h', retry: { give_up_after: '1s' } } } }] }] }), '.spec.rules[0].mutators[1].config.api.retry', /the API is asked once, and has 5 s/,
    apiRuleV1({ rules: [{ path: '/a', ...handler('noop'), mutators: [{ handler: 'noop' }, { handler: 'hydrator', config: { api: { url: 'http://api/h' } } }] }] })],
  ['BRAMA1101', apiRule({ rules: [{ path: '/a', jwt: { ...jwt, authorizations: [{ audiences: ['a'] }, { requiredScopes: ['b'] }] } }] }), '.spec.rules[0].jwt.authorizations', /no audience/,
    apiRule({ rules: [{ path: '/a', jwt: { ...jwt, authorizations: [{ audiences: ['a'] }, { audiences: ['b'] }] } }] })],
  ['BRAMA1102', apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://idp.example', 'https://idp.example/keys', { audiences: ['a'], fromParams: ['t'] }) }] }), '.spec.rules[0].jwt.authentications[0].fromParams', /Referer/,
    apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://idp.example', 'https://idp.example/keys', { audiences: ['a'], fromHeaders: [{ name: 'X-T' }] }) }] })],
  ['BRAMA1103', apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://a.idp.example', 'https://idp.evil/keys', { audiences: ['a'] }) }] }), '.spec.rules[0].jwt.authentications[0].jwksUri', /idp\.evil/,
    apiRule({ rules: [{ path: '/a', jwt: istioJwt('https://a.idp.example', 'https://keys.idp.example/keys', { audiences: ['a'] }) }] })],
  ['BRAMA1104', apiRuleV1({ rules: [{ path: '/a', ...handler('jwt', { jwks_urls: ['https://idp.example/keys'] }) }] }), '.spec.rules[0].accessStrategies[0].config.trusted_issuers', /whoever its iss/,
    apiRuleV1({ rules: [{ path: '/a', ...ory() }] })],
  ['BRAMA1105', apiRuleV1({ rules: [{ path: '/a', ...handler('allow') }] }), '.spec.rules[0].accessStrategies[0].handler', /every method/, apiRuleV1({ rules: [{ path: '/a', ...handler('no_auth') }] })],
  ['BRAMA1201', apiRuleV1({ rules: [{ path: '/.*', ...handler('no_auth') }, { path: '/admin', ...ory() }] }), '.spec.rules[1]', /GET never reaches this rule: rule 0 \(\/\.\*\) takes it, and lets everybody in/,
    apiRuleV1({ rules: [{ path: '/admin', ...ory() }, { path: '/.*', ...handler('no_auth') }] })],
  ['BRAMA1202', apiRule({ rules: [{ path: '/o/{*}/items', methods: ['POST'], jwt }, { path: '/o/{**}', methods: ['GET', 'POST'], noAuth: true }] }), '.spec.rules[1]', /GET \/o\/x\/items is answered 403: rule 0/,
    apiRule({ rules: [{ path: '/o/{*}/items', methods: ['POST', 'GET'], jwt }, { path: '/o/{**}', methods: ['GET', 'POST'], noAuth: true }] })],
  ['BRAMA1203', istio(apiRuleV1({ rules: [{ path: '/a', ...handler('no_auth') }, { path: '/a', methods: ['POST'], ...handler('no_auth') }] })), '.spec.rules[1]', /doesn't serve POST/,
    istio(apiRuleV1({ rules: [{ path: '/a', methods: ['GET', 'POST'], ...handler('no_auth') }] }))],
  ['BRAMA1204', apiRuleV1({ rules: [{ path: '/.*', ...handler('noop') }, { path: '/a', ...ory() }] }), '.spec.rules[1]', /GET \/a is answered 500/,
    apiRuleV1({ rules: [{ path: '/b/.*', ...handler('noop') }, { path: '/a', ...ory() }] })],
  ['BRAMA1205', istio(apiRuleV1({ rules: [{ path: '/admin', ...handler('jwt', jwt) }, { path: '/.*', ...handler('no_auth') }] })), '.spec.rules[0]', /in a cluster GET \/admin passes without a token: rule 1 \(\/\.\*\) of shop\/httpbin/,
    apiRule({ rules: [{ path: '/admin', jwt }, { path: '/*', noAuth: true }] })],
  ['BRAMA1206', apiRule({ rules: [{ path: '/{*}/info', noAuth: true }, { path: '/admin/{*}', jwt }] }), '.spec.rules[1]', /GET \/admin\/info passes without a token/,
    apiRule({ rules: [{ path: '/admin/info', noAuth: true }, { path: '/admin/{*}', jwt }] })],
  ['BRAMA1207', documents(apiRule({ name: 'all', host: '*.shop.localhost', rules: [{ path: '/*', jwt }] }), apiRule({ host: 'a.shop.localhost', rules: [{ path: '/a', noAuth: true }] })), '.spec.hosts[0]', /a\.shop\.localhost has an APIRule of its own/,
    documents(apiRule({ name: 'all', host: '*.shop.localhost', rules: [{ path: '/*', jwt }] }), apiRule({ host: 'a.other.localhost', rules: [{ path: '/a', noAuth: true }] }))],
  ['BRAMA1208', apiRuleV1({ rules: [{ path: 'a/.*', ...handler('no_auth') }] }), '.spec.rules[0].path', /no request/, apiRuleV1({ rules: [{ path: '/a/.*', ...handler('no_auth') }] })],
  ['BRAMA1209', apiRuleV1({ rules: [{ path: '/*', ...handler('noop') }] }), '.spec.rules[0].path', /slashes only/, istio(apiRuleV1({ rules: [{ path: '/*', ...handler('no_auth') }] }))],
  ['BRAMA1210', istio(apiRuleV1({ rules: [{ path: '/o/[0-9]+', ...handler('no_auth') }] })), '.spec.rules[0].path', /GET \/o\/0 is answered 403/, apiRule({ rules: [{ path: '/o/{*}', noAuth: true }] })],
  ['BRAMA1211', apiRule({ corsPolicy: { allowOrigins: [{ exact: 'https://ui.example' }] }, rules: [{ path: '/a', jwt }] }), '.spec.rules[0].methods', /OPTIONS \/a/,
    apiRule({ corsPolicy: { allowOrigins: [{ exact: 'https://ui.example' }] }, rules: [{ path: '/a', methods: ['GET', 'OPTIONS'], jwt }] })],
  ['BRAMA1212', documents(apiRule({ rules: [{ path: '/a', noAuth: true }] }), apiRuleV1({ name: 'old', host: 'old', rules: [{ path: '/old', ...handler('allow') }] })), '.spec.rules[0]', /policies of other rules|AuthorizationPolicies of other rules/i,
    documents(apiRule({ rules: [{ path: '/a', noAuth: true }] }), apiRuleV1({ name: 'old', host: 'old', service: { name: 'other', port: 1 }, rules: [{ path: '/old', ...handler('allow') }] }))],
  ['BRAMA1301', withKeys(keySet('weak', ec.jwk, makeKey('RS256', { bits: 1024 }).jwk)), '.spec.rules[0].jwt.authentications[0].jwksUri', /isn't used/, withKeys(keySet('strong', ec.jwk, rsa))],
  ['BRAMA1302', withKeys(keySet('dear', long)), '.spec.rules[0].jwt.authentications[0].jwksUri', /RSA-4096: each new token costs about four times/, withKeys(keySet('cheap', rsa))],
  ['BRAMA1303', withKeys(`file://${dir}/absent`), '.spec.rules[0].jwt.authentications[0].jwksUri', /no keys from file:/, withKeys(keySet('there', rsa))],
  ['BRAMA1304', withKeys(keySet('private', rsa, { ...ec.jwk, d: 'AA' })), '.spec.rules[0].jwt.authentications[0].jwksUri', /private members/, withKeys(keySet('public', rsa, ec.jwk))],
  ['BRAMA2001', 'kind: [', '', /./, open],
];
const ERRORS = ['BRAMA1004', 'BRAMA1005', 'BRAMA1006', 'BRAMA1007', 'BRAMA1009', 'BRAMA1012', 'BRAMA1303', 'BRAMA2001'];

describe('each code', () => {
  for (const [code, text, attribute, message, repaired] of examples)
    test(`${code} is said, at its place, and not of what is repaired`, async () => {
      const { code: exit, findings } = await check(text);
      const found = findings.filter((f) => f.code === code);
      assert.equal(found.length, 1, JSON.stringify(findings));
      assert.equal(found[0].attribute, attribute);
      assert.match(found[0].message, message);
      const isError = ERRORS.includes(code);
      assert.equal(found[0].severity, isError ? 'error' : 'warning');
      assert.equal(exit, code === 'BRAMA2001' ? 2 : isError ? 1 : 0);
      assert.ok(found[0].line >= 1);
      const after = await check(repaired);
      assert.ok(!after.findings.some((f) => f.code === code), JSON.stringify(after.findings));
      if (!isError) {
        assert.equal((await check(text, '--strict')).code, 1);
        const ignored = await check(text, '--ignore', code.toLowerCase());
        assert.ok(!ignored.findings.some((f) => f.code === code));
      }
    });

  test('has a page, which --explain prints, and each page has an example here', async () => {
    const pages = readdirSync(path.join(root, 'docs/checks')).sort();
    assert.deepEqual(examples.map(([code]) => `${code}.md`).sort(), pages);
    const titles = [];
    for (const page of pages) {
      const text = readFileSync(path.join(root, 'docs/checks', page), 'utf8');
      const end = await verb(['check', '--explain', page.replace('.md', '')]);
      assert.equal(end.out, text);
      titles.push(text.split('\n')[0].replace('# ', ''));
    }
    const list = await verb(['check', '--explain', 'list']);
    assert.deepEqual(list.out.trim().split('\n'), titles);
    assert.equal((await verb(['check', '--explain', 'BRAMA9999'])).code, 64);
    assert.equal((await verb(['check', '-f', '-', '--ignore', 'BRAMA9999'], { input: '' })).code, 64);
  });
});

test('who shadows a rule: one, or several together; and what that means', async () => {
  const said = async (...rules) => (await check(apiRuleV1({ rules }))).findings.filter((f) => f.code === 'BRAMA1201').map((f) => f.message);
  const at = (p, methods, how) => ({ path: p, methods, ...how });
  const no_auth = handler('no_auth');
  assert.deepEqual(await said(at('/.*', ['GET', 'POST'], no_auth), at('/a', ['GET'], no_auth)), ['no request reaches this rule: rule 0 (/.*) takes them all']);
  assert.deepEqual(await said(at('/a.*', ['GET'], no_auth), at('/.*', ['POST'], no_auth), at('/a', ['GET', 'POST'], no_auth)), ['no request reaches this rule: rule 0 (/a.*) and others before this one take them all']);
  assert.deepEqual(await said(at('/.*', ['GET'], no_auth), at('/a', ['GET', 'POST'], no_auth)), ['GET never reaches this rule: rule 0 (/.*) takes it']);
  assert.deepEqual(await said(at('/a/.*', ['GET'], no_auth), at('/.*', ['GET'], no_auth)), []);
  assert.deepEqual(await said(at('/.*', ['GET'], ory()), at('/a', ['GET'], ory())), [], 'Oathkeeper knows no order');
});

describe('a field that nobody knows', () => {
  // Every place of every version: the path, what was written, what was meant.
  const v2 = (rule, spec = {}) => apiRule({ rules: [{ path: '/a', noAuth: true, ...rule }], ...spec });
  const v1 = (rule, spec = {}) => apiRuleV1({ rules: [{ path: '/a', ...handler('no_auth'), ...rule }], ...spec });
  const alpha = (text) => text.replace('/v2"', '/v2alpha1"');
  const old = (spec) => JSON.stringify({ apiVersion: 'gateway.kyma-project.io/v1alpha1', kind: 'APIRule', metadata: { name: 'a' }, spec });
  const bad = (config) => ({ noAuth: null, jwt: { ...jwt, ...config } });
  const rows = [
    ['spec', v2({}, { corsPolcy: {} }), 'spec.corsPolcy', 'corsPolicy'],
    ['spec of v2alpha1', alpha(v2({}, { timout: 3 })), 'spec.timout', 'timeout'],
    ['a rule', v2({ method: ['GET'] }), 'spec.rules[0].method', 'methods'],
    ['request', v2({ request: { header: {} } }), 'spec.rules[0].request.header', 'headers'],
    ['a service', v2({ service: { name: 'a', prot: 80, port: 80 } }), 'spec.rules[0].service.prot', 'port'],
    ['jwt', v2(bad({ authorisations: [] })), 'spec.rules[0].jwt.authorisations', 'authorizations'],
    ['an authentication', v2(bad({ authentications: [{ ...jwt.authentications[0], fromParameters: ['t'] }] })), 'spec.rules[0].jwt.authentications[0].fromParameters', 'fromParams'],
    ['an authentication of v2alpha1', alpha(v2(bad({ authentications: [{ ...jwt.authentications[0], fromParameters: ['t'] }] }))), 'spec.rules[0].jwt.authentications[0].fromParameters', 'fromParams'],
    ['a header of it', v2(bad({ authentications: [{ ...jwt.authentications[0], fromHeaders: [{ name: 'x', prefx: 'y' }] }] })), 'spec.rules[0].jwt.authentications[0].fromHeaders[0].prefx', 'prefix'],
    ['an authorization', v2(bad({ authorizations: [{ audience: ['a'] }] })), 'spec.rules[0].jwt.authorizations[0].audience', 'audiences'],
    ['extAuth', v2({ noAuth: null, extAuth: { authorizer: ['a'] } }), 'spec.rules[0].extAuth.authorizer', 'authorizers'],
    ['restrictions', v2({ noAuth: null, extAuth: { authorizers: ['a'], restrictions: { ...jwt, authorization: [] } } }), 'spec.rules[0].extAuth.restrictions.authorization', 'authorizations'],
    ['corsPolicy', v2({}, { corsPolicy: { allowOrigin: [] } }), 'spec.corsPolicy.allowOrigin', 'allowOrigins'],
    ['spec of v1beta1', v1({}, { hots: 'a' }), 'spec.hots', 'host'],
    ['a rule of v1beta1', v1({ mutator: [] }), 'spec.rules[0].mutator', 'mutators'],
    ['a strategy of v1beta1', v1({ accessStrategies: [{ handler: 'no_auth', confg: {} }] }), 'spec.rules[0].accessStrategies[0].confg', 'config'],
    ['corsPolicy of v1beta1', v1({}, { corsPolicy: { maxage: '1s' } }), 'spec.corsPolicy.maxage', 'maxAge'],
    ['spec.service of v1alpha1', old({ gateway: 'kyma-system/kyma-gateway', service: { name: 'a', port: 1, host: 'abc', hsot: 'x' }, rules: [{ path: '/a', methods: ['GET'], ...handler('allow') }] }), 'spec.service.hsot', 'host'],
  ];
  for (const [name, text, where, meant] of rows)
    test(`${name}: ${where}`, async () => {
      const { code, findings } = await check(text);
      assert.equal(code, 1);
      assert.ok(findings.some((f) => f.severity === 'error' && f.message === `unknown field "${where}", did you mean "${meant}"?`), JSON.stringify(findings));
    });

  test('fromParameters in a jwt config of v1beta1, which Kubernetes would let by', async () => {
    const { findings } = await check(istio(v1(handler('jwt', { ...jwt, authentications: [{ ...jwt.authentications[0], fromParameters: ['t'] }] }))));
    assert.ok(findings.some((f) => f.severity === 'error' && f.attribute.endsWith('.authentications[0].fromParameters') && f.message.endsWith('did you mean "fromParams"?')), JSON.stringify(findings));
  });
});

test('keys: what is said of each', async () => {
  const pair = (options) => generateKeyPairSync('rsa', options).publicKey.export({ format: 'jwk' });
  // What the set holds beside a good key, and what is said.
  const rows = [
    ['512 bits', { ...pair({ modulusLength: 512 }), kid: 'tiny' }, 'BRAMA1301', /key "tiny" of file:.* is weak and isn't used/],
    ['the exponent 1', { ...rsa, kid: 'one', e: 'AQ' }, 'BRAMA1301', /key "one" .* isn't used/],
    ['the exponent 3', { ...pair({ modulusLength: 2048, publicExponent: 3 }), kid: 'three' }, 'BRAMA1301', /key "three" .* has the RSA exponent 3/],
    ['4096 bits', { ...long, kid: 'long' }, 'BRAMA1302', /key "long" .* is RSA-4096/],
    ['no kid', { ...long, kid: undefined }, 'BRAMA1302', /key 1 \(without kid\)/],
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0', kid: 's' }, 'BRAMA1304', /key "s" .* isn't used: kty oct/],
    ['for encryption', { ...rsa, kid: 'enc', use: 'enc' }, 'BRAMA1304', /key "enc" .* isn't used: use says/],
    ['an unknown curve', { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA', kid: 'k1' }, 'BRAMA1304', /key "k1" .* isn't used/],
    ['an ordinary one', rsa, undefined],
  ];
  for (const [name, key, code, message] of rows) {
    const { findings } = await check(withKeys(keySet('one-by-one', ec.jwk, key)));
    const found = findings.filter((f) => f.code.startsWith('BRAMA13'));
    assert.deepEqual(found.map((f) => f.code), code === undefined ? [] : [code], name);
    if (message !== undefined) assert.match(found[0].message, message, name);
  }
  const { code, findings } = await check(withKeys(keySet('all-weak', { ...pair({ modulusLength: 512 }), kid: 'tiny' })));
  assert.equal(code, 1, 'a set without a usable key is as good as none');
  assert.ok(findings.some((f) => f.code === 'BRAMA1303' && f.severity === 'error'));
});

test('credentials that are copied: from where, and into what', async () => {
  const from = { ...jwt, authentications: [{ ...jwt.authentications[0], fromHeaders: [{ name: 'X-Token' }] }] };
  const v2 = (request, rule = { noAuth: true }) => apiRule({ rules: [{ path: '/a', ...rule, request }] });
  const v1 = (mutator, config) => apiRuleV1({ rules: [{ path: '/a', ...handler('jwt', jwt), mutators: [{ handler: mutator, config }] }] });
  const rows = [
    ['the cookies into a header', v2({ headers: { 'X-All': '%REQ(Cookie)%' } }), '.request.headers.X-All', /the caller's cookie: .* header "X-All"/],
    ['a token into a cookie', v2({ cookies: { t: '%REQ(Authorization)%' } }), '.request.cookies.t', /the caller's authorization: .* cookie "t"/],
    ['a proxy credential', v2({ headers: { 'X-P': '%REQ(proxy-authorization)%' } }), '.request.headers.X-P', /proxy-authorization/],
    ["from the rule's own place of tokens", v2({ headers: { 'X-T': '%REQ(x-token)%' } }, { jwt: from }), '.request.headers.X-T', /the caller's X-Token/],
    ['by a mutator under istio', istio(v1('header', { headers: { 'X-C': '%REQ(Authorization)%' } })), '.mutators.headers.X-C', /authorization/],
    ['by one of cookies', istio(v1('cookie', { cookies: { c: '%REQ(Authorization)%' } })), '.mutators.cookies.c', /cookie "c"/],
    ['a header that is no place of tokens here', v2({ headers: { 'X-T': '%REQ(x-token)%' } }, { jwt })],
    ['under its own name', v2({ headers: { Authorization: '%REQ(Authorization)%' } })],
    ["the client's cookies among the rule's", v2({ headers: { Cookie: '%REQ(Cookie)%; a=b' } })],
  ];
  for (const [name, text, attribute, message] of rows) {
    const found = (await check(text)).findings.filter((f) => f.code === 'BRAMA1015');
    assert.deepEqual(found.map((f) => f.attribute), attribute === undefined ? [] : [`.spec.rules[0]${attribute}`], name);
    if (message !== undefined) assert.match(found[0].message, message, name);
  }
});

describe('--online', () => {
  let server;
  before(async () => {
    server = await pageServer({ '/jwks': { keys: [long] } });
  });
  after(() => server?.stop());

  test('looks at key sets elsewhere, and only then', async () => {
    const there = withKeys(`${server.url}/jwks`);
    assert.ok(!(await check(there)).findings.some((f) => f.code.startsWith('BRAMA13')));
    const { code, findings } = await check(there, '--online');
    assert.equal(code, 0);
    assert.deepEqual(findings.map((f) => f.code).filter((c) => c.startsWith('BRAMA13')), ['BRAMA1302']);
  });

  test('a set that can not be had is an error: 1', async () => {
    for (const [name, url] of [['no such page', `${server.url}/absent`], ['nobody listens', `http://127.0.0.1:${await freePort()}/jwks`]]) {
      assert.equal((await check(withKeys(url))).code, 0, name);
      const { code, findings } = await check(withKeys(url), '--online');
      assert.equal(code, 1, name);
      const found = findings.find((f) => f.code === 'BRAMA1303');
      assert.equal(found.severity, 'error');
      assert.ok(found.message.startsWith(`no keys from ${url}: `), found.message);
    }
  });
});

describe('for people', () => {
  const text = `apiVersion: gateway.kyma-project.io/v2
kind: APIRule
metadata: {name: a}
spec:
  gateway: kyma-system/kyma-gateway
  hosts: [a]
  service: {name: a, port: 80}
  rules:
    - path: /a
      methods: [GET]
      jwt:
        authentications:
          - issuer: https://i.example
            jwksUri: https://i.example/k
            fromParameters: [t]
`;

  test('the line, and a caret under the column; the summary last', async () => {
    const name = file('people.yaml', text);
    const end = await verb(['check', '-f', name]);
    assert.equal(end.code, 1);
    const lines = end.out.split('\n');
    const at = lines.findIndex((line) => line.includes('error: '));
    assert.equal(lines[at], `${name}:15:13: error: .spec.rules[0].jwt.authentications[0].fromParameters: unknown field "spec.rules[0].jwt.authentications[0].fromParameters", did you mean "fromParams"?`);
    assert.equal(lines[at + 1], '   15 |             fromParameters: [t]');
    assert.equal(lines[at + 2], '      |             ^');
    assert.match(end.err, /^brama: 1 APIRule, 1 error, 1 warning\n/);
  });

  test('what is found stands in the order of the files and lines', async () => {
    const { findings } = await check(documents(text.replace('fromParameters', 'fromParams'), text.replace('name: a}', 'name: b}').replace('[a]', '[b]')));
    const lines = findings.map((f) => f.line);
    assert.ok(lines.length >= 3);
    assert.deepEqual(lines, [...lines].sort((a, b) => a - b));
  });

  // script(1) gives the program a terminal.
  const onTerminal = (env) =>
    spawnSync('script', ['-qec', `${brama} check -f ${file('colour.yaml', text)}`, '/dev/null'], { encoding: 'utf8', env: { ...process.env, ...env } });
  const hasScript = spawnSync('script', ['--version']).status === 0;
  test('colour on a terminal only, and not with NO_COLOR', { skip: !hasScript && 'no script(1)' }, async () => {
    const escape = String.fromCharCode(27);
    assert.ok(onTerminal({ NO_COLOR: '' }).stdout.includes(`${escape}[`));
    assert.ok(!onTerminal({ NO_COLOR: '1' }).stdout.includes(`${escape}[`));
    assert.ok(!(await verb(['check', '-f', file('plain.yaml', text)])).out.includes(escape));
  });
});

test('each sort of end: 0 with warnings, 1 with errors, 2 for what is no YAML, 64 for the command line', async () => {
  assert.equal((await check(open)).code, 0);
  assert.equal((await check(apiRuleV1({ rules: [{ path: '/a', ...handler('allow') }] }))).code, 0);
  assert.equal((await check(open.replace('"hosts"', '"host"'))).code, 1);
  assert.equal((await check(documents(open.replace('"hosts"', '"host"'), 'kind: ['))).code, 2);
  assert.equal((await verb(['check', '-f', path.join(dir, 'absent.yaml')])).code, 2);
  assert.equal((await verb(['check'])).code, 64);
  assert.equal((await verb(['check', '-f', '-', '-o', 'xml'], { input: open })).code, 64);
});
