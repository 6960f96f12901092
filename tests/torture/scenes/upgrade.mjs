import { until } from '../../flow/lib/place.mjs';
import { childrenOf } from '../../flow/lib/process.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'another nginx.conf: old and new share the sockets while the old one drains; no gap, nothing lost';

export async function play(stage) {
  await stage.build(['one']);
  await stage.open({ 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) });
  stage.crowd(stage.kinds('one').map((kind) => ({ ...kind, delay: 200 })));
  for (let i = 0; i === 0 || stage.more(); i++) {
    await stage.pause(100, 400);
    stage.event('kill -9 of the agent');
    await stage.gateway.process.stop('SIGKILL');
    await stage.pause(0, 100);
    await stage.reopen({ args: [...stage.options.args, '--kid-wait', `${1900 + (i % 2)}ms`] });
    await until('an nginx of its own', () => childrenOf(stage.gateway.pid).some((one) => one.command.startsWith('nginx: master')));
    stage.event('ready again');
  }
}
