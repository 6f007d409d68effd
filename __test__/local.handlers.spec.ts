import test from 'ava';
import { type ActorContext, type ActorRef, actor, GuestFailureError, json, text, ValueError } from '../src/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, nextEvent, rejection, systemFor, until } from './helpers/system.js';

const echo = actor({ handle: message => message });

test('an actor in JavaScript answers like any other', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(echo, { name: 'echo' });
  t.is(textOf(await ref.ask(bytes('hello'))), 'hello');
  t.is(ref.path, '/user/echo');
  const { state, counters, incarnation } = ref.status();
  t.deepEqual([state, counters.handled, incarnation], ['ready', 1, 1]);
  t.is(system.find('echo')?.id, ref.id);
  await balanced(t, system);
});

test('messages are handled in order, one at a time, whether handlers wait or not', async t => {
  const system = await systemFor(t);
  const seen: string[] = [];
  let inHand = 0;
  const mixed = actor({
    codec: json<number, number>(),
    async handle(message) {
      inHand += 1;
      t.is(inHand, 1);
      if (message % 3 === 0) await new Promise(resolve => setTimeout(resolve, 1));
      if (message % 3 === 1) await new Promise(resolve => setImmediate(resolve));
      seen.push(String(message));
      inHand -= 1;
      return message;
    },
  });
  const ref = await system.spawn(mixed);
  const numbers = Array.from({ length: 60 }, (_, index) => index);
  t.deepEqual(await Promise.all(numbers.map(each => ref.ask(each))), numbers);
  t.deepEqual(seen, numbers.map(String));
  const { counters } = ref.status();
  t.is(counters.handled, 60);
  await balanced(t, system);
});

test('start gives the state, which is handed to every handler and may be replaced', async t => {
  const system = await systemFor(t);
  const counter = actor({
    codec: json<number, number>(),
    start: async (config: { from: number; note: () => void }) => {
      config.note();
      return { total: config.from };
    },
    handle(step, context) {
      context.state = { total: context.state.total + step };
      return context.state.total;
    },
  });
  let notes = 0;
  const note = (): void => {
    notes += 1;
  };
  const first = await system.spawn(counter, { config: { from: 10, note } });
  const second = await system.spawn(counter, { config: { from: 20, note } });
  t.deepEqual([await first.ask(1), await first.ask(2), await second.ask(5)], [11, 13, 25]);
  t.is(notes, 2);
});

test('a handler that returns nothing replies with nothing', async t => {
  const system = await systemFor(t);
  const plain = await system.spawn(actor({ handle() {} }));
  t.deepEqual(await plain.ask(bytes('?')), new Uint8Array());
  const codec = json<string, undefined>();
  const values = await system.spawn(actor({ codec, handle() {} }));
  t.is(await values.ask('?'), undefined);
});

test('bytes of a message belong to the handler, those of a reply to the caller', async t => {
  const system = await systemFor(t);
  const kept: Uint8Array[] = [];
  const keeper = actor({
    handle(message) {
      kept.push(message);
      message[0] = 0;
      return message;
    },
  });
  const ref = await system.spawn(keeper);
  const replies = await Promise.all(['abc', 'def'].map(each => ref.ask(bytes(each))));
  replies[0]![1] = 0;
  t.deepEqual(kept.map(textOf), ['\0bc', '\0ef']);
  t.is(kept[0]?.buffer.byteLength, 3);
});

test('large messages and replies cross', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(echo);
  for (const size of [30_000, 70_000, 1024 * 1024]) {
    const message = new Uint8Array(size).fill(7);
    t.is(Buffer.compare(await ref.ask(message), message), 0);
  }
});

test('fail is a reply that says no, and no crash', async t => {
  const system = await systemFor(t);
  const codec = json<number, number>();
  const picky = actor({
    codec,
    handle: (message, context) => (message < 0 ? context.fail({ why: 'negative' }) : message),
  });
  const ref = await system.spawn(picky);
  const error = await rejection(ref.ask(-1));
  t.true(error instanceof GuestFailureError);
  t.deepEqual(codec.decode((error as GuestFailureError).payload) as unknown, { why: 'negative' });
  t.is(await ref.ask(1), 1);
  t.is(ref.status().restarts, 0);
});

