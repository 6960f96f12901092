import { until } from '../../flow/lib/place.mjs';
import { processInfo } from '../../flow/lib/process.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'nginx\'s master is killed: its workers finish what they have, another nginx serves on the same sockets';

const KILLS = 3; // one that dies again and again is waited for longer each time

export async function play(stage) {
  await stage.build(['one']);
  await stage.open({ 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) });
  stage.crowd(stage.kinds('one').map((kind) => ({ ...kind, delay: 150 })));
  for (let i = 0; i === 0 || (i < KILLS && stage.more()); i++) {
    await stage.pause(100, 400);
    const [worker] = await stage.workers();
    const master = processInfo(worker).parent;
    process.kill(master, 'SIGKILL');
    stage.event(`kill -9 of master ${master}`);
    await until('another nginx', async () => processInfo((await stage.workers())[0]).parent !== master, { timeout: 40_000 });
    await stage.gateway.ready();
    stage.event('ready again');
  }
  while (stage.more()) await stage.pause(50, 100);
}
