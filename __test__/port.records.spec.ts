import { setImmediate as loopTurn } from 'node:timers/promises';
import test from 'ava';
import { createError, errorFromNative } from '../src/errors.js';
import { ASK, Port, type Target, TELL } from '../src/port.js';
import { bytes, textOf } from './helpers/bytes.js';
import { FakeNative } from './helpers/fake-native.js';

/** One actor of each port: what is under way to it is counted there. */
const targets = new WeakMap<Port, Target>();

function targetOf(port: Port): Target {
  const known = targets.get(port) ?? newTarget();
  targets.set(port, known);
  return known;
}

const newTarget = (): Target => ({
  open: 0,
  index: 3,
  tagLo: 4,
  tagHi: 5,
  reply: (buffer, start, end) => buffer.slice(start, end),
  failure: (number, failure) => errorFromNative(number, failure, { message: 'failed' }),
  settle(slot, status, buffer, start, end) {
    if (status === 0) slot.resolve(buffer.slice(start, end));
    else slot.reject(this.failure(status, {}, slot.kind, slot.timeoutMs));
  },
});

function portOn(native: FakeNative, inline = false): Port {
  const onFault = (error: unknown) => {
    throw error;
  };
  const ignore = () => {};
  return new Port({
    native,
    keepAlive: 'never',
    inline,
    onEvent: ignore,
    onWork: ignore,
    onTopic: ignore,
    onFault,
  });
}

const echo = () => new FakeNative((record, native) => native.complete(record.slot, 0, record.payload));
const ask = (port: Port, payload: Uint8Array, signal?: AbortSignal) =>
  port.ask(targetOf(port), payload, 1000, signal) as Promise<Uint8Array>;

test('all messages of a turn cross together, in order', async t => {
  const native = new FakeNative();
  const port = portOn(native);
  for (const word of ['a', 'bb', '', 'dddddddddd']) port.submit(targetOf(port), TELL, bytes(word), 0, 0);
  t.is(native.flushes.length, 0);
  await null;
  t.is(native.flushes.length, 1);
  t.deepEqual(
    native.records.map(({ payload }) => textOf(payload)),
    ['a', 'bb', '', 'dddddddddd'],
  );
  t.deepEqual(
    native.records.map(({ index, kind, slot }) => [index, kind, slot]),
    Array(4).fill([3, TELL, 0]),
  );
});

test('the buffer is handed over early when it is full of records, or of bytes', t => {
  const native = new FakeNative();
  const port = portOn(native);
  for (let count = 0; count < 1024; count += 1) port.submit(targetOf(port), TELL, bytes('x'), 0, 0);
  t.is(native.flushes.length, 1);
  for (let count = 0; count < 4; count += 1) port.submit(targetOf(port), TELL, new Uint8Array(16_384), 0, 0);
  t.is(native.flushes.length, 2);
});

test('a message may be changed after it was sent', async t => {
  const native = new FakeNative();
  const message = bytes('before');
  portOn(native).submit(newTarget(), TELL, message, 0, 0);
  message.fill(0);
  await null;
  t.is(textOf(native.records[0]?.payload ?? new Uint8Array()), 'before');
});

test('a large payload crosses by itself, behind what was sent before it', async t => {
  const native = new FakeNative();
  const port = portOn(native);
  port.submit(targetOf(port), TELL, bytes('small'), 0, 0);
  port.submit(targetOf(port), TELL, new Uint8Array(64 * 1024 + 1), 0, 0);
  port.submit(targetOf(port), TELL, bytes('after'), 0, 0);
  await null;
  t.deepEqual(
    native.records.map(({ payload }) => payload.length),
    [5, 65_537, 5],
  );
});

test('replies reach those who asked, whatever their order', async t => {
  const held: number[] = [];
  const native = new FakeNative(({ slot }) => held.push(slot));
  const port = portOn(native);
  const replies = ['a', 'b', 'c'].map(word => ask(port, bytes(word)));
  await null;
  for (const slot of [...held].reverse()) native.complete(slot, 0, bytes(String(slot)));
  t.deepEqual((await Promise.all(replies)).map(textOf), held.map(String));
});

test('more replies than one turn may settle are all settled', async t => {
  const port = portOn(echo());
  const replies = await Promise.all(Array.from({ length: 5000 }, (_, index) => ask(port, bytes(String(index)))));
  t.deepEqual(
    replies.map(textOf),
    Array.from({ length: 5000 }, (_, index) => String(index)),
  );
});

