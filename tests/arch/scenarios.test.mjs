// Each of Kyma's 122 scenarios (apirule.md section 8) is a flow test, or docs/kyma-scenarios.md says why it isn't.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../flow/lib/place.mjs';

const ALL = Array.from({ length: 122 }, (_, i) => i + 1);

/** "45, 46 and 55 to 57" as numbers. */
function numbers(text) {
  const list = text.replaceAll(/(\d+) to (\d+)/g, (_, from, to) => Array.from({ length: to - from + 1 }, (__, i) => Number(from) + i).join(' '));
  return (list.match(/\d+/g) ?? []).map(Number);
}

const titles = (text) => [...text.matchAll(/(?:test|describe)\(\s*(['"`])(.*?)\1/g), ...text.matchAll(/numbers: (['"`])(.*?)\1/g)].map((m) => m[2]);
const named = (title) => [/^([\d, ]|and|to)+(?=:|$)/.exec(title)?.[0] ?? '', ...[...title.matchAll(/scenarios? ((?:[\d, ]|and|to)+)/g)].map((m) => m[1])].flatMap(numbers);

const flow = path.join(root, 'tests/flow');
const texts = readdirSync(flow).filter((f) => f.endsWith('.test.mjs')).map((f) => readFileSync(path.join(flow, f), 'utf8'));
const tested = new Set(texts.flatMap(titles).flatMap(named));
// Of a file that writes one test for two languages: "numbers: { one: '8', ... }".
for (const text of texts) for (const m of text.matchAll(/numbers: \{(.*?)\}/g)) numbers(m[1]).forEach((n) => tested.add(n));
const excused = new Set(
  [...readFileSync(path.join(root, 'docs/kyma-scenarios.md'), 'utf8').matchAll(/^\| ([\d, to]+) \|/gm)].flatMap((m) => numbers(m[1])),
);

test('no scenario is forgotten', () => {
  assert.deepEqual(ALL.filter((n) => !tested.has(n) && !excused.has(n)), []);
});
test('what has a reason not to run doesn\'t', () => {
  assert.deepEqual([...excused].filter((n) => tested.has(n) || !ALL.includes(n)), []);
});
