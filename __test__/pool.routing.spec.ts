import { setImmediate as loopTurn } from 'node:timers/promises';
import test from 'ava';
import { type ActorSystem, actor, child, json, type Pool, pool, type TopPoolOptions, text } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { balanced, guest, nextEvent, systemFor, TRIGGER } from './helpers/system.js';

/** Answers who it is; waits on "wait" until `release` is called; crashes on "crash". */
function whoami() {
  let release = (): void => {};
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const definition = actor({
    handle: async (message: string, { self }) => {
      if (message === 'wait') await held;
      if (message === 'crash') throw new Error('as asked');
      return self.path;
    },
    codec: text(),
  });
  return { definition, release: () => release() };
}

const poolOf = (system: ActorSystem, options: TopPoolOptions<string> = {}): Promise<Pool<string, string>> =>
  system.pool(whoami().definition, { name: 'workers', size: 3, ...options } as never);

async function askers(workers: Pool<string, string>, messages: readonly string[]): Promise<string[]> {
  return Promise.all(messages.map(message => workers.ask(message)));
}

const times = (count: number, word = 'x'): string[] => Array.from({ length: count }, () => word);

function countOf(paths: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const path of paths) counts.set(path, (counts.get(path) ?? 0) + 1);
  return [...counts.values()].sort((one, other) => one - other);
}

test('messages go round the members, and in one turn of the loop too', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system);
  t.deepEqual(countOf(await askers(workers, times(9))), [3, 3, 3]);
  for (let round = 0; round < 3; round += 1) await workers.send('x');
  workers.tell('x');
  await balanced(t, system);
});

test('chance spreads them too, the same way for the same seed', async t => {
  const run = async () => {
    const system = await systemFor(t, { seed: 5 });
    const paths = await askers(await poolOf(system, { routing: 'random' }), times(60));
    return paths.map(path => path.slice(path.lastIndexOf('$')));
  };
  const [one, other] = [await run(), await run()];
  t.is(countOf(one).length, 3);
  t.true(countOf(one)[0]! > 5, String(countOf(one)));
  t.deepEqual(countOf(one), countOf(other));
});

test('the member with the fewest messages is chosen, whoever sent them', async t => {
  const system = await systemFor(t);
  const { definition, release } = whoami();
  const workers = await system.pool(definition, { size: 3, routing: 'least-queued' });
  const [one, two, three] = workers.children;
  for (let count = 0; count < 4; count += 1) one!.tell('wait');
  two!.tell('wait');
  t.deepEqual(new Set(await askers(workers, times(1))), new Set([three!.path]));
  // Two more: the second and the third have fewer than the first.
  three!.tell('wait');
  const chosen = askers(workers, times(2, 'wait'));
  await loopTurn();
  const queued = workers.list().map(({ queued: waiting, inHand }) => waiting + inHand);
  t.deepEqual(queued.sort(), [2, 2, 4]);
  release();
  await chosen;
});

test('a key stays with its member, over restarts too, and few keys move when one more comes', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system, {
    routing: 'hash',
    hash: message => message.split(':')[0]!,
    backoff: { kind: 'immediate' },
  });
  const keys = Array.from({ length: 300 }, (_, index) => `key${index}`);
  const owners = await askers(workers, keys);
  t.true(countOf(owners)[0]! > 60, String(countOf(owners)));
  t.deepEqual(
    await askers(
      workers,
      keys.map(key => `${key}:again`),
    ),
    owners,
  );
  const crashing = workers.children[0]!;
  await t.throwsAsync(crashing.ask('crash'), { code: 'ERR_ACTOR_CRASHED' });
  t.deepEqual(await askers(workers, keys), owners);
  const fourth = await workers.startChild();
  const after = await askers(workers, keys);
  const moved = after.filter((owner, index) => owner !== owners[index]);
  t.true(moved.length > 30 && moved.length < 130, String(moved.length));
  t.true(
    moved.every(owner => owner === fourth.path),
    'only the new member takes keys over',
  );
  await workers.stopChild(fourth);
  t.deepEqual(await askers(workers, keys), owners);
});

