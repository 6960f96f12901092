// Everything that `make test` runs, added up: `node tests/run.mjs [unit] [fuzz] [arch] [flow] [torture]`,
// all of them without arguments. The last line is "N passed, N failed"; the exit code 1 if anything failed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { run as runTests } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const total = { passed: 0, failed: 0, skipped: 0 };
const JOBS = String(Math.max(2, cpus().length));

function say(text) {
  process.stdout.write(`\n== ${text}\n`);
}

function add(name, { passed = 0, failed = 0, skipped = 0 }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  say(`${name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
}

function command(program, args, env = {}, { quiet = false } = {}) {
  const result = spawnSync(program, args, {
    stdio: quiet ? 'pipe' : 'inherit',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  const ok = result.status === 0;
  if (quiet && !ok) process.stdout.write(`${result.stdout}${result.stderr}`);
  return ok;
}

// One more build; a compiler's warning is an error and so one failed test.
function build(dir, env, options) {
  const ok =
    command('scripts/configure.sh', [dir, ...options], env) &&
    command('ninja', ['-C', dir, '-j', JOBS, '--quiet']);
  add(`${dir} compiles without a warning`, ok ? { passed: 1 } : { failed: 1 });
  return ok;
}

const SANITIZED = ['-Db_sanitize=address,undefined', '-Dbuildtype=debug', '-Db_lundef=false'];
const built = new Map();
function need(dir) {
  if (!built.has(dir)) {
    built.set(
      dir,
      dir === 'build-clang'
        ? build(dir, { CC: 'clang' }, [...SANITIZED, '-Dfuzz=true', '-Dc_args=-fsanitize=fuzzer-no-link'])
        : build(dir, { CC: 'gcc' }, SANITIZED),
    );
  }
  return built.get(dir);
}

// cmocka says how many tests each program had; a program that ended in the middle of one is a failure.
function unit() {
  if (!need('build-asan')) return;
  const log = 'build-asan/meson-logs/testlog.txt';
  rmSync(log, { force: true });
  // Eight times the patience: a machine that is slow is no failure.
  const ok = command('meson', ['test', '-C', 'build-asan', '--suite', 'unit', '--print-errorlogs', '-q', '-t', '8'], {
    ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  });
  const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
  const count = (word) =>
    [...text.matchAll(new RegExp(`\\[  ${word} *\\] (\\d+) test`, 'g'))].reduce((n, m) => n + Number(m[1]), 0);
  const failed = count('FAILED');
  add('unit tests', { passed: count('PASSED'), failed: ok ? failed : Math.max(1, failed), skipped: count('SKIPPED') });
}

// Each target for some seconds, from its seeds and from what earlier runs found here.
function fuzz() {
  if (!need('build-clang')) return;
  const dir = 'build-clang/tests/fuzz';
  const seconds = process.env.FUZZ_SECONDS ?? '4';
  const targets = existsSync(dir) ? readdirSync(dir).filter((f) => /^fuzz_\w+$/.test(f)) : [];
  for (const name of targets) {
    const found = path.resolve(dir, `${name}.found`);
    const seeds = path.join('tests/fuzz/seeds', name.replace(/^fuzz_/, ''));
    mkdirSync(found, { recursive: true });
    const args = [`-max_total_time=${seconds}`, '-verbosity=0', '-print_final_stats=0', '-timeout=10', `-artifact_prefix=${found}/`, found];
    if (existsSync(seeds)) args.push(seeds);
    const ok = command(path.resolve(dir, name), args, {}, { quiet: true });
    add(`${name}, ${seconds} s`, ok ? { passed: 1 } : { failed: 1 });
  }
}

// The files of one folder by Node's own runner, two at a time.
function node(name, files, env = {}, timeout = 120_000) {
  Object.assign(process.env, env);
  return new Promise((resolve) => {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const stream = runTests({ files, concurrency: 2, timeout });
    // A suite, and the file itself in Node 18, is no test of its own, unless it failed by itself.
    const isTest = (data) => data.details?.type !== 'suite' && !data.name.endsWith('.test.mjs');
    stream.on('test:pass', (data) => {
      if (data.skip !== undefined) counts.skipped++;
      else if (isTest(data)) counts.passed++;
    });
    stream.on('test:fail', (data) => {
      const ofChildren = data.details?.error?.failureType === 'subtestsFailed';
      if (!ofChildren) counts.failed++;
    });
    stream.compose(new spec()).pipe(process.stdout, { end: false });
    stream.on('end', () => {
      add(name, counts);
      resolve();
    });
  });
}

const filesOf = (dir) =>
  readdirSync(dir)
    .filter((f) => f.endsWith('.test.mjs'))
    .sort()
    .map((f) => path.resolve(dir, f));

async function arch() {
  await node('arrows', filesOf('tests/arch')); // of build, which make has built
}

async function flow() {
  if (need('build-asan')) await node('flow tests', filesOf('tests/flow'), { BRAMA_BUILD: 'build-asan' });
}

// The short forms of `make torture`'s scenes.
async function torture() {
  if (need('build-asan')) await node('torture', filesOf('tests/torture'), { BRAMA_BUILD: 'build-asan' }, 600_000);
}

const parts = { unit, fuzz, arch, flow, torture };
const wanted = process.argv.slice(2);
if (wanted.length === 0) add('build compiles without a warning', { passed: 1 }); // make did it before us
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) await part();
}
if (total.skipped > 0) console.log(`\n${total.skipped} skipped`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