test('an actor stops itself after the message in hand', async t => {
  const system = await systemFor(t);
  const order: string[] = [];
  const once = actor({
    codec: text(),
    start: () => 'state',
    handle(message, context) {
      order.push(message);
      context.stop();
      return message;
    },
    stop: context => order.push(`stop with ${context.state}`),
  });
  const ref = await system.spawn(once);
  const asks = ['a', 'b'].map(each => ref.ask(each));
  t.is(await asks[0], 'a');
  t.is((await rejection(asks[1]!)).message, `ask to ${ref.path}: the actor has stopped`);
  t.is((await ref.stopped).tag, 'normal');
  t.deepEqual(order, ['a', 'stop with state']);
});

test('the context says who is who', async t => {
  const system = await systemFor(t);
  const seen: unknown[] = [];
  const second = actor({
    codec: text(),
    handle(_, context) {
      seen.push(context.sender?.path, context.self.path, context.incarnation, Object.keys(context.peers));
    },
  });
  const target = await system.spawn(second, { name: 'target', peers: { other: await system.spawn(echo) } });
  const first = actor({
    handle(_, context) {
      context.tell(target, 'hello');
      return bytes(String(context.self.id));
    },
  });
  const ref = await system.spawn(first, { name: 'first' });
  t.is(textOf(await ref.ask(bytes('go'))), String(ref.id));
  await target.ask('from outside');
  t.deepEqual(seen, ['/user/first', '/user/target', 1, ['other'], undefined, '/user/target', 1, ['other']]);
});

test('the sender of a message can be answered', async t => {
  const system = await systemFor(t);
  const answering = actor({
    handle: (message, { sender }) => {
      sender?.tell(bytes(`re: ${textOf(message)}`));
    },
  });
  const target = await system.spawn(answering);
  const heard: string[] = [];
  const asking = actor({
    handle(message, context) {
      const said = textOf(message);
      if (said === 'go') context.tell(target, bytes('question'));
      else if (said !== 'still there?') heard.push(said);
    },
  });
  const ref = await system.spawn(asking);
  ref.tell(bytes('go'));
  while (heard.length === 0) await ref.ask(bytes('still there?'));
  t.deepEqual(heard, ['re: question']);
});

test('an actor asks another one, and a message told before arrives before', async t => {
  const system = await systemFor(t);
  const log: string[] = [];
  const store = await system.spawn(
    actor({
      codec: text(),
      handle(message) {
        log.push(message);
        return String(log.length);
      },
    }),
  );
  const asking = actor({
    codec: text(),
    async handle(message, context: ActorContext<undefined, string>) {
      context.tell(store, `${message} 1`);
      const count = await context.ask(store, `${message} 2`);
      return `${message} ${count}`;
    },
  });
  const ref: ActorRef<string, string> = await system.spawn(asking);
  t.is(await ref.ask('x'), 'x 2');
  t.deepEqual(log, ['x 1', 'x 2']);
  await balanced(t, system);
});

test('what an actor logs is an event at once', async t => {
  const system = await systemFor(t);
  const talking = actor({
    async handle(_, { log }) {
      log.warn('look here');
      await new Promise(() => {});
    },
  });
  const ref = await system.spawn(talking, { name: 'talking' });
  const told = nextEvent(system, 'log');
  ref.tell(bytes('x'));
  const { level, text: line, path, incarnation } = await told;
  t.deepEqual([level, line, path, incarnation], ['warn', 'look here', '/user/talking', 1]);
  ref.kill();
});

