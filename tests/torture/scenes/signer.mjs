import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { makeKey } from '../../flow/lib/keys.mjs';
import { sleep, temporary, until } from '../../flow/lib/place.mjs';
import { alive, childrenOf } from '../../flow/lib/process.mjs';
import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';

export const title = 'the signer is frozen and killed, its keys are replaced: nobody goes on without a token, and each verifies by what is published just then';

const ISSUER = 'https://gate.example';
const SUBJECTS = 20;
const DEATHS = 5; // of a minute: the next signer is started at once, then after 1, 2, 4, 8 s
const REUSED_MS = 1100; // a worker hands out a token for a second without asking again
const CHECK_MS = 50;

/** What the workload got is a token of ours for this very client, by a key that is published. The kids. */
async function check(entries, admin) {
  const set = createLocalJWKSet(await (await fetch(`http://${admin}/.well-known/jwks.json`)).json());
  const verify = async ({ id, target, authorization = '' }) => {
    const fail = (why) => {
      throw new Error(`${id} is at the workload with a token that is none: ${why}`);
    };
    const { payload, protectedHeader } = await jwtVerify(authorization.replace(/^Bearer /, ''), set, { issuer: ISSUER }).catch(fail);
    if (target !== `/x?${payload.sub}`) fail(`${payload.sub}'s, for ${target}`);
    return protectedHeader.kid;
  };
  return Promise.all(entries.map(verify));
}

export async function play(stage) {
  const file = path.join(temporary('brama-secrets'), 'jwks.json');
  const secret = (of) => ({ ...of.privateKey.export({ format: 'jwk' }), kid: of.kid, alg: of.alg, use: 'sig' });
  const put = (...keys) => {
    writeFileSync(`${file}.new`, JSON.stringify({ keys }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  let key = makeKey('ES256');
  put(secret(key));
  await stage.build(['one', 'two']);
  const [jwt, open] = stage.rulesV1('ory');
  const mutators = [{ handler: 'id_token', config: { jwks_url: `file://${file}`, issuer_url: ISSUER, ttl: '60s' } }];
  const gw = await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: [{ ...jwt, mutators }, open] }),
  });
  const sameWorkers = await stage.sameWorkers();
  const signed = Array.from({ length: SUBJECTS }, (_, i) => ({
    class: 'may pass', service: 'two', host: 'two.test.local', hostThere: 'two.shop.svc.cluster.local:80',
    target: `/x?who-${i}`, token: stage.token(stage.key, { sub: `who-${i}` }), statuses: [500],
  }));
  const others = stage.kinds('two', { ory: true }).filter((kind) => kind.class !== 'may pass');
  const crowd = stage.crowd([...stage.kinds('one'), ...others, ...signed]);
  const signer = () => until('a signer', () => childrenOf(gw.pid).find((one) => / signer --state /.test(one.command))?.pid);
  const passes = (since) => crowd.records.some((record) => record.service === 'two' && record.began > since && record.status === 200 && signed.includes(record.kind));

  let deaths = 0;
  /** The first one costs what it had taken. After another one nobody signs for a while, and that is said at once. */
  const die = async () => {
    const pid = await signer();
    if (deaths > 0) await crowd.turn(signed, 'turning');
    await stage.freeze(pid);
    crowd.doubt(signed);
    await stage.pause(200, 500); // questions come, which the next one has to answer
    stage.event(`kill -9 of signer ${pid}`);
    process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    await until('its end', () => !alive(pid));
    await until('the next one to sign', () => passes(killed + REUSED_MS), { timeout: 20_000 });
    stage.event('signed again');
    if (deaths++ > 0) await crowd.turn(signed, 'may pass');
  };
  const stand = async () => {
    const pid = await signer();
    stage.event(`signer ${pid} stands still`);
    await stage.freeze(pid);
    await stage.pause(50, 500);
    process.kill(pid, 'SIGCONT');
  };
  const kids = new Set(); // by which a token has come
  const used = () => until('a token by the key', () => kids.has(key.kid), { timeout: 20_000 });
  const rotate = async () => {
    await used();
    const next = makeKey('ES256');
    if (stage.luck.oneIn(2)) {
      stage.event('the next key is shown');
      put(secret(key), next.jwk);
      await stage.pause(50, 300);
      stage.event('it signs, the old one is shown');
      put(secret(next), key.jwk);
    } else {
      stage.event('the next key signs beside the old one'); // the last one does
      put(secret(key), secret(next));
    }
    await sleep(REUSED_MS);
    await crowd.settled();
    stage.event('the old key is gone');
    put(secret(next));
    key = next;
  };

  let checked = 0, going = true;
  const checking = (async () => {
    for (let last = false; !last; ) {
      last = !going;
      const entries = stage.ledger.slice(checked).filter((entry) => entry.service === 'two' && entry.target.startsWith('/x'));
      checked = stage.ledger.length;
      for (const kid of await check(entries, gw.admin)) kids.add(kid);
      await sleep(CHECK_MS);
    }
  })();
  const again = async (...acts) => {
    do {
      await stage.luck.pick(acts)();
      await stage.pause(50, 300);
    } while (stage.more());
  };
  const all = async () => {
    await Promise.all([again(stand, () => deaths < DEATHS && die()), again(rotate)]);
    if (deaths === 0) await die();
    await used();
  };
  stage.more();
  await Promise.race([checking, all()]);
  await crowd.end();
  going = false;
  await checking;
  await sameWorkers();
}
