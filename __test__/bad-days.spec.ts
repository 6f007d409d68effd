/** What goes wrong at the worst moment, over real components and actors in JavaScript. */
import test from 'ava';
import { type ActorRef, type ActorState, actor, child, type ReasonTag, type RestartType } from '../src/index.js';
import { createTestSystem, fakeGuest } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, guest, rejection, TRIGGER } from './helpers/system.js';

const EXIT_1 = Uint8Array.of(0xfe);

/** Restart type, what ends the life, what becomes of the actor. */
const EXITS: readonly [restart: RestartType, message: Uint8Array, state: ActorState, reason: ReasonTag | undefined][] =
  [
    ['permanent', TRIGGER, 'ready', undefined],
    ['transient', TRIGGER, 'terminated', 'normal'],
    ['temporary', TRIGGER, 'terminated', 'normal'],
    ['permanent', EXIT_1, 'ready', undefined],
    ['transient', EXIT_1, 'ready', undefined],
    ['temporary', EXIT_1, 'terminated', 'exit'],
  ];

for (const [restart, message, state, reason] of EXITS) {
  test(`a ${restart} guest that exits with status ${message === TRIGGER ? 0 : 1}: ${state}`, async t => {
    const system = await createTestSystem({ test: t });
    const ref = await system.spawn(await system.load(guest('exit')), { restart });
    ref.tell(message);
    await system.runUntilIdle();
    t.is(ref.status().state, state);
    t.is(ref.status().exit?.tag, reason);
    if (state === 'ready') t.is(textOf(await ref.ask(bytes('x'))), 'x');
    await balanced(t, system);
  });
}

for (const status of [0, 1]) {
  test(`a start that exits with status ${status} fails the spawn and leaves nothing`, async t => {
    const system = await createTestSystem({ test: t });
    const config = status === 0 ? TRIGGER : EXIT_1;
    const component = await system.load(guest('exit'));
    await t.throwsAsync(system.spawn(component, { name: 'a', config }), { code: 'ERR_START_FAILED' });
    t.is(system.find('a'), undefined);
    t.deepEqual(system.actors(), []);
  });
}

test('a start that hangs is given up after its time, and what it does later counts for nothing', async t => {
  const system = await createTestSystem({ test: t });
  let finish = (): void => {};
  const hanging = fakeGuest({
    start: () =>
      new Promise<undefined>(resolve => {
        finish = () => resolve(undefined);
      }),
  });
  const spawned = rejection(system.spawn(hanging, { name: 'a', startupTimeout: '3s' }));
  await system.clock.advance('3s');
  t.not(system.find('a'), undefined);
  await system.clock.advance(1);
  t.is(((await spawned) as { code?: string }).code, 'ERR_START_TIMEOUT');
  t.is(system.find('a'), undefined);
  finish();
  await system.runUntilIdle();
  t.deepEqual(system.actors(), []);
});

test('a stop during a start waits for it; a kill does not', async t => {
  for (const how of ['stop', 'kill'] as const) {
    const system = await createTestSystem({ test: t });
    let finish = (): void => {};
    const slow = fakeGuest({
      start: () =>
        new Promise<undefined>(resolve => {
          finish = () => resolve(undefined);
        }),
    });
    const spawned = system.spawn(slow, { name: 'a' }).then(
      () => 'up',
      (error: { code: string }) => error.code,
    );
    await system.runUntilIdle();
    const ref = system.find('a')!;
    const stopped = how === 'stop' ? ref.stop() : ref.stopped;
    if (how === 'kill') ref.kill();
    else finish();
    const { tag } = await stopped;
    t.is(tag, how === 'kill' ? 'killed' : 'normal');
    t.is(await spawned, how === 'kill' ? 'ERR_ACTOR_STOPPED' : 'up');
    t.is(slow.stops, how === 'kill' ? 0 : 1);
    t.is(system.find('a'), undefined);
    await system.shutdown();
  }
});

test('an actor that stops itself from its own handler, twice and by its reference, ends once', async t => {
  const system = await createTestSystem({ test: t });
  const stops: Promise<unknown>[] = [];
  const suicidal = fakeGuest({
    handle: (_message, context) => {
      context.stop();
      stops.push(context.self.stop(), context.self.stop({ drain: true }));
      context.stop();
      return bytes('last words');
    },
  });
  const ref = await system.spawn(suicidal);
  const ended: string[] = [];
  system.on('actor:stopped', ({ reason }) => ended.push(reason.tag));
  t.is(textOf(await ref.ask(bytes('x'))), 'last words');
  t.is((await ref.stopped).tag, 'normal');
  await Promise.all(stops);
  await system.runUntilIdle();
  t.deepEqual(ended, ['normal']);
  t.is(suicidal.stops, 1);
});

