import { jwks, makeKey } from '../../flow/lib/keys.mjs';
import { apiRule, apiRuleV1, toggle } from '../../flow/lib/rules.mjs';

export const title = 'edits, toggles, failing key endpoints, killed workers and killed agents, all at once';

// Nothing that happens touches what `one` and `two` let in.
export async function play(stage) {
  const one = (...extra) => apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules(...extra) });
  await stage.build(['one', 'two']);
  await stage.open({
    'one.yaml': one(),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
  });
  stage.crowd([...stage.kinds('one'), ...stage.kinds('two', { ory: true })]);
  const unknown = stage.strangers('one').map((kind) => ({ ...kind, token: stage.token(makeKey('ES256')), statuses: [401] }));
  stage.crowd(unknown, { lanes: ['kept', 'fresh'] });
  const good = jwks(stage.key);
  const again = async (low, high, act) => {
    while (stage.more()) {
      await act();
      await stage.pause(low, high);
    }
  };
  stage.more();
  await Promise.all([
    again(10, 120, async () => {
      const text = one({ path: `/more-${stage.luck.between(1, 9)}`, methods: ['GET'], noAuth: true });
      if (stage.luck.oneIn(3)) stage.gateway.write('one.yaml', text.slice(0, text.length / 2));
      await stage.pause(0, 40);
      stage.gateway.write('one.yaml', text);
    }),
    again(50, 300, () => stage.gateway.write('toggle.yaml', toggle(stage.luck.pick(['istio', 'ory'])))),
    again(50, 300, () => {
      stage.pages.pages['/jwks'] = stage.luck.pick([good, '{}', (req, res) => res.destroy(), (req, res) => res.writeHead(500).end()]);
    }),
    again(300, 900, () => stage.killWorker()),
    again(200, 600, async () => {
      await stage.gateway.process.stop('SIGKILL');
      stage.event('kill -9 of the agent');
      await stage.pause(0, 200);
      await stage.reopen();
      stage.event('the next agent is ready');
    }),
  ]);
}
