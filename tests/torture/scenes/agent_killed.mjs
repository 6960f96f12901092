import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'the agent is killed and started again, on and on; its nginx is taken over';

export async function play(stage) {
  const form = (...extra) => apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules(...extra) });
  await stage.build(['one']);
  await stage.open({ 'one.yaml': form() });
  const sameWorkers = await stage.sameWorkers();
  stage.crowd(stage.kinds('one'));
  while (stage.more()) {
    // In the middle of publishing, as often as not.
    if (stage.luck.oneIn(2)) stage.gateway.write('one.yaml', form({ path: `/more-${stage.luck.between(1, 1000)}`, methods: ['GET'], noAuth: true }));
    await stage.pause(0, 120);
    stage.event('kill -9');
    await stage.gateway.process.stop('SIGKILL');
    await stage.pause(0, 200);
    await stage.reopen();
    stage.event('ready again');
  }
  await sameWorkers();
}
