import test from 'ava';
import {
  ActorCrashedError,
  type ErrorCode,
  GuestFailureError,
  GuestTrapError,
  type ReasonTag,
  StartError,
  type TroupeError,
} from '../src/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { answers, balanced, guest, nextEvent, systemFor, TRIGGER, until } from './helpers/system.js';

const QUICK = { backoff: 'immediate', maxRestarts: Infinity } as const;

const CRASHES: readonly [name: string, code: ErrorCode, tag: ReasonTag][] = [
  ['trap-on-ff', 'ERR_GUEST_TRAP', 'trap'],
  ['out-of-bounds', 'ERR_GUEST_TRAP', 'trap'],
  ['divide-by-zero', 'ERR_GUEST_TRAP', 'trap'],
  ['stack-overflow', 'ERR_GUEST_STACK', 'stack-overflow'],
  ['exhaust-memory', 'ERR_GUEST_MEMORY', 'oom'],
];

for (const trapHandling of ['signals', 'explicit'] as const) {
  for (const inline of [true, false]) {
    for (const [name, code, tag] of CRASHES) {
      test(`${name} crashes alone (${trapHandling}, inline ${inline})`, async t => {
        const system = await systemFor(t, { trapHandling, inline });
        const ref = await system.spawn(await system.load(guest(name)), { name: 'victim', ...QUICK });
        t.true(await answers(ref));
        const crashed = nextEvent(system, 'actor:crashed');
        const restarted = nextEvent(system, 'actor:restarted');
        const error = await t.throwsAsync(ref.ask(TRIGGER), { instanceOf: ActorCrashedError });
        t.regex(error?.message ?? '', /\/user\/victim/);
        t.is((error as TroupeError).actor, '/user/victim');
        const trap = (error as TroupeError).cause;
        t.true(trap instanceof GuestTrapError, String(trap));
        t.is((trap as TroupeError).code, code);
        const event = await crashed;
        t.is(event.reason.tag, tag);
        t.is(event.ref.id, ref.id);
        t.is((await restarted).path, '/user/victim');
        t.true(await answers(ref));
        const audit = await balanced(t, system);
        t.is(audit.failedInHandler, 1);
        t.is(audit.handled, 2);
      });
    }
  }
}

for (const inline of [true, false]) {
  test(`a handler that spins is stopped at its limit (inline ${inline})`, async t => {
    const system = await systemFor(t, { inline });
    const ref = await system.spawn(await system.load(guest('spin')), { ...QUICK, limits: { handlerTime: '20ms' } });
    for (let count = 0; count < 100; count += 1) await ref.ask(bytes('warm'));
    const error = await t.throwsAsync(ref.ask(TRIGGER, { timeout: Infinity }), { instanceOf: ActorCrashedError });
    t.is(((error as TroupeError).cause as TroupeError).code, 'ERR_GUEST_DEADLINE');
    t.true(await answers(ref));
    const audit = await balanced(t, system);
    t.is(audit.failedInHandler, 1);
  });
}

const MALFORMED = [
  'bad-version',
  'consumed-too-many',
  'consumed-zero',
  'effect-past-end',
  'empty-result',
  'result-outside-memory',
  'truncated-result',
];

for (const name of MALFORMED) {
  test(`${name} is a fault of the guest, and is told to who asked`, async t => {
    const system = await systemFor(t);
    const ref = await system.spawn(await system.load(guest(name)), { restart: 'temporary', name: 'victim' });
    const error = await t.throwsAsync(ref.ask(bytes('x')), { instanceOf: ActorCrashedError });
    const { cause } = error as TroupeError;
    t.true(cause instanceof GuestTrapError, String(cause));
    t.regex((cause as TroupeError).code, /^ERR_GUEST_(PROTOCOL|TRAP)$/);
    t.not((cause as TroupeError).message, '');
    t.regex((await ref.stopped).tag, /^(host-error|trap)$/);
    const audit = await balanced(t, system);
    t.is(audit.failedInHandler, 1);
    t.true(await answers(await system.spawn(await system.load(guest('echo')))));
  });
}

test('effects of kinds that nobody knows are skipped', async t => {
  const system = await systemFor(t);
  t.true(await answers(await system.spawn(await system.load(guest('unknown-effect')))));
});

test('a reply that nobody asked for goes nowhere, and the request runs out', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('unknown-tag-reply')));
  await t.throwsAsync(ref.ask(bytes('x'), { timeout: '20ms' }), { code: 'ERR_ASK_TIMEOUT' });
  await balanced(t, system);
});

test('a second reply to the same request goes nowhere', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('double-reply')));
  t.is(textOf(await ref.ask(bytes('once'))), 'once');
  t.is(textOf(await ref.ask(bytes('again'))), 'again');
  await balanced(t, system);
});

test("a guest's own crash carries its name and message", async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('crash-effect')), { restart: 'temporary' });
  const error = await t.throwsAsync(ref.ask(bytes('x')), { instanceOf: ActorCrashedError });
  t.regex(String(((error as TroupeError).cause as Error).message), /Oops.*it broke/s);
  await balanced(t, system);
});

test("a guest's own error is an answer, and the actor goes on", async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('fail-effect')));
  for (const word of ['busy', 'still busy']) {
    const error = await t.throwsAsync(ref.ask(bytes(word)), {
      instanceOf: GuestFailureError,
      code: 'ERR_GUEST_FAILURE',
    });
    t.is(textOf((error as GuestFailureError).payload), word);
  }
  t.is(ref.status().restarts, 0);
  const audit = await balanced(t, system);
  t.is(audit.handled, 2);
});

const STARTS: readonly [name: string, code: ErrorCode, message: RegExp][] = [
  ['start-fails', 'ERR_START_FAILED', /no/],
  ['start-traps', 'ERR_START_FAILED', /unreachable/],
  ['start-section-traps', 'ERR_START_FAILED', /unreachable/],
  ['start-spins', 'ERR_START_TIMEOUT', /./],
  ['start-section-spins', 'ERR_START_TIMEOUT', /./],
];

for (const [name, code, message] of STARTS) {
  test(`${name}: the spawn rejects, and nothing is left behind`, async t => {
    const system = await systemFor(t);
    const component = await system.load(guest(name));
    const options = { name: 'stillborn', restart: 'temporary', startupTimeout: '50ms' } as const;
    await t.throwsAsync(system.spawn(component, options), { instanceOf: StartError, code, message });
    t.is(system.find('stillborn'), undefined);
    t.deepEqual(system.actors(), []);
    await balanced(t, system);
    t.true(await answers(await system.spawn(await system.load(guest('echo')), { name: 'stillborn' })));
  });
}

for (const name of ['stop-ok', 'stop-traps', 'stop-spins']) {
  test(`${name}: the actor ends all the same`, async t => {
    const system = await systemFor(t);
    const ref = await system.spawn(await system.load(guest(name)), { limits: { handlerTime: '50ms' } });
    t.true(await answers(ref));
    await ref.stop({ grace: '100ms' });
    t.regex(ref.status().state, /^(terminated|failed)$/);
    await balanced(t, system);
  });
}

test('a forged address reaches nobody', async t => {
  const system = await systemFor(t);
  const victim = await system.spawn(await system.load(guest('counter')), { name: 'victim' });
  const forger = await system.spawn(await system.load(guest('forge-address')));
  forger.tell(new Uint8Array(Uint32Array.of(0, 0x1234, 0x5678).buffer));
  await until(() => system.audit().refused.byReason['no-such-actor'] === 1);
  t.is(victim.status().counters.accepted, 0);
  await balanced(t, system);
});
