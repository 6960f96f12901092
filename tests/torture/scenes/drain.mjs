import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'SIGTERM under load: what was taken is answered, what was not is turned away, the end is 0';

export async function play(stage) {
  await stage.build(['one']);
  await stage.open({ 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) });
  const kinds = stage.kinds('one').map((kind) => ({ ...kind, delay: 300 }));
  for (let first = true; first || stage.more(); first = false) {
    if (!first) await stage.reopen();
    const crowd = stage.crowd(kinds);
    await stage.pause(300, 700);
    stage.event('SIGTERM');
    const gone = crowd.leave();
    const end = await stage.gateway.process.stop('SIGTERM', 20_000);
    stage.event(`ended with ${end.code ?? end.signal}`);
    if (end.code !== 0) throw new Error(`brama ended with ${end.code ?? end.signal}: ${stage.gateway.process.err}`);
    await gone;
  }
}
