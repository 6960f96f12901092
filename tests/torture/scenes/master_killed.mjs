import { readFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../flow/lib/place.mjs';
import { alive } from '../../flow/lib/process.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'nginx\'s master is killed: its workers answer what they have, the next one has the same sockets';

const KILLS = 3; // each next one is started later than the one before; the sockets' queues wait so long

export async function play(stage) {
  await stage.build(['one']);
  await stage.open({ 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) });
  const master = () => Number(readFileSync(path.join(stage.gateway.state, 'nginx.pid'), 'utf8'));
  stage.crowd(stage.kinds('one').map((kind) => ({ ...kind, delay: 200 })));
  for (let i = 0; i === 0 || stage.more(); i++) {
    await stage.pause(100, 400);
    if (i >= KILLS) continue;
    const before = master();
    stage.event(`kill -9 ${before}`);
    process.kill(before, 'SIGKILL');
    await until('the next master', () => master() !== before && alive(master()));
    await stage.gateway.ready();
    stage.event('ready again');
  }
}
