import test from 'ava';
import { json, text, ValueError } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { guest, systemFor } from './helpers/system.js';

test('a codec turns values into bytes and back, inline or not', async t => {
  for (const inline of [true, false]) {
    const system = await systemFor(t, { inline });
    const echo = await system.load(guest('echo'));
    const values = await system.spawn(echo, { codec: json<{ n: number }, { n: number }>(), name: 'values' });
    t.deepEqual(await values.ask({ n: 5 }), { n: 5 });
    values.tell({ n: 1 });
    await values.send({ n: 2 });
    const words = await system.spawn(echo, { codec: text() });
    t.is(await words.ask('zażółć'), 'zażółć');
    const found = system.find('values', { codec: json<number, number>() });
    t.is(await found?.ask(7), 7);
  }
});

test('a message that cannot be encoded is a mistake in the program', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { codec: json<unknown>(), name: 'strict' });
  t.throws(() => ref.tell(1n), { instanceOf: ValueError, message: /\/user\/strict cannot be encoded: .*BigInt/ });
  await t.throwsAsync(ref.ask(undefined), { instanceOf: ValueError });
  t.is(system.audit().offered, 0);
});

test('a reply that cannot be decoded rejects its ask, and only that', async t => {
  for (const inline of [true, false]) {
    const system = await systemFor(t, { inline });
    const codec = { encode: (value: string) => bytes(value), decode: json<never, number>().decode };
    const ref = await system.spawn(await system.load(guest('echo')), { codec });
    await t.throwsAsync(ref.ask('{'), { instanceOf: ValueError, message: /reply of .* \(1 bytes\) cannot be decoded/ });
    t.is(await ref.ask('42'), 42);
  }
});

test('a codec that encodes to something else is named', async t => {
  const system = await systemFor(t);
  const codec = { encode: () => 'text' as never, decode: (reply: Uint8Array) => reply };
  const ref = await system.spawn(await system.load(guest('echo')), { codec });
  t.throws(() => ref.tell('x'), {
    instanceOf: ValueError,
    message: /must encode to a Uint8Array, it returned a string/,
  });
});
