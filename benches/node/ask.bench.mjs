/**
 * `ask.*`: requests. `idle` is one at a time from JavaScript to an actor that has nothing else to
 * do, `inflight1024` many at once over 64 actors, `inner` one component asking another without
 * JavaScript.
 */
import { batchRate } from './lib/batch.mjs';
import { MESSAGE, numbered, numberIn, requireCount, spawnMany } from './lib/guests.mjs';
import { micros, sample } from './lib/latency.mjs';
import { percentile } from './lib/stats.mjs';

const ACTORS = 64;
const LANES = 1024;
const INNER_SLICE = 200;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  await idle(bench);
  await inFlight(bench);
  await inner(bench);
}

async function idle(bench) {
  const system = await bench.createSystem({ threads: 1 });
  const samples = bench.scale(20_000, 500);
  const [echo] = await spawnMany(bench, system, 'echo', 1);
  const reply = await echo.ask(MESSAGE.payload);
  requireCount('ask.idle: bytes in the reply', reply.length, MESSAGE.payload.length);
  const repeats = await bench.repeat(() => sample(samples, () => echo.ask(MESSAGE.payload)));
  requireCount('ask.idle', echo.status().counters.handled, 1 + samples * (repeats.length + 1));
  const what = `await ref.ask(64 bytes) one after the other, component echo, through the bridge, ${samples} samples a repeat, timer included`;
  bench.report(
    'ask.idle.p50',
    'us',
    repeats.map(sorted => micros(sorted, 0.5)),
    what,
  );
  bench.report(
    'ask.idle.p99',
    'us',
    repeats.map(sorted => micros(sorted, 0.99)),
    what,
  );
  await system.shutdown();
}

async function inFlight(bench) {
  const system = await bench.createSystem({ threads: 1 });
  const counters = await spawnMany(bench, system, 'counter', ACTORS);
  const batch = bench.scale(204_800, 10_240);
  let asked = 0;
  const round = async () => {
    let next = 0;
    const lane = async () => {
      while (next < batch) {
        const actor = counters[next % ACTORS];
        next += 1;
        await actor.ask(MESSAGE.payload);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    asked += batch;
  };
  const rates = await bench.repeat(() => batchRate('ask.inflight1024', batch, round, { seconds: bench.scale(2, 0.2) }));
  const counts = await Promise.all(counters.map(async actor => numberIn(await actor.ask(MESSAGE.payload))));
  requireCount(
    'ask.inflight1024',
    counts.reduce((sum, count) => sum + count, 0),
    asked,
  );
  bench.report(
    'ask.inflight1024',
    'per_s',
    rates,
    '1,024 asks of 64 bytes unanswered at any time over 64 components that count, 1 thread, through the bridge, benny',
  );
  await system.shutdown();
}

/** A component cannot read a clock, so one sample is a slice of asks made one after the other. */
async function inner(bench) {
  const samples = bench.scale(10_000, 20);
  const system = await bench.createSystem({ threads: 1 });
  const [peer] = await spawnMany(bench, system, 'echo', 1);
  const [asker] = await spawnMany(bench, system, 'inner-ask', 1, { peers: { peer } });
  const order = numbered(INNER_SLICE);
  const repeats = await bench.repeat(() =>
    sample(samples, async () => {
      const asked = numberIn(await asker.ask(order));
      if (asked !== INNER_SLICE) throw new Error(`ask.inner: the guest made ${asked} asks, expected ${INNER_SLICE}`);
    }),
  );
  requireCount('ask.inner', peer.status().counters.handled, INNER_SLICE * samples * (repeats.length + 1));
  bench.report(
    'ask.inner.p50',
    'us',
    repeats.map(sorted => percentile(sorted, 0.5) / 1e3 / INNER_SLICE),
    `a component asks another (64 bytes) and is answered, 1 thread, no JavaScript between; ${samples} slices of ${INNER_SLICE} asks a repeat, the p50 slice divided by ${INNER_SLICE}`,
  );
  await system.shutdown();
}
