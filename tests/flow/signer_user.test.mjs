// The signer of a gateway that isn't root's: one user for agent, signer and workers.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { expectExchange } from './lib/expect.mjs';
import { gateway, unprivileged } from './lib/gateway.mjs';
import { processes } from './lib/process.mjs';
import { apiRuleV1 } from './lib/rules.mjs';
import { recorder } from './lib/upstream.mjs';

test('started as nobody in particular', { skip: process.getuid() !== 0 && 'only root can become somebody else' }, async () => {
  const upstream = await recorder();
  const gw = await gateway({
    as: unprivileged,
    services: { 'httpbin.shop': upstream.port },
    files: { 'rule.yaml': apiRuleV1({ rules: [{ path: '/x', accessStrategies: [{ handler: 'noop' }], mutators: [{ handler: 'id_token' }] }] }) },
  });
  try {
    await expectExchange(gw, {
      upstream, request: { target: '/x' }, status: 200, reason: 'allowed', saw: (seen) => assert.match(seen.header('authorization'), /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/),
    });
    const [signer] = processes().filter((one) => / signer --state /.test(one.command) && one.command.includes(gw.state));
    assert.equal(signer.uid, unprivileged.uid);
    assert.equal(statSync(path.join(gw.state, 'signer.sock')).uid, unprivileged.uid);
    assert.equal(statSync(path.join(gw.state, 'signing-key.pem')).mode & 0o777, 0o600);
  } finally {
    await gw.stop();
    await upstream.stop();
  }
});
