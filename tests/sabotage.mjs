// Do the tests notice? Every patch in tests/sabotage/ breaks one thing on purpose; in a throw-away
// copy of what is committed it is applied, built and put before the tests that it names, and those
// must fail: `node tests/sabotage.mjs [NAME...]`. A breakage that stays green is a missing test.
//
// A patch begins with two lines: "# red: PROGRAM..." (unit/base/test_base, flow/routes.test.mjs,
// torture/SCENE), and "# what the breakage is".
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const BUILD = 'build-asan';
const LIMIT_MS = 180_000;
const CORES = Math.max(2, cpus().length);
const COPIES = 2; // worked in side by side: most tests wait more than they compute
const env = {
  ...process.env,
  CC: 'gcc',
  CCACHE_DISABLE: '1',
  BRAMA_BUILD: BUILD,
  TORTURE_SECONDS: '5',
  ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1',
};
const scratch = mkdtempSync(path.join(tmpdir(), 'brama-sabotage-'));
const living = new Set();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** A program to its end in `cwd`: {ok, text}. */
function run(cwd, program, args, { timeout = LIMIT_MS } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, timeout });
    let text = '';
    living.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => (text += more));
    child.on('error', (error) => (text += error));
    child.on('close', (code) => {
      living.delete(child);
      resolve({ ok: code === 0, text });
    });
  });
}

async function must(...args) {
  const { ok, text } = await run(...args);
  if (!ok) throw new Error(`${args[1]} ${args[2].join(' ')}\n${text}`);
}

function read(file) {
  const text = readFileSync(file, 'utf8');
  const [, red = '', title = ''] = text.match(/^# red: (.*)\n# (.*)\n/) ?? [];
  const touched = [...text.matchAll(/^\+\+\+ b\/(.*)$/gm)].map((m) => m[1]);
  return { name: path.basename(file, '.patch'), file, title, touched, tests: red.split(' ').filter(Boolean) };
}

const isUnit = (test) => test.startsWith('unit/');
const isSlow = (patch) => !patch.tests.every(isUnit);

// Only what the tests need; those of the whole gateway, what `make build` makes.
function build(copy, tests) {
  const targets = tests.filter(isUnit).map((t) => `tests/${t}`);
  if (!tests.every(isUnit)) targets.push('brama', 'src/gateway/ngx_http_brama_module.so');
  return run(copy, 'ninja', ['-C', BUILD, '--quiet', '-j', String(CORES), ...targets]);
}

function runTest(copy, test) {
  if (isUnit(test)) return run(copy, path.join(copy, BUILD, 'tests', test), []);
  const [, scene] = test.match(/^torture\/(\w+)$/) ?? [];
  return run(copy, 'node', scene ? ['tests/torture/torture.mjs', scene] : ['--test', `tests/${test}`]);
}

/** Those of the tests whose end is `ok`, with what they said. */
async function thatAre(ok, copy, tests) {
  const ends = [];
  for (const test of tests) ends.push({ test, ...(await runTest(copy, test)) });
  return ends.filter((end) => end.ok === ok);
}

/** What is wrong with this breakage's tests; undefined if all of them turned red. */
async function judge(copy, patch) {
  if (patch.tests.length === 0) return 'names no test';
  const before = new Map(patch.touched.map((file) => [file, readFileSync(path.join(copy, file))]));
  const applied = await run(copy, 'git', ['apply', '-C1', patch.file]);
  if (!applied.ok) return `does not apply any more: ${applied.text.trim()}`;
  try {
    const built = await build(copy, patch.tests);
    if (!built.ok) return `does not compile:\n${built.text}`;
    const green = await thatAre(true, copy, patch.tests);
    return green.length === 0 ? undefined : `nobody noticed: ${green.map(({ test }) => test).join(' ')} stays green`;
  } finally {
    for (const [file, bytes] of before) writeFileSync(path.join(copy, file), bytes);
  }
}

/** What is committed, built. */
async function makeCopy(number) {
  const copy = path.join(scratch, String(number));
  mkdirSync(copy);
  const archive = path.join(copy, '.archive.tar');
  await must(root, 'git', ['archive', '-o', archive, 'HEAD']);
  await must(copy, 'tar', ['-xf', archive]);
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  await must(copy, 'meson', ['setup', BUILD, '-Db_sanitize=address,undefined', '-Dbuildtype=debug', '-Db_lundef=false', '-Dwerror=false']);
  const built = await run(copy, 'ninja', ['-C', BUILD, '--quiet', '-j', String(CORES)], { timeout: 0 });
  if (!built.ok) throw new Error(`what is committed does not compile:\n${built.text}`);
  return copy;
}

const folder = path.join(root, 'tests/sabotage');
const wanted = process.argv.slice(2);
const patches = readdirSync(folder)
  .filter((f) => f.endsWith('.patch') && (wanted.length === 0 || wanted.includes(path.basename(f, '.patch'))))
  .sort()
  .map((f) => read(path.join(folder, f)))
  .sort((a, b) => isSlow(a) - isSlow(b)); // those that need a whole gateway last
const total = { passed: 0, failed: 0 };

function report(ok, name, text) {
  total[ok ? 'passed' : 'failed']++;
  console.log(`${ok ? 'ok    ' : 'not ok'} ${name}: ${text}`);
}

/** Each item once, by whichever copy is free. */
async function share(copies, items, work) {
  const rest = [...items];
  await Promise.all(
    copies.map(async (copy) => {
      while (rest.length > 0) await work(copy, rest.shift());
    }),
  );
}

const copies = [];
for (let i = 0; i < Math.min(COPIES, patches.length); i++) copies.push(await makeCopy(i));
const red = new Set();
await share(copies, new Set(patches.flatMap((p) => p.tests)), async (copy, test) => {
  for (const { text } of await thatAre(false, copy, [test])) {
    red.add(test);
    report(false, test, `fails without any breakage:\n${text.slice(-2000)}`);
  }
});
await share(copies, patches, async (copy, patch) => {
  const problem = patch.tests.some((t) => red.has(t)) ? 'its test fails by itself' : await judge(copy, patch);
  report(problem === undefined, patch.name, problem ?? patch.title);
});
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && patches.length > 0 ? 0 : 1);
