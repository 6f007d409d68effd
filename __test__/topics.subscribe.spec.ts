import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as loopTurn } from 'node:timers/promises';
import test from 'ava';
import { json, type TopicMessage, TroupeError } from '../src/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { runScript } from './helpers/child.js';
import { balanced, nextEvent, rejection, systemFor, until } from './helpers/system.js';

const lineOf = ({ topic, data }: TopicMessage): string => `${topic} ${textOf(data)}`;

test('a loop gets every message published after the call, in order, and ends with it', async t => {
  const system = await systemFor(t);
  system.publish('a', bytes('before'));
  const subscription = system.subscribe('a');
  for (const number of [1, 2, 3]) system.publish('a', bytes(String(number)));
  const lines: string[] = [];
  for await (const message of subscription) {
    lines.push(lineOf(message));
    if (lines.length === 3) break;
  }
  t.deepEqual(lines, ['a 1', 'a 2', 'a 3']);
  t.true(subscription.closed);
  t.is(await system.publish('a', bytes('x'), { confirm: true }), 0);
});

test('an unsubscribe is final, for what waits too', async t => {
  const system = await systemFor(t);
  const subscription = system.subscribe('a');
  await system.publish('a', bytes('1'), { confirm: true });
  await until(() => subscription.queued === 1);
  system.publish('a', bytes('2'));
  subscription.unsubscribe();
  subscription.unsubscribe();
  t.deepEqual(await subscription.next(), { done: true, value: undefined });
  const seen: string[] = [];
  const called = system.subscribe('a', message => {
    seen.push(lineOf(message));
    called.unsubscribe();
  });
  for (const text of ['3', '4']) system.publish('a', bytes(text));
  await until(() => seen.length > 0);
  await loopTurn();
  t.deepEqual(seen, ['a 3']);
});

test('a callback runs in the context it was given in', async t => {
  const system = await systemFor(t);
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const subscription = storage.run('subscriber', () => system.subscribe('a', () => seen.push(storage.getStore())));
  storage.run('publisher', () => system.publish('a', bytes('1')));
  await until(() => seen.length === 1);
  t.deepEqual(seen, ['subscriber']);
  subscription.unsubscribe();
});

test('a full buffer drops the newest or the oldest, and counts them', async t => {
  const system = await systemFor(t);
  const newest = system.subscribe('a', { buffer: 2 });
  const oldest = system.subscribe('a', { buffer: 2, overflow: 'drop-oldest' });
  const fast = system.subscribe('a');
  for (let number = 0; number < 5; number += 1) system.publish('a', bytes(String(number)));
  await until(() => fast.queued === 5);
  const left = async (subscription: typeof fast, count: number): Promise<string[]> => {
    const lines: string[] = [];
    while (lines.length < count) lines.push(lineOf((await subscription.next()).value as TopicMessage));
    return lines;
  };
  t.deepEqual([newest.dropped, oldest.dropped, fast.dropped], [3, 3, 0], 'one slow subscriber hurts nobody else');
  t.deepEqual(await left(newest, 2), ['a 0', 'a 1']);
  t.deepEqual(await left(oldest, 2), ['a 3', 'a 4']);
  t.deepEqual(await left(fast, 5), ['a 0', 'a 1', 'a 2', 'a 3', 'a 4']);
});

test('an abort ends it: the wait rejects with the reason', async t => {
  const system = await systemFor(t);
  const controller = new AbortController();
  const subscription = system.subscribe('a', { signal: controller.signal });
  const waiting = rejection(subscription.next());
  const reason = new Error('enough');
  controller.abort(reason);
  t.is(await waiting, reason);
  t.is(await rejection(subscription.next()), reason);
  t.is(await system.publish('a', bytes('x'), { confirm: true }), 0);
  const late = system.subscribe('a', { signal: controller.signal });
  t.is(await rejection(late.next()), reason);
  t.is(await system.publish('a', bytes('x'), { confirm: true }), 0);
});

test('a callback that throws is an event, and the subscription goes on', async t => {
  const system = await systemFor(t);
  const seen: string[] = [];
  const failed = nextEvent(system, 'hook-failed');
  system.subscribe('a', message => {
    seen.push(lineOf(message));
    if (seen.length === 1) throw new Error('no');
    return seen.length === 2 ? Promise.reject(new Error('later')) : undefined;
  });
  for (const text of ['1', '2', '3']) system.publish('a', bytes(text));
  const { hook, text } = await failed;
  t.is(hook, 'subscription a');
  t.regex(text, /Error: no/);
  await until(() => seen.length === 3);
});

test('a message that a subscription cannot read is an event, and the next one comes', async t => {
  const system = await systemFor(t);
  const failed: string[] = [];
  system.on('hook-failed', ({ hook }) => failed.push(hook));
  const seen: unknown[] = [];
  system.subscribe('a', ({ data }) => void seen.push(data), { codec: json() });
  const loop = system.subscribe('a', { codec: json() });
  for (const text of ['1', '{', '2']) system.publish('a', bytes(text));
  t.deepEqual([(await loop.next()).value?.data, (await loop.next()).value?.data], [1, 2]);
  t.deepEqual(
    [seen, failed],
    [
      [1, 2],
      ["message on 'a'", "message on 'a'"],
    ],
  );
  t.is(loop.dropped, 0);
});

