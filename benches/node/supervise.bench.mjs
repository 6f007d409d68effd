/** `supervise.*`: a pool of 100,000 children, each a real instance: microseconds a child to come up, and to go down. */
import { probe } from './lib/probe.mjs';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const count = bench.scale(100_000, 1_000);
  const options = { root: bench.root, repeats: 1, quick: bench.quick };
  const up = [];
  const down = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
    const { start, stop } = await probe('supervise', { options, count });
    up.push(start);
    down.push(stop);
  }
  const what = `a pool of ${count} children of a component with one 64 KiB page, 2 threads, fresh process a repeat`;
  bench.report('supervise.start.100000', 'us', up, `${what}: system.pool() until all are up, a child`);
  bench.report('supervise.stop.100000', 'us', down, `${what}: pool.stop() until all have ended, a child`);
}
