/** What an actor in JavaScript sees and can do in each of its functions, in the middle of a message and between two. */
import test from 'ava';
import { type ActorContext, type ActorRef, actor, pool, type TroupeError, text } from '../src/index.js';
import { nextEvent, rejection, systemFor, until } from './helpers/system.js';

const echo = actor({ codec: text(), handle: (message: string) => message });

/** Watches an actor and calls a function with each notice; the messages before it are of a topic. */
function watcherOf(target: ActorRef<never, unknown>, down: (context: ActorContext<undefined, string>) => unknown) {
  return actor({
    codec: text(),
    start: (_: unknown, { monitor }) => {
      monitor(target);
      return undefined;
    },
    handle: (message: string) => message,
    down: (_, context) => down(context),
  });
}

test('a notice of an end comes from nobody and was published on nothing, whatever was in hand before', async t => {
  const system = await systemFor(t);
  const target = await system.spawn(echo);
  let seen: unknown[] | undefined;
  const watcher = await system.spawn(
    watcherOf(target, ({ topic, retained, sender, missed }) => {
      seen = [topic, retained, sender, missed];
    }),
    { subscribe: ['news'] },
  );
  system.publish('news', 'first', { codec: text() });
  await watcher.ask('second');
  system.publish('news', 'last', { codec: text() });
  await target.stop();
  await until(() => seen !== undefined);
  t.deepEqual(seen, [undefined, false, undefined, 0]);
});

test('a request that is made in down would wait for itself, and is refused at once', async t => {
  const system = await systemFor(t);
  const target = await system.spawn(echo);
  let error: TroupeError | undefined;
  const watcher = watcherOf(target, async ({ ask, self }) => {
    error = (await rejection(ask(self, 'anybody there?', { timeout: Infinity }))) as TroupeError;
  });
  await system.spawn(watcher);
  await target.stop();
  await until(() => error !== undefined);
  t.is(error?.code, 'ERR_ASK_CYCLE');
});

test('a notice cannot be put aside, which is said where it is tried and harms nobody', async t => {
  const system = await systemFor(t);
  const target = await system.spawn(echo);
  let said: string | undefined;
  const watcher = await system.spawn(
    watcherOf(target, ({ stash, unstash }) => {
      unstash();
      said = t.throws(stash, { code: 'ERR_VALUE' })?.message;
    }),
  );
  await target.stop();
  await until(() => said !== undefined);
  t.is(said, `${watcher.path}: the notice of an end cannot be put aside`);
  t.is(await watcher.ask('still there'), 'still there');
  t.is(watcher.status().incarnation, 1);
});

test('what was put aside may come back with the notice of an end', async t => {
  const system = await systemFor(t);
  const target = await system.spawn(echo);
  const handled: string[] = [];
  let over = false;
  const waiting = actor({
    codec: text(),
    start: (_: unknown, { monitor }) => {
      monitor(target);
      return undefined;
    },
    handle(message: string, { stash }) {
      if (!over) stash();
      else handled.push(message);
    },
    down(_, { unstash }) {
      over = true;
      unstash();
    },
  });
  const ref = await system.spawn(waiting);
  for (const message of ['a', 'b']) await ref.send(message);
  await target.stop();
  await until(() => handled.length === 2);
  t.deepEqual(handled, ['a', 'b']);
});

