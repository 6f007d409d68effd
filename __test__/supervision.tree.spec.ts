import test, { type ExecutionContext } from 'ava';
import {
  type ActorSystem,
  actor,
  ChildError,
  type Component,
  child,
  json,
  pool,
  StartError,
  text,
} from '../src/index.js';
import { createTestSystem, type TestSystem } from '../src/testing/index.js';
import { answers, guest, nextEvent, rejection, systemFor, TRIGGER } from './helpers/system.js';

interface Fixtures {
  readonly system: TestSystem;
  readonly load: (name: string) => Promise<Component>;
}

/** A system under a manual clock, with one worker: events come in the order in which things happen. */
async function fixtures(t: ExecutionContext): Promise<Fixtures> {
  const system = await createTestSystem({ test: t, cache: false });
  return { system, load: name => system.load(guest(name)) };
}

/** What starts and stops, in order, as the last parts of paths. */
function journal(system: ActorSystem): string[] {
  const entries: string[] = [];
  const note = (sign: string) => (event: { path: string }) => {
    entries.push(sign + event.path.slice(event.path.lastIndexOf('/') + 1));
  };
  system.on('actor:started', note('+'));
  system.on('actor:restarted', note('+'));
  system.on('actor:crashed', note('!'));
  system.on('actor:stopped', note('-'));
  return entries;
}

test('a tree comes up in the order it was written, and goes down as a whole', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const entries = journal(system);
  const shop = await system.supervise({
    name: 'shop',
    children: { b: child(echo), nested: { children: { d: child(echo), c: child(echo) } }, a: child(echo) },
  });
  t.is(shop.path, '/shop');
  t.is(shop.children.nested.children.c.path, '/shop/nested/c');
  t.true(await answers(shop.children.nested.children.c));
  await shop.stop();
  await system.runUntilIdle();
  t.deepEqual(entries.slice(0, 4), ['+b', '+d', '+c', '+a']);
  t.deepEqual(entries.slice(4).sort(), ['-a', '-b', '-c', '-d']);
  t.is(shop.state, 'terminated');
  t.is((await shop.stopped).tag, 'normal');
  t.is((await shop.children.a.stopped).tag, 'normal');
});

test('keys lead to typed references, and codecs stand with the children', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const tree = await system.supervise({
    children: {
      words: child(echo, { codec: text(), name: 'words' }),
      nested: { children: { typed: child(echo, { codec: json<{ n: number }, { n: number }>() }) } },
      workers: pool(echo, { size: 2, codec: text() }),
    },
  });
  const { words, nested, workers } = tree.children;
  t.is(await words.ask('hello'), 'hello');
  t.deepEqual(await nested.children.typed.ask({ n: 5 }), { n: 5 });
  t.deepEqual(await Promise.all(workers.children.map(ref => ref.ask('x'))), ['x', 'x']);
  t.is(system.find('words')?.id, words.id);
  t.is(system.find(`${tree.path}/nested/typed`)?.id, nested.children.typed.id);
  t.is(tree.children.words, words);
  t.deepEqual(Object.keys(tree.children), ['words', 'nested', 'workers']);
});

const STRATEGIES = [
  ['one-for-one', ['!b', '+b']],
  ['one-for-all', ['!b', '+a', '+b', '+c']],
  ['rest-for-one', ['!b', '+b', '+c']],
] as const;

for (const [strategy, expected] of STRATEGIES) {
  test(`${strategy} restarts who it says`, async t => {
    const { system, load } = await fixtures(t);
    const [echo, trap] = await Promise.all([load('echo'), load('trap-on-ff')]);
    const tree = await system.supervise({ strategy, children: { a: child(echo), b: child(trap), c: child(echo) } });
    const before = { ...tree.children };
    const entries = journal(system);
    tree.children.b.tell(TRIGGER);
    await system.runUntilIdle();
    t.deepEqual(
      entries.filter(entry => !entry.startsWith('-')),
      [...expected],
    );
    // A restart is no new actor: the references hold.
    t.deepEqual({ ...tree.children }, before);
    for (const ref of Object.values(tree.children)) t.true(await answers(ref));
    t.is(tree.stats().restartsInWindow, 1);
  });
}

