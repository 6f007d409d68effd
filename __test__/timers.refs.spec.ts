/** Timers that are set through a reference: of the actor's place, for components and actors in JavaScript. */
import test from 'ava';
import { actor, json, TroupeError, text } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { ENTRY, runScript } from './helpers/child.js';
import { guest, TRIGGER } from './helpers/system.js';

/** Keeps what it is told. */
function keeper() {
  const seen: string[] = [];
  const definition = actor({
    codec: text(),
    handle: message => {
      if (message === 'boom') throw new Error('boom');
      seen.push(message);
    },
  });
  return { seen, definition };
}

test('after sends a message once, at its time', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const { seen, definition } = keeper();
  const ref = await system.spawn(definition);
  ref.after('2s', 'late');
  await system.clock.advance('1999ms');
  t.deepEqual(seen, []);
  await system.clock.advance(1);
  t.deepEqual(seen, ['late']);
  t.is(await system.clock.next(), undefined);
});

test('a component gets the messages of its timers, over a restart', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest('trap-on-ff')));
  ref.every('1s', bytes('tick'));
  await system.clock.advance('2s');
  t.is(ref.status().counters.handled, 2);
  ref.tell(TRIGGER);
  await system.clock.advance('2s');
  t.is(ref.status().incarnation, 2);
  t.is(ref.status().counters.handled, 4);
});

test('a fixed rate keeps its schedule', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const { seen, definition } = keeper();
  const ref = await system.spawn(definition);
  using _timer = ref.everyFixedRate(250, 'beat');
  await system.clock.advance('1s');
  t.deepEqual(seen, ['beat', 'beat', 'beat', 'beat']);
});

test('cancel is final when it says so, and using cancels', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const { seen, definition } = keeper();
  const ref = await system.spawn(definition);
  const timer = ref.after(10, 'no');
  t.true(timer.cancel());
  t.false(timer.cancel());
  {
    using _scoped = ref.every(10, 'never');
  }
  const done = ref.after(10, 'yes');
  await system.clock.advance('1s');
  t.false(done.cancel());
  t.deepEqual(seen, ['yes']);
});

test('a timer with the same key is replaced, and the handle of the old one cancels nothing', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const { seen, definition } = keeper();
  const ref = await system.spawn(definition);
  const old = ref.after(10, 'old', { key: 'debounce' });
  ref.after(20, 'new', { key: 'debounce' });
  t.false(old.cancel());
  await system.clock.advance('1s');
  t.deepEqual(seen, ['new']);
});

test('a stop cancels timers, and one for an actor that has ended is a dead letter', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const { seen, definition } = keeper();
  const ref = await system.spawn(definition);
  const timer = ref.every(10, 'tick');
  await ref.stop();
  t.false(timer.cancel());
  await system.clock.advance('1s');
  t.deepEqual(seen, []);
  t.false(ref.after(10, 'gone').cancel());
  t.deepEqual(
    system.deadLettersOf(ref).map(({ reason }) => reason),
    ['stopped'],
  );
});

test('options and durations are checked, with their paths', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(keeper().definition);
  const message = (call: () => unknown) => t.throws(call, { instanceOf: TroupeError }).message;
  t.regex(
    message(() => ref.after(-1, 'x')),
    /^delay: expected a duration .* received -1/,
  );
  t.regex(
    message(() => ref.every(0, 'x')),
    /^period: expected a duration .*1ms/,
  );
  t.regex(
    message(() => ref.everyFixedRate('46d' as '1s', 'x')),
    /^period: expected a duration/,
  );
  t.regex(
    message(() => ref.after(1, 'x', { key: '' })),
    /^key: expected a string of 1 … 255 characters/,
  );
  t.regex(
    message(() => ref.after(1, 'x', { kee: 'a' } as object)),
    /^kee: unknown option; did you mean 'key'/,
  );
  t.regex(
    message(() => ref.after(1, 5 as never)),
    /cannot be encoded|must/,
  );
});

test('an actor has a thousand timers, and one more is an error', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(keeper().definition);
  for (let count = 0; count < 1000; count += 1) ref.after('1h', 'x');
  const error = t.throws(() => ref.after('1h', 'x'), { instanceOf: TroupeError });
  t.is(error.code, 'ERR_MAILBOX_FULL');
  t.regex(error.message, /1,000 timers/);
});

test('a value goes through the codec', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const seen: unknown[] = [];
  const ref = await system.spawn(actor({ codec: json<{ n: number }, null>(), handle: ({ n }) => void seen.push(n) }));
  ref.after(0, { n: 7 });
  await system.runUntilIdle();
  t.deepEqual(seen, [7]);
});

test('a script with a running timer exits by itself', async t => {
  const ended = await runScript(`
    const { actor, text } = await import(${JSON.stringify(ENTRY)});
    const system = await create();
    const start = (_, { every }) => void every(5, 'own');
    const ref = await system.spawn(actor({ codec: text(), start, handle: () => 'yes' }));
    ref.every(5, 'tick');
    ref.after('1h', 'late');
    console.log(await ref.ask('hello'));`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'yes\n', '']);
});
