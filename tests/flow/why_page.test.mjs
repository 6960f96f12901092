// docs/why.md, run as it stands in front of what `make run` serves: every command prints what the page says.
// This runs build/, as a user does, not the sanitized build.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { consoleOf, settled } from './lib/page.mjs';
import { freePort, root, temporary, until } from './lib/place.mjs';
import { shell, start } from './lib/process.mjs';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const page = path.join(root, 'docs/why.md');

let demo, port, admin, dir;
before(async () => {
  [port, admin] = [await freePort(), await freePort()];
  dir = temporary('brama-why');
  demo = start('python3', [
    path.join(root, 'scripts/demo.py'), '--dir', dir, '--port', String(port), '--admin-port', String(admin), '--httpbin-port', String(await freePort()),
  ], { outFile: path.join(dir, 'out') });
  await until('the demo to be ready', () => {
    if (demo.over) throw Object.assign(new Error(demo.out + demo.err), { final: true });
    return demo.out.includes('Ctrl-C');
  }, { timeout: 30_000 });
});
after(() => demo?.stop('SIGINT'));

test('every command of docs/why.md prints what the page says', async () => {
  const keysPort = /issuer\.default=127\.0\.0\.1:(\d+)/.exec(demo.out)[1];
  const here = (text) => text.replaceAll('8080', port).replaceAll('9901', admin).replaceAll('.run/', `${dir}/`).replaceAll(/(issuer\.default=127\.0\.0\.1:)\d+/g, `$1${keysPort}`);
  const steps = consoleOf(page);
  assert.ok(steps.length >= 10, `${steps.length} commands`);
  let id; // the one that the last answer had stands for the one on the page
  const printed = [];
  for (const { command, output, line } of steps) {
    const end = await shell(here(command).replace(UUID, () => id), { cwd: root });
    id = UUID.exec(end.out)?.[0] ?? id;
    printed.push(end.out);
    assert.equal(settled(end.out), settled(here(output)), `docs/why.md:${line}: ${command}\n${end.err}`);
  }
  assert.ok(printed.join('').includes('to pass:'));
  if (process.env.BRAMA_PAGE_OUT) writeFileSync(process.env.BRAMA_PAGE_OUT, JSON.stringify(printed));
});
