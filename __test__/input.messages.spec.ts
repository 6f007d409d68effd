import test from 'ava';
import { ActorStoppedError, type ActorSystem, MailboxFullError, type SpawnOptions, ValueError } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { answers, balanced, guest, systemFor, TRIGGER, until } from './helpers/system.js';

/** An actor whose handler never returns, so that its mailbox fills. */
async function busyActor(system: ActorSystem, options: SpawnOptions = {}) {
  const limits = { handlerTime: Infinity, mailbox: 3, ...options.limits };
  const ref = await system.spawn(await system.load(guest('spin')), { inline: false, ...options, limits });
  ref.tell(TRIGGER);
  await until(() => ref.status().inHand === 1);
  return ref;
}

test('a message over the limit is refused, told, sent, or asked', async t => {
  const system = await systemFor(t, { limits: { messageBytes: '1KiB' } });
  const ref = await system.spawn(await system.load(guest('echo')));
  for (const length of [1025, 20_000, 70_000, 2_000_000]) {
    const payload = new Uint8Array(length);
    await t.throwsAsync(ref.ask(payload), { code: 'ERR_MESSAGE_TOO_LARGE' }, `ask ${length}`);
    await t.throwsAsync(ref.send(payload), { code: 'ERR_MESSAGE_TOO_LARGE' }, `send ${length}`);
    t.notThrows(() => ref.tell(payload));
  }
  t.is((await ref.ask(new Uint8Array(1024))).length, 1024);
  const audit = await balanced(t, system);
  t.is(audit.refused.byReason['too-large'], 12);
  t.is(audit.handled, 1);
});

test('large messages and replies within the limit arrive whole', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo-large')));
  const payload = new Uint8Array(1024 ** 2).map((_, index) => index % 251);
  const sizes = [0, 1, 7, 65_536, 65_537, 200_000, 1024 ** 2];
  const replies = await Promise.all(sizes.map(size => ref.ask(payload.subarray(0, size))));
  t.deepEqual(
    replies.map(reply => reply.length),
    sizes,
  );
  t.true(replies.every((reply, index) => Buffer.compare(reply, payload.subarray(0, sizes[index])) === 0));
  for (const size of sizes) t.is((await ref.ask(payload.subarray(0, size))).length, size);
});

test('a reply larger than any buffer arrives whole', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('big-reply')));
  for (let round = 0; round < 3; round += 1) {
    const reply = await ref.ask(bytes('?'));
    t.is(reply.length, 200 * 1024);
    t.true(reply.every((byte, index) => byte === index % 251));
    t.false(reply.buffer instanceof SharedArrayBuffer);
  }
});

test('a message to a stopped actor is refused, and a told one is a dead letter', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { name: 'gone' });
  await ref.stop();
  const error = await t.throwsAsync(ref.ask(bytes('x')), { instanceOf: ActorStoppedError });
  t.regex(error?.message ?? '', /\/user\/gone/);
  await t.throwsAsync(ref.send(bytes('x')), { instanceOf: ActorStoppedError });
  ref.tell(bytes('abc'));
  await until(() => system.audit().offered === 3);
  const audit = await balanced(t, system);
  t.is(audit.refused.byReason['stopped'], 3);
  const letter = system.deadLetters().at(-1);
  t.is(letter?.size, 3);
  t.is(letter?.reason, 'stopped');
});

test('a full mailbox with the policy reject refuses at once', async t => {
  const system = await systemFor(t);
  const ref = await busyActor(system, { overflow: 'reject' });
  for (let count = 0; count < 3; count += 1) await ref.send(bytes('fits'));
  await t.throwsAsync(ref.send(bytes('x')), { instanceOf: MailboxFullError });
  await t.throwsAsync(ref.ask(bytes('x')), { instanceOf: MailboxFullError });
  ref.tell(bytes('x'));
  await until(() => system.audit().refused.total === 3);
  t.is(ref.status().queued, 3);
  t.is(system.audit().refused.byReason['mailbox-full'], 3);
  ref.kill();
  await ref.stopped;
  await balanced(t, system);
});