test('a child that does not come up takes the tree back, and says which one it was', async t => {
  const { system, load } = await fixtures(t);
  const [echo, bad] = await Promise.all([load('echo'), load('start-fails')]);
  const entries = journal(system);
  const nested = { children: { a: child(echo, { name: 'a' }), b: child(bad) } };
  const error = await rejection(system.supervise({ name: 'shop', children: { first: child(echo), nested } }));
  t.true(error instanceof StartError, String(error));
  if (!(error instanceof StartError)) return;
  t.is(error.actor, '/shop/nested/b');
  t.is(error.reason?.tag, 'start-failed');
  t.true(error.message.startsWith('/shop/nested/b did not come up: start-failed: '), error.message);
  await system.runUntilIdle();
  t.deepEqual(system.actors(), []);
  t.is(system.find('a'), undefined);
  t.deepEqual(
    entries.filter(entry => entry.startsWith('+')),
    ['+first', '+a'],
  );
  // Name and keys are free again.
  await system.supervise({ name: 'shop', children: { a: child(echo, { name: 'a' }) } });
});

test('a child can be stopped, started again, and forgotten', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const tree = await system.supervise({ children: { a: child(echo, { name: 'a' }), b: child(echo) } });
  const first = tree.children.a;
  await tree.stopChild('a');
  t.is(first.status().state, 'terminated');
  t.is((await first.stopped).tag, 'shutdown');
  t.is(system.find('a'), undefined);
  t.deepEqual(
    tree.list().map(({ key, state }) => [key, state]),
    [
      ['a', 'terminated'],
      ['b', 'ready'],
    ],
  );
  t.deepEqual(tree.count(), { specs: 2, active: 1, actors: 2, supervisors: 0 });
  // Nothing brings it back by itself (`RST-2`).
  await system.clock.advance('1h');
  t.is(tree.list()[0]?.state, 'terminated');
  const second = await tree.restartChild('a');
  t.not(second.id, first.id);
  t.is(tree.children.a, second);
  t.is(tree.find('a'), second);
  t.is(system.find('a')?.id, second.id);
  t.true(await answers(second));
  t.is(tree.stats().restartsInWindow, 0);
  await tree.stopChild('a');
  await tree.deleteChild('a');
  t.deepEqual(tree.count(), { specs: 1, active: 1, actors: 1, supervisors: 0 });
});

test('children can be added while the supervisor runs', async t => {
  const { system, load } = await fixtures(t);
  const [echo, bad] = await Promise.all([load('echo'), load('start-fails')]);
  const tree = await system.supervise({ name: 'shop', children: { a: child(echo) } });
  const late = await tree.startChild('late', child(echo, { codec: text() }));
  t.is(late.path, '/shop/late');
  t.is(await late.ask('x'), 'x');
  t.is(tree.find('late'), late as never);
  const branch = await tree.startChild('branch', { children: { deep: child(echo), crew: pool(echo) } });
  t.true(await answers(branch.children.deep));
  t.is(branch.children.crew.path, '/shop/branch/crew');
  const failed = await rejection(tree.startChild('bad', child(bad)));
  t.true(failed instanceof StartError, String(failed));
  t.is((failed as StartError).actor, '/shop/bad');
  t.deepEqual(
    tree.list().map(({ key, kind }) => [key, kind]),
    [
      ['a', 'actor'],
      ['late', 'actor'],
      ['branch', 'supervisor'],
    ],
  );
  const wrong = await rejection(tree.startChild('x', child(echo, { restart: 'always' as never })));
  t.is(wrong.message, "child.restart: expected 'permanent' | 'transient' | 'temporary', received 'always'");
  t.is(tree.count().specs, 3);
});

test('JavaScript actors are children like any others', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const counter = actor({
    codec: json<number, number>(),
    start: (config: { from: number }) => ({ sum: config.from }),
    handle: (message, { state }) => {
      if (message < 0) throw new Error('negative');
      state.sum += message;
      return state.sum;
    },
  });
  const tree = await system.supervise({
    strategy: 'one-for-all',
    children: {
      sum: child(counter, { config: { from: 10 } }),
      echo: child(echo),
      crew: pool(counter, { size: 2, config: { from: 5 } }),
    },
  });
  const { sum, crew } = tree.children;
  t.deepEqual([await sum.ask(1), await sum.ask(2)], [11, 13]);
  t.deepEqual(await Promise.all(crew.children.map(ref => ref.ask(1))), [6, 6]);
  const failed = await rejection(sum.ask(-1));
  t.is((failed as Error & { code?: string }).code, 'ERR_ACTOR_CRASHED');
  await system.runUntilIdle();
  t.is(await sum.ask(1), 11);
  t.is(tree.children.sum, sum);
  // A new place gets the same configuration.
  await tree.stopChild('sum');
  t.is(await (await tree.restartChild('sum')).ask(1), 11);
  const quits = actor({ start: () => Promise.reject(new Error('no')), handle: message => message });
  const error = await rejection(tree.startChild('quits', child(quits)));
  t.is((error as StartError).actor, `${tree.path}/quits`);
});

