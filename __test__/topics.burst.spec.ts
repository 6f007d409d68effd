import test from 'ava';
import { balanced, guest, systemFor } from './helpers/system.js';

test('a loop gets everything that a component publishes in one turn, in order', async t => {
  const system = await systemFor(t);
  const publisher = await system.spawn(await system.load(guest('publish-1000')));
  const subscription = system.subscribe('bench.>', { buffer: 1_000 });
  publisher.tell(new Uint8Array());
  const numbers: number[] = [];
  for await (const { topic, data } of subscription) {
    t.is(topic, 'bench.t');
    t.is(data.length, 64);
    numbers.push(new DataView(data.buffer, data.byteOffset).getUint32(0, true));
    if (numbers.length === 1_000) break;
  }
  t.deepEqual(
    numbers,
    Array.from({ length: 1_000 }, (_, index) => index),
  );
  t.is(subscription.dropped, 0);
  await balanced(t, system);
});
