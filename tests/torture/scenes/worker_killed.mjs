import { until } from '../../flow/lib/place.mjs';
import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';

export const title = 'workers are killed: only what was under way on them is cut';

const SOON_MS = 500;

export async function play(stage) {
  await stage.build(['one', 'two']);
  await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
  });
  const kinds = [...stage.kinds('one'), ...stage.kinds('two', { ory: true })];
  stage.crowd(kinds.map((kind) => ({ ...kind, delay: 150 })));
  const took = [];
  while (stage.more()) {
    await stage.pause(100, 400);
    const pid = await stage.killWorker();
    const begun = Date.now();
    await until('another worker', async () => !(await stage.workers()).includes(pid));
    await stage.gateway.ready();
    took.push(Date.now() - begun);
    stage.event(`replaced and ready after ${took.at(-1)} ms`);
  }
  // The best of many: how long the others took is a busy machine's matter.
  if (took.length >= 10 && Math.min(...took) > SOON_MS) throw new Error(`replaced after ${took} ms`);
}
