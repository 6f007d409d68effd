import test from 'ava';
import { ActorCrashedError, type ActorRef, ActorStoppedError, actor, json, StartError, text } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { balanced, nextEvent, rejection, systemFor, until } from './helpers/system.js';

const never = (): Promise<never> => new Promise(() => {});

test('a throw is a crash with its message and its stack; what waits behind it is handled by the next life', async t => {
  const system = await systemFor(t);
  const handled: string[] = [];
  const fragile = actor({
    codec: text(),
    start: (_: unknown, context) => ({ life: context.incarnation }),
    handle(message, { state }) {
      handled.push(`${message}@${state.life}`);
      if (message === 'boom') throw new RangeError('out of range');
      return message;
    },
  });
  const ref = await system.spawn(fragile);
  const crashed = nextEvent(system, 'actor:crashed');
  const asks = ['a', 'boom', 'b'].map(each => ref.ask(each));
  t.is(await asks[0], 'a');
  const error = (await rejection(asks[1]!)) as ActorCrashedError;
  t.true(error instanceof ActorCrashedError);
  t.deepEqual([error.reason?.tag, error.reason?.text], ['trap', 'RangeError: out of range']);
  t.is(await asks[2], 'b');
  const { backtrace } = await crashed;
  t.regex(backtrace[0]!, /handle.*local\.lives\.spec/);
  t.deepEqual(handled, ['a@1', 'boom@1', 'b@2'], 'nothing is handled twice');
  await balanced(t, system);
});

test('a rejection is a crash too, and anything can be thrown', async t => {
  const system = await systemFor(t);
  const hostile = {
    get name(): string {
      throw new Error('no name');
    },
  };
  Object.setPrototypeOf(hostile, Error.prototype);
  const thrown = [new Error('late'), 'a string', undefined, null, 42n, Object.create(null), hostile, Symbol('s')];
  const throwing = actor({
    async handle(message) {
      await new Promise(resolve => setImmediate(resolve));
      throw thrown[message[0]!];
    },
  });
  const ref = await system.spawn(throwing, { maxRestarts: Infinity, backoff: 'immediate' });
  for (let index = 0; index < thrown.length; index += 1) {
    const error = await rejection(ref.ask(Uint8Array.of(index)));
    t.true(error instanceof ActorCrashedError, `${index}: ${error.message}`);
  }
  t.is(ref.status().restarts, thrown.length);
  await balanced(t, system);
});

test('a reply that the codec cannot write is a crash of its message, a message that it cannot read is not', async t => {
  const system = await systemFor(t);
  const loose = actor({ codec: json<unknown, unknown>(), handle: message => (message === 1 ? () => {} : message) });
  const ref = await system.spawn(loose, { name: 'loose', backoff: 'immediate' });
  t.regex((await rejection(ref.ask(1))).message, /JSON has no form for a function/);
  const raw = system.find('loose');
  t.regex((await rejection(raw!.ask(bytes('{')))).message, /could not read the message/);
  t.is(await ref.ask('fine'), 'fine');
  t.is(ref.status().restarts, 1);
});

test('a start that throws fails the spawn and leaves nothing', async t => {
  const system = await systemFor(t);
  for (const start of [
    () => Promise.reject(new Error('no database')),
    () => {
      throw new Error('no database');
    },
  ]) {
    const failing = actor({ start, handle() {} });
    const error = (await rejection(system.spawn(failing, { name: 'db' }))) as StartError;
    t.true(error instanceof StartError);
    t.deepEqual([error.code, error.message], ['ERR_START_FAILED', 'Error: no database']);
  }
  t.is(system.find('db'), undefined);
  t.deepEqual(system.actors(), []);
});

