/** Every hook and every callback, each in every way in which it can go wrong: it decides nothing (`FAIL-4`). */
import test, { type ExecutionContext } from 'ava';
import {
  type ActorRef,
  type ActorSystem,
  actor,
  type EventCallbacks,
  type HookFailedEvent,
  type SpawnOptions,
  text,
} from '../src/index.js';
import type { HookName } from '../src/lifecycle.js';
import { nextEvent, systemFor, until } from './helpers/system.js';

/** Ways to fail, and what is said of each. */
const FAILURES: { readonly [how: string]: readonly [observer: () => unknown, said: RegExp] } = {
  throws: [
    () => {
      throw new Error('my fault');
    },
    /Error: my fault/,
  ],
  rejects: [() => Promise.reject(new Error('my fault')), /Error: my fault/],
  'never settles': [() => new Promise(() => {}), /it took longer than 20ms/],
};

/** Every hook; one without a line here does not compile. */
const HOOKS: { readonly [Name in HookName]: true } = {
  preStart: true,
  postStart: true,
  preStop: true,
  postStop: true,
  onMessageReceived: true,
  onMessageProcessed: true,
  onError: true,
  onRestart: true,
  onHealthChanged: true,
};

/** Every callback for all actors, and its event. */
const CALLBACKS: { readonly [Name in keyof EventCallbacks]-?: string } = {
  onMessageReceived: 'message:received',
  onMessageProcessed: 'message:processed',
  onError: 'actor:crashed',
  onRestart: 'actor:restarted',
  onHealthChanged: 'actor:health',
};

const definition = actor({
  codec: text(),
  health: () => 'degraded',
  handle(message) {
    if (message === 'boom') throw new Error('boom');
    return message;
  },
});

function failures(system: ActorSystem): HookFailedEvent[] {
  const seen: HookFailedEvent[] = [];
  system.on('hook-failed', event => seen.push(event));
  return seen;
}

/** Lets an actor live so that every observer has its time: it is asked, probed, crashes, comes up again and stops. */
async function liveThrough(t: ExecutionContext, system: ActorSystem, options: SpawnOptions = {}): Promise<void> {
  const changed = nextEvent(system, 'actor:health');
  const ref = await system.spawn(definition, { hookTimeout: 20, health: { interval: '5ms' }, ...options });
  t.is(await ref.ask('one'), 'one');
  await changed;
  await t.throwsAsync(ref.ask('boom'), { code: 'ERR_ACTOR_CRASHED' });
  t.is(await ref.ask('two'), 'two', 'it has come up again');
  t.is((await ref.stop()).tag, 'normal');
  const { handled, failedInHandler, balanced } = system.audit();
  t.deepEqual([handled, failedInHandler, balanced], [2, 1, true]);
}

for (const name of Object.keys(HOOKS) as HookName[]) {
  for (const [how, [hook, said]] of Object.entries(FAILURES)) {
    test(`a hook ${name} that ${how} is an event, and decides nothing`, async t => {
      const system = await systemFor(t);
      const failed = failures(system);
      await liveThrough(t, system, { hooks: { [name]: hook } });
      await until(() => failed.length > 0);
      t.true(
        failed.every(event => event.hook === name && said.test(event.text)),
        failed[0]!.text,
      );
    });
  }
}

// Before its start there is nobody yet who could be stopped: `preStart` gets no reference.
for (const name of (Object.keys(HOOKS) as HookName[]).filter(each => each !== 'preStart')) {
  test(`a hook ${name} may stop its own actor, and wait for that`, async t => {
    const system = await systemFor(t);
    const failed = failures(system);
    let told = 0;
    const hooks = {
      [name]: async ({ ref }: { ref: ActorRef<never, unknown> }) => {
        await ref.stop();
        told += 1;
      },
    };
    const ref = await system.spawn(definition, { hooks, hookTimeout: '1m', health: { interval: '5ms' } });
    ref.tell(name === 'onError' || name === 'onRestart' ? 'boom' : 'x');
    if (name === 'preStop' || name === 'postStop') void ref.stop();
    t.is((await ref.stopped).tag, 'normal');
    await until(() => told > 0);
    t.deepEqual(failed, []);
  });
}

for (const [name, event] of Object.entries(CALLBACKS)) {
  for (const [how, [callback, said]] of Object.entries(FAILURES)) {
    test(`a callback ${name} that ${how} is an event, and decides nothing`, async t => {
      const system = await systemFor(t, { hookTimeout: 20, events: { [name]: callback } });
      const failed = failures(system);
      await liveThrough(t, system);
      await until(() => failed.length > 0);
      t.true(
        failed.every(({ hook, text: what }) => hook === event && said.test(what)),
        failed[0]!.text,
      );
    });
  }
}
