/**
 * `inline.stall.max`: the longest time the event loop stands still when an actor that has been
 * running inline, on the JavaScript thread, stops answering quickly.
 */
import { MESSAGE, spawnMany } from './lib/guests.mjs';
import { watchLoop } from './lib/loop.mjs';

const WARM_ASKS = 200;

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const runs = bench.scale(200, 10);
  const system = await bench.createSystem({ threads: 1 });
  const stalls = await bench.repeat(async () => {
    let longest = 0;
    for (let index = 0; index < runs; index += 1) longest = Math.max(longest, await stallOf(bench, system));
    return longest;
  });
  bench.report(
    'inline.stall.max',
    'ms',
    stalls,
    `longest gap between two turns of the event loop when a component that ran inline loops until its limit of 50 ms; ${runs} runs a repeat`,
  );
  await system.shutdown();
}

/** A fresh actor each time: one that was slow is not run inline again soon. */
async function stallOf(bench, system) {
  const [faulty] = await spawnMany(bench, system, 'spin', 1, { restart: 'temporary', limits: { handlerTime: '50ms' } });
  for (let index = 0; index < WARM_ASKS; index += 1) await faulty.ask(MESSAGE.payload);
  const watch = watchLoop();
  await new Promise(resolve => setImmediate(resolve));
  await faulty.ask(MESSAGE.bad).then(
    () => {
      throw new Error('inline.stall.max: the guest answered where it should have been stopped');
    },
    () => {},
  );
  return watch.end().at(-1);
}
