import { freePort } from '../../flow/lib/place.mjs';
import { apiRule, documents } from '../../flow/lib/rules.mjs';
import { workload } from '../lib/workload.mjs';

export const title = 'endpoints crash, leave and come back, one at least is there; nobody is sent into the void';

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

function slice(port, addresses) {
  const labels = { 'kubernetes.io/service-name': 'one' };
  return documents(
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'one', namespace: 'shop' }, spec: { ports: [{ port: 80, targetPort: port }] } }),
    JSON.stringify({
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'one-1', namespace: 'shop', labels }, addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })), ports: [{ port }],
    }),
  );
}

export async function play(stage) {
  await stage.build([]);
  const port = await freePort();
  for (const host of HOSTS) stage.workloads.push(await workload('one', stage.ledger, { host, port }));
  const all = stage.workloads;
  const gw = await stage.open({
    'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }),
    'endpoints.yaml': slice(port, HOSTS),
  });
  const sameWorkers = await stage.sameWorkers();
  const crowd = stage.crowd(stage.kinds('one'));
  const publish = async (endpoints) => {
    gw.write('endpoints.yaml', slice(port, endpoints.map((one) => one.host)));
    await stage.pause(150, 200);
    await gw.ready();
  };
  const events = {
    crash: async (one) => {
      crowd.excuse('an endpoint crashed'); // at it, or behind its door
      await one.crash();
      await stage.pause(0, 200);
      await one.start();
    },
    'leave after its address is gone': async (one) => {
      await publish(all.filter((other) => other !== one));
      await crowd.settled();
      await one.leave();
      await stage.pause(0, 100);
      await one.start();
      await publish(all);
    },
    'two crash': async (one) => {
      const other = stage.luck.pick(all.filter((candidate) => candidate !== one));
      crowd.excuse('endpoints crashed');
      await Promise.all([one.crash(), other.crash()]);
      await stage.pause(0, 200);
      await Promise.all([one.start(), other.start()]);
    },
  };
  while (stage.more()) {
    const what = stage.luck.pick(Object.keys(events));
    const one = stage.luck.pick(all);
    stage.event(`${what}: ${one.host}`);
    await events[what](one);
    await stage.pause(0, 100);
  }
  await sameWorkers();
}
