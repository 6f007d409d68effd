import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import test from 'ava';
import { type ActorRef, actor, type DeadLetter, text } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, guest, memoryLogger, systemFor, TRIGGER, until } from './helpers/system.js';

const textsOf = (lines: readonly [level: string, message: string][]) => lines.map(([, message]) => message);

const echo = actor({ codec: text(), handle: (message: string) => message });

test('a dead letter has what was sent, by whom, to whom, why and when', async t => {
  const system = await systemFor(t);
  const gone = await system.spawn(await system.load(guest('echo')), { name: 'gone' });
  await gone.stop();
  const sender = await system.spawn(
    actor({ handle: (_: Uint8Array, { tell }) => tell(gone, bytes('from an actor')) }),
    { name: 'sender' },
  );
  const heard: DeadLetter[] = [];
  system.on('deadletter', letter => heard.push(letter));
  gone.tell(bytes('from outside'));
  await until(() => heard.length === 1);
  await sender.send(bytes('go'));
  await until(() => heard.length === 2);
  t.like(heard[0], { sender: 'javascript:0', target: '/user/gone', reason: 'stopped', size: 12, payload: undefined });
  t.like(heard[1], { sender: '/user/sender', target: '/user/gone', reason: 'stopped', size: 13 });
  t.deepEqual(system.deadLetters(), heard);
  await balanced(t, system);
});

test('a list of dead letters is what all of its filters let through', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('trap-on-ff'));
  const gone = await system.spawn(component, { name: 'gone' });
  await gone.stop();
  const crashes = await system.spawn(component, { name: 'crashes' });
  gone.tell(bytes('x'));
  // On two shards: the order is that of the records.
  await until(() => system.deadLetters().length === 1);
  crashes.tell(TRIGGER);
  await until(() => system.deadLetters().length === 2);
  const reasons = (filter: Parameters<typeof system.deadLetters>[0]) =>
    system.deadLetters(filter).map(({ reason }) => reason);
  t.deepEqual(reasons({ reason: 'poison' }), ['poison']);
  t.deepEqual(reasons({ reason: ['poison', 'stopped'] }), ['stopped', 'poison']);
  t.deepEqual(reasons({ target: crashes }), ['poison']);
  t.deepEqual(reasons({ target: '/user/gone', reason: 'poison' }), []);
  t.deepEqual(reasons({ sender: 'javascript:0', after: 1 }), ['poison']);
  t.throws(() => reasons({ reason: 'lost' as never }), { code: 'ERR_CONFIG', message: /^filter\.reason: expected/ });
  t.throws(() => reasons({ form: 'x' } as never), { code: 'ERR_CONFIG', message: /^filter\.form: unknown/ });
  t.deepEqual(system.audit().deadLetters, { total: 2, byReason: { stopped: 1, poison: 1 } });
});

test('a captured message is sent again, to whom it was for or to somebody else', async t => {
  const system = await systemFor(t, { captureDeadLetters: true });
  const seen: string[] = [];
  let accepts = false;
  const picky = await system.spawn(
    actor({
      codec: text(),
      handle: (message: string) => {
        if (!accepts) throw new Error('not now');
        seen.push(message);
      },
    }),
    { name: 'picky', backoff: 'immediate' },
  );
  const letters: DeadLetter[] = [];
  system.on('deadletter', letter => letters.push(letter));
  picky.tell('important');
  await until(() => letters.length === 1);
  t.is(textOf(letters[0]!.payload!), 'important');
  accepts = true;
  await system.resend(letters[0]!);
  await until(() => seen.length === 1);
  const other = await system.spawn(
    actor({ codec: text(), handle: (message: string) => void seen.push(`other ${message}`) }),
  );
  await system.resend(letters[0]!.id, { to: other });
  await until(() => seen.length === 2);
  t.deepEqual(seen, ['important', 'other important']);
});

test('what cannot be sent again says why', async t => {
  const plain = await systemFor(t);
  const gone = await plain.spawn(echo);
  await gone.stop();
  gone.tell('x');
  await until(() => plain.deadLetters().length === 1);
  await t.throwsAsync(plain.resend(1), { code: 'ERR_VALUE', message: /^letter: .*captureDeadLetters/ });
  await t.throwsAsync(plain.resend({} as never), { code: 'ERR_CONFIG', message: /^letter: expected a dead letter/ });
  const system = await systemFor(t, { captureDeadLetters: { bytes: 10 } });
  const ended = await system.spawn(echo);
  await ended.stop();
  for (const message of ['first', 'second', 'much too long']) ended.tell(message);
  await until(() => system.deadLetters().length === 3);
  t.deepEqual(
    system.deadLetters().map(({ payload }) => payload && textOf(payload)),
    [undefined, 'second', undefined],
  );
  await t.throwsAsync(system.resend(1), { code: 'ERR_VALUE', message: /newer ones took its place/ });
  await t.throwsAsync(system.resend(2), { code: 'ERR_ACTOR_STOPPED' });
});

