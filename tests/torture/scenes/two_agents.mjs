import { brama } from '../../flow/lib/place.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';
import { start } from '../../flow/lib/process.mjs';

export const title = 'a second agent on the same state directory, on and on: it goes, and nobody notices';

export async function play(stage) {
  const form = (...extra) => apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules(...extra) });
  await stage.build(['one']);
  const gw = await stage.open({ 'one.yaml': form() });
  const sameWorkers = await stage.sameWorkers();
  stage.crowd(stage.kinds('one'));
  while (stage.more()) {
    const rivals = Array.from({ length: stage.luck.between(1, 2) }, () => start(brama, gw.runArgs));
    gw.write('one.yaml', form({ path: `/more-${stage.luck.between(1, 1000)}`, methods: ['GET'], noAuth: true }));
    stage.event(`${rivals.length} more`);
    const ends = await Promise.all(rivals.map((rival) => rival.ended));
    for (const [i, { code, signal }] of ends.entries()) {
      if (code !== 69) throw new Error(`a second agent ended with ${code ?? signal}: ${rivals[i].err}`);
    }
    await stage.pause(0, 100);
  }
  await sameWorkers();
}
