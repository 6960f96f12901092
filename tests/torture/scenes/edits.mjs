import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../flow/lib/place.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';

export const title = 'rules are edited, broken, renamed, removed and added; nobody else notices';

// `one` is never touched. `two` is edited without a change for /x and /open, and so is `four`, which lies
// there as Kubernetes mounts a ConfigMap: behind a link that is replaced. `three` comes and goes.
export async function play(stage) {
  const form = (name, ...extra) => apiRule({ name, host: name, service: { name, port: 80 }, rules: stage.rules(...extra) });
  await stage.build(['one', 'two', 'three', 'four']);
  const gw = await stage.open({ 'one.yaml': form('one'), 'two.yaml': form('two'), 'three.yaml': form('three') });
  const at = (name) => path.join(gw.rules, name);
  let mounts = 0;
  const mount = (text) => {
    mkdirSync(at(`..${mounts + 1}`));
    writeFileSync(at(`..${mounts + 1}/four.yaml`), text);
    symlinkSync(`..${mounts + 1}`, at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    rmSync(at(`..${mounts++}`), { recursive: true, force: true });
  };
  mount(form('four'));
  symlinkSync('..data/four.yaml', at('four.yaml'));
  await until('the mounted rule', async () => (await gw.apiRule('four'))?.state === 'Ready');
  await gw.ready();
  const sameWorkers = await stage.sameWorkers();
  const three = stage.kinds('three');
  const rights = three.filter((kind) => kind.class !== 'must be refused');
  const classes = rights.map((kind) => kind.class);
  const others = three.filter((kind) => !rights.includes(kind));
  // Where there is no rule, everybody is refused, and the path is still looked at first.
  const closed = others.map((kind) => ({ kind, open: kind.statuses }));
  const crowd = stage.crowd([...stage.kinds('one'), ...stage.kinds('two'), ...stage.kinds('four'), ...three]);

  let name = 'two.yaml';
  let there = true;
  const extras = [[], [{ path: '/more', methods: ['GET'], noAuth: true }], [{ path: '/other/{*}', methods: ['GET'], noAuth: true }]];
  const events = {
    edit: () => gw.write(name, form('two', ...stage.luck.pick(extras))),
    'edit in place of the old file': () => {
      gw.write('.new', form('two', ...stage.luck.pick(extras)));
      renameSync(at('.new'), at(name));
    },
    'mount another': () => mount(form('four', ...stage.luck.pick(extras))),
    break: async () => {
      const text = form('two', ...stage.luck.pick(extras));
      gw.write(name, stage.luck.pick(['', text.slice(0, text.length / 2), '{"kind": [', 'a: b: c', '\u0000']));
      await stage.pause(0, 60);
      gw.write(name, text);
    },
    'make invalid': async () => {
      gw.write(name, apiRule({ name: 'two', host: 'two', service: { name: 'two', port: 80 }, rules: [{ path: '/x' }] }));
      await stage.pause(0, 60);
      gw.write(name, form('two'));
    },
    rename: () => {
      const next = name === 'two.yaml' ? 'a-two.yaml' : 'two.yaml';
      renameSync(at(name), at(next));
      name = next;
    },
    'a stranger\'s rule for a taken host': async () => {
      gw.write('thief.yaml', apiRule({ name: 'thief', host: 'one', service: { name: 'two', port: 80 }, rules: [{ path: '/{**}', noAuth: true }] }));
      await stage.pause(0, 60);
      gw.remove('thief.yaml');
    },
    'remove or add three': async () => {
      for (const { kind } of closed) kind.statuses = [400, 401, 403, 404];
      await crowd.turn(rights, 'turning', [404]);
      if (there) gw.remove('three.yaml');
      else gw.write('three.yaml', form('three'));
      there = !there;
      await until(`three to be ${there ? 'there' : 'gone'}`, async () => (await gw.apiRule('three'))?.state === (there ? 'Ready' : undefined));
      await gw.ready();
      for (const [i, kind] of rights.entries()) kind.class = there ? classes[i] : 'must be refused';
      for (const { kind, open } of closed) kind.statuses = there ? open : [400, 404];
    },
  };
  while (stage.more()) {
    const what = stage.luck.pick(Object.keys(events));
    stage.event(what);
    await events[what]();
    await stage.pause(0, 50);
  }
  await sameWorkers();
}
