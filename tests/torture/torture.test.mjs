// Each scene for a moment: `make torture` plays them for longer. BRAMA_BUILD says of which build.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaints, play, scenes, summary } from './lib/play.mjs';

const seconds = Number(process.env.TORTURE_SECONDS ?? 1.5);

for (const scene of await scenes()) {
  test(`${scene.name}: ${scene.title}`, { skip: scene.skip?.() }, async (t) => {
    const result = await play(scene, { seconds });
    t.diagnostic(summary(scene.name, result));
    assert.deepEqual(complaints(result), []);
  });
}
