import test from 'ava';
import { actor, child, json, text } from '../src/index.js';
import { bytes } from './helpers/bytes.js';
import { balanced, rejection, systemFor, until } from './helpers/system.js';

/** An actor that notes topic and message; `boom` crashes it. */
function noting(lines: string[], name = '') {
  return actor({
    codec: text(),
    handle(message, { topic, incarnation }) {
      if (message === 'boom') throw new Error('boom');
      lines.push(`${name}${topic ?? '-'} ${message} @${incarnation}`);
    },
  });
}

test('an actor in JavaScript sees the topic, publishes and subscribes itself', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const ref = await system.spawn(noting(lines), { subscribe: ['spec'] });
  const boss = actor({
    codec: json<string, number>(),
    async handle(message, { publish, subscribe, unsubscribe, topic, retained, sender }) {
      if (topic !== undefined) {
        lines.push(`boss ${topic} ${message} ${retained} ${sender?.id === ref.id}`);
        return 0;
      }
      if (message === 'subscribe') return Number(subscribe('own.*', { group: 'g' }));
      if (message === 'unsubscribe') return Number(unsubscribe('own.*'));
      publish('spec', bytes(message));
      return publish('spec', message, { confirm: true, codec: text() });
    },
  });
  const publisher = await system.spawn(boss);
  t.is(await publisher.ask('hello'), 1);
  await until(() => lines.length === 2);
  t.deepEqual(lines, ['spec hello @1', 'spec hello @1']);
  t.is(await publisher.ask('subscribe'), 1);
  t.is(await system.publish('own.a', bytes('"x"'), { confirm: true }), 1);
  await until(() => lines.length === 3);
  t.is(lines[2], 'boss own.a x false false');
  t.is(await publisher.ask('unsubscribe'), 1);
  t.is(await system.publish('own.a', bytes('"y"'), { confirm: true }), 0);
  await balanced(t, system);
});

test('subscriptions survive restarts, and are gone before the end is told', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const ref = await system.spawn(noting(lines), { subscribe: ['a'] });
  t.true(ref.subscribe('b.*'));
  t.true(ref.subscribe('b.*'), 'twice is once');
  system.publish('a', bytes('boom'));
  system.publish('b.x', bytes('after'));
  await until(() => lines.length === 1);
  t.deepEqual(lines, ['b.x after @2']);
  const down = new Promise<number>(resolve => {
    ref.monitor(() => void system.publish('a', bytes('x'), { confirm: true }).then(resolve));
  });
  await ref.stop();
  t.is(await down, 0);
  t.false(ref.subscribe('c'));
  t.false(ref.unsubscribe('a'));
  const { refused } = await balanced(t, system);
  t.is(refused.total, 0, 'nobody published into the void');
});

test('an unsubscribe from outside is final', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const ref = await system.spawn(noting(lines), { subscribe: ['a', 'b'] });
  for (let number = 0; number < 100; number += 1) system.publish('a', bytes(String(number)));
  t.true(ref.unsubscribe('a'));
  t.false(ref.unsubscribe('a'));
  t.is(await system.publish('a', bytes('x'), { confirm: true }), 0);
  t.is(await system.publish('b', bytes('x'), { confirm: true }), 1);
  await until(() => lines.at(-1) === 'b x @1');
  await until(() => ref.status().queued === 0);
  const { discarded, handled } = await balanced(t, system);
  t.is(discarded.total + handled, 101);
  t.is(discarded.byReason['no-subscriber'] ?? 0, discarded.total);
  t.deepEqual(system.deadLetters(), []);
});

test('an actor in JavaScript handles nothing of a subscription that it has taken back, though it has it in hand', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const definition = actor({
    codec: text(),
    async handle(message, { topic, unsubscribe, stash, unstash }) {
      if (message === 'aside') {
        lines.push(`aside ${topic}`);
        return stash();
      }
      lines.push(`${topic ?? '-'} ${message}`);
      if (message === 'leave later') await new Promise(resolve => setImmediate(resolve));
      if (message.startsWith('leave')) t.is(unsubscribe('a'), true);
      if (message === 'back') unstash();
    },
  });
  const cases = [
    [['leave', 'x', 'y'], ['a leave', 'b z', '- back'], 2],
    [['leave later', 'x', 'y'], ['a leave later', 'b z', '- back'], 2],
    [['aside', 'leave', 'x'], ['aside a', 'a leave', 'b z', '- back'], 2],
  ] as const;
  for (const [messages, expected, dropped] of cases) {
    const ref = await system.spawn(definition, { subscribe: ['a', 'b'] });
    // One flush: all of it is one turn.
    for (const message of messages) system.publish('a', message, { codec: text() });
    system.publish('b', 'z', { codec: text() });
    ref.tell('back');
    await until(() => lines.includes('- back'));
    t.deepEqual(lines.splice(0), [...expected]);
    const { counters, queued } = ref.status();
    t.deepEqual([counters.handled, counters.losses['no-subscriber'], queued], [3, dropped, 0]);
    await ref.stop();
  }
  t.deepEqual(system.deadLetters(), []);
  await balanced(t, system);
});

