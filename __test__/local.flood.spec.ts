import test from 'ava';
import { actor, json } from '../src/index.js';
import { bytes, firstWord, words } from './helpers/bytes.js';
import { balanced, guest, systemFor, until } from './helpers/system.js';

/** Longest run of handled messages that no turn of the event loop interrupts. */
function watchTurns(): { count(): void; longest: number; turns: number; end(): void } {
  let run = 0;
  const watch = {
    longest: 0,
    turns: 0,
    count(): void {
      run += 1;
      watch.longest = Math.max(watch.longest, run);
    },
    end(): void {
      clearImmediate(timer);
    },
  };
  const look = (): void => {
    run = 0;
    watch.turns += 1;
    timer = setImmediate(look);
  };
  let timer = setImmediate(look);
  return watch;
}

test('a flood leaves turns of the event loop to others', async t => {
  const system = await systemFor(t);
  const watch = watchTurns();
  const total = 50_000;
  let handled = 0;
  const sink = await system.spawn(
    actor({
      handle() {
        handled += 1;
        watch.count();
        return words(handled);
      },
    }),
  );
  const flood = await system.load(guest('flood'));
  const source = await system.spawn(flood, { peers: { sink } });
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  source.tell(words(total));
  await until(() => handled === total);
  clearInterval(timer);
  watch.end();
  // Two budgets may touch: one that ends with a turn of the loop, and one that begins with it.
  t.true(watch.longest <= 2 * 1024 + 64, `${watch.longest} messages in one turn of the event loop`);
  t.true(watch.turns >= total / 2112, `${watch.turns} turns`);
  t.true(ticks > 0, 'a timer had its turn');
  t.is(firstWord(await sink.ask(bytes('?'))), total + 1);
  await balanced(t, system);
});

test('slow handlers leave every turn after about a millisecond', async t => {
  const system = await systemFor(t);
  const watch = watchTurns();
  const slow = actor({
    handle() {
      const endMs = performance.now() + 0.5;
      while (performance.now() < endMs);
      watch.count();
    },
  });
  const refs = await Promise.all(Array.from({ length: 8 }, () => system.spawn(slow)));
  for (let count = 0; count < 40; count += 1) for (const ref of refs) ref.tell(bytes('x'));
  await Promise.all(refs.map(ref => ref.ask(bytes('done?'))));
  watch.end();
  t.true(watch.longest <= 8, `${watch.longest} handlers of half a millisecond in one turn of the event loop`);
});

test('handlers that never wait, but are async, are bounded as well', async t => {
  const system = await systemFor(t);
  const watch = watchTurns();
  const ref = await system.spawn(
    actor({
      codec: json<number, number>(),
      async handle(message) {
        watch.count();
        return message;
      },
    }),
    { limits: { mailbox: 0, mailboxBytes: 0 } },
  );
  for (let count = 0; count < 20_000; count += 1) ref.tell(count);
  t.is(await ref.ask(-1), -1);
  watch.end();
  t.true(watch.longest <= 2 * 1024 + 64, `${watch.longest} messages in one turn of the event loop`);
  t.is(ref.status().counters.handled, 20_001);
});
