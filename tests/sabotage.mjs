// Do the tests notice? Every patch in tests/sabotage/ breaks one thing on purpose; in a throw-away
// copy of what is committed it is applied, built and put before the tests that it names, and those
// must fail: `node tests/sabotage.mjs [NAME...]`. A breakage that stays green is a missing test.
//
// A patch begins with two lines: "# red: PROGRAM..." (unit/base/test_base, flow/routes.test.mjs,
// torture/SCENE), and "# what the breakage is".
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const BUILD = 'build-asan';
const LIMIT_MS = 180_000;
const env = {
  ...process.env,
  CC: 'gcc',
  CCACHE_DISABLE: '1',
  BRAMA_BUILD: BUILD,
  TORTURE_SECONDS: '5',
  ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1',
};
const copy = mkdtempSync(path.join(tmpdir(), 'brama-sabotage-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function run(program, args, options = {}) {
  const result = spawnSync(program, args, {
    cwd: copy,
    env,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: 1 << 28,
    ...options,
  });
  return { ok: result.status === 0, text: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}

function must(program, args, options) {
  const { ok, text } = run(program, args, options);
  if (!ok) throw new Error(`${program} ${args.join(' ')}\n${text}`);
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
function build(tests) {
  const targets = tests.filter(isUnit).map((t) => `tests/${t}`);
  if (!tests.every(isUnit)) targets.push('brama', 'src/gateway/ngx_http_brama_module.so');
  return run('ninja', ['-C', BUILD, '--quiet', '-j', String(Math.max(2, cpus().length)), ...targets]);
}

function runTest(test) {
  if (isUnit(test)) return run(path.join(copy, BUILD, 'tests', test), []);
  const [, scene] = test.match(/^torture\/(\w+)$/) ?? [];
  return run('node', scene ? ['tests/torture/torture.mjs', scene] : ['--test', `tests/${test}`]);
}

// What is wrong with this breakage's tests; undefined if all of them turned red.
function judge(patch) {
  if (patch.tests.length === 0) return 'names no test';
  const before = new Map(patch.touched.map((file) => [file, readFileSync(path.join(copy, file))]));
  const applied = run('git', ['apply', '-C1', patch.file]);
  if (!applied.ok) return `does not apply any more: ${applied.text.trim()}`;
  try {
    const built = build(patch.tests);
    if (!built.ok) return `does not compile:\n${built.text}`;
    const green = patch.tests.filter((test) => runTest(test).ok);
    return green.length === 0 ? undefined : `nobody noticed: ${green.join(' ')} stays green`;
  } finally {
    for (const [file, bytes] of before) writeFileSync(path.join(copy, file), bytes);
  }
}

function prepare(tests) {
  const archive = path.join(copy, '.archive.tar');
  must('git', ['archive', '-o', archive, 'HEAD'], { cwd: root });
  must('tar', ['-xf', archive]);
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  must('meson', ['setup', BUILD, '-Db_sanitize=address,undefined', '-Dbuildtype=debug', '-Db_lundef=false', '-Dwerror=false']);
  const built = run('ninja', ['-C', BUILD, '--quiet'], { timeout: 0 });
  if (!built.ok) throw new Error(`what is committed does not compile:\n${built.text}`);
  return tests.map((test) => ({ test, ...runTest(test) })).filter(({ ok }) => !ok);
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

const failing = prepare([...new Set(patches.flatMap((p) => p.tests))]);
for (const { test, text } of failing) report(false, test, `fails without any breakage:\n${text.slice(-2000)}`);
const red = failing.map(({ test }) => test);
for (const patch of patches) {
  const problem = patch.tests.some((t) => red.includes(t)) ? 'its test fails by itself' : judge(patch);
  report(problem === undefined, patch.name, problem ?? patch.title);
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && patches.length > 0 ? 0 : 1);
