/**
 * `jsactor.*`: actors in JavaScript. A request goes from the JavaScript thread through the kernel
 * and back to it twice: once to the handler, once with the reply. No goal names these rows.
 */
import { batchRate } from './lib/batch.mjs';
import { MESSAGE, requireCount, spawnMany } from './lib/guests.mjs';
import { micros, sample } from './lib/latency.mjs';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const { actor } = bench.troupe;
  await asks(bench, actor);
  await tells(bench, 'jsactor.tell', actor({ handle() {} }), 'a handler that returns at once');
  await tells(bench, 'jsactor.tell.async', actor({ async handle() {} }), 'an async handler that does not wait');
  await fromComponent(bench, actor);
}

async function asks(bench, actor) {
  const system = await bench.createSystem({ threads: 1 });
  const echo = await system.spawn(actor({ handle: message => message }));
  const samples = bench.scale(5_000, 200);
  const repeats = await bench.repeat(() => sample(samples, () => echo.ask(MESSAGE.payload)));
  requireCount('jsactor.ask', echo.status().counters.handled, samples * (repeats.length + 1));
  for (const [name, share] of [
    ['jsactor.ask.p50', 0.5],
    ['jsactor.ask.p99', 0.99],
  ]) {
    bench.report(
      name,
      'us',
      repeats.map(sorted => micros(sorted, share)),
      `await ref.ask(64 bytes) one after the other, an actor in JavaScript, ${samples} samples a repeat`,
    );
  }
  await system.shutdown();
}

async function tells(bench, name, definition, what) {
  const system = await bench.createSystem({ threads: 1 });
  const ref = await system.spawn(definition, { limits: { mailbox: 0, mailboxBytes: 0 } });
  const batch = bench.scale(200_000, 5_000);
  let told = 0;
  const round = async () => {
    for (let count = 0; count < batch; count += 1) {
      ref.tell(MESSAGE.payload);
      if (count % 1000 === 999) await null;
    }
    await ref.ask(MESSAGE.payload, { timeout: Infinity });
    told += batch + 1;
  };
  const rates = await bench.repeat(() => batchRate(name, batch, round, { seconds: bench.scale(2, 0.2) }));
  requireCount(name, ref.status().counters.handled, told);
  bench.report(name, 'per_s', rates, `tells of 64 bytes to an actor in JavaScript, ${what}, until handled, benny`);
  await system.shutdown();
}

async function fromComponent(bench, actor) {
  const name = 'jsactor.sink';
  const system = await bench.createSystem({ threads: 1 });
  let handled = 0;
  const sink = await system.spawn(
    actor({
      handle() {
        handled += 1;
      },
    }),
  );
  const [source] = await spawnMany(bench, system, 'burst-1000', 1, { peers: { sink } });
  const bursts = bench.scale(100, 5);
  let sent = 0;
  const round = async () => {
    for (let burst = 0; burst < bursts; burst += 1) await source.ask(MESSAGE.payload, { timeout: Infinity });
    sent += bursts * 1000;
    while (handled < sent) await new Promise(resolve => setImmediate(resolve));
  };
  const rates = await bench.repeat(() => batchRate(name, bursts * 1000, round, { seconds: bench.scale(2, 0.2) }));
  requireCount(name, handled, sent);
  bench.report(name, 'per_s', rates, 'messages of 4 bytes from a component to an actor in JavaScript, benny');
  await system.shutdown();
}