test('a key must be one', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system, { routing: 'hash', hash: (() => ({})) as never });
  t.throws(() => workers.tell('x'), { code: 'ERR_VALUE', message: /^hash: expected a string, a number or a bigint/ });
  await t.throwsAsync(workers.ask('x'), { code: 'ERR_VALUE' });
  const broken = await poolOf(system, {
    name: 'broken',
    routing: 'hash',
    hash: () => {
      throw new RangeError('no key');
    },
  });
  await t.throwsAsync(broken.send('x'), { instanceOf: RangeError });
});

test('a member that waits out its backoff is passed over, and one that is full as well', async t => {
  const system = await createTestSystem({ test: t, cache: false });
  const echo = await system.load(guest('trap-on-ff'));
  const workers = await system.pool(echo, {
    size: 2,
    backoff: { kind: 'linear', initial: '10s', max: '10s', jitter: 0 },
    maxRestarts: 100,
    within: '1h',
  });
  const [one, two] = workers.children;
  // The first restart comes at once, the second one waits.
  for (let crash = 0; crash < 2; crash += 1) {
    await t.throwsAsync(one!.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
    await system.runUntilIdle();
  }
  t.is(one!.status().state, 'restarting');
  for (let count = 0; count < 4; count += 1) t.deepEqual(await workers.ask(bytes('ok')), bytes('ok'));
  t.is(two!.status().counters.handled, 4);
  await system.clock.advance('11s');
  for (let count = 0; count < 4; count += 1) await workers.ask(bytes('ok'));
  t.is(two!.status().counters.handled, 6);
});

test('when every member is full, its mailbox decides, so that a sender is slowed down', async t => {
  const system = await systemFor(t);
  const { definition, release } = whoami();
  const workers = await system.pool(definition, { size: 2, limits: { mailbox: 1 } });
  const [one, two] = workers.children;
  const held = [one!, one!, two!].map(ref => ref.ask('wait'));
  await loopTurn();
  t.is(await workers.send('x'), undefined, 'the other one has room');
  let settled = false;
  const waiting = workers.send('x').then(() => {
    settled = true;
  });
  await loopTurn();
  t.false(settled);
  release();
  await Promise.all([...held, waiting]);
  await balanced(t, system);
});

test('without a member that takes messages a request is refused at once, and a message is a dead letter', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system, { size: 0 });
  const letter = nextEvent(system, 'deadletter');
  workers.tell('hello');
  const { target, reason, size } = await letter;
  t.deepEqual({ target, reason, size }, { target: '/workers', reason: 'no-subscriber', size: 5 });
  await t.throwsAsync(workers.ask('x'), {
    code: 'ERR_NO_RESPONDERS',
    message: 'ask to /workers: there is no member',
  });
  await t.throwsAsync(workers.send('x'), { code: 'ERR_NO_RESPONDERS' });
  const audit = await balanced(t, system);
  t.is(audit.refused.byReason['no-subscriber'], 3);
  const member = await workers.startChild();
  t.is(await workers.ask('x'), member.path);
  await workers.stop();
  await t.throwsAsync(workers.ask('x'), { code: 'ERR_NO_RESPONDERS' });
});

test('an actor tells and asks a pool as itself', async t => {
  const system = await systemFor(t);
  const seen: string[] = [];
  let goOn = (): void => {};
  const late = new Promise<void>(resolve => {
    goOn = resolve;
  });
  const member = actor({
    codec: json<string, string>(),
    async handle(message, { self, sender, ask }): Promise<string> {
      if (message === 'tell') seen.push(`${self.path} from ${sender?.path}`);
      // Its pool has no other member: it would wait for itself.
      if (message === 'cycle') return ask(workers, 'again').catch(({ code }) => code);
      if (message === 'slow') await late;
      return self.path;
    },
  });
  const workers: Pool<string, string> = await system.pool(member, { name: 'workers', size: 1 });
  const boss = actor({
    codec: json<string, string>(),
    handle(message, { tell, ask }) {
      if (message !== 'tell') return ask(workers, message).catch(({ code }) => code);
      tell(workers, message);
      return '';
    },
  });
  const ref = await system.spawn(boss, { name: 'boss' });
  const [one] = workers.children;
  await ref.ask('tell');
  t.is(await ref.ask('x'), one!.path);
  t.deepEqual(seen, [`${one!.path} from /user/boss`]);
  t.is(await ref.ask('cycle'), 'ERR_ASK_CYCLE', 'the chain of those who wait goes along');
  // Both have the same deadline: who is told first, the boss or who asked it, is open.
  t.is(await ref.ask('slow', { timeout: '50ms' }).catch(({ code }) => code), 'ERR_ASK_TIMEOUT');
  goOn();
  // By the pool, which looks at its members anew then.
  await workers.stopChild(one!);
  t.is(await ref.ask('x'), 'ERR_NO_RESPONDERS');
  await ref.ask('tell');
  const { refused } = await balanced(t, system);
  t.is(refused.byReason['no-subscriber'], 2);
});

