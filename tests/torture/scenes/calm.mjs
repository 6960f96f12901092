import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';

export const title = 'nothing happens: what the harness itself makes of a quiet gateway';

export async function play(stage) {
  await stage.build(['one', 'two']);
  await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
  });
  stage.crowd([...stage.kinds('one'), ...stage.kinds('two', { ory: true })]);
  while (stage.more()) await stage.pause(50, 100);
}