test('a stop that throws, hangs or traps ends all the same', async t => {
  const system = await createTestSystem({ test: t });
  const throwing = fakeGuest({
    stop: () => {
      throw new Error('not now');
    },
  });
  t.is((await (await system.spawn(throwing)).stop()).tag, 'normal');

  const hanging = await system.spawn(fakeGuest({ stop: () => new Promise(() => {}) }));
  const stopped = hanging.stop({ grace: '2s' });
  await system.clock.advance('2s');
  t.is(hanging.status().state, 'stopping');
  await system.clock.advance(1);
  t.is((await stopped).tag, 'killed');

  const trapping = await system.spawn(await system.load(guest('stop-traps')));
  t.is((await trapping.stop()).tag, 'normal');
  t.deepEqual(system.actors(), []);
});

test('a crash while another actor starts touches neither the start nor the neighbours', async t => {
  const system = await createTestSystem({ test: t });
  const crashing = await system.spawn(await system.load(guest('trap-on-ff')));
  const starting = actor({
    start: () => {
      crashing.tell(TRIGGER);
    },
    handle: message => message,
  });
  const [one, two] = await Promise.all([system.spawn(starting), system.spawn(starting)]);
  await system.clock.advance('1s');
  t.is(crashing.status().counters.failedInHandler, 2);
  t.is(crashing.status().state, 'ready');
  for (const ref of [one, two] as ActorRef[]) t.is(textOf(await ref.ask(bytes('x'))), 'x');
  await balanced(t, system);
});

test('a child that crashes while a later one starts comes up again, and so does the tree', async t => {
  const system = await createTestSystem({ test: t });
  const component = await system.load(guest('trap-on-ff'));
  let finish = (): void => {};
  const slow = fakeGuest({
    start: () =>
      new Promise<undefined>(resolve => {
        finish = () => resolve(undefined);
      }),
  });
  const up = system.supervise({
    name: 'top',
    children: { first: child(component, { name: 'first' }), slow: child(slow) },
  });
  await system.runUntilIdle();
  const first = system.find('first')!;
  first.tell(TRIGGER);
  await system.runUntilIdle();
  finish();
  const top = await up;
  await system.clock.advance('1s');
  t.deepEqual(
    top.list().map(({ key, state }) => [key, state]),
    [
      ['first', 'ready'],
      ['slow', 'ready'],
    ],
  );
  t.is(first.status().incarnation, 2);
  await top.stop();
  t.deepEqual(system.actors(), []);
});

test('a root that gives up ends every actor, and the process goes on', async t => {
  const system = await createTestSystem({ test: t });
  const component = await system.load(guest('trap-on-ff'));
  const bystander = await system.spawn(component);
  const top = await system.supervise({ name: 'top', maxRestarts: 0, children: { bad: child(component) } });
  const failed: unknown[] = [];
  system.on('system:failed', event => failed.push(event));
  for (let count = 0; count < 6; count += 1) {
    t.is(failed.length, 0);
    top.children.bad.tell(TRIGGER);
    await system.clock.advance('1s');
  }
  t.is(failed.length, 1);
  t.is((await top.stopped).tag, 'intensity');
  t.regex(bystander.status().state, /^(terminated|failed)$/);
  t.deepEqual(system.actors(), []);
  await balanced(t, system);
});

test('a shutdown ends actors that ignore it', async t => {
  const system = await createTestSystem({ test: t });
  const stubborn = fakeGuest({ handle: () => new Promise<never>(() => {}), stop: () => new Promise(() => {}) });
  const ref = await system.spawn(stubborn);
  ref.tell(bytes('x'));
  const asked = rejection(ref.ask(bytes('y'), { timeout: '1h' }));
  await system.runUntilIdle();
  await system.shutdown({ deadline: '10s' });
  t.is((await ref.stopped).tag, 'shutdown');
  t.regex(String(((await asked) as { code?: string }).code), /^ERR_(SHUTDOWN|ACTOR_STOPPED)$/);
  t.true(system.audit().balanced);
});

test('a guest that spins is killed at the deadline of a shutdown', async t => {
  const system = await createTestSystem({ clock: 'real' });
  const ref = await system.spawn(await system.load(guest('spin')), {
    limits: { handlerTime: Infinity },
    inline: false,
  });
  ref.tell(TRIGGER);
  await system.shutdown({ deadline: '100ms' });
  const audit = system.audit();
  t.true(audit.balanced);
  t.is(audit.queued + audit.inHand, 0);
});