test('an actor stops itself from each of its functions, and from what it left running', async t => {
  const system = await systemFor(t);
  const restarts: unknown[] = [];
  system.on('actor:restarting', event => restarts.push(event));
  const target = await system.spawn(echo);
  const handle = (): void => {};
  const functions = {
    start: actor({ start: (_: unknown, { stop }) => stop(), handle }),
    'start, later': actor({
      start: async (_: unknown, { stop }) => {
        await new Promise(setImmediate);
        stop();
      },
      handle,
    }),
    health: actor({ health: ({ stop }) => stop() as undefined, handle }),
    'health that fails': actor({
      health({ stop }) {
        stop();
        throw new Error('as planned');
      },
      handle,
    }),
    down: actor({
      start: (_: unknown, { monitor }) => void monitor(target),
      down: (_, { stop }) => stop(),
      handle,
    }),
    'what it left running': actor({ start: (_: unknown, { stop }) => void setImmediate(stop), handle }),
  };
  const refs: ActorRef[] = [];
  for (const definition of Object.values(functions)) {
    refs.push(await system.spawn(definition, { health: { interval: '20ms' } }));
  }
  target.kill();
  // A wait for ends keeps no process alive.
  const ended = (ref: ActorRef): boolean => ref.status().exit !== undefined;
  await until(() => refs.every(ended));
  t.deepEqual(
    refs.map(ref => ref.status().exit?.tag),
    Object.keys(functions).map(() => 'normal'),
  );
  t.deepEqual(restarts, [], 'a stop that was asked for');
});

test('a life that is over stops nobody', async t => {
  const system = await systemFor(t);
  const stops: (() => void)[] = [];
  const fragile = actor({
    codec: text(),
    handle(message: string, { stop }) {
      stops.push(stop);
      if (message === 'boom') throw new Error('as asked');
      return message;
    },
  });
  const ref = await system.spawn(fragile);
  const restarted = nextEvent(system, 'actor:restarted');
  await t.throwsAsync(ref.ask('boom'), { code: 'ERR_ACTOR_CRASHED' });
  await restarted;
  stops[0]?.();
  t.is(await ref.ask('next'), 'next');
  t.is(await ref.ask('and one'), 'and one');
});

test('what an actor sends to another system comes from outside there', async t => {
  const [system, other] = [await systemFor(t), await systemFor(t)];
  const named = actor({ codec: text(), handle: (_: string, { sender }) => sender?.path ?? 'outside' });
  // At the address that the sender has in its own system there is somebody in the other one too.
  const strangers = await Promise.all(Array.from({ length: 8 }, () => other.spawn(named)));
  const senders: string[] = [];
  const listener = actor({
    codec: text(),
    handle(_: string, { sender }) {
      senders.push(sender?.path ?? 'outside');
      return 'heard';
    },
  });
  const target = await other.spawn(listener);
  const many = await other.pool(listener, { size: 2 });
  const caller = actor({
    codec: text(),
    async handle(_: string, { tell, ask }) {
      tell(target, 'told');
      tell(many, 'told');
      return `${await ask(target, 'asked')}, ${await ask(many, 'asked', { timeout: Infinity })}`;
    },
  });
  const refs = await Promise.all(Array.from({ length: 8 }, () => system.spawn(caller)));
  for (const ref of refs) t.is(await ref.ask('go'), 'heard, heard');
  await until(() => senders.length === 4 * refs.length);
  t.deepEqual([...new Set(senders)], ['outside']);
  t.is(strangers.length, 8);
});

test('an actor watches and is tied to actors of its own system only', async t => {
  const [system, other] = [await systemFor(t), await systemFor(t)];
  const target = await other.spawn(echo);
  const said: string[] = [];
  const ref = await system.spawn(
    actor({
      codec: text(),
      handle(_: string, { monitor, link, unlink }) {
        for (const tie of [monitor, link, unlink]) said.push(String(t.throws(() => tie(target))?.message));
      },
      down: () => {},
    }),
  );
  await ref.ask('go');
  t.is(said.length, 3);
  for (const message of said) t.regex(message, /^target: expected an actor of this system, received/);
});

test('a pool stops members of its own only', async t => {
  const [system, other] = [await systemFor(t), await systemFor(t)];
  const [mine, theirs] = [await system.pool(echo, { name: 'p' }), await other.pool(echo, { name: 'p' })];
  const stranger = theirs.children[0]!;
  await t.throwsAsync(mine.stopChild(stranger), { message: /^member: expected an actor of this system/ });
  await t.throwsAsync(mine.stopChild(await system.spawn(echo)), { message: /^member: expected a member of \/p/ });
  await t.throwsAsync(mine.stopChild(pool(echo) as never), { message: /^member: expected a member of \/p/ });
  t.is(stranger.status().state, 'ready');
});
