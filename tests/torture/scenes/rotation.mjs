import { jwks, makeKey } from '../../flow/lib/keys.mjs';
import { until } from '../../flow/lib/place.mjs';
import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';

export const title = 'keys rotate: the new one passes at once, or within 10 s of a storm; the removed one never again';

const STORM_MS = 11_000; // the longest back-off, and a second

// The first rotation has calm before it. From then on a crowd of its own goes on asking with removed and
// with unheard-of keys, which keeps the back-off alive.
export async function play(stage) {
  await stage.build(['one', 'two']);
  const gw = await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
  });
  const holders = (key) => {
    const all = [...stage.kinds('one', { key }), ...stage.kinds('two', { key, ory: true })];
    return all.filter((kind) => kind.class === 'may pass').map((kind) => ({ ...kind, statuses: [401] }));
  };
  const refused = (kinds) => kinds.map((kind) => ({ ...kind, class: 'must be refused' }));
  const inForce = async (...keys) => {
    const wanted = keys.map((key) => key.thumbprint).join();
    await until(`a set of ${keys.length}`, async () => (await gw.keySets()).every((set) => set.keys.map((key) => key.thumbprint).join() === wanted), { timeout: STORM_MS });
    await gw.ready();
  };

  let key = stage.key;
  let holding = holders(key);
  const others = stage.kinds('one').filter((kind) => kind.class !== 'may pass');
  const crowd = stage.crowd([...holding, ...others, ...stage.strangers('two')]);
  const storm = stage.crowd([], { lanes: ['kept', 'kept', 'kept', 'fresh', 'h2'] });
  /** Both keys for a while: who has either passes. */
  const beside = async (next, fresh) => {
    const calm = storm.kinds.length === 0;
    stage.event(`a new key beside the old one, ${calm ? 'calm' : 'in a storm'}`);
    stage.pages.pages['/jwks'] = jwks(next, key);
    for (const kind of fresh) kind.class = calm ? 'may pass' : 'turning';
    crowd.kinds.push(...fresh);
    await inForce(next, key);
    for (const kind of fresh) kind.class = 'may pass';
    await stage.pause(100, 300);
  };
  while (stage.more()) {
    await stage.pause(100, 300);
    const reused = storm.kinds.length > 0 && stage.luck.oneIn(3); // nobody has to ask for a kid that is known
    const next = makeKey('ES256', reused ? { kid: key.kid } : {});
    const fresh = holders(next);
    if (!reused) await beside(next, fresh);

    await crowd.turn(holding, 'turning');
    for (const kind of holding) crowd.kinds.splice(crowd.kinds.indexOf(kind), 1);
    storm.kinds.splice(0, storm.kinds.length, ...holding, ...refused(holders(makeKey('ES256')))); // who asks for a fetch
    stage.event(reused ? 'the old kid is another key\'s' : 'the old key is gone');
    stage.pages.pages['/jwks'] = jwks(next);
    await inForce(next);
    stage.event('and that is in force'); // remembered tokens as well
    for (const kind of holding) kind.class = 'must be refused';
    if (reused) crowd.kinds.push(...fresh);
    [key, holding] = [next, fresh];
  }
  await stage.pause(400, 400);
}
