/** What goes wrong while trees start, run and stop; with guests that trap, hang, and do not listen. */
import test from 'ava';
import { child, StartError, TroupeError } from '../src/index.js';
import { answers, guest, nextEvent, rejection, systemFor, TRIGGER, until } from './helpers/system.js';

const reasonOf = (error: Error) => (error instanceof StartError ? error.reason?.tag : String(error));

const STARTS = [
  ['start-fails', 'start-failed'],
  ['start-traps', 'start-failed'],
  ['start-section-traps', 'start-failed'],
  ['start-spins', 'start-timeout'],
  ['start-section-spins', 'start-timeout'],
] as const;

for (const [fixture, tag] of STARTS) {
  test(`a tree with ${fixture} in it does not come up, and leaves nothing behind`, async t => {
    const system = await systemFor(t);
    const [echo, bad] = await Promise.all([system.load(guest('echo')), system.load(guest(fixture))]);
    const children = { a: child(echo, { name: 'a' }), bad: child(bad, { startupTimeout: 200 }), c: child(echo) };
    const error = await rejection(system.supervise({ name: 'shop', children }));
    t.is(reasonOf(error), tag);
    t.is((error as StartError).actor, '/shop/bad');
    t.deepEqual(system.actors(), []);
    t.is(system.find('a'), undefined);
    const again = await system.supervise({ name: 'shop', children: { a: child(echo, { name: 'a' }) } });
    t.true(await answers(again.children.a));
  });
}

test('a child that crashes while another one starts is started again', async t => {
  const system = await systemFor(t, { threads: 2 });
  const [trap, slow] = await Promise.all([system.load(guest('trap-on-ff')), system.load(guest('start-ok'))]);
  system.on('actor:started', ({ path, ref }) => {
    if (path.endsWith('/a')) ref.tell(TRIGGER as never);
  });
  const children = { a: child(trap), b: child(slow), c: child(slow), d: child(slow) };
  const tree = await system.supervise({ children });
  if (tree.list()[0]?.restarts === 0) await nextEvent(system, 'actor:restarted');
  t.true(await answers(tree.children.a));
  t.is(tree.stats().restarts, 1);
});

test('a child that fails to start once, when it is restarted, is tried again', async t => {
  const system = await systemFor(t);
  const trap = await system.load(guest('trap-on-ff'));
  const flaky = child(trap, { faults: { failStart: 2 } });
  const tree = await system.supervise({ backoff: { initial: 1 }, children: { flaky } });
  const back = nextEvent(system, 'actor:restarted');
  tree.children.flaky.tell(TRIGGER);
  await back;
  t.true(await answers(tree.children.flaky));
  // The crash, and the attempt that failed (`SUP-4`).
  t.is(tree.stats().restartsInWindow, 2);
});

test('a stop that traps or does not end is an end all the same', async t => {
  const system = await systemFor(t);
  const [traps, spins, echo] = await Promise.all(
    ['stop-traps', 'stop-spins', 'echo'].map(name => system.load(guest(name))),
  );
  if (!traps || !spins || !echo) return;
  const children = { a: child(echo), traps: child(traps), spins: child(spins, { shutdownTimeout: 50 }) };
  const tree = await system.supervise({ children });
  const { a, spins: spinning } = tree.children;
  await tree.stop();
  t.is((await a.stopped).tag, 'normal');
  t.truthy((await spinning.stopped).tag);
  t.deepEqual(system.actors(), []);
});

test('stopping while the tree starts takes it back', async t => {
  const system = await systemFor(t);
  const [echo, spins] = await Promise.all([system.load(guest('echo')), system.load(guest('start-spins'))]);
  const tree = await system.supervise({ name: 'shop', children: { a: child(echo) } });
  const starting = rejection(tree.startChild('slow', child(spins, { startupTimeout: '60s' })));
  await tree.stop();
  t.true((await starting) instanceof TroupeError);
  t.deepEqual(system.actors(), []);
});

