import test, { type ExecutionContext } from 'ava';
import { type ActorRef, type ActorSystem, actor, json, type SpawnOptions } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { bytes } from './helpers/bytes.js';
import { guest, nextEvent, systemFor, until } from './helpers/system.js';

const HEALTHY = 0;
const DEGRADED = 1;
const UNHEALTHY = 2;

/** What the fixture `health-says` answers to probes from now on. */
const says = (status: number, text = ''): Uint8Array => Uint8Array.of(status, ...bytes(text));

/** A probed actor, a clock that moves by hand, and what was told of its health. */
async function patient(t: ExecutionContext, options: SpawnOptions = {}, name = 'health-says') {
  const system = await createTestSystem({ cache: false, test: t });
  const changes: string[] = [];
  system.on('actor:health', ({ from, to, text }) => changes.push(`${from} → ${to} ${text}`.trim()));
  const ref = await system.spawn(await system.load(guest(name)), { health: true, ...options });
  return { system, ref, changes };
}

test('a probed component says how it is, in its own words', async t => {
  const { system, ref, changes } = await patient(t);
  t.deepEqual(ref.health(), { status: 'unknown', text: '' });
  await system.clock.advance(5001);
  t.deepEqual(ref.health(), { status: 'healthy', text: '' });
  ref.tell(says(DEGRADED, 'slow disk'));
  await system.clock.advance(5001);
  t.deepEqual(ref.health(), { status: 'degraded', text: 'slow disk' });
  t.deepEqual(ref.status().health, ref.health());
  ref.tell(says(HEALTHY));
  await system.clock.advance(5001);
  t.deepEqual(changes, ['unknown → healthy', 'healthy → degraded slow disk', 'degraded → healthy']);
});

test('an actor that was not asked for probes is never probed', async t => {
  const { system, ref } = await patient(t, { health: false });
  await system.clock.advance(60_000);
  t.is(ref.health().status, 'unknown');
});

test('a component without the export is unknown, and lives', async t => {
  const { system, ref } = await patient(t, {}, 'echo');
  await system.clock.advance(60_000);
  t.deepEqual(ref.health(), { status: 'unknown', text: '' });
  t.is(ref.status().incarnation, 1);
});

test('three unhealthy answers in a row end the life with reason health', async t => {
  const { system, ref } = await patient(t);
  const restarted = nextEvent(system, 'actor:restarted');
  ref.tell(says(UNHEALTHY, 'no database'));
  await system.clock.advance(10_003);
  t.is(ref.status().incarnation, 1);
  t.deepEqual(ref.health(), { status: 'unhealthy', text: 'no database' });
  await system.clock.advance(5001);
  const { reason, incarnation } = await restarted;
  t.is(incarnation, 2);
  t.deepEqual(reason, { tag: 'health', text: '3 health probes failed in a row: no database' });
  t.is(ref.health().status, 'unknown');
  await system.clock.advance(5001);
  t.is(ref.health().status, 'healthy');
});

test('with the action event an unhealthy actor goes on', async t => {
  const { system, ref, changes } = await patient(t, { health: { action: 'event', failures: 1, interval: '1s' } });
  ref.tell(says(UNHEALTHY));
  await system.clock.advance(10_000);
  t.is(ref.status().incarnation, 1);
  t.deepEqual(changes, ['unknown → unhealthy']);
});

test('a probe that traps, or whose answer is malformed, is a crash', async t => {
  for (const [name, tag] of [
    ['health-traps', 'trap'],
    ['health-malformed', 'host-error'],
  ] as const) {
    const { system, ref } = await patient(t, {}, name);
    const crashed = nextEvent(system, 'actor:crashed');
    await system.clock.advance(5001);
    const { reason } = await crashed;
    t.is(reason.tag, tag);
    t.regex(reason.text, /^in the health probe: /);
    t.is(ref.status().restarts, 1);
    t.deepEqual(await ref.ask(bytes('still there')), bytes('still there'));
  }
});

