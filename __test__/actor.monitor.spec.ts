import test from 'ava';
import { type Down, TroupeError } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { answers, guest, nextEvent, systemFor, TRIGGER, until } from './helpers/system.js';

test('a monitor is called once, when the actor has ended for good, and not at a restart', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const trap = await system.load(guest('trap-on-ff'));
  const ref = await system.spawn(trap, { name: 'a' });
  const downs: Down[] = [];
  ref.monitor(down => {
    downs.push(down);
    // By now the name is free again (`MON-4`).
    t.is(system.find('a'), undefined);
  });
  ref.tell(TRIGGER);
  await system.runUntilIdle();
  t.true(await answers(ref));
  t.deepEqual(downs, []);
  await ref.stop();
  await system.runUntilIdle();
  t.deepEqual(downs, [{ ref, reason: { tag: 'normal', text: '' }, incarnation: 2 }]);
});

test('every monitor of an actor is told, also what waited for it', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const tags: string[] = [];
  for (let count = 0; count < 3; count += 1) ref.monitor(({ reason }) => tags.push(reason.tag));
  ref.kill();
  t.is((await ref.stopped).tag, 'killed');
  await until(() => tags.length === 3);
  t.deepEqual(tags, ['killed', 'killed', 'killed']);
});

test('an actor that has ended already is no such actor', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  await ref.stop();
  const down = await new Promise<Down>(resolve => ref.monitor(resolve));
  t.is(down.reason.tag, 'no-such-actor');
  t.is(down.ref, ref);
});

test('a monitor that was taken back is not called, even when the end is on its way', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  let called = 0;
  const first = ref.monitor(() => {
    called += 1;
  });
  {
    using _second = ref.monitor(() => {
      called += 1;
    });
  }
  ref.kill();
  // The notice is in the buffer by now, or about to be.
  first.stop();
  first.stop();
  // Whoever watches later is told later.
  await ref.stopped;
  await new Promise(resolve => ref.monitor(resolve));
  t.is(called, 0);
});

test('taking monitors back leaves nothing behind', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  for (let count = 0; count < 20_000; count += 1) ref.monitor(() => t.fail()).stop();
  t.true(await answers(ref));
});

test('what a monitor throws becomes an event', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const failures = [nextEvent(system, 'hook-failed', ({ text }) => text.includes('sync'))];
  failures.push(nextEvent(system, 'hook-failed', ({ text }) => text.includes('later')));
  ref.monitor(() => {
    throw new Error('sync');
  });
  ref.monitor(() => Promise.reject(new Error('later')));
  ref.kill();
  t.is((await Promise.all(failures)).length, 2);
});

test('the end of the system is the end of the actor', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const down = new Promise<Down>(resolve => ref.monitor(resolve));
  await system.shutdown();
  t.is((await down).reason.tag, 'shutdown');
  const late = await new Promise<Down>(resolve => ref.monitor(resolve));
  t.is(late.reason.tag, 'shutdown');
});

test('linked actors share an abnormal end, and no other', async t => {
  const system = await systemFor(t);
  const trap = await system.load(guest('trap-on-ff'));
  const temporary = { restart: 'temporary' } as const;
  const [a, b, c] = await Promise.all([0, 1, 2].map(() => system.spawn(trap, temporary)));
  if (!a || !b || !c) return;
  a.link(b);
  b.link(a);
  b.link(c);
  c.unlink(b);
  a.tell(TRIGGER);
  t.is((await a.stopped).tag, 'trap');
  t.is((await b.stopped).tag, 'linked');
  t.true(await answers(c));
  const d = await system.spawn(trap, temporary);
  c.link(d);
  await c.stop();
  t.true(await answers(d));
});

test('what is no reference or callback is refused', async t => {
  const system = await systemFor(t);
  const other = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const foreign = await other.spawn(await other.load(guest('echo')));
  const codeOf = (act: () => unknown) => {
    const error = t.throws(act);
    return error instanceof TroupeError ? error.message : String(error);
  };
  t.is(
    codeOf(() => ref.monitor('x' as never)),
    "callback: expected a function, received 'x'",
  );
  t.is(
    codeOf(() => ref.link({} as never)),
    'other: expected an actor reference, received {}',
  );
  t.regex(
    codeOf(() => ref.link(foreign)),
    /^other: expected an actor of this system, received/,
  );
});
