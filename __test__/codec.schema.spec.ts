import test from 'ava';
import * as v from 'valibot';
import { z } from 'zod';
import { cbor } from '../src/cbor.js';
import {
  actor,
  bytes as bytesCodec,
  json,
  messages,
  SchemaError,
  type StandardSchema,
  schema,
  text,
  ValueError,
} from '../src/index.js';
import { guest, systemFor } from './helpers/system.js';

const utf8 = (value: string) => new TextEncoder().encode(value);

test('CBOR keeps what JSON loses', t => {
  const codec = cbor<unknown, unknown>();
  const values = [null, true, 1.5, -7, 2n ** 64n, 'zażółć', Uint8Array.of(0, 255), [1, [2]], { a: { b: undefined } }];
  for (const value of values) t.deepEqual(codec.decode(codec.encode(value)), value);
  t.is(codec.decode(new Uint8Array()), undefined);
  t.throws(() => codec.decode(Uint8Array.of(0x61)), { message: /CBOR/ });
});

test('the codec of bytes takes nothing else', t => {
  const codec = bytesCodec();
  t.deepEqual(codec.decode(codec.encode(Uint8Array.of(5))), Uint8Array.of(5));
  t.throws(() => codec.encode('text' as never), { message: 'expected a Uint8Array, received string' });
});

const order = z.object({
  items: z.array(z.object({ price: z.number().positive() })),
  note: z.string().default('none'),
});
const order2 = v.object({ items: v.array(v.object({ price: v.pipe(v.number(), v.minValue(1)) })) });

test('a value that does not fit its schema says where, whichever library made the schema', t => {
  for (const validator of [order, order2] as StandardSchema[]) {
    const codec = schema(validator);
    const error = t.throws(() => codec.encode({ items: [{ price: 2 }, { price: 0 }] }), { instanceOf: SchemaError });
    t.is(error.path, 'items.1.price');
    t.regex(error.message, /^items\.1\.price: /);
    t.throws(() => codec.decode(utf8('{"items":5}')), { instanceOf: SchemaError, message: /^items: / });
  }
});

test('what is sent goes as it is, what is received is what the validator makes of it', t => {
  const codec = schema(order);
  const sent = codec.encode({ items: [] });
  t.is(new TextDecoder().decode(sent), '{"items":[]}');
  t.deepEqual(codec.decode(sent), { items: [], note: 'none' });
});

test('only the first issues are named', t => {
  const issues = ['a', 'b', 'c', 'd', 'e'].map(key => ({ message: 'no', path: [{ key }, 0] }));
  const codec = schema({ '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } });
  const error = t.throws(() => codec.encode(1), { instanceOf: SchemaError });
  t.is(error.message, 'a.0: no; b.0: no; c.0: no (and 2 more)');
});

test('a validator that is asynchronous, or none, is refused', t => {
  const slow = schema(z.string().refine(async () => true));
  t.throws(() => slow.encode('x'), { message: /^the validator of zod is asynchronous, and a codec cannot wait$/ });
  for (const wrong of [undefined, {}, { '~standard': { version: 2, vendor: 'x', validate: () => {} } }]) {
    t.throws(() => schema(wrong as never), { code: 'ERR_CONFIG', message: /^validator: expected a validator/ });
  }
});

test('a reference with a schema refuses what does not fit, with the path', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const ref = await system.spawn(echo, { codec: schema(order, cbor()), name: 'orders' });
  t.deepEqual(await ref.ask({ items: [{ price: 1 }] }), { items: [{ price: 1 }], note: 'none' });
  const wrong = { items: [{ price: 'free' }] } as never;
  const error = t.throws(() => ref.tell(wrong), { instanceOf: ValueError, message: /^a message to \/user\/orders/ });
  t.is(error.path, 'items.0.price');
  const picky = await system.spawn(echo, { codec: messages(json<unknown>()).replies(schema(order)) });
  const refused = await t.throwsAsync(picky.ask({ items: [{}] }), { instanceOf: ValueError });
  t.is(refused?.path, 'items.0.price');
});

test('messages and replies may be written differently, on both sides', async t => {
  const system = await systemFor(t);
  const codec = messages(text()).replies(json<number, { length: number }>());
  const measure = actor({ codec, handle: message => ({ length: message.length }) });
  const ref = await system.spawn(measure);
  t.deepEqual(await ref.ask('four'), { length: 4 });
});
