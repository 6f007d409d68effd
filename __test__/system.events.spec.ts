import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import test from 'ava';
import { ActorSystem, actor, json } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { answers, guest, memoryLogger, nextEvent, systemFor, TRIGGER, until } from './helpers/system.js';

test('the life of an actor is told in order', async t => {
  const system = await systemFor(t);
  const names = ['actor:started', 'actor:crashed', 'actor:restarting', 'actor:restarted', 'actor:stopped'] as const;
  const seen: string[] = [];
  for (const name of names) system.on(name, ({ path }) => seen.push(`${name} ${path}`));
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { name: 'told' });
  ref.tell(TRIGGER);
  await until(() => seen.includes('actor:restarted /user/told'));
  await ref.stop();
  await until(() => seen.length === 5);
  t.deepEqual(
    seen,
    names.map(name => `${name} /user/told`),
  );
});

test('a crash tells the trap and the frames of the guest', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')));
  const crashed = nextEvent(system, 'actor:crashed');
  ref.tell(TRIGGER);
  const { trap, backtrace, reason, incarnation } = await crashed;
  t.regex(trap, /unreachable/);
  t.is(reason.tag, 'trap');
  t.is(incarnation, 1);
  t.true(backtrace.length >= 1 && backtrace.length <= 16);
});

test('without backtraces a crash tells no frames', async t => {
  const system = await systemFor(t, { trapBacktrace: false });
  const ref = await system.spawn(await system.load(guest('trap-on-ff')));
  const crashed = nextEvent(system, 'actor:crashed');
  ref.tell(TRIGGER);
  t.deepEqual((await crashed).backtrace, []);
});

test('a message is processed when it was handled: not when it was put aside, or could not be read', async t => {
  const system = await systemFor(t);
  const seen: string[] = [];
  system.on('message:received', ({ size }) => seen.push(`received ${size}`));
  system.on('message:processed', ({ size }) => seen.push(`processed ${size}`));
  let open = false;
  const door = actor({
    codec: json<string, boolean>(),
    handle(message, { stash, unstash }) {
      if (message === 'open') {
        open = true;
        unstash();
      } else if (!open) {
        stash();
      }
      return true;
    },
  });
  const ref = await system.spawn(door);
  await ref.send('later');
  await system.find(ref.path)!.send(bytes('{'));
  await until(() => ref.status().queued === 1 && seen.includes('received 1'));
  t.deepEqual(seen, ['received 7', 'received 1']);
  await ref.ask('open');
  await until(() => seen.length === 6);
  t.deepEqual(seen.slice(2), ['received 6', 'processed 6', 'received 7', 'processed 7']);
});

test('a listener that was taken off hears nothing', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  let heard = 0;
  const off = system.on('actor:started', () => {
    heard += 1;
  });
  const started = nextEvent(system, 'actor:started');
  await system.spawn(echo);
  await started;
  off();
  off();
  const again = nextEvent(system, 'actor:started');
  await system.spawn(echo);
  await again;
  t.is(heard, 1);
});

test('a listener that throws, now or later, harms nobody and is told', async t => {
  const { logger, lines } = memoryLogger();
  const system = await systemFor(t, { logger });
  const failures: string[] = [];
  system.on('hook-failed', ({ text }) => {
    failures.push(text);
    throw new Error('even this one');
  });
  system.on('actor:started', () => {
    throw new Error('at once');
  });
  system.on('actor:started', async () => {
    throw new Error('later');
  });
  const ref = await system.spawn(await system.load(guest('echo')));
  await until(() => failures.length === 2);
  t.true(failures.some(text => text.includes('at once')) && failures.some(text => text.includes('later')));
  t.true(await answers(ref));
  t.is(lines.filter(([level, message]) => level === 'error' && message.includes('a listener failed')).length, 2);
});

test('a listener runs in the context it was added in', async t => {
  const system = await systemFor(t);
  const storage = new AsyncLocalStorage<string>();
  const seen = storage.run('mine', () => {
    return new Promise(resolve => system.on('actor:started', () => resolve(storage.getStore())));
  });
  await system.spawn(await system.load(guest('echo')));
  t.is(await seen, 'mine');
});

