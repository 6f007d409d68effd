import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { KeepAlive } from '../src/keep-alive.js';

test('a busy system is held until it is idle, and can be held again', async t => {
  let busy = true;
  let looks = 0;
  const keepAlive = new KeepAlive('busy', () => {
    looks += 1;
    return busy;
  });
  t.false(keepAlive.held);
  keepAlive.hold();
  t.true(keepAlive.held);
  while (looks < 3) await sleep(1);
  t.true(keepAlive.held);
  busy = false;
  while (keepAlive.held) await sleep(1);
  const before = looks;
  await sleep(5);
  t.is(looks, before);
  keepAlive.hold();
  t.true(keepAlive.held);
  keepAlive.close();
});

test('the other modes have nothing to look for', t => {
  for (const mode of ['always', 'never'] as const) {
    const keepAlive = new KeepAlive(mode, () => t.fail() ?? true);
    t.true(keepAlive.held);
    keepAlive.hold();
    keepAlive.close();
  }
  t.pass();
});
