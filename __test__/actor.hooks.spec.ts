import { AsyncLocalStorage } from 'node:async_hooks';
import test, { type ExecutionContext } from 'ava';
import {
  type ActorSystem,
  actor,
  type HookFailedEvent,
  json,
  type LifecycleHooks,
  type SpawnOptions,
} from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { guest, systemFor, TRIGGER, until } from './helpers/system.js';

const EMPTY = new Uint8Array();
const NEVER = new Promise(() => {});

/** Hooks that note what they are told. */
function noting(lines: string[]): LifecycleHooks {
  return {
    preStart: ({ name }) => lines.push(`preStart ${name}`),
    postStart: ({ path, incarnation }) => lines.push(`postStart ${path} #${incarnation}`),
    preStop: ({ incarnation }) => lines.push(`preStop #${incarnation}`),
    postStop: ({ reason }) => lines.push(`postStop ${reason.tag}`),
    onMessageReceived: ({ size }) => lines.push(`received ${size}`),
    onMessageProcessed: ({ size, latencyMs }) => lines.push(`processed ${size} ${latencyMs >= 0}`),
    onError: ({ reason }) => lines.push(`onError ${reason.tag}`),
    onRestart: ({ reason, incarnation, attempt }) => lines.push(`onRestart ${reason.tag} #${incarnation} ${attempt}`),
  };
}

const failures = (system: ActorSystem): HookFailedEvent[] => {
  const seen: HookFailedEvent[] = [];
  system.on('hook-failed', event => seen.push(event));
  return seen;
};

async function spawnEcho(t: ExecutionContext, system: ActorSystem, options: SpawnOptions) {
  t.timeout(60_000);
  return system.spawn(await system.load(guest('echo')), options);
}

test('hooks are told of a life from before its start until after its end, in order', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { name: 'seen', hooks: noting(lines) });
  t.deepEqual(lines.splice(0), ['preStart seen', 'postStart /user/seen #1']);
  await ref.ask(bytes('abc'));
  await t.throwsAsync(ref.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  await ref.ask(EMPTY);
  t.is((await ref.stop()).tag, 'normal');
  t.deepEqual(lines, [
    'received 3',
    'processed 3 true',
    'received 1',
    'onError trap',
    'onRestart trap #2 1',
    'received 0',
    'processed 0 true',
    'preStop #2',
    'postStop normal',
  ]);
});

test('a kill is told by postStop alone', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const { preStop, postStop } = noting(lines);
  const ref = await spawnEcho(t, system, { hooks: { preStop, postStop } });
  const stopped = ref.stopped;
  ref.kill();
  t.is((await stopped).tag, 'killed');
  t.deepEqual(lines, ['postStop killed']);
});

test('an actor that does not come up is told by onError, and leaves nothing', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const spawned = system.spawn(await system.load(guest('start-fails')), { name: 'dud', hooks: noting(lines) });
  await t.throwsAsync(spawned, { code: 'ERR_START_FAILED' });
  t.deepEqual(lines, ['preStart dud', 'onError start-failed']);
  t.is(system.find('dud'), undefined);
});

test('a hook that throws, rejects or hangs is an event, and decides nothing', async t => {
  const system = await systemFor(t);
  const failed = failures(system);
  const ref = await spawnEcho(t, system, {
    name: 'unmoved',
    hookTimeout: 20,
    hooks: {
      preStart: () => {
        throw new Error('before');
      },
      postStart: async () => {
        throw new Error('after');
      },
      preStop: () => NEVER,
      postStop: () => Promise.reject(new Error('gone')),
    },
  });
  t.deepEqual(await ref.ask(bytes('still')), bytes('still'));
  t.is((await ref.stop()).tag, 'normal');
  await until(() => failed.length === 4);
  t.deepEqual(
    failed.map(({ hook }) => hook),
    ['preStart', 'postStart', 'preStop', 'postStop'],
  );
  t.regex(failed[0]!.text, /on 'preStart': Error: before/);
  t.regex(failed[2]!.text, /it took longer than 20ms/);
  t.is(failed[3]!.path, '/user/unmoved');
});

test('a hook that stops its own actor, and waits for it, waits for nobody', async t => {
  const system = await systemFor(t);
  const failed = failures(system);
  const lines: string[] = [];
  const ref = await spawnEcho(t, system, {
    hookTimeout: '1m',
    hooks: {
      postStart: async ({ ref }) => {
        lines.push((await ref.stop()).tag);
      },
      postStop: () => lines.push('postStop'),
    },
  });
  t.is((await ref.stopped).tag, 'normal');
  await until(() => lines.length === 2);
  t.deepEqual(lines, ['normal', 'postStop']);
  t.deepEqual(failed, []);
});

