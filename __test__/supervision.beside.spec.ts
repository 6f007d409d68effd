import { AsyncLocalStorage } from 'node:async_hooks';
import test from 'ava';
import {
  type ActorSystem,
  actor,
  child,
  type HookContext,
  type HookFailedEvent,
  json,
  type LifecycleHooks,
  pool,
  text,
} from '../src/index.js';
import { bytes, stateIn } from './helpers/bytes.js';
import { guest, systemFor, TRIGGER, until } from './helpers/system.js';

const EMPTY = new Uint8Array();
const SOON = { kind: 'immediate' } as const;

/** Hooks that note what they are told, with the last step of the path. */
function noting(lines: string[]): LifecycleHooks {
  const key = ({ path }: HookContext) => path.slice(path.lastIndexOf('/') + 1);
  return {
    preStart: ({ state }) => lines.push(`preStart ${state.get()}`),
    postStart: context => lines.push(`postStart ${key(context)} #${context.incarnation}`),
    preStop: context => lines.push(`preStop ${key(context)}`),
    postStop: context => lines.push(`postStop ${key(context)} ${context.reason.tag}`),
    onError: context => lines.push(`onError ${key(context)} ${context.reason.tag}`),
    onRestart: context => lines.push(`onRestart ${key(context)} #${context.incarnation}`),
  };
}

function failures(system: ActorSystem): HookFailedEvent[] {
  const seen: HookFailedEvent[] = [];
  system.on('hook-failed', event => seen.push(event));
  return seen;
}

test('hooks of children are told of their lives, those before the start in its order', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const crashing = await system.load(guest('trap-on-ff'));
  const hooks = noting(lines);
  const shop = await system.supervise({
    name: 'shop',
    backoff: SOON,
    children: {
      a: child(crashing, { hooks, state: 'of a' }),
      below: { children: { b: child(actor({ handle: () => {} }), { hooks, state: 'of b' }) } },
    },
  });
  t.deepEqual(lines.splice(0), ['preStart of a', 'preStart of b', 'postStart a #1', 'postStart b #1']);
  await t.throwsAsync(shop.children.a.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  await shop.children.a.ask(EMPTY);
  t.deepEqual(lines.splice(0), ['onError a trap', 'onRestart a #2']);
  await shop.stopChild('a');
  t.deepEqual(lines.splice(0), ['preStop a', 'postStop a shutdown']);
  const again = await shop.restartChild('a');
  t.is(again.state.get(), 'of a', 'a new actor begins with the value in the options');
  t.deepEqual(lines.splice(0), ['preStart of a', 'postStart a #3']);
  await shop.stop();
  t.deepEqual(lines.sort(), ['postStop a normal', 'postStop b normal', 'preStop a', 'preStop b']);
});

test('hooks and state of a child outlive the lives of its supervisor', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const crashing = await system.load(guest('trap-on-ff'));
  const top = await system.supervise({
    backoff: SOON,
    children: {
      nested: {
        maxRestarts: 0,
        children: { kept: child(crashing, { hooks: noting(lines), state: 1 }) },
      },
    },
  });
  const { kept } = top.children.nested.children;
  t.is(kept.state.get(), 1);
  kept.state.update<number>(value => value + 1);
  await t.throwsAsync(kept.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  await kept.ask(EMPTY);
  t.is(top.children.nested.stats().incarnation, 2);
  t.is(kept.state.get(), 2);
  await until(() => lines.length === 4);
  t.deepEqual(lines, ['preStart 1', 'postStart kept #1', 'onError kept trap', 'onRestart kept #2']);
});

test('members of a pool have hooks and a state each, those that come later too', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const sums = actor({
    handle: (by: number, { self }) => self.state.update<number>(sum => sum + by),
    codec: json<number, number>(),
  });
  const workers = await system.pool(sums, { name: 'workers', size: 2, state: 10, hooks: noting(lines) });
  const sorted = () => lines.splice(0).map(line => line.replace(/\$\S+/, '$'));
  t.deepEqual(sorted(), ['preStart 10', 'preStart 10', 'postStart $ #1', 'postStart $ #1']);
  const [one, two] = workers.children;
  t.is(await one!.ask(1), 11);
  t.is(await one!.ask(1), 12);
  t.is(await two!.ask(5), 15);
  const third = await workers.startChild();
  t.deepEqual(sorted(), ['preStart 10', 'postStart $ #1']);
  t.is(await third.ask(0), 10);
  t.is(system.find(third.path, { codec: json() })?.state.get(), 10);
  await workers.stopChild(third);
  t.deepEqual(sorted(), ['preStop $', 'postStop $ normal']);
  await workers.stop();
  t.is(lines.filter(line => line.startsWith('postStop')).length, 2);
});

