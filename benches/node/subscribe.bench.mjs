/** `subscribe.*`: what a component publishes, to a callback in JavaScript that reads the bytes. */
import { loadGuest, MESSAGE, requireCount } from './lib/guests.mjs';
import { secondsSince } from './lib/latency.mjs';
import { watchLoop } from './lib/loop.mjs';
import { percentile } from './lib/stats.mjs';

const TOPIC = 'bench.t';
/** What the component publishes for each message it gets. */
const BURST = 1_000;
/** Bursts under way: enough to keep the component busy, far from the bound of the queue. */
const AHEAD = 16;
const now = process.hrtime.bigint;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const system = await bench.createSystem({ threads: 1 });
  const component = await loadGuest(bench, system, 'publish-1000');
  const publisher = await system.spawn(component);
  const bursts = bench.scale(6_000, 50);
  const state = { received: 0, sum: 0, told: 0, wanted: 0, done: undefined };
  const subscription = system.subscribe(TOPIC, ({ data }) => {
    state.received += 1;
    state.sum += data[0] + data[63];
    if (state.received % BURST !== 0) return;
    if (state.told < state.wanted) tell();
    if (state.received === state.wanted * BURST) state.done();
  });
  const tell = () => {
    state.told += 1;
    publisher.tell(MESSAGE.payload);
  };
  const repeats = await bench.repeat(async () => {
    state.wanted += bursts;
    const blocks = watchLoop();
    const start = now();
    const finished = new Promise(resolve => {
      state.done = resolve;
    });
    for (let count = 0; count < AHEAD; count += 1) tell();
    await finished;
    return { rate: (bursts * BURST) / secondsSince(start), block: percentile(blocks.end(), 0.99) };
  });
  requireCount('subscribe.js: dropped', subscription.dropped, 0);
  requireCount('subscribe.js', state.received, publisher.status().counters.handled * BURST);
  await subscription.unsubscribe();
  bench.report(
    'subscribe.js',
    'per_s',
    repeats.map(({ rate }) => rate),
    `64 bytes published by a component, a callback in JavaScript reads two of them, ${bursts * BURST} a repeat, 1 thread, through the bridge`,
  );
  bench.report(
    'subscribe.js.block.p99',
    'ms',
    repeats.map(({ block }) => block),
    'time between two turns of the event loop meanwhile, p99',
  );
  await system.shutdown();
}
