import test from 'ava';
import { type ActorRef, type ActorSystem, actor, json, TroupeError, text } from '../src/index.js';
import { bytes, textOf } from './helpers/bytes.js';
import { balanced, guest, rejection, systemFor, until } from './helpers/system.js';

/** An actor that notes what it is told. */
async function notebook(system: ActorSystem): Promise<{ ref: ActorRef; lines: string[] }> {
  const lines: string[] = [];
  const ref = await system.spawn(actor({ handle: message => void lines.push(textOf(message)) }));
  return { ref, lines };
}

test('what TypeScript publishes comes into the mailbox of a guest, with its topic', async t => {
  const system = await systemFor(t);
  const { ref: other, lines } = await notebook(system);
  const component = await system.load(guest('as-every-effect'));
  const spawned = await system.spawn(component, { peers: { other }, subscribe: ['orders.*', { topic: 'news.#' }] });
  system.publish('orders.eu', bytes('one'));
  system.publish('news', bytes('two'));
  system.publish('orders.eu.new', bytes('not this'));
  await until(() => lines.length === 2);
  t.deepEqual(lines, ['orders.eu one', 'news two']);
  t.is(spawned.status().counters.handled, 2);
  const { unheard } = await balanced(t, system);
  t.is(unheard, 1);
});

test('a guest publishes, subscribes and unsubscribes', async t => {
  for (const name of ['as-every-effect', 'ts-every-effect']) {
    const system = await systemFor(t);
    const { ref: other, lines } = await notebook(system);
    const component = await system.load(guest(name));
    const ref = await system.spawn(component, { peers: { other } });
    const here = system.subscribe('orders.#');
    ref.tell(bytes('publish'));
    const { value: first } = await here.next();
    t.deepEqual([first?.topic, textOf(first?.data ?? bytes('')), first?.publisher?.id], ['orders.eu', 'hi', ref.id]);
    await ref.send(bytes('subscribe'));
    await until(() => ref.status().counters.handled === 2);
    t.is(await system.publish('orders.us', bytes('two'), { confirm: true }), 2);
    await until(() => lines.length === 1);
    t.deepEqual(lines, ['orders.us two'], 'a member of a group is not greeted with what was kept');
    await ref.send(bytes('unsubscribe'));
    await until(() => ref.status().counters.handled === 4);
    t.is(await system.publish('orders.us', bytes('three'), { confirm: true }), 1);
    await balanced(t, system);
  }
});

test('a confirmed publish counts the mailboxes that accepted, and an environment once', async t => {
  const system = await systemFor(t, { threads: 2 });
  const sink = actor({ handle: () => {} });
  for (let number = 0; number < 5; number += 1) await system.spawn(sink, { subscribe: ['count.me'] });
  await system.spawn(sink, { subscribe: ['count.me'], limits: { messageBytes: 2 } });
  t.is(await system.publish('count.me', bytes('large'), { confirm: true }), 5);
  const one = system.subscribe('count.*');
  const two = system.subscribe('#');
  t.is(await system.publish('count.me', bytes('xs'), { confirm: true }), 7);
  t.is(await system.publish('nobody.here', bytes('x'), { confirm: true }), 1);
  two.unsubscribe();
  one.unsubscribe();
  t.is(await system.publish('nobody.here', bytes('x'), { confirm: true }), 0);
  const { refused } = await balanced(t, system);
  t.deepEqual(refused.byReason, { 'too-large': 1 });
});

test('a topic that breaks the grammar throws where it is published', async t => {
  const system = await systemFor(t);
  for (const topic of ['', 'a..b', '.a', 'a.', 'a b', 'a.*', '>', '$sys', '_INBOX.a', 'a\0', 'x'.repeat(513)]) {
    const error = t.throws(() => system.publish(topic, bytes('x')), { instanceOf: TroupeError }, topic);
    t.is(error?.code, 'ERR_TOPIC_INVALID');
    t.regex(error?.message ?? '', /^topic: /);
  }
  t.is(
    t.throws(() => system.publish('a', 'text' as never))?.message.split(';')[0],
    "a message on 'a' must be a Uint8Array, received a string",
  );
  t.notThrows(() => system.publish('a.ü', bytes('x')));
});

test('values travel with a codec', async t => {
  const system = await systemFor(t);
  const seen = system.subscribe<{ n: number }>('values', { codec: json<never, { n: number }>() });
  system.publish('values', { n: 1 }, { codec: json() });
  const { value } = await seen.next();
  t.deepEqual(value?.data, { n: 1 });
  const error = t.throws(() => system.publish('values', undefined, { codec: json() }), { instanceOf: TroupeError });
  t.is(error?.code, 'ERR_VALUE');
});