test('a probe that never ends is ended, and so is a busy handler', async t => {
  const system = await systemFor(t, { threads: 2, keepAlive: 'always' });
  const health = { interval: 20, timeout: 20, failures: 2 } as const;
  const limits = { handlerTime: Number.POSITIVE_INFINITY };
  for (const name of ['health-spins', 'spin']) {
    const ref = await system.spawn(await system.load(guest(name)), { health, limits, backoff: 'immediate' });
    const restarted = nextEvent(system, 'actor:restarted', event => event.ref.id === ref.id);
    if (name === 'spin') ref.tell(Uint8Array.of(0xff));
    const { reason } = await restarted;
    t.is(reason.tag, 'health', name);
    t.regex(reason.text, /has run for more than 20 ms/);
    ref.kill();
  }
});

test('a component whose health is of another type is none for actors', async t => {
  const system = await systemFor(t);
  await t.throwsAsync(system.load(guest('health-wrong-type')), { code: 'ERR_COMPONENT_INVALID', message: /health/ });
});

test('an actor in JavaScript answers probes', async t => {
  const system = await createTestSystem({ test: t });
  let answer: () => unknown = () => 'healthy';
  const definition = actor({ handle: () => undefined, health: async () => answer() as 'healthy', codec: json() });
  const ref = await system.spawn(definition, { health: { failures: 10 } });
  const probe = async (next: () => unknown) => {
    answer = next;
    await system.clock.advance(5001);
    await system.runUntilIdle();
    return ref.health();
  };
  t.deepEqual(await probe(() => 'healthy'), { status: 'healthy', text: '' });
  t.deepEqual(await probe(() => ({ status: 'degraded', text: 'slow' })), { status: 'degraded', text: 'slow' });
  t.deepEqual(await probe(() => undefined), { status: 'unknown', text: '' });
  const thrown = await probe(() => {
    throw new Error('no database');
  });
  t.deepEqual(thrown, { status: 'unhealthy', text: 'Error: no database' });
  t.regex((await probe(() => 42)).text, /^health returned 42/);
  t.is(ref.status().incarnation, 1);
});

test('a probe of an actor in JavaScript that never answers ends its life', async t => {
  const system = await systemFor(t);
  const stuck = actor({ handle: () => undefined, health: () => new Promise<undefined>(() => {}), codec: json() });
  const ref = await system.spawn(stuck, { health: { interval: 10, timeout: 10, failures: 2 } });
  const { reason } = await nextEvent(system, 'actor:crashed', event => event.ref.id === ref.id);
  t.is(reason.tag, 'health');
});

test('a system is live, ready and started until it shuts down', async t => {
  const system = await systemFor(t);
  t.deepEqual(system.health(), { live: true, ready: true, started: true });
  const ref = await system.spawn(await system.load(guest('spin')), {
    limits: { handlerTime: Number.POSITIVE_INFINITY },
  });
  ref.tell(Uint8Array.of(0xff));
  await until(() => ref.status().inHand === 1);
  t.deepEqual(system.health(), { live: true, ready: true, started: true }, 'no guest is asked');
  const ended = system.shutdown({ deadline: 50 });
  t.deepEqual(system.health(), { live: true, ready: false, started: true });
  await ended;
  t.deepEqual(system.health(), { live: false, ready: false, started: true });
});

test('an unusable health option is refused with its path', async t => {
  const system: ActorSystem = await systemFor(t);
  const component = await system.load(guest('echo'));
  for (const [health, path] of [
    ['yes', 'health'],
    [{ interval: 0 }, 'health.interval'],
    [{ failures: 0 }, 'health.failures'],
    [{ action: 'reboot' }, 'health.action'],
    [{ every: '5s' }, 'health.every'],
  ] as const) {
    const spawned: Promise<ActorRef> = system.spawn(component, { health } as unknown as SpawnOptions);
    const error = await t.throwsAsync(spawned, { code: 'ERR_CONFIG' });
    t.is((error as Error & { path?: string }).path, path);
  }
});