test('a told message never waits for a full mailbox: it is a dead letter', async t => {
  const system = await systemFor(t);
  const ref = await busyActor(system);
  for (let count = 0; count < 5; count += 1) ref.tell(bytes('x'));
  await until(() => system.audit().refused.total === 2);
  t.deepEqual(
    system.deadLetters().map(({ reason }) => reason),
    ['mailbox-full', 'mailbox-full'],
  );
  ref.kill();
  await ref.stopped;
  const audit = await balanced(t, system);
  // Three were queued, and one was in hand.
  t.is(audit.discarded.total + audit.failedInHandler, 4);
});

test('a sent message waits for room until its own time is over', async t => {
  const system = await systemFor(t);
  const ref = await busyActor(system);
  for (let count = 0; count < 3; count += 1) await ref.send(bytes('fits'));
  await t.throwsAsync(ref.send(bytes('x'), { timeout: '20ms' }), { instanceOf: MailboxFullError });
  ref.kill();
  await ref.stopped;
  await balanced(t, system);
});

test('sent messages that wait for room are refused when the actor is killed', async t => {
  const system = await systemFor(t);
  const ref = await busyActor(system);
  for (let count = 0; count < 3; count += 1) await ref.send(bytes('fits'));
  const waiting = t.throwsAsync(ref.send(bytes('x'), { timeout: Infinity }), { instanceOf: ActorStoppedError });
  ref.kill();
  await waiting;
  await balanced(t, system);
});

for (const overflow of ['drop-newest', 'drop-oldest'] as const) {
  test(`a full mailbox with the policy ${overflow} loses one message for each that is too many`, async t => {
    const system = await systemFor(t);
    const ref = await busyActor(system, { overflow });
    for (let count = 0; count < 10; count += 1) ref.tell(bytes('x'));
    await until(() => system.audit().offered === 11);
    t.is(ref.status().queued, 3);
    t.is(system.deadLetters().length, 7);
    ref.kill();
    await ref.stopped;
    const audit = await balanced(t, system);
    t.is(audit.handled, 0);
    t.is(audit.refused.total + audit.discarded.total + audit.failedInHandler, 11);
  });
}

test('a mailbox that is bounded in bytes is full by bytes', async t => {
  const system = await systemFor(t);
  const ref = await busyActor(system, { overflow: 'reject', limits: { mailbox: 0, mailboxBytes: '8KiB' } });
  const payload = new Uint8Array(3000);
  await ref.send(payload);
  await ref.send(payload);
  await t.throwsAsync(ref.send(payload), { instanceOf: MailboxFullError });
  ref.kill();
  await ref.stopped;
  await balanced(t, system);
});

test('sending holds a fast sender back, and nothing is lost', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('slow')), { limits: { mailbox: 4 } });
  await Promise.all(Array.from({ length: 200 }, () => ref.send(Uint8Array.of(50, 0, 0, 0))));
  const audit = await balanced(t, system);
  t.is(audit.handled, 200);
  t.is(audit.refused.total, 0);
});

test('a value of the wrong type is a mistake in the program', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { name: 'typed' });
  const wrong: [unknown, RegExp][] = [
    ['text', /\/user\/typed must be a Uint8Array, received a string/],
    [undefined, /received undefined/],
    [{ a: 1 }, /received a Object/],
    [new ArrayBuffer(4), /received a ArrayBuffer/],
  ];
  for (const [value, message] of wrong) {
    t.throws(() => ref.tell(value as Uint8Array), { instanceOf: ValueError, code: 'ERR_VALUE', message });
    await t.throwsAsync(ref.ask(value as Uint8Array), { instanceOf: ValueError, message });
    await t.throwsAsync(ref.send(value as Uint8Array), { instanceOf: ValueError, message });
  }
  t.is(system.audit().offered, 0);
  t.true(await answers(ref));
});
