import test from 'ava';
import { AskTimeoutError } from '../src/index.js';
import { bytes, firstWord, textOf } from './helpers/bytes.js';
import { answers, balanced, guest, rejection, systemFor, TRIGGER, until } from './helpers/system.js';

test('asks of one caller are answered in the order they were made', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      await ref.ask(bytes(String(index)));
      order.push(index);
    }),
  );
  t.deepEqual(
    order,
    Array.from({ length: 500 }, (_, index) => index),
  );
});

test('messages told before an ask are handled before it, inline or not', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('counter')));
  let expected = 0;
  for (let round = 0; round < 200; round += 1) {
    const tells = round % 4;
    for (let count = 0; count < tells; count += 1) ref.tell(bytes('x'));
    expected += tells;
    t.is(firstWord(await ref.ask(bytes('?'))), expected);
    expected += 1;
  }
  await balanced(t, system);
});

test('many asks over many actors all come back to their callers', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const refs = await Promise.all(Array.from({ length: 64 }, () => system.spawn(echo)));
  const asks = Array.from({ length: 20_000 }, async (_, index) => {
    const reply = await refs[index % 64]!.ask(bytes(String(index)));
    return textOf(reply) === String(index);
  });
  // A mailbox holds 1,000 messages; what is over it waits its turn.
  t.true((await Promise.all(asks)).every(Boolean));
  const audit = await balanced(t, system);
  t.is(audit.handled, 20_000);
});

test('an ask that nobody answers runs out, and its late reply goes nowhere', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('late-reply')), { name: 'late' });
  const error = await t.throwsAsync(ref.ask(bytes('x'), { timeout: '20ms' }), { instanceOf: AskTimeoutError });
  t.is(error?.message, 'ask to /user/late: no reply within 20ms');
  t.is((error as AskTimeoutError).timeoutMs, 20);
  ref.tell(bytes('now'));
  await until(() => system.audit().lateReplies === 1);
  await balanced(t, system);
});

test('an ask whose time is over before its turn is never run', async t => {
  const system = await systemFor(t, { limits: { handlerTime: Infinity } });
  const ref = await system.spawn(await system.load(guest('spin')), { inline: false });
  ref.tell(TRIGGER);
  await until(() => ref.status().inHand === 1);
  await t.throwsAsync(ref.ask(bytes('x'), { timeout: '20ms' }), { code: 'ERR_ASK_TIMEOUT' });
  ref.kill();
  await ref.stopped;
  const audit = await balanced(t, system);
  t.is(audit.handled, 0);
});

test('a signal rejects with its own reason, before, while, and after', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('never-replies')));
  const reason = new Error('changed my mind');
  t.is(await t.throwsAsync(ref.ask(bytes('x'), { signal: AbortSignal.abort(reason) })), reason);
  t.is(system.audit().offered, 0);
  const controller = new AbortController();
  const ask = ref.ask(bytes('x'), { signal: controller.signal, timeout: Infinity });
  controller.abort(reason);
  t.is(await t.throwsAsync(ask), reason);
  const byDefault = new AbortController();
  const second = ref.ask(bytes('x'), { signal: byDefault.signal });
  byDefault.abort();
  t.is((await rejection(second)).name, 'AbortError');
  await balanced(t, system);
});

test('a queued ask that was given up is skipped', async t => {
  const system = await systemFor(t, { limits: { handlerTime: Infinity } });
  const ref = await system.spawn(await system.load(guest('spin')), { inline: false });
  ref.tell(TRIGGER);
  await until(() => ref.status().inHand === 1);
  const controller = new AbortController();
  const ask = ref.ask(bytes('x'), { signal: controller.signal });
  await until(() => ref.status().queued === 1);
  controller.abort();
  t.is((await rejection(ask)).name, 'AbortError');
  ref.kill();
  await ref.stopped;
  const audit = await balanced(t, system);
  t.is(audit.handled, 0);
});

test('wrong options of an ask reject it', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  await t.throwsAsync(ref.ask(bytes('x'), { timeout: 'soon' as never }), { code: 'ERR_CONFIG', message: /^timeout: / });
  await t.throwsAsync(ref.ask(bytes('x'), { timeot: 5 } as never), { message: /did you mean 'timeout'/ });
  await t.throwsAsync(ref.ask(bytes('x'), null as never), { code: 'ERR_CONFIG' });
  await t.throwsAsync(ref.stop({ grace: 'soon' as never }), { code: 'ERR_CONFIG' });
  t.true(await answers(ref));
});

test('an ask made in the callback of an ask does not overtake', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('counter')));
  const seen: number[] = [];
  const ask = async () => {
    seen.push(firstWord(await ref.ask(bytes('?'))));
  };
  await Promise.all([ask().then(ask), ask().then(ask), ask().then(ask)]);
  t.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
});
