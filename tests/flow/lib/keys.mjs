// Keys, key sets and tokens, made with Node's own crypto, so that they can also be made wrongly.
import {
  constants,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign as signBytes,
} from 'node:crypto';

export const b64url = (data) => Buffer.from(data).toString('base64url');
const json = (value) => b64url(JSON.stringify(value));

const SIGNERS = {
  RS256: (key, data) => signBytes('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING }),
  RS512: (key, data) => signBytes('sha512', data, { key, padding: constants.RSA_PKCS1_PADDING }),
  ES256: (key, data) => signBytes('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (key, data) => signBytes(null, data, key),
  HS256: (secret, data) => createHmac('sha256', secret).update(data).digest(),
  none: () => Buffer.alloc(0),
};

const KINDS = {
  RS256: (bits) => generateKeyPairSync('rsa', { modulusLength: bits ?? 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** RFC 7638. */
function thumbprint(jwk) {
  const members = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'] }[jwk.kty];
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return createHash('sha256').update(text).digest('base64url');
}

/** A key pair: {alg, kid, thumbprint, privateKey, jwk, pem, publicPem}. */
export function makeKey(alg = 'RS256', { kid, bits } = {}) {
  const { privateKey, publicKey } = KINDS[alg](bits);
  const jwk = publicKey.export({ format: 'jwk' });
  const print = thumbprint(jwk);
  const name = kid ?? print;
  return {
    alg,
    kid: name,
    thumbprint: print,
    privateKey,
    jwk: { ...jwk, kid: name, alg, use: 'sig' },
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}

export const jwks = (...keys) => ({ keys: keys.map((key) => key.jwk) });
export const now = () => Math.floor(Date.now() / 1000);

/**
 * A compact token. Claims of value undefined are left out; exp is in an hour unless given.
 * header overrides alg, kid and typ; `by` signs with another algorithm or bytes than the key's.
 */
export function makeToken(key, claims = {}, { header = {}, by = key.alg, secret } = {}) {
  const head = { alg: by, kid: key.kid, typ: 'JWT', ...header };
  const body = { iat: now(), exp: now() + 3600, jti: randomUUID(), ...claims };
  const signed = `${json(head)}.${json(body)}`;
  return `${signed}.${b64url(SIGNERS[by](secret ?? key.privateKey, Buffer.from(signed)))}`;
}

/** The same token with one bit of its signature turned. */
export function spoil(token) {
  const [head, body, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[bytes.length >> 1] ^= 1;
  return `${head}.${body}.${b64url(bytes)}`;
}