test('a kept message greets those who come later, until it is forgotten', async t => {
  const system = await systemFor(t);
  system.publish('state.a', bytes('old'), { retain: true });
  system.publish('state.a', bytes('new'), { retain: true });
  system.publish('state.b', bytes('b'), { retain: true });
  const all = system.subscribe('state.*');
  const greeted = [await all.next(), await all.next()].map(({ value }) => [
    value?.topic,
    textOf(value?.data ?? bytes('')),
    value?.retained,
  ]);
  t.deepEqual(greeted.sort(), [
    ['state.a', 'new', true],
    ['state.b', 'b', true],
  ]);
  system.publish('state.a', new Uint8Array(0), { retain: true });
  const { value } = await all.next();
  t.deepEqual([value?.data.length, value?.retained], [0, false]);
  t.is(system.subscribe('state.a').queued, 0);
});

test('each message has its own topic and its own publisher, whatever came before it', async t => {
  const system = await systemFor(t, { threads: 2 });
  const topics = ['seen.a', 'seen.b', 'seen.ä', 'seen.longer'];
  const expected: string[] = [];
  const seen: string[] = [];
  system.subscribe('seen.*', ({ topic, data, publisher }) => {
    // Looked at later, when other messages have come.
    setImmediate(() => seen.push(`${topic} ${publisher?.id} ${textOf(data)}`));
  });
  const speaker = actor({
    codec: text(),
    handle: (message, { publish }) => publish(message, message, { codec: text() }),
  });
  const refs = [await system.spawn(speaker), await system.spawn(speaker)];
  for (const topic of [...topics, ...topics, ...[...topics].reverse()]) {
    for (const ref of refs) {
      await ref.send(topic);
      expected.push(`${topic} ${ref.id} ${topic}`);
    }
    system.publish(topic, bytes(topic));
    expected.push(`${topic} undefined ${topic}`);
  }
  await until(() => seen.length === expected.length);
  t.deepEqual(seen.sort(), expected.sort());
  await balanced(t, system);
});

test('messages of one publisher come in order, beside what it sends otherwise', async t => {
  const system = await systemFor(t, { threads: 2 });
  const lines: string[] = [];
  const log = actor({
    codec: text(),
    handle: (message, { topic }) => void lines.push(topic === undefined ? message : `${topic} ${message}`),
  });
  const ref = await system.spawn(log, { subscribe: ['seq.*'], limits: { mailbox: 10_000 } });
  const expected: string[] = [];
  for (let number = 0; number < 1000; number += 1) {
    system.publish('seq.a', bytes(`p${number}`));
    ref.tell(`t${number}`);
    expected.push(`seq.a p${number}`, `t${number}`);
  }
  await until(() => lines.length === expected.length);
  t.deepEqual(lines, expected);
});

test('a message nobody is subscribed to is a dead letter where that is wanted', async t => {
  const system = await systemFor(t, { unheardDeadLetters: true });
  t.is(await system.publish('lost', bytes('abc'), { confirm: true }), 0);
  await balanced(t, system);
  const [letter] = system.deadLetters();
  t.deepEqual([letter?.reason, letter?.target, letter?.size], ['no-subscriber', 'lost', 3]);
  t.is(system.audit().unheard, 1);
});

test('after the end nothing is published', async t => {
  const system = await systemFor(t);
  await system.shutdown();
  t.notThrows(() => system.publish('a', bytes('x')));
  const error = await rejection(system.publish('a', bytes('x'), { confirm: true }));
  t.is((error as TroupeError).code, 'ERR_SHUTDOWN');
  t.is(t.throws(() => system.subscribe('a'), { instanceOf: TroupeError })?.code, 'ERR_SHUTDOWN');
});

test('a topic comes as it was published, whatever its length and its characters', async t => {
  const system = await systemFor(t);
  const { ref, lines } = await notebook(system);
  const got: string[] = [];
  system.subscribe('#', ({ topic, data }) => void got.push(`${topic} ${textOf(data)}`));
  const reader = actor({ handle: (message, { topic }) => ref.tell(bytes(`${topic} ${textOf(message)}`)) });
  await system.spawn(reader, { subscribe: ['#'] });
  const plain = Array.from({ length: 9 }, (_, length) => 'x'.repeat(9 - length));
  const topics = [...plain, 'größe.ü', 'größe.ü', 'a/b.c', `long.${'y'.repeat(500)}`];
  for (const topic of topics) system.publish(topic, bytes('some'));
  // More than one record may carry: it crosses by itself, in order with the others.
  const large = 'z'.repeat(70_000);
  system.publish('large', bytes(large));
  system.publish('last', bytes(''));
  const wanted = [...topics.map(topic => `${topic} some`), `large ${large}`, 'last '];
  await until(() => lines.length === wanted.length && got.length === wanted.length);
  t.deepEqual(lines, wanted);
  t.deepEqual(got, wanted);
  const list = ['a'] as unknown as string;
  const { code } = t.throws(() => system.publish(list, bytes('x')), { instanceOf: TroupeError }) ?? {};
  t.is(code, 'ERR_CONFIG');
});