test('a request that cannot be done says why', async t => {
  const { system, load } = await fixtures(t);
  const [echo, trap] = await Promise.all([load('echo'), load('trap-on-ff')]);
  const tree = await system.supervise({ name: 'shop', children: { a: child(echo), b: child(trap) } });
  const problem = async (promise: Promise<unknown>) => {
    const error = await rejection(promise);
    return error instanceof ChildError ? error.problem : error;
  };
  t.is(await problem(tree.stopChild('nobody')), 'not-found');
  t.is(await problem(tree.restartChild('nobody')), 'not-found');
  t.is(await problem(tree.deleteChild('a')), 'running');
  t.is(await problem(tree.restartChild('a')), 'running');
  t.is(await problem(tree.startChild('a', child(echo))), 'already-present');
  for (let count = 0; count < 2; count += 1) {
    tree.children.b.tell(TRIGGER);
    await system.runUntilIdle();
  }
  // It waits before it comes up again: the supervisor answers all the same (`SUP-5`).
  t.is(tree.list()[1]?.state, 'restarting');
  t.is(await problem(tree.restartChild('b')), 'restarting');
  await tree.stop();
  t.is(await problem(tree.startChild('x', child(echo))), 'not-found');
});

test('a supervisor that gives up says so, and its own supervisor starts it anew', async t => {
  const { system, load } = await fixtures(t);
  const [echo, trap] = await Promise.all([load('echo'), load('trap-on-ff')]);
  const nested = { maxRestarts: 1, backoff: 'immediate', children: { a: child(trap), b: child(echo) } } as const;
  const tree = await system.supervise({ name: 'shop', children: { nested } });
  const { a, b } = tree.children.nested.children;
  const gaveUp = nextEvent(system, 'supervisor:gave-up');
  for (let count = 0; count < 2; count += 1) {
    a.tell(TRIGGER);
    await system.runUntilIdle();
  }
  const event = await gaveUp;
  t.is(event.path, '/shop/nested');
  t.is(event.reason.tag, 'intensity');
  t.deepEqual([tree.children.nested.state, tree.state], ['ready', 'ready']);
  t.is(tree.children.nested.stats().incarnation, 2);
  t.true((await answers(a)) && (await answers(b)));
  t.deepEqual(
    tree.history().map(entry => [entry.child, entry.reason.tag]),
    [['nested', 'intensity']],
  );
});

test('significant children end their supervisor', async t => {
  const { system, load } = await fixtures(t);
  const [echo, quits] = await Promise.all([load('echo'), load('stop-effect')]);
  const job = child(quits, { restart: 'transient', significant: true });
  const tree = await system.supervise({
    autoShutdown: 'any-significant',
    restart: 'temporary',
    children: { job, helper: child(echo) },
  });
  const { job: ref, helper } = tree.children;
  ref.tell(Uint8Array.of(1));
  t.is((await tree.stopped).tag, 'shutdown');
  t.is((await ref.stopped).tag, 'normal');
  t.is((await helper.stopped).tag, 'shutdown');
});

test('the whole tree can be printed and read, with states', async t => {
  const { system, load } = await fixtures(t);
  const [echo, trap] = await Promise.all([load('echo'), load('trap-on-ff')]);
  const shop = await system.supervise({
    name: 'shop',
    strategy: 'rest-for-one',
    maxRestarts: Infinity,
    children: { a: child(echo), nested: { within: '5s', children: { b: child(trap) } } },
  });
  shop.children.nested.children.b.tell(TRIGGER);
  await system.runUntilIdle();
  t.deepEqual(String(shop).split('\n'), [
    'shop: rest-for-one, ready, 0 of Infinity restarts in 1m',
    '├─ a: ready',
    '└─ nested: one-for-one, ready, 1 of 5 restarts in 5s',
    '   └─ b: ready, 1 restart',
  ]);
  await system.spawn(echo, { name: 'alone' });
  const lines = String(system).split('\n');
  t.is(lines[0], 'ActorSystem(test running)');
  t.true(lines.some(line => line.endsWith('─ shop: rest-for-one, ready, 0 of Infinity restarts in 1m')));
  t.true(
    lines.some(line => line.endsWith('─ alone: ready')),
    lines.join('\n'),
  );
  const tree = shop.tree();
  t.is(tree?.children[1]?.children[0]?.path, '/shop/nested/b');
  t.deepEqual(JSON.parse(JSON.stringify(tree)).supervisor.strategy, 'rest-for-one');
});

