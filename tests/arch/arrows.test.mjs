// The arrows of docs/architecture.md, looked up in the symbols: who calls whom, and that nothing from
// base to policy touches the world outside.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { buildDir, root } from '../flow/lib/place.mjs';

// Each folder with those that it may use directly; what those may use, it may use, too.
const ARROWS = {
  base: [],
  shm: ['base'],
  json: ['base'],
  crypto: ['base'],
  jose: ['json', 'crypto'],
  template: ['json'],
  rule: ['template'],
  route: ['rule'],
  policy: ['jose', 'route'],
  http: ['base'],
  source: ['http', 'rule', 'jose'],
  client: ['http'],
  agent: ['policy', 'source', 'shm'],
  issuer: ['jose'],
  cluster: ['rule'],
  gateway: ['policy', 'shm'],
  cli: ['agent', 'client', 'cluster', 'issuer'], // all but gateway
};
// brama_random() is handed down from where the program starts; crypto only gives it a home.
const PURE = ['base', 'json', 'crypto', 'jose', 'template', 'rule', 'route', 'policy'];

// Time, randomness and I/O come in as arguments there. Without leading underscores, without the
// suffixes of large files and of fortified functions.
const WORLD = new Set(
  `open openat creat fopen fdopen freopen read pread readv fread fgets getline write pwrite writev fwrite
  fputs fputc puts putchar putc printf fprintf vprintf vfprintf dprintf perror syslog close fclose
  socket connect bind listen accept send sendto sendmsg recv recvfrom recvmsg getaddrinfo gethostbyname
  poll ppoll select pselect epoll_create1 epoll_wait sleep usleep nanosleep clock_nanosleep alarm
  time gettimeofday clock_gettime clock ftime localtime gmtime mktime
  rand random srand rand_r drand48 getrandom getentropy arc4random brama_random
  getenv secure_getenv setenv fork vfork execve execvp posix_spawn system popen kill raise
  stat fstat lstat fstatat access unlink rename mkdir rmdir opendir readdir mmap munmap shm_open
  isatty exit _exit abort stdout stderr stdin
  json_load_file json_loadf json_load_callback json_dump_file json_dumpf yaml_parser_set_input_file
  yaml_emitter_set_output_file BIO_new_file BIO_new_fp BIO_s_file PEM_read_PrivateKey PEM_read_X509
  ERR_print_errors_fp`.split(/\s+/),
);
const plain = (name) => name.replace(/@.*$/, '').replace(/^__(isoc99_)?/, '').replace(/_chk$/, '').replace(/64$/, '');

// Libraries that one folder alone may see.
const ALONE = [
  { what: 'jansson', symbols: /^(json|jansson)_/, only: ['json'] },
  { what: 'libyaml', symbols: /^yaml_/, only: ['json'] },
  { what: 'OpenSSL', symbols: /^(EVP|X509|BN|RSA|EC|ECDSA|SHA\d*|OPENSSL|BIO|PEM|ASN1|ERR|CRYPTO|RAND|OSSL|SSL|d2i|i2d)_/, only: ['crypto'] },
  { what: 'libcurl', symbols: /^curl_/, only: ['http'] },
  { what: 'libmicrohttpd', symbols: /^MHD_/, only: ['issuer'] },
  { what: 'PCRE2', symbols: /^pcre2_/, only: ['route'] },
  { what: 'nginx', symbols: /^ngx_/, only: ['gateway'] },
];

function symbols(archive) {
  const out = spawnSync('nm', ['-A', archive], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(out.status, 0, out.stderr);
  const rows = out.stdout.split('\n').map((line) => /^(\S+?):\s*([0-9a-f]*) (\w) (\S+)$/.exec(line)).filter(Boolean);
  const has = (types) => rows.filter((row) => types.includes(row[3])).map((row) => ({ object: row[1].split(/[/:]/).at(-1), name: row[4] }));
  const defined = new Set(has('TDRBWVGSC').map((s) => s.name));
  return { defined, undefined_: has('Uwv').filter((s) => !defined.has(s.name)) };
}

const order = [...readFileSync(path.join(root, 'src/meson.build'), 'utf8').matchAll(/subdir\('(\w+)'\)/g)].map((m) => m[1]);
const libraries = Object.fromEntries(
  order
    .map((name) => [name, path.join(buildDir, 'src', name, `libbrama_${name}.a`)])
    .filter(([, file]) => existsSync(file))
    .map(([name, file]) => [name, symbols(file)]),
);

const reach = (name) => new Set([name, ...(ARROWS[name] ?? []).flatMap((next) => [...reach(next)])]);

test('every folder that is linked has its arrows written down here', () => {
  for (const name of order) assert.ok(name in ARROWS, `${name} has no arrows`);
});

test('a folder is built after all that it may use', () => {
  for (const name of order) {
    for (const used of ARROWS[name] ?? []) {
      if (order.includes(used)) assert.ok(order.indexOf(used) < order.indexOf(name), `${used} comes after ${name}`);
    }
  }
});

test('no library calls one that stands right of it', () => {
  const home = new Map();
  for (const [name, lib] of Object.entries(libraries)) for (const symbol of lib.defined) home.set(symbol, name);
  assert.ok(home.size > 20, `only ${home.size} symbols: is ${buildDir} built?`);
  const wrong = [];
  for (const [name, lib] of Object.entries(libraries)) {
    const allowed = reach(name);
    for (const { object, name: symbol } of lib.undefined_) {
      if (!symbol.startsWith('brama_')) continue;
      const where = home.get(symbol) ?? 'nowhere';
      if (!allowed.has(where)) wrong.push(`${name}/${object} calls ${symbol} of ${where}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no header is included against the arrows', () => {
  const wrong = [];
  for (const name of order.filter((n) => n in ARROWS)) {
    const allowed = reach(name);
    for (const file of readdirSync(path.join(root, 'src', name))) {
      if (!/\.[ch]$/.test(file)) continue;
      for (const [, folder] of readFileSync(path.join(root, 'src', name, file), 'utf8').matchAll(/^#include "(\w+)\//gm)) {
        if (folder in ARROWS && !allowed.has(folder)) wrong.push(`${name}/${file} includes ${folder}/`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('from base to policy nothing opens, sleeps, reads a clock or prints', () => {
  assert.ok(WORLD.has(plain('open64')) && WORLD.has(plain('__fprintf_chk')) && !WORLD.has(plain('__snprintf_chk')));
  const wrong = [];
  for (const name of PURE.filter((n) => libraries[n])) {
    for (const { object, name: symbol } of libraries[name].undefined_) {
      if (WORLD.has(plain(symbol))) wrong.push(`${name}/${object} uses ${symbol}`);
    }
  }
  assert.deepEqual(wrong, []);
});

for (const { what, symbols: pattern, only } of ALONE) {
  test(`only ${only.join(', ')} sees ${what}`, () => {
    const wrong = [];
    for (const [name, lib] of Object.entries(libraries)) {
      if (only.includes(name)) continue;
      for (const { object, name: symbol } of lib.undefined_) if (pattern.test(symbol)) wrong.push(`${name}/${object} uses ${symbol}`);
    }
    assert.deepEqual(wrong, []);
  });
}
