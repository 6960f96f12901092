import { until } from '../../flow/lib/place.mjs';
import { apiRuleV1, toggle } from '../../flow/lib/rules.mjs';

export const title = 'the toggle goes there and back; rules of both forms keep what they let in';

export async function play(stage) {
  await stage.build(['one', 'two']);
  const form = (name, kind) => apiRuleV1({ name, host: name, service: { name, port: 80 }, rules: stage.rulesV1(kind) });
  const gw = await stage.open({ 'one.yaml': form('one', 'ory'), 'two.yaml': form('two', 'istio') });
  const turn = async (handler) => {
    stage.event(handler);
    const end = await gw.apply(toggle(handler));
    if (end.code !== 0) throw new Error(`apply: ${end.err}`);
    const states = handler === 'ory' ? 'OK ERROR' : 'ERROR OK';
    await until(`${handler} to be in force`, async () => `${(await gw.apiRule('one')).state} ${(await gw.apiRule('two')).state}` === states);
  };
  await turn('istio'); // now each has a form that was valid once
  await turn('ory');
  await gw.ready();
  const sameWorkers = await stage.sameWorkers();
  stage.crowd([...stage.kinds('one', { ory: true }), ...stage.kinds('two')]);
  for (let i = 0; stage.more() || i % 2 === 1; i++) {
    await turn(i % 2 === 0 ? 'istio' : 'ory');
    await stage.pause(0, 150);
  }
  await sameWorkers();
}
