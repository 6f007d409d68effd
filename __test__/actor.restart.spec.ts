import test from 'ava';
import { ActorStoppedError, ConfigError } from '../src/index.js';
import { bytes, firstWord } from './helpers/bytes.js';
import { answers, balanced, guest, nextEvent, systemFor, TRIGGER, until } from './helpers/system.js';

const EMPTY = new Uint8Array();

test('an actor that crashed comes up again under the same reference, with fresh memory', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { name: 'phoenix' });
  await ref.ask(bytes('a'));
  await ref.ask(bytes('b'));
  const restarting = nextEvent(system, 'actor:restarting');
  const restarted = nextEvent(system, 'actor:restarted');
  ref.tell(TRIGGER);
  t.is((await restarting).attempt, 1);
  t.is((await restarting).delayMs, 0);
  const event = await restarted;
  t.is(event.ref.id, ref.id);
  t.is(event.incarnation, 2);
  t.is(event.reason.tag, 'trap');
  t.is(firstWord(await ref.ask(EMPTY)), 0);
  const status = ref.status();
  t.is(status.restarts, 1);
  t.is(status.incarnation, 2);
  t.is(status.counters.failedInHandler, 1);
  t.is(system.find('phoenix')?.id, ref.id);
  await balanced(t, system);
});

test('messages behind the one that crashed are handled, in order', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { inline: false });
  const before = Array.from({ length: 10 }, (_, index) => ref.ask(Uint8Array.of(index)));
  const crash = t.throwsAsync(ref.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  const after = Array.from({ length: 10 }, (_, index) => ref.ask(Uint8Array.of(index)));
  const replies = await Promise.all([...before, ...after]);
  await crash;
  t.deepEqual(
    replies.map(([first]) => first),
    [...Array(10).keys(), ...Array(10).keys()],
  );
  const audit = await balanced(t, system);
  t.is(audit.handled, 20);
  t.is(audit.failedInHandler, 1);
});

test('an actor whose budget is spent gives up: it ends alone, and its messages are accounted for', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('trap-on-ff'));
  const neighbour = await system.spawn(component);
  const ref = await system.spawn(component, { name: 'doomed', maxRestarts: 2, backoff: 'immediate' });
  const failed = nextEvent(system, 'actor:failed');
  for (let count = 0; count < 3; count += 1) {
    await t.throwsAsync(ref.ask(TRIGGER), { code: 'ERR_ACTOR_CRASHED' });
  }
  t.is((await failed).path, '/user/doomed');
  t.is((await ref.stopped).tag, 'trap');
  const error = await t.throwsAsync(ref.ask(bytes('x')), { instanceOf: ActorStoppedError });
  t.regex(error?.message ?? '', /\/user\/doomed/);
  t.is(system.find('doomed'), undefined);
  t.true(await answers(neighbour));
  const audit = await balanced(t, system);
  t.is(audit.failedInHandler, 3);
});

test('a temporary actor ends with its first crash', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), { restart: 'temporary' });
  ref.tell(TRIGGER);
  t.is((await ref.stopped).tag, 'trap');
  await balanced(t, system);
});

test('an actor that stops itself is restarted only if it is permanent', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('stop-effect'));
  const ref = await system.spawn(component, { restart: 'transient' });
  const reply = await ref.ask(bytes('last words'));
  t.is(reply.length, 10);
  t.is((await ref.stopped).tag, 'normal');
  await balanced(t, system);
});

test('a start that fails at first is tried again', async t => {
  const system = await systemFor(t);
  const component = await system.load(guest('start-fails-first'));
  const attempt = await system.spawn(component, { backoff: 'immediate' }).then(
    ref => ref,
    error => error as Error,
  );
  // Either the spawn waits for the attempt that succeeds, or it rejects and leaves nothing behind.
  if (attempt instanceof Error) t.deepEqual(system.actors(), []);
  else t.true(await answers(attempt));
});

test('the wait between restarts is cut short by a stop', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), {
    backoff: { kind: 'linear', initial: '1h', max: '1h', jitter: 0 },
  });
  ref.tell(TRIGGER);
  await until(() => ref.status().restarts === 1 && ref.status().state === 'ready');
  ref.tell(TRIGGER);
  await until(() => ref.status().state === 'restarting');
  ref.tell(bytes('queued'));
  await until(() => ref.status().queued === 1);
  await ref.stop();
  const audit = await balanced(t, system);
  t.is(audit.discarded.total, 1);
});

test('an ask that is queued while the actor restarts is answered by the next incarnation', async t => {
  const system = await systemFor(t);
  const ref = await system.spawn(await system.load(guest('trap-on-ff')), {
    backoff: { initial: '20ms', max: '20ms', jitter: 0 },
  });
  ref.tell(TRIGGER);
  ref.tell(TRIGGER);
  t.deepEqual([...(await ref.ask(Uint8Array.of(7)))], [7]);
  await balanced(t, system);
});

test('wrong options are found before anything starts', async t => {
  const system = await systemFor(t);
  const echo = await system.load(guest('echo'));
  await t.throwsAsync(system.spawn(echo, { restart: 'always' as never }), {
    instanceOf: ConfigError,
    message: /^restart: /,
  });
  await t.throwsAsync(system.spawn(echo, { limits: { memory: 'lots' as never } }), { message: /^limits\.memory: / });
  await t.throwsAsync(system.spawn(echo, { nmae: 'x' } as never), { message: /did you mean 'name'/ });
  await t.throwsAsync(system.spawn(echo, { peers: { a: {} as never } }), {
    message: /^peers\.a: expected an actor reference/,
  });
  await t.throwsAsync(system.spawn(echo, null as never), { instanceOf: ConfigError });
  t.deepEqual(system.actors(), []);
});
