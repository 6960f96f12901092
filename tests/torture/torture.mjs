// `make torture`: every scene in its long form, TORTURE_SECONDS each; a line a scene, exit code 1 if one
// of the verdicts is violated: `node tests/torture/torture.mjs [SCENE...]`. TORTURE_SEED repeats a run's
// order of events, TORTURE_SAY=1 tells them as they happen.
import { complaints, play, scenes, summary } from './lib/play.mjs';

const seconds = Number(process.env.TORTURE_SECONDS ?? 30);
const say = process.env.TORTURE_SAY ? (line) => console.log(`  ${line}`) : undefined;
let failed = 0;
const chosen = await scenes(process.argv.slice(2));
for (const scene of chosen) {
  const skipped = scene.skip?.();
  if (skipped) {
    console.log(`skipped ${scene.name}: ${skipped}`);
    continue;
  }
  const result = await play(scene, { seconds, say });
  const problems = complaints(result);
  console.log(`${problems.length === 0 ? 'ok    ' : 'not ok'} ${summary(scene.name, result)}`);
  for (const line of problems) console.log(`    ${line}`);
  failed += problems.length > 0;
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && chosen.length > 0 ? 0 : 1);