test('what is neither an actor nor a pool takes no messages of an actor', async t => {
  const system = await systemFor(t);
  const wrong = actor({
    codec: text(),
    async handle(message, { tell, ask }): Promise<string> {
      const target = { tell() {}, ask() {} } as never;
      if (message === 'ask') return ask<string, string>(target, 'x').catch((error: Error) => error.message);
      try {
        tell(target, 'x');
        return 'told';
      } catch (error) {
        return (error as Error).message;
      }
    },
  });
  const ref = await system.spawn(wrong);
  for (const verb of ['tell', 'ask'])
    t.regex(await ref.ask(verb), /^target: expected an actor reference or a pool, received /);
});

test('a pool whose only member is restarted loses nothing but the message in hand', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system, { size: 1, backoff: { kind: 'immediate' }, maxRestarts: 100 });
  const crashed = workers.ask('crash');
  const rest = times(50).map(message => workers.ask(message));
  await t.throwsAsync(crashed, { code: 'ERR_ACTOR_CRASHED' });
  await Promise.all(rest);
  for (let round = 0; round < 20; round += 1) {
    workers.tell('crash');
    workers.tell('x');
    await loopTurn();
  }
  const audit = await balanced(t, system);
  t.is(audit.refused.total, 0);
  t.is(audit.failedInHandler, 21);
});

test('pools below supervisors route too, and values are typed', async t => {
  const system = await systemFor(t);
  const sum = actor({
    handle: ({ a, b }: { a: number; b: number }) => a + b,
    codec: json<{ a: number; b: number }, number>(),
  });
  const top = await system.supervise({
    children: { adders: pool(sum, { size: 2, routing: 'hash', hash: ({ a }) => a }) },
  });
  t.is(await top.children.adders.ask({ a: 1, b: 2 }), 3);
});

test('what contradicts itself is refused with its path', async t => {
  const system = await systemFor(t);
  const refused = async (options: object, message: string) =>
    t.throwsAsync(poolOf(system, options), { code: 'ERR_CONFIG', message });
  await refused({ routing: 'hash' }, 'hash: expected a function from a message to its key, received undefined');
  await refused({ hash: () => 1 }, "hash: it means nothing here; set routing to 'hash'");
  await refused(
    { routing: 'sticky' },
    "routing: expected 'round-robin' | 'random' | 'least-queued' | 'hash', received 'sticky'",
  );
});

test('a pool is no peer: a guest is given members', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system);
  const echo = await system.load(guest('echo'));
  const peers = { workers: workers as never };
  await t.throwsAsync(system.spawn(echo, { peers }), {
    code: 'ERR_CONFIG',
    message: /^peers\.workers: expected an actor reference; of a pool or a supervisor, one of its children, received /,
  });
  await t.throwsAsync(system.supervise({ children: { a: child(echo, { peers }) } }), {
    code: 'ERR_CONFIG',
    message: /^children\.a\.peers\.workers: /,
  });
});

test('after the end of the system a message is counted and a request refused', async t => {
  const system = await systemFor(t);
  const workers = await poolOf(system);
  await system.shutdown();
  workers.tell('late');
  await t.throwsAsync(workers.ask('late'), { code: 'ERR_SHUTDOWN' });
  t.is(system.audit().refused.byReason['shutdown'], 1);
});