// Alone, because channels are heard from every system.
test.serial('what a listener of dead letters sends is not told to it when it is lost', async t => {
  const { logger, lines } = memoryLogger();
  const system = await systemFor(t, { logger });
  const gone = await system.spawn(echo, { name: 'gone' });
  await gone.stop();
  let heard = 0;
  const failures: unknown[] = [];
  const complain = async () => {
    heard += 1;
    gone.tell('at once');
    await gone.send('later').catch(error => failures.push(error));
    gone.tell('later still');
    await gone.ask('and asked').catch(error => failures.push(error));
  };
  system.on('deadletter', complain);
  const published = (): void => {
    heard += 1;
    gone.tell('from a channel');
  };
  subscribe('wasm-troupe:deadletter', published);
  t.teardown(() => unsubscribe('wasm-troupe:deadletter', published));
  gone.tell('x');
  await until(() => failures.length === 2);
  await until(() => system.deadLetters().length === 6);
  await balanced(t, system);
  t.is(heard, 2);
  t.is(system.audit().deadLetters.total, 6);
  t.deepEqual(
    textsOf(lines).filter(line => line.startsWith('dead letter')),
    ['dead letter to /user/gone from javascript:0: stopped'],
  );
});

test.serial('nor is what it publishes, to whomever it cannot be given', async t => {
  const system = await systemFor(t);
  const full = actor({ codec: text(), handle: () => new Promise<never>(() => {}) });
  const ref = await system.spawn(full, { subscribe: ['news'], overflow: 'reject', limits: { mailbox: 1 } });
  for (const message of ['in hand', 'waits']) await ref.send(message);
  let heard = 0;
  const published: Promise<number>[] = [];
  const off = system.on('deadletter', () => {
    heard += 1;
    system.publish('news', 'lost', { codec: text() });
    published.push(system.publish('news', 'lost', { codec: text(), confirm: true }));
  });
  system.publish('news', 'lost', { codec: text() });
  await until(() => published.length > 0);
  t.is(await published[0], 0);
  await until(() => system.audit().deadLetters.total >= 3);
  t.deepEqual([heard, system.audit().deadLetters.total], [1, 3]);
  // What the end of the system loses is no matter.
  off();
});

test('a listener that throws at every dead letter makes none', async t => {
  const system = await systemFor(t);
  const gone = await system.spawn(echo);
  await gone.stop();
  const failures: string[] = [];
  system.on('hook-failed', ({ hook }) => failures.push(hook));
  system.on('deadletter', () => {
    throw new Error('no');
  });
  gone.tell('x');
  await until(() => failures.length === 1);
  t.deepEqual(failures, ['deadletter']);
  t.is(system.audit().deadLetters.total, 1);
});

test('a log has ten lines, and a summary when the minute is over by the clock of the system', async t => {
  const { logger, lines } = memoryLogger();
  const system = await createTestSystem({ test: t, logger });
  const gone: ActorRef<string, string> = await system.spawn(echo, { name: 'gone' });
  await gone.stop();
  for (let count = 0; count < 1000; count += 1) gone.tell('x');
  await system.runUntilIdle();
  t.is(lines.length, 10);
  await system.clock.advance('59s');
  t.is(lines.length, 10);
  await system.clock.advance('2s');
  t.deepEqual(textsOf(lines.slice(10)), ['990 more dead letters: 990 stopped']);
});

test('the first message that an actor drops has its line, whatever else was lost', async t => {
  const { logger, lines } = memoryLogger();
  const system = await createTestSystem({ test: t, logger });
  const gone = await system.spawn(echo, { name: 'gone' });
  await gone.stop();
  for (let count = 0; count < 20; count += 1) gone.tell('x');
  const full = await system.spawn(echo, { name: 'full', overflow: 'reject', limits: { mailbox: 2 } });
  await system.together(() => {
    for (let count = 0; count < 10; count += 1) full.tell('x');
  });
  t.deepEqual(textsOf(lines.slice(10)), ['dead letter to /user/full from javascript:0: mailbox-full']);
  t.like(full.status().counters, { refused: 8, losses: { 'mailbox-full': 8 } });
});
