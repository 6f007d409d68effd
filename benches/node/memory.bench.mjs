/** `memory.*`: bytes per actor, live (an instance that has handled a message) and only registered. */
import { probe } from './lib/probe.mjs';

/** @param {import('./lib/context.mjs').BenchContext} bench */
export async function run(bench) {
  const live = bench.scale(100_000, 2_000);
  bench.report(
    'memory.live',
    'bytes',
    await perActor(bench, live, true),
    `resident memory per actor without V8's heap, component with one 64 KiB page after its first ask, ${live} actors, fresh process a repeat`,
  );
  const registered = bench.scale(1_000_000, 10_000);
  bench.report(
    'memory.registered',
    'bytes',
    await perActor(bench, registered, false),
    `resident memory per actor without V8's heap, start on first message, nothing executed, ${registered} actors, fresh process a repeat`,
  );
}

async function perActor(bench, count, live) {
  const options = { root: bench.root, repeats: 1, quick: bench.quick };
  const values = [];
  for (let repeat = 0; repeat < bench.repeats; repeat += 1)
    values.push(await probe('memory', { options, count, live }));
  return values;
}