test('a pool restarts each member by itself, grows, and stops as a whole', async t => {
  const { system, load } = await fixtures(t);
  const trap = await load('trap-on-ff');
  const workers = await system.pool(trap, { name: 'workers', size: 3, codec: text() });
  t.is(workers.children.length, 3);
  t.deepEqual(workers.count(), { specs: 3, active: 3, actors: 3, supervisors: 0 });
  const [first] = workers.children;
  t.regex(first?.path ?? '', /^\/workers\/\$/);
  const more = await workers.startChild();
  t.is(await more.ask('x'), 'x');
  t.is(workers.children.length, 4);
  t.is((await workers.stopChild(more)).tag, 'normal');
  await more.stopped;
  t.is(workers.children.length, 3);
  await workers.stop();
  t.is((await first!.stopped).tag, 'shutdown');
  t.is((await workers.stopped).tag, 'shutdown');
  t.deepEqual(workers.count(), { specs: 0, active: 0, actors: 0, supervisors: 0 });
  t.is((await rejection(workers.startChild())).name, 'TroupeError');
});

test('a wrong option anywhere starts nothing', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const entries = journal(system);
  const wrong = { children: { b: child(echo, { limits: { memory: 'lots' as never } }) } };
  const error = await rejection(system.supervise({ name: 'shop', children: { a: child(echo), nested: wrong } }));
  t.is(
    error.message,
    "children.nested.children.b.limits.memory: expected a size such as '16MiB' (64KiB … 4GiB), received 'lots'",
  );
  t.is((error as Error & { code?: string }).code, 'ERR_CONFIG');
  await system.runUntilIdle();
  t.deepEqual([entries, system.actors()], [[], []]);
});

test('a name that is taken is refused, and nothing of the tree is left', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  await system.spawn(echo, { name: 'db' });
  const tree = { children: { a: child(echo), b: child(echo, { name: 'db' }) } };
  t.is(((await rejection(system.supervise(tree))) as Error & { code?: string }).code, 'ERR_NAME_TAKEN');
  await system.runUntilIdle();
  t.is(system.actors().length, 1);
  await system.supervise({ name: 'shop', children: {} });
  const again = await rejection(system.supervise({ name: 'shop', children: {} }));
  t.is((again as Error & { code?: string }).code, 'ERR_NAME_TAKEN');
});

test('a budget that is probably not meant is warned about once, with its place', async t => {
  const warnings: string[] = [];
  const warn = (_fields: object, message: string) => void warnings.push(message);
  const logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
  const system = await systemFor(t, { logger });
  const echo = await system.load(guest('echo'));
  await system.supervise({ backoff: 'immediate', children: { nested: { within: 100, children: { a: child(echo) } } } });
  t.deepEqual(warnings, [
    'the budget of 5 restarts can be spent without any wait between them',
    'children.nested: the budget can never be spent: 5 restarts wait 240 ms or more, the window is 100 ms',
  ]);
});

test('after shutdown a tree is only a memory', async t => {
  const { system, load } = await fixtures(t);
  const echo = await load('echo');
  const tree = await system.supervise({ name: 'shop', children: { a: child(echo), crew: pool(echo, { size: 2 }) } });
  const { a, crew } = tree.children;
  const ended = Promise.all([tree.stopped, a.stopped, crew.stopped]);
  await system.shutdown();
  t.deepEqual(
    (await ended).map(({ tag }) => tag),
    ['shutdown', 'shutdown', 'shutdown'],
  );
  t.deepEqual([tree.list(), tree.history(), tree.tree(), tree.state], [[], [], undefined, 'terminated']);
  await tree.stop();
  const refused = await rejection(tree.startChild('x', child(echo)));
  t.is((refused as Error & { code?: string }).code, 'ERR_SHUTDOWN');
  t.is(String(system), 'ActorSystem(test shut down)');
});
