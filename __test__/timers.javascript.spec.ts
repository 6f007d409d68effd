/** Timers and the stash of actors in JavaScript, under a manual clock. */
import test from 'ava';
import { actor, TroupeError, text } from '../src/index.js';
import { createTestSystem, type TestSystem } from '../src/testing/index.js';

const settle = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

function systemOf(t: import('ava').ExecutionContext): Promise<TestSystem> {
  return createTestSystem({ test: t, cache: false });
}

test('a life sets its timers in start, and they end with it', async t => {
  const system = await systemOf(t);
  const seen: string[] = [];
  const ref = await system.spawn(
    actor({
      codec: text(),
      start: (_, context) => {
        context.every('1s', `beat of ${context.incarnation}`);
      },
      handle: message => {
        if (message === 'boom') throw new Error('boom');
        seen.push(message);
      },
    }),
  );
  await system.clock.advance('1500ms');
  ref.tell('boom');
  await system.runUntilIdle();
  await system.clock.advance('2s');
  t.deepEqual(seen, ['beat of 1', 'beat of 2', 'beat of 2']);
  await ref.stop();
  t.is(await system.clock.next(), undefined);
});

test('a tick says how many periods went by while it waited', async t => {
  const system = await systemOf(t);
  const missed: number[] = [];
  let release = () => {};
  const ref = await system.spawn(
    actor({
      codec: text(),
      handle: (message, context) => {
        if (message === 'tick') missed.push(context.missed);
        else context.everyFixedRate('1s', 'tick');
        if (message !== 'block') return;
        return new Promise<void>(resolve => {
          release = resolve;
        });
      },
    }),
  );
  ref.tell('block');
  await system.clock.advance('4s');
  release();
  await system.runUntilIdle();
  await system.clock.advance('1s');
  t.deepEqual(missed, [3, 0]);
});

test('a key replaces a timer, cancels it, and is free again after its tick', async t => {
  const system = await systemOf(t);
  const seen: string[] = [];
  const results: boolean[] = [];
  const ref = await system.spawn(
    actor({
      codec: text(),
      handle: (message, context) => {
        seen.push(message);
        if (message === 'debounce') {
          const old = context.after('1s', 'old', { key: 'k' });
          context.after('2s', 'new', { key: 'k' });
          results.push(old.cancel());
        }
        if (message === 'new') results.push(context.cancelTimer('k'));
        if (message === 'cancel') {
          context.after('1s', 'never', { key: 'k' });
          results.push(context.cancelTimer('k'), context.cancelTimer('k'));
        }
      },
    }),
  );
  ref.tell('debounce');
  await system.clock.advance('5s');
  ref.tell('cancel');
  await system.clock.advance('5s');
  t.deepEqual(seen, ['debounce', 'new', 'cancel']);
  t.deepEqual(results, [false, false, true, false]);
});

test('a timer of a life that is over cannot be set, and its handle cancels nothing', async t => {
  const system = await systemOf(t);
  let late: (() => unknown) | undefined;
  let handle: (() => boolean) | undefined;
  const ref = await system.spawn(
    actor({
      codec: text(),
      handle: (message, context) => {
        if (message === 'boom') throw new Error('boom');
        const timer = context.after('1h', 'x');
        handle = () => timer.cancel();
        late = () => context.after('1s', 'late');
      },
    }),
  );
  ref.tell('set');
  ref.tell('boom');
  await system.runUntilIdle();
  t.false(handle?.());
  t.is(t.throws(() => late?.(), { instanceOf: TroupeError }).code, 'ERR_ACTOR_STOPPED');
});

/** Handles nothing but `open` until that comes. */
function door(seen: string[]) {
  return actor({
    codec: text(),
    start: () => ({ open: false }),
    handle: async (message, context) => {
      if (message === 'boom') throw new Error('boom');
      if (message === 'open') {
        context.state.open = true;
        context.unstash();
      } else if (!context.state.open) {
        context.stash();
        return;
      }
      if (message.startsWith('wait')) await settle(1);
      seen.push(message);
      return `handled ${message}`;
    },
  });
}

test('what is put aside comes back in its order, and a request is answered then', async t => {
  const system = await systemOf(t);
  const seen: string[] = [];
  const ref = await system.spawn(door(seen));
  const asked = ref.ask('question');
  ref.tell('a');
  ref.tell('b');
  await system.runUntilIdle();
  t.is(ref.status().queued, 3);
  await system.together(() => {
    ref.tell('open');
    ref.tell('c');
  });
  t.is(await asked, 'handled question');
  await system.runUntilIdle();
  t.deepEqual([...seen].sort(), ['a', 'b', 'c', 'open', 'question']);
  t.deepEqual(
    seen.filter(text => text !== 'c'),
    ['open', 'question', 'a', 'b'],
  );
  t.true(system.audit().balanced);
});

test('the next life finds what the last one had put aside', async t => {
  const system = await systemOf(t);
  const seen: string[] = [];
  const ref = await system.spawn(door(seen));
  for (const message of ['a', 'b', 'boom', 'open', 'c']) {
    ref.tell(message);
    await system.runUntilIdle();
  }
  t.deepEqual(seen, ['open', 'a', 'b', 'c']);
  t.is(ref.status().incarnation, 2);
});

test('what is put aside when the actor ends is a dead letter, and its request rejects', async t => {
  const system = await systemOf(t);
  const ref = await system.spawn(door([]));
  const asked = t.throwsAsync(ref.ask('question'), { instanceOf: TroupeError });
  ref.tell('a');
  await system.runUntilIdle();
  await ref.stop({ drain: true });
  t.is((await asked)?.code, 'ERR_ACTOR_STOPPED');
  t.is(system.deadLettersOf(ref).length, 2);
});

test('a stash that is full refuses, with its own reason', async t => {
  const system = await systemOf(t);
  const ref = await system.spawn(door([]), { limits: { mailbox: 2 }, overflow: 'reject' });
  for (const message of ['a', 'b', 'c']) {
    ref.tell(message);
    await system.runUntilIdle();
  }
  t.deepEqual(
    system.deadLettersOf(ref).map(({ reason }) => reason),
    ['stash-full'],
  );
});

test('a tick of its own, and a time without a message, have nothing to put aside', async t => {
  const system = await systemOf(t);
  const errors: string[] = [];
  let stray: (() => void) | undefined;
  const ref = await system.spawn(
    actor({
      codec: text(),
      handle: (message, context) => {
        stray = context.stash;
        if (message === 'set') context.after(1, 'tick');
        else errors.push(t.throws(context.stash, { instanceOf: TroupeError }).message);
      },
    }),
  );
  ref.tell('set');
  await system.clock.advance(1);
  errors.push(t.throws(() => stray?.(), { instanceOf: TroupeError }).message);
  t.regex(errors[0]!, /own timer cannot be put aside/);
  t.regex(errors[1]!, /while a message is in hand/);
});