test('the context of an ask is there when it is answered', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('echo')));
  const storage = new AsyncLocalStorage<number>();
  const contexts = await Promise.all(
    [1, 2, 3].map(number =>
      storage.run(number, async () => {
        await ref.ask(bytes('x'));
        return storage.getStore();
      }),
    ),
  );
  t.deepEqual(contexts, [1, 2, 3]);
});

test('diagnostics channels carry the same events', async t => {
  const seen: string[] = [];
  const listener = (message: unknown) => seen.push((message as { path: string }).path);
  subscribe('wasm-troupe:actor:started', listener);
  t.teardown(() => unsubscribe('wasm-troupe:actor:started', listener));
  const system = await systemFor(t);
  await system.spawn(await system.load(guest('echo')), { name: 'traced' });
  await until(() => seen.includes('/user/traced'));
  t.pass();
});

test('dead letters are told and kept, the newest of them', async t => {
  const system = await systemFor(t, { deadLetters: 3 });
  const ref = await system.spawn(await system.load(guest('echo')), { name: 'gone' });
  await ref.stop();
  const sizes: number[] = [];
  system.on('deadletter', ({ size }) => sizes.push(size));
  for (let size = 1; size <= 5; size += 1) ref.tell(new Uint8Array(size));
  await until(() => sizes.length === 5);
  t.deepEqual(sizes, [1, 2, 3, 4, 5]);
  t.deepEqual(
    system.deadLetters().map(letter => letter.size),
    [3, 4, 5],
  );
  t.is(system.audit().refused.total, 5);
});

test('every restart is a warning, and giving up is an error', async t => {
  const { logger, lines } = memoryLogger();
  const system = await systemFor(t, { logger });
  const component = await system.load(guest('trap-on-ff'));
  const ref = await system.spawn(component, { name: 'noisy', maxRestarts: 2, backoff: 'immediate' });
  for (let count = 0; count < 3; count += 1) await t.throwsAsync(ref.ask(TRIGGER));
  await ref.stopped;
  await until(() => lines.some(([level]) => level === 'error'));
  const about = lines.filter(([, message]) => message.startsWith('/user/noisy'));
  t.deepEqual(
    about.map(([level]) => level),
    ['warn', 'warn', 'error'],
  );
  t.regex(about[0]?.[1] ?? '', /crashed \(trap: .*unreachable.*\), restarting at once/s);
  t.regex(about[2]?.[1] ?? '', /gave up/);
});

test('log lines of a guest reach the logger at their level', async t => {
  const { logger, lines } = memoryLogger();
  const system = await systemFor(t, { logger });
  const ref = await system.spawn(await system.load(guest('log-effect')), { name: 'talker' });
  await ref.ask(bytes('x'));
  await until(() => lines.length === 4);
  t.deepEqual(
    lines,
    ['debug', 'info', 'warn', 'error'].map(level => [level, `/user/talker: ${level}`]),
  );
});

test('a logger that throws harms nobody', async t => {
  const fail = () => {
    throw new Error('disk full');
  };
  const system = await systemFor(t, { logger: { debug: fail, info: fail, warn: fail, error: fail } });
  const ref = await system.spawn(await system.load(guest('trap-on-ff')));
  await t.throwsAsync(ref.ask(TRIGGER));
  t.true(await answers(ref));
});

test('an event that does not exist, or a listener that is none, is refused', async t => {
  const system = await systemFor(t);
  t.throws(() => system.on('actor:exploded' as never, () => {}), {
    code: 'ERR_CONFIG',
    message: /there is no 'actor:exploded'/,
  });
  t.throws(() => system.on('deadletter', 'x' as never), { code: 'ERR_CONFIG', message: /^listener: / });
});

test('wrong options of a system are refused before anything starts', async t => {
  await t.throwsAsync(ActorSystem.create({ treads: 2 } as never), {
    code: 'ERR_CONFIG',
    message: /did you mean 'threads'/,
  });
  await t.throwsAsync(ActorSystem.create({ limits: { memory: 'lots' as never } }), { message: /^limits\.memory: / });
});
