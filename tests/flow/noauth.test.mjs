// First light: one noAuth rule through agent, files and module, as root and as a plain user.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway, notUnprivileged, unprivileged } from './lib/gateway.mjs';
import { until } from './lib/place.mjs';
import { childrenOf } from './lib/process.mjs';
import { apiRule } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

const isRoot = process.getuid() === 0;
const runs = [
  { name: isRoot ? 'started as root' : 'started as a plain user' },
  { name: 'started as nobody', as: unprivileged, skip: notUnprivileged() },
];

for (const { name, as, skip } of runs) {
  describe(name, { skip }, () => {
    let upstream, gw;
    before(async () => {
      upstream = await recorder();
      gw = await gateway({
        as,
        services: { 'httpbin.shop': upstream.port },
        files: { 'httpbin.yaml': apiRule({ rules: [{ path: '/open', noAuth: true }] }) },
      });
    });
    after(async () => {
      await gw?.stop();
      await upstream?.stop();
    });

    test('the open path passes, with query and headers', async () => {
      await expectExchange(gw, {
        request: { target: '/open?a=1&b=%20x', headers: ['X-Mine: yes'] },
        status: 200, reason: 'allowed', decision: 'allow', rule: 'shop/httpbin', upstream,
        saw: (seen) => {
          assert.equal(seen.target, '/open?a=1&b=%20x');
          assert.equal(seen.header('x-mine'), 'yes');
          assert.equal(seen.header('x-forwarded-host'), 'httpbin.test.local');
        },
      });
    });

    test('another path, method or host is 404 with an empty body', async () => {
      const rows = [
        [{ target: '/closed' }, 'no_route'],
        [{ target: '/open/' }, 'no_route'],
        [{ target: '/open', method: 'POST', data: 'x' }, 'no_route'],
        [{ target: '/open', host: 'elsewhere' }, 'no_host'],
      ];
      for (const [request, reason] of rows) {
        await expectExchange(gw, { request, status: 404, body: '', reason, decision: 'deny', upstream });
      }
    });

    test('the log has a line of JSON with what operators look for', async () => {
      const { line } = await expectExchange(gw, { request: { target: '/open?secret=1' }, status: 200, upstream });
      for (const field of ['start_time', 'request_id', 'method', 'authority', 'path', 'protocol', 'response_code', 'decision', 'reason', 'rule', 'rule_index']) {
        assert.ok(field in line, `${field} in ${JSON.stringify(line)}`);
      }
      assert.match(line.request_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(line.method, 'GET');
      assert.equal(line.authority, `httpbin.test.local:${gw.port}`);
      assert.ok(Math.abs(Date.parse(line.start_time) - Date.now()) < 60_000, line.start_time);
    });

    test('workers are not root, and nothing in the state is for everybody', async () => {
      const [master] = await until('the nginx master', () => childrenOf(gw.pid).filter((c) => c.command.includes('nginx')));
      const workers = childrenOf(master.pid);
      assert.ok(workers.length >= 1);
      for (const worker of workers) assert.notEqual(worker.uid, 0);
      const open = execFileSync('find', [gw.state, '-type', 'f', '-perm', '/022'], { encoding: 'utf8' });
      assert.equal(open, '', 'files that others can write');
    });

    test('admin: alive, ready, metrics; not for a foreign Host', async () => {
      for (const page of ['/livez', '/readyz', '/metrics', '/api/v1/apirules', '/api/v1/keysets']) {
        assert.equal((await gw.ask(page)).status, 200, page);
      }
      for (const host of ['evil.example', 'evil.example:80']) {
        const answer = await gw.ask('/readyz', { headers: [`Host: ${host}`] });
        assert.ok(answer.status >= 400 && answer.status < 500, `${host}: ${answer.status}`);
      }
      assert.equal((await gw.ask('/readyz', { headers: ['Host: localhost'] })).status, 200);
    });
  });
}
