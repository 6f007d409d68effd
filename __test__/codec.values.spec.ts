import test from 'ava';
import { json, text } from '../src/codec.js';
import { bytes, textOf } from './helpers/bytes.js';

test('json writes values and reads them', t => {
  const codec = json<{ a: number }, string[]>();
  t.is(textOf(codec.encode({ a: 1 })), '{"a":1}');
  t.deepEqual(codec.decode(bytes('["ü"]')), ['ü']);
});

test('json refuses what it has no form for', t => {
  const codec = json();
  t.throws(() => codec.encode(undefined), { instanceOf: TypeError, message: /undefined/ });
  t.throws(() => codec.encode(() => {}), { instanceOf: TypeError });
  t.throws(() => codec.encode(1n), { instanceOf: TypeError });
  t.throws(() => codec.decode(bytes('{')));
});

test('text writes strings and reads them, byte order mark and all', t => {
  const codec = text();
  t.is(codec.decode(codec.encode('zażółć 🙂')), 'zażółć 🙂');
  t.is(codec.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa');
  t.throws(() => codec.decode(Uint8Array.of(0xff)));
  t.throws(() => codec.encode(5 as never), { message: /expected a string, received number/ });
});