test('an actor that is no actor is refused', async t => {
  const system = await systemFor(t);
  const wrong = [
    {},
    { handle: 1 },
    { handle() {}, start: 'now' },
    { handle() {}, begin() {} },
    { handle() {}, codec: {} },
  ];
  for (const definition of wrong) {
    const error = t.throws(() => actor(definition as never), { code: 'ERR_CONFIG' });
    t.regex(error.message, /^definition/);
  }
  await t.throwsAsync(system.spawn({ handle() {} } as never), { code: 'ERR_CONFIG', message: /actor\(\)/ });
  t.throws(() => actor(undefined as never), { code: 'ERR_CONFIG' });
});

test('a message of the wrong type is refused where it is sent', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(echo);
  t.throws(() => ref.tell('text' as never), { instanceOf: ValueError });
  const sending = actor({ handle: (_, context) => context.tell(ref, 'text' as never) });
  const error = await rejection((await system.spawn(sending)).ask(bytes('x')));
  t.regex(error.message, /must be a Uint8Array/);
});

test('whatever the context has may be taken out of it', async t => {
  const system = await systemFor(t);
  const sink = await system.spawn(actor({ codec: text(), handle: message => `${message}!` }));
  const taker = actor({
    codec: json<string, unknown>(),
    start: () => ({ seen: 0 }),
    async handle(message, { state, sender, self, signal, log, incarnation, peers, tell, ask, fail, stop }) {
      state.seen += 1;
      log.debug(message);
      if (message === 'fail') return fail('no');
      if (message === 'stop') return stop();
      tell(sink, message);
      const answer = await ask(sink, message);
      return [answer, state.seen, sender === undefined, self.path, signal.aborted, incarnation, peers];
    },
  });
  const ref = await system.spawn(taker);
  t.deepEqual(await ref.ask('a'), ['a!', 1, true, ref.path, false, 1, {}]);
  t.true((await rejection(ref.ask('fail'))) instanceof GuestFailureError);
  ref.tell('stop');
  t.is((await ref.stopped).tag, 'normal');
});

test('a message that an actor cannot read is a dead letter, and the actor goes on', async t => {
  const system = await systemFor(t);
  const seen: unknown[] = [];
  const picky = actor({ codec: json<unknown, unknown>(), handle: message => void seen.push(message) });
  const ref = await system.spawn(picky, { subscribe: ['t'], maxRestarts: 0 });
  const raw = system.find(ref.path)!;
  const logged: string[] = [];
  system.on('log', ({ level, text: line }) => logged.push(`${level} ${line}`));
  const [asked] = await Promise.all([
    rejection(raw.ask(bytes('{'))),
    raw.send(bytes('[')),
    raw.send(bytes('1')),
    ...Array.from({ length: 20 }, () => raw.send(bytes('{'))),
    raw.send(bytes('2')),
  ]);
  system.publish('t', bytes('}'));
  await raw.ask(bytes('3'));
  t.deepEqual(seen, [1, 2, 3]);
  t.true(asked instanceof ValueError, String(asked));
  t.is((asked as Error).message, `ask to ${ref.path}: the actor could not read the message`);
  const { counters, restarts } = ref.status();
  t.deepEqual([counters.handled, counters.losses['unreadable'], restarts], [3, 23, 0]);
  t.deepEqual(
    system.deadLetters({ reason: 'unreadable' }).map(({ size }) => size),
    Array.from({ length: 23 }, () => 1),
  );
  await until(() => logged.length > 0);
  t.is(logged.length, 1, 'one line for each life');
  t.regex(logged[0]!, /^warn a message of 1 bytes cannot be read: /);
  await balanced(t, system);
});

test('what an actor cannot read of its own timer is its own crash', async t => {
  const system = await systemFor(t);
  const codec = { encode: (text: string) => bytes(text), decode: json<never, unknown>().decode };
  const own = actor({ codec, handle: (_, { after }) => void after('1ms', '{') });
  const ref = await system.spawn(own, { maxRestarts: 0 });
  const failed = nextEvent(system, 'actor:failed');
  system.find(ref.path)?.tell(bytes('0'));
  t.is((await failed).path, ref.path);
});