test('nobody else can make it handle what it has in hand either', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const definition = actor({
    codec: text(),
    handle(message) {
      lines.push(message);
      // Whoever holds the reference, between two messages of one turn.
      if (message === '0') t.true(ref.unsubscribe('a'));
    },
  });
  const ref = await system.spawn(definition, { subscribe: ['a'] });
  for (let number = 0; number < 200; number += 1) system.publish('a', String(number), { codec: text() });
  await until(() => lines.length > 0 && system.audit().queued + system.audit().inHand === 0);
  t.deepEqual(lines, ['0']);
  t.true(ref.subscribe('a'), 'a new subscription');
  system.publish('a', 'new', { codec: text() });
  await until(() => lines.length === 2);
  const { discarded } = await balanced(t, system);
  t.is(discarded.byReason['no-subscriber'], 199);
});

test('a full subscriber loses only its own messages', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  let release = (): void => {};
  const stuck = actor({
    handle: () =>
      new Promise<void>(resolve => {
        release = resolve;
      }),
  });
  const full = await system.spawn(stuck, { subscribe: ['a'], limits: { mailbox: 3 }, overflow: 'wait' });
  await system.spawn(noting(lines), { subscribe: ['a'] });
  const accepted = [];
  for (let number = 0; number < 10; number += 1) {
    accepted.push(await system.publish('a', bytes(String(number)), { confirm: true }));
  }
  await until(() => lines.length === 10);
  const lost = accepted.filter(count => count === 1).length;
  t.true(lost >= 6 && lost <= 7, String(accepted));
  t.is(full.status().counters.refused, lost);
  t.is(system.deadLetters().filter(letter => letter.reason === 'mailbox-full').length, lost);
  full.kill();
  release();
  await balanced(t, system);
});

test('a subscriber that crashes on every message keeps its subscription and loses those', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const ref = await system.spawn(noting(lines), { subscribe: ['a'], maxRestarts: Infinity, backoff: 'immediate' });
  for (let number = 0; number < 20; number += 1) system.publish('a', bytes(number % 2 === 0 ? 'boom' : `${number}`));
  await until(() => lines.length === 10);
  const { failedInHandler, handled } = await balanced(t, system);
  t.deepEqual([failedInHandler, handled, ref.status().restarts], [10, 10, 10]);
});

test('queue groups pass over members that are full or gone; without one the message is lost once', async t => {
  const system = await systemFor(t, { threads: 2 });
  const lines: string[] = [];
  const member = { subscribe: [{ topic: 'jobs.*', group: 'workers' }] };
  const refs = await Promise.all(['a:', 'b:', 'c:'].map(name => system.spawn(noting(lines, name), member)));
  for (let number = 0; number < 60; number += 1) {
    t.is(await system.publish('jobs.x', bytes(`${number}`), { confirm: true }), 1);
  }
  await until(() => lines.length === 60);
  t.deepEqual([...new Set(lines.map(line => line[0]))].sort(), ['a', 'b', 'c']);
  await refs[0]?.stop();
  await refs[1]?.stop({ drain: true });
  for (let number = 0; number < 10; number += 1) {
    t.is(await system.publish('jobs.x', bytes('left'), { confirm: true }), 1);
  }
  await refs[2]?.stop();
  t.is(await system.publish('jobs.x', bytes('nobody'), { confirm: true }), 0);
  await balanced(t, system);
});

test('children and members of pools are subscribed', async t => {
  const system = await systemFor(t);
  const lines: string[] = [];
  const definition = noting(lines);
  await system.supervise({ name: 'shop', children: { one: child(definition, { subscribe: ['all'] }) } });
  await system.pool(definition, { size: 3, subscribe: ['all', { topic: 'one', group: 'members' }] });
  t.is(await system.publish('all', bytes('x'), { confirm: true }), 4);
  t.is(await system.publish('one', bytes('y'), { confirm: true }), 1);
  await until(() => lines.length === 5);
  await balanced(t, system);
});

test('a spawn with a pattern that breaks the grammar is refused with its path', async t => {
  const system = await systemFor(t);
  const cases: [unknown, string, RegExp][] = [
    [['a..b'], 'ERR_TOPIC_INVALID', /^subscribe\[0\]: /],
    [['a', { topic: 'b.>.c' }], 'ERR_TOPIC_INVALID', /^subscribe\[1\]\.topic: /],
    ['a', 'ERR_CONFIG', /^subscribe: expected an array/],
    [[{ group: 'g' }], 'ERR_CONFIG', /^subscribe\[0\]\.topic: expected a string/],
    [[{ topic: 'a', from: 1 }], 'ERR_CONFIG', /^subscribe\[0\]\.from: unknown option/],
    [['foo*'], 'ERR_TOPIC_INVALID', /^subscribe\[0\]: /],
  ];
  for (const [subscribe, code, message] of cases) {
    const error = await rejection(system.spawn(noting([]), { subscribe: subscribe as never }));
    t.is((error as Error & { code: string }).code, code);
    t.regex(error.message, message);
  }
  t.is(system.actors().length, 0);
});