test('a start that fails in a later life is tried again', async t => {
  const system = await systemFor(t);
  const lives: number[] = [];
  const flaky = actor({
    codec: text(),
    start(_: unknown, context) {
      lives.push(context.incarnation);
      if (context.incarnation === 2) throw new Error('not yet');
    },
    handle(message) {
      if (message === 'boom') throw new Error('boom');
      return message;
    },
  });
  const ref = await system.spawn(flaky, { backoff: { initial: 1 } });
  ref.tell('boom');
  t.is(await ref.ask('there?'), 'there?');
  t.deepEqual(lives, [1, 2, 3]);
});

test('a start that takes too long fails, and its late result is dropped', async t => {
  const system = await systemFor(t);
  let open = (): void => {};
  let signal: AbortSignal | undefined;
  const slow = actor({
    start(_: unknown, context) {
      signal = context.signal;
      return new Promise<void>(resolve => {
        open = resolve;
      });
    },
    handle() {},
  });
  const error = (await rejection(system.spawn(slow, { startupTimeout: '30ms' }))) as StartError;
  t.is(error.code, 'ERR_START_TIMEOUT');
  await until(() => signal!.aborted);
  open();
  t.deepEqual(system.actors(), []);
});

test('a handler that waits too long is a crash with reason deadline, and its signal says so', async t => {
  const system = await systemFor(t);
  const signals: AbortSignal[] = [];
  const hanging = actor({
    codec: text(),
    async handle(message, { signal }) {
      signals.push(signal);
      if (message === 'hang') await never();
      return message;
    },
  });
  const ref = await system.spawn(hanging, { limits: { handlerTime: '30ms' } });
  const error = (await rejection(ref.ask('hang'))) as ActorCrashedError;
  t.is(error.reason?.tag, 'deadline');
  t.is(await ref.ask('next'), 'next');
  t.true(signals[0]!.aborted);
  t.is((signals[0]!.reason as ActorStoppedError).code, 'ERR_ACTOR_STOPPED');
  t.false(signals[1]!.aborted);
});

test('kill ends a handler that waits at once; what it does afterwards has no effect', async t => {
  const system = await systemFor(t);
  const other = await system.spawn(actor({ handle: message => message }));
  let finish = (): void => {};
  const late: unknown[] = [];
  const zombie = actor({
    async handle(_, context) {
      await new Promise<void>(resolve => {
        finish = resolve;
      });
      late.push(context.signal.aborted);
      t.throws(() => context.tell(other, bytes('x')), { code: 'ERR_ACTOR_STOPPED' });
      late.push((await rejection(context.ask(other, bytes('x')))).message);
      return bytes('too late');
    },
  });
  const ref = await system.spawn(zombie, { name: 'zombie' });
  const ask = rejection(ref.ask(bytes('x')));
  await until(() => ref.status().inHand === 1);
  await new Promise(resolve => setImmediate(resolve));
  t.true(ref.kill());
  t.true((await ask) instanceof ActorStoppedError);
  t.is((await ref.stopped).tag, 'killed');
  finish();
  await until(() => late.length === 2);
  t.deepEqual(late, [true, '/user/zombie: life 1 is over']);
  t.is(other.status().counters.accepted, 0);
  await balanced(t, system);
});

test('requests of a life end with it', async t => {
  const system = await systemFor(t);
  const silent = await system.spawn(actor({ handle: never }));
  let outcome: Promise<Error> | undefined;
  const asking = actor({
    handle(_, context) {
      outcome = rejection(context.ask(silent, bytes('?'), { timeout: Infinity }));
      return outcome.then(() => undefined);
    },
  });
  const ref = await system.spawn(asking);
  ref.tell(bytes('go'));
  await until(() => outcome !== undefined);
  ref.kill();
  t.is(((await outcome!) as ActorStoppedError).code, 'ERR_ACTOR_STOPPED');
  silent.kill();
});