test('stopping during a backoff wait does not wait for it', async t => {
  const system = await systemFor(t);
  const trap = await system.load(guest('trap-on-ff'));
  const tree = await system.supervise({ backoff: { initial: '1h', max: '1h' }, children: { a: child(trap) } });
  const { a } = tree.children;
  const waits = nextEvent(system, 'actor:restarting', ({ delayMs }) => delayMs > 0);
  a.tell(TRIGGER);
  await nextEvent(system, 'actor:restarted');
  a.tell(TRIGGER);
  await waits;
  t.is(tree.list()[0]?.state, 'restarting');
  await tree.stop();
  t.is((await a.stopped).tag, 'normal');
});

test('stopping twice, and at the same time, is one stop', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  const tree = await system.supervise({ children: { a: child(echo), nested: { children: { b: child(echo) } } } });
  await Promise.all([tree.stop(), tree.stop(), tree.children.a.stop(), tree.children.nested.stop()]);
  await tree.stop();
  t.deepEqual(system.actors(), []);
});

test('a child that is killed, or stops itself, stays down: somebody asked for it', async t => {
  const system = await systemFor(t);
  const [echo, quits] = await Promise.all([system.load(guest('echo')), system.load(guest('stop-effect'))]);
  const tree = await system.supervise({ children: { a: child(echo), b: child(quits) } });
  const { a, b } = tree.children;
  a.kill();
  b.tell(Uint8Array.of(1));
  t.deepEqual([(await a.stopped).tag, (await b.stopped).tag], ['killed', 'normal']);
  t.deepEqual(
    tree.list().map(({ state }) => state),
    ['terminated', 'terminated'],
  );
  t.is(tree.stats().restarts, 0);
  t.true(await answers(await tree.restartChild('a')));
});

test('a spinning child is killed with its supervisor', async t => {
  const system = await systemFor(t);
  const spin = await system.load(guest('spin'));
  const options = { limits: { handlerTime: '60s' }, shutdownTimeout: 50 } as const;
  const tree = await system.supervise({ children: { a: child(spin, options) } });
  tree.children.a.tell(TRIGGER);
  await until(() => tree.children.a.status().inHand === 1);
  const started = performance.now();
  await tree.stop();
  t.is((await tree.children.a.stopped).tag, 'killed');
  t.true(performance.now() - started < 5000);
});

test('shutdown ends trees whose guests ignore it, at the deadline', async t => {
  const system = await systemFor(t);
  const [spin, spins, echo] = await Promise.all(['spin', 'stop-spins', 'echo'].map(name => system.load(guest(name))));
  if (!spin || !spins || !echo) return;
  const deaf = child(spin, { limits: { handlerTime: '60s' }, shutdownTimeout: '1h' });
  const tree = await system.supervise({
    children: { a: child(echo), deaf, nested: { children: { stubborn: child(spins, { shutdownTimeout: '1h' }) } } },
  });
  const { a, deaf: spinning } = tree.children;
  spinning.tell(TRIGGER);
  await until(() => spinning.status().inHand === 1);
  const started = performance.now();
  const ends = Promise.all([a.stopped, spinning.stopped]);
  await system.shutdown({ deadline: 300 });
  const took = performance.now() - started;
  t.true(took < 1300, `${took} ms`);
  t.is((await ends).length, 2);
});

test('a thousand trees that do not come up leave nothing behind', async t => {
  const system = await systemFor(t);
  const [echo, bad] = await Promise.all([system.load(guest('echo')), system.load(guest('start-fails'))]);
  const children = { a: child(echo, { name: 'a' }), nested: { children: { bad: child(bad) } } };
  for (let count = 0; count < 1000; count += 1) {
    t.true((await rejection(system.supervise({ name: 'shop', children }))) instanceof StartError);
  }
  t.deepEqual(system.actors(), []);
  t.is(system.find('a'), undefined);
  t.true(system.audit().balanced);
  const lines = String(system).split('\n');
  t.false(
    lines.some(line => line.includes('shop')),
    lines.join('\n'),
  );
});
