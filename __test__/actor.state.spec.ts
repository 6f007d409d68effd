import test from 'ava';
import { actor, json } from '../src/index.js';
import { stateIn } from './helpers/bytes.js';
import { guest, systemFor, TRIGGER, until } from './helpers/system.js';

const EMPTY = new Uint8Array();

test('custom state survives restarts, and every reference sees it', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { name: 'kept', state: { count: 1 } });
  t.deepEqual(ref.state.get(), { count: 1 });
  t.deepEqual(
    ref.state.update<{ count: number }>(({ count }) => ({ count: count + 1 })),
    { count: 2 },
  );
  await t.throwsAsync(ref.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  await ref.ask(EMPTY);
  t.is(ref.status().incarnation, 2);
  t.deepEqual(system.find('kept')?.state.get(), { count: 2 });
  system.find('kept')?.state.update('replaced');
  t.is(ref.state.get(), 'replaced');
  await ref.stop();
  t.is(ref.state.get(), 'replaced', 'a reference keeps it');
});

test('an actor without state has none until somebody gives it one', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')), { name: 'bare' });
  t.is(ref.state.get(), undefined);
  ref.state.update(5);
  t.is(system.find('bare')?.state.get(), 5);
});

test('the guest is given the state at each start, if that was asked for', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-ok'));
  const plain = await system.spawn(component, { state: 1 });
  t.is(stateIn(await plain.ask(EMPTY)), undefined);
  const ref = await system.spawn(component, { state: { at: 1 }, stateInConfig: true });
  t.deepEqual(stateIn(await ref.ask(EMPTY)), { at: 1 });
  ref.state.update({ at: 2 });
  t.deepEqual(stateIn(await ref.ask(EMPTY)), { at: 1 }, 'this life began with the first');
  const again = await system.spawn(component, {
    stateInConfig: true,
    faults: { trapOn: 1 },
    state: 'first',
    hooks: { preStart: ({ state }) => void state.update('from a hook') },
  });
  again.state.update('second');
  await t.throwsAsync(again.ask(EMPTY), { code: 'ERR_ACTOR_CRASHED' });
  t.is(stateIn(await again.ask(EMPTY)), 'second');
});

test('a state that cannot be handed to the guest changes nothing', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('start-ok')), { state: 1, stateInConfig: true });
  t.throws(() => ref.state.update(() => 1n), { code: 'ERR_VALUE', message: /^state: / });
  t.is(ref.state.get(), 1);
});

test('actors in JavaScript and hooks read and write it', async t => {
  const system = await systemFor(t);
  const definition = actor({
    handle: (by: number, { self }) => {
      const sum = self.state.update<number>(value => value + by);
      if (by < 0) throw new Error('kept all the same');
      return sum;
    },
    codec: json<number, number>(),
  });
  const seen: unknown[] = [];
  const ref = await system.spawn(definition, { state: 10, hooks: { onError: ({ state }) => seen.push(state.get()) } });
  t.is(await ref.ask(5), 15);
  await t.throwsAsync(ref.ask(-1), { code: 'ERR_ACTOR_CRASHED' });
  t.is(await ref.ask(0), 14);
  await until(() => seen.length === 1);
  t.deepEqual(seen, [14]);
});
