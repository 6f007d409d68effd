/** Order per pair of sender and receiver (`ORD-1`), under load and across restarts of either. */
import test from 'ava';
import { bytes } from './helpers/bytes.js';
import { balanced, guest, systemFor } from './helpers/system.js';

const SENDERS = 16;
const CHUNK = 250;
const CHUNKS = 400;

/** Where the guest traps; see its source. */
function isTrap(sender: number, sequence: number, every: number): boolean {
  return ((Math.imul(sender, 0x9e3779b1) ^ Math.imul(sequence, 0x85ebca6b)) >>> 0) % every === 0;
}

/** What arrives: everything but the chunks and the messages at which somebody traps. */
function expected(): number {
  let seen = 0;
  for (let sender = 0; sender < SENDERS; sender += 1) {
    for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
      const from = 1 + chunk * CHUNK;
      if (isTrap(sender, from, 41)) continue;
      for (let at = from; at < from + CHUNK; at += 1) seen += isTrap(sender, at, 20011) ? 0 : 1;
    }
  }
  return seen;
}

test('16 senders with 100,000 messages each arrive in order, whoever traps on the way', async t => {
  const system = await systemFor(t, { threads: 2 });
  const component = await system.load(guest('as-sequence'));
  const steady = { backoff: { kind: 'immediate' }, maxRestarts: Infinity } as const;
  const witness = await system.spawn(component, { config: Uint8Array.of(2, 0) });
  const relay = await system.spawn(component, { ...steady, config: Uint8Array.of(1, 0), peers: { next: witness } });
  const senders = await Promise.all(
    Array.from({ length: SENDERS }, (_, id) =>
      system.spawn(component, { ...steady, config: Uint8Array.of(0, id), peers: { next: relay } }),
    ),
  );
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    const words = Uint32Array.of(1 + chunk * CHUNK, CHUNK);
    for (const sender of senders) sender.tell(new Uint8Array(words.buffer));
  }
  await balanced(t, system);
  const [seen, wrong] = new Uint32Array((await witness.ask(bytes(''))).buffer);
  t.deepEqual([seen, wrong], [expected(), 0]);
  t.true(relay.status().restarts > 50, `${relay.status().restarts} restarts`);
  t.true(senders.every(sender => sender.status().restarts > 0));
});
