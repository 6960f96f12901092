import { chmodSync } from 'node:fs';
import { notUnprivileged, unprivileged } from '../../flow/lib/gateway.mjs';
import { until } from '../../flow/lib/place.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'nobody can write the state directory for a while: what is in force stays, and what came meanwhile follows';

const root = process.getuid() === 0; // whom no permission keeps out
export const skip = () => root && notUnprivileged();

export async function play(stage) {
  const form = (extra) => apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules({ path: `/${extra}`, methods: ['GET'], noAuth: true }) });
  await stage.build(['one']);
  const gw = await stage.open({ 'one.yaml': form('at-first') }, root ? { as: unprivileged } : {});
  const sameWorkers = await stage.sameWorkers();
  const crowd = stage.crowd(stage.kinds('one'));
  for (let i = 0; i === 0 || stage.more(); i++) {
    const kind = { class: 'must be refused', service: 'one', host: 'one.test.local', target: `/later-${i}`, methods: ['GET'], statuses: [404] };
    chmodSync(gw.state, 0o500);
    stage.event('read-only');
    await crowd.turn([kind], 'turning');
    crowd.kinds.push(kind);
    gw.write('one.yaml', form(`later-${i}`));
    await stage.pause(100, 400);
    chmodSync(gw.state, 0o755);
    stage.event('writable again');
    await until('what came meanwhile', () => crowd.records.some((record) => record.kind === kind && record.status === 200), { timeout: 15_000 });
    await gw.ready();
    await stage.pause(0, 100);
    await crowd.turn([kind], 'turning'); // it goes with the next edit
  }
  await sameWorkers();
}