test('a pool that is restarted makes new members, and their hooks are told', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const crashing = await system.load(guest('trap-on-ff'));
  const top = await system.supervise({
    backoff: SOON,
    children: {
      workers: pool(crashing, {
        backoff: SOON,
        poolBudget: { maxRestarts: 0 },
        hooks: noting(lines),
        state: 'first',
      }),
    },
  });
  const [member] = top.children.workers.children;
  member!.state.update('kept');
  lines.length = 0;
  member!.tell(TRIGGER);
  await until(() => lines.some(line => line.startsWith('onRestart')));
  t.is(top.children.workers.children[0]?.state.get(), 'kept', 'the member is the same one');
  t.regex(lines[0]!, /^onError \S+ trap$/);
});

test('guests in a tree are given their state at each start', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-ok'));
  const top = await system.supervise({
    backoff: SOON,
    children: {
      a: child(component, {
        stateInConfig: true,
        state: 'first',
        hooks: { preStart: ({ state }) => void state.update('from a hook') },
        faults: { trapOn: 1 },
      }),
      workers: pool(component, { stateInConfig: true, state: { at: 1 } }),
    },
  });
  const { a, workers } = top.children;
  const [member] = workers.children;
  t.deepEqual(stateIn(await member!.ask(EMPTY)), { at: 1 });
  t.is(a.state.get(), 'from a hook');
  await t.throwsAsync(a.ask(EMPTY), { code: 'ERR_ACTOR_CRASHED' });
  t.is(stateIn(await a.ask(EMPTY)), 'from a hook');
  a.state.update('second');
  const later = await top.startChild('later', child(component, { stateInConfig: true, state: 'of its own' }));
  t.is(stateIn(await later.ask(EMPTY)), 'of its own');
  t.throws(() => a.state.update(1n), { code: 'ERR_VALUE' });
});

test('hooks of a child that throw, hang, or stop their own actor decide nothing', async t => {
  const system = await systemFor(t);
  const failed = failures(system);
  const lines: string[] = [];
  const echo = await system.load(guest('echo'));
  const top = await system.supervise({
    name: 'top',
    children: {
      steady: child(echo, {
        hookTimeout: 20,
        hooks: {
          preStart: () => {
            throw new Error('before');
          },
          postStart: () => new Promise(() => {}),
          postStop: () => Promise.reject(new Error('gone')),
        },
      }),
      leaving: child(echo, {
        restart: 'temporary',
        hooks: {
          postStart: async ({ ref }) => {
            lines.push((await ref.stop()).tag);
          },
          preStop: () => lines.push('preStop'),
          postStop: () => lines.push('postStop'),
        },
      }),
    },
  });
  t.deepEqual(await top.children.steady.ask(bytes('still')), bytes('still'));
  await until(() => lines.length === 3);
  t.deepEqual(lines, ['normal', 'preStop', 'postStop']);
  await top.stop();
  t.deepEqual(
    failed.map(({ hook, path }) => [hook, path]),
    [
      ['preStart', ''],
      ['postStart', '/top/steady'],
      ['postStop', '/top/steady'],
    ],
  );
});

test('a child that does not come up is told by onError, and the others by their end', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const [good, bad] = [await system.load(guest('echo')), await system.load(guest('start-fails'))];
  const hooks = noting(lines);
  const started = system.supervise({ children: { good: child(good, { hooks }), bad: child(bad, { hooks }) } });
  await t.throwsAsync(started, { code: 'ERR_START_FAILED' });
  await until(() => lines.filter(line => line.startsWith('postStop')).length === 2);
  t.deepEqual(lines.slice(0, 4), [
    'preStart undefined',
    'preStart undefined',
    'postStart good #1',
    'onError bad start-failed',
  ]);
  await t.throwsAsync(system.pool(bad, { hooks }), { code: 'ERR_START_FAILED' });
  await until(() => lines.filter(line => line.startsWith('onError')).length === 2);
});

test('hooks run in the context of whoever described the tree', async t => {
  const system = await systemFor(t);
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const hooks: LifecycleHooks = {
    postStart: () => seen.push(storage.getStore()),
    onRestart: () => seen.push(storage.getStore()),
  };
  const crashing = await system.load(guest('trap-on-ff'));
  const top = await storage.run('tree', () =>
    system.supervise({ backoff: SOON, children: { a: child(crashing, { hooks }) } }),
  );
  storage.run('message', () => top.children.a.tell(TRIGGER));
  await until(() => seen.length === 2);
  t.deepEqual(seen, ['tree', 'tree']);
});

test('a child that is started and deleted in a loop leaves no state and no hooks', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const top = await system.supervise({ children: {} });
  const echo = actor({ handle: (message: string) => message, codec: text() });
  for (let round = 0; round < 5; round += 1) {
    await top.startChild('one', child(echo, { hooks: noting(lines), state: round }));
    t.is((top.find('one') as { state: { get(): unknown } }).state.get(), round);
    await top.stopChild('one');
    await top.deleteChild('one');
  }
  t.is(lines.length, 5 * 4);
  t.is((system as unknown as { registrations: number }).registrations, 0);
});
