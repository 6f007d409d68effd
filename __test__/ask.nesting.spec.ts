/** Requests that are made while one is handled: its deadline (`ASK-1`), and what becomes of them. */
import test from 'ava';
import { actor, type TroupeError, text } from '../src/index.js';
import { createTestSystem, type TestSystem } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, guest, rejection } from './helpers/system.js';

const codeOf = (asked: Promise<unknown>): Promise<string | undefined> =>
  rejection(asked).then(error => (error as Partial<TroupeError>).code);

/** Two guests and an actor in JavaScript in a row: first → script → last. What the script's requests failed with is noted. */
async function row(system: TestSystem) {
  const failures: TroupeError[] = [];
  const component = await system.load(guest('ts-ask-on'));
  const last = await system.spawn(component, { name: 'last', codec: text() });
  const definition = actor({
    codec: text(),
    async handle(message: string, context) {
      try {
        return await context.ask(last, message, { timeout: '10h' });
      } catch (error) {
        failures.push(error as TroupeError);
        return context.fail('no');
      }
    },
  });
  const script = await system.spawn(definition, { name: 'script', limits: { handlerTime: Infinity } });
  const first = await system.spawn(component, { name: 'first', peers: { script } });
  return { first, script, last, failures };
}

test('over three actors a nested request ends with the first one', async t => {
  const system = await createTestSystem({ test: t, cache: false, threads: 2 });
  const { first, script, last, failures } = await row(system);
  const asked = codeOf(first.ask(bytes('script keep'), { timeout: '2h' }));
  await system.clock.advance('2h');
  t.deepEqual(failures, []);
  t.is(script.status().inHand, 1);
  await system.clock.advance(1);
  t.is(await asked, 'ERR_ASK_TIMEOUT');
  await system.runUntilIdle();
  const [{ code, message, data }] = failures as [TroupeError];
  const said = 'ask to /user/last: the deadline of the request on whose behalf it was made has passed';
  t.deepEqual([code, message, data.timeoutMs], ['ERR_ASK_TIMEOUT', said, undefined]);
  // Nobody waits any more, and all of them are free.
  t.deepEqual(
    [first, script, last].map(ref => ref.status().inHand),
    [0, 0, 0],
  );
  t.is(textOf(await first.ask(bytes('script '))), 'end');
  await balanced(t, system);
});

test('the deadline shrinks while the handler is at something else', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const keeper = await system.spawn(await system.load(guest('never-replies')));
  let go = (): void => {};
  const failures: unknown[] = [];
  const script = await system.spawn(
    actor({
      async handle(_message, context) {
        await new Promise<void>(resolve => {
          go = resolve;
        });
        failures.push(await rejection(context.ask(keeper, bytes('x'), { timeout: '2h' })));
      },
    }),
    { limits: { handlerTime: Infinity } },
  );
  const asked = codeOf(script.ask(bytes('x'), { timeout: '3h' }));
  await system.clock.advance('2h');
  go();
  await system.clock.advance('1h');
  t.is(failures.length, 0);
  await system.clock.advance(1);
  t.is(await asked, 'ERR_ASK_TIMEOUT');
  await system.runUntilIdle();
  t.is(failures.length, 1);
});

test('what is asked for a request that has expired is never executed', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const seen: string[] = [];
  const last = await system.spawn(actor({ handle: message => void seen.push(textOf(message)) }));
  let go = (): void => {};
  const codes: (string | undefined)[] = [];
  const script = await system.spawn(
    actor({
      async handle(_message, context) {
        await new Promise<void>(resolve => {
          go = resolve;
        });
        codes.push(await codeOf(context.ask(last, bytes('too late'), { timeout: '9h' })));
      },
    }),
    { limits: { handlerTime: Infinity } },
  );
  const asked = codeOf(script.ask(bytes('x'), { timeout: '1s' }));
  await system.clock.advance('2s');
  t.is(await asked, 'ERR_ASK_TIMEOUT');
  go();
  await system.runUntilIdle();
  t.deepEqual([codes, seen], [['ERR_ASK_TIMEOUT'], []]);
  const { refused } = await balanced(t, system);
  t.is(refused.byReason['expired'], 1);
});

test('a reply that comes after the deadline is dropped and counted', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  let go = (): void => {};
  const slow = actor({
    async handle(message) {
      await new Promise<void>(resolve => {
        go = resolve;
      });
      return message;
    },
  });
  const ref = await system.spawn(slow, { limits: { handlerTime: Infinity } });
  const asked = codeOf(ref.ask(bytes('x'), { timeout: '1s' }));
  await system.clock.advance('2s');
  t.is(await asked, 'ERR_ASK_TIMEOUT');
  const before = system.audit().lateReplies;
  go();
  await system.runUntilIdle();
  t.is(system.audit().lateReplies, before + 1);
  await balanced(t, system);
});

test('a signal releases the caller; what is queued is skipped, what runs goes on', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const seen: string[] = [];
  const last = await system.spawn(actor({ handle: message => void seen.push(textOf(message)) }));
  let go = (): void => {};
  const script = await system.spawn(
    actor({
      async handle(message, context) {
        await new Promise<void>(resolve => {
          go = resolve;
        });
        await context.ask(last, message);
      },
    }),
    { limits: { handlerTime: Infinity } },
  );
  const controller = new AbortController();
  const { signal } = controller;
  const asked = ['running', 'queued', 'queued too', 'and this'].map(text =>
    rejection(script.ask(bytes(text), { signal })),
  );
  await system.runUntilIdle();
  const reason = new Error('changed my mind');
  controller.abort(reason);
  t.deepEqual(await Promise.all(asked), Array(4).fill(reason));
  go();
  await system.runUntilIdle();
  t.deepEqual(seen, ['running']);
  const audit = await balanced(t, system);
  t.is(audit.aborted, 3);
});
