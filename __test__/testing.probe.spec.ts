import { AssertionError } from 'node:assert';
import test from 'ava';
import { json, text } from '../src/index.js';
import { createTestSystem, fakeGuest } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { guest } from './helpers/system.js';

test('a probe keeps what a component sends it', async t => {
  const system = await createTestSystem({ test: t });
  const probe = await system.probe({ name: 'probe' });
  const ref = await system.spawn(await system.load(guest('forward')), { peers: { next: probe.ref } });
  ref.tell(bytes('a'));
  ref.tell(bytes('b'));
  const received = await probe.expect();
  t.is(textOf(received.message), 'a');
  t.is(received.sender?.id, ref.id);
  await probe.expect(bytes('b'));
  await probe.expectNone();
  t.is(probe.ref.path, '/user/probe');
});

test('an expectation that fails says what came, and the seed', async t => {
  const system = await createTestSystem({ test: t, seed: 77 });
  const probe = await system.probe({ codec: text() });
  const none = await t.throwsAsync(probe.expect('x'), { instanceOf: AssertionError });
  t.regex(none?.message ?? '', /^probe \/user\/\$.*: expected 'x', nothing came \(seed 77\)$/);
  probe.ref.tell('y');
  await t.throwsAsync(probe.expect('x'), { message: /expected 'x', received 'y'/ });
  await t.throwsAsync(probe.expectNone(), { message: /expected no message, received 'y'/ });
  t.deepEqual(
    probe.waiting.map(({ message }) => message),
    ['y'],
  );
  await probe.expect('y');
});

test('fishing drops what comes before', async t => {
  const system = await createTestSystem({ test: t });
  const probe = await system.probe({ codec: json<{ n: number }>() });
  for (let n = 0; n < 5; n += 1) probe.ref.tell({ n });
  const { message } = await probe.fish(({ n }) => n > 2);
  t.deepEqual(message, { n: 3 });
  await probe.expect({ n: 4 });
  probe.ref.tell({ n: 9 });
  await t.throwsAsync(
    probe.fish(({ n }) => n === 0),
    { message: /only \{ n: 9 \} came/ },
  );
});

test('a probe answers requests', async t => {
  const system = await createTestSystem({ test: t });
  const probe = await system.probe({ codec: text(), reply: message => message.toUpperCase() });
  t.is(await probe.ref.ask('hello'), 'HELLO');
  await probe.expect('hello');
});

test('with within, time is moved as far as it takes', async t => {
  const system = await createTestSystem({ test: t });
  const probe = await system.probe();
  const chain = await system.load(guest('forward'));
  const ref = await system.spawn(chain, {
    peers: { next: probe.ref },
    backoff: { kind: 'linear', initial: '10s', max: '10s', jitter: 0 },
    faults: { trapOn: [1, 2] },
  });
  for (const message of ['1', '2', '3']) {
    ref.tell(bytes(message));
    await system.runUntilIdle();
  }
  t.is(ref.status().state, 'restarting');
  await probe.expectNone();
  await t.throwsAsync(probe.expect(bytes('3'), { within: '9s' }), { message: /nothing came/ });
  await probe.expect(bytes('3'), { within: '5s' });
  t.is(system.clock.now, 10_001);
});

test('with a real clock a probe waits', async t => {
  const system = await createTestSystem({ test: t, clock: 'real' });
  const probe = await system.probe({ codec: text() });
  setImmediate(() => probe.ref.tell('x'));
  await probe.expect('x');
  await probe.expectNone({ within: 1 });
  await t.throwsAsync(probe.expect(undefined, { within: 1 }), { message: /nothing came/ });
});

test('a fake guest stands where a component would, and is supervised like one', async t => {
  const system = await createTestSystem({ test: t });
  const fake = fakeGuest({
    handle: message => {
      if (textOf(message) === 'boom') throw new Error('boom');
      return message;
    },
  });
  const ref = await system.spawn(fake, { name: 'fake' });
  t.is(textOf(await ref.ask(bytes('a'))), 'a');
  await t.throwsAsync(ref.ask(bytes('boom')), { code: 'ERR_ACTOR_CRASHED' });
  t.is(textOf(await ref.ask(bytes('b'))), 'b');
  await ref.stop();
  t.deepEqual(
    fake.messages.map(({ message, incarnation }) => [textOf(message), incarnation]),
    [
      ['a', 1],
      ['boom', 1],
      ['b', 2],
    ],
  );
  t.deepEqual([fake.starts, fake.stops], [2, 1]);
});

test('a fake guest does whatever an actor may be told to do, and refuses what none is', async t => {
  const system = await createTestSystem({ test: t });
  const watched = await system.spawn(fakeGuest());
  const told: string[] = [];
  const fake = fakeGuest({
    health: () => ({ status: 'degraded', text: 'as told' }),
    start: (_: unknown, { monitor }) => void monitor(watched),
    down: ({ reason }) => told.push(reason.tag),
  });
  const ref = await system.spawn(fake, { health: true });
  watched.kill();
  await system.clock.advance('6s');
  t.deepEqual(told, ['killed']);
  t.deepEqual(ref.health(), { status: 'degraded', text: 'as told' });
  t.is(fake.starts, 1);
  t.throws(() => fakeGuest({ handel: () => {} } as never), { code: 'ERR_CONFIG', message: /^definition\.handel/ });
  t.throws(() => fakeGuest({ down: 'loud' } as never), { code: 'ERR_CONFIG', message: /^definition\.down/ });
});

test('a fake guest without functions takes everything', async t => {
  const system = await createTestSystem({ test: t });
  const fake = fakeGuest({ codec: text() });
  const ref = await system.spawn(fake, { faults: { failStart: 2, trapOn: 1 } });
  await t.throwsAsync(ref.ask('x'), { code: 'ERR_ACTOR_CRASHED' });
  t.is(ref.status().state, 'restarting');
  await system.clock.next();
  await ref.ask('y');
  t.deepEqual(
    fake.messages.map(({ message }) => message),
    ['y'],
  );
});

test('a handler in JavaScript that waits for something outside holds up no test', async t => {
  const system = await createTestSystem({ test: t });
  const fake = fakeGuest({ handle: () => new Promise<never>(() => {}) });
  const ref = await system.spawn(fake);
  const asked = t.throwsAsync(ref.ask(bytes('x'), { timeout: '3s' }), { code: 'ERR_ASK_TIMEOUT' });
  await system.runUntilIdle();
  await system.clock.advance('3s');
  await system.clock.advance(1);
  await asked;
});
