import test from 'ava';
import { createTestSystem } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { guest, rejection, TRIGGER } from './helpers/system.js';

test('time stands still until the test moves it: backoff and its window', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), {
    backoff: { initial: '1h', max: '4h', jitter: 0 },
    within: '24h',
  });
  for (let count = 0; count < 2; count += 1) {
    ref.tell(TRIGGER);
    await system.runUntilIdle();
  }
  t.is(ref.status().state, 'restarting');
  await system.clock.advance('1h');
  t.is(ref.status().state, 'restarting');
  await system.clock.advance(1);
  t.is(ref.status().state, 'ready');
});

test('deadlines of requests go by the clock', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('never-replies')));
  const asked = rejection(ref.ask(bytes('x'), { timeout: '2h' }));
  await system.clock.advance('2h');
  t.is(ref.status().inHand, 0);
  await system.clock.advance(1);
  t.is(((await asked) as Error & { code?: string }).code, 'ERR_ASK_TIMEOUT');
  t.is(system.clock.now, 7_200_001);
});

test('next goes to the next moment at which something happens', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('never-replies')));
  t.is(await system.clock.next(), undefined);
  const first = rejection(ref.ask(bytes('x'), { timeout: '30s' }));
  const second = rejection(ref.ask(bytes('y'), { timeout: '70s' }));
  t.is(await system.clock.next(), 30_001);
  await first;
  t.is(await system.clock.next(), 40_000);
  await second;
});

test('a wait for quiet sees everything that a message sets off', async t => {
  const system = await createTestSystem({ test: t, cache: false, threads: 2 });
  const chain = await system.load(guest('forward'));
  let next = await system.spawn(await system.load(guest('counter')));
  const counter = next;
  for (let count = 0; count < 10; count += 1) next = await system.spawn(chain, { peers: { next } });
  for (let count = 1; count <= 50; count += 1) {
    next.tell(bytes('x'));
    await system.runUntilIdle();
    t.is(counter.status().counters.handled, count);
  }
});

test('what is sent together is in the mailbox before the first of it is handled', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('echo')));
  let stopped: Promise<unknown> | undefined;
  await system.together(() => {
    for (let count = 0; count < 10; count += 1) ref.tell(bytes(`${count}`));
    stopped = ref.stop();
  });
  await stopped;
  t.deepEqual(
    system.deadLettersOf(ref).map(({ reason }) => reason),
    Array(10).fill('stopped'),
  );
});

test('faults: the nth start fails, the nth message traps', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const echo = await system.load(guest('echo'));
  await t.throwsAsync(system.spawn(echo, { name: 'a', faults: { failStart: 1 } }), { code: 'ERR_START_FAILED' });
  t.is(system.find('a'), undefined);

  const ref = await system.spawn(echo, { name: 'a', faults: { failStart: [2], trapOn: [2, 4] } });
  t.is(textOf(await ref.ask(bytes('1'))), '1');
  const error = await rejection(ref.ask(bytes('2')));
  t.regex(String((error as Error).cause), /injected: message 2 traps/);
  t.is(ref.status().state, 'restarting');
  await system.clock.next();
  t.is(textOf(await ref.ask(bytes('3'))), '3');
  t.is(ref.status().incarnation, 3);
  await t.throwsAsync(ref.ask(bytes('4')), { code: 'ERR_ACTOR_CRASHED' });
});

test('wrong faults are refused with their path', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const echo = await system.load(guest('echo'));
  await t.throwsAsync(system.spawn(echo, { faults: { trapOn: 0 } }), {
    message: /^faults\.trapOn: expected a whole number/,
  });
  await t.throwsAsync(system.spawn(echo, { faults: { failStart: [1, -1] } }), { message: /^faults\.failStart\[1\]: / });
});

test('the end of a test system waits for nothing that needs time', async t => {
  const system = await createTestSystem({ cache: false });
  const ref = await system.spawn(await system.load(guest('inner-ask')), {
    peers: { peer: await system.spawn(await system.load(guest('never-replies'))) },
  });
  const asked = rejection(ref.ask(Uint8Array.of(1, 0, 0, 0), { timeout: Infinity }));
  await system.runUntilIdle();
  await system.shutdown();
  t.truthy(await asked);
  t.true(system.audit().balanced);
});

test('with a real clock time passes by itself', async t => {
  const system = await createTestSystem({ test: t, cache: false, clock: 'real' });
  const ref = await system.spawn(await system.load(guest('never-replies')));
  await t.throwsAsync(ref.ask(bytes('x'), { timeout: 5 }), { code: 'ERR_ASK_TIMEOUT' });
});

test('an actor that has ended leaves no moment behind', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('echo')));
  await ref.ask(bytes('x'), { timeout: '1m' });
  await ref.stop({ grace: '5s' });
  t.is(await system.clock.next(), undefined);
});
