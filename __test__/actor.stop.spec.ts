import test from 'ava';
import { bytes } from './helpers/bytes.js';
import { balanced, guest, nextEvent, systemFor, TRIGGER, until } from './helpers/system.js';

test('stop ends an actor in order, once', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { name: 'once' });
  const event = nextEvent(system, 'actor:stopped');
  const { stopped } = ref;
  const reasons = await Promise.all([ref.stop(), ref.stop({ drain: true }), stopped]);
  for (const reason of reasons) t.is(reason.tag, 'normal');
  t.is((await event).path, '/user/once');
  t.is((await ref.stop()).tag, 'normal');
  t.is(ref.stopped, stopped);
  t.regex(ref.status().state, /^terminated$/);
});

test('stop with drain works off what was accepted', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('slow')), { inline: false });
  for (let count = 0; count < 100; count += 1) ref.tell(Uint8Array.of(20, 0, 0, 0));
  await ref.stop({ drain: true });
  const audit = await balanced(t, system);
  t.is(audit.handled, 100);
  t.is(audit.discarded.total, 0);
});

test('stop without drain gives the queue back as dead letters, and its asks reject', async t => {
  const system = await systemFor(t, { limits: { handlerTime: Infinity } });
  const ref = await system.spawn(await system.load(guest('spin')), { inline: false });
  ref.tell(TRIGGER);
  await until(() => ref.status().inHand === 1);
  ref.tell(bytes('queued'));
  const ask = t.throwsAsync(ref.ask(bytes('queued')), { code: 'ERR_ACTOR_STOPPED' });
  await ref.stop({ grace: '20ms' });
  await ask;
  const audit = await balanced(t, system);
  t.is(audit.handled, 0);
  t.is(audit.discarded.total + audit.failedInHandler, 3);
});

for (const inline of [true, false]) {
  test(`kill ends a handler that spins (inline ${inline})`, async t => {
    const system = await systemFor(t, { limits: { handlerTime: Infinity } });
    const ref = await system.spawn(await system.load(guest('spin')), { inline });
    for (let count = 0; count < 20; count += 1) await ref.ask(bytes('warm'));
    const ask = t.throwsAsync(ref.ask(TRIGGER, { timeout: Infinity }));
    await until(() => ref.status().inHand === 1);
    t.true(ref.kill());
    t.is((await ref.stopped).tag, 'killed');
    await ask;
    await balanced(t, system);
  });
}

test('kill twice is no mistake, and says so', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  t.true(ref.kill());
  await ref.stopped;
  t.false(ref.kill());
});

test('an actor that nobody holds any more goes on', async t => {
  const system = await systemFor(t);
  await system.spawn(await system.load(guest('echo')), { name: 'forgotten' });
  globalThis.gc?.();
  t.is(system.find('forgotten')?.status().state, 'ready');
});
