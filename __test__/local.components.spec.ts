import test from 'ava';
import { actor } from '../src/index.js';
import { bytes, firstWord, textOf, words } from './helpers/bytes.js';
import { balanced, guest, rejection, systemFor, until } from './helpers/system.js';

test('a component tells an actor in JavaScript', async t => {
  const system = await systemFor(t);
  const heard: string[] = [];
  const listening = actor({
    handle(message, context) {
      heard.push(`${textOf(message)} from ${context.sender?.path}`);
    },
  });
  const next = await system.spawn(listening);
  const forward = await system.spawn(await system.load(guest('forward')), { name: 'forward', peers: { next } });
  for (const message of ['a', 'b', 'c']) forward.tell(bytes(message));
  await until(() => heard.length === 3);
  t.deepEqual(
    heard,
    ['a', 'b', 'c'].map(each => `${each} from /user/forward`),
  );
  await balanced(t, system);
});

test('a component asks an actor in JavaScript, over and over, and hears of its crash', async t => {
  for (const threads of [1, 2]) {
    const system = await systemFor(t, { threads });
    const asked: number[] = [];
    const answering = actor({
      async handle(message) {
        asked.push(message.length);
        if (asked.length % 2 === 0) await new Promise(resolve => setImmediate(resolve));
        if (asked.length === 15) throw new Error('fifteen');
        return Uint8Array.of(1);
      },
    });
    const peer = await system.spawn(answering);
    const asking = await system.spawn(await system.load(guest('inner-ask')), { peers: { peer } });
    t.is(firstWord(await asking.ask(words(10))), 10);
    t.deepEqual(
      asked,
      Array.from({ length: 10 }, () => 64),
    );
    const error = await rejection(asking.ask(words(10)));
    t.regex(error.message, /error|fifteen/);
    t.is(peer.status().restarts, 1);
    await balanced(t, system);
  }
});

test('an actor in JavaScript tells and asks a component, which sees who it is', async t => {
  const system = await systemFor(t);
  let rounds = 0;
  const ping = await system.spawn(await system.load(guest('ping-pong')), { name: 'ping' });
  const pong = actor({
    handle(message, context) {
      const hops = firstWord(message);
      rounds += 1;
      // The component sends it back with one hop less.
      if (hops > 0) context.tell(ping, words(hops - 1));
    },
  });
  const ref = await system.spawn(pong);
  ref.tell(words(40));
  await until(() => rounds === 21);
  t.is(firstWord(await ping.ask(bytes('count'))), 20);
  const asking = actor({ handle: (_, context) => context.ask(ping, bytes('count')) });
  t.is(firstWord(await (await system.spawn(asking)).ask(bytes('x'))), 20);
  await balanced(t, system);
});

test('a full actor in JavaScript slows a component down, and nothing is lost', async t => {
  const system = await systemFor(t);
  const seen: number[] = [];
  const slow = actor({
    async handle(message) {
      if (seen.length % 50 === 0) await new Promise(resolve => setImmediate(resolve));
      seen.push(firstWord(message));
    },
  });
  const sink = await system.spawn(slow, { limits: { mailbox: 10 } });
  const burst = await system.spawn(await system.load(guest('burst-1000')), { peers: { sink } });
  await burst.ask(bytes('go'));
  await until(() => seen.length === 1000);
  t.deepEqual(
    seen,
    Array.from({ length: 1000 }, (_, index) => index),
  );
  await balanced(t, system);
});