test('stop waits for the current handler, then runs stop with the state', async t => {
  const system = await systemFor(t);
  const order: string[] = [];
  let open = (): void => {};
  const closing = actor({
    codec: text(),
    start: () => ({ handle: 7 }),
    async handle(message) {
      await new Promise<void>(resolve => {
        open = resolve;
      });
      order.push(message);
      return message;
    },
    async stop(context) {
      await new Promise(resolve => setImmediate(resolve));
      order.push(`closed ${context.state.handle}`);
    },
  });
  const ref = await system.spawn(closing);
  const [first, second] = [ref.ask('first'), rejection(ref.ask('second'))];
  await until(() => ref.status().inHand === 1 && ref.status().queued === 1);
  const stopped = ref.stop();
  open();
  t.is(await first, 'first');
  t.is((await second).message, `ask to ${ref.path}: the actor has stopped`);
  t.is((await stopped).tag, 'normal');
  t.deepEqual(order, ['first', 'closed 7']);
});

test('drain works off what was accepted', async t => {
  const system = await systemFor(t);
  const seen: number[] = [];
  const waiting = actor({
    codec: json<number, undefined>(),
    async handle(message) {
      await new Promise(resolve => setImmediate(resolve));
      seen.push(message);
    },
  });
  const ref = await system.spawn(waiting);
  for (let message = 0; message < 20; message += 1) ref.tell(message);
  await ref.stop({ drain: true });
  t.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('a stop that hangs, or a handler that does, is killed when its grace is over', async t => {
  const system = await systemFor(t);
  const stubborn = await system.spawn(actor({ handle() {}, stop: never }));
  t.is((await stubborn.stop({ grace: '20ms' })).tag, 'killed');
  const hanging = await system.spawn(actor({ handle: never }));
  hanging.tell(bytes('x'));
  await until(() => hanging.status().inHand === 1);
  t.is((await hanging.stop({ grace: '20ms' })).tag, 'killed');
  t.deepEqual(system.actors(), []);
});

test('a stop that throws is told and ends the actor all the same', async t => {
  const system = await systemFor(t);
  const told = nextEvent(system, 'log');
  const ref = await system.spawn(actor({ handle() {}, stop: () => Promise.reject(new Error('still open')) }));
  t.is((await ref.stop()).tag, 'normal');
  t.is((await told).text, 'stop failed: still open');
});

test('restart types and budgets hold', async t => {
  const system = await systemFor(t);
  const failing = actor({
    handle() {
      throw new Error('boom');
    },
  });
  const temporary = await system.spawn(failing, { restart: 'temporary' });
  temporary.tell(bytes('x'));
  t.is((await temporary.stopped).text, 'Error: boom');
  const limited = await system.spawn(failing, { maxRestarts: 2, backoff: 'immediate' });
  for (let count = 0; count < 3; count += 1) await rejection(limited.ask(bytes('x')));
  await limited.stopped;
  t.is(limited.status().state, 'failed');
});

test('a lazy one starts with its first message', async t => {
  const system = await systemFor(t);
  const started: unknown[] = [];
  const lazy = actor({ start: (config: string) => started.push(config), handle: message => message });
  const ref = await system.spawn(lazy, { start: 'on-first-message', config: 'given' });
  t.deepEqual([started, ref.status().state], [[], 'creating']);
  await ref.ask(bytes('x'));
  t.deepEqual(started, ['given']);
});

test('a shutdown stops them in order, and kills what hangs at the deadline', async t => {
  const system = await systemFor(t);
  const order: string[] = [];
  const polite = actor({
    codec: text(),
    handle(message) {
      order.push(message);
    },
    stop: () => order.push('stop'),
  });
  const ref: ActorRef<string, unknown> = await system.spawn(polite);
  let signal: AbortSignal | undefined;
  const hanging = await system.spawn(
    actor({
      handle(_, context) {
        signal = context.signal;
        return never();
      },
    }),
  );
  hanging.tell(bytes('x'));
  await until(() => signal !== undefined);
  ref.tell('last');
  await system.shutdown({ deadline: '100ms' });
  t.deepEqual(order, ['last', 'stop']);
  t.true(signal!.aborted);
});
