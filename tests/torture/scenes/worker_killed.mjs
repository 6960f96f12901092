import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { apiRule, apiRuleV1 } from '../../flow/lib/rules.mjs';
import { until } from '../../flow/lib/place.mjs';

export const title = 'workers are killed: only what was under way on them is cut';

const STOPPED = 'T';
const stateOf = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0];

/** The ports of the clients whose connections a process holds. */
function clientsOf(pid) {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1]),
  );
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1).map((row) => row.trim().split(/\s+/));
  return new Set(rows.filter((row) => sockets.has(row[9])).map((row) => parseInt(row[2].split(':')[1], 16)));
}

export async function play(stage) {
  await stage.build(['one', 'two']);
  await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'two.yaml': apiRuleV1({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: stage.rulesV1('ory') }),
  });
  const kinds = [...stage.kinds('one'), ...stage.kinds('two', { ory: true })];
  const crowd = stage.crowd(kinds.map((kind) => ({ ...kind, delay: 150 })));
  while (stage.more()) {
    await stage.pause(100, 400);
    const pid = stage.luck.pick(await stage.workers());
    process.kill(pid, 'SIGSTOP'); // what it holds now is all that it will ever have
    await until('it to stand still', () => stateOf(pid) === STOPPED, { every: 1 });
    crowd.excusePorts('its worker was killed', clientsOf(pid));
    process.kill(pid, 'SIGKILL');
    const begun = Date.now();
    stage.event(`kill -9 ${pid}`);
    await until('another worker', async () => !(await stage.workers()).includes(pid));
    await stage.gateway.ready();
    stage.event(`replaced and ready after ${Date.now() - begun} ms`);
  }
}
