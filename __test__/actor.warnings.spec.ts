import { setImmediate as loopTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { actor, type LongHandlerEvent, type QueueAgeEvent, type SystemOptions, text } from '../src/index.js';
import { createTestSystem } from '../src/testing/index.js';
import { guest, nextEvent, systemFor, until } from './helpers/system.js';

/** An actor whose handlers end when the test says so, under a clock that the test moves. */
async function fixture(t: ExecutionContext, options: SystemOptions = {}) {
  const lines: string[] = [];
  const write = (_: object, message: string): void => {
    lines.push(message);
  };
  const logger = { debug: write, info: write, warn: write, error: write };
  const system = await createTestSystem({ test: t, logger, ...options });
  let release = (): void => {};
  const slow = actor({
    codec: text(),
    handle: () =>
      new Promise<string>(resolve => {
        release = () => resolve('done');
      }),
  });
  const ref = await system.spawn(slow, { name: 'slow', limits: { handlerTime: Infinity } });
  const long: LongHandlerEvent[] = [];
  const old: QueueAgeEvent[] = [];
  system.on('actor:long-handler', event => long.push(event));
  system.on('actor:queue-age', event => old.push(event));
  const next = async (): Promise<void> => {
    release();
    await system.runUntilIdle();
  };
  return { system, ref, lines, long, old, next };
}

test('a handler that waits for long is an event and a line, once for each time', async t => {
  const { system, ref, lines, long, next } = await fixture(t);
  ref.tell('one');
  await system.runUntilIdle();
  await system.clock.advance(900);
  t.is(long.length, 0);
  await system.clock.advance(400);
  await until(() => long.length === 1);
  t.is(long[0]!.path, '/user/slow');
  t.true(long[0]!.runningMs >= 1000, String(long[0]!.runningMs));
  t.regex(lines.join('\n'), /\/user\/slow: a handler has been running for 1\d\d\d ms/);
  await system.clock.advance('1m');
  t.is(long.length, 1);
  await next();
  ref.tell('two');
  await system.runUntilIdle();
  await system.clock.advance('2s');
  await until(() => long.length === 2);
  await next();
});

test('messages that wait for long are an event and a line, once until the actor keeps up', async t => {
  const { system, ref, lines, old, next } = await fixture(t, { warnAfter: { handler: Infinity, queued: '3s' } });
  for (const message of ['one', 'two', 'three']) ref.tell(message);
  await system.runUntilIdle();
  while (old.length === 0) {
    await system.clock.advance(500);
    await loopTurn();
  }
  t.true(system.clock.now < 60_000);
  t.is(old[0]!.queued, 2);
  t.true(old[0]!.waitedMs >= 3000, String(old[0]!.waitedMs));
  t.regex(lines.join('\n'), /\/user\/slow: 2 messages wait, the oldest for \d{4,} ms/);
  for (let step = 0; step < 20; step += 1) await system.clock.advance(500);
  t.is(old.length, 1);
  for (let message = 0; message < 3; message += 1) await next();
});

test('both can be switched off', async t => {
  const { system, ref, long, old, next } = await fixture(t, { warnAfter: { handler: Infinity, queued: Infinity } });
  ref.tell('one');
  ref.tell('two');
  await system.runUntilIdle();
  for (let step = 0; step < 20; step += 1) await system.clock.advance('1m');
  t.is(long.length + old.length, 0);
  await next();
  await next();
});

test('a guest that computes for long is told while it does', async t => {
  const system = await systemFor(t, { warnAfter: { handler: 100 } });
  const ref = await system.spawn(await system.load(guest('spin')), { name: 'spinner', restart: 'temporary' });
  const told = nextEvent(system, 'actor:long-handler');
  ref.tell(Uint8Array.of(0xff));
  t.is((await told).path, '/user/spinner');
  t.is(ref.status().state, 'ready');
  ref.kill();
  t.is((await ref.stopped).tag, 'killed');
});

test('what is long must be a duration', async t => {
  await t.throwsAsync(systemFor(t, { warnAfter: { handler: 0 } }), {
    code: 'ERR_CONFIG',
    message: /^warnAfter\.handler: expected a duration/,
  });
});
