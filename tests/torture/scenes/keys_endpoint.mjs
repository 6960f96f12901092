import { jwks, makeKey } from '../../flow/lib/keys.mjs';
import { until } from '../../flow/lib/place.mjs';
import { apiRule } from '../../flow/lib/rules.mjs';
import { pageServer } from '../../flow/lib/servers.mjs';

export const title = 'the key endpoint fails in every way; known keys go on, unknown ones get in once it heals';

const FOREVER_MS = 11_000; // until a healed endpoint is asked again

export async function play(stage) {
  await stage.build(['one']);
  const gw = await stage.open(
    { 'one.yaml': apiRule({ name: 'one', host: 'one', service: { name: 'one', port: 80 }, rules: stage.rules() }) },
    { args: ['--kid-wait', '200ms'] },
  );
  const good = jwks(stage.key);
  const unknown = Array.from({ length: 20 }, () => ({
    class: 'must be refused', service: 'one', host: 'one.test.local', target: '/x', token: stage.token(makeKey('ES256')), statuses: [401],
  }));
  stage.crowd(stage.kinds('one'));
  stage.crowd(unknown, { lanes: ['kept', 'kept', 'fresh', 'h2'] });
  const answer = (status, text, headers = {}) => (req, res) => res.writeHead(status, headers).end(text);
  const whole = JSON.stringify(good);
  const failures = {
    500: answer(500, whole),
    404: answer(404, ''),
    'a page of HTML': answer(200, '<html>login</html>', { 'content-type': 'text/html' }),
    'an object without keys': answer(200, '{}'),
    'half a set': answer(200, whole.slice(0, whole.length / 2)),
    'a length that is never reached': (req, res) => {
      res.writeHead(200, { 'content-length': whole.length + 10 });
      res.write(whole);
      setTimeout(() => res.destroy(), 50);
    },
    'silence behind the head': (req, res) => res.writeHead(200).flushHeaders(),
    'no answer': () => {},
    'a redirect to itself': answer(302, '', { location: '/jwks' }),
    'a closed connection': (req, res) => res.destroy(),
  };
  while (stage.more()) {
    const what = stage.luck.pick([...Object.keys(failures), 'nobody at the port', 'healed']);
    stage.event(what);
    if (what === 'nobody at the port') {
      await stage.pages.stop();
      await stage.pause(50, 400);
      stage.pages = await pageServer({ '/jwks': good }, { port: stage.keysPort });
    } else {
      stage.pages.pages['/jwks'] = failures[what] ?? good;
      await stage.pause(50, 400);
    }
  }
  if (stage.seconds < 10) return;
  const next = makeKey('ES256');
  stage.pages.pages['/jwks'] = jwks(stage.key, next);
  stage.event('healed, and with a new key');
  await until('both keys', async () => (await gw.keySets())[0].keys.length === 2, { timeout: FOREVER_MS });
}
