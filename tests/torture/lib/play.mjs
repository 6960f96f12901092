// One scene from its opening to its verdict, and the line that is said of it.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LEAST, Stage } from './stage.mjs';

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../scenes');
const SHOWN = 10; // violations

export const newSeed = () => Number(process.env.TORTURE_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** [{name, title, play}], by name; `calm` first, since the others stand on it. */
export async function scenes(wanted = []) {
  const names = readdirSync(folder).filter((file) => file.endsWith('.mjs')).map((file) => path.basename(file, '.mjs'));
  const chosen = names.filter((name) => wanted.length === 0 || wanted.includes(name)).sort((a, b) => (b === 'calm') - (a === 'calm') || a.localeCompare(b));
  return Promise.all(chosen.map(async (name) => ({ name, ...(await import(pathToFileURL(path.join(folder, `${name}.mjs`)))) })));
}

/** {letIn, lost, figures, gap, failure, events, seed}; failure: the scene itself came to no end. */
export async function play(scene, { seconds, seed = newSeed(), say } = {}) {
  const stage = new Stage({ seconds, seed, say });
  let failure;
  const fail = (error) => (failure ??= error);
  await scene.play(stage).catch(fail);
  const result = await stage.verdict();
  await stage.close().catch(fail);
  return { ...result, failure, events: stage.events, seed };
}

/** Is there anything to complain of? A scene without pressure has shown nothing, either. */
export function complaints({ letIn, lost, failure, figures, events, seed }, { least = LEAST } = {}) {
  const some = (title, list) => (list.length === 0 ? [] : [`${title}: ${list.length}`, ...list.slice(0, SHOWN).map((text) => `  ${text}`)]);
  const idle = ['passed', 'refused'].filter((name) => figures[name] < least).map((name) => `only ${figures[name]} ${name}`);
  const all = [...some('let in', letIn), ...some('lost', lost), ...(failure ? [`the scene failed: ${failure.stack ?? failure}`] : []), ...idle];
  return all.length === 0 ? [] : [...all, `seed ${seed}; the last events:`, ...events.slice(-SHOWN).map((text) => `  ${text}`)];
}

export function summary(name, { letIn, lost, figures: f, seed, gap }) {
  const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return (
    `${name}: ${f.requests} requests (${f['may pass']} may pass, ${f.public} public, ${f['must be refused']} must be refused, ${f.turning} turning), ` +
    `${f.passed} passed, ${f.refused} refused, ${f.retried} retried, ${f.cut} cut, ${f.away} turned away, ${lost.length} lost, ${letIn.length} let in; ` +
    `p50 ${ms(f.p50)}, p99 ${ms(f.p99)}, worst gap ${ms(gap.ms)} until ${gap.at} s; seed ${seed}`
  );
}
