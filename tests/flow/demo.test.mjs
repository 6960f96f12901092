// What `make run` prints: the lines, pasted into a shell, do what they say; and they come from examples/.
// This runs build/, as a user does, not the sanitized build.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, root, temporary, until } from './lib/place.mjs';
import { shell, start } from './lib/process.mjs';

async function demo(examples) {
  const port = async () => String(await freePort());
  const dir = temporary('brama-demo');
  const args = [
    path.join(root, 'scripts/demo.py'), '--examples', examples, '--dir', dir,
    '--port', await port(), '--admin-port', await port(), '--httpbin-port', await port(),
  ];
  const it = start('python3', args, { outFile: path.join(dir, 'out') });
  await until('the demo to be ready', () => {
    if (it.over) throw Object.assign(new Error(it.out + it.err), { final: true });
    return it.out.includes('Ctrl-C');
  }, { timeout: 30_000 });
  return it;
}

/** The commands it printed, by what the comment line above says. */
function commands(text) {
  const found = {};
  let title;
  for (const line of text.split('\n')) {
    const comment = /^# (.*)$/.exec(line.trim());
    if (comment) title = comment[1];
    else if (title && line.trim()) found[title] = (found[title] ?? '') + line + '\n';
    else title = undefined;
  }
  return found;
}
const find = (found, word) => Object.entries(found).find(([title]) => title.includes(word))?.[1] ?? assert.fail(`no line about "${word}" in ${Object.keys(found)}`);
const paste = (line) => shell(line, { cwd: root });

describe('make run', () => {
  let it, found;
  before(async () => {
    it = await demo(path.join(root, 'examples/first'));
    found = commands(it.out);
  });
  after(() => it?.stop('SIGINT'));

  test('an open path and the right token are 200', async () => {
    for (const word of ['open', 'allowed']) {
      const { out } = await paste(find(found, word));
      assert.match(out, /^HTTP\/1\.1 200/, word);
    }
  });
  test('no token and the wrong scope are 403', async () => {
    for (const word of ['no token', 'wrong scope']) {
      const { out } = await paste(find(found, word));
      assert.match(out, /^HTTP\/1\.1 403/, word);
      assert.match(out, /RBAC: access denied/);
    }
  });
  test('why? is answered by the x-request-id of the refusal, and beforehand by the files', async () => {
    const refused = await paste(find(found, 'wrong scope'));
    const id = /^x-request-id: (\S+)/im.exec(refused.out)[1];
    for (const line of [find(found, 'why?').replace('ID', id), find(found, 'beforehand')]) {
      const { out, code } = await paste(line);
      assert.equal(code, 1, out);
      assert.match(out, /^DENY 403 scope_missing .*httpbin\.yaml:\d+\)$/m);
      assert.match(out, /^to pass: .*read/m);
    }
  });
  test('Ctrl-C ends all of it', async () => {
    const port = /127\.0\.0\.1:(\d+)|localhost:(\d+)/.exec(it.out);
    const { code, signal } = await it.stop('SIGINT');
    assert.deepEqual([code, signal], [0, null]);
    const { out } = await paste(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:${port[1] ?? port[2]}/`);
    assert.equal(out, '000');
  });
});

test('everything printed is computed from the files: another scope there is another answer here', async () => {
  const copy = path.join(temporary('brama-examples'), 'first');
  cpSync(path.join(root, 'examples/first'), copy, { recursive: true });
  const file = path.join(copy, 'httpbin.yaml');
  const text = readFileSync(file, 'utf8');
  assert.ok(text.includes('"read"'));
  writeFileSync(file, text.replace('"read"', '"audit"'));
  const it = await demo(copy);
  try {
    const found = commands(it.out);
    assert.ok(it.out.includes('audit'));
    const allowed = find(found, 'allowed');
    assert.match((await paste(allowed)).out, /^HTTP\/1\.1 200/);
    // Changed once more while it runs: the same line is refused now.
    writeFileSync(file, text);
    await until('the change to be in force', async () => /^HTTP\/1\.1 403/.test((await paste(allowed)).out));
  } finally {
    await it.stop('SIGINT');
  }
});