test('several patterns: a copy for each that matches, or one', async t => {
  const system = await systemFor(t);
  const each: string[] = [];
  const once: string[] = [];
  system.subscribe(['a.*', 'a.#', 'b'], message => void each.push(lineOf(message)));
  system.subscribe(['a.*', 'a.#', 'b'], message => void once.push(lineOf(message)), { once: true });
  system.publish('a.x', bytes('1'));
  system.publish('b', bytes('2'));
  await until(() => each.length === 3 && once.length === 2);
  t.deepEqual(
    [each, once],
    [
      ['a.x 1', 'a.x 1', 'b 2'],
      ['a.x 1', 'b 2'],
    ],
  );
});

test('each subscription has bytes of its own', async t => {
  const system = await systemFor(t);
  const [one, two] = [system.subscribe('a'), system.subscribe('a')];
  system.publish('a', bytes('same'));
  const first = (await one.next()).value as TopicMessage;
  first.data.fill(0);
  t.is(textOf(((await two.next()).value as TopicMessage).data), 'same');
});

test('a message of any size comes through', async t => {
  const system = await systemFor(t);
  const subscription = system.subscribe('big.*');
  for (const length of [0, 1, 40_000, 70_000, 1_000_000]) {
    system.publish(
      'big.one',
      Uint8Array.from({ length }, (_, at) => at % 251),
    );
    const { value } = await subscription.next();
    t.deepEqual(
      [value?.topic, value?.data.length, value?.data.every((byte, at) => byte === at % 251)],
      ['big.one', length, true],
    );
  }
});

test('a publisher inside its own subscription leaves turns of the event loop to others', async t => {
  const system = await systemFor(t);
  let count = 0;
  system.subscribe('loop', () => {
    count += 1;
    if (count < 20_000) system.publish('loop', bytes('again'));
  });
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  system.publish('loop', bytes('first'));
  await until(() => count === 20_000);
  clearInterval(timer);
  t.true(turns > 0, 'timers had their turn');
});

test('a queue group of loops shares the messages', async t => {
  const system = await systemFor(t);
  const seen = [0, 0, 0];
  seen.forEach((_, at) => {
    system.subscribe(
      'jobs',
      () => {
        seen[at] = (seen[at] ?? 0) + 1;
      },
      { group: 'workers' },
    );
  });
  for (let number = 0; number < 300; number += 1) system.publish('jobs', bytes('x'));
  await until(() => seen.reduce((sum, each) => sum + each, 0) === 300);
  await loopTurn();
  t.is(
    seen.reduce((sum, each) => sum + each, 0),
    300,
  );
  t.true(seen.every(each => each > 0));
});

test('a flood for a blocked environment is bounded, and counted', async t => {
  const system = await systemFor(t);
  const subscription = system.subscribe('flood', { buffer: 1_000_000 });
  for (let number = 0; number < 300; number += 1) system.publish('flood', new Uint8Array(100_000));
  await until(() => subscription.queued + system.audit().dropped === 300);
  t.true(system.audit().dropped > 0, 'sixteen mebibytes wait at most');
  await balanced(t, system);
});

test('the end of the system is the end of a loop', async t => {
  const system = await systemFor(t);
  const subscription = system.subscribe('a');
  const ended = subscription.next();
  await system.shutdown();
  t.deepEqual(await ended, { done: true, value: undefined });
});

test('wrong patterns and options name what is wrong', async t => {
  const system = await systemFor(t);
  const code = (attempt: () => unknown): string => {
    const error = t.throws(attempt, { instanceOf: TroupeError });
    return `${error?.code} ${error?.message}`;
  };
  t.regex(
    code(() => system.subscribe('a.>.b')),
    /^ERR_TOPIC_INVALID pattern: /,
  );
  t.regex(
    code(() => system.subscribe(['a', 'b..c'])),
    /^ERR_TOPIC_INVALID pattern\[1\]: /,
  );
  t.regex(
    code(() => system.subscribe([])),
    /^ERR_CONFIG pattern: expected at least one pattern/,
  );
  t.regex(
    code(() => system.subscribe('a', { buffer: 0 })),
    /^ERR_CONFIG buffer: expected a whole number/,
  );
  t.regex(
    code(() => system.subscribe('a', { overflow: 'wait' as never })),
    /^ERR_CONFIG overflow: expected 'drop-newest'/,
  );
  t.regex(
    code(() => system.subscribe('a', () => {}, { buffer: 5 } as never)),
    /^ERR_CONFIG buffer: unknown option/,
  );
  t.regex(
    code(() => system.subscribe('a', { group: 'a b' })),
    /^ERR_TOPIC_INVALID group: /,
  );
  t.regex(
    code(() => system.subscribe('a', 5 as never)),
    /^ERR_CONFIG callback: expected a function/,
  );
  t.is(await system.publish('a', bytes('x'), { confirm: true }), 0, 'none of them was made');
});

test('a subscription keeps the process alive, and its end lets it go', async t => {
  const ended = await runScript(`
    const system = await create();
    const subscription = system.subscribe('a', () => {});
    setTimeout(() => { console.log('still here'); subscription.unsubscribe(); }, 100).unref();`);
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'still here\n', '']);
});
