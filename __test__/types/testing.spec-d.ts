/** What the compiler must accept of the test kit, and what it must refuse. Checked, never run. */
import { test as nodeTest } from 'node:test';
import test from 'ava';
import { type ActorRef, type ActorSystem, type DeadLetter, json, text } from '../../src/index.js';
import { createTestSystem, type FakeGuest, fakeGuest, type Probe, type TestSystem } from '../../src/testing/index.js';
import { component, type Equal, holds } from './claims.js';

test('the context of ava is taken', async t => {
  const system = await createTestSystem({ test: t, seed: 5, threads: 2 });
  holds<Equal<typeof system, TestSystem>>();
  const plain: ActorSystem = system;
  holds<Equal<typeof system.seed, number>>();
  holds<Equal<ReturnType<typeof system.clock.advance>, Promise<void>>>();
  holds<Equal<ReturnType<typeof system.clock.next>, Promise<number | undefined>>>();
  await system.clock.advance('1s');
  await system.clock.advance(250);
  // @ts-expect-error a duration has a unit that is known
  await system.clock.advance('1 second');
  // @ts-expect-error the reading is moved by advance only
  system.clock.now = 5;
  const ref = await plain.spawn(component, { faults: { failStart: 2, trapOn: [1, 2] } });
  // @ts-expect-error faults are counted
  await plain.spawn(component, { faults: { failStart: 'first' } });
  holds<Equal<ReturnType<typeof system.deadLettersOf>, readonly DeadLetter[]>>();
  system.deadLettersOf(ref);
  await system.together(() => ref.tell(Uint8Array.of(1)));
});

test('probes and fake guests have the types of their codecs', async t => {
  const system = await createTestSystem({ test: t });
  const bytes = await system.probe({ name: 'probe' });
  holds<Equal<typeof bytes, Probe<Uint8Array, Uint8Array>>>();
  const probe = await system.probe({ codec: json<{ n: number }, string>(), reply: ({ n }) => String(n) });
  holds<Equal<typeof probe.ref, ActorRef<{ n: number }, string>>>();
  const { message } = await probe.expect({ n: 1 }, { within: '1s' });
  holds<Equal<typeof message, { n: number }>>();
  await probe.fish(({ n }) => n > 1);
  // @ts-expect-error no such field
  await probe.expect({ m: 1 });
  await probe.expectNone();

  const fake = fakeGuest({ codec: text(), handle: words => words.toUpperCase() });
  holds<Equal<typeof fake, FakeGuest<string, string>>>();
  const ref = await system.spawn(fake, { faults: { trapOn: 1 } });
  holds<Equal<typeof ref, ActorRef<string, string>>>();
  holds<Equal<(typeof fake.messages)[number]['message'], string>>();
  const plain = fakeGuest();
  holds<Equal<typeof plain, FakeGuest<Uint8Array, Uint8Array>>>();
  // @ts-expect-error a reply is what the codec writes
  fakeGuest({ codec: text(), handle: () => 5 });
});

nodeTest('the context of node:test is taken', async t => {
  await using system = await createTestSystem({ test: t, clock: 'real' });
  await system.runUntilIdle();
  // @ts-expect-error a clock is manual or real
  await createTestSystem({ clock: 'fast' });
});
