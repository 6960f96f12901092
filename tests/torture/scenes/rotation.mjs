import { jwks, makeKey } from '../../flow/lib/keys.mjs';
import { until } from '../../flow/lib/place.mjs';
import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';

export const title = 'keys rotate: the new one passes at once, or within 10 s of a storm; the removed one never again';

const STORM_MS = 11_000; // the longest back-off, and a second

// The first rotation has calm before it. From then on clients with removed and with unheard-of keys
// go on asking, which keeps the back-off alive.
export async function play(stage) {
  await stage.build(['one', 'two']);
  const gw = await stage.open(
    {
      'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
      'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
    },
    { args: ['--kid-wait', '300ms'] },
  );
  const holders = (key) => {
    const token = stage.token(key);
    const all = [...stage.kinds('one', { token }), ...stage.kinds('two', { token, ory: true })];
    return all.filter((kind) => kind.class === 'may pass').map((kind) => ({ ...kind, statuses: [401] }));
  };
  const refused = (kinds) => kinds.map((kind) => ({ ...kind, class: 'must be refused' }));
  const sizeInForce = (n) => until(`a set of ${n}`, async () => (await gw.keySets()).every((set) => set.keys.length === n), { timeout: STORM_MS });

  let key = stage.key;
  let holding = holders(key);
  const crowd = stage.crowd([...holding, ...stage.strangers('one'), ...stage.strangers('two')]);
  const storm = stage.crowd([], { lanes: ['kept', 'kept', 'kept', 'fresh', 'h2'] });
  while (stage.more()) {
    await stage.pause(100, 300);
    const next = makeKey('ES256');
    const fresh = holders(next);
    const calm = storm.kinds.length === 0;
    stage.event(`a new key beside the old one, ${calm ? 'calm' : 'in a storm'}`);
    stage.pages.pages['/jwks'] = jwks(next, key);
    for (const kind of fresh) kind.class = calm ? 'may pass' : 'turning';
    crowd.kinds.push(...fresh);
    await sizeInForce(2);
    await gw.ready();
    for (const kind of fresh) kind.class = 'may pass';

    await stage.pause(100, 300);
    await crowd.turn(holding, 'turning');
    stage.event('the old key is gone');
    stage.pages.pages['/jwks'] = jwks(next);
    storm.kinds.push(...refused(holders(makeKey('ES256')))); // who asks for a fetch
    await sizeInForce(1);
    await gw.ready();
    stage.event('and that is in force'); // remembered tokens as well
    for (const kind of holding) crowd.kinds.splice(crowd.kinds.indexOf(kind), 1);
    storm.kinds.splice(0, storm.kinds.length, ...refused(holding), ...refused(holders(makeKey('ES256'))));
    [key, holding] = [next, fresh];
  }
  await stage.pause(400, 400);
}
