import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { temporary, until } from '../../flow/lib/place.mjs';
import { run } from '../../flow/lib/process.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'certificates are replaced, file by file and broken now and then: no handshake fails, the next one shows the new one';

const NAMES = ['first', 'second', 'third'];

/** The name in the certificate of one more handshake. */
const shown = (port) =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'one.test.local' }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  });

export async function play(stage) {
  const dir = temporary('brama-certificates');
  const at = (name) => path.join(dir, name);
  for (const name of NAMES) {
    const end = await run('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`),
      '-subj', `/CN=${name}`, '-days', '30', '-addext', 'subjectAltName=DNS:*.test.local',
    ]);
    if (end.code !== 0) throw new Error(end.err);
  }
  let current = 'first';
  for (const end of ['key', 'crt']) copyFileSync(at(`first.${end}`), at(`tls.${end}`));
  await stage.build(['one']);
  const gw = await stage.open(
    { 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) },
    { args: ['--tls-cert', at('tls.crt'), '--tls-key', at('tls.key')] },
  );
  const sameWorkers = await stage.sameWorkers();
  stage.crowd(stage.kinds('one'), { lanes: ['kept', 'h2', 'h2-fresh', 'h2-fresh', 'h2-fresh', 'shared', 'shared'] });
  const replace = (end, name) => {
    copyFileSync(at(`${name}.${end}`), at('new'));
    renameSync(at('new'), at(`tls.${end}`));
  };
  for (let i = 0; i === 0 || stage.more(); i++) {
    await stage.pause(50, 200);
    if (stage.luck.oneIn(2)) {
      stage.event('half a certificate');
      const text = readFileSync(at(`${current}.crt`));
      writeFileSync(at('tls.crt'), text.subarray(0, text.length / 2));
      await stage.pause(50, 1200); // the agent looks once a second
    }
    const next = stage.luck.pick(NAMES.filter((name) => name !== current));
    stage.event(`the ${next} one`);
    replace('crt', next); // for a while it is not that of the key
    await stage.pause(0, 1200);
    replace('key', next);
    await until(`the ${next} one to be shown`, async () => (await shown(gw.tlsPort)) === next, { timeout: 5000 });
    await gw.ready();
    for (let n = 0; n < 10; n++) {
      const name = await shown(gw.tlsPort);
      if (name !== next) throw new Error(`a handshake shows the ${name} one, ${next} is in force`);
    }
    current = next;
  }
  await sameWorkers();
}
