/** Timers and the stash of guests, under a manual clock. */
import test from 'ava';
import { text } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { guest } from './helpers/system.js';

async function spawned(t: import('ava').ExecutionContext, name: string) {
  const system = await createTestSystem({ test: t, cache: false });
  const ref = await system.spawn(await system.load(guest(name)), { codec: text() });
  return { system, ref };
}

test('a TypeScript guest is woken by its timers, and a crash cancels them', async t => {
  const { system, ref } = await spawned(t, 'ts-timers');
  ref.tell('after 100 once');
  ref.tell('every 1000');
  await system.clock.advance('2s');
  t.is(await ref.ask('ticks'), 'once;every;every;');
  ref.tell('boom');
  await system.clock.advance('5s');
  t.is(await ref.ask('ticks'), '');
});

test('a TypeScript guest may sleep in the middle of a handler', async t => {
  const { system, ref } = await spawned(t, 'ts-timers');
  const slept = ref.ask('sleep 3000 well');
  ref.tell('after 0 behind');
  await system.clock.advance('2999ms');
  t.is(ref.status().queued, 1);
  await system.clock.advance('2s');
  t.is(await slept, 'slept well');
  t.is(await ref.ask('ticks'), 'behind;');
});

test('setTimeout and setInterval run functions of a TypeScript guest', async t => {
  const { system, ref } = await spawned(t, 'ts-timers');
  ref.tell('interval 100');
  ref.tell('later 250');
  await system.clock.advance('300ms');
  ref.tell('clear');
  await system.clock.advance('1s');
  t.is(await ref.ask('ticks'), 'interval;interval;later;interval;');
});

test('a TypeScript guest puts messages aside until it is open', async t => {
  const { system, ref } = await spawned(t, 'ts-timers');
  const asked = ref.ask('b');
  ref.tell('a');
  await system.runUntilIdle();
  t.is(ref.status().queued, 2);
  ref.tell('open');
  t.is(await asked, 'b');
  t.is(await ref.ask('ticks'), 'b;a;');
  t.true(system.audit().balanced);
});

test('an AssemblyScript guest has timers and a stash', async t => {
  const { system, ref } = await spawned(t, 'as-timers');
  for (const message of ['s1', 'a100', 'e1000', 'r1000']) ref.tell(message);
  await system.clock.advance('1s');
  ref.tell('c2');
  ref.tell('o');
  await system.clock.advance('1s');
  t.is(await ref.ask('?'), '1a2e3rs13r');
});