test('replies that fill both buffers many times arrive whole', async t => {
  const port = portOn(echo());
  const payload = new Uint8Array(60_000).map((_, index) => index % 251);
  const replies = await Promise.all(Array.from({ length: 40 }, () => ask(port, payload)));
  t.true(replies.every(reply => Buffer.compare(reply, payload) === 0));
});

test('a reply that is too large for the buffer is fetched', async t => {
  const native = new FakeNative((record, fake) => fake.completeLarge(record.slot, new Uint8Array(300_000).fill(7)));
  const reply = await ask(portOn(native), bytes('x'));
  t.is(reply.length, 300_000);
  t.is(reply[299_999], 7);
});

test('an inline reply needs no crossing', async t => {
  const native = echo();
  native.inline = record => bytes(`inline ${textOf(record.payload)}`);
  const port = portOn(native, true);
  t.is(textOf(await ask(port, bytes('x'))), 'inline x');
  t.is(native.flushes.length, 0);
});

test('nothing runs inline while anything of this environment is under way', async t => {
  const native = echo();
  let ran = 0;
  native.inline = () => {
    ran += 1;
    return bytes('inline');
  };
  const port = portOn(native, true);
  port.submit(targetOf(port), TELL, bytes('first'), 0, 0);
  t.is(textOf(await ask(port, bytes('second'))), 'second');
  t.is(ran, 0);
  const open = ask(port, bytes('a'));
  t.is(textOf(await open), 'inline');
  t.is(ran, 1);
});

test('what did not run inline is sent as usual', async t => {
  const native = echo();
  const reply = await ask(portOn(native, true), bytes('x'));
  t.is(textOf(reply), 'x');
  t.is(native.records[0]?.kind, ASK);
});

test('what was accepted inline is answered in its slot', async t => {
  const native = echo();
  native.inline = record => {
    setImmediate(() => native.complete(record.slot, 0, bytes('later')));
    return -2;
  };
  t.is(textOf(await ask(portOn(native, true), bytes('x'))), 'later');
});

test('a failure inline rejects with its code', async t => {
  const native = echo();
  native.inline = () => -16 - 4;
  await t.throwsAsync(ask(portOn(native, true), bytes('x')), { code: 'ERR_NO_SUCH_ACTOR' });
});

test('a chain of replies at once lets the event loop have its turn', async t => {
  const native = echo();
  native.inline = record => record.payload;
  const port = portOn(native, true);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  let asks = 0;
  while (!turned) {
    await ask(port, bytes('x'));
    asks += 1;
  }
  t.true(asks > 0);
});

test("the caller's signal releases the caller at once, and a late reply goes nowhere", async t => {
  const slots: number[] = [];
  const native = new FakeNative(({ slot }) => slots.push(slot));
  const port = portOn(native);
  const controller = new AbortController();
  const reply = ask(port, bytes('x'), controller.signal);
  const reason = new Error('changed my mind');
  controller.abort(reason);
  t.is(await t.throwsAsync(reply), reason);
  t.deepEqual(native.aborted, slots);
  native.complete(slots[0] ?? 0, 0, bytes('late'));
  await loopTurn();
  const next = ask(port, bytes('y'));
  await null;
  native.complete(slots[1] ?? 0, 0, bytes('mine'));
  t.is(textOf(await next), 'mine');
});

test('a signal is let go of when the reply has come', async t => {
  const controller = new AbortController();
  const native = echo();
  await ask(portOn(native), bytes('x'), controller.signal);
  controller.abort();
  t.deepEqual(native.aborted, []);
});

test('closing rejects what still waits, and nothing crosses any more', async t => {
  const native = new FakeNative();
  const port = portOn(native);
  const reply = ask(port, bytes('x'));
  port.close(() => createError('ERR_SHUTDOWN', { message: 'closed' }));
  await t.throwsAsync(reply, { code: 'ERR_SHUTDOWN' });
  await loopTurn();
  t.is(native.flushes.length, 0);
});

test('a call that cannot start rejects and leaves no wait behind', async t => {
  const port = portOn(new FakeNative());
  const failing = port.call(newTarget(), () => {
    throw new Error('no');
  });
  await t.throwsAsync(failing, { message: 'no' });
  t.is(port.slots.waiting().length, 0);
});
