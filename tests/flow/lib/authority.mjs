// Certificates of servers that a gateway asks, each of which it trusts by itself.
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { temporary } from './place.mjs';

/** Certificates that `file` names as trusted, each for one host. */
export function authority() {
  const dir = temporary('brama-call-ca');
  const it = { file: path.join(dir, 'ca.pem') };
  it.issue = (host) => {
    const [key, crt] = [path.join(dir, `${host}.key`), path.join(dir, `${host}.crt`)];
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-subj', `/CN=${host}`, '-days', '2', '-addext', `subjectAltName=DNS:${host}`]);
    appendFileSync(it.file, readFileSync(crt));
    return { key: readFileSync(key), cert: readFileSync(crt) };
  };
  return it;
}