test('an end is told after the hooks of it, and so is the shutdown', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const slow = async (): Promise<void> => {
    for (let turns = 0; turns < 50; turns += 1) await new Promise(resolve => setImmediate(resolve));
    lines.push('hook');
  };
  const first = await spawnEcho(t, system, { hooks: { postStop: slow } });
  await spawnEcho(t, system, { hooks: { postStop: slow } });
  await first.stop();
  lines.push('stopped');
  await system.shutdown();
  lines.push('shut down');
  t.deepEqual(lines, ['hook', 'stopped', 'hook', 'shut down']);
});

test('calls for a hook that hangs wait up to a bound, and what is dropped is said', async t => {
  const system = await systemFor(t);
  const failed = failures(system);
  let open = (): void => {};
  let seen = 0;
  let told = 0;
  system.on('message:received', () => {
    told += 1;
  });
  const gate = new Promise<void>(resolve => {
    open = resolve;
  });
  const onMessageReceived = (): Promise<void> => {
    seen += 1;
    return gate;
  };
  const ref = await spawnEcho(t, system, { hooks: { onMessageReceived }, limits: { mailbox: 0 } });
  for (let count = 0; count < 2000; count += 1) ref.tell(EMPTY);
  await until(() => told === 2000);
  t.regex(failed[0]!.text, /1024 calls wait/);
  open();
  await until(() => seen === 1025);
  await until(() => failed.length === 2);
  t.regex(failed[1]!.text, /975 calls of hooks were dropped/);
});

test('hooks see where they were given, not what they are told of', async t => {
  const system = await systemFor(t);
  const context = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const onMessageReceived = (): unknown => seen.push(context.getStore());
  const ref = await context.run('spawn', () => spawnEcho(t, system, { hooks: { onMessageReceived } }));
  await context.run('ask', () => ref.ask(EMPTY));
  await until(() => seen.length === 1);
  t.deepEqual(seen, ['spawn']);
});

test('actors in JavaScript have hooks too', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const definition = actor({ handle: (message: string) => message.toUpperCase(), codec: json<string, string>() });
  const ref = await system.spawn(definition, { name: 'local', hooks: noting(lines) });
  t.is(await ref.ask('hi'), 'HI');
  await ref.stop();
  t.deepEqual(lines, [
    'preStart local',
    'postStart /user/local #1',
    'received 4',
    'processed 4 true',
    'preStop #1',
    'postStop normal',
  ]);
});

test('the callbacks of a system hear of every actor', async t => {
  const lines: string[] = [];
  const system = await systemFor(t, {
    events: {
      onMessageReceived: ({ ref, size }) => lines.push(`received ${ref.name ?? ref.path} ${size}`),
      onMessageProcessed: ({ size, latencyMs }) => lines.push(`processed ${size} ${latencyMs >= 0}`),
      onError: ({ reason }) => lines.push(`error ${reason.tag}`),
      onRestart: ({ incarnation }) => lines.push(`restart #${incarnation}`),
      onHealthChanged: ({ from, to }) => lines.push(`health ${from} ${to}`),
    },
  });
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { name: 'heard' });
  await ref.ask(bytes('abc'));
  await t.throwsAsync(ref.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  await until(() => lines.length === 5);
  t.deepEqual(lines, [
    'received /user/heard 3',
    'processed 3 true',
    'received /user/heard 1',
    'error trap',
    'restart #2',
  ]);
});

test('a callback that never settles is an event', async t => {
  const system = await systemFor(t, { hookTimeout: 10 });
  const failed = failures(system);
  system.on('actor:started', () => NEVER);
  await spawnEcho(t, system, {});
  await until(() => failed.length === 1);
  t.is(failed[0]!.hook, 'actor:started');
  t.regex(failed[0]!.text, /it took longer than 10ms/);
});

test('wrong hooks and callbacks are refused with their path, before any of them runs', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('echo'));
  const never = (): void => t.fail('a hook ran');
  for (const [options, path] of [
    [{ hooks: [] }, 'hooks'],
    [{ hooks: 'all' }, 'hooks'],
    [{ hooks: { preStart: never, onStart: never } }, 'hooks.onStart'],
    [{ hooks: { preStart: never, postStop: 1 } }, 'hooks.postStop'],
    [{ hooks: { preStart: never }, hookTimeout: 0 }, 'hookTimeout'],
    [{ hooks: { preStart: never }, restart: 'often' }, 'restart'],
    [{ hooks: { preStart: never }, state: () => 1, stateInConfig: true }, 'state'],
  ] as const) {
    const error = await t.throwsAsync(system.spawn(component, options as unknown as SpawnOptions), {
      message: new RegExp(path.replace('.', '\\.')),
    });
    t.is((error as Error & { path?: string }).path, path);
  }
  await t.throwsAsync(systemFor(t, { events: { onCrash: never } } as never), { message: /events\.onCrash/ });
});
