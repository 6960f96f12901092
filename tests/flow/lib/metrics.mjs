// A strict reader of Prometheus' text format 0.0.4: what a scraper may stumble over is an error here.
import assert from 'node:assert/strict';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);

function readLabels(text, line) {
  const labels = {};
  let at = 0;
  while (at < text.length) {
    const m = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/.exec(text.slice(at));
    assert.ok(m, `labels: ${line}`);
    assert.ok(!(m[1] in labels), `a label twice: ${line}`);
    labels[m[1]] = m[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    at += m[0].length;
    assert.ok(m[3] === '' || at < text.length, `a comma at the end: ${line}`);
  }
  return labels;
}

/** The family that a sample belongs to. */
function familyOf(families, name) {
  if (families.has(name)) return name;
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return families.get(base)?.type === 'histogram' ? base : undefined;
}

function checkHistogram(name, samples) {
  const groups = new Map();
  for (const { suffix, labels, value } of samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    const group = groups.get(key) ?? { buckets: [] };
    groups.set(key, group);
    if (suffix === '_bucket') group.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else group[suffix] = value;
  }
  for (const [key, { buckets, _count: count, _sum: sum }] of groups) {
    assert.ok(buckets.length > 1 && sum >= 0, `${name} ${key}`);
    assert.equal(buckets.at(-1)[0], Infinity, `${name} ${key} ends in +Inf`);
    for (let i = 1; i < buckets.length; i++) {
      assert.ok(buckets[i][0] > buckets[i - 1][0], `${name} ${key}: bounds rise`);
      assert.ok(buckets[i][1] >= buckets[i - 1][1], `${name} ${key}: counts never fall`);
    }
    assert.equal(buckets.at(-1)[1], count, `${name} ${key}: +Inf is the count`);
  }
}

/** families: Map of name -> {type, help, samples: [{name, labels, value}]}; sum(name, labels) adds up all
 * samples that have these labels. */
export function metrics(text) {
  const families = new Map();
  const seen = new Set();
  let current;
  assert.ok(text.endsWith('\n'), 'ends in a newline');
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      assert.match(name, NAME, line);
      if (kind === 'HELP') {
        assert.ok(!families.has(name), `HELP twice, or samples of one family apart: ${line}`);
        assert.ok(rest && !/\\(?![\\n])/.test(rest), line);
        families.set(name, { help: rest, samples: [] });
      } else {
        assert.ok(families.has(name) && families.get(name).type === undefined, `TYPE without HELP, or twice: ${line}`);
        assert.ok(TYPES.has(rest), line);
        families.get(name).type = rest;
      }
      current = name;
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?|NaN|[+-]Inf)$/.exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const [, name, labelText, value] = sample;
    const family = familyOf(families, name);
    assert.equal(family, current, `a sample away from its family: ${line}`);
    assert.ok(families.get(family).type, `samples before TYPE: ${line}`);
    const labels = readLabels(labelText ?? '', line);
    const key = name + JSON.stringify(Object.entries(labels).sort());
    assert.ok(!seen.has(key), `the same series twice: ${line}`);
    seen.add(key);
    if (families.get(family).type === 'counter') assert.ok(name.endsWith('_total') && Number(value) >= 0, line);
    families.get(family).samples.push({ name, suffix: name.slice(family.length), labels, value: Number(value) });
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkHistogram(name, samples);
  const sum = (name, labels = {}) => {
    const { samples } = families.get(name) ?? { samples: [] };
    return samples
      .filter((s) => Object.entries(labels).every(([k, v]) => s.labels[k] === v))
      .reduce((n, s) => n + s.value, 0);
  };
  return { families, sum };
}
